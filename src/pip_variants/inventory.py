"""The variants that are installed in this environment: do they fit, and are there better ones."""

import importlib.metadata
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from pip_variants import reasons
from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError
from pip_variants.model.abi import abi_dependencies, belongs_to
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import normalised
from pip_variants.selection import Choices, select


@dataclass(frozen=True, slots=True)
class InstalledVariant:
    """An installed distribution that is a variant, and whether this machine supports it.

    `variant` is None where its `variant.json` is broken, `supported` where nobody could tell.
    `reason` says what is wrong, and is empty where nothing is; the `commands` mend it, if any do.
    `better` is the label that pip would take instead. `reinstall` are the commands that exchange it
    for the best build of the same version.
    """

    name: str
    version: str
    variant: Variant | None
    supported: bool | None
    reinstall: tuple[str, ...]
    reason: str = ""
    commands: tuple[str, ...] = ()
    better: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry in the output of `--json` (docs/commands.md)."""
        variant = self.variant and {
            "label": self.variant.label,
            "properties": [str(one) for one in self.variant.properties],
        }
        return {
            "name": self.name,
            "version": self.version,
            "variant": variant,
            "supported": self.supported,
            "reason": self.reason,
            "better": self.better,
            "commands": list(self.commands),
        }


def installed_variants(warn: Callable[[str], object]) -> tuple[InstalledVariant, ...]:
    """Every installed variant, by name. `warn` is given what providers warn of."""
    # The first one on the path hides others of its name, as it does when Python imports.
    first: dict[str, Distribution] = {}
    for distribution in importlib.metadata.distributions():
        if name := _field(distribution, "Name"):  # pip, too, passes over what has none
            first.setdefault(normalised(name), distribution)
    detection = Detection(warn=warn)
    try:
        variants = [name for name in sorted(first) if _is_variant(first[name])]
        return tuple(_look_at(first[name], detection) for name in variants)
    finally:
        detection.close()


def with_better_labels(variants: tuple[InstalledVariant, ...]) -> tuple[InstalledVariant, ...]:
    """The same with `better` where pip would take another variant of the same version.

    pip is asked about those that fit, with its own options from the environment and pip.conf.
    """
    asked = [one for one in variants if one.supported]
    if not asked:
        return variants
    try:
        labels = _labels_that_pip_takes(asked)
    except _PipFailed as error:
        # One version that pip does not find is enough: ask for each.
        if len(asked) > 1 and not error.is_offline:
            return tuple(found for one in variants for found in with_better_labels((one,)))
        reason = f"pip cannot look for a better variant: {error}"
        return tuple(replace(one, reason=reason) if one.supported else one for one in variants)
    return tuple(
        _compared(one, labels.get(normalised(one.name))) if one.supported else one
        for one in variants
    )


def _is_variant(distribution: Distribution) -> bool:
    try:
        return distribution.read_text("variant.json") is not None
    except ValueError:  # it is there, but no text
        return True


def _look_at(distribution: Distribution, detection: Detection) -> InstalledVariant:
    name, version = _field(distribution, "Name"), _field(distribution, "Version")
    reinstall = _reinstall(shlex.quote(f"{name}=={version}"), distribution.requires or ())
    found = InstalledVariant(name, version, None, None, reinstall)
    try:
        text = distribution.read_text("variant.json")
        metadata = VariantMetadata.parse_wheel(text or "", "variant.json", None)
    except ValueError as error:
        return replace(found, reason=f"broken: {error}", commands=found.reinstall)
    (variant,) = metadata.variants.values()
    found = replace(found, variant=variant)
    # The variant would not be here if its namespaces had not been enabled.
    choices = Choices(enabled=frozenset(variant.namespaces))
    try:
        rejected = select(metadata, [variant.label], detection, choices).rejected
    except DetectionError as error:
        return replace(found, reason=f"cannot tell whether {variant.label} fits: {error}")
    for one in rejected:
        if one.remedy:  # the provider is missing, which is no reason to exchange the package
            why = f"it {reasons.missing(one)}, {reasons.cause(one)}"
            reason = f"cannot tell whether {variant.label} fits: {why}"
            return replace(found, reason=reason, commands=(one.remedy,))
        reason = f"{variant.label} {reasons.reason(one)}"
        return replace(found, supported=False, reason=reason, commands=found.reinstall)
    if reason := _unmet_abi_dependency(variant, metadata):
        return replace(found, supported=False, reason=reason, commands=found.reinstall)
    return replace(found, supported=True)


def _unmet_abi_dependency(variant: Variant, metadata: VariantMetadata) -> str:
    for dependency in abi_dependencies(variant, metadata):
        try:
            installed = importlib.metadata.version(dependency.package)
        except importlib.metadata.PackageNotFoundError:
            there = "which is not installed"
        else:
            if any(belongs_to(installed, release) for release in dependency.releases):
                continue
            there = f"and {dependency.package} {installed} is installed"
        return f"{variant.label} is built for {' or '.join(dependency.requirements)}, {there}"
    return ""


def _reinstall(requirement: str, dependencies: Iterable[str]) -> tuple[str, ...]:
    # Without --no-deps, --force-reinstall takes the newest of all that it depends on, too.
    command = f"pip install --force-reinstall --no-deps {requirement}"
    # Another build may have other dependencies, by its variant markers.
    if any("variant_" in text for text in dependencies):
        return command, f"pip install {requirement}"
    return (command,)


def _compared(installed: InstalledVariant, label: str | None) -> InstalledVariant:
    own = installed.variant.label if installed.variant else None
    if label is None or label == own:
        return installed
    reason = f"pip would take the variant {label} instead of {own}"
    return replace(installed, reason=reason, better=label, commands=installed.reinstall)


class _PipFailed(Exception):
    """Its text is what pip said."""

    def __init__(self, said: str) -> None:
        lines = said.strip().splitlines() or ["it said nothing"]
        errors = [line for line in lines if line.startswith("ERROR: ")] or lines
        self.is_offline = "Retrying (" in said
        super().__init__(
            "it cannot reach an index" if self.is_offline else errors[-1].removeprefix("ERROR: ")
        )


def _labels_that_pip_takes(variants: Iterable[InstalledVariant]) -> dict[str, str]:
    """Normalised name -> label of what the command that reinstalls it would take, if any."""
    # Not --ignore-installed: ABI dependencies are compared with what is installed.
    options = ["--dry-run", "--force-reinstall", "--no-deps", "--no-input", "--quiet"]
    options += ["--use-feature", "fast-deps"]  # no whole wheels from who can serve parts of them
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        pip_install = [sys.executable, "-c", RUN_MODULE, "pip", "install"]
        done = subprocess.run(  # noqa: S603
            [*pip_install, *options, "--report", str(file), "--"]
            + [f"{one.name}=={one.version}" for one in variants],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise _PipFailed(done.stderr)
        report = json.loads(file.read_text(encoding="utf-8"))
    return {
        normalised(one["metadata"]["name"]): str(one["variant"]["label"])
        for one in report["install"]
        if "variant" in one
    }


def _field(distribution: Distribution, name: str) -> str:
    return str((distribution.metadata.get_all(name) or [""])[0])
