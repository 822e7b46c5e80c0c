"""The variants that are installed in this environment: do they fit, and are there better ones."""

import importlib.metadata
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from pip_variants import reasons
from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, printable
from pip_variants.model.abi import abi_dependencies, belongs_to
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import TARGET_FILE, normalised
from pip_variants.selection import Choices, select


@dataclass(frozen=True, slots=True)
class InstalledVariant:
    """An installed variant, and whether this machine supports it; None where nobody could tell.

    `variant` is None where its `variant.json` is broken. `reason` says what is wrong, if anything,
    and the `commands` fix it. `better` is the label that pip would take, by `reinstall`. It is as
    it should be for the `target` that it was installed for, if there is one that counts.
    """

    name: str
    version: str
    variant: Variant | None
    supported: bool | None
    reinstall: tuple[str, ...]
    reason: str = ""
    commands: tuple[str, ...] = ()
    better: str = ""
    target: str = ""

    @property
    def is_build(self) -> bool:
        """Whether it is a build of an index set: its local version is the label."""
        return self.exactly != f"{self.name}=={self.version}"

    @property
    def exactly(self) -> str:
        """The requirement of this version: a local version that is a build's label is left out."""
        label = f"+{self.variant.label}" if self.variant else ""
        return f"{self.name}=={self.version.removesuffix(label)}"

    def to_json(self) -> dict[str, Any]:
        """The entry in the output of `--json` (docs/json/list.json)."""
        shown = "name version variant supported target reason better commands".split()
        entry = {name: getattr(self, name) for name in shown}
        if self.variant:
            properties = [str(one) for one in self.variant.properties]
            entry["variant"] = {"label": self.variant.label, "properties": properties}
        return entry


def installed_variants(
    warn: Callable[[str], object], target: str = ""
) -> tuple[InstalledVariant, ...]:
    """Every installed variant, by name, and whether it fits.

    `warn` is given what providers warn of. What counts is the target, a file or names, `here` for
    this machine; without any, this machine and the target that a variant was installed for.
    Raises `InvalidTarget`.
    """
    # The first one on the path hides others of its name, as it does when Python imports.
    first: dict[str, Distribution] = {}
    for distribution in importlib.metadata.distributions():
        if name := _field(distribution, "Name"):  # pip, too, passes over what has none
            first.setdefault(normalised(name), distribution)
    with closing(Detection(target="" if target == "here" else target, warn=warn)) as detection:
        found = [_look_at(first[name], detection, target) for name in sorted(first)]
    return _with_builds_together([one for one in found if one], _pip_install(target))


def with_better_labels(
    variants: tuple[InstalledVariant, ...], target: str = ""
) -> tuple[InstalledVariant, ...]:
    """The same with `better` where pip, with its own options, would take another variant."""
    asked = [one for one in variants if one.supported and not one.target]
    if not asked:
        return variants
    # Not --ignore-installed: ABI dependencies are compared with what is installed.
    options = ["--force-reinstall", "--no-input", "--quiet"]
    options += ["--use-feature", "fast-deps"]  # no whole wheels from who can serve parts of them
    options += ["--variant-target", target] if target else []
    found, said = dry_run([one.exactly for one in asked], *options)
    is_offline = "Retrying (" in said
    if not found and len(asked) > 1 and not is_offline:
        # One version that pip does not find is enough: ask for each.
        return tuple(better for one in variants for better in with_better_labels((one,), target))
    if not found:
        lines = said.strip().splitlines() or ["it said nothing"]
        errors = [line for line in lines if line.startswith("ERROR: ")] or lines
        why = "it cannot reach an index" if is_offline else errors[-1].removeprefix("ERROR: ")
        reason = f"pip cannot look for a better variant: {why}"
        return tuple(replace(one, reason=reason) if one in asked else one for one in variants)
    labels = {
        normalised(one["metadata"]["name"]): str(one["variant"]["label"])
        for one in found
        if "variant" in one
    }

    def compared(one: InstalledVariant) -> InstalledVariant:
        label = labels.get(normalised(one.name))
        if one not in asked or label is None or one.variant is None or label == one.variant.label:
            return one
        reason = f"pip would take the variant {label} instead of {one.variant.label}"
        return replace(one, reason=reason, better=label, commands=one.reinstall)

    return tuple(map(compared, variants))


def dry_run(
    requirements: Iterable[str], *options: str, env: Mapping[str, str] | None = None
) -> tuple[list[dict[str, Any]], str]:
    """What `pip install` would take, without dependencies, by its report; and what it says.

    Nothing if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        command = [sys.executable, "-c", RUN_MODULE, "pip", "install", "--dry-run", "--no-deps"]
        command += [*options, "--report", str(file), "--", *requirements]
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        how |= {"stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
        done = subprocess.run(command, check=False, env=env, **how)  # noqa: S603
        found = [] if done.returncode else json.loads(file.read_bytes())["install"]
    return found, done.stdout


def _look_at(
    distribution: Distribution, detection: Detection, target: str
) -> InstalledVariant | None:
    name, version = _field(distribution, "Name"), _field(distribution, "Version")
    reinstall = partial(_reinstall, distribution, name, version, _pip_install(target))
    try:
        text = distribution.read_text("variant.json")
        if text is None:
            return None
        metadata = VariantMetadata.parse_wheel(text, "variant.json", None)
    except ValueError as error:  # it may be no text
        reason = f"broken: {error}"
        return InstalledVariant(name, version, None, None, reinstall(), reason, reinstall())
    (variant,) = metadata.variants.values()
    remembered = "" if target else printable((distribution.read_text(TARGET_FILE) or "").strip())
    found = InstalledVariant(name, version, variant, None, reinstall(), target=remembered)
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
        if remembered:
            return replace(found, supported=False, reason=reasons.for_target(remembered, reason))
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


def _with_builds_together(
    variants: list[InstalledVariant], pip_install: str
) -> tuple[InstalledVariant, ...]:
    """The same with one command for all builds of index sets, which have one build in common."""
    builds = [one for one in variants if one.is_build]
    every = " ".join(shlex.quote(one.exactly) for one in builds)
    # Other builds have other dependencies.
    commands = (f"{pip_install} --force-reinstall --no-deps {every}", f"{pip_install} {every}")
    return tuple(
        replace(one, reinstall=commands, commands=commands if one.commands else ())
        if one in builds
        else one
        for one in variants
    )


def _pip_install(target: str) -> str:
    return "pip install" + (f" --variant-target {shlex.quote(target)}" if target else "")


def _reinstall(
    distribution: Distribution, name: str, version: str, pip_install: str
) -> tuple[str, ...]:
    requirement = shlex.quote(f"{name}=={version}")
    # Without --no-deps, --force-reinstall takes the newest of all that it depends on, too.
    command = f"{pip_install} --force-reinstall --no-deps {requirement}"
    # Another build may have other dependencies, by its variant markers.
    if any("variant_" in text for text in distribution.requires or ()):
        return command, f"{pip_install} {requirement}"
    return (command,)


def _field(distribution: Distribution, name: str) -> str:
    return str((distribution.metadata.get_all(name) or [""])[0])
