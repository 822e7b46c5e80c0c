"""What a person at a terminal reads about variants, in pip's own output."""

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from itertools import groupby
from logging import INFO, WARNING
from typing import Any

from pip._internal.models.link import Link
from pip._internal.utils.logging import indent_log

from pip_variants import reasons
from pip_variants.errors import printable
from pip_variants.model.metadata import Variant
from pip_variants.model.ordering import Ordering, Rejection
from pip_variants.pip_adapter.gate import VERBOSE, log
from pip_variants.pip_adapter.names import label_of

__all__ = [
    "decided",
    "ignored",
    "installed_stays",
    "log_preparing_link",
    "sources_differ",
    "unfit_devices",
    "unknown",
    "unlisted",
    "unwanted",
    "warned",
]

_choices: dict[str, str] = {}
"""URL of a file -> the line to print when pip collects it."""

_warnings: dict[str, list[str]] = {}
"""The same for warnings."""

_hinted: set[str] = set()

_SHOWN = 3  # reasons in one line; the others at -v


def log_preparing_link(original: Callable[..., None]) -> Callable[..., None]:
    """`RequirementPreparer._log_preparing_link`: a line below "Collecting …"."""

    @wraps(original)
    def log_preparing_link(self: Any, req: Any) -> None:
        original(self, req)
        if req.link and (line := _choices.pop(req.link.url, "")):
            with indent_log():
                _say(INFO, line)
                for warning in _warnings.pop(req.link.url, ()):
                    _say(WARNING, warning)

    return log_preparing_link


def decided(  # noqa: PLR0913
    what: str,
    ordering: Ordering,
    usable: Sequence[Link],
    level: int,
    bound: Collection[str],
    *,
    hashes: bool,
) -> None:
    """Say why labels of the release `what` were rejected; `usable` are its files, best first.

    `bound` are the releases of other packages that some of the files need.
    """
    for rejection in ordering.rejected:
        _say(VERBOSE, f"Variant {rejection.label} of {what} {reasons.reason(rejection)}")
    if ordering.best_first:
        _hint(what, ordering.rejected)
    variants = {variant.label: variant for variant in ordering.best_first}
    none_fits = _none_fits(ordering.rejected)
    for link in usable:
        label = label_of(link.filename)
        if label is not None:
            by = ", ".join(map(str, ordering.deciding(variants[label])))
            _choices[link.url] = f"Using the variant {label} ({by or 'fits everywhere'})"
            _warnings[link.url] = unfit_devices(what, ordering, variants[label])
        elif ordering.rejected or bound:
            kind = "wheel without variant" if link.is_wheel else "source distribution"
            why = f"the variants that fit need {' or '.join(sorted(bound))}" if bound else none_fits
            if variants and not bound:
                why = "the variants that fit cannot be used"
            _choices[link.url] = f"Using the {kind}: {why}"
    if not usable:
        only = "; the required hashes leave no other file" if hashes else ""
        _say(level, f"Skipping {what}: {none_fits}{only}")


def unfit_devices(what: str, ordering: Ordering, variant: Variant) -> list[str]:
    """Warnings of devices of this machine that cannot run a variant."""
    return [
        f"The variant {variant.label} of {what} is not for all devices: {device} cannot run it"
        for device in ordering.unfit_devices(variant)
    ]


def ignored(what: str, reason: str) -> None:
    """Warn that the variants of a release cannot be used."""
    _say(WARNING, f"Ignoring the wheel variants of {what}: {reason}")


def unlisted(what: str, labels: Collection[str]) -> None:
    """Warn that the metadata of a release does not speak of variants that its index lists."""
    some = ", ".join(sorted(labels)[:_SHOWN]) + (" ..." if len(labels) > _SHOWN else "")
    _say(WARNING, f"Ignoring variants of {what} that its variant metadata does not list: {some}")


def unknown(name: str, reason: str) -> None:
    """Warn that the best version of a package cannot be told."""
    _say(WARNING, f"Skipping {name}: {reason}")


def warned(text: str) -> None:
    """Pass on what a provider warns of."""
    _say(WARNING, text)


def unwanted(what: str, label: str, reason: str) -> None:
    """Say why a release has nothing of the label that the user wants (`--variant`)."""
    if label == "none":
        reason = "it has variants only"
    elif reason:
        reason = f"its variant {label} {reason}; for other machines there is --variant-target"
    _say(INFO, f"Skipping {what}: {reason or f'it has no variant {label}'}")


def installed_stays(installed: Any) -> None:
    """Warn that what is installed is not the variant that the user wants (`--variant`)."""
    from pip_variants.pip_adapter.listing import variant_of
    from pip_variants.pip_adapter.options import label_for

    wanted, variant = label_for(installed.name), variant_of(installed.dist)
    label = variant.label if variant else "none"
    if wanted and wanted != label:
        _say(
            WARNING,
            f"{installed.name} {installed.version} is installed as {label}, not {wanted}; "
            "if that version stays, --force-reinstall exchanges it",
        )


def sources_differ(what: str, first: str, difference: str) -> None:
    """Warn that sources of a release contradict each other."""
    _say(
        WARNING,
        f"The sources of {what} disagree about its variants ({difference}); "
        f"using those of {first}.",
    )


def _hint(what: str, rejected: Sequence[Rejection]) -> None:
    """Say, once, what would let pip consider more variants; where none fits, it is said there."""
    labels: dict[str, list[str]] = {}
    for one in rejected:
        labels.setdefault(one.remedy, []).append(one.label)
    for remedy in labels.keys() - _hinted - {""}:
        _hinted.add(remedy)
        some = ", ".join(labels[remedy][:_SHOWN]) + (" ..." if labels[remedy][_SHOWN:] else "")
        _say(INFO, f"Hint: {what} has more variants ({some}); to let pip consider them: {remedy}")


def _say(level: int, text: str) -> None:
    log.log(level, "%s", printable(text))


def _none_fits(rejected: Sequence[Rejection]) -> str:
    if not rejected:
        return "its variants are ignored"
    parts = []
    for given, group in groupby(rejected[:_SHOWN], key=reasons.given):
        needs = ", ".join(f"{one.label} {reasons.missing(one)}" for one in group)
        parts.append(f"{needs} ({given})" if given else needs)
    if len(rejected) > _SHOWN:
        parts.append(f"{len(rejected) - _SHOWN} more, see -v")
    return f"no variant fits this machine; {'; '.join(parts)}"
