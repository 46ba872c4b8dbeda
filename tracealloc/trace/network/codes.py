"""What the error codes of processes mean (TA14x); see `trace.diagnostics.codes`."""

from __future__ import annotations

from textwrap import indent

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_NETWORK = """@kernel
def example(A: int32[8], B: int32[8]):
    q = ta.stream(int32)
{body}

example.trace()
"""


def _code(title: str, wrong: str, right: str, because: str = "") -> Code:
    wrong, right = (_NETWORK.format(body=indent(text, "    ")) for text in (wrong, right))
    return Code(title, wrong, right, because)


def _region(*parts: str) -> str:
    return "with ta.dataflow():\n" + "\n".join(indent(part, "    ") for part in parts)


def _loop(first: int, last: int, text: str) -> str:
    return f"for i in ta.range({first}, {last}):\n    {text}"


_PUT = _loop(0, 8, "q.put(A[i])")
_GET = _loop(0, 8, "B[i] = q.get()")

register(
    {
        "TA140": _code(
            "something stands where ta.dataflow does not allow it",
            f"for i in ta.range(8):\n    A[i] += 1\n{_region(_PUT, _GET)}",
            _region(_loop(0, 8, "A[i] += 1"), _PUT, _GET),
            "A kernel is a network as a whole: what it does stands in its one region, as processes, and "
            "data do not choose which there are.",
        ),
        "TA141": _code(
            "a queue has two producers or two consumers",
            _region(_PUT, _loop(0, 4, "B[i] = q.get()"), _loop(4, 8, "B[i] = q.get()")),
            _region(_PUT, _GET),
            "Which of two comes first would depend on time.",
        ),
        "TA142": _code(
            "a process uses an element that another one stores to at any time",
            _region(_loop(0, 5, "B[i] = A[i]"), _loop(4, 8, "B[i] = A[i]")),
            _region(_loop(0, 4, "B[i] = A[i]"), _loop(4, 8, "B[i] = A[i]")),
            "Processes may store disjoint parts of an array; one that stands later may read what others "
            "store, and waits for their end. All else goes through queues.",
        ),
        "TA143": _code(
            "an extent of ta.processes is no positive number that is known while tracing",
            _region("for i in ta.processes(A[0]):\n    B[i] = A[i]"),
            _region("for i in ta.processes(8):\n    B[i] = A[i]"),
            "Each process is a piece of hardware.",
        ),
    }
)
