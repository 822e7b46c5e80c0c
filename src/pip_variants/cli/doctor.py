"""Look whether pip-variants works here: pip, providers, settings, and a real installation.

The last line is OK, or what to do.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pip_variants
from pip_variants.cli.explain import ask_pip, lines
from pip_variants.detection.client import Detection
from pip_variants.errors import PipVariantsError, printable

__all__ = ["add_arguments", "run"]

_FORMAT = "1"
"""Of what `--json` prints: see docs/commands.md."""

# What providers read instead of looking at the machine, or to look elsewhere (docs/providers).
_FORCED = re.compile(r"\w+_VARIANT_PROVIDER_FORCE_\w+|MPI4PY_(MPIABI|LIBMPI)", re.IGNORECASE)

_SECONDS = 60.0  # for the self-test


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("--json", action="store_true", help="print JSON, see docs/commands.md")


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 all is well, 1 there is something to do."""
    from concurrent.futures import ThreadPoolExecutor  # not for the --help of all commands

    with ThreadPoolExecutor() as pool:
        of_pip, of_test = pool.submit(_look_at_pip), pool.submit(_self_test)
        found = {
            "version": _FORMAT,
            "pip_variants": pip_variants.__version__,
            "python": sys.executable,
            **_look_at_providers(),
            **of_pip.result(),
            "self_test": of_test.result(),
        }
    found["to_do"] = list(_to_do(found))
    print(json.dumps(found, indent=2) if options.json else "\n".join(_text(found)))
    return 1 if found["to_do"] else 0


def _look_at_pip() -> dict[str, Any]:
    """How pip is extended, and what is set for it."""
    environ = dict(os.environ)
    off = environ.get("PIP_NO_VARIANTS", "")
    if off.lower() in ("1", "true", "yes", "on", "y", "t"):  # then nothing of pip is extended
        del environ["PIP_NO_VARIANTS"]
    try:
        found = {**ask_pip(environ=environ), "pip_failed": ""}
    except PipVariantsError as error:
        found = {"pip": "", "replaced": 0, "problems": [], "options": {}, "pip_failed": str(error)}
    if "PIP_NO_VARIANTS" not in environ and off:
        found["options"]["no_variants"] = True
    target = found["options"].pop("variant_target", None)
    return {**found, "target": target, "target_failed": _why_unusable(target) if target else ""}


def _why_unusable(target: str) -> str:
    detection = Detection(target="" if target == "here" else target)
    try:
        detection.supported_in("x86_64")
    except PipVariantsError as error:
        return printable(str(error))
    finally:
        detection.close()
    return ""


def _look_at_providers() -> dict[str, Any]:
    """What providers say of this machine, and what changes that."""
    from importlib.metadata import entry_points

    detection = Detection()
    try:
        answers = detection.everything()
    except PipVariantsError as error:
        answers = ()
        failed = [printable(str(error))]
    else:
        failed = [printable(one.failed) for one in answers if one.failed]
    detection.close()
    return {
        "providers": [
            {
                "namespace": one.namespace,
                "by": one.by,
                "properties": sum(len(values) for _, values in one.support.features),
                "notes": [printable(note) for note in (*one.notes, one.support.absent) if note],
            }
            for one in answers
            if not one.failed
        ],
        "failed": failed,
        "warnings": [printable(text) for one in answers for text in one.warnings],
        "plugins": sorted({point.value for point in entry_points(group="variant_plugins")}),
        "forced": {
            name: printable(value)
            for name, value in sorted(os.environ.items())
            if _FORCED.fullmatch(name)
        },
    }


def _self_test() -> str:
    """Install a variant wheel from an index on loopback; why that failed, empty if it did not."""
    import tempfile

    from pip_variants.testing import make_wheel, serve

    name, provider = "pip_variants_self_test", {"x86_64": "x86-64-variant-provider >=0.2.1,<1"}
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PIP_")}
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v1",
    }
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target")
        command = [sys.executable, "-m", "pip", "install", "--no-input", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--no-deps", "--target", str(target)]
        try:
            index = Path(folder, "index")
            make_wheel(index, f"{name}-1.0-py3-none-any.whl")
            for level in ("v1", "v2"):
                properties = [f"x86_64 :: level :: {level}"]
                make_wheel(index, f"{name}-1.0-py3-none-any-{level}.whl", properties, provider)
            with serve(index) as url:
                done = subprocess.run(  # noqa: S603
                    [*command, "--index-url", url, name],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=_SECONDS,
                    cwd=folder,
                    env={**kept, **settings},
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            return printable(str(error))
        if done.returncode:
            return printable((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        (found,) = target.glob("*.dist-info")
        metadata = found / "variant.json"
        labels = list(json.loads(metadata.read_text())["variants"]) if metadata.exists() else []
    return "" if labels == ["v1"] else f"pip installed {labels or 'the wheel without variant'}"


def _to_do(found: dict[str, Any]) -> Iterator[str]:
    if found["pip_failed"]:
        yield f"Mend what pip is set to, it does not start: {found['pip_failed']}"
    if found["problems"]:
        yield (
            f"pip-variants cannot extend this pip ({found['problems'][0]}). Install both again, "
            "in versions that fit each other: pip install --upgrade pip pip-variants"
        )
    for failed in found["failed"]:
        yield f"Mend or uninstall a provider: {failed}"
    yield from found["warnings"]
    if found["options"].get("no_variants"):
        yield "Wheel variants are turned off: unset PIP_NO_VARIANTS, or no-variants in pip.conf"
    if found["target_failed"]:
        yield f"Mend the target that pip is set to, or unset it: {found['target_failed']}"
    if found["self_test"] and not found["problems"]:
        yield f"The self-test failed: {found['self_test']}"


def _text(found: dict[str, Any]) -> Iterator[str]:
    yield f"pip-variants {found['pip_variants']}"
    yield f"pip {found['pip'] or '(does not start)'}, extended at {found['replaced']} places"
    yield _short(f"Python {found['python']}")
    yield ""
    yield "Providers"
    for one in found["providers"]:
        number = {0: "nothing", 1: "1 property"}.get(one["properties"], "{} properties")
        about = one["notes"][0] if one["notes"] else f"by {one['by']}"
        yield _short(f"  {one['namespace']:<10} {number.format(one['properties']):<14} {about}")
    for failed in found["failed"]:
        yield _short(f"  failed: {failed}")
    for plugin in found["plugins"]:
        yield _short(f"  asked by wheels that name it: {plugin}")
    yield ""
    yield "Settings"
    for name, value in found["forced"].items():
        yield _short(f"  {name}={value}")
    for name, value in found["options"].items():
        values = " ".join(value) if isinstance(value, list) else str(value).lower()
        yield _short(f"  {name.replace('_', '-')} = {printable(values)}")
    yield _short(f"  target: {found['target'] or 'this machine'}")
    yield ""
    yield _short(f"Self-test: {found['self_test'] or 'installed a variant wheel'}")
    yield ""
    if found["to_do"]:
        yield "To do:"
        for text in found["to_do"]:
            yield from lines(text, "  - ", "    ")
    else:
        yield "OK"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
