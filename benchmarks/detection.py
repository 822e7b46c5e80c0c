"""Asking providers: what the process costs, and how long pip waits for it."""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers import (
    Row,
    Tables,
    can_count,
    environment,
    forget,
    instructions,
    run,
    site_packages,
    with_ours,
)
from install import make_variants

from pip_variants.providers import BUILT_IN, provider_of

RUNS = 11
COLD_RUNS = 3
LATENCIES = (0, 20, 100)  # milliseconds for each request

# In the environment that is measured: note how long pip waits for the answer, and how long it is
# there after the first link to a variant wheel; start the process late on demand.
WAITING = """
import os, sys, time
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "pip_variants.pip_adapter.variants.target":
            sys.meta_path.remove(Finder)
            from pip_variants.detection.client import Detection
            answer_of, warm_up, first = Detection.answer_of, Detection.warm_up, []
            def seen(self):
                first.append(time.perf_counter())
                if not os.environ["LATE"]:
                    warm_up(self)
            def timed(self, provider, **more):
                start = time.perf_counter()
                answer = answer_of(self, provider, **more)
                end = time.perf_counter()
                with open(os.environ["WAITED"], "a") as file:
                    print((end - start) * 1000, (end - first[0]) * 1000, file=file)
                return answer
            Detection.answer_of, Detection.warm_up = timed, seen
sys.meta_path.insert(0, Finder)
"""

# A new process of detection for one provider: how long until it answered, and until it did again.
ALONE = """
import json, sys, time
from pip_variants.detection.client import Detection
from pip_variants.model.metadata import PluginProvider
provider = PluginProvider((sys.argv[1],), sys.argv[2])
detection = Detection()
times = []
for _ in range(2):
    start = time.perf_counter()
    detection.answer_of(provider)
    times.append((time.perf_counter() - start) * 1000)
print(json.dumps(times))
"""
QUESTION = (
    '{"ask": "supported", "requires": ["x86-64-variant-provider >=0.2.1,<1"], '
    '"endpoint": "x86_64_variant_provider", "platforms": [], "prefix": "/"}'
)


def boot_with(question: Path) -> str:
    """The code of a process that is asked what a file says, each time that it runs."""
    ask = f"import os; os.dup2(os.open({str(question)!r}, os.O_RDONLY), 0)"
    return f"{ask}; from pip_variants.detection.worker import main; main()"


def measure(work: Path) -> Tables:
    python = with_ours(work / "added")
    env = environment(work)
    rows = [_waiting(work, python, env, latency) for latency in LATENCIES]
    return {
        f"detection: ms in pip for x86_64, medians of {RUNS} installs": rows,
        f"detection: ms of a new process, medians of {COLD_RUNS} and of {RUNS}": list(
            _each(python, env)
        ),
        "detection: millions of instructions of the process": _count(work, python, env),
    }


def _waiting(work: Path, python: Path, env: dict[str, str], latency: int) -> Row:
    (site_packages(python) / "waiting.py").write_text(WAITING)
    pth = site_packages(python) / "waiting.pth"
    pth.write_text("import waiting\n")
    index = work / f"index{latency}"
    make_variants(index / "demo", "demo")
    names = sorted(one.name for one in (index / "demo").iterdir())
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
    (index / "demo" / "index.html").write_text(f"<!DOCTYPE html>\n{links}")
    waited = work / "waited"
    row = {"latency": latency}
    with _served(index, latency / 1000) as url:
        command = [python, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--index-url", url, "demo"]
        figures: dict[str, list[list[float]]] = {"early": [], "late": []}
        for _ in range(RUNS):
            for when, found in figures.items():
                waited.write_text("")
                more = {"WAITED": str(waited), "LATE": "1" if when == "late" else ""}
                run(command, cwd=work, env={**env, **more})
                (line,) = waited.read_text().splitlines()
                found.append([float(one) for one in line.split()])
    pth.unlink()
    for when, found in figures.items():
        waits, answers = (round(statistics.median(one), 1) for one in zip(*found, strict=True))
        row |= {f"waits, {when}": waits, f"first link to answer, {when}": answers}
    return row


def _each(python: Path, env: dict[str, str]) -> Iterator[Row]:
    """Cold is what nothing of is in memory: Python, its library and pip-variants are on the disk."""
    for module in BUILT_IN:
        provider = provider_of(module)
        published = provider.implements[0]
        requirement = f"{published.package}=={published.version}"
        command = [python, "-c", ALONE, requirement, published.plugin_api]

        def times(
            runs: int, prepare: Callable[[], None], command: Sequence[object] = command
        ) -> Iterator[float]:
            found = []
            for _ in range(runs):
                prepare()
                found.append(json.loads(run(command, env=env)))
            return (round(statistics.median(one), 2) for one in zip(*found, strict=True))

        cold, _ = times(COLD_RUNS, lambda: forget(python))
        warm, again = times(RUNS, lambda: None)
        name = provider.namespace
        yield {"namespace": name, "cold": cold, "next process": warm, "asked again": again}


def _count(work: Path, python: Path, env: dict[str, str]) -> list[Row]:
    if not can_count():
        return []
    question = work / "question"
    question.write_text(QUESTION + "\n")
    boot = boot_with(question)

    def count(code: str) -> int:
        return instructions([python, "-I", "-c", code], env=env) // 10**6

    return [{"bare Python": count("pass"), "x86_64 asked": count(boot)}]


@contextmanager
def _served(folder: Path, latency: float) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(latency)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
