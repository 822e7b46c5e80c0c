"""Looking for mistakes in wheels, in releases and in the metadata of an index, before users do."""

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from itertools import product
from typing import IO, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

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
    MAX_BYTES,
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

__all__ = ["Fault", "Release", "Report", "verify"]

# Versions in platform tags: a fallback for an older one will do.
_MANY = re.compile(r"(?:many)?(linux|macosx|musllinux)(?:\d+|_\d+_\d+)_")

_SIGNATURES = ("RECORD.jws", "RECORD.p7s")


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
    """Look at all wheels, releases and metadata files of `source`.

    Raises `InvalidWheel` if there are no wheels, and `OSError`.
    """
    faults: list[Fault] = []
    remarks: list[Fault] = []
    names = source.names()
    releases: dict[tuple[str, str], dict[WheelFilename, VariantMetadata | None]] = {}
    for name in names:
        if name.endswith(".whl"):
            wheel, found, what = _wheel(source, name)
            faults += [Fault(name, one) for one in what]
            if wheel:
                key = _normal(wheel.distribution), wheel.version
                releases.setdefault(key, {})[wheel] = found
    if not releases and not faults:
        raise InvalidWheel("there are no wheels")
    published = {name for name in names if split_index_metadata_filename(name)}
    checked = []
    for (project, version), wheels in releases.items():
        sdist = re.compile(rf"(.+)-{re.escape(version)}\.(tar\.gz|zip)")
        has_source = any(
            _normal(match[1]) == project for name in names if (match := sdist.fullmatch(name))
        )
        release = Release(project, version, wheels, has_source)
        combined, what = _combined(release)
        faults += [Fault(str(release), one) for one in what]
        release = Release(project, version, wheels, has_source, combined)
        checked.append(release)
        if combined:
            faults += [Fault(str(release), one) for one in _release(release, combined)]
            for is_fault, one in _known(combined, detection):
                (faults if is_fault else remarks).append(Fault(str(release), one))
            spelled = next(one for one, metadata in wheels.items() if metadata)
            file = index_metadata_filename(spelled.distribution, version)
            faults += [Fault(file, one) for one in _published(source, file, published, combined)]
            published.discard(file)
    faults += [Fault(file, "no wheel here belongs to it") for file in sorted(published)]
    return Report(tuple(faults), tuple(remarks), tuple(checked))


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
            faults += _record(archive, info, thorough=source.is_local)
            if name.label is not None:
                metadata = metadata_in(archive, filename)
                faults += _metadata(metadata)
    except (InvalidWheel, InvalidVariantMetadata) as error:
        faults.append(str(error))
    return name, metadata, faults


def _of_archive(archive: zipfile.ZipFile, info: str, name: WheelFilename) -> Iterator[str]:
    """What the wheel says of itself against its name (Binary distribution format)."""
    if info != f"{name.distribution}-{name.version}.dist-info":
        yield f"its metadata folder is {info}"
    if name.label is None and f"{info}/{VARIANT_JSON}" in archive.NameToInfo:
        yield f"it has {VARIANT_JSON}, and its name has no label"
    missing = {"METADATA", "WHEEL", "RECORD"} - {
        one.removeprefix(f"{info}/") for one in archive.namelist()
    }
    for file in sorted(missing):
        yield f"{info}/{file} is missing"
    if "METADATA" not in missing:
        yield from _core_metadata(_headers(archive, f"{info}/METADATA"), name)
    if "WHEEL" not in missing:
        said = set(_headers(archive, f"{info}/WHEEL").get_all("Tag", []))
        parts = (part.split(".") for part in (name.python, name.abi, name.platform))
        named = {"-".join(tag) for tag in product(*parts)}
        if said != named:
            yield f"its tags are {_listed(said)} in {info}/WHEEL, and {_listed(named)} in its name"


def _headers(archive: zipfile.ZipFile, name: str) -> Message:
    with archive.open(name) as file:
        return HeaderParser().parsestr(file.read(MAX_BYTES).decode("utf-8", "replace"))


def _core_metadata(metadata: Message, name: WheelFilename) -> Iterator[str]:
    project, version = str(metadata["Name"]), str(metadata["Version"])
    if _normal(project) != _normal(name.distribution):
        yield f"METADATA says that it is {project}"
    try:
        if Version(version) != Version(name.version.replace("_", "-")):
            yield f"METADATA says that its version is {version}"
    except InvalidVersion:
        yield f"its version is {version} in METADATA and {name.version} in its name"
    for text in metadata.get_all("Requires-Dist", []):
        try:
            rest = resolve_requirement(text, MarkerContext())
            Requirement(rest or "nothing")
        except (InvalidVariantProperty, InvalidRequirement) as error:
            yield f"its dependency {text!r} cannot be read: {error}"
            continue
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
    if not digest:
        yield f"{name} has no hash in RECORD"
        return
    try:
        actual = hashlib.new(algorithm, usedforsecurity=False)
        while chunk := file.read(2**20):
            actual.update(chunk)
        encoded = base64.urlsafe_b64encode(actual.digest()).rstrip(b"=").decode()
    except (ValueError, TypeError):
        yield f"{name} has a hash of an unknown kind in RECORD, {algorithm!r:.40}"
        return
    if encoded != digest:
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
            except InvalidRequirement as error:
                yield f"the provider of {namespace} requires {text!r}, which is invalid: {error}"
    for variant in metadata.variants.values():
        yield from _properties(variant, metadata)


def _properties(variant: Variant, metadata: VariantMetadata) -> Iterator[str]:
    try:
        check_static(variant, metadata)
    except InvalidVariantMetadata as error:
        yield str(error)
    for feature, values in variant.features:
        if is_abi_namespace(feature.namespace, metadata):
            for value in sorted(set(values) - set(newest_first(values))):
                yield f"{feature} :: {value} is no release: up to three numbers, as in 2.9"
        elif feature.namespace not in metadata.providers:
            yield (
                f"no provider is named for {feature.namespace}, so the variant is never chosen "
                "unless users enable it by hand"
            )


def _combined(release: Release) -> tuple[VariantMetadata | None, list[str]]:
    found = {str(name): metadata for name, metadata in release.wheels.items() if metadata}
    try:
        return (combine_all(found) if found else None), []
    except InvalidVariantMetadata as error:
        return None, [str(error)]


def _release(release: Release, metadata: VariantMetadata) -> Iterator[str]:
    """What is wrong with the variants of a release as a whole."""
    variants = sorted(metadata.variants.values(), key=lambda variant: variant.label)
    for index, one in enumerate(variants):
        for other in variants[index + 1 :]:
            if one.features == other.features:
                yield f"{one.label} and {other.label} have the same properties"
    for one in variants:
        if better := next((other for other in variants if _always_better(other, one)), None):
            yield f"{one.label} is never chosen: {better.label} fits wherever it does"
    plain = [name for name in release.wheels if name.label in (None, NULL_LABEL)]
    for tags in sorted({name.tags for name in release.wheels if name.label is not None}):
        if not release.has_source and not any(_covers(name.tags, tags) for name in plain):
            yield (
                f"for {'-'.join(tags)} there is neither a wheel without variant nor the null "
                "variant: machines that no variant fits get nothing"
            )


def _covers(tags: tuple[str, str, str], others: tuple[str, str, str]) -> bool:
    """Whether a wheel will do where another one does, as far as tags tell."""
    platforms = [_MANY.sub(r"\1_", one[2]) for one in (tags, others)]
    return tags[1] in ("none", "abi3", others[1]) and platforms[0] in ("any", platforms[1])


def _always_better(one: Variant, other: Variant) -> bool:
    """Whether `one` fits wherever `other` does and is never behind it (PEP 825, Ordering)."""
    features, others = dict(one.features), dict(other.features)
    if features == others or features.keys() != others.keys():
        return False
    if any(not set(others[name]) <= set(values) for name, values in features.items()):
        return False
    # Where both have the same best value, the label decides.
    return one.label < other.label


def _known(metadata: VariantMetadata, detection: Detection) -> Iterator[tuple[bool, str]]:
    """Features and values that their providers do not know; whether it is a fault."""
    for namespace, provider in metadata.providers.items():
        if not isinstance(provider, PluginProvider) or is_abi_namespace(namespace, metadata):
            continue
        used = {
            (feature, value)
            for variant in metadata.variants.values()
            for feature, values in variant.features
            for value in values
            if feature.namespace == namespace
        }
        if not used:
            continue
        try:
            valid = detection.valid(provider)
        except DetectionError as error:
            yield False, f"the properties of {namespace} were not checked: {error}"
            continue
        if valid is None:
            why = f"{provider.requires[0]} is not installed here or cannot say what there is"
            yield False, f"the properties of {namespace} were not checked: {why}"
            continue
        features = dict(valid.features)
        for feature, value in sorted(used):
            if feature.name not in features:
                yield True, f"{provider.package} knows no feature {feature}"
            elif value not in features[feature.name]:
                yield True, f"{provider.package} knows no {feature} :: {value}"


def _published(
    source: Source, file: str, published: Iterable[str], combined: VariantMetadata
) -> Iterator[str]:
    """The metadata of the index against that of the wheels (PEP 825, Index-level metadata)."""
    if file not in published:
        yield "it is missing: run pip-variants index"
        return
    with source.open(file) as opened_file:
        content = opened_file.read(MAX_BYTES + 1)
    yield from source.faults(file, content)
    try:
        metadata = VariantMetadata.parse(content, file)
    except InvalidVariantMetadata as error:
        yield str(error)
        return
    for label in sorted(combined.variants.keys() | metadata.variants.keys()):
        if label not in metadata.variants:
            yield f"{label} is missing, of which there is a wheel: run pip-variants index"
        elif label not in combined.variants:
            yield f"{label} is listed, and there is no wheel of it"
        elif metadata.variants[label] != combined.variants[label]:
            yield f"{label} has other properties than in its wheel"
    if metadata.namespaces != combined.namespaces:
        yield f"the namespaces are {list(metadata.namespaces)}, not {list(combined.namespaces)}"
    for namespace in sorted(combined.providers.keys() | metadata.providers.keys()):
        if metadata.providers.get(namespace) != combined.providers.get(namespace):
            yield f"the provider of {namespace} is another one than in the wheels"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or "none"
