"""Why a target cannot use a variant, in words: the one place where a rejection becomes text.

A wheel that is not what its index says is refused: that is said in `variants.telling`.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from pip_variants.model.metadata import Variant
from pip_variants.model.ordering import Ordering, Rejection

FITS_EVERYWHERE = "fits everywhere"
"""What there is to say of a variant without properties."""

_SHOWN = 16  # values in a reason
_REASONS = 3  # of them in a line; the others at -v


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


def who(target: str) -> str:
    """The target, in a sentence; empty and `here` are this machine."""
    return f"the target {target}" if target not in ("", "here") else "this machine"


def for_target(target: str, reason: str) -> str:
    """That an installed variant fits the target it was installed for, but not this machine."""
    return f"fits {target}, for which it was installed; not this machine: {reason}"


def none_fits(rejected: Sequence[Rejection]) -> str:
    """Why none of a release's variants can be used, with the first reasons."""
    if not rejected:
        return "its variants are ignored"
    texts = []
    for why, group in groupby(rejected[:_REASONS], key=given):
        needs = ", ".join(f"{one.label} {missing(one)}" for one in group)
        texts.append(f"{needs} ({why})" if why else needs)
    if len(rejected) > _REASONS:
        texts.append(f"{len(rejected) - _REASONS} more, see -v")
    return f"no variant fits this machine; {'; '.join(texts)}"


def chosen(variant: Variant, ordering: Ordering, release: str = "") -> str:
    """Which variant is taken, or which build of a release, and why."""
    by = ", ".join(map(str, ordering.deciding(variant)))
    what = f"build {variant.label} of {release}" if release else f"variant {variant.label}"
    return f"Using the {what} ({by or FITS_EVERYWHERE})"


def skipped(
    rejected: Sequence[Rejection], wanted: str, labels: Sequence[str], *, hashes: bool
) -> str:
    """Why a release has no file that can be used.

    `wanted` is the label that the user asked for, `labels` are those that there are, `hashes` says
    whether hashes left files out.
    """
    if wanted == "none":
        return "it has variants only"
    for one in rejected:
        if one.label == wanted:
            return (
                f"its variant {wanted} {reason(one)}; for other machines there is --variant-target"
            )
    if wanted:
        return f"it has no variant {wanted}" + (f"; there is {some(labels)}" if labels else "")
    return none_fits(rejected) + ("; the required hashes leave no other file" if hashes else "")


def unfit_devices(what: str, variant: Variant, ordering: Ordering) -> list[str]:
    """Warnings of devices of the target that cannot run a variant of the release `what`."""
    return [
        f"The variant {variant.label} of {what} is not for all devices: {device} cannot run it"
        for device in ordering.unfit_devices(variant)
    ]


def remedies(rejected: Iterable[Rejection]) -> dict[str, list[str]]:
    """What would let more variants be considered: remedy -> their labels."""
    labels: dict[str, list[str]] = {}
    for one in rejected:
        if one.remedy and one.label not in labels.setdefault(one.remedy, []):
            labels[one.remedy].append(one.label)
    return labels


def some(labels: Sequence[str]) -> str:
    """The first of many labels."""
    return ", ".join(labels[:_REASONS]) + (" ..." if len(labels) > _REASONS else "")


def _some(values: tuple[str, ...], separator: str) -> str:
    return separator.join([*values[:_SHOWN], "..."] if len(values) > _SHOWN else values)
