"""C simulation of HLS C++: arguments as for the C build, what is missing, the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.emit.programs import I32, add_to, array, at, gemm, iters, loop, matmul
from tracealloc.check.interpret import interpret
from tracealloc.emit import headers
from tracealloc.emit.csim import build_csim
from tracealloc.emit.headers import ap_types_folder, open_headers, vendor_headers
from tracealloc.trace.build import lift
from tracealloc.trace.dtype import Integer
from tracealloc.trace.errors import ArgumentError, BuildError
from tracealloc.trace.program import Alloc, Program

I12 = Integer(12, True)
needs_headers = pytest.mark.skipif(open_headers() is None, reason="needs hls4ml's headers")
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def test_arguments_are_checked_like_the_c_builds() -> None:
    module = build_csim(gemm(4, 8, 4))
    a, b = np.ones((4, 4), np.float32), np.ones((4, 8), np.float32)
    assert (module(a, B=b) == 4).all() and (module(a.T, b[:, ::1]) == 4).all()
    with pytest.raises(ArgumentError, match="gemm: argument 'B' has dtype float64, expected float32"):
        module(a, b.astype(np.float64))
    with pytest.raises(ArgumentError, match="takes 2 arguments, not 1: 'B' is missing"):
        module(a)
    assert "C_i[j] += A[i][k] * B[k][j];" in module.source and module.program.name == "gemm"


def test_a_simulation_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_csim(gemm(4, 6, 4))
    monkeypatch.setattr("tracealloc.emit.csim._compile", lambda *_: "must not be called")
    assert build_csim(gemm(4, 6, 4)).library == first.library
    with pytest.raises(BuildError, match="did not compile the HLS C") as caught:
        build_csim(gemm(4, 6, 4), cache=False)
    assert caught.value.because[0] == "must not be called"


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(BuildError) as caught:
        build_csim(gemm(3, 3, 3))
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
    build_csim(gemm(3, 3, 3))  # needs none
    with pytest.raises(BuildError) as caught:
        build_csim(matmul(I12, I32, 2, 2, 2))
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
    module = build_csim(program)
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
    build_csim(Program("large", (x,), body))(data)
    assert data.tolist() == [4, 5, 6, 7]
