"""Variant markers and ABI dependencies wherever pip reads the dependencies of a distribution.

pip's own parser is left alone: it sees dependencies in which the variant markers are resolved.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

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
        self.context: MarkerContext | None = None


def fetch_metadata_only(original: Any, self: Any, req: Any) -> Any:
    """`RequirementPreparer._fetch_metadata_only`: metadata without the wheel around it.

    It has no `variant.json`; what the index says stands in for it.
    """
    distribution = original(self, req)
    run = current()
    label = run.label_of(req.link.filename) if req.link else None
    release = run.release_of_url.get(req.link.url) if label is not None else None
    metadata = release.metadata_of(req.link) if release else None
    if distribution is not None and label is not None and metadata is not None:
        variants = {label: metadata.variants.get(label, Variant(label))}
        known = _Known(dataclasses.replace(metadata, variants=variants))
        setattr(distribution, KNOWN, known)
    return distribution


def iter_dependencies(original: Any, self: Any, *args: Any, **kw: Any) -> Any:
    """`Distribution.iter_dependencies` of pip's importlib backend."""
    return original(_Resolved(self), *args, **kw)


def with_resolved_requirements(original: Any, self: Any, *args: Any, **kw: Any) -> Any:
    """A method of `Distribution` in pip's pkg_resources backend that reads the dependencies.

    That backend parses them once, from a message in memory; they are resolved there.
    """
    message = self._dist._parsed_pkg_info
    requirements = message.get_all("Requires-Dist", [])
    del message["Requires-Dist"]
    resolved = _resolved(self, requirements)
    for text in (*resolved, *(one for one in _bound(self) if one not in resolved)):
        message["Requires-Dist"] = text
    return original(self, *args, **kw)


def iter_raw_dependencies(original: Any, self: Any) -> Iterable[str]:
    """`BaseDistribution.iter_raw_dependencies`, whose result pip parses."""
    return _resolved(self, original(self))


def variant_of(distribution: Any) -> Variant | None:
    """The variant that a distribution is, by its own `variant.json`; None if it is none."""
    return _known(distribution).variant


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
        return [*_resolved(self._distribution, values), *_bound(self._distribution)]


def _resolved(distribution: Any, requirements: Iterable[str]) -> list[str]:
    known = _known(distribution)
    if known.context is None:
        known.context = _context(known)
    result = []
    for text in requirements:
        try:
            left = resolve_requirement(text.strip(), known.context)
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
    specifiers = dependency.requirements
    if len(specifiers) > 1:  # pip has no "or": keep to what is there
        best = target().releases(package, wanted)[:1] or wanted[:1]
        return AbiDependency(package, best).requirements[0]
    return specifiers[0] if specifiers else package


def _known(distribution: Any) -> _Known:
    known: _Known | None = getattr(distribution, KNOWN, None)
    if known is None:
        known = _Known(_read(distribution))
        setattr(distribution, KNOWN, known)
    return known


def _read(distribution: Any) -> VariantMetadata | None:
    try:
        return VariantMetadata.parse(distribution.read_text("variant.json"), "variant.json")
    except (FileNotFoundError, ValueError):  # InvalidVariantMetadata, UnicodeDecodeError
        return None


def _context(known: _Known) -> MarkerContext:
    metadata, variant = known.metadata, known.variant
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

    def supports(one: VariantProperty) -> bool:
        return supported[one.namespace].supports(one.feature, one.value)

    return MarkerContext.of(variant, supports)
