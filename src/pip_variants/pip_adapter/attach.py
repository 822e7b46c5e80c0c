"""Replacing places of pip, `attach`, and giving them back, `detach`.

A place is replaced when pip loads its module, after a check that it looks as expected. Nothing of
pip is loaded early, and of ours only what a run without variants needs.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from pip_variants.detection import COMMAND_VARIABLE
from pip_variants.pip_adapter import conditions
from pip_variants.pip_adapter.gate import gate, log
from pip_variants.pip_adapter.seams import ASSUMPTIONS, SEAMS, Seam

__all__ = ["attach", "detach", "start", "verify"]


_MODULES = frozenset(seam.module for seam in SEAMS)
_originals: dict[Seam, tuple[object, str, object]] = {}
_loaders: dict[Seam, Callable[[], Any]] = {}


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
        sys.argv[1:] = _without_our_options(sys.argv[1:])
        return
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    for name in _MODULES:
        if (module := sys.modules.get(name)) is not None:
            _attach_to(module)


def _without_our_options(words: Sequence[str]) -> Iterator[str]:
    """A command line that stock pip understands."""
    rest = iter(words)
    for word in rest:
        if word.startswith(("--variant-", "--variant=")) or word == "--variant":
            if "=" not in word:
                next(rest, None)
        elif word != "--no-variants":
            yield word


def detach() -> None:
    """Give pip back every place that was replaced.

    A module of pip that took a replaced function over by name keeps it.
    """
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
    for owner, attribute, original in _originals.values():
        setattr(owner, attribute, original)
    _originals.clear()
    _loaders.clear()


def verify() -> list[str]:
    """Load what is critical; the reasons why this pip cannot be extended, if there are any."""
    problems = []
    for name in dict.fromkeys(seam.module for seam in SEAMS if seam.critical):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            problems.append(str(error))
    for name, function, expected in ASSUMPTIONS:
        try:
            used = _names(_find(importlib.import_module(name), function)[2].__code__)
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            problems.append(f"{name}.{function}: {error!r}")
        else:
            missing = [one for one in expected if one not in used]
            problems += [f"{name}.{function} does not use {one}" for one in missing]
    for seam, load in _loaders.items():
        try:
            load()
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            if seam.critical:
                problems.append(f"{seam.replacement}: {error!r}")
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
    replacement = _deferred(seam, function) if seam.when else _made(seam, function)
    setattr(owner, attribute, classmethod(replacement) if function is not found else replacement)
    _originals[seam] = (owner, attribute, found)


def _made(seam: Seam, original: Callable[..., Any]) -> Callable[..., Any]:
    file, _, factory = seam.replacement.partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(f"{__package__}.{file}"), factory)(
        original
    )
    return made


def _deferred(seam: Seam, original: Callable[..., Any]) -> Callable[..., Any]:
    """The original, until the seam's condition is met; then the replacement, loaded only now."""
    condition = getattr(conditions, seam.when)
    loaded: list[Callable[..., Any]] = []

    def load() -> Callable[..., Any]:
        if not loaded:
            loaded.append(_made(seam, original))
        return loaded[0]

    @wraps(original)
    def replacement(*args: Any, **kw: Any) -> Any:
        function = original
        try:
            if condition(*args, **kw):
                function = load()
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            log.debug("%s is left to pip: %r", seam.name, error)
        return function(*args, **kw)

    _loaders[seam] = load
    return replacement


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
