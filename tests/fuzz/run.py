#!/usr/bin/env python3
"""The long run: `python tests/fuzz/run.py [target …] [--seconds N] [--merge]`, with atheris.

Without a target each of them gets N seconds, one after the other. What is new goes into
`tests/fuzz/found/TARGET`; an input that fails is kept there as `crash-…`. `--merge` then adds to
the corpus those that reach code which the corpus does not.
"""

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
FOUND = HERE / "found"
KNOWN = HERE / "corpus"


def words(folder: Path) -> str:
    """A dictionary for the fuzzer: the words in the corpus."""
    found = set()
    for file in folder.iterdir():
        found |= set(re.findall(rb"[A-Za-z0-9_$.-]{2,24}|::|\[\[|\]\]", file.read_bytes()))
    return "".join(f'"{word.decode()}"\n' for word in sorted(found))


def nodes(value: Any) -> list:
    """Every object and list in a JSON value."""
    found = [value] if isinstance(value, (dict, list)) else []
    for one in value.values() if isinstance(value, dict) else value if found else ():
        found += nodes(one)
    return found


def changed(data: bytes, draw: random.Random) -> bytes | None:
    """JSON in a line, with one thing in it moved, copied, dropped or replaced; else None."""
    lines = data.split(b"\n")
    line = draw.randrange(len(lines))
    found = re.search(rb"[{\[].*[\]}]", lines[line])
    if not found:
        return None
    try:
        document = json.loads(found[0])
        parents = [one for one in nodes(document) if one]
    except (ValueError, RecursionError):
        return None
    if not parents:
        return None
    ends: tuple[Any, ...] = (
        None,
        True,
        0,
        -1,
        10**30,
        1.5,
        "",
        "a",
        "\x1b[31m",
        "\ud800",
        "9" * 30,
        [],
        {},
    )
    parent, other = draw.choice(parents), draw.choice(parents)
    key = draw.choice(list(parent)) if isinstance(parent, dict) else draw.randrange(len(parent))
    taken = draw.choice(list(other) if isinstance(other, dict) else [*other, *ends])
    match draw.randrange(4):
        case 0:
            del parent[key]
        case 1:
            parent[key] = json.loads(json.dumps(taken))
        case 2 if isinstance(parent, dict):
            parent[taken if isinstance(taken, str) else repr(taken)[:20]] = parent[key]
        case 2:
            parent.append(parent[key])
        case _:
            parent[key] = draw.choice(ends)
    new = json.dumps(document, separators=(",", ":")).encode()
    lines[line] = lines[line][: found.start()] + new + lines[line][found.end() :]
    return b"\n".join(lines)


def fuzz(target: str, arguments: list[str]) -> None:
    """Run atheris in this process, which it ends."""
    import atheris

    with atheris.instrument_imports(include=["pip_variants", "tomllib", "json"]):
        from fuzz.targets import TARGETS

        if target == "page":
            import fuzz.pages  # noqa: F401

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        for _ in range(draw.choice((0, 1, 1, 2, 4))):
            data = changed(data, draw) or atheris.Mutate(data, most)
        return data[:most] if data else atheris.Mutate(data, most)

    atheris.Setup([sys.argv[0], *arguments], TARGETS[target], custom_mutator=mutated)
    atheris.Fuzz()


def reached(target, data: bytes) -> set[tuple]:
    """The steps from line to line that an input causes in pip-variants."""
    steps = set()

    def trace(frame, event, _):
        code, last = frame.f_code, None
        if f"{os.sep}pip_variants{os.sep}" not in code.co_filename:
            return None

        def line(frame, event, _):
            nonlocal last
            steps.add((code, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps


def merge(name: str) -> None:
    """Add what was found and takes other ways than the corpus, the smallest first."""
    from fuzz.targets import TARGETS

    known: set[tuple] = set()
    for file in (KNOWN / name).iterdir():
        for _ in range(2):  # what happens the first time only is no merit of an input
            known |= reached(TARGETS[name], file.read_bytes())
    for file in sorted((FOUND / name).iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        data = file.read_bytes()
        if len(data) <= 1024 and (new := reached(TARGETS[name], data) - known):
            known |= new
            (KNOWN / name / f"found-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


def run(target: str, seconds: int) -> int:
    """Fuzz one target in a process of its own; its exit status."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    dictionary = FOUND / f"{target}.dict"
    dictionary.write_text(words(KNOWN / target))
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/",
        f"-dict={dictionary}",
        "-max_len=4096",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        str(found),
        str(KNOWN / target),
    ]
    command = [sys.executable, __file__, "--inside", target, "--", *options]
    return subprocess.run(command, env={**os.environ, "PIP_CONFIG_FILE": os.devnull}).returncode


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="*", metavar="target")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--merge", action="store_true")
    options = parser.parse_args()
    failed = []
    for target in options.target or sorted(os.listdir(KNOWN)):
        print("+", target, flush=True)
        if options.merge:
            merge(target)
        elif run(target, options.seconds):
            failed.append(target)
    print("failed:" if failed else "no failure", *failed)
    return bool(failed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        fuzz(sys.argv[2], sys.argv[4:])
    sys.exit(main())
