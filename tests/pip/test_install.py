"""Plain `pip install` with an index: which wheel it takes, what it says, what it asks for."""

import json
import re
from pathlib import Path

import pytest
from support.environments import FORCED
from support.server import Index
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

LEVEL = "x86_64 :: level :: {}".format


def install(environment, index, *arguments, **options):
    options.setdefault("env", FORCED)
    command = ["install", "--index-url", index.url, *(arguments or ["demo"])]
    return environment.pip(*command, **options)


@pytest.mark.parametrize("pages", ["html", "json"])
def test_takes_the_best_level_of_this_machine(env, index: Index, pages: str) -> None:
    index.pages = pages
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()})
    result = install(env, index)
    assert env.installed() == ("1.0", "v3")
    collecting, using = result.out.splitlines()[1:3]
    assert collecting == "Collecting demo"
    assert using == "  Using the variant v3 (x86_64 :: level :: v3)"
    assert result.err == ""
    assert index.requests == [
        "GET /simple/demo/",
        "GET /simple/demo/demo-1.0-variants.json",
        "GET /simple/demo/demo-1.0-py3-none-any-v3.whl",
    ]


def test_the_real_processor_decides_without_forcing(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3", "v4"), "null": ()})
    best = env.evaluate(
        "from pip_variants.providers.x86_64 import get_supported_configs as detect; print(list(detect())[0].values[0])"
    )
    install(env, index, env={})
    assert env.installed() == ("1.0", best)


def test_above_this_machine_takes_null_then_the_plain_wheel(env, index: Index) -> None:
    folder = release(index.root / "demo", "1.0", {**levels("v4"), "null": (), None: ()})
    result = install(env, index)
    assert env.installed() == ("1.0", "null")
    assert "Using the variant null (fits everywhere)" in result.out
    env.reset()
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert (
        "  Using the wheel without variant: no variant fits this machine; "
        "v4 needs x86_64 :: level :: v4 (supported: v3, v2, v1)\n"
    ) in result.out


def test_with_nothing_usable_takes_the_older_version_and_says_why(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {None: ()})
    release(index.root / "demo", "2.0", levels("v4", "v5"))
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert (
        "Skipping demo 2.0: no variant fits this machine; "
        "v4 needs x86_64 :: level :: v4, v5 needs x86_64 :: level :: v5 "
        "(supported: v3, v2, v1)\n"
    ) in result.out


def test_nothing_usable_at_all_is_pips_own_error_after_the_reason(env, index: Index) -> None:
    release(index.root / "demo", "1.0", levels("v4"))
    result = install(env, index, code=1)
    assert "Skipping demo 1.0: no variant fits this machine; v4 needs" in result.out
    assert "No matching distribution found for demo" in result.err
    assert env.installed() is None


def test_verbose_tells_the_reason_of_each_rejected_label(env, index: Index) -> None:
    release(index.root / "demo", "1.0", levels("v3", "v4", "v5"))
    result = install(env, index, "-v", "demo")
    assert (
        "Variant v4 of demo 1.0 needs x86_64 :: level :: v4 (supported: v3, v2, v1)" in result.out
    )
    assert (
        "Variant v5 of demo 1.0 needs x86_64 :: level :: v5 (supported: v3, v2, v1)" in result.out
    )
    assert "Variant v3 of" not in result.out


def test_fifty_versions_cost_one_metadata_request(env, index: Index) -> None:
    labels = levels("v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8")
    for minor in range(50):
        release(index.root / "demo", f"1.{minor}", labels, index=minor == 49)
    install(env, index)
    assert env.installed() == ("1.49", "v3")
    assert index.files(".json") == ["demo-1.49-variants.json"]
    assert len(index.requests) == 3


def test_each_version_reached_costs_one_request_and_no_more(env, index: Index) -> None:
    for minor in range(6):
        labels = levels("v4") if minor > 2 else levels("v2", "v3")
        release(index.root / "demo", f"1.{minor}", labels)
    install(env, index)
    assert env.installed() == ("1.2", "v3")
    assert index.files(".json") == [f"demo-1.{minor}-variants.json" for minor in (5, 4, 3, 2)]


def test_platform_tags_then_build_tag_within_a_label(env, index: Index) -> None:
    folder = index.root / "demo"
    tag = "cp{0}{1}-cp{0}{1}-{2}".format(
        *env.evaluate(
            "import sys, sysconfig; print(*sys.version_info[:2], "
            "sysconfig.get_platform().replace('-', '_').replace('.', '_'))"
        ).split()
    )
    variant_wheel(folder, "v2", [LEVEL("v2")], tag=tag, build="9")
    variant_wheel(folder, "v3", [LEVEL("v3")], build="7")
    variant_wheel(folder, "v3", [LEVEL("v3")], tag=tag, build="1")
    variant_wheel(folder, "v3", [LEVEL("v3")], tag=tag, build="2")
    release(folder, "0.1", {None: ()})
    install(env, index)
    assert env.installed() == ("1.0", "v3")
    assert index.files(".whl") == [f"demo-1.0-2-{tag}-v3.whl"]


def test_wheels_for_other_platforms_are_no_candidates(env, index: Index) -> None:
    folder = index.root / "demo"
    variant_wheel(folder, "v3", [LEVEL("v3")], tag="cp27-cp27m-win32")
    release(folder, "1.0", levels("v2"))
    install(env, index)
    assert env.installed() == ("1.0", "v2")


def test_sdist_of_the_same_version_comes_before_an_older_version(env, index: Index) -> None:
    folder = release(index.root / "demo", "2.0", levels("v4"))
    release(folder, "1.0", {None: ()})
    sdist(folder, version="2.0")
    result = install(env, index)
    assert env.installed() == ("2.0", None)
    assert (
        "  Using the source distribution: no variant fits this machine; v4 needs "
        "x86_64 :: level :: v4 (supported: v3, v2, v1)\n"
    ) in result.out
    assert index.files(".tar.gz") == ["demo-2.0.tar.gz"]


def test_dependencies_choose_their_variants_too(env, index: Index) -> None:
    plain_wheel(index.root / "app", "app", "1.0", metadata=["Requires-Dist: demo>=1"])
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    install(env, index, "app")
    assert env.installed("app") == ("1.0", None)
    assert env.installed() == ("1.0", "v3")


def test_installed_version_that_satisfies_costs_nothing(env, index: Index) -> None:
    release(index.root / "demo", "1.0", levels("v2", "v3"))
    install(env, index)
    index.requests.clear()
    result = install(env, index)
    assert "already satisfied" in result.out
    assert index.requests == []
    install(env, index, "--upgrade", "demo")
    assert index.requests == ["GET /simple/demo/"]


def test_a_package_without_variants_is_as_with_stock_pip(env, stock, index: Index) -> None:
    for version in ("1.0", "1.1", "2.0"):
        release(index.root / "demo", version, {None: ()})
    outputs, requests = [], []
    for environment in (env, stock):
        result = install(environment, index, "demo<2", "--report", "report.json")
        report = json.loads((environment.folder / "report.json").read_text())
        outputs.append(
            (re.sub(r"'[^']*report.json'", "", result.out), result.err, report["install"])
        )
        requests.append(list(index.requests))
        index.requests.clear()
    assert outputs[0] == outputs[1]
    assert requests[0] == requests[1]


def test_a_package_without_variants_starts_no_process(env, index: Index) -> None:
    env.at_start(
        "import sys\n"
        "def hook(event, args):\n"
        "    if event == 'subprocess.Popen' and 'pip_variants' in str(args): print('STARTED')\n"
        "sys.addaudithook(hook)\n"
    )
    release(index.root / "demo", "1.0", {None: ()})
    release(index.root / "demo", "2.0", {None: (), "null": ()})
    assert "STARTED" not in install(env, index, "demo<2").out
    assert "STARTED" not in install(env, index, "demo==2").out
    assert env.installed() == ("2.0", "null")
    release(index.root / "demo", "3.0", levels("v3"))
    assert install(env, index, "demo==3").out.count("STARTED") == 1


def test_no_variants_takes_the_plain_wheel(env, index: Index, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), "null": (), None: ()})
    result = install(env, index, "--no-variants", "demo")
    assert env.installed() == ("1.0", None)
    assert index.files(".json") == []
    assert "ariant" not in result.all
    env.reset()
    install(env, index, env={**FORCED, "PIP_NO_VARIANTS": "1"})
    assert env.installed() == ("1.0", None)
    env.reset()
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nno-variants = true\n")
    install(env, index, env={**FORCED, "PIP_CONFIG_FILE": str(config)})
    assert env.installed() == ("1.0", None)


def test_help_shows_the_options(env) -> None:
    result = env.pip("install", "--help")
    assert "Wheel Variant Options:" in result.out
    assert "--no-variants" in result.out
