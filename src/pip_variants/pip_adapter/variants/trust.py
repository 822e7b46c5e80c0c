"""Providers that are not installed but trusted by name (`--variant-trust`).

Each gets a folder with all that it depends on, below pip's cache, and a detection process of its
own (PEP 850, Providers, step 5). A folder is complete once it has its name, and never changed.
"""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partialmethod
from logging import INFO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

from pip._internal.exceptions import InstallationError
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection, command
from pip_variants.errors import ProviderFailed, printable
from pip_variants.model.metadata import PluginProvider
from pip_variants.pip_adapter.hook.attach import attached
from pip_variants.pip_adapter.hook.run import Run

_DAY = 24 * 3600  # seconds that a provider is used before a newer release is looked for

# Options that pip's session is made from, and that files of requirements do not change.
_OF_SESSION = ("proxy", "cert", "client_cert", "timeout", "retries", "keyring_provider")


class Trusted:
    """The providers that the user trusts by name in a run of pip."""

    def __init__(self, run: Run, warn: Callable[[str], object]) -> None:
        """`warn` is given what providers warn of."""
        self._run = run
        self._warn = warn
        self._command = attached.detection or command()
        self._detections: dict[tuple[str, ...], Detection] = {}
        self._opened = ExitStack()

    def includes(self, provider: PluginProvider) -> bool:
        """Whether the user named every package that the provider requires.

        Only the names are the user's: a requirement with a URL would be the index's choice, and so
        would one with a slash, such as `name===x/../..`, which pip takes for a path.
        """
        try:
            names = {canonicalize_name(Requirement(text).name) for text in provider.requires}
        except InvalidRequirement:
            return False
        is_plain = not re.search(r"[@/\\]", "".join(provider.requires))
        return is_plain and names.issubset(self._run.values("variant_trust"))

    def detection(self, provider: PluginProvider) -> Detection:
        """A detection process that finds the provider's package in a folder of its own.

        Raises `ProviderFailed` if it cannot be installed (PEP 850: the install is aborted), and
        pip's `InstallationError` where hashes are required: nothing would vouch for the provider.
        """
        if self._run.requires_hashes:
            raise InstallationError(
                f"--variant-trust {provider.package} cannot be used where hashes are required. "
                "Install the provider beforehand, by pip install -r FILE, where FILE has it and "
                "all that it requires, each with its version and hashes."
            )
        if provider.requires not in self._detections:
            folder = self._folder(provider.requires)
            started = Detection(folder=folder, warn=self._warn, command=self._command)
            self._detections[provider.requires] = self._opened.enter_context(closing(started))
        return self._detections[provider.requires]

    def close(self) -> None:
        """End the processes."""
        self._opened.close()

    def _folder(self, requires: tuple[str, ...]) -> str:
        """Where the provider is, from now on. Raises `ProviderFailed`."""
        python, options = self._command[0], self._options()
        limits = [
            f"{one.name} @ {one.link.url}" if one.link else str(one.req)
            for one in self._run.requirements
            if one.constraint and one.match_markers()
        ]
        # The first tag names the interpreter, the platform and the libc.
        facts = python, os.path.realpath(python), str(next(sys_tags())), requires, options, limits
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
        top = self._run.options.cache_dir
        top = top or self._opened.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
        cache = os.path.join(top, "pip-variants", "providers")
        for folder in sorted(glob.glob(f"{glob.escape(cache)}/{key}-*"), reverse=True):
            if 0 <= time.time_ns() - int(folder.rpartition("-")[2]) <= _DAY * 10**9:
                return folder
        self._run.say(INFO, f"Installing the trusted provider {printable(', '.join(requires))}")
        try:
            return _install(python, [*options, "--", *requires], limits, cache, key)
        except (OSError, subprocess.SubprocessError) as error:
            why = f"the provider {requires[0]} could not be installed: {error}"
            raise ProviderFailed(why) from None

    def _options(self) -> list[str]:
        """Where and how this run of pip looks for packages, its files of requirements included."""
        finder, options = self._run.finder, self._run.options
        passwords = finder._link_collector.session.auth.passwords
        urls = [_place(one, passwords) for one in finder.index_urls]
        formats, releases = finder.format_control, getattr(finder, "release_control", None)
        values = {
            "index-url": urls[:1],
            "extra-index-url": urls[1:],
            "find-links": [_place(one, {}) for one in finder.find_links],
            "no-index": [not urls],
            "trusted-host": finder.trusted_hosts,
            "no-binary": sorted(formats.no_binary),  # then it cannot be had: nothing is built
            "only-binary": sorted(formats.only_binary - {":all:"}),
            "all-releases": sorted(getattr(releases, "all_releases", ())),
            "only-final": sorted(getattr(releases, "only_final", ())),
            "pre": [getattr(finder, "allow_all_prereleases", None)],  # not all pips have these
            "uploaded-prior-to": [getattr(finder, "uploaded_prior_to", None)],
            "no-proxy-env": [getattr(options, "no_proxy_env", None)],
            "use-feature": {"truststore"}.intersection(options.features_enabled),
            "use-deprecated": {"legacy-certs"}.intersection(options.deprecated_features_enabled),
            "cache-dir": [options.cache_dir or ""],
            **{name.replace("_", "-"): [getattr(options, name, None)] for name in _OF_SESSION},
        }
        given = [(name, one) for name, several in values.items() for one in several]
        # What is said of all packages clears what stands before it.
        given.sort(key=lambda one: one[1] != ":all:")
        return [
            *("--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:"),
            *(f"--{name}={one}" for name, one in given if not isinstance(one, bool | None)),
            *(f"--{name}" for name, one in given if one is True),
        ]


def _install(python: str, arguments: list[str], limits: list[str], cache: str, key: str) -> str:
    """Have a pip without the user's settings install into a new folder of the cache."""
    kept = {name: text for name, text in os.environ.items() if not re.match("_?PIP_", name)}
    os.makedirs(cache, mode=0o700, exist_ok=True)
    for entry in os.scandir(cache):  # what no run uses any more, or was interrupted
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > 7 * _DAY:
                shutil.rmtree(entry.path)
    with TemporaryDirectory(dir=cache) as private:
        target, file = os.path.join(private, "provider"), os.path.join(private, "constraints.txt")
        Path(file).write_text("\n".join(limits), encoding="utf-8")
        # Its arguments are its standard input, as command lines are for everybody to read.
        done = subprocess.run(  # noqa: S603
            [python, "-c", RUN_MODULE, __name__],
            input=json.dumps([f"--target={target}", f"--constraint={file}", *arguments]),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
            check=False,
            env={**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_VARIANTS": "1"},
        )
        if done.returncode or not glob.glob(f"{glob.escape(target)}/*.dist-info"):
            said = ["nothing was installed", *done.stderr.strip().splitlines()]
            raise OSError(max(reversed(said), key=lambda line: line.startswith("ERROR: ")))
        return str(Path(target).rename(Path(cache, f"{key}-{time.time_ns()}")))


def _place(place: str, passwords: dict[str, Any]) -> str:
    """A path from the root on, or an address with what the user or a keyring said of its host."""
    netloc = urlsplit(place).netloc
    user, _, host = netloc.rpartition("@")
    if os.path.exists(place) or ":" in user or host not in passwords:
        return os.path.abspath(place) if os.path.exists(place) else place
    name, password = (quote(one or "", safe="") for one in passwords[host])
    return place.replace(f"//{netloc}", f"//{name}:{password}@{host}", 1)


def prepare_linked_requirement(self: Any, req: Any, *more: Any, original: Any, **kw: Any) -> Any:
    """Take wheels that a source of this run lists, and nothing else: what is built runs code."""
    if req.original_link is not None or not req.link.is_wheel:
        raise InstallationError(f"{req} is no wheel that an index of this run lists")
    return original(self, req, *more, **kw)


if __name__ == "__main__":  # the pip that installs
    from pip._internal.commands.install import InstallCommand
    from pip._internal.operations.prepare import RequirementPreparer as Preparer

    whole = partialmethod(prepare_linked_requirement, original=Preparer.prepare_linked_requirement)
    Preparer.prepare_linked_requirement = whole  # type: ignore[assignment, method-assign]
    sys.exit(InstallCommand("install", "").main(json.load(sys.stdin)))
