"""The variants of a project: `[variant]` in its pyproject.toml (building draft), and how to build.

Beside the standard's table, `[tool.pip-variants.variants.LABEL]` says how the wheel with that label
is built: `env`, `config-settings`, `build-dependencies`, `add-dependencies`, `drop-dependencies`.
`none` stands for the wheel that is no variant, `[tool.pip-variants]` has the last two for all.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pip_variants.detection import RUN_MODULE, toml
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, InvalidVariantMetadata, PipVariantsError
from pip_variants.model.document import Fault, Node
from pip_variants.model.index_set import KNOWN_PROVIDERS
from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    BuiltinProvider,
    PluginProvider,
    ProviderInfo,
    StaticProvider,
    Variant,
    VariantMetadata,
    read_providers,
    read_variant,
)
from pip_variants.model.names import NULL_LABEL, check_label, check_namespace
from pip_variants.model.support import Answer, NamespaceSupport
from pip_variants.publish.wheel import NO_CHANGES, Changes

PLAIN = "none"
"""Stands for the wheel that is no variant, as in pip's `--variant PACKAGE=none`."""

_FEW = 8  # known names that are all said
_PIP_INSTALL = "pip install -q --disable-pip-version-check --no-input --target".split()


@dataclass(frozen=True)
class Recipe:
    """How the wheel of one label is built.

    `env` are environment variables, `config_settings` those of PEP 517, with all values of a key.
    `build_dependencies` are installed beside what the project's `[build-system]` requires. `flags`
    are what its compilers get beside their own, by the variable for them.
    """

    env: tuple[tuple[str, str], ...] = ()
    config_settings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    build_dependencies: tuple[str, ...] = ()
    changes: Changes = NO_CHANGES
    flags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Project:
    """The variants that a project has, and how they are built.

    `common` is how wheels without a recipe are built. `to_fill` are namespaces whose providers are
    asked when wheels are built.
    """

    metadata: VariantMetadata
    recipes: Mapping[str, Recipe]
    common: Recipe
    to_fill: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Project":
        """Read a pyproject.toml, or the one in a folder. Raises `InvalidVariantMetadata`."""
        file = file / "pyproject.toml" if file.is_dir() else file
        document = toml.read(str(file), InvalidVariantMetadata)
        try:
            return _read(Node(document, (), {}))
        except (Fault, PipVariantsError) as error:
            raise InvalidVariantMetadata(f"{file}: {error}") from None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all wheels: the variants, the null variant and the wheel without one."""
        return tuple(dict.fromkeys((*self.metadata.variants, NULL_LABEL, PLAIN)))

    def of(self, label: str) -> VariantMetadata:
        """The metadata of one variant wheel. Raises `InvalidVariantMetadata`."""
        variants = {NULL_LABEL: Variant(NULL_LABEL), **self.metadata.variants}
        if label not in variants:
            what = f"there is no variant {label} in [variant.variants], only {', '.join(variants)}"
            raise InvalidVariantMetadata(what)
        return replace(self.metadata, variants={label: variants[label]})

    def filled(self) -> "Project":
        """The project with the static properties that `build-requires` stands for.

        Installs and asks these packages. Raises `PipVariantsError`.
        """
        providers: dict[str, Any] = dict(self.metadata.providers)
        for namespace in self.to_fill:
            providers[namespace] = _static(namespace, providers[namespace])
        return replace(self, metadata=replace(self.metadata, providers=providers), to_fill=())


def _read(root: Node) -> Project:
    if "variant" not in root.value:
        raise Fault("it has no table [variant], which says what variants there are")
    # Of the other tables we do not know all keys.
    table = root.get("variant")._replace(unread={})
    own = root.get("tool", {}).get("pip-variants", {})._replace(unread={})
    metadata, to_fill = _variants(table)
    common = _changes(own, NO_CHANGES)
    nodes = own.get("variants", {}).children()
    recipes = {label: _recipe(node, common) for label, node in nodes.items()}
    project = Project(metadata, recipes, Recipe(changes=common), to_fill)
    for label in recipes.keys() - {*project.labels}:
        raise Fault(f"it says how to build {label}, which is not in [variant.variants]")
    for key in (*table.unknown, *own.unknown):  # here, unlike in a wheel, they are mistakes
        raise Fault(f"{key} is not known{_today(key)}, see docs/variant-table.md")
    return project


def _today(key: str) -> str:
    """What to write instead of a key of drafts before PEP 825."""
    given = "give the provider static-properties, with feature-order, or build-requires"
    successors = {
        "enable-if": "leave it out: providers support nothing on machines that are not theirs",
        "feature": f"providers order their features: leave it out, or {given}",
        "property": f"providers order their values: leave it out, or {given}",
        "static-properties": "it is a key of the provider, without install-time",
        "install-time": given,
        "plugin-use": given,
    }
    what = successors.get(key.rpartition(".")[2])
    return f" any more ({what})" if what else ""


def _variants(table: Node) -> tuple[VariantMetadata, tuple[str, ...]]:
    """What [variant] says, and the namespaces with `build-requires`."""
    table.get("$schema").optional_string()  # wheels get that of what is written
    variants = table.get("variants", {}).children(check_label)
    used = list(dict.fromkeys(name for node in variants.values() for name in node.children()))
    priorities = table.get("default-priorities", {})
    namespaces = priorities.get("namespace", used)
    if "namespace" not in priorities.value and len(used) > 1:
        raise Fault(
            "[variant.default-priorities] must have namespace, the namespaces with the most "
            f"important first, of {', '.join(used)}"
        )
    order = namespaces.strings(check_namespace)
    nodes = table.get("providers", {}).children()
    to_fill = []
    for name, node in nodes.items():
        if "build-requires" in node.children():
            if node.value.keys() & {"requires", "static-properties"}:
                what = "needs neither requires nor static-properties beside it"
                raise node.get("build-requires").fault(what)
            node.value["requires"] = node.value.pop("build-requires")  # to be read as it
            to_fill.append(name)
    named = tuple(name for name in order if name in nodes)
    known = {*order, ABI_DEPENDENCY}
    metadata = VariantMetadata(
        order,
        {label: read_variant(label, node, known) for label, node in variants.items()},
        providers_of(order, read_providers(table, named), "add [variant.providers.{}]"),
    )
    return metadata, tuple(to_fill)


def providers_of(
    namespaces: Sequence[str], named: Mapping[str, ProviderInfo], advice: str
) -> dict[str, ProviderInfo]:
    """The providers of namespaces: those that are named, and those that go without saying.

    Raises `InvalidVariantMetadata` for a namespace without, with the advice.
    """
    known = {ABI_DEPENDENCY: BuiltinProvider(ABI_DEPENDENCY), **KNOWN_PROVIDERS, **named}
    for name in namespaces:
        if name not in known:
            near = get_close_matches(name, known, 1)
            what = f"did you mean {near[0]}?" if near else advice.format(name)
            raise InvalidVariantMetadata(f"no provider is known for {name}: {what}")
    return {name: known[name] for name in namespaces}


def _recipe(node: Node, common: Changes) -> Recipe:
    """How the wheel of one label is built."""
    env = node.get("env", {}).children()
    settings = node.get("config-settings", {}).children()
    return Recipe(
        tuple((key, one.string(may_be_empty=True)) for key, one in env.items()),
        tuple(
            (key, (one.value,) if isinstance(one.value, str) else one.texts())
            for key, one in settings.items()
        ),
        node.get("build-dependencies", []).texts(),
        _changes(node, common),
    )


def _changes(node: Node, common: Changes) -> Changes:
    dropped = node.get("drop-dependencies", []).texts()
    added = node.get("add-dependencies", []).texts()
    return Changes(dropped=(*common.dropped, *dropped), added=(*common.added, *added))


def _static(namespace: str, provider: PluginProvider) -> StaticProvider:
    with tempfile.TemporaryDirectory() as folder:
        pip_install = [sys.executable, "-c", RUN_MODULE, *_PIP_INSTALL, folder, "--"]
        command = [*pip_install, *provider.requires]
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["pip failed"]
            what = f"the provider of {namespace} could not be installed: {said[-1]}"
            raise InvalidVariantMetadata(what)
        with closing(Detection(folder=folder)) as detection:
            valid = detection.valid(provider)
            support = detection.supported(provider)
    if valid is None or not valid.always:
        why = support.absent or "what it supports depends on the machine: use requires"
        what = f"the provider of {namespace} cannot be asked once and for all: {why}"
        raise InvalidVariantMetadata(what)
    return StaticProvider(support.features, optional=provider.optional)


def check_known(metadata: VariantMetadata, warn: Callable[[str], object]) -> None:
    """Raise `InvalidVariantMetadata` for unknown properties; `warn` is told what may be one."""
    with closing(Detection()) as detection:
        wrong, doubtful = unknown_properties(metadata, detection)
    for one in doubtful:
        warn(one)
    if wrong:
        raise InvalidVariantMetadata("\n".join((*wrong, "(--unchecked takes it as it is)")))


def unknown_properties(
    metadata: VariantMetadata, detection: Detection
) -> tuple[list[str], list[str]]:
    """What is wrong with properties by what their providers know, and what may be.

    Several values of a feature need its `multi_value` (PEP 850, Variant feature config class).
    """
    wrong: list[str] = []
    doubtful: list[str] = []
    used = [(one.label, *item) for one in metadata.variants.values() for item in one.features]
    for label, feature, values in used:
        provider = metadata.providers.get(feature.namespace)
        if not isinstance(provider, PluginProvider | StaticProvider):
            continue
        is_static = isinstance(provider, StaticProvider)
        package = provider.package if isinstance(provider, PluginProvider) else "static-properties"
        why = f"{package} is not installed here or cannot say what there is"
        try:
            valid = _valid(provider, detection)
        except DetectionError as error:
            valid, why = None, str(error)
        if valid is None:
            doubtful.append(f"the properties of {feature.namespace} were not checked: {why}")
            continue
        if valid.elsewhere:
            wrong.append(f"nobody answers for {feature.namespace}: {valid.elsewhere}")
            continue
        known = dict(valid.features)
        strange = [one for one in values if one not in known.get(feature.name, ())]
        if feature.name not in known:
            near = _nearest(feature.name, [*known])
            wrong.append(f"{label}: {package} knows no feature {feature}, but {near}")
        elif strange:
            near = _nearest(strange[0], known[feature.name])
            some = wrong if is_static or len(strange) == len(values) else doubtful
            what = f"{package} knows no {feature} :: {', '.join(strange)}"
            some.append(f"{label}: {what}, but {near}")
        if len(values) > 1 and feature.name in valid.single:
            many = f"{label} has {len(values)} values of {feature}"
            wrong.append(f"{many}, of which {package} allows one: {', '.join(values)}")
    return [*dict.fromkeys(wrong)], [*dict.fromkeys(doubtful)]


def _valid(provider: PluginProvider | StaticProvider, detection: Detection) -> Answer | None:
    if isinstance(provider, StaticProvider):
        return Answer(support=NamespaceSupport(provider.features))
    return detection.valid(provider)


def _nearest(text: str, known: Sequence[str]) -> str:
    some = get_close_matches(text, known, 5) if len(known) > _FEW else known
    return ", ".join([*(some or known[:_FEW]), *(["..."] if len(known) > _FEW else [])])
