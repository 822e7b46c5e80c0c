"""Print what this machine supports as a target file, or put targets together."""

import argparse
import dataclasses
import socket
import sys
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pip_variants
from pip_variants.cli.text import print_json
from pip_variants.detection.client import Detection
from pip_variants.detection.targets import load, loads
from pip_variants.errors import PipVariantsError
from pip_variants.model.target import Machine, Target
from pip_variants.publish.archive import replace

_SHOWN = 4  # features of a machine, values of a feature


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "a well-known target instead of this machine: x86_64_v3, aarch64_8.2a, cuda12.8-sm90; "
    text += "several are one machine that is all of them"
    parser.add_argument("names", nargs="*", metavar="NAME", help=text)
    text = "target files of machines that must all be able to use what is installed; says what is "
    text += "lost by that"
    parser.add_argument("--combine", nargs="+", default=[], metavar="FILE", help=text)
    parser.add_argument("--name", help="what to call the machine (default: as the network does)")
    parser.add_argument("-o", "--output", type=Path, help="the file to write (default: print it)")


def run(options: argparse.Namespace) -> int:
    if options.combine and (options.names or options.name):
        options.parser.error("give names or --combine, not both: a file has its names")
    if options.combine:
        target = Target.of(one for file in options.combine for one in load(file, _named).machines)
    else:
        names = [part for name in options.names for part in name.split("+")]
        target = Target((_named(names, options.name),))
    text = target.to_toml()
    if options.json:
        lost = {", ".join(one.names): [*map(str, lacks)] for one, lacks in target.lost.items()}
        print_json(target=text, lost=lost)
    else:
        _say_what_is_lost(target)
    if options.output:
        try:
            replace(options.output, text.encode())
        except OSError as error:
            why = f"{options.output} could not be written: {error.strerror}"
            raise PipVariantsError(why) from None
    elif not options.json:
        sys.stdout.write(text)
    return 0


def _named(names: list[str], called: str = "") -> Machine:
    with closing(Detection()) as detection:
        (machine,) = loads(detection.machine(names), "the answer").machines
    name = called or "+".join(names) or socket.gethostname()
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    by = f"pip-variants {pip_variants.__version__}"
    return dataclasses.replace(machine, names=(name,), made_by=by, made_at=now)


def _say_what_is_lost(target: Target) -> None:
    for machine, properties in target.lost.items():
        said = [f"lost, not supported by {', '.join(machine.names)}:"]
        features: dict[str, list[str]] = {}
        for one in properties:
            features.setdefault(f"{one.namespace} :: {one.feature}", []).append(one.value)
        for feature, values in list(features.items())[:_SHOWN]:
            more = f" and {len(values) - _SHOWN} more" if values[_SHOWN:] else ""
            said.append(f"  {feature} :: {', '.join(values[:_SHOWN])}{more}")
        if len(features) > _SHOWN:
            said.append(f"  and of {len(features) - _SHOWN} more features")
        print("\n".join(said), file=sys.stderr)
