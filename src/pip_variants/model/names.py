"""The alphabets of PEP 825, and two identifiers, which are compared by the ten thousand."""

import re
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from pip_variants.errors import InvalidVariantLabel, InvalidVariantProperty, shown

NULL_LABEL = "null"
"""The label of the variant without properties (PEP 825, Variant label)."""

TARGET_FILE = "variant_target.txt"
"""Beside an installed `variant.json`: the target that it was installed for."""

_NAME = re.compile(r"[a-z0-9_]+", re.ASCII)
_VALUE = re.compile(r"[a-z0-9_.]+", re.ASCII)
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([^]]*)\])?(.*)", re.DOTALL)
_MARKER_PART = r"""'[^']*'|"[^"]*"|[\w.]+|[<>=!~]+|\S"""


def _check(text: object, what: str, pattern: re.Pattern[str]) -> str:
    if isinstance(text, str) and pattern.fullmatch(text):
        return text
    raise (InvalidVariantLabel if what == "label" else InvalidVariantProperty)(
        f"invalid variant {what} (must match {pattern.pattern}): {shown(text)}"
    )


def normalised(package: str) -> str:
    """The one spelling of a package's name (Names and normalization)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known: the nearest one of those that are."""
    from difflib import get_close_matches  # where somebody made a mistake

    near = get_close_matches(name, known, 1, 0.75)
    return f"; did you mean {near[0]}?" if near else ""


def split_requirement(text: str) -> tuple[str, str]:
    """A dependency specifier up to its marker, and the marker; empty if there is none.

    A URL may hold a semicolon, but none behind a space.
    """
    is_url = re.match(r"\s*[\w.-]+\s*(\[[^\]]*\]\s*)?@", text)
    before, *marker = re.split(r"(?<=\s);" if is_url else ";", text, maxsplit=1)
    return before, "".join(marker)


def normal_requirement(text: str) -> tuple[str, ...]:
    """A dependency specifier in a form that is equal for equal ones (Dependency specifiers).

    Name, extras, specifiers or URL, and marker; what cannot be read is taken as it is.

    >>> normal_requirement("A_b[y, X] (>=1.0, <2)") == normal_requirement("a-b[x,Y]<2,>=1")
    True
    """
    before, marker = split_requirement(text)
    before, _, url = before.partition("@")
    match = _REQUIREMENT.match("".join(before.split()))
    if match is None:
        return (text,)
    name, extras, specifiers = match.groups(default="")
    return (
        normalised(name),
        ",".join(sorted(set(map(normalised, extras.split(","))))),
        url.strip() or ",".join(sorted(set(map(_specifier, specifiers.strip("()").split(","))))),
        " ".join(
            repr(token[1:-1]) if token[0] in "'\"" else token
            for token in re.findall(_MARKER_PART, marker)
        ),
    )


def _specifier(text: str) -> str:
    """Without zeros at the end: 1.0 is 1, but ~=1.0 is not ~=1, and === compares texts."""
    match = re.fullmatch(r"([<>]=?|[=!]=)([0-9.]+)", text)
    if not match:
        return text
    parts = match[2].split(".")
    while len(parts) > 1 and not parts[-1].strip("0"):
        parts.pop()
    return match[1] + ".".join(parts)


# Each returns a text that is one, and raises `InvalidVariantProperty`, or `InvalidVariantLabel`.
check_namespace = partial(_check, what="namespace", pattern=_NAME)
check_feature = partial(_check, what="feature", pattern=_NAME)
check_value = partial(_check, what="value", pattern=_VALUE)
check_label = partial(_check, what="label", pattern=_VALUE)


class VariantFeature(NamedTuple):
    """A namespace and the name of a feature in it, written `namespace :: name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace} :: {self.name}"


class VariantProperty(NamedTuple):
    """One value of one feature, written `namespace :: feature :: value` (PEP 825).

    >>> str(VariantProperty.parse("x86_64::level::v3"))
    'x86_64 :: level :: v3'
    """

    namespace: str
    feature: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "VariantProperty":
        """Read a property as people type it. Raises `InvalidVariantProperty`."""
        parts = [part.strip() for part in text.split("::")]
        if len(parts) != len(cls._fields):
            raise InvalidVariantProperty(
                f"invalid variant property (must be 'namespace :: feature :: value'): {shown(text)}"
            )
        try:
            return cls(check_namespace(parts[0]), check_feature(parts[1]), check_value(parts[2]))
        except InvalidVariantProperty as error:
            raise InvalidVariantProperty(f"{error} in the variant property {shown(text)}") from None

    def __str__(self) -> str:
        return " :: ".join(self)
