"""Print the variant properties that this machine supports, best first."""

import argparse
import sys

from pip_variants.detection.client import Detection
from pip_variants.errors import printable

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say who found it and what they looked at"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    detection = Detection()
    answers = detection.everything()
    detection.close()
    for answer in answers:
        if answer.failed:
            print(f"pip-variants: {answer.failed}", file=sys.stderr)
        for warning in answer.warnings:
            print(f"pip-variants: {printable(warning)}", file=sys.stderr)
        if options.verbose and not answer.failed:
            print(f"# {answer.namespace}, by {answer.by}")
            for note in filter(None, (*answer.notes, answer.support.absent)):
                print(f"#   {printable(note)}")
        for feature, values in answer.support.features:
            for value in values:
                print(f"{answer.namespace} :: {feature} :: {value}")
    return 1 if any(answer.failed for answer in answers) else 0
