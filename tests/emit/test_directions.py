"""Ports of one direction: no text reads an output or writes an input, and the simulation refuses it too."""

from __future__ import annotations

import re
import shutil
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.emit.batch import simulations
from tests.emit.hls import csim, hls_text
from tracealloc import grid, int16, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.csim.csim import build_csim
from tracealloc.emit.vitis.project.testbench import make_inputs
from tracealloc.trace.ir.program import Program, Store, map_blocks
from tracealloc.trace.queries.affine import constant

needs_headers = pytest.mark.skipif(
    open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml's headers and g++"
)


@kernel
def stage(src: int16[4], dst: int16[4]):
    for k in ta.range(4):
        dst[k] = src[k] + 1


@kernel
def some(src: int16[4], dst: int16[4]):
    for k in ta.range(4):
        if src[k] > 0:
            dst[k] = src[k]


@kernel
def plus(src: int16[4], dst: int16[4]):
    for k in ta.range(4):
        dst[k] += src[k]


@kernel
def relu(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        y[i, j] = x[i, j] if x[i, j] > 0 else 0


@kernel
def larger(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        y[i, j] = max(min(x[i, j], 5), 0)


@kernel
def triangle(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        if j <= i:
            y[i, j] = x[i, j]
        else:
            y[i, j] = 0


@kernel
def chain(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        if x[i, j] > 3:
            if x[i, j] > 5:
                y[i, 3 - j] = 5
            else:
                y[i, 3 - j] = x[i, j]
        elif x[i, j] > 1:
            y[i, 3 - j] = 7
        else:
            y[i, 3 - j] = 0


@kernel
def rows(x: int16[3, 4], y: int16[3, 4]):
    for i in ta.range(3):
        if x[i, 0] > 0:
            for j in ta.range(4):
                y[i, j] = 5
        else:
            stage(x[i], y[i])


@kernel
def views(x: int16[3, 4], y: int16[3, 4]):
    for b in ta.range(3):
        stage(x[b], y[b])


@kernel
def cleared(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        y[i, j] = 0
    for b in ta.range(3):
        some(x[b], y[b])
        plus(x[2 - b], y[b])


@kernel
def sums(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        y[i, j] = 0
        for k in ta.range(4):
            y[i, j] += x[i, k]


@kernel
def preset(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        y[i, j] = -1
        if x[i, j] > 0:
            y[i, j] = x[i, j]


@kernel
def looped(x: int16[3, 4], y: int16[3, 4]):
    n = ta.scalar(int32, 0)
    for i, j in grid(3, 4):
        y[i, j] = x[i, j]

    def body():
        y[n, 0] = 7
        n.set(n + 1)

    ta.while_loop(lambda: n < 2, body)


@kernel
def scratch(x: int16[3, 4], y: int16[3, 4]):
    for i, j in grid(3, 4):
        x[i, j] = i + j
        y[i, j] = 2


DIRECT, COPIED = (relu, larger, triangle), (chain, rows, views, cleared, sums, preset, looped)


def on_ports(k: Any, kind: str = "axis") -> ta.Schedule:
    s = ta.customize(k)
    for name in ("x", "y"):
        s.interface(name, kind)
    return s


def test_outputs_are_never_read() -> None:
    for k in (*DIRECT, *COPIED, scratch):
        source = on_ports(k).build("vitis_hls").source
        top = source[source.index(f"\nvoid {k.__name__}(") :].split("{", 1)[1]
        for line in top.splitlines():
            left, _, right = line.partition("//")[0].partition(" = ")
            assert not re.search(r"\by\[", right) and (right or not re.search(r"\by\[", left)), top
            assert k is scratch or not (right and re.search(r"\bx\[", left)), top
        assert ("y_local" in top) == (k in COPIED), top


@needs_headers
def test_values_are_right() -> None:
    schedules = [on_ports(k) for k in (*DIRECT, *COPIED)]
    x = np.random.default_rng(3).integers(-3, 9, (3, 4)).astype(np.int16)
    for s, run in zip(schedules, simulations([s.lowered for s in schedules]), strict=True):
        found, want = np.full((3, 4), 99, np.int16), np.full((3, 4), 99, np.int16)
        run(x, found)
        interpret(s.kernel.trace(), x.copy(), want)
        np.testing.assert_array_equal(found, want, s.name)


def refusal(k: Any) -> list[str]:
    with pytest.raises(ta.BuildError) as caught:
        on_ports(k).build("vitis_hls")
    return str(caught.value).split("\n")


def body_of(text: str) -> Any:
    """A kernel whose body is one loop over both indices around `text`."""
    names: dict[str, Any] = {
        "ta": ta,
        "int16": int16,
        "grid": grid,
        "some": some,
        "plus": plus,
        "stage": stage,
    }
    lines = "\n".join(f"        {line}" for line in text.split("\n"))
    exec(f"def k(x: int16[3, 4], y: int16[3, 4]):\n    for i, j in grid(3, 4):\n{lines}", names)
    return kernel(names["k"])


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("if x[i, j] > 0:\n    y[i, j] = x[i, j]", "y[0, 0]"),
        ("if j <= i:\n    y[i, j] = x[i, j]", "y[0, 1]"),
        ("y[i, 3 - x[i, j]] = j", "y[0, 0]"),
        ("if i != 1:\n    stage(x[i], y[i])", "y[1, 0]"),
        ("if x[i, j] > 0:\n    stage(x[i], y[i])", "y[0, 0]"),
        ("some(x[i], y[i])", "y[0, 0]"),
    ],
)
def test_elements_that_may_not_be_stored(text: str, element: str) -> None:
    lines = refusal(body_of(text))
    assert lines[0] == "TA819 'y' of k is written through a port of kind 'axis', and not surely whole"
    assert lines[-2:] == [
        f"  because: {element} may not be stored, and what it held cannot be read from the port",
        "  try: store every element (a loop before may set them all), or s.interface('y', 'm_axi')",
    ]
    assert "y_local" not in on_ports(body_of(text), "m_axi").build("vitis_hls").source  # that keeps it


@pytest.mark.parametrize("text", ["y[i, j] += x[i, j]", "y[i, j] = max(y[i, j], 0)", "plus(x[i], y[i])"])
def test_elements_that_are_read_first(text: str) -> None:
    lines = refusal(body_of(text))
    assert lines[0] == "TA819 'y' of k is read and written, and a port of kind 'axis' has one direction"
    assert lines[-2:] == [
        "  because: y[0, 0] is read as it was before the kernel",
        "  try: return the result as another array, or s.interface('y', 'm_axi')",
    ]


@kernel
def recirculate(q: ta.Stream[int32, 4], out: int32[2]):
    out[0] = q.get()
    q.put(out[0] + 1)


def test_a_queue_of_the_caller_has_one_direction() -> None:
    with pytest.raises(ta.BuildError) as caught:
        recirculate.build("vitis_hls")
    assert str(caught.value).startswith(
        "TA819 'q' of recirculate is read and written, and a stream has one direction\n"
    )
    assert str(caught.value).endswith("\n  try: take from one queue and put into another")
    q, out = deque([3]), np.zeros(2, np.int32)
    recirculate(q, out)  # in C it is a queue like any other
    assert list(q) == [4]


def damaged(program: Program, name: str, change: Any) -> Program:
    """A program with its stores to `name` changed, as no emitter would write them."""

    def walk(block: Any) -> Any:
        return tuple(
            change(node) if isinstance(node, Store) and node.array.name == name else map_blocks(node, walk)
            for node in block
        )

    return replace(program, body=walk(program.body))


@needs_headers
def test_simulation_refuses_what_a_port_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of order, not all, read from an output, written to an input: if the emitter errs, csim says so."""
    monkeypatch.setattr(
        "tracealloc.schedule.hls.port_copies._in_order", lambda *_: True
    )  # the fault: no copies are made
    program = on_ports(triangle).lowered
    x, y = np.ones((3, 4), np.int16), np.zeros((3, 4), np.int16)

    def turned(node: Store) -> Store:
        return replace(node, indices=(node.indices[0], constant(3)))

    with pytest.raises(
        ta.TraceallocError, match=r"TA805 C simulation of .*: port 'y': element 3 comes where "
    ):
        csim(damaged(program, "y", turned))(x, y)
    assert (y == 0).all()
    text = hls_text(on_ports(body_of("if j <= i:\n    y[i, j] = 1")).lowered)
    with pytest.raises(ta.TraceallocError, match="port 'y': element 4 comes where element 1 is due"):
        build_csim(text)(x, y)
    for wrong in ("y[i, j] += x[i, j]", "x[i, j] = 1\ny[i, j] = x[i, j]"):
        with pytest.raises(ta.BuildError, match="TA813"):
            csim(on_ports(body_of(wrong)).lowered)


ELEMENTS = (ta.boolean, ta.Int(5), ta.UInt(70), ta.Fixed(12, 4), ta.float16, ta.bfloat16, ta.float64)
RECORD = ta.Struct(a=ta.int16, b=ta.Struct(on=ta.boolean, w=ta.Int(33)), c=ta.Fixed(9, 3))


def relayed(dtype: Any) -> list[Any]:
    """Kernels that pass elements on: at once, by a choice, through a callee, and as a result."""

    @kernel
    def row(src: dtype[3], dst: dtype[3]):
        for j in ta.range(3):
            dst[j] = src[j]

    @kernel
    def once(x: dtype[2, 3], y: dtype[2, 3]):
        for i, j in grid(2, 3):
            y[i, j] = x[i, j]

    @kernel
    def chosen(x: dtype[2, 3], n: int32, y: dtype[2, 3]):
        for i, j in grid(2, 3):
            if n > j:
                y[i, j] = x[i, j]
            else:
                y[i, j] = x[1 - i, j]

    @kernel
    def called(x: dtype[2, 3], y: dtype[2, 3]):
        for i in ta.range(2):
            row(x[1 - i], y[i])

    @kernel
    def given(x: dtype[2, 3]) -> dtype[2, 3]:
        y = ta.empty((2, 3), dtype)
        for i, j in grid(2, 3):
            y[1 - i, 2 - j] = x[i, j]
        return y

    return [once, chosen, called, given]


@needs_headers
def test_elements_of_every_type_pass_such_ports() -> None:
    kernels = [k for dtype in (*ELEMENTS, RECORD) for k in relayed(dtype)]
    schedules = [on_ports(k) for k in kernels]
    assert sum("y_local" in s.build("vitis_hls").source for s in schedules) == len(kernels) // 2
    for s, run in zip(schedules, simulations([s.lowered for s in schedules]), strict=True):
        x = make_inputs(s.lowered)["x"]
        more = (2,) if s.name == "chosen" else ()
        if s.name == "given":
            found, want = run(x), interpret(s.kernel.trace(), x)
        else:
            found, want = np.zeros_like(x), np.zeros_like(x)
            run(x, *more, found)
            interpret(s.kernel.trace(), x, *more, want)
        assert (found == want).all(), (s.name, str(s.lowered))


@kernel
def mixed(x: int16[8], y: int16[8]):
    for i in ta.range(8):
        if x[i] > 0:
            y[i] = x[i]
        elif i < 4:
            y[i] = 2
        else:
            y[i] = 3


@kernel
def nested(x: int16[8], y: int16[8]):
    for i in ta.range(8):
        if x[i] > 0:
            y[i] = 1 if i > 5 else 2
        elif i == 0:
            y[i] = 5
        elif x[i] < -5:
            y[i] = 6
        else:
            y[i] = 7


@needs_headers
@pytest.mark.parametrize("made", [mixed, nested], ids=lambda item: item.name)
@pytest.mark.parametrize(
    "steps", [(), ("split",), ("split", "unroll"), ("reverse",), ("buffer_at",)], ids=str
)
def test_conditions_on_data_and_on_the_loop_store_on_every_path(made: Any, steps: tuple[str, ...]) -> None:
    s = ta.customize(made)
    loop: Any = "i"
    for step in steps:
        if step == "split":
            _, loop = s.split(loop, 3)
        elif step == "buffer_at":
            s.buffer_at(s.y, loop)
        else:
            getattr(s, step)(loop)
    s.interface("y", "axis")
    x = np.array([3, -7, 0, 2, -1, -9, 4, -6], np.int16)
    expected, found = np.zeros(8, np.int16), np.zeros(8, np.int16)
    made(x, expected)
    s.build(target="vitis_hls", mode="csim")(x, found)
    assert found.tolist() == expected.tolist()
    some_sides = ta.customize(some)
    some_sides.interface("dst", "axis")
    with pytest.raises(ta.BuildError, match="TA819"):
        some_sides.build(target="vitis_hls")
