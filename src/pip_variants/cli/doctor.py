"""Look whether pip-variants works here: pip, providers, settings, and a real installation.

The last line is OK, or what to do.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pip_variants
from pip_variants.cli.asking import ask_pip
from pip_variants.cli.indexes import FITS_EVERYWHERE, describe, installed_sets
from pip_variants.cli.text import print_json, print_lines
from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import PipVariantsError, printable

# What providers read instead of looking at the machine, or to look elsewhere (docs/providers).
_FORCED = re.compile(r"\w+_VARIANT_PROVIDER_FORCE_\w+|MPI4PY_(MPIABI|LIBMPI)", re.IGNORECASE)
_TESTED = "pip_variants_self_test"


def run(options: argparse.Namespace) -> int:
    found: dict[str, Any] = {"pip_variants": pip_variants.__version__, "python": sys.executable}
    found |= _look_at_providers() | _look_at_pip()
    found["to_do"] = list(_to_do(found))
    if options.json:
        print_json(**found)
    else:
        for line in _text(found):
            print(printable(line, 80))
        print("To do:" if found["to_do"] else "OK")
        for text in found["to_do"]:
            print_lines(text, "  - ", "    ")
    return 1 if found["to_do"] else 0


def _look_at_pip() -> dict[str, Any]:
    """How pip is extended, what is set for it, and whether it installs a variant."""
    environ = dict(os.environ)
    is_off = environ.get("PIP_NO_VARIANTS", "").lower() in ("1", "true", "yes", "on", "y", "t")
    if is_off:  # then nothing of pip is extended
        del environ["PIP_NO_VARIANTS"]
    failed, found = _self_test(environ)
    if not found:
        found = {"pip": "", "replaced": 0, "problems": [], "missing": {}, "options": {}}
        found["pip_failed"] = failed
    if is_off:
        found["options"]["no_variants"] = True
    target = found["options"].pop("variant_target", None)
    target_failed = ""
    with closing(Detection(target="" if target == "here" else target or "")) as detection:
        try:
            if target:
                detection.supported_in("x86_64")
        except PipVariantsError as error:
            target_failed = str(error)
    return {**found, "target": target, "target_failed": target_failed, "self_test": failed}


def _self_test(environ: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Let pip install from loopback: why that failed, if it did, and what it said of itself."""
    from pip_variants.testing import make_wheel, serve  # which loads much: not for --help

    provider = {"x86_64": "x86-64-variant-provider >=0.2.1,<1"}
    command = ["install", "--quiet", "--no-input", "--no-cache-dir", "--no-compile"]
    command += ["--disable-pip-version-check", "--no-deps", _TESTED]
    with tempfile.TemporaryDirectory() as folder:
        index, target = Path(folder, "index"), Path(folder, "target")
        command += [f"--target={target}", "--index-url"]
        try:
            make_wheel(index, f"{_TESTED}-1.0-py3-none-any.whl")
            for level in ("v1", "v2"):
                properties = [f"x86_64 :: level :: {level}"]
                make_wheel(index, f"{_TESTED}-1.0-py3-none-any-{level}.whl", properties, provider)
            with serve(index) as url:
                options = {"input": url, "env": environ, "timeout": 60.0}
                code, said, answer = ask_pip("diagnosis", *command, **options)
        except OSError as error:
            return str(error), {}
        if code:
            return said, answer
        file = next(target.glob("*/variant.json"), None)
        labels = [*json.loads(file.read_text())["variants"]] if file else []
    what = labels or "the wheel without variant"
    return "" if labels == ["v1"] else f"pip installed {what}", answer


def _look_at_providers() -> dict[str, Any]:
    with closing(Detection()) as detection:
        try:
            answers = detection.everything()
        except PipVariantsError as error:
            answers = (Answer("", failed=str(error)),)
        index_sets = _index_sets(detection)
    forced = sorted(filter(_FORCED.fullmatch, os.environ))
    return {
        "providers": [
            {
                "namespace": one.namespace,
                "by": one.by,
                "properties": sum(len(values) for _, values in one.support.features),
                "notes": [note for note in (*one.notes, one.support.absent) if note],
            }
            for one in answers
            if not one.failed
        ],
        "failed": [one.failed for one in answers if one.failed],
        "warnings": [text for one in answers for text in one.warnings],
        "plugins": sorted({point.value for point in entry_points(group="variant_plugins")}),
        "index_sets": index_sets,
        "forced": {name: os.environ[name] for name in forced},
    }


def _index_sets(detection: Detection) -> dict[str, str]:
    """The index sets that have a build for what this machine has, and that build."""
    found = {}
    with suppress(PipVariantsError):  # what is broken is said of the providers
        for one in installed_sets(detection):
            best = describe(one, detection)["builds"][0]
            if best["supported"] and best["reason"] != FITS_EVERYWHERE:
                found[one.name] = best["label"]
    return found


def _to_do(found: dict[str, Any]) -> Iterator[str]:
    if found["pip_failed"]:
        yield f"Mend what pip is set to, it does not start: {found['pip_failed']}"
    if found["problems"]:
        yield (
            f"pip-variants cannot extend this pip ({found['problems'][0]}). Install both again, in "
            "versions that fit each other: pip install --upgrade pip pip-variants"
        )
    elif found["missing"]:
        commands = {one for names in found["missing"].values() for one in names.split()}
        yield (
            f"This pip is not known in full ({', '.join(found['missing'])}): its commands "
            f"{', '.join(sorted(commands))} know less of variants. Install a newer pip-variants"
        )
    for failed in found["failed"]:
        yield f"Mend or uninstall a provider: {failed}"
    yield from found["warnings"]
    if found["options"].get("no_variants"):
        yield "Wheel variants are turned off: unset PIP_NO_VARIANTS, or no-variants in pip.conf"
    if found["target_failed"]:
        yield f"Mend the target that pip is set to, or unset it: {found['target_failed']}"
    if found["self_test"] and not (found["problems"] or found["pip_failed"]):
        yield f"The self-test failed: {found['self_test']}"


def _text(found: dict[str, Any]) -> Iterator[str]:
    yield f"pip-variants {found['pip_variants']}"
    yield f"pip {found['pip'] or '(does not start)'}, extended at {found['replaced']} places"
    yield f"Python {found['python']}"
    yield from ("", "Providers")
    for one in found["providers"]:
        number = {0: "nothing", 1: "1 property"}.get(one["properties"], "{} properties")
        about = one["notes"][0] if one["notes"] else f"by {one['by']}"
        yield f"  {one['namespace']:<10} {number.format(one['properties']):<14} {about}"
    for failed in found["failed"]:
        yield f"  failed: {failed}"
    for plugin in found["plugins"]:
        yield f"  asked by wheels that name it: {plugin}"
    yield from ("", "Settings")
    for name, value in found["forced"].items():
        yield f"  {name}={value}"
    for name, value in found["options"].items():
        values = " ".join(value) if isinstance(value, list) else str(value).lower()
        yield f"  {name.replace('_', '-')} = {values}"
    yield f"  target: {found['target'] or 'this machine'}"
    for name, label in found["index_sets"].items():
        if "variant_indexes" not in found["options"]:
            yield f"  index set {name} has builds for this machine ({label}), and is not used:"
            yield f"    pip config set global.variant-indexes {name}"
    yield from ("", f"Self-test: {found['self_test'] or 'installed a variant wheel'}", "")
