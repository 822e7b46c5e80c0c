"""`pip lock` and installing from `pylock.toml` (PEP 825, Integration with pylock.toml).

A lock holds the wheels of a release with variants and their metadata: the choice is made later.
"""

import copy
import dataclasses
import hashlib
from functools import partial
from logging import WARNING
from operator import itemgetter
from typing import Any, NamedTuple

from pip._internal.models.link import Link
from pip._internal.models.wheel import Wheel
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.hook.wheel_names import label_in
from pip_variants.pip_adapter.variants.fetching import Unusable
from pip_variants.pip_adapter.variants.release import release
from pip_variants.pip_adapter.variants.sources import url_of_source

_TABLE = "variants-json"


class Lock(NamedTuple):
    """What a lock file says: the versions of its packages, and which of them have variants."""

    versions: tuple[tuple[str, str], ...]
    with_variants: tuple[tuple[Any, VariantMetadata | Unusable], ...]


def from_install_requirements(*args: Any, original: Any, **kw: Any) -> Any:
    """What makes a lock out of the requirements that were resolved."""
    *cls, requirements = args  # a function today, a class method up to pip 25.3
    requirements = list(requirements)
    for requirement in requirements:
        _note(requirement)
    return original(*cls, requirements, **kw)


def to_dict(self: Any, *, original: Any) -> dict[str, Any]:
    """`Pylock.to_dict`, which the lock file is written from since pip 26.0."""
    return _with_variants(original(self))


def as_toml(self: Any, *, original: Any) -> Any:
    """`Pylock.as_toml` of pip 25.1 to 25.3."""
    if not current().locked:
        return original(self)
    from pip._internal.models.pylock import _toml_dict_factory  # type: ignore[import-not-found]
    from pip._vendor import tomli_w

    return tomli_w.dumps(_with_variants(dataclasses.asdict(self, dict_factory=_toml_dict_factory)))


def from_dict(cls: Any, document: Any, *, original: Any) -> Any:
    """`Pylock.from_dict`: remember the variants of a lock; without variants, leave them out."""
    run, packages = current(), document.get("packages")
    if isinstance(packages, list) and not run.accepts_labels():
        return original(cls, {**document, "packages": list(map(_plain, packages))})
    lock = original(cls, document)
    versions = ((str(one.name), str(one.version)) for one in lock.packages if one.version)
    with_variants = (
        (package, _metadata(package, table.get(_TABLE)))
        for package, table in zip(lock.packages, packages, strict=True)
        if any(label_in(wheel.filename) for wheel in package.wheels or ())
    )
    run.locks.append(Lock(tuple(versions), tuple(with_variants)))
    return lock


def with_others(files: list[Any]) -> list[Any]:
    """The files of a version; where pip has one wheel of a lock, all that the lock has of it."""
    version, make = files[0]
    name, link, template = (make.keywords[key] for key in ("name", "link", "template"))
    for package, metadata in (one for lock in current().locks for one in lock.with_variants):
        is_it = canonicalize_name(package.name) == name and package.version == version
        if len(files) > 1 or not is_it or not link.is_wheel:
            continue
        from pip._internal.utils import pylock  # since pip 26.1

        found = []
        for file in _files(package):
            # It reads the same of a source distribution.
            url = pylock.package_wheel_requirement_url(template.comes_from, file)
            own = copy.copy(template)
            own.hash_options = {algorithm: [digest] for algorithm, digest in file.hashes.items()}
            other = Link(url, comes_from=link.comes_from)
            is_first = other.url_without_fragment == link.url_without_fragment
            keywords = {} if is_first else {"link": other, "template": own}
            found.append((version, partial(make.func, *make.args, **{**make.keywords, **keywords})))
            release(name, str(version)).give(metadata, url_of_source(other))
        return found or files
    return files


def _note(requirement: Any) -> None:
    """Remember all wheels of a requirement's release, if it has variants."""
    run = current()
    found = run.release_of_url.get(requirement.link.url) if requirement.link else None
    if found is None or found.builds:
        return
    source = url_of_source(requirement.link)
    links = [link for link in found.links if url_of_source(link) == source]
    if all(run.label_of(link.filename) is None for link in links):
        return
    metadata = found.metadata_of(requirement.link)
    if metadata is None or not metadata.variants:
        why = found.decision.ignored.get(source, "they are not described")
        run.say(WARNING, printable(f"The variants of {found.what} are not locked: {why}"))
        return
    wheels = [_wheel(link) for link in links if link.is_wheel]
    hashed = [wheel for wheel in wheels if wheel["hashes"]]
    if len(hashed) < len(wheels):
        run.say(
            WARNING,
            "The lock fits only machines like this one: the index gives no hash for other wheels "
            f"of {found.what}.",
        )
    run.locked[found.name] = (hashed, _without_null(metadata.table()))


def _wheel(link: Link) -> dict[str, Any]:
    hashes = dict(link._hashes)
    if link.is_file and not hashes:
        with open(link.file_path, "rb") as file:
            hashes["sha256"] = hashlib.sha256(file.read()).hexdigest()
    return {"name": link.filename, "url": link.url_without_fragment, "hashes": hashes}


def _without_null(value: Any) -> Any:
    """A value as TOML can express it: a key that says null says what one says that is absent."""
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value


def _with_variants(document: dict[str, Any]) -> dict[str, Any]:
    for package in document["packages"]:
        wheels, table = current().locked.get(package["name"], ([], {}))
        if table:
            by_name = {wheel["name"]: wheel for wheel in (*package.get("wheels", ()), *wheels)}
            package["wheels"] = [by_name[name] for name in sorted(by_name)]
            package[_TABLE] = table
    return document


def _plain(package: Any) -> Any:
    """The package of a lock without its variant wheels, unless that leaves nothing."""
    if not isinstance(package, dict) or not isinstance(package.get("wheels"), list):
        return package
    plain = [wheel for wheel in package["wheels"] if not _is_variant(wheel)]
    return {**package, "wheels": plain} if plain or "sdist" in package else package


def _is_variant(wheel: Any) -> bool:
    if not isinstance(wheel, dict):
        return False  # pip is going to say so
    place = next(filter(None, map(wheel.get, ("name", "path", "url"))), "")
    return label_in(Link(str(place)).filename) is not None


def _metadata(package: Any, table: Any) -> VariantMetadata | Unusable:
    try:
        return VariantMetadata.from_json(table, f"{_TABLE} of {package.name} {package.version}")
    except InvalidVariantMetadata as error:
        return Unusable(str(error))


def _files(package: Any) -> list[Any]:
    """The files of a package of a lock that this platform's tags admit, in pip's order."""
    place_of = {tag: place for place, tag in enumerate(sys_tags())}
    by_tags = []
    for wheel in package.wheels:
        places = [place_of[tag] for tag in Wheel(wheel.filename).file_tags if tag in place_of]
        if places:
            by_tags.append((min(places), wheel.filename, wheel))
    files = [wheel for *_, wheel in sorted(by_tags, key=itemgetter(0, 1))]
    return files + ([package.sdist] if package.sdist else [])
