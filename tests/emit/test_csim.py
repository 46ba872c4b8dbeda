"""C simulation of HLS C++: arguments as for the C build, what is missing, the cache."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.emit.hls import csim
from tests.emit.programs import I32, add_to, array, at, gemm, iters, loop, matmul
from tracealloc import int32
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.vitis.csim import ap_headers as headers
from tracealloc.emit.vitis.csim.ap_headers import ap_types_folder, open_headers, vendor_headers
from tracealloc.trace.diagnostics.errors import ArgumentError, BuildError
from tracealloc.trace.ir.dtype import Integer
from tracealloc.trace.ir.program import Alloc, Program
from tracealloc.trace.queries.typing_rules import lift

I12 = Integer(12, True)
needs_headers = pytest.mark.skipif(open_headers() is None, reason="needs hls4ml's headers")
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def test_arguments_are_checked_like_the_c_builds() -> None:
    module = csim(gemm(4, 8, 4))
    a, b = np.ones((4, 4), np.float32), np.ones((4, 8), np.float32)
    assert (module(a, B=b) == 4).all() and (module(a.T, b[:, ::1]) == 4).all()
    with pytest.raises(ArgumentError, match="gemm: argument 'B' has dtype float64, expected float32"):
        module(a, b.astype(np.float64))
    with pytest.raises(ArgumentError, match="takes 2 arguments, not 1: 'B' is missing"):
        module(a)
    assert "C_i[j] += A[i][k] * B[k][j];" in module.source and module.program.name == "gemm"


def test_a_simulation_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = csim(gemm(4, 6, 4))
    monkeypatch.setattr("tracealloc.emit.vitis.csim.csim._compile", lambda *_: "must not be called")
    assert csim(gemm(4, 6, 4)).library == first.library
    with pytest.raises(BuildError, match="did not compile the HLS C") as caught:
        csim(gemm(4, 6, 4), cache=False)
    assert caught.value.because[0] == "must not be called"


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(BuildError) as caught:
        csim(gemm(3, 3, 3))
    assert str(caught.value) == (
        "TA812 no C++ compiler was found\n"
        "  because: searched PATH for g++, c++, clang++\n"
        "  because: CXX is not set\n"
        "  try: install one (Debian, Ubuntu: apt install g++), or set CXX to a compiler"
    )


def test_no_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "open_headers", lambda: None)
    monkeypatch.setattr(headers, "vendor_headers", lambda: None)
    monkeypatch.delenv("TRACEALLOC_AP_TYPES", raising=False)
    csim(gemm(3, 3, 3))  # needs none
    with pytest.raises(BuildError) as caught:
        csim(matmul(I12, I32, 2, 2, 2))
    assert str(caught.value) == (
        "TA811 the headers of ap_int and ap_fixed were not found\n"
        "  because: TRACEALLOC_AP_TYPES is not set\n"
        "  because: the package hls4ml, which brings AMD's open headers, is not installed\n"
        "  because: no Vitis HLS is installed (XILINX_HLS is not set, vitis_hls is not on PATH)\n"
        "  try: pip install 'tracealloc[csim]'"
    )


def test_headers_that_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRACEALLOC_AP_TYPES", str(tmp_path))
    with pytest.raises(BuildError, match=r"TRACEALLOC_AP_TYPES names .* where there is no ap_int\.h"):
        ap_types_folder()
    (tmp_path / "ap_int.h").write_text("")
    assert ap_types_folder() == tmp_path
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "ap_int.h").write_text("")
    monkeypatch.setenv("XILINX_HLS", str(tmp_path))
    assert vendor_headers() == tmp_path / "include"


@needs_headers
def test_odd_widths_are_checked_and_converted() -> None:
    program = matmul(I12, I32, 3, 4, 5)
    module = csim(program)
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-2048, 2048, x.shape).astype(np.int16) for x in program.args[:2])
    mine, other = np.zeros((2, 3, 4), np.int32)
    module(a, b, mine)
    interpret(program, a, b, other)
    np.testing.assert_array_equal(mine, other)
    with pytest.raises(ArgumentError, match="holds 4000 at index"):
        module(np.full_like(a, 4000), b, mine)


def test_large_local_arrays_do_not_overflow_the_stack() -> None:
    x = array("x", I32, 4)
    big = array("big", I32, 4 << 20, kind="local")
    i, j = iters("i", "j")
    body = (
        Alloc(big, lift(3, I32)),
        loop(i, 4, add_to(at(x, i), at(big, i))),
        loop(j, 4, add_to(at(x, j), lift(1))),
    )
    data = np.arange(4, dtype=np.int32)
    csim(Program("large", (x,), body))(data)
    assert data.tolist() == [4, 5, 6, 7]


# What it owns, and what is the caller's.


class Watched(deque[Any]):
    """A queue that counts how often it is read and written."""

    def __init__(self, elements: Any = ()) -> None:
        super().__init__(elements)
        self.read = self.wrote = 0

    def __iter__(self) -> Any:
        self.read += 1
        return super().__iter__()

    def extend(self, elements: Any) -> None:
        self.wrote += 1
        super().extend(elements)


@ta.kernel
def scatter(x: ta.Stream[int32, 4], y: ta.Stream[int32, 4], A: int32[4]):
    for k in ta.range(4):
        at = x.get()
        A[at] = k
        y.put(A[at] + 1)


def test_a_queue_is_read_once_and_written_once() -> None:
    module = scatter.build("vitis_hls", mode="csim")
    rest = object()  # stands for what is the caller's: it stays the same object
    x, y, a = Watched([3, 0, 1, 2, 7]), Watched([rest]), np.zeros(4, np.int32)
    module(x, y, a)
    assert (x.read, x.wrote, y.read, y.wrote) == (1, 1, 0, 1)
    assert a.tolist() == [1, 2, 3, 0] and list(x) == [7] and list(y) == [rest, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([3, 4, 0, 0], r"TA152 scatter: A\[at\] went outside A, whose shape is \(4\)"),
        ([3, 0, -1, 0], r"TA152 scatter: A\[at\] went outside A, whose shape is \(4\)"),
        ([3, 0], "TA805 C simulation of scatter: stream 'x' is read while it is empty"),
        ([3, "0", 1, 1], "TA702 scatter: argument 'x' is '0'"),
    ],
)
def test_a_call_that_fails_leaves_everything_as_it_was(given: list[Any], message: str) -> None:
    module = scatter.build("vitis_hls", mode="csim")
    x, y, a = Watched(given), Watched([5]), np.full(4, 9, np.int32)
    with pytest.raises(ta.TraceallocError, match=message):
        module(x, y, a)
    assert a.tolist() == [9] * 4 and list(y) == [5] and list(x) == given and not (x.wrote or y.wrote)
    module(Watched([0, 1, 2, 3]), y, a)  # and the simulation goes on as if nothing had been
    assert a.tolist() == [0, 1, 2, 3]


def test_no_c_build_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the C build")

    monkeypatch.setattr("tracealloc.emit.run.runtime.library_of", never)
    a, at = np.zeros(4, np.int32), np.array([1, 3], np.int32)

    @ta.kernel
    def count(at: int32[2], A: int32[4]):
        for i in ta.range(2):
            A[at[i]] += 1

    ta.customize(count).build("vitis_hls", mode="csim")(at, a)
    assert a.tolist() == [0, 1, 0, 1]


@ta.kernel
def cell(A: int32[4], at: ta.UInt(70)) -> int32:
    return A[at]


@ta.kernel
def through(A: int32[5, 4], first: int32[2], at: ta.UInt(70), out: int32[4]):
    k = first[0]
    out[first[1]] = cell(A[k], at)
    for j in ta.range(k, k + first[1]):
        out[0] += A[j, j]
    if out[3] > 0:
        out[out[3]] = 1
    pending = ta.scalar(int32, 0)
    ta.while_loop(lambda: A[pending, 0] > 5, lambda: pending.set(pending + 1))


@needs_headers
@pytest.mark.parametrize(
    ("first", "at", "last", "large", "message"),
    [
        ((1, 3), 3, 0, 0, None),
        ((5, 0), 3, 0, 0, r"A\[first\[0\], :\] went outside A, whose shape is \(5, 4\)"),
        ((-1, 0), 3, 0, 0, r"A\[first\[0\], :\] went outside A"),
        ((1, 3), 4, 0, 0, r"A\[at\] went outside A, whose shape is \(4\)"),
        ((1, 3), 1 << 64, 0, 0, r"A\[at\] went outside A, whose shape is \(4\)"),
        ((1, -1), 3, 0, 0, r"out\[first\[1\]\] went outside out, whose shape is \(4\)"),
        ((2, 3), 3, 0, 0, r"A\[j, j\] went outside A, whose shape is \(5, 4\)"),
        ((1, 1), 3, 4, 0, r"out\[out\[3\]\] went outside out, whose shape is \(4\)"),
        ((1, 1), 3, 0, 6, r"A\[pending, 0\] went outside A, whose shape is \(5, 4\)"),
    ],
)
def test_every_kind_of_access_is_checked(
    first: tuple[int, int], at: int, last: int, large: int, message: str | None
) -> None:
    """Views, callees' subscripts past 64 bits, loops over data, guards and `while` as in the C build."""
    for module in (through.build("vitis_hls", mode="csim"), through.build()):
        out = np.array([0, 0, 0, last], np.int32)
        args = np.full((5, 4), large, np.int32), np.array(first, np.int32), at, out
        if message is None:
            module(*args)
            continue
        with pytest.raises(ta.BoundsError, match=message):
            module(*args)
        assert out.tolist() == [0, 0, 0, last] or module.source == through.build().source
