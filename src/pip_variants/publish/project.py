"""The variants of a project: `[variant]` in its pyproject.toml (building draft), and how to build.

Beside the standard's table, `[tool.pip-variants.variants.LABEL]` says how the wheel with that label
is built: `env`, `config-settings`, `build-dependencies`, `add-dependencies`, `drop-dependencies`.
`none` stands for the wheel that is no variant, `[tool.pip-variants]` has the last two for all.

Keys of drafts before PEP 825 are read as what took their place (PEP 817, Project metadata).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.detection.targets import tomllib
from pip_variants.errors import DetectionError, InvalidVariantMetadata, InvalidVariantProperty
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    SCHEMA_URL,
    PluginProvider,
    StaticProvider,
    Variant,
    VariantMetadata,
)
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.published import KNOWN_PROVIDERS
from pip_variants.publish.wheel import NO_CHANGES, Changes

PLAIN = "none"
"""Stands for the wheel that is no variant, as in pip's `--variant PACKAGE=none`."""

_FEW = 8  # known names that are all said

_PIP_INSTALL = "pip install -q --disable-pip-version-check --no-input --target".split()

_PROVIDER_KEYS = (
    "build-requires requires plugin-api optional static-properties feature-order builtin "
    "enable-if install-time plugin-use"  # of older drafts
).split()
_CHANGES = ("add-dependencies", "drop-dependencies")
_RECIPE_KEYS = ("env", "config-settings", "build-dependencies", *_CHANGES)


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

    `common` is how all its wheels are built. `to_fill` are namespaces whose providers are asked
    when wheels are built (build-requires). `remarks` say what a maintainer should know of the file.
    """

    metadata: VariantMetadata
    recipes: Mapping[str, Recipe]
    common: Changes
    to_fill: tuple[str, ...]
    remarks: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Project":
        """Read a pyproject.toml, or the one in a folder. Raises `InvalidVariantMetadata`."""
        file = file / "pyproject.toml" if file.is_dir() else file
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidVariantMetadata(f"{file} could not be read: {error.strerror}") from None
        except ValueError as error:
            raise InvalidVariantMetadata(f"{file} is not TOML: {error}") from None
        try:
            metadata, to_fill, left_out = _variants(document)
            remarks = [*_of_dependencies(document)]
            if left_out:
                remarks.append(
                    f"[variant] is of an older draft, {', '.join(left_out)} left out: a provider "
                    "says itself where it supports nothing, and orders its features and values"
                )
            project = cls(metadata, *_recipes(document), tuple(to_fill), tuple(remarks))
            for label in project.recipes.keys() - {*project.labels}:
                raise InvalidVariantMetadata(
                    f"it says how to build {label}, which is not in [variant.variants]"
                )
        except InvalidVariantMetadata as error:
            raise InvalidVariantMetadata(f"{file}: {error}") from None
        return project

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all wheels: the variants, the null variant and the wheel without one."""
        return tuple(dict.fromkeys((*self.metadata.variants, NULL_LABEL, PLAIN)))

    def recipe(self, label: str) -> Recipe:
        """How the wheel of `label` is built."""
        recipe, common = self.recipes.get(label, Recipe()), self.common
        changes = Changes(
            dropped=(*common.dropped, *recipe.changes.dropped),
            added=(*common.added, *recipe.changes.added),
        )
        return replace(recipe, changes=changes)

    def of(self, label: str) -> VariantMetadata:
        """The metadata of one variant wheel. Raises `InvalidVariantMetadata`."""
        variants = {NULL_LABEL: Variant(NULL_LABEL), **self.metadata.variants}
        if label not in variants:
            raise InvalidVariantMetadata(
                f"there is no variant {label} in [variant.variants], only {', '.join(variants)}"
            )
        return replace(self.metadata, variants={label: variants[label]})

    def filled(self) -> "Project":
        """The project with the static properties that `build-requires` stands for.

        Installs and asks these packages. Raises `InvalidVariantMetadata` and `DetectionError`.
        """
        providers: dict[str, Any] = dict(self.metadata.providers)
        for namespace in self.to_fill:
            providers[namespace] = _static(namespace, providers[namespace])
        metadata = replace(self.metadata, providers=providers)
        for variant in metadata.variants.values():
            check_static(variant, metadata)
        return replace(self, metadata=metadata, to_fill=())


def _table(name: str, value: object, *known: str) -> dict[str, Any]:
    """A table. Keys that nobody reads are refused: here, unlike in a wheel, they are mistakes."""
    if not isinstance(value, Mapping):
        raise InvalidVariantMetadata(f"{name} must be a table, not {value!r:.60}")
    for key in value:
        if known and key not in known:
            raise InvalidVariantMetadata(
                f"[{name}] has an unknown key {key}, known are: {', '.join(known)}"
            )
    return dict(value)


def _tables(name: str, value: object, *known: str) -> dict[str, dict[str, Any]]:
    return {key: _table(f"{name}.{key}", one, *known) for key, one in _table(name, value).items()}


def _strings(name: str, value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise InvalidVariantMetadata(f"{name} must be a list of strings, not {value!r:.60}")
    return tuple(values)


def _variants(document: Mapping[str, Any]) -> tuple[VariantMetadata, list[str], list[str]]:
    """What [variant] says, with what may be left out.

    And the namespaces with `build-requires`, and what only older drafts can say.
    """
    if "variant" not in document:
        raise InvalidVariantMetadata(
            "it has no table [variant], which says what variants there are"
        )
    keys = "$schema", "default-priorities", "providers", "variants", "static-properties"
    table = _table("variant", document["variant"], *keys)
    name = "variant.default-priorities"
    given = table.get("default-priorities", {})
    priorities = _table(name, given, "namespace", "feature", "property")
    variants = _tables("variant.variants", table.get("variants", {}))
    used = list(dict.fromkeys(name for variant in variants.values() for name in variant))
    if "namespace" not in priorities and len(used) > 1:
        raise InvalidVariantMetadata(
            f"[{name}] must have namespace, the namespaces with the most important first, of "
            f"{', '.join(used)}"
        )
    namespaces = _strings(f"{name}.namespace", priorities.get("namespace", used))
    providers = _tables("variant.providers", table.get("providers", {}), *_PROVIDER_KEYS)
    old = {
        key: _table(key, {**priorities, **table}.get(key, {}))
        for key in ("static-properties", "feature", "property")
    }
    to_fill: list[str] = []
    left_out: list[str] = []
    for name, provider in providers.items():
        left_out += _modernise(name, provider, old)
        if "build-requires" in provider:
            if provider.keys() & {"requires", "static-properties"}:
                raise InvalidVariantMetadata(
                    f"variant.providers.{name} has build-requires, so it must have neither "
                    "requires nor static-properties"
                )
            provider["requires"] = provider.pop("build-requires")
            to_fill.append(name)
    _add_known(namespaces, providers)
    left_out += [f"{key} of {name}" for key, one in old.items() for name in one]
    read = {
        "$schema": table.get("$schema", SCHEMA_URL),
        "default-priorities": {"namespace": list(namespaces)},
        "providers": providers,
        "variants": variants,
    }
    return VariantMetadata.from_json(read, "[variant]"), to_fill, left_out


def _add_known(namespaces: Sequence[str], providers: dict[str, dict[str, Any]]) -> None:
    """Name the providers that go without saying. Raises `InvalidVariantMetadata` for others."""
    for name in namespaces:
        known = KNOWN_PROVIDERS.get(name)
        if name in providers or name == ABI_DEPENDENCY:
            continue
        if known is None:
            near = get_close_matches(name, [*KNOWN_PROVIDERS, *providers], 1)
            what = f"did you mean {near[0]}?" if near else f"add [variant.providers.{name}]"
            raise InvalidVariantMetadata(f"no provider is known for {name}: {what}")
        providers[name] = {"requires": list(known.requires)}
        if known.plugin_api:
            providers[name]["plugin-api"] = known.plugin_api


def _modernise(
    namespace: str, provider: dict[str, Any], old: Mapping[str, dict[str, Any]]
) -> Iterator[str]:
    """Say what drafts before PEP 825 say of a provider in today's keys; yields what has none."""
    if "enable-if" in provider:
        provider.pop("enable-if")
        yield f"enable-if of {namespace}"
    use = provider.pop("plugin-use", "all")
    if provider.pop("install-time", use == "all"):
        return
    static, order = (old[key].pop(namespace, None) for key in ("static-properties", "feature"))
    static = static or old["property"].pop(namespace, None)
    if not static:
        provider["build-requires"] = provider.pop("requires", [])
        return
    for key in ("requires", "plugin-api"):
        provider.pop(key, None)
    provider["static-properties"] = static
    if order:
        provider["feature-order"] = order


def _of_dependencies(document: Mapping[str, Any]) -> Iterator[str]:
    """What most build backends refuse: variant markers among what they read."""
    for text in _table("project", document.get("project", {})).get("dependencies", []):
        with suppress(InvalidVariantProperty):
            if resolve_requirement(text, MarkerContext()) != text:
                yield (
                    f"[project] dependencies has {text!r}, and most build backends refuse its "
                    "variant marker: put it under add-dependencies in [tool.pip-variants]"
                )


def _recipes(document: Mapping[str, Any]) -> tuple[dict[str, Recipe], Changes]:
    """How the wheel of each label is built, and what all wheels have in common."""
    name = "tool.pip-variants"
    own = _table(name, document.get("tool", {}).get("pip-variants", {}), "variants", *_CHANGES)
    tables = _tables(f"{name}.variants", own.get("variants", {}), *_RECIPE_KEYS)
    recipes = {}
    for label, table in tables.items():
        of_label = f"{name}.variants.{label}"
        env = _table(f"{of_label}.env", table.get("env", {}))
        if not all(isinstance(value, str) for value in env.values()):
            raise InvalidVariantMetadata(f"{of_label}.env must be a table of strings")
        key = "config-settings"
        settings = _table(f"{of_label}.{key}", table.get(key, {}))
        recipes[label] = Recipe(
            tuple(env.items()),
            tuple((one, _strings(f"{of_label}.{key}", settings[one])) for one in settings),
            _strings(f"{of_label}.build-dependencies", table.get("build-dependencies", [])),
            _changes(of_label, table),
        )
    return recipes, _changes(name, own)


def _changes(name: str, table: Mapping[str, Any]) -> Changes:
    added, dropped = (_strings(f"{name}.{key}", table.get(key, [])) for key in _CHANGES)
    return Changes(dropped=dropped, added=added)


def _static(namespace: str, provider: PluginProvider) -> StaticProvider:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", RUN_MODULE, *_PIP_INSTALL, folder, "--", *provider.requires],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["pip failed"]
            raise InvalidVariantMetadata(
                f"the provider of {namespace} could not be installed: {said[-1]}"
            )
        with closing(Detection(folder=folder)) as detection:
            valid = detection.valid(provider)
            support = detection.supported(provider)
    if valid is None or not valid.always:
        why = support.absent or "what it supports depends on the machine: use requires"
        raise InvalidVariantMetadata(
            f"the provider of {namespace} cannot be asked once and for all: {why}"
        )
    return StaticProvider(support.features, optional=provider.optional)


def check_static(variant: Variant, metadata: VariantMetadata) -> None:
    """Raise `InvalidVariantMetadata` for a property that its static properties do not list."""
    for feature, values in variant.features:
        provider = metadata.providers.get(feature.namespace)
        if isinstance(provider, StaticProvider):
            known = dict(provider.features).get(feature.name, ())
            if unknown := [value for value in values if value not in known]:
                raise InvalidVariantMetadata(
                    f"{variant.label} has {feature} :: {unknown[0]}, but its static properties "
                    f"are {', '.join(known) or 'none'}"
                )


def check_known(metadata: VariantMetadata, warn: Callable[[str], object]) -> None:
    """Raise `InvalidVariantMetadata` for properties that their providers do not know.

    `warn` is told what could not be checked, and of what is wrong beside what is right.
    """
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

    A wheel may name several values only of a feature for which the provider allows it (PEP 850,
    Variant feature config class, multi_value).
    """
    wrong: dict[str, None] = {}
    doubtful: dict[str, None] = {}
    for namespace, provider in metadata.providers.items():
        used = [
            (variant, feature, values)
            for variant in metadata.variants.values()
            for feature, values in variant.features
            if feature.namespace == namespace
        ]
        if not used or not isinstance(provider, PluginProvider):
            continue
        package = provider.package
        why = f"{package} is not installed here or cannot say what there is"
        try:
            valid = detection.valid(provider)
        except DetectionError as error:
            valid, why = None, str(error)
        if valid is None:
            doubtful[f"the properties of {namespace} were not checked: {why}"] = None
            continue
        if valid.elsewhere:
            wrong[f"nobody answers for {namespace}: {valid.elsewhere}"] = None
            continue
        known = dict(valid.features)
        for variant, feature, values in used:
            strange = [one for one in values if one not in known.get(feature.name, ())]
            if feature.name not in known:
                near = _nearest(feature.name, [*known])
                wrong[f"{variant.label}: {package} knows no feature {feature}, but {near}"] = None
            elif strange:
                near = _nearest(strange[0], known[feature.name])
                text = f"{package} knows no {feature} :: {', '.join(strange)}, but {near}"
                text = f"{variant.label}: {text}"
                (wrong if len(strange) == len(values) else doubtful)[text] = None
            if len(values) > 1 and feature.name in valid.single:
                many = f"{variant.label} has {len(values)} values of {feature}"
                wrong[f"{many}, of which {package} allows one: {', '.join(values)}"] = None
    return [*wrong], [*doubtful]


def _nearest(text: str, known: Sequence[str]) -> str:
    some = get_close_matches(text, known, 5) if len(known) > _FEW else known
    return ", ".join([*(some or known[:_FEW]), *(["..."] if len(known) > _FEW else [])])
