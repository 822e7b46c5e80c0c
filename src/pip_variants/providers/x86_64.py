"""x86-64 processors, by archspec; docs/providers/x86_64.md describes the features.

Source: x86-64 psABI, section 3.1.1; archspec's microarchitectures.json.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pip_variants.contract import Feature
from pip_variants.providers import cpuinfo
from pip_variants.providers._archspec import TARGETS, Target, line, of_family, read
from pip_variants.providers.machine import log

LEVELS = ("v4", "v3", "v2", "v1")

# The order is that of the published provider packages, so that wheels sort the same everywhere;
# the sets that they do not know yet stand first.
INSTRUCTION_SETS = tuple(
    """
    amx_bf16 amx_int8 amx_tile avx512_fp16 avx_ifma sha512 sm3 sm4 avx_vnni tsc_adjust flush_l1d
    movdir64b movdiri avx512_bf16 avx512_bitalg avx512_vbmi2 avx512_vnni avx512_vp2intersect
    avx512_vpopcntdq avx512ifma avx512vbmi rdpid sha_ni vaes vpclmulqdq clwb clzero avx512bw
    avx512cd avx512dq avx512f avx512vl clflushopt gfni rdseed xsavec xsaveopt adx avx2 avx bmi2
    bmi1 abm f16c fma movbe xsave rdrand aes pclmulqdq sse4a fsgsbase sse4_2 sse4_1 ssse3 sse3
    cx16 lahf_lm popcnt sse2 sse mmx
    """.split()
)


class Processor(NamedTuple):
    """A processor; `flags` are what programs may use, as archspec spells them."""

    vendor: str
    flags: frozenset[str]


def this_processor() -> Processor | None:
    """The processor of this machine; None if this interpreter's programs are not x86-64.

    What the system lists counts as far as CPUID confirms it: emulators show the host's. CPUID alone
    counts where that is another vendor's processor, or no x86-64 one.
    """
    if not cpuinfo.interpreter_is("x86_64", "AMD64"):
        return None
    listed = _listed()
    is_x86_64 = {"lm", "sse2"} <= listed.flags
    asked = _cpuid() or (listed if is_x86_64 else Processor("generic", frozenset()))
    if not is_x86_64 or asked.vendor != listed.vendor:
        log.info("what the system lists is not of this processor: ignored")
        return asked
    if refused := (listed.flags & _KNOWN_TO_CPUID) - asked.flags:
        log.info("CPUID does not confirm %s: ignored", ", ".join(sorted(refused)))
    return Processor(listed.vendor, listed.flags - refused)


def features_of(processor: Processor) -> list[Feature]:
    """What `processor` supports."""
    known = (one for one in of_family("x86_64") if one.vendor in ("generic", processor.vendor))
    usable = [target for target in known if target.features <= processor.flags]
    names = {target.name for target in usable}
    levels = [level for level in LEVELS if level == "v1" or f"x86_64_{level}" in names]
    features = [Feature("level", levels)]
    generic = max((t for t in usable if t.vendor == "generic"), key=_depth)
    # Like archspec, take only what descends from the best level: an older design that happens to
    # lack nothing would say less than the level does.
    specific = [t for t in usable if t.vendor != "generic" and generic.name in t.ancestors]
    if specific:
        of_line = line(max(specific, key=_depth).name)
        features.append(Feature("microarchitecture", of_line, multi_value=True))
    log.info("vendor %s: %s", processor.vendor, ", ".join(one.values[0] for one in features))
    return features + cpuinfo.switched_on(INSTRUCTION_SETS, processor.flags)


def get_supported_configs() -> list[Feature]:
    processor = this_processor()
    return [] if processor is None else features_of(processor)


def named(name: str) -> list[Feature]:
    """What the generic processors `x86_64_v1` to `x86_64_v4` support."""
    if name.removeprefix("x86_64_") not in LEVELS:
        return []
    target = TARGETS["x86_64" if name == "x86_64_v1" else name]
    return features_of(Processor("generic", target.features))


def get_all_configs() -> list[Feature]:
    return cpuinfo.everything("x86_64", Feature("level", LEVELS), INSTRUCTION_SETS)


baseline = cpuinfo.baseline("level", "v1", "x86_64", "amd64")


def _spelled_alike(flags: Iterable[str]) -> frozenset[str]:
    # archspec does this only where ssse3 is (Linux and CPUID call SSE3 pni), and not for macOS.
    other = {"pni": "sse3", "em64t": "lm"}
    flags = frozenset(flags)
    return flags | {ours for theirs, ours in other.items() if theirs in flags}


def _depth(target: Target) -> tuple[int, int]:
    return len(target.ancestors), len(target.features)


def _listed() -> Processor:
    """The processor that the system shows."""
    if sys.platform == "linux":
        text = cpuinfo.read().partition("\n\n")[0]
        (vendor,) = cpuinfo.values_of("vendor_id", text)[:1] or ["generic"]
        return Processor(vendor, _spelled_alike(" ".join(cpuinfo.values_of("flags", text)).split()))
    from archspec.cpu.detect import detected_info

    info = detected_info()
    return Processor(info.vendor, _spelled_alike(info.features))


def _cpuid() -> Processor | None:
    """The processor that the CPUID instruction shows; None if it cannot be asked."""
    with contextlib.suppress(Exception):  # seccomp, no executable memory, no ctypes
        vendor, flags = ask_cpuid()
        return Processor(vendor, _spelled_alike(flags))
    return None


def ask_cpuid() -> tuple[str, set[str]]:
    """The vendor and the flags that archspec knows. Raises what its CPUID raises."""
    from archspec.vendor.cpuid.cpuid import CPUID  # which needs ctypes

    ask: Callable[..., Any] = CPUID().registers_for  # type: ignore[no-untyped-call]
    first = ask(**_CPUID["vendor"]["input"])
    last = ask(**_CPUID["highest_extension_support"]["input"])
    flags: set[str] = set()
    for kind, highest in (("flags", first.eax), ("extension-flags", last.eax)):
        for call in _CPUID[kind]:
            if call["input"]["eax"] <= highest:
                found = ask(**call["input"])
                flags.update(
                    bit["name"]
                    for bit in call["bits"]
                    if getattr(found, bit["register"]) & 1 << bit["bit"]
                )
    vendor = b"".join(one.to_bytes(4, "little") for one in (first.ebx, first.edx, first.ecx))
    return vendor.decode(), flags


_CPUID = read("cpuid.json")
_KNOWN_TO_CPUID = _spelled_alike(
    bit["name"] for call in (*_CPUID["flags"], *_CPUID["extension-flags"]) for bit in call["bits"]
)
