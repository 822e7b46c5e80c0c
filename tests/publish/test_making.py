"""`make` with what people type: wrong values, another label, another name, and nothing overwritten."""

import json
import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
from support.environments import FORCED, ROOT, WHEELHOUSE, clean, download
from support.wheels import plain_wheel, release, variant_wheel

from pip_variants.cli import main
from pip_variants.model.metadata import VariantMetadata
from pip_variants.publish.wheel import read_metadata

NVIDIA = ["--property", "nvidia :: cuda_version_lower_bound :: 12.8"]


def make(wheel: Path, *arguments: object, code: int = 0) -> list[str]:
    before = set(wheel.parent.glob("*.whl"))
    assert main(["make", str(wheel), *map(str, arguments)]) == code
    made = set(wheel.parent.glob("*.whl")) - before
    assert bool(made) is (code == 0)
    return sorted(path.name for path in made)


def headers(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        return HeaderParser().parsestr(archive.read(name).decode())


WRONG = {
    "a feature that there is not": (
        ["--property", "nvidia :: cuda :: 12"],
        "nvidia-variant-provider knows no feature nvidia :: cuda, but cuda_version_lower_bound, ",
    ),
    "a value that there is not": (
        ["--property", "x86_64 :: level :: v5"],
        "x86-64-variant-provider knows no x86_64 :: level :: v5, but v4, v3, v2, v1\n",
    ),
    "among many values": (
        ["--property", "nvidia :: sm_arch :: 90_reel"],
        "knows no nvidia :: sm_arch :: 90_reel, but 90_real, ",
    ),
    "two values where one is allowed": (
        [
            "--property",
            "x86_64 :: level :: v3",
            "--property",
            "x86_64 :: level :: v2",
            "--label",
            "a",
        ],
        "a has 2 values of x86_64 :: level, of which x86-64-variant-provider allows one: v2, v3",
    ),
    "an endpoint that nobody answers": (
        [*NVIDIA, "--provider", "nvidia=nvidia-variant-provider"],
        "nobody answers for nvidia: its provider is nvidia-variant-provider at "
        "nvidia_variant_provider, registered is nvidia-variant-provider 0.0.3 at "
        "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
    ),
}


@pytest.mark.parametrize(("arguments", "complaint"), WRONG.values(), ids=WRONG)
def test_what_no_provider_knows(
    tmp_path: Path, capsys, arguments: list[str], complaint: str
) -> None:
    wheel = plain_wheel(tmp_path)
    make(wheel, *arguments, code=1)
    err = capsys.readouterr().err
    assert re.sub(r"\d+\.\d+\.\d+", "0.0.3", complaint) in re.sub(r"\d+\.\d+\.\d+", "0.0.3", err)
    assert err.endswith("\n(--unchecked takes it as it is)\n")
    make(wheel, *arguments, "--unchecked")


def test_what_cannot_be_checked_is_said(tmp_path: Path, capsys) -> None:
    make(
        plain_wheel(tmp_path),
        "--property",
        "acme :: engine :: mk1",
        "--provider",
        "acme=acme-variants",
    )
    err = capsys.readouterr().err
    assert err.startswith(
        "pip-variants: the properties of acme were not checked: acme-variants is not installed"
    )


def test_a_project_is_checked_too(tmp_path: Path, capsys) -> None:
    (tmp_path / "pyproject.toml").write_text('[variant.variants.v5]\nx86_64.level = ["v5"]\n')
    arguments = ["--project", tmp_path / "pyproject.toml", "--label", "v5"]
    make(plain_wheel(tmp_path), *arguments, code=1)
    assert "knows no x86_64 :: level :: v5" in capsys.readouterr().err


def test_static_properties_are_checked_too(tmp_path: Path, capsys) -> None:
    table = "[variant.providers.blas]\nstatic-properties = { library = ['mkl'] }\n"
    (tmp_path / "pyproject.toml").write_text(
        f"{table}[variant.variants.a]\nblas.library = ['mkl', 'mlk']\n"
    )
    arguments = ["--project", tmp_path / "pyproject.toml", "--label", "a"]
    make(plain_wheel(tmp_path), *arguments, code=1)
    assert (
        "a: static-properties knows no blas :: library :: mlk, but mkl\n" in capsys.readouterr().err
    )
    make(plain_wheel(tmp_path), *arguments, "--unchecked")


ABI = ["--property", "abi_dependency :: numpy :: 2"]


def test_built_for_a_release_of_another_package(tmp_path: Path) -> None:
    """The namespace is reserved; PEP 825 wants one among the priorities nevertheless."""
    wheel = plain_wheel(tmp_path)
    make(wheel, *ABI, "--label", "alone")
    make(wheel, *ABI, *NVIDIA, "--label", "both")
    alone, both = (
        read_metadata(tmp_path / f"demo-1.0-py3-none-any-{one}.whl") for one in ("alone", "both")
    )
    assert (alone.namespaces, both.namespaces) == (("abi_dependency",), ("nvidia",))
    assert [str(one) for one in alone.variants["alone"].properties] == [
        "abi_dependency :: numpy :: 2"
    ]
    assert main(["verify", str(tmp_path / "demo-1.0-py3-none-any-alone.whl"), str(wheel)]) == 0


# Another label


def test_a_variant_under_another_label(tmp_path: Path) -> None:
    wheel = variant_wheel(
        tmp_path, "v3", ["x86_64 :: level :: v3"], namespaces=("nvidia", "x86_64")
    )
    assert make(wheel, "--label", "haswell") == ["demo-1.0-py3-none-any-haswell.whl"]
    old, new = read_metadata(wheel), read_metadata(tmp_path / "demo-1.0-py3-none-any-haswell.whl")
    assert new.variants["haswell"].features == old.variants["v3"].features
    assert (new.namespaces, new.providers) == (old.namespaces, old.providers)


@pytest.mark.parametrize(
    "option", ["--namespaces=x86_64", "--provider=x86_64=a", "--plugin-api=x86_64=a"]
)
def test_what_stays_cannot_be_given(tmp_path: Path, capsys, option: str) -> None:
    make(variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"]), "--label", "b", option, code=1)
    assert "leave out --namespaces, --provider and --plugin-api" in capsys.readouterr().err


def test_a_variant_with_properties_has_those(tmp_path: Path) -> None:
    wheel = variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    make(wheel, "--label", "v2", "--property", "x86_64 :: level :: v2")
    metadata = read_metadata(tmp_path / "demo-1.0-py3-none-any-v2.whl")
    assert [str(one) for one in metadata.variants["v2"].properties] == ["x86_64 :: level :: v2"]


def test_what_would_be_lost_is_refused(tmp_path: Path, capsys) -> None:
    from support import byhand

    whole = byhand.document(byhand.level("v3"), byhand.X86_64, byhand.NEWER, later={"deep": 1})
    make(byhand.wheel(tmp_path, "v3", whole), "--label", "other", code=1)
    assert "has schema 1.3.0; what is written here is at most 0.2.0" in capsys.readouterr().err


# Another name


METADATA = """\
Requires-Dist: demo-gpu[fast]; extra == "all"
Requires-Dist: Demo.GPU>=1; extra == "rest"
Requires-Dist: demo-gpu-extra
Provides-Dist: demo-gpu
Provides-Extra: fast
Provides-Extra: all
Provides-Extra: rest""".splitlines()
FILES = {
    "demo_gpu-1.0.data/scripts/run": "#!python\n",
    "demo_gpu-1.0.dist-info/licenses/LICENSE": "free",
    "demo_gpu-1.0.dist-info/entry_points.txt": "[console_scripts]\ndemo = demo:main\n",
    "demo/demo_gpu-1.0.dist-info/x": "",
    "demo/version.py": "from importlib.metadata import version\nVERSION = version('demo-gpu')\n",
}


@pytest.mark.parametrize("name", ["demo", "Demo", "my.demo"])
def test_a_wheel_of_another_project(env, tmp_path: Path, capsys, name: str) -> None:
    wheel = plain_wheel(tmp_path, "demo_gpu", metadata=METADATA, files=FILES)
    own = name.lower().replace(".", "_")
    (made,) = make(wheel, "--name", name, "--label", "v1", "--property", "x86_64 :: level :: v1")
    assert made == f"{own}-1.0-py3-none-any-v1.whl"
    with zipfile.ZipFile(tmp_path / made) as archive:
        names = {*archive.namelist()}
    assert {
        one.replace("demo_gpu-1.0.d", f"{own}-1.0.d")
        for one in FILES
        if not one.startswith("demo/")
    } < names
    assert {one for one in FILES if one.startswith("demo/")} < names
    found = headers(tmp_path / made)
    assert (found["Name"], found["Provides-Dist"]) == (name, "demo-gpu")
    assert found.get_all("Requires-Dist") == [
        f'{name}[fast]; extra == "all"',
        f'{name}>=1; extra == "rest"',
        "demo-gpu-extra",
    ]
    main(["make", "--label", "none", str(tmp_path / made), "-o", str(tmp_path / "out")])
    assert main(["verify", str(tmp_path / made), *map(str, (tmp_path / "out").iterdir())]) == 0
    env.pip("install", "--no-deps", tmp_path / made, env=FORCED)
    assert env.installed(own) == ("1.0", "v1")
    assert env.pip("show", "-f", name).out.count("dist-info") > 3
    env.pip("uninstall", "-y", name)
    assert not [*env.site.glob("demo*"), *env.site.glob("my*")]


def test_the_same_wheel_back(tmp_path: Path) -> None:
    wheel = plain_wheel(
        tmp_path, "demo_gpu", metadata=["Requires-Dist: numpy"], files={"a.py": "1"}
    )
    (made,) = make(wheel, "--name", "demo", "--label", "cu128", *NVIDIA)
    assert (
        main(
            [
                "make",
                "--label",
                "none",
                str(tmp_path / made),
                "--name",
                "demo_gpu",
                "-o",
                str(tmp_path / "back"),
            ]
        )
        == 0
    )
    (back,) = (tmp_path / "back").iterdir()
    assert back.name == wheel.name
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(back) as two:
        assert {*one.namelist()} == {*two.namelist()}
        for name in one.namelist():
            if not name.endswith(("METADATA", "RECORD")):
                assert one.read(name) == two.read(name)


@pytest.mark.parametrize("name", ["-demo", "de mo", "demo;", "démo"])
def test_what_is_no_name(tmp_path: Path, capsys, name: str) -> None:
    make(plain_wheel(tmp_path), f"--name={name}", "--label", "a", *NVIDIA, code=1)
    assert "the name of a project has letters, digits, -, _ and . only" in capsys.readouterr().err


# Nothing is overwritten, nothing is guessed


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys) -> None:
    """Such as everybody's plain wheel by a v4 build."""
    folder = release(tmp_path, "1.0", {"v4": ("x86_64 :: level :: v4",), None: ()})
    plain, v4 = folder / "demo-1.0-py3-none-any.whl", folder / "demo-1.0-py3-none-any-v4.whl"
    plain_wheel(folder, files={"plain.py": ""})
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    for command, there in (
        (["make", "--label", "none", v4], plain),
        (["make", plain, "--label", "v4", "--property", "x86_64 :: level :: v4"], v4),
    ):
        assert main([*map(str, command)]) == 1
        complaint = f"{there} exists already: --force replaces it"
        assert capsys.readouterr().err == f"pip-variants: {complaint}\n"
        assert {path: path.read_bytes() for path in folder.glob("*.*")} == before
    assert main(["make", "--label", "none", str(v4), "--force"]) == 0
    assert plain.read_bytes() != before[plain]


def test_json_says_what_was_made(tmp_path: Path, capsys) -> None:
    wheel = plain_wheel(tmp_path)
    made = tmp_path / "demo-1.0-py3-none-any-a.whl"
    assert main(["make", str(wheel), "--label", "a", *NVIDIA, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": "1", "file": str(made)}
    assert main(["make", "--label", "none", str(made), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(tmp_path / "out" / wheel.name)


def test_half_an_option_is_none(tmp_path: Path) -> None:
    wheel = plain_wheel(tmp_path)
    for option in ("--name-spaces", "--lab", "--prop"):
        with pytest.raises(SystemExit, match="2"):
            main(["make", str(wheel), option, "x86_64"])


# The page, with real wheels

STORY = (ROOT / "docs/several-names.md").read_text()


@pytest.mark.long
def test_one_project_out_of_two_real_ones(tmp_path: Path) -> None:
    """Every command of the page, as it stands there."""
    if sys.platform != "linux" or sys.version_info[:2] != (3, 11):
        pytest.skip("the page has the wheels of Linux and Python 3.11")
    wheels = download(
        WHEELHOUSE / "rmm", "rmm_*.whl", "--no-deps", "rmm-cu12==25.10.0", "rmm-cu13==25.10.0"
    )
    for wheel in wheels:
        (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    blocks = re.findall(r"```sh\n(.*?)```", STORY, re.DOTALL)
    script = "\n".join(
        block for block in blocks if "pip download" not in block and "pip install" not in block
    )
    path = f"{Path(sys.executable).parent}:{clean()['PATH']}"
    done = subprocess.run(
        ["bash", "-e"],
        input=script,
        cwd=tmp_path,
        env={**clean(), "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dist = tmp_path / "dist"
    metadata = VariantMetadata.parse((dist / "rmm-25.10.0-variants.json").read_bytes(), "rmm")
    assert {*metadata.variants} == {"cu12", "cu13"}
    found = {
        read_metadata(one).variants.popitem()[0]: headers(one)
        for one in dist.glob("rmm-*-cu1?.whl")
    }
    assert {label: one["Name"] for label, one in found.items()} == {"cu12": "rmm", "cu13": "rmm"}
    assert "librmm-cu13==25.10.*" in found["cu13"].get_all("Requires-Dist")
