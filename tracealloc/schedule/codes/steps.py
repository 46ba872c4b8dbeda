"""What the error codes of schedules mean (TA2xx); see `trace.diagnostics.codes`."""

from __future__ import annotations

from textwrap import dedent

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_GEMM = """
@kernel
def gemm(A: float32[8, 8], B: float32[8, 8], C: float32[8, 8]):
    for i, j, k in grid(8, 8, 8):
        C[i, j] += A[i, k] * B[k, j]

s = ta.customize(gemm)
"""
_TWO = """
@kernel
def twice(A: float32[8, 8]):
    for i, j in grid(8, 8, name="first"):
        A[i, j] += 1
    for i, j in grid(8, 8, name="second"):
        A[i, j] *= 2

s = ta.customize(twice)
"""
_ROWS = """
@kernel
def rows(start: int32[9], A: float32[64]):
    for i in ta.range(8):
        for k in ta.range(start[i], start[i + 1]):
            A[k] = 0

s = ta.customize(rows)
"""
_TRIANGLE = """
@kernel
def triangle(A: float32[8, 8]):
    for i in ta.range(8):
        for j in ta.range(i + 1):
            A[i, j] = 0

s = ta.customize(triangle)
"""
_SEND = """
@kernel
def send(A: float32[8, 8], q: ta.Stream[float32]):
    for i, j in grid(8, 8):
        q.put(A[i, j])

s = ta.customize(send)
"""
_CALL = """
@kernel
def scale(A: float32[8]):
    for i in grid(8):
        A[i] *= 2

@kernel
def top(A: float32[8]):
    scale(A)
    for j in grid(8):
        A[j] += 1

s = ta.customize(top)
"""
_SWEEP = """
@kernel
def sweep(A: float32[16, 16]):
    for i, j in grid(14, 14):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5

s = ta.customize(sweep)
"""
_BLUR = """
@kernel
def blur(A: float32[10], table: float32[8, 3], B: float32[8]):
    for i in grid(8):
        for k in ta.range(3):
            B[i] += A[i + k] * table[i, k]

s = ta.customize(blur)
"""
_ROW = """
@kernel
def rows(A: float32[8, 8]):
    for i in ta.range(8):
        for j in ta.range(8):
            row = ta.zeros((4,), float32)
            for k, n in grid(2, 4):
                row[n] += A[i, j]
            A[i, j] = row[0]

s = ta.customize(rows)
"""
_HALF = """
@kernel
def half(A: float32[10], B: float32[8, 2]):
    for k in ta.range(2):
        for i in ta.range(8):
            B[i, k] = A[i // 2 + k]

s = ta.customize(half)
"""
_PARTS = """
@kernel
def parts(A: float32[8, 8], B: float32[8]):
    for i in ta.range(8):
        B[i] = 0
        for j in ta.range(8):
            A[i, j] = 1

s = ta.customize(parts)
"""


def _code(title: str, kernel: str, wrong: str, right: str, because: str = "") -> Code:
    """An entry whose examples start with the same kernel."""
    head = dedent(kernel).strip("\n")
    return Code(title, f"{head}\n{wrong}\n", f"{head}\n{right}\n", because)


register(
    {
        "TA200": _code(
            "only kernels are scheduled",
            _GEMM,
            "s = ta.customize(gemm.function)",
            "s = ta.customize(gemm)",
            "A kernel is what @kernel makes of a Python function.",
        ),
        "TA201": _code(
            "no loop has that name",
            _GEMM,
            's.pipeline("kk")',
            's.pipeline("k")',
            "Loops are named after the iterators of the kernel; print(s) and s.loops() show them. Where an "
            "earlier step removed the loop, the message names that step.",
        ),
        "TA202": _code(
            "no function has that name",
            _CALL,
            's.pipeline("scales:i")',
            's.pipeline("scale:i")',
            "A loop or array of a called kernel is named function:name.",
        ),
        "TA203": _code(
            "more than one loop has that name",
            _TWO,
            's.pipeline("j")',
            's.pipeline("second.j")',
            "The band (an outermost nest: L0, L1, ..., or what grid(..., name=) says) goes before the loop.",
        ),
        "TA204": _code("no array has that name", _GEMM, 's.partition("D")', "s.partition(s.C)"),
        "TA206": _code(
            "undo goes back further than the first step",
            _GEMM,
            "s.undo()",
            's.pipeline("k")\ns.undo()',
        ),
        "TA207": _code(
            "the arguments do not fit the primitive",
            _GEMM,
            's.split("i", factors=4)',
            's.split("i", factor=4)',
        ),
        "TA208": _code(
            "loops or arrays of different functions in one step",
            _CALL,
            's.reorder("scale:i", "j")',
            's.pipeline("scale:i")',
            "A step works inside one function.",
        ),
        "TA209": _code(
            "not the name or handle of a loop or array",
            _GEMM,
            "s.pipeline(2)",
            "s.pipeline(s.loops()[2])",
        ),
        "TA210": _code(
            "the new order would change what the kernel computes",
            _SWEEP,
            's.reorder("j", "i")',
            's.pipeline("j")',
            "Two iterations touch the same element, at least one of them writes it, and the step would swap "
            "them. The message shows the least such pair. Sums of floating-point numbers keep their order "
            "unless s.reassociate() says that they need not.",
        ),
        "TA211": _code(
            "the loop's iterations depend on one another",
            _GEMM,
            's.parallel("k")',
            's.parallel("i")',
            "Iterations of a parallel or vectorized loop run at the same time, so none may need another.",
        ),
        "TA220": _code(
            "the order of a loop whose bounds depend on data cannot be changed",
            _ROWS,
            's.reorder("k", "i")',
            's.pipeline("k")',
            "Such a loop and all inside it is one statement to the analysis; it can be pipelined, unrolled.",
        ),
        "TA221": _code(
            "a factor must be at least 1", _GEMM, 's.split("i", factor=0)', 's.split("i", factor=3)'
        ),
        "TA222": _code(
            "as many factors as loops",
            _GEMM,
            's.tile(["i", "j"], [4])',
            's.tile(["i", "j"], [4, 4])',
        ),
        "TA223": _code("two different loops at least", _GEMM, 's.reorder("i", "i")', 's.reorder("k", "j")'),
        "TA224": _code(
            "the loops are not around one another",
            _TWO,
            's.reorder("first.i", "second.j")',
            's.reorder("second.j", "second.i")',
        ),
        "TA225": _code(
            "fused loops must be directly inside one another",
            _GEMM,
            's.fuse("i", "k")',
            's.fuse("i", "j")',
        ),
        "TA226": _code(
            "fused loops must be rectangular",
            _TRIANGLE,
            's.fuse("i", "j")',
            's.split("j", 2)',
            "The fused loop counts through both; that needs bounds that do not depend on the outer loop.",
        ),
        "TA227": _code(
            "a complete unroll needs an extent that is known",
            _ROWS,
            's.unroll("k")',
            's.unroll("k", factor=4)',
        ),
        "TA228": _code(
            "an initiation interval is at least one cycle",
            _GEMM,
            's.pipeline("k", ii=0)',
            's.pipeline("k", ii=2)',
        ),
        "TA230": _code(
            "no such dimension to partition",
            _GEMM,
            "s.partition(s.A, dim=2)",
            "s.partition(s.A, dim=1)",
            "Dimensions count from 0.",
        ),
        "TA231": _code(
            "a partition's kind and factor do not fit",
            _GEMM,
            's.partition(s.A, dim=1, kind="cyclic")',
            's.partition(s.A, dim=1, kind="cyclic", factor=4)',
        ),
        "TA240": _code(
            "the array is not used in that loop",
            _TWO.replace("        A[i, j] *= 2", "        B[i, j] *= 2").replace(
                "[8, 8])", "[8, 8], B: float32[8, 8])"
            ),
            's.buffer_at(s.B, "first.i")',
            's.buffer_at(s.B, "second.i")',
        ),
        "TA241": _code(
            "the part of the array that an iteration uses depends on data",
            """
@kernel
def gather(index: int32[8], A: float32[64], out: float32[8, 8]):
    for i, j in grid(8, 8):
        out[i, j] = A[index[j]]

s = ta.customize(gather)
""",
            's.buffer_at(s.A, "i")',
            's.buffer_at(s.index, "i")',
        ),
        "TA232": _code(
            "no such resource, or number of ports",
            _GEMM,
            's.bind(s.C, "bramm")',
            's.bind(s.C, "bram", ports=2)',
        ),
        "TA233": _code(
            "a port is no kind that there is, or not of an argument",
            _GEMM,
            's.interface(s.C, "axi")',
            's.interface(s.C, "m_axi")',
        ),
        "TA234": _code(
            "no layout serves all that is asked of an array",
            _GEMM,
            "s.pack(s.C, dim=1, factor=3)",
            "s.pack(s.C, dim=1, factor=4)",
            "A packed dimension is a whole number of words, and not partitioned; an array is in one memory.",
        ),
        "TA235": _code(
            "another shape for the same elements is not possible",
            _GEMM,
            "s.reshape(s.C, (8, 9))",
            "s.reshape(s.C, (4, 16))",
        ),
        "TA236": _code(
            "the stored type cannot be changed to that",
            _GEMM,
            's.cast(s.C, "half a float")',
            "s.cast(s.C, ta.float16)",
        ),
        "TA237": _code(
            "a queue is not an array",
            _SEND,
            's.buffer_at(s.q, "i")',
            's.buffer_at(s.A, "i")',
            "A queue (ta.Stream) is put into and taken from in one order, which no step may change. It has "
            "no elements that could be copied, banked or laid out in another way.",
        ),
        "TA243": _code(
            "no reuse along that loop",
            _BLUR,
            's.reuse_at(s.table, "i")',
            's.reuse_at(s.A, "i")',
            "Two iterations of the loop must read an element of the array in common, and move on.",
        ),
        "TA242": _code(
            "the array is made anew inside the loop",
            _ROW,
            's.buffer_at(s.row, "i")',
            's.buffer_at(s.row, "k")',
        ),
        "TA244": _code(
            "the part that is read does not move by a constant",
            _HALF,
            's.reuse_at(s.A, "i")',
            's.reuse_at(s.A, "k")',
        ),
        "TA245": _code(
            "the array changes while the loop runs",
            _SWEEP,
            's.reuse_at(s.A, "i")',
            's.buffer_at(s.A, "i")',
        ),
        "TA250": _code(
            "a skew needs a whole factor",
            _SWEEP,
            's.skew("j", by="i", factor=0)',
            's.skew("j", by="i", factor=2)',
        ),
        "TA251": _code(
            "a skew by a loop that is not around all statements",
            _PARTS,
            's.skew("i", by="j")',
            's.skew("j", by="i")',
        ),
        "TA252": _code("a shift is a whole number", _GEMM, 's.shift("i", by=0.5)', 's.shift("i", by=1)'),
        "TA253": _code(
            "a loop's body has no such parts to distribute",
            _GEMM,
            's.distribute("i")',
            's.split("i", 4)',
        ),
        "TA254": _code(
            "merged loops must be neighbours",
            _TWO,
            's.merge("first.j", "second.j")',
            's.merge("first.i", "second.i")',
        ),
        "TA255": _code("nothing can be peeled", _GEMM, 's.peel("i", 0)', 's.peel("i", 1)'),
    }
)
