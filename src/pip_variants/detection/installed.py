"""Installed plugins of vendors and of PEP 850; apart, as importlib_metadata loads slowly."""

import csv
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import importlib_metadata
import pluggy
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from pip_variants import hooks
from pip_variants.detection import Absent, Elsewhere, noting
from pip_variants.hooks import ENTRY_POINT_GROUP, Provider, Published
from pip_variants.model.names import check_feature, check_namespace, normalised
from pip_variants.model.published import PUBLISHED

_PLUGINS = "variant_plugins"  # the group of PEP 850 (Provider plugin API)
_FUNCTION = b"get_supported_configs"

# An index writes it and people copy it: a shell must run nothing of it even if a quote gets lost.
_HARMLESS = re.compile(r"[\w.,*+!=<>~-]{1,300}", re.ASCII)


def entry_points(broken: dict[str, str]) -> list[importlib_metadata.EntryPoint]:
    """The plugins that vendors registered; `broken` is told of metadata that cannot be read."""
    try:
        return list(importlib_metadata.entry_points(group=ENTRY_POINT_GROUP))
    except Exception:  # noqa: BLE001 - somebody's entry_points.txt is malformed: read them one by one
        found: dict[tuple[str, str], importlib_metadata.EntryPoint] = {}
        for distribution in importlib_metadata.distributions():
            with noting(broken, str(getattr(distribution, "_path", distribution))):
                for entry_point in distribution.entry_points.select(group=ENTRY_POINT_GROUP):
                    found.setdefault((distribution.name, entry_point.name), entry_point)
        return list(found.values())


def implemented(
    plugin: object,
) -> tuple[list[Provider], list[Callable[..., Any]]]:
    """The providers of a module or object with a hook, and the functions that give index sets.

    Raises what is wrong with it.
    """
    manager = pluggy.PluginManager("pip_variants")  # its own: who raises takes nobody down
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    providers_of = manager.hook.pip_variants_providers.get_hookimpls()
    index_sets_of = manager.hook.pip_variants_index_sets.get_hookimpls()
    if not providers_of and not index_sets_of:
        raise AttributeError("it does not implement pip_variants_providers")
    provided: Any = providers_of[0].function() if providers_of else ()
    providers = list(provided)
    for provider in providers:
        _check(provider)
    return providers, [one.function for one in index_sets_of]


def _check(provider: Any) -> None:
    check_namespace(provider.namespace)
    for feature in provider.forced:
        check_feature(feature)
    if not callable(provider.detect):
        raise TypeError(f"detect is not callable: {provider.detect!r}")
    if not isinstance(provider.implements, Iterable):
        raise TypeError(f"implements is not a list: {provider.implements!r}")
    for published in provider.implements:
        if not isinstance(published, Published):
            raise TypeError(f"implements holds something else than Published: {published!r}")
        try:
            Version(published.version)
        except (InvalidVersion, TypeError):
            raise ValueError(f"not a version: {published.version!r}") from None


def endpoints(**which: str) -> list[str]:
    """Those of all plugins of PEP 850; with `name`, of those that recommend this namespace."""
    plugins = importlib_metadata.entry_points(group=_PLUGINS, **which)
    return [plugin.value.replace(" ", "") for plugin in plugins]


def applying(requires: Sequence[str]) -> list[Requirement]:
    """The requirements that apply here (PEP 850, Provider information, requires).

    Raises `Absent`.
    """
    try:
        wanted = [Requirement(text) for text in requires]
        wanted = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    except Exception:  # noqa: BLE001 - an index wrote it: it may be anything, and deeply nested
        raise Absent(f"its provider's requirement {requires!r:.100} is invalid") from None
    if not wanted:
        raise Absent("its provider is not for this environment")
    return wanted


def check_installed(wanted: list[Requirement], endpoint: str, *, trusted: bool) -> str:
    """Name and version of the first package, if all are installed in a version that fits.

    One must provide the endpoint: nothing else may be imported. Raises `Absent`. `trusted` says
    that the user named all of them.
    """
    found: list[Any] = []
    for one in wanted:
        what = f"{one.name}{one.specifier}"
        if normalised(one.name) in (known.package for _, known in PUBLISHED):
            remedy = "pip install --upgrade pip-variants"  # anybody may own the name
        else:
            remedy = f"pip install {shlex.quote(what)}" if _HARMLESS.fullmatch(what) else ""
        distribution = _distribution(one.name)
        if distribution is None:
            raise Absent("its provider is not installed", remedy)
        try:
            fits = one.specifier.contains(Version(distribution.version), prereleases=True)
        except (InvalidVersion, TypeError):
            fits = False
        if not fits:
            raise Absent(
                f"its provider needs {what}, and {distribution.version} is installed", remedy
            )
        found.append(distribution)
    if not any(_provides(one, endpoint, trusted=trusted) for one in found):
        raise Elsewhere(f"{wanted[0].name} registers no provider {endpoint} ({_PLUGINS})")
    return f"{wanted[0].name} {found[0].version}"


def _distribution(name: str) -> Any:
    """The installed distribution of this name; what uninstalls left behind is none."""
    for one in importlib_metadata.distributions(name=name):
        with suppress(Exception):  # such as a folder without METADATA, or what is no text
            if one.metadata["Name"] and one.version and one.entry_points is not None:
                return one
    return None


def _provides(distribution: Any, endpoint: str, *, trusted: bool) -> bool:
    """Whether a distribution may be asked at the endpoint: an index says it, and it is imported.

    It registers the endpoint's module as a plugin; or a file that it installed (RECORD) is that
    module, and speaks of the function that plugins have, or is trusted by name.
    """
    module = endpoint.partition(":")[0]
    for group in (_PLUGINS, ENTRY_POINT_GROUP):
        for point in distribution.entry_points.select(group=group):
            if re.split(r"[:\s\[]", point.value, maxsplit=1)[0] == module:
                return True
    path = module.replace(".", "/")
    with suppress(OSError, ValueError, csv.Error):  # RECORD may be damaged, a file missing
        for file in distribution.files or ():
            if str(file) in (f"{path}.py", f"{path}/__init__.py"):
                return trusted or _FUNCTION in file.locate().read_bytes()
    return False


def supported_configs(endpoint: str) -> Iterable[Any]:
    """What an installed PEP 850 plugin supports (Provider plugin API, API endpoint)."""
    plugin = _load(endpoint)
    parameters = inspect.signature(plugin.get_supported_configs).parameters.values()
    required = [one for one in parameters if one.default is one.empty]
    # Older ones take an argument: the properties that wheels have, None for not known.
    takes_one = len(required) == 1 and required[0].kind is required[0].POSITIONAL_OR_KEYWORD
    answer: Iterable[Any] = plugin.get_supported_configs(*([None] if takes_one else []))
    return answer


def all_configs(endpoint: str) -> Iterable[Any]:
    """What an installed plugin calls valid."""
    answer: Iterable[Any] = getattr(_load(endpoint), "get_all_configs", tuple)()
    return answer


def is_always(endpoint: str) -> bool:
    """Whether an installed plugin says that all that it calls valid is compatible."""
    # The last two are older names (building draft, Extensions to provider plugin API).
    names = ("all_properties_compatible", "is_aot_plugin", "is_build_plugin")
    # Where these are properties of a class that is no instance, they say nothing.
    plugin = _load(endpoint)
    return any(getattr(plugin, name, False) is True for name in names)


def _load(endpoint: str) -> Any:
    """The module or object that has the functions of a plugin."""
    # A plugin may have an archspec of its own, which does not work where another one is loaded.
    for loaded in [name for name in sys.modules if name.partition(".")[0] == "archspec"]:
        del sys.modules[loaded]
    module, _, attributes = endpoint.partition(":")
    plugin: Any = importlib.import_module(module)
    for name in filter(None, attributes.split(".")):
        plugin = getattr(plugin, name)
    defined = inspect.getattr_static(plugin, "get_supported_configs")
    return plugin() if inspect.isclass(plugin) and inspect.isfunction(defined) else plugin
