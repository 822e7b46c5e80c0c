"""Brings pip-variants into the pips that pip starts with another interpreter.

A script that starts such a pip, by `pip --python OTHER` or for an isolated build environment. It
runs in an interpreter that need not have pip-variants: it has to be readable for old ones.
"""

# mypy: ignore-errors

import os
import sys

PIP_VARIABLE = "_PIP_VARIANTS_PIP"
"""Names the script or archive with which pip itself would have been started."""

DETECTION_VARIABLE = "_PIP_VARIANTS_DETECTION"
"""Holds the command that starts the detection process, as JSON."""


def _main():
    import runpy

    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]  # the modules beside this one are no top-level modules
    # Meant for this process: a pip that it starts may have a pip-variants of its own.
    pip = os.environ.pop(PIP_VARIABLE)
    detection = os.environ.pop(DETECTION_VARIABLE)
    if sys.version_info >= (3, 10):
        _attach(os.path.dirname(here), detection)
    sys.argv[0] = pip
    runpy.run_path(pip, run_name="__main__")


def _attach(package, detection):
    """Load pip_variants from its folder, without the rest of the site-packages around it."""
    import importlib.util
    import json

    try:
        if "pip_variants" not in sys.modules:
            spec = importlib.util.spec_from_file_location(
                "pip_variants",
                os.path.join(package, "__init__.py"),
                submodule_search_locations=[package],
            )
            sys.modules["pip_variants"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules["pip_variants"])
        from pip_variants.pip_adapter.hook import attach

        attach.attach(json.loads(detection))
    except Exception as error:  # noqa: BLE001 - whatever it is, pip must go on
        message = "WARNING: pip-variants is broken, pip goes on without it (%s: %s)\n"
        sys.stderr.write(message % (type(error).__name__, error))


if __name__ == "__main__":
    _main()
