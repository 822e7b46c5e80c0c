"""Whatever `make` and `index` write, `verify` accepts, and pip installs what is best."""

import contextlib
import functools
import http.server
import io
import itertools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.environments import Environment
from support.wheels import plain_wheel, sdist

from pip_variants.cli import main
from pip_variants.detection.client import Detection
from pip_variants.model.index_set import KNOWN_PROVIDERS
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.selection import select

TARGET = "x86_64_v3+cuda12.8-sm90"

# Of these a wheel may name several values.
SEVERAL = {("nvidia", "sm_arch"), ("amd", "gfx_arch"), ("intel", "device_ip"), ("mpi", "abi")}
SEVERAL |= {("mpi", "implementation")}
SEVERAL |= {(one, "microarchitecture") for one in ("x86_64", "aarch64", "riscv64")}


@pytest.fixture(scope="module")
def detection() -> Iterator[Detection]:
    running = Detection(target=TARGET)
    yield running
    running.close()


@pytest.fixture(scope="module")
def known(detection: Detection) -> dict[str, list[VariantProperty]]:
    """By namespace all properties that there are; those of the target many times."""
    found = {}
    for namespace, provider in KNOWN_PROVIDERS.items():
        every, here = (
            [
                VariantProperty(namespace, name, value)
                for name, values in features
                for value in values
            ]
            for features in (
                answer.features
                for answer in (detection.valid(provider), detection.supported(provider))
                if answer
            )
        )
        found[namespace] = every + here * (len(every) // max(1, len(here)) + 1)
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("releases")


@dataclass
class Condition:
    """A variant marker, and beside it something that is always true or never."""

    marker: str
    wanted: str
    is_negated: bool
    around: str

    def __str__(self) -> str:
        if self.marker == "variant_label":
            text = f"variant_label {'!=' if self.is_negated else '=='} '{self.wanted}'"
        else:
            text = f"'{self.wanted}' {'not ' if self.is_negated else ''}in {self.marker}"
        return self.around.format(text)

    def holds(self, label: str | None, properties: set[VariantProperty]) -> bool:
        members = {
            "variant_label": {label or ""},
            "variant_namespaces": {one.namespace for one in properties},
            "variant_features": {f"{one.namespace} :: {one.feature}" for one in properties},
            "variant_properties": {str(one) for one in properties},
        }
        return (self.wanted in members[self.marker]) is not self.is_negated


@dataclass
class Release:
    """Wheels by their labels, and what they depend on under which condition."""

    name: str
    version: str
    namespaces: list[str]
    variants: dict[str, list[VariantProperty]]
    has_plain: bool
    dependencies: dict[str, Condition]


def random_release(seed: int, known: dict[str, list[VariantProperty]]) -> Release:
    random = Random(seed)
    namespaces = random.sample(["x86_64", "nvidia", random.choice(sorted(known))], 2)
    namespaces = list(dict.fromkeys(namespaces))
    variants: dict[str, list[VariantProperty]] = {}
    for _ in range(random.randint(1, 5)):
        properties = [
            random.choice(known[random.choice(namespaces)]) for _ in range(random.randint(1, 4))
        ]
        one_value = {one[:2]: one for one in properties if one[:2] not in SEVERAL}
        properties = [*one_value.values(), *(one for one in properties if one[:2] in SEVERAL)]
        if not any(confusable(properties, others) for others in variants.values()):
            label = "".join(random.choices("abcxyz0189_.", k=random.randint(1, 20)))
            variants[label] = properties
    has_null = random.random() < 0.5
    if has_null:
        variants["null"] = []
    name = f"pkg{seed}"
    return Release(
        name,
        random.choice(["1.0", "2!1.0rc1", "1.0.post3", "0.1+local.7"]),
        namespaces,
        variants,
        not has_null or random.random() < 0.5,
        {f"{name}_dep{number}": random_condition(random, variants) for number in range(2)},
    )


def random_condition(random: Random, variants: dict[str, list[VariantProperty]]) -> Condition:
    label = random.choice(list(variants))
    parts = random.choice([*variants[label], VariantProperty("x86_64", "level", "v3")])
    marker, wanted = random.choice(
        [
            ("variant_label", label),
            ("variant_namespaces", parts.namespace),
            ("variant_features", " :: ".join(parts[:2])),
            ("variant_properties", str(parts)),
        ]
    )
    around = random.choice(["{}", "{} and python_version >= '3'", "({} or extra == 'x')"])
    return Condition(marker, wanted, random.random() < 0.3, around)


def confusable(one: list[VariantProperty], other: list[VariantProperty]) -> bool:
    """Whether no target could tell them apart, or one of them may never be needed."""
    grouped = []
    for properties in (one, other):
        values: dict[tuple[str, str], set[str]] = {}
        for namespace, feature, value in properties:
            values.setdefault((namespace, feature), set()).add(value)
        grouped.append(values)
    a, b = grouped
    return a.keys() == b.keys() and any(
        all(x[name] <= y[name] for name in a) for x, y in ((a, b), (b, a))
    )


def command(*arguments: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([str(argument) for argument in arguments]) == 0, (arguments, out.getvalue())
    return out.getvalue()


def publish(release: Release, folder: Path, random: Random) -> None:
    """Make its wheels and its index metadata in `folder`, in one way or another."""
    folder.mkdir(exist_ok=True)
    built = folder.with_name(f"{folder.name}-built")
    metadata = [f"Requires-Dist: {name}; {text}" for name, text in release.dependencies.items()]
    source = plain_wheel(built, release.name, release.version, metadata=metadata)
    made = []
    for label, properties in release.variants.items():
        # A release may have more namespaces later, behind those that there are.
        least = max((release.namespaces.index(one.namespace) for one in properties), default=0)
        namespaces = release.namespaces[: random.randint(least + 1, len(release.namespaces))]
        arguments = [part for one in properties for part in ("--property", one)]
        arguments += ["--namespaces", ",".join(namespaces), "--label", label]
        where = random.choice([folder, built])
        made.append(Path(command("make", source, "-o", where, *arguments).strip()))
    if release.has_plain:
        made.append(
            Path(command("make", "--label", "none", random.choice(made), "-o", folder).strip())
        )
    if random.random() < 0.5:
        for wheel in random.sample(made, len(made)):
            command("index", folder, "--add", wheel)
    for wheel in made:
        if wheel.parent != folder:
            shutil.move(wheel, folder / wheel.name)
    (file,) = command("index", folder).splitlines()[-1:]
    shutil.rmtree(built)
    assert Path(file).exists()
    if not release.has_plain:  # for installers that know no variants
        sdist(folder, release.name, release.version)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_verify_accepts_what_we_make(scratch: Path, known, seed: int) -> None:
    random = Random(seed)
    release = random_release(seed, known)
    folder = scratch / release.name
    publish(release, folder, random)
    assert command("verify", "--target", "here", folder).endswith("\nOK\n")
    document = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    # In any order, one after the other, with what is there already: the same file.
    wheels = [path for path in folder.glob("*.whl")]
    (name,) = document
    (folder / name).unlink()
    for wheel in random.sample(wheels, len(wheels)):
        command("index", folder, "--add", wheel, *random.choice([[], ["--pages"]]))
    assert (folder / name).read_bytes() == document[name]
    command("index", folder, "--pages")
    assert (folder / name).read_bytes() == document[name]
    shutil.rmtree(folder)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder on a plain file server, which knows nothing of indexes and parts of files."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "files"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()
        thread.join()


def test_pip_installs_what_is_best(
    env: Environment, served: tuple[Path, str], known, detection: Detection
) -> None:
    folder, url = served
    releases = [random_release(seed, known) for seed in range(25)]
    for release in releases:
        publish(release, folder, Random(release.name))
        for dependency in release.dependencies:
            plain_wheel(folder, dependency)
    command("index", folder, "--pages")
    assert command("verify", "--target", "here", folder).endswith("\nOK\n")
    assert command("verify", "--target", "here", f"{url}pkg0/").endswith("\nOK\n")

    names = [release.name for release in releases]
    env.pip("install", "--pre", "--index-url", url, "--variant-target", TARGET, *names)
    chosen = []
    for release in releases:
        file = folder / f"{release.name}-{release.version}-variants.json"
        metadata = VariantMetadata.parse(file.read_bytes(), file.name)
        ordering = select(metadata, release.variants, detection)
        label = ordering.best_first[0].label if ordering.best_first else None
        assert env.installed(release.name) == (release.version, label), release
        supported = {
            one
            for one in release.variants.get(label or "", ())
            if one.value in ordering.supported[one.namespace].values(one.feature)
        }
        for dependency, condition in release.dependencies.items():
            expected = ("1.0", None) if condition.holds(label, supported) else None
            assert env.installed(dependency) == expected, (release, label)
        chosen.append(label)
    # The cases are not all alike.
    assert len({*chosen} - {None, "null"}) > 8
    assert {None, "null"} < {*chosen}
    answers = [
        env.installed(name) for name in itertools.chain(*(one.dependencies for one in releases))
    ]
    assert answers.count(None) > 10 < len(answers) - answers.count(None)
