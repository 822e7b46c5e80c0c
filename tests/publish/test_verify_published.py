"""`pip-variants verify` on what others published, and on the examples: nothing else than is known of it."""

import json
import re
from pathlib import Path

import pytest
from support import byhand
from support.environments import ROOT
from support.toml import tomllib
from support.wheels import plain_wheel

from pip_variants.cli import main

CORPUS = ROOT.parent / "shared" / "corpus" / "published"

# What is odd about it, most of it by the README of the corpus, in our words.
KNOWN = re.compile(
    "|".join(
        [
            "has keys that are not known here and would be lost: ",  # enable-if, default-priorities.property
            "^00000000 has no properties",  # the null label of a draft
            ": static-properties knows no feature priority :: ",  # a namespace of which only another feature is listed
            "^3351fc6a is never chosen: 181830db fits",  # of a test of names
            "schema must be a URL with a version",  # of abi-dependency-example/torch
        ]
    )
)


def faults(capsys, folder: Path) -> list[dict[str, str]]:
    main(["verify", "--json", "--target", "here", str(folder)])
    return json.loads(capsys.readouterr().out)["faults"]


@pytest.mark.parametrize(
    "file",
    sorted(CORPUS.glob("*/*.json")) or [None],
    ids=lambda f: f and f"{f.parent.name}/{f.name}",
)
def test_published_metadata(tmp_path: Path, capsys, file: Path | None) -> None:
    if file is None:
        pytest.skip(f"no corpus at {CORPUS}")
    name, version = file.name.removesuffix("-variants.json").rsplit("-", 1)
    byhand.release(tmp_path, json.loads(file.read_text()), version=version, name=name)
    found = faults(capsys, tmp_path)
    assert not [one for one in found if not KNOWN.search(one["what"])]


PROJECTS = [
    one for one in (ROOT / "examples").glob("*/pyproject.toml") if "[variant." in one.read_text()
]


@pytest.mark.parametrize("example", sorted(PROJECTS), ids=lambda p: p.parent.name)
def test_examples(tmp_path: Path, capsys, monkeypatch, example: Path) -> None:
    """Wheels for the labels of an example, out of a wheel that is quickly made."""
    monkeypatch.chdir(tmp_path)
    wheel = plain_wheel(tmp_path / "dist", "demo", "1.0")
    for label in [*tomllib.loads(example.read_text())["variant"]["variants"], "null"]:
        assert main(["make", str(wheel), "--label", label, "--project", str(example)]) == 0
    assert main(["index"]) == 0
    capsys.readouterr()
    assert main(["verify"]) == 0
    assert capsys.readouterr().out.endswith("OK\n")


def test_what_a_new_user_types(tmp_path: Path, capsys, monkeypatch) -> None:
    """The README's line for vendors: a provider that nobody has here is a remark."""
    monkeypatch.chdir(tmp_path)
    wheel = plain_wheel(tmp_path / "dist")
    arguments = ["--property", "acme :: engine :: mk1", "--provider", "acme=acme-variants"]
    assert main(["make", str(wheel), "--label", "mk1", *arguments]) == 0
    assert main(["index"]) == 0
    capsys.readouterr()
    assert main(["verify"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the properties of acme were not checked: acme-variants is not installed here" in out
