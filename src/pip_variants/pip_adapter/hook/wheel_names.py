"""Names of variant wheels, where pip parses names of wheels."""

from collections.abc import Iterable
from typing import Any

from pip_variants.pip_adapter.hook.run import current, during

_DASHES = 5  # between name, version, three tags and a label


def notice(filenames: Iterable[str]) -> None:
    """Have the run say so if variant wheels are ignored, also if pip's `Wheel` is not ours."""
    for filename in filenames:
        if without_label(filename) is not filename:
            return


def init(self: Any, filename: str, *, original: Any) -> None:
    """`Wheel(filename)`: pip parses the name without the label."""
    plain = without_label(filename) if filename.count("-") >= _DASHES else filename
    original(self, plain)
    if plain is not filename:
        self.filename = filename


def parse_wheel_filename(filename: str, *args: Any, original: Any, **kwargs: Any) -> Any:
    """`packaging`'s function, where a module of pip took it over by name."""
    return original(without_label(filename), *args, **kwargs)


def parse_in_folder(filename: str, *args: Any, original: Any, **kw: Any) -> Any:
    """The same where pip lists a folder, once for all its runs; each parses the names again."""
    if _looks_labelled(filename) and not current().problem:
        label = label_in(filename)
        filename = _plain(filename, label) if label else filename
    return original(filename, *args, **kw)


def get(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`SimpleWheelCache.get`, which does not know what a variant was built for: build it again."""
    with during("is_shut"):
        return original(self, *args, **kw)


def without_label(filename: str) -> str:
    """The name that pip understands; the given object itself unless it has an accepted label."""
    run = current()
    known = run.labels.get(filename)
    if not (known or _looks_labelled(filename)) or not run.accepts_labels():
        return filename
    label = known or label_in(filename)
    if label is None:
        return filename
    run.labels[filename] = label
    return _plain(filename, label)


def _looks_labelled(filename: str) -> bool:
    """Whether a name has room for a label: a build tag, which starts with a digit, is none."""
    dashes = filename.count("-")
    return dashes > _DASHES or (dashes == _DASHES and not filename.split("-", 3)[2][:1].isdigit())


def label_in(filename: str) -> str | None:
    """The label in the name of a variant wheel, whether it is accepted or not."""
    run = current()
    if run.wheel_filename is None:  # once a name looks like it
        from pip_variants.model.filename import WheelFilename

        run.wheel_filename = WheelFilename
    try:
        return run.wheel_filename.parse(filename).label
    except ValueError:
        return None


def _plain(filename: str, label: str) -> str:
    return f"{filename.removesuffix(f'-{label}.whl')}.whl"
