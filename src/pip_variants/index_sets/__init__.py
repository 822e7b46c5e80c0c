"""The index sets that come with pip-variants."""

from pathlib import Path


def built_in() -> list[str]:
    """The texts of the files beside this module."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return [file.read_text(encoding="utf-8") for file in files]
