"""The variant of a distribution in what pip lists, shows, reports and checks.

Added where a variant is, so that output without variants is what it was and readers of pip's
formats find everything where they expect it.
"""

import json
from logging import WARNING
from typing import Any

from pip._internal.metadata import get_default_environment
from pip._internal.utils.misc import write_output

from pip_variants import reasons
from pip_variants.errors import DetectionError, printable
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import TARGET_FILE
from pip_variants.model.ordering import Rejection
from pip_variants.pip_adapter.hook.conditions import any_is_variant
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.dependencies import variant_of
from pip_variants.pip_adapter.variants.target import target
from pip_variants.selection import Choices, select


def install_req_to_dict(cls: Any, ireq: Any, *, original: Any) -> dict[str, Any]:
    """`InstallationReport._install_req_to_dict`: the entries of `pip install --report`."""
    variant = variant_of(ireq.get_dist())
    release = current().release_of_url.get(ireq.link.url) if ireq.link else None
    if variant is None and release is not None:
        variant = release.variant_of(ireq.link)
    return _with_variant(original(cls, ireq), variant)


def dist_to_dict(self: Any, dist: Any, *, original: Any) -> dict[str, Any]:
    """`InspectCommand._dist_to_dict`: the entries of `pip inspect`."""
    return _with_variant(original(self, dist), variant_of(dist))


def format_for_json(packages: Any, options: Any, *, original: Any) -> str:
    """`pip list --format json`."""
    entries = json.loads(original(packages, options))
    for entry, package in zip(entries, packages, strict=True):
        _with_variant(entry, variant_of(package))
    return json.dumps(entries)


def format_for_columns(packages: Any, options: Any, *, original: Any) -> Any:
    """`pip list`: a column more, if any distribution is a variant."""
    rows, header = original(packages, options)
    variants = [variant_of(package) for package in packages]
    if any(variants):
        header.append("Variant")
        for row, variant in zip(rows, variants, strict=True):
            row.append(variant.label if variant else "")
    return rows, header


def print_results(distributions: Any, *args: Any, original: Any, **kw: Any) -> bool:
    """`pip show`: a line more for a variant."""
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


def create_package_set_from_installed(*args: Any, original: Any, **kw: Any) -> tuple[Any, bool]:
    """`create_package_set_from_installed`: `pip check` fails by the second part of its result."""
    package_set, problems = original(*args, **kw)
    environment, run = get_default_environment(), current()
    for one in environment.iter_installed_distributions(local_only=False, skip=()):
        what = f"{one.raw_name} {one.version}"
        try:
            for rejection in _rejected(one):
                reason = f"{rejection.label} {reasons.reason(rejection)}"
                if run.options.variant_target is None and (named := target_of(one)):
                    write_output("%s", printable(f"{what} {reasons.for_target(named, reason)}"))
                    continue
                is_wrong = f"is a variant that {reasons.who(run.target_name)} does not support"
                write_output("%s", printable(f"{what} {is_wrong}: {reason}"))
                problems = True
        except (DetectionError, ValueError, OSError) as error:
            reason = f"Could not tell whether the variant of {one.raw_name} fits: {error}"
            current().say(WARNING, printable(reason))
    return package_set, problems


def _rejected(distribution: Any) -> tuple[Rejection, ...]:
    """Why the machine does not support a variant. Raises `ValueError` and `DetectionError`."""
    try:
        text = distribution.read_text("variant.json")
    except FileNotFoundError:
        return ()
    metadata = VariantMetadata.parse(text, "variant.json")
    # The variant would not be here if its namespaces had not been enabled. pip itself compares the
    # packages that it is built for.
    namespaces = {name for one in metadata.variants.values() for name in one.namespaces}
    choices = Choices(enabled=frozenset(namespaces))
    rejected = select(metadata, metadata.variants, target(), choices).rejected
    for one in rejected:
        if one.remedy:  # the provider is missing: nothing is known
            raise DetectionError(f"{one.label} {reasons.reason(one)}")
    return rejected


def target_of(distribution: Any) -> str:
    """The target that it was installed for, if any."""
    try:
        return str(distribution.read_text(TARGET_FILE)).strip()
    except (FileNotFoundError, ValueError):
        return ""


def _with_variant(entry: dict[str, Any], variant: Variant | None) -> dict[str, Any]:
    if variant is not None:
        properties = [str(one) for one in variant.properties]
        entry["variant"] = {"label": variant.label, "properties": properties}
    return entry
