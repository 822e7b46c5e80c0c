"""Names of variant wheels, where pip parses names of wheels."""

from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from pip_variants.pip_adapter.gate import gate

if TYPE_CHECKING:
    from pip_variants.model.filename import WheelFilename

__all__ = ["label_of", "notice", "parse_wheel_filename", "wheel_cache_get", "wheel_init"]

_WITH_LABEL = 5  # dashes: between name, version, three tags and a label

_labels: dict[str, str] = {}
"""File name -> label, of every variant wheel that was accepted."""


def label_of(filename: str) -> str | None:
    """The label of a wheel that pip accepted; None for anything else."""
    return _labels.get(filename)


def notice(filenames: Iterable[str]) -> None:
    """Have the gate say so if variant wheels are going to be ignored.

    It says so by itself when pip parses their names, unless just that place is not ours.
    """
    for filename in filenames:
        if filename.count("-") >= _WITH_LABEL and _without_label(filename) is not filename:
            return


def wheel_init(original: Callable[..., None]) -> Callable[..., None]:
    """`Wheel(filename)`: pip parses the name without the label."""

    @wraps(original)
    def __init__(self: Any, filename: str) -> None:  # noqa: N807
        plain = _without_label(filename) if filename.count("-") >= _WITH_LABEL else filename
        original(self, plain)
        if plain is not filename:
            self.filename = filename

    return __init__


def parse_wheel_filename(original: Callable[..., Any]) -> Callable[..., Any]:
    """`packaging`'s function, where a module of pip took it over by name."""

    @wraps(original)
    def parse(filename: str, *args: Any, **kwargs: Any) -> Any:
        return original(_without_label(filename), *args, **kwargs)

    return parse


def wheel_cache_get(original: Callable[..., Any]) -> Callable[..., Any]:
    """`SimpleWheelCache.get`: built variant wheels are built again, as stock pip does.

    The cache knows nothing of what a build was made for.
    """

    @wraps(original)
    def get(self: Any, *args: Any, **kw: Any) -> Any:
        with gate.shut():
            return original(self, *args, **kw)

    return get


def _without_label(filename: str) -> str:
    """The name that pip understands; the given object itself unless it has an accepted label."""
    if filename.count("-") < _WITH_LABEL:
        return filename
    label = _labels.get(filename) or _label_in(filename)
    if label is None or not gate.accepts_labels():
        return filename
    _labels[filename] = label
    return f"{filename.removesuffix(f'-{label}.whl')}.whl"


def _label_in(filename: str) -> str | None:
    try:
        return _parser()(filename).label
    except ValueError:
        return None


@cache
def _parser() -> "Callable[[str], WheelFilename]":
    """Not loaded before a name has room for a label, and not imported for each of thousands."""
    from pip_variants.model.filename import WheelFilename

    return WheelFilename.parse
