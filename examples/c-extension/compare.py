"""What each wheel in `dist` has in it, and how fast it is here: `python compare.py dist`.

The disassembler tells which registers the compiler used: ymm come with AVX (v3), zmm with AVX-512
(v4). A wheel that this machine does not support is not run.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RUN = "import dotproduct; print(dotproduct.milliseconds())"


def main(dist: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "pip_variants", "show"], capture_output=True, text=True
    )
    levels = set(re.findall(r"x86_64 :: level :: (\w+)", said.stdout))
    with tempfile.TemporaryDirectory() as own:
        folders = {}
        for wheel in Path(dist).glob("dotproduct-*.whl"):
            label = re.sub(r".*-linux_x86_64-?|\.whl$", "", wheel.name) or "no variant"
            folders[label] = Path(own, label)
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folders[label])
        fitting = [one for one in folders if one[:7] != "x86_64_" or one[7:] in levels]
        times: dict[str, list[float]] = {label: [] for label in fitting}
        for label in 9 * fitting:  # in turn, since other programs are running, too
            times[label].append(
                float(subprocess.check_output([sys.executable, "-c", RUN], cwd=folders[label]))
            )
        best = {label: min(found) for label, found in times.items()}
        print(f"{'wheel':<12} {'ymm':>5} {'zmm':>5} {'ms':>7} {'speed-up':>9}")
        for label in sorted(folders):
            counts = registers(next(folders[label].glob("*.so")))
            if label in best:
                ratio = best["no variant"] / best[label]
                print(f"{label:<12} {counts} {best[label]:7.2f} {ratio:8.1f}x")
            else:
                print(f"{label:<12} {counts}   not for this processor")


def registers(library: Path) -> str:
    """How often the wide registers are used."""
    if shutil.which("objdump") is None:
        return f"{'?':>5} {'?':>5}"
    code = subprocess.check_output(["objdump", "-d", library], text=True)
    return " ".join(f"{code.count(register):>5}" for register in ("%ymm", "%zmm"))


if __name__ == "__main__":
    main(sys.argv[1])
