"""The providers of this environment: built in, of vendors, and installed PEP 850 plugins."""

import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

import pip_variants
from pip_variants import hooks
from pip_variants.detection import Absent, Elsewhere, noting
from pip_variants.errors import (
    BrokenInstallation,
    InvalidProviderAnswer,
    InvalidTarget,
    InvalidVariantProperty,
    ProviderFailed,
)
from pip_variants.model.names import check_feature, check_namespace, check_value
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.model.target import Identity, Machine, Target, TargetProvider
from pip_variants.providers import BUILT_IN

_log = logging.getLogger(__name__)

_LONGEST = 2**20  # the characters of an answer and its items; the client reads no more

_OTHER_MACHINE = "not known of the machine that this install is for"


@dataclass(frozen=True)
class Answer:
    """What is supported, and who says so."""

    support: NamespaceSupport
    by: str


_Registered: TypeAlias = tuple[hooks.Provider, str]
"""A provider, and who it is of."""


class Registry:
    """Finds the provider that a wheel asks for, and asks it."""

    def __init__(self, loading: Callable[[str], None] = lambda _: None) -> None:
        """`loading` is told the name of each plugin before it is loaded, "" after the last one."""
        self._broken: dict[str, str] = {}
        self._broken_packages: dict[str, str] = {}
        self._loading = loading
        self._providers: list[_Registered] = []
        self._index_sets: list[tuple[Callable[[], Any], str]] = []  # and the plugin's name
        self._asked: dict[int, Answer] = {}
        self._targets: dict[str, Target] = {}
        self._manager = pluggy.PluginManager("pip_variants")
        self._manager.add_hookspecs(hooks)
        self._to_load: list[Callable[[], None]] = [partial(self._load, one) for one in BUILT_IN]
        self._to_load.append(self._load_vendors)
        with suppress(BrokenInstallation):  # it is said when something is asked
            next(self._each())  # there is time before anything is asked

    def _each(self) -> Iterator[_Registered]:
        """All providers; nothing is loaded that is not needed, what vendors made comes last."""
        position = 0
        while True:
            yield from self._providers[position:]
            position = len(self._providers)
            if not self._to_load:
                return
            self._to_load[0]()
            del self._to_load[0]

    def _load(self, name: str) -> None:
        """Load one of our own providers. Raises `BrokenInstallation`."""
        try:
            self._register(name, importlib.import_module(name))
        except Exception as error:  # a file of ours is missing or damaged in whatever way
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            raise BrokenInstallation(f"{name}: {type(error).__name__}: {error}") from error

    def _load_vendors(self) -> None:
        from pip_variants.detection.installed import entry_points

        names: set[str] = set()
        for entry_point in entry_points(self._broken):
            package = canonicalize_name(getattr(entry_point.dist, "name", ""))
            name = entry_point.name
            name = f"{name} of {package}" if name in names else name  # as two vendors may call it
            names.add(name)
            self._loading(name)
            with noting(self._broken, name):
                plugin = entry_point.load()
                if not self._manager.is_registered(plugin):
                    self._register(name, plugin)
            if reason := self._broken.get(name):
                self._broken_packages[package] = f"its plugin is broken: {reason}"
        self._loading("")

    def _register(self, name: str, plugin: object) -> None:
        self._manager.register(plugin, name)
        by = f"pip-variants {pip_variants.__version__}" if name in BUILT_IN else name
        # Its own function, not everybody's: one that raises must not take the others down.
        hook = self._manager.hook
        providers, index_sets = (
            [one.function for one in caller.get_hookimpls() if one.plugin is plugin]
            for caller in (hook.pip_variants_providers, hook.pip_variants_index_sets)
        )
        if not providers and not index_sets:
            raise AttributeError("it does not implement pip_variants_providers")
        self._index_sets += [(one, name) for one in index_sets]
        provided: Any = providers[0]() if providers else ()
        for provider in provided:
            _check(provider)
            self._providers.append((provider, by))

    @property
    def broken(self) -> dict[str, str]:
        """The plugins of vendors that do not work, and why."""
        list(self._each())
        return self._broken

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The recommended namespaces of all registered providers, one for each."""
        return tuple(provider.namespace for provider, _ in self._each())

    def index_sets(self) -> list[str]:
        """The texts of the index sets of all plugins, ours first."""
        list(self._each())
        texts: list[str] = []
        for function, name in self._index_sets:
            with noting(self._broken, name):
                texts += map(str, function())
        return texts

    def machine(self, names: list[str]) -> Machine:
        """What all providers say of this machine or of well-known targets; as `supported`."""
        found: list[TargetProvider] = []
        taken: set[Identity] = set()
        known: set[str] = set()
        for provider, by in self._each():
            named = (
                Identity(canonicalize_name(one.package), one.version, one.plugin_api)
                for one in provider.implements
            )
            identities = tuple(one for one in named if one not in taken)  # the first one answers
            taken.update(identities)
            answers = [self._ask(partial(provider.named, name), None, by) for name in names]
            found_by = zip(names, answers, strict=True)
            known.update(name for name, one in found_by if one.support.features)
            every = answers or [self._ask_once(provider, by)]
            features = dict(feature for one in every for feature in one.support.features)
            supported = tuple(SupportedFeature(*feature) for feature in features.items())
            found.append(TargetProvider(provider.namespace, by, identities, supported))
        if unknown := [name for name in names if name not in known]:
            raise InvalidTarget(
                f"there is no target {unknown[0]}; names are like x86_64_v3, aarch64_8.2a, "
                "cuda12.8-sm90, several with + between them, and files end in .toml or have a path"
            )
        return Machine(tuple(found), tuple(names))

    def supported_in(
        self, namespace: str, platforms: Sequence[str] = (), target: str = "", place: int = 0
    ) -> Answer:
        """What the provider that recommends this namespace at this place says; as `supported`."""
        if target:
            return self._in_target(target, "it", lambda _, one: one.namespace == namespace)
        if platforms:
            return _absent(_OTHER_MACHINE)
        found = (one for one in self._each() if one[0].namespace == namespace)
        for provider, by in islice(found, place, None):
            return self._ask_once(provider, by)
        return _absent("no provider of it is installed")

    def listed(self, target: str, namespace: str, requires: list[str], endpoint: str) -> Answer:
        """What the user's own list says of a provider, `by` nobody if nothing; as `supported`.

        A list that names no package is meant for the namespace, whoever provides it.
        """
        wanted: list[Requirement] = []
        with suppress(Absent):  # it may name no package, or one for other environments
            wanted = _wanted(requires)
        unnamed = Identity("", "", namespace)
        return self._in_target(
            target,
            namespace,
            lambda one, _: one == unnamed or bool(wanted and _matches(one, wanted, endpoint)),
        )

    def supported(
        self,
        requires: list[str],
        endpoint: str,
        platforms: list[str],
        prefix: str,
        target: str = "",
    ) -> Answer:
        """What the provider that a wheel asks for says (PEP 850, Providers, steps 4 to 6).

        With `platforms`, of what all machines of these support, with a `target`, of that alone.
        `prefix` is that of the environment that is installed into.
        Raises `ProviderFailed`, `InvalidProviderAnswer` and `InvalidTarget`.
        """
        os.environ[hooks.PREFIX_VARIABLE] = prefix
        try:
            wanted = _wanted(requires)
            if target:
                what = partial(_matches, wanted=wanted, endpoint=endpoint)
                return self._in_target(target, wanted[0].name, lambda one, _: what(one))
            if found := self._registered(wanted, endpoint):
                return self._baseline(*found, platforms) if platforms else self._ask_once(*found)
            if platforms:
                raise Absent(_OTHER_MACHINE)
            by = self._check_installed(wanted, endpoint)
        except Absent as reason:
            return _absent(*reason.args)
        from pip_variants.detection.installed import supported_configs

        return self._ask(partial(supported_configs, endpoint), None, by)

    def valid(self, requires: list[str], endpoint: str) -> dict[str, Any]:
        """All `features` that there are, none if that is unknown, and what `client.Valid` says."""
        try:
            wanted = _wanted(requires)
            found = self._registered(wanted, endpoint)
            by = found[1] if found else self._check_installed(wanted, endpoint)
        except Absent as reason:
            elsewhere = reason.args[0] if isinstance(reason, Elsewhere) else ""
            return _valid((), elsewhere=elsewhere)
        with _naming(by):
            if found:
                configs, is_always = found[0].valid(), False
            else:
                from pip_variants.detection.installed import all_configs

                configs, is_always = all_configs(endpoint)
            configs = [*_Bound()(configs)] if isinstance(configs, Iterator) else configs
            features = tuple(checked_features(configs))
            single = [one.name for one in configs if getattr(one, "multi_value", None) is False]
        return _valid(features, always=is_always, single=single)

    def valid_in(self, namespace: str) -> dict[str, Any]:
        """The same of the first provider or installed plugin that recommends this namespace."""
        from pip_variants.detection.installed import all_configs, endpoints_for

        for provider, by in self._each():
            if provider.namespace == namespace:
                return _valid(self._ask(provider.valid, None, by).support.features)
        for endpoint in endpoints_for(namespace):
            with _naming(endpoint):
                return _valid(tuple(checked_features(all_configs(endpoint)[0])))
        return _valid(())

    def _registered(self, wanted: list[Requirement], endpoint: str) -> _Registered | None:
        for provider, by in self._each():
            if any(_matches(published, wanted, endpoint) for published in provider.implements):
                return provider, by
        return None

    def _check_installed(self, wanted: list[Requirement], endpoint: str) -> str:
        """Name and version of the package whose plugin of PEP 850 is installed and asked for."""
        first = canonicalize_name(wanted[0].name)
        if reason := self._broken_packages.get(first):
            raise ProviderFailed(f"the provider {wanted[0].name} failed: {reason}")
        from pip_variants.detection.installed import check_installed, has_plugin

        published = (one for provider, _ in self._providers for one in provider.implements)
        near = [one for one in published if canonicalize_name(one.package) == first]
        elsewhere = f"its provider is {wanted[0]} at {endpoint}"
        for one in near[:1]:
            elsewhere += f", registered is {one.package} {one.version} at {one.plugin_api}"
        is_elsewhere = near and not has_plugin(endpoint)
        if is_elsewhere and all(one.plugin_api != endpoint for one in near):
            raise Elsewhere(elsewhere)  # a vendor or a maintainer may have made a mistake
        by = check_installed(wanted, endpoint)
        if is_elsewhere:
            raise Elsewhere(elsewhere)
        return by

    def _in_target(
        self, target: str, what: str, is_it: Callable[[Identity, TargetProvider], bool]
    ) -> Answer:
        """What a target says of the provider for which `is_it` is true."""
        for identity, provider in self._target(target).supported.items():
            if is_it(identity, provider):
                absent = "" if provider.features else f"the target {target} has nothing of it"
                return Answer(NamespaceSupport(provider.features, absent), provider.by or target)
        return _absent(f"the target {target} says nothing of {what}")

    def _target(self, target: str) -> Target:
        if target not in self._targets:
            from pip_variants.detection.targets import load

            self._targets[target] = load(target, self.machine)
            own = Version(pip_variants.__version__)
            for maker in {machine.made_by for machine in self._targets[target].machines}:
                name, _, version = maker.partition(" ")
                with suppress(InvalidVersion):  # people may write these files, too
                    if name == "pip-variants" and Version(version) < own:
                        what = f"{target} was made by {maker}, older than this {own}"
                        _log.warning("%s: write it again, it may lack something", what)
        return self._targets[target]

    def _baseline(self, provider: hooks.Provider, by: str, platforms: list[str]) -> Answer:
        answers = [self._ask(partial(provider.baseline, tag), None, by) for tag in platforms]
        if not answers[0].support.features or any(one != answers[0] for one in answers):
            raise Absent(_OTHER_MACHINE)
        return answers[0]

    def _ask_once(self, provider: hooks.Provider, by: str) -> Answer:
        if id(provider) not in self._asked:
            self._asked[id(provider)] = self._ask(provider.detect, provider, by)
        return self._asked[id(provider)]

    def _ask(
        self, detect: Callable[[], Iterable[Any]], forcible: hooks.Provider | None, by: str
    ) -> Answer:
        with _naming(by):
            answer = detect()
            answer = [*_Bound()(answer)] if isinstance(answer, Iterator) else answer
            found = features = tuple(checked_features(answer))
            bound = _Bound()
            devices = tuple(
                (str(device), SupportedFeature(one.name, tuple(map(check_value, bound(values)))))
                for one in answer
                for device, values in getattr(one, "devices", {}).items()
            )
        if forcible is not None:
            features = _forced(forcible, features)
        absent = "" if features else f"{by} found nothing of it on this machine"
        devices = devices if features == found else ()
        return Answer(NamespaceSupport(features, absent, devices=devices), by)


@contextmanager
def _naming(by: str) -> Iterator[None]:
    """Turn what a provider raises, or answers wrongly, into an error that names it."""
    try:
        yield
    except (InvalidVariantProperty, InvalidProviderAnswer) as error:
        raise InvalidProviderAnswer(f"the provider {by} broke the contract: {error}") from None
    except BaseException as error:  # foreign code: anything may come out, SystemExit too
        raise ProviderFailed(
            f"the provider {by} failed: {type(error).__name__}: {error}"
        ) from error


def _valid(
    features: tuple[SupportedFeature, ...],
    *,
    always: bool = False,
    single: Sequence[str] = (),
    elsewhere: str = "",
) -> dict[str, Any]:
    return {"features": features, "always": always, "single": single, "elsewhere": elsewhere}


def _absent(reason: str, remedy: str = "") -> Answer:
    return Answer(NamespaceSupport((), reason, remedy), "")


def _check(provider: Any) -> None:
    check_namespace(provider.namespace)
    for feature in provider.forced:
        check_feature(feature)
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


def _wanted(requires: list[str]) -> list[Requirement]:
    """The requirements that apply here (PEP 850, Provider information, requires)."""
    try:
        wanted = [Requirement(text) for text in requires]
        wanted = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    except Exception:  # noqa: BLE001 - an index wrote it: it may be anything, and deeply nested
        raise Absent(f"its provider's requirement {requires!r:.100} is invalid") from None
    if not wanted:
        raise Absent("its provider is not for this environment")
    return wanted


def _matches(
    published: hooks.Published | Identity, wanted: list[Requirement], endpoint: str
) -> bool:
    first = wanted[0]
    return (
        len(wanted) == 1
        and canonicalize_name(first.name) == canonicalize_name(published.package)
        and first.specifier.contains(published.version, prereleases=True)
        and endpoint == published.plugin_api
    )


class _Bound:
    """Passes on the items of one answer, lists in lists too. Providers may go on without end."""

    def __init__(self) -> None:
        self._left = _LONGEST

    def __call__(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items. Raises `InvalidProviderAnswer` where they become too many."""
        for item in items:
            self._left -= len(item) + 1 if isinstance(item, str) else 1
            if self._left < 0:
                raise InvalidProviderAnswer("its answer is too long")
            yield item


def checked_features(answer: Iterable[Any]) -> Iterable[SupportedFeature]:
    """Read what a provider answers. Raises `InvalidProviderAnswer`, `InvalidVariantProperty`."""
    seen = set()
    bound = _Bound()
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise InvalidProviderAnswer(f"it must answer with features: {answer!r}")
    for config in bound(answer):
        if not (hasattr(config, "name") and hasattr(config, "values")):
            raise InvalidProviderAnswer(f"a feature must have a name and values: {config!r}")
        name = check_feature(config.name)
        if isinstance(config.values, str) or not isinstance(config.values, Iterable):
            raise InvalidProviderAnswer(f"the values of {name} must be a list: {config.values!r}")
        values = tuple(map(check_value, bound(config.values)))
        if not values or len(set(values)) != len(values):
            raise InvalidProviderAnswer(
                f"the values of {name} must be distinct and at least one: {list(values)!r}"
            )
        if name in seen:
            raise InvalidProviderAnswer(f"the feature {name} occurs twice")
        seen.add(name)
        yield SupportedFeature(name, values)


def _forced(
    provider: hooks.Provider, features: tuple[SupportedFeature, ...]
) -> tuple[SupportedFeature, ...]:
    """Apply `<NAMESPACE>_VARIANT_PROVIDER_FORCE_<FEATURE>`: values, `none` for absent, or empty."""
    prefix = f"{provider.namespace.upper()}_VARIANT_PROVIDER_FORCE_"
    merged = dict(features)
    for variable, text in sorted(os.environ.items()):
        name = variable[len(prefix) :].lower()
        if not variable.upper().startswith(prefix) or not text.strip() or name in provider.forced:
            continue
        place = f"the environment variable {prefix}{name.upper()}"
        _log.info("%s is forced by %s", name, place)
        values = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        try:
            merged[check_feature(name)] = tuple(map(check_value, values))
        except InvalidVariantProperty as error:
            raise ProviderFailed(f"{error} in {place}") from None
        if values == ("none",):
            del merged[name]
    return tuple(SupportedFeature(*feature) for feature in merged.items())
