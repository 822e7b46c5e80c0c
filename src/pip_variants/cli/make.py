"""Make a variant wheel out of a built wheel, or another one of it; or an ordinary one again.

With the label none it is the wheel that is no variant. Variant markers of its dependencies are
decided then, since few installers know them.
"""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from pip_variants.cli.text import add_list, print_json, warn
from pip_variants.errors import InvalidVariantMetadata, InvalidWheel, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import ABI_DEPENDENCY, PluginProvider, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty, check_label, check_namespace
from pip_variants.publish.project import PLAIN, Project, check_known, providers_of
from pip_variants.publish.wheel import Changes, make_variant_wheel, read_metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wheel", type=Path, help="the wheel; it stays as it is")
    text = "the variant label (default: that of a variant wheel, else a hash of the properties); "
    text += "none for the wheel that is no variant"
    parser.add_argument("--label", help=text)
    text = "a property of the wheel; repeat for more (default: those of a variant wheel)"
    add_list(parser, "--property", "'NAMESPACE :: FEATURE :: VALUE'", text)
    text = "all namespaces of the release, most important first (default: those of the properties)"
    parser.add_argument("--namespaces", metavar="NAMESPACE,...", help=text)
    text = "the provider package of a namespace that is not built in"
    add_list(parser, "--provider", "NAMESPACE=REQUIREMENT", text)
    text = "the API endpoint of that provider, if it is not the package's name"
    add_list(parser, "--plugin-api", "NAMESPACE=MODULE[:OBJECT]", text)
    text = "take all this from its [variant], by the label; for a new label all but the properties"
    parser.add_argument("--project", type=Path, metavar="PYPROJECT", help=text)
    text = "take properties that their provider does not know"
    parser.add_argument("--unchecked", action="store_true", help=text)
    parser.add_argument("--name", default="", help="make it a wheel of the project of this name")
    text = "make version 1.0+cu128 1.0"
    parser.add_argument("--drop-local-version", action="store_true", help=text)
    add_list(parser, "--add-dependency", "REQUIREMENT", "repeatable")
    add_list(parser, "--drop-dependency", "PACKAGE", "repeatable")
    text = "the folder to write to (default: that of the wheel)"
    parser.add_argument("-o", "--output", type=Path, help=text)
    parser.add_argument("--force", action="store_true", help="replace a file of the new name")


def print_path(path: Path) -> None:
    """Print the name of a file that was written, after a wheel that may be foreign."""
    print(printable(str(path), 10_000))


def run(options: argparse.Namespace) -> int:
    properties = [VariantProperty.parse(text) for text in options.property]
    project = Changes()
    keeps = not properties and not options.project
    old = WheelFilename.parse(options.wheel.name).label if keeps else None
    given = options.namespaces or options.provider or options.plugin_api
    if given and (options.project or old):
        who = "--project" if options.project else "the variant wheel"
        what = "says all that they say: leave out --namespaces, --provider and --plugin-api"
        raise InvalidVariantMetadata(f"{who} {what}")
    if options.label == PLAIN and (properties or not (old or options.project)):
        what = "takes a variant wheel, whose name has a label, and no properties"
        raise InvalidWheel(f"--label {PLAIN} {what}: {options.wheel.name}")
    metadata: VariantMetadata | None
    if options.project:
        metadata, project = _of_project(options, _variant(options, properties))
    elif old:
        metadata = _of_wheel(options, old)
    else:
        metadata = _of_options(options, properties)
    if metadata and not options.unchecked:
        check_known(metadata, warn)
    dropped = (*project.dropped, *options.drop_dependency)
    added = (*project.added, *options.add_dependency)
    changes = Changes(options.name, options.drop_local_version, dropped, added)
    folder = options.output or options.wheel.parent
    made = make_variant_wheel(options.wheel, metadata, folder, changes, force=options.force)
    if options.json:
        print_json(file=str(made))
    else:
        print_path(made)
    return 0


def _variant(options: argparse.Namespace, properties: list[VariantProperty]) -> Variant:
    if options.label is None and not properties:
        raise InvalidVariantMetadata("give a --label or a --property")
    # The digits are variantlib's, so that those who come from there find their names.
    text = "".join(f"{one}\n" for one in sorted(set(properties)))
    digits = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Variant.of(digits if options.label is None else options.label, properties)


def _of_wheel(options: argparse.Namespace, old: str) -> VariantMetadata | None:
    """What a variant wheel says of itself, under the new label if there is one."""
    if options.label == PLAIN:
        return None
    metadata = read_metadata(options.wheel)
    new = check_label(old if options.label is None else options.label)
    return replace(metadata, variants={new: metadata.variants[old]._replace(label=new)})


def _of_project(
    options: argparse.Namespace, variant: Variant
) -> tuple[VariantMetadata | None, Changes]:
    project = Project.read(options.project).filled()
    changes = project.recipes.get(variant.label, project.common).changes
    if not variant.features:
        return None if variant.label == PLAIN else project.of(variant.label), changes
    if variant.label in project.metadata.variants:
        raise InvalidVariantMetadata(
            f"[variant.variants] says what {variant.label} is: leave out --property, or give "
            "another --label"
        )
    return replace(project.metadata, variants={variant.label: variant}), changes


def _of_options(options: argparse.Namespace, properties: list[VariantProperty]) -> VariantMetadata:
    variant = _variant(options, properties)
    used = dict.fromkeys(one.namespace for one in properties)
    # It is reserved and needs no provider, but some namespace there must be (PEP 825).
    namespaces = [one for one in used if one != ABI_DEPENDENCY] or [*used]
    if options.namespaces:
        given = options.namespaces.split(",")
        namespaces = list(dict.fromkeys(check_namespace(one.strip()) for one in given))
    requirements = dict(_pair("--provider", one, "REQUIREMENT") for one in options.provider)
    endpoints = dict(_pair("--plugin-api", one, "MODULE") for one in options.plugin_api)
    named = {
        name: PluginProvider((text,), endpoints.pop(name, None))
        for name, text in requirements.items()
    }
    providers = providers_of(namespaces, named, "name one, --provider {}=...")
    for name in endpoints:
        raise InvalidVariantMetadata(f"--plugin-api {name}=... needs --provider {name}=...")
    if not namespaces:
        what = "give a --property, or --namespaces for the null variant, which has none"
        raise InvalidVariantMetadata(what)
    return VariantMetadata(tuple(namespaces), {variant.label: variant}, providers)


def _pair(option: str, text: str, what: str) -> tuple[str, str]:
    namespace, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise InvalidVariantMetadata(f"{option} must be NAMESPACE={what}, not {text!r}")
    return check_namespace(namespace.strip()), value.strip()
