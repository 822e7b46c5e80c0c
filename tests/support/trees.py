"""Machines as the files that a provider reads: a tree of files in one text file.

A line `== path` begins a file, whose text follows; `== path -> target` is a symbolic link. What
stands before the first of them is a comment.
"""

import re
from pathlib import Path


def unpack(recorded: Path, root: Path) -> Path:
    """Write the tree that the file `recorded` describes below `root`, which is returned."""
    _comment, *parts = re.split(r"^== ", recorded.read_text(), flags=re.MULTILINE)
    for part in parts:
        head, _, text = part.partition("\n")
        path, _, target = head.partition(" -> ")
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if target:
            file.symlink_to(target)
        else:
            file.write_text(text)
    return root
