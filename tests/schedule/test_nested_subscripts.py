"""Arrays that choose elements of arrays: a new layout evaluates their subscripts in another order, or not."""

from __future__ import annotations

import pytest
from common import check_round_trip

import tracealloc as ta
from tracealloc import float32, int32, int64, kernel, uint16

bit = ta.UInt(1)


@kernel
def two(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            B[j] += A[A[0, 0], A[1, 1]] + A[v[0], v[i]]


@kernel
def stored(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            A[A[0, 1], v[1]] += A[A[0, 0], A[j, A[1, 1]]] - A[A[j, 0] & 1, 0] + v[i]


@kernel
def guarded(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            if A[A[0, 0], A[1, 1]] > A[A[j, 0], 0]:
                B[i & 1] += A[v[i], A[1, 1]] + i


@kernel
def queued(A: bit[2, 2], v: bit[4], q: ta.Stream[int32]):
    for j in ta.range(2):
        for i in ta.range(4):
            q.put(A[v[i], A[0, 1]] + j)


@kernel
def of_one(A: bit[1, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            t = A[v[i] % 1, v[0]]
            B[t] += A[v[0] % 1, A[0, v[1]]] + v[i] + j


LAYOUTS = ['s.permute("A", [1, 0])', 's.reshape("A", {size})', 's.reshape("A", [1, {size}])']
LATER = ["", 's.peel("i", 2)', 's.split("i", 2); s.unroll("i.inner")', 's.buffer_at("v", "j")']
LATER += ['s.outline("i", "part"); s.inline("part")', 's.reshape("v", [2, 2])']


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("top", [two, stored, guarded, queued, of_one], ids=lambda top: top.name)
def test_reads_are_told_apart_in_another_layout(top: ta.Kernel, layout: str) -> None:
    """In whichever order the subscripts are evaluated, and after the steps that follow."""
    size = 2 if top is of_one else 4
    for later in LATER[: -1 if top is of_one else None]:
        s = ta.customize(top)
        for step in (layout.format(size=size), *later.split("; ")):
            exec(step, {"s": s})
        check_round_trip(s)


@kernel
def twice(A: bit[1, 2], B: int32[2], v: bit[4]):
    for i in ta.range(2):
        if A[v[i] % 1, 0] > 0:
            B[i] = A[v[i] % 1, 0] + v[i]


@kernel
def rows(A: int32[1, 2], B: int32[2], v: bit[4]):
    for i in ta.range(2):
        A[v[0] % 1, i] = A[v[1] % 1, v[i]] + A[0, i] - A[v[2] % 1, i]
        B[i] += A[v[3] % 1, v[i]] + v[2]


@kernel
def _summed(R: bit[2], B: int32[2], by: int32):
    for i in ta.range(2):
        B[i] += R[i] * by


@kernel
def called(A: bit[1, 2], B: int32[2], v: bit[4], C: bit[2, 2]):
    for i in ta.range(2):
        _summed(C[v[A[v[i] % 1, 0]]], B, A[v[2] % 1, v[v[0] + 2]])


@pytest.mark.parametrize("later", ["", 's.reshape("A_local", [1, 2])', 's.reshape("v", [2, 2])'])
@pytest.mark.parametrize("layout", ['s.permute("A", [1, 0])', 's.reshape("A", 2)'])
@pytest.mark.parametrize("top", [twice, rows, called], ids=lambda top: top.name)
def test_rows_of_one_that_data_choose(top: ta.Kernel, layout: str, later: str) -> None:
    """A subscript that is gone counts as read; what only it told apart is one access."""
    s = ta.customize(top)
    for step in (layout, later):
        exec(step, {"s": s})
    check_round_trip(s)


@kernel
def hidden(A: int64[2, 7], B: float32[2, 7, 1], n: uint16):
    B[0, A[0, 5] % 7, n % 1] = B[n % 2, A[1, 1] % 7, A[0, 3] % 1] - 100.0


def test_an_array_that_only_a_row_of_one_reads_gets_another_layout() -> None:
    """The subscript ``A[0, 3] % 1`` is gone, its read counts, and is of the array as it is stored now."""
    s = ta.customize(hidden)
    s.reshape("B", [14])
    s.reshape("A", [14])
    assert s.verify()


@kernel
def _row(R: bit[2], B: int32[2], by: int32):
    for i in ta.range(2):
        B[i] += R[i] * by


@kernel
def _counted(n: bit, x: int32, B: int32[2], A: bit[2, 2]):
    for k in ta.range(n + 1):
        B[A[A[k & 1, n], x & 1]] += x + k


@kernel
def _local(D: bit[2], v: bit[4], B: int32[2], by: int32):
    T = ta.zeros((1, 2), bit)
    for k in ta.range(2):
        T[v[k] % 1, k] = D[k]
    for k in ta.range(2):
        B[k] += T[v[0] % 1, v[k]] * by


@kernel
def with_rows(A: bit[2, 2], B: int32[2], v: bit[4], C: bit[1, 2]):
    for i in ta.range(2):
        if C[v[1] % 1, v[i]] > 0:
            _row(A[v[C[v[i] % 1, 0]]], B, C[v[2] % 1, v[v[0] + 2]])


@kernel
def with_counts(A: bit[2, 2], B: int32[2], v: bit[4], C: bit[1, 2]):
    for i in ta.range(2):
        _counted(C[C[0, v[0]] % 1, v[i]], C[v[i] % 1, C[v[3] % 1, v[2]]], B, A)


@kernel
def with_locals(A: bit[2, 2], B: int32[2], v: bit[4], C: bit[1, 2]):
    for i in ta.range(2):
        T = ta.zeros((1, 2), bit)
        T[0, i] = v[i]
        _local(A[T[v[i] % 1, C[0, i]]], v, B, A[v[2], T[v[i] % 1, 1]])


@kernel
def in_counted_loops(A: bit[2, 2], B: int32[2], v: bit[4], C: bit[1, 2]):
    for i in ta.range(2):
        for k in ta.range(C[v[0] % 1, v[i]] + 1):
            B[A[v[k], A[C[v[k] % 1, k & 1], v[i]]]] += C[v[i] % 1, v[k + 1]] + k
            _row(A[C[v[k] % 1, i]], B, C[v[i] % 1, v[k]])


CALLEES = {with_rows: "_row", with_counts: "_counted", with_locals: "_local", in_counted_loops: "_row"}
AROUND = ['s.permute("C", [1, 0])', 's.reshape("C", 2)', 's.reshape("C", [2, 1])', 's.reshape("v", [2, 2])']


@pytest.mark.parametrize("step", AROUND)
@pytest.mark.parametrize("top", CALLEES, ids=lambda top: top.name)
def test_reads_of_what_is_called_with_elements_that_data_choose(top: ta.Kernel, step: str) -> None:
    """Before and after the call is inlined: each read is still the one that was traced."""
    inline = f's.inline("{CALLEES[top]}")'
    passed = top is with_locals and '"v"' in step
    for steps in ([] if passed else [step, inline], [inline, step], ['s.peel("i", 1)', inline, step]):
        s = ta.customize(top)
        for call in steps:
            exec(call, {"s": s})
        check_round_trip(s)


@pytest.mark.parametrize("shape", [2, [2, 1]])
def test_a_callees_own_array_in_another_layout(shape: int | list[int]) -> None:
    """Rows that its subscripts leave alone are known in the caller, too, and in the part that is peeled."""
    s = ta.customize(with_locals)
    s.reshape("_local:T", shape)
    s.inline("_local")
    s.reshape("T", 2)
    s.peel("i", 1)
    check_round_trip(s)


@kernel
def scalars(s: int32[1], t: uint16[1], A: int32[1, 4], B: int32[4]):
    for i in ta.range(4):
        A[t[0] % 1, i] += B[(s[t[0] % 1] + i) & 3] - A[s[0] % 1, (i + 1) & 3]
        B[s[t[0] % 1] & 3] += t[0]


@pytest.mark.parametrize("last", ['s.buffer_at("A_local", "i")', 's.reshape("A_local", [2, 2])'])
def test_a_scalar_that_only_choices_of_one_read(last: str) -> None:
    """It is read or not, whatever happens to it and to the array that it chose elements of."""
    s = ta.customize(scalars)
    for call in ('s.permute("A", [1, 0])', 's.reshape("t", [1, 1])', 's.reshape("A_local", 4)', last):
        exec(call, {"s": s})
    s.reshape("s", [1, 1])
    check_round_trip(s)


@kernel
def summed(A: bit[1, 4], v: bit[4], B: int32[2], C: int32[1, 2]):
    for i in ta.range(4):
        for j in ta.range(2):
            C[v[0], j] += A[v[i], i] * B[j]


def test_parts_of_a_sum_whose_row_data_choose() -> None:
    """The row was the only one: in another layout it is known, and so is which part each update adds to."""
    s = ta.customize(summed)
    s.reshape("C", 2)
    s.rfactor("C_local", "i", 2)
    check_round_trip(s)
