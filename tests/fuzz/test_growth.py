"""What an index or a file may make long costs in proportion to its length.

Counted, not timed: the steps of the interpreter within pip-variants, and the bytes in use at once.
Where the work is done by functions of C, which cannot be counted, the input is so long that a
quadratic one would need hours.
"""

import faulthandler
import gc
import json
import os
import sys
import tracemalloc
from itertools import cycle

import pytest
from fuzz.targets import ASKER, REFUSED, TARGETS, tried

from pip_variants.detection.targets import loads
from pip_variants.model.abi import AbiDependency
from pip_variants.model.filename import WheelFilename, split_index_metadata_filename
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import PluginProvider, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.model.published import Published
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.model.target import Machine, Target, TargetProvider
from pip_variants.reasons import reason
from pip_variants.selection import select

OURS = f"{os.sep}pip_variants{os.sep}"


def steps(call) -> int:
    """How many instructions of the interpreter a call executes in pip-variants."""
    count = 0

    def local(frame, event, _):
        nonlocal count
        count += event == "opcode"
        return local

    def trace(frame, event, _):
        if OURS not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def peak(call) -> int:
    """How many bytes are in use at once, if no garbage is collected: that depends on the past."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


def document(namespaces, variants, providers, version="0.2.0", **priorities) -> bytes:
    return json.dumps(
        {
            "$schema": f"https://x/v{version}.json",
            "default-priorities": {"namespace": namespaces, **priorities},
            "providers": providers,
            "variants": variants,
        }
    ).encode()


def chosen(data: bytes) -> None:
    """Read metadata and choose from it."""
    metadata = VariantMetadata.parse(data, "demo.json")
    ordering = select(metadata, metadata.variants, ASKER)
    for variant in ordering.best_first:
        ordering.deciding(variant)
    for rejection in ordering.rejected:
        assert reason(rejection)


def static(features: dict) -> dict:
    return {"a": {"static-properties": features, "feature-order": list(features)}}


def labels(count: int) -> bytes:
    values = [f"v{number}" for number in range(count)]
    return document(["a"], {one: {"a": {"f": [one]}} for one in values}, static({"f": values}))


def features(count: int, wanted: str) -> bytes:
    """As many labels as features; each label wants one feature, which is supported or not."""
    return document(
        ["a"],
        {f"l{one}": {"a": {f"f{one}": [wanted]}} for one in range(count)},
        static({f"f{one}": ["v"] for one in range(count)}),
    )


def drafts(count: int) -> bytes:
    """As many priorities as namespaces."""
    names = [f"n{one}" for one in range(count)]
    every = {one: {"f": ["v"]} for one in names}
    return document(
        names,
        {"l": every},
        {one: {"static-properties": {"f": ["v"]}} for one in names},
        "0.1.0",
        property=every,
    )


def builtins(count: int) -> bytes:
    """As many namespaces of ABI dependencies as labels."""
    names = [f"n{one}" for one in range(count)]
    return document(
        names,
        {one: {one: {"torch": ["1"]}} for one in names},
        {one: {"builtin": "abi_dependency"} for one in names},
    )


def machine(names, implements, found) -> str:
    lines = "".join(f"{name} = {json.dumps(values)}\n" for name, values in found.items())
    return (
        f"[[machine]]\nformat = 1\nnames = {json.dumps(names)}\n"
        f'[[machine.provider]]\nnamespace = "a"\nimplements = {json.dumps(implements)}\n'
        f"[machine.provider.features]\n{lines}"
    )


def common(text: str) -> None:
    target = loads(text, "here")
    assert target.supported
    assert target.lost is not None


def aliases(count: int) -> str:
    """Two machines whose provider goes by many names and has many features."""
    names = [f"p {one} p" for one in range(count)]
    found = {f"f{one}": ["v"] for one in range(count)}
    return machine(["one"], names, found) + machine(["two"], names, found | {"g": ["v"]})


def properties(count: int) -> MarkerContext:
    return MarkerContext(
        "v3", frozenset(VariantProperty("b", f"f{one}", "v") for one in range(count))
    )


def clauses(count: int) -> str:
    return "dep; " + " or ".join(["'a' in variant_namespaces"] * count)


def page(files, answer: bytes) -> None:
    TARGETS["page"](
        "".join(f'<a href="{one}">x</a>\n' for one in files).encode() + b"\n---\n" + answer
    )


def one_release(count: int, *levels: str) -> None:
    """Wheels that need one of the levels each, in turn."""
    names = [f"l{one}" for one in range(count)]
    needed = zip(names, cycle(levels), strict=False)
    variants = {name: {"a": {"level": [level]}} for name, level in needed}
    wheels = [f"demo-1.0-py3-none-any-{one}.whl" for one in names]
    page([*wheels, "demo-1.0-variants.json"], document(["a"], variants, {"a": {"requires": ["p"]}}))


def many_releases(count: int) -> None:
    answer = document(["a"], {"l": {"a": {"level": ["v9"]}}}, {"a": {"requires": ["p"]}})
    page(
        [
            f"demo-1.{one}-{rest}"
            for one in range(count)
            for rest in ("py3-none-any-l.whl", "variants.json")
        ],
        answer,
    )


# Each takes a length and returns the call that is measured, the input ready made.
COUNTED = {
    "labels": lambda n: (lambda data: lambda: chosen(data))(labels(n)),
    "labels that fit, features": lambda n: (lambda data: lambda: chosen(data))(features(n, "v")),
    "labels that do not, features": lambda n: (lambda data: lambda: chosen(data))(features(n, "w")),
    "namespaces, priorities of drafts": lambda n: (lambda data: lambda: chosen(data))(drafts(n)),
    "namespaces of ABI dependencies": lambda n: (lambda data: lambda: chosen(data))(builtins(n)),
    "releases": lambda n: (
        lambda: AbiDependency("t", tuple(str(2 * one) for one in range(n))).requirements
    ),
    "clauses, properties": lambda n: (
        lambda text, context: lambda: resolve_requirement(text, context)
    )(clauses(n), properties(n)),
    "aliases of a provider": lambda n: (lambda text: lambda: common(text))(aliases(n)),
    "machines of one kind": lambda n: (lambda text: lambda: loads(text, "here"))(
        "".join(machine([f"m{one}"], ["p 1 p"], {"f": ["v"]}) for one in range(n))
    ),
    "files of a release that fit": lambda n: lambda: one_release(n, "v3"),
    "files of a release that do not": lambda n: lambda: one_release(n, "v9"),
    "files of a release of which half do": lambda n: lambda: one_release(n, "v3", "v9"),
    "releases that do not fit": lambda n: lambda: many_releases(n),
}


@pytest.mark.parametrize("case", COUNTED)
def test_four_times_the_input_is_about_four_times_the_work(case: str) -> None:
    # What is made once is made, and Python 3.14 counts a function from its second call on.
    steps(COUNTED[case](20))
    short, long = (steps(COUNTED[case](length)) for length in (60, 240))
    assert short > 1000
    assert long < 4.6 * short  # quadratic parts make it more, up to 16 times


@pytest.mark.parametrize("case", COUNTED)
def test_four_times_the_input_needs_about_four_times_the_memory(case: str) -> None:
    COUNTED[case](20)()
    short, long = (peak(COUNTED[case](length)) for length in (60, 240))
    assert long < 5 * short


def supports(count: int) -> None:
    """The last of many values is the only one that is wanted and supported."""
    support = NamespaceSupport(
        (SupportedFeature("f", (*(f"s{one}" for one in range(count)), "z")),)
    )
    wanted = (*(f"w{one}" for one in range(count)), "z")
    assert support.best("f", wanted) == "z"


def values_apart(count: int) -> None:
    """Two machines with one value in common."""

    def kind(name: str) -> Machine:
        values = (*(f"{name}{one}" for one in range(count)), "both")
        provider = TargetProvider(
            "a", "", (Published("p", "1", "p"),), (SupportedFeature("f", values),)
        )
        return Machine((provider,), (name,))

    (found,) = Target.of([kind("one"), kind("two")]).supported.values()
    assert found.features == (SupportedFeature("f", ("both",)),)


def all_refused(count: int) -> None:
    spaces, dashes = " " * count, "-" * count
    assert tried(WheelFilename.parse, f"{dashes}.whl") is REFUSED
    assert split_index_metadata_filename(f"{dashes}-variants.json") is None
    assert split_index_metadata_filename(f"{dashes}1-variants.json")
    assert tried(VariantProperty.parse, "::" * count) is REFUSED
    assert (
        tried(resolve_requirement, f"a;{chr(39) * count} variant_label", MarkerContext()) is REFUSED
    )
    for between in (spaces, "[" * count, "." * count, f"[{spaces}", f"[]{spaces}"):
        assert resolve_requirement(f"a{between}!; variant_label == ''", MarkerContext())
        assert resolve_requirement(f"{between}a!; variant_label == ''", MarkerContext())
    for text in (f"a{dashes}!", f"{spaces}!", f"a{spaces}:{spaces}!"):
        assert PluginProvider((text,)).package
        data = document(["a"], {}, {"a": {"requires": ["p"], "plugin-api": text}})
        assert tried(VariantMetadata.parse, data, "demo.json") is REFUSED
    data = document(["a"], {}, {}, "/v0.2.0" * count)
    assert tried(VariantMetadata.parse, data, "demo.json") is REFUSED


# What is quadratic does 10**11 steps here.
LONG = {
    "regular expressions": lambda: all_refused(10**6),
    "wanted and supported values": lambda: supports(400_000),
    "values of two machines": lambda: values_apart(400_000),
}


@pytest.mark.parametrize("case", LONG)
def test_a_very_long_input_ends(case: str) -> None:
    faulthandler.dump_traceback_later(300, exit=True)  # rather than never
    try:
        LONG[case]()
    finally:
        faulthandler.cancel_dump_traceback_later()
