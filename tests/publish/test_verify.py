"""`pip-variants verify`: every mistake is named, right releases have none, and who would get what."""

import base64
import hashlib
import json
import shutil
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from support.server import Index, Reply
from support.wheels import (
    levels,
    plain_wheel,
    release,
    sdist,
    variant_metadata,
    variant_wheel,
)

from pip_variants.cli import main
from pip_variants.detection import client
from pip_variants.model.index_set import KNOWN_PROVIDERS
from pip_variants.model.metadata import (
    BuiltinProvider,
    PluginProvider,
    StaticProvider,
)
from pip_variants.model.support import SupportedFeature
from pip_variants.publish.index import write_index_metadata, write_pages
from pip_variants.publish.wheel import make_variant_wheel

LEVEL = "x86_64 :: level :: {}".format
LINE = "x86_64 :: microarchitecture :: {}".format
V3 = "demo-1.0-py3-none-any-v3.whl"
PLAIN = "demo-1.0-py3-none-any.whl"
JSON = "demo-1.0-variants.json"
INFO = "demo-1.0.dist-info"


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(
        tmp_path_factory.mktemp("right"), "1.0", {**levels("v2", "v3"), "null": (), None: ()}
    )


@pytest.fixture
def folder(right: Path, tmp_path: Path) -> Path:
    """A release without mistakes: v2, v3, null, a plain wheel, and the metadata of the index."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for path in right.glob("*.*"):
        shutil.copy(path, folder)
    return folder


def verify(capsys, *arguments: object, target: str = "here") -> tuple[int, str]:
    """Exit status, and what follows the tables, as one line."""
    targets = ["--target", target] if target else []
    code = main(["verify", *targets, *map(str, arguments)])
    out, err = capsys.readouterr()
    assert err == ""
    return code, " ".join(out.rpartition("\n\n")[2].replace(" \\\n", " ").split())


def found(*faults: tuple[str, str]) -> tuple[int, str]:
    """What `verify` answers for these mistakes, one for each file."""
    said = " ".join(f"{where} - {what}" for where, what in faults)
    return 1, f"{said} {len(faults)} to fix"


# Seeding faults


def edit(wheel: Path, changes: Mapping[str, str | None], record: bool = True) -> None:
    """Write a wheel again with other files (None: without one), and a right RECORD if wanted."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, text in changes.items():
        contents.pop(name, None)
        if text is not None:
            contents[name] = text.encode()
    own = next((name for name in contents if name.endswith("/RECORD")), None)
    if record and own:
        lines = [
            f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},"
            for name, data in contents.items()
            if name != own
        ]
        contents[own] = "\n".join([*lines, f"{own},,", ""]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def replaced(wheel: Path, file: str, old: str, new: str, record: bool = True) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(file).decode()
    assert old in text
    edit(wheel, {file: text.replace(old, new)}, record)


def in_v3(changes: Mapping[str, str | None]) -> Callable[[Path], None]:
    return lambda folder: edit(folder / V3, changes)


def text_in(
    wheel: str, file: str, old: str, new: str, record: bool = True
) -> Callable[[Path], None]:
    return lambda folder: replaced(folder / wheel, f"{INFO}/{file}", old, new, record)


def requires(wheel: str, dependency: str) -> Callable[[Path], None]:
    return text_in(wheel, "METADATA", "Version: 1.0", f"Version: 1.0\nRequires-Dist: {dependency}")


def document(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change the metadata of the index."""

    def seed(folder: Path) -> None:
        content = json.loads((folder / JSON).read_text())
        change(content)
        (folder / JSON).write_text(json.dumps(content))

    return seed


def variant_json(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change the metadata in v3."""

    def seed(folder: Path) -> None:
        name = f"{INFO}/variant.json"
        with zipfile.ZipFile(folder / V3) as archive:
            content = json.loads(archive.read(name))
        change(content)
        edit(folder / V3, {name: json.dumps(content)})

    return seed


def nothing_more(folder: Path) -> None:
    pass


def another(
    labels: Mapping[Any, tuple[str, ...]], then: Callable = nothing_more, **options
) -> Callable[[Path], None]:
    """Another release instead, with its own index metadata."""

    def seed(folder: Path) -> None:
        for path in list(folder.iterdir()):
            path.unlink()
        release(folder, "1.0", labels, **options)
        then(folder)

    return seed


def more(
    label: str, properties: Sequence[str] = (), then: Callable = nothing_more, **options
) -> Callable[[Path], None]:
    """One more variant, which the index knows as well."""

    def seed(folder: Path) -> None:
        variant_wheel(folder, label, properties, **options)
        write_index_metadata(folder)
        then(folder)

    return seed


def unsorted(folder: Path) -> None:
    """In a set that is a list, the order is that of the alphabet."""
    wheel, name = folder / "demo-1.0-py3-none-any-both.whl", f"{INFO}/variant.json"
    with zipfile.ZipFile(wheel) as archive:
        content = json.loads(archive.read(name))
    content["variants"]["both"]["x86_64"]["microarchitecture"].reverse()
    edit(wheel, {name: json.dumps(content)})


def respelled(wheel: Path, info: str) -> dict[str, str | None]:
    """The files of a wheel with its metadata in a folder of this name."""
    with zipfile.ZipFile(wheel) as archive:
        own = {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if name.startswith(INFO)
        }
    new = {name.replace(INFO, info): text for name, text in own.items()}
    return {**dict.fromkeys(own), **new}


def platforms(plain: str, variant: str) -> Callable[[Path], None]:
    """A plain wheel for one platform, a variant for another."""

    def seed(folder: Path) -> None:
        another({None: ()}, tag=plain)(folder)
        more("v3", [LEVEL("v3")], tag=variant)(folder)

    return seed


def renamed(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def copied(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: shutil.copy(folder / old, folder / new)


def cut_off(folder: Path) -> None:
    (folder / V3).write_bytes((folder / V3).read_bytes()[:-30])


def damaged(folder: Path) -> None:
    data = (folder / V3).read_bytes()
    assert data.count(b"VERSION = '1.0'") == 1
    (folder / V3).write_bytes(data.replace(b"VERSION = '1.0'", b"VERSION = '1.1'"))


def encrypted(folder: Path) -> None:
    data = bytearray((folder / V3).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (folder / V3).write_bytes(data)


def listed(row: str) -> Callable[[Path], None]:
    """One more row of RECORD."""
    return text_in(V3, "RECORD", f"{INFO}/RECORD,,", f"{row}\n{INFO}/RECORD,,", record=False)


def hash_of(new: str) -> Callable[[Path], None]:
    """Another hash of the module in RECORD."""
    digest = hashlib.sha256(b"VERSION = '1.0'\n").digest()
    old = f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    return text_in(V3, "RECORD", old, new, record=False)


def plugin(requirement: str) -> dict:
    return {"providers": {"acme": PluginProvider((requirement,))}, "namespaces": ("acme",)}


def unreadable_index(folder: Path) -> None:
    (folder / JSON).write_text("{")


def spelled_in_two_ways(folder: Path) -> None:
    """One metadata file stands for both, which is named as wheels ought to be."""
    make_variant_wheel(
        plain_wheel(folder / "plain", "Demo"), variant_metadata("v4", [LEVEL("v4")]), folder
    )
    write_index_metadata(folder)


def stale(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """Pages, and then a change of the folder that nobody told them."""

    def seed(folder: Path) -> None:
        write_pages(folder)
        change(folder)

    return seed


def new_index(folder: Path) -> None:
    """Metadata that says the same in other words."""
    (folder / JSON).write_text(json.dumps(json.loads((folder / JSON).read_text())))


NO_FALLBACK = (
    "for {} there is neither a wheel without variant nor the null variant: machines that no "
    "variant fits get nothing"
).format

OLD = "https://variants-schema.wheelnext.dev/v0.0.3.json"

FAULTS = {
    # names
    "a label in capitals": (
        copied(V3, "demo-1.0-py3-none-any-V3.whl"),
        "demo-1.0-py3-none-any-V3.whl",
        "invalid variant label (must match [a-z0-9_.]+): 'V3' in 'demo-1.0-py3-none-any-V3.whl'",
    ),
    "no tags": (
        copied(V3, "demo-1.0.whl"),
        "demo-1.0.whl",
        "invalid wheel file name (must be name-version(-build)?-python-abi-platform(-label)?.whl): "
        "'demo-1.0.whl'",
    ),
    # archives
    "cut off": (cut_off, V3, "it cannot be read as a wheel: File is not a zip file"),
    "damaged": (damaged, V3, "it cannot be read as a wheel: Bad CRC-32 for file 'demo.py'"),
    "encrypted": (
        encrypted,
        V3,
        "it cannot be read as a wheel: File 'demo.py' is encrypted, password required for extraction",
    ),
    "no metadata folder": (
        in_v3({f"{INFO}/{one}": None for one in ("METADATA", "WHEEL", "RECORD", "variant.json")}),
        V3,
        "it must have one .dist-info folder, not 0",
    ),
    "two metadata folders": (
        in_v3({"other-1.0.dist-info/METADATA": ""}),
        V3,
        "it must have one .dist-info folder, not 2",
    ),
    "metadata folder of another version": (
        lambda folder: plain_wheel(folder / "other", version="1").rename(folder / PLAIN),
        PLAIN,
        "its folder demo-1.dist-info must be called demo-1.0.dist-info",
    ),
    "data folder of another version": (
        in_v3({"demo-1.0+cu12.data/scripts/run": ""}),
        V3,
        "its folder demo-1.0+cu12.data must be called demo-1.0.data",
    ),
    "variant.json in a plain wheel": (
        copied("demo-1.0-py3-none-any-null.whl", PLAIN),
        PLAIN,
        "it has variant.json, and its name has no label",
    ),
    # METADATA and WHEEL
    "no METADATA": (in_v3({f"{INFO}/METADATA": None}), V3, f"{INFO}/METADATA is missing"),
    "no WHEEL": (in_v3({f"{INFO}/WHEEL": None}), V3, f"{INFO}/WHEEL is missing"),
    "another project": (
        text_in(V3, "METADATA", "Name: demo", "Name: other"),
        V3,
        "METADATA says that it is other 1.0, not demo 1.0",
    ),
    "another version": (
        text_in(V3, "METADATA", "Version: 1.0", "Version: 1.1"),
        V3,
        "METADATA says that it is demo 1.1, not demo 1.0",
    ),
    "no version": (
        text_in(V3, "METADATA", "\nVersion: 1.0", "\nVersion: first"),
        V3,
        "METADATA says that it is demo first, not demo 1.0",
    ),
    "a dependency that is none": (
        requires(V3, "not one"),
        V3,
        "its dependency 'not one' cannot be read",
    ),
    "a dependency that is none, of some variants": (
        requires(V3, "not one; variant_label == 'v4'"),
        V3,
        "its dependency \"not one; variant_label == 'v4'\" cannot be read",
    ),
    "a variant marker that is none": (
        requires(V3, "cuda; 'nvidia' == variant_namespaces"),
        V3,
        "its dependency \"cuda; 'nvidia' == variant_namespaces\" cannot be read",
    ),
    "a variant marker in a plain wheel": (
        requires(PLAIN, "cuda; 'nvidia' in variant_namespaces"),
        PLAIN,
        "it is no variant, so installers may fail at its dependency "
        "\"cuda; 'nvidia' in variant_namespaces\"",
    ),
    # RECORD
    "no RECORD": (in_v3({f"{INFO}/RECORD": None}), V3, f"{INFO}/RECORD is missing"),
    "a file that is not in RECORD": (
        lambda folder: edit(folder / V3, {"more.py": ""}, record=False),
        V3,
        "more.py is not in RECORD",
    ),
    "a file that is only in RECORD": (
        listed("gone.py,sha256=x,1"),
        V3,
        "gone.py is in RECORD and not in the wheel",
    ),
    "no hash": (
        hash_of(""),
        V3,
        "demo.py is not what RECORD says, by sha256 or better",
    ),
    "a weak hash": (
        hash_of("md5=x"),
        V3,
        "demo.py is not what RECORD says, by sha256 or better",
    ),
    "another content": (
        lambda folder: edit(folder / V3, {"demo.py": "VERSION = None"}, record=False),
        V3,
        "demo.py is not what RECORD says, by sha256 or better",
    ),
    "a RECORD that is no table": (
        listed(f'"{"x" * 140_000}"'),
        V3,
        "it cannot be read as a wheel: field larger than field limit (131072)",
    ),
    # variant.json
    "no variant.json": (in_v3({f"{INFO}/variant.json": None}), V3, "it has no variant.json"),
    "a second variant.json": (
        in_v3({f"demo-1.0.data/purelib/{INFO}/variant.json": "{}"}),
        V3,
        f"it brings a second variant.json (demo-1.0.data/purelib/{INFO}/variant.json)",
    ),
    "a folder of another spelling": (
        lambda folder: edit(folder / V3, respelled(folder / V3, "Demo-1.0.dist-info")),
        V3,
        f"its folder Demo-1.0.dist-info must be called {INFO}",
    ),
    "a second folder of another spelling": (
        in_v3({"Demo-1.0.dist-info/variant.json": "{}"}),
        V3,
        "it must have one .dist-info folder, not 2",
    ),
    "values that are not sorted": (
        more("both", [LINE("haswell"), LINE("zen2")], then=unsorted),
        "demo-1.0-py3-none-any-both.whl",
        "the values of x86_64 :: microarchitecture in both must be sorted, not zen2, haswell",
    ),
    "variant.json is not JSON": (
        in_v3({f"{INFO}/variant.json": "{"}),
        V3,
        f"{INFO}/variant.json is not valid JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ),
    "a text instead of a list": (
        variant_json(lambda d: d["variants"]["v3"]["x86_64"].update(level="v3")),
        V3,
        f"{INFO}/variant.json: variants.v3.x86_64.level must be a list of strings, not 'v3'",
    ),
    "an unknown schema": (
        variant_json(lambda d: d.update({"$schema": OLD.replace("v0", "v9")})),
        V3,
        f"{INFO}/variant.json: $schema must have a supported major version (0, 1), not "
        "'https://variants-schema.wheelnext.dev/v9.0.3.json'",
    ),
    "the metadata of another label": (
        copied("demo-1.0-py3-none-any-v2.whl", V3),
        V3,
        f"{INFO}/variant.json must describe v3 and nothing else, not v2",
    ),
    "an old draft": (
        variant_json(
            lambda d: d.update(
                {"$schema": OLD}
                | {"default-priorities": {"namespace": ["x86_64"], "feature": {"x86_64": ["avx2"]}}}
            )
        ),
        V3,
        f"{INFO}/variant.json has keys that are not known here and would be lost: "
        "default-priorities.feature",
    ),
    "an unknown key": (
        variant_json(lambda d: d["providers"]["x86_64"].update(wasm={})),
        V3,
        f"{INFO}/variant.json has keys that are not known here and would be lost: "
        "providers.x86_64.wasm",
    ),
    "a newer schema": (
        variant_json(lambda d: d.update({"$schema": OLD.replace("v0.0.3", "v1.3.0")})),
        V3,
        f"{INFO}/variant.json has schema 1.3.0; what is written here is at most 0.2.0",
    ),
    "an unknown key in the index": (
        document(lambda d: d.update(wasm={})),
        JSON,
        "it has keys that are not known here and would be lost: wasm",
    ),
    "no provider": (
        variant_json(
            lambda d: (
                d.pop("providers")
                and d.update(
                    {"$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"}
                )
            )
        ),
        V3,
        "no provider is named for x86_64: pip takes this variant only with --variant-enable x86_64",
    ),
    "an unknown builtin": (
        another(
            {"fast": ("acme :: engine :: mk2",), None: ()},
            providers={"acme": BuiltinProvider("engine")},
            namespaces=("acme",),
        ),
        "demo-1.0-py3-none-any-fast.whl",
        "the provider of acme is called engine, which no installer has",
    ),
    "a static property that is not listed": (
        another(
            {"fast": ("blas :: library :: mlk",), None: ()},
            providers={"blas": StaticProvider((SupportedFeature("library", ("mkl", "openblas")),))},
            namespaces=("blas",),
        ),
        "demo 1.0",
        "fast: static-properties knows no blas :: library :: mlk, but mkl, openblas",
    ),
    "an ABI dependency on no release": (
        more("torch", ["abi_dependency :: torch :: 2.09", LEVEL("v3")]),
        "demo-1.0-py3-none-any-torch.whl",
        "abi_dependency :: torch :: 2.09 is no release: up to three numbers, as in 2.9",
    ),
    "no properties": (
        another({"nothing": (), None: ()}),
        "demo-1.0-py3-none-any-nothing.whl",
        "nothing has no properties: the label of such a variant is null",
    ),
    # releases
    "one label, two meanings": (
        lambda folder: variant_wheel(folder, "v3", [LEVEL("v4")], build="2"),
        "demo 1.0",
        "demo-1.0-py3-none-any-v3.whl contradicts the files before it: variants.v3 differs",
    ),
    "namespaces in another order": (
        lambda folder: variant_wheel(folder, "v3", [LEVEL("v3")], namespaces=("nvidia", "x86_64")),
        "demo 1.0",
        "demo-1.0-py3-none-any-v3.whl contradicts the files before it: default-priorities.namespace "
        "differs: ['x86_64'] and ['nvidia', 'x86_64']",
    ),
    "two labels, one meaning": (
        more("third", [LEVEL("v3")]),
        "demo 1.0",
        "v3 is never chosen: third fits wherever it does",
    ),
    "a label that no target takes": (
        another({"haswell": (LINE("haswell"),), "both": (LINE("haswell"), LINE("zen2")), None: ()}),
        "demo 1.0",
        "haswell is never chosen: both fits wherever it does",
    ),
    "several values of one": (
        more("both", [LEVEL("v3"), LEVEL("v4")]),
        "demo 1.0",
        "v3 is never chosen: both fits wherever it does - both has 2 values of x86_64 :: level, of which "
        "x86-64-variant-provider allows one: v3, v4",
    ),
    "the null variant alone": (
        another({**levels("v3"), "null": ()}),
        "demo 1.0",
        "for py3-none-any there is no wheel without variant: installers that know no variants get "
        "nothing pip-variants make --label none {dist}/demo-1.0-py3-none-any-null.whl",
    ),
    "nobody answers": (
        another(
            {"cu12": ("nvidia :: cuda_version_lower_bound :: 12.4",), None: ()},
            namespaces=("nvidia",),
            providers={"nvidia": PluginProvider(("nvidia-variant-provider",))},
        ),
        "demo 1.0",
        "nobody answers for nvidia: its provider is nvidia-variant-provider at nvidia_variant_provider, "
        "registered is nvidia-variant-provider 0.0.2 at nvidia_variant_provider.plugin:NvidiaVariantPlugin",
    ),
    "no fallback": (another(levels("v2", "v3")), "demo 1.0", NO_FALLBACK("py3-none-any")),
    "no fallback on another platform": (
        platforms("cp312-cp312-win_amd64", "cp312-cp312-win_arm64"),
        "demo 1.0",
        NO_FALLBACK("cp312-cp312-win_arm64"),
    ),
    "no fallback for another Python": (
        platforms("cp312-cp312-win_amd64", "cp313-cp313-win_amd64"),
        "demo 1.0",
        NO_FALLBACK("cp313-cp313-win_amd64"),
    ),
    "no fallback for another Python, without ABI": (
        platforms("cp312-none-win_amd64", "cp313-none-win_amd64"),
        "demo 1.0",
        NO_FALLBACK("cp313-none-win_amd64"),
    ),
    "no fallback on older machines": (
        platforms("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux2014_x86_64"),
        "demo 1.0",
        NO_FALLBACK("cp312-cp312-manylinux2014_x86_64"),
    ),
    "an unknown feature": (
        more("fast", ["x86_64 :: levle :: v3"]),
        "demo 1.0",
        "fast: x86-64-variant-provider knows no feature x86_64 :: levle, but level, ...",
    ),
    "an unknown value": (
        more("v5", [LEVEL("v5")]),
        "demo 1.0",
        "v5: x86-64-variant-provider knows no x86_64 :: level :: v5, but v4, v3, v2, v1",
    ),
    # the metadata of the index
    "no index metadata": (
        lambda folder: (folder / JSON).unlink(),
        JSON,
        "it is missing pip-variants index {dist}",
    ),
    "a label is missing in the index": (
        document(lambda d: d["variants"].pop("v3")),
        JSON,
        "v3 is missing, of which there is a wheel pip-variants index {dist}",
    ),
    "a label without wheel": (
        document(lambda d: d["variants"].update(v4={"x86_64": {"level": ["v4"]}})),
        JSON,
        "v4 is listed, and there is no wheel of it",
    ),
    "other properties in the index": (
        document(lambda d: d["variants"].update(v3={"x86_64": {"level": ["v4"]}})),
        JSON,
        "it contradicts its wheels: variants.v3 differs",
    ),
    "other namespaces in the index": (
        document(
            lambda d: (
                d["default-priorities"]["namespace"].insert(0, "nvidia")
                or d["providers"].update(nvidia={"requires": ["nvidia-variant-provider"]})
            )
        ),
        JSON,
        "it contradicts its wheels: default-priorities.namespace differs: ['x86_64'] and ['nvidia', 'x86_64']",
    ),
    "another provider in the index": (
        document(lambda d: d["providers"]["x86_64"].update(requires=["evil"])),
        JSON,
        "it contradicts its wheels: providers.x86_64 differs",
    ),
    "index metadata that is not JSON": (
        unreadable_index,
        JSON,
        "it is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1)",
    ),
    "wrong index metadata": (
        document(lambda d: d.update(variants=3)),
        JSON,
        "variants must be an object, not 3",
    ),
    "values that are not sorted, in the index": (
        document(lambda d: d["variants"].update(both={"x86_64": {"level": ["v4", "v1"]}})),
        JSON,
        "the values of x86_64 :: level in both must be sorted, not v4, v1 - both is listed, and there "
        "is no wheel of it",
    ),
    "two files for the index": (
        copied(JSON, "Demo-1.0-variants.json"),
        "Demo-1.0-variants.json",
        f"{JSON} is there too: with both, pip takes none rm {{dist}}/Demo-1.0-variants.json",
    ),
    "a page that lacks a wheel": (
        stale(lambda folder: (folder / "simple/demo/index.html").write_text("<a></a>")),
        "simple/demo/index.html",
        "it does not say what is in the folder pip-variants index {dist}",
    ),
    "a page of another time": (
        stale(new_index),
        "simple/demo/index.html",
        "it does not say what is in the folder pip-variants index {dist} simple/demo/index.json - it "
        "does not say what is in the folder pip-variants index {dist}",
    ),
    "metadata beside a wheel that is of another": (
        stale(lambda folder: (folder / f"{V3}.metadata").write_text("Name: other")),
        f"{V3}.metadata",
        "it does not say what is in the folder pip-variants index {dist}",
    ),
    "index metadata and no variant wheel": (
        another({None: ()}, then=lambda folder: (folder / JSON).write_text("{}")),
        JSON,
        "no variant wheel here belongs to it",
    ),
    "index metadata with another name": (
        renamed(JSON, "Demo-1.0.0-variants.json"),
        "Demo-1.0.0-variants.json",
        f"it must be called {JSON}, as its wheels are",
    ),
    "index metadata of no release": (
        copied(JSON, "demo-2.0-variants.json"),
        "demo-2.0-variants.json",
        "no variant wheel here belongs to it",
    ),
}


@pytest.mark.parametrize(("seed", "where", "what"), FAULTS.values(), ids=FAULTS)
def test_a_mistake_is_found_and_nothing_else(folder: Path, capsys, seed, where, what) -> None:
    seed(folder)
    code, said = verify(capsys, folder)
    expected = what.replace("{dist}", str(folder))
    number = expected.count(" - ") + 1
    assert (code, said) == (1, f"{where} - {expected} {number} to fix")


def test_all_mistakes_at_once_are_listed_by_file(folder: Path, capsys) -> None:
    for name in ("data folder of another version", "another content", "a label without wheel"):
        FAULTS[name][0](folder)
    (folder / PLAIN).unlink()
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    main(["verify", "--target", "here", str(folder)])
    assert (
        capsys.readouterr().out.partition("\n\n")[2]
        == f"""\
{V3}
  - its folder demo-1.0+cu12.data must be called demo-1.0.data
  - demo.py is not what RECORD says, by sha256 or better
demo 1.0
  - for py3-none-any there is neither a wheel without variant nor the null
    variant: machines that no variant fits get nothing
{JSON}
  - null is listed, and there is no wheel of it
  - v4 is listed, and there is no wheel of it
5 to fix
"""
    )


def test_a_requirement_that_cannot_be_read(folder: Path, capsys) -> None:
    """Its provider cannot be asked, either."""
    another({"mk2": ("acme :: engine :: mk2",), None: ()}, **plugin("acme >= "))(folder)
    code, said = verify(capsys, folder)
    assert (code, said) == (
        1,
        "demo 1.0: the properties of acme were not checked: acme is not installed here or cannot "
        "say what there is demo-1.0-py3-none-any-mk2.whl - the provider of acme requires "
        "'acme >= ', which cannot be read 1 to fix",
    )


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_nothing_to_look_at(tmp_path: Path, capsys, what: str) -> None:
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
        sdist(folder)
    assert main(["verify", str(folder)]) == 1
    complaint = "there is no file" if what == "missing" else "there are no wheels in"
    assert capsys.readouterr().err == f"pip-variants: {complaint} {folder}\n"


# Right releases


def several_platforms(folder: Path) -> None:
    another({})(folder)
    for tag in ("cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64"):
        release(folder, "1.0", levels("v3", "v4"), tag=tag)
    # The same meaning under two labels does no harm where no machine sees both.
    variant_wheel(folder, "cuda", [LEVEL("v4")], tag="cp312-cp312-win_amd64")
    # Each is a fallback in another way: for several platforms and Pythons, older, universal.
    plain_wheel(folder, tag="cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64")
    plain_wheel(folder, tag="py2.py3-none-win32.win_amd64")
    variant_wheel(folder, "v2", [LEVEL("v2")], tag="cp312-cp312-macosx_11_0_x86_64")
    variant_wheel(folder, "all", [LEVEL("v3")], tag="cp312-cp312-macosx_11_0_x86_64")
    plain_wheel(folder, tag="cp312-cp312-macosx_10_13_universal2")
    write_index_metadata(folder)


def with_all_sorts_of_properties(folder: Path) -> None:
    providers = {
        "nvidia": KNOWN_PROVIDERS["nvidia"],
        "blas": StaticProvider((SupportedFeature("library", ("mkl", "openblas")),)),
        "abi": BuiltinProvider("abi_dependency"),
    }
    more: dict[str, Any] = {"namespaces": tuple(providers), "providers": providers}
    labels = {
        "cu12": ("nvidia :: cuda_version_lower_bound :: 12.4", "nvidia :: sm_arch :: 90_real"),
        "cu12_mkl": ("nvidia :: cuda_version_lower_bound :: 12.4", "blas :: library :: mkl"),
        "openblas": ("blas :: library :: openblas",),
        "torch2": ("abi :: torch :: 2.8", "abi :: torch :: 2.10"),
        "old": ("abi_dependency :: numpy :: 1",),
    }
    dependency = "Requires-Dist: cuda; 'nvidia' in variant_namespaces and extra == 'gpu'"
    another({**labels, None: ()}, **more)(folder)
    variant_wheel(folder, "null", build="1", metadata=[dependency], **more)
    write_index_metadata(folder)


def as_others_name_things(folder: Path) -> None:
    """Spelling, signatures, folders in the archive, and a folder of wheels that has more."""
    release(folder, "1.0+cu12.local", {**levels("v3"), None: ()}, "Demo.One")
    release(folder, "2.0", {**levels("v3"), None: ()}, "Demo.One")
    wheel = folder / "Demo.One-2.0-py3-none-any-v3.whl"
    replaced(
        wheel,
        "Demo.One-2.0.dist-info/METADATA",
        "Name: Demo.One\nVersion: 2.0",
        "Name: demo-one\nVersion: 2",
    )
    edit(wheel, {"package/": "", "Demo.One-2.0.dist-info/RECORD.jws": "{}"})
    record = "Demo.One-2.0.dist-info/RECORD"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(record).decode()
    rows = [row for row in text.splitlines() if not row.startswith(("package/", f"{record}.jws"))]
    edit(wheel, {record: "\n".join(rows)}, record=False)
    (folder / "simple").mkdir()
    (folder / "notes.txt").write_text("")


@pytest.mark.parametrize(
    "make",
    [
        another({**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}),
        another({**levels("v3"), None: ()}),
        lambda folder: [another({**levels("v3"), "null": ()})(folder), sdist(folder)],
        another({None: ()}),
        spelled_in_two_ways,
        renamed(JSON, "DEMO-1.0-variants.json"),
        write_pages,
        # More levels or fewer features are not better than what they contain.
        another(
            {
                "a": (LINE("zen2"), LINE("haswell")),
                "b": (LINE("zen2"), "x86_64 :: aes :: on"),
                None: (),
            }
        ),
        another({"b": (LINE("zen2"), LINE("haswell")), "a": (LINE("zen2"),), None: ()}),
        with_all_sorts_of_properties,
        several_platforms,
        as_others_name_things,
        lambda folder: [another(levels("v3"))(folder), sdist(folder)],
        lambda folder: (folder / "Demo-2.0-py3-none-any.whl").exists(),
    ],
)
def test_right_releases_have_no_mistakes(folder: Path, capsys, make) -> None:
    make(folder)
    assert verify(capsys, folder) == (0, "OK")


def test_wheels_alone_need_no_index_metadata(folder: Path, capsys) -> None:
    wheels = sorted(folder.glob("*.whl"))
    assert verify(capsys, *wheels) == (0, "OK")
    assert verify(capsys, *wheels, folder / JSON) == (0, "OK")
    unlisted = document(lambda d: d["variants"].pop("v3"))
    unlisted(folder)
    fault = JSON, f"v3 is missing, of which there is a wheel pip-variants index {folder}"
    assert verify(capsys, *wheels, folder / JSON) == found(fault)


def test_what_cannot_be_checked_is_said_and_is_no_mistake(folder: Path, capsys) -> None:
    another({"mk2": ("acme :: engine :: mk2",), None: ()}, **plugin("acme-variants"))(folder)
    assert verify(capsys, folder) == (
        0,
        "demo 1.0: the properties of acme were not checked: acme-variants is not installed here or "
        "cannot say what there is OK",
    )


def test_a_provider_that_fails(folder: Path, capsys, monkeypatch) -> None:
    ends = "print('no memory'); raise SystemExit(3)"
    monkeypatch.setattr(client, "command", lambda: [sys.executable, "-c", ends])
    assert main(["verify", "--target", "here", str(folder)]) == 0
    out = capsys.readouterr().out
    said = "the detection process of pip-variants could not start (no memory; exit status 3)"
    assert " ".join(out.split()) == (
        f"demo 1.0, py3-none-any: no variant, null, v2, v3 target takes because of here {said} "
        f"demo 1.0: the properties of x86_64 were not checked: {said} OK"
    )
    assert max(map(len, out.splitlines())) <= 80


# An index


@pytest.fixture
def published(index: Index, right: Path) -> Path:
    folder = index.root / "demo"
    folder.mkdir()
    for path in right.glob("*.*"):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("pages", ["html", "json"])
@pytest.mark.parametrize("ranges", [True, False])
def test_an_index(index: Index, published: Path, capsys, pages, ranges) -> None:
    index.pages, index.ranges = pages, ranges
    assert verify(capsys, f"{index.url}demo/") == (0, "OK")


def test_of_large_wheels_only_what_is_needed_is_fetched(index, published: Path, capsys) -> None:
    big = {"big.bin": "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(2**14))}
    release(published, "1.0", {**levels("v2", "v3"), "null": (), None: ()}, files=big)
    sent = []

    def noted(reply: Reply) -> Reply:
        sent.append(len(reply.body))
        return reply

    index.faults["PARTS", V3] = noted
    assert verify(capsys, f"{index.url}demo/") == (0, "OK")
    assert 0 < sum(sent) < (published / V3).stat().st_size / 4
    listed("gone.py,sha256=x,1")(published)
    # RECORD stands far from the end now.
    with zipfile.ZipFile(published / V3) as archive:
        record = archive.read(f"{INFO}/RECORD").decode()
    edit(published / V3, {"big.bin": None, f"{INFO}/RECORD": record}, record=False)
    edit(published / V3, {"big.bin": big["big.bin"]}, record=False)
    fault = V3, "gone.py is in RECORD and not in the wheel"
    assert verify(capsys, f"{index.url}demo/") == found(fault)


REMOTE = (
    "a label in capitals",
    "cut off",
    "no metadata folder",
    "another version",
    "a file that is not in RECORD",
    "no variant.json",
    "one label, two meanings",
    "two labels, one meaning",
    "no fallback",
    "an unknown value",
    "a label is missing in the index",
    "index metadata and no variant wheel",
)


@pytest.mark.parametrize("name", REMOTE)
def test_mistakes_on_an_index(index: Index, published: Path, capsys, name: str) -> None:
    seed, where, what = FAULTS[name]
    seed(published)
    code, said = verify(capsys, f"{index.url}demo/")
    assert code == 1
    assert f"{where} - {what}".replace("{dist}", "dist") in said


@pytest.mark.parametrize("pages", ["html", "json"])
def test_a_wrong_hash_of_the_index_metadata(index: Index, published: Path, capsys, pages) -> None:
    index.pages = pages
    unknown = {"unheard_of": "1"} if pages == "json" else {}
    index.attributes[JSON] = {"hashes": {"sha256": "0" * 64, **unknown}}
    actual = hashlib.sha256((published / JSON).read_bytes()).hexdigest()
    code, said = verify(capsys, f"{index.url}demo/")
    assert code == 1
    assert f"hash that its index gives: expected sha256 {'0' * 64}, got {actual}" in said


# What users get from an index is what pip makes of it


def large(folder: Path) -> None:
    """Of such wheels pip fetches no more than the end, and a server has to be able to send that."""
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(2**17))
    release(
        folder,
        "1.0",
        {**levels("v2", "v3"), "null": (), None: ()},
        files={"big.bin": noise},
        index=False,
    )


def test_an_index_that_cannot_have_metadata(index: Index, published: Path, capsys) -> None:
    """It costs requests, and everybody gets the right wheel."""
    (published / JSON).unlink()
    code, said = verify(capsys, f"{index.url}demo/", target="x86_64_v3")
    assert (code, said) == (0, "OK")


def test_an_index_from_which_nobody_gets_a_variant(index: Index, published: Path, capsys) -> None:
    (published / JSON).unlink()
    large(published)
    address = f"{index.url}demo/"
    assert main(["verify", address, "--target", "x86_64_v3"]) == 0
    assert "x86_64_v3  v3 " in capsys.readouterr().out
    index.ranges = False
    assert main(["verify", address, "--target", "x86_64_v3"]) == 1
    out = capsys.readouterr().out
    assert "x86_64_v3  no variant" in out
    assert "its index has no variant metadata for it and cannot serve parts of a wheel" in " ".join(
        out.split()
    )


def test_an_index_is_asked_where_no_target_is_known(index: Index, published: Path, capsys) -> None:
    """Else nobody would find out that users get none of the builds for GPUs."""
    big = {"big.txt": "x" * 5 * 2**20}
    nvidia: dict[str, Any] = {
        "namespaces": ("nvidia",),
        "providers": {"nvidia": KNOWN_PROVIDERS["nvidia"]},
    }
    tag = "cp312-cp312-win_amd64"
    labels = {"sm90": ("nvidia :: sm_arch :: 90_real",), None: ()}
    another(labels, files=big, tag=tag, **nvidia)(published)
    address = f"{index.url}demo/"
    assert main(["verify", address]) == 0
    assert "  here    no variant" in capsys.readouterr().out
    index.ranges = False
    (published / JSON).unlink()
    assert main(["verify", address]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "its index has no variant metadata for it and cannot serve parts of a wheel" in said


def test_an_index_that_dropped_all_variants(index: Index, published: Path, capsys) -> None:
    for path in [*published.glob("*-v?.whl"), *published.glob("*-null.whl"), published / JSON]:
        path.unlink()
    assert verify(capsys, f"{index.url}demo/") == found(
        ("the page", "it lists no variant wheel: the server took none, or shows none")
    )


def test_an_index_is_asked_as_stock_settings_have_it(index, published, capsys, monkeypatch) -> None:
    """Not for one whose pip is told to take no variants, or to look elsewhere."""
    monkeypatch.setenv("PIP_NO_VARIANTS", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(published))
    assert main(["verify", f"{index.url}demo/", "--target", "x86_64_v3"]) == 0
    assert "x86_64_v3  v3 " in capsys.readouterr().out


def test_wheels_for_other_platforms_on_an_index(index: Index, published: Path, capsys) -> None:
    several_platforms(published)
    assert (
        main(["verify", f"{index.url}demo/", "--target", "x86_64_v4", "--target", "x86_64_v1"]) == 0
    )
    out = capsys.readouterr().out
    rows = [line.split()[:2] for line in out.splitlines() if line.startswith("  x86_64_v4")]
    assert sorted(takes for _, takes in rows) == ["all", "cuda", "v4"]
    assert out.count("x86_64_v1  no variant") == 3


def page(*links: str) -> Reply:
    body = "".join(f'<a href="{link}">x</a>' for link in links)
    return Reply(body.encode(), headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(b"gone", 404), "cannot be read: HTTP status 404, Not Found"),
        (Reply(b"", 500), "cannot be read: HTTP status 500, Internal Server Error"),
        (page(), "lists no wheels: give the address of a project's page"),
        (page("demo-1.0.tar.gz"), "lists no wheels: give the address of a project's page"),
        (
            page("http://[broken/x.whl"),
            "is no page of a project, as .../simple/demo/ is: ValueError('Invalid IPv6 URL')",
        ),
        (
            Reply(b"{}", headers={"Content-Type": "application/json"}),
            "is no page of a project, as .../simple/demo/ is: KeyError('files')",
        ),
        (
            Reply(b"[", headers={"Content-Type": "application/vnd.pypi.simple.v1+json"}),
            "is no page of a project, as .../simple/demo/ is: "
            "JSONDecodeError('Expecting value: line 1 column 2 (char 1)')",
        ),
        (
            Reply(b'{"files": [{"filename": 1}]}', headers={"Content-Type": "application/json"}),
            "is no page of a project, as .../simple/demo/ is: KeyError('url')",
        ),
        (
            Reply(b"<", headers={"Content-Length": "9", "Connection": "close"}),
            "cannot be read: the last 8 bytes are missing",
        ),
    ],
)
def test_what_is_no_page(index: Index, capsys, reply: Reply, complaint: str) -> None:
    index.replies["/simple/demo/"] = reply
    assert main(["verify", f"{index.url}demo/"]) == 1
    assert capsys.readouterr().err == f"pip-variants: {index.url}demo/ {complaint}\n"


def test_an_answer_that_is_an_error_is_closed(index: Index, capsys, monkeypatch) -> None:
    """Python 3.14 warns of one that is not."""
    answers: list[HTTPError] = []

    def urlopen(*arguments: object, original=urllib.request.urlopen, **options: object) -> object:
        try:
            return original(*arguments, **options)
        except HTTPError as error:
            answers.append(error)
            raise

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert main(["verify", f"{index.url}demo/"]) == 1
    assert [answer.closed for answer in answers] == [True]


def test_an_index_that_is_not_there(index: Index, capsys) -> None:
    index.__exit__()
    assert main(["verify", f"{index.url}demo/"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"pip-variants: {index.url}demo/ cannot be read: ")
    assert err.endswith(" Connection refused\n")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/demo/", "data://x"])
def test_only_http_is_read(capsys, address: str) -> None:
    assert main(["verify", address]) == 1
    assert capsys.readouterr().err == f"pip-variants: {address} is no http or https address\n"


def test_a_page_cannot_make_us_read_files(index: Index, published: Path, capsys) -> None:
    plain = (published / PLAIN).as_uri()
    index.replies["/simple/demo/"] = page(plain, V3, "demo-1.0-py3-none-any-v2.whl", JSON)
    index.replies[V3] = Reply(b"", 302, {"Location": (published / V3).as_uri()})
    (published / "demo-1.0-py3-none-any-null.whl").unlink()
    write_index_metadata(published)
    code, said = verify(capsys, f"{index.url}demo/")
    assert code == 1
    said = said.replace(" ", "")  # long addresses are wrapped
    assert f"{PLAIN}-{plain}isnohttporhttpsaddress" in said
    assert f"{V3}-{index.url}demo/{V3}cannotberead:HTTPstatus302" in said
    assert said.endswith("2tofix")


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(b"gone", 404), "HTTP status 404, Not Found"),
        (
            Reply(b"x", headers={"Content-Length": "100", "Connection": "close"}),
            "the last 99 bytes are missing",
        ),
    ],
)
@pytest.mark.parametrize("file", [V3, JSON])
def test_files_that_cannot_be_read_are_mistakes(
    index: Index, published: Path, capsys, file: str, reply: Reply, complaint: str
) -> None:
    index.replies[file] = reply
    code, said = verify(capsys, f"{index.url}demo/")
    assert code == 1
    assert said.endswith(f"{file} - {index.url}demo/{file} cannot be read: {complaint} 1 to fix")


def without_range(reply: Reply) -> Reply:
    del reply.headers["Content-Range"]
    return reply


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda reply: Reply(reply.body, 206), "it sent a part of it that it calls ''"),
        (
            lambda reply: Reply(reply.body, 206, {"Content-Range": "bytes 0-5/*"}),
            "it sent a part of it that it calls 'bytes 0-5/*'",
        ),
        (
            lambda reply: Reply(reply.body, 206, {"Content-Range": "bytes 7-9/10"}),
            "it sent a part of it that it calls 'bytes 7-9/10'",
        ),
    ],
)
def test_parts_that_are_none(index: Index, published: Path, capsys, change, complaint) -> None:
    index.faults["PARTS", V3] = change
    fault = V3, f"{index.url}demo/{V3} cannot be read: {complaint}"
    assert verify(capsys, f"{index.url}demo/") == found(fault)


def test_a_server_that_stops_to_send_parts(index: Index, published: Path, capsys) -> None:
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(2**12))
    release(published, "1.0", {**levels("v2", "v3"), "null": (), None: ()}, files={"a": noise})
    # METADATA stands far from the end.
    edit(published / V3, {"a": None})
    edit(published / V3, {"a": noise})
    parts = iter(range(9))
    index.faults["PARTS", V3] = lambda reply: Reply(b"", 200) if next(parts) else reply
    fault = V3, f"{index.url}demo/{V3} cannot be read: it does not send parts of it any more"
    assert verify(capsys, f"{index.url}demo/") == found(fault)


def test_a_page_with_a_base(index: Index, published: Path, capsys) -> None:
    links = "".join(f'<a href="{path.name}">x</a>' for path in published.iterdir())
    page = f'<base href="{index.url}demo/"><a>no address</a>{links}'.encode()
    index.replies["/simple/elsewhere/"] = Reply(page, headers={"Content-Type": "text/html"})
    assert verify(capsys, f"{index.url}elsewhere/") == (0, "OK")
    # pip, and so everybody, takes a relative one as it is.
    relative = page.replace(index.url.encode(), b"../")
    index.replies["/simple/elsewhere/"] = Reply(relative, headers={"Content-Type": "text/html"})
    assert verify(capsys, f"{index.url}elsewhere/")[0] == 1


# Who would get what


def table(capsys, *arguments: object) -> str:
    """What is printed before the mistakes; nothing of it is wider than 80 columns."""
    code = main(["verify", *map(str, arguments)])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert code == 0, out
    return out.rpartition("\n\n")[0]


def test_which_wheel_each_processor_gets(folder: Path, capsys) -> None:
    assert (
        table(capsys, folder)
        == """\
demo 1.0, py3-none-any: no variant, null, v2, v3
  target     takes  because of
  x86_64_v4  v3     x86_64 :: level :: v3
  x86_64_v3  v3     x86_64 :: level :: v3
  x86_64_v2  v2     x86_64 :: level :: v2
  x86_64_v1  null"""
    )


def test_targets_by_name_and_file_and_here(
    folder: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v2,v1")
    file = tmp_path / "node.toml"
    assert main(["target", "-o", str(file)]) == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v1")
    capsys.readouterr()
    targets = [part for one in ("node.toml", "x86_64_v3", "here") for part in ("--target", one)]
    assert (
        table(capsys, *targets, folder)
        == """\
demo 1.0, py3-none-any: no variant, null, v2, v3
  target     takes  because of
  node.toml  v2     x86_64 :: level :: v2
  x86_64_v3  v3     x86_64 :: level :: v3
  here       null"""
    )


def test_platforms_with_different_labels(folder: Path, capsys) -> None:
    """Each with what fits there: a plain wheel for everything fits everywhere."""
    another({None: ()})(folder)
    for tag in ("cp312-cp312-win_amd64", "cp313-cp313-win_amd64"):
        release(folder, "1.0", levels("v3", "v4"), tag=tag)
    release(folder, "1.0", levels("v2"), tag="cp312-cp312-macosx_10_13_x86_64")
    release(folder, "2.0", levels("v3"), tag="cp312-cp312-win_amd64")
    sdist(folder, version="2.0")
    plain_wheel(folder, "other")
    assert (
        table(capsys, "--target", "x86_64_v3", "--target", "x86_64_v1", folder)
        == """\
demo 1.0, cp312-cp312-macosx_10_13_x86_64: no variant, v2
  target     takes       because of
  x86_64_v3  v2          x86_64 :: level :: v2
  x86_64_v1  no variant

demo 1.0, cp312-cp312-win_amd64, cp313-cp313-win_amd64: no variant, v3, v4
  target     takes       because of
  x86_64_v3  v3          x86_64 :: level :: v3
  x86_64_v1  no variant

demo 2.0, cp312-cp312-win_amd64: v3
  target     takes                    because of
  x86_64_v3  v3                       x86_64 :: level :: v3
  x86_64_v1  the source distribution"""
    )


def test_long_names_are_wrapped(folder: Path, tmp_path: Path, capsys) -> None:
    labels = {
        f"a_rather_long_label_{number}": (
            LEVEL("v3"),
            f"nvidia :: sm_arch :: {number}0_real",
            "nvidia :: cuda_version_lower_bound :: 12.4",
        )
        for number in range(7, 10)
    }
    providers = {name: KNOWN_PROVIDERS[name] for name in ("nvidia", "x86_64")}
    another({**labels, None: ()}, namespaces=tuple(providers), providers=providers)(folder)
    said = table(capsys, "--target", "cuda12.8-sm90+x86_64_v3", folder)
    assert "a_rather_long_label_9 " in " ".join(said.split())
    assert "nvidia :: cuda_version_lower_bound :: 12.4" in " ".join(said.split())


def test_nobody_gets_anything(folder: Path, capsys) -> None:
    another(levels("v3"))(folder)
    assert main(["verify", "--target", "x86_64_v2", str(folder)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "demo 1.0, py3-none-any: v3\n  target     takes    because of\n  x86_64_v2  nothing\n\ndemo 1.0\n"
    )


def test_an_unknown_target(folder: Path, capsys) -> None:
    assert main(["verify", "--target", "x86_46_v3", str(folder)]) == 1
    assert capsys.readouterr().err.startswith(
        "pip-variants: there is no target x86_46_v3; names are like "
    )


def test_an_address_and_files_at_once(folder: Path, index: Index, capsys) -> None:
    assert main(["verify", str(folder), index.url]) == 1
    assert capsys.readouterr().err == (
        "pip-variants: give one address, or wheels and folders, not both\n"
    )


def test_a_cuda_that_drops_gpus_is_said(folder: Path, capsys) -> None:
    """Their driver is new enough for CUDA 13, which makes no code for them."""
    labels = {
        "cu13": ("nvidia :: cuda_version_lower_bound :: 13.0",),
        "cu13_sm90": ("nvidia :: cuda_version_lower_bound :: 13.0", "nvidia :: sm_arch :: 90_real"),
        "cu12": ("nvidia :: cuda_version_lower_bound :: 12.8",),
        None: (),
    }
    providers = {"nvidia": KNOWN_PROVIDERS["nvidia"]}
    another(labels, namespaces=("nvidia",), providers=providers)(folder)
    assert verify(capsys, folder) == (
        0,
        "demo 1.0: cu13 needs CUDA 13.0, and no nvidia :: sm_arch: it is taken for Pascal and Volta "
        "GPUs, too, for which CUDA 13 makes no code OK",
    )


def test_json(folder: Path, capsys, monkeypatch) -> None:
    document(lambda d: d["variants"].pop("v3"))(folder)
    monkeypatch.chdir(folder.parent)
    assert main(["verify", "--json", "--target", "x86_64_v2"]) == 1  # of dist
    assert json.loads(capsys.readouterr().out) == {
        "version": "1",
        "tables": [
            {
                "release": "demo 1.0",
                "tags": ["py3-none-any"],
                "labels": ["no variant", "null", "v2", "v3"],
                "targets": [{"target": "x86_64_v2", "takes": "v2", "deciding": [LEVEL("v2")]}],
            }
        ],
        "remarks": [],
        "faults": [
            {
                "where": JSON,
                "what": "v3 is missing, of which there is a wheel",
                "command": "pip-variants index dist",
            }
        ],
    }
