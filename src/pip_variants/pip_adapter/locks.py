"""`pip lock` and installing from `pylock.toml` (PEP 825, Integration with pylock.toml).

A lock holds, of a release that has variants, every wheel for this platform's tags, with their
metadata beside them, so that the choice is made where the lock is installed.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from pip._internal.exceptions import InstallationError
from pip._internal.models.link import Link
from pip._internal.models.wheel import Wheel
from pip._vendor.packaging.tags import sys_tags

from pip_variants.errors import InvalidVariantMetadata, InvalidWheelFilename, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import VariantMetadata
from pip_variants.pip_adapter.abi import locked
from pip_variants.pip_adapter.gate import gate, log
from pip_variants.pip_adapter.links import Unusable, given, metadata_of, source_of
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.ranking import release_of
from pip_variants.pip_adapter.target import select_for_target

__all__ = ["as_toml", "from_dict", "from_install_requirements", "to_dict"]

_TABLE = "variants-json"

_locked: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
"""Package -> its wheels and its table, in the lock that is being written."""


def from_install_requirements(original: Callable[..., Any]) -> Callable[..., Any]:
    """What makes a lock out of the requirements that were resolved."""

    @wraps(original)
    def from_install_requirements(*args: Any, **kw: Any) -> Any:
        # A function today, a class method up to pip 25.3.
        *cls, requirements = args[:-1] if "base_dir" not in kw else args
        requirements = list(requirements)
        for requirement in requirements:
            _note(requirement)
        rest = args[-1:] if "base_dir" not in kw else ()
        return original(*cls, requirements, *rest, **kw)

    return from_install_requirements


def to_dict(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`Pylock.to_dict`, which the lock file is written from since pip 26.0."""

    @wraps(original)
    def to_dict(self: Any) -> dict[str, Any]:
        return _with_variants(original(self))

    return to_dict


def as_toml(original: Callable[..., str]) -> Callable[..., str]:
    """`Pylock.as_toml` of pip 25.1 to 25.3."""

    @wraps(original)
    def as_toml(self: Any) -> str:
        if not _locked:
            return original(self)
        from pip._internal.models.pylock import (  # type: ignore[import-not-found]
            _toml_dict_factory,
        )
        from pip._vendor import tomli_w

        return tomli_w.dumps(
            _with_variants(dataclasses.asdict(self, dict_factory=_toml_dict_factory))
        )

    return as_toml


def from_dict(original: Callable[..., Any]) -> Callable[..., Any]:
    """`Pylock.from_dict`: leave one label's wheels of each package, the best for this machine."""

    @wraps(original)
    def from_dict(cls: Any, document: Any) -> Any:
        packages = document.get("packages") if isinstance(document, dict) else None
        if isinstance(packages, list):
            versions = (p for p in packages if isinstance(p, dict) and "version" in p)
            locked.update({str(one.get("name")): str(one["version"]) for one in versions})
            document = {**document, "packages": [_narrowed(package) for package in packages]}
        return original(cls, document)

    return from_dict


def _note(requirement: Any) -> None:
    """Remember all wheels of a requirement's release, if it has variants."""
    release = release_of(requirement.link) if requirement.link else None
    if release is None:
        return
    name, version, links = release
    links = [link for link in links if source_of(link) == source_of(requirement.link)]
    variants = [link for link in links if label_of(link.filename) is not None]
    if not variants:
        return
    try:
        table = metadata_of(name, version, variants).to_json()
    except (Unusable, InvalidVariantMetadata) as error:
        reason = printable(str(error))
        log.warning("The variants of %s %s are not locked: %s", name, version, reason)
        return
    wheels = [_wheel(link) for link in links if link.is_wheel]
    hashed = [wheel for wheel in wheels if wheel["hashes"]]
    if len(hashed) < len(wheels):
        log.warning(
            "The lock fits only machines like this one: the index gives no hash for other wheels "
            "of %s %s.",
            name,
            version,
        )
    _locked[name] = (hashed, table)


def _wheel(link: Link) -> dict[str, Any]:
    hashes = dict(link._hashes)
    if link.is_file and not hashes:
        with open(link.file_path, "rb") as file:
            hashes["sha256"] = hashlib.sha256(file.read()).hexdigest()
    return {"name": link.filename, "url": link.url_without_fragment, "hashes": hashes}


def _with_variants(document: dict[str, Any]) -> dict[str, Any]:
    for package in document["packages"]:
        wheels, table = _locked.get(package["name"], ([], {}))
        if table:
            chosen = package.get("wheels", [])
            known = {wheel["name"] for wheel in wheels}
            added = [wheel for wheel in chosen if wheel.get("name") not in known]
            package["wheels"] = sorted([*wheels, *added], key=lambda wheel: str(wheel["name"]))
            package[_TABLE] = table
    return document


def _narrowed(package: Any) -> Any:
    """The package of a lock with the wheels of the best label only, if there is any.

    Raises pip's `InstallationError` if its table is invalid.
    """
    if not isinstance(package, dict) or not isinstance(package.get("wheels"), list):
        return package
    wheels = {_filename(wheel): wheel for wheel in package["wheels"]}
    if not gate.accepts_labels():
        plain = [wheels[filename] for filename in wheels if not _has_label(filename)]
        return {**package, "wheels": plain} if plain or "sdist" in package else package
    fitting = [filename for filename in wheels if _fits_platform(filename)]
    labels = {label for filename in wheels if (label := label_of(filename))}
    if not labels or _TABLE not in package:
        return package
    what = f"{package.get('name')} {package.get('version', '')}".strip()
    try:
        metadata = VariantMetadata.from_json(package[_TABLE], f"{_TABLE} of {what}")
    except InvalidVariantMetadata as error:
        raise InstallationError(printable(str(error))) from None
    given.update(dict.fromkeys(wheels, metadata))
    usable = [label for filename in fitting if (label := label_of(filename))]
    try:
        ordering = select_for_target(what, metadata, usable)
    except InstallationError:
        return package  # pip may not want it; if it does, it is going to meet the same error
    best = ordering.best_first[0].label if ordering.best_first else None
    kept = [filename for filename in fitting if label_of(filename) == best]
    if not kept and "sdist" not in package:
        return package  # likewise
    left = {key: value for key, value in package.items() if key not in (_TABLE, "wheels")}
    return {**left, "wheels": [wheels[filename] for filename in kept]} if kept else left


def _filename(wheel: Any) -> str:
    if not isinstance(wheel, dict):
        return ""
    place = str(wheel.get("name") or wheel.get("path") or wheel.get("url") or "")
    return Link(place).filename if "://" in place else place.rpartition("/")[2]


def _has_label(filename: str) -> bool:
    try:
        return WheelFilename.parse(filename).label is not None
    except InvalidWheelFilename:
        return False


def _fits_platform(filename: str) -> bool:
    try:
        return Wheel(filename).supported(_tags())
    except Exception:  # noqa: BLE001 - pip is going to say what is wrong with the name
        return False


@cache
def _tags() -> frozenset[Any]:
    return frozenset(sys_tags())
