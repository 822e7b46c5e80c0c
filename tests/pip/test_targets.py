"""`--variant-target`: choosing for machines that are not this one."""

import json
import socket
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, HARDWARE, NEWEST_PIP, clean
from support.server import Index
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.detection.targets import loads
from pip_variants.model.index_set import KNOWN_PROVIDERS
from pip_variants.model.metadata import StaticProvider
from pip_variants.model.support import SupportedFeature


@pytest.fixture(autouse=True)
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3", "v4"), None: ()})


def target(
    *arguments: object, env: dict[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pip_variants", "target", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(env))
    assert done.returncode == code, done.stderr
    return done


def level(best: str) -> dict[str, str]:
    every = ["v4", "v3", "v2", "v1"]
    return {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(every[every.index(best) :])}


def install(env, index: Index, *arguments: object, more: dict[str, str] = FORCED, code: int = 0):
    env.reset()
    return env.pip("install", "--index-url", index.url, *arguments, "demo", env=more, code=code)


@pytest.mark.parametrize("pip", ["23.0.1", NEWEST_PIP])
def test_names_and_files_and_variables(
    make_environment, index: Index, tmp_path: Path, pip: str
) -> None:
    env = make_environment(pip)
    file = tmp_path / "here.toml"
    file.write_text(target(env=level("v2")).stdout)
    config = tmp_path / "pip.conf"
    config.write_text("[install]\nvariant-target = x86_64_v1\n")
    for arguments, more, expected in (
        (["--variant-target", "x86_64_v4"], FORCED, "v4"),
        (["--variant-target", "x86_64_v2+cuda12.8-sm90"], FORCED, "v2"),
        (["--variant-target", "cuda12.8-sm90"], FORCED, None),
        (["--variant-target", file], FORCED, "v2"),
        ([], {**FORCED, "PIP_VARIANT_TARGET": str(file)}, "v2"),
        ([], {**FORCED, "PIP_CONFIG_FILE": str(config)}, "v1"),
        (["--variant-target", file, "--platform", "manylinux2014_x86_64", "--no-deps"]
         + ["--only-binary", ":all:", "--target", tmp_path / pip], FORCED, None),
    ):  # fmt: skip
        install(env, index, *arguments, more=more)
        assert env.installed() == (None if "--platform" in arguments else ("1.0", expected)), (
            arguments
        )
    assert "v2" in (tmp_path / pip / "demo-1.0.dist-info/variant.json").read_text()
    env.reset()


def test_a_cluster_of_different_nodes(env, index: Index, tmp_path: Path) -> None:
    nodes = [tmp_path / name for name in ("v3.toml", "v4.toml")]
    for node in nodes:
        target("-o", node, env=level(node.stem))
    every = tmp_path / "all.toml"
    done = target("--combine", *nodes, "-o", every)
    assert "x86_64 :: level :: v4" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80
    found = json.loads(target("--combine", *nodes, "--json").stdout)
    assert found["lost"] == {socket.gethostname(): ["x86_64 :: level :: v4"]}
    assert found["target"] == every.read_text()
    install(env, index, "--variant-target", every, more=level("v1"))
    assert env.installed() == ("1.0", "v3")
    # What a launcher prints on all nodes is such a file as it stands.
    every.write_text("".join(node.read_text() for node in nodes))
    install(env, index, "--variant-target", every, more=level("v1"))
    assert env.installed() == ("1.0", "v3")


def test_an_image_for_nodes_with_gpus_is_built_without(env, index: Index) -> None:
    labels = {
        "cu12": ("nvidia :: cuda_version_lower_bound :: 12.4", "nvidia :: sm_arch :: 90_real")
    }
    providers = {"nvidia": KNOWN_PROVIDERS["nvidia"]}
    variant_wheel(
        index.root / "demo",
        "cu12",
        labels["cu12"],
        version="2.0",
        namespaces=("nvidia",),
        providers=providers,
    )
    plain_wheel(index.root / "demo", version="2.0")
    install(env, index)
    assert env.installed() == ("2.0", None)
    install(env, index, "--variant-target", "cuda12.8-sm90")
    assert env.installed() == ("2.0", "cu12")
    install(env, index, "--variant-target", "cuda12.8-sm75")
    assert env.installed() == ("2.0", None)


def test_build_requirements_are_for_the_machine_that_builds(
    env, index: Index, tmp_path: Path
) -> None:
    """pip runs them here, whatever the target is; what is installed is for the target all the same."""
    sdist(index.root / "app", "app", requires=["demo"])
    variable = {**FORCED, "PIP_VARIANT_TARGET": "x86_64_v4"}
    arguments = ("install", "--index-url", index.url)
    here, there = "demo-1.0-py3-none-any-v3.whl", "demo-1.0-py3-none-any-v4.whl"
    option, in_process = (
        ("--variant-target", "x86_64_v4"),
        ("--use-feature", "inprocess-build-deps"),
    )
    for more, env_ in ((option, FORCED), ((), variable), ((*option, *in_process), FORCED)):
        env.reset()
        index.requests.clear()
        env.pip(*arguments, *more, "app", "demo", env=env_)
        assert sorted(index.files(".whl")) == [here, there]
        assert env.installed() == ("1.0", "v4")


@pytest.mark.parametrize(
    ("value", "text", "code", "complaint"),
    [
        ("nonsense", None, 1, "there is no target nonsense; names are like x86_64_v3"),
        ("./missing.toml", None, 2, "/missing.toml'"),
        ("", None, 2, "option --variant-target: no such file: ''"),
        ("here.toml", "not toml", 1, "here.toml is not TOML"),
        ("here.toml", "[project]\nname = 'x'\n", 1, "is no target file: it has no [[machine]]"),
        (
            "here.toml",
            "[[machine]]\nformat = 9\n",
            1,
            "format must be 1, the newest that this pip-variants reads, not 9",
        ),
    ],
)
def test_a_wrong_target_is_an_error(env, index, tmp_path, value, text, code, complaint) -> None:
    if text:
        value = tmp_path / value
        value.write_text(text)
    result = install(env, index, "--variant-target", value, code=code)
    assert env.installed() is None
    assert complaint in result.err
    assert "no-variants to go on" not in result.err


def test_an_old_file_is_warned_of(env, index: Index, tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    text = target("x86_64_v2").stdout
    file.write_text(text)
    assert install(env, index, "--variant-target", file).err == ""
    file.write_text(text.replace('made-by = "pip-variants ', 'made-by = "pip-variants 0.0.'))
    result = install(env, index, "--variant-target", file)
    assert env.installed() == ("1.0", "v2")
    assert "WARNING: " in result.err
    assert "was made by pip-variants 0.0.0.1.0, older than this 0.1.0" in result.err


BAD_FILES = [
    (None, "could not be read: No such file"),
    (b"\xff\xfe\x00", "is not text in UTF-8"),
    (b"not toml", "is not TOML"),
    (b"a = " + b"[" * 100_000, "is not TOML"),
    (b"[project]\n", "is no target file: it has no [[machine]]"),
    (b"[[machine]]\n", "format must be 1"),
    (
        b"[[machine]]\nformat = 9\n",
        "format must be 1, the newest that this pip-variants reads, not 9",
    ),
    (b'[[machine]]\nformat = 1\nnames = "\\u001b[31m"\n', "names must be a list of strings"),
    (b"#" * (64 * 2**20 + 1), "is larger than 64 MiB"),
]


@pytest.mark.parametrize(("content", "complaint"), BAD_FILES, ids=[words for _, words in BAD_FILES])
def test_bad_files_are_one_clear_line(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "x.toml"
    if content is not None:
        file.write_bytes(content)
    done = target("--combine", file, code=1)
    assert done.stderr.startswith(f"pip-variants: {file}")
    assert complaint in done.stderr
    assert (done.stderr.count("\n"), done.stdout) == (1, "")
    assert "\x1b" not in done.stderr


def test_bad_arguments_are_one_clear_line(tmp_path: Path) -> None:
    for arguments, code, complaint in (
        (["nonsense"], 1, "there is no target nonsense; names are like"),
        (["--combine", tmp_path], 1, f"{tmp_path} could not be read: Is a directory"),
        (["-o", tmp_path / "no" / "x"], 1, f"{tmp_path}/no/x could not be written: No such file"),
    ):
        done = target(*arguments, code=code)
        assert done.stderr.startswith(f"pip-variants: {complaint}")
        assert (done.stderr.count("\n"), done.stdout) == (1, "")
    for arguments in (["x86_64_v3"], ["--name", "x"]):
        done = target(*arguments, "--combine", "x86_64_v2", code=2)
        assert (
            "target: error: give names or --combine, not both: a file has its names" in done.stderr
        )
    failed = target(env={"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "V3"}, code=1)
    assert "'V3' in the environment variable X86_64_VARIANT_PROVIDER_FORCE_LEVEL" in failed.stderr
    assert (failed.stderr.count("\n"), failed.stdout) == (1, "")


def test_names_joined_and_apart_are_the_same() -> None:
    joined, apart = (
        target("x86_64_v4+cuda12.8-sm90", "--name", "x"),
        target("x86_64_v4", "cuda12.8-sm90", "--name", "x"),
    )
    assert joined.stdout.splitlines()[5:] == apart.stdout.splitlines()[5:]


def test_what_the_file_holds() -> None:
    """As docs/targets.md says; every line fits a terminal."""
    text = target(env={**FORCED, **HARDWARE}).stdout
    # But for names of providers, which are as long as they are.
    assert max(len(line) for line in text.splitlines() if "provider" not in line) <= 80
    assert max(map(len, text.splitlines())) <= 100
    (machine,) = loads(text, "it").machines
    assert machine.names == (socket.gethostname(),)
    assert machine.made_by == "pip-variants 0.1.0"
    assert abs(datetime.now(timezone.utc) - datetime.fromisoformat(machine.made_at)) < timedelta(
        hours=1
    )
    providers = {one.namespace: one for one in machine.providers}
    assert providers["x86_64"].by == "pip-variants 0.1.0"
    assert "x86_64_variant_provider" in {one.plugin_api for one in providers["x86_64"].implements}
    assert providers["x86_64"].features[0] == ("level", ("v3", "v2", "v1"))
    assert [name for name, _ in providers["nvidia"].features] == [
        "cuda_version_lower_bound", "cuda_version_upper_bound", "sm_arch"
    ]  # fmt: skip


# A target is the user's own list (PEP 850, step 1)

LIST = """
[[machine]]
format = 1
names = ["by hand"]

[[machine.provider]]
namespace = "blas"
[machine.provider.features]
library = ["openblas"]
"""


def blas(index: Index, *, optional: bool = False) -> None:
    provider = StaticProvider(
        (SupportedFeature("library", ("mkl", "openblas")),), optional=optional
    )
    labels = {one: (f"blas :: library :: {one}",) for one in ("mkl", "openblas")}
    more: dict[str, Any] = {"namespaces": ("blas",), "providers": {"blas": provider}}
    release(index.root / "blas", "1.0", {**labels, None: ()}, name="blas", **more)


@pytest.mark.parametrize("optional", [False, True])
def test_a_list_counts_alone(env, index: Index, tmp_path: Path, optional: bool) -> None:
    """Before static properties, and before `optional`; what it leaves out is not supported."""
    blas(index, optional=optional)
    file = tmp_path / "list.toml"
    for listed, expected in (("openblas", "openblas"), ("atlas", None)):
        file.write_text(LIST.replace("openblas", listed))
        env.pip("install", "--index-url", index.url, "--variant-target", file, "blas", env=FORCED)
        assert env.installed("blas") == ("1.0", expected)
        env.reset()
    for more in (("--variant-disable", "blas"), ("--variant-target", "x86_64_v3")):
        named = {**FORCED, "PIP_VARIANT_TARGET": str(file)}  # what is typed counts instead
        env.pip("install", "--index-url", index.url, *more, "blas", env=named)
        taken = "mkl" if not optional and "x86_64_v3" in more else None
        assert env.installed("blas") == ("1.0", taken)
        env.reset()


def test_a_list_for_a_namespace_whoever_provides_it(env, index: Index, tmp_path: Path) -> None:
    file = tmp_path / "list.toml"
    file.write_text(
        LIST.replace("blas", "x86_64").replace('library = ["openx86_64"]', 'level = ["v1"]')
    )
    install(env, index, "--variant-target", file)
    assert env.installed() == ("1.0", "v1")


def test_a_name_wins_over_a_file_of_that_name(env, index: Index, tmp_path: Path) -> None:
    """Whatever lies in the folder in which pip is called; a file has a path or a suffix."""
    (tmp_path / "x86_64_v2").write_text(target("x86_64_v4").stdout)
    (tmp_path / "x86_64_v1").mkdir()
    (tmp_path / "nodes.toml").write_text(target("x86_64_v1").stdout)
    expected = {"x86_64_v2": "v2", "x86_64_v1": "v1", "./x86_64_v2": "v4", "nodes.toml": "v1"}
    for named, label in expected.items():
        options = ("--index-url", index.url, "--variant-target", named)
        env.pip("install", *options, "demo", env=FORCED, cwd=tmp_path)
        assert env.installed() == ("1.0", label)
        env.reset()


def test_a_machine_has_the_name_that_one_gives_it() -> None:
    (machine,) = loads(target("--name", "gpu nodes").stdout, "it").machines
    assert machine.names == ("gpu nodes",)


def test_the_namespace_that_fails_is_named(env, index: Index) -> None:
    """So that the command can be typed again as it stands."""
    result = install(env, index, more={"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "V3"}, code=1)
    assert result.err.splitlines()[-1].endswith(
        "Use --variant-disable x86_64 or --no-variants to go on."
    )
