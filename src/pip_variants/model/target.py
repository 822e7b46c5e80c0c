"""Targets: what machines other than this one support, as TOML that people can read.

Files may be written one behind the other. A target supports what all its machines do; putting
some together forgets nothing: the order does not matter, nor how often it is done.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pip_variants.errors import InvalidTarget, printable
from pip_variants.model.document import Fault, Node
from pip_variants.model.names import VariantProperty, check_feature, check_namespace, check_value
from pip_variants.model.published import Published
from pip_variants.model.support import SupportedFeature

FORMAT = 1  # of the files that are written, and the newest that is read

_WIDTH = 80
_quoted = partial(json.dumps, ensure_ascii=False)


@dataclass(frozen=True, slots=True, order=True)
class TargetProvider:
    """What one provider said on one machine; `by` names who gave the answer."""

    namespace: str
    by: str
    implements: tuple[Published, ...]
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
        """The target of these machines, in whatever order; equal kinds become one."""
        kinds: dict[tuple[Any, ...], list[Machine]] = {}
        for one in machines:
            kinds.setdefault((one.providers, one.made_by), []).append(one)
        merged = []
        for (providers, made_by), equal in kinds.items():
            names = tuple(sorted({name for one in equal for name in one.names}))
            merged.append(Machine(providers, names, made_by, max(one.made_at for one in equal)))
        return cls(tuple(sorted(merged)))

    @property
    def supported(self) -> Mapping[Published, TargetProvider]:
        """What all machines support, by provider; the first machine decides the order.

        A provider that is not named, as in lists that people write, goes by its namespace.
        """
        first, *others = [
            {
                identity: one
                for one in machine.providers
                for identity in one.implements or (Published("", "", one.namespace),)
            }
            for machine in self.machines
        ]
        supported: dict[Published, TargetProvider] = {}
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
        """What some machines support, best first, and this one does not, where there is any."""
        had = {
            one: dict.fromkeys(p for by in one.providers for p in by.properties)
            for one in self.machines
        }
        every = dict.fromkeys(p for properties in had.values() for p in properties)
        lost = {one: tuple(p for p in every if p not in own) for one, own in had.items()}
        return {one: properties for one, properties in lost.items() if properties}

    @classmethod
    def parse(cls, document: object, where: str) -> "Target":
        """Read parsed TOML; `where` names the file in errors. Raises `InvalidTarget`."""
        try:
            machines = Node(document, (), {}).get("machine", []).tables()
            if not machines:
                raise Fault("it is no target file: it has no [[machine]]")
            return cls.of(map(_machine, machines))
        except Fault as fault:
            raise InvalidTarget(f"{where}: {fault}") from None

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


def _machine(node: Node) -> Machine:
    version = node.get("format")
    if version.value != FORMAT:
        raise version.fault(f"must be {FORMAT}, the newest that this pip-variants reads")
    return Machine(
        tuple(map(_provider, node.get("provider", []).tables())),
        tuple(sorted({printable(name, 200) for name in node.get("names", []).texts()})),
        _text(node.get("made-by", "")),
        _text(node.get("made-at", "")),
    )


def _provider(node: Node) -> TargetProvider:
    namespace, implements = node.get("namespace"), node.get("implements", [])
    namespace.check(check_namespace, namespace.string())
    features = []
    for name, found in node.get("features", {}).children(check_feature).items():
        # A single value may stand without brackets.
        values = found if isinstance(found.value, list) else found._replace(value=[found.value])
        features.append(SupportedFeature(name, values.strings(check_value)))
    names = [printable(text, 200).split() for text in implements.texts()]
    if any(len(parts) != len(Published._fields) for parts in names):
        raise implements.fault("must name package, version and endpoint")
    identities = tuple(Published(*parts) for parts in names)
    return TargetProvider(namespace.value, _text(node.get("by", "")), identities, tuple(features))


def _text(node: Node) -> str:
    return printable(node.string(may_be_empty=True), 200)


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
