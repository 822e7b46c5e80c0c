"""Killed at any moment, no command leaves a file that looks whole and is not; the next run mends all.

Each command writes equal bytes every time. So whatever a reader finds in the folder must be, byte for
byte, what was there before or what an undisturbed run leaves.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from support.environments import clean
from support.wheels import large_wheel, plain_wheel, variant_wheel

from pip_variants.publish.index import write_index_metadata, write_pages

# In processes of their own, runs a command in copies of a folder, each killed at a later step than the
# one before: with half of a piece written, before or after a file takes the place of another. Ends with
# the first that is not killed. Then runs it in the copies to repair, from where it was killed.
KILLED = """
import io, json, os, shutil, signal, sys

def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

class Raw(io.FileIO):
    def write(self, data):
        if left == 1:
            super().write(bytes(data)[:len(data) // 2])
        step()
        return super().write(data)

def opening(file, mode="r", *arguments, original=io.open, **options):
    # Temporary files have an opener; pipes are numbers.
    if "b" not in mode or mode == "rb" or "opener" in options or isinstance(file, int):
        return original(file, mode, *arguments, **options)
    raw = Raw(file, mode.replace("b", ""))
    buffered = io.BufferedRandom if "+" in mode else io.BufferedWriter
    return buffered(raw, 8192)  # the same steps whatever the size that a Python prefers

def replacing(*arguments, original=os.replace):
    step()
    original(*arguments)
    step()

from pip_variants.cli import main
import pip_variants.cli.build, pip_variants.cli.index, pip_variants.cli.make

def run(folder, steps):
    global left
    left = steps
    child = os.fork()
    if not child:
        io.open, os.replace = opening, replacing
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(folder)
        os._exit(main(arguments))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

before, work, arguments, stride = json.loads(sys.argv[1])
if stride:
    for steps in range(1, 1000, stride):
        folder = f"{work}/{steps:03}"
        shutil.copytree(before, folder)
        if (status := run(folder, steps)) != -signal.SIGKILL:
            sys.exit(status)
else:
    sys.exit(max(run(f"{work}/{name}", 0) for name in os.listdir(work)))
"""


ENVIRONMENT = clean({"PYTHONDONTWRITEBYTECODE": "1"})


def killed(case: "Case", work: Path, stride: int) -> list[Path]:
    """The folders in which the command was killed; or, with no stride, in which it ran again."""
    work.mkdir(exist_ok=True)
    told = json.dumps([str(case.before), str(work), case.arguments, stride])
    command = [sys.executable, "-c", KILLED, told]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return sorted(work.iterdir())


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files below the folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def is_visible(name: str) -> bool:
    """Whether anybody looks for it: readers and file servers leave out what begins with a dot."""
    return not Path(name).name.startswith(".")


@dataclass(frozen=True)
class Case:
    """A command, the folder in which it runs, and what an undisturbed run makes of that."""

    arguments: list[str]
    before: Path
    final: dict[str, bytes]

    def __post_init__(self) -> None:
        assert self.final != files(self.before)
        assert all(map(is_visible, self.final))

    def check(self, folder: Path) -> None:
        """Raise unless each reader finds the old files or the new ones."""
        before, found = files(self.before), files(folder)
        for name, content in found.items():
            if is_visible(name):
                assert content in (before.get(name), self.final.get(name)), name
            else:
                assert name.endswith(".part"), name
        assert before.keys() <= found.keys()
        for name in found:
            if is_visible(name) and name.endswith(".whl"):
                with zipfile.ZipFile(folder / name) as archive:
                    assert archive.testzip() is None
        check_links(folder)


def check_links(folder: Path) -> None:
    """All that the pages promise is there."""
    for page in folder.rglob("index.html"):
        for attributes in re.findall("<a ([^>]*)>", page.read_text()):
            link = dict(re.findall(r'([a-z-]+)="([^"]*)"', attributes))
            address, digest = urldefrag(link["href"])
            target = page.parent / unquote(address)
            assert target.exists()
            # A new variants.json is there before the page that gives its hash.
            if digest and not address.endswith("-variants.json"):
                assert digest == f"sha256={sha256(target.read_bytes()).hexdigest()}"
            if metadata := link.get("data-core-metadata"):
                content = target.with_name(f"{target.name}.metadata").read_bytes()
                assert metadata == f"sha256={sha256(content).hexdigest()}"


PLAIN = ["--label", "none"]
PROPERTY = ["--label", "v3", "--property", "x86_64 :: level :: v3"]


def start(name: str, folder: Path, megabytes: int) -> list[str]:
    """Fill a folder with what a command finds; all that it writes is there in an old version."""
    (folder / "out").mkdir(parents=True)
    if name in ("make", "make --label none"):
        large_wheel(folder, megabytes)
        variant_wheel(folder / "out", "v3", ["x86_64 :: level :: v2"])
        shutil.rmtree(folder / "out" / "plain")
        if name == "make":
            return ["make", "demo-1.0-py3-none-any.whl", *PROPERTY, "-o", "out", "--force"]
        plain_wheel(folder / "out")
        subprocess.run(
            command("make", "demo-1.0-py3-none-any.whl", *PROPERTY),
            cwd=folder,
            check=True,
            env=ENVIRONMENT,
        )
        return ["make", "demo-1.0-py3-none-any-v3.whl", *PLAIN, "-o", "out", "--force"]
    if name == "build":
        project(folder / "source")
        plain_wheel(folder / "out", files={"old.py": ""})
        return ["build", "source", "--label", "null", "--label", "none", "-o", "out", "--force"]
    for version in ("1.0", "1.1", "1.2"):
        for project_ in ("demo", "other"):
            variant_wheel(folder, "v2", ["x86_64 :: level :: v2"], project_, version)
    write_index_metadata(folder)
    write_pages(folder)
    for version in ("1.0", "1.1", "1.3"):
        for project_ in ("demo", "other"):
            variant_wheel(folder, "v3", ["x86_64 :: level :: v3"], project_, version)
    shutil.rmtree(folder / "plain")
    if name == "index --add":
        added = sorted(path.name for path in folder.glob("*-v3.whl"))
        return ["index", ".", *(part for wheel in added for part in ("--add", wheel))]
    return ["index", ".", *name.split()[1:]]


BACKEND = """
import os, shutil, tarfile
NAME = "demo-1.0-py3-none-any.whl"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    shutil.copy(NAME, folder)
    return NAME
def build_sdist(folder, config_settings=None):
    name = "demo-1.0.tar.gz"
    with tarfile.open(os.path.join(folder, name), "w") as archive:
        for file in ("pyproject.toml", "backend.py", NAME):
            archive.add(file, f"demo-1.0/{file}")
    return name
"""


def project(folder: Path) -> None:
    """A project whose backend builds the same wheel every time."""
    plain_wheel(folder)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[variant]\nvariants.v3.x86_64.level = ['v3']\n"
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip_variants", *arguments]


def make_case(name: str, folder: Path, megabytes: int = 2) -> Case:
    arguments = start(name, folder / "before", megabytes)
    shutil.copytree(folder / "before", folder / "after")
    subprocess.run(command(*arguments), cwd=folder / "after", check=True, env=ENVIRONMENT)
    return Case(arguments, folder / "before", files(folder / "after"))


# How many folders there are at least; of `build`, which takes a second, every third step is tried.
STEPS = {
    "make": 40,
    "make --label none": 40,
    "index": 15,
    "index --add": 18,
    "index --pages": 45,
    "build": 7,
}


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_every_step(name: str, tmp_path: Path) -> None:
    case = make_case(name, tmp_path)
    *folders, whole = killed(case, tmp_path / "killed", 3 if name == "build" else 1)
    assert files(whole) == case.final
    shutil.rmtree(whole)
    for folder in folders:
        case.check(folder)
    assert len(folders) >= STEPS[name]
    unfinished = [folder for folder in folders if not all(map(is_visible, files(folder)))]
    if name == "build":  # it works elsewhere, and each file is brought in the end
        for folder in folders[1:]:
            shutil.rmtree(folder)
    else:
        assert len(unfinished) >= len(folders) // 3
    for folder in killed(case, tmp_path / "killed", 0):
        assert files(folder) == case.final


@pytest.mark.parametrize(
    "name",
    [
        *("make", "index --pages"),  # as different as they are; each step was tried above
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("unmake", "index", "index --add")
        ),
    ],
)
def test_killed_at_any_time(name: str, tmp_path: Path) -> None:
    """Again and again in the same folder, at random times of what it takes, until it is left alone."""
    case = make_case(name, tmp_path, megabytes=24)
    folder = tmp_path / "killed"
    shutil.copytree(case.before, folder)
    shutil.copytree(case.before, tmp_path / "timed")
    start = time.monotonic()
    subprocess.run(command(*case.arguments), cwd=tmp_path / "timed", check=True, env=ENVIRONMENT)
    duration = time.monotonic() - start
    chance = random.Random(name)
    for _ in range(6):
        process = subprocess.Popen(command(*case.arguments), cwd=folder, env=ENVIRONMENT)
        time.sleep(duration * chance.uniform(0.4, 1))
        process.kill()
        process.wait()
        case.check(folder)
    subprocess.run(command(*case.arguments), cwd=folder, check=True, env=ENVIRONMENT)
    assert files(folder) == case.final
