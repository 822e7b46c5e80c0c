"""A pip-variants of which something is missing or damaged: stock pip and one line, and no harm."""

import ast
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, ROOT, Environment, Result
from support.server import Index, Reply
from support.wheels import levels, release

SOURCE = ROOT / "src/pip_variants"
BESIDE = ("publish/", "cli/", "testing.py", "inventory.py", "__main__.py")
FILES = sorted(
    name
    for name in (str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))
    if not name.startswith(BESIDE)
)
LATER = (
    "pip_adapter/runner.py",
    "pip_adapter/diagnosis.py",
    "pip_adapter/explain.py",
    "remote_wheel.py",
)
"""What other commands load."""


def missing(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_text("")


def damaged(file: Path) -> None:
    file.write_text("def half(\n")


def raising(file: Path) -> None:
    file.write_text(f"{file.read_text()}\nraise OSError('the disk is broken')\n")


HOW = (missing, empty, damaged, raising)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "how" not in metafunc.fixturenames:
        return
    cases = [(file, how) for file in FILES for how in HOW]
    if not metafunc.config.getoption("--all"):
        # Each file in one way, each way in each folder.
        of_hook = [
            name
            for name in FILES
            if "pip_adapter/" in name or "detection/" in name or "model/" in name
        ]
        cases = [(file, HOW[number % 4]) for number, file in enumerate(of_hook)]
        cases += [(file, missing) for file in FILES if file not in of_hook and "/" not in file]
    metafunc.parametrize(("file", "how"), cases, ids=lambda one: getattr(one, "__name__", str(one)))


@pytest.fixture
def ours(env: Environment) -> Iterator[Path]:
    """Our package in the environment, to be broken; it is whole again afterwards."""
    package = env.site / "pip_variants"
    aside = env.folder / "whole"
    shutil.copytree(package, aside, ignore=shutil.ignore_patterns("__pycache__"))
    yield package
    shutil.rmtree(package, ignore_errors=True)
    aside.rename(package)


def install(env: Environment, index: Index, *words: object, **options: Any) -> Result:
    return env.pip("install", "--index-url", index.url, *words, "demo", env=FORCED, **options)


def release_of_demo(index: Index) -> Path:
    return release(index.root / "demo", "1.0", {**levels("v3"), "null": (), None: ()})


def says_something(file: Path) -> bool:
    """Whether there is more in a module than what it is about."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text()).body)


def assert_stock(env: Environment, result: Result) -> None:
    assert env.installed() == ("1.0", None), result.all
    assert len(result.err.splitlines()) == 1, result.err
    assert "pip-variants is broken" in result.err


@pytest.fixture(scope="module")
def loaded(
    make_environment: Callable[..., Environment], tmp_path_factory: pytest.TempPathFactory
) -> set[str]:
    """Our modules that an install of a variant loads, in pip's process."""
    env, root = make_environment(), tmp_path_factory.mktemp("loaded")
    (root / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: print('LOADED', *sorted(sys.modules), file=sys.stderr))\n"
    )
    with Index(root / "index") as index:
        release_of_demo(index)
        result = env.pip(
            "install", "-i", index.url, "demo", env={**FORCED, "PYTHONPATH": str(root)}
        )
    assert env.installed() == ("1.0", "v3")
    env.reset()
    return {name for name in result.err.split() if name.partition(".")[0] == "pip_variants"}


def module_of(file: str) -> str:
    return f"pip_variants.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")


def test_any_module(
    env: Environment, index: Index, ours: Path, loaded: set[str], file: str, how
) -> None:
    release_of_demo(index)
    # Python does without an `__init__.py` in which there is nothing.
    matters = (
        how not in (empty, missing)
        or says_something(ours / file)
        or (how is missing and "__init__" not in file)
    )
    how(ours / file)
    result = install(env, index)
    if module_of(file) in loaded and matters:
        assert_stock(env, result)
    elif env.installed() == ("1.0", "v3"):
        assert result.err == ""
    else:  # of the detection process
        assert_stock(env, result)
    assert matters or env.installed() == ("1.0", "v3")


def test_a_variant_by_its_path(env: Environment, index: Index, ours: Path) -> None:
    folder = release_of_demo(index)
    damaged(ours / "detection/registry.py")
    wheel = folder / "demo-1.0-py3-none-any-v3.whl"
    result = env.pip("install", "--no-index", wheel, env=FORCED, code=1)
    last = result.err.splitlines()[-1]
    assert last.startswith(f"ERROR: {wheel.name} is a variant wheel, and pip-variants is broken (")
    assert "Traceback" not in result.err


def test_without_variants(env: Environment, index: Index, ours: Path) -> None:
    """What only variants need may be missing; what every run loads is said."""
    release(index.root / "demo", "1.0", {None: ()})
    for name in ("pip_adapter/variants", "detection", "model", "providers"):
        shutil.rmtree(ours / name)
    assert install(env, index).err == ""
    assert env.installed() == ("1.0", None)


OF_INSTALLED = [
    ("__init__.py", ["list"]),
    ("pip_adapter/hook/conditions.py", ["check"]),
    ("pip_adapter/variants/installed.py", ["show", "demo"]),
    ("pip_adapter/variants/installed.py", ["inspect"]),
    ("pip_adapter/variants/installed.py", ["list", "--format", "json"]),
    ("model/metadata.py", ["check"]),
]


@pytest.mark.parametrize(("name", "command"), OF_INSTALLED)
def test_what_is_installed_is_shown_as_by_stock_pip(
    env: Environment, stock: Environment, index: Index, ours: Path, name: str, command: list[str]
) -> None:
    release_of_demo(index)
    install(env, index)
    for file in (env.site / "demo-1.0.dist-info", env.site / "demo.py"):
        (shutil.copytree if file.is_dir() else shutil.copy)(file, stock.site / file.name)
    damaged(ours / name)
    result, expected = (one.pip(*command, env=FORCED) for one in (env, stock))
    assert len(result.err.splitlines()) == 1, result.all
    assert "pip-variants is broken" in result.err
    if command[0] in ("check", "show"):
        assert result.out == expected.out.replace(str(stock.site), str(env.site))
    if command == ["inspect"]:
        (demo,) = [
            one for one in json.loads(result.out)["installed"] if one["metadata"]["name"] == "demo"
        ]
        assert "variant" not in demo
    else:
        assert "Variant" not in result.out and '"variant"' not in result.out


# While pip runs


def vanish(path: Path, reply: Reply) -> Reply:
    """At once, as pip moves what it replaces: Python may be writing into the folder's __pycache__."""
    if path.is_dir():
        shutil.rmtree(path.rename(path.with_name("~gone")), ignore_errors=True)
    else:
        path.unlink()
    return reply


GONE = [
    "",
    "pip_adapter",
    "pip_adapter/variants",
    "detection",
    "model",
    "pip_adapter/variants/candidates.py",
]


@pytest.mark.parametrize("name", GONE)
def test_it_vanishes_while_pip_waits_for_the_page(
    env: Environment, index: Index, ours: Path, name: str
) -> None:
    """As when another pip upgrades it."""
    release_of_demo(index)
    index.faults["GET", "demo"] = partial(vanish, ours / name)
    result = install(env, index)
    assert_stock(env, result)


@pytest.mark.parametrize("name", ["", "providers", "detection"])
@pytest.mark.parametrize("at", ["demo-1.0-variants.json", "demo-1.0-py3-none-any-v3.whl"])
def test_it_vanishes_once_variants_are_seen(
    env: Environment, index: Index, ours: Path, name: str, at: str
) -> None:
    """Then all that pip's process needs is there; the detection process may not be able to answer."""
    release_of_demo(index)
    index.faults["GET", at] = lambda reply: vanish(ours / name, reply)
    result = install(env, index)
    if env.installed() == ("1.0", "v3"):
        assert result.err == ""
    else:
        assert at.endswith(".json")
        assert_stock(env, result)


def test_it_vanishes_before_a_build(env: Environment, index: Index, ours: Path) -> None:
    """The pip of a build environment cannot load it, and goes on without."""
    from support.wheels import sdist

    release_of_demo(index)
    sdist(index.root / "built", "built", requires=["demo"])
    index.faults["GET", "built-1.0.tar.gz"] = lambda reply: vanish(ours, reply)
    result = env.pip("install", "--index-url", index.url, "built", env=FORCED, code=None)
    assert (result.code, env.installed("built")) == (0, ("1.0", None)), result.all
    assert index.files(".whl") == ["demo-1.0-py3-none-any.whl"]


# What is no fault of ours must not change the build


_NO_PROCESS = """
import subprocess, sys
class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        raise OSError(11, "Resource temporarily unavailable")
subprocess.Popen = Popen
"""
_NO_THREAD = """
import threading
def start(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = start
"""
_NO_FOLDER = """
import os, sys
def refuse(event, arguments):
    if event == "os.listdir" and str(arguments[0]).endswith("demo"):
        raise PermissionError(13, "Permission denied", arguments[0])
import threading
armed = False
def hook(event, arguments):
    global armed
    if event == "import" and arguments[0] == "pip_variants.pip_adapter.variants.sources":
        armed = True
    elif armed:
        refuse(event, arguments)
sys.addaudithook(hook)
"""


@pytest.mark.parametrize("code", [_NO_PROCESS, _NO_THREAD], ids=["no process", "no thread"])
def test_a_machine_at_its_limits_is_an_error(env: Environment, index: Index, code: str) -> None:
    """The choice is unknown then, and the plain wheel would be another one."""
    release_of_demo(index)
    env.at_start(code)
    result = install(env, index, "--no-compile", code=1)
    assert env.installed() is None
    (line,) = [line for line in result.err.splitlines() if line.startswith("ERROR:")]
    assert line.startswith(
        "ERROR: Could not tell which variant of demo 1.0 fits: could not start the detection process: "
    )
    assert "--no-variants" in line
    assert "internal error" not in result.all


def test_a_folder_that_cannot_be_read(env: Environment, index: Index) -> None:
    """Its metadata is out of reach: that is said, and the wheels without variants are left."""
    folder = release_of_demo(index)
    env.at_start(_NO_FOLDER)
    result = env.pip("install", "--no-index", "--find-links", folder, "demo", env=FORCED, code=None)
    assert "Permission denied" in result.err
    assert "internal error" not in result.all
    assert result.code or result.err.lstrip().startswith(
        "WARNING: Ignoring the wheel variants of demo 1.0: "
    )


def test_a_file_that_cannot_be_read_is_an_error(env: Environment, index: Index) -> None:
    folder = release_of_demo(index)
    env.at_start(
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('-variants.json'):\n"
        "        raise OSError(5, 'Input/output error', arguments[0])\n"
        "sys.addaudithook(refuse)\n"
    )
    result = env.pip("install", "--no-index", "--find-links", folder, "demo", env=FORCED, code=1)
    assert env.installed() is None
    assert "ERROR: Could not fetch the variant metadata file:" in result.err
    assert "Input/output error" in result.err
