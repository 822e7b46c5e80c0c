"""Say which installed variants do not fit this machine any more, and what fixes it."""

import argparse
from itertools import groupby
from operator import attrgetter

from pip_variants import reasons
from pip_variants.cli.asking import add_target, target_of
from pip_variants.cli.list import NONE_INSTALLED
from pip_variants.cli.text import print_command, print_json, print_lines, warn
from pip_variants.inventory import installed_variants, with_better_labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    text = "also ask pip for which of them it has a better variant of the same version"
    parser.add_argument("--upgradable", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    target = target_of(options)
    found = installed_variants(warn, target)
    if options.upgradable:
        found = with_better_labels(found, target)
    wrong = [one for one in found if one.reason]
    if options.json:
        print_json(variants=[one.to_json() for one in wrong])
    elif not found:
        print_lines(f"{NONE_INSTALLED} Which packages have some: pip-variants explain")
    else:
        for commands, same in groupby(wrong, key=attrgetter("commands")):
            group = [*same]
            for one in group:
                print_lines(f"{one.name} {one.version}: {one.reason}")
            for command in commands:
                print_command(command)
            if any(one.is_build for one in group):
                print("    # with --variant-indexes, if pip.conf does not name their index set")
        others = sorted({one.target for one in found if one.target and options.upgradable})
        for other in others:
            print_lines(f"For better variants of what was installed for {other}: --target {other}")
        if not wrong:
            print_lines(f"All installed variants fit {reasons.who(target)}.")
    return 1 if any(not one.target for one in wrong) else 0
