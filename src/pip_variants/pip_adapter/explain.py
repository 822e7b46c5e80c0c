"""What `pip install` would decide, without installing: the inside of `pip-variants explain`.

A program for a pip process of its own. Its arguments are a file, to which it writes JSON, and what
`pip install` takes.
"""

import contextlib
import json
import logging
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from pip._internal.cli import cmdoptions
from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import CommandError, DistributionNotFound, PipError
from pip._internal.models.link import Link
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import InvalidVersion, Version

from pip_variants import reasons
from pip_variants.errors import InvalidWheelFilename, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import ABI_DEPENDENCY, PluginProvider, VariantMetadata
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering
from pip_variants.pip_adapter import ranking, report
from pip_variants.pip_adapter.gate import gate
from pip_variants.pip_adapter.links import Unusable, metadata_of, source_of
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.options import label_for
from pip_variants.pip_adapter.target import asker, choices

__all__ = ["Explain", "main"]


class Explain(InstallCommand):
    """Finds and orders candidates as `pip install` does, with its options and configuration."""

    ignore_require_venv = True  # nothing is installed

    def __init__(self, file: str) -> None:
        """What is decided is written to `file`; `error` says why nothing could be."""
        super().__init__("install", "Explain what would be installed.")
        self._file = file
        self._refused: list[tuple[Link, str]] = []

    def run(self, options: Any, args: list[str]) -> int:
        """Run the command."""
        code = 0
        try:
            answer = self._explain(options, args)
        except PipError as error:
            lines = map(str.strip, str(error).splitlines())
            answer = {"error": printable(next(filter(None, lines), repr(error)))}
            code = 2 if isinstance(error, CommandError) else 1
        with open(self._file, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        return code

    def _explain(self, options: Any, args: list[str]) -> dict[str, Any]:
        if hasattr(cmdoptions, "check_release_control_exclusive"):  # since pip 26.0
            cmdoptions.check_release_control_exclusive(options)
        failures = _listen("pip._internal.index.collector", logging.DEBUG)
        said = _listen("pip_variants", logging.INFO)
        session = self.get_default_session(options)
        finder: Any = self._build_package_finder(
            options=options,
            session=session,
            target_python=cmdoptions.make_target_python(options),
            ignore_requires_python=options.ignore_requires_python,
        )
        finder._log_skipped_link = self._note
        given = self.get_requirements(args, options, finder, session) if args else []
        wanted = [one for one in given if not one.constraint]
        if len(wanted) != 1:
            raise CommandError("explain takes one requirement, such as demo or 'demo>=2'")
        requirement = wanted[0]
        if requirement.req is None or requirement.link is not None:
            raise CommandError(f"explain takes a name, such as demo or 'demo>=2', not {args[0]}")
        if not requirement.match_markers():
            raise CommandError(f"pip would install nothing: {args[0]} is not for this environment")
        name = canonicalize_name(requirement.req.name)
        specifier, hashes = requirement.req.specifier, requirement.hashes(trust_internet=False)
        for one in given:
            if one.constraint and one.req and canonicalize_name(one.req.name) == name:
                specifier &= one.req.specifier
                hashes &= one.hashes(trust_internet=False)
        with gate.resolving():
            found: Any = finder.find_best_candidate(name, specifier, hashes)
        is_old = hasattr(found, "iter_applicable")  # as in pip 24.0
        candidates = list(found.iter_applicable() if is_old else found.applicable_candidates)
        visited = _visited(candidates, specifier)
        if not visited:
            failed = [text for _, text in failures if text.startswith("Could not fetch URL")]
            why = f": {failed[0].removesuffix(' - skipping')}" if failed else ""
            raise DistributionNotFound(f"there is no release for {requirement.req}{why}")
        decision = self._decision(name, candidates, visited, requirement)
        decision["warnings"] += [text for level, text in said if level >= logging.WARNING]
        return {
            "target": getattr(options, "variant_target", None),
            "name": name,
            **decision,
            "skipped": list(_skipped(name, [text for _, text in said])),
        }

    def _note(self, link: Link, result: Any, detail: str) -> None:
        """`PackageFinder._log_skipped_link`: files that are no candidates, and why."""
        kind = getattr(result, "name", "")
        if kind == "platform_mismatch":
            detail = "for other platforms or Pythons"
        elif kind == "format_invalid":
            detail = "not looked at, see pip-variants doctor"
        self._refused.append((link, printable(detail)))

    def _decision(
        self, name: str, candidates: list[Any], visited: list[Any], requirement: Any
    ) -> dict[str, Any]:
        make = partial(_link, name=name, template=requirement)
        infos = [(one.version, partial(make, link=one.link)) for one in visited]
        # The very generator from which pip's resolver takes its candidates.
        made = ((str(version), make()) for version, make in ranking.in_order(infos, None))
        release, chosen = next((one for one in made if one[1] is not None), (None, None))
        links = [one.link for one in reversed(candidates) if str(one.version) == release]
        pips_order = [one.link for one in visited if str(one.version) == release]
        ordering, usable = ranking.decided.get((name, str(release)), (Ordering(), pips_order))
        metadata = dict(_metadata(name, str(release), links))
        label = label_of(chosen.filename) if chosen else None
        variants = {one.label: one for one in ordering.best_first}
        files = [_file(link, label_of(link.filename), metadata) for link in usable]
        for place, file in enumerate(files, 1):
            file["place"] = place
        for link in links:
            if link not in usable:
                own = label_of(link.filename)
                file = _file(link, own, metadata)
                files.append({**file, "reason": _reason(link, own, ordering, name)})
        for link, reason in self._refused:
            wheel = _wheel(link, release)
            if wheel is not None:
                files.append({**_file(link, wheel.label, metadata), "reason": reason})
        return {
            "release": release,
            "label": label,
            "filename": chosen.filename if chosen else None,
            "url": _url(chosen) if chosen else None,
            "deciding": [str(one) for one in ordering.deciding(variants[label])] if label else [],
            "files": files,
            "namespaces": list(_namespaces(ordering, metadata.values())),
            "warnings": report.unfit_devices(f"{name} {release}", ordering, variants[label])
            if label
            else [],
            "hints": _hints(ordering for ordering, _ in ranking.decided.values()),
        }


def _listen(name: str, level: int) -> list[tuple[int, str]]:
    """Level and text of what one of pip's loggers says from now on; the list grows."""
    said: list[tuple[int, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append((record.levelno, printable(record.getMessage())))

    logging.getLogger(name).addHandler(Listener(level))
    logging.getLogger(name).setLevel(level)
    return said


def _visited(candidates: list[Any], specifier: Any) -> list[Any]:
    """The candidates that pip's resolver is given, best first (`Factory._iter_found_candidates`).

    PEP 592: what was yanked is for those only who pin just that version.
    """
    pinned = any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for one in specifier
    )
    if pinned and all(one.link.is_yanked for one in candidates):
        return candidates[::-1]
    return [one for one in reversed(candidates) if not one.link.is_yanked]


def _link(*, link: Link, **_: Any) -> Link:
    """What is made here instead of a candidate, for which pip would download metadata."""
    return link


def _metadata(name: str, release: str, links: list[Link]) -> Iterator[tuple[str, VariantMetadata]]:
    """The metadata of the release by source; it was read when the variants were ordered."""
    for link in links:
        if label_of(link.filename) not in (None, NULL_LABEL):
            with contextlib.suppress(Unusable):
                yield source_of(link), metadata_of(name, release, [link])


def _file(link: Link, label: str | None, metadata: Mapping[str, VariantMetadata]) -> dict[str, Any]:
    of_source = metadata.get(source_of(link))
    variant = of_source.variants.get(label) if of_source and label else None
    return {
        "filename": link.filename,
        "url": _url(link),
        "label": label,
        "properties": [str(one) for one in variant.properties] if variant else [],
        "place": None,
        "reason": "",
    }


def _url(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _reason(link: Link, label: str | None, ordering: Ordering, name: str) -> str:
    """Why pip does not take a candidate."""
    rejected = {one.label: reasons.reason(one) for one in ordering.rejected}
    if link.is_yanked:
        return "yanked"
    if label in rejected:
        return printable(rejected[label])
    return "not what --variant asks for" if label_for(name) else "ignored, see the warnings"


def _wheel(link: Link, release: str | None) -> WheelFilename | None:
    """The parsed name of a wheel of this release; None for anything else."""
    try:
        wheel = WheelFilename.parse(link.filename)
        return wheel if str(Version(wheel.version.replace("_", "-"))) == release else None
    except (InvalidWheelFilename, InvalidVersion):
        return None


def _skipped(name: str, said: list[str]) -> Iterator[dict[str, Any]]:
    """The releases that pip passes over because no file of theirs can be used."""
    wanted = label_for(name)
    for (_, release), (ordering, usable) in ranking.decided.items():
        start = f"Skipping {name} {release}: "
        if not usable:
            yield {
                "release": release,
                "reason": next((s.removeprefix(start) for s in said if s.startswith(start)), ""),
                "rejected": [
                    {"label": one.label, "reason": printable(reasons.reason(one))}
                    for one in ordering.rejected
                    if not wanted or wanted == one.label
                ],
            }


def _namespaces(
    ordering: Ordering, metadata: Collection[VariantMetadata]
) -> Iterator[dict[str, Any]]:
    """What decided: the namespaces that were asked for, most important first."""
    names = tuple(dict.fromkeys(name for one in metadata for name in one.namespaces))
    for name in choices().namespaces((*names, ABI_DEPENDENCY)):
        if name not in ordering.supported:
            continue
        support = ordering.supported[name]
        info = next((one.providers[name] for one in metadata if name in one.providers), None)
        told = asker().told.get(info) if isinstance(info, PluginProvider) else None
        yield {
            "namespace": name,
            "requires": list(info.requires) if isinstance(info, PluginProvider) else [],
            "by": printable(told.by) if told else "",
            "notes": [printable(note) for note in told.notes] if told else [],
            "features": [
                {"name": feature, "values": list(values)} for feature, values in support.features
            ],
            "absent": printable(support.absent),
        }


def _hints(orderings: Iterable[Ordering]) -> list[dict[str, Any]]:
    """What would let pip consider more variants, and which."""
    labels: dict[str, list[str]] = {}
    for rejection in (one for ordering in orderings for one in ordering.rejected):
        if rejection.remedy:
            labels.setdefault(printable(rejection.remedy), []).append(rejection.label)
    return [
        {"remedy": remedy, "labels": list(dict.fromkeys(names))} for remedy, names in labels.items()
    ]


def main() -> int:
    """Run the program."""
    file, *arguments = sys.argv[1:]
    return Explain(file).main(arguments)
