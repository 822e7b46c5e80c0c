"""`pip-variants explain`: the wheel that pip would install, and why."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import byhand
from support.environments import FORCED, Environment, clean
from support.server import Index, Reply
from support.wheels import X86_64, levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.model.metadata import PluginProvider
from pip_variants.publish.index import write_index_metadata

LEVEL = "x86_64 :: level :: {}".format
HERE = "cp{0}{1}-cp{0}{1}-{2}".format(
    *sys.version_info[:2], sysconfig.get_platform().replace("-", "_").replace(".", "_")
)


def explain(
    index: Index | None, *arguments: str, env: dict[str, str] = FORCED, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command; whatever it prints must fit a terminal."""
    options = ["--index-url", index.url] if index else []
    command = [sys.executable, "-m", "pip_variants", "explain", *options, *(arguments or ["demo"])]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(env))
    assert done.returncode == code, done.stdout + done.stderr
    if "--json" not in arguments:
        assert max(map(len, done.stdout.splitlines()), default=0) <= 80
    return done


def decision(index: Index | None, *arguments: str, **options) -> dict:
    done = explain(index, "--json", *(arguments or ["demo"]), **options)
    answer = json.loads(done.stdout)
    assert answer["version"] == "1"
    (only,) = answer["decisions"]
    return only


def test_the_whole_text(index: Index) -> None:
    folder = release(index.root / "demo", "2.0", {**levels("v2", "v3", "v4"), "null": (), None: ()})
    sdist(folder, version="2.0")
    variant_wheel(folder, "v2", [LEVEL("v2")], version="2.0", tag="cp27-cp27m-win32")
    release(folder, "3.0", levels("v5"))
    release(folder, "1.0", {None: ()})
    done = explain(index, env={"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v3,v2"})
    text, _, rest = done.stdout.partition("    # ")
    assert (
        text
        == """\
demo 2.0: pip would install the variant v3
  demo-2.0-py3-none-any-v3.whl
  because of x86_64 :: level :: v3

Files of demo 2.0, in the order in which pip takes them:
  1  v3                   x86_64 :: level :: v3
  2  v2                   x86_64 :: level :: v2
  3  null                 fits everywhere
  4  no variant
  5  source distribution
  -  v4                   needs x86_64 :: level :: v4 (supported: v3, v2)
  -  v2                   for other platforms or Pythons

What decided, the most important namespace first:
  x86_64: x86-64-variant-provider >=0.2.1,<1, answered by pip-variants 0.1.0
    x86_64 :: level :: v3, v2
"""
    )
    assert rest.endswith("""\
    # level is forced by the environment variable
    #   X86_64_VARIANT_PROVIDER_FORCE_LEVEL

Skipped, for no file of it can be used: demo 3.0
  v5 needs x86_64 :: level :: v5 (supported: v3, v2)
""")
    assert done.stderr == ""
    # Of the chosen variant, its end: the wheel's own metadata has to agree.
    assert index.files(".whl") == ["demo-2.0-py3-none-any-v3.whl"]
    assert "Range" in index.asked[-1]
    assert index.files(".tar.gz") == []


def test_the_shape_of_the_json(index: Index) -> None:
    folder = release(index.root / "demo", "2.0", {**levels("v3", "v4"), None: ()})
    release(folder, "3.0", levels("v5"))
    found = decision(index)
    (namespace,) = found.pop("namespaces")
    assert [(one["label"], one["place"], one["reason"]) for one in found.pop("files")] == [
        ("v3", 1, ""),
        (None, 2, ""),
        ("v4", None, "needs x86_64 :: level :: v4 (supported: v3, v2, v1)"),
    ]
    assert found == {
        "target": None,
        "name": "demo",
        "installed": None,
        "release": "2.0",
        "label": "v3",
        "index_set": None,
        "filename": "demo-2.0-py3-none-any-v3.whl",
        "url": f"{index.url}demo/demo-2.0-py3-none-any-v3.whl",
        "deciding": ["x86_64 :: level :: v3"],
        "skipped": [
            {
                "release": "3.0",
                "reason": "no variant fits this machine; v5 needs x86_64 :: level :: v5 "
                "(supported: v3, v2, v1)",
                "rejected": [
                    {"label": "v5", "reason": "needs x86_64 :: level :: v5 (supported: v3, v2, v1)"}
                ],
            }
        ],
        "hints": [],
        "warnings": [],
    }
    assert namespace["namespace"] == "x86_64"
    assert namespace["requires"] == list(X86_64.requires)
    assert namespace["features"][0] == {"name": "level", "values": ["v3", "v2", "v1"]}
    assert set(namespace) == {"namespace", "requires", "by", "notes", "features", "absent"}
    file = decision(index)["files"][0]
    assert file == {
        "filename": found["filename"],
        "url": found["url"],
        "label": "v3",
        "properties": ["x86_64 :: level :: v3"],
        "place": 1,
        "reason": "",
    }


def test_a_hint_says_what_would_let_pip_consider_more(index: Index) -> None:
    providers = {"acme": PluginProvider(("acme-plugin>=1",), "acme_plugin")}
    labels = {"mk1": ("acme :: engine :: mk1",), None: ()}
    release(index.root / "demo", "1.0", labels, namespaces=("acme",), providers=providers)
    assert explain(index).stdout.endswith(
        "To let pip consider mk1:\n  pip install 'acme-plugin>=1'\n"
    )
    assert decision(index)["hints"] == [
        {"remedy": "pip install 'acme-plugin>=1'", "labels": ["mk1"]}
    ]


def test_several_files_of_a_label_are_told_apart_by_their_tags(index: Index) -> None:
    variant_wheel(index.root / "demo", "v2", [LEVEL("v2")], build="1")
    variant_wheel(index.root / "demo", "v2", [LEVEL("v2")], tag=HERE)
    for minor in range(30):
        variant_wheel(index.root / "demo", "v2", [LEVEL("v2")], tag=f"cp2{minor}-none-any")
    write_index_metadata(index.root / "demo")
    text = explain(index).stdout
    assert f"  1  v2 {HERE}" in text
    assert "  2  v2 1-py3-none-any" in text
    assert "  -  v2 (30 files)" in text


def test_names_and_reasons_of_any_length_fit(index: Index) -> None:
    long = "a_very_long_label_that_goes_on_and_on_" * 3
    name = f"{'demo_' * 20}x"
    release(index.root / "demo", "1.0", {long: (f"x86_64 :: {long} :: {long}",), None: ()})
    release(index.root / name.replace("_", "-"), "1.0", {long: (LEVEL("v1"),)}, name=name)
    assert "no variant" in explain(index).stdout
    explain(index, name)
    explain(index, "--target", "x86_64_v3", "--target", "x86_64_v2+" * 20 + "x86_64_v2", name)


def test_targets_side_by_side(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    release(index.root / "demo", "2.0", levels("v3"))
    file = tmp_path / "node.toml"
    command = [sys.executable, "-m", "pip_variants", "target", "x86_64_v2", "-o", str(file)]
    subprocess.run(command, check=True, env=clean())
    monkeypatch.chdir(tmp_path)
    targets = ["--target", "x86_64_v4", "--target=node.toml", "--target", "x86_64_v1"]
    assert (
        explain(index, *targets, "demo").stdout
        == """\
package  target     takes           because of
demo     x86_64_v4  2.0 v3          x86_64 :: level :: v3
demo     node.toml  1.0 v2          x86_64 :: level :: v2
demo     x86_64_v1  1.0 no variant
"""
    )
    alone = decision(index, "--target", "x86_64_v2", "demo")
    assert (alone["target"], alone["label"]) == ("x86_64_v2", "v2")
    assert decision(index, env={"PIP_VARIANT_TARGET": "x86_64_v2"}) == alone


def test_the_configuration_of_pip_counts(index: Index, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", {**levels("v2"), "null": (), None: ()})
    release(index.root / "demo", "2.0", {**levels("v2"), None: ()})
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("demo<2\n")
    config = tmp_path / "pip.conf"
    config.write_text(
        f"[global]\nindex-url = {index.url}\n[install]\nvariant-disable = x86_64\n"
        f"constraint = {constraints}\nrequire-virtualenv = true\n"
        "use-deprecated = legacy-resolver\n"
    )
    done = explain(None, env={**FORCED, "PIP_CONFIG_FILE": str(config)})
    assert done.stdout.startswith("demo 1.0: pip would install the variant null\n")
    assert "disabled by --variant-disable" in done.stdout


def test_without_variants_it_says_so(index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2"), None: ()})
    for off in ({"PIP_NO_VARIANTS": "1"}, {"PIP_CONFIG_FILE": ""}):
        arguments = ["demo"] if "PIP_NO_VARIANTS" in off else ["--no-variants", "demo"]
        done = explain(index, *arguments, env={**FORCED, **off})
        assert "pip would install the wheel without variant" in done.stdout
        assert "v2          not looked at, see pip-variants doctor" in done.stdout


SETS = "torch: there are builds in the index set pytorch, which pip is not set to use:"


def test_what_has_no_variants_is_an_answer(index: Index) -> None:
    plain_wheel(index.root / "plain", "plain")
    plain_wheel(index.root / "torch", "torch")
    done = explain(index, "plain")
    assert (
        done.stdout == "plain 1.0 has no variants; pip would install plain-1.0-py3-none-any.whl\n"
    )
    assert done.stderr == ""
    assert decision(index, "plain")["label"] is None
    done = explain(index, "plain", "torch")
    first, *others = done.stdout.splitlines()
    assert first == "None of 2 packages has variants on the indexes that pip is set to."
    assert others == [SETS, "    pip config set global.variant-indexes pytorch"]
    assert "torch 1.0 has no variants" in explain(index, "torch").stdout
    assert (
        "index set pytorch" in explain(index, "torchvision", "plain", code=1).stdout
    )  # not on this index


def test_several_requirements(index: Index, tmp_path: Path) -> None:
    """By name, in a file, with constraints, each alone; what cannot be found hides nothing."""
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    release(index.root / "other", "2.0", {**levels("v5"), "null": ()}, name="other")
    plain_wheel(index.root / "plain", "plain")
    (tmp_path / "requirements.txt").write_text(
        "demo==1.0\nother>1\nplain\nabsent; python_version < '3'\n"
    )
    table = """\
package  takes     because of
demo     1.0 v3    x86_64 :: level :: v3
other    2.0 null  fits everywhere
Of the others, none has variants on the indexes that pip is set to.
"""
    assert explain(index, "demo", "other", "plain").stdout == table
    done = explain(index, "-r", str(tmp_path / "requirements.txt"), code=1)
    why = 'pip would install nothing: absent; python_version < "3" is not for this environment'
    assert " ".join(done.stdout.split()) == " ".join(f"{table}absent: {why}".split())
    answers = json.loads(explain(index, "--json", "demo", "nothing", "other", code=1).stdout)
    found = {one["name"]: one for one in answers["decisions"]}
    assert found["nothing"]["error"] == "there is no release for nothing"
    assert (found["demo"]["label"], found["other"]["label"]) == ("v3", "null")
    both = explain(index, "--target", "x86_64_v2", "--target", "here", "demo", "other").stdout
    assert (
        both
        == """\
package  target     takes     because of
demo     x86_64_v2  1.0 v2    x86_64 :: level :: v2
other    x86_64_v2  2.0 null  fits everywhere
demo     here       1.0 v3    x86_64 :: level :: v3
other    here       2.0 null  fits everywhere
"""
    )


def test_each_requirement_has_its_own_files(index: Index) -> None:
    for name in ("demo", "other"):
        folder = release(index.root / name, "1.0", levels("v2"), name=name)
        variant_wheel(folder, "v2", [LEVEL("v2")], name=name, tag="cp27-cp27m-win32")
    for one in json.loads(explain(index, "--json", "demo", "other").stdout)["decisions"]:
        files = [file["filename"] for file in one["files"]]
        assert [name.partition("-")[0] for name in files] == [one["name"]] * 2


def test_what_is_installed(env: Environment, index: Index) -> None:
    """Which of it has variants, and what would exchange it; the plugin came after the packages."""
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    release(index.root / "other", "1.0", {**levels("v2"), None: ()}, name="other")
    release(index.root / "stays", "1.0", {**levels("v2"), None: ()}, name="stays")
    plain_wheel(index.root / "plain", "plain")
    env.pip("install", "--no-variants", "-i", index.url, "demo", "other", "plain", env=FORCED)
    env.pip("install", "-i", index.url, "stays", env=FORCED)
    release(index.root / "other", "2.0", {**levels("v3"), None: ()}, name="other")
    command: list[str | Path] = [env.python, "-m", "pip_variants", "explain", "-i", index.url]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean(FORCED), cwd=env.folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sorted(lines[1:4]) == [
        "demo     1.0        1.0 v3  x86_64 :: level :: v3",
        "other    1.0        2.0 v3  x86_64 :: level :: v3",
        "stays    1.0 v2     1.0 v2  x86_64 :: level :: v2",
    ]
    assert "Of the others, none has variants" in done.stdout
    commands = [line.strip() for line in lines[lines.index("To exchange what is installed:") + 1 :]]
    assert sorted(commands) == [
        "pip install --force-reinstall --no-deps demo==1.0",
        "pip install --upgrade other==2.0",
    ]
    for one in commands:
        env.pip(*one.split()[1:], env={**FORCED, "PIP_INDEX_URL": index.url})
    assert (env.installed("demo"), env.installed("other")) == (("1.0", "v3"), ("2.0", "v3"))
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, env=clean(FORCED), cwd=env.folder
    )
    here = {one["name"]: one["installed"] for one in json.loads(done.stdout)["decisions"]}
    assert here["demo"] == {"version": "1.0", "label": "v3", "target": None}


def test_where_variants_are_off_it_says_so(index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    for env, arguments in (({"PIP_NO_VARIANTS": "1"}, ["demo"]), ({}, ["--no-variants", "demo"])):
        said = explain(index, *arguments, env={**FORCED, **env}).stderr
        assert said == (
            "pip-variants: wheel variants are turned off: unset PIP_NO_VARIANTS, or no-variants in pip.conf\n"
        )


def test_an_index_that_is_away_is_one_line_for_all(index: Index) -> None:
    done = explain(index, "--retries=0", "demo", "other", UNREACHABLE, code=1)
    assert done.stderr.count("\n") == 1
    assert "Could not fetch URL" in done.stderr


def test_nothing_fits(index: Index) -> None:
    release(index.root / "demo", "1.0", levels("v4"))
    done = explain(index, code=1)
    assert done.stdout.splitlines() == [
        "demo: pip would install nothing",
        "",
        "Skipped, for no file of it can be used: demo 1.0",
        "  v4 needs x86_64 :: level :: v4 (supported: v3, v2, v1)",
    ]
    assert decision(index, code=1)["release"] is None


def test_broken_metadata_is_a_warning(index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2"), None: ()})
    (index.root / "demo" / "demo-1.0-variants.json").write_text("{")
    done = explain(index)
    assert "because none of its variants can be used" in done.stdout
    assert "v2          ignored, see the warnings" in done.stdout
    assert done.stderr.startswith("pip-variants: Ignoring the wheel variants of demo 1.0: ")


UNREACHABLE = "--index-url=http://127.0.0.1:9/"
FAILING = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "V3"}
BAD_INPUTS = [
    ("there is no release for none\n", ["none"], {}, 1),
    ("there is no release for demo>5", ["demo>5"], {}, 1),
    ("there is no release for yanked", ["yanked"], {}, 1),
    ("demo: Could not fetch URL http", ["demo", UNREACHABLE], {}, 1),
    ("Could not tell which variant of demo 1.0 fits: ", ["demo"], FAILING, 1),
    ("Could not fetch the variant metadata http", ["away"], {}, 1),
    ("--variant-target: there is no target x86_64_v9", ["--target=x86_64_v9", "demo"], {}, 1),
    ("Invalid requirement: 'demo=='", ["demo=="], {}, 1),
    ("explain takes names", ["demo @ http://127.0.0.1:9/demo-1.0-py3-none-any.whl"], {}, 2),
    ("pip would install nothing: demo; python", ["demo; python_version < '3'"], {}, 2),
    ("no such option: --nonsense", ["demo", "--nonsense"], {}, 2),
    ("option --variant-target: no such file", ["--target=./nonsense", "demo"], {}, 2),
]


@pytest.mark.parametrize(("line", "arguments", "env", "code"), BAD_INPUTS)
def test_bad_input_is_one_clear_line(
    index: Index, line: str, arguments: list[str], env: dict[str, str], code: int
) -> None:
    release(index.root / "demo", "1.0", levels("v2"))
    release(index.root / "away", "1.0", levels("v2"), name="away")
    index.replies["away-1.0-variants.json"] = Reply(status=503)
    plain_wheel(index.root / "plain", "plain")
    index.attributes[plain_wheel(index.root / "yanked", "yanked").name] = {"yanked": True}
    done = explain(index, "--retries=0", *arguments, env={**FORCED, **env}, code=code)
    assert done.stderr.startswith(f"pip-variants: {line}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_modules_in_the_working_directory_are_not_imported(index: Index, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", levels("v2"))
    (tmp_path / "optparse.py").write_text("raise SystemExit('this is not the library')")
    command: list[str | Path] = [
        Path(sys.executable).with_name("pip-variants"),
        "explain",
        "-i",
        index.url,
        "demo",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=clean(FORCED))
    assert (done.returncode, done.stderr) == (0, "")


# The property: whatever an index holds and whatever the target is, `explain` names the file that
# `pip install` takes.

LABELS = {
    None: (),
    "null": (),
    "v1": (LEVEL("v1"),),
    "v2": (LEVEL("v2"),),
    "v3": (LEVEL("v3"),),
    "v4": (LEVEL("v4"),),
    "v1_or_v4": (LEVEL("v4"), LEVEL("v1")),
    "v2_avx": (LEVEL("v2"), "x86_64 :: avx :: on"),
}
FILES = st.tuples(
    st.sampled_from(list(LABELS)),
    st.sampled_from(["py3-none-any", "py2-none-any", HERE]),
    st.sampled_from([None, "1", "2"]),
)
RELEASES = st.dictionaries(
    st.sampled_from(["1.0", "1.1", "2.0b1", "3.0"]),
    st.tuples(st.sets(FILES, min_size=1, max_size=6), st.booleans()),
    min_size=1,
    max_size=3,
)
FATES = st.lists(
    st.sampled_from([{}, {}, {}, {}, {"yanked": "a mistake"}, {"requires-python": ">=4"}]),
    min_size=30,
    max_size=30,
)
TARGETS = st.sampled_from(["v4,v3,v2,v1", "v3,v2,v1", "v1,v2", "v1", "none"])
OPTIONS = st.sampled_from(
    [
        (),
        ("--pre",),
        ("--prefer-binary",),
        ("--only-binary", ":all:"),
        ("--variant-prefer", "x86_64::avx"),
        ("--variant-prefer", "x86_64::level::v1"),
        ("--variant-disable", "x86_64"),
        ("--variant-target", "x86_64_v2"),
        ("--variant", "demo=v1"),
        ("--variant", "demo=none"),
        ("--no-variants",),
    ]
)
YANKED = {"1.0": ({("v1", HERE, None), ("v2", HERE, None)}, False)}
SPECIFIERS = st.sampled_from(["", "<3", "==1.0", "!=3.0", ">=2.0b1"])

# What may be wrong with a release: with its metadata, or with its wheels if that is believed.


def _each_variant(change: Callable[[dict], object]) -> Callable[[dict], object]:
    def change_all(document: dict) -> None:
        for label, properties in document["variants"].items():
            if label != "null":
                change(properties)

    return change_all


ILLS: dict[str, Callable[[dict], object] | bytes | int | None] = {
    "nothing": lambda document: None,
    "broken": b"{broken",
    "major 2": lambda document: document.update({"$schema": "https://example.org/v2.0.0.json"}),
    "missing": None,
    "refused": 403,
    "failing": 500,
    "half published": lambda document: document["variants"].pop(min(document["variants"])),
    "lists more": lambda document: document["variants"].update(
        {"gone": {"x86_64": {"level": ["v1"]}}}
    ),
    "other properties": _each_variant(lambda one: one.update({"x86_64": {"level": ["v1"]}})),
    "another provider": lambda document: document["providers"].update(
        {"x86_64": {"requires": ["x86-64-variant-provider"]}}
    ),
}
ILL = st.dictionaries(st.sampled_from(["1.0", "3.0"]), st.sampled_from(list(ILLS)), max_size=2)
WAYS = st.sampled_from(["index", "index", "without parts", "separate metadata", "lock"])
BOTH = {
    "1.0": ({("v1", "py3-none-any", None), (None, "py3-none-any", None)}, False),
    "3.0": (
        {
            ("v2", "py3-none-any", None),
            ("v3", "py3-none-any", None),
            ("null", "py3-none-any", None),
        },
        True,
    ),
}
FINE: list[dict] = [{}] * 30


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(RELEASES, FATES, TARGETS, OPTIONS, SPECIFIERS, st.sampled_from(["html", "json"]), ILL, WAYS)
@example({"3.0": ({("v4", HERE, None)}, True)}, FINE, "v1", (), "", "html", {}, "index")
@example(YANKED, [{"yanked": "all"}] * 30, "v3,v2,v1", (), "==1.0", "html", {}, "index")
@example(YANKED, [{"yanked": "all"}] * 30, "v3,v2,v1", (), "", "html", {}, "index")
@example(BOTH, FINE, "v3,v2,v1", (), "", "html", {"3.0": "other properties"}, "without parts")
@example(BOTH, FINE, "v3,v2,v1", (), "<3", "json", {"1.0": "another provider"}, "separate metadata")
@example(BOTH, FINE, "v3,v2,v1", (), "", "json", {"3.0": "failing"}, "separate metadata")
@example(BOTH, FINE, "v3,v2,v1", (), "", "html", {"3.0": "other properties"}, "lock")
@example(BOTH, FINE, "v3,v2,v1", (), "", "html", {"3.0": "broken"}, "lock")
@example({"1.0": ({("v4", HERE, None)}, False)}, FINE, "v1", (), "", "html", {}, "lock")
def test_explain_and_the_installation_agree(
    make_environment: Callable[..., Environment],
    index: Index,
    releases,
    fates,
    levels_here: str,
    options: tuple[str, ...],
    specifier: str,
    pages: str,
    ill: dict[str, str],
    way: str,
) -> None:
    fill(index, releases, fates, pages)
    index.replies.clear()
    index.metadata, index.ranges = way == "separate metadata", way != "without parts"
    tables = {version: afflict(index, version, ill.get(version, "nothing")) for version in releases}
    what: tuple[str, ...] = (f"demo{specifier}",)
    if way == "lock":
        version = max(releases)
        file = index.root.parent / "pylock.toml"
        what = ("-r", str(byhand.lock(file, index.root / "demo", tables[version], version)))
    env = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": levels_here}
    check_agreement(make_environment(), index, env, ("--retries", "0", *options, *what))


def afflict(index: Index, version: str, ill: str) -> object:
    """Make the metadata of a release ill; what a lock would have copied of it."""
    file = index.root / "demo" / f"demo-{version}-variants.json"
    if not file.exists():
        return None
    document, change = json.loads(file.read_text()), ILLS[ill]
    if change is None:
        file.unlink()
        return None
    if isinstance(change, int):
        index.replies[file.name] = Reply(b"", change)
    elif isinstance(change, bytes):
        file.write_bytes(change)
        return {"variants": 3}
    else:
        change(document)
        file.write_text(json.dumps(document))
    return document


def fill(index: Index, releases, fates, pages: str) -> None:
    folder = index.root / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    index.pages = pages
    index.attributes = {}
    every = []
    for version, (files, has_sdist) in releases.items():
        for label, tag, build in sorted(files, key=str):
            if label is None:
                every.append(plain_wheel(folder, "demo", version, tag=tag, build=build))
            else:
                every.append(
                    variant_wheel(
                        folder, label, LABELS[label], version=version, tag=tag, build=build
                    )
                )
        if has_sdist:
            every.append(sdist(folder, version=version))
    write_index_metadata(folder)
    for file, fate in zip(every, fates, strict=False):
        index.attributes[file.name] = fate


WHY_NOTHING = (
    "No matching distribution",
    "Could not fetch the variant metadata",
    "no file of demo",  # of a lock
    "Cannot select a compatible wheel",  # likewise
    "Could not install locked package",
    "No wheel found matching the provided tags",  # of a lock of what does not fit here
    "it has variants only of demo",  # of a lock with a null variant, under --no-variants
)


def check_agreement(
    environment: Environment, index: Index, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    arguments = ("--index-url", index.url, *arguments)
    report = environment.folder / "report.json"
    report.unlink(missing_ok=True)
    quick = ("--dry-run", "--no-deps", "--report", str(report))
    installed = environment.pip("install", *quick, *arguments, env=env, code=None)
    taken = None
    if installed.code == 0:
        (one,) = json.loads(report.read_text())["install"]
        taken = unquote(one["download_info"]["url"]).rpartition("/")[2]
    explained = subprocess.run(
        [environment.python, "-m", "pip_variants", "explain", "--json", *arguments],
        capture_output=True,
        text=True,
        env=clean(env),
    )
    both = f"{installed.all}\n{explained.returncode}\n{explained.stdout}\n{explained.stderr}"
    named = None
    if explained.stdout:
        (one,) = json.loads(explained.stdout)["decisions"]
        named = one["filename"]
        usable = [file["filename"] for file in one["files"] if file["place"] == 1]
        assert usable == [named] * bool(named)
    assert named == taken, both
    assert "Traceback" not in both
    assert "internal error" not in both
    assert explained.returncode == (1 if installed.code else 0), both
    assert named or any(why in installed.err for why in WHY_NOTHING), both


@pytest.mark.parametrize("pip", ["23.0.1", "24.0", "25.3"])
def test_they_agree_in_older_pips(make_environment, index: Index, pip: str) -> None:
    files = {("v3", HERE, None), ("v2", "py3-none-any", "1"), (None, "py3-none-any", None)}
    others = {("v4", "py3-none-any", None)}
    releases = {"1.0": (files, True), "1.1": (files, False), "3.0": (others, False)}
    fill(index, releases, [{}] * 5 + [{"yanked": True}] * 2, "html")
    for forced in ("v2", "v3"):
        env = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": forced}
        check_agreement(make_environment(pip), index, env, ("demo",))


def test_help_on_any_terminal() -> None:
    done = explain(None, "--help", env={"PYTHONIOENCODING": "ascii", "COLUMNS": "80"})
    assert done.stdout.startswith("usage: pip-variants explain [-h] [--json]")
    assert done.stderr == ""


def test_a_requirement_of_a_file_that_is_for_others(index: Index, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("demo; python_version < '3'\n")
    done = explain(None, "-r", str(tmp_path / "requirements.txt"), code=2)
    assert "is not for this environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_yanked_and_does_not_fit(index: Index) -> None:
    """Who pins it gets it all the same: that it was yanked is no reason then."""
    release(index.root / "demo", "1.0", {**levels("v3", "v4"), None: ()})
    index.attributes.update(
        (one.name, {"yanked": "bad"}) for one in (index.root / "demo").iterdir()
    )
    listed = {one["label"]: one["reason"] for one in decision(index, "demo==1.0")["files"]}
    assert listed["v4"].startswith("needs x86_64 :: level :: v4")
