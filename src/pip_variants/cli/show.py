"""Print the variant properties that this machine supports, best first."""

import argparse
import json
import sys
from textwrap import wrap
from typing import Any

from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import printable

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say who found it and what they looked at"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, see docs/commands.md")


def run(options: argparse.Namespace) -> int:
    """Run the command: 1 if a provider failed."""
    detection = Detection()
    answers = detection.everything()
    detection.close()
    if options.json:
        print(json.dumps({"version": "1", "providers": [*map(_to_json, answers)]}, indent=2))
    for answer in () if options.json else answers:
        if answer.failed:
            print(f"pip-variants: {answer.failed}", file=sys.stderr)
        for warning in answer.warnings:
            print(f"pip-variants: {printable(warning)}", file=sys.stderr)
        if options.verbose and not answer.failed:
            print(f"# {answer.namespace}, by {answer.by}")
            for note in filter(None, (*answer.notes, answer.support.absent)):
                for line in wrap(f"#   {printable(note)}", 80, subsequent_indent="#     "):
                    print(line)
        for feature, values in answer.support.features:
            for value in values:
                print(f"{answer.namespace} :: {feature} :: {value}")
    return 1 if any(answer.failed for answer in answers) else 0


def _to_json(answer: Answer) -> dict[str, Any]:
    """The entry of one provider (docs/commands.md)."""
    return {
        "namespace": answer.namespace,
        "by": answer.by,
        "features": [
            {"name": name, "values": list(values)} for name, values in answer.support.features
        ],
        "absent": printable(answer.support.absent),
        "notes": [printable(note) for note in answer.notes],
        "warnings": [printable(warning) for warning in answer.warnings],
        "failed": printable(answer.failed),
    }
