"""The variant of a distribution in what pip lists, shows and reports.

Added where a variant is, so that output without variants is what it was and readers of pip's
formats find everything where they expect it.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from pip._internal.metadata import get_default_environment
from pip._internal.utils.misc import write_output

from pip_variants.pip_adapter.conditions import any_is_variant
from pip_variants.pip_adapter.names import label_of

if TYPE_CHECKING:
    from pip_variants.model.metadata import Variant

__all__ = [
    "dist_to_dict",
    "format_for_columns",
    "format_for_json",
    "install_req_to_dict",
    "print_results",
]


def install_req_to_dict(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`InstallationReport._install_req_to_dict`: the entries of `pip install --report`."""

    @wraps(original)
    def install_req_to_dict(cls: Any, ireq: Any) -> dict[str, Any]:
        result = original(cls, ireq)
        variant = variant_of(ireq.get_dist())
        label = label_of(ireq.link.filename) if ireq.link else None
        if variant is None and label is not None:
            from pip_variants.model.metadata import Variant
            from pip_variants.pip_adapter.ranking import promise_of

            promise = promise_of(ireq.link)
            variant = promise.variants.get(label, Variant(label)) if promise else None
        return _with_variant(result, variant)

    return install_req_to_dict


def dist_to_dict(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`InspectCommand._dist_to_dict`: the entries of `pip inspect`."""

    @wraps(original)
    def dist_to_dict(self: Any, dist: Any) -> dict[str, Any]:
        return _with_variant(original(self, dist), variant_of(dist))

    return dist_to_dict


def format_for_json(original: Callable[..., str]) -> Callable[..., str]:
    """`pip list --format json`."""

    @wraps(original)
    def format_for_json(packages: Any, options: Any) -> str:
        entries = json.loads(original(packages, options))
        for entry, package in zip(entries, packages, strict=True):
            _with_variant(entry, variant_of(package))
        return json.dumps(entries)

    return format_for_json


def format_for_columns(original: Callable[..., Any]) -> Callable[..., Any]:
    """`pip list`: a column more, if any distribution is a variant."""

    @wraps(original)
    def format_for_columns(packages: Any, options: Any) -> Any:
        rows, header = original(packages, options)
        variants = [variant_of(package) for package in packages]
        if any(variants):
            header.append("Variant")
            for row, variant in zip(rows, variants, strict=True):
                row.append(variant.label if variant else "")
        return rows, header

    return format_for_columns


def print_results(original: Callable[..., bool]) -> Callable[..., bool]:
    """`pip show`: a line more for a variant."""

    @wraps(original)
    def print_results(distributions: Any, *args: Any, **kw: Any) -> bool:
        printed = False
        for distribution in distributions:
            if printed:
                write_output("---")
            printed = original([distribution], *args, **kw)
            installed = get_default_environment().get_distribution(distribution.name)
            if any_is_variant(installed) and (variant := variant_of(installed)):
                properties = ", ".join(map(str, variant.properties))
                write_output("Variant: %s%s", variant.label, properties and f" ({properties})")
        return printed

    return print_results


def variant_of(distribution: Any) -> "Variant | None":
    """The variant that a distribution is, by its own `variant.json`; None if it is none."""
    from pip_variants.pip_adapter.markers import variant_of

    return variant_of(distribution)


def _with_variant(entry: dict[str, Any], variant: "Variant | None") -> dict[str, Any]:
    if variant is not None:
        properties = [str(one) for one in variant.properties]
        entry["variant"] = {"label": variant.label, "properties": properties}
    return entry
