"""Say which wheel pip would install here, and why.

Takes what `pip install` takes, and pip's configuration counts. Nothing is installed or downloaded
but metadata. It is about one requirement alone, as if nothing were installed: dependencies and
other requirements may still make `pip install` choose something else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pip_variants.cli.text import lines, print_json
from pip_variants.errors import PipVariantsError
from pip_variants.model.filename import WheelFilename

_NULL = "fits everywhere"

_COLUMN = 24  # the widest column of a table that may still be on one line

# Like a console script: without the working directory, where somebody's modules may be.
_PROGRAM = (
    "import sys; sys.path[0] or sys.path.pop(0); "
    "from pip_variants.pip_adapter.{} import main; sys.exit(main())"
)


class _WrongUsage(PipVariantsError):
    """Arguments that pip does not understand."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.usage = (
        "pip-variants explain [-h] [--json] [--target TARGET]\n"
        "                            REQUIREMENT [options of pip install]"
    )
    parser.add_argument("--json", action="store_true", help="print JSON (docs/commands.md)")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        help="explain for this target, a file or a name as pip's --variant-target takes it; "
        "several are compared in a table",
    )
    parser.set_defaults(for_pip=[])


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 explained, 1 nothing to explain or to install, 2 wrong usage."""
    from concurrent.futures import ThreadPoolExecutor  # not for the --help of all commands

    # No questions: nobody would see them.
    pip = ["--no-input", "--disable-pip-version-check", *options.for_pip]
    targets = [["--variant-target", target] for target in options.target]
    try:
        with ThreadPoolExecutor() as pool:
            decisions = list(pool.map(lambda target: _ask_pip(*pip, *target), targets or [[]]))
    except _WrongUsage as error:
        print(f"pip-variants: {error}", file=sys.stderr)
        return 2
    if options.json:
        print_json(decisions=decisions)
    elif not any(map(_has_variants, decisions)):
        pass
    elif len(decisions) == 1:
        print("\n".join(_text(decisions[0])))
    else:
        print("\n".join(_table(decisions, options.target)))
    for warning in dict.fromkeys(text for one in decisions for text in one["warnings"]):
        print(f"pip-variants: {warning}", file=sys.stderr)
    if not any(map(_has_variants, decisions)):
        one = decisions[0]
        raise PipVariantsError(
            f"{one['name']} {one['release']} has no variants, pip would install {one['filename']}"
        )
    return 0 if all(one["release"] for one in decisions) else 1


def _ask_pip(*arguments: str) -> dict[str, Any]:
    """What `pip_adapter.explain` answers in a pip process of its own.

    Raises `PipVariantsError` with what pip said if there is no answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answer.json")
        with pip_process("explain", str(file), *arguments) as pip:
            _, said = pip.communicate()
        answer = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if "error" not in answer:
        if answer:
            return dict(answer)
        answer["error"] = last_line(said) or f"pip ended with exit status {pip.returncode}"
    raise (_WrongUsage if pip.returncode == 2 else PipVariantsError)(answer["error"])


def pip_process(
    program: str, *arguments: str, environ: Mapping[str, str] = os.environ
) -> "subprocess.Popen[str]":
    """A pip process that runs a module of `pip_adapter`; for `communicate`."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PROGRAM.format(program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environ,
    )


def last_line(said: str) -> str:
    """What pip said last; it says there what is wrong."""
    return said.strip().rpartition("\n")[2].strip()


def _has_variants(decision: dict[str, Any]) -> bool:
    return bool(decision["skipped"]) or any(file["label"] for file in decision["files"])


def _text(decision: dict[str, Any]) -> Iterator[str]:
    what = f"{decision['name']} {decision['release'] or ''}".strip()
    where = f" for the target {decision['target']}" if decision["target"] else ""
    yield from lines(f"{what}: pip would install {_chosen(decision)}{where}")
    if decision["release"]:
        yield from lines(decision["filename"], "  ")
        yield from lines(_because(decision), "  ")
        yield ""
        yield from lines(f"Files of {what}, in the order in which pip takes them:")
        yield from _files(decision)
    if decision["namespaces"]:
        yield ""
        yield "What decided, the most important namespace first:"
        for namespace in decision["namespaces"]:
            yield from _namespace(namespace, decision)
    for skipped in decision["skipped"]:
        yield ""
        release = f"{decision['name']} {skipped['release']}"
        yield from lines(f"Skipped, for no file of it can be used: {release}")
        reasons = [f"{one['label']} {one['reason']}" for one in skipped["rejected"]]
        for reason in reasons or [skipped["reason"]]:
            yield from lines(reason, "  ", "    ")
    for hint in decision["hints"]:
        yield ""
        yield from lines(f"To let pip consider {', '.join(hint['labels'])}:")
        yield from lines(hint["remedy"], "  ", "    ")


def _chosen(decision: dict[str, Any]) -> str:
    if decision["release"] is None:
        return "nothing"
    if decision["label"] is not None:
        return f"the variant {decision['label']}"
    is_wheel = decision["filename"].endswith(".whl")
    return "the wheel without variant" if is_wheel else "the source distribution"


def _because(decision: dict[str, Any]) -> str:
    if decision["label"] is not None:
        return f"because of {', '.join(decision['deciding'])}" if decision["deciding"] else _NULL
    if any(file["label"] for file in decision["files"]):
        return "because none of its variants can be used"
    return "because it is the first release with a file that can be used"


def _files(decision: dict[str, Any]) -> Iterator[str]:
    usable = [one for one in decision["files"] if one["place"]]
    same = Counter(_name(one) for one in usable)
    rows = []
    for one in usable:
        tags = f" {_tags(one)}" if same[_name(one)] > 1 else ""
        about = ", ".join(one["properties"]) or (_NULL if one["label"] else "")
        rows.append((str(one["place"]), _name(one) + tags, about))
    others = Counter((_name(one), one["reason"]) for one in decision["files"] if not one["place"])
    for (name, reason), number in others.items():
        rows.append(("-", name if number == 1 else f"{name} ({number} files)", reason))
    width = min(_COLUMN, max(len(name) for _, name, _ in rows))
    for place, name, about in rows:
        row = f"{place:>3}  {name:<{width}}  {about}".rstrip()
        yield from lines(row, "", " " * (width + 9))


def _name(file: dict[str, Any]) -> str:
    """The label, or what the file is instead."""
    if file["label"] is None:
        return "no variant" if file["filename"].endswith(".whl") else "source distribution"
    return str(file["label"])


def _tags(file: dict[str, Any]) -> str:
    wheel = WheelFilename.parse(file["filename"])
    return "-".join(filter(None, (wheel.build, wheel.python, wheel.abi, wheel.platform)))


def _namespace(namespace: dict[str, Any], decision: dict[str, Any]) -> Iterator[str]:
    name = namespace["namespace"]
    asked = f": {', '.join(namespace['requires'])}" if namespace["requires"] else ""
    by = f", answered by {namespace['by']}" if namespace["by"] else ""
    yield from lines(f"{name}{asked}{by}", "  ", "    ")
    files = [one for one in decision["files"] if one["label"]]
    used = {one.rpartition(" :: ")[0] for file in files for one in file["properties"]}
    for feature in namespace["features"]:
        if f"{name} :: {feature['name']}" in used:
            values = ", ".join(feature["values"])
            yield from lines(f"{name} :: {feature['name']} :: {values}", "    ", "      ")
    for note in (*namespace["notes"], namespace["absent"]):
        if note:
            yield from lines(note, "    # ", "    #   ")


def _table(decisions: list[dict[str, Any]], targets: list[str]) -> Iterator[str]:
    """One row for each target."""
    rows = [("target", "release", "takes", "because of")]
    for one, target in zip(decisions, targets, strict=True):
        takes = next((_name(file) for file in one["files"] if file["place"] == 1), "nothing")
        rows.append((target, one["release"] or "", takes, ", ".join(one["deciding"])))
    widths = [min(_COLUMN, max(map(len, column))) for column in zip(*rows, strict=True)][:-1]
    yield from lines(decisions[0]["name"])
    for *cells, last in rows:
        start = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield from lines(f"{start}  {last}".rstrip(), "", "    ")
