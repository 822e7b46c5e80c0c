"""Variant metadata: `variant.json` of a wheel and `{name}-{version}-variants.json` of an index.

PEP 825 (Variant metadata, Index-level metadata, Metadata consistency) and PEP 850 (Provider
information). Drafts before schema 0.1.1, PEP 817 among them, are read where they are unambiguous;
`enable-if` and priorities of features and values, which were dropped, count for nothing: a provider
knows itself where it supports nothing, and how it orders its values.

What there may be ten thousand of is a named tuple: a dataclass takes Python a millisecond to make.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple, TypeAlias

from pip_variants.errors import InconsistentVariantMetadata, InvalidVariantMetadata
from pip_variants.model.document import Fault, Node, dotted
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

# What this package writes, with providers and without.
SCHEMA_URL = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
PEP_825_SCHEMA_URL = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"

MAX_BYTES = 8 * 2**20  # of a metadata file that is read

# The reserved namespace and the name of the builtin provider (PEP 850, ABI Dependency).
ABI_DEPENDENCY = "abi_dependency"

_SUPPORTED_MAJORS = (0, 1)  # drafts, and the final version that the last draft will become
_SCHEMA_VERSION = re.compile(
    r"(?<![\w.])v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?!\w|\.\d)", re.ASCII
)
_LAST_OF_PEP_817 = (0, 0, 999999)
_KNOWN_VERSION = (0, 2, 0)

_PLUGIN_API = re.compile(r"[\w.]+( *: *[\w.]+)?", re.ASCII)


class Variant(NamedTuple):
    """A label and its properties: features, and their values the wheel was built for, sorted."""

    label: str
    features: tuple[tuple[VariantFeature, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, label: str, properties: Iterable[VariantProperty]) -> "Variant":
        """Group properties by feature. Raises `InvalidVariantLabel`."""
        grouped: dict[VariantFeature, tuple[str, ...]] = {}
        for namespace, name, value in sorted(set(properties)):
            feature = VariantFeature(namespace, name)
            grouped[feature] = (*grouped.get(feature, ()), value)
        return cls(check_label(label), tuple(grouped.items()))

    @property
    def properties(self) -> tuple[VariantProperty, ...]:
        """Every property of the variant, sorted."""
        pairs = ((feature, value) for feature, values in self.features for value in values)
        return tuple(VariantProperty(*feature, value) for feature, value in pairs)

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


class NewProvider(NamedTuple):
    """A provider of a newer kind."""

    optional: bool = False


class StaticProvider(NamedTuple):
    """A provider whose features and values stand in the metadata (PEP 850, static-properties)."""

    features: tuple[SupportedFeature, ...]
    optional: bool = False


class PluginProvider(NamedTuple):
    """A provider that is a Python package (PEP 850, requires and plugin-api).

    `plugin_api` is None where the metadata leaves it to the default, which `endpoint` gives.
    """

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False

    @property
    def package(self) -> str:
        """The normalised name of the first requirement's package."""
        return normal_requirement(self.requires[0])[0]

    @property
    def endpoint(self) -> str:
        """The object reference to call, without spaces (PEP 850, API endpoint)."""
        return (self.plugin_api or self.package.replace("-", "_")).replace(" ", "")


class BuiltinProvider(NamedTuple):
    """A provider that is part of the installer (seen in uv and variantlib; only abi_dependency)."""

    name: str
    optional: bool = False


ProviderInfo: TypeAlias = StaticProvider | PluginProvider | BuiltinProvider | NewProvider


@dataclass(frozen=True, slots=True)
class VariantMetadata:
    """What is known of the variants of one release.

    Where a namespace has no provider, it is metadata of PEP 825 alone. `document` is what was read,
    with what is not known here, and empty where the metadata was made in code. `unwritable` says
    what in it cannot be written. It is checked when it is made; `is_checked` says that its reader
    has done it.
    """

    namespaces: tuple[str, ...]
    variants: Mapping[str, Variant] = field(hash=False)
    providers: Mapping[str, ProviderInfo] = field(default_factory=dict, hash=False)
    schema: str = SCHEMA_URL
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    unwritable: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    is_checked: InitVar[bool] = False

    def __post_init__(self, is_checked: bool) -> None:
        """Check it by reading what would be written. Raises `InvalidVariantMetadata`."""
        if is_checked:
            return  # its reader knows the place of a fault
        variants = {label: one.to_json() for label, one in self.variants.items()}
        providers = {name: _provider_to_json(info) for name, info in self.providers.items()}
        root = Node({"variants": variants, "providers": providers}, (), {})
        try:
            named = Node([*self.namespaces], ("namespaces",), {})
            names = {*named.strings(check_namespace, may_be_empty=True), ABI_DEPENDENCY}
            for label, node in root.get("variants").children(check_label).items():
                if read_variant(label, node, names) != self.variants[label]:
                    raise node.fault("must be made by Variant.of, and stand under its label")
            read_providers(root, tuple(providers), (1, 0, 0))  # with kinds that are not known here
        except Fault as fault:
            raise InvalidVariantMetadata(str(fault)) from None

    @classmethod
    def parse(cls, data: bytes | str, where: str) -> "VariantMetadata":
        """Read variant metadata from JSON; `where` names the file in errors.

        Unknown keys are accepted, unknown major versions are not. Raises `InvalidVariantMetadata`.
        """
        if len(data) > MAX_BYTES:
            raise InvalidVariantMetadata(f"{where} is larger than {MAX_BYTES // 2**20} MiB")
        try:
            text = data.decode() if isinstance(data, bytes) else data
            if "\0" in text:  # UTF-16 and UTF-32, which `json` would take
                raise ValueError("it is not UTF-8")
            value = _DECODER.decode(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise InvalidVariantMetadata(f"{where} is not valid JSON: {reason}") from None
        return cls.from_json(value, where)

    @classmethod
    def parse_wheel(cls, data: bytes | str, where: str, label: str | None) -> "VariantMetadata":
        """Read the `variant.json` of the wheel with this label, or with any if it is None.

        It describes exactly one variant (PEP 825). Raises `InvalidVariantMetadata`.
        """
        found = cls.parse(data, where)
        if len(found.variants) != 1:
            raise InvalidVariantMetadata(f"{where} has {len(found.variants)} variants")
        (own,) = found.variants
        if label not in (None, own):
            message = f"{where} must describe {label} and nothing else, not {own}"
            raise InvalidVariantMetadata(message)
        return found

    @classmethod
    def from_json(cls, value: object, where: str) -> "VariantMetadata":
        """Read parsed JSON or TOML (PEP 825, pylock.toml). Raises `InvalidVariantMetadata`."""
        try:
            return _read(Node(value, (), {}), where)
        except Fault as fault:
            raise InvalidVariantMetadata(f"{where}: {fault}") from None

    @property
    def version(self) -> tuple[int, int, int]:
        """The version of the schema."""
        return _version(self.schema) or (0, 0, 0)

    def combine(self, other: "VariantMetadata") -> "VariantMetadata":
        """Both as one, symmetric (PEP 825, Metadata consistency).

        Raises `InconsistentVariantMetadata` where they contradict each other.
        """
        shorter, longer = sorted((self.namespaces, other.namespaces), key=len)
        if longer[: len(shorter)] != shorter:
            raise InconsistentVariantMetadata(
                f"default-priorities.namespace differs: {list(shorter)} and {list(longer)}"
            )
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
            providers=_union("providers", self.providers, other.providers),
            schema=schema,
            document=document,
            unwritable=self.unwritable | other.unwritable,
            is_checked=True,
        )

    def table(self) -> dict[str, Any]:
        """What a lock copies: the document as it was read, else `to_json` (PEP 825, pylock)."""
        return dict(self.document) or self.to_json()

    def to_json(self) -> dict[str, Any]:
        """The metadata as the current schema writes it, in a stable order.

        Raises `InvalidVariantMetadata` for what that cannot express, and for what is not known
        here: no other keys and versions may be written (PEP 825, Variant metadata).
        """
        if self.unwritable:
            raise InvalidVariantMetadata("; ".join(sorted(self.unwritable)[:2]))
        missing = [name for name in self.namespaces if name not in self.providers]
        if self.providers and missing:
            raise InvalidVariantMetadata(
                f"the metadata names providers, but none for {', '.join(missing)}"
            )
        document: dict[str, Any] = {
            "$schema": SCHEMA_URL if self.providers else PEP_825_SCHEMA_URL,
            "default-priorities": {"namespace": list(self.namespaces)},
        }
        if self.providers:
            infos = {name: self.providers[name] for name in self.namespaces}
            document["providers"] = {name: _provider_to_json(one) for name, one in infos.items()}
        ordered = sorted(self.variants.items())
        return {**document, "variants": {label: variant.to_json() for label, variant in ordered}}

    def serialise(self) -> bytes:
        """The metadata as a file: UTF-8, indented, equal bytes for equal metadata."""
        return (json.dumps(self.to_json(), indent=2) + "\n").encode()


def combine_all(pieces: Mapping[str, VariantMetadata]) -> VariantMetadata:
    """Combine files, given by name. Raises `InconsistentVariantMetadata`; `ValueError` for none."""
    combined: VariantMetadata | None = None
    for file, piece in pieces.items():
        try:
            combined = combined.combine(piece) if combined else piece
        except InconsistentVariantMetadata as error:
            message = f"{file} contradicts the files before it: {error}"
            raise InconsistentVariantMetadata(message) from None
    if combined is None:
        raise ValueError("no metadata to combine")
    return combined


def _read(root: Node, file: str) -> VariantMetadata:
    schema = root.get("$schema")
    version = _version(schema.string())
    if version is None:
        raise schema.fault("must be a URL with a version, as in /v0.2.0.json")
    if version[0] not in _SUPPORTED_MAJORS:
        majors = ", ".join(map(str, _SUPPORTED_MAJORS))
        raise schema.fault(f"must have a supported major version ({majors})")
    namespaces = root.get("default-priorities").get("namespace").strings(check_namespace)
    variants = root.get("variants").children(check_label)
    known = frozenset((*namespaces, ABI_DEPENDENCY))
    return VariantMetadata(
        namespaces=namespaces,
        variants={label: read_variant(label, node, known) for label, node in variants.items()},
        providers=read_providers(root, namespaces, version),
        schema=schema.value,
        document=root.value,
        unwritable=frozenset(_unwritable(root, version, file)),
        is_checked=True,
    )


def _unwritable(root: Node, version: tuple[int, int, int], file: str) -> Iterator[str]:
    """What would be lost if the document was written in a schema that is known here."""
    if version > _KNOWN_VERSION:
        newer, known = (".".join(map(str, one)) for one in (version, _KNOWN_VERSION))
        yield f"{file} has schema {newer}; what is written here is at most {known}"
    if lost := root.unknown:
        some = ", ".join(lost[:3]) + (" ..." if lost[3:] else "")
        yield f"{file} has keys that are not known here and would be lost: {some}"


def read_variant(label: str, node: Node, known: Collection[str]) -> Variant:
    """The variant with these properties, all of known namespaces. Raises `Fault`."""
    features = []
    for name, namespace in node.children(check_namespace).items():
        for feature, values in namespace.children(check_feature).items():
            if name not in known:
                raise Fault(
                    f"{dotted(namespace.path)} uses a namespace that is missing in "
                    "default-priorities.namespace"
                )
            found = tuple(sorted(values.strings(check_value)))
            features.append((VariantFeature(name, feature), found))
    if label == NULL_LABEL and features:
        raise node.fault("is the null variant and must have no properties")
    return Variant(label, tuple(sorted(features)))


def read_providers(
    root: Node, namespaces: tuple[str, ...], version: tuple[int, int, int] = _KNOWN_VERSION
) -> dict[str, ProviderInfo]:
    """The providers of a document; empty for PEP 825 alone. Raises `Fault`."""
    if "providers" not in root.value:
        return {}
    nodes = root.get("providers").children(check_namespace)
    if differing := set(nodes) ^ set(namespaces):
        raise Fault(
            f"providers and default-priorities.namespace differ in {', '.join(sorted(differing))}"
        )
    providers: dict[str, ProviderInfo] = {}
    for name, node in nodes.items():
        optional = node.get("optional", False).boolean()
        is_pep_817 = version <= _LAST_OF_PEP_817
        found = _read_pep_817(name, node, root) if is_pep_817 else _read_provider(node, version)
        providers[name] = found._replace(optional=optional)
    return providers


def _read_provider(node: Node, version: tuple[int, int, int]) -> ProviderInfo:
    """PEP 850, Provider information."""
    kinds = [kind for kind in ("static-properties", "requires", "builtin") if kind in node.value]
    if not kinds and version > _KNOWN_VERSION:
        return NewProvider()
    for key, kind in (("feature-order", "static-properties"), ("plugin-api", "requires")):
        if key in node.value and kind not in kinds:
            raise node.get(key).fault(f"needs {kind} beside it")
    if len(kinds) != 1:
        raise node.fault("must have exactly one of static-properties, requires and builtin")
    found = node.get(kinds[0])
    if kinds == ["requires"]:
        plugin_api = node.get("plugin-api")
        if "plugin-api" in node.value:
            plugin_api.string()  # only drafts may say null
        return _read_plugin(found, plugin_api)
    if kinds == ["builtin"]:
        return BuiltinProvider(found.string())
    order = node.get("feature-order")
    names = order.strings(check_feature) if "feature-order" in node.value else None
    return StaticProvider(_read_static(found, names))


def _read_pep_817(namespace: str, node: Node, root: Node) -> ProviderInfo:
    """PEP 817, Provider information: static properties stand at the top level."""
    priorities, statics = root.get("default-priorities"), root.get("static-properties", {})
    static: Node | None = statics.get(namespace)
    if namespace not in statics.value:
        # Schema 0.0.2: what is not asked when it is installed is listed in the priorities.
        is_listed = node.get("plugin-use").value in ("none", "build")
        listed = priorities.get("property", {}) if is_listed else None
        static = listed.get(namespace) if listed and namespace in listed.children() else None
    requires, plugin_api = node.get("requires"), node.get("plugin-api")
    install_time = node.get("install-time", static is None)
    if install_time.boolean() != (static is None):
        raise install_time.fault("contradicts static-properties")
    if static is None:
        return _read_plugin(requires, plugin_api)
    features = static.children()
    order = priorities.get("feature", {}).get(namespace, [])
    names = tuple(name for name in order.texts() if name in features)
    return StaticProvider(_read_static(static, names or None))


def _read_plugin(requires: Node, plugin_api: Node) -> PluginProvider:
    texts, reference = requires.strings(), plugin_api.optional_string()
    if not all(text.strip() for text in texts):
        raise requires.fault("must not have empty entries")
    if reference is not None and not _PLUGIN_API.fullmatch(reference):
        raise plugin_api.fault("must be an object reference (module:object)")
    return PluginProvider(texts, reference)


def _read_static(node: Node, order: tuple[str, ...] | None) -> tuple[SupportedFeature, ...]:
    values = {
        name: child.strings(check_value, may_be_empty=True)
        for name, child in node.children(check_feature).items()
    }
    where = dotted(node.path)
    if order is None and len(values) > 1:
        raise Fault(f"{where} has several features, and nothing gives their order")
    if order is not None and set(order) != set(values):
        raise Fault(f"{where} has the features {sorted(values)}, their order names {sorted(order)}")
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
    if info.optional:
        result["optional"] = True
    return result


def meaning(info: ProviderInfo) -> object:
    """What is equal for entries that mean the same provider; `optional` is no part of it."""
    if isinstance(info, PluginProvider):
        return frozenset(map(normal_requirement, info.requires)), info.endpoint
    return info._replace(optional=False)


def _meant(one: Any) -> object:
    return (meaning(one), one.optional) if isinstance(one, ProviderInfo) else one


def _union(what: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """Both; what means the same in other words is in the words of the lesser text."""
    both = one.keys() & two.keys()
    if differing := [key for key in both if _meant(one[key]) != _meant(two[key])]:
        raise InconsistentVariantMetadata(f"{what}.{min(differing)} differs")
    return {**one, **two, **{key: min(one[key], two[key], key=str) for key in both}}


def _union_of_documents(one: Any, two: Any, depth: int = 5) -> Any:
    """Two documents as one, down to the values of features; symmetric.

    Of two ways to say the same, the longer list counts, else the lesser text.
    """
    if depth and isinstance(one, dict) and isinstance(two, dict):
        both = one.keys() & two.keys()
        common = {key: _union_of_documents(one[key], two[key], depth - 1) for key in both}
        return {**one, **two, **common}
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


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
