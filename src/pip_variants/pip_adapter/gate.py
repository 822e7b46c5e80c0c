"""Whether labels are accepted in this run of pip. Everything else hangs on that.

While the gate is shut, pip refuses the names of variant wheels by itself, and no other seam has
anything to do: stock behaviour.
"""

import logging
import threading
from typing import Any

__all__ = ["VERBOSE", "Gate", "gate", "log"]

log = logging.getLogger("pip_variants")
"""Goes through pip's own handlers: INFO to standard output, WARNING to standard error."""

VERBOSE = 15
"""pip's level for `-v` (pip._internal.utils._log)."""


class _Now(threading.local):
    """What holds for a moment, and in one thread: programs may run a pip in each of several."""

    is_shut = False
    """No label is accepted."""
    is_resolving = False
    """The resolver makes pip compute a best file, which it never uses: no metadata is needed."""
    is_building = False
    """What is chosen is needed for a build, and runs here whatever the target is."""


class _During:
    """`with` one of these; contextlib's way would cost plain installs a quarter of a percent."""

    def __init__(self, now: _Now, name: str) -> None:
        self._now, self._name = now, name

    def __enter__(self) -> None:
        self._before = getattr(self._now, self._name)
        setattr(self._now, self._name, True)

    def __exit__(self, *_: object) -> None:
        setattr(self._now, self._name, self._before)


class Gate:
    """Open once all critical seams hold, unless the user or a failure shut it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """Why pip cannot be extended; the first one is told, once, when a variant wheel is seen."""
        self.seen = False
        """Whether any variant wheel was accepted: until then there is nothing to do."""
        self.session: Any = None
        """pip's connection to the network in this run."""
        self.is_open = True
        """Whether labels are wanted: not by `--no-variants`."""
        self.options: Any = None
        """pip's parsed options."""
        self.now = _Now()
        self._verifying = threading.RLock()
        self._verified = False

    def resolving(self) -> _During:
        """No metadata is needed meanwhile."""
        return _During(self.now, "is_resolving")

    def shut(self) -> _During:
        """No label is accepted meanwhile."""
        return _During(self.now, "is_shut")

    def building(self) -> _During:
        """Meanwhile, the target is this machine."""
        return _During(self.now, "is_building")

    def accepts_labels(self) -> bool:
        """Called for every labelled file name; the first call verifies the seams."""
        if not self.is_open or self.now.is_shut:
            return False
        with self._verifying:
            self._verify()
        if self.problems:
            return False
        self.seen = True
        return True

    def _verify(self) -> None:
        if self._verified:
            return
        from pip_variants.pip_adapter.attach import verify

        self._verified = True
        try:
            self.problems = verify()
        except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
            self.problems = [repr(error)]
        if self.problems:
            log.warning(
                "Wheel variants are ignored: pip-variants does not know this pip (%s).",
                self.problems[0],
            )


gate = Gate()
