"""A release with and without variants, installed by uv and by pip: what variants add in each."""

import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from helpers import (
    Row,
    Tables,
    build_wheel,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    install,
    make_venv,
    pip_requirement,
    site_packages,
)
from support.environments import WHEELHOUSE, download
from support.server import Index
from support.wheels import levels, release

VERSION = "0.13.9"
COUNTS = (1, 10)  # packages in one install
PAIRS = 9


def measure(work: Path) -> Tables:
    uv = _uv(work)
    stock, ours, theirs = (make_venv(work / name) for name in ("stock", "ours", "theirs"))
    install(stock, pip_requirement())
    install(ours, pip_requirement(), build_wheel(work / "wheel"))
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", UV_NO_CONFIG="1")
    names = [f"demo{number}" for number in range(max(COUNTS))]
    for name in names:
        release(work / "plain" / name, "1.0", {None: ()}, name)
        release(work / "variants" / name, "1.0", {**levels("v4", "v3", "v2", "v1"), None: ()}, name)
    rows: list[Row] = []
    with Index(work / "plain") as without, Index(work / "variants") as with_:
        for index in (without, with_):
            index.pages = "json"
            index.metadata = True

        def pip(python: Path, index: Index, names: Sequence[str]) -> tuple[float, float, int]:
            options = ["--force-reinstall", "--no-cache-dir", "--index-url", index.url]
            return seconds([python, "-m", "pip", "install", *options, *names], python, index, names)

        def uv_pip(index: Index, names: Sequence[str]) -> tuple[float, float, int]:
            options = ["--reinstall", "--no-cache", "--index-url", index.url, "--python", theirs]
            command = [
                uv,
                "--preview-features",
                "wheel-variants",
                "pip",
                "install",
                *options,
                *names,
            ]
            return seconds(command, theirs, index, names)

        def seconds(
            command: Sequence[object], python: Path, index: Index, names: Sequence[str]
        ) -> tuple[float, float, int]:
            index.requests.clear()
            times = child_seconds(command, cwd=work, env=env)
            for name in names:
                (info,) = site_packages(python).glob(f"{name}-1.0.dist-info")
                assert (info / "variant.json").exists() == (index is with_), command
            return (*times, len(index.requests))

        for count in COUNTS:
            for tool, one, two in (
                (
                    f"uv {VERSION}",
                    lambda some: uv_pip(without, some),
                    lambda some: uv_pip(with_, some),
                ),
                (
                    pip_requirement().replace("==", " "),
                    lambda some: pip(stock, without, some),
                    lambda some: pip(ours, with_, some),
                ),
            ):
                some = names[:count]
                runs = in_pairs(partial(one, some), partial(two, some), PAIRS)
                rows += _rows({"packages": count, "tool": tool}, *runs)
    return {f"uv: ms to install a release without and with variants, {PAIRS} pairs": rows}


def _rows(
    case: Row, without: list[tuple[float, float, int]], with_: list[tuple[float, float, int]]
) -> Iterator[Row]:
    requests = {"requests": f"{without[0][-1]} -> {with_[0][-1]}"}
    for place, what in enumerate(("CPU", "wall")):
        figures = compare_at(place, (without, with_))
        more = round(figures["with"] - figures["without"], 1)
        yield {**case, "what": what, **figures, "more": more, **requests}


def _uv(work: Path) -> Path:
    (wheel,) = download(WHEELHOUSE / "uv", f"uv-{VERSION}-*.whl", "--no-deps", f"uv=={VERSION}")
    with zipfile.ZipFile(wheel) as archive:
        program = archive.extract(f"uv-{VERSION}.data/scripts/uv", work)
    (work / program).chmod(0o755)
    return work / program
