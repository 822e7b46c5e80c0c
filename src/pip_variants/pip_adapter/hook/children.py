"""The pips that pip starts: for build environments, and with `--python`.

Their environment tells them what the user chose; that of this process is the caller's.
"""

import json
import os
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from pip_variants.pip_adapter.hook.attach import attached, give_up
from pip_variants.pip_adapter.hook.conditions import names_index_sets
from pip_variants.pip_adapter.hook.options import SEVERAL_TIMES
from pip_variants.pip_adapter.hook.run import Run, current, entered


def get_runnable_pip(*, original: Any) -> str:
    """`get_runnable_pip`: the file with which child pips are started."""
    run = current()
    run.pip = str(original())
    try:
        import pip_variants.detection.client  # noqa: F401 - what is started needs it
        from pip_variants.pip_adapter import runner

        file = os.path.abspath(runner.__file__)
        os.stat(file)
    except Exception as error:  # noqa: BLE001 - ours, missing or damaged
        give_up(error)
        return run.pip
    return file


def call_subprocess(*args: Any, extra_environ: Any = None, original: Any, **kw: Any) -> Any:
    """`call_subprocess`, with which the pip of a build environment is started."""
    run = current()
    environ = {**(extra_environ or {}), **_of_runner(run), **_choices(run)}
    return original(*args, extra_environ=environ, **kw)


def install(*args: Any, original: Any, **kw: Any) -> None:
    """`InprocessBuildEnvironmentInstaller.install`: what builds need, without another pip."""
    with entered(current().for_build(_chosen_builds())):
        original(*args, **kw)


def main_parser_subprocess(module: Any) -> object:
    """`main_parser.subprocess`, a module that starts the pip of `--python`, by `run` or `Popen`."""
    starting = {name: partial(_started, getattr(module, name)) for name in ("run", "Popen")}
    return SimpleNamespace(**{**vars(module), **starting})


def _started(start: Callable[..., Any], command: Any, **options: Any) -> Any:
    environ = options.pop("env", None) or os.environ
    return start(command, env={**environ, **_of_runner(current())}, **options)


def _of_runner(run: Run) -> dict[str, str]:
    from pip_variants.detection.client import command  # only where there are children
    from pip_variants.pip_adapter import runner

    detection = json.dumps(attached.detection or command())
    return {runner.PIP_VARIABLE: run.pip, runner.DETECTION_VARIABLE: detection}


def _chosen_builds() -> dict[str, str]:
    """The builds of index sets against which everything is built, by project."""
    if not names_index_sets():
        return {}
    from pip_variants.pip_adapter.indexes.builds import Indexes

    return Indexes.of_run(current().finder._link_collector.session).chosen()


def _choices(run: Run) -> dict[str, str]:
    """Pip's variables for our options; empty ones count as if they were not there."""
    environ = {f"PIP_{name.upper()}": " ".join(run.values(name)) for name in SEVERAL_TIMES}
    chosen = " ".join(f"{package}={label}" for package, label in _chosen_builds().items())
    environ["PIP_VARIANT"] = f"{chosen} {environ['PIP_VARIANT']}".strip()
    if run.requires_hashes:  # of what builds, pip requires none; of what is only asked, we do
        environ["PIP_VARIANT_TRUST"] = ""
    # What builds a wheel runs here, whatever the wheel is for.
    return {**environ, "PIP_NO_VARIANTS": str(int(run.is_off)), "PIP_VARIANT_TARGET": "here"}
