"""What this run knows of the machine that packages are for, and what the user chose."""

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from logging import WARNING
from typing import Any

from pip._internal.exceptions import InstallationError
from pip._internal.metadata import get_default_environment

from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import BrokenInstallation, DetectionError, InvalidTarget, printable
from pip_variants.model.abi import belongs_to
from pip_variants.model.metadata import PluginProvider, VariantMetadata
from pip_variants.model.ordering import Ordering
from pip_variants.model.support import NamespaceSupport
from pip_variants.pip_adapter.hook.attach import attached
from pip_variants.pip_adapter.hook.run import Run, current
from pip_variants.pip_adapter.variants.trust import Trusted
from pip_variants.selection import Choices, select_from_sources


class Target:
    """What packages are for: this machine, a target that the user named, or another platform."""

    def __init__(self, run: Run) -> None:
        """Nothing is started yet."""
        self._run = run
        options = run.options
        platforms = getattr(options, "platforms", None) or []
        others = ("python_version", "abis", "implementation")
        if not platforms and any(getattr(options, name, None) for name in others):
            platforms = [sysconfig.get_platform().replace("-", "_")]
        prefix = getattr(options, "prefix_path", None)
        if run.is_building:
            platforms, prefix = (), None
        self._detection = Detection(
            platforms,
            os.path.abspath(prefix) if prefix else sys.prefix,
            target=run.target_name,
            warn=self._warn,
            command=attached.detection or None,
        )
        self._trusted = Trusted(run, self._warn)
        self._installed: dict[str, Any] = {}
        self.told: dict[PluginProvider, Answer] = {}  # what was asked so far
        self.supported_in = self._detection.supported_in
        self.listed = self._detection.listed
        self.warm_up = self._detection.warm_up
        self.index_sets = self._detection.index_sets
        self.choices = Choices(  # the user's, by pip's options
            frozenset(run.values("variant_enable")),
            frozenset(run.values("variant_disable")),
            tuple(tuple(text.split("::")) for text in run.values("variant_prefer")),
            self.releases,
        )

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        """What `provider` says of the target. Raises `DetectionError`."""
        is_trusted = self._trusted.includes(provider)
        answer = self._detection.answer_of(provider, trusted=is_trusted)
        if answer.support.remedy and is_trusted:
            answer = self._trusted.detection(provider).answer_of(provider)
        self.told[provider] = answer
        return answer.support

    def releases(self, package: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the releases of a package that the resolution can hold, best first.

        What is installed stays if it can. Without dependencies (`--no-deps`, a lock) nothing else
        is to be had.
        """
        locked = {name: version for lock in self._run.locks for name, version in lock.versions}
        installed = None if locked else self.installed(package)
        version = str(installed.version) if installed else locked.get(package)
        fitting = tuple(release for release in wanted if version and belongs_to(version, release))
        if locked or getattr(self._run.options, "ignore_dependencies", False):
            return fitting
        return (*fitting, *(release for release in wanted if release not in fitting))

    def installed(self, package: str) -> Any:
        """The distribution (pip's) that is there, where packages are going to be installed."""
        elsewhere = ("ignore_installed", "target_dir", "prefix_path", "root_path")
        if any(getattr(self._run.options, name, None) for name in elsewhere):
            return None
        if package not in self._installed:
            self._installed[package] = get_default_environment().get_distribution(package)
        return self._installed[package]

    def order(self, what: str, metadata: VariantMetadata, label: str) -> Ordering:
        """Whether the target supports the variant that `what` is, and why not."""
        return self.order_sources(what, {"": metadata}, {"": {label}})[0]

    def order_sources(
        self, what: str, metadata: Mapping[str, VariantMetadata], labels: Mapping[str, set[str]]
    ) -> tuple[Ordering, Sequence[str], str]:
        """Order the variants of `what`, given by source, for the target: `select_from_sources`.

        Raises pip's `InstallationError` if a provider fails (PEP 850: the install is aborted), and
        `BrokenInstallation`.
        """
        try:
            return select_from_sources(metadata, labels, self, self.choices)
        except InvalidTarget as error:
            raise InstallationError(printable(f"--variant-target: {error}")) from None
        except BrokenInstallation:
            raise
        except DetectionError as error:
            reason = f"Could not tell which variant of {what} fits: {error}."
            named = error.namespace or "NAMESPACE"
            raise InstallationError(
                f"{printable(reason)} Use --variant-disable {named} or --no-variants to go on."
            ) from None

    def close(self) -> None:
        """End the processes."""
        self._detection.close()
        self._trusted.close()

    def _warn(self, text: str) -> None:
        """Pass on what a provider warns of."""
        self._run.say(WARNING, printable(text))


def target() -> Target:
    """The target of this run; made when it is first asked for."""
    run = current()
    if run.target is None:
        run.target = Target(run)
    return run.target
