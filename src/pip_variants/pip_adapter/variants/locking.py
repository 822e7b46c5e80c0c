"""`pip lock`: the text of a lock (PEP 825, Integration with pylock.toml).

It holds all wheels of a release with variants and their metadata: the choice is made later. What it
lists can be installed wherever it fits, so it lists no wheel that needs what the lock lacks.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from logging import INFO, WARNING
from typing import Any, NamedTuple

from pip._internal.models.link import Link
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.errors import printable
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.dependencies import needed
from pip_variants.pip_adapter.variants.sources import url_of_source

_TABLE = "variants-json"

_ADVICE = (
    "For machines that need it, make a lock of their own, or one for several: pip lock with "
    "--variant-target for each kind of machine."
)


# What the core metadata of files says, by their names; None where it cannot be read.
_Requires = dict[str, tuple[str, ...] | None]


class NextTarget(Exception):
    """The lock is not complete: another target may need more than it holds."""


class Package(NamedTuple):
    """What a lock is going to hold of a package, by all that was resolved so far."""

    entry: dict[str, Any]  # as it is written
    version: str
    extras: frozenset[str]
    pin: str  # the requirement that takes this and nothing else, unless every target has it anyway
    requires: _Requires
    taken: frozenset[str]  # names of files
    metadata: VariantMetadata | None  # of a release with variants


def written(document: dict[str, Any], dumps: Callable[[Any], str]) -> str:
    """The text of the lock that pip makes of what was resolved. Raises `NextTarget`."""
    run = current()
    pins = [one.pin for one in run.locked.values()]
    for entry in document["packages"]:
        name = entry["name"]
        run.locked[name] = _package(entry, run.resolved.requirements[name], run.locked.get(name))
    if pins != [one.pin for one in run.locked.values()]:
        run.fitting.clear()
    run.fitting.add(run.options.variant_target)
    if not run.fitting.issuperset(run.targets):
        raise NextTarget
    _name_superfluous({name: _complete(one) for name, one in run.locked.items()})
    document["packages"] = [run.locked[name].entry for name in sorted(run.locked)]
    has_variants = any(_TABLE in entry for entry in document["packages"])
    return (_head() if has_variants else "") + dumps(document)


def _package(entry: dict[str, Any], resolved: Any, before: Package | None) -> Package:
    """A package of the lock, with what was known of it before."""
    distribution = resolved.get_dist()
    extras: frozenset[str] = frozenset(map(canonicalize_name, resolved.extras))
    taken = frozenset([resolved.link.filename])
    requires = dict(before.requires) if before else {}
    requires[resolved.link.filename] = tuple(distribution.metadata.get_all("Requires-Dist", ()))
    links, metadata = _of_release(resolved.link)
    _read_others(resolved.link, links, requires)
    wheels = [_wheel(one) for one in links]
    if before is not None:
        extras, taken = extras | before.extras, taken | before.taken
        wheels += before.entry.get("wheels", ())
        metadata = metadata or before.metadata
        entry = {**before.entry, **entry}
    if wheels:
        by_name = {one["name"]: one for one in (*wheels, *entry.get("wheels", ()))}
        entry["wheels"] = [by_name[name] for name in sorted(by_name)]
    if metadata is not None:
        entry[_TABLE] = _without_null(metadata.table())
    which = f" @ {resolved.link.url}" if resolved.is_direct else f"=={distribution.version}"
    is_given = resolved.is_direct and resolved.user_supplied
    return Package(
        entry,
        str(distribution.version),
        extras,
        "" if is_given else f"{entry['name']}[{','.join(sorted(extras))}]{which}",
        requires,
        taken,
        metadata,
    )


def _of_release(link: Link) -> tuple[list[Link], VariantMetadata | None]:
    """The wheels and the metadata of the release that a file is of, if it has variants."""
    run = current()
    found, source = run.release_of_url.get(link.url), url_of_source(link)
    links = [one for one in found.links if url_of_source(one) == source] if found else []
    if not found or found.builds or all(run.label_of(one.filename) is None for one in links):
        return [], None
    metadata = found.read_from(source)
    if metadata is None or not metadata.variants:
        why = found.decision.ignored.get(source, "they are not described")
        text = f"The variants of {found.what} are not locked: {why}"
        run.say(WARNING, printable(text), once=True)
        return [], None
    wheels = [one for one in links if one.is_wheel]
    hashed = [one for one in wheels if one._hashes or one.is_file]
    if len(hashed) < len(wheels):
        text = f"The index gives no hash for other wheels of {found.what}."
        run.say(WARNING, f"The lock fits only machines like this one: {text}", once=True)
    return hashed, metadata


def _read_others(chosen: Link, wheels: list[Link], requires: _Requires) -> None:
    """Add what the other wheels require; core metadata that several share is read once."""
    run = current()
    read = {_content_of(one): requires[one.filename] for one in wheels if one.filename in requires}
    for link in () if run.options.ignore_dependencies else wheels:
        content = _content_of(link)
        if content not in read:
            read[content] = run.release_of_url[chosen.url].requires(link)
        requires.setdefault(link.filename, read[content])


def _content_of(link: Link) -> object:
    """What is equal for wheels that share core metadata; if no index says so, those of a label."""
    beside = link.metadata_link()
    if beside and beside._hashes:
        return tuple(sorted(beside._hashes.items()))
    return link.url if link.is_file else (current().label_of(link.filename),)


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


def _complete(package: Package) -> dict[str | None, set[str]]:
    """Leave out the wheels of a package that need what the lock lacks, and say so.

    Returns, by the label of what stays, which packages of the lock it needs.
    """
    run, entry = current(), package.entry
    what = f"{entry['name']} {package.version}"
    names = {*package.taken, *(one["name"] for one in entry.get("wheels", ()))}
    kinds = {name: (run.label_of(name), package.requires.get(name)) for name in names}
    taken = {kinds[name] for name in package.taken}
    stay: dict[str | None, set[str]] = {}
    left_out = {}
    for kind in sorted({*kinds.values()}, key=str):
        label, requires = kind
        held, lacking = _needs(package, label, requires)
        needs = f"{_called(label)} needs {' and '.join(lacking)}"
        is_fine = not lacking or package.metadata is None or run.options.ignore_dependencies
        if not is_fine and kind not in taken:
            left_out[kind] = needs
            continue
        stay[label] = held | stay.get(label, set())
        if not is_fine:
            text = f"The lock lacks what some machines need: {needs} there ({what}). {_ADVICE}"
            run.say(WARNING, printable(text))
    if left_out:
        text = f"The lock lacks what some wheels of {what} need, and leaves them out: "
        reasons = "; ".join(dict.fromkeys(left_out.values()))
        run.say(WARNING, printable(f"{text}{reasons}. {_ADVICE}", 2000))
        entry["wheels"] = [one for one in entry["wheels"] if kinds[one["name"]] not in left_out]
    if not any(stay):
        entry.pop(_TABLE, None)
    return stay


def _needs(
    package: Package, label: str | None, requires: tuple[str, ...] | None
) -> tuple[set[str], list[str]]:
    """Which packages of the lock a wheel needs, and the dependencies of it that the lock lacks."""
    if requires is None:
        return set(), ["something unknown (its metadata could not be read)"]
    metadata = package.metadata
    variant = metadata.variants.get(label, Variant(label)) if metadata and label else None
    held: set[str] = set()
    lacking = []
    try:
        dependencies = needed(requires, package.extras, variant, metadata)
    except InvalidRequirement as error:
        return held, [str(error)]
    for ways in dependencies:
        names = {canonicalize_name(one.name) for one in ways if _is_held(one)}
        held |= names
        if not names:
            lacking.append(" or ".join(map(str, ways)))
    return held, lacking


def _is_held(requirement: Requirement) -> bool:
    package = current().locked.get(canonicalize_name(requirement.name))
    return (
        package is not None
        and requirement.specifier.contains(package.version, prereleases=True)
        and package.extras.issuperset(map(canonicalize_name, requirement.extras))
    )


def _name_superfluous(needs: Mapping[str, Mapping[str | None, set[str]]]) -> None:
    """Say what is installed everywhere though only some wheels of a release need it."""
    run = current()
    everywhere: set[str] = {canonicalize_name(one.name) for one in run.requirements if one.name}
    for by_label in needs.values():
        everywhere |= set.intersection(*by_label.values())
    for name, by_label in needs.items():
        for other in sorted(set.union(*by_label.values()) - everywhere):
            who = ", ".join(_called(one) for one, those in by_label.items() if other in those)
            text = f"{other} is installed everywhere; of {name} only {who} needs it"
            run.say(INFO, printable(text))


def _called(label: str | None) -> str:
    return "the wheel without variant" if label is None else label


def _head() -> str:
    """What a lock with variants says to who opens it."""
    run = current()
    targets = [os.path.basename(one) for one in run.targets or (run.target_name,) if one]
    made_for = f"# It was made for {printable(', '.join(targets))}.\n" if targets else ""
    return f"""\
# This lock has wheel variants: pip needs pip-variants to read it (pip install pip-variants).
# Without, it says "Invalid wheel filename"; pip lock --no-variants makes a lock for any pip.
{made_for}
"""
