"""Providers that are not installed but trusted by name (`--variant-trust`).

Each gets a folder of its own with all that it depends on, below pip's cache, and a detection
process of its own (PEP 850, Providers, step 5).
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from logging import INFO

from pip._internal.exceptions import InstallationError
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.detection import isolated
from pip_variants.detection.client import Detection, command
from pip_variants.errors import printable
from pip_variants.model.metadata import PluginProvider
from pip_variants.pip_adapter.hook.attach import attached
from pip_variants.pip_adapter.hook.run import Run


class Trusted:
    """The providers that the user trusts by name in a run of pip."""

    def __init__(self, run: Run, warn: Callable[[str], object]) -> None:
        """`warn` is given what providers warn of."""
        self._run = run
        self._warn = warn
        self._command = attached.detection or command()
        self._detections: dict[tuple[str, ...], Detection] = {}
        self._temporary = ""

    def includes(self, provider: PluginProvider) -> bool:
        """Whether the user named every package that the provider requires.

        Only the names are the user's: a requirement with a URL would be the index's choice, and so
        would one with a slash, such as `name===x/../..`, which pip takes for a path.
        """
        trusted = self._run.values("variant_trust")
        try:
            required = [Requirement(text) for text in provider.requires]
        except InvalidRequirement:
            return False
        if any(re.search(r"[/\\]", text) for text in provider.requires):
            return False
        return all(canonicalize_name(one.name) in trusted and not one.url for one in required)

    def detection(self, provider: PluginProvider) -> Detection:
        """A detection process that finds the provider's package in a folder of its own.

        Raises `ProviderFailed` if it cannot be installed (PEP 850: the install is aborted), and
        pip's `InstallationError` where hashes are required: nothing would vouch for the provider.
        """
        if getattr(self._run.options, "require_hashes", False):
            raise InstallationError(
                f"--variant-trust {provider.package} cannot be used where hashes are required. "
                f"Install the provider first: pip install {provider.package}"
            )
        if provider.requires not in self._detections:
            self._detections[provider.requires] = Detection(
                folder=self._folder(provider.requires), warn=self._warn, command=self._command
            )
        return self._detections[provider.requires]

    def close(self) -> None:
        """End the processes."""
        for detection in self._detections.values():
            detection.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _folder(self, requires: tuple[str, ...]) -> str:
        """Where the provider is, from now on."""
        python, options = self._command[0], self._index_options()
        folder = isolated.folder_for(requires, python, options, self._cache())
        if not isolated.is_fresh(folder):
            self._run.say(INFO, f"Installing the trusted provider {printable(', '.join(requires))}")
            isolated.install(requires, python, options, folder)
        return folder

    def _cache(self) -> str:
        cache_dir = getattr(self._run.options, "cache_dir", None)
        if not cache_dir:
            self._temporary = self._temporary or tempfile.mkdtemp(prefix="pip-variants-")
            return self._temporary
        folder = os.path.join(cache_dir, "pip-variants", "providers")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    def _index_options(self) -> list[str]:
        """Where this run of pip looks for packages."""
        options = self._run.options
        found = ["--no-index"] if options.no_index else ["--index-url", options.index_url]
        for name, values in (
            ("--extra-index-url", options.extra_index_urls),
            ("--find-links", options.find_links),
            ("--trusted-host", options.trusted_hosts),
            ("--proxy", [options.proxy] if options.proxy else []),
            ("--cert", [options.cert] if options.cert else []),
        ):
            for value in values or ():
                found += [name, value]
        return found
