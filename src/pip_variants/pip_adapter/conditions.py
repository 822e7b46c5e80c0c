"""When a replacement has anything to do; cheap, and loads nothing.

Each function gets the arguments of the call. An exception counts as no.
"""

import os
from typing import Any

from pip_variants.pip_adapter.gate import gate

__all__ = [
    "any_installed_is_variant",
    "any_is_variant",
    "has_variant_markers",
    "locks_variants",
    "looks_labelled",
    "may_have_other_dependencies",
    "may_have_others_in_message",
    "seen",
]


def seen(*_: Any, **__: Any) -> bool:
    """A variant wheel was accepted in this run."""
    return gate.seen


def looks_labelled(_: Any, wheel_path: str) -> bool:
    """The name of a wheel that was built has room for a label."""
    return os.path.basename(wheel_path).count("-") >= 5


def has_variant_markers(distribution: Any, *_: Any, **__: Any) -> bool:
    """A dependency of the distribution may have a variant marker."""
    return _mentioned(distribution.metadata)


def may_have_other_dependencies(distribution: Any, *_: Any, **__: Any) -> bool:
    """The distribution may depend on something else than stock pip would read."""
    # What is not installed is a variant only where one was accepted.
    is_installed = getattr(distribution, "_installed_location", True) is not None
    may_be_variant = gate.seen or is_installed
    return _mentioned(distribution.metadata) or (may_be_variant and _is_variant(distribution))


def may_have_others_in_message(distribution: Any, *_: Any, **__: Any) -> bool:
    """The same for pip's pkg_resources backend, which keeps a message of its own."""
    return _mentioned(distribution._dist._parsed_pkg_info) or _is_variant(distribution)


def any_is_variant(*arguments: Any, **__: Any) -> bool:
    """A distribution among the arguments, or in the list that is one, is a variant."""
    for argument in arguments:
        for one in argument if isinstance(argument, (list, tuple)) else (argument,):
            if hasattr(one, "read_text") and _is_variant(one):
                return True
    return False


def any_installed_is_variant(*_: Any, **__: Any) -> bool:
    """A distribution of the environment that pip runs in is a variant."""
    from pip._internal.metadata import get_default_environment  # pip has it loaded by then

    installed = get_default_environment().iter_installed_distributions(local_only=False, skip=())
    return any_is_variant(list(installed))


def locks_variants(_: Any, document: Any, **__: Any) -> bool:
    """A package of the lock has variants."""
    return any("variants-json" in package for package in document["packages"])


def _mentioned(message: Any) -> bool:
    return any("variant_" in text for text in message.get_all("Requires-Dist", ()))


def _is_variant(distribution: Any) -> bool:
    try:
        distribution.read_text("variant.json")
    except (FileNotFoundError, ValueError):  # none, or none that can be read
        return False
    return True
