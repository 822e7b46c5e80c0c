#!/usr/bin/env python3
"""Ask pip-variants on processors that QEMU shows: `python tests/machines.py [FOLDER]`; an hour or less.

For each architecture it makes a Debian root (debootstrap), installs this checkout there, and runs
`show`, `doctor` and a `pip install` of a release with variants under each model of QEMU. What was
found is compared with what programs do that use one instruction of an extension each (they run, or
die of SIGILL), and with what glibc's loader would load. Writes the table in docs/machines.md; exit
code 1 if anything is reported or installed that dies.

Needs root, Linux 6.7 (a binfmt_misc of one's own), and of Debian debootstrap, qemu-user (8.2 or newer,
on PATH) and gcc for the four architectures. FOLDER keeps the roots, and what was found: a run that was
interrupted goes on there.
"""

import base64
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from support.wheels import plain_wheel

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "machines.md"
SUITES = ("trixie", "bookworm")  # mirrors do not have every architecture of every suite
PACKAGES = "python3,python3-venv"
ILLEGAL = -4  # how a program ends by SIGILL


@dataclass(frozen=True)
class Architecture:
    """`elf` is e_machine of its programs; `programs` are extensions, and an instruction of each."""

    debian: str
    compiler: str
    elf: int
    models: str
    programs: dict[str, str]
    loader: str = ""


ARCHITECTURES = {
    "aarch64": Architecture(
        "arm64",
        "aarch64-linux-gnu-gcc",
        183,
        "cortex-a35 cortex-a72 neoverse-n1 neoverse-n2 neoverse-v1 a64fx max",
        {
            "sve2 :: on": ".arch_extension sve2\n sqdmulh z0.h, z1.h, z2.h",
            "sve :: on": ".arch_extension sve\n ptrue p0.b",
            "i8mm :: on": ".arch armv8.6-a+i8mm\n smmla v0.4s, v0.16b, v0.16b",
            "bf16 :: on": ".arch armv8.6-a+bf16\n bfmmla v0.4s, v0.8h, v0.8h",
            "sha3 :: on": ".arch armv8.4-a+sha3\n eor3 v0.16b, v0.16b, v0.16b, v0.16b",
            "asimddp :: on": ".arch armv8.4-a+dotprod\n sdot v0.4s, v0.16b, v0.16b",
            "fcma :: on": ".arch armv8.3-a\n fcadd v0.4s, v0.4s, v0.4s, #90",
            "fphp :: on": ".arch armv8.2-a+fp16\n fadd h0, h0, h0",
            "atomics :: on": ".arch_extension lse\n ldadd w0, w1, [sp]",
            "crc32 :: on": ".arch_extension crc\n crc32b w0, w0, w0",
        },
    ),
    "riscv64": Architecture(
        "riscv64",
        "riscv64-linux-gnu-gcc",
        243,
        "sifive-u54 thead-c906 tt-ascalon rva22s64 rva23s64 rv64 max",
        {
            "profile :: rva23u64": ".option arch, +v\n vsetvli t0, zero, e8, m1, ta, ma\n .word 0x0eb55533",
            "v :: on": ".option arch, +v\n vsetvli t0, zero, e8, m1, ta, ma",
            "zicond :: on": ".word 0x0eb55533",  # czero.eqz a0, a0, a1
            "zfh :: on": ".option arch, +zfh\n fadd.h fa0, fa0, fa0",
            "profile :: rva22u64": ".option arch, +zba, +zbb\n sh1add a0, a0, a0\n clz a0, a0",
            "zba :: on": ".option arch, +zba\n sh1add a0, a0, a0",
            "zbb :: on": ".option arch, +zbb\n clz a0, a0",
            "zbc :: on": ".option arch, +zbc\n clmul a0, a0, a0",
        },
    ),
    "ppc64le": Architecture(
        "ppc64el",
        "powerpc64le-linux-gnu-gcc",
        21,
        "power8 power9 power10",
        {
            "microarchitecture :: power10": ".machine power10\n pli 3, 1",
            "microarchitecture :: power9": ".machine power9\n darn 3, 1",
            "microarchitecture :: power8": ".machine power8\n xxlor 0, 0, 0\n mtvsrd 0, 3",
        },
        "lib/powerpc64le-linux-gnu/ld64.so.2",
    ),
    "s390x": Architecture(
        "s390x",
        "s390x-linux-gnu-gcc",
        22,
        "max",
        {
            "microarchitecture :: z15": ".machine z15\n vlbrh %v0, 0(%r15)",
            "microarchitecture :: z14": ".machine z14\n vfasb %v0, %v0, %v0",
            "microarchitecture :: z13": ".machine z13\n vx %v0, %v0, %v0\n adtr %f0, %f0, %f0",
        },
        "lib/ld64.so.1",
    ),
}
INVENTED = {"aarch64": {"max"}, "riscv64": {"rv64", "max"}, "s390x": {"max"}}
"""Models that are no machine's: only the baseline counts, whatever programs can do."""

ENTER = r"""
set -e
mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf %s "$2" > /proc/sys/fs/binfmt_misc/register
root="$1"; shift 2
exec chroot "$root" "$@"
"""
INSIDE = """
export QEMU_CPU="$1" HOME=/root LC_ALL=C.UTF-8 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
python=/env/bin/python
cat /proc/cpuinfo > /out/cpuinfo
$python -m pip_variants show --json > /out/show 2> /out/show.log || echo failed > /out/show
$python -m pip_variants doctor > /out/doctor 2>&1; echo $? > /out/doctor.code
$python -m pip install --no-index --find-links /index --force-reinstall demo > /out/install 2>&1
"""


def run(*command, check: bool = True, **options) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if check and done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))[:200]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done


def qemu(name: str) -> str:
    path = shutil.which(f"qemu-{name}") or shutil.which(f"qemu-{name}-static") or ""
    version = re.search(r"version (\d+)\.(\d+)", run(path, "--version").stdout) if path else None
    if not version or (int(version[1]), int(version[2])) < (8, 2):
        raise SystemExit(f"qemu-{name} 8.2 or newer is not on PATH (Debian: qemu-user)")
    return path


def enter(root: Path, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a root, in which programs of its architecture run, and nowhere else."""
    order: Literal["little", "big"] = "little" if name != "s390x" else "big"
    magic = b"\x7fELF\x02" + (b"\1" if order == "little" else b"\2") + b"\1" + bytes(9)
    magic += (2).to_bytes(2, order) + ARCHITECTURES[name].elf.to_bytes(2, order)
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + (0xFFFE).to_bytes(2, order) + b"\xff\xff"
    text = ["".join(f"\\x{byte:02x}" for byte in one) for one in (magic, mask)]
    rule = f":machines:M:0:{text[0]}:{text[1]}:{qemu(name)}:F"
    space = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--fork",
        "bash",
        "-c",
        ENTER,
        "enter",
    ]
    return run(*space, root, rule, *command, check=False)


def make_root(folder: Path, name: str, wheels: Path) -> Path:
    """A Debian with this checkout in /env, unpacked and not configured, which is enough for Python."""
    root, one = folder / name, ARCHITECTURES[name]
    if not (root / "done").exists():
        uri = run("apt-get", "indextargets", "--format", "$(REPO_URI)").stdout.split()[0]
        for suite in SUITES:
            shutil.rmtree(root, ignore_errors=True)
            options = [
                "--foreign",
                "--variant=minbase",
                f"--arch={one.debian}",
                f"--include={PACKAGES}",
            ]
            if not run("debootstrap", *options, suite, root, uri, check=False).returncode:
                break
        else:
            raise SystemExit(f"the mirror has no Debian for {one.debian}: {' '.join(SUITES)}")
        for package in root.glob("var/cache/apt/archives/*.deb"):
            run("dpkg", "-x", package, root)
        (root / "done").touch()
    shutil.rmtree(root / "env", ignore_errors=True)
    made = enter(root, name, "/usr/bin/python3", "-m", "venv", "--without-pip", "/env")
    if made.returncode:
        raise SystemExit(f"{name}: {made.stderr}")
    (packages,) = root.glob("env/lib/python3.*/site-packages")
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(packages)
    return root


def compile_programs(folder: Path, name: str) -> dict[str, Path]:
    """A program for each extension that uses an instruction of it, by its property."""
    programs = {}
    for number, (what, instructions) in enumerate(ARCHITECTURES[name].programs.items()):
        source = folder / f"{name}{number}.c"
        text = json.dumps(instructions.replace("\n", "\n\t") + "\n\t")
        source.write_text(
            f"int main(void) {{ long room[4] = {{0}}; (void)room; __asm__ volatile ({text}); return 0; }}\n"
        )
        programs[what] = source.with_suffix("")
        run(ARCHITECTURES[name].compiler, "-static", "-s", "-o", programs[what], source)
    return programs


def make_index(root: Path, name: str, programs: dict[str, Path], folder: Path) -> None:
    """A release with a variant for each extension, which brings the program, and a plain wheel."""
    index = root / "index"
    shutil.rmtree(index, ignore_errors=True)
    plain_wheel(index, files={"demo_program": ""})
    pip_variants = [sys.executable, "-m", "pip_variants"]
    for number, (what, program) in enumerate(programs.items()):
        text = base64.b64encode(program.read_bytes()).decode()
        wheel = plain_wheel(folder / f"{name}{number}.wheel", files={"demo_program": text})
        made = [f"--label=v{number}", f"--property={name} :: {what}", f"--output={index}"]
        run(*pip_variants, "make", wheel, *made, env={**os.environ, "PIP_NO_INDEX": "1"})
    run(*pip_variants, "index", index)


def try_model(root: Path, name: str, model: str, programs: dict[str, Path], folder: Path) -> dict:
    """What is found and installed under a model, and what programs do."""
    out = root / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    enter(root, name, "/bin/sh", "-c", INSIDE, "inside", model)
    shown = json.loads((out / "show").read_text())["providers"]
    (found,) = [one for one in shown if one["namespace"] == name]
    features = {f"{one['name']} :: {value}" for one in found["features"] for value in one["values"]}
    runs = {}
    for what, program in programs.items():
        code = run(qemu(name), "-cpu", model, program, check=False).returncode
        runs[what] = {0: True, ILLEGAL: False}.get(code, f"ended with {code}")
    log = (out / "install").read_text()
    taken = re.search(r"Using the variant \S+ \((.*)\)", log)
    (program,) = root.glob("env/lib/python3.*/site-packages/demo_program")
    installed = base64.b64decode(program.read_text())
    (folder / "installed").write_bytes(installed)
    (folder / "installed").chmod(0o755)
    dies = (
        bool(installed)
        and run(qemu(name), "-cpu", model, folder / "installed", check=False).returncode
    )
    loader = []
    if path := ARCHITECTURES[name].loader:
        text = run(qemu(name), "-cpu", model, root / path, "--help", check=False).stdout
        loader = re.findall(
            r"^  (\w+) \(supported, searched\)", text.partition("Legacy")[0], re.MULTILINE
        )
    first = found["features"][0] if found["features"] else {"name": "", "values": [""]}
    return {
        "architecture": name,
        "model": model,
        "found": f"{first['name']} {first['values'][0]}".strip() or "nothing",
        "more": max(len(features) - 1, 0),
        "took": taken[1].partition(" :: ")[2]
        if taken
        else "the plain wheel"
        if "Successfully" in log
        else log[-300:],
        "dies": [what for what in features & runs.keys() if runs[what] is not True],
        "installed dies": bool(dies),
        "unused": [what for what in runs if runs[what] is True and what not in features],
        "warned": "QEMU" in (out / "show.log").read_text()
        or any("QEMU" in one for one in found["warnings"]),
        "loader": loader,
        "doctor": doctor(out),
        "cpuinfo": (out / "cpuinfo").read_text(),
    }


def doctor(out: Path) -> str:
    """Its verdict; a test that is too slow for it under emulation says nothing."""
    text = (out / "doctor").read_text()
    if (out / "doctor.code").read_text().strip() == "0":
        return "OK"
    return "too slow" if "timed out" in text else "warns" if "--variant-target" in text else "fails"


def row(one: dict) -> str:
    unused = (
        ", ".join(what.replace(" :: on", "").rpartition(" ")[2] for what in one["unused"]) or "-"
    )
    wrong = (
        ", ".join(one["dies"]) + (" the installed wheel" if one["installed dies"] else "") or "none"
    )
    cells = [
        one["architecture"],
        f"`{one['model']}`",
        one["found"],
        str(one["more"]),
        one["took"].replace(" :: on", ""),
    ]
    cells += [wrong, unused, " ".join(one["loader"]) or "-", one["doctor"]]
    return f"| {' | '.join(cells)} |"


def page(results: list[dict], version: str) -> str:
    groups = [
        [one for one in results if (one["model"] in INVENTED.get(one["architecture"], ())) == kind]
        for kind in (False, True)
    ]
    head = (
        "| | `-cpu` | best value | more | pip took | dies | runs, and does not count | glibc's loader | `doctor` |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    tables = [head + "\n".join(map(row, group)) for group in groups]
    return f"""\
# Processors that were tried

Written by `python tests/machines.py`, with QEMU {version} on {platform.machine()}: Debian for each
architecture, this checkout, `show`, `doctor` and `pip install` under each model. *dies*: properties
that are reported although a program that uses an instruction of them is killed by SIGILL. *runs, and
does not count*: such a program runs, and the property is not reported.

## Models that exist

{tables[0]}

What runs and does not count: user-mode QEMU shows the `/proc/cpuinfo` of the machine outside to
programs for POWER, which count as POWER8 then; tt-ascalon lacks supm, which the program does not
use. *too slow*: under emulation, the self-test of `doctor` did not end in its minute. *warns*: it says
what to do, the same as the warning.

## QEMU's own processors

No machine is like these, so only the baseline counts, and a warning says to name the machines with
[`--variant-target`](targets.md). QEMU for IBM Z has no other models that Debian runs on; it calls
them a z15 and lacks decimal numbers, which compilers use from z13 on.

{tables[1]}

x86-64 is part of the tests (`tests/providers/test_x86_64.py`): the level under nine models is the one
that glibc's loader tells.
"""


def main() -> int:
    tools = ["debootstrap", "unshare", *(one.compiler for one in ARCHITECTURES.values())]
    if missing := [tool for tool in tools if not shutil.which(tool)]:
        raise SystemExit(f"not installed, or not on PATH: {', '.join(missing)}")
    for name in ARCHITECTURES:
        qemu(name)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder = Path(sys.argv[1]).resolve() if sys.argv[1:] else work / "roots"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        run(sys.executable, "-m", "pip", "wheel", "-q", "--wheel-dir", work / "wheels", ROOT)

        def of(name: str) -> list[dict]:
            root = make_root(folder, name, work / "wheels")
            (work / name).mkdir()
            programs = compile_programs(work / name, name)
            make_index(root, name, programs, work / name)
            found = []
            for model in ARCHITECTURES[name].models.split():
                result = folder / f"{name}-{model}.json"
                if not result.exists():
                    one = try_model(root, name, model, programs, work / name)
                    result.write_text(json.dumps(one, indent=1))
                found.append(json.loads(result.read_text()))
                print(row(found[-1]), flush=True)
            return found

        with ThreadPoolExecutor(len(ARCHITECTURES)) as pool:
            results = [one for several in pool.map(of, ARCHITECTURES) for one in several]
        version = re.findall(r"version ([\d.]+)", run(qemu("aarch64"), "--version").stdout)[0]
    PAGE.write_text(page(results, version))
    bad = [
        one for one in results if one["dies"] or one["installed dies"] or one["doctor"] == "fails"
    ]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
