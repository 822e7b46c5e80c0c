"""Wheels, metadata and locks written out by hand: nothing in here comes from our own writers.

So a test can say what our writers would refuse to, and cannot agree with a mistake of theirs.
"""

import base64
import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.environments import Result

SCHEMAS = "https://variants-schema.wheelnext.dev"
PEP_850 = f"{SCHEMAS}/peps/850/v0.2.0.json"
PEP_825 = f"{SCHEMAS}/peps/825/v0.1.1.json"
PEP_825_DRAFT = f"{SCHEMAS}/peps/825/v0.1.0.json"
PEP_817 = f"{SCHEMAS}/v0.0.3.json"
NEWER = f"{SCHEMAS}/peps/850/v1.3.0.json"
UNKNOWN = f"{SCHEMAS}/peps/850/v2.0.0.json"

X86_64 = {"x86_64": {"requires": ["x86-64-variant-provider>=0.2.1,<1"]}}
STATIC: dict[str, Any] = {"paint": {"static-properties": {"colour": ["red", "blue"]}}}
"""A namespace that needs no provider: what it supports stands in the metadata."""


def level(*labels: str) -> dict[str, Any]:
    return {label: {"x86_64": {"level": [label]}} for label in labels}


def colour(*labels: str) -> dict[str, Any]:
    return {label: {"paint": {"colour": [label]}} for label in labels}


def document(
    variants: Mapping[str, Any], providers: Any = None, schema: str = PEP_850, **more: Any
) -> dict[str, Any]:
    """Metadata; its namespaces are those of the providers unless `priorities` says otherwise."""
    named = {} if providers is None else {"providers": providers}
    namespaces = {name for one in variants.values() for name in one}
    return {
        "$schema": schema,
        "default-priorities": more.pop("priorities", {"namespace": list(providers or namespaces)}),
        **named,
        "variants": dict(variants),
        **more,
    }


def of_wheel(whole: Mapping[str, Any], label: str) -> dict[str, Any]:
    """What the variant.json of one wheel says, where the index says `whole`."""
    return {**whole, "variants": {label: whole["variants"][label]}}


def wheel(
    folder: Path,
    label: str | None = None,
    inside: object = None,
    version: str = "1.0",
    *,
    name: str = "demo",
    metadata: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """A wheel with this `variant.json`: an object or a text; none is None."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"BUILD = {label or 'plain'!r}\n",
        **(files or {}),
        f"{info}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if inside is not None:
        text = inside if isinstance(inside, str) else json.dumps(inside)
        contents[f"{info}/variant.json"] = text
    rows = []
    for file, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{file},sha256={digest.decode()},{len(text.encode())}")
    contents[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any{(label and f'-{label}') or ''}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in contents.items():
            archive.writestr(zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), text)
    return path


def sdist(folder: Path, version: str = "1.0") -> Path:
    """A source distribution of demo; its backend is part of it."""
    info = f"demo-{version}.dist-info"
    built = {
        "demo.py": "BUILD = 'sdist'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    backend = f"""\
import os, zipfile
def build_wheel(folder, *_, **__):
    with zipfile.ZipFile(os.path.join(folder, "demo-{version}-py3-none-any.whl"), "w") as wheel:
        for name, text in {built!r}.items():
            wheel.writestr(name, text)
    return "demo-{version}-py3-none-any.whl"
"""
    files = {
        "backend.py": backend,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        "PKG-INFO": built[f"{info}/METADATA"],
    }
    return source(folder / f"demo-{version}.tar.gz", files)


def source(path: Path, files: Mapping[str, str]) -> Path:
    """A source distribution of these files."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def release(
    folder: Path,
    whole: Mapping[str, Any],
    *,
    inside: Mapping[str, Any] | None = None,
    plain: bool = True,
    index: object = True,
    version: str = "1.0",
    name: str = "demo",
) -> Path:
    """A wheel for each variant of `inside`, which is `whole` unless it is given; and the index's file.

    `index` is what the index-level metadata is instead of `whole`; None leaves it out.
    """
    inside = inside or whole
    for label in inside["variants"]:
        wheel(folder, label, of_wheel(inside, label), version, name=name)
    if plain:
        wheel(folder, version=version, name=name)
    if index is not None:
        content = whole if index is True else index
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}-{version}-variants.json").write_text(text)
    return folder


def lock(file: Path, folder: Path, table: object = None, version: str = "1.0") -> Path:
    """A lock of this demo with all its files in the folder, and with this table of variants."""
    lines = ['lock-version = "1.0"', 'created-by = "hand"', "", "[[packages]]"]
    lines += ['name = "demo"', f'version = "{version}"']
    for sdist in folder.glob(f"demo-{version}.tar.gz"):
        lines += [f"sdist = {_toml(_locked(sdist))}"]
    wheels = [_locked(one) for one in sorted(folder.glob(f"demo-{version}-*.whl"))]
    lines += [f"wheels = {_toml(wheels)}"] if wheels else []
    if table is not None:
        lines += [f"variants-json = {_toml(table)}"]
    file.write_text("\n".join([*lines, ""]))
    return file


def _locked(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": path.name, "path": str(path), "hashes": {"sha256": digest}}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def taken(result: Result) -> str:
    """What pip's last line about its choice names: a label, `plain`, `sdist`, or what was skipped."""
    told = re.findall(
        r"^ *(?:Using the (variant \S+|wheel without variant|source distribution)|(Skipping) demo)",
        result.out,
        re.M,
    )
    last = "".join(told[-1]) if told else ""
    names = {"wheel without variant": "plain", "source distribution": "sdist"}
    return names.get(last, last.removeprefix("variant "))
