"""The providers that come with pip-variants; each is an ordinary plugin of `hooks`."""

BUILT_IN = ("pip_variants.providers.x86_64",)
"""Modules that implement `pip_variants_providers`."""
