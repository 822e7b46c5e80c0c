"""What providers warn of when pip takes a wheel."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.compilers import cc
from support.environments import ROOT, Environment, clean
from support.server import Index
from support.wheels import release

from pip_variants.model.metadata import PluginProvider

NVIDIA: dict[str, Any] = {
    "namespaces": ("nvidia",),
    "providers": {
        "nvidia": PluginProvider(
            ("nvidia-variant-provider",), "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
        )
    },
}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for the libraries of NVIDIA's driver."""
    folder = tmp_path_factory.mktemp("driver")
    source = ROOT / "tests" / "providers" / "nvidia_stand_in.c"
    (folder / "libcuda.so.1").symlink_to("libcuda.so.550.54.14")
    for name, options in {"libnvidia-ml.so.1": ["-DNVML"], "libcuda.so.550.54.14": []}.items():
        command: list[str | Path] = [
            *cc(),
            "-Wall",
            "-Werror",
            "-shared",
            "-fPIC",
            *options,
            "-o",
            folder / name,
        ]
        subprocess.run([*command, source], check=True)
    return folder


def code(*values: str) -> list[str]:
    return [f"nvidia :: sm_arch :: {value}" for value in values]


def test_gpus_that_differ_and_a_wheel_for_some_of_them(
    env: Environment, index: Index, driver: Path
) -> None:
    """pip warns of the wheel that it takes, if one GPU cannot run it, and of no other."""
    machine = {
        "LD_LIBRARY_PATH": str(driver),
        "NVML_DRIVER": "550.54.14",
        "NVML_CUDA": "12040",
        "NVML_GPUS": "7.5:16 8.0:40",
    }
    release(index.root / "some", "1.0", {"a100": code("80_real"), None: ()}, "some", **NVIDIA)
    releases: dict[str, dict[Any, list[str]]] = {
        "both": {"both": code("80_real", "75_real"), "t4": code("75_real")},
        "later": {"ptx": code("90_real", "60_virtual")},
        "none": {"h100": code("90_real"), None: []},
    }
    for name, labels in releases.items():
        release(index.root / name, "1.0", labels, name, **NVIDIA)
    warning = (
        "The variant a100 of some 1.0 is not for all devices: the GPU of compute capability 7.5 "
        "cannot run it"
    )
    arguments = ("install", "--index-url", index.url)
    result = env.pip(*arguments, "some", "both", "later", "none", env=machine)
    assert env.installed("some") == ("1.0", "a100")
    assert env.installed("both") == ("1.0", "both")
    assert env.installed("later") == ("1.0", "ptx")
    assert env.installed("none") == ("1.0", None)
    assert result.err == f"  WARNING: {warning}\n"

    for change in ({"NVML_GPUS": "8.0:40"}, {"NVIDIA_VARIANT_PROVIDER_FORCE_SM_ARCH": "80_real"}):
        again = env.pip(*arguments, "--force-reinstall", "some", env={**machine, **change})
        assert again.err == ""
    for name, expected in (("some", [warning]), ("both", [])):
        command: list[str | Path] = [
            env.python,
            "-m",
            "pip_variants",
            "explain",
            "--json",
            "-i",
            index.url,
            name,
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=clean(machine))
        (decision,) = json.loads(done.stdout)["decisions"]
        assert decision["warnings"] == expected

    for name in ("show", "check"):  # there is nothing to mend
        command = [env.python, "-m", "pip_variants", name]
        done = subprocess.run(command, capture_output=True, text=True, env=clean(machine))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_gpu_that_the_toolkit_dropped_and_a_wheel_that_does_not_say_its_code(
    env: Environment, index: Index, driver: Path
) -> None:
    """CUDA 13 makes no code for Volta, whose driver runs it; a wheel may state the bound alone."""
    bound = "nvidia :: cuda_version_lower_bound ::"
    for name, properties in {
        "cu12": [f"{bound} 12.8"],
        "cu13": [f"{bound} 13.0"],
        "says": [f"{bound} 13.0", *code("90_real")],
    }.items():
        release(index.root / name, "1.0", {"gpu": properties, None: ()}, name, **NVIDIA)
    machine = {"LD_LIBRARY_PATH": str(driver), "NVML_DRIVER": "550.54.14", "NVML_CUDA": "13000"}
    arguments = ("install", "--index-url", index.url, "--force-reinstall", "cu12", "cu13", "says")
    unfit = "of {} 1.0 is not for all devices: the GPU of compute capability {} cannot run it\n"
    for gpus, says, warned in (
        ("7.0:32", None, ["cu13"]),
        ("7.0:8 9.0:80", "gpu", ["cu13", "says"]),
        ("9.0:80", "gpu", []),
    ):
        result = env.pip(*arguments, env={**machine, "NVML_GPUS": gpus})
        assert [env.installed(one) for one in ("cu12", "cu13", "says")] == [
            ("1.0", "gpu"),
            ("1.0", "gpu"),
            ("1.0", says),
        ]
        assert result.err == "".join(
            f"  WARNING: The variant gpu {unfit.format(one, '7.0')}" for one in warned
        )
