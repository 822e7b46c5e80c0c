"""The s390x provider: recorded machines, what each generation needs, and other machines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines

from pip_variants.providers.s390x import features_of
from pip_variants.providers.s390x import get_supported_configs as detect

MACHINES = Path(__file__).parent / "machines" / "s390x"
RECORDED = sorted(path.stem for path in MACHINES.glob("*.cpuinfo"))
ALL = ["z17", "z16", "z15", "z14", "z13"]

# Linux, arch/s390/kernel/processor.c, setup_elf_platform.
TYPES = {
    "2817": None,  # z196
    "2827": None,  # zEC12
    "2964": "z13",
    "2965": "z13",
    "3906": "z14",
    "3907": "z14",
    "8561": "z15",
    "8562": "z15",
    "3931": "z16",
    "3932": "z16",
    "9175": "z17",
    "9176": "z17",
}
# What glibc asks for before it loads a library of the generation, and decimal numbers: QEMU has none.
NEEDED = {
    "z13": {"dfp", "vx"},
    "z14": {"vxd", "vxe", "gs"},
    "z15": {"vxe2", "vxp"},
    "z16": {"vxp2"},
    "z17": {"84", "198", "199", "201"},
}
LISTED = frozenset().union(*NEEDED.values())


def linux(machines: list[str], listed: frozenset[str]) -> str:
    words = sorted(one for one in listed if not one.isdigit())
    numbers = sorted(one for one in listed if one.isdigit())
    processors = (
        f"processor {n}: version = FF,  identification = 118F67,  machine = {machine}"
        for n, machine in enumerate(machines)
    )
    head = f"features\t: {' '.join(words)} \nfacilities      : {' '.join(numbers)} \n"
    return head + "\n".join(processors) + "\n"


def names(machines: list[str], listed: frozenset[str] = LISTED) -> list[str]:
    return [line.removeprefix("microarchitecture :: ") for line in found(machines, listed)]


def found(machines: list[str], listed: frozenset[str]) -> list[str]:
    return lines(features_of(linux(machines, listed)))


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_machine(name, be):
    be("s390x", (MACHINES / f"{name}.cpuinfo").read_text())
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


@pytest.mark.parametrize("name", ALL)
def test_a_machine_that_has_what_a_generation_needs(name):
    machine = next(machine for machine, value in TYPES.items() if value == name)
    listed = frozenset().union(*(NEEDED[one] for one in ALL[ALL.index(name) :]))
    assert names([machine], listed) == names([machine]) == ALL[ALL.index(name) :]


@pytest.mark.parametrize(("name", "missing"), [(n, f) for n in NEEDED for f in sorted(NEEDED[n])])
def test_a_generation_needs_everything_of_it(name, missing):
    assert names(["9175"], LISTED - {missing}) == ALL[ALL.index(name) + 1 :]


@pytest.mark.parametrize("machine", [machine for machine in TYPES if TYPES[machine]])
def test_no_generation_is_newer_than_the_machine(machine):
    assert names([machine])[0] == TYPES[machine]


@pytest.mark.parametrize("machine", [machine for machine in TYPES if not TYPES[machine]])
def test_machine_before_vectors_has_nothing(machine):
    assert names([machine], frozenset({"esan3", "zarch", "stfle", "te"})) == []


@given(st.lists(st.sampled_from(sorted(TYPES))), st.frozensets(st.sampled_from(sorted(LISTED))))
def test_generations_have_no_gap(machines, listed):
    some = names(machines, listed)
    assert some == ALL[len(ALL) - len(some) :]


@given(st.lists(st.sampled_from(sorted(TYPES)), min_size=1), st.sampled_from(sorted(TYPES)))
def test_the_oldest_machine_decides(machines, another):
    assert set(names([*machines, another])) <= set(names(machines))


@given(st.text() | st.text(st.sampled_from("machine = features\t: vxde gs2\n1976")))
def test_nothing_that_is_read_makes_it_fail(text):
    assert all(feature.values for feature in features_of(text))


@pytest.mark.parametrize("text", [None, "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"])
def test_without_its_lines_nothing_is_known(text, be):
    be("s390x", text)
    assert list(detect()) == []


@pytest.mark.parametrize("machine", ["s390", "x86_64", "aarch64", "ppc64le"])
def test_other_architecture_has_nothing(machine, be):
    be(machine, linux(["3931"], LISTED))
    assert list(detect()) == []


def test_the_log_says_what_was_seen_and_what_was_missing(be, caplog):
    caplog.set_level("INFO")
    be("s390x", linux(["3931"], LISTED - {"vxp2"}))
    assert detect()
    assert "machine: 3931" in caplog.text
    assert "not z16: Linux does not list vxp2" in caplog.text
