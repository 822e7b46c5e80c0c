"""Variants that are built for certain releases of another package (PEP 850, ABI Dependency).

Their properties stand in the namespace `abi_dependency`, or in one whose provider is the builtin of
that name. The feature is the package, each value is a release: `2.9` for every 2.9.*.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pip_variants.model.metadata import ABI_DEPENDENCY, BuiltinProvider, Variant, VariantMetadata

# Not compiled before a wheel names the `abi` namespace.
_RELEASE = r"(?:0|[1-9][0-9]{0,17})(?:\.(?:0|[1-9][0-9]{0,17})){0,2}"
_VERSION = r"(?:0!)?([0-9]+(?:\.[0-9]+)*)"
_MOST_GAPS = 50


class AbiDependency(NamedTuple):
    """A package, by its normalised name, and the releases of it that a variant is built for."""

    package: str
    releases: tuple[str, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        """Dependency specifiers, newest first, one of which must hold; often there is but one.

        >>> AbiDependency("torch", ("2.8", "2.10")).requirements
        ('torch>=2.8,<2.11,!=2.9.*',)
        """
        groups: dict[tuple[int, ...], set[int]] = {}
        for release in self.releases:
            *front, last = _numbers(release)
            groups.setdefault(tuple(front), set()).add(last)
        return tuple(
            f"{self.package}{specifier}"
            for front in sorted(groups, reverse=True)
            for specifier in _specifiers(front, sorted(groups[front]))
        )


def is_abi_namespace(namespace: str, metadata: VariantMetadata) -> bool:
    """Whether the features of a namespace are packages."""
    info = metadata.providers.get(namespace)
    is_builtin = isinstance(info, BuiltinProvider) and info.name == ABI_DEPENDENCY
    return namespace == ABI_DEPENDENCY or is_builtin


def abi_dependencies(variant: Variant, metadata: VariantMetadata) -> tuple[AbiDependency, ...]:
    """The packages that a variant is bound to, each to one of some releases."""
    return tuple(
        AbiDependency(feature.name.replace("_", "-"), newest_first(values))
        for feature, values in variant.features
        if is_abi_namespace(feature.namespace, metadata)
    )


def newest_first(releases: Iterable[str]) -> tuple[str, ...]:
    """The values that are releases, each once; Python refuses to read very long numbers."""
    valid = {release for release in releases if re.fullmatch(_RELEASE, release)}
    return tuple(sorted(valid, key=_numbers, reverse=True))


def belongs_to(version: str, release: str) -> bool:
    """Whether a version is one of a release, as `=={release}.*` says.

    >>> belongs_to("2.9.1+cu128", "2.9"), belongs_to("2.90", "2.9")
    (True, False)
    """
    match = re.match(_VERSION, version)
    wanted = _numbers(release)
    found = _numbers(match[1]) if match else ()
    return bool(found) and (*found, 0, 0)[: len(wanted)] == wanted


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def _specifiers(front: tuple[int, ...], lasts: list[int]) -> Iterable[str]:
    """Specifiers for the releases that differ in their last number only, newest first."""

    def release(last: int) -> str:
        return ".".join(map(str, (*front, last)))

    first, end = lasts[0], lasts[-1] + 1
    if len(lasts) == 1 or end - first - len(lasts) > _MOST_GAPS:
        return [f"=={release(last)}.*" for last in reversed(lasts)]
    gaps = sorted({*range(first, end)}.difference(lasts))
    return [f">={release(first)},<{release(end)}" + "".join(f",!={release(one)}.*" for one in gaps)]
