"""What uv's `--torch-backend=auto` takes on the machines for which we choose: the table of docs/indexes.md.

uv asks `https://download.pytorch.org`. It does so through a proxy of ours, which answers in that name with the
replica, by a certificate that uv is told to trust.
"""

import os
import re
import shutil
import ssl
import stat
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from support.environments import ROOT, WHEELHOUSE, download
from support.pytorch_replica import Replica, replica
from support.torch_choices import Choice, choices

VERSION = "0.13.9"
WANTED = ("torch", "torch==2.8.0", "torch<2.6")

# The first driver that knows each version of CUDA (NVIDIA's release notes), by which uv chooses.
DRIVERS = {
    "11.8": "520.61.05",
    "12.0": "525.60.13",
    "12.4": "550.54.14",
    "12.8": "570.86.10",
    "13.0": "580.65.06",
    "13.2": "595.45.04",
}
PLATFORMS = {
    "": "x86_64-manylinux_2_28",
    "manylinux_2_28_aarch64": "aarch64-manylinux_2_28",
    "macosx_11_0_arm64": "aarch64-apple-darwin",
    "win_amd64": "x86_64-pc-windows-msvc",
}
HOSTS = ("download.pytorch.org", "pypi.org")


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (wheel,) = download(WHEELHOUSE, f"uv-{VERSION}-*.whl", "--no-deps", f"uv=={VERSION}")
    folder = tmp_path_factory.mktemp("uv")
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if re.search(r"/scripts/uv(\.exe)?$", name))
        program = Path(archive.extract(name, folder))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def certificate(folder: Path) -> Path:
    """The certificate of an authority, and in `host.pem` one of the hosts that it signed."""
    if not shutil.which("openssl"):
        pytest.skip("openssl")
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    (folder / "settings").write_text(
        "[req]\ndistinguished_name = name\n[name]\n[authority]\nbasicConstraints = critical, CA:TRUE\n"
        f"[host]\nbasicConstraints = CA:FALSE\nsubjectAltName = {names}\nextendedKeyUsage = serverAuth\n"
    )
    new = "req -newkey rsa:2048 -nodes -config settings -subj /CN="
    sign = "x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out host.pem -extfile settings"
    for command in (
        f"{new}authority -x509 -days 2 -extensions authority -keyout ca.key -out ca.pem",
        f"{new}host -keyout host.key -out host.csr",
        f"{sign} -extensions host",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem"


@contextmanager
def proxy(made: Replica, folder: Path) -> Iterator[str]:
    """A proxy that is every host itself; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem", folder / "host.key")

    class Host(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            theirs = self.headers["Host"].startswith(HOSTS[0])
            index = made.pages if theirs else made.base
            reply = index._answer(unquote(urlsplit(self.path).path), self.headers)
            # PyTorch's server does not say which files there are.
            self.send_response(403 if theirs and reply.status == 404 else reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else reply.body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Proxy(Host):
        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                with context.wrap_socket(self.connection, server_side=True) as connection:
                    Host(connection, self.client_address, self.server)
            except OSError:  # a client that has seen enough
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def machine(one: Choice) -> dict[str, str]:
    """The variables by which uv takes this machine for another."""
    if one.machine.startswith("cuda"):
        return {
            "UV_CUDA_DRIVER_VERSION": DRIVERS[one.machine.removeprefix("cuda").partition("-")[0]]
        }
    return {"UV_AMD_GPU_ARCHITECTURE": one.machine} if one.machine.startswith("gfx") else {}


def taken(uv: Path, one: Choice, url: str, folder: Path) -> str:
    """The version of torch that uv takes, or that it refuses."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))
    }
    proxies = {"HTTPS_PROXY": url, "https_proxy": url, "NO_PROXY": "127.0.0.1,localhost"}
    options = "--quiet --no-cache --no-config --no-header --no-annotate --torch-backend auto --python-version 3.11"
    platform = PLATFORMS[(one.platforms or [""])[0]]
    (folder / "requirements.in").write_text(one.wanted)
    command: list[Any] = [uv, "pip", "compile", *options.split(), "--cert", folder / "ca.pem"]
    done = subprocess.run(
        [*command, "--python-platform", platform, folder / "requirements.in"],
        capture_output=True,
        text=True,
        env={**kept, **proxies, **machine(one)},
        timeout=120,
    )
    version = re.search(r"^torch==(\S+)", done.stdout, re.MULTILINE)
    return version[1] if version else "refused"


@pytest.mark.long
def test_the_table_of_the_page(uv: Path, tmp_path: Path) -> None:
    certificate(tmp_path)
    rows: dict[str, list[str]] = {}
    # No variable stands for an Intel GPU: uv would look for one here.
    some = [one for one in choices() if one.wanted in WANTED and not one.machine.startswith("ip")]
    with replica(tmp_path / "replica") as made, proxy(made, tmp_path) as url:
        for one in some:
            theirs = taken(uv, one, url, tmp_path)
            ours = one.taken.partition("@")[0]
            row = rows.setdefault(f"{one.what}", [])
            row += [ours, "same" if theirs == ours else theirs]
    text = (ROOT / "docs" / "indexes.md").read_text()
    for what, row in rows.items():
        found = re.search(rf"^\| {re.escape(what)} \|(.*)\|$", text, re.MULTILINE)
        assert found, f"{what}: {row}"
        cells = [re.sub(r" \(\d\)", "", cell).strip() for cell in found[1].split("|")]
        assert [cell for cell in cells if cell] == row, what
