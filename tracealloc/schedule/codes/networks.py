"""What the error codes of steps mean that make processes (TA287 to TA292)."""

from __future__ import annotations

from textwrap import dedent

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_MATMUL = """
@kernel
def matmul(A: int32[4, 6], B: int32[6, 4], C: int32[4, 4]):
    for i, j, k in grid(4, 4, 6, name="PE"):
        C[i, j] += A[i, k] * B[k, j]

s = ta.customize(matmul)
"""
_FED = """
@kernel
def fed(x: ta.Stream[int32], C: int32[8]):
    B = ta.empty((8,), int32)
    for i in grid(8):
        B[i] = x.get()
    for i in grid(8):
        C[i] = B[i] + 1

s = ta.customize(fed)
"""
_TWICE = """
@kernel
def twice(A: int32[8], C: int32[8]):
    B = ta.empty((8,), int32)
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[i] + 1

s = ta.customize(twice)
"""
_ADDED = """
@kernel
def added(A: int32[8], B: int32[8]):
    for i in grid(8):
        B[i] = A[i]
    for i in grid(8):
        B[i] += 1

s = ta.customize(added)
"""

_GRID = 'b = s.buffer_at(s.A, "j")\npe = s.unfold("PE", axis=[0, 1], factor=[4, 4])\n'


def _code(title: str, wrong: tuple[str, str], right: tuple[str, str], note: str = "") -> Code:
    first, second = (f"{dedent(before).strip()}\n{after}" for before, after in (wrong, right))
    return Code(title, first, second, note)


register(
    {
        "TA287": _code(
            "a grid of processes is outermost",
            (_MATMUL, 's.unfold("PE", axis=0, factor=4)\ns.reorder("j", "i")'),
            (_MATMUL, 's.unfold("PE", axis=1, factor=4)'),
            "Each process is there all the time, and runs beside the others.",
        ),
        "TA288": _code(
            "the parts of a function cannot run beside one another",
            (_ADDED, "s.dataflow()"),
            (_TWICE, "s.dataflow()"),
            "Values go forwards, each array from one process to one other; an element is stored by one.",
        ),
        "TA289": _code(
            "such loops make no grid of PEs",
            (_MATMUL, 's.unfold("PE", axis=[0, 1], factor=[4, 8])'),
            (_MATMUL, 's.unfold("PE", axis=[0, 1], factor=[4, 4])'),
            "Each iteration is a piece of hardware: the factor is the extent of the loop.",
        ),
        "TA290": _code(
            "the elements of a buffer cannot come from the neighbour",
            (
                _MATMUL,
                _GRID + "s.relay(b, pe, axis=1)",
            ),
            (
                _MATMUL,
                _GRID + "s.relay(b, pe, axis=0)",
            ),
            "All along the way the same elements are copied in the same order; they vary along `axis`.",
        ),
        "TA291": _code(
            "the array is no FIFO",
            (_TWICE.replace("B[i] + 1", "B[7 - i] + 1"), "s.stream(s.B)"),
            (_TWICE, "s.stream(s.B, depth=4)"),
            "What is put first is taken first: both sides use each element once, in the same order.",
        ),
        "TA292": Code(
            "the depth of a queue cannot be worked out",
            _FED + 's.stream(s.B, depth="no-wait")\ns.build(target="vitis_hls")\n',
            _FED + 's.stream(s.B, depth=4)\ns.build(target="vitis_hls")\n',
            "Data say what is put, so that no run on zeros tells how deep a queue must be: give a number.",
        ),
    }
)
