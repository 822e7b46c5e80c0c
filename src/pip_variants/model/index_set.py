"""Index sets: builds of some projects, each on an index of its own, described as variants are.

PyTorch and others publish so: one index holds one build. A set is a TOML file that says what each
build stands for, in the words of PEP 825 and PEP 850; docs/indexes.md describes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from pip_variants.errors import InvalidIndexSet, printable
from pip_variants.model.document import Fault, Node, dotted
from pip_variants.model.metadata import (
    PluginProvider,
    ProviderInfo,
    Variant,
    VariantMetadata,
    read_providers,
    read_variant,
)
from pip_variants.model.names import check_label, check_namespace, normal_requirement, normalised
from pip_variants.model.ordering import Ordering
from pip_variants.model.published import PUBLISHED, UNPUBLISHED

FORMAT = 1  # the newest that is read
_KEYS = frozenset("format name base projects known default-priorities providers builds".split())

KNOWN_PROVIDERS: Mapping[str, PluginProvider] = {
    name: PluginProvider(("pip-variants",), f"pip_variants.providers.{name}")
    if name in UNPUBLISHED
    else PluginProvider(
        (f"{one.package} >={one.version},<1",), one.plugin_api if ":" in one.plugin_api else None
    )
    for name, one in PUBLISHED
}
"""The provider that a wheel asks for unless another one is named: those that are built in here.

Other installers know those of others as well, and can install and run ours, as PEP 850 says.
"""


class Build(NamedTuple):
    """A label, where its files are, and what it needs.

    `url` is that of an index, or of one page of links for all projects (`is_page`). Of the
    `exceptions`, requirements with what the build needs for them, the first one that holds counts.
    """

    url: str
    is_page: bool
    usual: Variant
    exceptions: tuple[tuple[str, Variant], ...]

    @property
    def label(self) -> str:
        """The name of the build."""
        return self.usual.label

    def page(self, project: str) -> str:
        """Where the files of a project are listed."""
        return self.url if self.is_page else f"{self.url.rstrip('/')}/{project}/"


@dataclass(frozen=True, slots=True)
class IndexSet:
    """Builds, and the `projects` (normalised names) that are looked up on their indexes.

    Of builds that their properties do not tell apart, the one that stands first is preferred.
    `known` are requirements: the releases that the set was made for; empty if that is not said.
    """

    name: str
    projects: frozenset[str]
    builds: tuple[Build, ...]
    namespaces: tuple[str, ...]
    providers: Mapping[str, ProviderInfo]
    known: tuple[str, ...]

    @classmethod
    def parse(cls, document: object, where: str, mirror: str = "", beside: str = "") -> "IndexSet":
        """Read parsed TOML; `where` names the file in errors. Raises `InvalidIndexSet`.

        A `mirror` takes the place of the file's base; indexes of a file without one are found
        `beside` it, which is the URL of its folder or its own.
        """
        try:
            return _read(Node(document, (), {}), mirror, beside)
        except Fault as fault:
            raise InvalidIndexSet(f"{printable(where)}: {fault}") from None

    def metadata(self, holds: Callable[[str], bool]) -> VariantMetadata:
        """The builds of one release as variants; `holds` says which requirements it satisfies."""
        variants = {}
        for build in self.builds:
            special = (variant for text, variant in build.exceptions if holds(text))
            variants[build.label] = next(special, build.usual)
        return VariantMetadata(self.namespaces, variants, self.providers, is_checked=True)

    def in_order(self, ordering: Ordering) -> Ordering:
        """The order of builds, with that of the set where properties do not decide."""
        places = {one.label: place for place, one in enumerate(self.builds)}
        best_first = (
            one
            for _, equal in groupby(ordering.best_first, key=ordering.deciding)
            for one in sorted(equal, key=lambda variant: places.get(variant.label, 0))
        )
        return Ordering(tuple(best_first), ordering.rejected, ordering.supported)


def _read(root: Node, mirror: str, beside: str) -> IndexSet:
    for key in root.children():
        if key not in _KEYS:  # before what is missing then
            raise Fault(f"{dotted((key,))} is not known in format {FORMAT}")
    version = root.get("format")
    if version.value != FORMAT:
        raise version.fault(f"must be {FORMAT}, which this pip-variants reads")
    base = root.get("base").optional_string()
    if mirror and not base:
        raise root.get("base").fault("is what a mirror replaces, and must be there")
    base = mirror or base
    base = f"{base.rstrip('/')}/" if base else beside
    priorities = root.get("default-priorities", {"namespace": []})
    namespaces = priorities.get("namespace").strings(check_namespace, may_be_empty=True)
    named = tuple(root.get("providers", {}).children())
    known = {name: KNOWN_PROVIDERS[name] for name in namespaces if name in KNOWN_PROVIDERS}
    providers = {**known, **read_providers(root, named)}
    if lacking := [name for name in namespaces if name not in providers]:
        raise priorities.fault(f"names {lacking[0]}, and no [providers.{lacking[0]}] says who asks")
    nodes = root.get("builds").children(check_label)
    if not nodes:
        raise root.get("builds").fault("must have at least one build")
    projects = root.get("projects")
    for name in projects.strings():
        if normal_requirement(name) != (normalised(name), "", "", ""):
            raise projects.fault(f"must be names of projects, without versions, as {name} is none")
    found = IndexSet(
        root.get("name").string(),
        frozenset(map(normalised, projects.value)),
        tuple(_build(label, node, base, namespaces) for label, node in nodes.items()),
        namespaces,
        providers,
        root.get("known", []).strings(may_be_empty=True),
    )
    for key in root.unknown:  # whoever writes it should hear of what is misspelt
        raise Fault(f"{key} is not known in format {FORMAT}")
    return found


def _build(label: str, node: Node, base: str, namespaces: tuple[str, ...]) -> Build:
    is_page = "find-links" in node.children()
    # Where there is a base, an index is mostly called as the build.
    place = node.get("find-links" if is_page else "index", label if base else None)
    if is_page and "index" in node.value:
        raise node.fault("must have an index or find-links, not both")
    url = urljoin(base, place.string())
    parts = urlsplit(url)
    if parts.scheme != "file" and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise place.fault("must be a URL, or stand on a base that is one")
    exceptions = node.get("exceptions", []).tables()
    return Build(
        url,
        is_page,
        _variant(label, node, namespaces),
        tuple((one.get("for").string(), _variant(label, one, namespaces)) for one in exceptions),
    )


def _variant(label: str, node: Node, namespaces: tuple[str, ...]) -> Variant:
    return read_variant(label, node.get("properties", {}), namespaces)
