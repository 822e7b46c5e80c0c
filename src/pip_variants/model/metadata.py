"""Variant metadata: `variant.json` of a wheel and `{name}-{version}-variants.json` of an index.

PEP 825 (Variant metadata, Index-level metadata, Metadata consistency) and PEP 850 (Provider
information). Drafts before schema 0.1.1, PEP 817 among them, are read where they are unambiguous.

What there may be ten thousand of is a named tuple; so is much else that every install with variants
loads, since making a dataclass takes Python a millisecond.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

from pip_variants.errors import (
    InconsistentVariantMetadata,
    InvalidVariantLabel,
    InvalidVariantMetadata,
    InvalidVariantProperty,
    printable,
    shown,
)
from pip_variants.model.names import (
    NULL_LABEL,
    VariantFeature,
    VariantProperty,
    check_feature,
    check_label,
    check_namespace,
    check_value,
    normal_requirement,
)
from pip_variants.model.support import SupportedFeature

__all__ = [
    "ABI_DEPENDENCY",
    "MAX_BYTES",
    "SCHEMA_URL",
    "BuiltinProvider",
    "PluginProvider",
    "ProviderInfo",
    "StaticProvider",
    "UnknownProvider",
    "Variant",
    "VariantMetadata",
    "combine_all",
    "meaning",
]

SCHEMA_URL = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
"""The schema that this package writes."""

PEP_825_SCHEMA_URL = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"
"""The schema of metadata without providers."""

MAX_BYTES = 8 * 2**20
"""The largest metadata file that is read, in bytes."""

ABI_DEPENDENCY = "abi_dependency"
"""The reserved namespace and the name of the builtin provider (PEP 850, ABI Dependency)."""

_SUPPORTED_MAJORS = (0, 1)  # drafts, and the final version that the last draft will become
_SCHEMA_VERSION = re.compile(
    r"(?<![\w.])v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?!\w|\.\d)", re.ASCII
)
_LAST_WITH_PRIORITIES = (0, 1, 0)  # schema 0.1.1 dropped default-priorities.feature and .property
_LAST_OF_PEP_817 = (0, 0, 999999)
_KNOWN_VERSION = (0, 2, 0)

# The keys that are read: of the document, of its priorities and of each provider.
_KEYS = (
    "$schema default-priorities providers variants",
    "namespace",
    "requires plugin-api static-properties feature-order builtin optional",
)
_DRAFT_KEYS = (_KEYS[0], "namespace feature property", f"{_KEYS[2]} enable-if")
_PEP_817_KEYS = (
    f"{_KEYS[0]} static-properties",
    _DRAFT_KEYS[1],
    "requires plugin-api optional enable-if install-time plugin-use",
)

_PLUGIN_API = re.compile(r"[\w.]+( *: *[\w.]+)?", re.ASCII)


class Variant(NamedTuple):
    """A label and its properties: each feature with every value the wheel was built for.

    Features and values are sorted, so that equal variants compare equal.
    """

    label: str
    features: tuple[tuple[VariantFeature, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, label: str, properties: Iterable[VariantProperty]) -> "Variant":
        """Group properties by feature. Raises `InvalidVariantLabel`."""
        grouped: dict[VariantFeature, set[str]] = {}
        for namespace, feature, value in properties:
            grouped.setdefault(VariantFeature(namespace, feature), set()).add(value)
        features = ((feature, tuple(sorted(grouped[feature]))) for feature in sorted(grouped))
        return cls(check_label(label), tuple(features))

    @property
    def properties(self) -> tuple[VariantProperty, ...]:
        """Every property of the variant, sorted."""
        return tuple(
            VariantProperty(*feature, value)
            for feature, values in self.features
            for value in values
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the variant uses, sorted."""
        return tuple(dict.fromkeys(feature.namespace for feature, _ in self.features))

    def to_json(self) -> dict[str, dict[str, list[str]]]:
        """The entry below `variants` in the metadata."""
        entry: dict[str, dict[str, list[str]]] = {}
        for feature, values in self.features:
            entry.setdefault(feature.namespace, {})[feature.name] = list(values)
        return entry


@dataclass(frozen=True, slots=True)
class StaticProvider:
    """A provider whose features and values stand in the metadata (PEP 850, static-properties)."""

    features: tuple[SupportedFeature, ...]
    optional: bool = False
    enable_if: str | None = None


@dataclass(frozen=True, slots=True)
class PluginProvider:
    """A provider that is a Python package (PEP 850, requires and plugin-api).

    `plugin_api` is None where the metadata leaves it to the default, which `endpoint` gives.
    `enable_if` is an environment marker of drafts before PEP 825.
    """

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False
    enable_if: str | None = None

    @property
    def package(self) -> str:
        """The normalised name of the first requirement's package."""
        return normal_requirement(self.requires[0])[0]

    @property
    def endpoint(self) -> str:
        """The object reference to call, without spaces (PEP 850, API endpoint)."""
        if self.plugin_api is None:
            return self.package.replace("-", "_")
        return self.plugin_api.replace(" ", "")


@dataclass(frozen=True, slots=True)
class BuiltinProvider:
    """A provider that is part of the installer (seen in uv and variantlib; only abi_dependency)."""

    name: str
    optional: bool = False
    enable_if: str | None = None


@dataclass(frozen=True, slots=True)
class UnknownProvider:
    """A provider of a kind that a newer schema defines; nothing is known to support it."""

    keys: tuple[str, ...]
    optional: bool = False
    enable_if: str | None = None


ProviderInfo: TypeAlias = StaticProvider | PluginProvider | BuiltinProvider | UnknownProvider


@dataclass(frozen=True, slots=True)
class VariantMetadata:
    """What is known of the variants of one release.

    `namespaces` is `default-priorities.namespace`. A namespace without an entry in `providers`
    comes from metadata of PEP 825 alone. The two priorities come from drafts only.

    `document` is the parsed JSON or TOML as it was read, with what is not known here; it is empty
    where the metadata was made in code. `unwritable` says what in it cannot be written.
    """

    namespaces: tuple[str, ...]
    variants: Mapping[str, Variant]
    providers: Mapping[str, ProviderInfo] = field(default_factory=dict)
    schema: str = SCHEMA_URL
    feature_priorities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    value_priorities: Mapping[VariantFeature, tuple[str, ...]] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    unwritable: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @classmethod
    def parse(cls, data: bytes | str, where: str) -> "VariantMetadata":
        """Read variant metadata from JSON; `where` names the file in errors.

        Unknown keys are accepted, unknown major versions are not (PEP 825, Variant metadata).
        Raises `InvalidVariantMetadata`, which names the key and the value.
        """
        if len(data) > MAX_BYTES:
            raise InvalidVariantMetadata(f"{where} is larger than {MAX_BYTES // 2**20} MiB")
        try:
            text = data.decode() if isinstance(data, bytes) else data
            if "\0" in text:  # UTF-16 and UTF-32, which `json` would take
                raise ValueError("it is not UTF-8")
            value = json.loads(
                text.removeprefix("\ufeff"),
                object_pairs_hook=_without_duplicates,
                parse_constant=_no_constant,
            )
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise InvalidVariantMetadata(f"{where} is not valid JSON: {reason}") from None
        return cls.from_json(value, where)

    @classmethod
    def parse_wheel(cls, data: bytes | str, where: str, label: str | None) -> "VariantMetadata":
        """Read the `variant.json` of the wheel with this label (PEP 825, Variant metadata).

        It describes exactly one variant, whose label is that in the wheel's name; the label is None
        where the name is not known. Raises `InvalidVariantMetadata`.
        """
        found = cls.parse(data, where)
        if len(found.variants) != 1:
            raise InvalidVariantMetadata(f"{where} has {len(found.variants)} variants")
        if label is not None and label not in found.variants:
            other = min(found.variants)
            raise InvalidVariantMetadata(
                f"{where} must describe {label} and nothing else, not {other}"
            )
        return found

    @classmethod
    def from_json(cls, value: object, where: str) -> "VariantMetadata":
        """Read variant metadata from parsed JSON or TOML (PEP 825, pylock.toml).

        Raises `InvalidVariantMetadata`.
        """
        try:
            return _read(_Node(value, ()), where)
        except _Fault as fault:
            raise InvalidVariantMetadata(f"{where}: {fault}") from None

    @property
    def version(self) -> tuple[int, int, int]:
        """The version of the schema."""
        return _version(self.schema) or (0, 0, 0)

    def combine(self, other: "VariantMetadata") -> "VariantMetadata":
        """Both pieces of metadata of one release as one (PEP 825, Metadata consistency).

        Symmetric. Raises `InconsistentVariantMetadata` where they contradict each other.
        """
        shorter, longer = sorted((self.namespaces, other.namespaces), key=len)
        if longer[: len(shorter)] != shorter:
            raise InconsistentVariantMetadata(
                f"default-priorities.namespace differs: {list(shorter)} and {list(longer)}"
            )
        mine, theirs = dict(self.providers), dict(other.providers)
        for name in mine.keys() & theirs.keys():
            mine[name], theirs[name] = _in_one_spelling(mine[name], theirs[name])
        schema = max(self, other, key=lambda one: (one.version, one.schema)).schema
        document = {}
        if self.document and other.document:
            try:
                document = _union_of_documents(self.document, other.document)
            except RecursionError:
                raise InconsistentVariantMetadata("their keys are nested too deeply") from None
            document["$schema"] = schema
        return VariantMetadata(
            namespaces=longer,
            variants=_union("variants", self.variants, other.variants),
            providers=_union("providers", mine, theirs),
            schema=schema,
            feature_priorities=_union(
                "default-priorities.feature", self.feature_priorities, other.feature_priorities
            ),
            value_priorities=_union(
                "default-priorities.property", self.value_priorities, other.value_priorities
            ),
            document=document,
            unwritable=self.unwritable | other.unwritable,
        )

    def table(self) -> dict[str, Any]:
        """What a lock copies: the document as it was read (PEP 825, Integration with pylock.toml).

        `to_json` where there is none, which may raise `InvalidVariantMetadata`.
        """
        return dict(self.document) or self.to_json()

    def to_json(self) -> dict[str, Any]:
        """The metadata as the current schema writes it; keys and values in a stable order.

        Raises `InvalidVariantMetadata` for what only older drafts can express, and for what is not
        known here (PEP 825, Variant metadata: no other keys and versions may be written).
        """
        if self.unwritable:
            raise InvalidVariantMetadata("; ".join(sorted(self.unwritable)[:2]))
        conditional = [name for name, info in self.providers.items() if info.enable_if]
        if self.feature_priorities or self.value_priorities or conditional:
            raise InvalidVariantMetadata(
                f"metadata of {printable(self.schema, 100)} orders or enables its properties in a "
                "way that the current schema cannot express; rebuild its wheels"
            )
        missing = [name for name in self.namespaces if name not in self.providers]
        if self.providers and missing:
            raise InvalidVariantMetadata(
                f"the metadata names providers, but none for {', '.join(missing)}"
            )
        providers = {
            name: _provider_to_json(self.providers[name])
            for name in self.namespaces
            if name not in missing
        }
        return {
            "$schema": SCHEMA_URL if providers else PEP_825_SCHEMA_URL,
            "default-priorities": {"namespace": list(self.namespaces)},
            **({"providers": providers} if providers else {}),
            "variants": {label: self.variants[label].to_json() for label in sorted(self.variants)},
        }

    def serialise(self) -> bytes:
        """The metadata as a file: UTF-8, indented, equal bytes for equal metadata."""
        return (json.dumps(self.to_json(), indent=2) + "\n").encode()


def combine_all(pieces: Mapping[str, VariantMetadata]) -> VariantMetadata:
    """Combine the metadata of several files, given by name.

    Raises `InconsistentVariantMetadata`, which names the files, and `ValueError` for no files.
    """

    def step(
        one: tuple[str, VariantMetadata], two: tuple[str, VariantMetadata]
    ) -> tuple[str, VariantMetadata]:
        try:
            return two[0], one[1].combine(two[1])
        except InconsistentVariantMetadata as error:
            raise InconsistentVariantMetadata(
                f"{two[0]} contradicts the files before it: {error}"
            ) from None

    if not pieces:
        raise ValueError("no metadata to combine")
    return reduce(step, pieces.items())[1]


class _Fault(Exception):
    """What is wrong, with the path of the key; `from_json` adds the file."""


class _Node(NamedTuple):
    """A JSON value and the keys that led to it."""

    value: Any
    path: tuple[str, ...]

    @property
    def where(self) -> str:
        """The path of the value, fit to be printed whatever an index puts into its keys."""
        return ".".join(
            key if re.fullmatch(r"[ -~]{1,60}", key) else ascii(key)[:60] for key in self.path
        )

    def fault(self, message: str) -> _Fault:
        return _Fault(f"{self.where or 'the document'} {message}, not {shown(self.value, 60)}")

    def children(self) -> Iterator["_Node"]:
        if not isinstance(self.value, dict):
            raise self.fault("must be an object")
        return (_Node(value, (*self.path, key)) for key, value in self.value.items())

    def get(self, key: str, default: object = None) -> "_Node":
        if not isinstance(self.value, dict):
            raise self.fault("must be an object")
        return _Node(self.value.get(key, default), (*self.path, key))

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def string(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.fault("must be a non-empty string")
        return self.value

    def optional_string(self) -> str | None:
        return None if self.value is None else self.string()

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fault("must be true or false")
        return self.value

    def strings(self, *, empty: bool = False) -> tuple[str, ...]:
        if not isinstance(self.value, list) or not all(isinstance(x, str) for x in self.value):
            raise self.fault("must be a list of strings")
        if not self.value and not empty:
            raise self.fault("must not be empty")
        if len(set(self.value)) != len(self.value):
            raise self.fault("must not name anything twice")
        return tuple(self.value)

    def names(self, check: Any, *, empty: bool = False) -> tuple[str, ...]:
        strings = self.strings(empty=empty)
        for text in strings:
            self.checked(check, text)
        return strings

    def key(self, check: Any) -> str:
        return self.checked(check, self.path[-1])

    def checked(self, check: Any, text: str) -> str:
        try:
            return str(check(text))
        except (InvalidVariantLabel, InvalidVariantProperty) as error:
            raise _Fault(f"{self.where}: {error}") from None


def _read(root: _Node, file: str) -> VariantMetadata:
    schema = root.get("$schema").string()
    version = _version(schema)
    if version is None:
        raise root.get("$schema").fault("must be a URL with a version, as in /v0.2.0.json")
    if version[0] not in _SUPPORTED_MAJORS:
        raise root.get("$schema").fault(
            f"must have a supported major version ({', '.join(map(str, _SUPPORTED_MAJORS))})"
        )
    priorities = root.get("default-priorities")
    namespaces = priorities.get("namespace").names(check_namespace)
    feature_priorities: dict[str, tuple[str, ...]] = {}
    value_priorities: dict[VariantFeature, tuple[str, ...]] = {}
    if version <= _LAST_WITH_PRIORITIES:
        for node in priorities.get("feature", {}).children():
            feature_priorities[node.key(check_namespace)] = node.names(check_feature, empty=True)
        for node in priorities.get("property", {}).children():
            for child in node.children():
                feature = VariantFeature(node.key(check_namespace), child.key(check_feature))
                value_priorities[feature] = child.names(check_value, empty=True)
    known = frozenset((*namespaces, ABI_DEPENDENCY))
    variants = {
        node.path[-1]: _read_variant(node, known) for node in root.get("variants").children()
    }
    return VariantMetadata(
        namespaces=namespaces,
        variants=variants,
        providers=_read_providers(root, namespaces, feature_priorities, version),
        schema=schema,
        feature_priorities=feature_priorities,
        value_priorities=value_priorities,
        document=root.value,
        unwritable=frozenset(_unwritable(root, version, file)),
    )


def _unwritable(root: _Node, version: tuple[int, int, int], file: str) -> Iterator[str]:
    """What would be lost if the document was written in a schema that is known here."""
    if version > _KNOWN_VERSION:
        newer, known = (".".join(map(str, one)) for one in (version, _KNOWN_VERSION))
        yield f"{file} has schema {newer}; what is written here is at most {known}"
    in_document, in_priorities, in_provider = (
        _PEP_817_KEYS
        if version <= _LAST_OF_PEP_817
        else _DRAFT_KEYS
        if version <= _LAST_WITH_PRIORITIES
        else _KEYS
    )
    providers = tuple(root.get("providers", {}).children())
    nodes = [(root, in_document), (root.get("default-priorities"), in_priorities)]
    nodes += [(provider, in_provider) for provider in providers]
    if version <= _LAST_OF_PEP_817:
        names = " ".join(provider.path[-1] for provider in providers)
        nodes.append((root.get("static-properties", {}), names))
    lost = [
        child.where
        for node, keys in nodes
        for child in node.children()
        if child.path[-1] not in keys.split()
    ]
    if lost:
        some = ", ".join(lost[:3]) + (" ..." if lost[3:] else "")
        yield f"{file} has keys that are not known here and would be lost: {some}"


def _read_variant(node: _Node, namespaces: frozenset[str]) -> Variant:
    label = node.key(check_label)
    features = []
    for namespace in node.children():
        name = namespace.key(check_namespace)
        for feature in namespace.children():
            if name not in namespaces:
                raise _Fault(
                    f"{namespace.where} uses a namespace that is missing in "
                    "default-priorities.namespace"
                )
            values = feature.names(check_value)
            features.append(
                (VariantFeature(name, feature.key(check_feature)), tuple(sorted(values)))
            )
    if label == NULL_LABEL and features:
        raise node.fault("is the null variant and must have no properties")
    return Variant(label, tuple(sorted(features)))


def _read_providers(
    root: _Node,
    namespaces: tuple[str, ...],
    feature_priorities: Mapping[str, tuple[str, ...]],
    version: tuple[int, int, int],
) -> dict[str, ProviderInfo]:
    if not root.has("providers"):
        return {}
    nodes = {node.key(check_namespace): node for node in root.get("providers").children()}
    if set(nodes) != set(namespaces):
        differing = ", ".join(sorted(set(nodes) ^ set(namespaces)))
        raise _Fault(f"providers and default-priorities.namespace differ in {differing}")
    if version <= _LAST_OF_PEP_817:
        static = {node.path[-1]: node for node in root.get("static-properties", {}).children()}
        properties = root.get("default-priorities").get("property", {})
        for name, node in nodes.items():
            # Schema 0.0.2: what is not asked when it is installed is listed in the priorities.
            if node.get("plugin-use").value in ("none", "build") and properties.has(name):
                static.setdefault(name, properties.get(name))
        return {
            name: _read_pep_817_provider(node, static.get(name), feature_priorities.get(name, ()))
            for name, node in nodes.items()
        }
    return {name: _read_provider(node, version) for name, node in nodes.items()}


def _read_provider(node: _Node, version: tuple[int, int, int]) -> ProviderInfo:
    """PEP 850, Provider information."""
    kinds = [kind for kind in ("static-properties", "requires", "builtin") if node.has(kind)]
    optional = node.get("optional", False).boolean()
    enable_if = (
        node.get("enable-if").optional_string() if version <= _LAST_WITH_PRIORITIES else None
    )
    if not kinds and version > _KNOWN_VERSION:
        return UnknownProvider(tuple(sorted(child.path[-1] for child in node.children())), optional)
    for key, kind in (("feature-order", "static-properties"), ("plugin-api", "requires")):
        if node.has(key) and kind not in kinds:
            raise node.get(key).fault(f"needs {kind} beside it")
    if len(kinds) != 1:
        raise node.fault("must have exactly one of static-properties, requires and builtin")
    if kinds == ["requires"]:
        plugin_api = node.get("plugin-api").string() if node.has("plugin-api") else None
        return _read_plugin(node, plugin_api, optional, enable_if)
    if kinds == ["builtin"]:
        return BuiltinProvider(node.get("builtin").string(), optional, enable_if)
    static = node.get("static-properties")
    order = node.get("feature-order").names(check_feature) if node.has("feature-order") else None
    return StaticProvider(_read_static(static, order), optional, enable_if)


def _read_pep_817_provider(
    node: _Node, static: _Node | None, order: tuple[str, ...]
) -> ProviderInfo:
    """PEP 817, Provider information: static properties stand at the top level."""
    optional = node.get("optional", False).boolean()
    enable_if = node.get("enable-if").optional_string()
    install_time = node.get("install-time", static is None)
    if install_time.boolean() != (static is None):
        raise install_time.fault("contradicts static-properties")
    if static is None:
        return _read_plugin(node, node.get("plugin-api").optional_string(), optional, enable_if)
    of_static = tuple(name for name in order if static.has(name))
    return StaticProvider(_read_static(static, of_static or None), optional, enable_if)


def _read_plugin(
    node: _Node, plugin_api: str | None, optional: bool, enable_if: str | None
) -> PluginProvider:
    requires = node.get("requires").strings()
    if not all(text.strip() for text in requires):
        raise node.get("requires").fault("must not have empty entries")
    if plugin_api is not None and not _PLUGIN_API.fullmatch(plugin_api):
        raise node.get("plugin-api").fault("must be an object reference (module:object)")
    return PluginProvider(requires, plugin_api, optional, enable_if)


def _read_static(node: _Node, order: tuple[str, ...] | None) -> tuple[SupportedFeature, ...]:
    values = {
        child.key(check_feature): child.names(check_value, empty=True) for child in node.children()
    }
    if order is None and len(values) > 1:
        raise _Fault(f"{node.where} has several features, and nothing gives their order")
    if order is not None and set(order) != set(values):
        raise _Fault(
            f"{node.where} has the features {sorted(values)}, their order names {sorted(order)}"
        )
    return tuple(SupportedFeature(name, values[name]) for name in order or values)


def _provider_to_json(info: ProviderInfo) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if isinstance(info, StaticProvider):
        result["static-properties"] = {name: list(values) for name, values in info.features}
        if len(info.features) > 1:
            result["feature-order"] = [name for name, _ in info.features]
    elif isinstance(info, PluginProvider):
        result["requires"] = list(info.requires)
        if info.plugin_api is not None:
            result["plugin-api"] = info.plugin_api
    elif isinstance(info, BuiltinProvider):
        result["builtin"] = info.name
    else:
        raise InvalidVariantMetadata(
            f"a provider with the keys {list(info.keys)} belongs to a newer schema"
        )
    if info.optional:
        result["optional"] = True
    return result


def meaning(info: ProviderInfo) -> object:
    """What is equal for entries that mean the same provider, however they are spelled.

    The conditions under which a provider is used are not part of it.
    """
    if isinstance(info, PluginProvider):
        return frozenset(map(normal_requirement, info.requires)), info.endpoint
    return replace(info, optional=False, enable_if=None)


def _in_one_spelling(one: ProviderInfo, two: ProviderInfo) -> tuple[ProviderInfo, ProviderInfo]:
    if isinstance(one, PluginProvider) and isinstance(two, PluginProvider):
        apis = [info.plugin_api for info in (one, two) if info.plugin_api is not None]
        requires = tuple(_preferred(list(one.requires), list(two.requires)))
        if meaning(one) == meaning(two):
            one, two = (
                replace(info, requires=requires, plugin_api=min(apis, default=None))
                for info in (one, two)
            )
    return one, two


def _union(what: str, one: Mapping[Any, Any], two: Mapping[Any, Any]) -> dict[Any, Any]:
    differing = [str(key) for key in one.keys() & two.keys() if one[key] != two[key]]
    if differing:
        raise InconsistentVariantMetadata(f"{what}.{min(differing)} differs")
    return {**one, **two}


def _union_of_documents(one: Any, two: Any, depth: int = 5) -> Any:
    """Two documents as one, down to the values of features; symmetric."""
    if depth and isinstance(one, dict) and isinstance(two, dict):
        both = one.keys() & two.keys()
        common = {key: _union_of_documents(one[key], two[key], depth - 1) for key in both}
        return {**one, **two, **common}
    return _preferred(one, two)


def _preferred(one: Any, two: Any) -> Any:
    """Of two ways to say the same, the longer list, else the lesser text."""
    return min(one, two, key=lambda x: (-len(x) if isinstance(x, list) else 0, str(x)))


def _version(schema: str) -> tuple[int, int, int] | None:
    """The version in the path of a URL, the last one if there are several."""
    found = _SCHEMA_VERSION.findall(schema.partition("://")[2].partition("/")[2])
    return (int(found[-1][0]), int(found[-1][1]), int(found[-1][2] or 0)) if found else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:60]!r} occurs twice in one object")
    return result
