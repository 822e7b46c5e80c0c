"""Look whether pip-variants works here: pip, providers, settings, and a real installation.

The last line is OK, or what to do.
"""

import argparse
import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.metadata import entry_points
from pathlib import Path
from shlex import quote
from typing import Any

import pip_variants
from pip_variants import reasons
from pip_variants.cli.asking import OFF, ask_pip
from pip_variants.cli.indexes import describe, index_sets
from pip_variants.cli.text import print_json, print_tasks
from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import PipVariantsError, printable

# What providers read instead of looking at the machine, or to look elsewhere (docs/providers).
_FORCED = re.compile(r"\w+_VARIANT_PROVIDER_FORCE_\w+|MPI4PY_(MPIABI|LIBMPI)", re.IGNORECASE)
_TESTED = "pip_variants_self_test"
_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(pip_variants.__file__)))


def run(options: argparse.Namespace) -> int:
    found: dict[str, Any] = {"pip_variants": pip_variants.__version__, "folder": _FOLDER}
    found |= {"python": sys.executable} | _look_at_providers() | _look_at_pip()
    found["other_pip"] = _other_pip(found["pip_folder"])
    found["to_do"] = list(_to_do(found))
    if options.json:
        print_json(**found)
    else:
        for line in _text(found):
            print(printable(line, 80))
        print("To do:" if found["to_do"] else "OK")
        print_tasks(found["to_do"])
    return 1 if found["to_do"] else 0


def _other_pip(folder: str) -> str:
    """The `pip` that a shell starts, where that is not the one in `folder`."""
    command = shutil.which("pip") or shutil.which("pip3") or ""
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = [command or sys.executable, "--version"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
        if folder and f" from {folder} " in done.stdout:
            return ""
    return command


def _look_at_pip() -> dict[str, Any]:
    """How pip is extended, what is set for it, and whether it installs a variant."""
    environ = dict(os.environ)
    is_off = environ.get("PIP_NO_VARIANTS", "").lower() in ("1", "true", "yes", "on", "y", "t")
    if is_off:  # then nothing of pip is extended
        del environ["PIP_NO_VARIANTS"]
    failed, found = _self_test(environ)
    if not found:
        found = {"pip": "", "replaced": 0, "problems": [], "missing": {}, "options": {}}
        found |= {"pip_failed": failed, "finder": "", "pip_folder": ""}
        found["attached"] = not failed.endswith("No module named 'pip_variants'")
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
    command = ["install", "--quiet", "--no-input", "--no-cache-dir", "--no-compile", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        index, target = Path(folder, "index"), Path(folder, "target")
        command += ["--disable-pip-version-check", f"--target={target}", _TESTED, "--index-url"]
        try:
            make_wheel(index, f"{_TESTED}-1.0-py3-none-any.whl")
            for level in ("v1", "v2"):
                properties = [f"x86_64 :: level :: {level}"]
                make_wheel(index, f"{_TESTED}-1.0-py3-none-any-{level}.whl", properties, provider)
            with serve(index) as url:
                how = {"env": environ, "timeout": 60.0}
                code, said, answer = ask_pip("diagnosis", *command, url, **how)
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
        usable = _index_sets(detection)
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
        "index_sets": usable,
        "forced": {name: os.environ[name] for name in forced},
    }


def _index_sets(detection: Detection) -> dict[str, str]:
    """The index sets that have a build for what this machine has, and that build."""
    found = {}
    with suppress(PipVariantsError):  # what is broken is said of the providers
        for one in index_sets(detection):
            best = describe(one, detection)["builds"][0]
            if best["supported"] and best["reason"] != reasons.FITS_EVERYWHERE:
                found[one.name] = best["label"]
    return found


def _unknown(finder: str) -> str:
    """Why pip does not know of pip-variants, what to do, and the command that does it."""
    if sys.flags.no_site:
        return (
            "this Python reads no .pth files now. Start it without -S; if a ._pth file "
            f"lies beside {sys.executable}, add a line to that: import site"
        )
    if finder:
        return f"{finder} on sys.meta_path finds pip first. Remove it, or have it leave pip alone"
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    sites = [*site.getsitepackages(), *user]
    if any(os.path.realpath(_FOLDER) == os.path.realpath(one) for one in sites):
        name = "pip_variants.pth" if sys.version_info < (3, 18) else "pip_variants.start"
        why = f"Python finds no {name} in {_FOLDER} that it can read. Install it again"
    else:
        why = f"it is in {_FOLDER}, but Python reads .pth files in {sites[0]}. Install it there"
    how = "-m pip install --force-reinstall --no-deps"
    # What this process alone finds would count as installed, and so would what it depends on.
    if _FOLDER in map(os.path.abspath, ("", *os.environ.get("PYTHONPATH", "").split(os.pathsep))):
        how = "-I -m pip install"
    managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if sys.prefix == sys.base_prefix and os.path.exists(managed):  # PEP 668, as in Debian
        how = "-m pip install --user --break-system-packages"
    return f"{why}:\n{quote(sys.executable)} {how} pip-variants"


def _to_do(found: dict[str, Any]) -> Iterator[str]:
    if sys.flags.no_site or not found["attached"]:
        yield f"pip does not know of pip-variants: {_unknown(found['finder'])}"
        return
    if found["pip_failed"] and found["pip"]:
        yield f"Fix what pip is set to, it does not start: {found['pip_failed']}"
    elif found["pip_failed"]:
        command = f"{quote(sys.executable)} -m ensurepip --upgrade"
        yield f"This pip does not start here: {found['pip_failed']}. Take another one:\n{command}"
    if found["problems"]:
        yield (
            f"pip-variants cannot extend this pip ({found['problems'][0]}). Install both again, in "
            "versions that fit each other:\npip install --upgrade pip pip-variants"
        )
    elif found["missing"]:
        commands = {one for names in found["missing"].values() for one in names.split()}
        yield (
            f"This pip is not known in full ({', '.join(found['missing'])}): its commands "
            f"{', '.join(sorted(commands))} know less of variants. Install a newer pip-variants"
        )
    for failed in found["failed"]:
        yield f"Fix or uninstall a provider: {failed}"
    yield from found["warnings"]
    if found["options"].get("no_variants"):
        yield OFF[0].upper() + OFF[1:]
    if found["target_failed"]:
        yield f"Fix the target that pip is set to, or unset it: {found['target_failed']}"
    if found["self_test"] and not (found["problems"] or found["pip_failed"]):
        yield f"The self-test failed: {found['self_test']}"


def _text(found: dict[str, Any]) -> Iterator[str]:
    yield f"pip-variants {found['pip_variants']} in {found['folder']}"
    yield f"pip {found['pip'] or '(does not start)'}, extended at {found['replaced']} places"
    yield f"Python {found['python']}"
    if found["other_pip"]:
        yield f"Of another Python, and not looked at: {found['other_pip']}"
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
