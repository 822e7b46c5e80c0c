"""Replacing places of pip, `attach`, and giving them back, `detach`.

A place is replaced when pip loads its module, after a check that it looks as expected.
"""

import atexit
import contextlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import wraps
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pip_variants.pip_adapter.hook.seams import (
    ASSUMPTIONS,
    ASSUMPTIONS_OF_INDEX_SETS,
    OF_INDEX_SETS,
    OF_OPTIONS,
    OF_THE_RUN,
    OPTIONS,
    SEAMS,
    Seam,
)

_ADAPTER = "pip_variants.pip_adapter"


class _Attached:
    """The table of what is attached: the one thing of this process that outlives a run of pip."""

    def __init__(self) -> None:
        # The command that starts the detection process, where this interpreter has none.
        self.detection: tuple[str, ...] = ()
        self.seams: dict[str, list[Seam]] = {}  # what is wanted, by module of pip
        self.originals: dict[Seam, tuple[object, str, object]] = {}  # owner, attribute, value
        self.faults: dict[Seam, str] = {}  # how pip differs from what is expected there
        self.version: tuple[int, ...] = ()  # the first two numbers of pip's, once it is loaded


attached = _Attached()


class Unloadable(Exception):
    """A module of ours cannot be used: missing, damaged, or of another version."""


def attach(detection: Sequence[str] = ()) -> None:
    """Replace the seams of the modules that pip has loaded, and of the others as it loads them.

    If the user said so (`PIP_NO_VARIANTS`, read as pip reads its variables), pip only learns our
    options, so that a command line that has some is understood.
    """
    off = os.environ.get("PIP_NO_VARIANTS", "").lower() in ("1", "true", "yes", "on", "y", "t")
    attached.detection = tuple(detection)
    atexit.register(attached.originals.clear)  # what they hold would be tidied up one by one
    attached.seams.clear()
    for seam in SEAMS:
        if not off or seam.place == OF_OPTIONS:
            attached.seams.setdefault(seam.module, []).append(seam)
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    for name in attached.seams:
        if (module := sys.modules.get(name)) is not None:
            _attach_to(module)


def detach() -> None:
    """Give pip back every place that was replaced; what it took over by name, it keeps."""
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
    for owner, attribute, original in attached.originals.values():
        setattr(owner, attribute, original)
    for table in (attached.originals, attached.faults, attached.seams):
        table.clear()


def give_up(error: BaseException) -> None:
    """Leave pip alone from now on, since something of ours is broken, and say so."""
    detach()
    sys.stderr.write(
        "WARNING: pip-variants is broken, pip goes on without it "
        f"({type(error).__name__}: {' '.join(str(error).split())[:300]})\n"
    )


def verify(options: Collection[str] = (), command: str = "") -> list[str]:
    """Load what variants need; why this pip cannot be extended.

    For some of our options and one of pip's commands, what these need as well. Nothing can be
    loaded once pip installs. Raises `Unloadable`.
    """
    met = {when: _ours("hook.conditions", when)() for when in OF_THE_RUN}
    critical = [seam for seam in SEAMS if seam.is_critical and is_expected(seam)]
    for name in dict.fromkeys(seam.module for seam in critical):
        with contextlib.suppress(ImportError):  # what is missing is said below
            importlib.import_module(name)
    try:
        for seam in SEAMS:
            is_needed = seam.is_critical or not command or command in seam.needed_by.split()
            if is_needed and met.get(seam.when, True):
                _ours(*seam.function)
        if met[OF_INDEX_SETS]:
            _ours("indexes.one_build", "resolve")
        if options:
            _ours("variants.unused", "say_what_was_not_used")
        for name, module in tuple(sys.modules.items()):
            is_ours = name.startswith("pip_variants.") and not hasattr(module, "__path__")
            if is_ours and all(one.startswith("__") for one in vars(module)):
                raise Unloadable(f"{name} is empty")
    except Unloadable as error:
        cause = error.__cause__ or error
        if isinstance(cause, ImportError) and str(cause.name).startswith("pip."):
            return [str(cause)]  # pip has no such module, or no such name in it
        raise Unloadable(f"{type(cause).__name__}: {cause}") from None
    lacking = [seam for seam in critical if seam not in attached.originals]
    found = [f"{one.where}: {attached.faults.get(one, 'was not replaced')}" for one in lacking]
    assumptions = ASSUMPTIONS + (ASSUMPTIONS_OF_INDEX_SETS if met[OF_INDEX_SETS] else ())
    return [*found, *_unmet(assumptions)]


def missing(command: str = "") -> list[Seam]:
    """The seams that this pip should have and has not; what is not loaded yet may still come.

    With the name of one of pip's commands, those that only some commands need, and this one.
    """
    wanted = (one for one in SEAMS if not command or command in one.needed_by.split())
    lacking = [one for one in wanted if one not in attached.originals and is_expected(one)]
    return [one for one in lacking if one.module in sys.modules or not _is_there(one.module)]


def is_expected(seam: Seam) -> bool:
    """Whether this pip should have a place that looks like this seam."""
    if not _is_of_version(seam):
        return False
    if not seam.name.startswith("Distribution."):
        return True
    # pip has two ways of reading metadata, and uses one of them.
    backend = importlib.import_module("pip._internal.metadata").select_backend()
    return seam.module == str(backend.Distribution.__module__)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # its package is not there
        return False


def _is_of_version(seam: Seam) -> bool:
    if not attached.version:
        numbers = re.findall(
            r"\d+", sys.modules["pip"].__version__
        )  # of a beta 25.4b1, for example
        attached.version = tuple(map(int, numbers[:2]))
    return seam.since <= attached.version and (not seam.until or attached.version < seam.until)


def _unmet(assumptions: Sequence[tuple[str, str]]) -> Iterator[str]:
    for place, used in assumptions:
        seam = Seam(place, "", "", "")
        if not is_expected(seam):
            continue
        try:
            found = _find(importlib.import_module(seam.module), seam.name)[2]
        except (ImportError, AttributeError, KeyError):
            yield f"{seam.where} is not there"
            continue
        names = _names(_code(found)) if used else set()
        yield from (f"{seam.where} does not use {one}" for one in used.split() if one not in names)
    options = importlib.import_module("pip._internal.cli.cmdoptions")
    for option in OPTIONS:
        make = getattr(options, option, None)
        if make is None or make().dest != option:
            yield f"cli.cmdoptions has no option {option}"


def _attach_to(module: ModuleType) -> None:
    for seam in attached.seams.get(module.__name__, ()):
        if seam not in attached.originals and _is_of_version(seam):
            try:
                _replace(seam, module)
            except Unloadable as error:
                give_up(error.__cause__ or error)
                return
            except Exception as error:  # noqa: BLE001 - this pip looks different
                attached.faults[seam] = str(error) or repr(error)


def _replace(seam: Seam, module: ModuleType) -> None:
    owner, attribute, found = _find(module, seam.name)
    if seam.parameters:
        code = _code(found)
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if absent := [name for name in seam.parameters.split() if name not in taken]:
            raise TypeError(f"has no parameter {absent[0]}")
    original = found.__func__ if isinstance(found, classmethod) else found
    if not callable(original):  # a module
        replacement = _ours(*seam.function)(original)
    elif seam.when:
        replacement = _deferred(seam, original)
    else:
        replacement = _immediate(_ours(*seam.function), original)
    setattr(owner, attribute, classmethod(replacement) if original is not found else replacement)
    attached.originals[seam] = (owner, attribute, found)


def _ours(module: str, name: str) -> Any:
    """A function of ours. Raises `Unloadable`."""
    try:
        return getattr(importlib.import_module(f"{_ADAPTER}.{module}"), name)
    except Exception as error:
        raise Unloadable(str(error)) from error


def _immediate(function: FunctionType, original: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its original; a copy, since one more call would cost big pages percents."""
    replacement = FunctionType(function.__code__, function.__globals__, function.__name__)
    replacement.__defaults__ = function.__defaults__
    replacement.__kwdefaults__ = {**(function.__kwdefaults__ or {}), "original": original}
    return _like(original, replacement)


def _like(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    """The replacement with what others use of the original: a cache has its `cache_clear`."""
    if not isinstance(original, FunctionType):
        for name in {*dir(original)} - {*dir(replacement)}:
            if not name.startswith("__"):
                setattr(replacement, name, getattr(original, name))
    return wraps(original)(replacement)


def _deferred(seam: Seam, original: Callable[..., Any]) -> Callable[..., Any]:
    """The original, until the seam's condition is met; then the replacement, loaded only now."""
    condition = _ours("hook.conditions", seam.when)

    def replacement(*args: Any, **kw: Any) -> Any:
        if seam in attached.originals and condition(*args, **kw):
            try:
                function = _ours(*seam.function)
            except Unloadable as error:
                give_up(error.__cause__ or error)
            else:
                return function(*args, original=original, **kw)
        return original(*args, **kw)

    return _like(original, replacement)


def _find(module: ModuleType, name: str) -> tuple[Any, str, Any]:
    """Where a name is defined, its last part, and what it stands for there."""
    *path, attribute = name.split(".")
    owner: Any = module
    for part in path:
        owner = getattr(owner, part)
    return owner, attribute, vars(owner)[attribute]


def _code(found: Any) -> CodeType:
    while isinstance(found, (classmethod, staticmethod, property)):
        found = found.fget if isinstance(found, property) else found.__func__
    code: CodeType = getattr(found, "__wrapped__", found).__code__
    return code


def _names(code: CodeType) -> set[str]:
    """Every name that a function uses: `.attributes`, variables and `keywords=`."""
    names = {*code.co_varnames, *code.co_cellvars, *(f".{name}" for name in code.co_names)}
    for constant in code.co_consts:
        if isinstance(constant, tuple):
            names.update(f"{part}=" for part in constant if isinstance(part, str))
        elif isinstance(constant, CodeType):
            names |= _names(constant)
    return names


class _Finder:
    """Finds nothing itself; has the loaders of pip's modules call `_attach_to` when done."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        for finder in sys.meta_path if name in attached.seams else ():
            if finder is not cls and hasattr(finder, "find_spec"):
                spec: ModuleSpec | None = finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        _attach_after(spec.loader)
                    return spec
        return None


def _attach_after(loader: Any) -> None:
    load: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        # First of all: pip in a zip file shares one loader among its modules. Whoever only looked
        # for one of them left another of these in it, which runs within this.
        vars(loader).pop("exec_module", None)
        load(module)
        _attach_to(module)

    loader.exec_module = exec_module
