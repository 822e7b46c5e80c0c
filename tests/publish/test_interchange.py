"""Wheels and index metadata of variantlib and ours, each in the other's hands; and uv installs both.

uv 0.13.9 and variantlib 0.2.2 as the package index has them, in environments of their own.
"""

import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from support.environments import WHEELHOUSE, Environment, clean, download
from support.wheels import plain_wheel

from pip_variants.cli import main
from pip_variants.publish.wheel import read_metadata

OUR_SCHEMA = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
THEIR_SCHEMA = "https://variants-schema.wheelnext.dev/v0.2.0.json"

GPU = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}

# What each project has in [variant], but for the variants; and the properties of each label.
PROJECTS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "cpu": (
        """
        default-priorities.namespace = ["x86_64"]
        providers.x86_64.requires = ["x86-64-variant-provider >=0.2.1,<1"]
        """,
        {level: [f"x86_64 :: level :: {level}"] for level in ("v1", "v2", "v3", "v4")},
    ),
    "gpu": (
        """
        default-priorities.namespace = ["nvidia", "x86_64"]
        providers.x86_64.requires = ["x86-64-variant-provider >=0.2.1,<1"]
        [variant.providers.nvidia]
        requires = ["nvidia-variant-provider >=0.0.1,<1"]
        plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
        """,
        {
            "cu130": ["nvidia :: cuda_version_lower_bound :: 13.0"],
            "cu126_sm80_sm90": [
                "nvidia :: cuda_version_lower_bound :: 12.6",
                "nvidia :: cuda_version_upper_bound :: 13",
                "nvidia :: sm_arch :: 90_real",
                "nvidia :: sm_arch :: 80_real",
            ],
            "cu126_sm75": [
                "nvidia :: cuda_version_lower_bound :: 12.6",
                "nvidia :: sm_arch :: 75_real",
            ],
            "cpu": ["x86_64 :: level :: v1"],
        },
    ),
    "blas": (
        """
        default-priorities.namespace = ["blas", "debug"]
        [variant.providers.blas]
        static-properties = { threads = ["openmp", "pthreads"], library = ["mkl", "openblas"] }
        feature-order = ["library", "threads"]
        [variant.providers.debug]
        static-properties = { build = ["full"] }
        optional = true
        """,
        {
            "debugged": ["blas :: library :: mkl", "debug :: build :: full"],
            "openblas_openmp": ["blas :: library :: openblas", "blas :: threads :: openmp"],
            "any_pthreads": [
                "blas :: library :: openblas",
                "blas :: library :: mkl",
                "blas :: threads :: pthreads",
            ],
            "threads": ["blas :: threads :: openmp"],
        },
    ),
    "engine": (
        """
        default-priorities.namespace = ["acme"]
        [variant.providers.acme]
        requires = ["acme-variants >=1"]
        plugin-api = "acme_variants:Plugin"
        """,
        {
            "mk1": ["acme :: engine :: mk1"],
            "mk2": ["acme :: engine :: mk2"],
            "mk9": ["acme :: engine :: mk9"],
            "fast": ["acme :: engine :: mk1", "acme :: units :: 8", "acme :: units :: 4"],
            "slow": ["acme :: engine :: mk1", "acme :: units :: 2"],
        },
    ),
    "torched": (
        """
        default-priorities.namespace = ["abi"]
        providers.abi.builtin = "abi_dependency"
        """,
        {"torch28": ["abi :: torch :: 2.8"], "torch29": ["abi :: torch :: 2.9"]},
    ),
}

# As its maker published it, for every tool that knows PEP 850.
PLUGIN = """
class Feature:
    def __init__(self, name, values, multi_value=False):
        self.name, self.values, self.multi_value = name, values, multi_value

class Plugin:
    @staticmethod
    def get_all_configs():
        return [Feature("engine", ["mk9", "mk2", "mk1"]), Feature("units", ["8", "4", "2"], True)]
    @staticmethod
    def get_supported_configs():
        return [Feature("engine", ["mk2", "mk1"]), Feature("units", ["4", "2"], True)]

# The module is a plugin, too, one that answers the same on every machine.
all_properties_compatible = True
def get_all_configs():
    return [Feature("model", ["q", "p"]), Feature("paint", ["red", "blue"])]
get_supported_configs = get_all_configs
"""


class Variantlib:
    """variantlib, its commands and its API, where acme-variants is installed."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def run(self, code: str, argument: object = None) -> str:
        """What a piece of Python prints there; `argument` is its `arg`."""
        code = f"import json, sys; arg = json.loads(sys.argv[1])\n{code}"
        command: list[str | Path] = [self.environment.python, "-c", code, json.dumps(argument)]
        done = subprocess.run(command, capture_output=True, text=True, env=clean())
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr, done.stderr
        assert "ERROR" not in done.stderr, done.stderr
        return done.stdout

    def __call__(self, *commands: list[object]) -> str:
        """Run these commands in one process."""
        code = "from variantlib.commands.main import main\nfor one in arg: main(one)"
        return self.run(code, [list(map(str, one)) for one in commands])


@dataclass(frozen=True)
class Release:
    """The same wheels by each tool, in a folder of each with index metadata, and what they are of."""

    plain: dict[str, Path]
    ours: Path
    theirs: Path


@pytest.fixture(scope="session")
def acme(tmp_path_factory) -> Path:
    """The wheel of acme-variants."""
    files = {
        "acme_variants.py": PLUGIN,
        "acme_variants-1.0.dist-info/entry_points.txt": "[variant_plugins]\nacme = acme_variants:Plugin\n",
    }
    return plain_wheel(tmp_path_factory.mktemp("acme"), "acme_variants", files=files)


@pytest.fixture(scope="session")
def variantlib(tmp_path_factory, acme: Path) -> Variantlib:
    python = "{}.{}".format(*sys.version_info[:2])  # which decides what variantlib needs
    wheels = download(WHEELHOUSE / "variantlib" / python, "*.whl", "variantlib[cli]==0.2.2")
    return Variantlib(
        Environment(tmp_path_factory.mktemp("variantlib") / "venv").unpack(*wheels, acme)
    )


@pytest.fixture(scope="session")
def uv(tmp_path_factory) -> Callable[..., subprocess.CompletedProcess[str]]:
    (wheel,) = download(WHEELHOUSE / "uv", "uv-*.whl", "--no-deps", "uv==0.13.9")
    folder = tmp_path_factory.mktemp("uv")
    with zipfile.ZipFile(wheel) as archive:
        program = "uv.exe" if os.name == "nt" else "uv"
        path = Path(archive.extract(f"uv-0.13.9.data/scripts/{program}", folder))
    path.chmod(0o755)

    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        own = {
            "HOME": folder,
            "UV_CACHE_DIR": folder / "cache",
            "UV_NO_CONFIG": "1",
            "NO_COLOR": "1",
        }
        env = {name: value for name, value in clean(GPU).items() if not name.startswith("UV_")}
        options = ["--preview-features", "wheel-variants", *arguments]
        done = subprocess.run(
            [path, *map(str, options)],
            capture_output=True,
            text=True,
            env={**env, **{name: str(value) for name, value in own.items()}},
        )
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory, variantlib: Variantlib) -> Release:
    """Every project's wheels, made by both tools of the same wheel and the same pyproject.toml."""
    folder = tmp_path_factory.mktemp("made")
    release = Release({}, folder / "ours", folder / "theirs")
    release.ours.mkdir()
    release.theirs.mkdir()
    files = {"data/text.txt": "text\n" * 1000, "data/empty": ""}
    commands: list[list[object]] = []
    for project, (_, labels) in PROJECTS.items():
        wheel = release.plain[project] = plain_wheel(
            folder, project, files={f"{project}.py": "", **files}
        )
        table = pyproject(folder / project, project)
        for label, properties in {"null": [], **labels}.items():
            ours = ["make", wheel, "--project", table, "--label", label, "-o", release.ours]
            assert main(list(map(str, ours))) == 0
            theirs = ["make-variant", "-f", wheel, "-o", release.theirs, "--pyproject-toml", table]
            named = ["--variant-label", label, "-p", *properties, "--skip-plugin-validation"]
            commands.append([*theirs, *(named if properties else ["--null-variant"])])
    variantlib(*commands, ["generate-index-json", "-d", release.theirs])
    assert main(["index", str(release.ours)]) == 0
    return release


def pyproject(folder: Path, project: str) -> Path:
    """The project's table, which both tools read; variantlib wants the variants once more."""
    table, labels = PROJECTS[project]
    lines = ["[variant]", *map(str.strip, table.splitlines())]
    for label, properties in labels.items():
        lines.append(f"[variant.variants.{label}]")
        for feature in dict.fromkeys(text.rpartition(" :: ")[0] for text in properties):
            values = [
                text.rpartition(" :: ")[2]
                for text in properties
                if text.startswith(f"{feature} ::")
            ]
            lines.append(f"{feature.replace(' :: ', '.')} = {json.dumps(values)}")
    folder.mkdir(exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text("\n".join(lines))
    return path


def labelled() -> Iterator[tuple[str, str]]:
    """Each project with each of its labels."""
    for project, (_, labels) in PROJECTS.items():
        for label in ("null", *labels):
            yield project, label


def contents(wheel: Path) -> dict[str, bytes]:
    """The files; of RECORD the lines in order, since a wheel of variantlib ends with variant.json."""
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    record = next(name for name in found if name.endswith("/RECORD"))
    return {**found, record: b"\n".join(sorted(found[record].splitlines()))}


def parsed(content: bytes | str, schema: str) -> dict[str, object]:
    """JSON without its `$schema`, which must be this one."""
    found: dict[str, object] = json.loads(content)
    assert found.pop("$schema") == schema
    return found


def index_files(folder: Path, schema: str) -> dict[str, object]:
    """All index metadata in a folder."""
    return {path.name: parsed(path.read_bytes(), schema) for path in folder.glob("*-variants.json")}


def copied(folder: Path, *wheels: Path) -> Path:
    """A new folder with links to these wheels."""
    folder.mkdir()
    for wheel in wheels:
        (folder / wheel.name).symlink_to(wheel)
    return folder


def test_the_same_table_makes_the_same_wheels(made: Release) -> None:
    for project, label in labelled():
        name = f"{project}-1.0-py3-none-any-{label}.whl"
        ours, theirs = contents(made.ours / name), contents(made.theirs / name)
        json_name, record = (
            f"{project}-1.0.dist-info/variant.json",
            f"{project}-1.0.dist-info/RECORD",
        )
        assert parsed(ours.pop(json_name), OUR_SCHEMA) == parsed(
            theirs.pop(json_name), THEIR_SCHEMA
        )
        rows = [
            [
                row
                for row in csv.reader(one.pop(record).decode().splitlines())
                if row[0] != json_name
            ]
            for one in (ours, theirs)
        ]
        assert rows[0] == rows[1]
        assert ours == theirs
    assert {path.name for path in made.ours.iterdir()} == {
        path.name for path in made.theirs.iterdir()
    }


def test_index_metadata_differs_in_nothing_but_the_address_of_the_schema(
    made: Release, variantlib: Variantlib, tmp_path: Path
) -> None:
    found = [index_files(made.ours, OUR_SCHEMA), index_files(made.theirs, THEIR_SCHEMA)]
    ours_of_theirs = copied(tmp_path / "a", *made.theirs.glob("*.whl"))
    theirs_of_ours = copied(tmp_path / "b", *made.ours.glob("*.whl"))
    assert main(["index", str(ours_of_theirs)]) == 0
    variantlib(["generate-index-json", "-d", theirs_of_ours])
    found += [index_files(ours_of_theirs, OUR_SCHEMA), index_files(theirs_of_ours, THEIR_SCHEMA)]
    assert len(found[0]) == len(PROJECTS)
    assert found[1:] == [found[0]] * 3
    for project, (_, labels) in PROJECTS.items():
        assert set(found[0][f"{project}-1.0-variants.json"]["variants"]) == {"null", *labels}  # type: ignore[index]
    # Of equal wheels ours are equal byte for byte, whoever made them.
    for path in made.ours.glob("*.json"):
        assert (ours_of_theirs / path.name).read_bytes() == path.read_bytes()


def test_each_adds_wheels_to_the_metadata_of_the_other(
    made: Release, variantlib: Variantlib, tmp_path: Path
) -> None:
    for project, (_, labels) in PROJECTS.items():
        folder = tmp_path / project
        folder.mkdir()
        file = folder / f"{project}-1.0-variants.json"
        steps = [("null", made.theirs), *((label, made.ours) for label in labels)]
        for number, (label, made_by) in enumerate(steps):
            wheel = made_by / f"{project}-1.0-py3-none-any-{label}.whl"
            if number % 2:
                assert main(["index", str(folder), "--add", str(wheel)]) == 0
                continue
            command = ["add-wheel-to-index-json", "-f", wheel, "-o", folder]
            variantlib([*command, "-i", file, "--overwrite"] if number else command)
        schema = OUR_SCHEMA if len(steps) % 2 == 0 else THEIR_SCHEMA
        expected = (made.ours / file.name).read_bytes()
        assert parsed(file.read_bytes(), schema) == parsed(expected, OUR_SCHEMA)


def test_both_say_the_same_of_a_wheel(made: Release, variantlib: Variantlib) -> None:
    for folder in (made.ours, made.theirs):
        wheels = [
            folder / f"{project}-1.0-py3-none-any-{label}.whl" for project, label in labelled()
        ]
        said = variantlib(*(["analyze-wheel", "-i", wheel] for wheel in wheels))
        expected = []
        for wheel in wheels:
            ((label, variant),) = read_metadata(wheel).variants.items()
            title = f"{'#' * 30} Variant: `{label}` {'#' * 29}"
            expected += [title, *map(str, variant.properties), "#" * 80]
        assert said.splitlines() == expected


def test_each_gives_back_the_wheel_that_the_other_started_from(
    made: Release, variantlib: Variantlib, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    labels = {project: next(iter(labels)) for project, (_, labels) in PROJECTS.items()}
    names = {
        project: f"{project}-1.0-py3-none-any-{label}.whl" for project, label in labels.items()
    }
    for name in names.values():
        assert main(["make", "--label", "none", str(made.theirs / name), "-o", str(tmp_path)]) == 0
    variantlib(
        *(["unmake-variant", "-f", made.ours / name, "-o", theirs] for name in names.values())
    )
    for plain in made.plain.values():
        assert contents(tmp_path / plain.name) == contents(theirs / plain.name) == contents(plain)


def test_each_makes_another_variant_of_a_wheel_of_the_other(
    made: Release, variantlib: Variantlib, tmp_path: Path
) -> None:
    table = pyproject(tmp_path / "engine", "engine")
    name = "engine-1.0-py3-none-any-{}.whl"
    ours = ["make", made.theirs / name.format("mk2"), "--project", table, "--label", "mk1"]
    assert main(list(map(str, [*ours, "-o", tmp_path]))) == 0
    assert contents(tmp_path / name.format("mk1")) == contents(made.ours / name.format("mk1"))
    theirs = [
        "make-variant",
        "-f",
        made.ours / name.format("mk1"),
        "-o",
        tmp_path,
        "--variant-label",
    ]
    more = ["mk2", "-p", "acme :: engine :: mk2", "--pyproject-toml", table, "--no-isolation"]
    variantlib([*theirs, *more])  # which asks the plugin whether mk2 is valid
    assert contents(tmp_path / name.format("mk2")) == contents(made.theirs / name.format("mk2"))


def test_without_a_label_both_call_the_wheel_the_same(
    made: Release, variantlib: Variantlib, tmp_path: Path, capsys
) -> None:
    """And both take the properties from the command line, and the rest from the table."""
    properties = ["acme :: units :: 8", "acme :: engine :: mk1", "acme :: units :: 4"]
    wheel, table = made.plain["engine"], pyproject(tmp_path / "engine", "engine")
    ours = ["make", wheel, "--project", table, "-o", tmp_path]
    assert (
        main([*map(str, ours), *(part for one in properties for part in ("--property", one))]) == 0
    )
    path = Path(capsys.readouterr().out.strip())
    theirs = [
        "make-variant",
        "-f",
        wheel,
        "-o",
        tmp_path / "engine",
        "--pyproject-toml",
        table,
        "-p",
    ]
    said = variantlib(
        [*theirs, *properties, "--no-isolation"], ["get-variant-hash", "-p", *properties]
    )
    assert path.name == f"engine-1.0-py3-none-any-{said.strip()}.whl"
    file = "engine-1.0.dist-info/variant.json"
    found = contents(tmp_path / "engine" / path.name)[file]
    assert parsed(contents(path)[file], OUR_SCHEMA) == parsed(found, THEIR_SCHEMA)


def test_both_fill_in_what_build_requires_stands_for(
    made: Release, variantlib: Variantlib, acme: Path, tmp_path: Path, monkeypatch
) -> None:
    table = tmp_path / "pyproject.toml"
    table.write_text(
        """
        [variant]
        default-priorities.namespace = ["acme"]
        providers.acme.build-requires = ["acme-variants"]
        variants.red_p = { acme.model = ["p"], acme.paint = ["red"] }
        """
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(acme.parent))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    wheel = made.plain["blas"]
    command = ["make", wheel, "--project", table, "--label", "red_p", "-o", ours]
    assert main(list(map(str, command))) == 0
    properties = ["acme :: model :: p", "acme :: paint :: red"]
    more = [
        "--pyproject-toml",
        table,
        "--variant-label",
        "red_p",
        "--no-isolation",
        "-p",
        *properties,
    ]
    variantlib(["make-variant", "-f", wheel, "-o", theirs, *more])
    name, file = "blas-1.0-py3-none-any-red_p.whl", "blas-1.0.dist-info/variant.json"
    filled = parsed(contents(ours / name)[file], OUR_SCHEMA)
    assert filled == parsed(contents(theirs / name)[file], THEIR_SCHEMA)
    assert filled["providers"] == {
        "acme": {
            "static-properties": {"model": ["q", "p"], "paint": ["red", "blue"]},
            "feature-order": ["model", "paint"],
        }
    }


ORDER_OF_VARIANTLIB = """
from variantlib.api import check_variant_supported, get_variants_by_priority
from variantlib.variants_json import VariantsJson
found = []
for text, enabled in arg:
    order = get_variants_by_priority(variants_json=json.loads(text), enable_optional_plugins=enabled)
    found.append([variant.label for variant in order])
print(json.dumps(found))
"""
OUR_ORDER = """
import json, sys
from pip_variants.detection.client import Detection
from pip_variants.model.metadata import VariantMetadata
from pip_variants.selection import Choices, select
detection, found = Detection(), []
for text, enabled in {arg}:
    metadata = VariantMetadata.parse(text, "metadata")
    order = select(metadata, metadata.variants, detection, Choices(enabled=frozenset(enabled)))
    found.append([variant.label for variant in order.best_first])
print(json.dumps(found))
"""


def test_both_order_the_variants_alike(
    made: Release, variantlib: Variantlib, env: Environment, acme: Path
) -> None:
    env.pip("install", "--no-index", acme)
    # Optional providers are not compared where they are off: variantlib uses static ones even so.
    cases = [("blas", ["debug"]), ("engine", [])]
    found = []
    for folder in (made.ours, made.theirs):
        asked = [((folder / f"{name}-1.0-variants.json").read_text(), on) for name, on in cases]
        found.append(json.loads(variantlib.run(ORDER_OF_VARIANTLIB, asked)))
        found.append(json.loads(env.evaluate(OUR_ORDER.format(arg=asked))))
    assert (
        found
        == [
            [
                ["any_pthreads", "debugged", "openblas_openmp", "threads", "null"],
                ["mk2", "fast", "slow", "mk1", "null"],
            ]
        ]
        * 4
    )


@pytest.fixture
def pages() -> Iterator[Callable[[Path], str]]:
    """Serves a folder with a plain file server."""
    running = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}/simple/"

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def test_uv_and_pip_install_the_same_wheels_whoever_made_them(
    made: Release, uv, env: Environment, stock: Environment, tmp_path: Path, pages
) -> None:
    """From folders, with the index metadata of the one who made the wheels, and from our pages."""
    projects = ["cpu", "gpu", "blas"]
    installed = []
    for folder in (made.ours, made.theirs):
        served = copied(tmp_path / folder.name, *folder.glob("*.whl"), *folder.glob("*.json"))
        assert main(["index", str(served), "--pages"]) == 0
        for source in (["--no-index", "--find-links", folder], ["--index-url", pages(served)]):
            env.pip("install", *source, *projects, env=GPU)
            uv("pip", "install", "--python", stock.python, *source, *projects)
            for environment in (env, stock):
                installed.append([environment.installed(project) for project in projects])
                environment.reset()
    assert installed == [installed[0]] * 8
    assert installed[0][1:] == [("1.0", "cu126_sm80_sm90"), ("1.0", "any_pthreads")]


def test_uv_installs_a_wheel_by_its_path_or_refuses_it_as_pip_does(
    made: Release, uv, env: Environment, stock: Environment
) -> None:
    for folder in (made.ours, made.theirs):
        fits = folder / "gpu-1.0-py3-none-any-cu126_sm80_sm90.whl"
        uv("pip", "install", "--python", stock.python, "--no-index", fits)
        env.pip("install", "--no-index", fits, env=GPU)
        for environment in (env, stock):
            assert environment.installed("gpu") == ("1.0", "cu126_sm80_sm90")
            environment.reset()
        other = folder / "gpu-1.0-py3-none-any-cu130.whl"
        uv("pip", "install", "--python", stock.python, "--no-index", other, code=1)
        env.pip("install", "--no-index", other, env=GPU, code=1)
        assert env.installed("gpu") is stock.installed("gpu") is None


def test_pip_takes_wheels_of_variantlib_for_a_plugin_and_for_another_package(
    made: Release, env: Environment, acme: Path, tmp_path: Path
) -> None:
    for version in ("2.8.1", "2.10.0"):
        plain_wheel(tmp_path, "torch", version)
    env.pip("install", "--no-index", acme)
    links = ["--no-index", "--find-links", made.theirs, "--find-links", tmp_path]
    env.pip("install", *links, "engine", "torched", "torch<2.9")
    assert env.installed("engine") == ("1.0", "mk2")
    assert env.installed("torched") == ("1.0", "torch28")


def test_verify_finds_nothing_in_what_variantlib_made(
    made: Release, tmp_path: Path, capsys
) -> None:
    """But for a schema that is spelled otherwise, all is as in ours; the plugin is not installed."""
    said = []
    for folder in (made.ours, made.theirs):
        main(
            ["verify", str(copied(tmp_path / folder.name, *folder.iterdir(), *made.plain.values()))]
        )
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].endswith("\nOK\n")
