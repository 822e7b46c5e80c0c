"""Inputs that are nearly right: of the words that the formats know, put together in any way."""

import json

import pytest
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pip_variants.detection import ANSWER

SMALL = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

escapes = st.sampled_from(
    ("\x1b[31m", "\n", "\x00", "\u202e", "\ud800", "é", "A", "", " ", "9" * 4400)
)
names = st.sampled_from(
    ("a", "b", "x86_64", "level", "v3", "null", "1", "2.9", "torch", "abi_dependency")
)
rarely = st.sampled_from([False] * 59 + [True])
mostly_names = rarely.flatmap(lambda odd: escapes if odd else names)


def lists(items, **sizes):
    return st.lists(items, max_size=3, **sizes)


def objects(keys, values, **sizes):
    return st.dictionaries(keys, values, max_size=3, **sizes)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | mostly_names,
    lambda inner: lists(inner) | objects(mostly_names, inner),
    max_leaves=6,
)


def mostly(good):
    """Now and then something else."""
    return rarely.flatmap(lambda odd: anything if odd else good)


name_lists = mostly(lists(mostly_names, min_size=1, unique=True))
features = mostly(objects(mostly_names, name_lists))
providers = st.fixed_dictionaries(
    {},
    optional={
        "static-properties": features,
        "feature-order": name_lists,
        "requires": name_lists,
        "plugin-api": mostly(st.sampled_from(("a:b", "a.b", "a : b.c", "!"))),
        "builtin": mostly(st.just("abi_dependency")),
        "optional": mostly(st.booleans()),
        "enable-if": mostly(st.just("python_version > '3'")),
        "install-time": mostly(st.booleans()),
    },
)
schemas = st.sampled_from(("0.0.3", "0.1.0", "0.1.1", "0.2.0", "0.2.0", "1.9.0", "2.0.0"))


@st.composite
def documents(draw):
    """Variant metadata whose parts mostly go together."""
    namespaces = draw(lists(names, min_size=1, unique=True))
    plugins = {one: {"requires": [one]} for one in namespaces}
    document = {
        "$schema": draw(mostly(schemas.map("https://x/v{}.json".format))),
        "default-priorities": draw(
            mostly(
                st.fixed_dictionaries(
                    {"namespace": st.just(namespaces)},
                    optional={
                        "feature": features,
                        "property": mostly(objects(mostly_names, features)),
                    },
                )
            )
        ),
        "providers": draw(
            mostly(
                st.sampled_from(
                    (plugins, plugins, {one: {"builtin": "abi_dependency"} for one in namespaces})
                )
                | st.fixed_dictionaries({one: providers for one in namespaces})
            )
        ),
        "static-properties": draw(
            mostly(st.just({}) | objects(st.sampled_from(namespaces), features))
        ),
        "variants": draw(
            mostly(
                objects(
                    mostly_names, mostly(objects(st.sampled_from(namespaces), features, min_size=1))
                )
            )
        ),
    }
    if draw(rarely):
        del document[draw(st.sampled_from(tuple(document)))]
    return document


def encoded(value) -> bytes:
    return json.dumps(value).encode()


metadata = st.lists(documents().map(encoded), min_size=1, max_size=2).map(b"\n---\n".join)

filename = st.tuples(
    st.lists(mostly_names | st.sampled_from(("demo", "1.0", "py3", "any", "1_x")), max_size=8).map(
        "-".join
    ),
    st.sampled_from((".whl", ".whl", "-variants.json", "")),
).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))

name = (
    st.lists(mostly_names, max_size=4)
    .flatmap(lambda parts: st.sampled_from(("::", " :: ", ".", "")).map(lambda by: by.join(parts)))
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)

words = st.sampled_from(
    "and or not in ( ) == != === >= ~= variant_label variant_properties variant_features "
    "variant_namespaces os.name python_version extra 'v3' '' \"x86_64 :: level :: v3\" 'x86_64'".split(
        " "
    )
)
clauses = st.sampled_from(
    (
        "variant_label == 'v3'",
        "'x86_64' in variant_namespaces",
        "'x86_64::level' not in variant_features",
        "os.name == 'nt'",
        'extra == "a"',
    )
)
markers = st.recursive(
    clauses,
    lambda inner: (
        inner.map("({})".format)
        | st.lists(inner, min_size=2, max_size=3).map(" and ".join)
        | st.lists(inner, min_size=2, max_size=3).map(" or ".join)
    ),
    max_leaves=8,
)
marker = st.tuples(
    st.sampled_from(("dep", "dep[a] >= 1", "dep @ https://x/;y", " d @ file:z ", "")),
    st.sampled_from((";", " ; ", "")),
    st.integers(0, 3).flatmap(
        lambda number: markers if number else st.lists(words | escapes).map(" ".join)
    ),
).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))


def _toml(value) -> str:
    """A value as TOML writes it; some that JSON has and TOML has not are kept as they are."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
        )
    return (
        "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)
    )


def _table(head: str, keys) -> st.SearchStrategy[str]:
    written = keys.map(
        lambda found: "".join(f"{key} = {_toml(one)}\n" for key, one in found.items())
    )
    return written.map(f"[[{head}]]\n{{}}".format)


identities = lists(mostly(st.sampled_from(("p 1 p", "p 2 p:q"))), min_size=1)
machine_tables = _table(
    "machine",
    st.fixed_dictionaries(
        {"format": mostly(st.just(1))},
        optional={
            "names": name_lists,
            "made-by": mostly(mostly_names),
            "made-at": mostly(mostly_names),
        },
    ),
)
provider_tables = _table(
    "machine.provider",
    st.fixed_dictionaries(
        {
            "namespace": mostly(names),
            "implements": identities,
            "features": mostly(
                objects(names, mostly(lists(names, min_size=1, unique=True) | names))
            ),
        },
        optional={"by": mostly_names},
    ),
)
target_file = (
    st.lists(
        st.tuples(machine_tables, lists(provider_tables).map("".join)).map("".join),
        min_size=1,
        max_size=3,
    )
    .map("".join)
    .map(lambda text: text.encode("utf-8", "replace"))
)

feature = st.fixed_dictionaries(
    {"name": mostly(mostly_names), "values": mostly(lists(mostly_names, min_size=1))}
)
odd = objects(st.sampled_from(("odd", "a", "b")), st.just(1))
provider_answer = mostly(lists(mostly(feature | odd))).map(encoded)

_texts = mostly(lists(mostly_names))
answers = st.fixed_dictionaries(
    {},
    optional={
        "features": mostly(lists(mostly(st.tuples(names, _texts).map(list)))),
        "devices": mostly(st.just([])),
        "absent": mostly(mostly_names),
        "remedy": mostly(mostly_names),
        "by": mostly(mostly_names),
        "notes": _texts,
        "warnings": _texts,
        "namespaces": _texts,
        "broken": mostly(objects(mostly_names, mostly_names)),
        "toml": mostly(mostly_names),
        "holds": mostly(st.booleans()),
        "failed": mostly(mostly_names),
        "is_target": st.just(True),
    },
)
lines = st.one_of(
    mostly(answers).map(lambda found: ANSWER.encode() + encoded(found)),
    st.sampled_from((b"", b"Traceback", b"\xff", ANSWER.encode(), ANSWER.encode() + b"{}")),
)
process_output = st.lists(lines, max_size=5).map(
    lambda found: b"\n".join([ANSWER.encode() + b"{}", *found])
)

files = st.tuples(
    st.sampled_from(
        ("", "", "", "../", "https://other.invalid/", "file:///nowhere/", "file://host/", "//[")
    ),
    st.sampled_from(("demo", "demo", "demo", "Demo", "other", "demo%1b")),
    st.sampled_from(("-1.0", "-1.0", "-2.0", "-2.0rc1", "-x")),
    st.sampled_from(
        ("-variants.json", ".tar.gz")
        + tuple(
            f"-{tags}{label}.whl"
            for tags in ("py3-none-any", "1-py3-none-any")
            for label in ("", "-v3", "-null")
        )
    ),
    st.sampled_from(("", "", "#sha256=" + "0" * 64, "#sha256=%1b", "?a=b", "#egg=x")),
).map("".join)
html = st.lists(files.map('<a href="{}">x</a>'.format), max_size=8).map(
    lambda found: "\n".join(found).encode()
)
entries = st.tuples(
    files,
    st.fixed_dictionaries(
        {},
        optional={
            "hashes": mostly(
                objects(st.sampled_from(("sha256", "md5", "shake_128", "x")), mostly(mostly_names))
            ),
            "yanked": mostly(st.booleans()),
            "requires-python": mostly(st.just(">=3")),
            "core-metadata": mostly(st.booleans()),
        },
    ),
).map(
    lambda found: {
        "filename": found[0].rpartition("/")[2],
        "url": found[0],
        "hashes": {},
        **found[1],
    }
)
listings = st.lists(entries, max_size=8).map(
    lambda found: encoded({"meta": {"api-version": "1.0"}, "name": "demo", "files": found})
)
of_demo = st.just(
    {
        "$schema": "https://x/v0.2.0.json",
        "default-priorities": {"namespace": ["a"]},
        "providers": {"a": {"requires": ["p"]}},
        "variants": {"v3": {"a": {"level": ["v3"]}}},
    }
)
page = st.tuples(html | listings, (of_demo | documents()).map(encoded)).map(b"\n---\n".join)

STRATEGIES = {one: globals()[one] for one in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_nearly_right_is_read_or_refused(target: str) -> None:
    @SMALL
    @given(STRATEGIES[target])
    def holds(data: bytes) -> None:
        TARGETS[target](data)

    holds()
