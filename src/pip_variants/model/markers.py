"""Variant markers in dependencies (PEP 825, Environment markers).

What speaks of variants is decided; the rest, which any installer understands, stays as written.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from pip_variants.errors import InvalidVariantProperty
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantProperty, split_requirement

_NAMES = ("variant_label", "variant_properties", "variant_features", "variant_namespaces")
# Not compiled before a marker needs it: most wheels have none.
_PART = r"""(?a)'[^']*'|"[^"]*"|not\s+in(?![\w.])|[A-Za-z_][\w.]*|===|[=~!<>]=|[<>()]"""
_NOT_IN = r"not\s+in"
_OPERAND = r"""(?sa)['"].*|[A-Za-z_][\w.]*"""  # old: os.name
_OPERATORS = frozenset(("===", "==", "~=", "!=", "<=", ">=", "<", ">", "in", "not in"))
_DEEPEST = 50


class MarkerContext(NamedTuple):
    """What markers stand for: a wheel's label, and its properties that the target supports.

    Without arguments it is the context of every distribution that is not a variant wheel.
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


@lru_cache(8)  # many dependencies of one distribution ask for the same
def _members(name: str, properties: frozenset[VariantProperty]) -> frozenset[str]:
    """The members of a set-valued marker, without spaces around `::`."""
    parts = {"variant_namespaces": 1, "variant_features": 2, "variant_properties": 3}[name]
    return frozenset("::".join(one[:parts]) for one in properties)


def resolve_requirement(requirement: str, context: MarkerContext) -> str | None:
    """The dependency specifier without its variant markers; None if they rule it out.

    Raises `InvalidVariantProperty` if the marker cannot be read.

    >>> resolve_requirement("dep>=1; variant_label == 'v3' and extra == 'x'", MarkerContext("v3"))
    "dep>=1; extra == 'x'"
    """
    before, marker = split_requirement(requirement)
    if not any(name in marker for name in _NAMES):
        return requirement
    left = resolve(marker, context)
    if isinstance(left, bool):
        return before.strip() if left else None
    return f"{before.rstrip()}{' ;' if '@' in before else ';'} {left}"


def resolve(marker: str, context: MarkerContext) -> str | bool:
    """What is left of a marker, or its truth. Raises `InvalidVariantProperty` if it is none."""
    parser = _Parser(marker, context)
    result = parser.expression()
    if parser.tokens:
        raise parser.fault
    return result


class _Parser:
    """Reads a marker from left to right: the truth of what it can decide, the text of the rest."""

    def __init__(self, marker: str, context: MarkerContext) -> None:
        self._context = context
        self.fault = InvalidVariantProperty(f"invalid environment marker: {marker.strip()!r}")
        found = re.findall(_PART, marker)
        self.tokens = deque("not in" if re.fullmatch(_NOT_IN, one) else one for one in found)
        if re.sub(_PART, "", marker).strip():
            raise self.fault

    def expression(self, word: str = "or", depth: int = 0) -> str | bool:
        """Parts between `or`, each of them parts between `and`."""
        parts: list[str | bool] = []
        while not parts or self._accept(word):
            parts.append(self.expression("and", depth) if word == "or" else self._atom(depth))
        return _join(parts, word)

    def _atom(self, depth: int) -> str | bool:
        if self._accept("(") and depth < _DEEPEST:
            result = self.expression("or", depth + 1)
            if not self._accept(")"):
                raise self.fault
            return result
        left, operator, right = (self.tokens.popleft() if self.tokens else "" for _ in range(3))
        are_operands = re.fullmatch(_OPERAND, left) and re.fullmatch(_OPERAND, right)
        if not (are_operands and operator in _OPERATORS):
            raise self.fault
        if left in _NAMES or right in _NAMES:
            return self._decide(left, operator, right)
        return f"{left} {operator} {right}"

    def _decide(self, left: str, operator: str, right: str) -> bool:
        names = [one for one in (left, right) if one[0] not in "'\""]
        is_negated = operator in ("!=", "not in")
        if names == ["variant_label"]:
            one, two = (
                self._context.label if operand == "variant_label" else operand[1:-1]
                for operand in (left, right)
            )
            if operator in ("==", "===", "!="):
                return (one == two) is not is_negated
            if operator in ("in", "not in"):
                return (one in two) is not is_negated
        elif names == [right] and operator in ("in", "not in"):
            wanted = "::".join(part.strip() for part in left[1:-1].split("::"))
            return (wanted in _members(right, self._context.properties)) is not is_negated
        raise self.fault

    def _accept(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.popleft()
            return True
        return False


def _join(parts: list[str | bool], word: str) -> str | bool:
    """Join with `or` (a true part decides) or `and` (a false one does)."""
    decisive = word == "or"
    if decisive in parts:
        return decisive
    rest = [part for part in parts if isinstance(part, str)]
    if len(rest) > 1 and word == "and":
        rest = [f"({part})" if " or " in part else part for part in rest]
    return f" {word} ".join(rest) or not decisive
