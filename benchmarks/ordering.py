"""Parsing, selecting and ordering many labels; variantlib on the same metadata, if it is here."""

import json
import random
import statistics
import time

from helpers import in_pairs

from pip_variants.model.metadata import MAX_BYTES, VariantMetadata
from pip_variants.model.ordering import order
from pip_variants.selection import select, supported_properties

SIZES = (10, 100, 1000, 10_000, 100_000)
VARIANTLIB_SIZES = (10, 100, 1000)
FEATURES = {"aa": 3, "bb": 3, "cc": 2}  # 8 properties per label, over 3 namespaces
VALUES = 8
MAX_SECONDS = 0.05  # for 10,000 labels: well under 0.1 s


def measure(work):
    tables = {
        "ordering: CPU ms": list(_sizes()),
        "ordering: 10,000 labels, CPU ms, by values that the target supports of the 8": [
            {"supported": count, **_times(_document(10_000, count))} for count in (8, 7, 1)
        ],
    }
    try:
        import variantlib.api  # noqa: F401
    except ImportError:
        print("variantlib is not installed: not compared")
    else:
        tables["ordering: against variantlib, CPU ms"] = list(_against_variantlib())
    return tables


def _sizes():
    before = None
    for size in SIZES:
        times = _times(_document(size))
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


def _times(document):
    data = json.dumps(document)
    metadata = VariantMetadata.from_json(document, "benchmark")
    variants = list(metadata.variants.values())
    labels = list(metadata.variants)
    supported = supported_properties(metadata, metadata.namespaces, None)
    figures = {
        "order": _milliseconds(lambda: order(variants, metadata.namespaces, supported)),
        "select": _milliseconds(lambda: select(metadata, labels, None)),
        "parse": "over the limit",
        "size, kB": len(data) // 1000,
    }
    if len(data) <= MAX_BYTES:
        figures["parse"] = _milliseconds(lambda: VariantMetadata.parse(data, "benchmark"))
    return figures


def _against_variantlib():
    from variantlib.api import get_variants_by_priority
    from variantlib.variants_json import VariantsJson

    for size in VARIANTLIB_SIZES:
        document = _document(size)
        data = json.dumps(document)
        metadata = VariantMetadata.parse(data, "benchmark")
        theirs = VariantsJson(document)
        ours = [variant.label for variant in select(metadata, metadata.variants, None).best_first]
        listed = [variant.label for variant in get_variants_by_priority(variants_json=theirs)]
        assert ours == [label for label in listed if label != "null"]  # they always add it
        pairs = 5 if size < 1000 else 3
        for what, one, two in (
            (
                "parse",
                lambda: VariantMetadata.parse(data, ""),
                lambda: VariantsJson(json.loads(data)),
            ),
            (
                "select",
                lambda: select(metadata, metadata.variants, None),
                lambda: get_variants_by_priority(variants_json=theirs),
            ),
        ):
            results = in_pairs(lambda: _seconds(one), lambda: _seconds(two), pairs)
            ours, others = map(statistics.median, results)
            yield {
                "labels": size,
                "what": what,
                "ours": round(ours * 1000, 3),
                "variantlib": round(others * 1000, 3),
                "ratio": round(others / ours),
            }


def _document(size, supported=VALUES):
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


def _milliseconds(function):
    """The median of half a second's worth of runs, three at least."""
    times = []
    while len(times) < 3 or sum(times) < 0.5:
        times.append(_seconds(function))
    return round(statistics.median(times) * 1000, 3)


def _seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start
