"""Whether labels are accepted in this run of pip. Everything else hangs on that.

While the gate is shut, pip refuses the names of variant wheels by itself, and no other seam has
anything to do: stock behaviour.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["VERBOSE", "Gate", "gate", "log"]

log = logging.getLogger("pip_variants")
"""Goes through pip's own handlers: INFO to standard output, WARNING to standard error."""

VERBOSE = 15
"""pip's level for `-v` (pip._internal.utils._log)."""


class Gate:
    """Open once all critical seams hold, unless the user or a failure shut it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """Why pip cannot be extended; the first one is told, once, when a variant wheel is seen."""
        self.seen = False
        """Whether any variant wheel was accepted: until then there is nothing to do."""
        self.session: Any = None
        """pip's connection to the network in this run."""
        self.is_resolving = False
        """Whether the resolver makes pip compute a best file, which it never uses."""
        self.is_open = True
        """Whether labels are wanted: not by `--no-variants`, nor in a few places of pip."""
        self.options: Any = None
        """pip's parsed options."""
        self._verified = False

    @contextmanager
    def resolving(self) -> Iterator[None]:
        """No metadata is needed meanwhile."""
        before, self.is_resolving = self.is_resolving, True
        try:
            yield
        finally:
            self.is_resolving = before

    @contextmanager
    def shut(self) -> Iterator[None]:
        """No label is accepted meanwhile."""
        before, self.is_open = self.is_open, False
        try:
            yield
        finally:
            self.is_open = before

    def accepts_labels(self) -> bool:
        """Called for every labelled file name; the first call verifies the seams."""
        if not self.is_open:
            return False
        if not self._verified:
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
        if self.problems:
            return False
        self.seen = True
        return True


gate = Gate()
