"""What is replaced in pip, when, and that it can be taken back; pips that look different."""

import subprocess
from pathlib import Path

import pytest
from support.environments import FORCED, clean
from support.server import Index
from support.wheels import levels, release

SNAPSHOT = """
import importlib, inspect, json, pkgutil, sys
def snapshot():
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith("pip."):
            for key, value in vars(module).items():
                if getattr(value, "__module__", None) == name or callable(value):
                    found[name, key] = value
                if inspect.isclass(value):
                    for inner, member in vars(value).items():
                        found[name, key, inner] = member
    return found
def load():
    import pip._internal
    for package in ("pip._internal", "pip._vendor.packaging"):
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, package + "."):
            if ".locations._distutils" not in info.name and "distutils" not in info.name:
                try: importlib.import_module(info.name)
                except ImportError: pass
"""


def run(environment, code: str, **extra: str) -> str:
    done = subprocess.run(
        [environment.python, "-W", "ignore", "-c", SNAPSHOT + code],
        capture_output=True,
        text=True,
        env=clean(extra),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_detach_gives_back_every_attribute(env) -> None:
    code = """
load()
from pip_variants.pip_adapter.hook import attach
with_seams = snapshot()
attach.detach()
without = snapshot()
attach.attach()
again = snapshot()
attach.detach()
assert len(without) > 5000
print(sum(with_seams[key] is not without[key] for key in without))
assert all(value is without[key] for key, value in snapshot().items())
print(sum(again[key] is not without[key] for key in without))
"""
    first, second = run(env, code).split()
    assert int(first) >= 11
    # Modules that took a function over by name keep what it was when they were loaded.
    assert 11 <= int(second) <= int(first)


@pytest.mark.parametrize("pip", ["24.0", "25.0.1", "26.3"])
def test_what_others_use_of_a_replaced_function_is_there(make_environment, pip: str) -> None:
    """pip-compile clears the cache of `find_best_candidate`, which is one in older pips."""
    code = (
        "import functools, pip._internal.cli.main, pip._internal.commands.install\n"
        "from pip_variants.pip_adapter.hook.attach import attached\n"
        "caches = [(getattr(owner, name), one) for owner, name, one in attached.originals.values()\n"
        "          if isinstance(one, functools._lru_cache_wrapper)]\n"
        "for replacement, original in caches: replacement.cache_clear()\n"
        "print(len(caches), all(new.cache_info() == old.cache_info() for new, old in caches))"
    )
    number, same = make_environment(pip).evaluate(code).split()
    assert (int(number) > 0, same) == (pip < "25.1", "True")


def test_the_kill_switch_leaves_every_attribute_as_in_a_stock_pip(env) -> None:
    """Every function of pip is its own, but for the one that makes pip's parser know our options."""
    code = """
load()
loaded = {name for name in sys.modules if "pip_variants.pip_adapter." in name}
assert not [name for name in loaded if "hook" not in name], loaded
before = snapshot()
from pip_variants.pip_adapter.hook import attach
assert [seam.place for seam in attach.attached.originals] == ["cli.cmdoptions:make_option_group"]
attach.detach()
assert attach._Finder not in sys.meta_path
changed = {key for key, value in snapshot().items() if value is not before[key]}
assert changed == {("pip._internal.cli.cmdoptions", "make_option_group")}, changed
assert not [key for key, value in snapshot().items() if "pip_variants" in str(getattr(
    getattr(value, "__code__", None), "co_filename", ""))]
print("untouched")
"""
    for value in ("1", "true", "YES", "on"):
        assert run(env, code, PIP_NO_VARIANTS=value) == "untouched\n"


def test_a_false_kill_switch_does_not_count(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    for value in ("0", "", "false"):
        env.reset()
        env.pip(
            "install", "--index-url", index.url, "demo", env={**FORCED, "PIP_NO_VARIANTS": value}
        )
        assert env.installed() == ("1.0", "v3")


def test_pips_process_imports_no_provider_and_no_dependency(env, index: Index) -> None:
    env.at_start(
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *sorted(sys.modules), file=sys.stderr))\n"
    )
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    result = env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    loaded = next(line for line in result.err.splitlines() if line.startswith("LOADED")).split()
    tops = {name.partition(".")[0] for name in loaded}
    assert "pip_variants.pip_adapter.variants.release" in loaded
    assert not tops & {"archspec", "pluggy", "packaging", "importlib_metadata", "zipp"}
    assert not [name for name in loaded if name.startswith("pip_variants.providers")]
    assert "pip_variants.hooks" not in loaded


# What a pip of the future might look like: (file, what it says today, what it says then).
FUTURES = {
    "a seam renamed": (
        "resolution/resolvelib/found_candidates.py",
        "def __init__(\n        self,\n        get_infos",
        "def __init__(\n        self,\n        get_information",
    ),
    "a method gone": (
        "index/package_finder.py",
        "evaluate_links",
        "assess_links",
    ),
    "no partial functions": (
        "resolution/resolvelib/factory.py",
        "functools.partial(\n                    self._make_candidate_from_link,",
        "(lambda f, **k: lambda: f(**k))(\n                    self._make_candidate_from_link,",
    ),
    "a class gone": (
        "models/wheel.py",
        "class Wheel:",
        "class _W:\n    pass\ndef Wheel(name): return _Wheel(name)\nclass _Wheel:",
    ),
    "a class frozen": (
        "models/wheel.py",
        "class Wheel:",
        "class Frozen(type):\n    def __setattr__(self, *a): raise TypeError('frozen')\n"
        "class Wheel(metaclass=Frozen):",
    ),
}


@pytest.mark.parametrize("change", FUTURES.values(), ids=FUTURES)
@pytest.mark.parametrize("variants", [True, False], ids=["variants", "plain"])
def test_an_unknown_pip_is_stock_pip_with_one_warning(
    make_environment, our_wheel, index: Index, change, variants: bool
) -> None:
    file, today, then = change
    env = make_environment("26.3")
    path = env.site / "pip/_internal" / file
    original = path.read_text()
    changed = original.replace(today, then)
    if "get_information" in then:
        changed = changed.replace("= get_infos", "= get_information")
        changed = changed.replace("get_infos: Callable", "get_information: Callable")
    assert changed != original
    labels = {**levels("v3"), "null": ()} if variants else {}
    release(index.root / "demo", "1.0", {**labels, None: ()})
    try:
        path.write_text(changed)
        result = env.pip("install", "--index-url", index.url, "demo", env=FORCED)
        assert env.installed() == ("1.0", None)
        assert index.files(".json") == []
        warnings = result.err.splitlines()
        assert len(warnings) == (1 if variants else 0), result.all
        for warning in warnings:
            assert warning.lstrip().startswith(
                "WARNING: Wheel variants are ignored: pip-variants does not know this pip"
            )
    finally:
        path.write_text(original)
        env.reset()


def test_a_broken_plugin_is_stock_pip_with_one_warning(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    broken = env.site / "pip_variants/pip_adapter/hook/attach.py"
    original = broken.read_text()
    try:
        for content in ("syntax error", "import not_there", "raise RuntimeError('x')"):
            env.reset()
            broken.write_text(content)
            result = env.pip("install", "--index-url", index.url, "demo", env=FORCED)
            assert env.installed() == ("1.0", None)
            assert result.err.startswith(
                "WARNING: pip-variants is broken, pip goes on without it ("
            ), result.all
            assert len(result.err.splitlines()) == 1
    finally:
        broken.write_text(original)


def test_pip_that_was_imported_before_us(env, index: Index) -> None:
    """Another .pth file may import pip, as pip-system-certs does."""
    (env.site / "aaa_first.pth").write_text("import pip._internal.network.session\n")
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert env.installed() == ("1.0", "v3")


def test_build_isolation_chooses_variants_too(env, index: Index) -> None:
    from support.wheels import sdist

    sdist(index.root / "built", "built", requires=["demo"])
    release(index.root / "demo", "1.0", {**levels("v3", "v4"), None: ()})
    env.pip("install", "--index-url", index.url, "built", env=FORCED)
    assert index.files(".whl") == ["demo-1.0-py3-none-any-v3.whl"]
    index.requests.clear()
    env.reset()
    env.pip("install", "--index-url", index.url, "--no-variants", "built", env=FORCED)
    assert index.files(".whl") == ["demo-1.0-py3-none-any.whl"]


def test_another_interpreter_chooses_variants_too(
    env, make_environment, index: Index, tmp_path: Path
) -> None:
    from support.environments import Environment, pythons

    *_, python = pythons().values()  # not the one that runs pip, if there is another
    other = Environment(tmp_path / "other", python)
    release(index.root / "demo", "1.0", {**levels("v3", "v4"), None: ()})
    command = ("--python", other.python, "install", "--index-url", index.url, "demo")
    result = env.pip(*command, env=FORCED)
    assert other.installed() == ("1.0", "v3")
    assert "Using the variant v3" in result.out
    other.reset()
    env.pip(*command, "--no-variants", env=FORCED)
    assert other.installed() == ("1.0", None)
    other.reset()
    env.pip(*command, env={**FORCED, "PIP_NO_VARIANTS": "1"})
    assert other.installed() == ("1.0", None)


@pytest.mark.parametrize(
    "extra", [("--use-feature=venv-isolation",), ("--use-feature=inprocess-build-deps",)]
)
def test_the_newer_ways_of_build_isolation(env, index: Index, extra) -> None:
    from support.wheels import sdist

    sdist(index.root / "built", "built", requires=["demo"])
    release(index.root / "demo", "1.0", {**levels("v3", "v4"), None: ()})
    env.pip("install", *extra, "--index-url", index.url, "built", env=FORCED)
    assert index.files(".whl") == ["demo-1.0-py3-none-any-v3.whl"]


def test_it_does_not_matter_what_is_loaded_first(env) -> None:
    """Other tools load what they need of pip, in their order; each time in a process of its own."""
    code = """
import os
from pip_variants.pip_adapter.hook.seams import SEAMS
def attached(first):
    here, there = os.pipe()
    if os.fork() == 0:
        for name in (first, *(seam.module for seam in SEAMS)):
            try: importlib.import_module(name)
            except ImportError: pass
        from pip_variants.pip_adapter.hook import attach
        os.write(there, json.dumps([seam[:2] for seam in SEAMS if seam in attach.attached.originals]).encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as answer:
        return json.load(answer)
usual = attached("pip._internal.cli.cmdoptions")
print(len(usual) > 20)
modules = ("commands.install", "index.package_finder", "operations.prepare", "cache")
print([name for name in modules if attached("pip._internal." + name) != usual])
"""
    assert run(env, code) == "True\n[]\n"
