"""Asking providers what a target supports, in a process of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# The folder in which the detection process is to look for packages first.
FOLDER_VARIABLE = "_PIP_VARIANTS_FOLDER"

# What `python -c` runs a module with as `-m` does, but without the working directory's modules.
RUN_MODULE = (
    "import sys; sys.path[0] or sys.path.pop(0); import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)

DEADLINE = 10.0  # seconds that a provider has to answer
START_DEADLINE = 60.0  # seconds that the process has to start, maybe on a cold network drive

# What a line of the detection process starts with; other lines are noise of its start.
ANSWER = "pip-variants-answer:"


def is_path(target: str) -> bool:
    """Whether a target is a file: it has a path or ends in `.toml`; else it is names."""
    return "/" in target or os.sep in target or target.endswith(".toml")


class Absent(Exception):
    """Why a provider cannot be asked, and what the user can do about it, if there is anything."""


class Elsewhere(Absent):
    """A provider's package is here, and what it registers is not what a wheel asks for."""


@contextmanager
def noting(broken: dict[str, str], name: str) -> Iterator[None]:
    """Note what a plugin raises, as the reason why it is broken."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - foreign code: SystemExit too
        broken[name] = f"{type(error).__name__}: {error}"
