"""The variants of a project: `[variant]` in its pyproject.toml (building draft), and how to build.

Beside the standard's table, `[tool.pip-variants.variants.LABEL]` says how the wheel with that label
is built: `env`, `config-settings`, `build-dependencies`, `add-dependencies`, `drop-dependencies`.
`none` stands for the wheel that is no variant.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.detection.targets import tomllib
from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import (
    SCHEMA_URL,
    PluginProvider,
    StaticProvider,
    Variant,
    VariantMetadata,
)
from pip_variants.model.names import NULL_LABEL
from pip_variants.publish.wheel import NO_CHANGES, Changes

PLAIN = "none"
"""Stands for the wheel that is no variant, as in pip's `--variant PACKAGE=none`."""

KNOWN_PROVIDERS: Mapping[str, PluginProvider] = {
    name: PluginProvider(
        (f"{name.replace('_', '-')}-variant-provider >={oldest},<1",),
        f"{name}_variant_provider.plugin:{plugin}" if plugin else None,
    )
    for name, oldest, plugin in (
        ("x86_64", "0.2.1", ""),
        ("aarch64", "0.2.0", ""),
        ("riscv64", "0.1.0", ""),
        ("ppc64le", "0.1.0", ""),
        ("s390x", "0.1.0", ""),
        ("nvidia", "0.0.1", "NvidiaVariantPlugin"),
        ("amd", "0.0.2", "AMDVariantPlugin"),
        ("intel", "0.0.2", "IntelVariantPlugin"),
        ("tpu", "0.1.0", "TpuVariantPlugin"),
        ("mpi", "0.1.0", ""),
    )
}
"""The provider that a wheel asks for unless another one is named: those that are built in here
and that other installers know as well."""

_PIP_INSTALL = "pip install -q --disable-pip-version-check --no-input --target".split()

_PROVIDER_KEYS = (
    "build-requires requires plugin-api optional static-properties feature-order builtin".split()
)
_RECIPE_KEYS = "env config-settings build-dependencies add-dependencies drop-dependencies".split()


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

    `to_fill` are namespaces whose providers are asked when wheels are built (build-requires).
    """

    metadata: VariantMetadata
    recipes: Mapping[str, Recipe]
    to_fill: tuple[str, ...]

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
            metadata, to_fill = _variants(document)
            project = cls(metadata, _recipes(document), to_fill)
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
        return self.recipes.get(label, Recipe())

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


def _variants(document: Mapping[str, Any]) -> tuple[VariantMetadata, tuple[str, ...]]:
    """What [variant] says, with what may be left out, and the namespaces with `build-requires`."""
    if "variant" not in document:
        raise InvalidVariantMetadata(
            "it has no table [variant], which says what variants there are"
        )
    keys = "$schema", "default-priorities", "providers", "variants"
    table = _table("variant", document["variant"], *keys)
    name = "variant.default-priorities"
    priorities = _table(name, table.get("default-priorities", {}), "namespace")
    variants = _tables("variant.variants", table.get("variants", {}))
    used = list(dict.fromkeys(name for variant in variants.values() for name in variant))
    if "namespace" not in priorities and len(used) > 1:
        raise InvalidVariantMetadata(
            f"[{name}] must have namespace, the namespaces with the most important first, of "
            f"{', '.join(used)}"
        )
    namespaces = _strings(f"{name}.namespace", priorities.get("namespace", used))
    providers = _tables("variant.providers", table.get("providers", {}), *_PROVIDER_KEYS)
    to_fill = []
    for name, provider in providers.items():
        if "build-requires" in provider:
            if provider.keys() & {"requires", "static-properties"}:
                raise InvalidVariantMetadata(
                    f"variant.providers.{name} has build-requires, so it must have neither "
                    "requires nor static-properties"
                )
            provider["requires"] = provider.pop("build-requires")
            to_fill.append(name)
    for name in namespaces:
        if name not in providers and (known := KNOWN_PROVIDERS.get(name)):
            providers[name] = {"requires": list(known.requires)}
            if known.plugin_api:
                providers[name]["plugin-api"] = known.plugin_api
    read = {
        "$schema": table.get("$schema", SCHEMA_URL),
        "default-priorities": {"namespace": list(namespaces)},
        "providers": providers,
        "variants": variants,
    }
    return VariantMetadata.from_json(read, "[variant]"), tuple(to_fill)


def _recipes(document: Mapping[str, Any]) -> dict[str, Recipe]:
    own = document.get("tool", {}).get("pip-variants", {})
    tables = _table("tool.pip-variants", own, "variants").get("variants", {})
    recipes = {}
    for label, table in _tables("tool.pip-variants.variants", tables, *_RECIPE_KEYS).items():
        name = f"tool.pip-variants.variants.{label}"
        env = _table(f"{name}.env", table.get("env", {}))
        if not all(isinstance(value, str) for value in env.values()):
            raise InvalidVariantMetadata(f"{name}.env must be a table of strings")
        settings = _table(f"{name}.config-settings", table.get("config-settings", {}))
        dependencies, dropped, added = (
            _strings(f"{name}.{key}", table.get(key, []))
            for key in ("build-dependencies", "drop-dependencies", "add-dependencies")
        )
        recipes[label] = Recipe(
            tuple(env.items()),
            tuple((key, _strings(f"{name}.config-settings", settings[key])) for key in settings),
            dependencies,
            Changes(dropped=dropped, added=added),
        )
    return recipes


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
    return StaticProvider(support.features, provider.optional)


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
