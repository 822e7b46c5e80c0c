"""`[variant]`: every key of the reference page makes the wheels that it shows."""

import json
import re
from pathlib import Path

import pytest
from support.environments import ROOT
from support.projects import project_in
from support.wheels import plain_wheel

from pip_variants.cli import main
from pip_variants.errors import InvalidVariantMetadata
from pip_variants.publish.project import Project
from pip_variants.publish.wheel import read_metadata

PAGE = (ROOT / "docs/variant-table.md").read_text()
HEADINGS = re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)
# heading -> the file, and the JSON of its first wheel where one is shown
EXAMPLES = {
    section.partition("\n")[0]: re.findall(r"```(toml|json)\n(.*?)```", section, re.DOTALL)
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]
    if "```toml" in section
}
KEYS = """default-priorities namespace variants providers requires plugin-api build-requires
static-properties feature-order optional builtin $schema add-dependencies drop-dependencies env
config-settings build-dependencies"""


def made(folder: Path, table: str, *labels: str) -> list[Path]:
    """The wheels that `make` makes of a table."""
    pyproject = folder / "pyproject.toml"
    folder.mkdir(exist_ok=True)
    pyproject.write_text(table)
    wheel = plain_wheel(folder, metadata=["Requires-Dist: openblas"])
    for label in labels or Project.read(pyproject).metadata.variants:
        assert main(["make", str(wheel), "--project", str(pyproject), "--label", label]) == 0
    return sorted(folder.glob("*-none-any-*.whl"))


def test_every_key_is_explained() -> None:
    assert [key for key in KEYS.split() if f"`{key}" not in PAGE and f".{key}`" not in PAGE] == []


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_makes_what_the_page_shows(tmp_path: Path, heading: str, capsys) -> None:
    (_, table), *shown = EXAMPLES[heading]
    wheels = made(tmp_path / "built", table)
    assert len(wheels) == len(re.findall(r"^\[variant\.variants\.", table, re.MULTILINE))
    if shown:
        ((kind, text),) = shown
        (first,) = json.loads(text)["variants"]
        (wheel,) = [one for one in wheels if one.name.endswith(f"-{first}.whl")]
        assert (kind, json.loads(text)) == ("json", json.loads(read_metadata(wheel).serialise()))
    assert "the properties of x86_64" not in capsys.readouterr().err
    for label in ("null",):
        made(tmp_path / "null", table, label)


# Keys of what was published in 2025, with other names.

OF_2025 = {
    "a condition": (
        "[variant.providers.acme]\nrequires = ['acme-variants']\nenable-if = \"os_name == 'posix'\"",
        "variant.providers.acme.enable-if",
    ),
    "an order among the priorities": (
        "[variant.default-priorities]\nnamespace = ['acme']\nproperty.acme.engine = ['mk2', 'mk1']",
        "variant.default-priorities.property",
    ),
    "static properties at the top": (
        "[variant.static-properties.acme]\nengine = ['mk2']",
        "variant.static-properties",
    ),
    "what is not asked": (
        "[variant.providers.acme]\nrequires = ['acme-variants']\nplugin-use = 'build'",
        "variant.providers.acme.plugin-use",
    ),
    "what is not asked, in the last one": (
        "[variant.providers.acme]\nrequires = ['acme-variants']\ninstall-time = false",
        "variant.providers.acme.install-time",
    ),
}
NAMED = "\n[variant.providers.acme]\nrequires = ['acme-variants']"
VARIANTS = '\n[variant.variants.a]\nacme.engine = ["mk2"]\n'


@pytest.mark.parametrize(("old", "key"), OF_2025.values(), ids=OF_2025)
def test_a_key_of_an_older_draft_is_refused_with_what_stands_for_it_today(
    tmp_path: Path, old: str, key: str
) -> None:
    """So does the page that the message names."""
    table = old if "providers.acme" in old else old + NAMED
    (tmp_path / "pyproject.toml").write_text(table + VARIANTS)
    with pytest.raises(InvalidVariantMetadata) as raised:
        Project.read(tmp_path)
    what = rf": {re.escape(key)} is not known any more \(.+\), see docs/variant-table.md"
    assert re.search(what, str(raised.value))
    (section,) = re.findall("## Keys of older drafts.*", PAGE, re.DOTALL)
    assert key.rpartition(".")[2] in section


def test_dependencies_of_all_wheels(tmp_path: Path) -> None:
    """Their markers stay in variants, and are decided for the wheel that is none."""
    folder = project_in(
        tmp_path / "project",
        """
[variant.variants.v3]
x86_64.level = ["v3"]
[tool.pip-variants]
add-dependencies = ["fast; variant_label == 'v3'"]
drop-dependencies = ["gone"]
[tool.pip-variants.variants.v3]
add-dependencies = ["only-v3"]
""",
    )
    assert main(["build", str(folder)]) == 0
    found = {}
    for wheel in (folder / "dist").glob("*.whl"):
        (info,) = plain_wheel_metadata(wheel)
        found[wheel.stem.partition("any")[2]] = re.findall(
            r"^Requires-Dist: (.*)$", info, re.MULTILINE
        )
    assert "fast; variant_label == 'v3'" in found["-null"]
    assert found["-v3"][-2:] == ["fast; variant_label == 'v3'", "only-v3"]
    assert not [one for wheel in found.values() for one in wheel if one.startswith("gone")]
    assert not [one for one in found[""] if "variant_label" in one or one.startswith("only")]


def plain_wheel_metadata(wheel: Path) -> list[str]:
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        return [
            archive.read(one).decode() for one in archive.namelist() if one.endswith("/METADATA")
        ]
