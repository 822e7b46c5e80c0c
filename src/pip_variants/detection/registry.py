"""The providers of this environment: built in, of vendors, and installed PEP 850 plugins."""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import importlib_metadata
import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import pip_variants
from pip_variants import hooks
from pip_variants.errors import InvalidProviderAnswer, InvalidVariantProperty, ProviderFailed
from pip_variants.model.names import check_feature, check_namespace, check_value
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.providers import BUILT_IN

__all__ = ["Answer", "Registry"]


_OTHER_MACHINE = "not known of the machine that this install is for"


@dataclass(frozen=True)
class Answer:
    """What is supported, and who says so."""

    support: NamespaceSupport
    by: str


class Registry:
    """Finds the provider that a wheel asks for, and asks it."""

    def __init__(self) -> None:
        self._providers: list[tuple[hooks.Provider, str]] = []
        self.broken: dict[str, str] = {}
        manager = pluggy.PluginManager("pip_variants")
        manager.add_hookspecs(hooks)
        for name in BUILT_IN:
            manager.register(importlib.import_module(name), name)
        for entry_point in importlib_metadata.entry_points(group=hooks.ENTRY_POINT_GROUP):
            with _Guard(self.broken, entry_point.name):
                manager.register(entry_point.load(), entry_point.name)
        # One by one, not through the hook: a plugin that raises must not take the others down.
        for implementation in manager.hook.pip_variants_providers.get_hookimpls():
            name = str(implementation.plugin_name)
            by = f"pip-variants {pip_variants.__version__}" if name in BUILT_IN else name
            with _Guard(self.broken, name):
                provided: Iterable[Any] = implementation.function()  # type: ignore[assignment]
                for provider in provided:
                    check_namespace(provider.namespace)
                    self._providers.append((provider, by))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The recommended namespaces of the registered providers, without repetition."""
        return tuple(dict.fromkeys(provider.namespace for provider, _ in self._providers))

    def supported_in(self, namespace: str) -> Answer:
        """What the first provider that recommends this namespace says, for people to read.

        Raises `ProviderFailed` and `InvalidProviderAnswer`.
        """
        provider, by = next(item for item in self._providers if item[0].namespace == namespace)
        return self._ask(provider.detect, provider.namespace, by)

    def supported(self, requires: list[str], endpoint: str, platforms: list[str]) -> Answer:
        """What the provider that a wheel asks for says (PEP 850, Providers, steps 4 to 6).

        With `platforms` it is not asked about this machine but about what all machines of these
        platform tags support.

        Raises `ProviderFailed` and `InvalidProviderAnswer`.
        """
        try:
            wanted = [Requirement(text) for text in requires]
        except InvalidRequirement as error:
            return _absent(f"its provider's requirement is invalid: {error}")
        wanted = [one for one in wanted if one.marker is None or one.marker.evaluate()]
        if not wanted:
            return _absent("its provider is not for this environment")
        for provider, by in self._providers:
            if any(_matches(published, wanted, endpoint) for published in provider.implements):
                if platforms:
                    return self._baseline(provider, platforms, by)
                return self._ask(provider.detect, provider.namespace, by)
        if platforms:
            return _absent(_OTHER_MACHINE)
        for one in wanted:
            try:
                version = importlib_metadata.version(one.name)
            except importlib_metadata.PackageNotFoundError:
                return _absent(f"its provider is not installed: pip install {one.name}")
            if not one.specifier.contains(version, prereleases=True):
                return _absent(f"its provider needs {one}, and {version} is installed")
        return self._ask(_plugin(endpoint), None, f"{wanted[0].name} {version}")

    def _baseline(self, provider: hooks.Provider, platforms: list[str], by: str) -> Answer:
        answers = [self._ask(partial(provider.baseline, tag), None, by) for tag in platforms]
        first = answers[0].support
        if first.features and all(answer.support == first for answer in answers):
            return answers[0]
        return _absent(_OTHER_MACHINE)

    def _ask(self, detect: Callable[[], Iterable[Any]], namespace: str | None, by: str) -> Answer:
        try:
            answer = detect()
            features = tuple(_features(answer))
        except (InvalidVariantProperty, InvalidProviderAnswer) as error:
            raise InvalidProviderAnswer(f"the provider {by} broke the contract: {error}") from None
        except BaseException as error:  # foreign code: anything may come out, SystemExit too
            raise ProviderFailed(
                f"the provider {by} failed: {type(error).__name__}: {error}"
            ) from error
        if namespace is not None:
            features = _forced(namespace, features, os.environ)
        absent = "" if features else f"{by} found nothing of it on this machine"
        return Answer(NamespaceSupport(features, absent), by)


class _Guard:
    """Notes what a plugin raises, as the reason why it is broken."""

    def __init__(self, broken: dict[str, str], name: str) -> None:
        self._broken = broken
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> bool:
        if error is not None:
            self._broken[self._name] = f"{type(error).__name__}: {error}"
        return True


def _absent(reason: str) -> Answer:
    return Answer(NamespaceSupport(absent=reason), "")


def _matches(published: hooks.Published, wanted: list[Requirement], endpoint: str) -> bool:
    first = wanted[0]
    return (
        len(wanted) == 1
        and canonicalize_name(first.name) == canonicalize_name(published.package)
        and first.specifier.contains(published.version, prereleases=True)
        and endpoint == published.plugin_api
    )


def _plugin(endpoint: str) -> Callable[[], Iterable[Any]]:
    """The callable of an installed PEP 850 plugin (Provider plugin API, API endpoint)."""

    def detect() -> Iterable[Any]:
        module, _, attributes = endpoint.partition(":")
        plugin: Any = importlib.import_module(module)
        for name in filter(None, attributes.split(".")):
            plugin = getattr(plugin, name)
        answer: Iterable[Any] = plugin.get_supported_configs()
        return answer

    return detect


def _features(answer: Iterable[Any]) -> Iterable[SupportedFeature]:
    seen = set()
    for config in answer:
        name = check_feature(config.name)
        values = tuple(check_value(value) for value in config.values)
        if not values or len(set(values)) != len(values):
            raise InvalidProviderAnswer(
                f"the values of {name} must be distinct and at least one: {list(values)!r}"
            )
        if name in seen:
            raise InvalidProviderAnswer(f"the feature {name} occurs twice")
        seen.add(name)
        yield SupportedFeature(name, values)


def _forced(
    namespace: str, features: tuple[SupportedFeature, ...], environ: Mapping[str, str]
) -> tuple[SupportedFeature, ...]:
    """Apply `<NAMESPACE>_VARIANT_PROVIDER_FORCE_<FEATURE>`: values in order, `none` for absent.

    An empty variable counts as unset. A feature that was not detected comes last.
    """
    prefix = f"{namespace.upper()}_VARIANT_PROVIDER_FORCE_"
    forced = {
        name[len(prefix) :].lower(): [part.strip() for part in text.split(",")]
        for name, text in sorted(environ.items())
        if name.upper().startswith(prefix) and text.strip()
    }
    merged = {**dict(features), **forced}
    result = []
    for name, values in merged.items():
        if list(values) != ["none"]:
            try:
                distinct = dict.fromkeys(check_value(value) for value in values)
                result.append(SupportedFeature(check_feature(name), tuple(distinct)))
            except InvalidVariantProperty as error:
                raise ProviderFailed(
                    f"{error} in the environment variable {prefix}{name.upper()}"
                ) from None
    return tuple(result)
