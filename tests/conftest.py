"""Fixtures: real virtual environments with a real pip, and an index on loopback."""

import os
import shutil
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import measured
from support.compilers import ZIG
from support.environments import (
    NEWEST_PIP,
    PYTHONS,
    ROOT,
    Environment,
    built,
    dependencies,
    pip_wheel,
    pythons,
    starts,
    this_python,
)
from support.pages import Shell, shell_of
from support.server import Index

# How long an example takes says how fast the machine is.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "also the long tests (real servers and backends), every minor release of pip, every combination"
    parser.addoption("--all", action="store_true", help=text)
    parser.addoption("--pip-checkout", metavar="FOLDER", help="try this checkout of pip, too")
    parser.addoption("--surroundings", metavar="FILE", type=Path, help="write docs/surroundings.md")
    parser.addoption("--table", metavar="FILE", type=Path, help="write which pips were tried")
    parser.addoption(
        "--faults", metavar="FILE", type=Path, help="write what pip does when an index fails"
    )
    parser.addoption("--servers", metavar="FILE", type=Path, help="write which servers were tried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: only with --all")
    if measured.IS_ON:
        measured.let_measure(Path(sysconfig.get_path("purelib")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in {*long}]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried, and what was left out, by what this machine has."""
    stats = terminalreporter.stats
    absent = [python for python in PYTHONS if python not in pythons()]
    tools = [
        tool for tool in ("cc", "gcc", "git", "valgrind", "cargo", "openssl") if shutil.which(tool)
    ]
    tools += ["ziglang"] if ZIG.exists() else []
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in stats.get("skipped", [])
    )
    terminalreporter.section("tried and left out")
    terminalreporter.write_line(
        f"Pythons here: {', '.join(pythons())}; not had: {', '.join(absent) or 'none'}"
    )
    terminalreporter.write_line(f"tools here: {', '.join(tools) or 'none'}")
    terminalreporter.write_line(f"{len(stats.get('passed', [])):6} passed")
    terminalreporter.write_line(f"{len(stats.get('deselected', [])):6} long ones, with --all")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:6} left out: {reason}")


@pytest.fixture(scope="session")
def our_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a wheel."""
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def make_environment(
    tmp_path_factory: pytest.TempPathFactory, our_wheel: Path
) -> Callable[..., Environment]:
    """Makes an environment of a Python and a pip; the same one for the same arguments."""

    @cache
    def make(pip: str = NEWEST_PIP, python: str | None = None, ours: bool = True) -> Environment:
        version = python or this_python()
        if version not in pythons():
            pytest.skip(f"Python {version} is not here")
        if not starts(pip, version):
            pytest.skip(f"pip {pip} does not start on Python {version}")
        folder = tmp_path_factory.mktemp("venv") / f"{version}-pip{os.path.basename(pip)}"
        environment = Environment(folder, pythons()[version])
        wheels = [pip_wheel(pip)]
        if ours:
            wheels += [our_wheel, *dependencies()]
        if measured.IS_ON:
            measured.let_measure(environment.site)
        return environment.unpack(*wheels)

    return make


@pytest.fixture
def env(make_environment: Callable[..., Environment]) -> Iterator[Environment]:
    """An environment with the newest pip and pip-variants."""
    environment = make_environment()
    yield environment
    environment.reset()


@pytest.fixture
def shell(env: Environment, tmp_path: Path) -> Shell:
    """Runs commands in the environment as in an activated one; returns what they print."""
    return shell_of(env.python, tmp_path / "commands")


@pytest.fixture
def stock(make_environment: Callable[..., Environment]) -> Iterator[Environment]:
    """The same without pip-variants."""
    environment = make_environment(ours=False)
    yield environment
    environment.reset()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An empty index; put files into `index.root / project`."""
    root = tmp_path / "index"
    root.mkdir()
    with Index(root) as running:
        yield running
