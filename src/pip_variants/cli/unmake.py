"""Make a variant wheel an ordinary one again, as `make --label none` does.

Variant markers of its dependencies are decided then, since few installers know them.
"""

import argparse

from pip_variants.cli.make import add_changes, run
from pip_variants.publish.project import PLAIN

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_changes(parser)
    nothing = dict.fromkeys(("property", "provider", "plugin_api"), ())
    parser.set_defaults(label=PLAIN, namespaces="", project=None, unchecked=False, **nothing)
