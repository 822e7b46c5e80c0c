"""The contract for vendors: how a package tells pip-variants what a machine supports.

A vendor's package registers a module or an object in the entry-point group `pip_variants`, which
implements one hook, marked with `hookimpl`. examples/vendor-provider is such a package, and
docs/write-a-provider.md says how it is made. All names here are the contract.
"""

from collections.abc import Iterable

import pluggy

from pip_variants.contract import (
    ENTRY_POINT_GROUP,
    PREFIX_VARIABLE,
    Feature,
    Provider,
    target_prefix,
)
from pip_variants.model.published import Published

__all__ = ["ENTRY_POINT_GROUP", "PREFIX_VARIABLE", "Feature", "Provider", "Published"]
__all__ += ["hookimpl", "hookspec", "target_prefix"]

hookspec = pluggy.HookspecMarker("pip_variants")
hookimpl = pluggy.HookimplMarker("pip_variants")


@hookspec
def pip_variants_providers() -> Iterable[Provider]:
    """The providers that this package has. Called once; must be cheap and detect nothing."""
    return ()


@hookspec
def pip_variants_index_sets() -> Iterable[str]:
    """The index sets that this package has, as the TOML that docs/indexes.md describes.

    One is used when the user names it (`pip install --variant-indexes NAME`), and not before.
    """
    return ()
