"""What a vendor needs to test a provider, with pytest or without (docs/write-a-provider.md).

A breach of the contract of `pip_variants.hooks` raises `AssertionError`, with a line for each.
"""

import faulthandler
import importlib.metadata
import json
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

from pip_variants.detection import DEADLINE
from pip_variants.detection.client import Detection
from pip_variants.detection.registry import checked_features
from pip_variants.errors import DetectionError, PipVariantsError
from pip_variants.hooks import ENTRY_POINT_GROUP
from pip_variants.inventory import dry_run
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import PluginProvider, Variant, VariantMetadata
from pip_variants.model.names import VariantProperty, normalised
from pip_variants.model.support import SupportedFeature
from pip_variants.publish.archive import record_row
from pip_variants.publish.index import write_index_metadata

__all__ = ["Choice", "check_detect", "check_package", "choose", "make_wheel", "serve"]

_Asked: TypeAlias = Callable[[], Iterable[Any]]
_Calls: TypeAlias = dict[str, list[tuple[_Asked, _Asked]]]  # by endpoint


def check_package(name: str, seconds: float = DEADLINE) -> None:
    """Check the installed provider package of this name as pip will find it and ask it.

    `check_detect` must hold for the providers that its entry points give, wheels that require
    this release of the package must find them, and plugins of PEP 850 (`variant_plugins`) must
    answer as they do. Where they say what is valid, their answers must be in it.
    """
    distribution = importlib.metadata.distribution(name)
    wanted = f"{name}=={distribution.version}"
    calls, broken = _calls(distribution, normalised(name))
    if not calls and not broken:
        broken.append(f"{name} has no entry point in the groups pip_variants or variant_plugins")
    _raise(broken)
    for endpoint, both in calls.items():
        answers = [_valid_answer(*functions, seconds) for functions in both]
        if answers[0] != answers[-1]:
            broken.append(f"the provider answers {answers[0]}, its plugin {endpoint} {answers[-1]}")
        with closing(Detection()) as detection:
            try:
                absent = detection.supported(PluginProvider((wanted,), endpoint)).absent
                reason = absent if answers[0] else ""
            except DetectionError as error:
                reason = str(error)
        if reason:
            broken.append(f"wheels that require {wanted} do not find {endpoint}: {reason}")
    _raise(broken)


def check_detect(detect: _Asked, seconds: float = DEADLINE) -> list[SupportedFeature]:
    """What `detect` answers, as pairs of a name and a tuple of values, if it keeps the contract.

    It is called in two processes of its own, so it must be a function of a module or a
    `functools.partial` of one. Names and values must be valid and distinct, and both answers the
    same in the same order, within `seconds`. It must print nothing, leave environment variables
    and the working directory alone, and not use the network, as far as Python's sockets tell.
    """
    first, second = (_called(detect, seconds, seed) for seed in "12")
    if first != second:
        _raise([f"{_name(detect)} answers differently in the next process: {first}, then {second}"])
    return first


def make_wheel(
    folder: Path,
    filename: str,
    properties: Iterable[str] = (),
    providers: Mapping[str, str] | None = None,
) -> Path:
    """Write a small wheel for `serve` below `folder`, a variant if the file name has a label.

    A variant has `properties`, such as `acme :: engine :: mk1`. `providers` says for each
    namespace which package wheels require, the most important first; it is the same for all
    variants of a release, the null variant too. The wheel's module has the label in `label`.
    """
    name = WheelFilename.parse(filename)
    info = f"{name.distribution}-{name.version}.dist-info"
    about = f"Name: {name.distribution}\nVersion: {name.version}\n"
    tags = [f"Tag: {'-'.join(tag)}\n" for tag in product(*(one.split(".") for one in name.tags))]
    files = {
        f"{name.distribution}.py": f"label = {name.label!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\n{about}",
        f"{info}/WHEEL": "".join(("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n", *tags)),
    }
    if name.label is not None:
        variant = Variant.of(name.label, map(VariantProperty.parse, properties))
        required = {one: PluginProvider((text,)) for one, text in (providers or {}).items()}
        metadata = VariantMetadata(tuple(required), {name.label: variant}, required)
        files[f"{info}/variant.json"] = metadata.serialise().decode()
    rows = [",".join(record_row(file, text.encode())) for file, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join((*rows, f"{info}/RECORD,,\n"))
    wheel = folder / normalised(name.distribution) / filename
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return wheel


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the wheels below `folder`, a folder for each project, as a package index.

    Writes the index-level metadata, and gives the URL, on this machine's loopback interface.
    """
    for project in filter(Path.is_dir, folder.iterdir()):
        write_index_metadata(project)

    class Handler(SimpleHTTPRequestHandler):  # whose pages for folders will do for pip
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        # It looks every 20 ms whether it is to end: else that takes half a second.
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class Choice(NamedTuple):
    """What pip chose: the label of a variant, None for a wheel without; and what it printed."""

    label: str | None
    output: str


def choose(url: str, requirement: str, *options: str) -> Choice:
    """Let this environment's pip choose a wheel from an index, without installing it.

    pip sees the environment variables of this process, but not pip's settings. Raises
    `AssertionError` with its output where it finds nothing.
    """
    env = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    env |= {"PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    own = ["--disable-pip-version-check", "--no-cache-dir", "--ignore-installed"]
    found, output = dry_run([requirement], *own, "--index-url", url, *options, env=env)
    if not found:
        _raise([f"pip could not choose a wheel for {requirement}:", output])
    return Choice(found[0].get("variant", {}).get("label"), output)


def _raise(broken: list[str]) -> None:
    if broken:
        raise AssertionError("\n".join(broken))


def _calls(distribution: importlib.metadata.Distribution, name: str) -> tuple[_Calls, list[str]]:
    """What can be asked of the package of this name, and what is wrong with it."""
    from pip_variants.detection.installed import implemented  # which doctor does not need

    calls: _Calls = {}
    broken, providers = [], []
    for point in distribution.entry_points.select(group=ENTRY_POINT_GROUP):
        try:
            providers += implemented(point.load())[0]
        except (AttributeError, TypeError, ValueError) as error:
            broken.append(f"{point.value}: {error}")
    for provider in providers:
        own = [one for one in provider.implements if normalised(one.package) == name]
        for one in own:
            calls.setdefault(one.plugin_api, []).append((provider.detect, provider.valid))
        if distribution.version not in [one.version for one in own]:
            wanted = f"{distribution.name}=={distribution.version}"
            listed = [f"{one.package}=={one.version}" for one in provider.implements]
            broken.append(f"{wanted} is installed, {provider.namespace} implements {listed}")
    known = set(calls)
    for point in distribution.entry_points.select(group="variant_plugins"):
        if known and point.value not in known:
            broken.append(f"{point.value} is in variant_plugins, and no provider implements it")
        plugin = point.load()
        asked = plugin.get_supported_configs, getattr(plugin, "get_all_configs", tuple)
        calls.setdefault(point.value, []).append(asked)
    return calls, broken


def _valid_answer(detect: _Asked, valid: _Asked, seconds: float) -> list[SupportedFeature]:
    """What `detect` answers, if it keeps the contract and `valid` has it or cannot say."""
    answer = check_detect(detect, seconds)
    everything = dict(_called(valid, seconds, "1"))
    given = [(feature, value) for feature, values in answer for value in values]
    strange = [one for one in given if everything and one[1] not in everything.get(one[0], ())]
    what = f"{_name(detect)} answers {{}} :: {{}}, which {_name(valid)} does not have"
    _raise([what.format(*one) for one in strange])
    return answer


def _name(detect: _Asked) -> str:
    return getattr(detect, "__qualname__", None) or repr(detect)


def _called(detect: _Asked, seconds: float, seed: str) -> list[SupportedFeature]:
    """What `detect` answers in a process of its own, where sets have the order of this seed."""
    what = _name(detect)
    try:
        question = pickle.dumps(detect)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AssertionError(f"{what} must be a function of a module: {error}") from None
    code = f"import sys; sys.path[:] = {sys.path!r}; from pip_variants.testing import _call; "
    code += f"_call({seconds!r})"
    with tempfile.TemporaryFile() as printed:
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code]
        done = subprocess.run(  # noqa: S603
            command, check=False, env=env, input=question, stdout=subprocess.PIPE, stderr=printed
        )
        printed.seek(0)
        text = printed.read().decode(errors="replace").strip()
    if end := done.returncode:
        late = f"{what} did not answer and end within {seconds:g} seconds (exit status {end}):"
        _raise([late, text])
    features, broken = json.loads(done.stdout)
    if text:
        broken.append(f"it prints {text[:200]!r}")
    _raise([f"{what}: {line}" for line in broken])
    return [SupportedFeature(name, tuple(values)) for name, values in features]


def _call(seconds: float) -> None:
    """Call the function on standard input; write its answer, and what it broke, as JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what is printed is not taken for an answer
    faulthandler.dump_traceback_later(seconds, exit=True)
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints warnings
    broken: list[str] = []
    sys.addaudithook(partial(_refuse_network, broken))
    environment, folder = dict(os.environ), os.getcwd()
    features: list[SupportedFeature] = []
    try:
        features += checked_features(pickle.load(sys.stdin.buffer)())  # noqa: S301 - of check_detect
    except PipVariantsError as error:
        broken.append(str(error))
    except BaseException as error:  # noqa: BLE001 - foreign code: SystemExit too
        if not broken:  # else it is what _refuse_network raised
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.filename}, line {frame.lineno}"
            broken.append(f"it raises {type(error).__name__}: {error} ({where})")
    if changed := sorted(dict(os.environ.items() ^ environment.items())):
        broken.append(f"it changes the environment variables {', '.join(changed)}")
    if os.getcwd() != folder:
        broken.append(f"it changes the working directory to {os.getcwd()}")
    with answers:
        json.dump([features, broken], answers)


def _refuse_network(broken: list[str], event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook. Sockets between the processes of one machine are no network."""
    if re.match(r"socket\.(connect|sendto|sendmsg|getaddrinfo|gethostby)", event):
        family = getattr(arguments[0], "family", socket.AF_INET)
        if family in (socket.AF_INET, socket.AF_INET6):
            broken.append(f"it uses the network: {event}{arguments}")
            raise PermissionError("a provider must not use the network")
