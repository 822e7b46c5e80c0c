"""Building all variants of a project: a source distribution, and wheels out of it (PEP 517)."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.tags import parse_tag, sys_tags

from pip_variants.detection import RUN_MODULE
from pip_variants.errors import InvalidWheel, PipVariantsError
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.archive import refuse_existing, replacing
from pip_variants.publish.flags import flags_for, is_for_processor, launching
from pip_variants.publish.project import PLAIN, Project, Recipe, check_known
from pip_variants.publish.wheel import NO_CHANGES, make_variant_wheel

_BACKEND = "pip_variants.publish.backend"
_ERROR = re.compile(r"(?i)\berror\b(\[\w+\])?( at [^:]+)?:|undefined (reference|symbol)")
_FRAMES = re.compile(r"(?m)^Traceback .*\n(?:[ \t].*\n)*(?=  File )")  # all but the last one


@dataclass(frozen=True)
class Build:
    """The variants of `source`, a project's folder or source distribution, are built to `folder`.

    `repair` is a command with `{wheel}` and `{dest_dir}` for wheels with code for a platform; empty
    for none. Files are replaced only by `force`; properties are taken `unchecked`. `warn` is told
    what the maintainer should know, `say` what begins, and all that is printed if `verbose`.
    """

    source: Path
    folder: Path
    say: Callable[[str], None]
    warn: Callable[[str], None]
    jobs: int = 1
    repair: str = ""
    force: bool = False
    verbose: bool = False
    unchecked: bool = False

    def wheels(self, labels: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
        """Build those with these labels, or all; return the files, and why others failed, by label.

        A folder's source distribution, whose label is empty, is made first. Labels that differ only
        in metadata are built once. Raises `PipVariantsError` before a wheel is built.
        """
        files, failed = dict[str, Path](), dict[str, str]()
        if find_spec("build") is None:
            raise PipVariantsError("install the package build: pip install 'pip-variants[build]'")
        with tempfile.TemporaryDirectory() as own:
            sdist = self.source.resolve()
            if sdist.is_dir():
                Project.read(sdist)  # what is wrong is said at once
                self.say("building the source distribution")
                sdist = self._run("sdist", sdist, Path(own), Recipe())
                there = self.folder / sdist.name
                refuse_existing(there, f"pip-variants build {there}", force=self.force)
            project = Project.read(_unpacked(sdist, Path(own, "source"))).filled()
            if not self.unchecked:
                check_known(project.metadata, self.warn)
            labels = labels or project.labels
            for path, label in self._wheels_of(sdist).items():
                if label in labels:
                    refuse_existing(path, force=self.force)
            ways = self._ways(project, labels)
            with ThreadPoolExecutor(self.jobs) as pool:
                running = {
                    pool.submit(self._build, sdist, project, way, both): both
                    for way, both in ways.items()
                }
                for number, done in enumerate(as_completed(running), 1):
                    self.say(f"{number} of {len(running)} done: {', '.join(running[done])}")
                    try:
                        files |= done.result()
                    except (PipVariantsError, OSError) as error:
                        failed |= dict.fromkeys(running[done], str(error))
            if self.source.is_dir() and files:
                built = {*files.values()}
                if old := [one.name for one in self._wheels_of(sdist) if one not in built]:
                    self.warn(
                        f"{', '.join(old)} in {self.folder}: of an earlier build, maybe of other "
                        "sources. Remove what does not belong to this release"
                    )
                with replacing(there) as unfinished:
                    shutil.copyfile(sdist, unfinished)
                files = {"": there, **files}
        return files, failed

    def _ways(self, project: Project, labels: Sequence[str]) -> dict[Recipe, list[str]]:
        """In which ways wheels are compiled, and the labels that are compiled so."""
        ways: dict[Recipe, list[str]] = {}
        for label in dict.fromkeys(labels):
            way = replace(project.recipes.get(label, project.common), changes=NO_CHANGES)
            if label != PLAIN:
                variant = project.of(label).variants[label]
                way = replace(way, flags=tuple(flags_for(variant, dict(way.env)).items()))
                if is_for_processor(variant) and not way.flags and not way.env:
                    self.warn(f"{label} is compiled as the plain wheel is: no flags are known")
            ways.setdefault(way, []).append(label)
        return ways

    def _wheels_of(self, sdist: Path) -> dict[Path, str]:
        """The wheels of the release that are there and for this Python, and their labels."""
        found = {}
        for path in sorted(self.folder.glob(f"{sdist.name.removesuffix('.tar.gz')}-*.whl")):
            name = WheelFilename.parse(path.name)
            if not parse_tag("-".join(name.tags)).isdisjoint(sys_tags()):
                found[path] = name.label or PLAIN
        return found

    def _build(
        self, sdist: Path, project: Project, way: Recipe, labels: Sequence[str]
    ) -> dict[str, Path]:
        self.say(f"building {', '.join(labels)}{''.join(f': {one}' for _, one in way.flags[:1])}")
        made = {}
        with tempfile.TemporaryDirectory() as temporary:
            own = Path(temporary).resolve()
            wheel = self._run("wheel", _unpacked(sdist, own / "source"), own, way)
            already = WheelFilename.parse(wheel.name).label
            if already is not None and list(labels) != [already]:
                raise InvalidWheel(f"its backend built the variant {already}")
            if self.repair and not wheel.name.endswith("-any.whl"):  # which auditwheel refuses
                folder = own / "repaired"
                folder.mkdir()
                command = self.repair.replace("{wheel}", f'"{wheel}"')
                command = command.replace("{dest_dir}", f'"{folder}"')
                wheel = self._made(command, self.repair, folder, way, own)
            for label in labels:
                metadata = None if label == PLAIN else project.of(label)
                changes = project.recipes.get(label, project.common).changes
                into = self.folder
                made[label] = make_variant_wheel(wheel, metadata, into, changes, force=self.force)
        return made

    def _run(self, kind: str, source: Path, own: Path, way: Recipe) -> Path:
        """Have the backend build `kind`, wheel or sdist, with `own` for files of the way."""
        where = {"kind": kind, "source": str(source), "folder": str(own / kind)}
        how = {"settings": dict(way.config_settings), "requires": way.build_dependencies}
        command = [sys.executable, "-c", RUN_MODULE, _BACKEND, json.dumps({**where, **how})]
        return self._made(command, f"building the {kind}", own / kind, way, source)

    def _made(
        self, command: str | list[str], title: str, folder: Path, way: Recipe, source: Path
    ) -> Path:
        """The one file that a command, a string for a shell, writes to `folder`.

        What it says of `source`, which may be a copy, is said of the project. Raises
        `PipVariantsError` with what it said if it fails.
        """
        # Python's output in its place among that of compilers, and at once.
        env = {"PYTHONUNBUFFERED": "1", **os.environ, **dict(way.env)}
        if way.flags:
            env |= launching(dict(way.flags), folder.with_name("compilers"), env)
        lines = []
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        how |= {"stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
        shell = isinstance(command, str)
        with subprocess.Popen(command, shell=shell, env=env, **how) as process:  # noqa: S603
            for line in process.stdout or ():
                lines.append(line.rstrip("\n").replace(str(source), str(self.source.resolve())))
                if self.verbose:
                    self.say(lines[-1])
        found = [path for path in folder.glob("*") if path.name.endswith((".whl", ".tar.gz"))]
        if process.returncode == 0 and len(found) == 1:
            return found[0]
        descriptor, log = tempfile.mkstemp(prefix="pip-variants-", suffix=".log")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, ""]))
        why = "failed" if process.returncode else f"made {len(found)} files instead of one"
        flags = "".join(f", with {one}" for _, one in way.flags[:1])
        said = [f"{title} {why}:", *_reason(lines), f"the whole log{flags}: {log}"]
        raise PipVariantsError("\n  ".join(said))


def _reason(lines: Sequence[str]) -> list[str]:
    """The lines that say why a build failed: from the first late error on, else the last ones."""
    text = _FRAMES.sub("", "\n".join(lines))
    # It got over what came long before its end.
    late = [line for line in text.splitlines() if line.strip()][-100:]
    errors = [number for number, line in enumerate(late) if _ERROR.search(line)]
    begin = max(0, errors[0] - 2 if errors else len(late) - 15)
    return late[begin : begin + 15]


def _unpacked(sdist: Path, folder: Path) -> Path:
    try:
        with tarfile.open(sdist) as archive:
            # What installers use (PEP 721); not everywhere in 3.10 and 3.11.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)  # noqa: S202 - the maintainer's own source
    except (OSError, tarfile.TarError) as error:
        raise PipVariantsError(f"{sdist} is no source distribution: {error}") from None
    tops = list(folder.iterdir())
    return tops[0] if len(tops) == 1 else folder
