"""Virtual environments with a given pip and with pip-variants, and running pip in them."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEELHOUSE = ROOT / ".wheelhouse"
NEWEST_PIP = "26.3"

FORCED = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v3,v2,v1"}
"""Tests run on any x86-64 machine, as on one of level v3."""

HARDWARE = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
    "MPI4PY_LIBMPI": "/no/mpi",
}
"""As on a machine with one GPU and no MPI; of what is here, nobody has anything to warn."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return f"exit status {self.code}\n{self.out}\n{self.err}"


class Environment:
    """One virtual environment."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        subprocess.run(
            [python, "-I", "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True
        )
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.site = Path(self.evaluate("import sysconfig; print(sysconfig.get_path('purelib'))"))
        self.baseline = self._files()

    def evaluate(self, code: str) -> str:
        """Standard output of a line of Python in this environment."""
        done = subprocess.run(
            [self.python, "-c", code], check=True, capture_output=True, text=True, env=clean()
        )
        return done.stdout.strip()

    def unpack(self, *wheels: Path) -> "Environment":
        """Install pure wheels the quick way; what is here now is what `reset` leaves."""
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.site)
        self.baseline = self._files()
        return self

    def at_start(self, code: str) -> None:
        """Have its Python run this at each start, after pip-variants, until `reset`.

        Not as `sitecustomize`: Debian's Python finds its own before that.
        """
        (self.site / "run_at_start.py").write_text(code)
        (self.site / "run_at_start.pth").write_text("import run_at_start\n")

    def reset(self) -> None:
        """Remove what was installed or left since."""
        for path in self._files() - self.baseline:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _files(self) -> set[Path]:
        # Beside what is installed, its commands and a `pip.conf`, which the next test would read.
        return {
            path
            for folder in (self.folder, self.python.parent, self.site)
            for path in folder.iterdir()
        }

    def pip(
        self,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        code: int | None = 0,
        options: tuple[str, ...] = (),
    ) -> Result:
        """Run `python -m pip`; asserts the exit status unless `code` is None."""
        done = subprocess.run(
            [self.python, *options, "-m", "pip", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=clean(env),
            cwd=cwd or self.folder,
            timeout=600,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert code is None or result.code == code, result.all
        return result

    def installed(self, name: str = "demo") -> tuple[str, str | None] | None:
        """Version and label of an installed distribution; the label of a plain wheel is None."""
        for info in self.site.glob(f"{name}-*.dist-info"):
            file = info / "variant.json"
            label = next(iter(json.loads(file.read_text())["variants"])) if file.exists() else None
            return info.name.removeprefix(f"{name}-").removesuffix(".dist-info"), label
        return None


def unpack(env: Environment, *wheels: Path) -> None:
    """Have wheels installed until the environment is reset, whatever pip would say."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(env.site)


def clean(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of pip, Python and ours."""
    names = ("PIP_", "PYTHON", "_PIP_", "X86_64_VARIANT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        **(extra or {}),
    }


def pip_wheel(version: str) -> Path:
    """The wheel of a release of pip, brought from the package index once, or of a checkout."""
    if os.path.isdir(version):
        with tempfile.TemporaryDirectory() as own:
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", own, version]
            subprocess.run(command, check=True)
            (wheel,) = Path(own).iterdir()
            (WHEELHOUSE / "checkout").mkdir(parents=True, exist_ok=True)
            return Path(shutil.move(wheel, WHEELHOUSE / "checkout" / wheel.name))
    name = f"pip-{version}-py3-none-any.whl"
    return download(WHEELHOUSE, name, "--no-deps", f"pip=={version}")[0]


def built(project: Path, folder: Path) -> Path:
    """The wheel of a project whose build backend the test requirements include."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(project)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def dependencies() -> list[Path]:
    """The wheels of all that pip-variants depends on, but pip."""
    # For the oldest Python that is supported, which may need more than the newer ones.
    oldest = ("--python-version", "3.10", "archspec", "importlib-metadata", "packaging", "pluggy")
    return download(WHEELHOUSE / "dependencies", "*.whl", *oldest)


def download(folder: Path, pattern: str, *arguments: str) -> list[Path]:
    """The wheels in `folder` that match; brought from the package index once."""
    if not list(folder.glob(pattern)):
        # Into a folder of this process's own: another one may be doing the same.
        with tempfile.TemporaryDirectory() as own:
            command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:"]
            subprocess.run([*command, "--dest", own, *arguments], check=True)
            folder.mkdir(parents=True, exist_ok=True)
            for wheel in Path(own).iterdir():
                shutil.move(wheel, folder / wheel.name)
    return sorted(folder.glob(pattern))


PIPS = ("23.0.1", "24.0", "25.3", "26.2", "26.3")
ALL_PIPS = (
    *("22.3.1", "23.0.1", "23.1.2", "23.2.1", "23.3.2"),
    *("24.0", "24.1.2", "24.2", "24.3.1"),
    *("25.0.1", "25.1.1", "25.2", "25.3"),
    *("26.0.1", "26.1", "26.2", "26.3"),
)
"""The pips that tests run by default, and one of each minor release that is supported."""

PYTHONS = {
    **{f"3.{minor}": f"python3.{minor}" for minor in range(10, 16)},
    **{f"3.{minor}t": f"python3.{minor}t" for minor in (14, 15)},
    "PyPy 3.11": "pypy3.11",
}
"""The Pythons that are supported, free-threaded ones and PyPy among them, and their commands."""


def this_python() -> str:
    """Which of them runs the tests."""
    version = "{}.{}".format(*sys.version_info[:2])
    if sys.implementation.name == "pypy":
        return f"PyPy {version}"
    return version + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


@cache
def pythons() -> dict[str, str]:
    """The interpreters of this machine that are supported: "3.10" -> path."""
    found = {this_python(): sys.executable}
    for python, command in PYTHONS.items():
        on_path = shutil.which(command)
        places = [Path(on_path)] if on_path else []
        for place in [*places, *sorted(Path.home().glob(f".pyenv/versions/*/bin/{command}"))]:
            done = subprocess.run([place, "-c", "import venv"], capture_output=True)
            if done.returncode == 0:
                found.setdefault(python, str(place))
                break
    return found


def starts(pip: str, python: str) -> bool:
    """Whether a stock pip installs anything there.

    Up to 23.0 it needs `pkgutil.ImpImporter`, which Python 3.12 removed, and up to 25.1
    `typing.no_type_check_decorator`, which Python 3.15 removed.
    """
    numbers = [int(part) for part in re.findall(r"\d+", pip)[:2]]
    minor = int(re.findall(r"\d+", python)[1])
    return os.path.isdir(pip) or not (
        (minor >= 12 and numbers <= [23, 0]) or (minor >= 15 and numbers <= [25, 1])
    )
