"""Variant markers and ABI dependencies wherever pip reads the dependencies of a distribution.

pip's own parser is left alone: it sees dependencies in which the variant markers are resolved.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from operator import ne
from typing import Any

from pip._vendor.packaging.requirements import Requirement

from pip_variants.errors import DetectionError, InvalidTarget, InvalidVariantProperty
from pip_variants.model.abi import AbiDependency, abi_dependencies
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.pip_adapter.hook.conditions import KNOWN
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.target import target
from pip_variants.selection import supported_properties


class _Known:
    """What is known of a distribution's variant; it is kept at pip's own object."""

    def __init__(self, metadata: VariantMetadata | None) -> None:
        self.metadata = metadata
        self.variant = next(iter(metadata.variants.values()), None) if metadata else None

    @cached_property
    def context(self) -> MarkerContext:
        """What the variant markers of the distribution stand for."""
        metadata, variant = self.metadata, self.variant
        if metadata is None or variant is None:
            return MarkerContext()
        # A feature with one value must be supported, or the wheel would not have been chosen.
        if all(len(values) == 1 for _, values in variant.features):
            return MarkerContext.of(variant)
        here = target()
        try:
            supported = supported_properties(metadata, variant.namespaces, here, here.choices)
        except (DetectionError, InvalidTarget):
            return MarkerContext.of(variant)  # all of them count as supported
        return MarkerContext.of(
            variant, lambda one: supported[one.namespace].supports(one.feature, one.value)
        )


def fetch_metadata_only(self: Any, req: Any, *, original: Any) -> Any:
    """`RequirementPreparer._fetch_metadata_only`: the index says what `variant.json` would say."""
    distribution = original(self, req)
    release = current().release_of_url.get(req.link.url) if req.link else None
    variant = release.variant_of(req.link) if release else None
    metadata = release.metadata_of(req.link) if release else None
    if distribution is not None and variant and metadata:
        known = _Known(dataclasses.replace(metadata, variants={variant.label: variant}))
        setattr(distribution, KNOWN, known)
    return distribution


def iter_dependencies(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`Distribution.iter_dependencies` of pip's importlib backend."""
    return original(_Resolved(self), *args, **kw)


def with_resolved_requirements(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """The same of pip's pkg_resources backend, which reads them from a message in memory."""
    message = self._dist._parsed_pkg_info
    requirements = message.get_all("Requires-Dist", [])
    del message["Requires-Dist"]
    resolved = _resolved(requirements, _known(self).context)
    for text in (*resolved, *(one for one in _bound(self) if one not in resolved)):
        message["Requires-Dist"] = text
    return original(self, *args, **kw)


def iter_raw_dependencies(self: Any, *, original: Any) -> Iterable[str]:
    """`BaseDistribution.iter_raw_dependencies`, whose result pip parses."""
    return _resolved(original(self), _known(self).context)


def variant_of(distribution: Any) -> Variant | None:
    """The variant that a distribution is, by its own `variant.json`; None if it is none."""
    return _known(distribution).variant


def needed(
    requires: Iterable[str],
    extras: Iterable[str],
    variant: Variant | None,
    metadata: VariantMetadata | None,
) -> list[tuple[Requirement, ...]]:
    """What one wheel of a release depends on, on whatever target it fits.

    `requires` is what its core metadata says, `variant` is None for a wheel that
    is none. Of several in a tuple one will do. Raises pip's `InvalidRequirement`.
    """
    contexts = _contexts(variant) if variant else [MarkerContext()]
    texts = dict.fromkeys(text for one in contexts for text in _resolved(requires, one))
    found = []
    for requirement in map(Requirement, texts):
        marker, requirement.marker = requirement.marker, None
        if marker is None or any(marker.evaluate({"extra": one}) for one in ("", *extras)):
            found.append((requirement,))
    bound = abi_dependencies(variant, metadata) if variant and metadata else ()
    return found + [tuple(map(Requirement, one.requirements or (one.package,))) for one in bound]


def _contexts(variant: Variant) -> Iterator[MarkerContext]:
    """What markers may stand for where a variant fits: of several values a target may lack one."""
    yield MarkerContext.of(variant)
    for feature, values in variant.features:
        for value in values if len(values) > 1 else ():
            yield MarkerContext.of(variant, partial(ne, VariantProperty(*feature, value)))


class _Resolved:
    """A distribution whose metadata, as pip's code is going to read it, has no variant markers."""

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution

    def __getattr__(self, name: str) -> Any:
        return getattr(self._distribution, name)

    @property
    def metadata(self) -> "_Resolved":
        return self

    def get_all(self, name: str, default: Any = None) -> Any:
        values = self._distribution.metadata.get_all(name, default)
        if name != "Requires-Dist":
            return values
        context = _known(self._distribution).context
        return [*_resolved(values, context), *_bound(self._distribution)]


def _resolved(requirements: Iterable[str], context: MarkerContext) -> list[str]:
    result = []
    for text in requirements:
        try:
            left = resolve_requirement(text.strip(), context)
        except InvalidVariantProperty:
            left = text  # pip is going to say what is wrong with it
        if left is not None:
            result.append(left)
    return result


def _bound(distribution: Any) -> list[str]:
    """The releases of other packages that a variant is built for, as dependencies (PEP 850)."""
    known = _known(distribution)
    if known.metadata is None or known.variant is None:
        return []
    return [_requirement(one) for one in abi_dependencies(known.variant, known.metadata)]


def _requirement(dependency: AbiDependency) -> str:
    package, wanted = dependency
    if len(dependency.requirements) > 1:  # pip has no "or": keep to what is there
        dependency = AbiDependency(package, (target().releases(package, wanted) or wanted)[:1])
    return next(iter(dependency.requirements), package)


def _known(distribution: Any) -> _Known:
    known: _Known | None = getattr(distribution, KNOWN, None)
    if known is None:
        known = _Known(None)
        with contextlib.suppress(FileNotFoundError, ValueError):  # none, or none that can be read
            text = distribution.read_text("variant.json")
            known = _Known(VariantMetadata.parse(text, "variant.json"))
        setattr(distribution, KNOWN, known)
    return known
