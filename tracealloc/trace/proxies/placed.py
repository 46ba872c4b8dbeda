"""A place in a grid of processes as a Python int, which is written down as the grid's iterator.

Where the body of ``for i, j in ta.processes(...)`` needs numbers (``weights[i]``, ``range(i)``, a key of a
dict), it is traced for each process. ``C[i, j] = x`` still says ``C[i, j]``, so that those are found
that do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Unary

__all__ = ["Placed"]


class Placed(int):
    """A number that is `expr` in the scope in which it was made, and a plain number elsewhere."""

    expr: Expr
    scope: Any

    def __new__(cls, value: int, expr: Expr, scope: Any) -> Placed:
        """`value` is what `expr` has in this process; `scope` says how long that means something."""
        made = super().__new__(cls, value)
        made.expr, made.scope = expr, scope
        return made

    @property
    def known(self) -> Expr:
        """The expression, or the number where the process's scope has ended."""
        return self.expr if self.scope.alive else Const(int(self), index)

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)

    def __neg__(self) -> Any:
        return Placed(-int(self), Unary("-", self.expr, index), self.scope)


def _affine(op: str, compute: Callable[[int, int], int]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The operator on numbers and on expressions, and the one with its operands in the other order."""

    def made(left: Any, right: Any, placed: Placed) -> Any:
        if type(left) not in _WHOLE or type(right) not in _WHOLE:
            return NotImplemented
        is_affine = not (isinstance(left, Placed) and isinstance(right, Placed)) or op in ("+", "-")
        if not is_affine or (op in ("//", "%") and (isinstance(right, Placed) or int(right) <= 0)):
            return compute(int(left), int(right))
        a, b = (x.expr if isinstance(x, Placed) else Const(int(x), index) for x in (left, right))
        return Placed(compute(int(left), int(right)), Binary(op, a, b, index), placed.scope)

    return (
        lambda self, other: made(self, other, self),
        lambda self, other: made(other, self, self),
    )


_WHOLE = (int, Placed)
_OPERATORS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "add": ("+", lambda a, b: a + b),
    "sub": ("-", lambda a, b: a - b),
    "mul": ("*", lambda a, b: a * b),
    "floordiv": ("//", lambda a, b: a // b),
    "mod": ("%", lambda a, b: a % b),
}
for _name, (_op, _compute) in _OPERATORS.items():
    _plain, _reflected = _affine(_op, _compute)
    setattr(Placed, f"__{_name}__", _plain)
    setattr(Placed, f"__r{_name}__", _reflected)
