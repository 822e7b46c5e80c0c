"""Options of pip, its settings, and commands beside `install`, as a person would type them."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
from support.environments import FORCED, NEWEST_PIP, Environment, dependencies, pip_wheel
from support.server import Index
from support.wheels import levels, plain_wheel, release, sdist

ALL = {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}
WHEEL = "demo-1.0-py3-none-any-{}.whl".format
PLAIN = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", ALL)


def run(environment: Environment, command: str, index: Index, *arguments, env=None, **options):
    words = [*command.split(), *arguments, "--index-url", index.url]
    return environment.pip(*words, env={**FORCED, **(env or {})}, **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Turning variants off


@pytest.mark.parametrize(
    ("variables", "config", "arguments", "label"),
    [
        ({}, "", ["--no-variants"], None),
        ({"PIP_NO_VARIANTS": "yes"}, "", [], None),
        ({"PIP_NO_VARIANTS": "1"}, "", ["--no-variants"], None),
        ({"PIP_NO_VARIANTS": "off"}, "", ["--no-variants"], None),
        ({"PIP_NO_VARIANTS": "1"}, "[global]\nno-variants = false", [], None),
        ({"PIP_NO_VARIANTS": "0"}, "[global]\nno-variants = true", [], "v3"),
        ({}, "[install]\nno-variants = on", [], None),
        ({}, "[global]\nno_variants = true\n[install]\nno_variants = false", [], "v3"),
        ({}, "[download]\nno-variants = true", [], "v3"),
    ],
)
def test_the_switch(env, index, folder, tmp_path, variables, config, arguments, label) -> None:
    if config:
        (tmp_path / "pip.conf").write_text(config)
        variables = {**variables, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    result = run(env, "install", index, *arguments, "demo", env=variables)
    assert env.installed() == ("1.0", label)
    assert result.err == ""


def test_the_switch_set_by_pip_config(env, index: Index, folder: Path, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PIP_CONFIG_FILE": ""}
    env.pip("config", "--user", "set", "global.no-variants", "true", env=home)
    assert "global.no-variants='true'" in env.pip("config", "list", env=home).out
    run(env, "install", index, "demo", env=home)
    assert env.installed() == ("1.0", None)
    env.pip("config", "--user", "unset", "global.no-variants", env=home)
    env.reset()
    run(env, "install", index, "demo", env=home)
    assert env.installed() == ("1.0", "v3")


@pytest.mark.parametrize("pip", ["24.0", NEWEST_PIP])
@pytest.mark.parametrize(
    ("value", "arguments", "complaint"),
    [
        ("", ["--no-variants=yes"], "--no-variants option does not take a value"),
        ("", ["--no-varaints"], "no such option: --no-varaints"),
        ("maybe", [], "maybe is not a valid value for no-variants option"),
        ("2", [], "2 is not a valid value for no-variants option"),
    ],
)
def test_a_mistyped_switch_is_an_error(
    make_environment, index: Index, folder: Path, tmp_path, pip, value, arguments, complaint
) -> None:
    env = make_environment(pip)
    (tmp_path / "pip.conf").write_text(f"[install]\nno-variants = {value}\n")
    settings = (
        [{"PIP_NO_VARIANTS": value}, {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}]
        if value
        else [{}]
    )
    for variables in settings:
        result = run(env, "install", index, *arguments, "demo", env=variables, code=2)
        assert complaint in result.err
        assert "Traceback" not in result.err
        assert env.installed() is None


@pytest.mark.parametrize("command", ["install", "download", "wheel", "lock", "index", "list"])
def test_help_has_an_option_group_more(env, stock, command: str) -> None:
    ours, theirs = (
        one.pip(command, "--help").out.partition("Description:")[2] for one in (env, stock)
    )
    start = ours.index("Wheel Variant Options:")
    end = ours.find("\n\n", start)
    group = ours[start:] if end < 0 else ours[start : end + 2]
    assert group.count("--no-variants") == 1
    assert ours.replace(group, "").strip() == theirs.strip()


def test_commands_with_variants_off(env, stock, index: Index, folder: Path, tmp_path) -> None:
    release(folder, "2.0", levels("v2"))
    for command in ("download -d", "wheel -w"):
        run(env, command, index, tmp_path / command, "--no-variants", "demo")
        assert names(tmp_path / command) == [PLAIN]
    run(env, "install --no-variants", index, "demo")
    outdated = run(env, "list --no-variants --outdated --format json", index)
    assert "demo" not in [one["name"] for one in json.loads(outdated.out)]
    assert "2.0" not in run(env, "index versions --no-variants", index, "demo").out
    outcomes = [
        environment.pip("install", *arguments, folder / WHEEL("v3"), env=FORCED, code=1)
        for environment, arguments in ((env, ["--no-variants"]), (stock, []))
    ]
    assert outcomes[0].all == outcomes[1].all


def test_quiet_is_quiet_and_the_log_has_the_reason(env, index: Index, folder, tmp_path) -> None:
    result = run(env, "install -q", index, "--log", tmp_path / "log", "demo")
    assert (result.out, result.err) == ("", "")
    log = (tmp_path / "log").read_text()
    assert "Using the variant v3 (x86_64 :: level :: v3)" in log
    assert "Variant v4 of demo 1.0 needs x86_64 :: level :: v4" in log


# Where it is installed


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Environment, dict[str, str]]:
    """An interpreter with a stock pip and a user's site folder, as a Linux distribution has it."""
    env = Environment(tmp_path / "shared").unpack(pip_wheel(NEWEST_PIP))
    config = env.folder / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))
    return env, {**FORCED, "PYTHONUSERBASE": str(tmp_path / "user")}


@pytest.mark.parametrize("ours", ["of the user", "of the system"])
def test_the_site_folder_of_a_user(shared, our_wheel: Path, index: Index, folder, ours) -> None:
    env, variables = shared
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = Path(variables["PYTHONUSERBASE"]) / f"lib/{version}/site-packages"
    site.mkdir(parents=True)
    for wheel in (our_wheel, *dependencies()):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site if ours == "of the user" else env.site)
    run(env, "install --user", index, "demo", env=variables)
    assert (site / "demo-1.0.dist-info/variant.json").exists()
    listed = {
        one["name"]: one for one in json.loads(env.pip("list", "--format=json", env=variables).out)
    }
    assert listed["demo"]["variant"]["label"] == "v3"


def test_an_environment_is_required(env, index: Index, folder: Path) -> None:
    run(env, "--require-virtualenv install", index, "demo")
    assert env.installed() == ("1.0", "v3")


@pytest.mark.parametrize("where", ["folder", "interpreter"])
def test_into_another_environment(env, index: Index, folder: Path, tmp_path, where: str) -> None:
    other = Environment(tmp_path / "other").unpack()
    target = other.folder if where == "folder" else other.python
    run(env, f"--python {target} install", index, "demo")
    assert other.installed() == ("1.0", "v3")
    listed = json.loads(env.pip("--python", target, "list", "--format", "json").out)
    assert [one["variant"]["label"] for one in listed] == ["v3"]
    env.pip("--python", target, "check")
    env.pip("--python", target, "uninstall", "-y", "demo")
    assert other.installed() is None


# Building


@pytest.fixture
def project(folder: Path, tmp_path: Path) -> Path:
    """A source tree whose build is told by a setting which variant to make."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (root / "backend.py").write_text(
        "import shutil\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    name = f'demo-1.0-py3-none-any-{config_settings[\"variant\"]}.whl'\n"
        f"    shutil.copy({str(folder)!r} + '/' + name, folder)\n"
        "    return name\n"
    )
    return root


def test_config_settings(env, project: Path, tmp_path: Path) -> None:
    def setting(label: str) -> tuple[str, ...]:
        return ("--config-settings", f"variant={label}", str(project))

    env.pip("install", *setting("v2"), env=FORCED)
    assert env.installed() == ("1.0", "v2")
    env.pip("wheel", "-w", tmp_path / "out", *setting("v3"), env=FORCED)
    assert names(tmp_path / "out") == [WHEEL("v3")]
    env.reset()
    result = env.pip("install", *setting("v4"), env=FORCED, code=1)
    assert env.installed() is None
    assert "it needs x86_64 :: level :: v4 (supported: v3, v2, v1)" in result.err


def test_config_settings_leave_the_choice_as_it_is(env, index: Index, folder: Path) -> None:
    sdist(folder)
    run(env, "install --config-settings a=b", index, "demo")
    assert env.installed() == ("1.0", "v3")


def test_wheels_of_a_requirements_file(env, index: Index, folder: Path, tmp_path: Path) -> None:
    sdist(index.root / "built", "built", requires=["demo"])
    plain_wheel(index.root / "app", "app", metadata=["Requires-Dist: demo"])
    (tmp_path / "requirements.txt").write_text("app\nbuilt\n")
    for command, expected in (
        ("wheel -w", ["app-1.0-py3-none-any.whl", "built-1.0-py3-none-any.whl", WHEEL("v3")]),
        ("download --no-deps -d", ["app-1.0-py3-none-any.whl", "built-1.0.tar.gz"]),
    ):
        out = tmp_path / command.split()[0]
        run(env, command, index, out, "-r", tmp_path / "requirements.txt")
        assert names(out) == sorted(expected)


def test_what_was_downloaded_is_not_downloaded_again(env, index: Index, folder, tmp_path) -> None:
    for _ in range(2):
        index.requests.clear()
        run(env, "download --no-deps -d", index, tmp_path / "out", "demo")
    assert index.files(".whl") == []
    assert names(tmp_path / "out") == [WHEEL("v3")]


def test_pips_cache_of_built_wheels(env, index: Index, tmp_path: Path) -> None:
    sdist(index.root / "demo", label="v3")
    cache = ("--cache-dir", tmp_path / "cache")
    run(env, "install", index, *cache, "demo")
    for arguments in (["list"], ["list", "demo"], ["list", "--format", "abspath", "demo-1.0"]):
        assert WHEEL("v3") in env.pip("cache", *arguments, *cache).out
    assert "Number of locally built wheels: 1" in env.pip("cache", "info", *cache).out
    env.pip("cache", "remove", "demo", *cache)
    assert WHEEL("v3") not in env.pip("cache", "list", *cache).out


# Requirements


@pytest.fixture
def extras(index: Index) -> Path:
    """Two versions with an extra that depends on the variant."""
    metadata = [
        "Provides-Extra: more",
        "Requires-Dist: fast>=2; extra == 'more' and 'x86_64::level::v3' in variant_properties",
        "Requires-Dist: slow; extra == 'more' and 'x86_64::level::v3' not in variant_properties",
    ]
    for version in ("1.0", "2.0"):
        release(index.root / "demo", version, ALL, metadata=metadata)
        plain_wheel(index.root / "fast", "fast", version)
    plain_wheel(index.root / "slow", "slow")
    return index.root / "demo"


WAYS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "json": (True, ()),
    "ranges": (False, ()),
    "fast-deps": (True, ("--use-feature", "fast-deps")),
}
EXTRAS = (
    ("demo[more]", "demo<2", ("1.0", "v3"), "fast"),
    ("demo[more]<2", "demo", ("1.0", "v3"), "fast"),
    ("demo[more]", "demo @ file://{}/demo-1.0-py3-none-any-v2.whl", ("1.0", "v2"), "slow"),
    ("demo[more] @ file://{}/demo-2.0-py3-none-any-v3.whl", "fast<3", ("2.0", "v3"), "fast"),
)


@pytest.mark.parametrize(
    ("way", "case"),
    [  # each way with an index and with a file, each case in one way
        *(("json", EXTRAS[0]), ("ranges", EXTRAS[1]), ("fast-deps", EXTRAS[0])),
        *(("json", EXTRAS[3]), ("ranges", EXTRAS[2]), ("fast-deps", EXTRAS[2])),
        *(pytest.param("json", case, marks=pytest.mark.long) for case in EXTRAS[1:3]),
        *(pytest.param("ranges", case, marks=pytest.mark.long) for case in EXTRAS[::3]),
        *(pytest.param("fast-deps", case, marks=pytest.mark.long) for case in EXTRAS[1::2]),
    ],
)
def test_extras_and_constraints(
    env, index, extras: Path, tmp_path, way: str, case: tuple[str, str, tuple[str, str], str]
) -> None:
    listed, feature = WAYS[way]
    requirement, constraint, expected, dependency = case
    if not listed:
        for path in extras.glob("*.json"):
            path.unlink()
    (tmp_path / "c.txt").write_text(constraint.format(extras))
    result = run(
        env, "install", index, *feature, "-c", tmp_path / "c.txt", requirement.format(extras)
    )
    assert env.installed() == expected
    assert [name for name in ("fast", "slow") if env.installed(name)] == [dependency], result.all
    assert env.pip("check", env=FORCED).out == "No broken requirements found.\n"


def test_check_after_the_environment_changed(env, index: Index) -> None:
    requires = ["Requires-Dist: fast>=2; 'x86_64::level::v3' in variant_properties"]
    folder = release(index.root / "demo", "1.0", ALL, metadata=requires)
    for version in ("1.0", "2.0"):
        plain_wheel(index.root / "fast", "fast", version)
    run(env, "install", index, "demo")
    result = run(env, "install", index, "fast==1.0")
    assert "demo 1.0 requires fast>=2, but you have fast 1.0 which is incompatible." in result.err
    broken = "demo 1.0 has requirement fast>=2, but you have fast 1.0.\n"
    assert env.pip("check", code=1).out == broken
    run(env, "install --force-reinstall --no-deps", index, folder / WHEEL("v2"))
    assert env.pip("check").out == "No broken requirements found.\n"


# What is there


def test_index_versions_tells_what_can_be_installed(env, index: Index, folder: Path) -> None:
    release(folder, "2.0", levels("v2"))
    release(folder, "3.0", levels("v4"))
    release(folder, "4.0a1", levels("v2"))
    run(env, "install", index, "demo==1.0")
    shown = run(env, "index versions", index, "demo").out
    assert shown.splitlines()[0] == "demo (2.0)"
    assert "Available versions: 2.0, 1.0\n" in shown
    told = json.loads(run(env, "index versions --pre --json", index, "demo").out)
    assert told["versions"] == ["4.0a1", "2.0", "1.0"]
    assert (told["latest"], told["installed_version"]) == ("4.0a1", "1.0")


def test_index_versions_without_variants_costs_no_more_than_with_stock_pip(
    env, stock, index: Index, folder: Path
) -> None:
    """The null variant and the plain wheel fit everywhere: nothing need be asked for."""
    release(folder, "2.0", {"null": ()})
    assert "2.0, 1.0" in run(env, "index versions", index, "demo").out
    assert index.requests == ["GET /simple/demo/"]


def test_freeze_and_uninstall(env, index: Index, folder: Path, tmp_path: Path) -> None:
    before = names(env.site)
    frozen = tmp_path / "frozen.txt"
    for what, line in (("demo", "demo==1.0"), (folder / WHEEL("v2"), f"demo @ file://{folder}/")):
        run(env, "install", index, what)
        installed = env.installed()
        shown = env.pip("freeze", "--all").out
        assert line in shown
        assert f"pip=={NEWEST_PIP}" in shown
        frozen.write_text("".join(one for one in shown.splitlines(True) if one.startswith("demo")))
        result = env.pip("uninstall", "-y", "-r", frozen)
        assert result.err == ""
        assert names(env.site) == before
        run(env, "install", index, "-r", frozen)
        assert env.installed() == installed
        env.pip("uninstall", "-y", "demo")


def test_debug_is_that_of_stock_pip(env, stock) -> None:
    ours, theirs = (one.pip("debug", "-v") for one in (env, stock))
    assert ours.out.replace(str(env.folder), "") == theirs.out.replace(str(stock.folder), "")
    assert ours.err == theirs.err
