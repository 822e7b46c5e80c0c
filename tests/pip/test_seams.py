"""pips of which a part is missing: the tables of seams and assumptions, held against real pips."""

import ast
import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from support.environments import (
    ALL_PIPS,
    FORCED,
    PIPS,
    ROOT,
    Environment,
    Result,
    clean,
    pythons,
    starts,
)
from support.pips import Change, changed, renamed
from support.server import Index
from support.wheels import levels, plain_wheel, release

from pip_variants.pip_adapter.hook.seams import (
    ALL,
    ASSUMPTIONS,
    ASSUMPTIONS_OF_INDEX_SETS,
    OPTIONS,
    SEAMS,
    Seam,
)

ADAPTER = ROOT / "src/pip_variants/pip_adapter"
IGNORED = "WARNING: Wheel variants are ignored: pip-variants does not know this pip ("

# For each pip, which of its parts are replaced


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    everything = metafunc.config.getoption("--all")
    if "pip" in metafunc.fixturenames:
        pips = [*(ALL_PIPS if everything else PIPS)]
        pips += filter(None, [metafunc.config.getoption("--pip-checkout")])
        # On these two it reads metadata in different ways.
        on: dict[str, tuple[str, ...]] = {one: ("3.10", "3.11") for one in pips}
        if not everything:
            on |= {"24.0": ("3.10",), "25.3": ("3.11",), "26.2": ("3.10",)}
        pairs = [(one, python) for one in pips for python in on[one] if python in pythons()]
        metafunc.parametrize(("pip", "python"), [pair for pair in pairs if starts(*pair)])
    if "name" in metafunc.fixturenames:
        metafunc.parametrize(
            "name", CRITICAL if everything else [one for one in CRITICAL if one in ALWAYS]
        )


_ATTACHED = """
import importlib, json, warnings
warnings.simplefilter("ignore")
import pip._internal.cli.main, pip
from pip_variants.pip_adapter.hook import attach
from pip_variants.pip_adapter.hook.seams import SEAMS
for seam in SEAMS:
    try: importlib.import_module(seam.module)
    except ImportError: pass
places = [seam.place for seam in attach.attached.originals]
faults = [seam.place for seam in attach.attached.faults]
print(json.dumps([pip.__version__, places, faults, attach.verify(), [seam.place for seam in attach.missing()]]))
"""


def test_the_places_are_those_of_the_table(
    make_environment: Callable[..., Environment], pip: str, python: str
) -> None:
    environment = make_environment(pip, python)
    version, places, faults, problems, missing = json.loads(environment.evaluate(_ATTACHED))
    number = tuple(int(part) for part in version.split(".")[:2])
    backend = "metadata.importlib._dists:" if python != "3.10" else "metadata.pkg_resources:"
    expected = {
        seam.place
        for seam in SEAMS
        if seam.since <= number and (not seam.until or number < seam.until)
        if ":Distribution." not in seam.place or seam.place.startswith(backend)
    }
    # The modules of both backends were loaded here; pip uses one.
    used = {one for one in places if ":Distribution." not in one or one.startswith(backend)}
    assert used == expected
    assert len(places) == len(set(places))
    assert (faults, problems, missing) == ([], [], [])


# Names that a replacement cannot do without: stock pip and one line


def elsewhere(module: str, owner: str, name: str) -> list[Change]:
    """A method or property that is found in another way, which pip's own code does not notice."""
    code = f"""
_moved = vars({owner})[{name!r}]
del {owner}.{name}
def _found(self, name):
    if name == {name!r}:
        return _moved.__get__(self, {owner})
    raise AttributeError(name)
{owner}.__getattr__ = _found
"""
    return [(re.escape(module), r"\Z", code)]


def inherited(module: str, owner: str, name: str) -> list[Change]:
    """A method that the class has from another."""
    code = f"""
class _Base:
    {name} = {owner}.{name}
del {owner}.{name}
{owner}.__bases__ = (_Base, *{owner}.__bases__)
"""
    return [(re.escape(module), r"\Z", code)]


def another_attribute(module: str, owner: str, name: str) -> list[Change]:
    """It is kept under another name; a property has the old one."""
    code = f"\n{owner}.{name} = property(lambda self: self.the_{name}, lambda self, value: setattr(self, 'the_{name}', value))\n"
    return [
        (re.escape(module), rf"\bself\.{name}\b", f"self.the_{name}"),
        (re.escape(module), r"\Z", code),
    ]


def another_way(name: str) -> list[Change]:
    """An argument of the function that makes a candidate."""
    found = rf"\b{name}=(ican\.)?{name}\b(?=,\s+(name|version|extras)=)"
    return [
        (r"resolution\.resolvelib\.factory", found, rf"**{{'{name[:2]}' + '{name[2:]}': \1{name}}}")
    ]


# Words that are also something else's are renamed only where they are that name of pip.
SPECIAL: dict[str, list[Change]] = {
    "cli.base_command:Command.main": [
        (r"cli\.base_command|commands\..*", r"def main\(self", "def run_main(self"),
        (r"cli\.main|commands\..*", r"(command|super\(\))\.main\(", r"\1.run_main("),
    ],
    "cli.base_command:Command.parse_args": [
        (r"cli\.base_command", r"def parse_args\(self", "def parse_words(self"),
        (r"cli\.base_command", r"self\.parse_args\(", "self.parse_words("),
    ],
    "index.collector:LinkCollector.create": [
        (r"index\.collector", r"def create\(", "def made("),
        (".*", r"LinkCollector\.create\(", "LinkCollector.made("),
    ],
    "models.wheel:Wheel.__init__": [(r"models\.wheel", r"(?<!\.)\bfilename\b", "file_name")],
    "index.sources:parse_wheel_filename": [
        (r"index\.sources", r"\bparse_wheel_filename,", "parse_wheel_filename as parse_name,"),
        (r"index\.sources", r"\bparse_wheel_filename\(", "parse_name("),
    ],
    "cache:SimpleWheelCache.get": [
        ("cache", r"(?<=def )get(?=\()|(?<=_cache\.)get(?=\()", "get_link")
    ],
    "resolution.resolvelib.found_candidates:FoundCandidates.__init__": renamed("get_infos"),
    "resolution.resolvelib.resolver:Resolver.resolve": [
        (r"resolution\..*", r"def resolve\(", "def run_resolve("),
        (r"commands\..*|build_env.*", r"resolver\.resolve\(", "resolver.run_resolve("),
    ],
    "Factory._iter_found_candidates uses .partial": [
        (
            r"resolution\.resolvelib\.factory",
            r"functools\.partial\(",
            "(lambda f, **k: lambda: f(**k))(",
        ),
    ],
    **{
        f"Factory._iter_found_candidates uses {name}=": another_way(name)
        for name in ("link", "name")
    },
    "Resolver.__init__ uses .factory": another_attribute(
        "resolution.resolvelib.resolver", "Resolver", "factory"
    ),
    "LinkCollector.__init__ uses .session": another_attribute(
        "index.collector", "LinkCollector", "session"
    ),
    "_get_index_content uses session": [
        (r"index\.collector", r"(?<![.\w])session\b", "the_session")
    ],
    "models.link:Link.url": elsewhere("models.link", "Link", "url"),
    "models.link:Link.filename": elsewhere("models.link", "Link", "filename"),
    "models.link:Link.is_file": [(".*", r"(?<=def )is_file\b|\bis_file\b(?!\()", "is_of_disk")],
    "Link.__init__ uses ._hashes": [(r"models\.link", r"\b_hashes\b", "_digests")],
    "CandidateEvaluator.__init__ uses ._hashes": [
        (r"index\.package_finder", r"self\._hashes\b", "self._allowed")
    ],
    "InstallRequirement.__init__ uses .link": another_attribute(
        "req.req_install", "InstallRequirement", "link"
    ),
    "req.req_install:InstallRequirement.hashes": [
        (".*", r"(?<=def )hashes(?=\(self, trust)|(?<=\.)hashes(?=\(trust)", "all_hashes"),
    ],
    "RequirementSet.__init__ uses .requirements": another_attribute(
        "req.req_set", "RequirementSet", "requirements"
    ),
    "metadata.base:BaseDistribution.read_text": [
        (r"metadata\.base", r"\Z", "\ndel BaseDistribution.read_text\n")
    ],
    "option python_version": [
        (".*", r"(?<!platform\.)\bpython_version\b", "python_version_renamed")
    ],
    "import of Wheel": [(".*", r"\bWheel\b(?!-)", "Wheel_renamed")],
    "option implementation": [(".*", r"(?<!sys\.)\bimplementation\b", "implementation_renamed")],
}


def imports() -> Iterable[str]:
    """What is imported of pip's modules once a variant is seen."""
    for file in sorted(ADAPTER.glob("variants/*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pip._internal."):
                yield from (f"import of {alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("26.1", (26, 1)),
        ("26.2b1", (26, 2)),
        ("26.2rc2", (26, 2)),
        ("26.3.dev0", (26, 3)),
        ("27", (27,)),
        ("x", (0,)),
    ],
)
def test_the_version_of_a_pip(
    monkeypatch: pytest.MonkeyPatch, version: str, number: tuple[int, ...]
) -> None:
    import pip

    from pip_variants.pip_adapter.hook import attach

    monkeypatch.setattr(pip, "__version__", version)
    monkeypatch.setattr(attach.attached, "version", ())
    for seam in SEAMS:
        expected = seam.since <= number and (not seam.until or number < seam.until)
        assert attach._is_of_version(seam) is expected, seam.place


def is_here(place: str) -> bool:
    """The newest pip reads metadata with importlib, and is of the newest shape."""
    return not place.startswith("metadata.pkg_resources:")


CRITICAL = [
    *(
        seam.place
        for seam in SEAMS
        if seam.needed_by == ALL
        and is_here(seam.place)
        and seam.since <= (26, 3)
        and not seam.until
    ),
    *(place for place, _ in ASSUMPTIONS if not place.endswith(".__init__")),
    *(
        f"{place.partition(':')[2]} uses {name}"
        for place, names in ASSUMPTIONS
        if is_here(place)
        for name in names.split()
    ),
    *(f"option {name}" for name in OPTIONS),
    *dict.fromkeys(imports()),
]
ALWAYS = {
    "cli.base_command:Command.main",
    "cli.cmdoptions:make_option_group",
    "index.package_finder:PackageFinder.evaluate_links",
    "resolution.resolvelib.found_candidates:FoundCandidates.__init__",
    "index.package_finder:CandidateEvaluator._sort_key",
    "models.link:Link.is_hash_allowed",
    "models.link:Link.metadata_link",
    "models.link:Link.url_without_fragment",
    "models.link:Link.filename",
    "cli.cmdoptions:index_group",
    "PackageFinder.__init__ uses ._link_collector",
    "LinkCollector.__init__ uses .session",
    "InstallRequirement.__init__ uses .link",
    "Factory._iter_found_candidates uses link=",
    "option require_hashes",
    "option platforms",
    "import of redact_auth_from_url",
    "import of get_default_environment",
}


def test_what_is_always_tried_is_there() -> None:
    assert {*CRITICAL} >= ALWAYS
    assert SPECIAL.keys() <= {*CRITICAL}


def of(name: str) -> list[Change]:
    return SPECIAL.get(name) or renamed(re.split(r"[.: ]", name)[-1])


def install(
    env: Environment,
    index: Index,
    changes: Iterable[Change],
    folder: Path,
    *words: object,
    **options: Any,
) -> Result:
    variables = {**FORCED, **changed(folder, changes)}
    return env.pip("install", "--index-url", index.url, *words, "demo", env=variables, **options)


def test_a_pip_without_a_name_that_is_needed(
    env: Environment, index: Index, tmp_path: Path, name: str
) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), "null": (), None: ()})
    result = install(env, index, of(name), tmp_path)
    assert env.installed() == ("1.0", None), result.all
    assert result.err.strip().startswith(IGNORED), result.all
    assert len(result.err.splitlines()) == 1, result.all
    assert index.files(".json") == []


def test_without_variants_nobody_hears_of_it(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    plain_wheel(index.root / "demo")
    # All changes of a name: pip must still run. The set of names has no order of its own.
    names = sorted(name for name in ALWAYS if not name.startswith("import"))[:4]
    result = install(env, index, [change for name in names for change in of(name)], tmp_path)
    assert (env.installed(), result.err) == (("1.0", None), "")


SETS = {
    "_get_simple_response": renamed("_get_simple_response"),
    "session": [(r"index\.collector", r"(?<![.\w])session\b", "the_session")],
    "_make_index_content": renamed("_make_index_content"),
    "_result": [(r"resolution\.resolvelib\.resolver", r"\bself\._result\b", "self._resolved")],
    "collect_sources": renamed("collect_sources"),
}


@pytest.mark.parametrize("lacking", SETS)
def test_a_pip_without_what_index_sets_need(
    env: Environment, index: Index, tmp_path: Path, lacking: str
) -> None:
    """Only who names a set hears of it, and gets what stock pip takes."""
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    sets = tmp_path / "acme.toml"
    sets.write_text(
        f'format = 1\nname = "acme"\nprojects = ["other"]\n[builds.one]\nindex = "{index.url}"\n'
    )
    result = install(env, index, SETS[lacking], tmp_path, "--variant-indexes", sets)
    assert env.installed() == ("1.0", None), result.all
    assert len(result.err.splitlines()) == 1, result.all
    assert result.err.strip().startswith(IGNORED), result.all


# Names that some commands need


@pytest.mark.parametrize("words", [(), ("--use-deprecated", "legacy-resolver")], ids=["", "legacy"])
def test_a_field_more_to_sort_by_does_not_merge_versions(
    env: Environment, index: Index, tmp_path: Path, words
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        release(
            index.root / "demo", version, levels("v2", "v4") if version == "2.0" else levels("v4")
        )
    field = [
        (
            r"index\.package_finder",
            r"return \((\s+)has_allowed_hash,",
            r"return (\g<1>0,\g<1>has_allowed_hash,",
        )
    ]
    result = install(env, index, field, tmp_path, *words)
    assert env.installed() == ("2.0", "v2"), result.all
    listed = env.pip(
        "index",
        "versions",
        "--index-url",
        index.url,
        "demo",
        env={**FORCED, **changed(tmp_path, field)},
    )
    assert "Available versions: 2.0, 1.0\n" in listed.out


SOMETIMES = [
    seam for seam in SEAMS if seam.needed_by != ALL and seam.since <= (26, 3) and not seam.until
]
_ALIAS = "parse_wheel_filename as parse_name"
OF_SOME: dict[str, list[Change]] = {
    "req.constructors:parse_wheel_filename": [
        (r"req\.constructors", r"\bparse_wheel_filename\(", "parse_name("),
        (r"req\.constructors", r"\bparse_wheel_filename$", _ALIAS),
    ],
    "pip._vendor.packaging.pylock:parse_wheel_filename": [
        (r"pip\._vendor\.packaging\.pylock", r"\bparse_wheel_filename\(", "parse_name("),
        (r"pip\._vendor\.packaging\.pylock", r"\bparse_wheel_filename,", f"{_ALIAS},"),
    ],
    "cli.main_parser:subprocess": [
        (r"cli\.main_parser", r"^import subprocess$", "import subprocess as processes"),
        (r"cli\.main_parser", r"\bsubprocess\.", "processes."),
    ],
    "build_env.installer:InprocessBuildEnvironmentInstaller.install": renamed(
        "InprocessBuildEnvironmentInstaller"
    ),
    "commands.lock:tomli_w": [
        (
            r"commands\.lock",
            r"^from pip\._vendor import tomli_w$",
            "from pip._vendor import tomli_w as writer",
        ),
        (r"commands\.lock", r"\btomli_w\.", "writer."),
    ],
    "commands.lock:LockCommand.run": inherited("commands.lock", "LockCommand", "run"),
    "commands.download:DownloadCommand.run": inherited(
        "commands.download", "DownloadCommand", "run"
    ),
}


def of_some(seam: Seam) -> list[Change]:
    return OF_SOME.get(seam.place) or renamed(seam.name.rpartition(".")[2])


def unknown(command: str, place: str) -> str:
    return (
        f"WARNING: pip {command} does not know all of wheel variants: pip-variants does not know this pip "
        f"({Seam(place, '', '', '').where} is not as expected). See pip-variants doctor."
    )


COMMANDS = {
    "install": ["install", "--dry-run", "--target", "nowhere", "demo"],
    "download": ["download", "demo"],
    "wheel": ["wheel", "demo"],
    "lock": ["lock", "demo"],
    "index": ["index", "versions", "demo"],
    "list": ["list"],
    "show": ["show", "demo"],
    "inspect": ["inspect"],
    "check": ["check"],
}


ONE_OF_EACH = {
    "install": "models.installation_report:InstallationReport._install_req_to_dict",
    "download": "utils.misc:get_runnable_pip",
    "wheel": "cli.main_parser:subprocess",
    "lock": "commands.lock:tomli_w",
    "index": "commands.index:IndexCommand._build_package_finder",
    "list": "commands.list:format_for_columns",
    "show": "commands.show:print_results",
    "inspect": "commands.inspect:InspectCommand._dist_to_dict",
    "check": "commands.check:create_package_set_from_installed",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_misses_something_says_so(
    env: Environment, index: Index, tmp_path: Path, command: str, request: pytest.FixtureRequest
) -> None:
    """And does as stock pip does there; without variants nobody hears of it."""
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    release(index.root / "other", "1.0", {None: ()}, "other")
    seams = [one for one in SOMETIMES if command in one.needed_by.split()]
    if not request.config.getoption("--all"):
        seams = [one for one in seams if one.place == ONE_OF_EACH[command]]
    looks = command not in ("install", "download", "wheel", "lock", "index")
    options = [] if looks else ["--index-url", index.url]

    def run(seam: Seam, name: str) -> Result:
        words = [name if word == "demo" else word for word in COMMANDS[command]]
        variables = {**FORCED, **changed(tmp_path, of_some(seam))}
        return env.pip(*words, *options, env=variables, cwd=tmp_path)

    def said(result: Result) -> list[str]:
        lines = [line.strip() for line in result.err.splitlines()]
        return [
            line for line in lines if "pip lock is currently an experimental command" not in line
        ]

    for seam in seams:
        without = run(seam, "other" if not looks else "pip")
        assert said(without) == [], seam.place
    if looks:
        env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    for seam in seams:
        assert said(run(seam, "demo")) == [unknown(command, seam.place)]


def test_doctor_names_what_is_missing(env: Environment, tmp_path: Path) -> None:
    changes = [change for seam in SOMETIMES for change in of_some(seam)]
    command: list[str | Path] = [env.python, "-m", "pip_variants", "doctor"]
    variables = clean({**FORCED, **changed(tmp_path, changes)})
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, env=variables)
    found = json.loads(done.stdout)
    assert found["missing"] == {seam.where: seam.needed_by for seam in SOMETIMES}
    assert (found["problems"], found["self_test"]) == ([], "")
    (said,) = [one for one in found["to_do"] if "This pip is not known in full" in one]
    assert "\n" not in said
    assert "its commands check, download, index, " in said


# The tables are whole


def private_names() -> dict[str, str]:
    """Private attributes that are read in the adapter and are not of its own making -> where."""
    own: set[str] = set()
    used: dict[str, str] = {}
    for file in ADAPTER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.FunctionDef):
                        own.add(inner.name)
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                        own.add(inner.attr)
            elif (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and not node.attr.startswith("__")
            ):
                used[node.attr] = file.name
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("pip."):
                used.update(
                    {alias.name: file.name for alias in node.names if alias.name.startswith("_")}
                )
    own |= {"_asdict", "_replace"}  # what named tuples call theirs
    # `_hashes` is both: of ours in one class, of pip's Link elsewhere.
    return {name: where for name, where in used.items() if name not in own or name == "_hashes"}


BEYOND = {
    # Of urllib3, in a request that is sent early and may fail.
    "_pool_connections": "early.py", "_pool_maxsize": "early.py", "_pool_block": "early.py",
    # Of pip's pkg_resources, which does not change any more.
    "_parsed_pkg_info": "dependencies.py",
    # Of explain, which is a process of its own.
    "_get_infos": "explain.py",
    # Of pip 25.1 to 25.3, which do not change any more.
}  # fmt: skip


def test_private_names_of_pip_are_in_the_tables() -> None:
    known = {seam.name.rpartition(".")[2] for seam in SEAMS}
    for place, names in (*ASSUMPTIONS, *ASSUMPTIONS_OF_INDEX_SETS):
        known |= {re.split("[.:]", place)[-1], *(name.removeprefix(".") for name in names.split())}
    unknown = {name: where for name, where in private_names().items() if name not in known}
    assert unknown.keys() == BEYOND.keys(), unknown


def test_everything_that_is_loaded_later_is_loaded_before_a_label_is_accepted(
    env: Environment,
) -> None:
    """So that a name of pip that cannot be imported is found in time."""
    code = (
        "import sys, types, pip._internal.cli.main\n"
        "from pip_variants.pip_adapter.hook import attach\n"
        "from pip_variants.pip_adapter.hook.run import current\n"
        "current().options, current().problem = types.SimpleNamespace(**{}), ''\n"
        "assert attach.verify(current().chosen) == []\n"
        "print(*(name.rpartition('.')[2] for name in sys.modules if '.pip_adapter.{}.' in name))"
    )
    several = {"variant_typed": {"variant_target": ["x86_64_v3", "x86_64_v4"]}}
    for folder, options in (
        ("variants", {"variant": ["a=b"], **several}),
        ("indexes", {"variant_indexes": ["pytorch"]}),
    ):
        there = {file.stem for file in ADAPTER.glob(f"{folder}/[a-z]*.py")}
        assert {*env.evaluate(code.format(options, folder)).split()} == there
    assert not env.evaluate(code.format({}, "indexes")).split()
    assert "several" not in env.evaluate(code.format({}, "variants")).split()
