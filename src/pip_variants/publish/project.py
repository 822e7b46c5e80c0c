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
from typing import Any, TypeAlias

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

_Table: TypeAlias = dict[str, Any]

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

    `common` is how wheels without a recipe are built. `to_fill` are namespaces whose providers are
    asked when wheels are built. `remarks` say what a maintainer should know of the file.
    """

    metadata: VariantMetadata
    recipes: Mapping[str, Recipe]
    common: Recipe
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
            metadata, to_fill, remarks = _variants(document)
            remarks = (*_of_dependencies(document), *remarks)
            project = cls(metadata, *_recipes(document), to_fill, remarks)
            for label in project.recipes.keys() - {*project.labels}:
                what = f"it says how to build {label}, which is not in [variant.variants]"
                raise InvalidVariantMetadata(what)
        except InvalidVariantMetadata as error:
            raise InvalidVariantMetadata(f"{file}: {error}") from None
        return project

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

    def filled(self, warn: Callable[[str], object]) -> "Project":
        """The project with the static properties that `build-requires` stands for.

        Installs and asks these packages; `warn` is given the remarks. Raises `PipVariantsError`.
        """
        for remark in self.remarks:
            warn(remark)
        providers: dict[str, Any] = dict(self.metadata.providers)
        for namespace in self.to_fill:
            providers[namespace] = _static(namespace, providers[namespace])
        metadata = replace(self.metadata, providers=providers)
        for variant in metadata.variants.values():
            check_static(variant, metadata)
        return replace(self, metadata=metadata, to_fill=())


def _table(parent: _Table, path: str, key: str, *known: str) -> _Table:
    """A table. Keys that nobody reads are refused: here, unlike in a wheel, they are mistakes."""
    name, value = f"{path}.{key}".lstrip("."), parent.get(key, {})
    if not isinstance(value, dict):
        raise InvalidVariantMetadata(f"{name} must be a table, not {value!r:.60}")
    for one in value:
        if known and one not in known:
            what = f"[{name}] has an unknown key {one}, known are: {', '.join(known)}"
            raise InvalidVariantMetadata(what)
    return value


def _tables(parent: _Table, path: str, key: str, *known: str) -> dict[str, _Table]:
    tables = _table(parent, path, key)
    return {one: dict(_table(tables, f"{path}.{key}", one, *known)) for one in tables}


def _strings(parent: _Table, path: str, key: str) -> tuple[str, ...]:
    value = parent.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise InvalidVariantMetadata(f"{path}.{key} must be a list of strings, not {value!r:.60}")
    return tuple(values)


def _variants(document: _Table) -> tuple[VariantMetadata, tuple[str, ...], tuple[str, ...]]:
    """What [variant] says; the namespaces with `build-requires`; what is worth a remark."""
    if "variant" not in document:
        what = "it has no table [variant], which says what variants there are"
        raise InvalidVariantMetadata(what)
    keys = "$schema", "default-priorities", "providers", "variants", "static-properties"
    table = _table(document, "", "variant", *keys)
    orders = "namespace", "feature", "property"
    priorities = _table(table, "variant", "default-priorities", *orders)
    variants = _tables(table, "variant", "variants")
    used = list(dict.fromkeys(name for variant in variants.values() for name in variant))
    if "namespace" not in priorities and len(used) > 1:
        what = "[variant.default-priorities] must have namespace, the namespaces with the most"
        raise InvalidVariantMetadata(f"{what} important first, of {', '.join(used)}")
    given = {"namespace": used, **priorities}
    namespaces = _strings(given, "variant.default-priorities", "namespace")
    providers = _tables(table, "variant", "providers", *_PROVIDER_KEYS)
    statements = {**priorities, **table}
    old = {key: dict(_table(statements, "", key)) for key in ("static-properties", *orders[1:])}
    left_out = [text for name, one in providers.items() for text in _modernise(name, one, old)]
    left_out += [f"{key} of {name}" for key, one in old.items() for name in one]
    remark = (
        f"[variant] is of an older draft, {', '.join(left_out)} left out: a provider says itself "
        "where it supports nothing, and orders its features and values"
    )
    to_fill = tuple(name for name, provider in providers.items() if "build-requires" in provider)
    for name in to_fill:
        if providers[name].keys() & {"requires", "static-properties"}:
            what = f"variant.providers.{name} has build-requires, so it must have neither requires"
            raise InvalidVariantMetadata(f"{what} nor static-properties")
        providers[name]["requires"] = providers[name].pop("build-requires")
    _add_known(namespaces, providers)
    read = {
        "$schema": table.get("$schema", SCHEMA_URL),
        "default-priorities": {"namespace": list(namespaces)},
        "providers": providers,
        "variants": variants,
    }
    return VariantMetadata.from_json(read, "[variant]"), to_fill, (remark,) if left_out else ()


def _add_known(namespaces: Sequence[str], providers: dict[str, _Table]) -> None:
    """Name the providers that go without saying. Raises `InvalidVariantMetadata` for others."""
    for name in namespaces:
        known = KNOWN_PROVIDERS.get(name)
        if name in providers or name == ABI_DEPENDENCY:
            continue
        if known is None:
            near = get_close_matches(name, [*KNOWN_PROVIDERS, *providers], 1)
            what = f"did you mean {near[0]}?" if near else f"add [variant.providers.{name}]"
            raise InvalidVariantMetadata(f"no provider is known for {name}: {what}")
        providers |= VariantMetadata((name,), {}, {name: known}).to_json()["providers"]


def _modernise(namespace: str, provider: _Table, old: dict[str, _Table]) -> Iterator[str]:
    """Say what drafts before PEP 825 say of a provider in today's keys; yields what has none."""
    if provider.pop("enable-if", None) is not None:
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


def _of_dependencies(document: _Table) -> Iterator[str]:
    """What most build backends refuse: variant markers among what they read."""
    for text in _table(document, "", "project").get("dependencies", []):
        with suppress(InvalidVariantProperty):
            if resolve_requirement(text, MarkerContext()) != text:
                what = f"[project] dependencies has {text!r}, and most build backends refuse its"
                where = "put it under add-dependencies in [tool.pip-variants]"
                yield f"{what} variant marker: {where}"


def _recipes(document: _Table) -> tuple[dict[str, Recipe], Recipe]:
    """How the wheel of each label is built, and those that are not named."""
    own = _table(document.get("tool", {}), "tool", "pip-variants", "variants", *_CHANGES)
    common = _changes(own, "tool.pip-variants", NO_CHANGES)
    recipes = {}
    for label, table in _tables(own, "tool.pip-variants", "variants", *_RECIPE_KEYS).items():
        path = f"tool.pip-variants.variants.{label}"
        env = _table(table, path, "env")
        if not all(isinstance(value, str) for value in env.values()):
            raise InvalidVariantMetadata(f"{path}.env must be a table of strings")
        settings = _table(table, path, "config-settings")
        recipes[label] = Recipe(
            tuple(env.items()),
            tuple((one, _strings(settings, f"{path}.config-settings", one)) for one in settings),
            _strings(table, path, "build-dependencies"),
            _changes(table, path, common),
        )
    return recipes, Recipe(changes=common)


def _changes(table: _Table, path: str, common: Changes) -> Changes:
    added, dropped = (_strings(table, path, key) for key in _CHANGES)
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


def check_static(variant: Variant, metadata: VariantMetadata) -> None:
    """Raise `InvalidVariantMetadata` for a property that its static properties do not list."""
    for feature, values in variant.features:
        provider = metadata.providers.get(feature.namespace)
        if isinstance(provider, StaticProvider):
            known = dict(provider.features).get(feature.name, ())
            if unknown := [value for value in values if value not in known]:
                what = f"{variant.label} has {feature} :: {unknown[0]}, but its static properties"
                raise InvalidVariantMetadata(f"{what} are {', '.join(known) or 'none'}")


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
        if not isinstance(provider, PluginProvider):
            continue
        package = provider.package
        why = f"{package} is not installed here or cannot say what there is"
        try:
            valid = detection.valid(provider)
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
            some = wrong if len(strange) == len(values) else doubtful
            what = f"{package} knows no {feature} :: {', '.join(strange)}"
            some.append(f"{label}: {what}, but {near}")
        if len(values) > 1 and feature.name in valid.single:
            many = f"{label} has {len(values)} values of {feature}"
            wrong.append(f"{many}, of which {package} allows one: {', '.join(values)}")
    return [*dict.fromkeys(wrong)], [*dict.fromkeys(doubtful)]


def _nearest(text: str, known: Sequence[str]) -> str:
    some = get_close_matches(text, known, 5) if len(known) > _FEW else known
    return ", ".join([*(some or known[:_FEW]), *(["..."] if len(known) > _FEW else [])])
