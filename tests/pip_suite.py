#!/usr/bin/env python3
"""Run pip's own tests with pip-variants, and those that fail then without it.

    python3 tests/pip_suite.py CHECKOUT [--as-variants] [pytest arguments]

CHECKOUT is a git checkout of pip (its packages have no tests); it is left as it is. Needs a package
index and takes half an hour or more. Exit status 1 if a test that passes without pip-variants
fails with it, three times in a row. This file is also the pytest plugin of both runs.

With --as-variants, every wheel of the tests is a variant wheel in the run with it: see
pip_suite_as_variants.py. What differs then and has to is in EXPLAINED below and no failure. Only
the tests that install or describe wheels are run, if the arguments name none.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = "PIP_VARIANTS_CODE"  # the folder with pip-variants and all that it needs, where it is wanted
OUTCOMES = "PIP_VARIANTS_OUTCOMES"  # the file to write
PTH = "_pip_variants_under_test.pth"
IS_ACTIVE = """
def test_pip_variants_is_active(script):
    assert "--no-variants" in script.pip("install", "--help").stdout
"""
ARE_VARIANTS = """
def test_wheels_are_variants(script, data, shared_data):
    for one in (data, shared_data):
        result = script.pip("install", "--dry-run", "--no-index", "-f", one.packages, "simplewheel")
        assert "Using the variant fits" in result.stdout
"""
CHECK = "tests/functional/test_pip_variants.py"
AS_VARIANTS = Path(__file__).with_name("pip_suite_as_variants.py")
ABOUT_WHEELS = """
    build_constraints build_env cache check download fast_deps freeze hash index index_* inspect install
    install_* invalid_* list lock new_resolver* pip_runner_script python_option show uninstall*
    uploaded_prior_to wheel
"""

LIST = (
    "`pip list --format=json` has the key `variant` for a variant; the test compares whole entries"
)
LOCK = "a lock lists every wheel of a release with variants, here also the one with the lower build tag"
EXPLAINED = {  # what differs with --as-variants and has to, all parameters of a test together
    "test_list.py::test_uptodate_respects_binary_options": LIST,
    "test_list.py::test_user_flag": LIST,
    "test_lock.py::test_lock_local_editable_with_dep": LOCK,
    "test_lock.py::test_lock_wheel_from_findlinks": LOCK,
    "test_python_option.py::test_python_interpreter": LIST,
}


def main() -> int:
    arguments = [one for one in sys.argv[1:] if one != "--as-variants"]
    if not arguments:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="pip-suite-") as folder:
        as_variants = "--as-variants" in sys.argv
        return compare(Path(arguments[0]), arguments[1:], Path(folder).resolve(), as_variants)


def compare(checkout: Path, arguments: list[str], work: Path, as_variants: bool) -> int:
    clone, code, python = prepare(checkout, work)
    (clone / CHECK).write_text(IS_ACTIVE + ARE_VARIANTS if as_variants else IS_ACTIVE)
    here = subprocess.run(
        ["git", "describe", "--always", "--tags"],
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    arguments = arguments or ["-n", str(os.cpu_count() or 1)]
    if as_variants and not any((clone / one.partition("::")[0]).is_file() for one in arguments):
        functional = clone / "tests/functional"
        files = [file for one in ABOUT_WHEELS.split() for file in functional.glob(f"test_{one}.py")]
        arguments = [
            *arguments,
            "-m",
            "not network",
            *sorted({str(file.relative_to(clone)) for file in files}),
        ]
    if any((clone / argument.partition("::")[0]).exists() for argument in arguments):
        arguments = [*arguments, CHECK]
    plain = shutil.copytree(clone, work / "plain", symlinks=True)
    plugin = []
    if as_variants:
        (site,) = python.parent.parent.glob("lib/*/site-packages")
        shutil.copy(AS_VARIANTS, site)
        subprocess.run([python, AS_VARIANTS, clone], check=True)
        plugin = ["-p", AS_VARIANTS.stem]
    with_ = run(python, clone, code, [*plugin, *arguments])
    checks = [test for test in with_ if test.startswith(CHECK)]
    assert checks
    failed = [test for test, outcome in with_.items() if outcome != "passed"]
    without = run(python, plain, None, ["-p", "no:xdist", *failed, *checks])
    for test in checks:
        assert (without.pop(test), with_.pop(test)) == ("failed", "passed"), test
    new = [test for test in failed if without[test] == "passed"]
    for _ in range(2):  # some tests of pip fail now and then
        if new:
            again = run(python, clone, code, [*plugin, "-p", "no:xdist", *new])
            new = [test for test in new if again.get(test) != "passed"]
    print(f"\npip {here}, Python {sys.version.split()[0]}, pytest {' '.join(arguments)}")
    how = "as variants" if as_variants else "with"
    for name, found in {how: with_, "of the failed ones, without": without}.items():
        counts = ", ".join(
            f"{number} {what}" for what, number in sorted(Counter(found.values()).items())
        )
        print(f"{name} pip-variants: {counts}")
    names = {test: test.removeprefix("tests/functional/").partition("[")[0] for test in new}
    reasons = {test: EXPLAINED.get(names[test]) for test in new if as_variants}
    both = sorted(test for test in failed if without[test] != "passed")
    print(f"{len(both)} fail in both:", *both, sep="\n  ")
    print(f"{len(new)} passed without pip-variants and not {how}")
    for test in new:
        print(f"  {test}" + (f"\n    explained: {reasons[test]}" if reasons.get(test) else ""))
    return 0 if with_ and all(reasons.get(test) for test in new) else 1


def prepare(checkout: Path, work: Path) -> tuple[Path, Path, Path]:
    """A clone of pip, a folder with our code, and the interpreter of pip's test environment."""
    clone, code = work / "pip", work / "code"
    subprocess.run(["git", "clone", "-q", checkout.resolve(), clone], check=True)
    subprocess.run([sys.executable, "-m", "venv", work / "tools"], check=True)
    tools: list[str | Path] = [
        work / "tools/bin/python",
        "-m",
        "pip",
        "--disable-pip-version-check",
    ]
    subprocess.run([*tools, "install", "-q", "--upgrade", "pip"], check=True)
    subprocess.run([*tools, "install", "-q", "--target", code, ROOT], check=True)
    # As pip's noxfile does.
    venv.create(work / "venv", symlinks=True)
    python = work / "venv/bin/python"
    tools += ["--python", python]
    wheels = clone / "tests/data/common_wheels"
    commands: list[list[str | Path]] = [
        ["wheel", "-q", "-w", wheels, "--group", "test-common-wheels"],
        ["install", "-q", "--group", "test", clone],
    ]
    for command in commands:
        subprocess.run([*tools, *command], cwd=clone, check=True)
    # Our code only: pip's tests look at which packages are installed.
    for folder in (*code.glob("*.dist-info"), *code.glob("pip"), *code.glob("bin")):
        shutil.rmtree(folder)
    (site,) = (work / "venv").glob("lib/*/site-packages")
    shutil.copy(__file__, site / "pip_suite.py")
    return clone, code, python


def run(python: Path, clone: Path, code: Path | None, arguments: list[str]) -> dict[str, str]:
    """The outcome of every test, with our code where `code` is given."""
    (site,) = python.parent.parent.glob("lib/*/site-packages")
    (site / PTH).unlink(missing_ok=True)
    if code:
        activate(site, code)
    outcomes = clone.parent / "outcomes.json"
    outcomes.unlink(missing_ok=True)
    environ = {
        name: os.environ[name] for name in os.environ if not name.startswith("PIP_")
    }  # settings
    environ |= {"LC_CTYPE": "en_US.UTF-8", OUTCOMES: str(outcomes), CODE: str(code or "")}
    command: list[str | Path] = [
        python,
        "-m",
        "pytest",
        "-p",
        "pip_suite",
        "-q",
        "--color=no",
        "--tb=no",
        "-r",
        "",
        *arguments,
    ]
    subprocess.run(command, cwd=clone, env=environ)
    return json.loads(outcomes.read_text())


def activate(site: Path, code: Path) -> None:
    """What installing pip-variants into this folder would do, but for its entry in `pip list`."""
    (site / PTH).write_text(f"{code}\n{(code / 'pip_variants.pth').read_text()}")


# The pytest plugin. Every test environment of pip is a copy of one that is made without template.

_outcomes: dict[str, str] = {}


def pytest_collection_finish(session) -> None:
    from tests.lib.venv import VirtualEnvironment

    original = VirtualEnvironment._create
    code = os.environ[CODE]

    def create(self, *args, **kw) -> None:
        original(self, *args, **kw)
        if code and not self._template:
            activate(self.site, Path(code))

    VirtualEnvironment._create = create


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish(session) -> None:
    if not hasattr(session.config, "workerinput"):
        Path(os.environ[OUTCOMES]).write_text(json.dumps(_outcomes))


if __name__ == "__main__":
    sys.exit(main())
