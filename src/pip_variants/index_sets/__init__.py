"""The index sets that come with pip-variants; an ordinary plugin of `hooks`."""

from pathlib import Path

from pip_variants.hooks import hookimpl


@hookimpl
def pip_variants_index_sets() -> list[str]:
    """The texts of the files beside this module."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return [file.read_text(encoding="utf-8") for file in files]
