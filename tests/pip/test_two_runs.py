"""Several runs of pip in one process: each chooses as if it were the only one.

The process has pip loaded. What is tried happens in children that it forks, each of which starts
from the same state.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import FORCED, Environment, clean
from support.server import Index, Reply
from support.wheels import levels, release, sdist

CHOICES = {
    "": "v3",
    "--variant=demo=v1": "v1",
    "--variant-disable=x86_64": "none",
    "--variant-prefer=x86_64::level::v1": "v1",
    "--no-variants": "none",
    "--variant-target=x86_64_v2": "v2",
    "--platform=manylinux_2_28_x86_64 --only-binary=:all:": "v1",
    "--config-settings=a=b": "v3",
}
"""Options, and the build that they lead to on a machine of level v3."""

_PROGRAM = """
import contextlib, io, json, os, sys, threading
from pip._internal.cli.main import main

URL = os.environ.pop("INDEX")

def surroundings():
    # Those that pip itself leaves behind do not count.
    left = ("PIP_NO_INPUT", "PIP_EXISTS_ACTION", "_PIP_RUNNING_IN_SUBPROCESS")
    return {k: v for k, v in os.environ.items() if k not in left}, list(sys.argv)

def label(report):
    with open(report) as file:
        (chosen,) = [one for one in json.load(file)["install"] if one["metadata"]["name"] == "demo"]
    parts = chosen["download_info"]["url"].rpartition("/")[2].removesuffix(".whl").split("-")
    return parts[5] if len(parts) > 5 else "none"

def choose(options="", url=URL):
    name = f"report-{os.getpid()}-{threading.get_ident()}.json"
    code = main(["install", "--dry-run", "--quiet", "--no-deps", "--target", "nowhere", "--index-url", url,
                 "--report", name, *options.split(), "demo"])
    return label(name) if code == 0 else f"exit status {code}"

def forked(do):
    here, there = os.pipe()
    if os.fork() == 0:
        try:
            answer = do()
        except BaseException as error:
            answer = repr(error)
        os.write(there, json.dumps(answer).encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as file:
        return json.load(file)
"""


@pytest.fixture
def program(env: Environment, index: Index, tmp_path: Path) -> Callable[..., object]:
    """Runs code in a process that has pip loaded; returns what it assigns to `answer`."""
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3", "v4"), None: ()})

    def run(code: str, *arguments: str, environment: Environment = env, **variables: str) -> object:
        variables = {**FORCED, "INDEX": index.url, **variables}
        command: list[str | Path] = [
            environment.python,
            "-c",
            f"{_PROGRAM}{code}\nprint('ANSWER' + json.dumps(answer))",
            *arguments,
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean(variables), cwd=tmp_path, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.rpartition("ANSWER")[2])

    return run


def test_no_run_chooses_for_the_next(program) -> None:
    """One process, all of them one after the other, in an order in which each follows each kind."""
    around = [
        *CHOICES,
        *reversed(CHOICES),
        *list(CHOICES)[::3],
        *list(CHOICES)[1::3],
        *list(CHOICES)[2::3],
    ]
    answer = program(
        f"before = surroundings()\nanswer = [choose(one) for one in {around!r}], surroundings() == before"
    )
    assert answer == [[CHOICES[one] for one in around], True]


@pytest.mark.parametrize("pip", ["23.0.1", "25.3"])
def test_older_pips(program, make_environment: Callable[..., Environment], pip: str) -> None:
    around = ["--variant=demo=v1", "", "--no-variants", "", "--variant-target=x86_64_v2", ""]
    code = f"before = surroundings()\nanswer = [choose(one) for one in {around!r}], surroundings() == before"
    environment = make_environment(pip)
    assert program(code, environment=environment) == [[CHOICES[one] for one in around], True]


def test_what_the_caller_set_stays(program) -> None:
    """And holds for each run; a word of the program's own is its own."""
    code = """
before = surroundings()
answer = [choose(), choose("--variant-target=here"), choose("--no-variants"), choose(), surroundings() == before]
"""
    own = ("--variant", "release", "--no-variants", "--variant-target=x86_64_v1")
    variables = {
        "PIP_VARIANT_TARGET": "x86_64_v2",
        "PIP_VARIANT_TRUST": "nobody",
        "PIP_VARIANT_PREFER": "x86_64",
    }
    assert program(code, *own, **variables) == ["v2", "v3", "none", "v2", True]


def test_what_the_caller_changes_between_runs_counts(program) -> None:
    code = """
answer = [choose()]
os.environ["PIP_VARIANT_TARGET"] = "x86_64_v1"
answer.append(choose())
os.environ["PIP_VARIANT_TARGET"] = "x86_64_v2"
answer.append(choose())
del os.environ["PIP_VARIANT_TARGET"]
os.environ["X86_64_VARIANT_PROVIDER_FORCE_LEVEL"] = "v2,v1"
answer.append(choose())
"""
    assert program(code) == ["v3", "v1", "v2", "v2"]


@pytest.mark.parametrize("first", ["", "--no-variants", "--variant=demo=v1"])
def test_a_fork_after_a_run(program, first: str) -> None:
    """Child and parent go on, each for itself."""
    code = f"""
first = choose({first!r})
answer = [first, forked(choose), forked(lambda: choose("--variant-target=x86_64_v2")), choose(), forked(choose)]
"""
    assert program(code) == [CHOICES[first], "v3", "v2", "v3", "v3"]


def test_threads(program) -> None:
    """Each stays alive between its runs, and has those of the others in between."""
    code = f"""
choices = {list(CHOICES)!r}
found, lock = {{}}, threading.Lock()
def work(one):
    # One after the other, in threads of their own that stay.
    with lock:
        found[one] = [choose(one)]
    gate.wait(100)
    with lock:
        found[one].append(choose(one))
gate = threading.Barrier(len(choices))
threads = [threading.Thread(target=work, args=(one,)) for one in choices]
for one in threads: one.start()
for one in threads: one.join()
answer = found
"""
    assert program(code) == {one: [label, label] for one, label in CHOICES.items()}


def test_two_threads_at_once(program, index: Index) -> None:
    """One waits for its page while the other one runs from beginning to end."""
    (index.root / "slow").mkdir()
    for file in (index.root / "demo").glob("demo-*"):
        (index.root / "slow" / file.name.replace("demo", "slow")).write_bytes(file.read_bytes())
    code = """
found = {}
def work(name, options):
    with contextlib.suppress(SystemExit):
        found[name] = choose(options)
inside, done = threading.Event(), threading.Event()
from pip._internal.index.collector import LinkCollector
collect = LinkCollector.collect_sources
def waiting(self, *args, **kw):
    if threading.current_thread().name == "first" and not inside.is_set():
        inside.set()
        done.wait(100)
    return collect(self, *args, **kw)
LinkCollector.collect_sources = waiting
first = threading.Thread(target=work, args=("first", "--variant=demo=v1"), name="first")
first.start()
inside.wait(100)
second = threading.Thread(target=work, args=("second", "--variant-target=x86_64_v2"), name="second")
second.start()
second.join()
done.set()
first.join()
answer = found
"""
    assert program(code) == {"first": "v1", "second": "v2"}


def test_a_run_after_an_index_was_mended(program, index: Index, tmp_path: Path) -> None:
    """Neither what was wrong nor what is right now is remembered."""
    file = index.root / "demo" / "demo-1.0-variants.json"
    good = file.read_bytes()
    index.hashes = False
    answers = iter(
        [Reply(b"oops", 404), Reply(b"{"), Reply(b"no", 403), Reply(good), Reply(b"{"), Reply(good)]
    )
    index.replies[file.name] = lambda: next(answers)
    labels = program("answer = [choose() for _ in range(6)]")
    assert labels == ["v3", "none", "none", "v3", "none", "v3"]


def test_a_run_after_one_that_ended_early(program) -> None:
    code = """
answer = []
for words in (["--help"], ["--variant"], ["--variant-target=./gone"], ["not-there"]):
    try:
        answer.append(main(["install", "--quiet", "--index-url", URL, *words]))
    except SystemExit as error:
        answer.append(error.code)
    answer.append(choose())
"""
    answer = program(code)
    assert answer[1::2] == ["v3"] * 4
    assert answer[0] == 0
    assert all(answer[2::2])


def test_a_pip_that_a_program_starts_chooses_afresh(program, tmp_path: Path) -> None:
    """`python -m pip` beside a run without variants, and in the middle of it."""
    code = """
import subprocess
child = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--target", "nowhere",
         "--index-url", URL, "--report", "child.json", "demo"]
found = []
from pip._internal.index.collector import LinkCollector
collect = LinkCollector.collect_sources
def starting(self, *args, **kw):
    subprocess.run(child, check=True)
    found.append(label("child.json"))
    return collect(self, *args, **kw)
LinkCollector.collect_sources = starting
answer = [choose("--no-variants"), choose("--variant=demo=v1"), found[0], found[-1]]
LinkCollector.collect_sources = collect
subprocess.run(child, check=True)
answer.append(label("child.json"))
"""
    assert program(code) == ["none", "v1", "v3", "v3", "v3"]


def test_what_builds_get_is_that_of_the_run_alone(program, index: Index) -> None:
    """The pip of a build environment gets the choices of its run, and the program none of them."""
    sdist(index.root / "built", "built", requires=["demo"])
    code = """
before = surroundings()
for options in ([], ["--no-variants"], ["--variant-disable=x86_64"], []):
    main(["install", "--dry-run", "--quiet", "--target", "nowhere", "--index-url", URL, *options, "built"])
answer = surroundings() == before
"""
    assert program(code) is True
    plain = "demo-1.0-py3-none-any.whl"
    assert index.files(".whl") == [
        plain.replace(".whl", "-v3.whl"),
        plain,
        plain,
        plain.replace(".whl", "-v3.whl"),
    ]
