"""Compiling for the processors of a variant: flags by archspec, for every compiler that runs.

The flags must come on top of what a build does anyway, and no variable adds everywhere: setuptools
77 drops Python's own optimisation for CFLAGS, cargo a project's rustflags for RUSTFLAGS, and CC
takes the choice of the compiler from meson and CMake. So the build finds, first in PATH, scripts
with the names of the compilers that are there, which call them with the flags (masquerading, as
ccache's manual has it). They know no build backend.

Source: archspec's microarchitectures.json, `compilers`; for Rust, the names of LLVM, which clang
takes for `-march` and `-mcpu`.
"""

import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from shlex import quote, split

from archspec.cpu import TARGETS, Microarchitecture
from archspec.cpu.microarchitecture import UnsupportedMicroarchitecture

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import Variant

_COMPILER = re.compile(  # the group is the variable whose flags are for it
    r"(?:.+-)?(?:(?P<CFLAGS>g?cc|clang)|(?P<CXXFLAGS>[cg]\+\+|clang\+\+)"
    r"|(?P<FFLAGS>gfortran|f77|f95|flang)|(?P<RUSTFLAGS>rustc))(?:-[\d.]+)?"
)
# Without the scripts in PATH: ccache and others look there for the compiler that they call.
_SCRIPT = """#!/bin/sh
for one do
  shift
  case $one in {}) ;; *) set -- "$@" "$one" ;; esac
done
PATH={} exec {} {}
"""
# Namespace and feature -> what archspec writes before the value.
_TARGETS = {
    **{(one, "microarchitecture"): "" for one in "x86_64 aarch64 ppc64le riscv64 s390x".split()},
    ("x86_64", "level"): "x86_64_",
    ("aarch64", "version"): "armv",
}
_BASES = {"x86_64_v1": "x86_64", "armv8a": "aarch64"}


def flags_for(variant: Variant, env: Mapping[str, str]) -> dict[str, str]:
    """The flags by which compilers build for the processors of `variant`, by their variable.

    Nothing if it names no processor, nor for a variable that `env`, the recipe's, has itself.
    Raises `InvalidVariantMetadata` if the compiler is too old, or values have no common base.
    """
    target = _target(variant)
    if target is None:
        return {}
    command = env.get("CC") or os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    name, version = _compiler(command)
    try:
        flags = target.optimization_flags(name, version) if version else ""
    except UnsupportedMicroarchitecture as error:
        what = f"no flags of {name} {version} for {target.name} are known: {error}"
        raise InvalidVariantMetadata(what) from None
    found = dict.fromkeys(("CFLAGS", "CXXFLAGS", "FFLAGS"), flags) | {"RUSTFLAGS": _rust(target)}
    own = {key.replace("FCFLAGS", "FFLAGS") for key in env}
    return {key: value for key, value in found.items() if value and key not in own}


def is_for_processor(variant: Variant) -> bool:
    """Whether a variant is for processors, so that compilers should be told."""
    return any((one.namespace, one.name) in _TARGETS for one, _ in variant.features)


def launching(flags: Mapping[str, str], folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The variables for a build in `env` whose compilers get the flags, by scripts in `folder`."""
    if os.name == "nt":  # which runs no such scripts
        return {key: f"{env.get(key, '')} {value}".strip() for key, value in flags.items()}
    path = env.get("PATH", os.defpath)
    # Options of single files come behind ours and count. For which processors Python was built,
    # and what the environment says of all files, must not.
    inherited = " ".join([str(sysconfig.get_config_var("CFLAGS")), *os.environ.values()])
    dropped = "|".join(["-march=", *re.findall(r"-m(?:arch|cpu|tune)=[\w.+-]+", inherited)])

    def launcher(compiler: str, place: Path) -> str:
        """A script that calls the compiler with its flags; itself if it gets none."""
        match = _COMPILER.fullmatch(os.path.basename(compiler))
        own = match and flags.get(str(match.lastgroup))
        if not own or not os.access(compiler, os.X_OK):
            return compiler
        arguments = f'"$@" {own}' if "target-cpu" in own else f'{own} "$@"'  # the last one counts
        script = place / os.path.basename(compiler)
        place.mkdir(parents=True, exist_ok=True)
        script.write_text(_SCRIPT.format(dropped, quote(path), quote(compiler), arguments))
        script.chmod(0o755)
        return str(script)

    for place in reversed(path.split(os.pathsep)):  # the first one of a name counts
        for compiler in Path(place).glob("*"):
            launcher(str(compiler), folder / "bin")
    found = {"PATH": f"{folder / 'bin'}{os.pathsep}{path}"}
    # cargo does not see the flags, and would take what it compiled with others.
    found["CARGO_TARGET_DIR"] = str(folder / "target")
    for key in env.keys() & {"CC", "CXX", "FC", "F77", "F90", "RUSTC"}:  # by path, maybe for ccache
        found[key] = " ".join(launcher(word, folder / key) for word in env[key].split())
    return found


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
                f"{variant.label} is for {feature} :: {' or '.join(values)}, which have no common "
                "base to compile for: give its flags under env"
            )
        found += base
    return max(reversed(found), key=lambda target: len(target.ancestors), default=None)


@cache
def _compiler(command: str) -> tuple[str, str]:
    """A C compiler as archspec calls it, and its version; no version if it is not known."""
    try:
        said = subprocess.run(  # noqa: S603
            [*split(command), "--version"], capture_output=True, text=True, check=True
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
