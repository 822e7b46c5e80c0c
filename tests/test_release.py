"""What stands between a checkout and a release, and the workflows."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.environments import ROOT, built

NAMES = ("pyproject.toml", "SECURITY.md", "CHANGELOG.md", "src/pip_variants/__init__.py")
VERSION = re.findall('__version__ = "(.*)"', (ROOT / NAMES[-1]).read_text())[0]


def check(folder: Path, tag: str) -> tuple[int, list[str]]:
    command: list[str | Path] = [sys.executable, ROOT / ".github" / "release_check.py", tag, folder]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A checkout in which everything is filled in."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / name).read_text().replace("pip-variants.invalid", "example.org")
        (tmp_path / name).write_text(
            text.replace(f"{VERSION} (unreleased)", f"{VERSION} (2026-12-01)")
        )
    return tmp_path


def test_a_checkout_that_is_ready(ready: Path) -> None:
    assert check(ready, f"v{VERSION}") == (0, ["ready to be released"])


def test_another_tag_than_the_version_is_refused(ready: Path) -> None:
    assert check(ready, "v9") == (1, [f"the tag is v9, the version {VERSION}"])


def test_a_changelog_without_a_date_is_refused(ready: Path) -> None:
    (ready / "CHANGELOG.md").write_text(f"# Changelog\n\n## {VERSION} (unreleased)\n")
    assert check(ready, f"v{VERSION}") == (
        1,
        [f"CHANGELOG.md has no section '## {VERSION} (YYYY-MM-DD)'"],
    )


def test_placeholders_are_refused(ready: Path) -> None:
    (ready / "SECURITY.md").write_text("Tell it to security@pip-variants.invalid, please.\n")
    assert check(ready, f"v{VERSION}") == (
        1,
        ["SECURITY.md has the placeholder security@pip-variants.invalid"],
    )


@pytest.fixture(scope="module")
def released(our_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels of a release, built as the workflow does."""
    folder = tmp_path_factory.mktemp("released")
    shutil.copy(our_wheel, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_VARIANTS_WHEEL_FOR", "3.15")
        shutil.copy(built(ROOT, tmp_path_factory.mktemp("second")), folder)
    return folder


@pytest.mark.parametrize(
    ("python", "tag"), [("3.10", "py3"), ("3.15", "py315.py316.py317"), ("3.18", "py3")]
)
def test_each_python_takes_its_wheel(env, released: Path, tmp_path, python: str, tag: str) -> None:
    options = ("--no-index", "--find-links", released, "--no-deps", "--only-binary", ":all:")
    env.pip("download", *options, "--python-version", python, "pip-variants", cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"pip_variants-{VERSION}-{tag}-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    assert "pip_variants.pth" in files
    assert ("pip_variants.start" in files) is (tag == "py3")


def test_the_workflows_use_the_oldest_and_the_newest_python() -> None:
    pythons = re.findall(r"Python (3\.\d+) to (3\.\d+)", (ROOT / "README.md").read_text())[0]
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert f'python: ["{pythons[0]}", "{pythons[1]}"]' in workflow
    assert f'requires-python = ">={pythons[0]}"' in (ROOT / "pyproject.toml").read_text()


STEPS = {
    'python .github/release_check.py "$GITHUB_REF_NAME"': "test_a_checkout_that_is_ready",
    "python -m build --wheel": "test_each_python_takes_its_wheel",
    "python -m sphinx -W -c docs . site": "test_the_site_is_built_without_a_warning",
    "python tests/run.py": "by hand, always",
    'python -m pip install -e ".[docs]"': "by hand, with tests/run.py --all",
    "python -m pip install build twine": "by hand, 2026-11-28",
    "python -m build": "by hand, 2026-11-28",
    "python -m twine check --strict dist/*": "by hand, 2026-11-28",
    "git clone --depth 1 https://github.com/pypa/pip ../pip": "by hand, from a copy",
    "python tests/run.py --pip-checkout=../pip tests/pip/test_seams.py tests/pip/test_matrix.py": (
        "by hand, 2026-11-28"
    ),
}
"""The steps of the workflows, and by what they are run outside of these, too."""


def test_each_step_of_a_workflow_is_run_elsewhere_too() -> None:
    workflows = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    steps = {step for text in workflows for step in re.findall("- run: (.*)", text)}
    assert steps == set(STEPS)
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("**/test_*.py"))
    by_tests = [one for one in STEPS.values() if not one.startswith("by hand")]
    assert all(f"def {one}(" in tests for one in by_tests)
