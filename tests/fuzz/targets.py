"""What is fuzzed: one function for each surface that reads what others wrote.

Each takes bytes and returns nothing. It raises if something else than an error of ours comes out,
if an error's text is not fit for a terminal, or if a law of the surface does not hold.
"""

import io
import json
import os
from types import SimpleNamespace
from typing import Any

from pip_variants.detection import client, registry, targets, worker
from pip_variants.errors import (
    DetectionError,
    InvalidTarget,
    InvalidVariantMetadata,
    PipVariantsError,
    printable,
)
from pip_variants.model import markers, names
from pip_variants.model.abi import abi_dependencies, belongs_to
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
from pip_variants.model.metadata import (
    PluginProvider,
    Variant,
    VariantMetadata,
    combine_all,
)
from pip_variants.model.names import VariantProperty
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.reasons import reason
from pip_variants.selection import Choices, select

REFUSED = object()


def fit_for_a_terminal(text: str) -> None:
    assert text.isprintable(), ascii(text[:500])
    assert len(printable(text)) <= 600


def tried(call, *args, may=(PipVariantsError,)) -> Any:
    """What the call returns, or REFUSED if it raises what it may."""
    try:
        return call(*args)
    except may as error:
        fit_for_a_terminal(str(error))
        return REFUSED


def text_of(data: bytes) -> str:
    """Any text can be made: bytes that are not UTF-8 are lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


class Asker:
    """A machine that supports a little of everything."""

    support = NamespaceSupport(
        (SupportedFeature("level", ("v3", "v2", "v1")), SupportedFeature("a", ("2.9", "1")))
    )

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        assert provider.package
        assert provider.endpoint
        return self.support

    def listed(self, namespace: str, provider: PluginProvider | None) -> NamespaceSupport | None:
        return self.support if len(namespace) % 3 == 0 else None

    def supported_in(self, namespace: str) -> NamespaceSupport:
        return NamespaceSupport(absent="no provider of it is installed")


ASKER = Asker()
CHOICES = Choices(frozenset(["a"]), frozenset(["disabled"]), (("a", "level", "v1"), ("b",)))


def metadata(data: bytes) -> None:
    """`variant.json`, `{name}-{version}-variants.json`: read, written, combined, selected from.

    Several have lines of `---` between them.
    """
    pieces = data.split(b"\n---\n")
    every = [tried(VariantMetadata.parse, one, "demo.json") for one in pieces]
    if REFUSED in every:
        return
    named = {str(number): one for number, one in enumerate(every)}
    found = tried(combine_all, named)
    assert tried(combine_all, dict(reversed(named.items()))) == found
    if found is REFUSED:
        return
    assert found.combine(found) == found
    written = tried(found.serialise, may=(InvalidVariantMetadata,))
    if written is not REFUSED:
        again = VariantMetadata.parse(written, "demo.json")
        assert again.serialise() == written
        assert (again.variants, again.providers) == (found.variants, found.providers)
    ordering = select(found, [*found.variants, "unlisted"], ASKER, CHOICES)
    usable = {variant.label for variant in ordering.best_first}
    rejected = {one.label for one in ordering.rejected}
    assert usable | rejected == {*found.variants, "unlisted"}
    assert not usable & rejected
    for rejection in ordering.rejected:
        fit_for_a_terminal(printable(f"{rejection.label} {reason(rejection)}"))
    for variant in ordering.best_first:
        assert set(ordering.deciding(variant)) <= set(variant.properties)
        assert Variant.of(variant.label, variant.properties) == variant
        markers.resolve("'a :: b' in variant_features", markers.MarkerContext.of(variant))
        for dependency in abi_dependencies(variant, found):
            assert all(belongs_to(one, one) for one in dependency.releases)
            assert all(one.startswith(dependency.package) for one in dependency.requirements)


def filename(data: bytes) -> None:
    """Names of wheels and of index-level metadata."""
    text = text_of(data)
    wheel = tried(WheelFilename.parse, text)
    if wheel is not REFUSED:
        assert str(wheel) == text
        assert WheelFilename.parse(str(wheel.with_label(None))).label is None
        assert WheelFilename.parse(str(wheel.with_label("null"))).label == "null"
    if parts := split_index_metadata_filename(text):
        written = index_metadata_filename(*parts)  # which spells the name as wheels do
        again = split_index_metadata_filename(written)
        assert again
        assert index_metadata_filename(*again) == written


def name(data: bytes) -> None:
    """Labels, namespaces, features, values and properties."""
    text = text_of(data)
    for check in (
        names.check_label,
        names.check_namespace,
        names.check_feature,
        names.check_value,
    ):
        assert tried(check, text) in (text, REFUSED)
        tried(check, data)
    parsed = tried(VariantProperty.parse, text)
    if parsed is not REFUSED:
        assert VariantProperty.parse(str(parsed)) == parsed
        assert "::".join(parsed) == "".join(text.split())
    assert len(printable(text, 50)) <= 50
    fit_for_a_terminal(printable(text))
    assert printable(printable(text)) == printable(text)


CONTEXTS = (
    markers.MarkerContext(),
    markers.MarkerContext("v3", frozenset([VariantProperty("x86_64", "level", "v3")])),
)


def marker(data: bytes) -> None:
    """Dependencies with markers."""
    text = text_of(data)
    for context in CONTEXTS:
        left = tried(markers.resolve_requirement, text, context)
        if isinstance(left, str):
            assert markers.resolve_requirement(left, context) == left
        tried(markers.resolve, text, context)


def target_file(data: bytes) -> None:
    """Target files, as `detection.targets.read` reads them once it has the bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    target = tried(targets.loads, text, "here")
    if target is REFUSED:
        return
    assert targets.loads(target.to_toml(), "here") == target
    assert type(target).of((*target.machines, *target.machines)) == target
    for identity, provider in target.supported.items():
        assert identity in (provider.implements or [("", "", provider.namespace)])
        for one in provider.properties:
            assert VariantProperty.parse(str(one)) == one
    assert set(target.lost) <= set(target.machines)
    for machine in target.machines:
        for said in (*machine.names, machine.made_by, machine.made_at):
            fit_for_a_terminal(said)


class Odd:
    """What only foreign code can answer with."""

    def __init__(self, kind: int) -> None:
        self.kind = kind

    @property
    def name(self) -> str:
        if self.kind == 1:
            raise KeyError("\x1b[31m")
        return "odd"

    @property
    def values(self) -> Any:
        if self.kind == 2:
            raise SystemExit("\x1b[31m")
        return (Odd(3) for _ in range(self.kind))

    def __iter__(self) -> Any:
        yield self
        raise RuntimeError("no more")

    def __hash__(self) -> int:
        raise TypeError("unhashable")

    def __repr__(self) -> str:
        if self.kind == 3:
            raise ValueError("no text")
        return "\x1b[31m"


def _foreign(value: Any) -> Any:
    """JSON as a provider's answer: objects are objects, and a few are odd."""
    if isinstance(value, dict):
        if "odd" in value:
            return Odd(len(value))
        return SimpleNamespace(**{key: _foreign(one) for key, one in value.items()})
    return [_foreign(one) for one in value] if isinstance(value, list) else value


def provider_answer(data: bytes) -> None:
    """What a provider's `detect` returns, up to what pip gets to read."""
    try:
        answer = _foreign(json.loads(data))
    except (ValueError, RecursionError):
        return
    # Where there may be control characters in foreign text, pip makes it printable.
    try:
        found = registry._ask(lambda: answer, "me")
    except PipVariantsError as error:
        fit_for_a_terminal(printable(str(error)))
        return
    asked: Any = SimpleNamespace(said=lambda: found)
    line = json.dumps(worker._answer(asked, "said"))
    assert client._said(json.loads(line)).support == found.support


class Fed(client.Detection):
    """Has one process, which is none: where a real one would be started again, it is over."""

    def _start(self) -> None:
        if self._process is None:
            raise DetectionError("it has ended")

    def close(self) -> None:
        self._process = None


def process_output(data: bytes) -> None:
    """What the detection process writes, and whatever its providers write between."""
    questions = (
        lambda ask: ask.supported(PluginProvider(("p",))),
        lambda ask: ask.supported_in("a"),
        lambda ask: ask.machine(["b"]),
        lambda ask: ask.everything(),
    )
    for question in questions:
        process: Any = SimpleNamespace(
            stdin=io.StringIO(),
            stdout=io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace"),
            returncode=0,
            wait=lambda _: None,
        )
        warned: list[str] = []
        ask = Fed(warn=warned.append)
        ask._process = process
        ask._output.read(process.stdout)
        try:
            said = question(ask)
        except (DetectionError, InvalidTarget) as error:
            fit_for_a_terminal(printable(str(error)))
            continue
        if isinstance(said, NamespaceSupport):
            said.preferring(("a",), {"a": ("b",)})
            assert isinstance(hash(said), int)
            assert all(isinstance(one, str) for _, values in said.features for one in values)
        assert all(isinstance(one, str) for one in warned)


def page(data: bytes) -> None:
    """An index page, then a line of `---`, then what the index says of each release's variants."""
    from fuzz import pages

    listing, _, answer = data.partition(b"\n---\n")
    pages.check(listing, answer)


TARGETS = {
    one.__name__: one
    for one in (
        metadata,
        filename,
        name,
        marker,
        target_file,
        provider_answer,
        process_output,
        page,
    )
}
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
