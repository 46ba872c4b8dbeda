"""All accesses to an array can be sent elsewhere, wherever a node has them."""

from __future__ import annotations

from dataclasses import replace

import tracealloc as ta
from tracealloc import int32
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr
from tracealloc.trace.ir.rewrite import Subscript, map_accesses, map_subscript
from tracealloc.trace.ir.text import program_text
from tracealloc.trace.queries.affine import constant, simplify


@ta.kernel
def filled(B: int32[4]):
    for i in ta.grid(4):
        B[i] = i


@ta.kernel
def everything(A: int32[8], C: int32[8]):
    n = ta.scalar(int32, A[0])
    T = ta.zeros(2, int32)
    for i in ta.grid(4):
        C[A[i]] = C[i] + A[A[C[i]]]
        A[C[i]] += 1
        T[0] = C[A[0]]
        if A[i] > C[A[0]]:
            C[0] = T[1]
    for j in ta.grid(A[4]):
        C[j] = n
    ta.while_loop(lambda: A[n] > 1, lambda: n.set(A[n]))
    filled(A[2:6])
    filled(C[:4])


def text(name: str, dim: int) -> list[str]:
    """The kernel's lines with `name` sent to an array ``X``, element ``[k]`` to ``[k + dim]``."""
    program = everything.trace()
    array = next(a for a in program.arrays() if a.name == name)
    other = replace(array, key="X", name="X")

    def placed(indices: tuple[Subscript, ...]) -> tuple[Subscript, ...]:
        def plus(expr: Expr) -> Expr:
            return simplify(Binary("+", expr, constant(dim), index))

        return tuple(map_subscript(part, plus) for part in indices)

    moved = {array: (other, placed)}.get
    body = tuple(map_accesses(node, moved) for node in program.body)
    printed = program_text(replace(program, body=body), callees=False)
    return [line.partition("#")[0].rstrip()[2:] for line in printed.splitlines()[1:]]


def test_every_access_goes_elsewhere_and_nothing_else_does():
    assert (
        text("A", 1)
        == """\
n: int32 = X[1]
T: int32[2] = zeros
L0: for i in 0:4
      C[X[i + 1]] = C[i] + X[X[C[i] + 1] + 1]
      X[C[i] + 1] += 1
      T[0] = C[X[1]]
      if X[i + 1] > C[X[1]]:
        C[0] = T[1]
L1: for j in 0:X[5]
      C[j] = n
while X[n + 1] > 1:
  n = X[n + 1]
filled(X[3:7])
filled(C[0:4])
""".splitlines()
    )


def test_the_making_of_an_array_goes_with_it():
    assert (
        text("T", 0)
        == """\
n: int32 = A[0]
X: int32[2] = zeros
L0: for i in 0:4
      C[A[i]] = C[i] + A[A[C[i]]]
      A[C[i]] += 1
      X[0] = C[A[0]]
      if A[i] > C[A[0]]:
        C[0] = X[1]
L1: for j in 0:A[4]
      C[j] = n
while A[n] > 1:
  n = A[n]
filled(A[2:6])
filled(C[0:4])
""".splitlines()
    )


def test_an_array_that_is_used_by_nothing_changes_nothing():
    program = everything.trace()
    assert tuple(map_accesses(node, {}.get) for node in program.body) == program.body
