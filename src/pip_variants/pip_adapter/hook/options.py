"""pip's own options for variants, and the run that begins when pip has parsed them."""

import os
import re
from collections.abc import Iterator
from optparse import Option, OptionGroup, OptionValueError
from types import MappingProxyType
from typing import Any

from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.pip_adapter.hook import conditions
from pip_variants.pip_adapter.hook.attach import missing
from pip_variants.pip_adapter.hook.run import Run, current, entered, parsed

_OPTIONS = (
    (
        "variant",
        "package=label",
        "Take this package's variant of that label; 'none' is a wheel that is no variant.",
    ),
    (
        "variant_indexes",
        "index-set",
        "Take builds from the indexes of this set, such as pytorch, or of a file.",
    ),
    (
        "variant_enable",
        "namespace",
        "Use variants of an optional provider, or of one that their metadata does not name.",
    ),
    ("variant_disable", "namespace", "Use no variant that needs this namespace."),
    (
        "variant_prefer",
        "property",
        "Take variants with this namespace, feature ('a::b') or property ('a::b::c') first.",
    ),
    (
        "variant_trust",
        "package",
        "Let wheels ask this provider package; it is run in an environment of its own.",
    ),
)
"""Attribute, metavar and help of each option that may be given several times."""

SEVERAL_TIMES = tuple(name for name, _, _ in _OPTIONS)

_LONGEST = 2**17 - 100  # bytes of a variable, by which other pips are told (Linux)

_ABOUT_INSTALLED = ("list", "show", "check", "inspect")


def main(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`Command.main`: one run of pip."""
    with entered(Run()):
        code = original(self, *args, **kw)
        run = current()
        if run.problem == "" and run.chosen:
            from pip_variants.pip_adapter.variants.unused import say_what_was_not_used

            say_what_was_not_used(run)
        return code


def parse_args(self: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`Command.parse_args`: what the user wants of this run."""
    options, rest = original(self, *args, **kw)
    parsed(options, str(self.name), is_off=_is_off(options))
    run = current()
    if problem := next(_problems(run), ""):
        self.parser.error(problem)
    is_about = self.name in _ABOUT_INSTALLED
    is_needed = not run.is_off and (not is_about or getattr(options, "outdated", False))
    for target in (run.targets or (run.target_name,)) if is_needed else ():
        if os.sep in target and not os.path.isfile(target):
            self.parser.error(f"option --variant-target: no such file: {target!r}")
    if len(run.targets) > 1 and self.name not in ("lock", "download"):
        self.parser.error("option --variant-target: only pip lock and pip download take several")
    if is_about and missing(self.name) and conditions.any_installed_is_variant():
        run.warn_of_missing_seams()
    return options, rest


def make_option_group(group: dict[str, Any], parser: Any, *, original: Any) -> Any:
    """`make_option_group`: every command can do without variants; some can choose among them."""
    # Only here: above, it would load what is just being replaced.
    from pip._internal.cli import cmdoptions

    result = original(group, parser)
    if group is getattr(cmdoptions, "general_group", None):
        _add_no_variants(result)
        if getattr(parser, "name", "") == "check":
            _add_target(result)
    elif group is getattr(cmdoptions, "index_group", None):
        if parser.has_option("--no-variants"):
            parser.remove_option("--no-variants")
        parser.insert_option_group(0, _variant_options(parser))
    return result


def _problems(run: Run) -> Iterator[str]:
    """Values that contradict each other, or that a pip that this one starts could not be told."""
    for name in SEVERAL_TIMES:
        values, typed = run.values(name), run.typed(name)
        flag = f"option --{name.replace('_', '-')}"
        if spaced := [one for one in values if one.split() != [one]]:
            yield f"{flag}: there must be no space in {spaced[0]!r}"
        if sum(len(os.fsencode(one)) + 1 for one in values) > _LONGEST:
            yield f"{flag}: all values together must be shorter than {_LONGEST} bytes"
        # What is typed comes last, and counts instead of what a variable or pip.conf says.
        for given in (values[: len(values) - len(typed)], typed) if name == "variant" else ():
            labels: dict[str, str] = {}
            for package, _, label in (one.partition("=") for one in given):
                if labels.setdefault(package, label) != label:
                    yield f"{flag}: give one of {package}={labels[package]} and {package}={label}"


def create(*args: Any, original: Any, **kw: Any) -> Any:
    """`LinkCollector.create`: pip is going to look for packages."""
    run = current()
    # Not for pip's look whether there is a newer pip.
    if run.values("variant") and not kw.get("suppress_no_index"):
        run.accepts_labels()  # also where none is seen
    return original(*args, **kw)


def _is_off(options: Any) -> bool:
    off = getattr(options, "no_variants", False)  # from pip.conf it is a number
    return isinstance(off, int) and bool(off)


def _check(option: Option, flag: str, text: str) -> str:
    """A value without spaces, as pip reads several of them from one variable."""
    from pip_variants.detection import is_path
    from pip_variants.errors import InvalidVariantProperty
    from pip_variants.model.names import check_feature, check_namespace, check_value

    if option.type == "target":
        if not text:
            raise OptionValueError(f"option {flag}: no such file: {text!r}")
        # A file, or names; whoever knows them says if one is none.
        return os.path.abspath(text) if is_path(text) else text
    if option.type == "package=label":
        package, _, label = text.partition("=")
        if not package.strip() or not re.fullmatch(r"[0-9a-z_.]+", label, re.ASCII):
            raise OptionValueError(f"option {flag}: must be PACKAGE=LABEL, not {text!r}")
        return f"{canonicalize_name(package.strip())}={label}"
    if option.type == "package":
        return canonicalize_name(text)
    if option.type == "index-set":
        # A file, from wherever its name is read later, a child pip for one.
        return os.path.abspath(text) if is_path(text) and not re.search(r"=|://", text) else text
    names = [name.strip() for name in text.split("::")]
    try:
        if len(names) > (3 if option.type == "property" else 1):
            raise InvalidVariantProperty("too many '::'")
        for name, check in zip(names, (check_namespace, check_feature, check_value), strict=False):
            check(name)
    except InvalidVariantProperty as error:
        raise OptionValueError(f"option {flag}: {error} in {text!r}") from None
    return "::".join(names)


_KINDS = ("namespace", "property", "package", "package=label", "index-set", "target")


class _Option(Option):
    TYPES = (*Option.TYPES, *_KINDS)
    TYPE_CHECKER = MappingProxyType(  # type: ignore[assignment]
        {**Option.TYPE_CHECKER, **dict.fromkeys(_KINDS, _check)}
    )

    def process(self, opt: str, value: Any, values: Any, parser: Any) -> Any:
        """Note what is typed: what variables and pip.conf say does not pass here."""
        typed = values.ensure_value("variant_typed", {})
        typed.setdefault(self.dest, []).append(self.convert_value(opt, value))
        return super().process(opt, value, values, parser)


def _add_no_variants(group: Any) -> None:
    group.add_option(
        "--no-variants",
        action="store_true",
        default=False,
        help="Ignore variant wheels, as pip does without pip-variants.",
    )


def _add_target(group: Any) -> None:
    group.add_option(
        _Option(
            "--variant-target",
            type="target",
            metavar="FILE",
            help="The machines that this file describes (see pip-variants target), or a "
            "well-known target such as x86_64_v3 or x86_64_v4+cuda12.8-sm90, instead of this "
            "machine. 'here' is the machine at hand, whatever pip.conf says. "
            "pip lock and pip download take several.",
        )
    )


def _variant_options(parser: Any) -> OptionGroup:
    group = OptionGroup(parser, "Wheel Variant Options")
    _add_no_variants(group)
    _add_target(group)
    for name, kind, text in _OPTIONS:
        group.add_option(
            _Option(
                "--" + name.replace("_", "-"),
                action="append",
                type=kind,
                metavar=kind.upper(),
                help=f"{text} May be given several times.",
            )
        )
    return group
