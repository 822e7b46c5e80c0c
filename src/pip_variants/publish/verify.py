"""Looking for mistakes in wheels, in releases and in the metadata of an index, before users do."""

import base64
import csv
import hashlib
import io
import itertools
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from itertools import product
from typing import IO, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, canonicalize_version

from pip_variants.detection.client import Detection
from pip_variants.errors import (
    DetectionError,
    InvalidVariantMetadata,
    InvalidVariantProperty,
    InvalidWheel,
    InvalidWheelFilename,
)
from pip_variants.model.abi import is_abi_namespace, newest_first
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
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
from pip_variants.publish.archive import dist_info, opened
from pip_variants.publish.project import check_static
from pip_variants.publish.sources import Source
from pip_variants.publish.wheel import VARIANT_JSON, metadata_in

_SDIST = re.compile(r"(.+)-([^-]+)\.(?:tar\.gz|zip)")
_HASHES = ("sha256", "sha384", "sha512")
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")

_PLATFORM = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_(.+)")
_OLD_NAMES = {  # Platform compatibility tags, manylinux
    "manylinux1_": "manylinux_2_5_",
    "manylinux2010_": "manylinux_2_12_",
    "manylinux2014_": "manylinux_2_17_",
}


class Fault(NamedTuple):
    """What is wrong, and with which file or release."""

    where: str
    what: str


@dataclass(frozen=True)
class Release:
    """The files of one release. `wheels` has all readable ones, and None for one without label."""

    name: str
    version: str
    wheels: Mapping[WheelFilename, VariantMetadata | None]
    has_source: bool
    metadata: VariantMetadata | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Report:
    """Mistakes; remarks about what could not be looked at; and what there is."""

    faults: tuple[Fault, ...]
    remarks: tuple[Fault, ...]
    releases: tuple[Release, ...]


def verify(source: Source, detection: Detection) -> Report:
    """Look at all wheels, releases and metadata files of `source`."""
    faults: list[Fault] = []
    remarks: list[Fault] = []
    names = source.names()
    releases: dict[tuple[str, str], dict[WheelFilename, VariantMetadata | None]] = {}
    for name in names:
        if name.endswith(".whl"):
            wheel, metadata, what = _wheel(source, name)
            faults += [Fault(name, one) for one in what]
            if wheel:
                releases.setdefault(_key(wheel.distribution, wheel.version), {})[wheel] = metadata
    sources = {_key(*match.groups()) for name in names if (match := _SDIST.fullmatch(name))}
    published: dict[tuple[str, str], list[str]] = {}
    for name in names:
        if parts := split_index_metadata_filename(name):
            published.setdefault(_key(*parts), []).append(name)
    checked = []
    for key, wheels in releases.items():
        release = Release(key[0], next(iter(wheels)).version, wheels, key in sources)
        files = published.pop(key, [])
        faults += [Fault(str(release), one) for one in _fallback(release)]
        try:
            release = replace(release, metadata=_combined(wheels))
        except InvalidVariantMetadata as error:
            faults.append(Fault(str(release), str(error)))
        checked.append(release)
        if release.metadata:
            unknown, unchecked = _unknown(release.metadata, detection)
            remarks += [Fault(str(release), one) for one in unchecked]
            faults += [Fault(str(release), one) for one in _variants(release, release.metadata)]
            faults += [Fault(str(release), one) for one in unknown]
            faults += _published(source, release, release.metadata, files)
    faults += [
        Fault(file, "no variant wheel here belongs to it")
        for file in sorted(itertools.chain.from_iterable(published.values()))
    ]
    return Report(tuple(faults), tuple(remarks), tuple(checked))


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
    return bool(
        own
        and others
        and own[1] == others[1]
        and (int(own[2]), int(own[3])) <= (int(others[2]), int(others[3]))
        and own[4] in ("universal2", others[4])
    )


def _wheel(
    source: Source, filename: str
) -> tuple[WheelFilename | None, VariantMetadata | None, list[str]]:
    """A wheel's name and metadata as far as they can be read, and what is wrong with it."""
    try:
        name = WheelFilename.parse(filename)
    except InvalidWheelFilename as error:
        return None, None, [str(error)]
    faults: list[str] = []
    metadata = None
    try:
        with source.open(filename) as file, opened(file, filename) as archive:
            info = dist_info(archive, filename)
            faults += _of_archive(archive, info, name)
            if name.label is not None:
                metadata = metadata_in(archive, filename)
                faults += _metadata(metadata)
            faults += _record(archive, info, thorough=source.is_local)
    except (InvalidWheel, InvalidVariantMetadata, OSError) as error:
        faults.append(_short(error, filename))
    return name, metadata, faults


def _short(error: Exception, filename: str) -> str:
    """What an error says, to be read below the name of the file."""
    text = str(error).replace(f" of {filename}", "").removeprefix(f"{filename}: ")
    return re.sub(rf"^{re.escape(filename)} ", "it ", text)


def _of_archive(archive: zipfile.ZipFile, info: str, name: WheelFilename) -> Iterator[str]:
    """What the wheel says of itself against its name (Binary distribution format)."""
    files = archive.namelist()
    yield from _paths(files, f"{name.distribution}-{name.version}")
    if name.label is None and f"{info}/{VARIANT_JSON}" in files:
        yield f"it has {VARIANT_JSON}, and its name has no label"
    for file in ("METADATA", "RECORD", "WHEEL"):
        if f"{info}/{file}" not in files:
            yield f"{info}/{file} is missing"
        elif file == "METADATA":
            yield from _core_metadata(_headers(archive, f"{info}/{file}"), name)
        elif file == "WHEEL":
            yield from _of_format(_headers(archive, f"{info}/{file}"), name)


def _paths(files: list[str], own: str) -> Iterator[str]:
    for top in sorted({file.partition("/")[0] for file in files}):
        for suffix in (".dist-info", ".data"):
            if top.endswith(suffix) and top != own + suffix:
                yield f"its folder {top} must be called {own}{suffix}"
    for file, count in Counter(files).items():
        if count > 1:
            yield f"{file} is in it {count} times"
        if file.startswith("/") or ".." in file.split("/"):
            yield f"{file} leads out of the folder that it is installed into"


def _of_format(wheel: Message, name: WheelFilename) -> Iterator[str]:
    if str(wheel["Wheel-Version"]).partition(".")[0] != "1":
        yield f"its Wheel-Version must be 1.x, not {wheel['Wheel-Version']}"
    tags = {str(tag) for tag in wheel.get_all("Tag", [])}
    named = {"-".join(one) for one in product(*(part.split(".") for part in name.tags))}
    if tags != named:
        yield f"its tags are {_listed(tags)} in WHEEL, and {_listed(named)} in its name"


def _headers(archive: zipfile.ZipFile, name: str) -> Message:
    with archive.open(name) as file:
        return HeaderParser().parsestr(file.read(MAX_BYTES).decode("utf-8", "replace"))


def _core_metadata(metadata: Message, name: WheelFilename) -> Iterator[str]:
    said, named = (
        (str(metadata["Name"]), str(metadata["Version"])),
        (name.distribution, name.version),
    )
    if _key(*said) != _key(*named):
        yield f"METADATA says that it is {' '.join(said)}, not {' '.join(named)}"
    for text in map(str, metadata.get_all("Requires-Dist", [])):
        try:
            rest = resolve_requirement(text, MarkerContext())
            # What is left out on most machines must be right, too.
            Requirement(text.rpartition(";")[0] if rest is None else rest)
        except (InvalidVariantProperty, InvalidRequirement):
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
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(text)) if row}
    files = {entry.filename for entry in archive.infolist() if not entry.is_dir()}
    outside = {own, *(f"{info}/{name}" for name in _SIGNATURES)}
    for name in sorted(files - rows.keys() - outside):
        yield f"{name} is not in RECORD"
    for name in sorted(rows.keys() - files):
        yield f"{name} is in RECORD and not in the wheel"
    if thorough:
        for name in sorted(rows.keys() & files - outside):
            with archive.open(name) as file:
                yield from _hashed(name, rows[name], file)


def _hashed(name: str, row: list[str], file: IO[bytes]) -> Iterator[str]:
    algorithm, _, digest = (row[0] if row else "").partition("=")
    if algorithm not in _HASHES:
        yield f"{name} must have a hash of sha256 or better in RECORD, not {algorithm or 'none'}"
        return
    actual = hashlib.new(algorithm)
    while chunk := file.read(2**20):
        actual.update(chunk)
    if base64.urlsafe_b64encode(actual.digest()).rstrip(b"=").decode() != digest:
        yield f"{name} is not what RECORD says"


def _metadata(metadata: VariantMetadata) -> Iterator[str]:
    """The rules of PEP 825 and PEP 850 that reading alone does not enforce."""
    try:
        metadata.to_json()
    except InvalidVariantMetadata as error:
        yield str(error)
    for namespace, provider in metadata.providers.items():
        for text in provider.requires if isinstance(provider, PluginProvider) else ():
            try:
                Requirement(text)
            except InvalidRequirement:
                yield f"the provider of {namespace} requires {text!r}, which cannot be read"
        if isinstance(provider, BuiltinProvider) and provider.name != ABI_DEPENDENCY:
            yield f"the provider of {namespace} is built in nowhere: {provider.name}"
    for variant in metadata.variants.values():
        yield from _properties(variant, metadata)


def _properties(variant: Variant, metadata: VariantMetadata) -> Iterator[str]:
    if not variant.features and variant.label != NULL_LABEL:
        yield f"{variant.label} has no properties: the label of such a variant is {NULL_LABEL}"
    try:
        check_static(variant, metadata)
    except InvalidVariantMetadata as error:
        yield str(error)
    for feature, values in variant.features:
        if is_abi_namespace(feature.namespace, metadata):
            for value in sorted(set(values) - set(newest_first(values))):
                yield f"{feature} :: {value} is no release: up to three numbers, as in 2.9"
    for namespace in variant.namespaces:
        if namespace != ABI_DEPENDENCY and namespace not in metadata.providers:
            yield (
                f"no provider is named for {namespace}: pip takes this variant only with "
                f"--variant-enable {namespace}"
            )


def _combined(wheels: Mapping[WheelFilename, VariantMetadata | None]) -> VariantMetadata | None:
    """What the variant wheels say together. Raises `InvalidVariantMetadata`."""
    found = {str(name): metadata for name, metadata in wheels.items() if metadata}
    return combine_all(found) if found else None


def _fallback(release: Release) -> Iterator[str]:
    """Platforms that have variants and nothing for the machines that no variant fits."""
    plain = [name.tags for name in release.wheels if name.label in (None, NULL_LABEL)]
    for tags in sorted({name.tags for name in release.wheels if name.label is not None}):
        if not release.has_source and not any(covers(one, tags) for one in plain):
            yield (
                f"for {'-'.join(tags)} there is neither a wheel without variant nor the null "
                "variant: machines that no variant fits get nothing"
            )


def _variants(release: Release, metadata: VariantMetadata) -> Iterator[str]:
    """What is wrong with the variants of a release as a whole."""
    variants = sorted(metadata.variants.values(), key=lambda variant: variant.label)
    tags = {
        variant.label: {name.tags for name in release.wheels if name.label == variant.label}
        for variant in variants
    }

    def always_there(one: Variant, other: Variant) -> bool:
        return all(any(covers(a, b) for a in tags[one.label]) for b in tags[other.label])

    for index, one in enumerate(variants):
        for other in variants[index + 1 :]:
            if one.features == other.features and (
                always_there(one, other) or always_there(other, one)
            ):
                yield f"{one.label} and {other.label} have the same properties"
    for one in variants:
        for other in variants:
            if _always_better(other, one) and always_there(other, one):
                yield f"{one.label} is never chosen: {other.label} fits wherever it does"
                break


def _always_better(one: Variant, other: Variant) -> bool:
    """Whether `one` fits wherever `other` does and is never behind it (PEP 825, Ordering)."""
    features, others = dict(one.features), dict(other.features)
    if features == others or features.keys() != others.keys():
        return False
    if any(not set(others[name]) <= set(values) for name, values in features.items()):
        return False
    # Where both have the same best value, the label decides.
    return one.label < other.label


def _unknown(metadata: VariantMetadata, detection: Detection) -> tuple[list[str], list[str]]:
    """Features and values that their providers do not know, and what could not be checked."""
    unknown = []
    unchecked = []
    for namespace, provider in metadata.providers.items():
        used = sorted(
            {
                (feature, value)
                for variant in metadata.variants.values()
                for feature, values in variant.features
                for value in values
                if feature.namespace == namespace
            }
        )
        if not used or not isinstance(provider, PluginProvider):
            continue
        why = f"{provider.package} is not installed here or cannot say what there is"
        try:
            valid = detection.valid(provider)
        except DetectionError as error:
            valid, why = None, str(error)
        if valid is None:
            unchecked.append(f"the properties of {namespace} were not checked: {why}")
            continue
        known = dict(valid.features)
        for feature, value in used:
            if feature.name not in known:
                unknown.append(f"{provider.package} knows no feature {feature}")
            elif value not in known[feature.name]:
                unknown.append(f"{provider.package} knows no {feature} :: {value}")
    return list(dict.fromkeys(unknown)), unchecked


def _published(
    source: Source, release: Release, combined: VariantMetadata, files: list[str]
) -> Iterator[Fault]:
    """The metadata of the index against that of the wheels (PEP 825, Index-level metadata)."""
    spelled = {
        index_metadata_filename(name.distribution, name.version): name
        for name in release.wheels
        if name.label is not None
    }
    expected, *others = spelled
    if others:
        named = " and ".join(f"{one.distribution}-{one.version}" for one in spelled.values())
        yield Fault(str(release), f"its variant wheels must be named alike, not {named}")
        return
    for file in files:
        if file != expected:
            yield Fault(file, f"it must be called {expected}, as its wheels are")
    if expected in files:
        yield from (Fault(expected, one) for one in _of_index(source, expected, release, combined))
    elif source.is_complete and not files:
        yield Fault(expected, "it is missing: run pip-variants index")


def _of_index(
    source: Source, file: str, release: Release, combined: VariantMetadata
) -> Iterator[str]:
    try:
        with source.open(file) as opened_file:
            content = opened_file.read(MAX_BYTES + 1)
        yield from source.faults(file, content)
        metadata = VariantMetadata.parse(content, file)
    except (InvalidWheel, InvalidVariantMetadata, OSError) as error:
        yield _short(error, file)
        return
    labels = {name.label for name in release.wheels}  # some of them may be unreadable
    for label in sorted(combined.variants.keys() | metadata.variants.keys()):
        if label not in metadata.variants:
            yield f"{label} is missing, of which there is a wheel: run pip-variants index"
        elif label not in labels:
            yield f"{label} is listed, and there is no wheel of it"
        elif metadata.variants[label] != combined.variants.get(label, metadata.variants[label]):
            yield f"{label} has other properties than in its wheel"
    if metadata.namespaces != combined.namespaces:
        yield f"the namespaces are {list(metadata.namespaces)}, not {list(combined.namespaces)}"
    for namespace in sorted({*combined.namespaces} & {*metadata.namespaces}):
        if metadata.providers.get(namespace) != combined.providers.get(namespace):
            yield f"the provider of {namespace} is another one than in the wheels"


def _key(distribution: str, version: str) -> tuple[str, str]:
    return canonicalize_name(distribution), canonicalize_version(version.replace("_", "-"))


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or "none"
