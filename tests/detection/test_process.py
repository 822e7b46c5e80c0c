"""The detection process: a real child, asked by the client, with providers that misbehave."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.vendors import DETECT, broken_vendor, plugin, vendor

import pip_variants
from pip_variants.detection import ANSWER, client
from pip_variants.detection.client import Detection
from pip_variants.errors import BrokenInstallation, DetectionError, ProviderFailed
from pip_variants.model.metadata import PluginProvider
from pip_variants.model.support import SupportedFeature
from pip_variants.pip_adapter.runner import DETECTION_VARIABLE
from pip_variants.providers import x86_64

X86_64 = PluginProvider(("x86-64-variant-provider>=0.0.1",), "x86_64_variant_provider")
ACME = PluginProvider(("acme-variants",))
ENGINE = (SupportedFeature("engine", ("mk2", "mk1")),)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # Nobody may have asked how it ended: its parent ended before it.
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition) -> None:
    end = time.monotonic() + 50
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def noting_pid(tmp_path):
    """Makes code note the process it runs in, before it does anything else."""
    note = f"with open({str(tmp_path / 'pids')!r}, 'a') as notes: print(os.getpid(), file=notes)"
    return lambda code: f"import os\n{note}\n{code}"


@pytest.fixture
def pids(tmp_path):
    """The processes that were noted so far."""
    notes = tmp_path / "pids"
    return lambda: [int(line) for line in notes.read_text().split()] if notes.exists() else []


@pytest.fixture
def with_deadline(monkeypatch, detection):
    """Ask with a short deadline, in a process that has started already."""

    def ask(provider: PluginProvider):
        detection.machine(["x86_64_v1"])
        with monkeypatch.context() as patch:
            patch.setattr(client, "DEADLINE", 0.4)
            return detection.supported(provider)

    return ask


# Questions and answers


def test_the_process_says_what_the_provider_says(detection):
    expected = tuple(
        SupportedFeature(one.name, tuple(one.values)) for one in x86_64.get_supported_configs()
    )
    assert detection.supported(X86_64).features == expected


def test_a_vendors_package_is_asked(detection, site):
    vendor(site, "acme")
    assert detection.supported(ACME).features == ENGINE


def test_an_installed_plugin_is_asked(detection, site):
    plugin(site, "acme-plugin")
    assert detection.supported(PluginProvider(("acme-plugin",))).features == ENGINE


def test_a_package_that_is_not_installed_is_absent_with_a_reason(detection):
    support = detection.supported(PluginProvider(("nobody-variants>=1",)))
    assert support.features == ()
    assert "not installed" in support.absent
    assert support.remedy == "pip install 'nobody-variants>=1'"


def test_what_users_force_reaches_the_process(detection, monkeypatch):
    monkeypatch.setenv("X86_64_VARIANT_PROVIDER_FORCE_LEVEL", "v2")
    assert detection.supported(X86_64).values("level") == ("v2",)


def test_another_machine_is_known_by_its_platform_alone(detection, site, noting_pid, tmp_path):
    vendor(site, "acme", noting_pid(DETECT))
    with contextlib.closing(Detection(["manylinux_2_28_x86_64"])) as elsewhere:
        assert elsewhere.supported(X86_64).features == (SupportedFeature("level", ("v1",)),)
        assert elsewhere.supported(ACME).absent
    assert not (tmp_path / "pids").exists()


def test_a_log_line_that_cannot_be_formatted_is_dropped(detection, site):
    log = (
        'import logging\nlog = logging.getLogger("acme")\nlog.info("%d", "x")\nlog.info("looked")\n'
    )
    vendor(site, "acme", log + DETECT)
    answers = {answer.namespace: answer for answer in detection.everything()}
    assert answers["acme"].notes == ("looked",)
    assert answers["acme"].support.features == ENGINE


@pytest.mark.parametrize("line", ["import sys", "import logging"])
def test_providers_of_ours_explain_whether_logging_is_loaded_or_not(detection, site, line):
    (site / "early.pth").write_text(f"{line}\n")
    (note,) = detection.answer_of(X86_64).notes[-1:]
    assert note.startswith("vendor ")


def test_what_a_vendor_does_to_logging_takes_no_note_of_others_away(detection, site):
    vendor(site, "acme", "import logging\nlogging.basicConfig(force=True)\n" + DETECT)
    assert detection.answer_of(ACME).notes == ()
    assert detection.answer_of(X86_64).notes


def test_everything_is_what_every_provider_says(detection, site):
    log = 'import logging\nlog = logging.getLogger("acme")\nlog.info("looked")\nlog.warning("is hot")\n'
    vendor(site, "acme", log + DETECT)
    vendor(site, "evil", "raise OSError('no device')")
    vendor(site, "fatal", "import os\nos._exit(3)")
    broken_vendor(site, "raise SystemExit('bye')")
    answers = {answer.namespace: answer for answer in detection.everything()}
    assert {"x86_64", "mpi", "acme", "evil", "fatal", "broken"} <= set(answers)
    assert answers["x86_64"].support.features
    assert answers["acme"].support.features == ENGINE
    assert answers["acme"].notes == ("looked", "is hot")
    assert answers["acme"].warnings == ("is hot",)
    assert "no device" in answers["evil"].failed
    assert "exit status 3" in answers["fatal"].failed
    assert "bye" in answers["broken"].failed


# Each provider is asked once


def test_the_same_question_is_asked_once(detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(DETECT))
    assert [detection.supported(ACME).features for _ in range(3)] == [ENGINE] * 3
    assert len(pids()) == 1


@pytest.mark.parametrize(
    "other",
    [
        PluginProvider(("acme-variants",), optional=True),
        PluginProvider(("acme-variants",), "acme_variants"),
    ],
)
def test_requirement_and_endpoint_say_which_provider_it_is(
    other, detection, site, noting_pid, pids
):
    vendor(site, "acme", noting_pid(DETECT))
    assert detection.supported(ACME) == detection.supported(other)
    assert len(pids()) == 1


def test_a_provider_detects_once_whatever_version_wheels_require(detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(DETECT))
    assert detection.supported(ACME) == detection.supported(PluginProvider(("acme-variants>=1",)))
    assert len(pids()) == 1


def test_an_answer_is_kept_after_the_process(detection, monkeypatch):
    supported, machine = detection.supported(X86_64), detection.machine()
    detection.close()
    monkeypatch.setattr(client, "command", lambda: ["/no/such/python"])
    assert (detection.supported(X86_64), detection.machine()) == (supported, machine)


def test_all_questions_go_to_one_process(detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(DETECT))
    vendor(site, "evil", noting_pid(DETECT))
    detection.supported(ACME)
    detection.supported(PluginProvider(("evil-variants",)))
    assert len(set(pids())) == 1 < len(pids())


# Providers that misbehave without harm


HARMLESS = {
    "prints": "print('noise')",
    "prints to stderr": "import sys\nprint('noise', file=sys.stderr)",
    "writes what looks like an answer": "import os\nos.write(1, b'pip-variants-answer:{}\\n')",
    "writes the like to stderr": "import os\nos.write(2, b'pip-variants-answer:{}\\n')",
    "prints 100 MB": "import sys\nfor _ in range(100):\n    sys.stdout.write('x' * 2**20)",
    "runs a noisy program": (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'print(1); import os; os.write(2, b\"2\")'])"
    ),
    "closes descriptor 1": "import os\nos.close(1)",
    "closes standard output": "import sys\nsys.stdout.close()\nsys.stderr.close()",
    "loses standard output": "import sys\nsys.stdout = sys.stderr = None",
    "changes the folder": "import os\nos.chdir('/')",
    "starts a thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"
    ),
    "clears the environment": "import os\nos.environ.clear()",
    "logs to standard output": (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, level=0)\nlogging.error('x')"
    ),
    "warns": "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('noise')",
    "runs a program that reads standard input": (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import sys; sys.stdin.read()'], timeout=50)"
    ),
    "closes descriptor 0": "import os\nos.close(0)",
}


@pytest.mark.parametrize("habit", HARMLESS)
def test_a_harmless_habit_changes_no_answer(habit, detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(f"{HARMLESS[habit]}\n{DETECT}"))
    assert detection.supported(ACME).features == ENGINE
    assert detection.supported(X86_64).features
    detection.close()
    assert not any(map(alive, pids()))


# Providers that fail


HANGING = {
    "sleeps": "import time\ntime.sleep(60)",
    "loops": "while True: pass",
    "sleeps and ignores signals": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    ),
}

FAILING = {
    "raises": "raise OSError('no device')",
    "exits": "import sys\nsys.exit(4)",
    "exits at once": "import os\nos._exit(3)",
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "recurses": "return detect()",
    "imports what is not there": "import no_such_module",
    "answers 5 MB": "return [Feature('engine', [f'mk{n}' for n in range(600_000)])]",
    "answers without end": (
        "import itertools\nfor n in itertools.count(): yield Feature(f'e{n}', ['mk1'])"
    ),
    "has values without end": (
        "import itertools\nreturn [Feature('engine', (f'mk{n}' for n in itertools.count()))]"
    ),
    "has many features with values without end": (
        "import itertools\nfor n in itertools.count():\n"
        "    yield Feature(f'e{n}', (f'mk{m}' for m in range(9999)))"
    ),
    "has long values without end": (
        "import itertools\nreturn [Feature('engine', ('m' * 2**16 + str(n) for n in itertools.count()))]"
    ),
    "answers nonsense": "return [Feature('engine', ['mk 1'])]",
    "closes every file": "import os\nos.closerange(3, 256)\n" + DETECT,
}


@pytest.mark.parametrize("fault", FAILING)
def test_a_provider_that_fails_is_named_and_the_next_one_answers(
    fault, detection, site, noting_pid, pids
):
    vendor(site, "acme", noting_pid(FAILING[fault]))
    with pytest.raises(ProviderFailed, match="acme"):
        detection.supported(ACME)
    assert detection.supported(X86_64).features
    detection.close()
    assert not any(map(alive, pids()))


@pytest.mark.parametrize("fault", HANGING)
def test_a_provider_that_hangs_is_named_and_the_next_one_answers(
    fault, with_deadline, detection, site, noting_pid, pids
):
    vendor(site, "acme", noting_pid(HANGING[fault]))
    with pytest.raises(ProviderFailed, match="acme-variants did not answer within"):
        with_deadline(ACME)
    assert not any(map(alive, pids()))
    assert detection.supported(X86_64).features


def test_the_exit_status_is_said(detection, site):
    vendor(site, "acme", "import os\nos._exit(3)")
    with pytest.raises(ProviderFailed, match="exit status 3"):
        detection.supported(ACME)


def test_an_installed_plugin_that_cannot_be_imported_is_named(detection, site):
    plugin(site, "acme-plugin")
    (site / "acme_plugin.py").write_text("import no_such_module")
    with pytest.raises(ProviderFailed, match="acme-plugin.*no_such_module"):
        detection.supported(PluginProvider(("acme-plugin",)))
    assert detection.supported(X86_64).features


FORKS = "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\n"


def test_a_child_that_a_provider_left_behind_does_not_delay_the_end(detection, site):
    vendor(site, "acme", FORKS + DETECT)
    assert detection.supported(ACME).features == ENGINE
    started = time.monotonic()
    detection.close()
    assert time.monotonic() - started < 50


def test_a_child_that_outlives_its_provider_does_not_hang_pip(with_deadline, site):
    vendor(site, "acme", FORKS + "os._exit(3)")
    started = time.monotonic()
    with pytest.raises(ProviderFailed, match="acme"):
        with_deadline(ACME)
    assert time.monotonic() - started < 50


def test_what_a_provider_started_ends_with_it(detection, site, tmp_path):
    """Also where the provider's process has ended before, and the other keeps nothing open."""
    quiet = "subprocess.DEVNULL"
    vendor(
        site,
        "acme",
        f"""
import os, subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin={quiet}, stdout={quiet})
open({str(tmp_path / "left")!r}, "w").write(str(left.pid))
os._exit(7)""",
    )
    with pytest.raises(ProviderFailed, match="exit status 7"):
        detection.supported(ACME)
    pid = int((tmp_path / "left").read_text())
    wait_until(lambda: not alive(pid))


def test_an_error_of_ours_says_what_it_was(detection):
    """And it is no end of the process: the next question is answered."""
    with pytest.raises(ProviderFailed, match="^internal error: TypeError: .*namespace"):
        detection._ask({"ask": "supported_in"}, "nobody")
    assert detection.supported(X86_64).features


def test_a_provider_that_closes_every_file_and_hangs_does_not_hang_pip(with_deadline, site):
    vendor(site, "acme", "import os, time\nos.closerange(3, 256)\ntime.sleep(60)")
    started = time.monotonic()
    with pytest.raises(ProviderFailed, match="acme"):
        with_deadline(ACME)
    assert time.monotonic() - started < 50


def test_a_broken_package_takes_no_other_down(detection, site):
    broken_vendor(site, "raise SystemExit('bye')")
    vendor(site, "acme")
    assert detection.supported(ACME).features == ENGINE


FLOOD = """\
import os, stat
pipes = [n for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}') and stat.S_ISFIFO(os.fstat(n).st_mode)]
while True:
    for pipe in pipes:
        try:
            os.write(pipe, TEXT)
        except OSError as error:
            if error.errno == 32: raise
"""


@pytest.mark.parametrize("text", [b"\n" * 2**14, b"x" * 2**14, b"x" * 2**12 + b"\n"])
def test_a_flood_is_not_kept_and_its_provider_is_named(text, detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(FLOOD.replace("TEXT", repr(text))))
    tracemalloc.start()
    with pytest.raises(
        ProviderFailed, match="^the provider acme-variants gave an answer that is too long$"
    ):
        detection.supported(ACME)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26
    assert detection.supported(X86_64).features
    assert not any(map(alive, pids()))


def test_a_flood_that_nobody_waits_for_is_not_kept(site, detection):
    (site / "noise.pth").write_text(
        "import os; [os.write(1, b'x' * 2**14) for _ in iter(int, 1)]\n"
    )
    tracemalloc.start()
    detection.warm_up()
    wait_until(lambda: detection._output.taken > client._MAX_ANSWER)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26
    with pytest.raises(
        ProviderFailed, match="^the detection process gave an answer that is too long$"
    ):
        detection.supported(X86_64)


def test_lines_without_end_do_not_put_the_deadline_off(with_deadline, site):
    drip = FLOOD.replace("TEXT", "b'x\\n'") + "    import time; time.sleep(0.0001)\n"
    vendor(site, "acme", drip)
    started = time.monotonic()
    with pytest.raises(ProviderFailed, match="acme-variants did not answer within 0 seconds"):
        with_deadline(ACME)
    assert time.monotonic() - started < 50


def test_a_log_without_end_is_not_kept(detection, site):
    log = 'import logging\nlog = logging.getLogger("acme")\nfor n in range(5000): log.info("looked")\n'
    vendor(site, "acme", log + DETECT)
    answer = detection.answer_of(ACME)
    assert answer.support.features == ENGINE
    assert len(answer.notes) == 1000


# The start of the process


@pytest.fixture
def trap(tmp_path):
    """A folder whose modules must not be imported."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in ("archspec", "pluggy", "json", "packaging", "pip_variants", "sitecustomize"):
        (folder / f"{name}.py").write_text("raise SystemExit('trapped')")
    return folder


def test_the_current_directory_is_not_imported_from(trap, detection, monkeypatch):
    monkeypatch.chdir(trap)
    assert detection.supported(X86_64).features


def test_pythonpath_is_not_imported_from(trap, detection, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.setenv("PYTHONSTARTUP", str(trap / "json.py"))
    assert detection.supported(X86_64).features


@pytest.mark.parametrize(
    "noise",
    [
        "print('noise', flush=True)",
        "print('noise', file=sys.stderr, flush=True)",
        "os.write(1, b'\\xff\\xfe not text\\n')",
        "os.write(1, b'x' * 3_000_000 + b'\\n')",
        "os.write(1, b'without an end of line')",
        "print('not flushed', end='')",
        "raise RuntimeError('noise')",
    ],
)
def test_noise_at_startup_is_ignored(noise, detection, site):
    (site / "noise.pth").write_text(f"import os, sys; {noise}\n")
    assert detection.supported(X86_64).features


@pytest.mark.parametrize("executable", ["/no/such/python", "", None, os.path.dirname(__file__)])
def test_an_interpreter_that_is_missing_is_an_error(executable, monkeypatch):
    monkeypatch.setattr(sys, "executable", executable)
    detection = Detection()
    detection.warm_up()  # not yet
    with pytest.raises(DetectionError, match="could not start the detection process"):
        detection.supported(X86_64)


def test_a_process_that_cannot_import_pip_variants_says_why():
    command = [sys.executable, "-I", "-S", "-c", "import pip_variants"]
    with pytest.raises(DetectionError, match="No module named 'pip_variants'"):
        Detection(command=command).supported(X86_64)


def test_the_environment_does_not_say_what_is_started(monkeypatch):
    monkeypatch.setenv(DETECTION_VARIABLE, '["/no/such/python"]')
    assert client.command()[:2] == [sys.executable, "-I"]


# An installation that is broken


@pytest.fixture
def copied(tmp_path):
    """A copy of pip_variants to break, and a detection process of it."""
    folder = tmp_path / "copy"
    shutil.copytree(Path(pip_variants.__file__).parent, folder / "pip_variants")
    first = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    executable, isolated, code, boot, *rest = client.command()
    running = Detection(command=[executable, isolated, code, first + boot, *rest])
    yield folder / "pip_variants", running
    running.close()


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_text("")


def damage(file: Path) -> None:
    file.write_bytes(b"\0" * 100)


BROKEN = [
    (
        remove,
        "detection/worker.py",
        "ModuleNotFoundError: No module named 'pip_variants.detection.worker'",
    ),
    (
        empty,
        "detection/worker.py",
        "ImportError: cannot import name 'main' from 'pip_variants.detection",
    ),
    (
        damage,
        "detection/worker.py",
        r"(SyntaxError|ValueError): source code .*cannot contain null bytes",
    ),
    (
        remove,
        "detection/registry.py",
        "ModuleNotFoundError: No module named 'pip_variants.detection.r",
    ),
    (empty, "model/names.py", "ImportError: cannot import name '"),
    (empty, "contract.py", "ImportError: cannot import name '|AttributeError: "),
    (remove, "providers/x86_64.py", r"pip_variants.providers.x86_64: ModuleNotFoundError: "),
    (
        empty,
        "providers/x86_64.py",
        "pip_variants.providers.x86_64: AttributeError: module .* has no attribute",
    ),
    (
        damage,
        "providers/x86_64.py",
        "pip_variants.providers.x86_64: (SyntaxError|ValueError): source",
    ),
]


@pytest.mark.parametrize(("how", "file", "said"), BROKEN)
def test_an_installation_that_is_broken_is_told_apart(copied, how, file, said):
    folder, detection = copied
    content = (folder / file).read_bytes()
    how(folder / file)
    detection.warm_up()
    for _ in range(2):
        with pytest.raises(BrokenInstallation, match=f"^{said}") as raised:
            detection.supported(X86_64)
        assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(BrokenInstallation):
        detection.everything()
    (folder / file).write_bytes(content)
    assert detection.supported(X86_64).features


def test_a_provider_of_ours_that_is_broken_is_so_only_where_it_is_needed(copied):
    folder, detection = copied
    (folder / "providers" / "nvidia.py").unlink()
    assert detection.supported(X86_64).features
    with pytest.raises(
        BrokenInstallation, match="^pip_variants.providers.nvidia: ModuleNotFoundError"
    ):
        detection.supported(PluginProvider(("mpi-variant-provider",)))


@pytest.mark.parametrize(
    ("file", "name"),
    [("detection/installed.py", "entry_points"), ("hooks.py", "ENTRY_POINT_GROUP")],
)
def test_plugins_are_looked_for_by_a_module_of_ours_too(copied, file, name):
    folder, detection = copied
    (folder / file).write_text("")
    with pytest.raises(BrokenInstallation, match=f"^ImportError: cannot import name '{name}'"):
        detection.supported(ACME)


# The end of the process


def test_a_process_that_was_warmed_up_answers(detection):
    detection.warm_up()
    assert detection.supported(X86_64).features


def test_close_ends_the_process(detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(DETECT))
    detection.supported(ACME)
    assert all(map(alive, pids()))
    detection.close()
    assert not any(map(alive, pids()))


def test_close_can_be_repeated_and_asking_starts_anew(detection):
    detection.close()
    detection.machine(["x86_64_v1"])
    detection.close()
    detection.close()
    assert detection.supported(X86_64).features


def test_the_process_ends_when_pip_ends(detection, site, noting_pid, pids):
    vendor(site, "acme", noting_pid(DETECT))
    program = (
        "from pip_variants.detection.client import Detection\n"
        "from pip_variants.model.metadata import PluginProvider\n"
        f"print(Detection(command={client.command()}).supported(PluginProvider(('acme-variants',))).features)"
    )
    pip = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "mk2" in pip.stdout, pip.stderr
    assert not any(map(alive, pids()))


def test_the_process_ends_when_pip_is_killed_whatever_a_provider_does(
    detection, site, noting_pid, pids
):
    child = noting_pid("import time\ntime.sleep(60)")
    hangs = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    vendor(site, "acme", noting_pid(hangs))
    program = (
        "from pip_variants.detection.client import Detection\n"
        "from pip_variants.model.metadata import PluginProvider\n"
        f"Detection(command={client.command()}).supported(PluginProvider(('acme-variants',)))"
    )
    pip = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: len(pids()) == 2)
    pip.kill()
    pip.wait()
    wait_until(lambda: not any(map(alive, pids())))


def test_threads_ask_one_after_the_other(detection):
    names = [f"x86_64_v{number % 4 + 1}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(detection.machine, ([name] for name in names)))
    assert [answer.count('"v4"') for answer in answers] == [0, 0, 0, 1] * 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[", "gave an answer that is too long or not JSON"),
        ("[" * 100_000, "gave an answer that is too long or not JSON"),
        ("3", "the detection process gave a wrong answer: KeyError"),
        ('{"features": 3}', "the detection process gave a wrong answer: "),
    ],
    ids=["half", "deep", "number", "features"],
)
def test_what_other_code_writes_as_an_answer_is_none(line: str, why: str) -> None:
    """No provider can know what it would have to write, and nobody keeps one from it."""
    said = f"print({ANSWER!r}, end=''); print"
    code = f"{said}('{{}}', flush=True); input(); {said}({line!r}, flush=True); input()"
    detection = Detection(command=[sys.executable, "-c", code])
    with contextlib.closing(detection), pytest.raises(ProviderFailed, match=re.escape(why)):
        detection.supported(X86_64)
