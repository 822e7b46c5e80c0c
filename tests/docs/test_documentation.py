"""The pages: their links lead somewhere, and every block on them is run or read.

Tests that follow a page run its commands. Of the others the words are tried: each option exists.
"""

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.environments import ROOT, Environment
from support.toml import tomllib

from pip_variants.cli import main
from pip_variants.detection.targets import loads
from pip_variants.model.index_set import IndexSet
from pip_variants.model.metadata import VariantMetadata
from pip_variants.publish.project import Project

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "benchmarks/*.md",
        "tests/fuzz/*.md",
    )
    for path in ROOT.glob(pattern)
)
RUN = {
    "docs/commands.md": "tests/docs/test_commands_page.py",
    "docs/environments.md": "tests/docs/test_environments.py",
    "docs/targets.md": "tests/pip/test_stories.py",
    "docs/write-a-provider.md": "tests/docs/test_vendor_example.py",
    "examples/README.md": "tests/docs/test_quickstart.py",
    "examples/c-extension/README.md": "tests/docs/test_examples.py",
    "examples/index-set/README.md": "tests/docs/test_examples.py",
    "examples/mpi/README.md": "tests/docs/test_examples.py",
    "examples/other-tool/README.md": "tests/docs/test_examples.py",
    "examples/vendor-provider/README.md": "tests/docs/test_vendor_example.py",
}
"""Pages whose commands are run as they stand, and the test that does it."""

OTHERS = {"python", "rsync", "ruff"}
"""Commands that are not ours and not run here: scripts, lint, and what a server needs."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> Iterator[tuple[int, str]]:
    """The blocks in these languages, by the line that they start in."""
    text = text_of(page)
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        if match[1] in languages:
            yield text.count("\n", 0, match.start()) + 1, match[2]


def every(*languages: str) -> list[object]:
    return [
        pytest.param(page, block, id=f"{page}:{line}")
        for page in PAGES
        for line, block in blocks(page, *languages)
    ]


# Links


def anchors(page: str) -> set[str]:
    """What a heading can be linked by, as GitHub makes it."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text_of(page), flags=re.M | re.S), re.M
    )
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text_of(page), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(ROOT))), link


@pytest.mark.long
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """With every page in the table of contents, and every link and picture found."""
    pytest.importorskip("furo", reason="the site needs the extra `docs`")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-q",
        "-c",
        "docs",
        ".",
        tmp_path / "site",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "site" / "searchindex.js").is_file()
    front = (tmp_path / "site" / "index.html").read_text()
    (place,) = re.findall(r"url=([\w/.]+)", front)
    assert (tmp_path / "site" / place).is_file()


# TOML, JSON and Python


def project_of(page: str, block: str) -> str:
    """The pyproject.toml that a block is a part of: the first one on the page has its variants."""
    if "[variant.variants" in block:
        return block
    first = next(one for _, one in blocks(page, "toml") if "[variant.variants" in one)
    namespaces = ["x86_64", *tomllib.loads(block).get("variant", {}).get("providers", {})]
    return first.replace('["x86_64"]', str(namespaces)) + block


@pytest.mark.parametrize(("page", "block"), every("toml"))
def test_toml_is_what_our_readers_take(page: str, block: str, tmp_path: Path) -> None:
    document = tomllib.loads(block)
    if "machine" in document:
        assert loads(block, page).machines
    elif "builds" in document:
        assert IndexSet.parse(document, page).builds
    elif "hatch" in document.get("tool", {}):
        assert page in RUN
    elif document.keys() & {"variant", "tool"}:
        file = tmp_path / "pyproject.toml"
        file.write_text(project_of(page, block))
        assert Project.read(file).metadata.variants
    else:  # an entry point, which names a module of the page
        (groups,) = document["project"].values()
        assert groups.keys() <= {"pip_variants", "variant_plugins"}


@pytest.mark.parametrize(("page", "block"), every("json"))
def test_json_is_what_our_readers_take(page: str, block: str) -> None:
    document = json.loads(block)
    if "$schema" in document:
        assert VariantMetadata.from_json(document, page).to_json() == document
    else:
        assert document["version"] == "1"  # what a command prints


def test_the_provider_in_the_readme() -> None:
    ((_, block),) = blocks("README.md", "python")
    names: dict[str, object] = {"find_engine": lambda: True}
    exec(block, names)
    (provider,) = names["pip_variants_providers"]()  # type: ignore[operator]
    assert provider.namespace == "acme"
    assert [tuple(one.values) for one in provider.detect()] == [("mk2", "mk1")]


def test_the_code_on_the_page_of_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ((_, block),) = blocks("docs/library.md", "python")
    metadata = VariantMetadata.parse(next(blocks("docs/variant-table.md", "json"))[1], "page")
    (tmp_path / "demo-1.0-variants.json").write_bytes(metadata.serialise())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v2,v1")
    exec(block, {})
    said = capsys.readouterr().out
    assert said == "[]\n['v3 needs x86_64 :: level :: v3 (supported: v2, v1)']\n"


# Commands


def commands(block: str) -> Iterator[list[str]]:
    """The words of each command, without variables that are set for it."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and (re.match(r"\w+=", words[0]) or words[0] == "export"):
            del words[0]
        if words:
            yield words


def tried() -> Iterator[tuple[str, list[str]]]:
    """The program and the words of each command that no test runs."""
    for page in PAGES:
        for _, block in blocks(page, "sh") if page not in RUN else ():
            for path, *words in commands(block):
                yield re.sub(r"^python[0-9.]*$", "python", path.rpartition("/")[2]), words


def test_commands_are_known_ones() -> None:
    assert {program for program, _ in tried()} == {"pip", "pip-variants"} | OTHERS


@pytest.mark.parametrize(
    "words", [words for program, words in tried() if program == "pip-variants"], ids=" ".join
)
def test_our_command_takes_these_options(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    command = importlib.import_module(f"pip_variants.cli.{words[0]}")
    monkeypatch.setattr(command, "run", lambda options: 0)
    assert main(words) == 0


def test_pip_takes_these_options(env: Environment) -> None:
    used: dict[str, set[str]] = {}
    for program, (command, *words) in tried():
        if program == "pip":
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            used.setdefault(command, set()).update(options)
    for command, options in used.items():
        known = env.pip(command, "--help").out
        assert {one for one in options if not re.search(rf"{one}\b", known)} == set(), command


def test_the_tests_that_run_a_page_exist() -> None:
    for page, test in RUN.items():
        assert page in PAGES
        assert not list(blocks(page, "sh")) or (ROOT / test).is_file(), test
