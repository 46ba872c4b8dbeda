"""What the error codes of calls (TA70x) and of builds (TA80x) mean; see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_ADD = """@kernel
def add(A: float32[4], B: float32[4], factor: float32):
    for i in grid(4):
        A[i] += B[i] * factor

A, B = np.zeros(4, np.float32), np.ones(4, np.float32)
"""
_FAR = """@kernel
def add(A: float32[4, 4]):
    for i, j in grid(4, 4):
        A[i, j] += 1

s = ta.customize(add)
s.shift("j", 2_147_483_647)
s.reorder("j", "i")
"""
_AXIS = """\
import tracealloc as ta
from tracealloc import kernel, int32

@kernel
def add(A: int32[8]):
    for i in ta.range(8):
        A[i] += 1

s = ta.customize(add)
s.interface("A", "{kind}")
s.build("vitis_hls")
"""

_VENDOR = """import os
from pathlib import Path

Path("vitis_hls").write_text('#!/bin/sh\\n{script}\\n')
Path("vitis_hls").chmod(0o755)
os.environ["PATH"] = str(Path.cwd()) + os.pathsep + os.environ["PATH"]
"""
_FILL = """
@kernel
def fill(A: float32[4], n: {dtype}):
    for i in grid(4):
        A[i] = n

fill(A, 300)"""
_COMPILER = """import os
from pathlib import Path

Path("compiler").write_text('''#!/bin/sh
{script}
''')
Path("compiler").chmod(0o755)
os.environ["CC"] = str(Path("compiler").resolve())
"""
_NOT_A_LIBRARY = 'while [ "$1" != -o ]; do shift; done\necho text > "$2"'
_ODD = """
@kernel
def odd(A: ta.Int(7)[4]):
    for i in grid(4):
        A[i] += 1

"""
_PARALLEL = """s = ta.customize(add)
s.parallel("i")
s.build()(A, B, 2)"""
_STREAM = """from collections import deque

@kernel
def total(values: ta.Stream[int32, 8], out: int32[1]):
    for i in ta.range({count}):
        out[0] += values.get()

total(deque([1, 2, 3, 4]), np.zeros(1, np.int32))
"""

_TURN = """@kernel
def turn(A: int32[4], B: int32[4]):
    first, second = ta.stream(int32, depth={depth}), ta.stream(int32)
    T = ta.empty((4,), int32)
    with ta.dataflow():
        for i in ta.range(4):
            first.put(A[i])
            second.put(A[3 - i])
        for n in ta.range(1):
            for i in ta.range(4):
                T[i] = second.get()
            for i in ta.range(4):
                B[i] = T[3 - i] + first.get()

ta.interpret(turn, np.arange(4, dtype=np.int32), np.zeros(4, np.int32))
"""
_LEFT = """@kernel
def total(A: int32[4], out: int32[1]):
    q = ta.stream(int32)
    for i in ta.range(4):
        q.put(A[i])
    for i in ta.range({count}):
        out[0] += q.get()

total(np.arange(4, dtype=np.int32), np.zeros(1, np.int32))
"""


def _code(title: str, wrong: str, right: str, because: str = "", head: str = _ADD) -> Code:
    return Code(title, f"{head}{wrong}\n", f"{_ADD}{right}\n", because)


register(
    {
        "TA701": _code(
            "the number or the names of the arguments are not the kernel's",
            "add(A, B)",
            "add(A, B, 2)",
        ),
        "TA702": _code(
            "an argument is not what the kernel takes: an array, or a number",
            "add([1, 2, 3, 4], B, 2)",
            "add(np.asarray([1, 2, 3, 4], np.float32), B, 2)",
        ),
        "TA703": _code(
            "an array has another element type",
            "add(A, np.ones(4), 2)",
            "add(A, np.ones(4).astype(np.float32), 2)",
            "Arrays are passed without copies, so their elements must be what the kernel works on.",
        ),
        "TA704": _code(
            "an array has another shape",
            "add(A, np.ones(5, np.float32), 2)",
            "add(A, np.ones(4, np.float32), 2)",
        ),
        "TA705": _code(
            "an array that the kernel writes to cannot be written in place",
            "add(np.zeros(8, np.float32)[::2], B, 2)",
            "add(A, np.ones(8, np.float32)[::2], 2)",
            "An array that is only read is copied where it is not contiguous or in another order.",
        ),
        "TA706": _code(
            "arrays overlap in memory and one of them is written", "add(A, A, 2)", "add(A, A.copy(), 2)"
        ),
        "TA707": _code(
            "a value that the argument's type does not hold",
            _FILL.format(dtype="int8"),
            _FILL.format(dtype="int16"),
        ),
        "TA708": _code(
            "a function of tracealloc is called with arguments that it does not have",
            "Fine = ta.Fixed(8)",
            "Fine = ta.Fixed(8, 3)",
            "The message shows what the function takes. Those of primitives are TA207, of builds TA825.",
        ),
        "TA801": _code(
            "there is no compiler",
            'import os\n\nos.environ["CC"] = "no-such-compiler"\nadd(A, B, 2)',
            "add(A, B, 2)",
            "Kernels are compiled with the compiler that CC names, or gcc, cc or clang. `tracealloc doctor` "
            "says what was found.",
        ),
        "TA802": _code(
            "the compiler did not compile the emitted text",
            "add(A, B, 2)",
            "add(A, B, 2)",
            "The message ends in what the compiler said. With a common compiler tracealloc is to blame.",
            _COMPILER.format(script="exit 1") + _ADD,
        ),
        "TA803": _code(
            "a compiled library cannot be loaded",
            "add(A, B, 2)",
            "add(A, B, 2)",
            "Most often CC names a compiler for another machine.",
            _COMPILER.format(script=_NOT_A_LIBRARY) + _ADD,
        ),
        "TA800": _code("unknown target", 'add.build("verilog")', 'add.build("vitis_hls")'),
        "TA804": Code(
            "a stream was read while it was empty",
            _STREAM.format(count=5),
            _STREAM.format(count=4),
            "In hardware the kernel would wait for ever.",
        ),
        "TA808": Code(
            "the processes of a network wait for one another",
            _TURN.format(depth=2),
            _TURN.format(depth=4),
            "Nobody can go on: each waits for an element that another would put, or for room in a queue that "
            "another would take from. The message says who waits for what, and where.",
        ),
        "TA809": Code(
            "a stream ended with elements in it",
            _LEFT.format(count=3),
            _LEFT.format(count=4),
            "In hardware the next call would find them.",
        ),
        "TA806": _code(
            "the compiler has no OpenMP (a warning)",
            _PARALLEL,
            _PARALLEL,
            "The result is the same; the loops that the schedule made parallel run one iteration at a time.",
            _COMPILER.format(script='case "$*" in *-fopenmp*) exit 1;; esac\nexec gcc "$@"') + _ADD,
        ),
        "TA811": _code(
            "AMD's open headers are not where they were said to be",
            'os.environ["TRACEALLOC_AP_TYPES"] = "nowhere"\nodd.build("vitis_hls", mode="csim")',
            'add.build("vitis_hls", mode="csim")',
            "They come with pip install 'tracealloc[csim]'.",
            "import os\n" + _ODD,
        ),
        "TA812": _code(
            "there is no C++ compiler",
            'os.environ["CXX"] = "no-such-compiler"\nadd.build("vitis_hls", mode="csim")',
            'add.build("vitis_hls", mode="csim")',
            head="import os\n" + _ADD,
        ),
        "TA813": _code(
            "the C++ compiler did not compile the emitted text",
            'add.build("vitis_hls", mode="csim")',
            'add.build("vitis_hls", mode="csim")',
            head=_COMPILER.format(script="exit 1").replace('"CC"', '"CXX"') + _ADD,
        ),
        "TA815": _code(
            "unknown build mode",
            'add.build("vitis_hls", mode="simulate")',
            'add.build("vitis_hls", mode="csim")',
        ),
        "TA816": _code(
            "the clock is a number of megahertz",
            'add.build("vitis_hls", clock_mhz=-1)',
            'add.build("vitis_hls", clock_mhz=200)',
        ),
        "TA817": _code(
            "the folder holds something that tracealloc did not write",
            'Path("made").mkdir()\nPath("made", "mine.txt").touch()\nadd.build("vitis_hls").write("made")',
            'add.build("vitis_hls").write("made")',
            head="from pathlib import Path\n" + _ADD,
        ),
        "TA823": _code(
            "files of the project were edited since they were written",
            'add.build("vitis_hls").write("made")\nPath("made", "add.cpp").write_text("mine")\n'
            'add.build("vitis_hls").write("made")',
            'add.build("vitis_hls").write("made")\nadd.build("vitis_hls").write("made", overwrite=True)',
            "What was edited would be lost.",
            "from pathlib import Path\n" + _ADD,
        ),
        "TA825": _code(
            "an option that the build does not have, or a value of another type",
            'add.build("vitis_hls", clock=200)',
            'add.build("vitis_hls", clock_mhz=200)',
        ),
        "TA826": _code(
            "a schedule is made for one target's hardware, and built for it or for C",
            'ta.customize(add, target="c")',
            'ta.customize(add, target="vitis_hls").build("c")',
            "Ports, memories and intervals are the target's. C has none of its own, and takes any schedule.",
        ),
        "TA824": _code(
            "unknown device, part or pipeline style",
            'add.build("vitis_hls", device="u28")',
            'add.build("vitis_hls", device="u280")',
        ),
        "TA818": _code(
            "the project's folder cannot be made",
            'Path("file").touch()\nadd.build("vitis_hls").write("file/made")',
            'add.build("vitis_hls").write("made")',
            head="from pathlib import Path\n" + _ADD,
        ),
        "TA819": Code(
            "an axis port would need two directions",
            _AXIS.format(kind="axis"),
            _AXIS.format(kind="m_axi"),
            "A stream is read or written: an array that is updated, or stored in part, needs a memory port.",
        ),
        "TA820": _code(
            "the vendor's tools are not installed",
            'add.build("vitis_hls", mode="csyn", project="made")',
            'add.build("vitis_hls").write("made")',
            "The project is written all the same; the message says what to run on a machine that has them.",
        ),
        "TA821": _code(
            "the vendor's tool failed",
            'add.build("vitis_hls", mode="csyn", project="made")',
            'add.build("vitis_hls").write("made")',
            "The message ends in the tool's own errors and says where its log is.",
            _VENDOR.format(script="exit 1") + _ADD,
        ),
        "TA822": _code(
            "a report of C synthesis is missing or cannot be read",
            'add.build("vitis_hls", mode="csyn", project="made")',
            'add.build("vitis_hls").write("made")',
            "Most often the tool is of a version whose report is another one.",
            _VENDOR.format(script="echo text > add_csynth.xml") + _ADD,
        ),
    }
)

register(
    {
        "TA807": Code(
            "a loop runs past 62 bits",
            _FAR + 's.skew("i", by="j", factor=2_147_483_647)\ns.build()\n',
            _FAR + 's.skew("i", by="j", factor=2)\ns.build()\n',
            "Iterators are 64-bit integers in C; skews and shifts of a billion add up to more than that.",
        ),
        "TA805": Code(
            "a simulation of HLS C++ met a stream in a state that hardware would not leave",
            "",
            "",
            "It read an empty stream, which would wait for ever, or left elements behind.",
        ),
    }
)
