"""Say which wheel pip would install here, and why.

Takes what `pip install` takes, and pip's configuration counts. Nothing is installed or downloaded
but metadata. It is about one requirement alone, as if nothing were installed: dependencies and
other requirements may still make `pip install` choose something else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pip_variants.cli.text import add_list, print_json, print_lines, print_table, warn

_NULL = "fits everywhere"
# Like a console script: without the working directory, where somebody's modules may be.
_PROGRAM = (
    "import sys; sys.path[0] or sys.path.pop(0); "
    "from pip_variants.pip_adapter.{} import main; sys.exit(main())"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pip-variants explain [-h] [--json] [--target TARGET]\n"
    parser.usage += f"{' ' * 28}REQUIREMENT [options of pip install]"
    text = "explain for this target, a file or a name as pip's --variant-target takes it; "
    add_list(parser, "--target", "TARGET", f"{text}several are compared in a table")
    parser.set_defaults(for_pip=[])


def run(options: argparse.Namespace) -> int:
    # No questions: nobody would see them.
    pip = ["--no-input", "--disable-pip-version-check", *options.for_pip]
    targets = [["--variant-target", target] for target in options.target]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda target: ask_pip("explain", *pip, *target), targets or [[]]))
    for code, said, answer in answers:
        if not answer or "error" in answer:
            warn(answer.get("error", said))
            return 2 if code == 2 else 1
    decisions = [answer for _, _, answer in answers]
    first = decisions[0]
    labels = [file["label"] for one in decisions for file in one["files"]]
    has_variants = any(labels) or any(one["skipped"] for one in decisions)
    if options.json:
        print_json(decisions=decisions)
    elif has_variants and len(decisions) == 1:
        _print_text(first)
    elif has_variants:
        rows = [("target", "release", "takes", "because of")]
        for one, target in zip(decisions, options.target, strict=True):
            takes = next((_name(file) for file in one["files"] if file["place"] == 1), "nothing")
            rows.append((target, one["release"] or "", takes, ", ".join(one["deciding"])))
        print_lines(first["name"])
        print_table(rows)
    for warning in dict.fromkeys(text for one in decisions for text in one["warnings"]):
        warn(warning)
    if not has_variants:
        found = f"{first['name']} {first['release']} has no variants"
        warn(f"{found}, pip would install {first['filename']}")
    return 0 if has_variants and all(one["release"] for one in decisions) else 1


def ask_pip(program: str, *arguments: str, **options: Any) -> tuple[int, str, dict[str, Any]]:
    """What a program of `pip_adapter` does: its exit status, its last line of errors, its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answer.json")
        command = [sys.executable, "-c", _PROGRAM.format(program), str(file), *arguments]
        how = {"input": "", "encoding": "utf-8", "errors": "replace", **options}
        try:
            done = subprocess.run(command, check=False, capture_output=True, **how)  # noqa: S603
            code, said = done.returncode, done.stderr.strip().rpartition("\n")[2].strip()
        except subprocess.TimeoutExpired as error:
            code, said = 1, str(error)
        answer = json.loads(file.read_bytes()) if file.exists() else {}
    return code, said or f"pip ended with exit status {code}", answer


def _print_text(decision: dict[str, Any]) -> None:
    what = f"{decision['name']} {decision['release'] or ''}".strip()
    where = f" for the target {decision['target']}" if decision["target"] else ""
    chosen, because = _verdict(decision)
    print_lines(f"{what}: pip would install {chosen}{where}")
    if decision["release"]:
        print_lines(decision["filename"], "  ")
        print_lines(because, "  ")
        print()
        print_lines(f"Files of {what}, in the order in which pip takes them:")
        _print_files(decision["files"])
    if decision["namespaces"]:
        print("\nWhat decided, the most important namespace first:")
        for namespace in decision["namespaces"]:
            _print_namespace(namespace, decision["files"])
    for skipped in decision["skipped"]:
        print()
        release = f"{decision['name']} {skipped['release']}"
        print_lines(f"Skipped, for no file of it can be used: {release}")
        reasons = [f"{one['label']} {one['reason']}" for one in skipped["rejected"]]
        for reason in reasons or [skipped["reason"]]:
            print_lines(reason, "  ", "    ")
    for hint in decision["hints"]:
        print()
        print_lines(f"To let pip consider {', '.join(hint['labels'])}:")
        print_lines(hint["remedy"], "  ", "    ")


def _verdict(decision: dict[str, Any]) -> tuple[str, str]:
    if decision["release"] is None:
        return "nothing", ""
    if decision["label"] is not None:
        deciding = ", ".join(decision["deciding"])
        kind = "build" if decision["index_set"] else "variant"
        return f"the {kind} {decision['label']}", f"because of {deciding}" if deciding else _NULL
    is_wheel = decision["filename"].endswith(".whl")
    chosen = "the wheel without variant" if is_wheel else "the source distribution"
    if any(file["label"] for file in decision["files"]):
        return chosen, "because none of its variants can be used"
    return chosen, "because it is the first release with a file that can be used"


def _print_files(files: list[dict[str, Any]]) -> None:
    usable = [one for one in files if one["place"]]
    same = Counter(map(_name, usable))
    rows = []
    for one in usable:
        name = _name(one)
        if same[name] > 1:
            tags = one["filename"].removesuffix(".whl").split("-")[2:]
            name += f" {'-'.join(tags[:-1] if one['label'] else tags)}"
        about = ", ".join(one["properties"]) or (_NULL if one["label"] else "")
        rows.append((f"{one['place']:>3}", name, about))
    others = Counter((_name(one), one["reason"]) for one in files if not one["place"])
    for (name, reason), number in others.items():
        rows.append(("  -", name if number == 1 else f"{name} ({number} files)", reason))
    print_table(rows)


def _name(file: dict[str, Any]) -> str:
    is_wheel = file["filename"].endswith(".whl")
    return file["label"] or ("no variant" if is_wheel else "source distribution")


def _print_namespace(namespace: dict[str, Any], files: list[dict[str, Any]]) -> None:
    name = namespace["namespace"]
    asked = f": {', '.join(namespace['requires'])}" if namespace["requires"] else ""
    by = f", answered by {namespace['by']}" if namespace["by"] else ""
    print_lines(f"{name}{asked}{by}", "  ", "    ")
    used = {one.rpartition(" :: ")[0] for file in files for one in file["properties"]}
    for feature in namespace["features"]:
        if f"{name} :: {feature['name']}" in used:
            values = ", ".join(feature["values"])
            print_lines(f"{name} :: {feature['name']} :: {values}", "    ", "      ")
    for note in filter(None, (*namespace["notes"], namespace["absent"])):
        print_lines(note, "    # ", "    #   ")
