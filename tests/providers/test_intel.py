"""The intel provider: a compiled library in Level Zero's place, in which devices are described."""

import logging
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compilers import cc
from support.machines import lines

from pip_variants.detection import registry
from pip_variants.model.names import check_value
from pip_variants.providers import intel
from pip_variants.providers.intel import BASES, values_of
from pip_variants.providers.intel import get_supported_configs as detect

MACHINES = Path(__file__).parent / "machines" / "intel"
NAMES = sorted(path.stem for path in MACHINES.glob("*.devices"))
DEVICE_IP = "INTEL_VARIANT_PROVIDER_FORCE_DEVICE_IP"


@pytest.fixture(scope="session")
def level_zero(tmp_path_factory):
    """A folder with the library."""
    folder = tmp_path_factory.mktemp("level_zero")
    source, library = MACHINES / "level_zero.c", folder / "libze_loader.so.1"
    subprocess.run(
        [*cc(), "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True
    )
    return folder


@pytest.fixture
def machine(level_zero, monkeypatch):
    """Be a machine with these devices, where something goes wrong."""

    def become(name: str, fault: str = "") -> None:
        monkeypatch.setenv("LD_LIBRARY_PATH", str(level_zero))
        monkeypatch.setenv("LEVEL_ZERO_DEVICES", str(MACHINES / f"{name}.devices"))
        monkeypatch.setenv("LEVEL_ZERO_FAULT", fault)

    return become


@pytest.mark.parametrize("name", NAMES)
def test_machine(name, machine):
    machine(name)
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_a_wheel_may_name_several_devices(machine):
    machine("arc-b580")
    assert [feature.multi_value for feature in detect()] == [True]


def test_gpus_that_are_hidden_from_programs_count(machine, monkeypatch):
    machine("arc-b580-and-arrow-lake")
    monkeypatch.setenv("ZE_AFFINITY_MASK", "1")
    assert lines(detect())[0] == "device_ip :: 20.1.0"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("init", "zeInit failed with 0x78000001"),
        ("properties", "zeDeviceGetProperties failed with 0x70000001"),
        ("crash", "it was killed by SIGABRT"),
    ],
)
def test_what_goes_wrong_is_said(fault, says, machine, caplog):
    caplog.set_level(logging.INFO)
    machine("arc-b580", fault)
    assert lines(detect()) == []
    assert f"no Intel GPU: Level Zero: {says}" in caplog.text


def test_a_library_that_hangs_is_left_alone(machine, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(intel, "_DEADLINE", 1.0)
    machine("arc-b580", "hang")
    start = time.monotonic()
    assert lines(detect()) == []
    assert time.monotonic() - start < 50  # it hangs for a minute
    assert "no answer within 1 seconds" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"not a library"])
def test_without_level_zero_there_is_nothing(content, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    if content is not None:
        (tmp_path / "libze_loader.so.1").write_bytes(content)
    assert lines(detect()) == []
    assert "libze_loader.so.1" in caplog.text


def test_a_library_without_the_functions_is_none(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "empty.c").write_text("int other(void) { return 0; }\n")
    library = tmp_path / "libze_loader.so.1"
    subprocess.run([*cc(), "-shared", "-o", library, tmp_path / "empty.c"], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert lines(detect()) == []
    assert "zeInit" in caplog.text


def test_what_was_found_is_said(machine, caplog):
    caplog.set_level(logging.INFO)
    machine("lunar-lake")
    detect()
    assert "Level Zero: 20.4.4, 20.1.0" in caplog.text


def test_what_no_driver_knows_is_said(machine, caplog):
    caplog.set_level(logging.INFO)
    machine("old-driver")
    detect()
    assert "it has no Intel GPU whose version it knows" in caplog.text


@pytest.mark.parametrize(
    ("text", "features"),
    [("30.0.4", (("device_ip", ("30.0.4",)),)), ("none", ()), ("", (("device_ip", ("20.1.0",)),))],
)
def test_forced(text, features, machine, monkeypatch):
    machine("arc-b580")
    monkeypatch.setattr(registry, "BUILT_IN", ("pip_variants.providers.intel",))
    monkeypatch.setenv(DEVICE_IP, text)
    assert registry.Registry().supported_in("intel").support.features == features


@given(st.integers(0, 1023), st.integers(0, 255), st.integers(0, 63), st.integers(0, 255))
def test_every_version_has_a_value_of_its_own(architecture, release, revision, reserved):
    own, *base = values_of(architecture << 22 | release << 14 | reserved << 6 | revision)
    assert check_value(own) == f"{architecture}.{release}.{revision}"
    assert base == ([BASES[own]] if own in BASES else [])


def test_a_base_is_the_oldest_of_its_family_and_in_no_other():
    for member, base in BASES.items():
        assert base not in BASES
        assert member.split(".")[0] == base.split(".")[0]
        assert int(base.split(".")[1]) < int(member.split(".")[1])
