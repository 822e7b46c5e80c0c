"""`pip check` reports installed variants that this machine does not support."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pip._internal.metadata import get_default_environment
from pip._internal.utils.misc import write_output

from pip_variants import reasons
from pip_variants.errors import DetectionError, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.ordering import Rejection
from pip_variants.pip_adapter.gate import log
from pip_variants.pip_adapter.target import asker
from pip_variants.selection import Choices, select

__all__ = ["create_package_set_from_installed"]


def create_package_set_from_installed(
    original: Callable[..., tuple[Any, bool]],
) -> Callable[..., tuple[Any, bool]]:
    """`create_package_set_from_installed`, where `pip check` took it over by name.

    The second part of its result makes `pip check` fail, whatever else it finds.
    """

    @wraps(original)
    def create(*args: Any, **kw: Any) -> tuple[Any, bool]:
        package_set, problems = original(*args, **kw)
        environment = get_default_environment()
        for one in environment.iter_installed_distributions(local_only=False, skip=()):
            try:
                for rejection in _rejected(one):
                    reason = f"{rejection.label} {reasons.reason(rejection)}"
                    what = f"{one.raw_name} {one.version} is a variant"
                    write_output(
                        "%s", printable(f"{what} that this machine does not support: {reason}")
                    )
                    problems = True
            except (DetectionError, ValueError, OSError) as error:
                reason = f"Could not tell whether the variant of {one.raw_name} fits: {error}"
                log.warning("%s", printable(reason))
        return package_set, problems

    return create


def _rejected(distribution: Any) -> tuple[Rejection, ...]:
    """Why the machine does not support a distribution; nothing for what is no variant.

    Raises `InvalidVariantMetadata` and `DetectionError`.
    """
    try:
        text = distribution.read_text("variant.json")
    except FileNotFoundError:
        return ()
    metadata = VariantMetadata.parse(text, "variant.json")
    # The variant would not be here if its namespaces had not been enabled. pip itself compares the
    # packages that it is built for.
    namespaces = {name for one in metadata.variants.values() for name in one.namespaces}
    choices = Choices(enabled=frozenset(namespaces))
    rejected = select(metadata, metadata.variants, asker(), choices).rejected
    for one in rejected:
        if one.remedy:  # the provider is missing: nothing is known
            raise DetectionError(f"{one.label} {reasons.reason(one)}")
    return rejected
