"""The MPI library of an environment; docs/providers/mpi.md describes the features.

One MPI only is reported: the values of two would be combined to something that neither is. It is
that of the target environment (its `lib` folder), else the loader's; of several the one that
`mpiexec` belongs to, else the first in mpi4py's order. Nobody has tried macOS and Windows.

Source: MPI 5.0, chapters Environmental Management and Application Binary Interface; the MPICH ABI
compatibility initiative; mpi4py for names, folders and MPI4PY_MPIABI, MPI4PY_LIBMPI.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from pip_variants.contract import Feature, target_prefix
from pip_variants.providers.machine import ProbeFailed, log, probe, read

# The names by which programs of each ABI find their library, in the order of preference.
# libmpi.so without a number is for compilers, and often a text.
_LINUX = {"mpich": "libmpi.so.12", "openmpi": "libmpi.so.40", "mpiabi": "libmpi_abi.so.1"}
_MACOS = {"mpich": "libmpi.12.dylib", "openmpi": "libmpi.40.dylib", "mpiabi": "libmpi_abi.1.dylib"}
_WINDOWS = {"impi": "impi.dll", "msmpi": "msmpi.dll", "mpiabi": "mpi_abi.dll"}

# How MPI_Get_library_version starts.
_TEXTS = (
    ("cray", r"MPI VERSION\s*: CRAY MPICH version (\d{1,3})\.(\d{1,3})"),
    ("mpich", r"MPI VERSION\s*: CRAY.*\(ANL base (\d{1,3})\.(\d{1,3})"),
    ("mpich", r"MPICH Version:\s*(\d{1,3})\.(\d{1,3})"),
    ("mvapich", r"MVAPICH[^:\n]*Version\s*:\s*(\d{1,3})\.(\d{1,3})"),
    ("intel", r"Intel\(R\) MPI Library (\d{4})(?:(?:\.| Update )(\d{1,3}))?(?!\d)"),
    ("openmpi", r"Open MPI v(\d{1,3})\.(\d{1,3})(?!.*IBM Spectrum MPI)"),
    ("spectrum", r"Open MPI v(\d{1,3})\.(\d{1,3}).*IBM Spectrum MPI"),
    ("fujitsu", r"FUJITSU MPI Library (\d{1,3})\.(\d{1,3})"),
    ("msmpi", r"Microsoft MPI (\d{1,3})\.(\d{1,3})"),
)
_OTHER_ABI = ("HPE MPT", "MPIwrapper")  # neither Open MPI's nor MPICH's

# The first version that is told, and the last minor version of each series that has ended. Of
# other series 9 is assumed: a bound too many is true all the same.
_Releases = tuple[tuple[int, int], Mapping[int, int]]
_STANDARD: _Releases = ((2, 0), {2: 2, 3: 1, 4: 1})
_RELEASES: Mapping[str, _Releases] = {
    "cray": ((7, 0), {7: 7, 8: 1}),
    "mpich": ((3, 1), {3: 4, 4: 3}),
    "mvapich": ((2, 0), {2: 3}),
    "intel": ((2017, 0), {2017: 4, 2018: 5, 2019: 12, 2020: 0, 2021: 30}),
    "openmpi": ((3, 0), {3: 1, 4: 1}),
    "spectrum": ((10, 1), {}),
    "fujitsu": ((4, 0), {}),
    "msmpi": ((7, 0), {7: 1, 8: 1, 9: 0}),
}


class Library(NamedTuple):
    """An MPI library, and what it says of itself (see `_libraries`)."""

    path: str
    text: str
    standard: tuple[int, int]
    abi_version: tuple[int, int] | None
    open_mpi: bool
    msmpi: bool
    names: tuple[str, ...]

    @property
    def abi(self) -> str:
        """Decided as mpi4py does, whatever the file is called; empty if it is none of ours."""
        if self.abi_version and self.abi_version[0] > 0:  # it is -1 in a library of another ABI
            return "mpiabi"
        if self.text.startswith(_OTHER_ABI):
            return ""
        if sys.platform == "win32":
            return "msmpi" if self.msmpi else "impi"
        return "openmpi" if self.open_mpi else "mpich"


def implementations(text: str) -> dict[str, tuple[int, int]]:
    """Names and versions in an answer of MPI_Get_library_version; Cray's is MPICH's, too."""
    found = ((name, re.match(pattern, text, re.ASCII | re.DOTALL)) for name, pattern in _TEXTS)
    return {name: (int(match[1]), int(match[2] or 0)) for name, match in found if match}


def lower_bounds(
    version: tuple[int, int], first: tuple[int, int], ended: Mapping[int, int]
) -> list[str]:
    """All versions `M.m` from `first` to this one, newest first; each `M` after its oldest."""
    bounds: list[str] = []
    if version < first or max(version) > 3000:  # a library may say anything
        return bounds
    for major in range(version[0], first[0] - 1, -1):
        newest = version[1] if major == version[0] else ended.get(major, 9)
        oldest = first[1] if major == first[0] else 0
        bounds += [f"{major}.{minor}" for minor in range(newest, oldest - 1, -1)]
        bounds.append(str(major))
    return bounds


def features_of(mpi: Sequence[Library]) -> list[Feature]:
    """What one MPI supports; it has a library for each of its ABIs, best first."""
    implementation = [
        f"{name}_{bound}"
        for name, version in implementations(mpi[0].text).items()
        for bound in lower_bounds(version, *_RELEASES[name])
    ]
    standard = lower_bounds(min(library.standard for library in mpi), *_STANDARD)
    features = [
        Feature("abi", [library.abi for library in mpi], multi_value=True),
        Feature("implementation", implementation, multi_value=True),
        Feature("standard_lower_bound", standard),
    ]
    return [feature for feature in features if feature.values]


def choose(found: Sequence[Library], launcher: str) -> list[Library]:
    """Of libraries, best ABI first, those of one MPI: that of `launcher`, a path or empty."""
    mpis: dict[str, list[Library]] = {}
    for library in found:
        identity = implementations(library.text) or library.text
        mpis.setdefault(str(identity), []).append(library)
    started = [mpi for mpi in mpis.values() if launcher and _starts(launcher, mpi[0])]
    chosen = (started or [*mpis.values()])[0]
    if len(mpis) > 1:
        reason = f"{launcher} is of it" if started else "mpi4py's order"
        log.info("of %d MPIs %s is taken: %s", len(mpis), chosen[0].path, reason)
    if launcher and not started:
        log.warning("%s is not of this MPI, it seems: it may start separate programs", launcher)
    return chosen


def get_supported_configs() -> list[Feature]:
    """What the MPI of the target environment supports; takes two deadlines of `probe` at most."""
    prefixes = _prefixes()
    folders = [*(os.path.join(one, "bin") for one in prefixes), os.environ.get("PATH", os.defpath)]
    launcher = shutil.which("mpiexec", path=os.pathsep.join(folders)) or ""
    for found in _places(prefixes):
        if found:
            return features_of(choose(found, launcher and os.path.realpath(launcher)))
    log.info("no MPI library was found that programs could use")
    return []


def get_all_configs() -> list[Feature]:
    """All ABIs, and bounds three majors beyond those whose last minor version is known."""
    every = {name: _all_bounds(*releases) for name, releases in _RELEASES.items()}
    implementation = [f"{name}_{bound}" for name, bounds in every.items() for bound in bounds]
    return [
        Feature("abi", [*dict.fromkeys([*_LINUX, *_WINDOWS])], multi_value=True),
        Feature("implementation", implementation, multi_value=True),
        Feature("standard_lower_bound", _all_bounds(*_STANDARD)),
    ]


def _all_bounds(first: tuple[int, int], ended: Mapping[int, int]) -> list[str]:
    return lower_bounds((max([first[0], *ended]) + 3, 9), first, ended)


def _starts(launcher: str, library: Library) -> bool:
    """By the launcher's own name or else by its folder (packages of MPI give it no such name)."""
    name = os.path.basename(launcher)
    if "hydra" in name or "mpich" in name:
        return library.abi in ("mpich", "impi")
    if "orte" in name or "prte" in name or "openmpi" in name:
        return library.abi == "openmpi"
    root = os.path.dirname(os.path.dirname(launcher))
    return os.path.realpath(library.path).startswith(os.path.join(root, ""))


def _prefixes() -> list[str]:
    """The environment's, and that of the Python below it if it has the packages of that, too."""
    prefix = target_prefix()
    lines = re.findall(r"^([\w-]+) *= *(.*?) *$", read(prefix, "pyvenv.cfg"), re.MULTILINE)
    settings = dict(lines)
    if settings.get("include-system-site-packages", "").lower() != "true":
        return [prefix]
    home = settings.get("home", "/bin")  # the folder of the Python below
    return [prefix, home if sys.platform == "win32" else os.path.dirname(home)]


def _places(prefixes: Sequence[str]) -> Iterator[list[Library]]:
    """The libraries of the environment and then, if they are asked for, the others."""
    names = {"win32": _WINDOWS, "darwin": _MACOS}.get(sys.platform, _LINUX)
    wanted, named = os.environ.get("MPI4PY_MPIABI"), os.environ.get("MPI4PY_LIBMPI")
    own, others = _folders(prefixes)
    if wanted:
        log.info("MPI4PY_MPIABI is %r: no other ABI is looked for", wanted)
        abi = re.sub("[ _-]", "", wanted).lower()
        abi = abi if abi in names else {"impi": "mpich", "mpich": "impi"}.get(abi, "")
        names = {abi: names[abi]} if abi else {}
    elif named:
        log.info("MPI4PY_LIBMPI is %r: nothing else is looked at", named)
        yield _usable([*_named(named, own, names)], names, is_preloaded=True)[:1]
        return
    for folders in (own, others):
        paths = [os.path.join(folder, name) for folder in folders for name in names.values()]
        found = {library.abi: library for library in reversed(_usable(paths, names))}
        yield [found[abi] for abi in names if abi in found]
        # A file of the environment that cannot be used hides the loader's of the same name.
        hidden = {os.path.basename(path) for path in paths if os.path.exists(path)}
        names = {abi: name for abi, name in names.items() if name not in hidden}


def _folders(prefixes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Where libraries of the environment lie, and where others do; "" is left to the loader."""
    if sys.platform == "win32":
        kind = os.environ.get("I_MPI_LIBRARY_KIND") or "release"
        intel, microsoft = os.environ.get("I_MPI_ROOT"), os.environ.get("MSMPI_BIN")
        others = [f"{intel}/bin/mpi/{kind}", f"{intel}/bin/{kind}", f"{intel}/bin"] if intel else []
        others += [microsoft] if microsoft else []
        own = [f"{one}/{folder}" for one in prefixes for folder in ("DLLs", "Library/bin")]
        return own, ["", *others]
    own = [f"{one}/lib" for one in prefixes if one not in ("/", "/usr")]  # the loader knows those
    more = ["/usr/local/lib", "/opt/homebrew/lib", "/opt/local/lib"]
    return own, ["", *more] if sys.platform == "darwin" else [""]


def _named(text: str, own: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    """The files that MPI4PY_LIBMPI names: paths, folders, or names to look for."""
    for part in filter(None, text.split(os.pathsep)):
        entry = os.path.expanduser(os.path.expandvars(part))
        if os.path.isdir(entry):
            yield from (os.path.join(entry, name) for name in names.values())
        else:
            folders = [""] if os.path.dirname(entry) else [*own, ""]
            yield from (os.path.join(folder, entry) for folder in folders)


def _usable(
    paths: Sequence[str], names: Mapping[str, str], *, is_preloaded: bool = False
) -> list[Library]:
    """Those that programs find, by the file's name or, if preloaded, by the name inside it."""
    present = [path for path in paths if not os.path.dirname(path) or os.path.exists(path)]
    found = []
    with ThreadPoolExecutor(len(present) or 1) as pool:
        answers = [*pool.map(lambda path: _ask(path, names), present)]
    for path, library in zip(present, answers, strict=True):
        if library is None:
            continue
        first_line = library.text.partition("\n")[0]
        log.info("%s: %.100s, ABI %s", library.path, first_line, library.abi or "unknown")
        name = names.get(library.abi, "")
        if name in (library.names if is_preloaded else (os.path.basename(path),)):
            found.append(library)
        else:
            log.info("%s is not used: programs of its ABI look for %s", path, name or "another")
    return found


def _ask(path: str, names: Mapping[str, str]) -> Library | None:
    try:
        answer: dict[str, Any] = probe("mpi", path, *names.values())
    except ProbeFailed as reason:
        log.info("%s: %s", path, str(reason).removeprefix(f"{path}: "))
        return None
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in answer.items()}
    return Library(**values)
