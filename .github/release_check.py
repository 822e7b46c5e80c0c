"""Say what keeps this checkout from being released as a tag: `release_check.py TAG [FOLDER]`."""

import re
import sys
from pathlib import Path

PLACEHOLDER = re.compile(r"[\w.@/:-]*pip-variants\.invalid[\w./-]*")


def missing(root: Path, tag: str) -> list[str]:
    """What is missing, one line each."""
    text = (root / "src" / "pip_variants" / "__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)[0]
    found = [] if tag == f"v{version}" else [f"the tag is {tag}, the version {version}"]
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changes, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)'")
    for name in ("pyproject.toml", "SECURITY.md"):
        places = PLACEHOLDER.findall((root / name).read_text(encoding="utf-8"))
        found += [f"{name} has the placeholder {place}" for place in places]
    return found


if __name__ == "__main__":
    root = Path(sys.argv[2]) if sys.argv[2:] else Path(__file__).resolve().parents[1]
    lines = missing(root, sys.argv[1])
    print(*lines or ["ready to be released"], sep="\n")
    sys.exit(1 if lines else 0)
