"""Variant markers wherever pip reads the dependencies of a distribution.

pip's own parser is left alone: it sees dependencies in which the variant markers are resolved.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from pip_variants.errors import DetectionError, InvalidVariantProperty
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


def fetch_metadata_only(original: Callable[..., Any]) -> Callable[..., Any]:
    """`RequirementPreparer._fetch_metadata_only`: metadata without the wheel around it.

    It has no `variant.json`, so what the index says counts.
    """

    @wraps(original)
    def fetch_metadata_only(self: Any, req: Any) -> Any:
        from pip_variants.pip_adapter.ranking import promise_of

        distribution = original(self, req)
        label = label_of(req.link.filename) if req.link else None
        if distribution is not None and label is not None:
            promise = promise_of(req.link)
            if promise is not None:
                _contexts[distribution] = _context(promise, label)
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
        for text in _resolved(self, requirements):
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
        return _resolved(self._distribution, values) if name == "Requires-Dist" else values


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
    from pip_variants.pip_adapter.target import detection
    from pip_variants.selection import supported_properties

    try:
        supported = supported_properties(metadata, variant.namespaces, detection())
    except DetectionError as error:
        log.debug("all properties of %s count as supported: %s", label, error)
        return MarkerContext.of(variant)

    def supports(one: VariantProperty) -> bool:
        return one.value in supported[one.namespace].values(one.feature)

    return MarkerContext.of(variant, supports)
