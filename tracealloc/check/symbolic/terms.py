"""Values as terms: integers as polynomials in normal form, all else as operations on terms, each once.

    Value := Number (a polynomial over terms, and the range it lies in) | Term

A conversion to w bits that may wrap is a homomorphism of rings, from the integers to those modulo 2^w: below
one, a conversion to as many bits or more changes nothing, and coefficients count modulo 2^w. What looks at a
wrapped value (a comparison, a division, a wider type) sees a term of its own. Sums and products of floats may
be turned around, not put together otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tracealloc.trace.ir.dtype import Boolean, DType, Index, Integer, as_integer
from tracealloc.trace.ir.interval_rules import Range

__all__ = ["Number", "Term", "Terms", "TooLarge", "Value", "concrete", "plain"]

Monomial: TypeAlias = tuple[int, ...]
Term: TypeAlias = int
"""The number of a term; see `Terms.key`."""


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """An integer: a sum of products of terms, with coefficients, and the range that it is known to lie in."""

    parts: dict[Monomial, int]
    low: int
    high: int


Value: TypeAlias = Number | Term


def concrete(value: Value) -> int | None:
    """The value, if it is a number that is known."""
    if isinstance(value, Number) and value.low == value.high:
        return value.low
    return None


def plain(value: int) -> Number:
    """A number that is known."""
    return Number({(): value} if value else {}, value, value)


class TooLarge(Exception):
    """Why terms are not made: there would be too many."""


_MOST_PARTS = 20_000  # monomials of a polynomial
_MOST_TERMS = 2_000_000
_MOST_PRODUCTS = 20_000_000  # monomials multiplied, over all


class Terms:
    """All terms of a comparison; equal ones are one."""

    def __init__(self) -> None:
        self.keys: list[tuple[object, ...]] = []
        self.products = 0
        self.known: dict[tuple[object, ...], Term] = {}
        self.wraps: dict[
            Term, tuple[int, Number]
        ] = {}  # of conversions that wrap: the bits, and what is wrapped

    def term(self, *key: object) -> Term:
        """The term of an operation on terms."""
        found = self.known.get(key)
        if found is None:
            if len(self.keys) >= _MOST_TERMS:
                raise TooLarge(f"too large: more than {_MOST_TERMS:,} terms")
            found = self.known[key] = len(self.keys)
            self.keys.append(key)
        return found

    def symbol(self, dtype: DType, *key: object) -> Value:
        """A value of which nothing is known but its type."""
        return self.typed(self.term("symbol", *key), dtype)

    def typed(self, term: Term, dtype: DType) -> Value:
        """A term as a value of a type."""
        span = _span(dtype)
        return term if span is None else Number({(term,): 1}, *span)

    def of(self, value: Value) -> Term:
        """A value as a term."""
        if not isinstance(value, Number):
            return value
        parts = value.parts
        if len(parts) == 1:
            ((monomial, factor),) = parts.items()
            if factor == 1 and len(monomial) == 1:
                return monomial[0]
        return self.term("number", frozenset(parts.items()))

    # -- integers ------------------------------------------------------------------------------------------

    def add(self, a: Number, b: Number, sign: int = 1) -> Number:
        """``a + sign * b``."""
        if sign == 1:
            small, large = (a.parts, b.parts) if len(a.parts) < len(b.parts) else (b.parts, a.parts)
            parts = dict(large)
            for monomial, factor in small.items():
                _more(parts, monomial, factor)
        else:
            parts = dict(a.parts)
            for monomial, factor in b.parts.items():
                _more(parts, monomial, -factor)
        ends = (b.low, b.high) if sign == 1 else (-b.high, -b.low)
        return Number(parts, a.low + ends[0], a.high + ends[1])

    def times(self, a: Number, b: Number) -> Number:
        """``a * b``."""
        self.products += len(a.parts) * len(b.parts)
        if len(a.parts) * len(b.parts) > 50 * _MOST_PARTS or self.products > _MOST_PRODUCTS:
            raise TooLarge("too large: a product of sums has too many terms")
        parts: dict[Monomial, int] = {}
        for left, x in a.parts.items():
            for right, y in b.parts.items():
                _more(parts, tuple(sorted(left + right)), x * y)
        if len(parts) > _MOST_PARTS:
            raise TooLarge(f"too large: a sum of more than {_MOST_PARTS:,} products")
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return Number(parts, min(ends), max(ends))

    def fits(self, value: Number, dtype: Integer) -> Number:
        """A value converted to an integer type."""
        span = dtype.low, dtype.high
        if span[0] <= value.low and value.high <= span[1]:
            return value
        bits = dtype.bits
        bare = self._below(value, bits)
        reduced = {m: f % (1 << bits) for m, f in bare.parts.items() if f % (1 << bits)}
        if set(reduced) <= {()}:
            known = reduced.get((), 0)
            return plain(known - (1 << bits) if known > span[1] else known)
        term = self.term("wrap", str(dtype), frozenset(reduced.items()))
        self.wraps.setdefault(term, (bits, Number(reduced, *span)))
        return Number({(term,): 1}, *span)

    def _below(self, value: Number, bits: int) -> Number:
        """The same modulo 2^bits, without conversions that do nothing there."""
        while True:
            inner = next(
                (t for m in value.parts for t in m if t in self.wraps and self.wraps[t][0] >= bits), None
            )
            if inner is None:
                return value
            under = self.wraps[inner][1]
            found = Number({}, 0, 0)
            for monomial, factor in value.parts.items():
                piece = Number({(): factor}, 0, 0)
                rest = list(monomial)
                while inner in rest:
                    rest.remove(inner)
                    piece = self.times(piece, under)
                found = self.add(found, self.times(piece, Number({tuple(rest): 1}, 0, 0)))
            value = found


def _more(parts: dict[Monomial, int], monomial: Monomial, factor: int) -> None:
    total = parts.get(monomial, 0) + factor
    if total:
        parts[monomial] = total
    else:
        parts.pop(monomial, None)


def _span(dtype: DType) -> Range | None:
    """The range of an integer type; None: it is none."""
    if isinstance(dtype, Boolean):
        return None
    if isinstance(dtype, Index):
        return -(1 << 62), 1 << 62
    whole = as_integer(dtype)
    return None if whole is None or not isinstance(dtype, Integer) else (dtype.low, dtype.high)
