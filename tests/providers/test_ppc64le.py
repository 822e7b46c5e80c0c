"""The ppc64le provider: recorded machines, names of processors, and other machines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines

from pip_variants.providers.ppc64le import baseline, features_of
from pip_variants.providers.ppc64le import get_supported_configs as detect

MACHINES = Path(__file__).parent / "machines" / "ppc64le"
RECORDED = sorted(path.stem for path in MACHINES.glob("*.cpuinfo"))
ALL = ["power10", "power9", "power8"]


def names(*cpus: str) -> list[str]:
    (feature,) = features_of("".join(f"processor\t: 0\ncpu\t\t: {cpu}\n\n" for cpu in cpus))
    assert feature.name == "microarchitecture"
    return list(feature.values)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_machine(name, be):
    be("ppc64le", (MACHINES / f"{name}.cpuinfo").read_text())
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


@pytest.mark.parametrize(
    ("cpu", "found"),
    [
        ("POWER8E (raw), altivec supported", ALL[2:]),
        ("POWER8NVL (raw), altivec supported", ALL[2:]),
        ("POWER9, altivec supported", ALL[1:]),
        ("POWER9 (architected), altivec supported", ALL[1:]),
        ("POWER10 (architected), altivec supported", ALL),
        ("Power11 (architected), altivec supported", ALL),
        ("POWER12", ALL),
        ("PPC970MP, altivec supported", ALL[2:]),
    ],
)
def test_name_of_a_processor(cpu, found):
    assert names(cpu) == found


@given(st.lists(st.integers(8, 20), min_size=1))
def test_the_oldest_processor_decides(generations):
    assert names(*(f"POWER{n}" for n in generations)) == names(f"POWER{min(generations)}")


@given(st.text() | st.text(st.sampled_from("cpu\t: POWER019\n")))
def test_nothing_that_is_read_makes_it_fail(text):
    assert names(text)[-1] == features_of(text)[0].values[-1] == "power8"


def test_cpuinfo_that_is_not_there_is_power8(be):
    be("ppc64le")
    assert lines(detect()) == ["microarchitecture :: power8"]


@pytest.mark.parametrize("machine", ["ppc64", "ppc", "x86_64", "aarch64", "s390x"])
def test_other_architecture_has_nothing(machine, be):
    be(machine, "cpu\t\t: POWER10 (raw), altivec supported\n")
    assert list(detect()) == []


def test_the_log_says_what_was_seen(be, caplog):
    caplog.set_level("INFO")
    be("ppc64le", "cpu\t\t: POWER9 (raw), altivec supported\n")
    assert detect()
    assert "cpu: POWER9 (raw), altivec supported" in caplog.text


def test_baseline():
    assert lines(baseline("manylinux_2_28_ppc64le")) == ["microarchitecture :: power8"]
    assert list(baseline("manylinux_2_28_x86_64")) == []
