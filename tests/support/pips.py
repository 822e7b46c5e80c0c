"""Pips that look different: names of their own modules are changed while they are loaded."""

import json
from collections.abc import Mapping
from pathlib import Path

_CHANGING = '''
import importlib.machinery, json, os, re, sys
changes = json.loads(os.environ.pop("PIP_CHANGES", "[]"))
loader = importlib.machinery.SourceFileLoader
get_code = loader.get_code

def changed(self, name):
    if name.startswith("pip._internal") or name.startswith("pip._vendor.packaging."):
        path = self.get_filename(name)
        text = new = self.get_data(path).decode()
        for module, pattern, replacement in changes:
            if not module or module == name.removeprefix("pip._internal."):
                new = re.sub(pattern, replacement, new)
        if new != text:
            os.environ["PIP_CHANGED"] = "1"
            return self.source_to_code(new.encode(), path)
    return get_code(self, name)

if changes:
    loader.get_code = changed
    import atexit
    atexit.register(lambda: "PIP_CHANGED" in os.environ or os.write(2, b"nothing was changed\\n"))
'''


def changed(folder: Path, *changes: tuple[str, str, str]) -> Mapping[str, str]:
    """Variables with which a pip reads its own sources changed: module, pattern and replacement.

    Without a module it is done in all of them. A pip in which nothing is found says so.
    """
    (folder / "sitecustomize.py").write_text(_CHANGING)
    return {"PYTHONPATH": str(folder), "PIP_CHANGES": json.dumps(changes)}


def renamed(folder: Path, pattern: str) -> Mapping[str, str]:
    """The same with a name that another version of pip calls something else, wherever it stands."""
    return changed(folder, ("", f"({pattern})(?![A-Za-z0-9_])", r"\1_renamed"))
