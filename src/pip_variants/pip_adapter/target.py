"""What this run of pip knows of the target: one detection process, the user's choices, errors."""

import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache

from pip._internal.exceptions import InstallationError

from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import DetectionError, InvalidTarget, printable
from pip_variants.model.metadata import PluginProvider, VariantMetadata
from pip_variants.model.ordering import Ordering
from pip_variants.model.support import NamespaceSupport
from pip_variants.pip_adapter import report
from pip_variants.pip_adapter.abi import releases
from pip_variants.pip_adapter.gate import gate, log
from pip_variants.pip_adapter.options import given, target
from pip_variants.pip_adapter.trust import is_trusted, isolated
from pip_variants.selection import Choices, select

__all__ = ["asker", "choices", "select_for_target", "warm_up"]


class _Asker:
    """The detection process, and one more for each provider that the user trusts by name."""

    def __init__(self, detection: Detection) -> None:
        self._detection = detection
        self.told: dict[PluginProvider, Answer] = {}
        self.supported_in = detection.supported_in
        self.holds = detection.holds
        self.warm_up = detection.warm_up

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        """What `provider` says of the target. Raises `DetectionError`."""
        answer = self._detection.answer_of(provider)
        if answer.support.remedy and is_trusted(provider):
            answer = isolated(provider).answer_of(provider)
        self.told[provider] = answer
        return answer.support


def asker() -> _Asker:
    """Whoever knows what the target supports; nothing is started yet."""
    return _asker(target())


@cache
def _asker(target: str) -> _Asker:
    options = gate.options
    platforms = getattr(options, "platforms", None) or []
    other = (getattr(options, name, None) for name in ("python_version", "abis", "implementation"))
    if not platforms and any(other):
        platforms = [sysconfig.get_platform().replace("-", "_")]
    prefix = getattr(options, "prefix_path", None)
    prefix = os.path.abspath(prefix) if prefix else sys.prefix
    return _Asker(Detection(platforms, prefix, target=target, warn=report.warned))


def warm_up() -> None:
    """Start what is going to be asked."""
    asker().warm_up()


@cache
def choices() -> Choices:
    """What the user chose by pip's options."""
    return Choices(
        frozenset(given("variant_enable")),
        frozenset(given("variant_disable")),
        tuple(tuple(text.split("::")) for text in given("variant_prefer")),
        releases,
    )


def select_for_target(what: str, metadata: VariantMetadata, labels: Iterable[str]) -> Ordering:
    """Order the variants of `what` for the target.

    Raises pip's `InstallationError` if a provider fails (PEP 850: the install is aborted).
    """
    try:
        return select(metadata, labels, asker(), choices())
    except InvalidTarget as error:
        raise InstallationError(printable(f"--variant-target: {error}")) from None
    except DetectionError as error:
        log.debug("detection failed", exc_info=True)
        reason = f"Could not tell which variant of {what} fits: {error}."
        raise InstallationError(
            f"{printable(reason)} Use --variant-disable NAMESPACE or --no-variants to go on."
        ) from None
