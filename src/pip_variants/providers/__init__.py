"""The providers that come with pip-variants; each is a module, and a plugin of PEP 850.

For other installers the package is pip-variants, the API endpoint the module. What `hooks.Provider`
has beyond that, modules have by the same names, and `FORCED`.
"""

import importlib

import pip_variants
from pip_variants.contract import Provider
from pip_variants.model.published import PUBLISHED, Published

BUILT_IN = tuple(
    f"pip_variants.providers.{name}"
    for name in "x86_64 aarch64 riscv64 ppc64le s390x nvidia amd intel tpu mpi".split()
)
"""The modules."""


def provider_of(module: str) -> Provider:
    """What a module provides, by the name of its namespace. Raises what importing raises."""
    plugin, namespace = importlib.import_module(module), module.rpartition(".")[2]
    return Provider(
        namespace,
        plugin.get_supported_configs,
        [
            Published("pip-variants", pip_variants.__version__, module),
            *(one for name, one in PUBLISHED if name == namespace),
        ],
        valid=plugin.get_all_configs,
        forced=getattr(plugin, "FORCED", ()),
        **{name: vars(plugin)[name] for name in ("baseline", "named") if hasattr(plugin, name)},
    )
