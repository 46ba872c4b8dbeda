"""What the error codes of steps mean that speak of operators and pipelines (TA280 to TA286, TA293)."""

from __future__ import annotations

from textwrap import dedent

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_SAXPY = """
@kernel
def saxpy(a: float32, X: float32[64], Y: float32[64]):
    for i in grid(64):
        Y[i] = a * X[i] + Y[i]

s = ta.customize(saxpy)
"""
_MATVEC = """
@kernel
def matvec(A: float32[8, 8], x: float32[8], y: float32[8]):
    for i in ta.range(8):
        y[i] = 0
        for j in ta.range(8):
            y[i] += A[i, j] * x[j]

s = ta.customize(matvec)
"""
_LANES = """
@kernel
def lanes(a: int8[8], B: int8[8, 2], y: int32[2]):
    for k in ta.range(8):
        for u in ta.range(2):
            y[u] += a[k] * B[k, u]

s = ta.customize(lanes)
"""
_SHIFTED = """
@kernel
def shifted(A: float32[64]):
    for i in ta.range(4, 64):
        A[i] = A[i - 4] * 2

s = ta.customize(shifted)
"""


def _code(title: str, before: str, wrong: str, right: str, note: str = "") -> Code:
    kernel = dedent(before).strip()
    return Code(title, f"{kernel}\n{wrong}", f"{kernel}\n{right}", note)


register(
    {
        "TA280": _code(
            "no such operation or implementation, or latency",
            _SAXPY,
            's.bind_op(s.Y, "fadd", impl="dsp48")',
            's.bind_op(s.Y, "fadd", impl="fabric", latency=4)',
            "The names are those of the target; the latency is the stages less one.",
        ),
        "TA281": _code(
            "an array does not hold the result of such an operation",
            _SAXPY,
            's.bind_op(s.Y, "fmul")',
            's.bind_op(s.Y, "fadd")',
            "Inside a larger expression it has no name: t = ta.scalar(float32, a * X[i]) gives it one.",
        ),
        "TA282": _code(
            "a latency is a number of cycles, the least no more than the most",
            _SAXPY,
            's.latency("i", min=8, max=4)',
            's.latency("i", min=4, max=8)',
        ),
        "TA283": _code(
            "a limit is of operations that a loop has, and at least one",
            _SAXPY,
            's.allocation("i", "fdiv", 1)',
            's.allocation("i", "fadd", 1)',
        ),
        "TA284": _code(
            "the loop cannot be flattened",
            _MATVEC,
            's.flatten("i")',
            's.flatten("j")',
            "A loop becomes one with the loop around it: the only one in there, which runs equally often.",
        ),
        "TA293": Code(
            "the products of a loop cannot share multiplications",
            dedent(_LANES).strip().replace("int8[", "int16[") + '\ns.pack_products("u")',
            dedent(_LANES).strip() + '\ns.pack_products("u")',
            "One multiplier takes two small integers beside one another, and a factor that both have.",
        ),
        "TA285": _code(
            "nothing to say of what iterations need of one another",
            _SHIFTED,
            's.dependence(s.A, "i", distance=1)',
            's.dependence(s.A, "i", distance=4)',
        ),
        "TA286": _code(
            "iterations use one element that were said not to",
            _SHIFTED,
            's.dependence(s.A, "i")',
            's.dependence(s.A, "i", distance=4)',
            "The tool would take it for true, and the hardware would compute something else.",
        ),
    }
)
