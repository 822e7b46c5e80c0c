"""The variants of a project: `[variant]` in its pyproject.toml (building draft), and how to build.

Beside the standard's table, `[tool.pip-variants.variants.LABEL]` says how the wheel with that label
is built: `env`, `config-settings`, `build-dependencies`, `add-dependencies`, `drop-dependencies`.
`none` stands for the wheel that is no variant.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.detection.targets import tomllib
from pip_variants.errors import InvalidVariantLabel, InvalidVariantMetadata
from pip_variants.model.metadata import (
    SCHEMA_URL,
    PluginProvider,
    ProviderInfo,
    StaticProvider,
    Variant,
    VariantMetadata,
)
from pip_variants.model.names import NULL_LABEL, check_label
from pip_variants.publish.dependencies import Changes

PLAIN = "none"
"""Stands for the wheel that is no variant, as in pip's `--variant PACKAGE=none`."""

KNOWN_PROVIDERS: Mapping[str, ProviderInfo] = {
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
"""The provider that a wheel asks for unless another one is named: those that are built in here
and that other installers know as well."""

_PIP_INSTALL = (
    *(sys.executable, "-c", RUN_MODULE, "pip"),
    *"install -q --disable-pip-version-check --no-input".split(),
)

# None: any key, and in any case a table.
_KEYS: Mapping[str, set[str] | None] = {
    "variant": {"$schema", "default-priorities", "providers", "variants"},
    "variant.default-priorities": {"namespace"},
    "variant.variants": None,
    "variant.variants.*": None,
    "variant.providers": None,
    "variant.providers.*": {
        *("build-requires", "requires", "plugin-api", "optional"),
        *("static-properties", "feature-order", "builtin"),
    },
    "tool.pip-variants": {"variants"},
    "tool.pip-variants.variants": None,
    "tool.pip-variants.variants.*": {
        *("env", "config-settings", "build-dependencies"),
        *("add-dependencies", "drop-dependencies"),
    },
}


@dataclass(frozen=True)
class Recipe:
    """How the wheel of one label is built.

    `env` are environment variables, `config_settings` those of PEP 517, with all values of a key.
    `build_dependencies` are installed beside what the project's `[build-system]` requires.
    """

    env: tuple[tuple[str, str], ...] = ()
    config_settings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    build_dependencies: tuple[str, ...] = ()
    changes: Changes = field(default_factory=Changes)


@dataclass(frozen=True)
class Project:
    """The variants that a project has, and how they are built.

    `to_fill` are the providers that are asked once, when the wheels are built (building draft,
    Populating static properties from provider plugins).
    """

    metadata: VariantMetadata
    recipes: Mapping[str, Recipe]
    to_fill: Mapping[str, PluginProvider]

    @classmethod
    def read(cls, file: Path) -> "Project":
        """Read a pyproject.toml, or the one in a folder.

        Raises `InvalidVariantMetadata`.
        """
        file = file / "pyproject.toml" if file.is_dir() else file
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidVariantMetadata(f"{file} could not be read: {error.strerror}") from None
        except ValueError as error:
            raise InvalidVariantMetadata(f"{file} is not TOML: {error}") from None
        if "variant" not in document:
            raise InvalidVariantMetadata(
                f"{file} has no table [variant], which says what variants there are"
            )
        for path, keys in _KEYS.items():
            _check_keys(document, path, keys, str(file))
        table = dict(document["variant"])
        settings = document.get("tool", {}).get("pip-variants", {}).get("variants", {})
        to_fill = _completed(table, str(file))
        metadata = VariantMetadata.from_json(table, f"{file}, [variant]")
        asked = {name: metadata.providers[name] for name in to_fill}
        recipes = {label: _recipe(label, one, str(file)) for label, one in settings.items()}
        if unknown := [label for label in recipes if label not in _labels(metadata)]:
            raise InvalidVariantMetadata(
                f"{file} says how to build {unknown[0]}, which is not in [variant.variants]"
            )
        found = {name: one for name, one in asked.items() if isinstance(one, PluginProvider)}
        return cls(metadata, recipes, found)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all wheels: the variants, the null variant and the wheel without one."""
        return _labels(self.metadata)

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

        Installs these packages into a temporary folder and asks them there. Raises
        `InvalidVariantMetadata` and `DetectionError`.
        """
        if not self.to_fill:
            return self
        providers = dict(self.metadata.providers)
        for namespace, provider in self.to_fill.items():
            providers[namespace] = _static(namespace, provider)
        metadata = replace(self.metadata, providers=providers)
        for variant in metadata.variants.values():
            check_static(variant, metadata)
        return replace(self, metadata=metadata, to_fill={})


def _labels(metadata: VariantMetadata) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*metadata.variants, NULL_LABEL, PLAIN)))


def _check_keys(document: Mapping[str, Any], path: str, keys: set[str] | None, where: str) -> None:
    """Raise for keys that nobody reads: here, unlike in a wheel, they are typing errors."""
    tables: list[tuple[str, Any]] = [("", document)]
    for part in path.split("."):
        tables = [
            (f"{name}.{key}".lstrip("."), value)
            for name, table in tables
            if isinstance(table, Mapping)
            for key, value in table.items()
            if part in ("*", key)
        ]
    for name, table in tables:
        if not isinstance(table, Mapping):
            raise InvalidVariantMetadata(f"{where}: {name} must be a table, not {table!r:.60}")
        if keys is not None and (unknown := [key for key in table if key not in keys]):
            raise InvalidVariantMetadata(
                f"{where}: [{name}] has an unknown key {unknown[0]}, known are: "
                f"{', '.join(sorted(keys))}"
            )


def _completed(table: dict[str, Any], where: str) -> tuple[str, ...]:
    """Fill in what may be left out; return the namespaces with `build-requires`."""
    used = [name for variant in table.get("variants", {}).values() for name in variant]
    table.setdefault("$schema", SCHEMA_URL)
    table.setdefault("variants", {})
    if "default-priorities" not in table:
        if len(set(used)) > 1:
            raise InvalidVariantMetadata(
                f"{where}: [variant.default-priorities] must have namespace, the namespaces with "
                f"the most important first, of {', '.join(dict.fromkeys(used))}"
            )
        table["default-priorities"] = {"namespace": list(dict.fromkeys(used))}
    providers = {name: dict(one) for name, one in table.get("providers", {}).items()}
    to_fill = []
    for name, provider in providers.items():
        if "build-requires" in provider:
            if "requires" in provider or "static-properties" in provider:
                raise InvalidVariantMetadata(
                    f"{where}: variant.providers.{name} has build-requires, so it must have "
                    "neither requires nor static-properties"
                )
            provider["requires"] = provider.pop("build-requires")
            to_fill.append(name)
    for name in table["default-priorities"].get("namespace", ()):
        known = KNOWN_PROVIDERS.get(name)
        if name not in providers and isinstance(known, PluginProvider):
            providers[name] = {"requires": list(known.requires)}
            if known.plugin_api:
                providers[name]["plugin-api"] = known.plugin_api
    table["providers"] = providers
    return tuple(to_fill)


def _recipe(label: str, table: Mapping[str, Any], where: str) -> Recipe:
    name = f"{where}: tool.pip-variants.variants.{label}"
    if label != PLAIN:
        try:
            check_label(label)
        except InvalidVariantLabel as error:
            raise InvalidVariantMetadata(f"{name}: {error}") from None
    env = table.get("env", {})
    if not isinstance(env, Mapping) or not all(isinstance(value, str) for value in env.values()):
        raise InvalidVariantMetadata(f"{name}.env must be a table of strings")
    settings = table.get("config-settings", {})
    if not isinstance(settings, Mapping):
        raise InvalidVariantMetadata(f"{name}.config-settings must be a table")

    def listed(key: str) -> tuple[str, ...]:
        return _strings(f"{name}.{key}", table.get(key, []))

    return Recipe(
        tuple(env.items()),
        tuple((key, _strings(f"{name}.config-settings", one)) for key, one in settings.items()),
        listed("build-dependencies"),
        Changes(dropped=listed("drop-dependencies"), added=listed("add-dependencies")),
    )


def _strings(where: str, value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise InvalidVariantMetadata(f"{where} must be a list of strings, not {value!r:.60}")
    return tuple(values)


def _static(namespace: str, provider: PluginProvider) -> StaticProvider:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603
            [*_PIP_INSTALL, "--target", folder, "--", *provider.requires],
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
        detection = Detection(folder=folder)
        try:
            valid = detection.valid(provider)
            support = detection.supported(provider)
        finally:
            detection.close()
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
