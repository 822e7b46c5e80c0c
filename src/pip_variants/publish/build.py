"""Building all variants of a project: a source distribution, and wheels out of it (PEP 517)."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from pip_variants.detection import RUN_MODULE
from pip_variants.errors import InvalidWheel, PipVariantsError
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.files import replacing
from pip_variants.publish.flags import environment
from pip_variants.publish.project import PLAIN, Project, Recipe
from pip_variants.publish.wheel import Changes, make_variant_wheel

_BACKEND = "pip_variants.publish.backend"
_LIKE_CFLAGS = ("CXXFLAGS", "FFLAGS", "FCFLAGS", "RUSTFLAGS")  # they say the same
_SHOWN = 25  # lines of what a failed build printed


def build(
    source: Path, labels: Sequence[str], folder: Path, jobs: int, say: Callable[[str], None]
) -> list[str]:
    """Build the wheels with these labels, or all, into `folder`; return the labels that failed.

    `source` is a folder or a source distribution. Labels that differ only in metadata are built
    once. `say` is told what begins and ends. Raises `PipVariantsError` before anything is built.
    """
    if find_spec("build") is None:
        raise PipVariantsError("this needs the package build: pip install 'pip-variants[build]'")
    with tempfile.TemporaryDirectory() as own:
        sdist = source if source.is_file() else _run("sdist", source, Path(own), Recipe())
        with tempfile.TemporaryDirectory(dir=own) as looked_at:
            project = Project.read(_unpacked(sdist, Path(looked_at))).filled()
        for label in labels:
            if label != PLAIN:
                project.of(label)  # which raises
        ways: dict[Recipe, list[str]] = {}
        for label in dict.fromkeys(labels or project.labels):
            ways.setdefault(_way(project, label), []).append(label)
        folder.mkdir(parents=True, exist_ok=True)
        if sdist != source:
            with replacing(folder / sdist.name) as unfinished:
                shutil.copyfile(sdist, unfinished)
            say(f"{folder / sdist.name}")
        failed = []
        with ThreadPoolExecutor(jobs) as pool:
            running = {}
            for way, both in ways.items():
                env = [f"{key}={text!r}" for key, text in way.env if key not in _LIKE_CFLAGS]
                say(f"{', '.join(both)}: {', '.join(('building', *env))}")
                running[pool.submit(_build, sdist, project, way, both, folder)] = both
            for job in as_completed(running):
                try:
                    say(job.result())
                except (PipVariantsError, OSError) as error:
                    say(f"{', '.join(running[job])}: FAILED. {error}")
                    failed += running[job]
        return failed


def _way(project: Project, label: str) -> Recipe:
    """How the wheel of a label is built, but for what is done to the built wheel."""
    recipe = project.recipe(label)
    variant = project.metadata.variants.get(label)
    env = {**(environment(variant) if variant else {}), **dict(recipe.env)}
    return replace(recipe, env=tuple(env.items()), changes=Changes())


def _build(sdist: Path, project: Project, way: Recipe, labels: Sequence[str], folder: Path) -> str:
    began = time.monotonic()
    made = []
    with tempfile.TemporaryDirectory() as own:
        wheel = _run("wheel", _unpacked(sdist, Path(own, "source")), Path(own, "built"), way)
        already = WheelFilename.parse(wheel.name).label
        if already is not None and list(labels) != [already]:
            raise InvalidWheel(f"its backend built the variant {already}")
        for label in labels:
            metadata = None if label == PLAIN else project.of(label)
            changes = project.recipe(label).changes
            made.append(make_variant_wheel(wheel, metadata, folder, changes, force=True))
    done = f"{', '.join(labels)}: done in {time.monotonic() - began:.0f} s"
    return "\n  ".join([done, *map(str, made)])


def _unpacked(sdist: Path, folder: Path) -> Path:
    """The folder of the project in a source distribution."""
    try:
        with tarfile.open(sdist) as archive:
            # What installers use (PEP 721); not everywhere in 3.10 and 3.11.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)  # noqa: S202 - the maintainer's own source
    except (OSError, tarfile.TarError) as error:
        raise PipVariantsError(f"{sdist} is no source distribution: {error}") from None
    tops = list(folder.iterdir())
    return tops[0] if len(tops) == 1 else folder


def _run(kind: str, source: Path, folder: Path, way: Recipe) -> Path:
    """Have the backend build `kind`, wheel or sdist, into `folder`; return the file."""
    arguments = {
        "kind": kind,
        "source": str(source),
        "folder": str(folder),
        "settings": dict(way.config_settings),
        "requires": way.build_dependencies,
    }
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", RUN_MODULE, _BACKEND, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, **dict(way.env)},
        )
        log.seek(0)
        said = log.read().decode(errors="replace").splitlines()
    found = [path for path in folder.glob("*") if path.name.endswith((".whl", ".tar.gz"))]
    if done.returncode or len(found) != 1:
        last = ["...", *said[-_SHOWN:]] if len(said) > _SHOWN else said
        raise PipVariantsError("\n  ".join([f"no {kind}. The build ended with:", *last]))
    return found[0]
