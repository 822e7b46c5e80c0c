"""What a person at a terminal reads about variants, in pip's own output."""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import groupby
from typing import Any

from pip._internal.models.link import Link
from pip._internal.utils.logging import indent_log

from pip_variants.model.ordering import Ordering, Rejection
from pip_variants.pip_adapter.gate import VERBOSE, log
from pip_variants.pip_adapter.names import label_of

__all__ = ["decided", "ignored", "log_preparing_link", "none_fits", "sources_differ"]

_choices: dict[str, str] = {}
"""URL of a file -> the line to print when pip collects it."""

_SHOWN = 3  # reasons in one line; the others at -v


def log_preparing_link(original: Callable[..., None]) -> Callable[..., None]:
    """`RequirementPreparer._log_preparing_link`: a line below "Collecting …"."""

    @wraps(original)
    def log_preparing_link(self: Any, req: Any) -> None:
        original(self, req)
        if req.link and (line := _choices.pop(req.link.url, "")):
            with indent_log():
                log.info(line)

    return log_preparing_link


def decided(
    what: str, ordering: Ordering, usable: Sequence[Link], level: int, *, hashes: bool
) -> None:
    """Say why labels of the release `what` were rejected; `usable` are its files, best first."""
    for rejection in ordering.rejected:
        log.log(VERBOSE, "Variant %s of %s %s", rejection.label, what, rejection.reason)
    variants = {variant.label: variant for variant in ordering.best_first}
    for link in usable:
        label = label_of(link.filename)
        if label is not None:
            by = ", ".join(map(str, ordering.deciding(variants[label])))
            _choices[link.url] = f"Using the variant {label} ({by or 'fits everywhere'})"
        elif ordering.rejected:
            kind = "wheel without variant" if link.is_wheel else "source distribution"
            _choices[link.url] = f"Using the {kind}: {none_fits(ordering.rejected)}"
    if not usable:
        only = "; the required hashes leave no other file" if hashes else ""
        log.log(level, "Skipping %s: %s%s", what, none_fits(ordering.rejected), only)


def ignored(what: str, reason: str) -> None:
    """Warn that the variants of a release cannot be used."""
    log.warning("Ignoring the wheel variants of %s: %s", what, reason)


def sources_differ(what: str, first: str, difference: str) -> None:
    """Warn that sources of a release contradict each other."""
    log.warning(
        "The sources of %s disagree about its variants (%s); using those of %s.",
        what,
        difference,
        first,
    )


def none_fits(rejected: Sequence[Rejection]) -> str:
    """Why no variant can be used, in one line."""
    if not rejected:
        return "its variants are ignored"
    reasons = []
    for given, group in groupby(rejected[:_SHOWN], key=lambda one: one.given):
        needs = ", ".join(f"{one.label} {one.missing}" for one in group)
        reasons.append(f"{needs} ({given})" if given else needs)
    if len(rejected) > _SHOWN:
        reasons.append(f"{len(rejected) - _SHOWN} more, see -v")
    return f"no variant fits this machine; {'; '.join(reasons)}"
