"""The providers that come with pip-variants; each is an ordinary plugin of `hooks`."""

BUILT_IN = tuple(
    f"pip_variants.providers.{name}"
    for name in "x86_64 aarch64 riscv64 ppc64le s390x nvidia amd intel tpu mpi".split()
)
"""Modules that implement `pip_variants_providers`."""
