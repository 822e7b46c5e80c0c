"""Providers that are not installed, each in a folder of its own (PEP 850, Providers, step 5)."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from pip_variants.errors import ProviderFailed

_FRESH = 24 * 3600  # seconds that a provider is used before a newer release is looked for
_DEADLINE = 300.0  # seconds for its installation


def is_fresh(folder: str) -> bool:
    """Whether the provider in a folder may be used as it is."""
    return os.path.isdir(folder) and time.time() - os.path.getmtime(folder) <= _FRESH


def folder_for(requires: Sequence[str], python: str, options: Sequence[str], cache: str) -> str:
    """The folder below `cache` for these requirements, from where pip's `options` say."""
    # What one index gave for a name says nothing of what another has.
    key = (python, str(sys.implementation.cache_tag), *requires, *options)
    return os.path.join(cache, hashlib.sha256("\n".join(key).encode()).hexdigest()[:32])


def install(requires: Sequence[str], python: str, options: Sequence[str], folder: str) -> None:
    """Have the pip of `python` install binaries of these into a folder. Raises `ProviderFailed`."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as unfinished:
        target = os.path.join(unfinished, "provider")
        pip = [python, "-m", "pip", "install", "--quiet", "--target", target]
        try:
            done = subprocess.run(  # noqa: S603
                [*pip, "--only-binary", ":all:", *options, "--", *requires],
                capture_output=True,
                text=True,
                timeout=_DEADLINE,
                check=False,
                cwd=unfinished,
                env={**os.environ, "PIP_NO_VARIANTS": "1"},
            )
        except subprocess.TimeoutExpired:
            raise ProviderFailed(f"the provider {requires[0]} took too long to install") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise ProviderFailed(f"the provider {requires[0]} could not be installed: {last}")
        os.makedirs(target, exist_ok=True)
        if os.path.isdir(folder):
            os.rename(folder, os.path.join(unfinished, "old"))
        os.rename(target, folder)
