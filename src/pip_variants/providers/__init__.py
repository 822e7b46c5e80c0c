"""The providers that come with pip-variants; each is an ordinary plugin of `hooks`.

And one of PEP 850, for other installers: the package is pip-variants, the API endpoint the module.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pip_variants
from pip_variants.hooks import Provider, Published, hookimpl
from pip_variants.model.published import PUBLISHED

BUILT_IN = (
    *(
        f"pip_variants.providers.{name}"
        for name in "x86_64 aarch64 riscv64 ppc64le s390x nvidia amd intel tpu mpi".split()
    ),
    "pip_variants.index_sets",
)
"""Modules that are plugins of `hooks`."""


def hook_of(module: str, **options: Any) -> Callable[[], Sequence[Provider]]:
    """The hook of a module that is a plugin of PEP 850; `options` are those of `Provider`."""
    plugin, namespace = sys.modules[module], module.rpartition(".")[2]
    own = Published("pip-variants", pip_variants.__version__, module)

    @hookimpl
    def pip_variants_providers() -> Sequence[Provider]:
        names = [own, *(Published(*one) for name, one in PUBLISHED if name == namespace)]
        options["valid"] = plugin.get_all_configs
        return [Provider(namespace, plugin.get_supported_configs, names, **options)]

    return pip_variants_providers
