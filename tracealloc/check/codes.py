"""What the error codes of proofs of whole schedules mean (TA51x); see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_COPY = """@kernel
def copy(A: float32[8], B: float32[8]):
    for i in grid(8):
        B[i] = A[i]

s = ta.customize(copy)
"""

_RUN = """from tracealloc.check.interpret.interpret import interpret

@kernel
def pick(A: float32[8], n: int32[1], B: float32[1]):
    T = ta.empty((8,), float32)
    T[0] = A[0]
    B[0] = T[n[0]] if n[0] < 4 else A[n[0]]

"""
_INTERPRET = (
    _RUN + "n = np.array([{n}], np.int32)\n"
    "interpret(pick.trace(), np.zeros({elements}, np.float32), n, np.zeros(1, np.float32))\n"
)
_TAKE = """from collections import deque
from tracealloc.check.interpret.interpret import interpret

@kernel
def first(values: ta.Stream[int32, 4], out: int32[1]):
    out[0] = values.get()

interpret(first.trace(), deque({values}), np.zeros(1, np.int32))
"""
_LEAVE = """@kernel
def last(out: int32[2]):
    q = ta.stream(int32)
    for i in ta.range(2):
        q.put(i)
    for i in ta.range({count}):
        out[i] = q.get()

ta.interpret(last, np.zeros(2, np.int32))
"""

register(
    {
        "TA601": Code(
            "the interpreter met an access outside an array",
            _INTERPRET.format(elements=8, n=9),
            _INTERPRET.format(elements=8, n=7),
            "Subscripts that depend on data are checked while the program is interpreted.",
        ),
        "TA602": Code(
            "the interpreter met an element that nothing was stored to",
            _INTERPRET.format(elements=8, n=1),
            _INTERPRET.format(elements=8, n=0),
        ),
        "TA603": Code(
            "an argument of the interpreter does not fit",
            _INTERPRET.format(elements=7, n=0),
            _INTERPRET.format(elements=8, n=0),
        ),
        "TA604": Code(
            "the interpreter met a stream that is empty",
            _TAKE.format(values=[]),
            _TAKE.format(values=[1]),
            "In hardware the kernel would wait for ever.",
        ),
        "TA605": Code(
            "the interpreter met a stream that ends with elements in it",
            _LEAVE.format(count=1),
            _LEAVE.format(count=2),
            "In hardware the next call would find them.",
        ),
        "TA510": Code(
            "symbolic execution of the emitted text is not built yet",
            _COPY + 's.verify("symbolic")\n',
            _COPY + 's.verify("polyhedral")\n',
            "The polyhedral proof holds for all data and needs no execution.",
        ),
        "TA829": Code(
            "a page or a trace cannot be written",
            _COPY + 's.to_html("none/copy.html")\n',
            _COPY + 's.to_html("copy.html")\n',
        ),
        "TA827": Code(
            "no such policy of depths",
            _COPY + 's.least_depths(policy="small")\n',
            _COPY + 's.least_depths(policy="latency")\n',
        ),
        "TA511": Code(
            "no such method of proof",
            _COPY + 's.verify("exhaustive")\n',
            _COPY + "s.verify()\n",
        ),
    }
)

register(
    {
        "TA514": Code(
            "isl fails in a proof",
            "",
            "",
            "The library that the proofs are made with gave up. There is no proof, and no doubt cast either.",
        ),
        "TA513": Code(
            "the proof cannot follow a value through all its copies",
            "",
            "",
            "It moves from buffer to buffer in a way that isl has no closed form for. There is no proof.",
        ),
    }
)
