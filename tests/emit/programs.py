"""Programs made by hand, for tests of the HLS back end that need no tracer."""

from __future__ import annotations

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import DType, Integer, float32, index
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.layout import UNMARKED, Banks, Layout, Marks
from tracealloc.trace.ir.program import Alloc, Array, ArrayKind, Block, Loop, Node, Program, Store
from tracealloc.trace.queries.typing_rules import binary, convert, lift

I8, I16, I32 = Integer(8, True), Integer(16, True), Integer(32, True)
GEMM_LINE = Place("gemm.py", 8)


def ix(value: int) -> Const:
    """An index constant."""
    return Const(value, index)


def array(name: str, dtype: DType, *shape: int, kind: ArrayKind = "argument") -> Array:
    """An array whose key is its name."""
    return Array(name, name, dtype, shape, kind)


def iters(*names: str) -> list[Iter]:
    """Iterators, distinct although their names may be equal."""
    return [Iter(f"{name}{number}", name) for number, name in enumerate(names)]


def loop(it: Iter, stop: int | Expr, *body: Node, start: int | Expr = 0, step: int = 1,
         marks: Marks = UNMARKED) -> Loop:  # fmt: skip
    """A loop."""
    first, last = (ix(bound) if isinstance(bound, int) else bound for bound in (start, stop))
    return Loop(it, first, last, step, tuple(body), marks=marks)


def at(target: Array, *indices: Iter | Expr | int) -> Load:
    """An element that is read."""
    return Load(target, tuple(_index(part) for part in indices))


def _index(part: Iter | Expr | int) -> Expr:
    if isinstance(part, Iter):
        return IterRef(part)
    return ix(part) if isinstance(part, int) else part


def put(target: Load, value: Expr | int | float, place: Place | None = None) -> Store:
    """A store to the element that `target` reads."""
    if not isinstance(value, Expr):
        value = lift(value, target.dtype)
    return Store(target.array, target.indices, convert(value, target.dtype), target.path, place)


def add_to(target: Load, value: Expr, place: Place | None = None) -> Store:
    """``target += value``."""
    return put(target, binary("+", target, value), place)


def gemm(m: int = 64, n: int = 64, k: int = 64) -> Program:
    """The scheduled product of LOOKS: buffer, reorder, partition, pipeline, unroll."""
    a, b = array("A", float32, m, k), array("B", float32, k, n)
    c = array("C", float32, m, n, kind="result")
    i, j0, kk, j, j1 = iters("i", "j_init", "k", "j", "j_back")
    row = Array("C_i", "C_i", float32, (n,), "local", origin="C[i, :]")
    fast = Marks(pipeline=1)
    body: Block = (
        Alloc(c),
        loop(
            i,
            m,
            Alloc(row),
            loop(j0, n, put(at(row, j0), 0.0), marks=fast),
            loop(
                kk,
                k,
                loop(
                    j,
                    n,
                    add_to(at(row, j), binary("*", at(a, i, kk), at(b, kk, j)), GEMM_LINE),
                    marks=Marks(pipeline=1, unroll=8),
                ),
            ),
            loop(j1, n, put(at(c, i, j1), at(row, j1)), marks=fast),
        ),
    )
    layouts = ((b, Layout((Banks(), Banks("cyclic", 8)))),)
    return Program("gemm", (a, b), body, (c,), layouts, place=Place("gemm.py", 4))


def matmul(dtype: DType, out: DType, m: int = 4, n: int = 5, k: int = 6) -> Program:
    """``C[i, j] += A[i, k] * B[k, j]`` in place on the argument C."""
    a, b, c = array("A", dtype, m, k), array("B", dtype, k, n), array("C", out, m, n)
    i, j, kk = iters("i", "j", "k")
    inner = add_to(at(c, i, j), binary("*", at(a, i, kk), at(b, kk, j)), GEMM_LINE)
    return Program("matmul", (a, b, c), (loop(i, m, loop(j, n, loop(kk, k, inner))),))
