"""Targets: what machines other than this one support, as TOML that people can read.

Files may be written one behind the other. A target supports what all its machines do; putting
some together forgets nothing: the order does not matter, nor how often it is done.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from pip_variants.errors import InvalidTarget, InvalidVariantProperty, printable, shown
from pip_variants.model.names import VariantProperty, check_feature, check_namespace, check_value
from pip_variants.model.support import SupportedFeature

FORMAT = 1  # of the files that are written, and the newest that is read
MAX_BYTES = 64 * 2**20  # of a file that is read

_WIDTH = 80
_quoted = partial(json.dumps, ensure_ascii=False)


class Identity(NamedTuple):
    """What wheels call a provider: package, version, endpoint (PEP 850, Provider information)."""

    package: str
    version: str
    plugin_api: str


@dataclass(frozen=True, slots=True, order=True)
class TargetProvider:
    """What one provider said on one machine; `by` names who gave the answer."""

    namespace: str
    by: str
    implements: tuple[Identity, ...]
    features: tuple[SupportedFeature, ...]

    @property
    def properties(self) -> Iterable[VariantProperty]:
        """All that is supported, best first."""
        for feature, values in self.features:
            for value in values:
                yield VariantProperty(self.namespace, feature, value)


@dataclass(frozen=True, slots=True, order=True)
class Machine:
    """Machines of one kind, by names; who made that file, and when at last (ISO 8601)."""

    providers: tuple[TargetProvider, ...]
    names: tuple[str, ...]
    made_by: str = ""
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One or more kinds of machines, in a fixed order."""

    machines: tuple[Machine, ...]

    @classmethod
    def of(cls, machines: Iterable[Machine]) -> "Target":
        """The target of these machines; equal kinds become one."""
        kinds: dict[tuple[Any, ...], list[Machine]] = {}
        for one in machines:
            kinds.setdefault((one.providers, one.made_by), []).append(one)
        merged = []
        for (providers, made_by), equal in kinds.items():
            names = tuple(sorted({name for one in equal for name in one.names}))
            merged.append(Machine(providers, names, made_by, max(one.made_at for one in equal)))
        return cls(tuple(sorted(merged)))

    def combine(self, other: "Target") -> "Target":
        """The target of the machines of both: symmetric, associative, idempotent."""
        return Target.of((*self.machines, *other.machines))

    @property
    def supported(self) -> Mapping[Identity, TargetProvider]:
        """What all machines support, by provider; the first machine decides the order.

        A provider that is not named, as in lists that people write, goes by its namespace.
        """
        first, *others = [
            {
                identity: one
                for one in machine.providers
                for identity in one.implements or (Identity("", "", one.namespace),)
            }
            for machine in self.machines
        ]
        supported: dict[Identity, TargetProvider] = {}
        # A provider may go by many names; what it said is compared once.
        known: dict[tuple[int, ...], TargetProvider] = {}
        for identity, found in first.items():
            if all(identity in other for other in others):
                same = [other[identity] for other in others]
                key = tuple(map(id, (found, *same)))
                if key not in known:
                    known[key] = _common(found, same)
                supported[identity] = known[key]
        return supported

    @property
    def lost(self) -> Mapping[Machine, tuple[VariantProperty, ...]]:
        """What some machines support and this one does not, for each machine that lacks some."""
        had = [
            {one for p in machine.providers for one in p.properties} for machine in self.machines
        ]
        every = set().union(*had)
        lost = [tuple(sorted(every - one)) for one in had]
        return {machine: one for machine, one in zip(self.machines, lost, strict=True) if one}

    @classmethod
    def parse(cls, document: object, where: str) -> "Target":
        """Read parsed TOML; `where` names the file in errors. Raises `InvalidTarget`."""
        machines = document.get("machine") if isinstance(document, dict) else None
        if not isinstance(machines, list) or not machines:
            raise InvalidTarget(f"{where} is no target file: it has no [[machine]]")
        try:
            return cls.of(_machine(one, where) for one in machines)
        except InvalidVariantProperty as error:
            raise InvalidTarget(f"{where}: {error}") from None

    def to_toml(self) -> str:
        """The file."""
        return "\n".join(line for machine in self.machines for line in _lines(machine)) + "\n"


def _common(found: TargetProvider, others: list[TargetProvider]) -> TargetProvider:
    supported = [{name: frozenset(some) for name, some in one.features} for one in others]
    features = []
    for name, values in found.features:
        common = [v for v in values if all(v in one.get(name, ()) for one in supported)]
        if common:
            features.append(SupportedFeature(name, tuple(common)))
    return replace(found, features=tuple(features))


def _machine(table: object, where: str) -> Machine:
    if not isinstance(table, dict):
        raise InvalidTarget(f"{where}: [[machine]] must be a table")
    version = table.get("format")
    if not isinstance(version, int) or version < 1:
        raise InvalidTarget(
            f"{where}: [[machine]] must say format = {FORMAT}, not {shown(version, 50)}"
        )
    if version > FORMAT:
        raise InvalidTarget(
            f"{where} has format {shown(version, 50)}, newer than this pip-variants can read "
            f"(up to {FORMAT})"
        )
    providers = table.get("provider", [])
    if not isinstance(providers, list):
        raise InvalidTarget(f"{where}: provider must be a list of tables")
    return Machine(
        tuple(_provider(one, where) for one in providers),
        tuple(sorted(set(_texts(table, "names", where)))),
        _text(table, "made-by", where),
        _text(table, "made-at", where),
    )


def _provider(table: object, where: str) -> TargetProvider:
    if not isinstance(table, dict) or not isinstance(table.get("features", {}), dict):
        raise InvalidTarget(f"{where}: [[machine.provider]] and its features must be tables")
    features = []
    for name, values in table.get("features", {}).items():
        checked = tuple(map(check_value, values if isinstance(values, list) else [values]))
        if len(set(checked)) != len(checked) or not checked:
            raise InvalidTarget(f"{where}: the values of {name} must be distinct and at least one")
        features.append(SupportedFeature(check_feature(name), checked))
    implements = [text.split() for text in _texts(table, "implements", where)]
    for parts in implements:
        if len(parts) != len(Identity._fields):
            raise InvalidTarget(
                f"{where}: implements must name package, version and endpoint, "
                f"not {shown(' '.join(parts))}"
            )
    return TargetProvider(
        check_namespace(table.get("namespace")),
        _text(table, "by", where),
        tuple(Identity(*parts) for parts in implements),
        tuple(features),
    )


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise InvalidTarget(f"{where}: {key} must be a text, not {shown(value, 50)}")
    return printable(value, 200)


def _texts(table: dict[str, Any], key: str, where: str) -> list[str]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidTarget(f"{where}: {key} must be a list of texts, not {shown(values, 50)}")
    return [printable(value, 200) for value in values]


def _lines(machine: Machine) -> Iterable[str]:
    yield f"[[machine]]\nformat = {FORMAT}"
    yield from _wrapped("names", machine.names)
    yield f"made-by = {_quoted(machine.made_by)}\nmade-at = {_quoted(machine.made_at)}\n"
    for provider in machine.providers:
        yield f"[[machine.provider]]\nnamespace = {_quoted(provider.namespace)}"
        yield f"by = {_quoted(provider.by)}"
        yield from _wrapped("implements", (" ".join(one) for one in provider.implements))
        if provider.features:
            yield "[machine.provider.features]"
        for name, values in provider.features:
            yield from _wrapped(name, values)
        yield ""


def _wrapped(name: str, values: Iterable[str]) -> Iterable[str]:
    """A list on as many lines as it needs."""
    line = f"{name} = ["
    for value in values:
        item = f"{_quoted(value)}, "
        if len(line + item) > _WIDTH:
            yield line.rstrip()
            line = "    "
        line += item
    yield f"{line.rstrip(', ')}]"
