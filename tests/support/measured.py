"""Coverage of child processes where `coverage run` measures the tests; see CONTRIBUTING.md.

This file is run at the start of every Python below that run, by a line in a `.pth` file.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

IS_ON = "COVERAGE_PROCESS_CONFIG" in os.environ
PTH = "measured_by_pip_variants.pth"


def let_measure(site: Path) -> None:
    """Have the processes of the environment with this folder of packages measured, too."""
    import coverage

    package = Path(coverage.__file__).parent
    if not (site / package.name).exists():
        shutil.copytree(package, site / package.name)
        shutil.copy(package.with_name("a1_coverage.pth"), site)
    run = f"exec(compile(open({__file__!r}).read(), 'measured', 'exec'), {{}})"
    (site / PTH).write_text(f"import os; 'COVERAGE_PROCESS_CONFIG' in os.environ and {run}\n")


def _change() -> None:
    """What is killed, or starts without `site`, could not write what was measured."""
    kill_group, start = os.killpg, subprocess.Popen.__init__

    def has_ended(child: int) -> bool:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def killpg(group: int, number: int) -> None:
        if number == signal.SIGKILL:
            kill_group(group, signal.SIGTERM)
            end = time.monotonic() + 2
            with contextlib.suppress(ChildProcessError):
                while not has_ended(group) and time.monotonic() < end:
                    time.sleep(0.01)
        kill_group(group, number)

    def init(self: Any, args: Any, *more: Any, **named: Any) -> None:
        if (
            isinstance(args, list)
            and args[1:3] == ["-I", "-S"]
            and args[3].endswith("_libraries.py")
        ):
            args = [args[0], "-I", *args[3:]]
        start(self, args, *more, **named)

    os.killpg = killpg
    subprocess.Popen.__init__ = init  # type: ignore[method-assign]


if IS_ON and subprocess.Popen.__init__.__name__ == "__init__":  # not yet
    _change()
