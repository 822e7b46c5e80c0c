"""`pip install` with and without pip-variants, from an index on the loopback interface."""

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers import (
    Row,
    Tables,
    can_count,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    instructions,
    without_and_with,
)

from pip_variants.model.metadata import PluginProvider, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.publish.index import write_index_metadata
from pip_variants.publish.wheel import make_variant_wheel

PAIRS = 9
VERSIONS = 50
LABELS = [f"v{level}{more}" for level in (4, 3, 2, 1) for more in ("", "_aes")]
TAGS = ["py3", *(f"py3{minor}" for minor in range(len(LABELS)))]
PROVIDER = PluginProvider(("x86-64-variant-provider >=0.2.1,<1",))
CASES = {
    "onefile": "1 file, no variants",
    "files": f"{VERSIONS} versions x {len(TAGS)} files, no variants",
    "variants": f"{VERSIONS} versions x {len(LABELS)} variants and 1 other file",
}


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    index = work / "index"
    make_wheel(index / "onefile", "onefile", "1.0")
    for number in range(VERSIONS):
        for tag in TAGS:
            make_wheel(index / "files", "files", f"1.{number}", tag)
    make_variants(index / "variants", "variants")
    for page in index.iterdir():
        names = sorted(file.name for file in page.iterdir())
        links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
        (page / "index.html").write_text(f"<!DOCTYPE html>\n{links}")
    env = environment(work)
    arguments = ["--dry-run", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    with served(index) as (url, requests):

        def command(python: Path, name: str) -> list[object]:
            return [python, "-m", "pip", "install", *arguments, "--index-url", url, name]

        def timed(python: Path, name: str) -> tuple[float, float, tuple[str, ...]]:
            requests.clear()
            return (*child_seconds(command(python, name), cwd=work, env=env), tuple(requests))

        pairs = {
            name: in_pairs(partial(timed, plain, name), partial(timed, added, name), PAIRS)
            for name in CASES
        }
        counted = {}
        if can_count():
            counted = {
                name: [instructions(command(p, name), cwd=work, env=env) for p in (plain, added)]
                for name in CASES
            }
    return {
        "install: millions of instructions of pip itself": [
            {
                "case": CASES[name],
                "without": without // 10**6,
                "with": with_ // 10**6,
                "ratio": round(with_ / without, 3),
            }
            for name, (without, with_) in counted.items()
        ],
        f"install: ms, {PAIRS} pairs": [
            {
                "case": CASES[name],
                "what": what,
                **compare_at(place, runs),
            }
            for name, runs in pairs.items()
            for place, what in enumerate(("CPU", "wall"))
        ],
        "install: requests": [_requests(CASES[name], *runs) for name, runs in pairs.items()],
    }


def _requests(case: str, *runs: list[tuple[float, float, tuple[str, ...]]]) -> Row:
    without, with_ = ({requested for *_, requested in side} for side in runs)
    assert len(without) == len(with_) == 1, (without, with_)  # the same ones in every run
    (stock,), (ours,) = without, with_
    taken = ours[-1].rpartition("/")[2]
    return {"case": case, "without": len(stock), "with": len(ours), "taken with": taken}


def make_variants(folder: Path, name: str) -> None:
    """Every version as a plain wheel and as a wheel per label, with the index-level metadata."""
    for number in range(VERSIONS):
        wheel = make_wheel(folder, name, f"1.{number}")
        for label in LABELS:
            level, _, more = label.partition("_")
            properties = [VariantProperty("x86_64", "level", level)]
            properties += [VariantProperty("x86_64", more, "on")] if more else []
            variant = Variant.of(label, tuple(properties))
            metadata = VariantMetadata(("x86_64",), {label: variant}, {"x86_64": PROVIDER})
            make_variant_wheel(wheel, metadata, folder)
    write_index_metadata(folder)


def make_wheel(folder: Path, name: str, version: str, tag: str = "py3") -> Path:
    """A wheel with one module of one line."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}-none-any\n",
    }
    record = f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-{tag}-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record = f"{file},sha256={digest.rstrip('=')},{len(text)}\n{record}"
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", record)
    return path


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; gives its URL and the list of the paths that were asked for."""
    requests = []

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: object) -> None:
            requests.append(self.path)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", requests
    finally:
        server.shutdown()
