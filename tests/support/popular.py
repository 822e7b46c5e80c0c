"""An index of made-up projects that depend on each other as popular ones do; none has variants.

There are pages and metadata (PEP 658) and no other file: a pip that asks for one fails.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from support.server import Reply, _anchor

LAYERS = (0.14, 0.24, 0.28, 0.22, 0.12)
"""The share of the projects that need no other, that need only those, and so on."""
COMPILED = [
    f"cp3{minor}-cp3{minor}-{platform}"
    for minor in range(10, 14)
    for platform in ("manylinux_2_17_x86_64", "win_amd64")
]
SEED = 4  # with some others, pip goes on for minutes
DESCRIPTION = "One of the lines of a description, which pip reads and does not use.\n" * 20


@dataclass(frozen=True)
class Release:
    version: str
    requires: tuple[str, ...] = ()  # Requires-Dist
    python: str = ">=3.8"  # Requires-Python
    yanked: str = ""


@dataclass(frozen=True)
class Project:
    name: str
    tags: tuple[str, ...]
    releases: tuple[Release, ...]
    settled: int
    """The place of the release that fits together with the settled ones of all others."""
    too_new: str | None
    """The version after that, if it does not fit."""


@dataclass(frozen=True)
class Popular:
    projects: tuple[Project, ...]
    requirements: tuple[str, ...]
    """What to install; it needs every project."""
    constraints: tuple[str, ...]

    def replies(self, pages: str) -> "dict[str, Reply | Callable[[], Reply]]":
        """What an `Index` answers; `pages` is "html" or "json"."""
        replies: dict[str, Reply | Callable[[], Reply]] = {}
        for project in self.projects:
            entries = []
            for release in project.releases:
                metadata = _metadata(project.name, release)
                digest = hashlib.sha256(metadata).hexdigest()
                stem = f"{project.name.replace('-', '_')}-{release.version}"
                entries.append(_entry(f"{stem}.tar.gz", release))
                for tag in project.tags:
                    wheel = f"{stem}-{tag}.whl"
                    entries.append({**_entry(wheel, release), "core-metadata": {"sha256": digest}})
                    replies[f"{wheel}.metadata"] = Reply(metadata)
            replies[f"/simple/{project.name}/"] = _page(project.name, entries, pages)
        return replies


def popular(count: int = 200) -> Popular:
    """About `count` projects, always the same ones for the same `count`.

    Some releases that are too new need more of a project than others admit: pip takes them first
    and has to go back.
    """
    random = Random(SEED)
    layers: list[list[Project]] = []
    for share in LAYERS:
        size = round(share * count)
        below = [project for layer in layers for project in layer]
        layer = []
        for number in range(size):
            needs = []
            if layers:
                # Every project of the layer below is needed by one of this, a few are by many.
                needs = [*layers[-1][number::size], *random.choices(below, k=random.randint(0, 3))]
                needs += random.choices(layers[0][:8], k=random.randint(1, 3))
            layer.append(
                _project(random, f"project-{len(below) + number}", list(dict.fromkeys(needs)))
            )
        layers.append(layer)
    projects = tuple(project for layer in layers for project in layer)
    return Popular(
        projects,
        tuple(
            f"{one.name}[more]" if place % 3 == 0 else one.name
            for place, one in enumerate(layers[-1])
        ),
        tuple(f"{one.name}<={one.releases[one.settled].version}" for one in projects[::9]),
    )


def _project(random: Random, name: str, needs: list[Project]) -> Project:
    count = random.randint(4, 9)
    may_be_too_new = not needs or any(one.too_new for one in needs)
    settled = count - 1 - (random.randint(1, 3) if may_be_too_new and random.random() < 0.22 else 0)
    major, minor = random.randint(0, 3), 0
    releases = []
    for place in range(count):
        major, minor = (major + 1, 0) if random.random() < 0.1 else (major, minor + 1)
        requires = [_requirement(random, one, place / count, place > settled) for one in needs]
        if needs:
            requires.append(f'{needs[-1].name}>=0.1; extra == "more"')
            requires.append(f'{needs[0].name}>99; sys_platform == "win32" and python_version < "3"')
        yanked = "broken" if place != settled and random.random() < 0.05 else ""
        version = f"{major}.{minor}.{random.randint(0, 4)}"
        releases.append(Release(version, tuple(requires), yanked=yanked))
    releases.append(Release(f"{major + 1}.0rc1"))
    releases.append(Release(f"{major + 2}.0", python=">=3.99"))
    tags = ("py3-none-any", *(COMPILED if random.random() < 0.2 else ()))
    too_new = releases[settled + 1].version if settled < count - 1 else None
    return Project(name, tags, tuple(releases), settled, too_new)


def _requirement(random: Random, needed: Project, age: float, is_too_new: bool) -> str:
    """What a release says of a project that it needs; `age` is 0 for its first release."""
    name = f"{needed.name}[more]" if random.random() < 0.1 else needed.name
    if is_too_new and needed.too_new:
        return f"{name}>={needed.too_new}"
    text = f"{name}>={needed.releases[int(age * needed.settled)].version}"
    if age > 0.3 and needed.too_new and random.random() < 0.5:
        text += f",<{needed.too_new}"
    return text + ('; python_version >= "3.6"' if random.random() < 0.1 else "")


def _metadata(name: str, release: Release) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release.version}"]
    lines += [f"Requires-Python: {release.python}", "Provides-Extra: more"]
    lines += [f"Requires-Dist: {requirement}" for requirement in release.requires]
    return "\n".join([*lines, "", DESCRIPTION]).encode()


def _entry(filename: str, release: Release) -> dict[str, object]:
    entry = {"filename": filename, "url": filename, "requires-python": release.python}
    hashes = {"sha256": hashlib.sha256(filename.encode()).hexdigest()}
    return {**entry, "hashes": hashes, "yanked": release.yanked or False}


def _page(name: str, entries: list[dict[str, object]], pages: str) -> Reply:
    if pages == "json":
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": entries}
        content_type = "application/vnd.pypi.simple.v1+json"
        return Reply(json.dumps(page).encode(), headers={"Content-Type": content_type})
    body = "<!DOCTYPE html><html><body>\n" + "\n".join(map(_anchor, entries)) + "\n</body></html>"
    return Reply(body.encode(), headers={"Content-Type": "text/html"})
