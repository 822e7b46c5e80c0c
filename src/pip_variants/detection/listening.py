"""What foreign code logs explains its answer, too; apart, as `logging` loads slowly."""

import logging
from contextlib import suppress

from pip_variants.providers.machine import log


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # A line whose arguments do not fit it is no reason to fail; logging itself drops it, too.
        with suppress(Exception):
            log.add(record.getMessage(), is_warning=record.levelno >= logging.WARNING)


def listen() -> None:
    """Have all that is logged noted, whatever others have done to the root logger."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    if not any(isinstance(one, _Listener) for one in root.handlers):
        root.addHandler(_Listener())
