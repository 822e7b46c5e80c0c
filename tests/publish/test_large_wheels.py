"""A wheel of any size needs little memory; see benchmarks/publish.py for one of 1 GB, and for the time."""

import subprocess
import sys
from pathlib import Path

from support.environments import clean
from support.wheels import large_wheel

# Not what `getrusage` says, in which the memory of the process before `exec` remains.
COMMAND = """
import sys
from pip_variants.cli import main
code = main()
with open("/proc/self/status") as file:
    print(*(line.split()[1] for line in file if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


def kilobytes(*arguments: object) -> int:
    """The most memory that this command had."""
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean())
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stderr.split()[-1])


def test_memory_does_not_grow_with_the_wheel(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (1, 32):
        wheel = large_wheel(tmp_path / str(megabytes), megabytes, pieces=2)
        made, plain = tmp_path / f"made{megabytes}", tmp_path / f"plain{megabytes}"
        properties = ["--label", "v3", "--property", "x86_64 :: level :: v3"]
        peaks.append(
            [
                kilobytes("make", wheel, *properties, "-o", made),
                kilobytes("make", "--label", "none", *made.glob("*.whl"), "-o", plain),
                kilobytes("index", made, "--pages"),
                kilobytes("verify", made, wheel),
            ]
        )
        assert (plain / wheel.name).read_bytes() == wheel.read_bytes()
    small, large = peaks
    assert all(0 < one < 60_000 for one in small)
    assert all(two - one < 10_000 for one, two in zip(small, large, strict=True)), peaks
