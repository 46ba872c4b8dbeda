"""What the error codes of ``inline`` and ``outline`` (TA27x) mean; see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_CALLS = """
@kernel
def double(X: int32[8], Y: int32[8]):
    for i in grid(8):
        Y[i] = X[i] * 2

@kernel
def caller(A: int32[4, 8], B: int32[4, 8]):
    for r in ta.range(4):
        double(A[r], B[r])

s = ta.customize(caller)
"""

register(
    {
        "TA270": Code(
            "nothing of that name is called",
            _CALLS + 's.inline("triple")\n',
            _CALLS + 's.inline("double")\n',
        ),
        "TA271": Code(
            "a loop cannot become a function of that name",
            _CALLS + 's.outline("r", "double")\n',
            _CALLS + 's.outline("r", "all_rows")\n',
        ),
        "TA273": Code(
            "a called function cannot be taken apart",
            _CALLS + 's.pack("double:X", 0, 2)\ns.inline("double")\n',
            _CALLS + 's.inline("double")\ns.pack("A", 1, 2)\n',
            "Steps on both sides of a call are kept; those that change how arguments are passed stand in the "
            "way.",
        ),
        "TA274": Code(
            "a loop is a function already",
            _CALLS + 's.outline("r", "all_rows")\ns.outline("all_rows:r", "rows")\n',
            _CALLS + 's.outline("r", "all_rows")\n',
        ),
        "TA275": Code(
            "a step would take an outlined function apart",
            "",
            "",
            "Loops stay on their side of its boundary. s.inline(...) takes the boundary away.",
        ),
    }
)

register(
    {
        "TA205": Code(
            "several arrays have one name",
            "",
            "",
            "Name them apart in the kernel, or use the handle from s.arrays().",
        ),
        "TA260": Code(
            "what the step made could not be proved right",
            "",
            "",
            "Nothing was changed. The message says what the proof found.",
        ),
        "TA262": Code(
            "loops come out wrong",
            "",
            "",
            "The loops around a statement do not tell its instances apart, so no loops run each of them "
            "once: a bug in tracealloc. Undo the last step.",
        ),
        "TA261": Code(
            "a step was about to change what a read sees",
            "",
            "",
            "Steps that change how an array is stored are right by construction, and proved all the same "
            "before they are applied. This one was not: a bug in tracealloc. Nothing was changed.",
        ),
    }
)
