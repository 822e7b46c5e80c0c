"""The providers of this environment: built in, of vendors, and installed PEP 850 plugins."""

import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import importlib_metadata
import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

import pip_variants
from pip_variants import hooks
from pip_variants.errors import InvalidProviderAnswer, InvalidVariantProperty, ProviderFailed
from pip_variants.model.names import check_feature, check_namespace, check_value
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.providers import BUILT_IN

__all__ = ["Answer", "Registry"]


_log = logging.getLogger(__name__)

_OTHER_MACHINE = "not known of the machine that this install is for"


@dataclass(frozen=True)
class Answer:
    """What is supported, and who says so."""

    support: NamespaceSupport
    by: str


class Registry:
    """Finds the provider that a wheel asks for, and asks it."""

    def __init__(self, loading: Callable[[str], None] = lambda _: None) -> None:
        """`loading` is told the name of each plugin before it is loaded: it may never return."""
        self._broken: dict[str, str] = {}
        self._broken_packages: dict[str, str] = {}
        self._loading = loading
        self._has_vendors = False
        self._providers: list[tuple[hooks.Provider, str]] = []
        self._asked: dict[int, Answer] = {}
        self._manager = pluggy.PluginManager("pip_variants")
        self._manager.add_hookspecs(hooks)
        for name in BUILT_IN:
            self._register(name, importlib.import_module(name))

    @property
    def broken(self) -> dict[str, str]:
        """The plugins of vendors that do not work, and why."""
        self._with_vendors()
        return self._broken

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The recommended namespaces of all registered providers, without repetition."""
        return tuple(dict.fromkeys(provider.namespace for provider, _ in self._with_vendors()))

    def _register(self, name: str, plugin: object) -> None:
        self._manager.register(plugin, name)
        by = f"pip-variants {pip_variants.__version__}" if name in BUILT_IN else name
        # Its own function, not everybody's: one that raises must not take the others down.
        implementations = self._manager.hook.pip_variants_providers.get_hookimpls()
        own = [one.function for one in implementations if one.plugin is plugin]
        if not own:
            raise AttributeError("it does not implement pip_variants_providers")
        provided: Any = own[0]()
        for provider in provided:
            _check(provider)
            self._providers.append((provider, by))

    def _with_vendors(self) -> list[tuple[hooks.Provider, str]]:
        """All providers; the plugins of vendors are loaded when nothing built in will do."""
        if not self._has_vendors:
            self._has_vendors = True
            for entry_point in _entry_points(self._broken):
                self._loading(entry_point.name)
                with _noting(self._broken, entry_point.name):
                    self._register(entry_point.name, entry_point.load())
                if reason := self._broken.get(entry_point.name):
                    package = canonicalize_name(getattr(entry_point.dist, "name", ""))
                    self._broken_packages[package] = f"its plugin is broken: {reason}"
        return self._providers

    def supported_in(self, namespace: str) -> Answer:
        """What the first provider that recommends this namespace says, for people to read.

        Raises `ProviderFailed` and `InvalidProviderAnswer`.
        """
        found = (item for item in self._with_vendors() if item[0].namespace == namespace)
        provider, by = next(found)
        return self._ask_once(provider, by)

    def supported(self, requires: list[str], endpoint: str, platforms: list[str]) -> Answer:
        """What the provider that a wheel asks for says (PEP 850, Providers, steps 4 to 6).

        With `platforms` it is not asked about this machine but about what all machines of these
        platform tags support.

        Raises `ProviderFailed` and `InvalidProviderAnswer`.
        """
        try:
            wanted = _wanted(requires)
            built_in = _matching(self._providers, wanted, endpoint)
            if found := built_in or _matching(self._with_vendors(), wanted, endpoint):
                if platforms:
                    return self._baseline(*found, platforms)
                return self._ask_once(*found)
            if platforms:
                raise _Absent(_OTHER_MACHINE)
            if reason := self._broken_packages.get(canonicalize_name(wanted[0].name)):
                raise ProviderFailed(f"the provider {wanted[0].name} failed: {reason}")
            by = _installed(wanted, endpoint)
            self._check_near_miss(wanted[0], endpoint)
        except _Absent as reason:
            return Answer(NamespaceSupport(absent=str(reason)), "")
        return self._ask(_plugin(endpoint), None, by)

    def _check_near_miss(self, wanted: Requirement, endpoint: str) -> None:
        """Tell a vendor whose registered provider is not quite the one that a wheel asks for."""
        plugins = importlib_metadata.entry_points(group="variant_plugins")
        if any(entry_point.value == endpoint for entry_point in plugins):
            return  # a plugin of PEP 850 beside it
        for provider, _ in self._providers:
            for published in provider.implements:
                if canonicalize_name(published.package) == canonicalize_name(wanted.name):
                    raise _Absent(
                        f"its provider is {wanted} at {endpoint}, registered is "
                        f"{published.package} {published.version} at {published.plugin_api}"
                    )

    def _baseline(self, provider: hooks.Provider, by: str, platforms: list[str]) -> Answer:
        answers = [self._ask(partial(provider.baseline, tag), None, by) for tag in platforms]
        first = answers[0].support
        if not first.features or any(answer.support != first for answer in answers):
            raise _Absent(_OTHER_MACHINE)
        return answers[0]

    def _ask_once(self, provider: hooks.Provider, by: str) -> Answer:
        if id(provider) not in self._asked:
            self._asked[id(provider)] = self._ask(provider.detect, provider.namespace, by)
        return self._asked[id(provider)]

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


@contextmanager
def _noting(broken: dict[str, str], name: str) -> Iterator[None]:
    """Note what a plugin raises, as the reason why it is broken."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - foreign code: SystemExit too
        broken[name] = f"{type(error).__name__}: {error}"


def _entry_points(broken: dict[str, str]) -> list[importlib_metadata.EntryPoint]:
    try:
        return list(importlib_metadata.entry_points(group=hooks.ENTRY_POINT_GROUP))
    except Exception:  # noqa: BLE001 - somebody's entry_points.txt is malformed: read them one by one
        found: dict[tuple[str, str], importlib_metadata.EntryPoint] = {}
        for distribution in importlib_metadata.distributions():
            with _noting(broken, str(getattr(distribution, "_path", distribution))):
                for entry_point in distribution.entry_points.select(group=hooks.ENTRY_POINT_GROUP):
                    found.setdefault((distribution.name, entry_point.name), entry_point)
        return list(found.values())


def _check(provider: Any) -> None:
    check_namespace(provider.namespace)
    if not callable(provider.detect):
        raise TypeError(f"detect is not callable: {provider.detect!r}")
    if not isinstance(provider.implements, Iterable):
        raise TypeError(f"implements is not a list: {provider.implements!r}")
    for published in provider.implements:
        if not isinstance(published, hooks.Published):
            raise TypeError(f"implements holds something else than Published: {published!r}")
        try:
            Version(published.version)
        except (InvalidVersion, TypeError):
            raise ValueError(f"not a version: {published.version!r}") from None


class _Absent(Exception):
    """Why a provider cannot be asked."""


def _wanted(requires: list[str]) -> list[Requirement]:
    """The requirements that apply here (PEP 850, Provider information, requires)."""
    try:
        wanted = [Requirement(text) for text in requires]
        wanted = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    except Exception:  # noqa: BLE001 - an index wrote it: it may be anything, and deeply nested
        raise _Absent(f"its provider's requirement {requires!r:.100} is invalid") from None
    if not wanted:
        raise _Absent("its provider is not for this environment")
    return wanted


def _installed(wanted: list[Requirement], endpoint: str) -> str:
    """Name and version of the first package, if all are installed in a version that fits.

    One of them must own the endpoint: what an index writes must not run anything else.
    """
    found: list[Any] = []
    for one in wanted:
        try:
            found.append(importlib_metadata.distribution(one.name))
        except importlib_metadata.PackageNotFoundError:
            raise _Absent(f"its provider is not installed: pip install {one.name}") from None
        try:
            fits = one.specifier.contains(Version(found[-1].version), prereleases=True)
        except (InvalidVersion, TypeError):
            fits = False
        if not fits:
            raise _Absent(
                f"its provider needs {one.name}{one.specifier}, "
                f"and {found[-1].version} is installed"
            )
    if not any(_owns(distribution, endpoint) for distribution in found):
        raise _Absent(f"{wanted[0].name} has no provider {endpoint}")
    return f"{wanted[0].name} {found[0].version}"


def _owns(distribution: Any, endpoint: str) -> bool:
    top = endpoint.partition(":")[0].partition(".")[0]
    if any(
        point.value.partition(":")[0].partition(".")[0] == top
        for point in distribution.entry_points
    ):
        return True
    return any(file.parts[0] in (top, f"{top}.py") for file in distribution.files or ())


def _matching(
    providers: list[tuple[hooks.Provider, str]], wanted: list[Requirement], endpoint: str
) -> tuple[hooks.Provider, str] | None:
    for provider, by in providers:
        if any(_matches(published, wanted, endpoint) for published in provider.implements):
            return provider, by
    return None


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
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise InvalidProviderAnswer(f"it must answer with features: {answer!r}")
    for config in answer:
        if not (hasattr(config, "name") and hasattr(config, "values")):
            raise InvalidProviderAnswer(f"a feature must have a name and values: {config!r}")
        name = check_feature(config.name)
        if isinstance(config.values, str) or not isinstance(config.values, Iterable):
            raise InvalidProviderAnswer(f"the values of {name} must be a list: {config.values!r}")
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
    for name in forced:
        _log.info("%s is forced by the environment variable %s", name, f"{prefix}{name.upper()}")
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
