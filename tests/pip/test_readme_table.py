"""README, "When something is wrong": its table is true line by line.

Each test has the line's second column as its docstring, so that neither changes without the other.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import byhand, faults
from support.byhand import X86_64, document, level
from support.environments import FORCED, ROOT, Environment, Result
from support.server import Index, Reply

JSON = "demo-1.0-variants.json"
V3 = "demo-1.0-py3-none-any-v3.whl"
ACME = {"acme": {"requires": ["acme-plugin>=1"]}}
ENGINE = {"mk1": {"acme": {"engine": ["mk1"]}}}

Line = Callable[["Case"], None]
LINES: dict[str, Line] = {}


def rows() -> dict[str, str]:
    """The table of README."""
    section = (ROOT / "README.md").read_text().partition("## When something is wrong\n")[2]
    found = re.findall(r"^\| (.+?) \| (.+) \|$", section.partition("\n## ")[0], re.M)
    assert found[0] == ("what", "what happens")
    return dict(found[1:])


def line(what: str) -> Callable[[Line], Line]:
    def note(test: Line) -> Line:
        assert what not in LINES
        LINES[what] = test
        return test

    return note


@dataclass
class Case:
    env: Environment
    index: Index
    tmp: Path

    @property
    def folder(self) -> Path:
        return self.index.root / "demo"

    def release(self, whole: dict, **options: Any) -> None:
        byhand.release(self.folder, whole, **options)

    def install(self, *options: str, code: int = 0, env: dict[str, str] = FORCED) -> Result:
        self.env.reset()
        arguments = ("--index-url", self.index.url, "--retries", "1", *options)
        result = self.env.pip("install", *arguments, "demo", env=env, code=code)
        assert "Traceback" not in result.err, result.all
        return result

    def takes(self, label: str | None, version: str = "1.0") -> None:
        assert self.env.installed() == (version, label)


@pytest.mark.parametrize("what", rows())
def test_line(env: Environment, index: Index, tmp_path: Path, what: str) -> None:
    test = LINES[what]  # each has one
    assert test.__doc__ == rows()[what]
    test(Case(env, index, tmp_path))


def test_every_test_has_a_line() -> None:
    assert list(LINES) == list(rows())


@line("pip-variants does not know this pip")
def _(case: Case) -> None:
    """one warning line; pip works as without pip-variants"""
    case.release(document({**level("v3"), "null": {}}, X86_64))
    file = case.env.site / "pip/_internal/index/package_finder.py"
    original = file.read_text()
    try:
        file.write_text(original.replace("sort_best_candidate", "sort_the_best_one"))
        result = case.install()
    finally:
        file.write_text(original)
    case.takes(None)
    (warning,) = result.err.splitlines()
    assert warning.lstrip().startswith(
        "WARNING: Wheel variants are ignored: pip-variants does not know this pip"
    )
    assert case.index.files(".json") == []


@line("no variant fits this machine")
def _(case: Case) -> None:
    """the plain wheel, else the source distribution, else an older version, with a line that says what each variant needs"""
    case.release(document(level("v4", "v5"), X86_64))
    byhand.sdist(case.folder)
    byhand.wheel(case.folder, version="0.9")
    needs = "no variant fits this machine; v4 needs x86_64 :: level :: v4, v5 needs x86_64 :: level :: v5 (supported: v3, v2, v1)"
    result = case.install()
    case.takes(None)
    assert f"Using the wheel without variant: {needs}" in result.out
    (case.folder / "demo-1.0-py3-none-any.whl").unlink()
    result = case.install()
    case.takes(None)
    assert f"Using the source distribution: {needs}" in result.out
    (case.folder / "demo-1.0.tar.gz").unlink()
    result = case.install()
    case.takes(None, "0.9")
    assert f"Skipping demo 1.0: {needs}" in result.out
    assert result.err == ""


@line("the provider package of a variant is not installed")
def _(case: Case) -> None:
    """that variant does not fit; pip says which command installs the provider"""
    case.release(document(ENGINE, ACME))
    result = case.install()
    case.takes(None)
    assert "its provider is not installed: pip install 'acme-plugin>=1'" in result.out


@line("a provider fails, or does not answer within 10 seconds")
def _(case: Case) -> None:
    """the install that needs it stops and names it; `--variant-disable` or `--no-variants` goes on without"""
    case.release(document(ENGINE, ACME))
    byhand.release(case.index.root / "other", document(level("v3"), X86_64), name="other")
    for ending in ("raise RuntimeError('no such engine')", "import time; time.sleep(600)"):
        result = run(case, ending, code=1)
        assert case.env.installed() is None
        assert "Could not tell which variant of demo 1.0 fits: " in result.err
        assert "acme" in result.err
        assert "Use --variant-disable acme or --no-variants to go on." in result.err
    run(case, ending, "--variant-disable", "acme")
    case.takes(None)
    run(case, ending, "--no-variants")
    case.takes(None)
    run(case, ending, name="other")  # who does not need it goes on
    assert case.env.installed("other") == ("1.0", "v3")


def run(case: Case, ending: str, *options: str, code: int = 0, name: str = "demo") -> Result:
    case.env.reset()
    write_plugin(case, ending)
    arguments = ("--index-url", case.index.url, *options, name)
    return case.env.pip("install", *arguments, env=FORCED, code=code)


def write_plugin(case: Case, ending: str) -> None:
    """An installed provider of our own that ends so when it is asked."""
    (case.env.site / "acme_plugin.py").write_text(
        "from pip_variants.hooks import Provider, Published, hookimpl\n"
        f"def detect():\n    {ending}\n"
        "@hookimpl\n"
        "def pip_variants_providers():\n"
        "    published = Published('acme-plugin', '1.0', 'acme_plugin')\n"
        "    return [Provider('acme', detect, [published])]\n"
    )
    info = case.env.site / "acme_plugin-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pip_variants]\nacme = acme_plugin\n")


@line("a GPU is here and its driver cannot be used")
def _(case: Case) -> None:
    """nothing is built on it, and a warning says why"""
    nvidia = {
        "requires": ["nvidia-variant-provider>=0.0.1,<1"],
        "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
    }
    case.release(document({"gpu": {"nvidia": {"sm_arch": ["90_real"]}}}, {"nvidia": nvidia}))
    kernel = case.tmp / "version"
    kernel.write_text("NVRM version: of a driver whose libraries are not here\n")
    file = case.env.site / "pip_variants/providers/nvidia.py"
    original = file.read_text()
    here = re.sub(
        r"^_KERNEL_DRIVER = .*$", f"_KERNEL_DRIVER = {str(kernel)!r}", original, flags=re.M
    )
    try:
        file.write_text(here.replace("in _DEADLINES.items()", "in ()"))
        assert here != original
        result = case.install()
    finally:
        file.write_text(original)
    case.takes(None)
    assert "WARNING: " in result.err
    assert "an NVIDIA GPU is here" in result.err
    assert "but no CUDA program can use it" in result.err


@line("the metadata file is broken, or the index refuses it (HTTP 403)")
def _(case: Case) -> None:
    """the variants of that version are ignored, with a warning; its plain wheel is used, else the null variant, the source distribution, an older version"""
    case.release(document({**level("v3"), "null": {}}, X86_64))
    byhand.sdist(case.folder)
    byhand.wheel(case.folder, version="0.9")
    broken, refused = Reply(b"{"), Reply(b"no", 403)
    case.index.hashes = False
    fallbacks = {
        "demo-1.0-py3-none-any.whl": ("1.0", None, "plain"),
        "demo-1.0-py3-none-any-null.whl": ("1.0", "null", "null"),
        "demo-1.0.tar.gz": ("1.0", None, "sdist"),
        "demo-0.9-py3-none-any.whl": ("0.9", None, "plain"),
    }
    for file, (version, label, build) in fallbacks.items():
        for reply in (broken, refused) if build == "plain" else (broken,):
            case.index.replies[JSON] = reply
            result = case.install()
            case.takes(label, version)
            assert f"BUILD = {build!r}" in (case.env.site / "demo.py").read_text()
            assert "WARNING: Ignoring the wheel variants of demo 1.0: " in result.err
            assert len(result.err.splitlines()) == 1
        (case.folder / file).unlink()


@line(
    "the index fails while sending it (HTTP 500 and above), the connection breaks, or its hash is wrong"
)
def _(case: Case) -> None:
    """the install stops: no silent change to another build"""
    case.release(document({**level("v3"), "null": {}}, X86_64))
    for fault in (faults.broken, faults.reset, faults.truncated):
        case.index.faults["GET", JSON] = fault
        result = case.install(code=1)
        assert case.env.installed() is None
        assert JSON in result.err
    case.index.faults.clear()
    case.index.attributes[JSON] = {"hashes": {"sha256": "0" * 64}}
    result = case.install(code=1)
    assert case.env.installed() is None
    assert "does not have the hash that its index gives" in result.err


@line("the index lists a variant that the metadata file does not")
def _(case: Case) -> None:
    """it is ignored, with a warning"""
    case.release(document(level("v2"), X86_64))
    byhand.wheel(case.folder, "v3", document(level("v3"), X86_64))
    result = case.install()
    case.takes("v2")
    text = "Ignoring variants of demo 1.0 that its variant metadata does not list: v3"
    assert result.err == f"WARNING: {text}\n"


@line("a wheel is not what the index says")
def _(case: Case) -> None:
    """it is not installed; pip says how it differs and takes the next best, `--dry-run` and locks included"""
    whole = document({**level("v2", "v3"), "null": {}}, X86_64)
    case.release(whole)
    byhand.wheel(case.folder, "v3", document({"v3": level("v4")["v4"]}, X86_64))
    for case.index.metadata in (False, True):
        result = case.install()
        case.takes("v2")
        how = "x86_64 :: level :: v4 instead of x86_64 :: level :: v3"
        assert f"{V3} is not what its index says: {how}" in result.all
        assert byhand.taken(result) == "v2"
        assert byhand.taken(case.install("--dry-run")) == "v2"
    lock = byhand.lock(case.tmp / "pylock.toml", case.folder, whole)
    result = case.env.pip("install", "-r", lock, env=FORCED)
    case.takes("v2")
    assert f"{V3} is not what its index says: {how}" in result.all


@line("many versions have no file for this machine")
def _(case: Case) -> None:
    """one line with their number; each with its reason at `-v`"""
    for number in range(12):
        case.release(document(level("v4"), X86_64), version=f"2.{number}", plain=False)
    byhand.wheel(case.folder)
    needs = "no variant fits this machine; v4 needs x86_64 :: level :: v4 (supported: v3, v2, v1)"
    result = case.install()
    case.takes(None)
    (told,) = re.findall("^ *Skipping .*", result.out, re.M)
    assert "Skipping 12 versions of demo (2.11 to 2.0, each with its reason at -v): " in told
    result = case.install("-v")
    for number in range(12):
        assert f"Skipping demo 2.{number}: {needs}" in result.out


@line("a variant wheel given by its path does not fit")
def _(case: Case) -> None:
    """the install stops and says what the wheel needs"""
    wheel = byhand.wheel(case.tmp, "v4", document(level("v4"), X86_64))
    result = case.env.pip("install", "--no-index", wheel, env=FORCED, code=1)
    assert case.env.installed() is None
    needs = "it needs x86_64 :: level :: v4 (supported: v3, v2, v1)"
    assert f"{wheel.name} is not a supported wheel on this machine: {needs}." in result.err
