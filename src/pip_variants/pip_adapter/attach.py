"""Which places of pip are replaced, and with what; `attach` and its opposite, `detach`.

A place is replaced when pip loads its module, after a check that it looks as expected. Nothing of
pip is loaded early.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from pip_variants.detection import COMMAND_VARIABLE
from pip_variants.pip_adapter.gate import gate

__all__ = ["SEAMS", "Seam", "attach", "detach", "start", "verify"]


@dataclass(frozen=True)
class Seam:
    """One place of pip.

    `replacement` names a function of this folder, as `module:function`, which gets the original
    and returns what to put in its place. Without a critical one no label is accepted; the others
    are missing in some versions of pip.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    replacement: str
    critical: bool = True


SEAMS = (
    Seam("pip._internal.models.wheel", "Wheel.__init__", ("self", "filename"), "names:wheel_init"),
    Seam(
        "pip._internal.index.package_finder",
        "PackageFinder.evaluate_links",
        ("self", "link_evaluator", "links"),
        "links:evaluate_links",
    ),
    Seam(
        "pip._internal.index.package_finder",
        "CandidateEvaluator.compute_best_candidate",
        ("self", "candidates"),
        "ranking:compute_best_candidate",
    ),
    Seam(
        "pip._internal.index.package_finder",
        "CandidateEvaluator.sort_best_candidate",
        ("self", "candidates"),
        "ranking:sort_best_candidate",
    ),
    Seam(
        "pip._internal.resolution.resolvelib.found_candidates",
        "FoundCandidates.__init__",
        ("self", "get_infos", "installed", "prefers_installed", "incompatible_ids"),
        "ranking:found_candidates_init",
    ),
    Seam(
        "pip._internal.operations.prepare",
        "RequirementPreparer._prepare_linked_requirement",
        ("self", "req", "parallel_builds"),
        "direct:prepare_linked_requirement",
    ),
    Seam(
        "pip._internal.operations.prepare",
        "RequirementPreparer._log_preparing_link",
        ("self", "req"),
        "report:log_preparing_link",
        critical=False,
    ),
    Seam(
        "pip._internal.operations.prepare",
        "RequirementPreparer._fetch_metadata_only",
        ("self", "req"),
        "markers:fetch_metadata_only",
    ),
    Seam(
        "pip._internal.metadata.importlib._dists",  # Python 3.11 and later
        "Distribution.iter_dependencies",
        ("self", "extras"),
        "markers:iter_dependencies",
        critical=False,
    ),
    *(
        Seam(
            "pip._internal.metadata.pkg_resources",  # Python 3.10
            f"Distribution.{name}",
            ("self",),
            "markers:with_resolved_requirements",
            critical=False,
        )
        for name in ("iter_dependencies", "iter_provided_extras", "is_extra_provided")
    ),
    Seam(
        "pip._internal.metadata.base",  # since pip 24.1
        "BaseDistribution.iter_raw_dependencies",
        ("self",),
        "markers:iter_raw_dependencies",
        critical=False,
    ),
    *(
        Seam(f"pip._internal.{module}", name, parameters, f"listing:{replacement}", critical=False)
        for module, name, parameters, replacement in (
            (
                "models.installation_report",
                "InstallationReport._install_req_to_dict",
                ("cls", "ireq"),
                "install_req_to_dict",
            ),
            ("commands.inspect", "InspectCommand._dist_to_dict", ("self", "dist"), "dist_to_dict"),
            ("commands.list", "format_for_json", ("packages", "options"), "format_for_json"),
            ("commands.list", "format_for_columns", ("pkgs", "options"), "format_for_columns"),
            ("commands.show", "print_results", ("distributions",), "print_results"),
        )
    ),
    *(
        Seam(module, name, parameters, f"locks:{replacement}", critical=False)
        for module, name, parameters, replacement in (
            (
                "pip._internal.utils.pylock",  # since pip 26.0
                "pylock_from_install_requirements",
                ("install_requirements", "base_dir"),
                "from_install_requirements",
            ),
            (
                "pip._internal.models.pylock",  # pip 25.1 to 25.3
                "Pylock.from_install_requirements",
                ("cls", "install_requirements", "base_dir"),
                "from_install_requirements",
            ),
            ("pip._internal.models.pylock", "Pylock.as_toml", ("self",), "as_toml"),
            ("pip._vendor.packaging.pylock", "Pylock.to_dict", ("self",), "to_dict"),
            ("pip._vendor.packaging.pylock", "Pylock.from_dict", ("cls", "d"), "from_dict"),
        )
    ),
    *(
        Seam(module, "parse_wheel_filename", (), "names:parse_wheel_filename", critical=False)
        for module in (
            "pip._internal.index.sources",  # since pip 24.0
            "pip._internal.req.constructors",  # since pip 26.1
            "pip._vendor.packaging.pylock",
        )
    ),
    Seam(
        "pip._internal.cli.cmdoptions",
        "make_option_group",
        ("group", "parser"),
        "options:make_option_group",
        critical=False,
    ),
    Seam(
        "pip._internal.index.collector",
        "LinkCollector.create",
        ("cls", "session", "options"),
        "options:link_collector_create",
    ),
    Seam(
        "pip._internal.build_env",  # up to pip 26.1
        "get_runnable_pip",
        (),
        "runner:get_runnable_pip",
        critical=False,
    ),
    Seam(
        "pip._internal.utils.misc",  # since pip 26.2
        "get_runnable_pip",
        (),
        "runner:get_runnable_pip",
        critical=False,
    ),
)

# What the replacements rely on beside the seams: names that this code of pip must use.
ASSUMPTIONS = (
    (
        "pip._internal.resolution.resolvelib.factory",
        "Factory._iter_found_candidates",
        ("partial", "link", "template", "name"),
    ),
    ("pip._internal.index.package_finder", "PackageFinder.__init__", ("_link_collector",)),
    ("pip._internal.index.package_finder", "CandidateEvaluator.__init__", ("_hashes",)),
    ("pip._internal.index.collector", "LinkCollector.__init__", ("session",)),
    ("pip._internal.models.link", "Link.__init__", ("_hashes", "comes_from", "_url")),
)

_MODULES = frozenset(seam.module for seam in SEAMS)
_originals: dict[Seam, tuple[object, str, object]] = {}


def start() -> None:
    """What the `.pth` file calls when pip starts."""
    # Meant for pips that run without pip-variants of their own; this is not one of them.
    os.environ.pop(COMMAND_VARIABLE, None)
    attach()


def attach() -> None:
    """Replace the seams of the modules that pip has loaded, and of the others as it loads them.

    Does nothing if the user said so (`PIP_NO_VARIANTS`, read as pip reads its variables).
    """
    if os.environ.get("PIP_NO_VARIANTS", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        return
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    for name in _MODULES:
        if (module := sys.modules.get(name)) is not None:
            _attach_to(module)


def detach() -> None:
    """Give pip back every place that was replaced."""
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
    for owner, attribute, original in _originals.values():
        setattr(owner, attribute, original)
    _originals.clear()


def verify() -> list[str]:
    """Load what is critical; the reasons why this pip cannot be extended, if there are any."""
    problems = []
    for name in dict.fromkeys(seam.module for seam in SEAMS if seam.critical):
        try:
            importlib.import_module(name)
        except ImportError as error:
            problems.append(str(error))
    for name, function, expected in ASSUMPTIONS:
        try:
            used = _names(_find(importlib.import_module(name), function)[2].__code__)
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            problems.append(f"{name}.{function}: {error!r}")
        else:
            missing = [one for one in expected if one not in used]
            problems += [f"{name}.{function} does not use {one}" for one in missing]
    # pip has two ways of reading metadata and uses one of them; there, markers must be resolved.
    backend = importlib.import_module("pip._internal.metadata").select_backend()
    reading = (backend.Distribution.__module__, "Distribution.iter_dependencies")
    problems += [
        f"{seam.module}.{seam.name} was not replaced"
        for seam in SEAMS
        if seam not in _originals and (seam.critical or (seam.module, seam.name) == reading)
    ]
    # What was found wrong while attaching says more.
    return [*gate.problems, *problems]


def _attach_to(module: ModuleType) -> None:
    for seam in SEAMS:
        if seam.module == module.__name__ and seam not in _originals:
            try:
                _replace(seam, module)
            except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
                if seam.critical:
                    gate.problems.append(f"{seam.module}.{seam.name}: {error}")


def _replace(seam: Seam, module: ModuleType) -> None:
    owner, attribute, found = _find(module, seam.name)
    function = found.__func__ if isinstance(found, classmethod) else found
    code = function.__code__
    taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if missing := [name for name in seam.parameters if name not in taken]:
        raise TypeError(f"has no parameter {missing[0]}")
    file, _, factory = seam.replacement.partition(":")
    replacement = getattr(importlib.import_module(f"{__package__}.{file}"), factory)(function)
    setattr(owner, attribute, classmethod(replacement) if function is not found else replacement)
    _originals[seam] = (owner, attribute, found)


def _find(module: ModuleType, name: str) -> tuple[Any, str, Any]:
    """Where a name is defined, its last part, and what it stands for there."""
    *path, attribute = name.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    return owner, attribute, vars(owner)[attribute]


def _names(code: CodeType) -> set[str]:
    """Every name that a function uses, those of keyword arguments included."""
    names = {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, tuple):
            names.update(part for part in constant if isinstance(part, str))
        elif isinstance(constant, CodeType):
            names |= _names(constant)
    return names


class _Finder:
    """Finds nothing itself; has the loaders of pip's modules call `_attach_to` when done."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _MODULES:
            return None
        others = (finder for finder in sys.meta_path if finder is not cls)
        specs = (
            finder.find_spec(name, path, target)
            for finder in others
            if hasattr(finder, "find_spec")
        )
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _attach_after(spec.loader)
        return spec


def _attach_after(loader: Any) -> None:
    load: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        # First of all: pip in a zip file shares one loader among its modules.
        del loader.exec_module
        load(module)
        _attach_to(module)

    loader.exec_module = exec_module
