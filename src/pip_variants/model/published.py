"""The packages that wheels name for the providers that are built in (PEP 850, requires)."""

from typing import NamedTuple


class Published(NamedTuple):
    """A provider package, spelled as wheels name it (PEP 850, Provider information).

    `plugin_api` is the API endpoint. A wheel that requires another `version` is not answered.
    """

    package: str
    version: str
    plugin_api: str


_ROWS = """
    x86_64 provider-variant-x86-64 0.0.1.post2 provider_variant_x86_64
    aarch64 provider-variant-aarch64 0.0.1.post2 provider_variant_aarch64
    x86_64 provider-variant-x86-64 0.0.1.post2 provider_variant_x86_64.plugin:X8664Plugin
    x86_64 x86-64-variant-provider 0.2.1 x86_64_variant_provider
    aarch64 provider-variant-aarch64 0.0.1.post2 provider_variant_aarch64.plugin:AArch64Plugin
    aarch64 aarch64-variant-provider 0.2.0 aarch64_variant_provider
    riscv64 riscv64-variant-provider 0.1.0 riscv64_variant_provider
    ppc64le ppc64le-variant-provider 0.1.0 ppc64le_variant_provider
    s390x s390x-variant-provider 0.1.0 s390x_variant_provider
    nvidia nvidia-variant-provider 0.0.2 nvidia_variant_provider.plugin:NvidiaVariantPlugin
    nvidia nvidia-variant-provider 0.0.1 nvidia_variant_provider.plugin:NvidiaVariantPlugin
    amd amd-variant-provider 0.0.2 amd_variant_provider.plugin:AMDVariantPlugin
    intel intel-variant-provider 0.0.3 intel_variant_provider.plugin:IntelVariantPlugin
    intel intel-variant-provider 0.0.2 intel_variant_provider.plugin:IntelVariantPlugin
    tpu tpu-variant-provider 0.1.0 tpu_variant_provider.plugin:TpuVariantPlugin
    mpi mpi-variant-provider 0.1.0 mpi_variant_provider
"""

PUBLISHED = [(name, Published(*row)) for name, *row in map(str.split, _ROWS.strip().splitlines())]
"""Namespace and package; of one namespace that comes last which new wheels name."""

UNPUBLISHED = ("riscv64", "ppc64le", "s390x", "mpi")
"""Namespaces whose package does not exist: only early wheels name it, new ones pip-variants."""
