"""Names of variant wheels, where pip parses names of wheels."""

from collections.abc import Iterable
from typing import Any

from pip_variants.pip_adapter.hook.run import current, during

_DASHES = 5  # between name, version, three tags and a label


def notice(filenames: Iterable[str]) -> None:
    """Have the run say so if variant wheels are going to be ignored.

    It says so by itself when pip parses their names, unless just that place is not ours.
    """
    for filename in filenames:
        if without_label(filename) is not filename:
            return


def init(original: Any, self: Any, filename: str) -> None:
    """`Wheel(filename)`: pip parses the name without the label."""
    plain = without_label(filename) if filename.count("-") >= _DASHES else filename
    original(self, plain)
    if plain is not filename:
        self.filename = filename


def parse_wheel_filename(original: Any, filename: str, *args: Any, **kwargs: Any) -> Any:
    """`packaging`'s function, where a module of pip took it over by name."""
    return original(without_label(filename), *args, **kwargs)


def get(original: Any, self: Any, *args: Any, **kw: Any) -> Any:
    """`SimpleWheelCache.get`: built variant wheels are built again, as stock pip does.

    The cache knows nothing of what a build was made for.
    """
    with during("is_shut"):
        return original(self, *args, **kw)


def without_label(filename: str) -> str:
    """The name that pip understands; the given object itself unless it has an accepted label."""
    dashes = filename.count("-")
    if dashes < _DASHES:
        return filename
    run = current()
    label = run.labels.get(filename)
    if label is None:
        # A build tag, which starts with a digit, takes one dash more.
        if dashes == _DASHES and filename.split("-", 3)[2][:1].isdigit():
            return filename
        if not run.accepts_labels() or (label := _label_in(filename)) is None:
            return filename
        run.labels[filename] = label
    elif not run.accepts_labels():
        return filename
    return f"{filename.removesuffix(f'-{label}.whl')}.whl"


def _label_in(filename: str) -> str | None:
    from pip_variants.model.filename import WheelFilename  # loaded by now

    try:
        return WheelFilename.parse(filename).label
    except ValueError:
        return None
