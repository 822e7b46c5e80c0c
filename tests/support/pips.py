"""Pips that look different: their own sources are changed as they are read."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

Change = tuple[str, str, str]
"""In which modules of `pip._internal`, what and by what: three patterns of `re`."""

_CHANGING = """
import atexit, importlib.machinery, json, os, re
changes = json.loads(os.environ.get("PIP_CHANGES", "[]"))
loader = importlib.machinery.SourceFileLoader
get_code, done = loader.get_code, []

def changed(self, name):
    if name.startswith(("pip._internal", "pip._vendor.packaging.")):
        path = self.get_filename(name)
        old = new = self.get_data(path).decode()
        for modules, pattern, replacement in changes:
            if re.fullmatch(modules, name.removeprefix("pip._internal.")):
                new = re.sub(pattern, replacement, new, flags=re.MULTILINE)
        if new != old:
            done.append(name)
            return self.source_to_code(new.encode(), path)
    return get_code(self, name)

if changes:
    loader.get_code = changed
"""


def changed(folder: Path, changes: Iterable[Change]) -> Mapping[str, str]:
    """Variables with which pips look so."""
    (folder / "sitecustomize.py").write_text(_CHANGING)
    return {"PYTHONPATH": str(folder), "PIP_CHANGES": json.dumps([*changes])}


def renamed(name: str) -> list[Change]:
    """A name that another version of pip calls something else, wherever it stands."""
    return [(".*", rf"\b{name}\b", f"{name}_renamed")]
