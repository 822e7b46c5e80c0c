"""Packages from an index with TLS, where a connection takes latencies before its first request."""

import shutil
import ssl
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import packages
from helpers import (
    Row,
    Tables,
    child_seconds,
    compare,
    environment,
    in_pairs,
    run,
    without_and_with,
)
from support.server import Index

COUNTS = (1, 10)
PAIRS = {0: 9, 20: 5, 100: 3}  # by milliseconds of latency
ROUND_TRIPS = 2  # before the first request: that of TCP and that of TLS 1.3


def measure(work: Path) -> Tables:
    if not shutil.which("openssl"):
        print("openssl is not installed: no certificate can be made")
        return {}
    plain, added = without_and_with(work)
    force = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(packages.LEVELS)}
    certificate = work / "certificate.pem"
    more = {"PIP_CERT": str(certificate), "PIP_NO_CACHE_DIR": "1", **force}
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", **more)
    rows = []
    connections: list[object] = []
    for latency, pairs in PAIRS.items():
        with Index(work / "empty") as index:
            _serve_tls(index, certificate, latency / 1000, connections)
            url = index.url.replace("http:", "https:")

            def measured(
                python: Path, release: str, count: int, url: str = url
            ) -> tuple[float, int]:
                connections.clear()
                shutil.rmtree(work / "downloaded", ignore_errors=True)
                options = ["--dest", work / "downloaded", "--index-url", f"{url}{release}/"]
                names = [f"project{number:02}" for number in range(count)]
                command = [python, "-m", "pip", "download", *options, *names]
                _, wall = child_seconds(command, env=env)
                return wall, len(connections)

            for count in COUNTS:
                stock, ours = in_pairs(
                    partial(measured, plain, "plain", count),
                    partial(measured, added, "variants", count),
                    pairs,
                )
                rows.append({"latency": latency, "packages": count, **_row(stock, ours)})
    return {f"tls: wall ms and connections, {', '.join(map(str, PAIRS.values()))} pairs": rows}


def _row(stock: list[tuple[float, int]], ours: list[tuple[float, int]]) -> Row:
    (one, opened), (two, with_) = (zip(*side, strict=True) for side in (stock, ours))
    more = statistics.median(b - a for a, b in zip(one, two, strict=True)) * 1000
    connections = " -> ".join("/".join(map(str, sorted({*side}))) for side in (opened, with_))
    return {**compare(one, two), "more": round(more), "connections": connections}


def _serve_tls(index: Index, certificate: Path, latency: float, connections: list[object]) -> None:
    """Have the index speak TLS, wait before each answer, and note its connections."""
    if not certificate.exists():
        command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=index -keyout".split()
        name = ["-addext", "subjectAltName=IP:127.0.0.1"]
        run(["openssl", *command, certificate.with_suffix(".key"), "-out", certificate, *name])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    finish = index._server.finish_request

    def finish_request(request: Any, address: Any) -> None:
        connections.append(address)
        time.sleep(ROUND_TRIPS * latency)
        with context.wrap_socket(request, server_side=True) as encrypted:
            finish(encrypted, address)

    index._server.finish_request = finish_request  # type: ignore[assignment, method-assign]
    replies = packages.replies(max(COUNTS))
    index.replies = {path: packages.late(reply, latency) for path, reply in replies.items()}
