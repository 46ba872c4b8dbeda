"""Functions cut out of lowered programs: what they are passed, and scalars that they give back."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.codegen.functions import cut_functions, put_back
from tracealloc.trace.ir.program import Call, Program, walk_nodes

N = 5


@kernel
def last_positive(A: int32[N, N]) -> int32:
    found = ta.scalar(int32, -1)
    for i in grid(N):
        for j in grid(N):
            if A[i, j] > 0:
                found[...] = A[i, j]
    return found


@kernel
def counted(A: int32[N, N], n: int32[1]) -> int32:
    total = ta.scalar(int32, n[0])
    for i in grid(N):
        for j in grid(N):
            total += A[i, j]
    n[0] = total
    return total


@kernel
def nested(A: int32[N, N], y: int32[N]):
    for i in grid(N):
        t = ta.scalar(int32, 0)
        for j in grid(N):
            u = ta.scalar(int32, 1)
            for k in grid(N):
                u += A[j, k]
            t += u
        y[i] = t


def calls(program: Program) -> list[Call]:
    return [node for node in walk_nodes(program.body) if isinstance(node, Call)]


@pytest.mark.parametrize("kernel_", [last_positive, counted, nested], ids=lambda k: k.name)
@pytest.mark.parametrize("loops", [("i",), ("j",), ("i", "f0:j"), ("j", "i")])
def test_scalars_go_in_and_come_out(kernel_: ta.Kernel, loops: tuple[str, ...]) -> None:
    s = ta.customize(kernel_)
    for number, loop in enumerate(loops):
        s.outline(loop, f"f{number}")
    rng = np.random.default_rng(2)
    for _ in range(5):
        arrays = [rng.integers(-3, 4, a.shape).astype(np.int32) for a in kernel_.trace().args]
        arrays = [array if array.ndim else int(array) for array in arrays]
        ends = []
        for run in (kernel_, s.build(), s.build(target="vitis_hls", mode="csim")):
            mine = [array.copy() if isinstance(array, np.ndarray) else array for array in arrays]
            ends.append((run(*mine), mine))
        mine = [array.copy() if isinstance(array, np.ndarray) else array for array in arrays]
        ends.append((interpret(s.lowered, *mine), mine))
        for result, left in ends[1:]:
            assert result == ends[0][0]
            assert all(np.array_equal(a, b) for a, b in zip(left, ends[0][1], strict=True))


def test_a_function_put_back_is_the_loop_that_was_cut_out() -> None:
    s = ta.customize(nested)
    before = s.lowered
    s.outline("j", "sum")
    (call,) = calls(s.lowered)
    (loop,) = put_back(call)
    assert "u += A[j, k]" in str(s.lowered)
    inside = {node.iter.key for node in walk_nodes((loop,)) if hasattr(node, "iter")}
    assert inside < {node.iter.key for node in walk_nodes(before.body) if hasattr(node, "iter")}


def test_a_program_without_functions_stays_what_it_is() -> None:
    program = ta.customize(nested).lowered
    assert cut_functions(program) is program


def test_what_a_function_is_passed() -> None:
    s = ta.customize(nested)
    s.outline("k", "inner")
    (call,) = calls(s.lowered)
    assert [argument.name for argument in call.program.args] == ["u", "A", "j"]
    parameter = call.program.args[2].parameter
    assert parameter is not None
    assert (parameter.position, parameter.low, parameter.high) == (2, 0, N - 1)
