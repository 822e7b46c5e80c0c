"""What `pip install` would decide, without installing: the inside of `pip-variants explain`.

A program for a pip process of its own. Its arguments are a file, to which it writes JSON, and what
`pip install` takes.
"""

import json
import logging
import sys
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

from pip._internal.cli import cmdoptions
from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import CommandError, DistributionNotFound, PipError
from pip._internal.models.link import Link
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import InvalidVersion

from pip_variants import reasons
from pip_variants.errors import InvalidWheelFilename, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import ABI_DEPENDENCY, PluginProvider, VariantMetadata
from pip_variants.model.ordering import Ordering
from pip_variants.pip_adapter.hook.run import current, during
from pip_variants.pip_adapter.variants import candidates, telling
from pip_variants.pip_adapter.variants.release import Release, release
from pip_variants.pip_adapter.variants.sources import canonical_version
from pip_variants.pip_adapter.variants.target import target


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
        warnings = _listen("pip_variants", logging.WARNING)
        session = self.get_default_session(options)
        finder: Any = self._build_package_finder(
            options=options,
            session=session,
            target_python=cmdoptions.make_target_python(options),
            ignore_requires_python=options.ignore_requires_python,
        )
        finder._log_skipped_link = self._note
        given = self.get_requirements(args, options, finder, session)
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
        if locked := getattr(requirement, "locked_link", None):  # pip 26.1 and 26.2
            visited = [_Locked(vars(requirement)["locked_version"], locked)]
        else:
            visited = self._visited(finder, name, specifier, hashes)
        if not visited:
            failed = [text for text in failures if text.startswith("Could not fetch URL")]
            why = f": {failed[0].removesuffix(' - skipping')}" if failed else ""
            raise DistributionNotFound(f"there is no release for {requirement.req}{why}")
        decision = self._decision(name, visited, requirement, hashes)
        decision["warnings"] += warnings
        return {"target": current().target_name or None, "name": name, **decision}

    def _visited(self, finder: Any, name: str, specifier: Any, hashes: Any) -> list[Any]:
        """The candidates that pip's resolver is given, best first.

        See `Factory._iter_found_candidates`. PEP 592: what was yanked is for those only who pin
        just that version.
        """
        with during("is_resolving"):
            found = finder.find_best_candidate(name, specifier, hashes)
        is_old = hasattr(found, "iter_applicable")  # as in pip 24.0
        every = list(found.iter_applicable() if is_old else found.applicable_candidates)
        pinned = any(
            one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
            for one in specifier
        )
        self._yanked = [one.link for one in every if one.link.is_yanked]
        if pinned and len(self._yanked) == len(every):
            return every[::-1]
        return [one for one in reversed(every) if not one.link.is_yanked]

    def _note(self, link: Link, result: Any, detail: str) -> None:
        """`PackageFinder._log_skipped_link`: files that are no candidates, and why."""
        kind = getattr(result, "name", "")
        if kind == "platform_mismatch":
            detail = "for other platforms or Pythons"
        elif kind == "format_invalid":
            detail = "not looked at, see pip-variants doctor"
        self._refused.append((link, printable(detail)))

    def _decision(
        self, name: str, visited: list[Any], requirement: Any, hashes: Any
    ) -> dict[str, Any]:
        make = partial(_link, name=name, template=requirement)
        infos = [(one.version, partial(make, link=one.link)) for one in visited]
        chosen: Link | None = None
        version = ""
        # The very generator from which pip's resolver takes its candidates.
        for one, made in candidates.in_order(infos, None, hashes):
            chosen = made()
            # pip downloads what it chooses, and takes the next one if it is something else.
            if chosen is not None and release(name, str(one)).look_into(chosen):
                version = str(one)
                break
            chosen = None
        of_version = [one.link for one in visited if str(one.version) == version]
        found = release(name, version)
        files = found.decision.files or of_version
        usable = [link for link in files if link.url not in found.refused]
        label = current().label_of(chosen.filename) if chosen else None
        variant = found.variant_of(chosen) if chosen else None
        listed = [{**_file(found, link), "place": place} for place, link in enumerate(usable, 1)]
        yanked = [one for one in self._yanked if _is_of(one, version)]
        others = dict.fromkeys((*found.links, *of_version, *yanked))
        listed += [
            {**_file(found, link), "reason": _reason(found, link)}
            for link in others
            if link not in usable
        ]
        for link, reason in self._refused:
            if _is_of(link, version) and (parsed := _parsed(link)):
                listed.append({**_file(found, link), "label": parsed.label, "reason": reason})
        ordering = found.decision.ordering
        decided = [one for one in current().releases.values() if one.name == name]
        return {
            "release": version or None,
            "label": label,
            "filename": chosen.filename if chosen else None,
            "url": _url(chosen) if chosen else None,
            "deciding": [str(one) for one in ordering.deciding(variant)] if variant else [],
            "files": listed,
            "namespaces": list(_namespaces(ordering, found.decision.metadata.values())),
            "warnings": telling.unfit_devices(found, chosen) if chosen else [],
            "hints": _hints(one.decision.ordering for one in decided),
            "skipped": [_skipped(one) for one in decided if one.links and not _is_left(one)],
        }

    _yanked: Collection[Link] = ()


class _Locked:
    """The one candidate that a lock gives."""

    def __init__(self, version: Any, link: Link) -> None:
        self.version = version
        self.link = link


def _listen(name: str, level: int) -> list[str]:
    """What one of pip's loggers says from now on; the list grows."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(printable(record.getMessage()))

    logging.getLogger(name).addHandler(Listener(level))
    logging.getLogger(name).setLevel(level)
    return said


def _link(*, link: Link, **_: Any) -> Link:
    """What is made here instead of a candidate, for which pip would download metadata."""
    return link


def _file(found: Release, link: Link) -> dict[str, Any]:
    variant = found.variant_of(link)
    return {
        "filename": link.filename,
        "url": _url(link),
        "label": current().label_of(link.filename),
        "properties": [str(one) for one in variant.properties] if variant else [],
        "place": None,
        "reason": "",
    }


def _url(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _is_left(found: Release) -> bool:
    """Whether a release has a file that can be used."""
    return any(link.url not in found.refused for link in found.decision.files)


def _reason(found: Release, link: Link) -> str:
    """Why pip does not take a candidate."""
    label = current().label_of(link.filename)
    rejected = {one.label: reasons.reason(one) for one in found.decision.ordering.rejected}
    if link.is_yanked:
        return "yanked"
    if link.url in found.refused:
        return printable(f"not what its index says: {found.refused[link.url]}")
    if label in rejected:
        return printable(rejected[label])
    return "not what --variant asks for" if found.decision.wanted else "ignored, see the warnings"


def _parsed(link: Link) -> WheelFilename | None:
    try:
        return WheelFilename.parse(link.filename)
    except InvalidWheelFilename:
        return None


def _is_of(link: Link, version: str) -> bool:
    """Whether a file is a wheel of this version."""
    wheel = _parsed(link)
    try:
        return wheel is not None and canonical_version(wheel.version) == canonical_version(version)
    except (InvalidVersion, ValueError):
        return False


def _skipped(found: Release) -> dict[str, Any]:
    """A release that pip passes over because no file of it can be used."""
    wanted = found.decision.wanted
    return {
        "release": found.version,
        "reason": printable(telling.why_skipped(found)),
        "rejected": [
            {"label": one.label, "reason": printable(reasons.reason(one))}
            for one in found.decision.ordering.rejected
            if not wanted or wanted == one.label
        ],
    }


def _namespaces(
    ordering: Ordering, metadata: Collection[VariantMetadata]
) -> Iterator[dict[str, Any]]:
    """What decided: the namespaces that were asked for, most important first."""
    names = tuple(dict.fromkeys(name for one in metadata for name in one.namespaces))
    for name in target().choices.namespaces((*names, ABI_DEPENDENCY)):
        if name not in ordering.supported:
            continue
        support = ordering.supported[name]
        info = next((one.providers[name] for one in metadata if name in one.providers), None)
        told = target().told.get(info) if isinstance(info, PluginProvider) else None
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
