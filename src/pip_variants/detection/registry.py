"""The providers of this environment: built in, of vendors, and installed PEP 850 plugins."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import pip_variants
from pip_variants.contract import PREFIX_VARIABLE, Provider
from pip_variants.detection import Absent, Elsewhere, noting
from pip_variants.errors import (
    BrokenInstallation,
    InvalidProviderAnswer,
    InvalidTarget,
    InvalidVariantProperty,
    ProviderFailed,
)
from pip_variants.model.names import check_feature, check_value, meant, normalised
from pip_variants.model.published import Published
from pip_variants.model.support import Answer, NamespaceSupport, SupportedFeature
from pip_variants.providers import BUILT_IN, provider_of
from pip_variants.providers.machine import log

if TYPE_CHECKING:  # what a plain question does not need, and takes longer to load than to answer
    from packaging.requirements import Requirement

    from pip_variants.model.target import Machine, Target, TargetProvider

_LONGEST = 2**20  # the characters of an answer and its items; the client reads no more

_SHOWN = 8  # values of a feature

_OTHER_MACHINE = "not known of the machine that this install is for"


# What needs no `packaging`, which takes longer to load than all else that a question needs.
_PLAIN_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*([<>=!].*)?")
_PLAIN_CLAUSE = re.compile(r"[ \t]*([<>]=?|[=!]=)[ \t]*([0-9]{1,9}(?:\.[0-9]{1,9})*)[ \t]*")
_COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq}
_COMPARISONS |= {">": operator.gt, ">=": operator.ge, "!=": operator.ne}

_Registered: TypeAlias = tuple[Provider, str]
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
        self._has_vendors = False
        with suppress(BrokenInstallation):  # it is said when something is asked
            next(self._each())  # there is time before anything is asked

    def _each(self) -> Iterator[_Registered]:
        """All providers; nothing is loaded that is not needed, what vendors made comes last.

        Raises `BrokenInstallation`.
        """
        for place, name in enumerate(BUILT_IN):
            if place == len(self._providers):
                try:
                    provider = provider_of(name)
                except Exception as error:  # a file of ours is missing or damaged in whatever way
                    raise BrokenInstallation(f"{name}: {type(error).__name__}: {error}") from error
                self._providers.append((provider, f"pip-variants {pip_variants.__version__}"))
            yield self._providers[place]
        if not self._has_vendors:
            self._load_vendors()
            self._has_vendors = True
        yield from self._providers[len(BUILT_IN) :]

    def _load_vendors(self) -> None:
        from pip_variants.detection.installed import entry_points, implemented
        from pip_variants.detection.listening import listen

        listen()
        plugins: list[object] = []
        for entry_point in entry_points(self._broken):
            package = normalised(getattr(entry_point.dist, "name", ""))
            name = entry_point.name
            if name in self._broken or any(name == by for _, by in self._providers):
                name = f"{name} of {package}"  # as two vendors may call it
            self._loading(name)
            with noting(self._broken, name):
                plugin = entry_point.load()
                if not any(plugin is one for one in plugins):
                    providers, index_sets = implemented(plugin)
                    self._index_sets += [(one, name) for one in index_sets]
                    self._providers += [(one, name) for one in providers]
                    plugins.append(plugin)
            if reason := self._broken.get(name):
                self._broken_packages[package] = f"its plugin is broken: {reason}"
        self._loading("")

    def registered(self) -> dict[str, Any]:
        """The recommended namespaces of all providers; the plugins that are broken, and why."""
        namespaces = [provider.namespace for provider, _ in self._each()]
        return {"namespaces": namespaces, "broken": self._broken}

    def index_sets(self) -> list[str]:
        """The texts of the index sets of all plugins, ours first."""
        from pip_variants.index_sets import built_in

        list(self._each())
        texts = built_in()
        for function, name in self._index_sets:
            with noting(self._broken, name):
                texts += map(str, function())
        return texts

    def machine(self, names: list[str]) -> Machine:
        """What all providers say of this machine or of well-known targets; as `supported`."""
        from pip_variants.model.target import Machine, TargetProvider

        found: list[TargetProvider] = []
        taken: set[Published] = set()
        known: set[str] = set()
        for provider, by in self._each():
            named = (
                Published(normalised(one.package), one.version, one.plugin_api)
                for one in provider.implements
            )
            identities = tuple(one for one in named if one not in taken)  # the first one answers
            taken.update(identities)
            asked = {name: _ask(partial(provider.named, name), by) for name in names}
            known |= {name for name, one in asked.items() if one.support.features}
            answers = [*asked.values()] or [self._ask_once(provider, by)]
            features = dict(feature for one in answers for feature in one.support.features)
            supported = tuple(map(SupportedFeature._make, features.items()))
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

    def listed(
        self, target: str, namespace: str, requires: Sequence[str] = (), endpoint: str = ""
    ) -> Answer:
        """What the user's own list says of a provider, `by` nobody if nothing; as `supported`.

        A list that names no package is meant for the namespace, whoever provides it.
        """
        wanted = _Wanted(requires, endpoint)

        def is_it(one: Published, _: object) -> bool:
            with suppress(Absent):  # it may name no package, or one for other environments
                return one == ("", "", namespace) or wanted.is_for(one)
            return False

        return self._in_target(target, namespace, is_it)

    def supported(  # noqa: PLR0913 - one question
        self,
        requires: list[str],
        endpoint: str,
        platforms: list[str],
        prefix: str,
        target: str = "",
        *,
        trusted: bool = False,
    ) -> Answer:
        """What the provider that a wheel asks for says (PEP 850, Providers, steps 4 to 6).

        With `platforms`, of what all machines of these support, with a `target`, of that alone.
        `prefix` is that of the environment that is installed into; `trusted` says that the user
        named all that is required.
        Raises `ProviderFailed`, `InvalidProviderAnswer` and `InvalidTarget`.
        """
        os.environ[PREFIX_VARIABLE] = prefix
        try:
            wanted = _Wanted(requires, endpoint)
            if target:
                what = wanted.requirements[0].name
                return self._in_target(target, what, lambda one, _: wanted.is_for(one))
            if found := self._registered(wanted):
                return _baseline(*found, platforms) if platforms else self._ask_once(*found)
            if wanted.requirements and platforms:
                return _absent(_OTHER_MACHINE)
            by = self._check_installed(wanted, trusted=trusted)
        except Absent as reason:
            return _absent(*reason.args)
        from pip_variants.detection.installed import supported_configs

        return _ask(partial(supported_configs, endpoint), by)

    def valid(self, requires: list[str], endpoint: str, *, trusted: bool = False) -> Answer:
        """All that there is, nothing if that is unknown; why it is absent if it is `Elsewhere`."""
        try:
            wanted = _Wanted(requires, endpoint)
            if found := self._registered(wanted):
                return _ask(found[0].valid, found[1])
            by = self._check_installed(wanted, trusted=trusted)
        except Absent as reason:
            return _absent(reason.args[0] if isinstance(reason, Elsewhere) else "")
        from pip_variants.detection.installed import all_configs, is_always

        return _ask(partial(all_configs, endpoint), by, always=partial(is_always, endpoint))

    def valid_in(self, namespace: str) -> Answer:
        """The same of the first provider or installed plugin that recommends this namespace."""
        from pip_variants.detection.installed import all_configs, endpoints

        for provider, by in self._each():
            if provider.namespace == namespace:
                return _ask(provider.valid, by)
        for endpoint in endpoints(name=namespace):
            return _ask(partial(all_configs, endpoint), endpoint)
        return _absent("")

    def _registered(self, wanted: _Wanted) -> _Registered | None:
        for provider, by in self._each():
            if any(map(wanted.is_for, provider.implements)):
                return provider, by
        return None

    def _check_installed(self, wanted: _Wanted, *, trusted: bool) -> str:
        """Name and version of the package whose plugin of PEP 850 is installed and asked for."""
        requirements, endpoint = wanted.requirements, wanted.endpoint
        first = normalised(requirements[0].name)
        if reason := self._broken_packages.get(first):
            raise ProviderFailed(f"the provider {requirements[0].name} failed: {reason}")
        from pip_variants.detection.installed import check_installed, endpoints

        published = (one for provider, _ in self._providers for one in provider.implements)
        near = [one for one in published if normalised(one.package) == first]
        if not near or endpoint in endpoints():
            return check_installed(requirements, endpoint, trusted=trusted)
        if any(one.plugin_api == endpoint for one in near):  # in another version
            check_installed(requirements, endpoint, trusted=trusted)
        known = f"{near[0].package} {near[0].version} at {near[0].plugin_api}"
        # A vendor or a maintainer may have made a mistake.
        raise Elsewhere(f"its provider is {requirements[0]} at {endpoint}, registered is {known}")

    def _in_target(
        self, target: str, what: str, is_it: Callable[[Published, TargetProvider], bool]
    ) -> Answer:
        """What a target says of the provider for which `is_it` is true."""
        for identity, provider in self._target(target).supported.items():
            if is_it(identity, provider):
                absent = "" if provider.features else f"the target {target} has nothing of it"
                support = NamespaceSupport(provider.features, absent)
                return Answer(support=support, by=provider.by or target)
        return _absent(f"the target {target} says nothing of {what}")

    def _target(self, target: str) -> Target:
        if target not in self._targets:
            from pip_variants.detection.targets import load

            self._targets[target] = load(target, self.machine)
            from packaging.version import InvalidVersion, Version

            own = Version(pip_variants.__version__)
            for maker in {machine.made_by for machine in self._targets[target].machines}:
                name, _, version = maker.partition(" ")
                with suppress(InvalidVersion):  # people may write these files, too
                    if name == "pip-variants" and Version(version) < own:
                        what = f"{target} was made by {maker}, older than this {own}"
                        log.warning("%s: write it again, it may lack something", what)
            for machine in self._targets[target].machines:
                self._say_what_is_unknown(target, machine)
        return self._targets[target]

    def _say_what_is_unknown(self, target: str, machine: Machine) -> None:
        """Warn of features that the providers here do not have: people write targets, too."""
        for said in machine.providers:
            for provider, by in self._each() if said.implements else ():
                if any(one in said.implements for one in provider.implements):
                    valid = dict(_ask(provider.valid, by).support.features)
                    for name, _ in said.features if valid else ():
                        if name not in valid:
                            what = f"{said.namespace} has no feature {name}{meant(name, valid)}"
                            log.warning("the target %s: %s", target, what)
                    break

    def _ask_once(self, provider: Provider, by: str) -> Answer:
        if id(provider) not in self._asked:
            self._asked[id(provider)] = _ask(provider.detect, by, forcible=provider)
        return self._asked[id(provider)]


def _ask(
    detect: Callable[[], Iterable[Any]],
    by: str,
    *,
    forcible: Provider | None = None,
    always: Callable[[], bool] = bool,
) -> Answer:
    """What a provider answers. Raises `ProviderFailed` and `InvalidProviderAnswer`, by its name."""
    try:
        answer = detect()
        answer = [*_Bound()(answer)] if isinstance(answer, Iterator) else answer
        found = features = tuple(checked_features(answer))
        bound = _Bound()
        devices = tuple(
            (str(device), SupportedFeature(one.name, tuple(map(check_value, bound(values)))))
            for one in answer
            for device, values in getattr(one, "devices", {}).items()
        )
        single = [one.name for one in answer if getattr(one, "multi_value", None) is False]
        is_always = always()
    except (InvalidVariantProperty, InvalidProviderAnswer) as error:
        raise InvalidProviderAnswer(f"the provider {by} broke the contract: {error}") from None
    except BaseException as error:  # foreign code: anything may come out, SystemExit too
        why = f"the provider {by} failed: {type(error).__name__}: {error}"
        raise ProviderFailed(why) from error
    if forcible is not None:
        features = _forced(forcible, features, by)
    absent = "" if features else f"{by} found nothing of it on this machine"
    support = NamespaceSupport(features, absent, devices=devices if features == found else ())
    return Answer("", support, by, always=is_always, single=frozenset(single))


def _baseline(provider: Provider, by: str, platforms: list[str]) -> Answer:
    """What all machines of these platforms support."""
    first, *others = [_ask(partial(provider.baseline, tag), by) for tag in platforms]
    is_known = first.support.features and all(one == first for one in others)
    return first if is_known else _absent(_OTHER_MACHINE)


def _absent(reason: str, remedy: str = "") -> Answer:
    return Answer(support=NamespaceSupport((), reason, remedy))


class _Wanted:
    """What a wheel asks for: what it `requires` as its provider, and the `endpoint`."""

    def __init__(self, requires: Sequence[str], endpoint: str) -> None:
        self.endpoint = endpoint
        self._requires = requires

    @cached_property
    def requirements(self) -> list[Requirement]:
        """The requirements that apply here. Raises `Absent`."""
        from pip_variants.detection.installed import applying

        return applying(self._requires)

    def is_for(self, published: Published) -> bool:
        """Whether this provider package is meant. Raises `Absent`."""
        if self.endpoint != published.plugin_api:
            return False
        if len(self._requires) == 1:
            with suppress(ValueError):
                return _plainly_fits(self._requires[0], published)
        if len(self.requirements) != 1:
            return False
        (one,) = self.requirements
        is_same = normalised(one.name) == normalised(published.package)
        return is_same and one.specifier.contains(published.version, prereleases=True)


def _plainly_fits(requirement: str, published: Published) -> bool:
    """Whether a requirement that only compares numbers is met. `ValueError` for all others."""
    plain = _PLAIN_NAME.fullmatch(requirement)
    clauses = [*map(_PLAIN_CLAUSE.fullmatch, plain[2].split(","))] if plain and plain[2] else []
    if not plain or not all(clauses):
        raise ValueError(requirement)
    found = _release(published.version)
    return normalised(plain[1]) == normalised(published.package) and all(
        _COMPARISONS[one[1]](found, _release(one[2])) for one in clauses if one
    )


def _release(version: str) -> list[int]:
    """The numbers of a version without zeros at the end: 1.0 is 1 (Version specifiers).

    Raises `ValueError` if it has others, as 1.0.post1 has.
    """
    numbers = [*map(int, version.split("."))]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


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
    provider: Provider, features: tuple[SupportedFeature, ...], by: str
) -> tuple[SupportedFeature, ...]:
    """Apply `<NAMESPACE>_VARIANT_PROVIDER_FORCE_<FEATURE>`: values, `none` for absent, or empty.

    A feature that there is not is not made up, where the provider says which there are.
    """
    prefix = f"{provider.namespace.upper()}_VARIANT_PROVIDER_FORCE_"
    merged = dict(features)
    valid: dict[str, tuple[str, ...]] | None = None
    for variable, text in sorted(os.environ.items()):
        name = variable[len(prefix) :].lower()
        if not variable.upper().startswith(prefix) or not text.strip() or name in provider.forced:
            continue
        place = f"the environment variable {prefix}{name.upper()}"
        try:
            check_feature(name)
            values = tuple(map(check_value, dict.fromkeys(map(str.strip, text.split(",")))))
        except InvalidVariantProperty as error:
            raise ProviderFailed(f"{error} in {place}") from None
        if valid is None:
            valid = dict(_ask(provider.valid, by).support.features)
        if valid and name not in {**valid, **merged}:
            known = (*valid, *provider.forced)
            log.warning("%s is ignored: no such feature%s", place, meant(name, known))
            continue
        log.info("%s is forced by %s", name, place)
        there_are = valid.get(name, ())
        if unknown := [one for one in values if there_are and one not in (*there_are, "none")]:
            some = ", ".join(there_are[:_SHOWN])
            log.warning("%s says %s, which is none of %s", place, unknown[0], some)
        merged[name] = values
        if values == ("none",):
            del merged[name]
    return tuple(SupportedFeature(*feature) for feature in merged.items())
