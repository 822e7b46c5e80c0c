"""What providers share: small files, programs, and what users put in place of what is here."""

import logging
import os
import subprocess

_log = logging.getLogger(__name__)


def read(*parts: str) -> str:
    """The text of a file; nothing if it cannot be read."""
    path = os.path.join(*parts)
    try:
        if os.path.isfile(path):  # others may block
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(1 << 24)
    except OSError as error:
        _log.info("%s cannot be read: %s", path, error.strerror)
    return ""


def run(*command: str, deadline: float) -> str:
    """What a program prints; nothing if it cannot be run or takes more than `deadline` seconds."""
    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", timeout=deadline, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        _log.info("%s gives no answer: %s", command[0], error)
        return ""


def forced(variable: str) -> str:
    """What an environment variable says; empty if nothing."""
    text = os.environ.get(variable, "").strip()
    if text:
        _log.info("forced by the environment variable %s: %s", variable, text)
    return text
