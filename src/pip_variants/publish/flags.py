"""Compiler flags for the processors that a variant is built for, by archspec.

Source: archspec's microarchitectures.json, `compilers`; for Rust, the names of LLVM, which clang
takes for `-march` and `-mcpu`.
"""

import os
import re
import shlex
import subprocess
import sysconfig
from functools import cache

from archspec.cpu import TARGETS, Microarchitecture
from archspec.cpu.microarchitecture import UnsupportedMicroarchitecture

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import Variant

# Namespace and feature -> what archspec writes before the value.
_TARGETS = {
    **{(one, "microarchitecture"): "" for one in "x86_64 aarch64 ppc64le riscv64 s390x".split()},
    ("x86_64", "level"): "x86_64_",
    ("aarch64", "version"): "armv",
}
_BASES = {"x86_64_v1": "x86_64", "armv8a": "aarch64"}


def environment(variant: Variant) -> dict[str, str]:
    """The variables that make compilers build for the processors of `variant`.

    They go behind what the environment has already. Nothing if the variant names no processor.
    Raises `InvalidVariantMetadata` if the compiler is too old, or values have no common base.
    """
    target = _target(variant)
    if target is None:
        return {}
    name, version = _compiler()
    try:
        flags = target.optimization_flags(name, version) if version else ""
    except UnsupportedMicroarchitecture as error:
        raise InvalidVariantMetadata(
            f"no flags of {name} {version} for {target.name} are known: {error}"
        ) from None
    found = dict.fromkeys(("CFLAGS", "CXXFLAGS", "FFLAGS", "FCFLAGS"), flags) if flags else {}
    if rust := _rust(target):
        found["RUSTFLAGS"] = rust
    return {key: f"{os.environ.get(key, '')} {value}".strip() for key, value in found.items()}


def _target(variant: Variant) -> Microarchitecture | None:
    """The most special processor among the features; the most general among their values."""
    found: list[Microarchitecture] = []
    for feature, values in variant.features:
        prefix = _TARGETS.get((feature.namespace, feature.name))
        if prefix is None:
            continue
        names = [_BASES.get(prefix + value, prefix + value) for value in values]
        named = [TARGETS[name] for name in names if name in TARGETS]
        base = [one for one in named if all(one <= other for other in named)]
        if named and not base:
            raise InvalidVariantMetadata(
                f"{variant.label} is for {feature} :: {' or '.join(values)}, which have no "
                "common base to compile for: give its flags under env"
            )
        found += base
    found.sort(key=lambda target: len(target.ancestors))
    return found[-1] if found else None


@cache
def _compiler() -> tuple[str, str]:
    """The C compiler as archspec calls it, and its version; no version if it is not known."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    try:
        said = subprocess.run(  # noqa: S603
            [*shlex.split(command), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, ValueError, subprocess.CalledProcessError):
        return command, ""
    first = said.partition("\n")[0]
    name = "gcc" if "Free Software Foundation" in said else "clang"
    if first.startswith("Apple"):
        name = "apple-clang"
    # Distributions put their own numbers in parentheses before it.
    version = re.search(r"(\d+)\.(\d+)", re.sub(r"\([^)]*\)", "", first))
    known = name == "gcc" or "clang" in first
    return name, f"{version[1]}.{version[2]}" if version and known else ""


def _rust(target: Microarchitecture) -> str:
    """What makes rustc build for it; it knows processors, not flags."""
    try:
        flags = target.optimization_flags("clang", "99")
    except UnsupportedMicroarchitecture:
        return ""
    option = "march" if target.family.name == "x86_64" else "mcpu"
    name = re.search(rf"-{option}=(\S+)", flags)
    return f"-C target-cpu={name[1]}" if name else ""
