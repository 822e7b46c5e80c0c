"""The riscv64 provider: recorded machines, isa lines, and other machines."""

from pathlib import Path

import pytest
from archspec.cpu import TARGETS
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines

from pip_variants.providers.riscv64 import (
    EXTENSIONS,
    baseline,
    extensions_of,
    features_of,
)
from pip_variants.providers.riscv64 import (
    get_supported_configs as detect,
)

MACHINES = Path(__file__).parent / "machines" / "riscv64"
RECORDED = sorted(path.stem for path in MACHINES.glob("*.cpuinfo"))
PROFILES = ["rva23u64", "rva22u64", "rva20u64"]

# RVA22U64 and RVA23U64, mandatory extensions; without hints, counters and promises about memory.
RVA22 = {"zba", "zbb", "zbs", "zicbom", "zicboz", "zfhmin", "zkt"}
RVA23 = {"v", "zvfhmin", "zvbb", "zvkt", "zicond", "zimop", "zcmop", "zcb", "zfa", "zawrs", "supm"}
ALL = frozenset("imafdc") | RVA22 | RVA23

isas = st.frozensets(st.sampled_from(sorted(ALL.union(EXTENSIONS))))


def isa(extensions: frozenset[str] | set[str]) -> str:
    letters = "".join(letter for letter in "imafdcbv" if letter in extensions)
    return "_".join([f"rv64{letters}", *sorted(one for one in extensions if len(one) > 1)])


def linux(*harts: str, identity: str = "mvendorid\t: 0x710\nmarchid\t\t: 0x8\n") -> str:
    return "\n".join(
        f"processor\t: {number}\nisa\t\t: {line}\nmmu\t\t: sv39\n{identity}"
        for number, line in enumerate(harts)
    )


def profiles(extensions: frozenset[str]) -> list[str]:
    found = {one.name: list(one.values) for one in features_of(linux(isa(extensions)))}
    return found.get("profile", [])


# Recorded machines


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_machine(name, be):
    be("riscv64", (MACHINES / f"{name}.cpuinfo").read_text())
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_recorded_machines_cover_every_profile():
    firsts = {(MACHINES / f"{name}.expected").read_text().split("\n")[0] for name in RECORDED}
    assert firsts == {f"profile :: {profile}" for profile in PROFILES}


# Profiles and extensions


@pytest.mark.parametrize("missing", sorted(ALL))
def test_a_profile_needs_every_extension_of_it(missing):
    best = 1 if missing in RVA23 else 2  # the first one holds for all that run wheels
    listed = ALL - {missing} - ({"zvkb"} if missing == "zvbb" else set())
    assert profiles(listed) == PROFILES[best:]


def test_a_profile_needs_nothing_else():
    assert profiles(ALL) == PROFILES


@given(isas)
def test_profiles_have_no_gap_and_the_order_is_the_documented_one(extensions):
    features = features_of(linux(isa(extensions)))
    names = [feature.name for feature in features]
    found = [name for name in EXTENSIONS if name in names]
    assert names == ["profile", *found]
    assert extensions & set(EXTENSIONS) - {"b"} <= set(found)
    assert list(features[0].values) == PROFILES[-len(features[0].values) :]


@given(st.lists(isas, min_size=1), isas)
def test_another_hart_adds_nothing(harts, more):
    some = set(lines(features_of(linux(*map(isa, harts)))))
    assert set(lines(features_of(linux(*map(isa, [*harts, more]))))) <= some


@given(isas, isas)
def test_more_extensions_take_nothing_away(extensions, more):
    some = set(lines(features_of(linux(isa(extensions)))))
    assert some <= set(lines(features_of(linux(isa(extensions | more)))))


@pytest.mark.parametrize(
    ("line", "extensions"),
    [
        ("rv64imafdc_zba_zbb", set("imafdc") | {"zba", "zbb"}),
        ("rv64imafdczba_zbb", set("imafdc") | {"zba", "zbb"}),
        ("rv64imac_zba1p0", set("imac") | {"zba"}),
        ("rv64i2p1m2p0a2p1c2p0_zba1p0", set("imac") | {"zba"}),
        ("rv64i2p1_m2p0_a2p1_c2p0_zve32f1p0", set("imac") | {"zve32f"}),
        ("RV64IMAC_ZBA", set("imac") | {"zba"}),
        ("rv64imafdcb", set("imafdcb") | {"zba", "zbb", "zbs"}),
        ("rv64imafdc_zfh", set("imafdc") | {"zfh", "zfhmin"}),
        ("rv32imac", set()),
        ("", set()),
    ],
)
def test_isa_line(line, extensions):
    assert extensions_of(line) == extensions


def test_modes_of_the_processor_are_no_extensions():
    assert extensions_of("rv64imafdcsu") - {"su"} == set("imafdc")


@pytest.mark.parametrize(
    ("identity", "supported"),
    [
        ("uarch\t\t: qemu\n", True),
        ("mvendorid\t: 0x710\nmarchid\t\t: 0x8000000058000001\n", True),
        ("mvendorid\t: 0x5b7\nmarchid\t\t: 0x8000000009140d00\n", True),
        ("mvendorid\t: 0x0\nmarchid\t\t: 0x0\n", True),
        ("mvendorid\t: 0x5b7\nmarchid\t\t: 0x0\n", False),
        ("", False),
    ],
)
def test_vectors_are_those_of_version_1(identity, supported):
    features = features_of(linux("rv64imafdcv_zba_zve64d_zvfh", identity=identity))
    names = {feature.name for feature in features}
    assert {"profile", "zba"} <= names
    assert ({"v", "zve64d", "zve32x", "zvfh", "zvfhmin"} <= names) == supported
    assert any(name.startswith(("v", "zv")) for name in names) == supported


# Microarchitectures


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("uarch\t\t: sifive,u74-mc\n", "u74mc"),
        ("uarch\t\t: spacemit,x60\n", "x60"),
        ("model name\t: Spacemit(R) X60\n", "x60"),
    ],
)
def test_microarchitecture_is_a_name_of_archspec(identity, name):
    assert name in TARGETS
    found = lines(features_of(linux("rv64imafdc", "rv64imafdc", identity=identity)))
    assert found == ["profile :: rva20u64", f"microarchitecture :: {name}"]


@pytest.mark.parametrize("uarch", ["sifive,bullet0", "thead,c910", "ibm,power10", "", ","])
def test_core_that_archspec_does_not_know_has_no_microarchitecture(uarch):
    found = features_of(linux("rv64imafdc", identity=f"uarch\t\t: {uarch}\n"))
    assert lines(found) == ["profile :: rva20u64"]


def test_different_cores_have_no_microarchitecture():
    text = linux("rv64imafdc", identity="uarch\t\t: sifive,u74-mc\n\n")
    text += linux("rv64imafdc", identity="uarch\t\t: spacemit,x60\n")
    assert lines(features_of(text)) == ["profile :: rva20u64"]


# Other machines, and what cannot be read


@given(st.text() | st.text(st.sampled_from("isa\t: rv64imvz0p_\nuarch")))
def test_nothing_that_is_read_makes_it_fail(text):
    assert all(feature.values for feature in features_of(text))


@pytest.mark.parametrize(
    "text",
    [None, "", "processor\t: 0\nflags\t\t: fpu sse2 avx2\n", "isa\t: unknown\n", "isa\t: rv64\n"],
)
def test_what_tells_of_no_extension_is_rva20u64(text, be):
    be("riscv64", text)
    assert lines(detect()) == ["profile :: rva20u64"]


def test_what_only_qemu_has_does_not_count_and_it_is_said(be, caplog):
    be("riscv64", linux(isa(ALL | {"svadu"}), identity="uarch\t\t: qemu\n"))
    assert lines(detect()) == ["profile :: rva20u64"]
    (warning,) = caplog.messages
    assert "QEMU" in warning
    assert "--variant-target" in warning
    be("riscv64", linux(isa(ALL | {"svadu"})))  # a real processor has it
    assert "profile :: rva23u64" in lines(detect())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv32", "s390x"])
def test_other_architecture_has_nothing(machine, be):
    be(machine, linux(isa(ALL)))
    assert list(detect()) == []


def test_the_log_says_what_was_missing(be, caplog):
    caplog.set_level("INFO")
    be("riscv64", linux(isa(ALL - {"zicboz"})))
    assert detect()
    assert "not rva22u64: Linux does not list zicboz" in caplog.text


def test_baseline():
    assert lines(baseline("manylinux_2_39_riscv64")) == ["profile :: rva20u64"]
    assert list(baseline("manylinux_2_28_aarch64")) == []
