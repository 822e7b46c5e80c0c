"""Which Pythons start pip-variants by which file (PEP 829).

`pip_variants.pth` counts up to Python 3.17; from 3.15 on `pip_variants.start` counts if it is there. To
read a `.start` file, Python imports `pkgutil` and `re`, which takes twenty times as long. So there are two
wheels: one for 3.15 to 3.17 without that file, when it is built by these, and one for all Pythons.
"""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StartFiles(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        files = {"src/pip_variants.pth": "pip_variants.pth"}
        if (3, 15) <= sys.version_info < (3, 18):
            build_data["tag"] = "py315.py316.py317-none-any"
        else:
            files["src/pip_variants.start"] = "pip_variants.start"
            files["src/pip_variants_start.py"] = "pip_variants_start.py"
        build_data["force_include_editable" if version == "editable" else "force_include"].update(files)
