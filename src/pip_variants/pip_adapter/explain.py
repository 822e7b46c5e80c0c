"""What `pip install` would decide, without installing: the inside of `pip-variants explain`.

A program for a pip process of its own. Its arguments are a file, to which it writes JSON, and what
`pip install` takes.
"""

import json
import logging
import sys
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from pip._internal.cli import cmdoptions
from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import CommandError, DistributionNotFound, PipError
from pip._internal.models.link import Link
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants import reasons
from pip_variants.errors import printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import ABI_DEPENDENCY, PluginProvider
from pip_variants.pip_adapter.hook.run import current, during
from pip_variants.pip_adapter.hook.wheel_names import label_in
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
        self._yanked: list[Link] = []

    def run(self, options: Any, args: list[str]) -> int:
        """Run the command."""
        code = 0
        try:
            answer = self._explain(options, args)
        except PipError as error:
            line = str(error).strip().partition("\n")[0]
            answer = {"error": printable(line.strip() or repr(error))}
            code = 2 if isinstance(error, CommandError) else 1
        with open(self._file, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        return code

    def _explain(self, options: Any, args: list[str]) -> dict[str, Any]:
        if hasattr(cmdoptions, "check_release_control_exclusive"):  # since pip 26.0
            cmdoptions.check_release_control_exclusive(options)
        # As if nothing were installed, so that no installed build comes first.
        options.force_reinstall, options.upgrade_strategy = True, "eager"
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
        is_any = args or options.requirements
        given = self.get_requirements(args, options, finder, session) if is_any else []
        wanted = [one for one in given if not one.constraint]
        if len(wanted) != 1:
            raise CommandError("explain takes one requirement, such as demo or 'demo>=2'")
        requirement = wanted[0]
        given_as = args[0] if args else requirement
        if requirement.req is None or requirement.link is not None:
            raise CommandError(f"explain takes a name, such as demo or 'demo>=2', not {given_as}")
        if not requirement.match_markers():
            raise CommandError(f"pip would install nothing: {given_as} is not for this environment")
        name = canonicalize_name(requirement.req.name)
        specifier, hashes = requirement.req.specifier, requirement.hashes(trust_internet=False)
        for one in given:
            if one.constraint and one.req and canonicalize_name(one.req.name) == name:
                specifier &= one.req.specifier
                hashes &= one.hashes(trust_internet=False)
        if locked := getattr(requirement, "locked_link", None):  # pip 26.1 and 26.2
            visited = [SimpleNamespace(version=vars(requirement)["locked_version"], link=locked)]
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
        """The candidates that pip's resolver is given, best first (`_iter_found_candidates`)."""
        with during("is_listing"):
            found = finder.find_best_candidate(name, specifier, hashes)
        is_old = hasattr(found, "iter_applicable")  # as in pip 24.0
        every = list(found.iter_applicable() if is_old else found.applicable_candidates)
        # PEP 592: what was yanked is for those only who pin just that version.
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
        # The very generator from which pip's resolver takes its candidates.
        for one, make_it in candidates.in_order(infos, None, hashes):
            chosen, version = make_it(), str(one)
            # pip downloads what it chooses, and takes the next one if it is something else.
            if chosen is not None and release(name, version).is_usable(chosen, look=True):
                break
        else:
            chosen, version = None, ""
        of_version = [one.link for one in visited if str(one.version) == version]
        found = release(name, version)
        usable = found.usable or of_version
        variant = found.variant_of(chosen) if chosen else None
        listed = [_file(found, link, place=place) for place, link in enumerate(usable, 1)]
        yanked = [one for one in self._yanked if _is_of(one, version)]
        others = dict.fromkeys((*found.links, *of_version, *yanked))
        listed += [
            _file(found, link, reason=_reason(found, link)) for link in others if link not in usable
        ]
        listed += [
            _file(found, link, label=label_in(link.filename), reason=reason)
            for link, reason in self._refused
            if _is_of(link, version)
        ]
        ordering = found.decision.ordering
        decided = [one for one in current().releases.values() if one.name == name]
        rejected = [one for other in decided for one in other.decision.ordering.rejected]
        return {
            "release": version or None,
            "label": variant.label if variant else None,
            "index_set": found.builds.source if found.builds and variant else None,
            "filename": chosen.filename if chosen else None,
            "url": _url(chosen) if chosen else None,
            "deciding": [str(one) for one in ordering.deciding(variant)] if variant else [],
            "files": listed,
            "namespaces": list(_namespaces(found)),
            "warnings": telling.unfit_devices(found, chosen) if chosen else [],
            "hints": [
                {"remedy": printable(remedy), "labels": labels}
                for remedy, labels in reasons.remedies(rejected).items()
            ],
            "skipped": [_skipped(one) for one in decided if one.links and not one.usable],
        }


def _listen(name: str, level: int) -> list[str]:
    """What one of pip's loggers says from now on; the list grows."""
    said: list[str] = []
    handler = logging.Handler(level)
    handler.emit = lambda record: said.append(printable(record.getMessage()))  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    logging.getLogger(name).setLevel(level)
    return said


def _link(*, link: Link, **_: Any) -> Link:
    """What is made here instead of a candidate, for which pip would download metadata."""
    return link


def _file(found: Release, link: Link, **more: Any) -> dict[str, Any]:
    variant = found.variant_of(link)
    return {
        "filename": link.filename,
        "url": _url(link),
        "label": variant.label if variant else None,
        "properties": [str(one) for one in variant.properties] if variant else [],
        "place": None,
        "reason": "",
        **more,
    }


def _url(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _reason(found: Release, link: Link) -> str:
    """Why pip does not take a candidate."""
    label = current().label_of(link.filename)
    rejected = {one.label: reasons.reason(one) for one in found.decision.ordering.rejected}
    if link.url in found.refused:
        return printable(telling.unlike(found.refused[link.url]))
    if label in rejected:
        return printable(rejected[label])
    if link.is_yanked:
        return "yanked"
    return "not what --variant asks for" if found.decision.wanted else "ignored, see the warnings"


def _is_of(link: Link, version: str) -> bool:
    """Whether a file is a wheel of this version."""
    try:
        wheel = WheelFilename.parse(link.filename)
        return canonical_version(wheel.version) == canonical_version(version)
    except ValueError:
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


def _namespaces(found: Release) -> Iterator[dict[str, Any]]:
    """What decided: the namespaces that were asked for, most important first."""
    metadata, supported = found.decision.metadata.values(), found.decision.ordering.supported
    names = tuple(dict.fromkeys(name for one in metadata for name in one.namespaces))
    for name in target().choices.namespaces((*names, ABI_DEPENDENCY)):
        if name not in supported:
            continue
        info = next((one.providers[name] for one in metadata if name in one.providers), None)
        plugin = info if isinstance(info, PluginProvider) else None
        told = target().told.get(plugin) if plugin else None
        yield {
            "namespace": name,
            "requires": list(plugin.requires) if plugin else [],
            "by": printable(told.by) if told else "",
            "notes": [printable(note) for note in told.notes] if told else [],
            "features": [
                {"name": feature, "values": list(values)}
                for feature, values in supported[name].features
            ],
            "absent": printable(supported[name].absent),
        }


def main() -> int:
    """Run the program."""
    file, *arguments = sys.argv[1:]
    return Explain(file).main(arguments)
