"""Every supported pip on every supported Python takes the same wheels.

By default the newest pip on all Pythons and some others on one; with `--all` one of each minor release since
22.3, on all.
"""

from collections.abc import Callable

import pytest
from support.environments import ALL_PIPS, FORCED, PIPS, PYTHONS, Environment, pythons, starts
from support.server import Index
from support.wheels import levels, release, variant_wheel


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pip" in metafunc.fixturenames:
        is_all = metafunc.config.getoption("--all")
        pips = [*(ALL_PIPS if is_all else PIPS)]
        pips += filter(None, [metafunc.config.getoption("--pip-checkout")])
        pairs = [
            (p, python)
            for p in pips
            for python in PYTHONS
            if python in pythons() and starts(p, python)
        ]
        if not is_all:  # the newest with all Pythons, each older one with another of them
            of_older = dict(zip(PIPS[:-1], PYTHONS, strict=False))
            pairs = [pair for pair in pairs if of_older.get(pair[0], pair[1]) == pair[1]]
        metafunc.parametrize(("pip", "python"), pairs)


def test_selection(
    make_environment: Callable[..., Environment],
    index: Index,
    pip: str,
    python: str,
    record_property,
) -> None:
    env = make_environment(pip, python)
    record_property("pip", " ".join(env.pip("--version").out.split()[:2]))
    record_property("python", python)
    folder = index.root / "demo"
    release(folder, "1.0", {None: ()})
    release(folder, "2.0", {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()})

    def install(*arguments: object, code: int = 0) -> str:
        env.reset()
        return env.pip("install", *arguments, env=FORCED, code=code).all

    for pages in ("html", "json"):
        index.pages = pages
        index.requests.clear()
        output = install("--index-url", index.url, "demo")
        assert env.installed() == ("2.0", "v3"), output
        assert "  Using the variant v3 (x86_64 :: level :: v3)\n" in output
        assert index.files(".json") == ["demo-2.0-variants.json"]
        assert len(index.requests) == 3

    for arguments in (
        ("--no-index", "--find-links", folder, "demo"),
        ("--no-index", "--find-links", f"{index.url}demo/", "demo"),
        (folder / "demo-2.0-py3-none-any-v3.whl",),
        (f"{index.url}demo/demo-2.0-py3-none-any-v3.whl",),
    ):
        output = install(*arguments)
        assert env.installed() == ("2.0", "v3"), output

    output = install(folder / "demo-2.0-py3-none-any-v4.whl", code=1)
    assert env.installed() is None
    assert (
        "demo-2.0-py3-none-any-v4.whl is not a supported wheel on this machine: "
        "it needs x86_64 :: level :: v4 (supported: v3, v2, v1)" in output
    )

    for wheel in folder.glob("demo-2.0-*-v[123].whl"):
        wheel.unlink()
    output = install("--index-url", index.url, "demo")
    assert env.installed() == ("2.0", "null"), output
    (folder / "demo-2.0-py3-none-any-null.whl").unlink()
    output = install("--index-url", index.url, "demo")
    assert env.installed() == ("2.0", None), output
    (folder / "demo-2.0-py3-none-any.whl").unlink()
    output = install("--index-url", index.url, "demo")
    assert env.installed() == ("1.0", None), output
    assert "Skipping demo 2.0: no variant fits this machine; v4 needs" in output

    variant_wheel(folder, "null", version="3.0")
    output = install("--index-url", index.url, "--no-variants", "demo")
    assert env.installed() == ("1.0", None), output
    env.reset()
