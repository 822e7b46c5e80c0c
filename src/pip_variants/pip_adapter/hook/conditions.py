"""When a replacement has anything to do; cheap, and loads nothing.

Each function gets the arguments of the call, whatever these are.
"""

import os
import re
from itertools import chain
from typing import Any

from pip_variants.pip_adapter.hook.run import current

KNOWN = "_pip_variants"
"""The attribute of pip's distributions that holds what is known of their variant."""


def seen(*_: Any, **__: Any) -> bool:
    """A variant wheel was accepted in this run."""
    return current().seen


def names_index_sets(*_: Any, **__: Any) -> bool:
    """The user named index sets, and this pip is known."""
    return bool(current().values("variant_indexes")) and current().accepts_labels()


def names_several_targets(*_: Any, **__: Any) -> bool:
    """The user named several targets."""
    return len(current().targets) > 1 and not current().is_off


def looks_labelled(_: Any, wheel_path: str) -> bool:
    """The name of a wheel that was built has room for a label."""
    return os.path.basename(wheel_path).count("-") >= 5


def has_variant_markers(distribution: Any, *_: Any, **__: Any) -> bool:
    """A dependency of the distribution may have a variant marker, which pip cannot read."""
    return _mentioned(distribution.metadata)


def may_have_other_dependencies(distribution: Any, *_: Any, **__: Any) -> bool:
    """The distribution may depend on something else than stock pip would read."""
    # What is not installed is a variant only where one was accepted.
    is_installed = getattr(distribution, "_installed_location", True) is not None
    may_be_variant = current().seen or is_installed
    return _mentioned(distribution.metadata) or (may_be_variant and is_variant(distribution))


def may_have_others_in_message(distribution: Any, *_: Any, **__: Any) -> bool:
    """The same for pip's pkg_resources backend, which keeps a message of its own."""
    return _mentioned(distribution._dist._parsed_pkg_info) or is_variant(distribution)


def any_is_variant(*arguments: Any, **__: Any) -> bool:
    """A distribution among the arguments, or in the list that is one, is a variant."""
    if current().is_off:
        return False
    lists = (one if isinstance(one, (list, tuple)) else (one,) for one in arguments)
    return any(hasattr(one, "read_text") and is_variant(one) for one in chain(*lists))


def any_installed_is_variant(*_: Any, **__: Any) -> bool:
    """A distribution of the environment that pip runs in is a variant."""
    if current().is_off:
        return False
    from pip._internal.metadata import get_default_environment  # pip has it loaded by then

    installed = get_default_environment().iter_installed_distributions(local_only=False, skip=())
    return any_is_variant(list(installed))


def locks_variants(_: Any, document: Any, **__: Any) -> bool:
    """A wheel of the lock has a name with room for a label."""
    return any(name.count("-") >= 5 for name in re.findall(r"[^/'\"]+\.whl", str(document)))


def is_variant(distribution: Any) -> bool:
    """Whether a distribution of pip has a `variant.json`, of its own or promised by an index."""
    known = getattr(distribution, KNOWN, None)
    if known is not None:
        return known.metadata is not None
    try:
        distribution.read_text("variant.json")
    except (FileNotFoundError, ValueError):  # none, or none that can be read
        return False
    return True


def _mentioned(message: Any) -> bool:
    return any("variant_" in text for text in message.get_all("Requires-Dist", ()))
