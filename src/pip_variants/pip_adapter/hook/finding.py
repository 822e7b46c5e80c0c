"""Index pages, candidates and resolving, up to the moment that a variant wheel turns up.

What follows then is in the folder `variants`; a run without variants never loads it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any

from pip_variants.pip_adapter.hook.attach import attached
from pip_variants.pip_adapter.hook.conditions import names_index_sets
from pip_variants.pip_adapter.hook.run import current, during
from pip_variants.pip_adapter.hook.wheel_names import notice


def get_requirements(self: Any, args: Any, options: Any, *more: Any, original: Any) -> Any:
    """`RequirementCommand.get_requirements`: note what providers are brought with, if any are."""
    run = current()
    run.finder = more[0]
    run.requirements = original(self, args, options, *more)
    if not run.locked:
        return run.requirements
    # One of several targets: it gets what the lock holds for the others.
    from pip._internal.req.constructors import install_req_from_req_string

    pins = (one.pin for one in run.locked.values())
    return [*run.requirements, *map(install_req_from_req_string, filter(None, pins))]


def evaluate_links(self: Any, link_evaluator: Any, links: Any, *, original: Any) -> list[Any]:
    """`PackageFinder.evaluate_links`: remember the metadata files of a page, which pip skips."""
    metadata: list[Any] = []
    packages: list[Any] = []
    for link in links:
        # The whole URL first: taking it apart costs more, and most are no metadata.
        is_metadata = "-variants.json" in link.url and link.filename.endswith("-variants.json")
        (metadata if is_metadata else packages).append(link)
    run = current()
    if metadata or attached.faults:
        notice(link.filename for link in packages)
    candidates: list[Any] = original(self, link_evaluator, packages)
    if run.seen:
        run.finder = self
        from pip_variants.pip_adapter.variants.sources import remember

        found = [one.link for one in candidates if run.label_of(one.link.filename) is not None]
        remember(metadata, found, self._link_collector.session)
    return candidates


def find_best_candidate(
    self: Any, project_name: str, specifier: Any = None, hashes: Any = None, *, original: Any
) -> Any:
    """`PackageFinder.find_best_candidate`: note the hashes; pip remembers what this returns."""
    run = current()
    run.hashes = hashes
    run.looked_up.append(project_name)
    return original(self, project_name, specifier=specifier, hashes=hashes)


def init(self: Any, get_infos: Any, installed: Any, *args: Any, original: Any, **kw: Any) -> None:
    """`FoundCandidates(get_infos, …)`: hand the resolver the files of a version in our order."""
    if installed is not None and names_index_sets():
        from pip_variants.pip_adapter.indexes.one_build import unless_unfit

        installed = unless_unfit(installed, *args, **kw)
    original(self, partial(_in_order, get_infos, installed), installed, *args, **kw)
    if installed is not None and current().values("variant"):
        current().looked_up.append(installed.name)
        from pip_variants.pip_adapter.variants.candidates import installed_stays

        installed_stays(installed)


def resolve(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`Resolver.resolve`: again, as long as a chosen wheel is not what its index says."""
    once = partial(original, self, *args, **kw)
    if names_index_sets():
        from pip_variants.pip_adapter.indexes.one_build import resolve as resolve_with_one_build

        once = partial(resolve_with_one_build, self, once)
    while True:
        try:
            chosen = once()
        except Exception as error:
            # Up to pip 25.2, wheels are downloaded at the end of this.
            if getattr(error, "refuses_wheel", False):
                continue
            raise
        current().resolved = chosen
        if not current().seen:
            return chosen
        from pip_variants.pip_adapter.variants.candidates import are_what_they_should_be

        if are_what_they_should_be(self, chosen):
            return chosen


def tomli_w(module: Any) -> object:
    """`tomli_w`, with which `pip lock` writes what was resolved."""

    def dumps(document: Any) -> Any:
        if not current().seen or current().resolved is None:  # pip's old resolver sets nothing
            return module.dumps(document)
        from pip_variants.pip_adapter.variants.locking import written

        return written(document, module.dumps)

    return SimpleNamespace(**{**vars(module), "dumps": dumps})


def build_package_finder(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`IndexCommand._build_package_finder`: `pip index versions` lists what can be installed."""
    finder = original(self, *args, **kw)
    find_all_candidates = finder.find_all_candidates

    def find_all_usable_candidates(project_name: str) -> list[Any]:
        candidates: list[Any] = find_all_candidates(project_name)
        if not current().seen:
            return candidates
        from pip_variants.pip_adapter.variants.candidates import without_unusable_versions

        return without_unusable_versions(candidates)

    finder.find_all_candidates = find_all_usable_candidates
    return finder


def _in_order(get_infos: Callable[[], Iterator[Any]], installed: Any) -> Iterator[Any]:
    # A generator: what is installed may be enough, and then pip asks for no page either.
    infos = iter(get_infos())
    with during("is_listing"):
        first = list(islice(infos, 1))
    if current().seen:
        from pip_variants.pip_adapter.variants.candidates import in_order

        yield from in_order(chain(first, infos), installed, current().hashes)
    else:
        yield from chain(first, infos)
