"""Releases whose metadata is broken, too new, missing or contradicted by the wheels: what is taken.

demo 1.0 has a variant that fits everywhere and, as a row says, a null wheel, a plain wheel and a
source distribution; demo 0.9 is plain. A row also says what the index-level metadata is like (for a
lock its table), what the `variant.json` in the wheels is like, and which way pip gets at them.

There are some 400 rows, which `--all` tries; else as many as it takes to have each pair of
their entries.
"""

import json
from collections.abc import Collection
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from support import byhand
from support.environments import Environment
from support.server import Index, Reply

INDEX = ("fine", "broken", "major 2", "refused", "not listed", "new kind", "older draft")
INSIDE = ("fine", "broken", "absent", "major 2", "new kind", "older draft")
BESIDE = ("null plain", "null", "plain", "sdist", "nothing")
WAYS = ("index", "index with metadata", "folder", "lock")

VARIANTS = {**byhand.colour("red"), "null": {}}
USABLE = ("fine", "new kind", "older draft")


class Row(NamedTuple):
    outside: str
    inside: str
    beside: str
    way: str

    @property
    def is_possible(self) -> bool:
        index, inside = self.outside, self.inside
        if self.way in ("folder", "lock") and index == "refused":
            return False
        if (index, inside) == ("fine", "new kind"):
            return False  # the wheels say more than the index: another release
        if index in USABLE[1:] and inside != index:
            return False
        # Fine beside an older draft: the index was written again later.
        return inside not in USABLE[1:] or index in (inside, "broken", "fine", "not listed")

    @property
    def expected(self) -> str:
        """Decision 7: the variant, else plain, null, the source distribution, an older version."""
        usable = self.inside in USABLE
        # Where the index lists nothing, the wheels are read; a lock has nothing but itself.
        is_described = self.outside in USABLE or (
            self.outside == "not listed" and self.way != "lock"
        )
        if is_described and usable:
            return "red"
        order = ["plain", *["null"] * usable, "sdist"]
        return next((one for one in order if one in self.beside.split()), "nothing")


ROWS = [row for row in map(Row._make, product(INDEX, INSIDE, BESIDE, WAYS)) if row.is_possible]


def with_every_pair(rows: list[Row]) -> list[Row]:
    """A few of the rows in which each two entries meet that meet in any; always the same ones."""

    def pairs(row: Row) -> set[tuple]:
        return set(combinations(enumerate(row), 2))

    left = set().union(*map(pairs, rows))
    chosen = []
    while left:
        best = max(rows, key=lambda row: len(pairs(row) & left))
        chosen.append(best)
        left -= pairs(best)
    return chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        rows = ROWS if metafunc.config.getoption("--all") else with_every_pair(ROWS)
        metafunc.parametrize("row", rows, ids=[", ".join(row).replace(" ", "-") for row in rows])


def metadata(state: str, labels: Collection[str]) -> str:
    providers = dict(byhand.STATIC)
    schema = byhand.PEP_850
    priorities: dict[str, Any] = {"namespace": ["paint"]}
    if state == "broken":
        return "{broken"
    if state == "major 2":
        schema = byhand.UNKNOWN
    if state == "new kind":  # a newer minor; of no interest to the variant
        schema = byhand.NEWER
        priorities["namespace"] = ["paint", "smell"]
        providers["smell"] = {"dynamic": {}}
    if state == "older draft":
        schema = byhand.PEP_825_DRAFT
        priorities["feature"] = {"paint": ["colour"]}
    variants = {label: VARIANTS[label] for label in labels}
    return json.dumps(byhand.document(variants, providers, schema, priorities=priorities))


def lay_out(row: Row, index: Index, tmp: Path) -> list[object]:
    """Make the release; the arguments that install it."""
    folder = index.root / "demo"
    labels = [label for label in VARIANTS if label == "red" or label in row.beside.split()]
    for label in labels:
        inside = None if row.inside == "absent" else metadata(row.inside, [label])
        byhand.wheel(folder, label, inside)
    if "plain" in row.beside:
        byhand.wheel(folder)
    if row.beside == "sdist":
        byhand.sdist(folder)
    byhand.wheel(folder, version="0.9")
    index.ranges = False  # the wheels are small
    index.metadata = row.way == "index with metadata"
    if row.way == "lock":
        table = None if row.outside == "not listed" else {"variants": 3}
        if row.outside not in ("not listed", "broken"):
            table = json.loads(metadata(row.outside, labels))
        return ["-r", byhand.lock(tmp / "pylock.toml", folder, table)]
    if row.outside != "not listed":
        (folder / "demo-1.0-variants.json").write_text(metadata(row.outside, labels))
    if row.outside == "refused":
        index.replies["demo-1.0-variants.json"] = Reply(b"no", 403)
    if row.way == "folder":
        return ["--no-index", "--find-links", folder, "demo"]
    return ["--index-url", index.url, "demo"]


def test_what_is_taken(env: Environment, index: Index, tmp_path: Path, row: Row) -> None:
    arguments = lay_out(row, index, tmp_path)
    report = tmp_path / "report.json"
    tried = env.pip("install", "--dry-run", "--report", report, *arguments, code=None)
    assert env.installed() is None
    done = env.pip("install", *arguments, code=None)
    for result in (tried, done):
        assert "Traceback" not in result.err, result.all
        assert "internal error" not in result.all, result.all
        if result.code == 0:
            assert byhand.taken(result) == row.expected.replace("nothing", "Skipping"), result.all
    if row.expected == "nothing" and row.way == "lock":
        assert (tried.code, done.code) == (1, 1), done.all
        assert "demo 1.0" in done.err + done.out
        return
    assert (tried.code, done.code) == (0, 0), tried.all + done.all
    (promised,) = json.loads(report.read_text())["install"]
    assert what_is(unquote(promised["download_info"]["url"]).rpartition("/")[2]) == row.expected
    version, _ = env.installed() or ("", None)
    assert version == ("0.9" if row.expected == "nothing" else "1.0")
    built = (env.site / "demo.py").read_text().split("'")[1]
    assert built == ("plain" if row.expected == "nothing" else row.expected)
    if row.outside in ("broken", "major 2", "refused"):
        assert "WARNING: Ignoring the wheel variants of demo 1.0: " in done.err


def what_is(filename: str) -> str:
    if "0.9" in filename:
        return "nothing"
    if filename.endswith(".tar.gz"):
        return "sdist"
    return filename.removesuffix(".whl").split("-")[5:][0] if filename.count("-") > 4 else "plain"
