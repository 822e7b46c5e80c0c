"""Where something is missing, refused, full, odd or in the way, pip is never worse off.

docs/surroundings.md lists the surroundings and what pip does there.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.environments import ROOT, Environment, clean
from support.server import Index
from support.surroundings import (
    PIPS,
    PLAIN,
    STOPS,
    SURROUNDINGS,
    VARIANT,
    Start,
    Surroundings,
    page,
)
from support.wheels import levels, plain_wheel, release

PAGE = ROOT / "docs" / "surroundings.md"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Nothing is forced: every x86-64 processor has level v1 and none has v9."""
    root = tmp_path_factory.mktemp("index")
    release(
        root / "demo",
        "1.0",
        {**levels("v1", "v9"), None: ()},
        files={"data_of_demo.txt": "." * 50_000},
    )
    plain_wheel(root / "ordi", "ordi", files={"data_of_ordi.txt": "." * 50_000})
    with Index(root) as running:
        yield running


Seen = tuple[int, str, str, dict[str, bytes]]
"""Exit status, standard output and error, and the files that were installed."""


def install(
    surroundings: Surroundings, environment: Environment, folder: Path, url: str, package: str
) -> Seen:
    folder.mkdir()
    start = Start(environment, folder, environment.folder, environment.site, clean())
    surroundings.change(start)
    result = start.install(url, package)
    files = {}
    for top in start.site.glob(f"*{package}*"):
        for path in [top, *top.rglob("*")]:
            if path.is_file():
                name = str(path.relative_to(start.site))
                files[name] = path.read_bytes()
    environment.reset()

    def alike(text: str) -> str:
        for place in (start.folder, start.environment.folder):
            text = text.replace(str(place), "PLACE")
        text = re.sub(r"pip-([a-z-]+)-\w{8}|\(\d.*? k?B\)|(?<=-any)-v1", r"\1", text)
        # What tracebacks end with is the same, but for the file for which there is no room.
        text = re.sub(r"Traceback.*\n(?=\w*Error: )", "", text, flags=re.DOTALL)
        text = re.sub(r"(No space left on device).*", r"\1", text)
        return re.sub(r"^  Using the variant.*\n", "", text, flags=re.MULTILINE)

    return result.code, alike(result.out), alike(result.err), files


def renamed(seen: Seen) -> Seen:
    """What is seen of ordi, as it would be of demo."""
    code, out, err, files = seen
    return code, out.replace("ordi", "demo"), err.replace("ordi", "demo"), files


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings(
    name: str,
    make_environment: Callable[..., Environment],
    served: Index,
    tmp_path: Path,
    record_property,
) -> None:
    surroundings = SURROUNDINGS[name]
    stock, ours = make_environment(ours=False), make_environment()
    expected = install(surroundings, stock, tmp_path / "stock", served.url, "ordi")
    seen = install(surroundings, ours, tmp_path / "ours", served.url, "ordi")
    code, out, err, files = install(surroundings, ours, tmp_path / "demo", served.url, "demo")
    stock_code, stock_out, stock_err, _ = renamed(expected)
    said = [line for line in err.splitlines() if line not in stock_err.splitlines()]

    if surroundings.outcome == PLAIN:  # said of every package
        assert [line for line in seen[2].splitlines() if surroundings.says not in line] == expected[
            2
        ].splitlines()
        seen = (*seen[:2], expected[2], seen[3])
    assert seen == expected
    assert "data_of_demo.txt" not in files or "demo-1.0.dist-info/RECORD" in files
    label = "v1" if b'"v1"' in files.get("demo-1.0.dist-info/variant.json", b"") else None
    if surroundings.outcome == STOPS:
        assert (stock_code, code, files) == (0, 1, {})
        assert len(said) == 1 and said[0].startswith(
            "ERROR: Could not tell which variant of demo 1.0 fits:"
        ), err
        assert surroundings.says in said[0]
    elif surroundings.outcome == PIPS:
        assert (code, out, err, files) == (stock_code, stock_out, stock_err, {})
        assert code != 0
    else:
        assert (code, out) == (stock_code, stock_out)
        assert label == ("v1" if surroundings.outcome == VARIANT else None)
        assert "data_of_demo.txt" in files
        assert len(said) == (surroundings.outcome == PLAIN), err
        assert all(surroundings.says in line for line in said)
    record_property(
        "environment", row(name, "installed" if expected[3] else "fails like stock pip")
    )


def row(name: str, plain: str) -> str:
    surroundings = SURROUNDINGS[name]
    return f"| {name} | {surroundings.change.__doc__} | {plain} | {surroundings.outcome} |"


def test_the_page_has_a_row_for_each() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert PAGE.read_text() == page(rows)
    for line, name in zip(rows, SURROUNDINGS, strict=True):
        assert line in (row(name, "installed"), row(name, "fails like stock pip"))
