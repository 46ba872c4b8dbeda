"""A user's file that mypy checks in its strict mode; see docs/typing.md."""

from __future__ import annotations

from typing import Annotated, Any, assert_type

import numpy as np

import tracealloc as ta
from tracealloc import (
    Kernel,
    Schedule,
    TraceallocError,
    Verification,
    bfloat16,
    customize,
    explain,
    float32,
    grid,
    int8,
    int16,
    interpret,
    kernel,
)
from tracealloc.emit.run.runtime import CModule
from tracealloc.emit.vitis.csim.csim import CSimModule
from tracealloc.emit.vitis.project.project import HLSProject
from tracealloc.emit.vitis.project.vendor_tools import ToolRun

M, N, K = 4, 4, 8
Half = ta.Fixed(16, 8, rounding="RND", overflow="SAT")
Pair = ta.Struct(x=float32, y=int8)


@kernel
def matmul(
    A: Annotated[Any, int8[M, K]], B: Annotated[Any, int8[K, N]], C: Annotated[Any, int16[M, N]]
) -> None:
    for i, j in grid(M, N, name="PE"):
        for k in ta.range(K):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def gemm(A: Annotated[Any, float32[M, K]], B: Annotated[Any, float32[K, N]]) -> Annotated[Any, float32[M, N]]:
    C = ta.zeros((M, N), float32)
    table = ta.constant(np.arange(4), dtype=float32)
    total = ta.scalar(float32, 0)
    for i, j in ta.reduction(M, N):
        with ta.when(A[i, 0] > 0):
            total += ta.exp(A[i, 0]) * table[j]
        with ta.otherwise():
            total.set(ta.minimum(total, ta.where(B[0, j] > 0, 1.0, float32(2))))
        C[i, j] = total.astype(bfloat16) + np.sqrt(A[i, j])
    return C


def use() -> None:
    assert_type(matmul, Kernel)
    s = customize(matmul)
    assert_type(s, Schedule)
    outer, inner = s.split("k", 2)
    s.reorder(outer, "PE.j")
    s.pipeline(inner, ii=1)
    buffer = s.buffer_at(s.C, "i")
    s.partition(buffer, dim=1, kind="cyclic", factor=2)
    assert_type(s.build(), CModule)
    assert_type(s.build("c"), CModule)
    assert_type(s.build(target="vitis_hls"), HLSProject)
    assert_type(s.build(target="vitis_hls", mode="csim"), CSimModule)
    assert_type(s.build(target="vitis_hls", mode="csyn", project="folder"), ToolRun)
    assert_type(gemm.build(), CModule)
    print(s.build().source, s.build(target="vitis_hls").source, s.script(), s.history, s.loops())
    s.build(target="vitis_hls").write("folder")
    verified = s.verify()
    assert_type(verified, Verification)
    assert_type(ta.verify(s, matmul), Verification)
    assert verified, verified.counterexample
    a, b = np.zeros((M, K), np.float32), np.zeros((K, N), np.float32)
    result: Any = gemm(a, b)
    other: Any = gemm.python(a, b)
    assert (result == other).all()
    assert (interpret(gemm, a, b) == interpret(gemm.trace(), a, b)).all()
    try:
        s.split("nothing", 2)
    except ta.UnknownLoopError as error:
        assert_type(error.code, str)
        print(explain(error), error.hint)
    except TraceallocError:
        raise
