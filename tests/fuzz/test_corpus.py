"""Every stored input, run again."""

from pathlib import Path

import pytest
from fuzz.targets import CORPUS, TARGETS

INPUTS = sorted(Path(CORPUS).glob("*/*"))


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_an_input_is_read_or_refused(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


def test_every_target_has_inputs() -> None:
    assert {file.parent.name for file in INPUTS} == set(TARGETS)
