"""The C text of small programs, word for word (``--update-golden`` writes it anew)."""

from __future__ import annotations

from tests.conftest import Golden
from tests.emit.programs import add_to, array, at, gemm, iters, ix, loop, put
from tests.emit.test_c_programs import pass_on, scale_program
from tracealloc.emit.c.function import c_source
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Fixed, Integer, bfloat16, float32
from tracealloc.trace.ir.expr import Const, IterRef, Load
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Array, Call, If, Program, Region, Slice, Store
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift

int32 = Integer(32, True)


def test_scheduled_gemm(golden: Golden) -> None:
    golden("c/gemm.c", c_source(gemm()))


def test_calls_with_columns(golden: Golden) -> None:
    a, b = array("A", float32, 6, 6), array("B", float32, 6, 6)
    (i,) = iters("i")
    views = [Region(part, (Slice(ix(0), 6), IterRef(i))) for part in (a, b)]
    call = Call(scale_program(), (*views, Const(2.5, float32)), site="scale_0", place=Place("/x/rows.py", 4))
    golden("c/columns.c", c_source(Program("columns", (a, b), (loop(i, 6, call),))))


def test_streams(golden: Golden) -> None:
    golden("c/streams.c", c_source(pass_on(100, 100)))


def test_types_and_threads(golden: Golden) -> None:
    fixed = Fixed(12, 4, rounding="RND_CONV", overflow="SAT")
    a, b, c = array("A", int32, 64, 20000), array("B", bfloat16, 64), array("C", fixed, 64)
    row = Array("row", "row", int32, (20000,), "local", origin="A[i, :]")
    total = Array("total", "total", int32, (), "local")
    t = Array("t", "t", Integer(33, True), (), "value")
    i, j, k = iters("i", "j", "k")
    body = loop(
        i,
        64,
        Alloc(row),
        Alloc(total, Const(0, int32)),
        loop(j, 20000, put(at(row, j), at(a, i, j)), marks=Marks(vectorize=True)),
        loop(
            k,
            19999,
            Store(
                t,
                (),
                binary("+", at(row, k), at(row, binary("+", IterRef(k), ix(1)))),
                place=Place("/x/t.py", 7),
            ),
            If(compare(">", Load(t), lift(100)), (add_to(Load(total), Load(t)),)),
        ),
        put(at(b, i), convert(Load(total), bfloat16)),
        put(at(c, i), binary("*", at(c, i), at(c, i))),
        marks=Marks(parallel=True),
    )
    golden("c/threads.c", c_source(Program("threads", (a, b, c), (body,), place=Place("/x/t.py", 3))))
