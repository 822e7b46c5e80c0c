"""What a person at a terminal reads about variants, in pip's own output."""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import groupby
from logging import INFO, WARNING
from typing import Any

from pip._internal.models.link import Link
from pip._internal.utils.logging import indent_log

from pip_variants.errors import printable
from pip_variants.model.ordering import Ordering, Rejection
from pip_variants.pip_adapter.gate import VERBOSE, log
from pip_variants.pip_adapter.names import label_of

__all__ = ["decided", "ignored", "log_preparing_link", "sources_differ", "unknown"]

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
                _say(INFO, line)

    return log_preparing_link


def decided(
    what: str, ordering: Ordering, usable: Sequence[Link], level: int, *, hashes: bool
) -> None:
    """Say why labels of the release `what` were rejected; `usable` are its files, best first."""
    for rejection in ordering.rejected:
        _say(VERBOSE, f"Variant {rejection.label} of {what} {rejection.reason}")
    variants = {variant.label: variant for variant in ordering.best_first}
    none_fits = _none_fits(ordering.rejected)
    for link in usable:
        label = label_of(link.filename)
        if label is not None:
            by = ", ".join(map(str, ordering.deciding(variants[label])))
            _choices[link.url] = f"Using the variant {label} ({by or 'fits everywhere'})"
        elif ordering.rejected:
            kind = "wheel without variant" if link.is_wheel else "source distribution"
            why = "the variants that fit cannot be used" if variants else none_fits
            _choices[link.url] = f"Using the {kind}: {why}"
    if not usable:
        only = "; the required hashes leave no other file" if hashes else ""
        _say(level, f"Skipping {what}: {none_fits}{only}")


def ignored(what: str, reason: str) -> None:
    """Warn that the variants of a release cannot be used."""
    _say(WARNING, f"Ignoring the wheel variants of {what}: {reason}")


def unknown(name: str, reason: str) -> None:
    """Warn that the best version of a package cannot be told."""
    _say(WARNING, f"Skipping {name}: {reason}")


def sources_differ(what: str, first: str, difference: str) -> None:
    """Warn that sources of a release contradict each other."""
    _say(
        WARNING,
        f"The sources of {what} disagree about its variants ({difference}); "
        f"using those of {first}.",
    )


def _say(level: int, text: str) -> None:
    log.log(level, "%s", printable(text))


def _none_fits(rejected: Sequence[Rejection]) -> str:
    if not rejected:
        return "its variants are ignored"
    reasons = []
    for given, group in groupby(rejected[:_SHOWN], key=lambda one: one.given):
        needs = ", ".join(f"{one.label} {one.missing}" for one in group)
        reasons.append(f"{needs} ({given})" if given else needs)
    if len(rejected) > _SHOWN:
        reasons.append(f"{len(rejected) - _SHOWN} more, see -v")
    return f"no variant fits this machine; {'; '.join(reasons)}"
