"""The amd provider: machines as trees of files, forced values, and whatever a file may hold."""

import logging
import os
import platform
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines
from support.trees import unpack

from pip_variants.detection import registry
from pip_variants.model.names import check_feature, check_value
from pip_variants.providers import amd
from pip_variants.providers.amd import get_supported_configs as detect
from pip_variants.providers.amd import gfx_arch

MACHINES = Path(__file__).parent / "machines" / "amd"
NAMES = sorted(path.stem for path in MACHINES.glob("*.tree"))
GFX = "AMD_VARIANT_PROVIDER_FORCE_GFX_ARCH"
ROCM = "AMD_VARIANT_PROVIDER_FORCE_ROCM_VERSION"
NODE = "sys/class/kfd/kfd/topology/nodes/1/properties"
VERSION = "opt/rocm/.info/version"


def write(root: Path, path: str, content: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture(autouse=True)
def _nothing_is_forced(monkeypatch):
    for name in (GFX, ROCM, "ROCM_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine(tmp_path):
    """The root of a described machine."""
    return lambda name: str(unpack(MACHINES / f"{name}.tree", tmp_path))


# Machines


@pytest.mark.parametrize("name", NAMES)
def test_machine(name, machine):
    assert lines(detect(machine(name))) == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_a_wheel_may_name_several_gpus_and_one_rocm(machine):
    features = {feature.name: feature.multi_value for feature in detect(machine("mi300x"))}
    assert features == {"gfx_arch": True, "rocm_version": False}


def test_of_equal_gpus_the_first_node_comes_first_and_nodes_are_counted(tmp_path):
    for node, target in ((10, 110000), (9, 90402), (2, 90010)):
        text = f"simd_count 100\ngfx_target_version {target}\n"
        write(tmp_path, f"sys/class/kfd/kfd/topology/nodes/{node}/properties", text)
    assert detect(str(tmp_path))[0].values == ["gfx90a", "gfx942", "gfx1100"]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (80003, "gfx803"),
        (90000, "gfx900"),
        (90010, "gfx90a"),
        (90402, "gfx942"),
        (90500, "gfx950"),
        (100306, "gfx1036"),
        (110501, "gfx1151"),
        (120001, "gfx1201"),
        (0, None),  # a processor
        (91600, None),
        (90016, None),
    ],
)
def test_gfx_arch(number, name):
    assert gfx_arch(number) == name


# ROCm's version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("6.4.1-83\n", "6.4"),
        ("7.0.0", "7.0"),
        ("7.1", "7.1"),
        ("7.10.0a20260526", "7.10"),
        ("7", None),
        ("", None),
        ("rocm-6.4", None),
        ("6.4444", None),
    ],
)
def test_version_file(text, version, tmp_path):
    write(tmp_path, VERSION, text)
    assert lines(detect(str(tmp_path))) == ([f"rocm_version :: {version}"] if version else [])


def test_rocm_path_is_taken_for_opt_rocm(tmp_path, monkeypatch):
    write(tmp_path, VERSION, "6.4.1")
    write(tmp_path, "usr/local/rocm/.info/version", "7.0.2")
    monkeypatch.setenv("ROCM_PATH", "/usr/local/rocm")
    assert lines(detect(str(tmp_path))) == ["rocm_version :: 7.0"]
    monkeypatch.setenv("ROCM_PATH", "/nowhere")
    assert lines(detect(str(tmp_path))) == []
    monkeypatch.setenv("ROCM_PATH", "")
    assert lines(detect(str(tmp_path))) == ["rocm_version :: 6.4"]


def test_the_newest_of_several_versioned_folders_is_taken_where_there_is_no_link(tmp_path):
    for version in ("6.4.1", "6.10.0", "5.7.1"):
        write(tmp_path, f"opt/rocm-{version}/.info/version", f"{version}-83\n")
    (tmp_path / "opt/rocm-llvm").mkdir()
    assert lines(detect(str(tmp_path))) == ["rocm_version :: 6.10"]
    write(tmp_path, VERSION, "6.4.1-83\n")
    assert lines(detect(str(tmp_path))) == ["rocm_version :: 6.4"]


@pytest.mark.parametrize(
    ("folder", "library", "version"),
    [
        (f"usr/lib/{platform.machine()}-linux-gnu", "libamdhip64.so.5.7.31921", "5.7"),  # Debian
        ("usr/lib64", "libamdhip64.so.6.3.42131", "6.3"),  # Fedora
        ("usr/lib", "libamdhip64.so.7.0.0", "7.0"),
    ],
)
def test_a_distribution_s_rocm_has_the_version_of_its_hip(folder, library, version, tmp_path):
    write(tmp_path, f"{folder}/{library}", b"")
    (tmp_path / folder / f"libamdhip64.so.{version[0]}").symlink_to(library)
    assert lines(detect(str(tmp_path))) == [f"rocm_version :: {version}"]
    write(tmp_path, VERSION, "6.4.1-83\n")
    assert lines(detect(str(tmp_path))) == ["rocm_version :: 6.4"]


# WSL


ROCMINFO = """\
#!/bin/sh
cat <<END
WSL environment detected.
=====================
HSA Agents
==========
*******
Agent 1
*******
  Name:                    AMD Ryzen 7 9800X3D 8-Core Processor
  Marketing Name:          AMD Ryzen 7 9800X3D 8-Core Processor
*******
Agent 2
*******
  Name:                    gfx1100
  Marketing Name:          AMD Radeon RX 7900 XTX
  ISA Info:
    ISA 1
      Name:                    amdgcn-amd-amdhsa--gfx1100
    ISA 2
      Name:                    amdgcn-amd-amdhsa--gfx11-generic
*** Done ***
END
"""


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (ROCMINFO, ["gfx_arch :: gfx1100"]),
        ("#!/bin/sh\nexit 1\n", []),
        ("#!/bin/sh\nexec sleep 60\n", []),
        ("no program", []),
    ],
    ids=["answers", "fails", "hangs", "cannot be run"],
)
def test_rocm_is_asked_for_the_gpus_of_windows(program, found, tmp_path, monkeypatch):
    monkeypatch.setattr(amd, "_DEADLINE", 0.5)
    write(tmp_path, "opt/rocm/bin/rocminfo", program)
    (tmp_path / "opt/rocm/bin/rocminfo").chmod(0o755)
    assert lines(detect(str(tmp_path))) == []  # no WSL
    write(tmp_path, "dev/dxg", "")
    assert lines(detect(str(tmp_path))) == found


def test_a_pipe_in_place_of_the_version_file_does_not_block(tmp_path):
    write(tmp_path, NODE, "simd_count 192\ngfx_target_version 110000\n")
    (tmp_path / VERSION).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / VERSION)
    assert lines(detect(str(tmp_path))) == ["gfx_arch :: gfx1100"]


# Forced values


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        (GFX, "gfx1100", ["gfx1100"]),
        (GFX, "gfx942,gfx90a", ["gfx942", "gfx90a"]),
        (GFX, " gfx942; gfx90a gfx942,", ["gfx942", "gfx90a"]),
        (GFX, "none", []),
        (GFX, "", ["gfx90a"]),
        (GFX, " , ", ["gfx90a"]),
        (GFX, "GFX942", []),
        (GFX, "gfx942, MI300X", []),
        (GFX, "gfx90a:xnack-", []),
        (ROCM, "7.0.0", ["7.0"]),
        (ROCM, "6.4", ["6.4"]),
        (ROCM, "7.1.0, 7.0.2, 7.1.1", ["7.1", "7.0"]),
        (ROCM, "none", []),
        (ROCM, "", ["5.7"]),
        (ROCM, "7", []),
        (ROCM, "latest", []),
    ],
)
def test_forced(variable, text, expected, machine, monkeypatch):
    root = machine("mi250")
    monkeypatch.setenv(variable, text)
    found = {feature.name: list(feature.values) for feature in detect(root)}
    forced, other = ("gfx_arch", "rocm_version")[:: 1 if variable == GFX else -1]
    assert found.pop(forced, []) == expected
    assert found == {other: ["5.7"] if other == "rocm_version" else ["gfx90a"]}


def test_forced_values_stand_in_the_documented_order_on_a_machine_without_a_gpu(
    tmp_path, monkeypatch
):
    monkeypatch.setenv(ROCM, "7.0.0")
    monkeypatch.setenv(GFX, "gfx1100")
    assert lines(detect(str(tmp_path))) == ["gfx_arch :: gfx1100", "rocm_version :: 7.0"]


def test_what_the_provider_made_of_a_variable_is_not_overridden(monkeypatch):
    monkeypatch.setattr(registry, "BUILT_IN", ("pip_variants.providers.amd",))
    monkeypatch.setenv(GFX, "gfx942 gfx90a")
    monkeypatch.setenv(ROCM, "7.0.0")
    support = registry.Registry().supported_in("amd").support
    assert support.features == (("gfx_arch", ("gfx942", "gfx90a")), ("rocm_version", ("7.0",)))


# What it says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mi250", ["node 3: gfx90a with 416 SIMD units", "ROCm 5.7: ", "opt/rocm"]),
        ("gpu-without-userland", ["no ROCm: no version in ", "opt/rocm"]),
        ("userland-without-gpu", ["no AMD GPU: ", "topology/nodes"]),
        ("container-with-one-gpu", ["nodes/2/properties cannot be read: "]),
        ("old-kernel", ["node 1: a GPU without gfx_target_version"]),
    ],
)
def test_it_says_what_it_looked_at(name, says, machine, caplog):
    caplog.set_level(logging.INFO)
    detect(machine(name))
    assert [part for part in says if part not in caplog.text] == []


@pytest.mark.parametrize(("variable", "text"), [(GFX, "gfx942, MI300X"), (ROCM, "latest")])
def test_a_variable_that_is_not_understood_is_named(variable, text, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(variable, text)
    detect(str(tmp_path))
    assert f"{variable} is not understood: {text.replace(',', '')}" in caplog.text


# Laws


def check(features) -> None:
    names = [check_feature(feature.name) for feature in features]
    assert names in ([], ["gfx_arch"], ["rocm_version"], ["gfx_arch", "rocm_version"])
    for feature in features:
        values = [check_value(value) for value in feature.values]
        assert 0 < len(values) == len(set(values))


anything = st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
almost = st.builds(
    lambda simds, target, end: f"simd_count {simds}\ngfx_target_version {target}{end}".encode(),
    st.integers() | st.just(192),
    st.integers() | st.integers(0, 10**6),
    st.sampled_from(["", "\n", "\r\n", " ", "٣"]),
)


@given(anything | almost, anything | st.from_regex(r"\d+\.\d+.*").map(str.encode))
def test_whatever_the_files_hold(properties, version):
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), NODE, properties)
        write(Path(root), VERSION, version)
        check(detect(root))


@given(
    st.sampled_from([GFX, ROCM]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    | st.from_regex(r"[gfx0-9a., ]*"),
)
def test_whatever_is_forced(variable, text):
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as root:
        patch.setenv(variable, text.replace("\0", ""))
        check(detect(root))


@given(st.integers(1, 99), st.integers(0, 15), st.integers(0, 15))
def test_the_name_of_an_instruction_set_can_be_read_back(major, minor, stepping):
    name = gfx_arch(major * 10000 + minor * 100 + stepping)
    assert name
    assert (int(name[3:-2]), int(name[-2], 16), int(name[-1], 16)) == (major, minor, stepping)
