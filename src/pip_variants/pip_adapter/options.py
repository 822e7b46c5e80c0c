"""pip's own options for variants, and how pip-variants gets to know them."""

import os
import sysconfig
from collections.abc import Callable
from functools import wraps
from optparse import OptionGroup
from typing import Any

from pip._internal.cli import cmdoptions

from pip_variants.pip_adapter.gate import gate

__all__ = ["link_collector_create", "make_option_group"]


def make_option_group(original: Callable[..., OptionGroup]) -> Callable[..., OptionGroup]:
    """`cmdoptions.make_option_group`: commands with index options get ours beside them."""

    @wraps(original)
    def make_option_group(group: dict[str, Any], parser: Any) -> OptionGroup:
        result = original(group, parser)
        if group is cmdoptions.index_group:
            parser.insert_option_group(0, _variant_options(parser))
        return result

    return make_option_group


def link_collector_create(original: Callable[..., Any]) -> Callable[..., Any]:
    """`LinkCollector.create`: every command that looks for packages shows its options here."""

    @wraps(original)
    def create(cls: Any, session: Any, options: Any, *args: Any, **kw: Any) -> Any:
        gate.session = session
        gate.is_open = not getattr(options, "no_variants", False)
        if not gate.is_open:
            os.environ["PIP_NO_VARIANTS"] = "1"  # for the pips that build isolation starts
        else:
            os.environ.pop("PIP_NO_VARIANTS", None)  # of a run before, in the same process
        other = [
            getattr(options, name, None) for name in ("python_version", "abis", "implementation")
        ]
        if getattr(options, "platforms", None) or any(other):
            from pip_variants.pip_adapter.target import install_for

            install_for(options.platforms or [sysconfig.get_platform().replace("-", "_")])
        return original(cls, session, options, *args, **kw)

    return create


def _variant_options(parser: Any) -> OptionGroup:
    group = OptionGroup(parser, "Wheel Variant Options")
    group.add_option(
        "--no-variants",
        dest="no_variants",
        action="store_true",
        default=False,
        help="Ignore variant wheels, as pip does without pip-variants.",
    )
    return group
