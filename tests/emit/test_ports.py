"""Ports in HLS C++: local copies where a port cannot be accessed like a memory; defaults said aloud."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.conftest import Golden
from tests.emit.hls import csim, hls_text
from tests.emit.programs import array, at, iters, loop, put
from tracealloc import float32, grid, int32, kernel
from tracealloc.trace.ir.expr import IterRef, Load
from tracealloc.trace.ir.program import Array, Program


@kernel
def scaled(alpha: float32, A: float32[6, 8], B: float32[8, 4], C: float32[6, 4]):
    for i, j in grid(6, 4):
        C[i, j] = 0
        for k in ta.range(8):
            C[i, j] += alpha * A[i, k] * B[k, j]


def same_as_the_kernel(s: ta.Schedule, *arrays: Any) -> None:
    """The C simulation and the plain kernel leave the same behind."""
    mine, other = ([a.copy() if isinstance(a, np.ndarray) else a for a in arrays] for _ in range(2))
    results = s.build("vitis_hls", mode="csim")(*mine), s.kernel(*other)
    for a, b in zip((*mine, results[0]), (*other, results[1]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_partitioned_m_axi_arguments_get_banked_copies(golden: Golden) -> None:
    s = ta.customize(scaled)
    for name in "ABC":
        s.interface(name, "m_axi")
    s.partition("A", dim=1, kind="cyclic", factor=4)
    s.partition("C", dim=1)
    s.pipeline("j")
    golden("vitis/ports.cpp", s.build("vitis_hls").source)
    assert "layouts   A: dim 1 cyclic 4, m_axi (local copy)\n" in str(s)
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape, dtype=np.float32) for shape in [(6, 8), (8, 4), (6, 4)]]
    same_as_the_kernel(s, np.float32(1.5), *arrays)


def test_what_is_written_in_part_is_copied_in_first() -> None:
    @kernel
    def lower(A: int32[5, 5]):
        for i in ta.range(5):
            for j in ta.range(i + 1):
                A[i, j] = i + j

    s = ta.customize(lower)
    s.interface("A", "m_axi")
    s.pack("A", 1, 5)
    source = s.build("vitis_hls").source
    assert "A_local[A_in_0][A_in_1] = A[A_in_0][A_in_1];" in source
    assert "#pragma HLS array_reshape variable=A_local type=cyclic factor=5 dim=2" in source
    same_as_the_kernel(s, np.full((5, 5), -1, np.int32))


def test_results_and_callees_work_on_the_copy() -> None:
    @kernel
    def row(x: int32[4], y: int32[4]):
        for j in ta.range(4):
            y[j] = x[j] * 2

    @kernel
    def rows(A: int32[3, 4]) -> int32[3, 4]:
        B = ta.zeros((3, 4), int32)
        for i in ta.range(3):
            row(A[i], B[i])
        return B

    s = ta.customize(rows)
    for name in "AB":
        s.interface(name, "m_axi")
        s.partition(name, dim=0)
    source = s.build("vitis_hls").source
    assert "row(A_local[i], B_local[i]);" in source and "B_in" not in source
    same_as_the_kernel(s, np.arange(12, dtype=np.int32).reshape(3, 4))


def copies(s: ta.Schedule) -> list[str]:
    source = s.build("vitis_hls").source
    return [name for name in ("A", "B") if f"{name}_local" in source]


def test_axis_ports_that_are_used_in_order_are_used_directly() -> None:
    @kernel
    def double(A: int32[4, 6], B: int32[4, 6]):
        for i, j in grid(4, 6):
            B[i, j] = 2 * A[i, j]

    def made(*steps: tuple[Any, ...]) -> ta.Schedule:
        s = ta.customize(double)
        s.interface("A", "axis")
        s.interface("B", "axis")
        for name, *args in steps:
            getattr(s, name)(*args)
        same_as_the_kernel(s, np.arange(24, dtype=np.int32).reshape(4, 6), np.zeros((4, 6), np.int32))
        return s

    assert copies(made()) == []
    assert copies(made(("split", "j", 3))) == []
    assert copies(made(("fuse", "i", "j"))) == ["A", "B"]  # in order, but not by this proof
    assert copies(made(("reorder", "j", "i"))) == ["A", "B"]
    assert copies(made(("reverse", "i"))) == ["A", "B"]
    assert copies(made(("split", "j", 4))) == ["A", "B"]
    assert copies(made(("partition", "A", 0))) == ["A"]


def test_a_scalar_has_no_memory_port() -> None:
    s = ta.customize(scaled)
    with pytest.raises(ta.ScheduleError) as caught:
        s.interface("alpha", "m_axi")
    assert "needs an array for a port of kind 'm_axi', and 'alpha' is a scalar" in str(caught.value)


@pytest.mark.parametrize("kind", ["m_axi", "ap_memory", "s_axilite"])
def test_a_queue_has_no_memory_port(kind: str) -> None:
    s = ta.customize(squares)
    with pytest.raises(ta.ScheduleError) as caught:
        s.interface("xs", kind)
    first, *_, last = str(caught.value).splitlines()
    assert first.endswith(f"needs an array for a port of kind {kind!r}, and 'xs' is a queue")
    assert last == "  try: 'axis'"


@kernel
def squares(xs: ta.Stream[int32, 4], n: int32, ys: ta.Stream[ta.Int(70), 4], out: int32[4]) -> int32:
    total = ta.scalar(int32, 0)
    for i in ta.range(4):
        x = xs.get()
        out[i] = x
        total += x * n
        ys.put(x * x)
    return total


def test_stream_arguments_in_simulation_are_queues() -> None:
    module = squares.build("vitis_hls", mode="csim")
    xs, ys, out = deque([1, 2, 3, 4, 5, 6]), deque([7]), np.zeros(4, np.int32)
    assert module(xs, 2, ys, out) == 20
    assert [*map(int, xs)] == [5, 6] and [*map(int, ys)] == [7, 1, 4, 9, 16] and [*out] == [1, 2, 3, 4]
    with pytest.raises(ta.TraceallocError, match="TA805 C simulation of squares: stream 'xs' is read while"):
        module(xs, 2, ys, out)
    assert [*map(int, xs)] == [5, 6] and len(ys) == 5  # as they were


def test_arrays_of_streams() -> None:
    fifos = Array("s", "s", int32, (3,), "stream")
    out = array("out", int32, 3)
    (i,) = iters("i")
    program = Program("heads", (fifos, out), (loop(i, 3, put(at(out, i), Load(fifos, (IterRef(i),)))),))
    text = hls_text(program).source
    assert "void heads(hls::stream<int32_t> s[3], int32_t out[3]) {" in text
    queues, found = [deque([1]), deque([2, 3]), deque([4])], np.zeros(3, np.int32)
    csim(program)(queues, found)
    assert [*found] == [1, 2, 4] and [*map(len, queues)] == [0, 1, 0]


def test_a_testbench_feeds_streams_and_reads_them(tmp_path: Path) -> None:
    folder = squares.build("vitis_hls").write(tmp_path / "made")
    command = ["make", "csim", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "ys: 4 of 4 elements are right\n" in done.stdout and "PASS: squares" in done.stdout, done
    assert len((folder / "data" / "xs.txt").read_text().split("\n")[1].split()) == 4  # as many as are read
    data = folder / "data" / "ys_expected.txt"
    text = data.read_text()
    data.write_text(text.replace(text.split()[-1], "0" * 32))
    done = subprocess.run(
        [folder / "build" / "csim"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "ys: 3 of 4 elements are right" in done.stdout
    assert '#error "these ports are not reachable from a host: xs, ys"' in (folder / "host.cpp").read_text()


def test_given_streams_are_the_testbenchs() -> None:
    xs = [5, 6, 7, 8, 9]
    files = squares.build("vitis_hls", inputs={"xs": xs, "n": 1}).files
    assert files["data/xs.txt"].split("\n")[1] == " ".join(f"{x:08x}" for x in xs)
    assert 'check_read("xs", (hls::stream<int32_t> *)&xs, {1});' in files["squares_tb.cpp"]


ODD = """
    new delete template min max hls ap_int ap_fixed main data std half bool math tracealloc wrong argc
    minimum get errno int8_t α _x _T stream check AP_TRN BIAS M_PI INT_MAX RAND_MAX signed linux isnan
"""


def test_names_that_mean_something_in_cpp(tmp_path: Path) -> None:
    types = ("ta.Int(7)", "float32", "ta.Fixed(70, 20)")
    args = ", ".join(f"{name}: {types[k % 3]}[3]" for k, name in enumerate(ODD.split()))
    body = "".join(f"        {name}[new_] += {name}[new_]\n" for name in ODD.split())
    path = tmp_path / "odd.py"
    path.write_text(f"def tracealloc({args}):\n    for new_ in ta.range(3):\n{body}", encoding="utf-8")
    names: dict[str, Any] = {"ta": ta, "float32": float32}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    folder = kernel(names["tracealloc"]).build("vitis_hls").write(tmp_path / "made")
    command = ["make", "csim", f"PYTHON={sys.executable}", "CXXFLAGS=-O0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "PASS: vtracealloc" in done.stdout, done.stderr
