"""A hostile index: every request of an install with variants, and all that can be wrong with it.

docs/faults.md says what pip does then, and each test finds its line there.
`pytest --all --faults=docs/faults.md tests/pip/test_hostile_index.py` writes it.
"""

import base64
import csv
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from support import faults
from support.environments import FORCED, NEWEST_PIP, ROOT, Environment, Result
from support.server import Index, Reply
from support.wheels import levels, plain_wheel, release, variant_wheel

WHEEL = "demo-1.0-py3-none-any-v3.whl"
PLAIN = "demo-1.0-py3-none-any.whl"
JSON = "demo-1.0-variants.json"
LEVEL = "x86_64 :: level :: {}".format
SUPPORTED = ("v3", "v2", "null", None)  # best first; the index has v4, too

_MEASURE = """
import atexit, os
@atexit.register
def note():
    with open("/proc/self/status") as status, open(os.environ["PEAKS"], "a") as peaks:
        peaks.write(next(line.split()[1] for line in status if line.startswith("VmHWM")) + "\\n")
"""


@dataclass
class Case:
    """An index with demo 1.0, and an environment where demo 0.9 is installed."""

    env: Environment
    index: Index
    other: Index
    """The same files on another host."""
    tmp: Path
    options: list[object] = field(default_factory=list)
    best: str = "v3"
    """The right choice, if what the index says is believed."""

    @property
    def folder(self) -> Path:
        return self.index.root / "demo"

    def apply(self, request: str, fault: str) -> None:
        if request in (SIZE, PARTS):
            (self.folder / JSON).unlink()
        CASES[request, fault](self, request)

    def put(self, fault: Callable[[Reply], Reply], request: str) -> None:
        for method, last in REQUESTS[request]:
            self.index.faults[method, last] = fault

    def rewrite(self, change: Callable[[dict], object]) -> None:
        document = json.loads((self.folder / JSON).read_text())
        change(document)
        (self.folder / JSON).write_text(json.dumps(document))

    def install_old(self, env: Environment) -> None:
        env.reset()
        with zipfile.ZipFile(plain_wheel(self.tmp / "old", version="0.9")) as wheel:
            wheel.extractall(env.site)

    def install(self, env: Environment | None = None) -> tuple[Result, int]:
        """What pip said, and the most memory that it used, in MiB."""
        (self.tmp / "sitecustomize.py").write_text(_MEASURE)
        peaks = self.tmp / "peaks"
        peaks.write_text("")
        options = ["--index-url", self.index.url, "--retries", "1"]
        variables = {**FORCED, "PYTHONPATH": str(self.tmp), "PEAKS": str(peaks)}
        command = ("install", "--no-compile", *options, *self.options, "demo==1.0")
        result = (env or self.env).pip(*command, env=variables, code=None)
        return result, max(map(int, peaks.read_text().split())) // 1024


PAGE, VARIANTS, METADATA = "Page", "{name}-{version}-variants.json", "Metadata of the wheel"
FILE, SIZE, PARTS = "Wheel", "Size of the wheel", "Parts of the wheel"

REQUESTS = {
    PAGE: [("GET", "demo")],
    VARIANTS: [("GET", JSON)],
    METADATA: [("GET", f"{WHEEL}.metadata")],
    FILE: [("GET", WHEEL), ("PARTS", WHEEL)],  # parts, to go on where the connection broke
    SIZE: [("HEAD", WHEEL)],
    PARTS: [("PARTS", WHEEL)],
}
"""What pip asks for; the last two where an index has no metadata of the variants."""

EVERYWHERE: dict[str, Callable[[Case, str], None]] = {
    "404": lambda case, request: case.put(faults.not_found, request),
    "403": lambda case, request: case.put(faults.forbidden, request),
    "500": lambda case, request: case.put(faults.broken, request),
    "503 with Retry-After": lambda case, request: case.put(faults.unavailable, request),
    "no answer": lambda case, request: _with_timeout(case, faults.no_answer, request, 3),
    "slow drip": lambda case, request: _with_timeout(case, faults.slow_drip, request, 2),
    "connection reset": lambda case, request: case.put(faults.reset, request),
    "truncated": lambda case, request: case.put(faults.truncated, request),
    "Content-Length too small": lambda case, request: case.put(faults.wrong_length, request),
    "a login page instead": lambda case, request: case.put(faults.wrong_type, request),
    "gzip bomb": lambda case, request: case.put(faults.gzip_bomb, request),
    "redirect loop": lambda case, request: _redirect(case, "/simple/demo/", request),
    "redirect to another host": lambda case, request: _redirect(
        case, f"{case.other.url.replace('127.0.0.1', 'localhost')}demo/", request
    ),
    "redirect to file:": lambda case, request: _redirect(case, f"{case.folder.as_uri()}/", request),
}


def _with_timeout(case: Case, fault: Callable[[Reply], Reply], request: str, seconds: int) -> None:
    """So many are enough for all other requests, on a slow machine too."""
    case.options += ["--timeout", seconds, "--retries", 0]
    case.put(fault, request)


def _redirect(case: Case, to: str, request: str) -> None:
    for method, last in REQUESTS[request]:
        case.index.faults[method, last] = faults.redirect(to + ("" if last == "demo" else last))


def wrong_hash(case: Case, request: str) -> None:
    wrong = {"sha256": "0" * 64}
    if request == VARIANTS:
        case.index.attributes[JSON] = {"hashes": wrong}
    elif request == METADATA:
        case.index.attributes[WHEEL] = {"core-metadata": wrong}
    else:
        case.index.attributes[WHEEL] |= {"hashes": wrong}


def half_a_page(case: Case, request: str) -> None:
    """An HTML page that ends early is a shorter page: pip cannot know."""
    case.index.pages = "html"
    case.index.attributes.clear()
    case.put(faults.wrong_length, request)
    case.best = "v2"


def stale_page(case: Case, request: str) -> None:
    """v3 was added since."""
    (case.folder / WHEEL).rename(case.tmp / WHEEL)
    _after_an_install_with_a_cache(case, request)
    (case.tmp / WHEEL).rename(case.folder / WHEEL)
    case.best = "v2"


def stale_page_of_more(case: Case, request: str) -> None:
    """v3 was removed since."""
    _after_an_install_with_a_cache(case, request)
    (case.folder / WHEEL).unlink()
    case.rewrite(lambda document: document["variants"].pop("v3"))


def stale_copy(case: Case, request: str) -> None:
    """The wheel was replaced since, and the page has the new hashes."""
    _after_an_install_with_a_cache(case, request)
    variant_wheel(case.folder, "v3", [LEVEL("v3")], metadata=["Summary: new"])
    case.index.attributes.clear()
    case.index.hashes = True


def index_gone(case: Case, request: str) -> None:
    """There is a copy that pip may use, and the index fails when it is asked whether it is good."""
    _after_an_install_with_a_cache(case, request)
    case.put(faults.broken, request)


def _after_an_install_with_a_cache(case: Case, request: str) -> None:
    case.options += ["--cache-dir", case.tmp / "cache", "--trusted-host", "127.0.0.1"]
    case.put(faults.kept, request)
    result, _ = case.install()
    assert result.code == 0, result.all
    case.install_old(case.env)


def lists_less(case: Case, request: str) -> None:
    case.rewrite(lambda document: document["variants"].pop("v3"))


def lists_more(case: Case, request: str) -> None:
    """Nothing is wrong with it: the metadata speaks of the wheels of all platforms."""
    (case.folder / WHEEL).unlink()
    case.best = "v2"


def lists_others(case: Case, request: str) -> None:
    variants = {"v3": {"x86_64": {"level": ["v2"]}}, "v2": {"x86_64": {"level": ["v1"]}}}
    case.rewrite(lambda document: document["variants"].update(variants))


def another_build(case: Case, request: str, hashes: bool = False, metadata: bool = False) -> None:
    """The wheel is for v4 when pip fetches it."""
    variant_wheel(case.tmp / "new", "v3", [LEVEL("v4")])
    _replaced(case, request, case.tmp / "new" / WHEEL, hashes=hashes, metadata=metadata)


def another_version(case: Case, request: str) -> None:
    other = variant_wheel(case.tmp / "new", "v3", [LEVEL("v3")], version="2.0")
    _replaced(case, request, other, hashes=False, metadata=False)


def no_variant(case: Case, request: str) -> None:
    _replaced(case, request, case.folder / PLAIN, hashes=False, metadata=False)


def _replaced(case: Case, request: str, by: Path, *, hashes: bool, metadata: bool) -> None:
    case.index.hashes, case.index.metadata = hashes, metadata
    case.index.attributes.clear()
    case.put(lambda _: Reply(by.read_bytes()), request)


def zip_bomb(case: Case, request: str) -> None:
    plain_wheel(case.tmp / "bomb").rename(case.folder / WHEEL)
    with zipfile.ZipFile(case.folder / WHEEL, "a", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("demo-1.0.dist-info/variant.json", b" " * faults.BOMB)


def endless(case: Case, request: str) -> None:
    case.put(faults.a_terabyte, SIZE)
    case.put(faults.zeros, PARTS)


ALONE: dict[tuple[str, str], Callable[[Case, str], None]] = {
    (PAGE, "HTML, Content-Length too small"): half_a_page,
    (PAGE, "stale: a better variant is new"): stale_page,
    (PAGE, "stale: the best variant is gone"): stale_page_of_more,
    (VARIANTS, "wrong hash"): wrong_hash,
    (VARIANTS, "500, a copy in pip's cache"): index_gone,
    (VARIANTS, "does not list a wheel of the page"): lists_less,
    (VARIANTS, "lists more than the page"): lists_more,
    (VARIANTS, "lists other properties"): lists_others,
    (METADATA, "wrong hash"): wrong_hash,
    (METADATA, "stale"): stale_copy,
    (FILE, "wrong hash"): wrong_hash,
    (FILE, "stale"): stale_copy,
    (FILE, "replaced by one for v4"): another_build,
    (FILE, "replaced, hashes"): partial(another_build, hashes=True),
    (FILE, "replaced, separate metadata"): partial(another_build, metadata=True),
    (FILE, "replaced by another version"): another_version,
    (FILE, "replaced by one without variant.json"): no_variant,
    (SIZE, "a terabyte of zeros"): endless,
    (PARTS, "wrong hash"): wrong_hash,
    (PARTS, "zip bomb"): zip_bomb,
}

CASES = {}
for each in REQUESTS:
    CASES.update({(each, fault): do for fault, do in EVERYWHERE.items()})
    CASES.update({key: do for key, do in ALONE.items() if key[0] == each})


@pytest.fixture
def case(
    make_environment: Callable[..., Environment], index: Index, tmp_path: Path, request
) -> Iterator[Case]:
    """With the newest pip; with another one, if that is the parameter."""
    env = make_environment(getattr(request, "param", NEWEST_PIP))
    folder = release(index.root / "demo", "1.0", {**levels("v2", "v3", "v4"), "null": (), None: ()})
    index.pages = "json"
    # Without hashes, which would find most of the faults.
    index.hashes, index.metadata = False, True
    for wheel in folder.glob("*.whl"):
        index.attributes[wheel.name] = {"core-metadata": True}
    with Index(index.root) as other:
        other.pages, other.metadata = index.pages, index.metadata
        made = Case(env, index, other, tmp_path)
        made.install_old(env)
        yield made
    env.reset()


def _is_long(request: str, fault: str) -> bool:
    """Of what pip fetches itself, and treats as it does without us, a few are always tried."""
    few = ("404", "truncated", "redirect to another host")
    return request in (PAGE, METADATA, FILE) and fault in EVERYWHERE and fault not in few


@pytest.mark.parametrize(
    ("request_", "fault"),
    [pytest.param(*one, marks=[pytest.mark.long] if _is_long(*one) else []) for one in CASES],
)
def test_fault(
    case: Case, request_: str, fault: str, request: pytest.FixtureRequest, record_property
) -> None:
    case.apply(request_, fault)
    before = contents(case.env)
    result, peak = case.install()
    installed = case.env.installed()
    if result.code:
        assert contents(case.env) == before
        did = "stops"
    else:
        assert installed is not None
        assert installed[0] == "1.0"
        assert installed[1] in SUPPORTED
        assert_complete(case.env)
        for file in case.env.site.glob("demo-*.dist-info/variant.json"):
            assert "v4" not in file.read_text()
        did = f"installs {installed[1] or 'the plain wheel'}"
    said = words(result)
    assert said or did == f"installs {case.best}", result.all
    fails, explodes = "Traceback" in result.err, peak >= faults.BOMB >> 20
    if fails or explodes:
        assert request_ in (PAGE, METADATA, FILE)
        stock, peak_of_stock = install_with_stock(case, request.getfixturevalue("stock"))
        assert fails <= ("Traceback" in stock.err)
        assert peak < peak_of_stock + 20
        did += ", with a traceback" if fails else ", with all of it in memory"
        did += ", as without pip-variants"
    assert len(case.index.requests) < 200
    row = (request_, fault, did, str(result.code), said)
    record_property("fault", (list(CASES).index((request_, fault)), *row))
    if not request.config.getoption("--faults"):
        assert row in written(), result.all


def test_the_page_has_all_of_them() -> None:
    assert [row[:2] for row in written()] == list(CASES)


@pytest.mark.parametrize("case", ["24.0"], indirect=True)
@pytest.mark.parametrize(
    ("request_", "fault", "label"),
    [
        (VARIANTS, "gzip bomb", "plain"),
        (VARIANTS, "redirect to file:", "plain"),
        (SIZE, "redirect to another host", "v3"),
        (SIZE, "a terabyte of zeros", "plain"),
        (PARTS, "truncated", None),
        (PARTS, "zip bomb", "plain"),
    ],
)
def test_older_pips(case: Case, request_: str, fault: str, label: str | None) -> None:
    """Their connections and their reader of parts are others."""
    case.apply(request_, fault)
    result, peak = case.install()
    expected = {None: ("0.9", None), "plain": ("1.0", None)}.get(label, ("1.0", label))
    assert case.env.installed() == expected, result.all
    assert peak < faults.BOMB >> 20
    assert len(case.index.requests) < 200


def written() -> list[tuple[str, ...]]:
    return faults.rows((ROOT / "docs" / "faults.md").read_text())


def install_with_stock(case: Case, stock: Environment) -> tuple[Result, int]:
    """The same without pip-variants, where pip asks for the plain wheel."""
    for (method, last), fault in list(case.index.faults.items()):
        case.index.faults[method, last.replace(WHEEL, PLAIN)] = fault
    case.install_old(stock)
    return case.install(stock)


def contents(env: Environment) -> dict[str, str]:
    """The files in site-packages that a reset would remove, with their hashes."""
    return {
        str(path.relative_to(env.site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in env.site.rglob("*")
        if path.is_file()
        and env.site / path.relative_to(env.site).parts[0] not in env.baseline
        and "__pycache__" not in path.parts
    }


def assert_complete(env: Environment) -> None:
    """demo 1.0 is there with all its files, and nothing else is."""
    expected = set()
    with open(env.site / "demo-1.0.dist-info" / "RECORD", newline="") as record:
        for name, digest, _ in csv.reader(record):
            content = (env.site / name).read_bytes()
            got = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert digest in ("", f"sha256={got}")
            expected.add(name)
    assert set(contents(env)) == expected


_UNSTABLE = [
    (r"http://127\.0\.0\.1:\d+/simple/", ""),
    (r"http://localhost:\d+/simple/", "another host: "),
    (r"file:///\S*/", "file:///…/"),
    (r"/\S*/pip-unpack-\w+/", ""),
    (r"HTTPConnectionPool.*Caused by \w+\('(.*)'\)\)", r"\1"),
    (r"\('Connection broken: .*\)\)", "the connection broke"),
    (r"(is not valid JSON): .*", r"\1"),
    (r"(got )?[0-9a-f]{64}", r"\1…"),
    (r" \([\d.]+ (bytes|kB)/.*\)", ""),
    (r"(FROM THE REQUIREMENTS FILE)\..*", r"\1"),
]


def words(result: Result) -> str:
    """The last line in which pip says what is wrong, without what differs from run to run."""
    lines = [line.strip() for line in (result.out + result.err).splitlines()]
    told = [line for line in lines if line.startswith(("ERROR:", "×", "WARNING:", "Discarding"))]
    told = [line for line in told if not line.startswith("WARNING: Retrying")]
    line = told[-1] if told else ""
    for pattern, replacement in _UNSTABLE:
        line = re.sub(pattern, replacement, line)
    return line.replace("|", "\\|")
