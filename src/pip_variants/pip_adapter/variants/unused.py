"""Names in our options that nothing in a run has: mostly somebody mistyped them."""

from collections.abc import Collection, Iterator
from logging import WARNING

from pip_variants.errors import printable
from pip_variants.model.metadata import PluginProvider
from pip_variants.model.names import meant, normalised
from pip_variants.model.published import PUBLISHED
from pip_variants.pip_adapter.hook.run import Run


def say_what_was_not_used(run: Run) -> None:
    """Say, once the run is over, which names were in vain.

    Of a variable or of pip.conf, which are for other runs as well, only those that are like a name
    that this run has.
    """
    known = dict(_known(run))
    for option, names in known.items():
        for text in dict.fromkeys(run.values(option)):
            name = text.partition("=")[0]
            if option != "variant_prefer" or name.partition("::")[0] not in names:
                name = name.partition("::")[0]
            name = "::".join(name.split("::")[:2])
            near = meant(name, names)
            if name not in names and (near or text in run.typed(option)):
                flag = f"--{option.replace('_', '-')} {text}"
                run.say(WARNING, printable(f"{flag} was not used: nothing is called {name}{near}"))


def _known(run: Run) -> Iterator[tuple[str, Collection[str]]]:
    """By option, the names that it can be given in this run."""
    required = (one.req.name for one in run.requirements if one.req)
    yield "variant", {*map(normalised, (*run.looked_up, *required))}
    every = [one for found in run.releases.values() for one in found.decision.metadata.values()]
    providers = [info for metadata in every for info in metadata.providers.values()]
    namespaces = {*dict(PUBLISHED), *(name for metadata in every for name in metadata.namespaces)}
    yield "variant_enable", namespaces
    yield "variant_disable", namespaces
    features = [
        one for metadata in every for v in metadata.variants.values() for one, _ in v.features
    ]
    yield "variant_prefer", {*namespaces, *(f"{one.namespace}::{one.name}" for one in features)}
    yield "variant_trust", {one.package for one in providers if isinstance(one, PluginProvider)}
