"""Make a variant wheel out of a built wheel."""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.metadata import PluginProvider, ProviderInfo, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty, check_namespace
from pip_variants.publish.dependencies import Changes
from pip_variants.publish.project import KNOWN_PROVIDERS, Project, check_static
from pip_variants.publish.wheel import make_variant_wheel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("wheel", type=Path, help="the built wheel; it stays as it is")
    parser.add_argument(
        "--label",
        help="the variant label, such as x86_64_v3, or null (default: eight digits that belong to "
        "these properties, as variantlib has it)",
    )
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
        "--plugin-api",
        action="append",
        default=[],
        metavar="NAMESPACE=MODULE[:OBJECT]",
        help="the API endpoint of that provider, if it is not the package's name",
    )
    parser.add_argument(
        "--project",
        type=Path,
        metavar="PYPROJECT",
        help="take all of this from [variant] in a pyproject.toml, by the label; for one that is "
        "not there, all but the properties",
    )
    add_changes(parser)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Define the options of commands that write a wheel again."""
    parser.add_argument(
        "--drop-local-version", action="store_true", help="make version 1.0+cu128 1.0"
    )
    parser.add_argument(
        "--add-dependency", action="append", default=[], metavar="REQUIREMENT", help="repeatable"
    )
    parser.add_argument(
        "--drop-dependency", action="append", default=[], metavar="PACKAGE", help="repeatable"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="the folder to write to (default: that of the wheel)"
    )


def changes_of(options: argparse.Namespace, project: Changes | None = None) -> Changes:
    """What the options and the project want changed. Raises `InvalidWheel`."""
    project = project or Changes()
    return Changes(
        options.drop_local_version,
        (*project.dropped, *options.drop_dependency),
        (*project.added, *options.add_dependency),
    )


def output_of(options: argparse.Namespace) -> Path:
    """The folder to write to; it is there afterwards."""
    folder: Path = options.output or options.wheel.parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def print_path(path: Path) -> None:
    """Print the name of a file that was written, after a wheel that may be foreign."""
    print(printable(str(path), 10_000))


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    changes = changes_of(options)
    if options.project:
        if options.namespaces or options.provider or options.plugin_api:
            raise InvalidVariantMetadata(
                "--project says all that --namespaces, --provider and --plugin-api say"
            )
        project = Project.read(options.project).filled()
        variant = _variant(options)
        metadata = (
            _added(project.metadata, variant) if options.property else project.of(variant.label)
        )
        changes = changes_of(options, project.recipe(variant.label).changes)
    else:
        metadata = _metadata(options)
    print_path(make_variant_wheel(options.wheel, metadata, output_of(options), changes))
    return 0


def _variant(options: argparse.Namespace) -> Variant:
    properties = [VariantProperty.parse(text) for text in options.property]
    if options.label is None and not properties:
        raise InvalidVariantMetadata("give a --label or a --property")
    # The digits are variantlib's, so that those who come from there find their names.
    text = "".join(f"{one}\n" for one in sorted(set(properties)))
    digits = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Variant.of(digits if options.label is None else options.label, properties)


def _added(metadata: VariantMetadata, variant: Variant) -> VariantMetadata:
    if variant.label in metadata.variants:
        raise InvalidVariantMetadata(
            f"[variant.variants] says what {variant.label} is: leave out --property, "
            "or give another --label"
        )
    check_static(variant, metadata)
    return _checked(replace(metadata, variants={variant.label: variant}))


def _checked(metadata: VariantMetadata) -> VariantMetadata:
    # The model checks what it reads, so let it read what is going to be written.
    return VariantMetadata.parse(metadata.serialise(), "the metadata of the new wheel")


def _metadata(options: argparse.Namespace) -> VariantMetadata:
    variant = _variant(options)
    namespaces = [VariantProperty.parse(text).namespace for text in options.property]
    if options.namespaces:
        namespaces = [check_namespace(part.strip()) for part in options.namespaces.split(",")]
    providers = _providers(namespaces, options)
    if not namespaces:
        raise InvalidVariantMetadata(
            "give a --property, or --namespaces for the null variant, which has none"
        )
    return _checked(
        VariantMetadata(tuple(dict.fromkeys(namespaces)), {variant.label: variant}, providers)
    )


def _providers(namespaces: list[str], options: argparse.Namespace) -> dict[str, ProviderInfo]:
    given = dict(_pair("--provider", text, "REQUIREMENT") for text in options.provider)
    endpoints = dict(_pair("--plugin-api", text, "MODULE") for text in options.plugin_api)
    providers: dict[str, ProviderInfo] = {}
    for namespace in dict.fromkeys((*given, *namespaces)):
        if namespace in given:
            endpoint = endpoints.pop(namespace, None)
            providers[namespace] = PluginProvider((given[namespace],), endpoint)
        elif namespace in KNOWN_PROVIDERS:
            providers[namespace] = KNOWN_PROVIDERS[namespace]
        else:
            raise InvalidVariantMetadata(
                f"no provider is known for {namespace}: name one, --provider {namespace}=..."
            )
    if endpoints:
        first = next(iter(endpoints))
        raise InvalidVariantMetadata(f"--plugin-api {first}=... needs --provider {first}=...")
    return providers


def _pair(option: str, text: str, what: str) -> tuple[str, str]:
    namespace, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise InvalidVariantMetadata(f"{option} must be NAMESPACE={what}, not {text!r}")
    return check_namespace(namespace.strip()), value.strip()
