"""Index sets: what is read, what is refused and by which words, and what a release's builds are."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.toml import tomllib

from pip_variants.errors import InvalidIndexSet
from pip_variants.model.index_set import IndexSet
from pip_variants.model.metadata import PluginProvider, StaticProvider
from pip_variants.model.ordering import Ordering

TEXT = """
format = 1
name = "acme"
base = "https://wheels.example.org/whl"
projects = ["Acme_Solver", "acme-viewer"]
known = ["acme-solver<4"]

[default-priorities]
namespace = ["nvidia", "acme"]

[providers.acme]
requires = ["acme-variants>=1"]

[builds.cuda]
properties.nvidia = { cuda_version_lower_bound = ["12.8", "12.0"] }

[[builds.cuda.exceptions]]
for = "acme-solver>=3"
properties.nvidia = { cuda_version_lower_bound = ["13.0"] }

[[builds.cuda.exceptions]]
for = "acme-solver"
properties.acme.engine = ["mk2"]

[builds.cpu]
find-links = "https://elsewhere.example.org/all.html"
"""


def parse(text: str, **options: str) -> IndexSet:
    return IndexSet.parse(tomllib.loads(text), "acme.toml", **options)


def test_what_is_read() -> None:
    found = parse(TEXT)
    assert (found.name, found.projects, found.known) == (
        "acme",
        frozenset({"acme-solver", "acme-viewer"}),
        ("acme-solver<4",),
    )
    cuda, cpu = found.builds
    assert (cuda.label, cuda.page("acme-solver")) == (
        "cuda",
        "https://wheels.example.org/whl/cuda/acme-solver/",
    )
    assert (cpu.label, cpu.page("acme-solver")) == ("cpu", "https://elsewhere.example.org/all.html")
    assert cpu.usual.features == ()
    assert found.providers["acme"] == PluginProvider(("acme-variants>=1",))
    assert isinstance(found.providers["nvidia"], PluginProvider)  # built in, and left out


def test_a_mirror_takes_the_place_of_the_base() -> None:
    found = parse(TEXT, mirror="https://mirror.example.org/a")
    assert found.builds[0].url == "https://mirror.example.org/a/cuda"
    assert found.builds[1].url == "https://elsewhere.example.org/all.html"
    with pytest.raises(InvalidIndexSet, match="base"):
        parse(TEXT.replace("base =", "# base ="), mirror="https://mirror.example.org/a")


def test_beside_the_file() -> None:
    text = TEXT.replace("base =", "# base =").replace(
        "[builds.cuda]", '[builds.cuda]\nindex = "here/cuda"'
    )
    assert (
        parse(text, beside="file:///srv/sets/acme.toml").builds[0].url
        == "file:///srv/sets/here/cuda"
    )


@pytest.mark.parametrize(
    ("held", "properties"),
    [
        ({"acme-solver>=3", "acme-solver"}, ["nvidia :: cuda_version_lower_bound :: 13.0"]),
        ({"acme-solver"}, ["acme :: engine :: mk2"]),
        (
            set(),
            [
                "nvidia :: cuda_version_lower_bound :: 12.0",
                "nvidia :: cuda_version_lower_bound :: 12.8",
            ],
        ),
    ],
)
def test_the_first_exception_that_holds_counts(held: set[str], properties: list[str]) -> None:
    metadata = parse(TEXT).metadata(held.__contains__)
    assert [str(one) for one in metadata.variants["cuda"].properties] == properties
    assert metadata.variants["cpu"].properties == ()
    metadata.serialise()  # what is installed is described by it


def test_a_static_provider() -> None:
    found = parse(
        TEXT.replace('requires = ["acme-variants>=1"]', 'static-properties.engine = ["mk2"]')
    )
    assert isinstance(found.providers["acme"], StaticProvider)


FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "format": (lambda text: text.replace("format = 1", "format = 2"), "format must be 1"),
    "no name": (
        lambda text: text.replace("name = ", "# ", 1),
        "name must be a non-empty string, not None",
    ),
    "no builds": (lambda text: text.partition("[builds")[0], "builds must be an object"),
    "no build": (
        lambda text: text.partition("[builds")[0] + "[builds]",
        "builds must have at least one build",
    ),
    "a project with a version": (
        lambda text: text.replace("acme-viewer", "acme-viewer>2"),
        "acme-viewer>2",
    ),
    "a label": (lambda text: text.replace("builds.cpu", 'builds."C P"'), "C P"),
    "a namespace": (lambda text: text.replace("properties.acme", "properties.acne"), "acne"),
    "nobody to ask": (
        lambda text: text.replace("providers.acme", "providers.other"),
        "providers.acme",
    ),
    "no URL": (
        lambda text: text.replace("https://elsewhere", "elsewhere:/"),
        "builds.cpu.find-links",
    ),
    "both": (lambda text: text.replace("find-links =", 'index = "a"\nfind-links ='), "builds.cpu"),
    "a key": (
        lambda text: text.replace("exceptions", "exeptions"),
        "builds.cuda.exeptions is not known in format 1",
    ),
    "a key of an exception": (
        lambda text: text.replace("for = ", "four = ", 1),
        "builds.cuda.exceptions.1.for must",
    ),
    "values": (
        lambda text: text.replace('["mk2"]', "2"),
        "builds.cuda.exceptions.2.properties.acme.engine must be a list",
    ),
    "no table": (lambda _: "format = 1\nbuilds = 3", "must be"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_with_its_place(fault: str) -> None:
    change, said = FAULTS[fault]
    assert change(TEXT) != TEXT
    with pytest.raises(InvalidIndexSet) as caught:
        parse(change(TEXT))
    assert str(caught.value).startswith("acme.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from("format name base projects known builds default-priorities providers cuda index for".split()), one
)))  # fmt: skip
def test_anything_is_a_set_or_refused(document: object) -> None:
    try:
        IndexSet.parse(document, "acme.toml")
    except InvalidIndexSet as error:
        assert str(error).startswith("acme.toml: ")


@given(st.permutations(["c", "a", "b"]))
def test_where_properties_do_not_decide_the_file_does(labels: list[str]) -> None:
    builds = "\n".join(f"[builds.{label}]" for label in labels)
    found = parse(TEXT.partition("[builds")[0] + builds)
    metadata = found.metadata(lambda _: False)
    ordering = found.in_order(Ordering(tuple(metadata.variants[one] for one in "abc")))
    assert [one.label for one in ordering.best_first] == labels
