"""`--variant-indexes`: builds that lie on an index each, and which of them a machine gets.

The indexes are those of `support/pytorch_replica.py`, what each machine should get stands in
`support/torch_choices.py`; the set is the one of PyTorch that we ship.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support import faults
from support.environments import Environment, Result
from support.pytorch_replica import NEWER, Replica, replica
from support.server import Index, Reply
from support.torch_choices import choices
from support.wheels import plain_wheel, sdist

QUICK = ("torch",)
"""Asked for on every machine by the quick tests; the rest is long."""


def cells() -> Iterator[object]:
    """Machine, platforms, requirements, what is taken."""
    for one in choices():
        marks = (
            ()
            if one.wanted == QUICK[0] or (one.wanted in QUICK and not one.platforms)
            else pytest.mark.long
        )
        values = (one.machine, one.platforms, one.wanted.split(), one.taken.split())
        yield pytest.param(*values, id=f"{one.where}: {one.wanted}", marks=marks)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    with replica(tmp_path_factory.mktemp("replica")) as running:
        yield running


@pytest.fixture
def pytorch(served: Replica) -> Iterator[Replica]:
    """PyTorch's indexes; what a test does to the servers is undone."""
    served.forget()
    yield served
    for index in (served.pages, served.files, served.base):
        index.replies.clear()
        index.faults.clear()
        index.credentials = ""


def machine_options(machine: str, platforms: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Options and variables by which pip chooses for a machine of the table."""
    options = [part for platform in platforms for part in ("--platform", platform)]
    options += ["--only-binary", ":all:"] if platforms else []
    none = {"NVIDIA_VARIANT_PROVIDER_FORCE_CUDA_VERSION_LOWER_BOUND": "none"}
    if machine.startswith("gfx"):
        return options, {**none, "AMD_VARIANT_PROVIDER_FORCE_GFX_ARCH": machine}
    if machine.startswith("ip"):
        return options, {
            **none,
            "INTEL_VARIANT_PROVIDER_FORCE_DEVICE_IP": machine.removeprefix("ip"),
        }
    return [*options, *([] if machine == "-" else ["--variant-target", machine])], {}


def install(
    env: Environment,
    pytorch: Replica,
    machine: str,
    *arguments: object,
    platforms: Sequence[str] = (),
    sets: str = "",
    more: dict[str, str] | None = None,
    **options,
) -> Result:
    """pip install with the set of PyTorch, for a machine."""
    chosen, variables = machine_options(machine, platforms)
    named = sets or f"pytorch={pytorch.url}"
    command = [
        "install",
        "--index-url",
        pytorch.base.url,
        "--variant-indexes",
        named,
        *chosen,
        *arguments,
    ]
    return env.pip(*command, env={**variables, **(more or {})}, **options)


def taken(
    env: Environment, pytorch: Replica, machine: str, *arguments: object, **options
) -> dict[str, str]:
    """What pip would install, by project: `2.14.0+cu130`, `2.14.0@cpu` without a local part, or `@own`."""
    report = env.folder / "report.json"
    install(env, pytorch, machine, "--dry-run", "--report", report, *arguments, **options)
    found = {}
    for item in json.loads(report.read_text())["install"]:
        url, version = item["download_info"]["url"], item["metadata"]["version"]
        place = re.search(r"/whl/([^/]+)/", url)
        index = place[1] if place and "/whl/triton" not in url else "own"
        name, _, local = version.partition("+")
        assert local in ("", index), url
        found[item["metadata"]["name"]] = version if local else f"{name}@{index}"
    report.unlink()
    return found


def put(env: Environment, wheel: Path) -> None:
    """Install a wheel the quick way."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(env.site)


def torch_file(pytorch: Replica, version: str, index: str, project: str = "torch") -> Path:
    """The file of the replica for this machine's platform."""
    (path,) = (pytorch.pages.root / "whl" / index / project).glob(
        f"{project}-{version}-*x86_64.whl"
    )
    return path


def versions(env: Environment) -> dict[str, str]:
    """What is installed of torch and torchvision."""
    found = {name: env.installed(name) for name in ("torch", "torchvision")}
    return {name: one[0] for name, one in found.items() if one}


@pytest.mark.parametrize(("machine", "platforms", "wanted", "expected"), [*cells()])
def test_machines(
    env, pytorch: Replica, machine: str, platforms, wanted: list[str], expected: list[str]
) -> None:
    if wanted == ["torchvision"]:
        put(env, torch_file(pytorch, "2.14.0+cpu", "cpu"))
    if expected == ["refused"]:
        result = install(
            env, pytorch, machine, "--dry-run", *wanted, platforms=platforms, code=None
        )
        assert result.code != 0, result.all
        assert "cu126" in result.all
        return
    found = taken(env, pytorch, machine, *wanted, platforms=platforms)
    names = ["torchvision"] if wanted == ["torchvision"] else ["torch", "torchvision"]
    assert [found[name] for name in names if name in found] == expected
    # What the set does not cover comes from the user's own index.
    assert {
        found.get(name, "@own")[-4:] for name in ("filelock", "numpy", "vllm", "cuda-bindings")
    } == {"@own"}


@pytest.mark.parametrize(
    "pip",
    [
        "24.0",
        *(pytest.param(pip, marks=pytest.mark.long) for pip in ("22.3.1", "25.2", "25.3", "26.2")),
    ],
)
def test_older_pips(make_environment, pytorch: Replica, pip: str) -> None:
    env = make_environment(pip)
    for machine, wanted, expected in (
        ("x86_64_v3", ["torch", "torchvision"], ("2.14.0+cpu", "0.29.0+cpu")),
        ("cuda13.0-sm61", ["torch", "torchvision"], ("2.14.0+cu126", "0.29.0+cu126")),
        ("cuda12.8-sm120", ["vllm", "torchvision==0.26.0"], ("2.11.0+cu128", "0.26.0+cu128")),
        ("cuda13.0-sm86", ["torch==2.11.0+cu126", "torchvision"], ("2.11.0+cu126", "0.26.0+cu126")),
    ):
        pytorch.forget()
        install(env, pytorch, machine, *wanted)
        assert tuple(versions(env).values()) == expected, wanted
        asked = pytorch.asked()
        assert {one.partition("/")[2] for one in asked} <= {"torch", "torchvision", "triton"}
        assert len(asked) == len({*asked})
        env.reset()
    pytorch.pages.replies["/whl/cu130/torch/"] = Reply(b"oops", 500)
    failing(env, pytorch)


# What is asked


def test_a_release_that_is_passed_over_is_named(env, pytorch: Replica) -> None:
    result = install(env, pytorch, "cuda13.0-sm61", "--dry-run", "torch")
    (line,) = [line for line in result.all.splitlines() if NEWER[0] in line]
    assert "torch" in line
    result = install(env, pytorch, "cuda12.8-sm120", "--dry-run", "torch==2.14.*")
    assert "2.14.0+cpu" in result.out


def test_only_pages_of_builds_that_can_be_used(env, pytorch: Replica) -> None:
    """And each of them once, for the projects that are resolved."""
    taken(env, pytorch, "x86_64_v3", "torch", "torchvision", "vllm")
    assert sorted(pytorch.asked()) == ["cpu/torch", "cpu/torchvision"]
    pytorch.forget()
    taken(env, pytorch, "cuda12.8-sm120", "torch")
    assert {*pytorch.asked()} <= {
        f"{one}/{name}" for one in ("cu128", "cu129", "cpu") for name in ("torch", "triton")
    }
    assert len(pytorch.asked()) == len({*pytorch.asked()})
    pytorch.forget()
    taken(env, pytorch, "gfx1201", "torch")
    indexes = {one.partition("/")[0] for one in pytorch.asked()}
    assert indexes == {"rocm6.2.4", "rocm6.3", "rocm6.4", "rocm7.0", "rocm7.1", "rocm7.2", "cpu"}


def test_no_other_project_is_asked_of_the_set(env, pytorch: Replica, tmp_path: Path) -> None:
    """Sixty projects, of which the set covers three."""
    names = [f"lib{number}" for number in range(56)]
    own = tmp_path / "own"
    for name in names:
        plain_wheel(own, name)
    requires = [f"Requires-Dist: {name}" for name in (*names, "torch", "torchvision")]
    plain_wheel(own, "app", metadata=requires)
    found = taken(env, pytorch, "cuda13.0-sm86", "--find-links", own, "app")
    assert len(found) >= 60
    asked = pytorch.pages.requests + pytorch.files.requests
    assert {one.split("/")[3] for one in asked if one.endswith("/")} == {
        "torch",
        "torchvision",
        "triton",
    }
    assert not [one for one in asked if "99.0" in one or "/simple/" in one]
    # A bait has the name of what only the user's index may give.
    assert found["filelock"] == "3.0@own" and found["cuda_bindings"] == "13.0@own"


def test_nothing_is_asked_without_the_option(env, stock, pytorch: Replica) -> None:
    for environment in (env, stock):
        for name in ("torch", "Torch"):
            result = environment.pip("install", "--dry-run", "--index-url", pytorch.base.url, name)
            assert f"torch-{NEWER[0]}" in result.out
    assert pytorch.pages.requests == pytorch.files.requests == []


@pytest.mark.parametrize("way", ["variable", "configuration", "requirements"])
def test_the_set_is_named_once(env, pytorch: Replica, tmp_path: Path, way: str) -> None:
    named = f"pytorch={pytorch.url}"
    variables = {"PIP_INDEX_URL": pytorch.base.url, "PIP_VARIANT_TARGET": "cuda13.0-sm86"}
    arguments: list[object] = ["torch"]
    if way == "variable":
        variables["PIP_VARIANT_INDEXES"] = named
    elif way == "configuration":
        file = tmp_path / "pip.conf"
        file.write_text(f"[global]\nvariant-indexes = {named}\n")
        variables["PIP_CONFIG_FILE"] = str(file)
    else:  # its options replace where pip looks, but for the set
        del variables["PIP_INDEX_URL"]
        variables["PIP_VARIANT_INDEXES"] = named
        file = tmp_path / "requirements.txt"
        file.write_text(f"--index-url {pytorch.base.url}\ntorch\n")
        arguments = ["-r", file]
    result = env.pip("install", "--dry-run", *arguments, env=variables)
    assert "torch-2.14.0+cu130" in result.out


def test_a_name_is_spelled_as_one_likes(env, pytorch: Replica) -> None:
    assert (
        taken(env, pytorch, "cuda13.0-sm86", "TORCH", "TorchVision")["torchvision"]
        == "0.29.0+cu130"
    )


def test_triton_has_no_local_part(env, pytorch: Replica) -> None:
    """It lies above the indexes, and several list it."""
    result = install(env, pytorch, "cuda13.0-sm86", "torch")
    assert env.installed("triton") == ("3.8.0", None), result.all
    env.reset()
    install(env, pytorch, "cuda13.0-sm61", "torch==2.11.0")
    assert env.installed("triton") == ("3.6.0", None)


def test_a_build_on_the_users_own_index(env, pytorch: Replica, tmp_path: Path) -> None:
    """A local part that names a build of the set makes a file such a build."""
    own = tmp_path / "own"
    tag = "py3-none-manylinux_2_28_x86_64"
    for version in ("2.14.9+cu126", "2.14.9+rocm7.2", "2.14.9+cu130"):
        plain_wheel(own, "torch", version, tag=tag)
    for machine, expected in (
        ("cuda13.0-sm61", "2.14.9+cu126"),
        ("cuda13.0-sm86", "2.14.9+cu130"),
        ("x86_64_v3", "2.14.0+cpu"),
    ):
        result = install(env, pytorch, machine, "--dry-run", "--find-links", own, "torch")
        assert f"torch-{expected}" in result.out, result.all


def test_only_the_users_own_index_has_it(env, pytorch: Replica) -> None:
    assert taken(env, pytorch, "cuda13.0-sm86", f"torch=={NEWER[0]}")["torch"] == f"{NEWER[0]}@own"
    found = taken(env, pytorch, "cuda13.0-sm86", "torch>=2.14.1", "torchvision")
    assert found["torchvision"] == f"{NEWER[1]}@own"


# What the user says


def test_a_build_by_name(env, pytorch: Replica) -> None:
    found = taken(env, pytorch, "cuda13.0-sm86", "--variant", "torch=cpu", "torch", "torchvision")
    assert (found["torch"], found["torchvision"]) == ("2.14.0+cpu", "0.29.0+cpu")
    found = taken(env, pytorch, "cuda13.0-sm86", "--variant", "torch=cu126", "torch", "torchvision")
    assert (found["torch"], found["torchvision"]) == ("2.14.0+cu126", "0.29.0+cu126")
    result = install(
        env, pytorch, "x86_64_v3", "--dry-run", "--variant", "torch=cu126", "torch", code=None
    )
    assert result.code != 0
    assert "cu126" in result.all


def test_the_users_own_by_name(env, pytorch: Replica) -> None:
    found = taken(env, pytorch, "cuda13.0-sm86", "--variant", "torch=none", "torch")
    assert found["torch"] == f"{NEWER[0]}@own"
    assert [one for one in pytorch.asked() if one.endswith("/torch")] == []


def test_pages_of_the_build_that_is_named(env, pytorch: Replica) -> None:
    pytorch.pages.replies["/whl/cu130/torch/"] = Reply(b"oops", 500)
    found = taken(env, pytorch, "cuda13.0-sm86", "--variant", "torch=cu126", "torch==2.14.0")
    assert found["torch"] == "2.14.0+cu126"
    assert [one for one in pytorch.asked() if one.endswith("/torch")] == ["cu126/torch"]


def test_disabled(env, pytorch: Replica) -> None:
    found = taken(
        env, pytorch, "cuda13.0-sm86", "--variant-disable", "nvidia", "torch", "torchvision"
    )
    assert (found["torch"], found["torchvision"]) == ("2.14.0+cpu", "0.29.0+cpu")


def test_variants_are_off(env, pytorch: Replica) -> None:
    result = install(
        env, pytorch, "cuda13.0-sm86", "--dry-run", "--no-variants", "torch", code=None
    )
    assert pytorch.pages.requests == []
    assert result.code != 0 or f"torch-{NEWER[0]}" in result.out


@pytest.mark.parametrize("requirement", ["torch==2.14.0+cu130", "torch===2.14.0+cu130"])
def test_a_local_version_decides(env, pytorch: Replica, requirement: str) -> None:
    found = taken(env, pytorch, "cuda13.0-sm86", requirement, "torchvision")
    assert found["torchvision"] == "0.29.0+cu130"
    result = install(env, pytorch, "cuda13.0-sm61", "--dry-run", requirement, code=None)
    assert result.code != 0
    assert "75_real" in result.all or "sm_arch" in result.all  # why: not that there is no such file


def test_a_constraint_with_a_local_version(env, pytorch: Replica, tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("torch==2.14.0+cu126\n")
    found = taken(env, pytorch, "cuda13.0-sm86", "-c", file, "torchvision", "torch")
    assert (found["torch"], found["torchvision"]) == ("2.14.0+cu126", "0.29.0+cu126")


def test_no_index(env, pytorch: Replica, tmp_path: Path) -> None:
    plain_wheel(tmp_path, "torch", "1.0")
    result = install(
        env, pytorch, "cuda13.0-sm86", "--dry-run", "--no-index", "--find-links", tmp_path, "torch"
    )
    assert "torch-1.0" in result.out
    assert pytorch.pages.requests == []


def test_hashes(env, pytorch: Replica, tmp_path: Path) -> None:
    """What hashes leave is chosen from; what the target cannot use is not taken for its hash."""
    file = tmp_path / "requirements.txt"

    def required(*indexes: str) -> Path:
        wheels = [torch_file(pytorch, f"2.14.0+{one}", one) for one in indexes]
        hashes = [
            f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels
        ]
        file.write_text(f"torch==2.14.0 {' '.join(hashes)}\n")
        return file

    arguments = ("--dry-run", "--require-hashes", "--no-deps", "-r")
    result = install(env, pytorch, "cuda13.0-sm86", *arguments, required("cu126"))
    assert "torch-2.14.0+cu126" in result.out
    result = install(env, pytorch, "cuda13.0-sm86", *arguments, required("cpu", "cu126", "cu130"))
    assert "torch-2.14.0+cu130" in result.out
    result = install(env, pytorch, "cuda13.0-sm86", *arguments, required("rocm7.2"), code=None)
    assert result.code != 0


def test_a_lock(env, pytorch: Replica, tmp_path: Path) -> None:
    """It has the build that pip took, and installs it without a page."""
    lock = tmp_path / "pylock.toml"
    options = ["--index-url", pytorch.base.url, "--variant-indexes", f"pytorch={pytorch.url}"]
    env.pip(
        "lock", *options, "--variant-target", "cuda13.0-sm86", "-o", lock, "torch", "torchvision"
    )
    assert '"2.14.0+cu130"' in lock.read_text()
    assert "%2Bcu130" in lock.read_text()


@pytest.mark.long
def test_several_targets(env, pytorch: Replica, tmp_path: Path) -> None:
    """A lock has one build of a release, a folder all of them, without saying for whom they are."""
    options = [
        "--index-url",
        pytorch.base.url,
        "--variant-indexes",
        f"pytorch={pytorch.url}",
        "torch",
    ]
    options += ["--variant-target", "cuda13.0-sm86", "--variant-target", "x86_64_v3"]
    result = env.pip("lock", *options, "-o", tmp_path / "pylock.toml", code=1)
    assert "x86_64_v3 cannot get what the lock holds for cuda13.0-sm86: " in result.err
    result = env.pip("download", *options, "--dest", tmp_path)
    assert {path.name.split("-")[1] for path in tmp_path.glob("torch-*")} == {
        "2.14.0+cu130",
        "2.14.0+cpu",
    }
    assert "WARNING: A folder does not say for whom the builds of torch are; download" in result.err


@pytest.mark.parametrize("command", ["download", "wheel"])
def test_other_commands(env, pytorch: Replica, tmp_path: Path, command: str) -> None:
    options = ["--index-url", pytorch.base.url, "--variant-indexes", f"pytorch={pytorch.url}"]
    where = ["--dest" if command == "download" else "--wheel-dir", tmp_path]
    env.pip(command, *options, "--variant-target", "cuda13.0-sm61", *where, "torch", "torchvision")
    names = {path.name.rpartition("-py3")[0] for path in tmp_path.glob("torch*")}
    assert names == {"torch-2.14.0+cu126", "torchvision-0.29.0+cu126"}


def test_a_source_distribution_is_built_against_the_same_build(
    env, pytorch: Replica, tmp_path: Path
) -> None:
    """For the machine that builds, whatever the target is."""
    sdist(tmp_path, "extension", requires=["torch"])
    forced = {
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "13.0",
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "6.1",
    }
    install(env, pytorch, "-", "--no-deps", "--find-links", tmp_path, "extension", more=forced)
    assert [name for name in pytorch.files.files(".whl") if name.startswith("torch-")] == [
        "torch-2.14.0%2Bcu126-py3-none-manylinux_2_28_x86_64.whl"
    ]


# What is installed


def test_an_installed_build_that_fits_stays(env, pytorch: Replica) -> None:
    for arguments in ([], ["-U"], ["-U", "--upgrade-strategy", "eager"]):
        for version, index in (
            ("2.14.0+cpu", "cpu"),
            ("2.14.0+cu126", "cu126"),
            ("2.14.0+cu130", "cu130"),
        ):
            put(env, torch_file(pytorch, version, index))
            install(env, pytorch, "cuda13.0-sm86", *arguments, "torch")
            assert versions(env) == {"torch": version}
            env.reset()


def test_a_newer_release_replaces_an_installed_build(env, pytorch: Replica) -> None:
    put(env, torch_file(pytorch, "2.13.0+cpu", "cpu"))
    install(env, pytorch, "cuda13.0-sm86", "torch")
    assert versions(env) == {"torch": "2.13.0+cpu"}
    install(env, pytorch, "cuda13.0-sm86", "-U", "torch")
    assert versions(env) == {"torch": "2.14.0+cu130"}


def test_an_installed_build_that_does_not_fit_is_replaced(env, pytorch: Replica) -> None:
    """Also by one whose local part sorts below it, and by pip's rules: not without -U."""
    for machine, expected in (("x86_64_v3", "2.14.0+cpu"), ("cuda13.0-sm61", "2.14.0+cu126")):
        put(env, torch_file(pytorch, "2.14.0+cu130", "cu130"))
        install(env, pytorch, machine, "torch")
        assert versions(env) == {"torch": "2.14.0+cu130"}
        install(env, pytorch, machine, "-U", "torch")
        assert versions(env) == {"torch": expected}
        env.reset()


def test_a_better_build_is_forced(env, pytorch: Replica) -> None:
    put(env, torch_file(pytorch, "2.14.0+cpu", "cpu"))
    install(env, pytorch, "cuda13.0-sm86", "--force-reinstall", "--no-deps", "torch==2.14.0")
    assert versions(env) == {"torch": "2.14.0+cu130"}


def test_one_build_with_what_is_installed(env, pytorch: Replica) -> None:
    put(env, torch_file(pytorch, "2.11.0+cu126", "cu126"))
    install(env, pytorch, "cuda13.0-sm86", "torchvision==0.26.0")
    assert versions(env) == {"torch": "2.11.0+cu126", "torchvision": "0.26.0+cu126"}
    env.reset()
    # Where the installed one cannot stay, the best for both.
    put(env, torch_file(pytorch, "2.11.0+cpu", "cpu"))
    install(env, pytorch, "cuda13.0-sm86", "torchvision==0.29.0")
    assert versions(env) == {"torch": "2.14.0+cu130", "torchvision": "0.29.0+cu130"}


def test_another_build_of_what_is_not_asked_for(env, pytorch: Replica) -> None:
    """What is installed and not resolved cannot be exchanged: that it does not go with the new one is said."""
    put(env, torch_file(pytorch, "2.14.0+cu130", "cu130"))
    put(env, torch_file(pytorch, "0.29.0+cu130", "cu130", "torchvision"))
    result = install(env, pytorch, "cuda13.0-sm61", "-U", "torch")
    assert versions(env) == {"torch": "2.14.0+cu126", "torchvision": "0.29.0+cu130"}
    assert [
        line for line in result.err.splitlines() if "torchvision" in line and "cu130" in line
    ], result.all


def test_another_build_that_fits_of_what_is_not_asked_for(env, pytorch: Replica) -> None:
    put(env, torch_file(pytorch, "2.14.0+cu130", "cu130"))
    put(env, torch_file(pytorch, "0.29.0+cu130", "cu130", "torchvision"))
    result = install(
        env, pytorch, "cuda13.0-sm86", "--force-reinstall", "--variant", "torch=cu126", "torch"
    )
    assert versions(env) == {"torch": "2.14.0+cu126", "torchvision": "0.29.0+cu130"}
    assert [
        line for line in result.err.splitlines() if "torchvision" in line and "cu130" in line
    ], result.all


def test_no_build_for_all(env, pytorch: Replica) -> None:
    """Which project lacks which is said."""
    result = install(
        env,
        pytorch,
        "cuda13.0-sm86",
        "--dry-run",
        "torch==2.11.0+cu130",
        "torchvision==0.26.0",
        code=None,
    )
    assert result.code != 0
    assert "torchvision" in result.all
    assert "cu130" in result.all


# An index that fails


def failing(
    env: Environment, pytorch: Replica, *arguments: object, sets: str = "", url: str = ""
) -> Result:
    """pip install of torch, which must fail with one line that names the index."""
    options = ("--retries", "0", "--timeout", "2", *arguments, "torch")
    result = install(env, pytorch, "cuda13.0-sm86", *options, sets=sets, code=None)
    assert result.code != 0, result.all
    assert versions(env) == {}
    lines = [line for line in result.err.splitlines() if (url or f"{pytorch.url}/cu130") in line]
    assert len([line for line in lines if "ERROR" in line]) == 1, result.all
    return result


@pytest.mark.parametrize("fault", ["broken", "unavailable", "no_answer", "reset"])
def test_an_index_that_does_not_answer(env, pytorch: Replica, fault: str) -> None:
    page = "/whl/cu130/torch/"
    spoil = getattr(faults, fault)
    pytorch.pages.replies[page] = lambda: spoil(
        Reply(b"<html></html>", headers={"Content-Type": "text/html"})
    )
    result = failing(env, pytorch)
    # How to go on without it.
    assert "--variant" in result.err


def test_an_index_that_refuses_connections(env, pytorch: Replica, tmp_path: Path) -> None:
    with Index(tmp_path) as gone:
        url = gone.url.replace("/simple/", "/whl")
    failing(env, pytorch, sets=f"pytorch={url}", url=url)


def test_an_index_that_is_not_trusted(env, pytorch: Replica) -> None:
    """pip itself says so, and would go on without it."""
    url = "http://wheels.invalid/whl"
    failing(env, pytorch, sets=f"pytorch={url}", url=url)


def test_a_host_that_is_trusted(env, pytorch: Replica) -> None:
    url = "http://wheels.invalid/whl"
    proxy = {"HTTP_PROXY": pytorch.pages.url, "NO_PROXY": "127.0.0.1,localhost"}
    options = ("--trusted-host", "wheels.invalid", "--dry-run", "torch")
    result = install(env, pytorch, "cuda13.0-sm86", *options, sets=f"pytorch={url}", more=proxy)
    assert "torch-2.14.0+cu130" in result.out


def test_an_index_with_credentials(env, pytorch: Replica) -> None:
    pytorch.pages.credentials = "me:secret"
    failing(env, pytorch, url=pytorch.url)
    url = pytorch.url.replace("//", "//me:secret@")
    result = install(env, pytorch, "cuda13.0-sm86", "--dry-run", "torch", sets=f"pytorch={url}")
    assert "torch-2.14.0+cu130" in result.out
    assert "secret" not in result.all


def test_a_project_that_an_index_lacks(env, pytorch: Replica) -> None:
    """404: that index has no build of it."""
    pytorch.pages.replies["/whl/cu130/torch/"] = Reply(b"not here", 404)
    assert taken(env, pytorch, "cuda13.0-sm86", "torch==2.14.0")["torch"] == "2.14.0+cu132"


def test_pytorch_says_403_for_what_it_lacks(env, pytorch: Replica) -> None:
    pytorch.pages.replies["/whl/cu130/torch/"] = Reply(
        b"<Error><Code>AccessDenied</Code></Error>", 403
    )
    assert taken(env, pytorch, "cuda13.0-sm86", "torch==2.14.0")["torch"] == "2.14.0+cu132"


def test_a_broken_page_of_a_build_that_cannot_be_used(env, pytorch: Replica) -> None:
    pytorch.pages.replies["/whl/rocm7.2/torch/"] = Reply(b"oops", 500)
    assert taken(env, pytorch, "cuda13.0-sm86", "torch")["torch"] == "2.14.0+cu130"


# Sets of one's own


OWN = """
format = 1
name = "acme"
base = "URL/"
projects = ["torch", "triton"]
[default-priorities]
namespace = ["nvidia"]
[builds.cu130]
index = "cu130"
properties.nvidia = { cuda_version_lower_bound = ["13.0"] }
[builds.cpu]
index = "cpu"
"""


def own_set(pytorch: Replica, folder: Path, **changes: str) -> Path:
    file = folder / "acme.toml"
    text = OWN
    for old, new in changes.items():
        text = text.replace(OWN_PARTS[old], new)
    file.write_text(text.replace("URL", pytorch.url))
    return file


OWN_PARTS = {
    "format": "format = 1",
    "name": 'name = "acme"',
    "base": 'base = "URL/"',
    "projects": 'projects = ["torch", "triton"]',
    "index": 'index = "cu130"',
    "builds": "[builds.cu130]",
    "namespace": "properties.nvidia",
    "cpu": "[builds.cpu]",
}


def test_a_file_of_ones_own(env, pytorch: Replica, tmp_path: Path) -> None:
    file = own_set(pytorch, tmp_path)
    for machine, expected in (("cuda13.0-sm86", "cu130"), ("cuda12.8-sm86", "cpu")):
        assert (
            taken(env, pytorch, machine, "torch", sets=str(file))["torch"] == f"2.14.0+{expected}"
        )
    assert {one.partition("/")[0] for one in pytorch.asked()} == {"cu130", "cpu"}


def test_a_file_and_its_folders(env, pytorch: Replica, tmp_path: Path) -> None:
    """Without a base, the builds are found beside the file; what is not there is no empty index."""
    file = own_set(pytorch, tmp_path, base="")
    failing(env, pytorch, sets=str(file), url=tmp_path.as_uri())
    for name in ("cu130", "cpu"):
        folder = tmp_path / name / "torch"
        wheel = plain_wheel(folder, "torch", f"3.0+{name}")
        (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    for machine, expected in (("cuda13.0-sm86", "cu130"), ("cuda12.8-sm86", "cpu")):
        result = install(env, pytorch, machine, "--dry-run", "torch", sets=str(file))
        assert f"torch-3.0+{expected}" in result.out


def test_a_mirror_that_has_nothing(env, pytorch: Replica) -> None:
    """A misspelt address is not silently the same as no set."""
    url = f"{pytorch.url}/misspelt"
    result = install(
        env, pytorch, "cuda13.0-sm86", "--dry-run", "torch", sets=f"pytorch={url}", code=None
    )
    lines = [line for line in result.all.splitlines() if "pytorch" in line or url in line]
    assert lines, result.all


def test_a_403_of_ones_own_index(env, pytorch: Replica, tmp_path: Path) -> None:
    """Nobody may read anything there."""
    for page in ("/whl/cu130/", "/whl/cu130/torch/"):
        pytorch.pages.replies[page] = Reply(b"not for you", 403)
    failing(env, pytorch, sets=str(own_set(pytorch, tmp_path)))


BAD = {
    "not TOML": {"format": "format = "},
    "a newer format": {"format": "format = 2"},
    "no format": {"format": ""},
    "no name": {"name": ""},
    "no projects": {"projects": ""},
    "projects that are no list": {"projects": 'projects = "torch"'},
    "a project that is no name": {"projects": 'projects = ["torch>2"]'},
    "a base that is no URL": {"base": 'base = "cu130"'},
    "an index that is no URL": {"index": "index = 130"},
    "an index of another kind": {"index": 'index = "ssh://example.org/wheels"'},
    "builds that are no table": {"builds": "builds = 1\n[other]", "cpu": "[another]"},
    "an index without a name": {"builds": '[builds.""]'},
    "a name that is no label": {"builds": '[builds."CUDA 13"]'},
    "a namespace that nobody knows": {"namespace": "properties.nvidea"},
    "a misspelled key": {"projects": 'project = ["torch"]'},
}


@pytest.mark.parametrize("changes", [*BAD.values()], ids=[*BAD])
def test_a_set_that_is_wrong(
    env, pytorch: Replica, tmp_path: Path, changes: dict[str, str]
) -> None:
    """One line that names the file; nothing is asked or installed."""
    file = own_set(pytorch, tmp_path, **changes)
    result = install(env, pytorch, "cuda13.0-sm86", "torch", sets=str(file), code=None)
    assert result.code != 0, result.all
    assert len([line for line in result.err.splitlines() if "acme" in line]) == 1, result.all
    assert "Traceback" not in result.all
    assert versions(env) == {}
    assert pytorch.pages.requests == []


@pytest.mark.parametrize(
    "named", ["/no/such.toml", "nobody", "pytorch=nowhere", "pytorch=", "=", "pytorch,pytorch=x"]
)
def test_a_name_that_stands_for_no_set(env, pytorch: Replica, named: str) -> None:
    result = install(env, pytorch, "cuda13.0-sm86", "torch", sets=named, code=None)
    assert result.code != 0, result.all
    assert "Traceback" not in result.all
    assert versions(env) == {}
    assert pytorch.base.files(".whl") == []


def test_two_sets_that_cover_one_project(env, pytorch: Replica, tmp_path: Path) -> None:
    file = own_set(pytorch, tmp_path)
    more = ("--variant-indexes", f"pytorch={pytorch.url}")
    result = install(env, pytorch, "cuda13.0-sm86", "torch", *more, sets=str(file), code=None)
    assert result.code != 0, result.all
    lines = [line for line in result.err.splitlines() if "acme" in line]
    assert len(lines) == 1 and "pytorch" in lines[0] and "torch" in lines[0], result.all
    assert pytorch.pages.requests == []


def test_two_sets(env, pytorch: Replica, tmp_path: Path) -> None:
    file = own_set(pytorch, tmp_path, projects='projects = ["filelock"]')
    more = ("--variant-indexes", f"pytorch={pytorch.url}")
    found = taken(env, pytorch, "cuda13.0-sm61", "torch", *more, sets=str(file))
    assert (found["torch"], found["filelock"]) == ("2.14.0+cu126", "99.0@cu130")


def test_two_sets_in_the_configuration(env, pytorch: Replica, tmp_path: Path) -> None:
    file = own_set(pytorch, tmp_path, projects='projects = ["filelock"]')
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nvariant-indexes =\n    pytorch={pytorch.url}\n    {file}\n")
    variables = {"PIP_CONFIG_FILE": str(settings), "PIP_INDEX_URL": pytorch.base.url}
    options = ("install", "--dry-run", "--variant-target", "cuda13.0-sm86", "torch")
    for some in (
        variables,
        {
            **variables,
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_VARIANT_INDEXES": f"pytorch={pytorch.url} {file}",
        },
    ):
        result = env.pip(*options, env=some)
        assert "torch-2.14.0+cu130" in result.out
        assert "filelock-99.0" in result.out


def test_a_set_from_a_server(env, pytorch: Replica, tmp_path: Path) -> None:
    """It decides what is installed: without the hash that pins it, it is not used."""
    data = own_set(pytorch, tmp_path).read_bytes()
    pytorch.base.replies["/acme.toml"] = Reply(data)
    url = pytorch.base.url.replace("/simple/", "/acme.toml")
    digest = hashlib.sha256(data).hexdigest()
    result = install(
        env, pytorch, "cuda13.0-sm86", "--dry-run", "torch", sets=f"{url}#sha256={digest}"
    )
    assert "torch-2.14.0+cu130" in result.out
    for named in (
        url,
        f"{url}#sha256={'0' * 64}",
        url.replace("acme", "other") + f"#sha256={digest}",
    ):
        result = install(env, pytorch, "cuda13.0-sm86", "torch", sets=named, code=None)
        assert result.code != 0, result.all
        assert len([line for line in result.err.splitlines() if "ERROR" in line]) == 1
        assert versions(env) == {}


def test_releases_that_a_set_does_not_know(env, pytorch: Replica, tmp_path: Path) -> None:
    """The newest entry holds, and a line says that the set is older."""
    file = own_set(
        pytorch, tmp_path, projects='projects = ["torch", "triton"]\nknown = ["torch<2.14"]'
    )
    result = install(env, pytorch, "cuda13.0-sm86", "--dry-run", "torch", sets=str(file))
    assert "torch-2.14.0+cu130" in result.out
    assert [line for line in result.all.splitlines() if "acme" in line and "2.14" in line]
    result = install(env, pytorch, "cuda13.0-sm86", "--dry-run", "torch<2.14", sets=str(file))
    assert "torch-2.13.0+cu130" in result.out
    assert not [line for line in result.err.splitlines() if "acme" in line]


# The data


def test_the_set_of_pytorch_is_in_words_that_providers_know() -> None:
    from packaging.requirements import Requirement
    from support.toml import tomllib

    from pip_variants.providers import amd, intel, nvidia

    folder = Path(nvidia.__file__).parents[1] / "index_sets"
    document = tomllib.loads((folder / "pytorch.toml").read_text())
    known = {
        (namespace, feature.name): {*feature.values}
        for namespace, provider in (("nvidia", nvidia), ("amd", amd), ("intel", intel))
        for feature in provider.get_all_configs()
    }
    assert document["projects"] == sorted({*document["projects"]})
    for name, build in document["builds"].items():
        assert build.get("index", name) == name
        for entry in (build, *build.get("exceptions", [])):
            for namespace, features in entry.get("properties", {}).items():
                for feature, values in features.items():
                    assert {*values} <= known[namespace, feature], name
            assert "for" not in entry or Requirement(entry["for"]).name == "torch"
