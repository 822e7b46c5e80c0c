"""How pip looks here, and whether it installs a variant: the inside of `pip-variants doctor`.

A program for a pip process of its own. Its arguments are a file, to which it writes JSON, and those
of a `pip install`.
"""

import contextlib
import importlib
import json
import os
import sys

import pip
from pip._internal.cli.main import main as run_pip

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook import attach
from pip_variants.pip_adapter.hook.run import Run, entered
from pip_variants.pip_adapter.hook.seams import SEAMS
from pip_variants.pip_adapter.settings import of_variants


def main() -> int:
    """Run the program."""
    file, *arguments = sys.argv[1:]
    with entered(Run()):
        failed, options = of_variants()
    try:
        problems = attach.verify()
    except attach.Unloadable as error:
        problems = [f"pip-variants is broken: {error}"]
    for seam in SEAMS:
        with contextlib.suppress(ImportError):  # it is there in other versions of pip
            importlib.import_module(seam.module)
    found = {
        "pip": pip.__version__,
        "pip_folder": os.path.dirname(os.path.abspath(pip.__file__)),
        "pip_failed": printable(failed),
        "attached": bool(attach.attached.seams),
        "finder": _other_finder(),
        "problems": [printable(one) for one in problems],
        "missing": {seam.where: seam.needed_by for seam in attach.missing()},
        "replaced": len(attach.attached.originals),
        "options": options,
    }
    with open(file, "w", encoding="utf-8") as opened:
        json.dump(found, opened)
    # The test is about pip and its providers, not about what the user set.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        del os.environ[name]
    os.environ["X86_64_VARIANT_PROVIDER_FORCE_LEVEL"] = "v1"
    os.environ.update(PIP_CONFIG_FILE=os.devnull, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    return run_pip(arguments)


def _other_finder() -> str:
    """The finder that found pip before the one that waits for it, if that one still does."""
    if not any(getattr(finder, "__name__", "") == "WaitForPip" for finder in sys.meta_path):
        return ""
    found = (one for one in sys.meta_path if one.find_spec("pip._internal", pip.__path__))
    return repr(next(found))
