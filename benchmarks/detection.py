"""Asking providers: what the process costs, and how long pip waits for it."""

import json
import statistics
import subprocess
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from helpers import build_wheel, can_count, environment, install, instructions, make_venv
from helpers import pip_requirement, run, site_packages
from install import make_variants

RUNS = 11
LATENCIES = (0, 20, 100)  # milliseconds for each request

# In the environment that is measured: note how long pip waits, start the process late on demand.
WAITING = '''
import os, sys, time
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "pip_variants.pip_adapter.target":
            sys.meta_path.remove(Finder)
            from pip_variants.detection.client import Detection
            supported = Detection.supported
            def timed(self, provider):
                start = time.perf_counter()
                answer = supported(self, provider)
                with open(os.environ["WAITED"], "a") as file:
                    print((time.perf_counter() - start) * 1000, file=file)
                return answer
            Detection.supported = timed
            if os.environ.get("LATE"):
                Detection.warm_up = lambda self: None
sys.meta_path.insert(0, Finder)
'''

ALONE = """
import json, sys, time
from pip_variants.detection.client import Detection
start = time.perf_counter()
detection = Detection()
answers = {}
for namespace in sys.argv[1:]:
    before = time.perf_counter()
    detection.supported_in(namespace)
    answers[namespace] = (time.perf_counter() - before) * 1000
print(json.dumps(answers))
"""
NAMESPACES = "x86_64 aarch64 riscv64 ppc64le s390x nvidia amd intel tpu mpi".split()
QUESTION = (
    '{"provider": {"requires": ["x86-64-variant-provider >=0.2.1,<1"], '
    '"endpoint": "x86_64_variant_provider", "platforms": [], "prefix": "/"}}'
)


def measure(work):
    python = make_venv(work / "added")
    install(python, pip_requirement(), build_wheel(work / "wheel"))
    env = environment(work)
    rows = [_waiting(work, python, env, latency) for latency in LATENCIES]
    return {
        f"detection: ms that pip waits for x86_64, medians of {RUNS} installs": rows,
        f"detection: ms for each namespace in one process, medians of {RUNS}": _each(python, env),
        "detection: millions of instructions of the process": _count(work, python, env),
    }


def _waiting(work, python, env, latency):
    (site_packages(python) / "waiting.py").write_text(WAITING)
    pth = site_packages(python) / "waiting.pth"
    pth.write_text("import waiting\n")
    index = work / f"index{latency}"
    make_variants(index / "demo", "demo")
    links = "".join(f'<a href="{one.name}">{one.name}</a>\n' for one in sorted((index / "demo").iterdir()))
    (index / "demo" / "index.html").write_text(f"<!DOCTYPE html>\n{links}")
    waited = work / "waited"
    row = {"latency": latency}
    with _served(index, latency / 1000) as url:
        command = [python, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--index-url", url, "demo"]
        results = {"early": [], "late": []}
        for _ in range(RUNS):
            for when, figures in results.items():
                waited.write_text("")
                more = {"WAITED": str(waited), "LATE": "1" if when == "late" else ""}
                run(command, cwd=work, env={**env, **more})
                figures.append(sum(map(float, waited.read_text().split())))
    pth.unlink()
    return {**row, **{when: round(statistics.median(found), 1) for when, found in results.items()}}


def _each(python, env):
    runs = [json.loads(run([python, "-c", ALONE, *NAMESPACES], env=env)) for _ in range(RUNS)]
    note = {NAMESPACES[0]: "with the start of the process"}
    return [
        {
            "namespace": name,
            "ms": round(statistics.median(one[name] for one in runs), 1),
            "": note.get(name, ""),
        }
        for name in NAMESPACES
    ]


def _count(work, python, env):
    if not can_count():
        return []
    question = work / "question"
    question.write_text(QUESTION + "\n")
    boot = "from pip_variants.detection.worker import main; main()"
    with question.open() as warm:
        subprocess.run([python, "-I", "-c", boot], stdin=warm, env=env, capture_output=True)

    def count(code):
        with question.open() as file:
            return instructions([python, "-I", "-c", code], env=env, stdin=file) // 10**6

    return [{"bare Python": count("pass"), "x86_64 asked": count(boot)}]


@contextmanager
def _served(folder, latency):
    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            time.sleep(latency)
            super().do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
