"""Writes the tables of the pips that were tried (`--table FILE`) and of faults (`--faults FILE`)."""

from pathlib import Path
from typing import Any

import pytest
from support import faults, surroundings
from support.environments import PYTHONS, starts

_environments: list[str] = []
_tried: list[tuple[str, dict[str, str], bool]] = []
_faults: list[tuple[Any, ...]] = []  # place, row


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties: dict[str, Any] = dict(report.user_properties)
    if report.when == "call" and "pip" in properties:
        name = report.nodeid.partition("[")[2].rstrip("]")
        _tried.append((name, properties, report.passed))
    if report.when == "call" and report.passed and "environment" in properties:
        _environments.append(properties["environment"])
    if report.when == "call" and "fault" in properties:
        _faults.append(tuple(properties["fault"]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    file: Path | None = session.config.getoption("--table")
    if file and not hasattr(session.config, "workerinput"):
        file.write_text("\n".join(_lines()) + "\n")
    file = session.config.getoption("--surroundings")
    if file and not hasattr(session.config, "workerinput"):
        file.write_text(surroundings.page(_environments))
    file = session.config.getoption("--faults")
    if file and not hasattr(session.config, "workerinput"):
        file.write_text(faults.page([tuple(row) for _, *row in sorted(_faults)]))


def _lines() -> list[str]:
    lines = [
        "# The pips that were tried",
        "",
        'Written by `python tests/pythons.py FOLDER`, which brings the Pythons that a machine lacks; elsewhere by\n`pytest --all --table FILE tests/pip`. "Does not start": stock neither.',
        "",
    ]
    matrix = {(p["pip"], p["python"]): passed for _, p, passed in _tried if "python" in p}
    lines += [f"| | {' | '.join(PYTHONS)} |", "|---" * (len(PYTHONS) + 1) + "|"]
    for pip in sorted({pip for pip, _ in matrix}, key=_numbers):
        cells = (_cell(pip, python, matrix.get((pip, python))) for python in PYTHONS)
        lines.append(f"| {pip} | {' | '.join(cells)} |")
    lines += ["", "| kind of pip | version | |", "|---|---|---|"]
    kinds = [one for one in _tried if "python" not in one[1]]
    return lines + [
        f"| {name} | {p['pip']} | {_result(passed)} |" for name, p, passed in sorted(kinds, key=str)
    ]


def _cell(pip: str, python: str, passed: bool | None) -> str:
    if not starts(pip.removeprefix("pip "), python):
        return "does not start"
    return "not had" if passed is None else _result(passed)


def _result(passed: bool) -> str:
    return "passed" if passed else "FAILED"


def _numbers(version: str) -> list[int]:
    digits = "".join(c if c.isdigit() else " " for c in version)
    return [int(part) for part in digits.split()]
