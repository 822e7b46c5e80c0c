"""Variant markers in dependencies (PEP 825, Environment markers).

`resolve` decides the parts of a marker that speak of variants and leaves the rest, which any
installer understands, as it is written. The grammar is that of the dependency specifiers.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from pip_variants.errors import InvalidVariantProperty
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantProperty

__all__ = ["MarkerContext", "resolve", "resolve_requirement"]

_NAMES = ("variant_label", "variant_properties", "variant_features", "variant_namespaces")
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'[^']*'|"[^"]*")|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"""
    r"""|(?P<symbol>===|==|~=|!=|<=|>=|<|>|\(|\)))"""
)


class MarkerContext(NamedTuple):
    """What the variant markers of one selected wheel stand for.

    `properties` are those that the target supports (Evaluating variant markers, step 3). Without
    arguments it is the context of every distribution that is not a variant wheel.
    """

    label: str = ""
    properties: frozenset[VariantProperty] = frozenset()

    @classmethod
    def of(
        cls, variant: Variant, supports: Callable[[VariantProperty], bool] | None = None
    ) -> "MarkerContext":
        """The context of a variant wheel; `supports` says what the target supports."""
        chosen = (one for one in variant.properties if supports is None or supports(one))
        return cls(variant.label, frozenset(chosen))

    def members(self, name: str) -> frozenset[str]:
        """The members of a set-valued marker, without spaces around `::`."""
        return _members(name, self.properties)


@lru_cache(8)  # many dependencies of one distribution ask for the same
def _members(name: str, properties: frozenset[VariantProperty]) -> frozenset[str]:
    parts = {"variant_namespaces": 1, "variant_features": 2, "variant_properties": 3}[name]
    return frozenset("::".join(one[:parts]) for one in properties)


def resolve_requirement(requirement: str, context: MarkerContext) -> str | None:
    """The dependency specifier without its variant markers; None if they rule it out.

    Raises `InvalidVariantProperty` if the marker cannot be read.

    >>> resolve_requirement("dep>=1; variant_label == 'v3' and extra == 'x'", MarkerContext("v3"))
    "dep>=1; extra == 'x'"
    """
    before, separator, marker = _split(requirement)
    if not separator or not any(name in marker for name in _NAMES):
        return requirement
    left = resolve(marker, context)
    if isinstance(left, bool):
        return before.strip() if left else None
    return f"{before.rstrip()}{' ' if ' ;' in separator else ''}; {left}"


def resolve(marker: str, context: MarkerContext) -> str | bool:
    """What is left of a marker once variants are known: a marker, or its truth.

    Raises `InvalidVariantProperty` if it cannot be read.
    """
    parser = _Parser(marker, context)
    result = parser.expression()
    if parser.tokens:
        raise parser.fault()
    return result if isinstance(result, bool) else result.text


class _Rest(NamedTuple):
    """An undecided part; `loose` if it needs parentheses beside an `and`."""

    text: str
    loose: bool = False


_Result: TypeAlias = "bool | _Rest"


class _Parser:
    """Reads a marker from left to right and decides what it can."""

    def __init__(self, marker: str, context: MarkerContext) -> None:
        self._marker = marker
        self._context = context
        self.tokens = self._tokens()

    def fault(self) -> InvalidVariantProperty:
        return InvalidVariantProperty(f"invalid environment marker: {self._marker.strip()!r}")

    def expression(self, depth: int = 0) -> _Result:
        if depth > 50:
            raise self.fault()
        parts = [self._conjunction(depth)]
        while self._accept("or"):
            parts.append(self._conjunction(depth))
        return _join(parts, "or", decisive=True)

    def _conjunction(self, depth: int) -> _Result:
        parts = [self._atom(depth)]
        while self._accept("and"):
            parts.append(self._atom(depth))
        return _join(parts, "and", decisive=False)

    def _atom(self, depth: int) -> _Result:
        if self._accept("("):
            result = self.expression(depth + 1)
            if not self._accept(")"):
                raise self.fault()
            return result
        left = self._operand()
        operator = self._operator()
        right = self._operand()
        if left in _NAMES or right in _NAMES:
            return self._decide(left, operator, right)
        return _Rest(f"{left} {operator} {right}")

    def _decide(self, left: str, operator: str, right: str) -> bool:
        names = [one for one in (left, right) if one[0] not in "'\""]
        if len(names) != 1:
            raise self.fault()
        if names == ["variant_label"]:
            one, two = (
                self._context.label if operand == "variant_label" else operand[1:-1]
                for operand in (left, right)
            )
            if operator in ("==", "===", "!="):
                return (one == two) is (operator != "!=")
            if operator in ("in", "not in"):
                return (one in two) is (operator == "in")
        elif names == [right] and operator in ("in", "not in"):
            wanted = "::".join(part.strip() for part in left[1:-1].split("::"))
            return (wanted in self._context.members(right)) is (operator == "in")
        raise self.fault()

    def _operand(self) -> str:
        # Old spellings have dots: os.name, platform.version.
        token = self.tokens[0].replace(".", "_") if self.tokens else ""
        if token[:1] in ("'", '"') or token.isidentifier():
            return self.tokens.popleft()
        raise self.fault()

    def _operator(self) -> str:
        if self._accept("not"):
            if self._accept("in"):
                return "not in"
        elif self.tokens and self.tokens[0] in _OPERATORS:
            return self.tokens.popleft()
        raise self.fault()

    def _accept(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.popleft()
            return True
        return False

    def _tokens(self) -> deque[str]:
        tokens: deque[str] = deque()
        text = self._marker.strip()
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.fault()
            tokens.append(match[0].strip())
            position = match.end()
        return tokens


_OPERATORS = frozenset(("===", "==", "~=", "!=", "<=", ">=", "<", ">", "in"))


def _join(parts: list[_Result], word: str, *, decisive: bool) -> _Result:
    """Join with `or` (a true part decides) or `and` (a false one does)."""
    if any(part is decisive for part in parts):
        return decisive
    rest = [part for part in parts if isinstance(part, _Rest)]
    if not rest:
        return not decisive
    if len(rest) == 1:
        return rest[0]
    texts = (f"({part.text})" if part.loose and word == "and" else part.text for part in rest)
    return _Rest(f" {word} ".join(texts), loose=word == "or")


def _split(requirement: str) -> tuple[str, str, str]:
    """Requirement, separator and marker; a URL may hold a semicolon, but no `space ;`."""
    if re.match(r"\s*[\w.-]+\s*(\[[^\]]*\]\s*)?@", requirement):
        match = re.search(r"\s;", requirement)
        if match is None:
            return requirement, "", ""
        return requirement[: match.start()], match[0], requirement[match.end() :]
    return requirement.partition(";")
