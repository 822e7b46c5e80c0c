"""List the installed variants, and whether this machine supports them."""

import argparse

from pip_variants.cli.asking import add_target, target_of
from pip_variants.cli.text import print_json, print_lines, warn
from pip_variants.inventory import installed_variants

NONE_INSTALLED = "No variants are installed."

add_arguments = add_target


def run(options: argparse.Namespace) -> int:
    found = installed_variants(warn, target_of(options))
    if options.json:
        print_json(variants=[one.to_json() for one in found])
    for one in () if options.json else found:
        label = f", variant {one.variant.label}" if one.variant else ""
        fits = {True: "supported", False: "not supported", None: "not known"}[one.supported]
        if one.target and not one.supported:
            fits = f"for {one.target}"
        properties = one.variant.properties if one.variant else ()
        print_lines(f"{one.name} {one.version}{label}: {fits}")
        for text in (*map(str, properties), one.reason):
            print_lines(text, "    ", "      ")
    if not found and not options.json:
        print(NONE_INSTALLED)
    return 1 if any(one.supported is None for one in found) else 0
