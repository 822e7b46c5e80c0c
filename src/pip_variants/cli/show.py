"""Print the variant properties that this machine supports, best first; or those of wheels."""

import argparse
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from pip_variants.cli.text import print_json, print_lines, warn
from pip_variants.detection.client import Answer, Detection
from pip_variants.errors import PipVariantsError, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import PluginProvider
from pip_variants.model.support import SupportedFeature


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "show what these wheels are, not the machine"
    parser.add_argument("wheel", nargs="*", type=Path, help=text)
    text = "show every property that there is in a namespace, whatever the machine"
    parser.add_argument("--valid", metavar="NAMESPACE", help=text)
    text = "say who found it and what they looked at"
    parser.add_argument("-v", "--verbose", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    if options.wheel or options.valid:
        wheels = [*map(_wheel, options.wheel)]
        valid = _valid_in(options.valid) if options.valid else ()
        if options.json:
            print_json(wheels=wheels, valid=[one._asdict() for one in valid])
            return 0
        for wheel in wheels:
            _print_wheel(wheel)
        _print_features(options.valid, valid)
        return 0
    with closing(Detection()) as detection:
        answers = detection.everything()
    if options.json:
        print_json(providers=[*map(_to_json, answers)])
    for answer in () if options.json else answers:
        for warning in filter(None, (answer.failed, *answer.warnings)):
            warn(warning)
        if options.verbose and not answer.failed:
            print(f"# {answer.namespace}, by {printable(answer.by)}")
            for note in (*answer.notes, answer.support.absent):
                print_lines(note, "#   ", "#     ")
        _print_features(answer.namespace, answer.support.features)
    return 1 if any(answer.failed for answer in answers) else 0


def _wheel(path: Path) -> dict[str, Any]:
    """What a wheel is, as `--json` prints it. Raises `PipVariantsError`."""
    from pip_variants.publish.wheel import read_metadata  # which only publishers need

    if path.suffix != ".whl":
        name = printable(path.name)
        about = f"of a package, pip-variants explain {name} says what there is"
        raise PipVariantsError(f"show takes wheel files, not {name}; {about}")
    if WheelFilename.parse(path.name).label is None:
        return {"file": str(path), "label": None, "properties": [], "providers": {}}
    metadata = read_metadata(path)
    (variant,) = metadata.variants.values()
    asked = {
        namespace: provider.requires if isinstance(provider, PluginProvider) else ()
        for namespace, provider in metadata.providers.items()
    }
    properties = [*map(str, variant.properties)]
    return {"file": str(path), "label": variant.label, "properties": properties, "providers": asked}


def _print_wheel(wheel: dict[str, Any]) -> None:
    what = f"the variant {wheel['label']}" if wheel["label"] else "no variant"
    print(f"{printable(Path(wheel['file']).name)}: {what}")
    for one in wheel["properties"]:
        print(f"  {one}")
    for namespace, asked in wheel["providers"].items():
        print_lines(f"{namespace}: says {', '.join(asked or ('the metadata',))}", "  ", "")


def _valid_in(namespace: str) -> tuple[SupportedFeature, ...]:
    with closing(Detection()) as detection:
        valid = detection.valid_in(namespace)
        if not valid.features:
            known = ", ".join(dict.fromkeys(one.namespace for one in detection.everything()))
            what = f"no provider of {printable(namespace, 60)} is installed that says what there is"
            raise PipVariantsError(f"{what}; known are {known}")
    return valid.features


def _print_features(namespace: str, features: Iterable[SupportedFeature]) -> None:
    for feature, values in features:
        for value in values:
            print(f"{namespace} :: {feature} :: {value}")


def _to_json(answer: Answer) -> dict[str, Any]:
    shown = "namespace by notes warnings failed".split()
    return {
        **{name: getattr(answer, name) for name in shown},
        "features": [one._asdict() for one in answer.features],
        "absent": answer.support.absent,
    }
