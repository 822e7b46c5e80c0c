"""Which wheel variants this machine's Acme accelerators can run.

Features, most preferred first:

- `engine`: the generations whose code the cards run. Each runs that of older ones, too.
- `driver`: the driver's interfaces. A driver has those of older ones, too.
"""

import logging
import os
import re
from importlib.metadata import version
from pathlib import Path

from pip_variants.hooks import Feature, Provider, Published, hookimpl

_log = logging.getLogger(__name__)


def detect() -> list[Feature]:
    """What the cards and the driver support, as Acme's driver says below /sys."""
    # Another root shows the provider another machine: recorded ones in tests, a host in containers.
    root = Path(os.environ.get("ACME_FSROOT") or "/")
    generations = [_number(file) for file in root.glob("sys/class/acme/card*/generation")]
    newest = max(generations, default=0)
    if not newest:
        _log.info("no Acme card below %s", root / "sys/class/acme")
        return []
    engines = [f"mk{number}" for number in range(newest, 0, -1)]
    features = [Feature("engine", engines, multi_value=True)]
    if driver := _number(root / "sys/module/acme/version"):
        features.append(Feature("driver", [str(number) for number in range(driver, 0, -1)]))
    else:
        _log.warning("the Acme driver does not say its version: wheels that need one do not fit")
    return features


def _number(file: Path) -> int:
    """The number that a file begins with; 0 if there is none."""
    try:
        match = re.match(r"\d{1,2}", file.read_text(encoding="ascii", errors="replace"), re.ASCII)
    except OSError as error:
        _log.info("%s cannot be read: %s", file, error.strerror)
        return 0
    _log.info("%s: %s", file, match[0] if match else "no number")
    return int(match[0]) if match else 0


def valid() -> list[Feature]:
    """Everything that there is, on whatever machine; there is room for the years to come."""
    return [
        Feature("engine", [f"mk{number}" for number in range(1, 100)], multi_value=True),
        Feature("driver", [str(number) for number in range(1, 100)]),
    ]


@hookimpl
def pip_variants_providers() -> list[Provider]:
    """The provider for pip with pip-variants."""
    published = Published("acme-variants", version("acme-variants"), "acme_variants")
    return [Provider("acme", detect, [published], valid=valid)]


get_supported_configs, get_all_configs = detect, valid  # the provider for other installers
