"""The stories of docs/targets.md: the page's commands, run as they stand, each on its machine."""

import os
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.environments import ROOT, Environment
from support.forced import NAMESPACES, PROVIDERS, machine
from support.pages import Shell, shell_of
from support.server import Index
from support.wheels import levels, plain_wheel, release

from pip_variants.model.index_set import KNOWN_PROVIDERS

PAGE = ROOT / "docs" / "targets.md"


def blocks(title: str) -> list[tuple[str, str]]:
    """The commands in a section of the page, and what it says that they print; "" is its head."""
    text = PAGE.read_text()
    section = text.partition(f"\n## {title}\n")[2] if title else text
    section, _, _ = section.partition("\n## ")
    printed = r"(?:\n\n(?:[^`\n]+\n\n)?```text\n(.*?)^```)?"  # below a sentence, or at once
    return re.findall(rf"^```sh\n(.*?)^```{printed}", section, re.M | re.S)


Run = Callable[..., str]


@pytest.fixture
def run(env: Environment, tmp_path: Path, index: Index) -> Run:
    """Runs a block of commands on a machine, and compares what it prints with the page."""
    (tmp_path / "work").mkdir()
    shells: dict[Path, Shell] = {}

    def run(
        block: tuple[str, str],
        variables: Mapping[str, str],
        *,
        code: int = 0,
        python: Path = env.python,
    ) -> str:
        if python not in shells:
            folder = tmp_path / f"commands{len(shells)}"
            shells[python] = shell_of(python, folder)
        commands, expected = block
        script = f"set +e\n(set -e\n{commands})\ntest $? = {code}\n"
        output = shells[python](script, tmp_path / "work", PIP_INDEX_URL=index.url, **variables)
        for line in expected.splitlines():
            assert line in output, f"{commands}{output}"
        return output

    return run


def test_every_command_of_the_page_is_run() -> None:
    sections = {
        title: blocks(title) for title in ["", *re.findall(r"^## (.+)$", PAGE.read_text(), re.M)]
    }
    tried = re.findall(r'= blocks\("(.*)"\)$', Path(__file__).read_text(), re.M)
    assert sorted(tried) == sorted(title for title, commands in sections.items() if commands)


def test_names_files_and_settings(env: Environment, index: Index, run: Run, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3", "v4"), None: ()})
    ((commands, _),) = blocks("")
    (tmp_path / "pip.conf").touch()  # into which pip config writes then
    settings = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    expected = iter(["v2", "v3", "v2"])
    for line in commands.splitlines():
        run((f"{line}\n", ""), {**machine(2), **settings})
        if line.startswith("pip install"):
            assert env.installed() == ("1.0", next(expected)), line
            env.reset()
    assert f"variant-target = {tmp_path}/work/node.toml" in (tmp_path / "pip.conf").read_text()


def test_an_image_for_another_architecture(env: Environment, index: Index, run: Run) -> None:
    older, newer = (f"aarch64 :: version :: {version}" for version in ("8.1a", "8.4a"))
    more: dict[str, Any] = {
        "namespaces": ("aarch64",),
        "providers": {"aarch64": KNOWN_PROVIDERS["aarch64"]},
    }
    release(index.root / "demo", "1.0", {"older": (older,), "newer": (newer,), None: ()}, **more)
    (install,) = blocks("An image for another architecture")
    run(install, machine(2))
    assert env.installed() == ("1.0", "older")


def test_an_image_for_gpu_nodes(env: Environment, index: Index, run: Run) -> None:
    code = {
        "nvidia_cuda_version_lower_bound": "12.8,12.4,12",
        "nvidia_sm_arch": "90_real,90_virtual",
    }
    node, builder = machine(4, **code), machine(2)
    gpu = ("nvidia :: cuda_version_lower_bound :: 12.4", "nvidia :: sm_arch :: 90_real")
    labels = {"v4_cu12": (*gpu, "x86_64 :: level :: v4"), **levels("v2"), None: ()}
    release(index.root / "demo", "1.0", labels, namespaces=NAMESPACES, providers=PROVIDERS)
    on_node, in_build, check, by_name = blocks("An image for GPU nodes, built where no GPU is")
    assert "-o gpu-node.toml" in on_node[0]
    run(on_node, node)
    run(in_build, builder)
    assert env.installed() == ("1.0", "v4_cu12")
    assert run(check, node) == check[1]
    run(
        (check[0], "demo 1.0: fits gpu-node.toml, for which it was installed; not this machine:"),
        builder,
    )
    env.reset()
    run(by_name, builder)
    assert env.installed() == ("1.0", "v4_cu12")
    env.reset()
    run(("pip install demo\n", ""), builder)
    assert env.installed() == ("1.0", "v2")


def nodes(folder: Path, machines: Mapping[str, Mapping[str, str]]) -> Path:
    """A launcher that runs a command on each of these machines; returns the folder of its program."""
    starts = []
    for name, variables in machines.items():
        (folder / name).mkdir(parents=True)
        hostname = folder / name / "hostname"
        hostname.write_text(f"#!/bin/sh\necho {name}\n")
        hostname.chmod(0o755)
        forced = " ".join(f"{key}={value}" for key, value in variables.items())
        starts.append(f'env {forced} PATH="{folder / name}:$PATH" "$@"')
    program = folder / "srun"
    program.write_text(
        '#!/bin/sh -e\ntest "$1" = --ntasks-per-node=1\nshift\n' + "\n".join(starts) + "\n"
    )
    program.chmod(0o755)
    return folder


def test_a_cluster_of_different_nodes(
    env: Environment, index: Index, run: Run, tmp_path: Path
) -> None:
    older, newer = machine(3, mpi_abi="mpich"), machine(4, mpi_abi="mpich")
    login = machine(4, mpi_abi="openmpi")
    labels = {
        f"v{level}_{mpi}": (f"x86_64 :: level :: v{level}", f"mpi :: abi :: {mpi}")
        for level in (2, 3, 4)
        for mpi in ("mpich", "openmpi")
    }
    release(index.root / "demo", "1.0", labels, namespaces=NAMESPACES, providers=PROVIDERS)
    launcher = nodes(tmp_path / "nodes", {"node1": older, "node2": older, "node3": newer})
    collect, use = blocks("A cluster of different nodes")
    # Of one machine that stands in for several, Python knows one name.
    expected = collect[1].replace("node1, node2", socket.gethostname())
    commands = [f'PATH="{launcher}:$PATH"\n{block}' for block, _ in (collect, use)]
    run((commands[0], expected), login)
    targets = tmp_path / "work" / "targets"
    assert sorted(os.listdir(targets)) == ["node1.toml", "node2.toml", "node3.toml"]
    output = run((commands[1], ""), login)
    assert env.installed() == ("1.0", "v3_mpich")
    assert output.count("All installed variants fit this machine.") == 3

    # The files one behind the other are the same target.
    joined = targets.with_name("joined.toml")
    joined.write_text("".join((targets / file).read_text() for file in os.listdir(targets)))
    env.reset()
    run((f"pip install --variant-target {joined} demo\n", ""), login)
    assert env.installed() == ("1.0", "v3_mpich")
    env.reset()
    run(("pip install demo\n", ""), login)
    assert env.installed() == ("1.0", "v4_openmpi")


def test_a_login_node(env: Environment, index: Index, run: Run, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3", "v4"), None: ()})
    install, check = blocks("A login node without a GPU")
    run(("pip-variants target -o cluster.toml", ""), machine(3))
    run(install, machine(2))
    assert env.installed() == ("1.0", "v3")
    launcher = nodes(tmp_path / "nodes", {"node1": machine(3), "node2": machine(4)})
    output = run((f'PATH="{launcher}:$PATH"\n{check[0]}', ""), machine(2))
    assert output.count("All installed variants fit this machine.") == 2


GPU = {"nvidia_cuda_version_lower_bound": "12.8,12", "nvidia_sm_arch": "90_real,90_virtual"}


@pytest.fixture
def two_kinds(index: Index, run: Run) -> Mapping[str, Mapping[str, str]]:
    """Nodes with a GPU and older ones, their files in the folder targets, and packages for both."""
    labels = {"cu12": ("nvidia :: sm_arch :: 90_real",), **levels("v2"), None: ()}
    requires = ["Requires-Dist: cudart; variant_label == 'cu12'"]
    more: dict[str, Any] = {"namespaces": NAMESPACES, "providers": PROVIDERS, "metadata": requires}
    release(index.root / "demo", "1.0", labels, **more)
    plain_wheel(index.root / "cudart", "cudart")
    kinds = {"old": machine(2), "gpu": machine(3, **GPU)}
    for name, variables in kinds.items():
        run((f"mkdir -p targets\npip-variants target -o targets/{name}.toml", ""), variables)
    return kinds


def test_a_cluster_without_network(env, index: Index, two_kinds, run: Run) -> None:
    download, install = blocks("A cluster without network")
    run(download, machine(4))
    for name, expected, needs in (("old", "v2", None), ("gpu", "cu12", ("1.0", None))):
        index.requests.clear()
        run(install, two_kinds[name])
        assert index.requests == []
        assert (env.installed(), env.installed("cudart")) == (("1.0", expected), needs)
        env.reset()


def test_locks(env, two_kinds, run: Run) -> None:
    for_old, for_gpu, for_both, install = blocks("Locks")
    for lock in (for_old, for_gpu, for_both):
        run(lock, machine(4))
    for file, both in (("pylock.toml", ("1.0", None)), ("pylock.{}.toml", None)):
        for name, expected, needs in (("old", "v2", both), ("gpu", "cu12", ("1.0", None))):
            run((install[0].replace("pylock.toml", file.format(name)), ""), two_kinds[name])
            assert (env.installed(), env.installed("cudart")) == (("1.0", expected), needs)
            env.reset()


def test_an_environment_that_moved(
    env: Environment, index: Index, run: Run, tmp_path: Path
) -> None:
    laptop, server = machine(3), machine(2)
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3"), None: ()})
    ((check, expected),) = blocks("An environment that moved")
    run(("pip install demo\n", ""), laptop)
    run((check, "All installed variants fit this machine.\n"), laptop)

    copy = tmp_path / "server" / "venv"
    shutil.copytree(env.folder, copy, symlinks=True)
    python = copy / env.python.relative_to(env.folder)
    assert run((check, expected), server, code=1, python=python) == expected
    assert "demo 1.0 is a variant that this machine does not support" in run(
        ("pip check\n", ""), server, code=1, python=python
    )
    commands = "".join(f"{line}\n" for line in expected.splitlines() if line.startswith("    "))
    run((commands, ""), server, python=python)
    assert run((check, ""), server, python=python) == "All installed variants fit this machine.\n"
    printed = run(("pip list\n", ""), server, python=python)
    assert re.search(r"demo +1\.0 .*v2", printed), printed
    assert env.installed() == ("1.0", "v3")
