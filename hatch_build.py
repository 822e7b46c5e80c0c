"""Which Pythons start pip-variants by which file (PEP 829); read by `hatchling`.

The line in `pip_variants.pth` counts up to Python 3.17, and from 3.15 on only where there is no
`pip_variants.start`. To read that one, Python loads `pkgutil` and `re`, which takes twenty times as
long. So there are two wheels: one without it, for 3.15 to 3.17, and one for every Python. Which of
them is built depends on the Python that builds, or on PIP_VARIANTS_WHEEL_FOR, such as 3.15.
"""

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StartFiles(BuildHookInterface[Any]):
    """Adds the files that Python reads when it starts, to an editable install, too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by `hatchling` before it builds a wheel."""
        names = ["pip_variants.pth"]
        here = "{}.{}".format(*sys.version_info)
        if os.environ.get("PIP_VARIANTS_WHEEL_FOR", here) in ("3.15", "3.16", "3.17"):
            build_data["tag"] = "py315.py316.py317-none-any"
        else:
            names += ["pip_variants.start", "pip_variants_start.py"]
        kind = "force_include_editable" if version == "editable" else "force_include"
        build_data[kind].update({f"src/{name}": name for name in names})
