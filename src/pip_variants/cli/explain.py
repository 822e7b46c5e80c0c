"""Say which wheel pip would install here, and why; of several packages, which have variants.

Takes what `pip install` takes, and pip's configuration counts; without a requirement it looks for
all that is installed. Nothing is installed or downloaded but metadata. It is about each requirement
alone, as if nothing were installed: others may still make `pip install` choose something else.
"""

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import compress
from typing import Any

from pip_variants import reasons
from pip_variants.cli import text
from pip_variants.cli.asking import OFF, ask_pip
from pip_variants.cli.indexes import index_sets
from pip_variants.detection.client import Detection
from pip_variants.errors import PipVariantsError

_SHOWN = 3  # errors, each with its reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pip-variants explain [-h] [--json] [--target TARGET]\n"
    parser.usage += f"{' ' * 28}[REQUIREMENT ...] [options of pip install]"
    about = "explain for this target, a file or a name as pip's --variant-target takes it; "
    text.add_list(parser, "--target", "TARGET", f"{about}several are compared in a table")
    parser.set_defaults(for_pip=[])


def run(options: argparse.Namespace) -> int:
    # No questions: nobody would see them.
    pip = ["--no-input", "--disable-pip-version-check", *options.for_pip]
    targets = [["--variant-target", target] for target in options.target]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda target: ask_pip("explain", *pip, *target), targets or [[]]))
    for code, said, answer in answers:
        if not answer or "error" in answer:
            text.warn(answer.get("error", said))
            return 2 if code == 2 else 1
    if answers[0][2]["is_off"]:
        text.warn(OFF)
    decisions = [one for _, _, answer in answers for one in answer["decisions"]]
    if options.json:
        text.print_json(decisions=decisions)
    elif len(decisions) == 1 and _has_variants(decisions[0]):
        _print_text(decisions[0])
    else:
        of_each = options.target if options.target[1:] else [""]
        number = len(decisions) // len(of_each)
        _print_table(decisions, [target for target in of_each for _ in range(number)])
    for warning in dict.fromkeys(said for one in decisions for said in one.get("warnings", ())):
        text.warn(warning)
    if not options.json:
        _print_gains(decisions)
    failed = any(answer["failed"] for _, _, answer in answers)
    nothing_fits = any("error" not in one and not one["release"] for one in decisions)
    return 1 if failed or nothing_fits else 0


def _has_variants(decision: dict[str, Any]) -> bool:
    """Whether the project has any variants, or builds of an index set that is used."""
    labels = [file["label"] for file in decision.get("files", ())]
    return any(labels) or bool(decision.get("skipped"))


def _is_plain(decision: dict[str, Any]) -> bool:
    return "error" not in decision and not _has_variants(decision)


def _print_table(decisions: list[dict[str, Any]], targets: list[str]) -> None:
    """A line for each decision about variants; of the others, how many there are."""
    rows = [("package", "target", "installed", "takes", "because of")]
    for one, target in zip(decisions, targets, strict=True):
        if _has_variants(one):
            has = one["installed"] or {"version": "", "label": ""}
            first = next((_name(file) for file in one["files"] if file["place"] == 1), "nothing")
            rows.append(
                (
                    one["name"],
                    target,
                    f"{has['version']} {has['label'] or ''}".strip(),
                    f"{one['release'] or ''} {first}".strip(),
                    ", ".join(one["deciding"]) or (reasons.FITS_EVERYWHERE if one["label"] else ""),
                )
            )
    if rows[1:]:
        is_used = [any(column) for column in zip(*rows[1:], strict=True)]
        text.print_table([tuple(compress(row, is_used)) for row in rows])
    plain = {one["name"]: one for one in decisions if _is_plain(one)}
    if len(decisions) == 1 and plain:
        (one,) = decisions
        found = f"{one['name']} {one['release']} has no variants"
        text.print_lines(f"{found}; pip would install {one['filename']}")
    elif plain:
        what = "Of the others, none" if rows[1:] else f"None of {len(plain)} packages"
        text.print_lines(f"{what} has variants on the indexes that pip is set to.")
    failed = {one["name"]: one["error"] for one in decisions if "error" in one}
    if len(failed) > _SHOWN:
        text.print_lines(f"Not found: {', '.join(failed)}")
    else:
        for name, error in failed.items():
            text.print_lines(f"{name}: {error}")


def _print_gains(decisions: list[dict[str, Any]]) -> None:
    """The commands that bring better builds than those that are installed, or more builds."""
    commands = []
    for one in decisions:
        here = one["installed"]
        if not here or here["target"] or not one.get("label") or one["target"]:
            continue
        if one["label"] == here["label"]:
            continue
        is_same = here["version"] == one["release"]
        exactly = f"{one['name']}=={one['release']}"
        how = f"--force-reinstall --no-deps {exactly}" if is_same else f"--upgrade {exactly}"
        commands.append(f"pip install {how}")
    if commands:
        print("To exchange what is installed:")
    for command in commands:
        text.print_command(command)
    plain = {one["name"] for one in decisions if not _has_variants(one)}
    with suppress(PipVariantsError), closing(Detection()) as detection:
        for index_set in index_sets(detection) if plain else ():
            if covered := sorted(plain & index_set.projects):
                has = f"{', '.join(covered)}: there are builds in the index set {index_set.name}"
                text.print_lines(f"{has}, which pip is not set to use:")
                text.print_command(f"pip config set global.variant-indexes {index_set.name}")


def _print_text(decision: dict[str, Any]) -> None:
    what = f"{decision['name']} {decision['release'] or ''}".strip()
    where = f" for the target {decision['target']}" if decision["target"] else ""
    chosen, because = _verdict(decision)
    text.print_lines(f"{what}: pip would install {chosen}{where}")
    if decision["release"]:
        text.print_lines(decision["filename"], "  ")
        text.print_lines(because, "  ")
        print()
        text.print_lines(f"Files of {what}, in the order in which pip takes them:")
        _print_files(decision["files"])
    if decision["namespaces"]:
        print("\nWhat decided, the most important namespace first:")
        for namespace in decision["namespaces"]:
            _print_namespace(namespace, decision["files"])
    for skipped in decision["skipped"]:
        print()
        release = f"{decision['name']} {skipped['release']}"
        text.print_lines(f"Skipped, for no file of it can be used: {release}")
        texts = [f"{one['label']} {one['reason']}" for one in skipped["rejected"]]
        for reason in texts or [skipped["reason"]]:
            text.print_lines(reason, "  ", "    ")
    for hint in decision["hints"]:
        print()
        text.print_lines(f"To let pip consider {', '.join(hint['labels'])}:")
        text.print_lines(hint["remedy"], "  ", "    ")


def _verdict(decision: dict[str, Any]) -> tuple[str, str]:
    if decision["release"] is None:
        return "nothing", ""
    if decision["label"] is not None:
        deciding = ", ".join(decision["deciding"])
        kind = "build" if decision["index_set"] else "variant"
        return (
            f"the {kind} {decision['label']}",
            f"because of {deciding}" if deciding else reasons.FITS_EVERYWHERE,
        )
    is_wheel = decision["filename"].endswith(".whl")
    chosen = "the wheel without variant" if is_wheel else "the source distribution"
    if any(file["label"] and file["place"] for file in decision["files"]):
        return chosen, "because hashes are required, and the index gives none of the variants"
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
        about = ", ".join(one["properties"]) or (reasons.FITS_EVERYWHERE if one["label"] else "")
        rows.append((f"{one['place']:>3}", name, about))
    others = Counter((_name(one), one["reason"]) for one in files if not one["place"])
    for (name, reason), number in others.items():
        rows.append(("  -", name if number == 1 else f"{name} ({number} files)", reason))
    text.print_table(rows)


def _name(file: dict[str, Any]) -> str:
    is_wheel = file["filename"].endswith(".whl")
    return file["label"] or ("no variant" if is_wheel else "source distribution")


def _print_namespace(namespace: dict[str, Any], files: list[dict[str, Any]]) -> None:
    name = namespace["namespace"]
    asked = f": {', '.join(namespace['requires'])}" if namespace["requires"] else ""
    by = f", answered by {namespace['by']}" if namespace["by"] else ""
    text.print_lines(f"{name}{asked}{by}", "  ", "    ")
    used = {one.rpartition(" :: ")[0] for file in files for one in file["properties"]}
    for feature in namespace["features"]:
        if f"{name} :: {feature['name']}" in used:
            values = ", ".join(feature["values"])
            text.print_lines(f"{name} :: {feature['name']} :: {values}", "    ", "      ")
    for note in filter(None, (*namespace["notes"], namespace["absent"])):
        text.print_lines(note, "    # ", "    #   ")
