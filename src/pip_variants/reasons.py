"""Why a target cannot use a variant, in words: the one place where a rejection becomes text."""

from pip_variants.model.ordering import Rejection

_SHOWN = 16  # values in a reason


def missing(rejection: Rejection) -> str:
    """What the target lacks, to follow the label in a sentence."""
    if rejection.feature is None:
        return "is not listed in the variant metadata"
    return f"needs {rejection.feature} :: {_some(rejection.values, ' or ')}"


def cause(rejection: Rejection) -> str:
    """What there is instead, or why there is nothing; empty for what is not listed."""
    if rejection.feature is None:
        return ""
    return rejection.absent or f"supported: {_some(rejection.supported, ', ') or 'none'}"


def given(rejection: Rejection) -> str:
    """The cause, and what the user can do about it."""
    return ": ".join(filter(None, (cause(rejection), rejection.remedy)))


def reason(rejection: Rejection) -> str:
    """All of it, to follow the label in a sentence."""
    why = given(rejection)
    return f"{missing(rejection)} ({why})" if why else missing(rejection)


def _some(values: tuple[str, ...], separator: str) -> str:
    return separator.join([*values[:_SHOWN], "..."] if len(values) > _SHOWN else values)
