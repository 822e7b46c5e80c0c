"""Looking for mistakes in wheels, in releases and in the metadata of an index, before users do."""

import csv
import io
import re
import shlex
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from typing import TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, canonicalize_version

from pip_variants import wheel_metadata
from pip_variants.detection.client import Detection
from pip_variants.errors import InconsistentVariantMetadata, InvalidWheel, PipVariantsError
from pip_variants.model.abi import is_abi_namespace, newest_first
from pip_variants.model.filename import WheelFilename, index_metadata_filename
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    MAX_BYTES,
    BuiltinProvider,
    PluginProvider,
    Variant,
    VariantMetadata,
    combine_all,
)
from pip_variants.model.names import NULL_LABEL
from pip_variants.publish.archive import counted, digest, dist_info, encoded, opened
from pip_variants.publish.index import pages, release_of
from pip_variants.publish.project import PLAIN, unknown_properties
from pip_variants.publish.sources import Source
from pip_variants.publish.wheel import VARIANT_JSON

_PLATFORM = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_(.+)")
_OLD_NAMES = {  # Platform compatibility tags, manylinux
    "manylinux1_": "manylinux_2_5_",
    "manylinux2010_": "manylinux_2_12_",
    "manylinux2014_": "manylinux_2_17_",
}


@dataclass
class Release:
    """The files of one release; its version is spelled as its first wheel has it.

    `wheels` are those whose names can be read, with their metadata where that is there and can be
    read; `metadata` is what they say together. Those `asserting` call C's `assert`.
    """

    name: str
    version: str
    wheels: dict[WheelFilename, VariantMetadata | None] = field(default_factory=dict)
    asserting: set[WheelFilename] = field(default_factory=set)
    has_source: bool = False
    index_files: list[str] = field(default_factory=list)
    metadata: VariantMetadata = field(default_factory=lambda: VariantMetadata((), {}))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def labels(self) -> set[str]:
        """Those of its wheels."""
        return {name.label for name in self.wheels if name.label}

    @property
    def index_file(self) -> str:
        """The name that its metadata should have on an index."""
        return index_metadata_filename(self.name, self.version)


Faults: TypeAlias = defaultdict[str, list[str]]
"""What is wrong, by file or release; a command that fixes it may follow in a line of its own."""


def verify(source: Source, detection: Detection) -> tuple[list[Release], Faults, list[str]]:
    """What releases there are in `source`, what is wrong, and what else is worth knowing."""
    faults: Faults = defaultdict(list)
    remarks: list[str] = []
    releases = _releases(source, faults)
    wheels = {name: release for release in releases for name in release.wheels}
    for name in counted([*wheels]):
        faults[str(name)] += _wheel(source, name, wheels[name])
    if not source.is_local and not any(name.label for name in wheels):
        faults["the page"].append("it lists no variant wheel: the server took none, or shows none")
    for release in releases:
        own = faults[str(release)]
        own += _fallback(release, source)
        own += _combine(release)
        own += _variants(release)
        wrong, unasked = unknown_properties(release.metadata, detection)
        own += wrong
        remarks += [f"{release}: {one}" for one in (*_remarks(release), *unasked)]
        for file in release.index_files:
            faults[file] += _of_index(source, file, release)
        if release.labels and not release.index_files and source.is_local and source.is_complete:
            faults[release.index_file].append(f"it is missing\n{_index(source)}")
    if source.is_local and (source.folder / "simple" / "index.html").is_file():
        with suppress(InvalidWheel):  # then it is said above what is wrong with a file
            for page, content in pages(source.folder).items():
                if not page.is_file() or page.read_bytes() != content:
                    what = f"it does not say what is in the folder\n{_index(source)}"
                    faults[str(page.relative_to(source.folder))].append(what)
    return releases, faults, remarks


def _releases(source: Source, faults: Faults) -> list[Release]:
    releases: dict[tuple[str, str], Release] = {}
    for file in sorted(source.names, key=lambda name: not name.endswith(".whl")):
        try:
            parts = release_of(file)
        except PipVariantsError as error:
            faults[file].append(str(error))
            continue
        if parts:
            key = _key(*parts)
            release = releases.setdefault(key, Release(key[0], parts[1]))
            if file.endswith(".whl"):
                release.wheels[WheelFilename.parse(file)] = None
            elif file.endswith(".json"):
                release.index_files.append(file)
            else:
                release.has_source = True
    return list(releases.values())


def _combine(release: Release) -> Iterator[str]:
    found = {str(name): metadata for name, metadata in release.wheels.items() if metadata}
    try:
        release.metadata = combine_all(found) if found else release.metadata
    except PipVariantsError as error:
        yield str(error)


def covers(tags: tuple[str, str, str], others: tuple[str, str, str]) -> bool:
    """Whether a wheel with these tags will do wherever one with the others does."""
    python, abi, platforms = (set(part.split(".")) for part in tags)
    other_python, other_abi, other_platforms = (set(part.split(".")) for part in others)
    return (
        bool(abi & {"none", "abi3", *other_abi})
        and ("abi3" in abi or bool(python & {"py3", *other_python}))
        and all(any(_runs(one, other) for one in platforms) for other in other_platforms)
    )


def _runs(one: str, other: str) -> bool:
    """Whether what is for one platform runs on another; newer ones run what is for older ones."""
    for old, new in _OLD_NAMES.items():
        one, other = one.replace(old, new), other.replace(old, new)
    if one in ("any", other):
        return True
    own, others = _PLATFORM.fullmatch(one), _PLATFORM.fullmatch(other)
    if not own or not others:
        return False
    kind, major, minor, machine = own.groups()
    is_older = (int(major), int(minor)) <= (int(others[2]), int(others[3]))
    return kind == others[1] and is_older and machine in ("universal2", others[4])


def _wheel(source: Source, name: WheelFilename, release: Release) -> Iterator[str]:
    """What is wrong with a wheel; its metadata goes to `release`."""
    try:
        with source.open(str(name)) as file, opened(file, "it") as archive:
            info = dist_info(archive, "it")
            yield from _of_archive(archive, info, name)
            if name.label is not None:
                text = wheel_metadata.read(file, "it")  # as pip does
                metadata = VariantMetadata.parse_wheel(text, f"{info}/{VARIANT_JSON}", name.label)
                release.wheels[name] = metadata
                yield from _metadata(metadata)
            yield from _record(archive, info, thorough=source.is_local)
            if source.is_local and _asserts(archive):
                release.asserting.add(name)
    except (PipVariantsError, OSError) as error:
        yield str(error)


def _of_archive(archive: zipfile.ZipFile, info: str, name: WheelFilename) -> Iterator[str]:
    """What the wheel says of itself against its name (Binary distribution format)."""
    files = archive.namelist()
    own = f"{name.distribution}-{name.version}"
    for top in sorted({file.partition("/")[0] for file in files}):
        stem, _, suffix = top.rpartition(".")
        # Without a stem it is a package that is called data.
        if stem not in ("", own) and suffix in ("dist-info", "data"):
            yield f"its folder {top} must be called {own}.{suffix}"
    if name.label is None and f"{info}/{VARIANT_JSON}" in files:
        yield f"it has {VARIANT_JSON}, and its name has no label"
    for file in ("METADATA", "RECORD", "WHEEL"):
        if f"{info}/{file}" not in files:
            yield f"{info}/{file} is missing"
    if f"{info}/METADATA" in files:
        with archive.open(f"{info}/METADATA") as opened_file:
            text = opened_file.read(MAX_BYTES).decode("utf-8", "replace")
        yield from _core_metadata(HeaderParser().parsestr(text), name)


def _core_metadata(metadata: Message, name: WheelFilename) -> Iterator[str]:
    said = str(metadata["Name"]), str(metadata["Version"])
    named = name.distribution, name.version
    if _key(*said) != _key(*named):
        yield f"METADATA says that it is {' '.join(said)}, not {' '.join(named)}"
    for text in map(str, metadata.get_all("Requires-Dist", [])):
        try:
            rest = resolve_requirement(text, MarkerContext())
            # What is left out on most machines must be right, too.
            Requirement(text.rpartition(";")[0] if rest is None else rest)
        except (PipVariantsError, InvalidRequirement):
            yield f"its dependency {text!r} cannot be read"
        else:
            if rest != text and name.label is None:
                yield f"it is no variant, so installers may fail at its dependency {text!r}"


def _record(archive: zipfile.ZipFile, info: str, *, thorough: bool) -> Iterator[str]:
    """RECORD against the files (Recording installed projects, RECORD)."""
    own = f"{info}/RECORD"
    if own not in archive.NameToInfo:
        return
    text = archive.read(own).decode("utf-8", "replace")
    rows = {row[0]: "".join(row[1:2]) for row in csv.reader(io.StringIO(text)) if row}
    files = {entry.filename for entry in archive.infolist() if not entry.is_dir()}
    outside = {own, f"{own}.jws", f"{own}.p7s"}
    for name in sorted(files - rows.keys() - outside):
        yield f"{name} is not in RECORD"
    for name in sorted(rows.keys() - files):
        yield f"{name} is in RECORD and not in the wheel"
    for name in sorted(rows.keys() & files - outside) if thorough else ():
        algorithm, _, said = rows[name].partition("=")
        with archive.open(name) as file:
            is_safe = algorithm in ("sha256", "sha384", "sha512")
            if not is_safe or encoded(digest(file, algorithm, name)) != said:
                yield f"{name} is not what RECORD says, by sha256 or better"


def _metadata(metadata: VariantMetadata) -> Iterator[str]:
    """The rules of PEP 825 and PEP 850 that reading alone does not enforce."""
    try:
        metadata.to_json()
    except PipVariantsError as error:
        yield str(error)
    for namespace, provider in metadata.providers.items():
        for text in provider.requires if isinstance(provider, PluginProvider) else ():
            try:
                Requirement(text)
            except InvalidRequirement:
                yield f"the provider of {namespace} requires {text!r}, which cannot be read"
        if isinstance(provider, BuiltinProvider) and provider.name != ABI_DEPENDENCY:
            yield f"the provider of {namespace} is called {provider.name}, which no installer has"
    yield from _properties(metadata)
    yield from _unsorted(metadata)


def _properties(metadata: VariantMetadata) -> Iterator[str]:
    (variant,) = metadata.variants.values()
    if not variant.features and variant.label != NULL_LABEL:
        yield f"{variant.label} has no properties: the label of such a variant is {NULL_LABEL}"
    for feature, values in variant.features:
        if is_abi_namespace(feature.namespace, metadata):
            for value in sorted(set(values) - set(newest_first(values))):
                yield f"{feature} :: {value} is no release: up to three numbers, as in 2.9"
    for namespace in variant.namespaces:
        if namespace != ABI_DEPENDENCY and namespace not in metadata.providers:
            option = f"--variant-enable {namespace}"
            yield f"no provider is named for {namespace}: pip takes this variant only with {option}"


def _unsorted(metadata: VariantMetadata) -> Iterator[str]:
    """Sets of values, which are lists that are sorted (PEP 825, Variants)."""
    drafts = metadata.version < (0, 1, 0)  # which did not say so
    for label, variant in () if drafts else metadata.document["variants"].items():
        for name, _ in metadata.variants[label].features:
            values = variant[name.namespace][name.name]
            if values != sorted(values):
                yield f"the values of {name} in {label} must be sorted, not {', '.join(values)}"


def _fallback(release: Release, source: Source) -> Iterator[str]:
    """Platforms that have variants and nothing for the machines that no variant fits."""
    for tags in sorted({name.tags for name in release.wheels if name.label is not None}):
        fitting = {name.label: name for name in release.wheels if covers(name.tags, tags)}
        if release.has_source or None in fitting:
            continue
        where = "-".join(tags)
        if null := fitting.get(NULL_LABEL):
            yield (
                f"for {where} there is no wheel without variant: installers that know no variants "
                f"get nothing\npip-variants make --label {PLAIN} "
                f"{shlex.quote(str(source.folder / str(null)))}"
            )
        else:
            yield (
                f"for {where} there is neither a wheel without variant nor the null variant: "
                "machines that no variant fits get nothing"
            )


def _variants(release: Release) -> Iterator[str]:
    """Variants that nobody gets: another one fits wherever they do and is never behind them."""
    variants = sorted(release.metadata.variants.values())
    tags = {
        variant.label: {name.tags for name in release.wheels if name.label == variant.label}
        for variant in variants
    }

    def always_there(one: Variant, other: Variant) -> bool:
        return all(any(covers(a, b) for a in tags[one.label]) for b in tags[other.label])

    for one in variants:
        for other in variants:
            if _always_better(other, one) and always_there(other, one):
                yield f"{one.label} is never chosen: {other.label} fits wherever it does"
                break


def _always_better(one: Variant, other: Variant) -> bool:
    """Whether `one` fits wherever `other` does and is never behind it (PEP 825, Ordering)."""
    features, others = dict(one.features), dict(other.features)
    return (
        features.keys() == others.keys()
        and all(set(others[name]) <= set(values) for name, values in features.items())
        and one.label < other.label  # which decides where both have the same best value
    )


def _remarks(release: Release) -> Iterator[str]:
    """What is worth knowing, and need not be fixed."""
    for variant in release.metadata.variants.values():
        features = {str(feature): values for feature, values in variant.features}
        bounds = features.get("nvidia :: cuda_version_lower_bound", ())
        if "nvidia :: sm_arch" not in features and any(one.startswith("13") for one in bounds):
            yield (
                f"{variant.label} needs CUDA {bounds[0]}, and no nvidia :: sm_arch: it is taken "
                "for Pascal and Volta GPUs, too, for which CUDA 13 makes no code"
            )
    if any(re.search(r"(^|\.)linux_", name.platform) for name in release.wheels):
        yield (
            "wheels for linux_... cannot be uploaded to PyPI and may not run on other machines: "
            "build them with --repair, or repair what make --label none makes, and make it again"
        )
    others = {name.tags for name in release.wheels.keys() - release.asserting if not name.label}
    for name in sorted(str(name) for name in release.asserting if name.tags in others):
        yield f"{name} checks assertions, and the wheel without variant does not: is it optimised?"


def _asserts(archive: zipfile.ZipFile) -> bool:
    """Whether compiled code in the wheel calls C's `assert`, by its names of symbols (ELF)."""
    return any(
        re.search(r"\.so\b", one.filename)
        and one.file_size < 2**26  # it is read at once
        and b"\0__assert_fail\0" in archive.read(one)
        for one in archive.infolist()
    )


def _of_index(source: Source, file: str, release: Release) -> Iterator[str]:
    """The metadata of the index against that of the wheels (PEP 825, Index-level metadata)."""
    if not release.labels:
        yield "no variant wheel here belongs to it"
        return
    expected = release.index_file
    if file != expected and expected in release.index_files:
        command = f"rm {shlex.quote(str(source.folder / file))}"
        yield f"{expected} is there too: with both, pip takes none\n{command}"
    elif not file.endswith(f"-{release.version}-variants.json"):
        yield f"it must be called {expected}, as its wheels are"
    try:
        with source.open(file) as opened_file:
            content = opened_file.read(MAX_BYTES + 1)
        metadata = VariantMetadata.parse(content, "it")
        if metadata.unwritable:
            metadata.to_json()
        yield from _unsorted(metadata)
        for label in sorted(release.metadata.variants.keys() - metadata.variants.keys()):
            yield f"{label} is missing, of which there is a wheel\n{_index(source)}"
        for label in sorted(metadata.variants.keys() - release.labels):
            yield f"{label} is listed, and there is no wheel of it"
        metadata.combine(release.metadata)
    except InconsistentVariantMetadata as error:
        yield f"it contradicts its wheels: {error}"
    except (PipVariantsError, OSError) as error:
        yield str(error).removeprefix("it: ")


def _index(source: Source) -> str:
    return f"pip-variants index {shlex.quote(str(source.folder))}"


def _key(distribution: str, version: str) -> tuple[str, str]:
    return canonicalize_name(distribution), canonicalize_version(version.replace("_", "-"))
