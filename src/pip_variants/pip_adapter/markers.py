"""Variant markers and ABI dependencies wherever pip reads the dependencies of a distribution.

pip's own parser is left alone: it sees dependencies in which the variant markers are resolved.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from pip_variants.errors import DetectionError, InvalidTarget, InvalidVariantProperty
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.pip_adapter.gate import log
from pip_variants.pip_adapter.names import label_of

__all__ = [
    "fetch_metadata_only",
    "iter_dependencies",
    "iter_raw_dependencies",
    "variant_of",
    "with_resolved_requirements",
]

_contexts: WeakKeyDictionary[Any, MarkerContext] = WeakKeyDictionary()
_promised: WeakKeyDictionary[Any, VariantMetadata] = WeakKeyDictionary()
"""Metadata without the wheel around it -> what the index says of the wheel's variant."""


def fetch_metadata_only(original: Callable[..., Any]) -> Callable[..., Any]:
    """`RequirementPreparer._fetch_metadata_only`: metadata without the wheel around it.

    It has no `variant.json`; what the index says stands in for it.
    """

    @wraps(original)
    def fetch_metadata_only(self: Any, req: Any) -> Any:
        from pip_variants.pip_adapter.ranking import promise_of

        distribution = original(self, req)
        label = label_of(req.link.filename) if req.link else None
        promise = promise_of(req.link) if label is not None else None
        if distribution is not None and label is not None and promise is not None:
            variants = {label: promise.variants.get(label, Variant(label))}
            _promised[distribution] = dataclasses.replace(promise, variants=variants)
            text = _promised[distribution].serialise().decode()
            read_text = distribution.read_text
            distribution.read_text = lambda path: (
                text if path == "variant.json" else read_text(path)
            )
        return distribution

    return fetch_metadata_only


def iter_dependencies(original: Callable[..., Iterable[Any]]) -> Callable[..., Iterable[Any]]:
    """`Distribution.iter_dependencies` of pip's importlib backend."""

    @wraps(original)
    def iter_dependencies(self: Any, *args: Any, **kw: Any) -> Iterable[Any]:
        return original(_Resolved(self), *args, **kw)

    return iter_dependencies


def with_resolved_requirements(original: Callable[..., Any]) -> Callable[..., Any]:
    """A method of `Distribution` in pip's pkg_resources backend that reads the dependencies.

    That backend parses them once, from a message in memory; they are resolved there.
    """

    @wraps(original)
    def method(self: Any, *args: Any, **kw: Any) -> Any:
        message = self._dist._parsed_pkg_info
        requirements = message.get_all("Requires-Dist", [])
        del message["Requires-Dist"]
        resolved = _resolved(self, requirements)
        for text in (*resolved, *(one for one in _bound(self) if one not in resolved)):
            message["Requires-Dist"] = text
        return original(self, *args, **kw)

    return method


def iter_raw_dependencies(original: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
    """`BaseDistribution.iter_raw_dependencies`, whose result pip parses."""

    @wraps(original)
    def iter_raw_dependencies(self: Any) -> Iterable[str]:
        return _resolved(self, original(self))

    return iter_raw_dependencies


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
    context = _context_of(distribution)
    result = []
    for text in requirements:
        try:
            left = resolve_requirement(text.strip(), context)
        except InvalidVariantProperty as error:
            log.debug("left to pip: %s", error)
            left = text
        if left is not None:
            result.append(left)
    return result


def _bound(distribution: Any) -> list[str]:
    """The releases of other packages that a variant is built for, as dependencies."""
    metadata = _metadata_of(distribution)
    if metadata is None or not metadata.variants:
        return []
    from pip_variants.pip_adapter.abi import requirements

    return requirements(metadata, next(iter(metadata.variants)))


def _context_of(distribution: Any) -> MarkerContext:
    if distribution not in _contexts:
        _contexts[distribution] = _read_context(distribution)
    return _contexts[distribution]


def variant_of(distribution: Any) -> Variant | None:
    """The variant that a distribution is, by its own `variant.json`; None if it is none."""
    metadata = _metadata_of(distribution)
    return next(iter(metadata.variants.values()), None) if metadata else None


def _read_context(distribution: Any) -> MarkerContext:
    metadata = _metadata_of(distribution)
    if metadata is None or not metadata.variants:
        return MarkerContext()
    return _context(metadata, next(iter(metadata.variants)))


def _metadata_of(distribution: Any) -> VariantMetadata | None:
    if distribution in _promised:
        return _promised[distribution]
    try:
        return VariantMetadata.parse(distribution.read_text("variant.json"), "variant.json")
    except FileNotFoundError:
        return None
    except ValueError as error:  # InvalidVariantMetadata, UnicodeDecodeError
        log.debug("%s: %s", distribution, error)
        return None


def _context(metadata: VariantMetadata, label: str) -> MarkerContext:
    variant = metadata.variants.get(label)
    if variant is None:
        return MarkerContext(label)
    # A feature with one value must be supported, or the wheel would not have been chosen.
    if all(len(values) == 1 for _, values in variant.features):
        return MarkerContext.of(variant)
    from pip_variants.pip_adapter.target import asker, choices
    from pip_variants.selection import supported_properties

    try:
        supported = supported_properties(metadata, variant.namespaces, asker(), choices())
    except (DetectionError, InvalidTarget) as error:
        log.debug("all properties of %s count as supported: %s", label, error)
        return MarkerContext.of(variant)

    def supports(one: VariantProperty) -> bool:
        return supported[one.namespace].supports(one.feature, one.value)

    return MarkerContext.of(variant, supports)
