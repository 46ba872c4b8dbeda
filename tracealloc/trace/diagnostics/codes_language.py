"""What the error codes of the kernel language mean (TA10x to TA12x); see `trace.diagnostics.codes`."""

from __future__ import annotations

from textwrap import indent

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_KERNEL = """@kernel
def example(A: int32[8], B: int32[8]):
{body}

example.trace()
"""


def _body(text: str) -> str:
    """A kernel with this body, traced; a text with a ``def`` of its own as it is."""
    return f"{text}\n" if "@kernel" in text else _KERNEL.format(body=indent(text, "    "))


def _code(title: str, wrong: str, right: str, because: str = "") -> Code:
    return Code(title, _body(wrong), _body(right), because)


_RESULT = """@kernel
def example(A: int32[8]) -> {result}:
    B = ta.zeros((8,), int32)
    for i in grid(8):
        B[i] = A[i]
    return B

example.trace()"""
_RECURSIVE = """@kernel
def example(A: int32[8]):
    A[0] = 1
    {again}

example.trace()"""
_MANY = """for i in grid(8):
    for k in range(11):
        {guard}
            B[i] += k"""
_KEPT = """@kernel
def example(A: int32[8]):
    def show():
        return {value}
    example.show = show
    A[0] = 1

example.trace()
example.show()"""
_NESTED = """@kernel
def example(A: int32[8], B: int32[8]):
    @kernel
    def inner(X: int32[8], Y: int32[8]):
        X[0] = {value}
    inner(B, A)

example.trace()"""
_INNER = """@kernel
def add(X: int32[8], Y: int32[8]):
    for i in grid(8):
        X[i] += Y[i]

@kernel
def example(A: int32[8], B: int32[8]):
    add({arguments})

example.trace()"""
_STATEFUL = """numbers = iter(range(100))

@kernel
def example(A: int32[8]):
    {first}
    for i in grid(8):
        if A[i] > 0:
            A[i] = {value}

example.trace()"""

register(
    {
        "TA101": _code(
            "a parameter has no type that a kernel knows",
            "@kernel\ndef example(A):\n    A[0] = 1\n\nexample.trace()",
            "@kernel\ndef example(A: int32[8]):\n    A[0] = 1\n\nexample.trace()",
            "T[M, N] is an array, T alone a scalar; a parameter with a default value and no type is staged.",
        ),
        "TA102": _code(
            "what is returned does not fit the annotation, or is no result",
            _RESULT.format(result="float32[8]"),
            _RESULT.format(result="int32[8]"),
        ),
        "TA103": _code(
            "a Python variable carries a value from one iteration to the next",
            "x = 0\nfor i in grid(8):\n    x = x + A[i]\nB[0] = x",
            "x = ta.scalar(int32, 0)\nfor i in grid(8):\n    x += A[i]\nB[0] = x",
            "The body of a symbolic loop is traced once for each way through it, so there is no next "
            "iteration in which Python could see the value.",
        ),
        "TA104": _code(
            "a value is used outside the iteration or block that it belongs to",
            "for i in grid(8):\n    x = A[i]\nB[0] = x",
            "x = ta.scalar(int32, 0)\nfor i in grid(8):\n    x.set(A[i])\nB[0] = x",
        ),
        "TA105": _code(
            "a loop is left early",
            "for i in grid(8):\n    if A[i] > 3:\n        break\n    B[i] = 1",
            "go = ta.scalar(boolean, True)\nfor i in grid(8):\n    if A[i] > 3:\n        go.set(False)\n"
            "    if go:\n        B[i] = 1",
            "break, return and exceptions would end the tracing, not the loop.",
        ),
        "TA106": _code(
            "Python asks for the value of something traced",
            "for i in grid(8):\n    B[i] = int(A[i])",
            "for i in grid(8):\n    B[i] = A[i].astype(int32)",
            "The value exists only when the kernel runs.",
        ),
        "TA107": _code(
            "a traced value where Python needs an int",
            "for i in grid(8):\n    for j in range(i):\n        B[i] += A[j]",
            "for i in grid(8):\n    for j in ta.range(i):\n        B[i] += A[j]",
            "The builtin range runs while tracing; ta.range is a loop of the kernel.",
        ),
        "TA108": _code(
            "'/' between integers",
            "for i in grid(8):\n    B[i] = A[i] / 2",
            "for i in grid(8):\n    B[i] = A[i] // 2",
            "Python's '/' makes a real number of two integers, and no width holds it.",
        ),
        "TA109": _code(
            "an operation that the types do not have",
            "for i in grid(8):\n    B[i] = A[i] & 1.5",
            "for i in grid(8):\n    B[i] = A[i] & 1",
        ),
        "TA110": _code(
            "a subscript that does not fit what it is applied to",
            "for i in grid(8):\n    B[i] = A[i, 0]",
            "for i in grid(8):\n    B[i] = A[i]",
        ),
        "TA111": _code(
            "a constant subscript outside its array, or a bit outside its value",
            "B[0] = A[-1]",
            "B[0] = A[A.shape[0] - 1]",
            "A negative subscript does not count from the end.",
        ),
        "TA112": _code(
            "something that cannot be stored to, or stored",
            "table = ta.constant(np.arange(8), int32)\ntable[0] = 1",
            "table = ta.zeros((8,), int32)\ntable[0] = 1\nB[0] = table[0]",
        ),
        "TA113": _code(
            "a kernel calls itself",
            _RECURSIVE.format(again="example(A)"),
            _RECURSIVE.format(again="A[1] = 2"),
            "The calls of a program are fixed, and hardware has no call stack.",
        ),
        "TA114": _code(
            "a symbolic loop outside a for statement",
            "B[0] = sum(A[i] for i in ta.range(8))",
            "s = ta.scalar(int32, 0)\nfor i in ta.range(8):\n    s += A[i]\nB[0] = s",
        ),
        "TA115": _code(
            "a body has too many control paths",
            _MANY.format(guard="if A[i] > k:"),
            _MANY.format(guard="with ta.when(A[i] > k):"),
            "Every combination of outcomes is traced. ta.when and ta.where record a condition without that.",
        ),
        "TA116": Code(
            "a function of the kernel language outside a kernel",
            "A = ta.zeros((8,), int32)\n",
            "@kernel\ndef example() -> int32[8]:\n    A = ta.zeros((8,), int32)\n    return A\n\nexample()\n",
        ),
        "TA117": _code(
            "a traced value after its trace has ended",
            _KEPT.format(value="A[0] + 1"),
            _KEPT.format(value="A.shape"),
        ),
        "TA118": _code(
            "a value of one kernel inside another",
            _NESTED.format(value="A[0]"),
            _NESTED.format(value="Y[0]"),
            "Pass it as an argument.",
        ),
        "TA119": _code(
            "arguments of a call overlap and one of them is written",
            _INNER.format(arguments="A, A"),
            _INNER.format(arguments="A, B"),
        ),
        "TA120": _code(
            "arguments of a call inside a kernel do not fit",
            _INNER.format(arguments="A"),
            _INNER.format(arguments="A, B"),
        ),
        "TA121": _code(
            "Python or NumPy treats a traced value as an object that has its contents",
            "B[0] = len(A[0])",
            "B[0] = len(A)",
        ),
        "TA122": _code(
            "an element type is expected",
            "T = ta.zeros((8,), float)\nB[0] = 0",
            "T = ta.zeros((8,), float32)\nB[0] = 0",
        ),
        "TA123": _code(
            "running the body again recorded something else",
            _STATEFUL.format(first="pass", value="next(numbers)"),
            _STATEFUL.format(first="number = 1", value="number"),
            "A body is run once per control path and once more to compare.",
        ),
        "TA124": _code(
            "ta.while_loop or a ta.when block is not used as it must be",
            "ta.while_loop(A[0] > 0, lambda: None)",
            "n = ta.scalar(int32, 4)\nta.while_loop(lambda: n > 0, lambda: n.set(n - 1))\nB[0] = n",
        ),
        "TA125": _code(
            "an array's extents or contents are not known while tracing",
            "T = ta.zeros((A[0],), int32)",
            "T = ta.zeros((8,), int32)\nB[0] = T[0]",
        ),
        "TA126": _code(
            "a literal is shifted out of its own width",
            "B[0] = 1 << A[0]",
            "B[0] = np.int32(1) << A[0]",
            "A shift keeps the type of its left operand, and a literal has the least width that holds it.",
        ),
        "TA127": _code(
            "a loop's bounds are not integers, or too few or many",
            "for i in ta.range(8.0):\n    B[i] = 0",
            "for i in ta.range(8):\n    B[i] = 0",
        ),
        "TA130": _code(
            "Python raised an exception about a traced value",
            "with open('values.txt', 'w') as file:\n    file.write(A[0])",
            "print(A[0])\nB[0] = A[0]",
            "The body runs once on traced values, and what Python makes of them runs then: they are symbols.",
        ),
        "TA131": _code(
            "the kernel raises an exception under a traced condition",
            "assert A[0] > 0, 'positive'\nB[0] = A[0]",
            "with ta.when(A[0] > 0):\n    B[0] = A[0]",
            "Whether the condition holds is known only when the kernel runs, and hardware cannot raise.",
        ),
        "TA128": _code(
            "a Python while loop on a traced condition",
            "n = ta.scalar(int32, 4)\nwhile n > 0:\n    n -= 1",
            "n = ta.scalar(int32, 4)\nta.while_loop(lambda: n > 0, lambda: n.set(n - 1))\nB[0] = n",
        ),
    }
)

register(
    {
        "TA190": _code(
            "a Python loop records a line more than 256 times (a warning)",
            "for k in range(300):\n    A[0] += 1",
            "for k in ta.range(300):\n    A[0] += 1",
            "The builtin range runs while tracing, and every turn records its body once more.",
        ),
        "TA191": Code(
            "the Python function of the kernel is in another process",
            "",
            "",
            "A schedule that came here by pickle brings its traced program, also where its kernel's function "
            "names something that cannot be pickled (a lock, a file). Build, verify and go on scheduling; "
            "tracing needs the function.",
        ),
        "TA129": Code(
            "this Python cannot be traced safely",
            "",
            "",
            "A trial before the first trace plants a variable that a loop carries. Where it is not noticed "
            "(an interpreter that works in another way), kernels could be recorded wrongly.",
        ),
    }
)
