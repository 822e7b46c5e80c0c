"""Variants that are built for certain releases of another package, inside pip's resolver."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, NEWEST_PIP
from support.server import Index
from support.wheels import plain_wheel, release

from pip_variants.model.metadata import BuiltinProvider

TORCH = {"t27": "2.7", "t28": "2.8", "t29": "2.9"}
SPELLINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "reserved": ("abi_dependency", {"namespaces": ("x86_64",)}),
    "builtin": (
        "abi",
        {"namespaces": ("abi",), "providers": {"abi": BuiltinProvider("abi_dependency")}},
    ),
}
RESOLVERS = [(), ("--use-deprecated", "legacy-resolver")]


@pytest.fixture
def torch(index: Index) -> Path:
    for version in ("2.7.0", "2.8.0", "2.8.1", "2.9.0", "2.10.0"):
        plain_wheel(index.root / "torch", "torch", version)
    return index.root / "torch"


def vllm(
    index: Index, version: str = "1.0", spelling: str = "reserved", plain: bool = True, **more
) -> Path:
    namespace, spelt = SPELLINGS[spelling]
    labels: dict = {label: (f"{namespace} :: torch :: {value}",) for label, value in TORCH.items()}
    if plain:
        labels[None] = ()
    options = {"metadata": ["Requires-Dist: torch"], **spelt, **more}
    return release(index.root / "vllm", version, labels, name="vllm", **options)


def install(env, index: Index, *arguments, **options):
    return env.pip("install", "--index-url", index.url, *arguments, env=FORCED, **options)


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "pip", ["23.0.1", pytest.param("24.0", marks=pytest.mark.long), NEWEST_PIP]
)
def test_the_resolver_takes_the_variant_that_fits_the_rest(
    make_environment, index: Index, torch: Path, spelling: str, pip: str, metadata: bool
) -> None:
    python = "3.10" if pip == "24.0" else "3.11"
    env = make_environment(pip, python)
    index.metadata = metadata and pip == NEWEST_PIP  # 22 and 23 fail on JSON pages with it
    vllm(index, spelling=spelling)
    plain_wheel(index.root / "other", "other", metadata=["Requires-Dist: torch<2.8.1"])
    for arguments, label, version in (
        (["vllm"], "t29", "2.9.0"),
        (["vllm", "torch==2.8.*"], "t28", "2.8.1"),
        (["torch<2.8", "vllm"], "t27", "2.7.0"),
        (["vllm", "other"], "t28", "2.8.0"),
        (["vllm", "torch==2.10"], None, "2.10.0"),
    ):
        env.reset()
        result = install(env, index, *arguments)
        assert env.installed("vllm") == ("1.0", label), result.all
        assert env.installed("torch") == (version, None), result.all
    assert (
        "Using the wheel without variant: the variants that fit need torch==2.7.* or " in result.out
    )
    env.reset()


@pytest.mark.parametrize("resolver", RESOLVERS, ids=["resolver", "legacy resolver"])
def test_what_is_installed_stays(env, index: Index, torch: Path, resolver) -> None:
    vllm(index)
    install(env, index, "torch==2.8.0")
    install(env, index, *resolver, "vllm")
    assert env.installed("vllm") == ("1.0", "t28")
    assert env.installed("torch") == ("2.8.0", None)


def test_a_conflict_names_both(env, index: Index, torch: Path) -> None:
    vllm(index, plain=False)
    result = install(env, index, "vllm", "torch==2.10", code=1)
    assert "vllm 1.0 depends on torch==2.9.*" in result.out + result.err
    assert "The user requested torch==2.10" in result.out + result.err
    assert env.installed("vllm") is None


def test_backtracking_to_an_older_version(env, index: Index, torch: Path) -> None:
    vllm(index, "1.0", plain=False)
    release(index.root / "vllm", "2.0", {"t29": ("abi_dependency :: torch :: 2.9",)}, name="vllm")
    install(env, index, "vllm", "torch==2.8.1")
    assert env.installed("vllm") == ("1.0", "t28")


def test_several_releases_and_several_packages(env, index: Index, torch: Path) -> None:
    for version in ("1.0", "2.0"):
        plain_wheel(index.root / "cudart", "cudart", version)
    labels = {
        "old": tuple(
            f"abi_dependency :: {one}" for one in ("torch :: 2.7", "torch :: 2.8", "cudart :: 1")
        ),
        "new": tuple(
            f"abi_dependency :: {one}" for one in ("torch :: 2.8", "torch :: 2.9", "cudart :: 2")
        ),
    }
    release(index.root / "vllm", "1.0", labels, name="vllm")
    for arguments, label in (
        (["vllm"], "new"),
        (["vllm", "cudart<2"], "old"),
        (["vllm", "torch==2.8.0"], "new"),
        (["vllm", "torch==2.7"], "old"),
    ):
        env.reset()
        install(env, index, *arguments)
        assert env.installed("vllm") == ("1.0", label), arguments
    assert env.installed("cudart") == ("1.0", None)


def test_without_dependencies_what_is_installed_decides(env, index: Index, torch: Path) -> None:
    vllm(index)
    install(env, index, "--no-deps", "vllm")
    assert env.installed("vllm") == ("1.0", None)
    env.reset()
    install(env, index, "torch==2.8.1")
    install(env, index, "--no-deps", "vllm")
    assert env.installed("vllm") == ("1.0", "t28")


def test_a_direct_wheel_brings_what_it_is_built_for(env, index: Index, torch: Path) -> None:
    folder = vllm(index)
    install(env, index, folder / "vllm-1.0-py3-none-any-t28.whl")
    assert env.installed("torch") == ("2.8.1", None)


def test_pip_check_and_show_know_it(env, index: Index, torch: Path) -> None:
    vllm(index)
    install(env, index, "vllm")
    assert env.pip("check").out == "No broken requirements found.\n"
    assert "\nRequires: torch\n" in env.pip("show", "vllm").out
    assert "\nRequired-by: vllm\n" in env.pip("show", "torch").out
    result = install(env, index, "torch==2.8.0")
    assert (
        "vllm 1.0 requires torch==2.9.*, but you have torch 2.8.0 which is incompatible"
        in result.err
    )
    result = env.pip("check", code=1)
    assert "vllm 1.0 has requirement torch==2.9.*, but you have torch 2.8.0." in result.out
    installed = json.loads(env.pip("inspect").out)["installed"]
    (entry,) = (one for one in installed if one["metadata"]["name"] == "vllm")
    assert entry["metadata"]["requires_dist"] == ["torch"]


def test_an_invalid_release_is_not_used(env, index: Index, torch: Path) -> None:
    labels = {"bad": ("abi_dependency :: torch :: 02.9",), None: ()}
    release(index.root / "vllm", "1.0", labels, name="vllm")
    result = install(env, index, "vllm")
    assert env.installed("vllm") == ("1.0", None)
    assert "needs abi_dependency :: torch :: 02.9" in result.out


def test_a_lock_keeps_to_its_own_versions(env, index: Index, torch: Path, tmp_path: Path) -> None:
    vllm(index)
    arguments = ("-o", tmp_path / "pylock.toml", "vllm", "torch==2.8.0")
    env.pip("lock", "--index-url", index.url, *arguments, env=FORCED)
    install(env, index, "-r", tmp_path / "pylock.toml")
    assert env.installed("vllm") == ("1.0", "t28")
    assert env.installed("torch") == ("2.8.0", None)


def test_optional_spelling_of_the_builtin_stays_off(env, index: Index, torch: Path) -> None:
    provider = {"abi": BuiltinProvider("abi_dependency", optional=True)}
    vllm(index, spelling="builtin", providers=provider)
    install(env, index, "vllm")
    assert env.installed("vllm") == ("1.0", None)
