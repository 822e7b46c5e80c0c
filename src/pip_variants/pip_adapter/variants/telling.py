"""What a person at a terminal reads about variants, in pip's own output."""

from collections.abc import Collection, Iterator
from logging import INFO, WARNING
from typing import TYPE_CHECKING, Any

from pip._internal.models.link import Link
from pip._internal.utils.logging import indent_log

from pip_variants import reasons
from pip_variants.errors import printable
from pip_variants.pip_adapter.hook.run import VERBOSE, current

if TYPE_CHECKING:
    from pip_variants.pip_adapter.variants.release import Release


def log_preparing_link(self: Any, req: Any, *, original: Any) -> None:
    """`RequirementPreparer._log_preparing_link`: a line below "Collecting …"."""
    original(self, req)
    release = current().release_of_url.get(req.link.url) if req.link else None
    if release and (line := using(release, req.link)):
        with indent_log():
            _say(INFO, line)
            for warning in unfit_devices(release, req.link):
                _say(WARNING, warning)
            for note in of_builds(release):
                current().say(INFO, printable(note), once=True)


def decided(release: "Release", *, aloud: bool) -> None:
    """Tell what was decided about a release. Not `aloud`, it is told at -v only."""
    ordering = release.decision.ordering
    if release.builds:  # all releases are put in order then, and why not is said of the set
        return
    for one in ordering.rejected:
        text = f"Variant {one.label} of {release.what} {reasons.reason(one)}"
        current().say(VERBOSE, printable(text), once=True)
    if ordering.best_first:
        _hint(release)
    if not release.decision.files:
        if aloud:
            current().skipped.setdefault(release.name, []).append(release)
        else:
            _say(VERBOSE, skipping(release))


def skipped(name: str) -> None:
    """Tell of the releases of a project that were passed over since the last time."""
    passed = current().skipped.pop(name, [])
    if len(passed) == 1:
        _say(INFO, skipping(passed[0]))
    elif passed:
        newest, *_, oldest = passed
        _say(
            INFO,
            f"Skipping {len(passed)} versions of {name} ({newest.version} to {oldest.version}, "
            f"each with its reason at -v): {why_skipped(newest)}",
        )
        for one in passed:
            _say(VERBOSE, skipping(one))


def passed_over(release: "Release") -> None:
    """Tell that all files of a release that fit turned out to be something else."""
    current().say(INFO, printable(skipping(release)), once=True)


def using(release: "Release", link: Link) -> str:
    """Which file of a release is taken, and why; empty where the release has no variants."""
    run, decision = current(), release.decision
    variant = release.variant_of(link)
    if release.builds and len(release.builds.labels_of(link)) > 1:
        return ""  # it is the same for several builds, and none of them was chosen for it
    if variant is not None:
        return reasons.chosen(variant, decision.ordering, release.what if release.builds else "")
    if all(run.label_of(one.filename) is None for one in release.links):
        return ""
    packages = [package for file in decision.files for package in release.bound(file)]
    bound = {text for package in packages for text in package.requirements}
    if decision.wanted:
        why = "as --variant says"
    elif release.refused:
        why = "its variants are not what its index says"
    elif bound:
        why = f"the variants that fit need {' or '.join(sorted(bound))}"
    elif decision.ordering.best_first and decision.hashes:
        why = "hashes are required, and those of the variants that fit are not known or not allowed"
    elif decision.ordering.best_first:
        why = "the variants that fit cannot be used"
    else:
        why = reasons.none_fits(decision.ordering.rejected)
    return f"Using the {'wheel without variant' if link.is_wheel else 'source distribution'}: {why}"


def of_builds(release: "Release") -> Iterator[str]:
    """What there is to say of the release that was taken, if it has builds of an index set."""
    if newer := release.newer:
        variant = newer.variant_of(newer.decision.files[0])
        but = f"its best build here is {variant.label}" if variant else "not there as a build"
        take = f"--variant {release.name}={variant.label if variant else 'none'}"
        yield f"{newer.what} is newer, but {but}; to take it: {take}"
    if release.builds and release.builds.is_newer_than_set():
        yield (
            f"{release.what} is newer than the index set {release.builds.source}, which may not "
            "know all of its builds"
        )


def skipping(release: "Release") -> str:
    """That a release is passed over, and why."""
    return f"Skipping {release.what}: {why_skipped(release)}"


def why_skipped(release: "Release") -> str:
    """Why no file of a release can be used."""
    decision = release.decision
    if decision.files and all(link.url in release.refused for link in decision.files):
        return "its files are not what its index says"
    labels = sorted(filter(None, {current().label_of(one.filename) for one in release.links}))
    rejected, wanted = decision.ordering.rejected, decision.wanted
    why = reasons.skipped(rejected, wanted, labels, hashes=decision.hashes)
    if release.is_locked:
        why += "; the lock has no other and was made for other machines: make one for this one"
    return why


def unfit_devices(release: "Release", link: Link) -> list[str]:
    """Warnings of devices of this machine that cannot run a variant."""
    variant, ordering = release.variant_of(link), release.decision.ordering
    return reasons.unfit_devices(release.what, variant, ordering) if variant else []


def ignored(release: "Release", reason: str) -> None:
    """Warn that the variants of a release cannot be used."""
    text = f"Ignoring the wheel variants of {release.what}: {reason}"
    current().say(WARNING, printable(text), once=True)


def unlisted(release: "Release", labels: Collection[str]) -> None:
    """Warn that the metadata of a release does not speak of variants that its index lists."""
    some = reasons.some(sorted(labels))
    text = f"Ignoring variants of {release.what} that its variant metadata does not list: {some}"
    _say(WARNING, text)


def sources_differ(release: "Release", first: str, difference: str) -> None:
    """Warn that sources of a release contradict each other."""
    what = f"The sources of {release.what} disagree about its variants ({difference})"
    _say(WARNING, f"{what}; using those of {first}.")


def refused(link: Link, difference: str) -> None:
    """Warn that a wheel that pip had chosen is not taken after all."""
    _say(WARNING, f"{not_as_promised(link, difference)}; pip chooses again")


def passed_by(link: Link, difference: str) -> None:
    """Tell, at -v, that a wheel is not even chosen; the first one like it was warned of."""
    _say(VERBOSE, not_as_promised(link, difference))


def not_as_promised(link: Link, difference: str) -> str:
    """That a wheel is refused, and why."""
    return f"{link.filename} is {unlike(difference)}"


def unlike(difference: str) -> str:
    """What a wheel is that is refused."""
    return f"not what its index says: {difference}"


def _hint(release: "Release") -> None:
    """Say, once, what would let pip consider more variants; where none fits, it is said there."""
    said = current().said
    for remedy, labels in reasons.remedies(release.decision.ordering.rejected).items():
        if remedy not in said:
            said.add(remedy)
            more = f"{release.what} has more variants ({reasons.some(labels)})"
            _say(INFO, f"Hint: {more}; to let pip consider them: {remedy}")


def _say(level: int, text: str) -> None:
    current().say(level, printable(text))
