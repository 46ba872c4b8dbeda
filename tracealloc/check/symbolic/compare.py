"""Whether two programs that were written apart leave the same behind, for all data."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracealloc.check.interpret.interpret import Interpreter
from tracealloc.check.symbolic.run import NotFollowed, Outcome, run
from tracealloc.check.symbolic.terms import Number, Terms, TooLarge
from tracealloc.emit.common.numpy_types import container
from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.ir.dtype import Boolean, Float, Integer
from tracealloc.trace.ir.program import Array, Program

__all__ = ["Compared", "compare"]

_TRIES = 16


@dataclass(frozen=True)
class Compared:
    """The answer: `equal` (None: not decided), why not, how many terms there were, and the seconds."""

    equal: bool | None
    why: str | None
    terms: int
    seconds: float


def compare(a: Program, b: Program) -> Compared:
    """Run two programs with the same arguments and results on the same symbols."""
    start = time.perf_counter()
    terms = Terms()
    try:
        mine, other = run(a, terms), run(b, terms)
    except (NotFollowed, TooLarge) as why:
        return Compared(None, str(why), len(terms.keys), time.perf_counter() - start)
    where = _difference(mine, other, terms)
    equal: bool | None = where is None
    if where is not None:
        found = _tried(a, b)
        equal, where = (False, found) if found is not None else (None, f"{where} is computed in other ways")
    return Compared(equal, where, len(terms.keys), time.perf_counter() - start)


def _difference(mine: Outcome, other: Outcome, terms: Terms) -> str | None:
    """The first element that is another term."""
    for (name, a), (_, b) in zip(mine, other, strict=True):
        for at in np.ndindex(a.shape):
            if _form(a[at], terms) != _form(b[at], terms):
                return _element(name, at)
    return None


def _form(value: Any, terms: Terms) -> object:
    if isinstance(value, dict):
        return tuple((name, _form(inner, terms)) for name, inner in sorted(value.items()))
    return terms.of(value) if isinstance(value, Number) else value


def _element(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]" if at else name


def _tried(a: Program, b: Program) -> str | None:
    """An element in which both differ on some data."""
    random = np.random.default_rng(0)
    for _ in range(_TRIES):
        given = [_data(array, random) for array in a.args]
        try:
            left, right = (_ran(program, given) for program in (a, b))
        except TraceallocError:
            continue
        for (name, x), (_, y) in zip(left, right, strict=True):
            x, y = np.asarray(x), np.asarray(y)
            differ = ~((x == y) | ((x != x) & (y != y)))
            if np.any(differ):
                at = tuple(int(k) for k in np.argwhere(differ)[0]) if x.ndim else ()
                return f"{_element(name, at)} is {x[at]} in {a.name}, and {y[at]} in {b.name}"
    return None


def _ran(program: Program, given: list[Any]) -> list[tuple[str, Any]]:
    values = [value.copy() if isinstance(value, np.ndarray) else value for value in given]
    results = Interpreter(program)(*values)
    out = results if isinstance(results, tuple) else () if results is None else (results,)
    arrays = [(x.name, v) for x, v in zip(program.args, values, strict=True) if isinstance(v, np.ndarray)]
    return [*arrays, *((x.name, v) for x, v in zip(program.results, out, strict=True))]


def _data(array: Array, random: np.random.Generator) -> Any:
    kind, dtype = container(array.dtype), array.dtype
    if isinstance(dtype, Boolean):
        values: Any = random.integers(0, 2, array.shape).astype(kind)
    elif isinstance(dtype, Integer):
        low, high = max(dtype.low, -(1 << 40)), min(dtype.high, 1 << 40)
        values = random.integers(low, high, array.shape, endpoint=True).astype(kind)
    elif isinstance(dtype, Float):
        values = random.standard_normal(array.shape).astype(kind)
    else:
        values = random.integers(0, 2, array.shape).astype(kind)
    return values if array.rank else np.asarray(values)[()]
