"""The tpu provider: machines as trees of files, forced values, and whatever a file may hold."""

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines
from support.trees import unpack

from pip_variants.detection import registry
from pip_variants.providers.tpu import TPUS
from pip_variants.providers.tpu import get_supported_configs as detect

MACHINES = Path(__file__).parent / "machines" / "tpu"
NAMES = sorted(path.stem for path in MACHINES.glob("*.tree"))
PRESENT = "TPU_VARIANT_PROVIDER_FORCE_PRESENT"
DEVICE = "sys/bus/pci/devices/0000:00:04.0"


def write(root: Path, vendor: bytes, device: bytes) -> None:
    folder = root / DEVICE
    folder.mkdir(parents=True)
    (folder / "vendor").write_bytes(vendor)
    (folder / "device").write_bytes(device)


@pytest.fixture(autouse=True)
def _nothing_is_forced(monkeypatch):
    monkeypatch.delenv(PRESENT, raising=False)


@pytest.mark.parametrize("name", NAMES)
def test_machine(name, tmp_path):
    root = unpack(MACHINES / f"{name}.tree", tmp_path)
    assert lines(detect(str(root))) == (MACHINES / f"{name}.expected").read_text().splitlines()


@pytest.mark.parametrize("device", TPUS)
def test_every_tpu_is_present(device, tmp_path):
    write(tmp_path, b"0x1ae0\n", f"{device}\n".encode())
    assert lines(detect(str(tmp_path))) == ["present :: true"]


# As uv 0.13.9 reads the variable, which was tried; empty and none have our meaning.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", ["present :: true"]),
        ("true", ["present :: true"]),
        ("TRUE", ["present :: true"]),
        ("yes", ["present :: true"]),
        ("on", ["present :: false"]),
        ("0", ["present :: false"]),
        ("false", ["present :: false"]),
        ("none", []),
    ],
)
@pytest.mark.parametrize("name", ["v4", "no-pci"])
def test_forced(text, expected, name, tmp_path, monkeypatch):
    root = unpack(MACHINES / f"{name}.tree", tmp_path)
    monkeypatch.setenv(PRESENT, text)
    assert lines(detect(str(root))) == expected


def test_an_empty_variable_forces_nothing(tmp_path, monkeypatch):
    root = unpack(MACHINES / "v4.tree", tmp_path)
    monkeypatch.setenv(PRESENT, "")
    assert lines(detect(str(root))) == ["present :: true"]


@pytest.mark.parametrize(("text", "features"), [("1", (("present", ("true",)),)), ("none", ())])
def test_what_the_provider_made_of_the_variable_is_not_overridden(text, features, monkeypatch):
    monkeypatch.setattr(registry, "BUILT_IN", ("pip_variants.providers.tpu",))
    monkeypatch.setenv(PRESENT, text)
    assert registry.Registry().supported_in("tpu").support.features == features


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("v5e-4", "a TPU v5e: "),
        ("cloud-without-tpu", "no TPU in "),
        ("no-pci", "no PCI devices: "),
        ("unreadable", "0000:00:01.0/vendor cannot be read: "),
    ],
)
def test_it_says_what_it_looked_at(name, says, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    detect(str(unpack(MACHINES / f"{name}.tree", tmp_path)))
    assert says in caplog.text


@given(st.binary() | st.just(b"0x1ae0\n"), st.binary() | st.just(b"0x0063\n"))
def test_whatever_the_files_hold(vendor, device):
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), vendor, device)
        is_tpu = vendor.strip() == b"0x1ae0" and device.strip().decode("utf-8", "replace") in TPUS
        assert lines(detect(root)) == [f"present :: {str(is_tpu).lower()}"]
