"""Small wheels, made with our own tools."""

import base64
import hashlib
import random
import zipfile
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from support import byhand

from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import PluginProvider, ProviderInfo, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.publish.index import write_index_metadata
from pip_variants.publish.wheel import make_variant_wheel

X86_64 = PluginProvider(("x86-64-variant-provider >=0.2.1,<1",))


def plain_wheel(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    build: str | None = None,
    metadata: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """A wheel with one module; `metadata` are further lines, such as Requires-Dist."""
    folder.mkdir(parents=True, exist_ok=True)
    python, abi, platform = tag.split("-")
    path = folder / str(WheelFilename(name, version, build, python, abi, platform, None))
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        + "".join(
            f"Tag: {'-'.join(one)}\n"
            for one in product(*(part.split(".") for part in tag.split("-")))
        ),
    }
    record = [_record(file, text.encode()) for file, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in contents.items():
            archive.writestr(zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), text)
    return path


def large_wheel(folder: Path, megabytes: int, name: str = "demo", pieces: int = 20) -> Path:
    """A wheel of this size: half of it cannot be compressed, half can as compiled code can."""
    noise = random.Random(0).randbytes(megabytes * 10**6 // pieces)
    code = b"".join(noise[at : at + 32] + bytes(32) for at in range(0, len(noise), 32))
    info = f"{name}-1.0.dist-info"
    rows = []
    path = plain_wheel(folder, name)
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    del files[f"{info}/RECORD"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(pieces):
            files[f"{name}-data/{number}.bin"] = (noise, code)[number % 2]
        for file, content in files.items():
            archive.writestr(
                zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 1
            )
            rows.append(_record(file, content))
        record = "\n".join([*rows, f"{info}/RECORD,,", ""])
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD", (2020, 1, 1, 0, 0, 0)), record)
    return path


def _record(file: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    name = f'"{file}"' if "," in file else file
    return f"{name},sha256={digest},{len(content)}"


def variant_metadata(
    label: str,
    properties: Iterable[str] = (),
    *,
    namespaces: tuple[str, ...] = ("x86_64",),
    providers: Mapping[str, ProviderInfo] | None = None,
) -> VariantMetadata:
    parsed = tuple(VariantProperty.parse(text) for text in properties)
    return VariantMetadata(
        namespaces=namespaces,
        variants={label: Variant.of(label, parsed)},
        providers=providers if providers is not None else {name: X86_64 for name in namespaces},
    )


def variant_wheel(
    folder: Path,
    label: str,
    properties: Iterable[str] = (),
    name: str = "demo",
    version: str = "1.0",
    *,
    providers: Mapping[str, ProviderInfo] | None = None,
    namespaces: tuple[str, ...] = ("x86_64",),
    **plain: Any,
) -> Path:
    """A variant wheel in `folder`, without the plain one that it was made of."""
    source = plain_wheel(folder / "plain", name, version, **plain)
    metadata = variant_metadata(label, properties, namespaces=namespaces, providers=providers)
    return make_variant_wheel(source, metadata, folder, force=True)


def release(
    folder: Path,
    version: str,
    labels: Mapping[Any, Iterable[str]],
    name: str = "demo",
    *,
    index: bool = True,
    **options: Any,
) -> Path:
    """All wheels of a release, one per label (None: not a variant), and their index metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {key: options[key] for key in options if key in ("tag", "build", "metadata", "files")}
    for label, properties in labels.items():
        if label is None:
            plain_wheel(folder, name, version, **plain)
        else:
            variant_wheel(folder, label, properties, name, version, **options)
    if index:
        write_index_metadata(folder)
    return folder


def levels(*names: str) -> dict[str | None, tuple[str, ...]]:
    """One variant per x86-64 level: `v3` has the property `x86_64 :: level :: v3`."""
    return {name: (f"x86_64 :: level :: {name}",) for name in names}


_BACKEND = """
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = {wheel!r}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for file, text in {contents!r}.items():
            archive.writestr(file, text)
    return name
def get_requires_for_build_wheel(config_settings=None):
    return {requires!r}
"""


def sdist(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    requires: Iterable[str] = (),
    label: str = "",
) -> Path:
    """A source distribution that builds without any tool; it may require packages for building.

    With a label, its backend builds a variant wheel for the x86-64 level of that name.
    """
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    if label:
        metadata = variant_metadata(label, [f"x86_64 :: level :: {label}"])
        contents[f"{info}/variant.json"] = metadata.serialise().decode()
    backend = _BACKEND.format(
        wheel=f"{name}-{version}-py3-none-any{label and '-' + label}.whl",
        contents=contents,
        requires=list(requires),
    )
    files = {
        "backend.py": backend,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "PKG-INFO": contents[f"{info}/METADATA"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    return byhand.source(folder / f"{name}-{version}.tar.gz", files)
