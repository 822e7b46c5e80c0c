"""Wait for pip where Python reads `pip_variants.start` (PEP 829); else `pip_variants.pth` does.

Beside the package: no start of Python loads that, and where it is damaged, pip goes on without it.
"""

import sys


class WaitForPip:
    """A finder that finds nothing: when pip is imported, it has pip-variants attach to it."""

    @classmethod
    def find_spec(cls, name: str, *_: object) -> None:
        """Attach if this is pip, once."""
        if name == "pip._internal":
            sys.meta_path.remove(cls)
            try:
                from pip_variants.pip_adapter.hook import attach

                attach.attach()
            except Exception as error:  # noqa: BLE001 - pip has to start, whatever is broken
                kind = type(error).__name__
                sys.stderr.write(
                    f"WARNING: pip-variants is broken, pip goes on without it ({kind}: {error})\n"
                )


def wait() -> None:
    """Begin to wait, unless another installation of pip-variants does."""
    if not any(getattr(one, "__name__", "") == WaitForPip.__name__ for one in sys.meta_path):
        sys.meta_path.insert(0, WaitForPip)
        if "pip._internal" in sys.modules:
            WaitForPip.find_spec("pip._internal")
