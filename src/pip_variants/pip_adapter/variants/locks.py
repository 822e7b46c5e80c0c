"""Installing from `pylock.toml` (PEP 825, Integration with pylock.toml)."""

import copy
from collections.abc import Mapping
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from pip._internal.models.link import Link
from pip._internal.models.wheel import Wheel
from pip._vendor.packaging.tags import sys_tags

from pip_variants.errors import InvalidVariantMetadata
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
    with_variants: Mapping[tuple[str, Any], tuple[Any, VariantMetadata | Unusable]]


def from_dict(cls: Any, document: Any, *, original: Any) -> Any:
    """`Pylock.from_dict`: remember the variants of a lock; without variants, leave them out."""
    run, packages = current(), document.get("packages")
    if isinstance(packages, list) and not run.accepts_labels():
        return original(cls, {**document, "packages": list(map(_plain, packages))})
    lock = original(cls, document)
    versions = ((str(one.name), str(one.version)) for one in lock.packages if one.version)
    with_variants = {
        (package.name, package.version): (package, _metadata(package, table.get(_TABLE)))
        for package, table in zip(lock.packages, packages, strict=True)
        if any(label_in(wheel.filename) for wheel in package.wheels or ())
    }
    run.locks.append(Lock(tuple(versions), with_variants))
    return lock


def with_others(files: list[Any]) -> list[Any]:
    """The files of a version; where pip has one wheel of a lock, all that the lock has of it."""
    version, make = files[0]
    name, link, template = (make.keywords[key] for key in ("name", "link", "template"))
    locked = (lock.with_variants.get((name, version)) for lock in current().locks)
    for package, metadata in filter(None, locked if len(files) == 1 and link.is_wheel else ()):
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
            of_file = release(name, str(version))
            of_file.give(metadata, url_of_source(other))
            of_file.is_locked = True
        return found or files
    return files


def _plain(package: Any) -> Any:
    """The package of a lock without its variant wheels. Raises `ValueError` if none is left."""
    if not isinstance(package, dict) or not isinstance(package.get("wheels"), list):
        return package
    plain = [wheel for wheel in package["wheels"] if not _is_variant(wheel)]
    if not plain and package["wheels"] and "sdist" not in package:
        what = "leave out --no-variants" if current().is_off else "this pip cannot install them"
        raise ValueError(f"it has variants only of {package.get('name')}; {what}")
    return {**package, "wheels": plain}


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
