"""Real servers from the package index: which of them a release with variants can be published on.

`pytest --all --servers docs/publish.md tests/publish/test_servers.py` writes the table of that page;
without the option the tests keep it true. Each server is in an environment of its own, on loopback,
and is waited for as long as its process lives. What cannot be had on a machine is skipped.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from support.environments import FORCED, ROOT, Environment, clean
from support.wheels import levels, release, sdist

from pip_variants.cli import main
from pip_variants.publish.index import write_pages

pytestmark = pytest.mark.long

PAGE = ROOT / "docs" / "publish.md"
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
TWINE = {"TWINE_USERNAME": "u", "TWINE_PASSWORD": "p", "TWINE_NON_INTERACTIVE": "1"}

Tool = Callable[[str], Path]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """my_demo 1.0 with small wheels, 2.0 with such that nobody fetches whole for their metadata."""
    folder = tmp_path_factory.mktemp("servers") / "dist"
    sdist(folder, "my_demo")
    release(folder, "1.0", {**levels("v2", "v3"), "null": (), None: ()}, "my_demo")
    large = {"big.txt": "x" * 5 * 2**20}
    release(folder, "2.0", {**levels("v3"), None: ()}, "my_demo", files=large)
    shutil.rmtree(folder / "plain")
    return folder


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The folder of the programs of a package, in an environment of its own."""
    made: dict[str, Path] = {}

    def install(package: str) -> Path:
        if package not in made:
            folder = tmp_path_factory.mktemp("tool") / package
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            command = [str(folder / "bin/python"), "-m", "pip", "install", "-q", *package.split()]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"{package} cannot be installed here")
            made[package] = folder / "bin"
        return made[package]

    return install


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(folder: Path, port: int, *command: object) -> Iterator[str]:
    """The address of a server, from when it answers until the end of the block."""
    url = f"http://127.0.0.1:{port}/"
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)], stdout=output, stderr=output, cwd=folder, env=clean()
        )
    try:
        while True:
            assert process.poll() is None, log.read_text()
            try:
                urlopen(url).close()
                break
            except HTTPError:
                break
            except (URLError, OSError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def call(*command: object, **variables: str) -> None:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, env=clean(variables)
    )
    assert done.returncode == 0, done.stdout + done.stderr


def wheels_of(dist: Path) -> list[Path]:
    return [*dist.glob("*.whl"), *dist.glob("*.tar.gz")]


def twine(tool: Tool, url: str, dist: Path, **variables: str) -> None:
    """It refuses the metadata, and then uploads nothing at all."""
    program = tool("twine") / "twine"
    everything = [path for path in dist.iterdir() if path.is_file()]
    done = subprocess.run(
        [program, "check", *everything], capture_output=True, text=True, env=clean()
    )
    assert done.returncode == 1 and "variants.json" in done.stdout + done.stderr
    call(program, "check", *wheels_of(dist))
    arguments = ["upload", "--disable-progress-bar", "--repository-url", url]
    call(program, *arguments, *wheels_of(dist), **TWINE, **variables)


# Servers: each gives the address of its index


@contextmanager
def pypiserver(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    (folder / "data").mkdir()
    port, program = free_port(), tool("pypiserver passlib") / "pypi-server"
    with running(
        folder,
        port,
        program,
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        port,
        "-a",
        ".",
        "-P",
        ".",
        folder / "data",
    ) as url:
        twine(tool, url, dist)
        yield f"{url}simple/"


@contextmanager
def devpi(folder: Path, tool: Tool) -> Iterator[str]:
    """An empty devpi-server, with the user u and the password p."""
    port, programs = free_port(), tool("devpi-server")
    # Without its default mirror: nobody here wants the list of all projects of PyPI.
    call(programs / "devpi-init", "--no-root-pypi", "--serverdir", folder / "data")
    server = [
        programs / "devpi-server",
        "--serverdir",
        folder / "data",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    with running(folder, port, *server) as url:
        client(folder, tool, "use", url)
        client(folder, tool, "user", "-c", "u", "password=p")
        client(folder, tool, "login", "u", "--password=p")
        yield url


def client(folder: Path, tool: Tool, *arguments: object) -> None:
    own = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "DEVPI_CLIENTDIR": str(folder / "client"),
    }
    call(tool("devpi-client") / "devpi", arguments[0], *arguments[1:], **own)


@contextmanager
def devpi_by_twine(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    with devpi(folder, tool) as url:
        client(folder, tool, "index", "-c", "dev", "bases=")
        twine(tool, f"{url}u/dev/", dist)
        yield f"{url}u/dev/+simple/"


@contextmanager
def devpi_by_its_client(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    with devpi(folder, tool) as url:
        client(folder, tool, "index", "-c", "dev", "bases=")
        client(folder, tool, "use", "u/dev")
        client(folder, tool, "upload", "--from-dir", dist)
        yield f"{url}u/dev/+simple/"


@contextmanager
def devpi_as_a_mirror(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    with http_server(folder, tool, dist) as other, devpi(folder, tool) as url:
        client(folder, tool, "index", "-c", "mirror", "type=mirror", f"mirror_url={other}")
        yield f"{url}u/mirror/+simple/"


@contextmanager
def simple_repository_server(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    shutil.copytree(dist, folder / "data" / "my-demo")
    port, program = free_port(), tool("simple-repository-server") / "simple-repository-server"
    with running(
        folder, port, program, folder / "data", "--host", "127.0.0.1", "--port", port
    ) as url:
        yield f"{url}simple/"


@contextmanager
def http_server(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    shutil.copytree(dist, folder / "pages")
    write_pages(folder / "pages")
    port = free_port()
    server = [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", folder / "pages", port]
    with running(folder, port, *server) as url:
        yield f"{url}simple/"


@contextmanager
def nginx(folder: Path, root: Path, autoindex: str) -> Iterator[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not there")
    port = free_port()
    places = "".join(
        f"{one}_temp_path {folder}/{one};"
        for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {places}\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; index index.html; autoindex {autoindex}; }} }}\n"
    )
    user = ["-g", "user root;"] if os.name == "posix" and os.getuid() == 0 else []
    with running(folder, port, program, "-p", folder, "-c", folder / "nginx.conf", *user) as url:
        yield url


@contextmanager
def nginx_lists_folders(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    shutil.copytree(dist, folder / "data" / "my-demo")
    with nginx(folder, folder / "data", "on") as url:
        yield url


@contextmanager
def nginx_with_pages(folder: Path, tool: Tool, dist: Path) -> Iterator[str]:
    shutil.copytree(dist, folder / "pages")
    write_pages(folder / "pages")
    with nginx(folder, folder / "pages", "off") as url:
        yield f"{url}simple/"


SERVERS = {
    "nginx, pages by `index --pages`": nginx_with_pages,
    "nginx, `autoindex on`, a folder for each project": nginx_lists_folders,
    "`python -m http.server`, pages by `index --pages`": http_server,
    "simple-repository-server, a folder for each project": simple_repository_server,
    "pypiserver, `twine upload`": pypiserver,
    "devpi-server, `devpi upload --from-dir dist`": devpi_by_its_client,
    "devpi-server, `twine upload`": devpi_by_twine,
    "devpi-server as a mirror of an index with metadata": devpi_as_a_mirror,
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(
    name: str, dist: Path, tool: Tool, env: Environment, tmp_path: Path, capsys, request
) -> None:
    with SERVERS[name](tmp_path, tool, dist) as url:
        page = urlopen(Request(f"{url}my-demo/", headers={"Accept": ACCEPT})).read().decode()
        has_metadata = "my_demo-1.0-variants.json" in page
        takes = []
        for version in ("1.0", "2.0"):
            env.pip(
                "install",
                "--index-url",
                url,
                f"my-demo=={version}",
                "--force-reinstall",
                env=FORCED,
            )
            takes.append((env.installed("my_demo") or ("", ""))[1])
        capsys.readouterr()
        code = main(["verify", f"{url}my-demo/", "--target", "x86_64_v3"])
        out = capsys.readouterr().out
    assert (code == 0) is (takes == ["v3", "v3"]), out  # it says what users get
    assert [
        line.split()[1] == "v3" for line in out.splitlines() if line.startswith("  x86_64_v3")
    ] == [one == "v3" for one in takes]
    small, large = ("yes" if one == "v3" else "no: the plain wheel" for one in takes)
    row = f"| {name} | {'yes' if has_metadata else 'no'} | {small} | {large} |"
    if file := request.config.getoption("--servers"):
        text = re.sub(rf"^\| {re.escape(name)} \|.*\n", "", file.read_text(), flags=re.M)
        file.write_text(text.replace("|---|---|---|---|\n", f"|---|---|---|---|\n{row}\n", 1))
    else:
        assert row in PAGE.read_text()
