"""How pip is set and looks here, and whether it installs a variant.

A program for a pip process of its own, the inside of `pip-variants doctor`. Its arguments are a
file, to which it writes JSON, and those of a `pip install`. Without these it only says what pip is
set to, as far as variants are concerned.
"""

import contextlib
import importlib
import io
import json
import os
import sys
from typing import Any

import pip
from pip._internal.cli.main import main as run_pip
from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import PipError

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook import attach
from pip_variants.pip_adapter.hook.run import Run, entered
from pip_variants.pip_adapter.hook.seams import SEAMS


def main() -> int:
    """Run the program."""
    file, *arguments = sys.argv[1:]
    with entered(Run()):
        found = _settings()
    if arguments:
        found |= _looks()
    with open(file, "w", encoding="utf-8") as opened:
        json.dump(found, opened)
    if not arguments:
        return 0
    # The test is about pip and its providers, not about what the user set.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        del os.environ[name]
    os.environ["X86_64_VARIANT_PROVIDER_FORCE_LEVEL"] = "v1"
    os.environ.update(PIP_CONFIG_FILE=os.devnull, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    return run_pip(arguments)


def _settings() -> dict[str, Any]:
    """Why pip does not start as it is set up, if so; and its options for variants that are set."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            options, _ = InstallCommand("install", "").parse_args([])
    except (PipError, SystemExit) as error:
        text = str(error) if isinstance(error, PipError) else said.getvalue()
        why = " ".join(text.strip().rpartition("\n\n")[2].split())  # not pip's usage
        return {"pip_failed": printable(why), "options": {}}
    is_set = {
        name: value
        for name, value in sorted(vars(options).items())
        if value and (name.startswith("variant_") or name == "no_variants")
    }
    return {"pip_failed": "", "options": is_set}


def _looks() -> dict[str, Any]:
    """What pip this is, and how it is extended."""
    try:
        problems = attach.verify()
    except attach.Unloadable as error:
        problems = [f"pip-variants is broken: {error}"]
    for seam in SEAMS:
        with contextlib.suppress(ImportError):  # it is there in other versions of pip
            importlib.import_module(seam.module)
    return {
        "pip": pip.__version__,
        "pip_folder": os.path.dirname(os.path.abspath(pip.__file__)),
        "attached": bool(attach.attached.seams),
        "finder": _other_finder(),
        "problems": [printable(one) for one in problems],
        "missing": {seam.where: seam.needed_by for seam in attach.missing()},
        "replaced": len(attach.attached.originals),
    }


def _other_finder() -> str:
    """The finder that found pip before the one that waits for it, if that one still does."""
    if not any(getattr(finder, "__name__", "") == "WaitForPip" for finder in sys.meta_path):
        return ""
    found = (one for one in sys.meta_path if one.find_spec("pip._internal", pip.__path__))
    return repr(next(found))
