"""Installed plugins of vendors and of PEP 850; apart, as importlib_metadata loads slowly."""

import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any

import importlib_metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pip_variants import hooks
from pip_variants.detection import Absent, Elsewhere, noting
from pip_variants.model.published import PUBLISHED

_PLUGINS = "variant_plugins"  # the group of PEP 850 (Provider plugin API)

# An index writes it and people copy it: a shell must run nothing of it even if a quote gets lost.
_HARMLESS = re.compile(r"[\w.,*+!=<>~-]{1,300}", re.ASCII)


def entry_points(broken: dict[str, str]) -> list[importlib_metadata.EntryPoint]:
    """The plugins that vendors registered; `broken` is told of metadata that cannot be read."""
    try:
        return list(importlib_metadata.entry_points(group=hooks.ENTRY_POINT_GROUP))
    except Exception:  # noqa: BLE001 - somebody's entry_points.txt is malformed: read them one by one
        found: dict[tuple[str, str], importlib_metadata.EntryPoint] = {}
        for distribution in importlib_metadata.distributions():
            with noting(broken, str(getattr(distribution, "_path", distribution))):
                for entry_point in distribution.entry_points.select(group=hooks.ENTRY_POINT_GROUP):
                    found.setdefault((distribution.name, entry_point.name), entry_point)
        return list(found.values())


def has_plugin(endpoint: str) -> bool:
    """Whether a plugin of PEP 850 is registered at this endpoint."""
    plugins = importlib_metadata.entry_points(group=_PLUGINS)
    return any(entry_point.value == endpoint for entry_point in plugins)


def check_installed(wanted: list[Requirement], endpoint: str) -> str:
    """Name and version of the first package, if all are installed in a version that fits.

    One must have registered the endpoint's module: nothing else may be imported. Raises `Absent`.
    """
    found: list[Any] = []
    registered: set[str] = set()
    for one in wanted:
        what = f"{one.name}{one.specifier}"
        remedy = f"pip install {shlex.quote(what)}" if _HARMLESS.fullmatch(what) else ""
        if canonicalize_name(one.name) in (known.package for _, known in PUBLISHED):
            remedy = "pip install --upgrade pip-variants"  # anybody may own the name
        try:
            found.append(importlib_metadata.distribution(one.name))
        except importlib_metadata.PackageNotFoundError:
            raise Absent("its provider is not installed", remedy) from None
        version = found[-1].version
        try:
            fits = one.specifier.contains(Version(version), prereleases=True)
        except (InvalidVersion, TypeError):
            fits = False
        if not fits:
            raise Absent(f"its provider needs {what}, and {version} is installed", remedy)
        for group in (_PLUGINS, hooks.ENTRY_POINT_GROUP):
            points = found[-1].entry_points.select(group=group)
            registered.update(_top(point.value) for point in points)
    if _top(endpoint) not in registered:
        raise Elsewhere(f"{wanted[0].name} registers no provider {endpoint} ({_PLUGINS})")
    return f"{wanted[0].name} {found[0].version}"


def _top(reference: str) -> str:
    return re.split(r"[.:\s\[]", reference, maxsplit=1)[0]


def supported_configs(endpoint: str) -> Iterable[Any]:
    """What an installed PEP 850 plugin supports (Provider plugin API, API endpoint)."""
    plugin = _load(endpoint)
    parameters = inspect.signature(plugin.get_supported_configs).parameters.values()
    required = [one for one in parameters if one.default is one.empty]
    # Older ones take an argument: the properties that wheels have, None for not known.
    takes_one = len(required) == 1 and required[0].kind is required[0].POSITIONAL_OR_KEYWORD
    answer: Iterable[Any] = plugin.get_supported_configs(*([None] if takes_one else []))
    return answer


def all_configs(endpoint: str) -> tuple[Iterable[Any], bool]:
    """What an installed plugin calls valid, and whether it says that all of that is compatible."""
    plugin = _load(endpoint)
    get_all_configs: Callable[[], Iterable[Any]] = getattr(plugin, "get_all_configs", tuple)
    # The last two are older names (building draft, Extensions to provider plugin API).
    names = ("all_properties_compatible", "is_aot_plugin", "is_build_plugin")
    # Where these are properties of a class that is no instance, they say nothing.
    return get_all_configs(), any(getattr(plugin, name, False) is True for name in names)


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
