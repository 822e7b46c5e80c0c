"""pip's own options for variants, and how pip-variants gets to know them."""

import os
import re
from collections.abc import Callable
from functools import wraps
from optparse import Option, OptionGroup, OptionValueError
from typing import Any

from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.pip_adapter.gate import gate

__all__ = [
    "given",
    "install_for_build",
    "label_for",
    "link_collector_create",
    "make_option_group",
    "target",
]

_OPTIONS = (
    (
        "variant",
        "package=label",
        "Take this package's variant of that label; 'none' is a wheel that is no variant.",
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


def given(name: str) -> list[str]:
    """The values of one of the options, from the command line, the environment or pip.conf."""
    values = getattr(gate.options, name, None)
    return values if isinstance(values, list) else []  # others hand over what they like as options


def label_for(package: str) -> str:
    """The label that the user wants of a package; empty if any will do."""
    wanted = dict(text.split("=", 1) for text in given("variant"))
    return wanted.get(package, "")


def target() -> str:
    """The target that the user named, a file or names; empty for the machine at hand."""
    named = getattr(gate.options, "variant_target", None)
    is_here = named == "here" or gate.now.is_building
    return named if isinstance(named, str) and not is_here else ""


def make_option_group(original: Callable[..., OptionGroup]) -> Callable[..., OptionGroup]:
    """`cmdoptions.make_option_group`: commands with index options get ours beside them."""

    @wraps(original)
    def make_option_group(group: dict[str, Any], parser: Any) -> OptionGroup:
        # Only here: above, it would load what is just being replaced.
        from pip._internal.cli import cmdoptions

        result = original(group, parser)
        if group is cmdoptions.index_group:
            parser.insert_option_group(0, _variant_options(parser))
        return result

    return make_option_group


def link_collector_create(original: Callable[..., Any]) -> Callable[..., Any]:
    """`LinkCollector.create`: every command that looks for packages shows its options here."""

    @wraps(original)
    def create(cls: Any, session: Any, options: Any, *args: Any, **kw: Any) -> Any:
        gate.session = session
        gate.options = options
        off = getattr(options, "no_variants", False)  # from pip.conf it is a number
        gate.is_open = not (isinstance(off, int) and off)
        if given("variant"):  # also where none is seen
            gate.accepts_labels()
        # For the pips that build isolation starts; it may be set by a run before in this process.
        _export("PIP_NO_VARIANTS", [] if gate.is_open else ["1"])
        for name, _, _ in _OPTIONS:
            _export(f"PIP_{name.upper()}", given(name))
        # What builds a wheel runs here, whatever the wheel is for.
        _export("PIP_VARIANT_TARGET", ["here"] if target() else [])
        return original(cls, session, options, *args, **kw)

    return create


def install_for_build(original: Callable[..., None]) -> Callable[..., None]:
    """`InprocessBuildEnvironmentInstaller.install`: what builds need, without another pip."""

    @wraps(original)
    def install(*args: Any, **kw: Any) -> None:
        with gate.building():
            original(*args, **kw)

    return install


def _export(variable: str, values: list[str]) -> None:
    if values:
        os.environ[variable] = " ".join(values)
    else:
        os.environ.pop(variable, None)


def _check(option: Option, flag: str, text: str) -> str:
    """A value without spaces, as pip reads several of them from one variable."""
    from pip_variants.errors import InvalidVariantProperty
    from pip_variants.model.names import check_feature, check_namespace, check_value

    if option.type == "target":
        if os.path.isfile(text):
            return os.path.abspath(text)
        if text and os.sep not in text:
            return text  # a name; whoever knows them says if it is none
        raise OptionValueError(f"option {flag}: no such file: {text!r}")
    if option.type == "package=label":
        package, _, label = text.partition("=")
        if not package.strip() or not re.fullmatch(r"[0-9a-z_.]+", label, re.ASCII):
            raise OptionValueError(f"option {flag}: must be PACKAGE=LABEL, not {text!r}")
        return f"{canonicalize_name(package.strip())}={label}"
    if option.type == "package":
        return canonicalize_name(text)
    names = [name.strip() for name in text.split("::")]
    try:
        if len(names) > (3 if option.type == "property" else 1):
            raise InvalidVariantProperty("too many '::'")
        for name, check in zip(names, (check_namespace, check_feature, check_value), strict=False):
            check(name)
    except InvalidVariantProperty as error:
        raise OptionValueError(f"option {flag}: {error} in {text!r}") from None
    return "::".join(names)


_KINDS = ("namespace", "property", "package", "package=label", "target")


class _Option(Option):
    TYPES = (*Option.TYPES, *_KINDS)
    TYPE_CHECKER = {  # noqa: RUF012 - optparse's way
        **Option.TYPE_CHECKER,
        **dict.fromkeys(_KINDS, _check),
    }


def _variant_options(parser: Any) -> OptionGroup:
    group = OptionGroup(parser, "Wheel Variant Options")
    group.add_option(
        "--no-variants",
        dest="no_variants",
        action="store_true",
        default=False,
        help="Ignore variant wheels, as pip does without pip-variants.",
    )
    group.add_option(
        _Option(
            "--variant-target",
            type="target",
            metavar="FILE",
            help="Choose for the machines that this file describes (see pip-variants target), or "
            "for a well-known target such as x86_64_v3 or x86_64_v4+cuda12.8-sm90. "
            "'here' is the machine at hand, whatever pip.conf says.",
        )
    )
    for name, kind, text in _OPTIONS:
        group.add_option(
            _Option(
                "--" + name.replace("_", "-"),
                dest=name,
                action="append",
                type=kind,
                metavar=kind.upper(),
                default=[],
                help=f"{text} May be given several times.",
            )
        )
    return group
