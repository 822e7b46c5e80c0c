"""ABI dependencies in pip: a variant that is built for torch 2.9 depends on torch==2.9.*.

pip's resolver keeps to it as to every dependency, and goes back to another variant of the same
version where it must.
"""

from functools import cache
from typing import Any

from pip._internal.metadata import get_default_environment

from pip_variants.model.abi import AbiDependency, abi_dependencies, belongs_to
from pip_variants.model.metadata import VariantMetadata
from pip_variants.pip_adapter.gate import gate

__all__ = ["locked", "releases", "requirements"]

locked: dict[str, str] = {}
"""Package -> version, where a lock file leaves no choice."""


def releases(package: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the releases that the resolution can hold, best first.

    What is installed stays if it can. Without dependencies (`--no-deps`, a lock) nothing else is
    to be had.
    """
    version = locked.get(package) if locked else _installed(package)
    fitting = tuple(release for release in wanted if version and belongs_to(version, release))
    if locked or getattr(gate.options, "ignore_dependencies", False):
        return fitting
    return (*fitting, *(release for release in wanted if release not in fitting))


def requirements(metadata: VariantMetadata, label: str) -> list[str]:
    """What a variant requires beside its dependencies, as dependency specifiers."""
    variant = metadata.variants.get(label)
    return [_requirement(one) for one in abi_dependencies(variant, metadata)] if variant else []


def _requirement(dependency: AbiDependency) -> str:
    package, wanted = dependency
    specifiers = dependency.requirements
    if len(specifiers) > 1:  # pip has no "or": keep to what is there
        best = releases(package, wanted)[:1] or wanted[:1]
        return AbiDependency(package, best).requirements[0]
    return specifiers[0] if specifiers else package


@cache
def _installed(package: str) -> str | None:
    elsewhere = ("ignore_installed", "target_dir", "prefix_path", "root_path")
    if any(getattr(gate.options, name, None) for name in elsewhere):
        return None
    distribution: Any = get_default_environment().get_distribution(package)
    return str(distribution.version) if distribution else None
