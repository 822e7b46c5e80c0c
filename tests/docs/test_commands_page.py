"""docs/commands.md: every command on it is run in a small world, and prints what the page says."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import FORCED, HARDWARE, ROOT, Environment, unpack
from support.pages import Shell
from support.server import Index
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

LEVEL = "x86_64 :: level :: {}".format


def examples() -> list[tuple[str, str, str]]:
    """Each command of the page, the language of the block after it, and that block, if there is one."""
    found: list[tuple[str, str, str]] = []
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.M | re.S):
        if language == "sh":
            found.append((block.strip(), "", ""))
        else:
            command, other, _ = found.pop()
            assert not other, f"two outputs of {command}"
            found.append((command, language, block))
    return found


# Worlds


def empty(env: Environment, index: Index, folder: Path) -> None:
    """Nothing is installed."""


def moved(env: Environment, index: Index, folder: Path) -> None:
    """From a machine of level v4, and torch was exchanged."""
    unpack(env, variant_wheel(folder, "v4", [LEVEL("v4")]), plain_wheel(folder, "torch", "2.8.0"))
    unpack(env, variant_wheel(folder, "v3", [LEVEL("v3")], "other", "2.0"))
    unpack(env, variant_wheel(folder, "t29", ["abi_dependency :: torch :: 2.9"], "vllm", "0.9"))


def one_moved(env: Environment, index: Index, folder: Path) -> None:
    unpack(env, variant_wheel(folder, "v4", [LEVEL("v4")]))


def upgraded(env: Environment, index: Index, folder: Path) -> None:
    """A machine of level v4 has what one of level v3 got."""
    release(index.root / "demo", "1.0", levels("v3", "v4"))
    unpack(env, variant_wheel(folder, "v3", [LEVEL("v3")]))


def published(env: Environment, index: Index, folder: Path) -> None:
    """Two releases, the newer one for newer machines only."""
    demo = release(index.root / "demo", "2.0", {**levels("v2", "v3", "v4"), "null": (), None: ()})
    sdist(demo, version="2.0")
    variant_wheel(demo, "v2", [LEVEL("v2")], version="2.0", tag="cp27-cp27m-win32")
    release(demo, "3.0", levels("v5"))


def behind(env: Environment, index: Index, folder: Path) -> None:
    """Better builds than those that are installed; the rest of the environment has no variants."""
    for info in env.site.glob("*.dist-info"):
        name, version = info.name.removesuffix(".dist-info").split("-")
        plain_wheel(index.root / name.replace("_", "-"), name, version)
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    release(index.root / "other", "2.0", {**levels("v3"), None: ()}, "other")
    unpack(env, plain_wheel(folder), variant_wheel(folder, "v2", [LEVEL("v2")], "other"))


def broken(env: Environment, index: Index, folder: Path) -> None:
    """A vendor's provider does not load."""
    info = {
        "acme_variants-1.0.dist-info/entry_points.txt": "[pip_variants]\nacme = acme_variants\n"
    }
    source = {"acme_variants.py": "raise OSError('no card in the slot')\n"}
    unpack(env, plain_wheel(folder, "acme_variants", files={**info, **source}))


V4 = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v4,v3,v2,v1"}
World = Callable[[Environment, Index, Path], None]
WORLDS: dict[str, tuple[World, dict[str, str], int]] = {
    "pip-variants show": (empty, FORCED, 0),
    "pip-variants target": (empty, FORCED, 0),
    "pip-variants indexes pytorch": (empty, FORCED, 0),
    "pip-variants list": (moved, FORCED, 0),
    "pip-variants check": (moved, FORCED, 1),
    "pip-variants check --upgradable": (upgraded, V4, 1),
    "pip-variants check --json": (one_moved, FORCED, 1),
    "pip-variants explain demo": (published, FORCED, 0),
    "pip-variants explain": (behind, FORCED, 0),
    "pip-variants explain --target x86_64_v4 --target x86_64_v2 --target x86_64_v1 demo": (
        published,
        FORCED,
        0,
    ),
    "pip-variants doctor": (broken, HARDWARE, 1),
}
"""Where a command is run, on which machine, and its exit code."""

OTHERWISE = {
    r"pip-variants \d+\.\d+\.\d+( in .*)?": "pip-variants",
    r"extended at \d+ places": "extended at so many places",
    r"^Python .*$": "Python here",
    r"\d+ properties +vendor .*$": "properties of this processor",
    r"^    # .*\n": "",  # what a provider looked at
    r"^  MPI4PY_LIBMPI=.*\n": "",
}
"""What differs from machine to machine, and with every release."""


def alike(text: str) -> list[str]:
    for pattern, same in OTHERWISE.items():
        text = re.sub(pattern, same, text, flags=re.M)
    return text.splitlines()


@pytest.mark.parametrize(("command", "language", "shown"), examples())
def test_commands_print_what_the_page_says(
    env: Environment,
    index: Index,
    shell: Shell,
    tmp_path: Path,
    command: str,
    language: str,
    shown: str,
) -> None:
    world, machine, code = WORLDS[command]
    world(env, index, tmp_path / "wheels")
    said = shell(
        f"set +e\n{command}\ntest $? -eq {code}", tmp_path, PIP_INDEX_URL=index.url, **machine
    )
    assert said
    if language == "json":
        assert json.loads(said) == json.loads(shown)
    elif language:
        assert language == "text"
        lines, expected = alike(said), alike(shown)
        for place, line in enumerate(expected):
            if left_out := re.fullmatch(r" *\.\.\. (\d+) more", line):
                lines[place : place + int(left_out[1])] = [line]
        assert lines == expected
