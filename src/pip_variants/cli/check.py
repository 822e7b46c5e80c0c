"""Say which installed variants do not fit this machine any more, and what mends it."""

import argparse

from pip_variants.cli.list import print_command, print_json, print_lines, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "--upgradable",
        action="store_true",
        help="also ask pip for which of them it has a better variant of the same version",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, see docs/commands.md")


def run(options: argparse.Namespace) -> int:
    """Run the command: 1 if it has anything to say."""
    from pip_variants.inventory import installed_variants, with_better_labels

    found = installed_variants(warn)
    if options.upgradable:
        found = with_better_labels(found)
    wrong = [one for one in found if one.reason]
    if options.json:
        print_json(wrong)
    else:
        for one in wrong:
            print_lines(f"{one.name} {one.version}: {one.reason}")
            for command in one.commands:
                print_command(command)
        if not wrong:
            print("All installed variants fit this machine.")
    return 1 if wrong else 0
