"""Parsing, selecting and ordering many labels; variantlib on the same metadata."""

import gc
import json
import os
import random
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from helpers import Row, Tables, environment, in_pairs, make_venv, run, site_packages
from support.environments import WHEELHOUSE, download

from pip_variants.model.metadata import MAX_BYTES, VariantMetadata
from pip_variants.model.ordering import order
from pip_variants.selection import select, supported_properties

SIZES = (10, 100, 1000, 10_000, 100_000)
VARIANTLIB = "0.2.2"
VARIANTLIB_PAIRS = {10: 9, 100: 9, 1000: 5, 10_000: 3, 100_000: 1}  # by the number of labels
TIMES_VARIANTLIB = 20  # at least, for what an install does with metadata that was read
FEATURES = {"aa": 3, "bb": 3, "cc": 2}  # 8 properties per label, over 3 namespaces
VALUES = 8
MAX_SECONDS = 0.05  # for 10,000 labels: well under 0.1 s


class Nobody:
    """Nobody to ask: the target has no list of its own, and the properties are static."""

    def listed(self, namespace: str, provider: object) -> None:
        return None


NOBODY: Any = Nobody()


def measure(work: Path) -> Tables:
    return {
        "ordering: CPU ms": list(_sizes()),
        "ordering: 10,000 labels, CPU ms, by values that the target supports of the 8": [
            {"supported": count, **_times(document(10_000, count))} for count in (8, 7, 1)
        ],
        f"ordering: against variantlib {VARIANTLIB}, CPU ms": _beside_variantlib(work),
    }


def _beside_variantlib(work: Path) -> list[Row]:
    """What `_against_variantlib` finds in an environment that has variantlib and nothing else."""
    version = "{}.{}".format(*sys.version_info[:2])  # which decides what variantlib needs
    folder = WHEELHOUSE / "variantlib" / version
    python = make_venv(work / "variantlib")
    for wheel in download(folder, "*.whl", f"variantlib[cli]=={VARIANTLIB}"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site_packages(python))
    code = f"import json, ordering; print(json.dumps(ordering._against_variantlib({VARIANTLIB_PAIRS})))"
    path = os.pathsep.join(sys.path)
    rows: list[Row] = json.loads(run([python, "-c", code], env=environment(work, PYTHONPATH=path)))
    return rows


def _sizes() -> Iterator[Row]:
    before = None
    for size in SIZES:
        times = _times(document(size))
        growth = times["order"] / before if before else None
        before = times["order"]
        yield {
            "labels": size,
            **times,
            "growth of order": round(growth, 1) if growth else "",
            "target": ("met" if before < MAX_SECONDS * 1000 else "missed")
            if size == 10_000
            else "",
        }


def _times(document: Any) -> Row:
    data = json.dumps(document)
    metadata = VariantMetadata.from_json(document, "benchmark")
    variants = list(metadata.variants.values())
    labels = list(metadata.variants)
    supported = supported_properties(metadata, metadata.namespaces, NOBODY)
    figures = {
        "order": _milliseconds(lambda: order(variants, metadata.namespaces, supported)),
        "select": _milliseconds(lambda: select(metadata, labels, NOBODY)),
        "parse": "over the limit",
        "size, kB": len(data) // 1000,
    }
    if len(data) <= MAX_BYTES:
        figures["parse"] = _milliseconds(lambda: VariantMetadata.parse(data, "benchmark"))
    return figures


def _against_variantlib(pairs: dict[int, int]) -> list[Row]:
    from variantlib.api import get_variants_by_priority
    from variantlib.variants_json import VariantsJson

    rows = []
    for size, count in pairs.items():
        made = document(size)
        metadata = VariantMetadata.from_json(made, "benchmark")
        theirs = VariantsJson(made)
        chosen = [
            variant.label for variant in select(metadata, metadata.variants, NOBODY).best_first
        ]
        listed = [variant.label for variant in get_variants_by_priority(variants_json=theirs)]
        assert chosen == [label for label in listed if label != "null"]  # they always add it
        gc.freeze()  # neither side's garbage collection passes over what the other one has made
        for what, one, two in (
            (
                "read",
                partial(VariantMetadata.from_json, made, ""),
                partial(VariantsJson, made),
            ),
            (
                "select",
                partial(select, metadata, metadata.variants, NOBODY),
                partial(get_variants_by_priority, variants_json=theirs),
            ),
        ):
            results = in_pairs(partial(_seconds, one), partial(_seconds, two), count)
            ours, others = map(statistics.median, results)
            is_met = others / ours >= TIMES_VARIANTLIB
            rows.append(
                {
                    "labels": size,
                    "what": what,
                    "ours": round(ours * 1000, 3),
                    "variantlib": round(others * 1000, 3),
                    "ratio": round(others / ours, 1),
                    "target": "" if what == "read" else "met" if is_met else "missed",
                }
            )
    return rows


def document(size: int, supported: int = VALUES) -> dict[str, Any]:
    """Index-level metadata with static properties, so that nothing has to be asked."""
    some = random.Random(0)
    names = {space: [f"{space}_f{n}" for n in range(count)] for space, count in FEATURES.items()}
    values = [f"v{n}" for n in range(VALUES)]
    return {
        "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
        "default-priorities": {"namespace": list(names)},
        "providers": {
            space: {
                "static-properties": {name: values[:supported] for name in features},
                "feature-order": features,
            }
            for space, features in names.items()
        },
        "variants": {
            f"label{number}": {
                space: {name: [some.choice(values)] for name in features}
                for space, features in names.items()
            }
            for number in range(size)
        },
    }


def _milliseconds(function: Callable[[], object]) -> float:
    """The median of half a second's worth of runs, three at least."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < 0.5:
        times.append(_seconds(function))
    return round(statistics.median(times) * 1000, 3)


def _seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
