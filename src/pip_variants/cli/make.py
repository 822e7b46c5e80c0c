"""Make a variant wheel out of a built wheel."""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from pip_variants.cli.text import add_list
from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.metadata import PluginProvider, ProviderInfo, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty, check_namespace
from pip_variants.publish.project import KNOWN_PROVIDERS, Project, check_static
from pip_variants.publish.wheel import NO_CHANGES, Changes, make_variant_wheel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wheel", type=Path, help="the built wheel; it stays as it is")
    parser.add_argument(
        "--label",
        help="the variant label, such as x86_64_v3, or null (default: eight digits that belong to "
        "these properties, as variantlib has it)",
    )
    of_property = "'NAMESPACE :: FEATURE :: VALUE'"
    add_list(parser, "--property", of_property, "a property of the wheel; repeat for more")
    parser.add_argument(
        "--namespaces",
        metavar="NAMESPACE,...",
        help="all namespaces of the release, most important first; the same for all its wheels "
        "(default: those of the properties, as given)",
    )
    text = "the provider package of a namespace that is not built in"
    add_list(parser, "--provider", "NAMESPACE=REQUIREMENT", text)
    text = "the API endpoint of that provider, if it is not the package's name"
    add_list(parser, "--plugin-api", "NAMESPACE=MODULE[:OBJECT]", text)
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
    add_list(parser, "--add-dependency", "REQUIREMENT", "repeatable")
    add_list(parser, "--drop-dependency", "PACKAGE", "repeatable")
    parser.add_argument(
        "-o", "--output", type=Path, help="the folder to write to (default: that of the wheel)"
    )


def changes_of(options: argparse.Namespace, project: Changes = NO_CHANGES) -> Changes:
    """What the options and the project want changed. Raises `InvalidWheel`."""
    return Changes(
        options.drop_local_version,
        (*project.dropped, *options.drop_dependency),
        (*project.added, *options.add_dependency),
    )


def print_path(path: Path) -> None:
    """Print the name of a file that was written, after a wheel that may be foreign."""
    print(printable(str(path), 10_000))


def run(options: argparse.Namespace) -> int:
    if options.label is None and not options.property:
        raise InvalidVariantMetadata("give a --label or a --property")
    properties = [VariantProperty.parse(text) for text in options.property]
    # The digits are variantlib's, so that those who come from there find their names.
    text = "".join(f"{one}\n" for one in sorted(set(properties)))
    digits = hashlib.sha256(text.encode()).hexdigest()[:8]
    label = digits if options.label is None else options.label
    variant = Variant.of(label, properties)
    if options.project:
        metadata, changes = _of_project(options, variant)
    else:
        metadata, changes = _of_options(options, properties), changes_of(options)
        metadata = replace(metadata, variants={label: variant})
    # The model checks what it reads, so let it read what is going to be written.
    VariantMetadata.parse(metadata.serialise(), "the metadata of the new wheel")
    folder = options.output or options.wheel.parent
    print_path(make_variant_wheel(options.wheel, metadata, folder, changes))
    return 0


def _of_project(options: argparse.Namespace, variant: Variant) -> tuple[VariantMetadata, Changes]:
    if options.namespaces or options.provider or options.plugin_api:
        raise InvalidVariantMetadata(
            "--project says all that --namespaces, --provider and --plugin-api say"
        )
    project = Project.read(options.project).filled()
    changes = changes_of(options, project.recipe(variant.label).changes)
    if not options.property:
        return project.of(variant.label), changes
    if variant.label in project.metadata.variants:
        raise InvalidVariantMetadata(
            f"[variant.variants] says what {variant.label} is: leave out --property, "
            "or give another --label"
        )
    check_static(variant, project.metadata)
    return replace(project.metadata, variants={variant.label: variant}), changes


def _of_options(options: argparse.Namespace, properties: list[VariantProperty]) -> VariantMetadata:
    namespaces = list(dict.fromkeys(one.namespace for one in properties))
    if options.namespaces:
        given = options.namespaces.split(",")
        namespaces = list(dict.fromkeys(check_namespace(one.strip()) for one in given))
    requirements = dict(_pair("--provider", one, "REQUIREMENT") for one in options.provider)
    endpoints = dict(_pair("--plugin-api", one, "MODULE") for one in options.plugin_api)
    providers: dict[str, ProviderInfo] = {
        name: KNOWN_PROVIDERS[name] for name in namespaces if name in KNOWN_PROVIDERS
    }
    for namespace, requirement in requirements.items():
        providers[namespace] = PluginProvider((requirement,), endpoints.pop(namespace, None))
    for name in namespaces:
        if name not in providers:
            raise InvalidVariantMetadata(
                f"no provider is known for {name}: name one, --provider {name}=..."
            )
    for name in endpoints:
        raise InvalidVariantMetadata(f"--plugin-api {name}=... needs --provider {name}=...")
    if not namespaces:
        raise InvalidVariantMetadata(
            "give a --property, or --namespaces for the null variant, which has none"
        )
    return VariantMetadata(tuple(namespaces), {}, providers)


def _pair(option: str, text: str, what: str) -> tuple[str, str]:
    namespace, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise InvalidVariantMetadata(f"{option} must be NAMESPACE={what}, not {text!r}")
    return check_namespace(namespace.strip()), value.strip()
