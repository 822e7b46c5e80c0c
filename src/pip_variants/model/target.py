"""Targets: what machines other than this one support, as a file that people can read.

The file is TOML with one table `[[machine]]` for each machine, so that files may be put together
by writing one behind the other. What the target supports is what all its machines support: a wheel
that fits the target fits every one of them. Putting targets together forgets nothing, therefore it
does not matter in which order it is done, nor how often.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pip_variants.errors import InvalidTarget, InvalidVariantProperty, printable, shown
from pip_variants.model.names import (
    VariantProperty,
    check_feature,
    check_namespace,
    check_value,
)
from pip_variants.model.support import SupportedFeature

__all__ = ["FORMAT", "MAX_BYTES", "Identity", "Machine", "Target", "TargetProvider"]

FORMAT = 1
"""The version of the file format that is written, and the newest that is read."""

MAX_BYTES = 64 * 2**20
"""The largest file that is read, in bytes."""


_WIDTH = 80


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
    """One kind of machine: the names of those of this kind, and what their providers said.

    `made_by` and `made_at` (the latest date, ISO 8601) say where that is from.
    """

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
        return cls(
            tuple(
                sorted(
                    Machine(
                        providers,
                        tuple(sorted({name for one in equal for name in one.names})),
                        made_by,
                        max(one.made_at for one in equal),
                    )
                    for (providers, made_by), equal in kinds.items()
                )
            )
        )

    def combine(self, other: "Target") -> "Target":
        """The target of the machines of both: symmetric, associative, idempotent."""
        return Target.of((*self.machines, *other.machines))

    @property
    def supported(self) -> Mapping[Identity, TargetProvider]:
        """What all machines support, by provider; the first machine decides the order."""
        first, *others = [
            {identity: one for one in machine.providers for identity in one.implements}
            for machine in self.machines
        ]
        supported: dict[Identity, TargetProvider] = {}
        # A provider may go by many names; what it said is compared once.
        known: dict[tuple[int, ...], tuple[SupportedFeature, ...]] = {}
        for identity, found in first.items():
            if all(identity in other for other in others):
                same = [other[identity] for other in others]
                key = tuple(map(id, (found, *same)))
                if key not in known:
                    known[key] = _common(found.features, [dict(one.features) for one in same])
                supported[identity] = TargetProvider(
                    found.namespace, found.by, (identity,), known[key]
                )
        return supported

    @property
    def lost(self) -> Mapping[Machine, tuple[VariantProperty, ...]]:
        """What some machines support and this one does not, for each machine that lacks some."""
        had = {
            machine: {one for found in machine.providers for one in found.properties}
            for machine in self.machines
        }
        every = sorted(set().union(*had.values()))
        # A machine is hashed with all that it has: once, not for each property.
        lost = ((m, tuple(one for one in every if one not in has)) for m, has in had.items())
        return {machine: missing for machine, missing in lost if missing}

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


def _common(
    features: tuple[SupportedFeature, ...], others: list[dict[str, tuple[str, ...]]]
) -> tuple[SupportedFeature, ...]:
    found = []
    for name, values in features:
        elsewhere = [frozenset(other.get(name, ())) for other in others]
        common = tuple(value for value in values if all(value in one for one in elsewhere))
        if common:
            found.append(SupportedFeature(name, common))
    return tuple(found)


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
    return TargetProvider(
        check_namespace(table.get("namespace")),
        _text(table, "by", where),
        tuple(_identity(text, where) for text in _texts(table, "implements", where)),
        tuple(features),
    )


def _identity(text: str, where: str) -> Identity:
    parts = text.split()
    if len(parts) != len(Identity._fields):
        raise InvalidTarget(
            f"{where}: implements must name package, version and endpoint, not {shown(text)}"
        )
    return Identity(*parts)


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
    yield "[[machine]]"
    yield f"format = {FORMAT}"
    yield from _wrapped("names", machine.names)
    yield f"made-by = {_quoted(machine.made_by)}"
    yield f"made-at = {_quoted(machine.made_at)}"
    yield ""
    for provider in machine.providers:
        yield "[[machine.provider]]"
        yield f"namespace = {_quoted(provider.namespace)}"
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


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
