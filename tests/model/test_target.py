"""Target files: the laws of putting them together, and what is refused."""

from functools import reduce
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_variants.detection.targets import loads
from pip_variants.errors import InvalidTarget
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantProperty
from pip_variants.model.ordering import order
from pip_variants.model.published import Published
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.model.target import FORMAT, Machine, Target, TargetProvider

names = st.text("abc_1", min_size=1, max_size=3)
values = st.lists(st.sampled_from("v1 v2 v3 v4 9.0".split()), min_size=1, max_size=4, unique=True)
features = st.dictionaries(st.sampled_from(["level", "arch", "on"]), values, max_size=3).map(
    lambda found: tuple(SupportedFeature(name, tuple(some)) for name, some in found.items())
)
identities = st.sampled_from(
    [Published("p", "1", "p"), Published("p", "2", "p"), Published("q", "1", "q:r")]
)
texts = st.text(max_size=5).filter(str.isprintable)
providers = st.builds(
    TargetProvider,
    st.sampled_from(["x", "y"]),
    texts,
    st.lists(identities, min_size=1, max_size=2, unique=True).map(tuple),
    features,
)
machines = st.builds(
    Machine,
    st.lists(providers, max_size=3).map(tuple),
    st.lists(texts, max_size=2, unique=True).map(lambda found: tuple(sorted(found))),
    texts,
    st.sampled_from(["2026-01-01", "2026-12-31"]),
)
targets = st.lists(machines, min_size=1, max_size=3).map(Target.of)


def combined(one: Target, two: Target) -> Target:
    return Target.of((*one.machines, *two.machines))


@given(targets, targets, targets)
def test_combining_is_symmetric_associative_and_idempotent(
    one: Target, two: Target, three: Target
) -> None:
    assert combined(one, two) == combined(two, one)
    assert combined(combined(one, two), three) == combined(one, combined(two, three))
    assert combined(one, one) == one
    assert combined(combined(one, two), two) == combined(one, two)


@given(targets)
def test_a_file_holds_everything_and_files_may_follow_each_other(target: Target) -> None:
    assert loads(target.to_toml(), "here") == target
    assert loads(target.to_toml() + target.to_toml(), "here") == target


def fitting(target: Target, identity: Published, variants: list[Variant]) -> set[str]:
    found = target.supported.get(identity)
    support = {"n": NamespaceSupport(found.features if found else ())}
    return {variant.label for variant in order(variants, ("n",), support).best_first}


@given(st.lists(machines, min_size=1, max_size=3), identities, st.lists(features, max_size=4))
def test_what_fits_the_combination_fits_every_member(found, identity, wanted) -> None:
    variants = [
        Variant.of(
            f"l{number}", [VariantProperty("n", name, v) for name, some in features for v in some]
        )
        for number, features in enumerate(wanted)
    ]
    together = fitting(Target.of(found), identity, variants)
    assert together == fitting(
        reduce(combined, (Target.of([one]) for one in found)), identity, variants
    )
    for machine in found:
        assert together <= fitting(Target.of([machine]), identity, variants)


def machine(name: str, *levels: str) -> Machine:
    feature = (SupportedFeature("level", levels),) if levels else ()
    return Machine((TargetProvider("x", "me", (Published("p", "1", "p"),), feature),), (name,))


def test_what_is_lost_and_by_whom() -> None:
    target = Target.of(
        [machine("new", "v3", "v2"), machine("newer", "v4", "v3"), machine("new2", "v3", "v2")]
    )
    (found,) = target.supported.values()
    assert found.features == (SupportedFeature("level", ("v3",)),)
    lost = {
        machine.names: [str(one) for one in missing] for machine, missing in target.lost.items()
    }
    assert lost == {("new", "new2"): ["x :: level :: v4"], ("newer",): ["x :: level :: v2"]}


def test_the_order_of_files_does_not_matter() -> None:
    found = [machine("a", "v3", "v2"), machine("b", "v2", "v3"), machine("c", "v3", "v2", "v1")]
    assert len({Target.of(some) for some in permutations(found)}) == 1


GOOD = Target.of([machine("a", "v3")]).to_toml()


@pytest.mark.parametrize(
    ("today", "then", "complaint"),
    [
        (GOOD, "", r"here: it is no target file: it has no \[\[machine\]\]"),
        (GOOD, "machine = 3", "here: machine must be a list of tables, not 3"),
        (GOOD, "[[machine]]\nx", "here is not TOML"),
        (GOOD, "machine = [3]", "machine must be a list of tables"),
        (f"format = {FORMAT}\n", "", r"machine\.1\.format must be 1, .*, not None"),
        (
            f"format = {FORMAT}\n",
            f"format = {FORMAT + 1}\n",
            "must be 1, the newest that this pip-variants reads, not 2",
        ),
        (f"format = {FORMAT}\n", "format = 0\n", "must be 1, .*, not 0"),
        ('namespace = "x"', 'namespace = "X"', "invalid variant namespace"),
        ('level = ["v3"]', 'level = ["V3"]', "invalid variant value"),
        ('level = ["v3"]', 'level = ["v3", "v3"]', "level must not name anything twice"),
        ('level = ["v3"]', "level = []", "level must not be empty"),
        ('level = ["v3"]', '"le vel" = ["v3"]', "invalid variant feature"),
        ('["p 1 p"]', '["p 1"]', "must name package, version and endpoint"),
        ('["p 1 p"]', "3", "implements must be a list of strings"),
        ('["a"]', "[1]", "names must be a list of strings"),
        ('made-by = ""', "made-by = 3", "made-by must be a string"),
        ("[[machine.provider]]\n", "[machine.provider]\n", "provider must be a list of tables"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name(
    today: str, then: str, complaint: str
) -> None:
    assert today in GOOD
    with pytest.raises(InvalidTarget, match=complaint) as error:
        loads(GOOD.replace(today, then), "here")
    assert "here" in str(error.value)


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        loads(text, "here")
    except InvalidTarget as error:
        assert str(error).startswith("here")


OTHER = TargetProvider("y", "me", (Published("q", "1", "q"),), (SupportedFeature("on", ("yes",)),))


def test_what_machines_write_into_one_file_at_the_same_time_is_never_too_much() -> None:
    """A launcher passes on their lines as they come."""
    found = [
        Machine((*machine(*of).providers, OTHER), of[:1]) for of in (("a", "v4", "v3"), ("b", "v3"))
    ]
    right = {one for provider in Target.of(found).supported.values() for one in provider.properties}
    one, two = (Target.of([one]).to_toml().splitlines(keepends=True) for one in found)
    for first, second in product(range(1, len(one)), range(1, len(two))):
        mixed = [*one[:first], *two[:second], *one[first:], *two[second:]]
        try:
            target = loads("".join(mixed), "here")
        except InvalidTarget:
            continue
        given = {one for provider in target.supported.values() for one in provider.properties}
        assert given <= right


def test_terminal_escapes_are_not_kept() -> None:
    name = GOOD.replace('["a"]', '["\\u001b[31m"]')
    assert "\x1b" not in loads(name, "here").machines[0].names[0]


def test_long_lists_stand_on_several_lines() -> None:
    target = Target.of([machine("a", *(f"level{number:03}" for number in range(20)))])
    lines = target.to_toml().splitlines()
    assert 'level = ["level000", "level001", "level002", "level003", "level004",' in lines
    assert max(map(len, lines)) <= 80
    assert loads("\n".join(lines), "here") == target
