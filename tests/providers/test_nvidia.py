"""The nvidia provider: answers of machines, laws, the published lists, and stand-in libraries."""

import json
import logging
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compilers import cc

from pip_variants.hooks import Feature
from pip_variants.model.names import check_feature, check_value
from pip_variants.providers import nvidia
from pip_variants.providers.machine import ProbeFailed
from pip_variants.providers.nvidia import (
    TEGRA,
    Machine,
    best_first,
    features_of,
    sm_values,
    this_machine,
)
from pip_variants.providers.nvidia import (
    get_supported_configs as detect,
)

FOLDER = Path(__file__).parent
MACHINES = FOLDER / "machines" / "nvidia"
DESCRIBED = sorted(path.stem for path in MACHINES.glob("*.json"))

FORCE_CUDA = "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION"
FORCE_SM = "NV_VARIANT_PROVIDER_FORCE_SM_ARCH"

cudas = st.tuples(st.integers(11, 30), st.integers(0, 30))
capabilities = st.tuples(st.integers(3, 20), st.integers(0, 9))
gpus = st.lists(st.builds(lambda cc, gb: (*cc, gb), capabilities, st.integers(0, 300)), min_size=1)
machines = st.builds(
    Machine, st.none() | cudas, st.lists(capabilities, max_size=4, unique=True).map(tuple)
)


def values(features: list[Feature]) -> dict[str, list[str]]:
    return {feature.name: list(feature.values) for feature in features}


def numbered(value: str) -> tuple[int, int]:
    """The capability in a value such as 90a_real."""
    number = int(re.findall(r"^\d+", value)[0])
    return number // 10, number % 10


@pytest.fixture(autouse=True)
def kernel(monkeypatch, tmp_path):
    """A kernel that shows no GPU, and nothing forced."""
    monkeypatch.delenv(FORCE_CUDA, raising=False)
    monkeypatch.delenv(FORCE_SM, raising=False)
    monkeypatch.setattr(nvidia, "_KERNEL_DRIVER", str(tmp_path / "driver"))
    monkeypatch.setattr(nvidia, "_PCI_DEVICES", str(tmp_path / "pci"))
    return tmp_path


@pytest.fixture
def said(caplog):
    """What the provider explained."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


@pytest.fixture
def be(monkeypatch):
    """Become a machine whose libraries give these answers; a string is how the process ended."""

    def become(answers: dict) -> None:
        def answer(library, deadline):
            if isinstance(answers[library], str):
                raise ProbeFailed(answers[library])
            if isinstance(answers[library], dict) and "failed" in answers[library]:
                raise ProbeFailed(answers[library]["failed"])
            return answers[library]

        monkeypatch.setattr(nvidia, "probe", answer)

    return become


# Machines


@pytest.mark.parametrize("name", DESCRIBED)
def test_described_machine(name, be):
    be(json.loads((MACHINES / f"{name}.json").read_text()))
    lines = [f"{feature.name}: {' '.join(feature.values)}" for feature in detect()]
    assert lines == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_what_each_gpu_runs_where_they_differ(be):
    be(json.loads((MACHINES / "a100-t4.json").read_text()))
    *_, code = detect()
    assert dict(code.devices) == {
        f"the GPU of compute capability {major}.{minor}": sm_values((major, minor))
        for major, minor in ((8, 0), (7, 5))
    }
    for name in ("h100", "gb300-with-display"):
        be(json.loads((MACHINES / f"{name}.json").read_text()))
        lower, _, code = detect()
        assert len(code.devices) == (0 if name == "h100" else 2)
        assert not lower.devices


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a100-t4", "the GPUs differ"),
        ("gb300-with-display", "compute capability 10.3, 12.0"),
        ("jetson-orin", "nvmlDeviceGetCudaComputeCapability failed with 3: Not Supported"),
        ("container-without-compute", "failed with 12: Local Library Not Found"),
        ("driver-updated-without-reboot", "Driver/library version mismatch"),
        ("zero-devices", "no GPU answers"),
        ("one-gpu-lost", "GPU 3 is left out"),
        ("compat-fails", "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"),
        ("tesla-k80", "too old for sm_arch"),
        ("gtx1080-cuda10", "CUDA 10.2 is too old"),
        ("nvml-hangs", "no answer within 4 seconds"),
        ("no-gpu", "libnvidia-ml.so.1: cannot open shared object file"),
    ],
)
def test_it_is_said_why(name, words, be, said):
    be(json.loads((MACHINES / f"{name}.json").read_text()))
    list(detect())
    assert words in said()


# A GPU that cannot be used


def test_a_loaded_kernel_driver_whose_libraries_do_not_work_is_named(be, said, kernel):
    be({"nvml": "it was killed by SIGSEGV", "libcuda": "it was killed by SIGSEGV"})
    (kernel / "driver").touch()
    assert list(detect()) == []
    assert f"an NVIDIA GPU is here ({kernel}/driver), but no CUDA program can use it" in said()


@pytest.mark.parametrize(
    ("vendor", "kind", "named"),
    [
        ("0x10de", "0x030000", True),
        ("0x10de", "0x030200", True),
        ("0x10de", "0x040300", False),  # the sound device of a card
        ("0x1002", "0x030000", False),
    ],
)
def test_a_gpu_without_driver_is_named(vendor, kind, named, be, said, kernel):
    be(json.loads((MACHINES / "no-gpu.json").read_text()))
    (kernel / "pci" / "0000:00:00.0").mkdir(parents=True)  # one that cannot be read
    device = kernel / "pci" / "0000:01:00.0"
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    assert list(detect()) == []
    assert (f"an NVIDIA GPU is here ({device})" in said()) == named


# Laws


@given(machines)
def test_what_is_reported_is_valid(machine):
    for feature in features_of(machine):
        check_feature(feature.name)
        assert all(check_value(value) for value in feature.values)
        assert 0 < len(feature.values) == len(set(feature.values))


@given(machines)
def test_features_come_in_the_documented_order(machine):
    bounds = ["cuda_version_lower_bound", "cuda_version_upper_bound"] if machine.cuda else []
    code = ["sm_arch"] if any(one >= (5, 0) for one in machine.capabilities) else []
    assert [feature.name for feature in features_of(machine)] == bounds + code


@given(cudas)
def test_a_bound_is_supported_if_it_holds(cuda):
    features = values(features_of(Machine(cuda)))
    lower, upper = features["cuda_version_lower_bound"], features["cuda_version_upper_bound"]
    for major in range(11, cuda[0] + 3):
        for minor in range(21):
            assert (f"{major}.{minor}" in lower) == ((major, minor) <= cuda)
            assert (f"{major}.{minor}" in upper) == ((major, minor) > cuda)
        assert (f"{major}" in lower) == ((major, 0) <= cuda)
        assert (f"{major}" in upper) == ((major, 0) > cuda)
    assert {"15", "15.20"} <= {*lower, *upper}


@given(cudas)
def test_bounds_are_sorted(cuda):
    for bounds in values(features_of(Machine(cuda))).values():
        keys = [(*map(int, value.split(".")), -1)[:2] for value in bounds]
        assert keys == sorted(keys, reverse=True)


@given(gpus, st.randoms())
def test_only_the_set_of_gpus_matters(devices, random):
    shuffled = [*devices, *devices[:2]]
    random.shuffle(shuffled)
    assert best_first(shuffled) == best_first(devices)
    assert set(best_first(devices)) == {gpu[:2] for gpu in devices}


@given(gpus)
def test_the_gpu_with_most_memory_comes_first(devices):
    best = max(devices, key=lambda gpu: (gpu[2], gpu[:2]))
    first, *others = best_first(devices)
    assert first == best[:2]
    assert others == sorted(others, reverse=True)


@given(st.lists(capabilities, min_size=1, unique=True))
def test_the_code_of_all_gpus_is_supported_the_first_gpu_s_first(several):
    code = values(features_of(Machine(None, tuple(several)))).get("sm_arch", [])
    assert code[: len(sm_values(several[0]))] == sm_values(several[0])
    assert set(code) == {value for one in several for value in sm_values(one)}


@given(capabilities, capabilities)
def test_ptx_runs_on_its_own_and_every_later_gpu(one, other):
    ptx = f"{one[0]}{one[1]}_virtual"
    assert (ptx in sm_values(other)) == ((5, 0) <= one <= other)


@given(capabilities, capabilities)
def test_a_cubin_runs_on_later_minors_of_its_major_and_on_tegra_alone(one, other):
    runs = one == other or (one[0] == other[0] and one <= other and not {one, other} & TEGRA)
    assert (f"{one[0]}{one[1]}_real" in sm_values(other)) == (runs and one >= (5, 0))


@given(capabilities)
def test_code_comes_special_first_cubins_before_ptx_newest_first(capability):
    def key(value):
        ((form, ptx),) = re.findall(r"([af]?)_(real|virtual)$", value)
        major, minor = numbered(value)
        return ptx == "virtual", "af".find(form) if form else 2, -major, -minor

    code = sm_values(capability)
    assert [key(value) for value in code] == sorted(key(value) for value in code)


@pytest.mark.parametrize(
    ("code", "runs_on"),
    [
        ("90a", [(9, 0)]),
        ("100a", [(10, 0)]),
        ("103a", [(10, 3)]),
        ("120a", [(12, 0)]),
        # CUDA Programming Guide 13.4, Family-Specific Features
        ("100f", [(10, 0), (10, 3), (10, 7)]),
        ("103f", [(10, 3), (10, 7)]),
        ("110f", [(11, 0)]),
        ("120f", [(12, 0), (12, 1)]),
        ("121f", [(12, 1)]),
        ("90f", []),
        ("89a", []),
    ],
)
@pytest.mark.parametrize("kind", ["real", "virtual"])
def test_special_code_runs_on_its_own_family_only(code, kind, runs_on):
    real = [(8, 0), (8, 7), (8, 9), (9, 0), (10, 0), (10, 3), (10, 7), (11, 0), (12, 0), (12, 1)]
    assert [one for one in real if f"{code}_{kind}" in sm_values(one)] == runs_on


# The wheels that exist


TORCH = {  # the `sm_arch` of torch 2.8.0, by label
    "cu126": "50_real 60_real 70_real 75_real 80_real 86_real 90_real",
    "cu128": "75_real 80_real 86_real 90_real 100_real 120_real",
    "cu129": "75_real 80_real 86_real 90_real 100_real 120_real 120_virtual",
}


@pytest.mark.parametrize(
    ("capability", "labels"),
    [
        ((3, 7), []),
        ((6, 1), ["cu126"]),
        ((7, 0), ["cu126"]),
        ((7, 5), ["cu126", "cu128", "cu129"]),
        ((8, 9), ["cu126", "cu128", "cu129"]),
        ((8, 7), []),  # Orin: none has code for it
        ((10, 3), ["cu128", "cu129"]),
        ((12, 1), ["cu128", "cu129"]),
        ((14, 0), ["cu129"]),  # by its PTX
    ],
)
def test_torch_is_taken_where_it_has_code_that_runs(capability, labels):
    code = set(sm_values(capability))
    assert [label for label, text in TORCH.items() if code & set(text.split())] == labels


def published(cuda: tuple[int, int], sm: tuple[int, int]) -> dict[str, list[str]]:
    """The lists of the published provider: all versions from 15.20 to 11, split at the driver's.

    Above it are upper bounds, the others are lower bounds. Of GPU code it knows the cubins of one
    major and that major's first PTX.
    """
    whole = [(m, n) for m in range(15, 10, -1) for n in range(20, -2, -1)]
    text = {(m, n): f"{m}.{n}" if n >= 0 else f"{m}" for m, n in whole}
    return {
        "cuda_version_lower_bound": [text[one] for one in whole if one <= cuda],
        "cuda_version_upper_bound": [text[one] for one in whole if one > cuda],
        "sm_arch": [f"{sm[0]}{n}_real" for n in range(sm[1], -1, -1)] + [f"{sm[0]}0_virtual"],
    }


@pytest.mark.parametrize("cuda", [(11, 0), (11, 8), (12, 0), (12, 8), (13, 0)])
@pytest.mark.parametrize(
    "sm", [(5, 0), (6, 1), (7, 5), (8, 0), (8, 9), (9, 0), (10, 0), (10, 3), (12, 0), (12, 1)]
)
def test_forced_lists_hold_the_published_ones_and_the_documented_differences(cuda, sm, monkeypatch):
    monkeypatch.setenv(FORCE_CUDA, "{}.{}".format(*cuda))
    monkeypatch.setenv(FORCE_SM, "{}.{}".format(*sm))
    ours, theirs = values(list(detect())), published(cuda, sm)
    assert list(ours) == list(theirs)
    code, known = ours.pop("sm_arch"), theirs.pop("sm_arch")
    assert ours == theirs
    missing = [value for value in known if value not in code]
    added = [value for value in code if value not in known]
    assert [value for value in code if value in known] == [v for v in known if v not in missing]
    # Documented: cubins of Tegra are left out; code of `a` and `f`, and all older PTX, come in.
    assert all(value.endswith("_real") and numbered(value) in TEGRA for value in missing)
    assert all(re.fullmatch(r"\d+[af]_(real|virtual)|\d+_virtual", value) for value in added)


@pytest.mark.parametrize("sm", [(7, 2), (8, 7), (11, 0)])
def test_forced_tegra_lacks_the_published_cubins_of_other_gpus(sm, monkeypatch):
    monkeypatch.setenv(FORCE_CUDA, "13.0")
    monkeypatch.setenv(FORCE_SM, "{}.{}".format(*sm))
    code, known = values(list(detect()))["sm_arch"], published((13, 0), sm)["sm_arch"]
    assert [value for value in known if value in code] == [known[0], known[-1]]


# Forced


def test_both_forced_ask_nobody(be, monkeypatch):
    be({})  # a question would be a KeyError
    monkeypatch.setenv(FORCE_CUDA, "12.8")
    monkeypatch.setenv(FORCE_SM, "9.0")
    assert list(detect()) == features_of(Machine((12, 8), ((9, 0),)))


@pytest.mark.parametrize("name", ["h100", "a100-t4", "no-gpu"])
def test_one_forced_leaves_the_other_as_it_was_detected(name, be, monkeypatch, said):
    be(json.loads((MACHINES / f"{name}.json").read_text()))
    found = this_machine()
    monkeypatch.setenv(FORCE_CUDA, "11.8")
    assert list(detect()) == features_of(Machine((11, 8), found.capabilities))
    assert f"forced by the environment variable {FORCE_CUDA}: 11.8" in said()
    monkeypatch.delenv(FORCE_CUDA)
    monkeypatch.setenv(FORCE_SM, "7.5")
    assert list(detect()) == features_of(Machine(found.cuda, ((7, 5),)))


@pytest.mark.parametrize(
    ("text", "cuda"),
    [("12", (12, 0)), ("13.2.1", (13, 2)), (" 12.8 ", (12, 8)), ("16.25", (16, 25))],
)
def test_versions_of_cuda_that_can_be_forced(text, cuda, monkeypatch):
    monkeypatch.setenv(FORCE_CUDA, text)
    monkeypatch.setenv(FORCE_SM, "9.0")
    assert list(detect()) == features_of(Machine(cuda, ((9, 0),)))


@pytest.mark.parametrize("empty", ["", " "])
def test_empty_is_unset(empty, be, monkeypatch):
    be(json.loads((MACHINES / "h100.json").read_text()))
    detected = list(detect())
    monkeypatch.setenv(FORCE_CUDA, empty)
    monkeypatch.setenv(FORCE_SM, empty)
    assert list(detect()) == detected != []


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        *((FORCE_CUDA, text) for text in ("twelve", "12,8", "-1.0", "12.", "v12.8", "١٢.8")),
        *((FORCE_SM, text) for text in ("hopper", "90", "9", "9.0a", "9.0,7.5", "8.6 8.9", "9.10")),
    ],
)
def test_an_invalid_forced_value_turns_gpus_off_and_is_named(variable, text, be, monkeypatch, said):
    be(json.loads((MACHINES / "h100.json").read_text()))
    monkeypatch.setenv(variable, text)
    assert list(detect()) == []
    like = "12.8" if variable == FORCE_CUDA else "9.0"
    assert f"{variable} is not like {like}: {text!r}" in said()


# Stand-in libraries, and the real process that loads them


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand_ins")
    source = FOLDER / "nvidia_stand_in.c"
    for name, options in {"nvml": ["-DNVML"], "old": ["-DNVML", "-DOLD"], "libcuda": []}.items():
        command = [*cc(), "-Wall", "-Werror", "-shared", "-fPIC", *options, "-o", folder / name]
        subprocess.run([*command, source], check=True)
    return folder


@pytest.fixture
def loader(built, tmp_path, monkeypatch):
    """Install stand-ins, and set what they answer; one that is not named cannot be loaded."""

    def install(nvml="", libcuda="", folder="lib", version="570.86.10", **answers) -> None:
        (tmp_path / folder).mkdir()
        file = f"libcuda.so.{version}"
        (tmp_path / folder / "libcuda.so.1").symlink_to(file)
        for library, name in {"libnvidia-ml.so.1": nvml, file: libcuda}.items():
            text = (built / name).read_bytes() if name else b""
            (tmp_path / folder / library).write_bytes(text)
        monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / folder))
        monkeypatch.setenv("NVML_DRIVER", "570.86.10")
        for name, value in answers.items():
            monkeypatch.setenv(name, str(value))

    return install


H100 = {"NVML_CUDA": 12080, "NVML_GPUS": "9.0:80"}
A100 = {"LIBCUDA_CUDA": 12020, "LIBCUDA_GPUS": "8.0:40"}


def test_nvml_is_enough(loader):
    loader("nvml", "libcuda", **H100)
    assert this_machine() == Machine((12, 8), ((9, 0),))


def test_nvml_tells_of_all_gpus_whatever_is_visible(loader):
    loader(
        "nvml",
        "libcuda",
        NVML_CUDA=13010,
        NVML_GPUS="12.0:24 10.3:279 10.3:279",
        CUDA_VISIBLE_DEVICES="",
    )
    assert this_machine() == Machine((13, 1), ((10, 3), (12, 0)))


def test_a_lost_gpu_is_left_out(loader, said):
    loader("nvml", "libcuda", NVML_CUDA=12080, NVML_GPUS="lost 9.0:80")
    assert this_machine() == Machine((12, 8), ((9, 0),))
    assert "GPU 0 is left out: nvmlDeviceGetHandleByIndex_v2 failed with 15: Failed" in said()


def test_memory_that_is_not_told_does_no_harm(loader):
    loader("nvml", "libcuda", NVML_CUDA=13000, NVML_GPUS="12.1:0")
    assert this_machine() == Machine((13, 0), ((12, 1),))


@pytest.mark.parametrize("visible", [None, "", "7"])
def test_libcuda_is_asked_where_nvml_is_missing(visible, loader, monkeypatch, said):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    loader(libcuda="libcuda", LIBCUDA_CUDA=12060, LIBCUDA_GPUS="8.6:8 8.9:24")
    assert this_machine() == Machine((12, 6), ((8, 9), (8, 6)))
    assert "nvml: " in said()
    assert "libnvidia-ml.so.1: file too short" in said()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        *(
            ({"NVML_INIT": one}, f"nvmlInit_v2 failed with {one}")
            for one in (1, 4, 12, 15, 18, 999)
        ),
        ({"NVML_INIT": 9}, "nvmlInit_v2 failed with 9: Driver Not Loaded"),
        ({"NVML_V2": 12}, "nvmlSystemGetCudaDriverVersion_v2 failed with 12"),
        ({"NVML_GPUS": ""}, "no GPU answers"),
        ({"NVML_GPUS": "lost"}, "no GPU answers"),
        ({"NVML_FAULT": "crash"}, "it was killed by SIGSEGV"),
        ({"NVML_FAULT": "exit"}, "the answer is not JSON"),
        ({"NVML_FAULT": "exit after a number"}, "the answer is not JSON"),
    ],
)
def test_libcuda_is_asked_where_nvml_fails(answers, words, loader, said):
    loader("nvml", "libcuda", **{**H100, **A100, **answers})
    assert this_machine() == Machine((12, 2), ((8, 0),))
    assert f"nvml: {words}" in said()


def test_an_old_nvml_that_cannot_know_is_not_believed(loader, said):
    loader("old", "libcuda", **H100, **A100)
    assert this_machine() == Machine((12, 2), ((8, 0),))
    assert "it has no nvmlSystemGetCudaDriverVersion_v2" in said()


def test_a_container_without_libcuda_has_nothing(loader, said):
    loader("nvml", **{**H100, "NVML_V2": 12})
    assert list(detect()) == []
    assert "libcuda.so.1: file too short" in said()


@pytest.mark.parametrize("status", [3, 100, 802, 803, 804, 999])
def test_libcuda_that_does_not_start_has_nothing(status, loader, said):
    loader(libcuda="libcuda", **A100, LIBCUDA_INIT=status)
    assert list(detect()) == []
    name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" if status == 803 else "CUDA_ERROR_UNKNOWN"
    assert f"libcuda: cuInit failed with {status}: {name}" in said()


@pytest.mark.parametrize("fault", ["crash", "exit", "exit after a number"])
def test_faults_of_both_libraries_are_survived(fault, loader):
    loader("nvml", "libcuda", **H100, **A100, NVML_FAULT=fault, LIBCUDA_FAULT=fault)
    assert list(detect()) == []


def test_noise_is_ignored(loader):
    loader("nvml", "libcuda", **H100, **A100, NVML_FAULT="noise", LIBCUDA_FAULT="noise", NVML_V2=12)
    assert this_machine() == Machine((12, 2), ((8, 0),))


def test_libraries_that_hang_are_given_up(loader, monkeypatch, said):
    monkeypatch.setattr(nvidia, "_DEADLINES", {"nvml": 1.0, "libcuda": 1.0})
    loader("nvml", "libcuda", **H100, **A100, NVML_FAULT="hang", LIBCUDA_FAULT="hang")
    start = time.monotonic()
    assert list(detect()) == []
    assert time.monotonic() - start < 50  # it hangs for a minute
    assert "nvml: no answer within 1 seconds" in said()
    assert "libcuda: no answer within 1 seconds" in said()


def test_a_provider_s_time_is_enough_for_both_libraries():
    assert sum(nvidia._DEADLINES.values()) + 2 < 10  # and a second each to end


def test_gpus_that_wake_up_slowly_are_not_all_waited_for(loader, said):
    slow = {"NVML_CUDA": 12080, "NVML_GPUS": " ".join(["9.0:80"] * 8), "NVML_FAULT": "slow"}
    loader("nvml", "libcuda", **slow)
    assert this_machine() == Machine((12, 8), ((9, 0),))
    assert re.search("only [1-3] of 8 GPUs were asked", said())


# By whatever folder: NVIDIA's package, the link compat/lib -> lib.real of its images, a plain mount.
FOLDERS = ["compat", "cuda-compat", "lib.real", "plain"]


@pytest.mark.parametrize("version", ["580.65.06", "1.1", "570.86.1", "1570.86.10"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_another_libcuda_than_the_driver_s_must_prove_itself(folder, version, loader, said):
    loader("nvml", "libcuda", folder, version, **H100, **A100, LIBCUDA_INIT=803)
    assert this_machine() == Machine()
    assert f"{folder}/libcuda.so.{version} works with the driver 570.86.10" in said()
    assert "cuInit failed with 803" in said()


@pytest.mark.parametrize("folder", FOLDERS)
def test_another_libcuda_that_works_is_believed(folder, loader):
    loader("nvml", "libcuda", folder, "580.65.06", **H100, **A100)
    assert this_machine() == Machine((12, 2), ((8, 0),))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_driver_s_own_libcuda_need_not_be_started(folder, loader):
    loader("nvml", "libcuda", folder, **H100, **A100, LIBCUDA_INIT=804)
    assert this_machine() == Machine((12, 8), ((9, 0),))


def test_a_libcuda_that_nvml_knows_and_nobody_can_load_is_none(loader, said):
    loader("nvml", **H100)
    assert this_machine() == Machine()
    assert "only libcuda knows whether libcuda works" in said()


# GPUs that a toolkit has dropped


@pytest.mark.parametrize(
    ("cuda", "gpus", "old"),
    [
        (13000, "7.0:32", True),
        (13010, "6.1:8", True),
        (14000, "9.0:80 5.2:4", True),
        (13000, "9.0:8 7.0:32", True),
        (13000, "7.5:16", False),
        (12090, "7.0:32", False),
    ],
)
def test_a_gpu_that_the_toolkit_dropped_is_noted(cuda, gpus, old, loader, said):
    loader("nvml", "libcuda", NVML_CUDA=cuda, NVML_GPUS=gpus)
    lower, *_ = detect()
    dropped = [gpu for gpu in gpus.split() if old and gpu < "7.5"]
    assert [*lower.devices] == [f"the GPU of compute capability {gpu[:3]}" for gpu in dropped]
    for usable in lower.devices.values():
        assert usable == [one for one in lower.values if int(one.partition(".")[0]) < 13]
    features = values(detect())
    assert f"{cuda // 1000}.{cuda % 1000 // 10}" in features["cuda_version_lower_bound"]
    assert ("the toolkit of CUDA 13 makes no code for GPUs before 7.5" in said()) == old
