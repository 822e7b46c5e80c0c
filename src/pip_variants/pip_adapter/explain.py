"""What `pip install` would decide, without installing: the inside of `pip-variants explain`.

A program for a pip process of its own. Its arguments are a file, to which it writes JSON, and what
`pip install` takes; without a requirement it is about all that is installed.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import Any

from pip._internal.cli import cmdoptions
from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import CommandError, DistributionNotFound, InstallationError, PipError
from pip._internal.metadata import get_default_environment
from pip._internal.models.link import Link
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants import reasons
from pip_variants.errors import printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import ABI_DEPENDENCY, PluginProvider
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.hook.wheel_names import label_in
from pip_variants.pip_adapter.variants import telling
from pip_variants.pip_adapter.variants.dependencies import variant_of
from pip_variants.pip_adapter.variants.installed import target_of
from pip_variants.pip_adapter.variants.release import Release, release
from pip_variants.pip_adapter.variants.sources import canonical_version
from pip_variants.pip_adapter.variants.target import target


class _Decided(Exception):
    """Ends pip's run; its argument is the decision, or all of them."""


class Explain(InstallCommand):
    """`pip install` up to the first candidate of each requirement, with all its options."""

    ignore_require_venv = True  # nothing is installed

    def __init__(self, file: str) -> None:
        """The `decisions` are written to `file`; `error` says why there are none."""
        super().__init__("install", "Explain what would be installed.")
        self._file = file
        self._refused: dict[tuple[str, str], dict[Link, str]] = {}  # by name and version
        self._installed: dict[str, Any] = {}
        self._is_asked_for = True
        self._has_failed = False
        self._is_off = False
        self._failures = _listen("pip._internal.index.collector", logging.DEBUG)
        self._warnings = _listen("pip_variants", logging.WARNING)

    def run(self, options: Any, args: list[str]) -> int:
        """Run the command."""
        self._is_off = bool(options.no_variants)
        # As if nothing were installed, so that no installed build comes first; and nothing is.
        options.force_reinstall = options.override_externally_managed = options.dry_run = True
        # What runs on another platform can be explained without being put elsewhere.
        cmdoptions.check_dist_restriction = lambda *_, **__: None
        features = options.deprecated_features_enabled
        options.deprecated_features_enabled = [one for one in features if one != "legacy-resolver"]
        code = 0
        try:
            return super().run(options, args)  # it has said what is wrong
        except _Decided as decided:
            answer = decided.args[0]
        except PipError as error:
            answer = {"error": _line(error)}
            code = 2 if isinstance(error, CommandError) else 1
        with open(self._file, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        return code

    def get_requirements(self, args: list[str], options: Any, *more: Any) -> list[Any]:
        """Those that are given by name, or what is installed. Raises `CommandError`."""
        installed = get_default_environment().iter_installed_distributions()
        self._installed = {one.canonical_name: one for one in installed}
        if not (args or options.requirements):
            self._is_asked_for = False
            # Not what is from elsewhere, such as a folder.
            args = sorted(name for name, one in self._installed.items() if one.direct_url is None)
        given = super().get_requirements(args, options, *more)
        if nameless := [one for one in given if one.req is None or one.link is not None]:
            raise CommandError(f"explain takes names, such as demo or 'demo>=2', not {nameless[0]}")
        return given

    def make_resolver(self, **kw: Any) -> Any:  # type: ignore[override]
        """One that decides on each requirement alone when it has found candidates."""
        resolver: Any = super().make_resolver(**kw)
        finder, factory = kw["finder"], resolver.factory
        finder._log_skipped_link = self._note
        # Instead of a candidate, for which pip would download metadata.
        factory._make_candidate_from_link = lambda *, link, **_: link
        factory._iter_candidates_from_constraints = lambda *_, **__: ()  # would be downloaded
        find = factory._iter_found_candidates
        factory._iter_found_candidates = partial(self._decide, finder, find)
        resolver.resolve = partial(self._decide_each, resolver.resolve)
        return resolver

    def _decide_each(self, resolve: Any, requirements: list[Any], *args: Any, **kw: Any) -> None:
        """Instead of `Resolver.resolve`. Raises `_Decided`, and pip's error if it is alone."""
        constraints = [one for one in requirements if one.constraint]
        wanted = [one for one in requirements if not one.constraint]
        decisions = []
        for requirement in wanted:
            for heard in (self._failures, self._warnings):
                heard.clear()
            try:
                if not requirement.match_markers():
                    why = f"{requirement.req}; {requirement.markers} is not for this environment"
                    raise CommandError(f"pip would install nothing: {why}")
                resolve([requirement, *constraints], *args, **kw)
            except _Decided as decided:
                decisions.append(decided.args[0])
            except PipError as error:
                if len(wanted) == 1 or any("connection error" in one for one in self._failures):
                    raise  # it would be the same for the others
                decisions.append({"name": requirement.name, "error": _line(error)})
                self._has_failed |= self._is_asked_for or not isinstance(
                    error, DistributionNotFound
                )
            decisions[-1]["installed"] = self._what_is_installed(requirement.name)
        how = {"failed": self._has_failed, "is_off": self._is_off}
        raise _Decided({"decisions": decisions, **how})

    def _what_is_installed(self, name: str) -> dict[str, Any] | None:
        if (found := self._installed.get(canonicalize_name(name))) is None:
            return None
        variant = variant_of(found)
        label = variant.label if variant else None
        return {"version": str(found.version), "label": label, "target": target_of(found) or None}

    def _note(self, link: Link, result: Any, detail: str) -> None:
        """`PackageFinder._log_skipped_link`: files that are no candidates, and why."""
        kind = getattr(result, "name", "")
        if kind == "platform_mismatch":
            detail = "for other platforms or Pythons"
        elif kind == "format_invalid":
            detail = "not looked at, see pip-variants doctor"
        with suppress(ValueError):  # no wheel
            wheel = WheelFilename.parse(link.filename)
            of = canonicalize_name(wheel.distribution), canonical_version(wheel.version)
            self._refused.setdefault(of, {})[link] = printable(detail)

    def _decide(self, finder: Any, find: Any, requirements: Any, *args: Any) -> None:
        """Instead of `Factory._iter_found_candidates`. Raises `_Decided` and pip's errors."""
        wanted = requirements[0].req
        name = canonicalize_name(wanted.name)
        infos = iter(find(requirements, *args)._get_infos())  # best first
        for one, make in infos:
            chosen, version = make(), str(one)
            # pip downloads what it chooses, and takes the next one if it is something else.
            if chosen is not None and release(name, version).is_usable(chosen, look=True):
                break
        else:
            chosen, version = None, ""
        decided = [one for one in current().releases.values() if one.name == name and one.links]
        if chosen is None and not decided:
            unreachable = (one for one in self._failures if "404 Client Error" not in one)
            for text in unreachable:
                if text.startswith("Could not fetch URL"):
                    raise InstallationError(f"{wanted}: {text.removesuffix(' - skipping')}")
            raise DistributionNotFound(f"there is no release for {wanted}")
        found = release(name, version)
        usable = found.usable
        if chosen and not usable:  # it has no variants
            rest = takewhile(lambda info: str(info[0]) == version, infos)
            usable = [chosen, *(make() for _, make in rest)]
        variant = found.variant_of(chosen) if chosen else None
        listed = [_file(found, link, place) for place, link in enumerate(usable, 1)]
        first = listed[0] if chosen else {}
        every = finder.find_all_candidates(name) if not current().locks else ()
        yanked = [one.link for one in every if one.link.is_yanked and str(one.version) == version]
        ordering = found.decision.ordering
        reason_of = {one.label: reasons.reason(one) for one in ordering.rejected}
        others = {link: _reason(found, link, reason_of) for link in (*found.links, *yanked)}
        others |= self._refused.get((name, version and canonical_version(version)), {})
        for link in usable:
            others.pop(link, None)
        listed += [_file(found, link, None, why) for link, why in others.items()]
        rejected = [one for other in decided for one in other.decision.ordering.rejected]
        decision = {
            "target": current().target_name or None,
            "name": name,
            "release": version or None,
            "label": first.get("label"),
            "index_set": found.builds.source if found.builds and variant else None,
            "filename": first.get("filename"),
            "url": first.get("url"),
            "deciding": [str(one) for one in ordering.deciding(variant)] if variant else [],
            "files": listed,
            "namespaces": list(_namespaces(found)),
            "warnings": [
                *(telling.unfit_devices(found, chosen) if chosen else ()),
                *self._warnings,
            ],
            "hints": [
                {"remedy": printable(remedy), "labels": labels}
                for remedy, labels in reasons.remedies(rejected).items()
            ],
            "skipped": [_skipped(one) for one in decided if not one.usable],
        }
        raise _Decided(decision)


def _line(error: PipError) -> str:
    line = str(error).strip().partition("\n")[0]
    return printable(line.strip() or repr(error))


def _listen(name: str, level: int) -> list[str]:
    """What one of pip's loggers says from now on; the list grows."""
    said: list[str] = []
    handler = logging.Handler(level)
    handler.emit = lambda record: said.append(printable(record.getMessage()))  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    logging.getLogger(name).setLevel(level)
    return said


def _file(found: Release, link: Link, place: int | None, reason: str = "") -> dict[str, Any]:
    variant = found.variant_of(link)
    return {
        "filename": link.filename,
        "url": redact_auth_from_url(link.url_without_fragment),
        "label": variant.label if variant else label_in(link.filename),
        "properties": [str(one) for one in variant.properties] if variant else [],
        "place": place,
        "reason": reason,
    }


def _reason(found: Release, link: Link, rejected: Mapping[str, str]) -> str:
    """Why pip does not take a candidate; of the labels that are `rejected` it is known."""
    variant = found.variant_of(link)
    label = variant.label if variant else ""
    if link.url in found.refused:
        return printable(telling.unlike(found.refused[link.url]))
    if label in rejected:
        return printable(rejected[label])
    if link.is_yanked:
        return "yanked"
    return "not what --variant asks for" if found.decision.wanted else "ignored, see the warnings"


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
            "features": [one._asdict() for one in supported[name].features],
            "absent": printable(supported[name].absent),
        }


def main() -> int:
    """Run the program."""
    file, *arguments = sys.argv[1:]
    return Explain(file).main(arguments)
