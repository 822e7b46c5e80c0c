"""What this run of pip knows of the machine: one detection process, and pip's errors for it."""

from collections.abc import Iterable
from functools import cache

from pip._internal.exceptions import InstallationError

from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.ordering import Ordering
from pip_variants.pip_adapter.gate import log
from pip_variants.selection import select

__all__ = ["detection", "install_for", "select_for_target"]


_platforms: list[str] = []


def install_for(platforms: list[str]) -> None:
    """What is installed is for another machine, of which only the platform tags are known."""
    _platforms[:] = platforms


@cache
def detection() -> Detection:
    """The one detection process of this run, started when it is first needed."""
    return Detection(_platforms)


def select_for_target(what: str, metadata: VariantMetadata, labels: Iterable[str]) -> Ordering:
    """Order the variants of `what` for this machine.

    Raises pip's `InstallationError` if a provider fails (PEP 850: the install is aborted).
    """
    try:
        return select(metadata, labels, detection())
    except DetectionError as error:
        log.debug("detection failed", exc_info=True)
        reason = f"Could not tell which variant of {what} fits: {error}."
        raise InstallationError(f"{printable(reason)} Use --no-variants to go on.") from None
