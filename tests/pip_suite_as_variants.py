"""The pytest plugin of `pip_suite.py --as-variants`: for pip, every wheel is a variant wheel.

The tests themselves see the wheels that they know. Whenever one of them runs a program, the wheels
around it get a label in their names for as long as it runs, and the metadata beside them; so do
the pages, locks and requirements that name them, the arguments, and what a test server answers.
What the program wrote and printed is renamed back. What is in the wheels stays: they have their
`variant.json` before a test can look at them, so that no hash changes.
"""

import base64
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import types
import warnings
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
import tomllib

LABEL = "fits"
METADATA = json.dumps(
    {
        "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
        "default-priorities": {"namespace": ["suite"]},
        "providers": {"suite": {"static-properties": {"machine": ["any"]}}},
        "variants": {LABEL: {"suite": {"machine": ["any"]}}},
    }
).encode()
DATA = "PIP_SUITE_DATA"  # the folder of test data; each process needs one, for it renames in there
SUFFIX = f"-{LABEL}.whl"
WHEEL_NAME = re.compile(r"[\w.+!~%-]+\.whl\b")
LOCK_TABLE = re.compile(r"\n*\[packages\.variants-json[^\n]*\n(?:[^\[\n][^\n]*\n?)*")


def prepare(clone: Path) -> None:
    """Put `variant.json` into the wheels of pip's test data; their hashes change wherever they are written."""
    hashes: dict[str, str] = {}
    for wheel in (clone / "tests/data").rglob("*.whl"):
        before = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wheel.write_bytes(with_metadata(wheel.read_bytes()))
        after = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if after != before:  # some are written in two lines
            hashes |= {before[:32]: after[:32], before[32:]: after[32:]}
    folder = 'pathlib.Path(__file__).parent.parent.joinpath("data").resolve()'
    changes = {
        folder: f'pathlib.Path(os.environ["{DATA}"])',
        'self.path.endswith(".metadata")': 'self.path.endswith((".metadata", "-variants.json"))',
        **hashes,
    }
    for file in (clone / "tests").rglob("*.*"):
        if file.suffix in (".py", ".toml", ".txt", ".html"):
            text = new = file.read_text(errors="surrogateescape")
            for old in changes:
                new = new.replace(old, changes[old])
            if new != text:
                file.write_text(new, errors="surrogateescape")


def with_metadata(wheel: bytes) -> bytes:
    """The wheel with `variant.json`; what is no wheel, or has no RECORD, stays as it is."""
    result = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(result, "w") as new:
            (record,) = (
                name for name in old.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)
            )
            path = record.replace("RECORD", "variant.json")
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(METADATA).digest()).rstrip(b"=").decode()
            )
            row = f"{path},sha256={digest},{len(METADATA)}\n".encode()
            if path in old.namelist():
                return wheel
            for entry in old.infolist():
                content = old.read(entry)
                if entry.filename == record:
                    new.writestr(path, METADATA)
                    content = row + content if content.strip() else content
                elif entry.filename == record.replace(
                    "RECORD", "METADATA"
                ):  # a URL may name a wheel
                    content = re.sub(rb"(file:\S+)\.whl\b", rb"\1" + SUFFIX.encode(), content)
                new.writestr(entry, content)
    except (ValueError, zipfile.BadZipFile):
        return wheel
    return result.getvalue()


@functools.cache
def _is_variant(path: Path, inode: int, changed: int) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".dist-info/variant.json") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def is_variant(path: Path) -> bool:
    return _is_variant(path, path.stat().st_ino, path.stat().st_mtime_ns)


# Names: `known` are those of the wheels that are variants for pip at the moment.

known: set[str] = set()


def labelled(text: str) -> str:
    """The text with the names that pip sees."""

    def name(match: re.Match[str]) -> str:
        plain = unquote(match[0])
        return match[0].removesuffix(".whl") + SUFFIX if plain in known else match[0]

    return WHEEL_NAME.sub(name, text)


def unlabelled(text: str) -> str:
    """The text with the names that the tests see."""
    return LOCK_TABLE.sub("", text).replace(SUFFIX, ".whl")


def metadata_name(wheel: str) -> str:
    return "-".join([*wheel.split("-")[:2], "variants.json"])


def page(text: str) -> str:
    """An HTML page with the names that pip sees, and links to the metadata."""
    text = labelled(text)
    links = dict.fromkeys(re.findall(rf'href="([^"#?]*{SUFFIX})["#?]', text))
    files = (
        f"{start}{slash}{metadata_name(name)}"
        for start, slash, name in (s.rpartition("/") for s in links)
    )
    return text + "".join(
        f'<a href="{file}">{Path(file).name}</a>\n' for file in dict.fromkeys(files)
    )


def json_page(text: str) -> str:
    document = json.loads(labelled(text))
    if isinstance(document, dict) and isinstance(document.get("files"), list):
        for file in list(document["files"]):
            start, slash, name = file["url"].partition("#")[0].rpartition("/")
            if name.endswith(SUFFIX):
                added = {
                    "url": f"{start}{slash}{metadata_name(name)}",
                    "hashes": {},
                    "filename": metadata_name(name),
                }
                if added not in document["files"]:
                    document["files"].append(added)
    return json.dumps(document)


def lock(text: str) -> str:
    import tomli_w

    try:
        document = tomllib.loads(labelled(text))
    except tomllib.TOMLDecodeError:
        return labelled(text)
    for package in document.get("packages", []):
        if any(SUFFIX in str(wheel) for wheel in package.get("wheels", [])):
            package["variants-json"] = json.loads(METADATA)
    return tomli_w.dumps(document)


# Files, for as long as a program runs.

places: list[Path] = []  # of the running test; what is written is written into the first
built: set[Path] = set()  # wheels that programs made, out of source distributions


def files_in(place: Path):
    for folder, folders, files in os.walk(place):
        folders[:] = [
            one for one in folders if one not in (".git", "__pycache__") and "cache" not in one
        ]
        if "pyvenv.cfg" in files:
            folders.clear()
        else:
            yield from (Path(folder, file) for file in files)


class Stage:
    """The files around a program as it sees them, until `leave`."""

    def __init__(self) -> None:
        self.added: list[Path] = []
        self.texts: dict[Path, tuple[bytes, bytes, os.stat_result]] = {}
        files = [file for place in places for file in files_in(place) if not file.is_symlink()]
        for wheel in (file for file in files if file.suffix == ".whl"):
            if not is_variant(wheel) and wheel not in built:
                (data := wheel.read_bytes()) == (new := with_metadata(data)) or wheel.write_bytes(
                    new
                )
            if is_variant(wheel):
                known.add(wheel.name)
                self.rename(wheel)
        for file in files:
            if (
                file.suffix not in (".whl", ".metadata", ".gz", ".zip", ".py")
                and file.stat().st_size < 10**6
            ):
                self.rewrite(file)

    def rename(self, wheel: Path) -> None:
        separate = wheel.with_name(f"{wheel.name}.metadata")
        if separate.exists():
            separate.rename(separate.with_name(f"{wheel.stem}{SUFFIX}.metadata"))
        wheel.rename(wheel.with_name(f"{wheel.stem}{SUFFIX}"))
        beside = wheel.with_name(metadata_name(wheel.name))
        if beside not in self.added:
            beside.write_bytes(METADATA)
            self.added.append(beside)

    def rewrite(self, file: Path) -> None:
        data = file.read_bytes()
        if b".whl" in data:
            change = {".html": page, ".toml": lock}.get(file.suffix, labelled)
            new = change(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")
            if new != data:
                self.texts[file] = (data, new, file.stat())
                file.write_bytes(new)

    def leave(self) -> None:
        for file in self.added:
            file.unlink(missing_ok=True)
        for file, (old, new, stat) in self.texts.items():
            if file.exists() and file.read_bytes() == new:
                file.write_bytes(old)
                os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        for place in places:
            for file in files_in(place):
                if SUFFIX in file.name:
                    file = file.rename(file.with_name(file.name.replace(SUFFIX, ".whl")))
                if file.suffix == ".whl" and not is_variant(file):
                    built.add(file)
                elif file.suffix in (".toml", ".json", ".txt") and SUFFIX.encode() in (
                    data := file.read_bytes()
                ):
                    file.write_bytes(unlabelled(data.decode()).encode())


class Program(subprocess.Popen):
    def __init__(self, arguments, *, env, **kw) -> None:
        self.stage = Stage()
        env = {name: labelled(env[name]) if name.startswith("PIP_") else env[name] for name in env}
        super().__init__([labelled(str(one)) for one in arguments], env=env, **kw)

    def communicate(self, *args, **kw):
        try:
            output = super().communicate(*args, **kw)
        finally:
            self.stage.leave()
        return tuple(unlabelled(text.decode()).encode() for text in output)


@pytest.fixture(autouse=True)
def _as_variants(tmp_path, tmp_path_factory, monkeypatch):
    import scripttest

    shared = (
        *tmp_path_factory.getbasetemp().glob("data*"),
        *tmp_path_factory.getbasetemp().glob("fake_index*"),
    )
    places[:] = [tmp_path, Path(os.environ[DATA]), *(one for one in shared if not one.is_symlink())]
    known.clear()
    built.clear()
    replacement = types.SimpleNamespace(Popen=Program, PIPE=subprocess.PIPE)
    monkeypatch.setattr(scripttest, "subprocess", replacement)


# What makes wheels, and what serves them.


def pytest_load_initial_conftests(early_config) -> None:
    """Give every process test data of its own, before pip's tests look where it is."""
    data = Path("tests/data").resolve()
    own = data.parents[2] / f"data-{os.getpid()}"
    shutil.copytree(data, own, copy_function=os.link)
    os.environ[DATA] = str(own)


def pytest_sessionstart(session) -> None:
    import tests.lib
    from tests.lib import server, wheel

    warnings.filterwarnings("ignore", "Duplicate name")

    def makes(original):
        return functools.wraps(original)(lambda *args, **kw: with_metadata(original(*args, **kw)))

    def serves(original):
        def response(path):
            return lambda *args: original(
                path if path.exists() else path.with_name(path.stem + SUFFIX)
            )(*args)

        return response

    wheel.WheelBuilder.as_bytes = makes(wheel.WheelBuilder.as_bytes)
    tests.lib.create_really_basic_wheel = makes(tests.lib.create_really_basic_wheel)
    server.file_response = serves(server.file_response)
    server.authorization_response = serves(server.authorization_response)
    adapter = server._mock_wsgi_adapter
    server._mock_wsgi_adapter = lambda mock: _translated(adapter(mock))

    created = tests.lib.TestPipResult.get_created_direct_url

    def get_created_direct_url(self, name):
        found = created(self, name)
        return found and dataclasses.replace(found, url=unlabelled(found.url))

    tests.lib.TestPipResult.get_created_direct_url = get_created_direct_url


def _translated(application):
    def translated(environ, start_response):
        if environ["PATH_INFO"].endswith("-variants.json"):
            start_response("200 OK", [("Content-Type", "application/json")])
            return [METADATA]
        environ["PATH_INFO"] = unlabelled(environ["PATH_INFO"])
        started = []
        body = b"".join(application(environ, lambda *args: started.append(args)))
        ((status, headers, *rest),) = started
        kind = dict(headers).get("Content-Type", "")
        change = page if "html" in kind else json_page if "json" in kind else None
        if change:
            body = change(body.decode()).encode()
            headers = [(name, value) for name, value in headers if name != "Content-Length"]
        start_response(status, headers, *rest)
        return [body]

    return translated


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
