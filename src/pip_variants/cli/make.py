"""Make a variant wheel out of a built wheel."""

import argparse
from pathlib import Path

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import PluginProvider, ProviderInfo, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty, check_namespace
from pip_variants.publish.wheel import make_variant_wheel

__all__ = ["add_arguments", "run"]

# The provider that a wheel asks for unless another one is named: those that are built in here and
# that other installers know as well.
_PROVIDERS = {
    "x86_64": PluginProvider(("x86-64-variant-provider >=0.2.1,<1",)),
    "aarch64": PluginProvider(("aarch64-variant-provider >=0.2.0,<1",)),
    "riscv64": PluginProvider(("riscv64-variant-provider >=0.1.0,<1",)),
    "ppc64le": PluginProvider(("ppc64le-variant-provider >=0.1.0,<1",)),
    "s390x": PluginProvider(("s390x-variant-provider >=0.1.0,<1",)),
    "nvidia": PluginProvider(
        ("nvidia-variant-provider >=0.0.1,<1",),
        "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
    ),
    "amd": PluginProvider(
        ("amd-variant-provider >=0.0.2,<1",), "amd_variant_provider.plugin:AMDVariantPlugin"
    ),
    "intel": PluginProvider(
        ("intel-variant-provider >=0.0.2,<1",), "intel_variant_provider.plugin:IntelVariantPlugin"
    ),
    "tpu": PluginProvider(
        ("tpu-variant-provider >=0.1.0,<1",), "tpu_variant_provider.plugin:TpuVariantPlugin"
    ),
    "mpi": PluginProvider(("mpi-variant-provider >=0.1.0,<1",)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("wheel", type=Path, help="the built wheel; it stays as it is")
    parser.add_argument("--label", required=True, help="the variant label, such as x86_64_v3")
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="'NAMESPACE :: FEATURE :: VALUE'",
        help="a property of the wheel; repeat for more",
    )
    parser.add_argument(
        "--namespaces",
        metavar="NAMESPACE,...",
        help="all namespaces of the release, most important first; the same for all its wheels "
        "(default: those of the properties, as given)",
    )
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAMESPACE=REQUIREMENT",
        help="the provider package of a namespace that is not built in",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="the folder to write to (default: that of the wheel)"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    properties = tuple(VariantProperty.parse(text) for text in options.property)
    namespaces = [one.namespace for one in properties]
    if options.namespaces:
        namespaces = [check_namespace(part.strip()) for part in options.namespaces.split(",")]
    variant = Variant.of(options.label, properties)
    providers = _providers(namespaces, options.provider)
    if not namespaces:
        raise InvalidVariantMetadata(
            "give a --property, or --namespaces for the null variant, which has none"
        )
    metadata = VariantMetadata(
        tuple(dict.fromkeys(namespaces)), {variant.label: variant}, providers
    )
    # The model checks what it reads, so let it read what is going to be written.
    VariantMetadata.parse(metadata.serialise(), "the metadata of the new wheel")
    folder = options.output or options.wheel.parent
    folder.mkdir(parents=True, exist_ok=True)
    print(make_variant_wheel(options.wheel, metadata, folder))
    return 0


def _providers(namespaces: list[str], given: list[str]) -> dict[str, ProviderInfo]:
    providers: dict[str, ProviderInfo] = {}
    for text in given:
        namespace, equals, requirement = text.partition("=")
        if not equals or not requirement.strip():
            raise InvalidVariantMetadata(f"--provider must be NAMESPACE=REQUIREMENT, not {text!r}")
        providers[check_namespace(namespace.strip())] = PluginProvider((requirement.strip(),))
    for namespace in namespaces:
        if namespace not in providers:
            if namespace not in _PROVIDERS:
                raise InvalidVariantMetadata(
                    f"no provider is known for {namespace}: name one, --provider {namespace}=..."
                )
            providers[namespace] = _PROVIDERS[namespace]
    return providers
