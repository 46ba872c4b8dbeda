"""partition, pack, bind, interface, reshape, permute, cast, conflicts and the lattice under them."""

from __future__ import annotations

from itertools import product

import pytest

import tracealloc as ta
from tests.schedule.memory import agree, schedule_of
from tracealloc import int32, kernel
from tracealloc.schedule.layout.lattice import at_least, join_banks
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import float32
from tracealloc.trace.ir.layout import Banks, normal_banks
from tracealloc.trace.proxies.functional import zeros
from tracealloc.trace.proxies.loops import grid


def gemm(A: float32[6, 8], B: float32[8, 10]):
    C = zeros((6, 10), float32)
    for i, j, k in grid(6, 10, 8):
        C[i, j] += A[i, k] * B[k, j]
    return C


@pytest.mark.parametrize("extent", [1, 2, 7, 10, 12, 16, 30])
def test_join_is_the_least_upper_bound(extent: int) -> None:
    factors = range(1, extent + 3)
    known = {normal_banks(Banks(kind, f), extent) for kind in ("cyclic", "block") for f in factors}
    known |= {Banks(), Banks("complete", extent)}
    for a, b in product(known, known):
        joined = join_banks(a, b, extent)
        assert joined == join_banks(b, a, extent) == normal_banks(joined, extent)
        assert at_least(joined, a, extent)
        assert at_least(joined, b, extent)
        above = [c for c in known if at_least(c, a, extent) and at_least(c, b, extent)]
        assert all(at_least(c, joined, extent) for c in above), (a, b)


def test_blocks_are_compared_by_their_size() -> None:
    assert normal_banks(Banks("block", 7), 10) == Banks("block", 5)
    assert at_least(Banks("block", 7), Banks("block", 3), 10)  # blocks of 2 and of 4
    assert not at_least(Banks("block", 4), Banks("block", 2), 10)  # of 3 and of 5
    assert join_banks(Banks("block", 4), Banks("block", 2), 10) == Banks("complete", 10)
    assert join_banks(Banks("block", 2), Banks("block", 3), 12) == Banks("block", 6)
    s = schedule_of(gemm)
    s.partition(s.B, dim=1, kind="block", factor=7)
    assert s.layouts()["B"] == (("whole", 1), ("block", 5))
    assert "array_partition variable=B type=block factor=5 dim=2" in s.build(target="vitis_hls").source


def test_conflicts_propose_the_least_partition() -> None:
    s = schedule_of(gemm)
    s.reorder("k", "j")
    s.unroll("j", factor=5)
    s.pipeline("j")
    table = s.conflicts()
    assert table
    tries = {row["array"]: row["proposal"] for row in table.to_dict()["conflicts"] if not row["ok"]}
    assert tries == {
        "B": 's.partition("B", dim=1, kind="cyclic", factor=5)',
        "C": 's.partition("C", dim=1, kind="cyclic", factor=5)',
    }
    s.partition(s.B, dim=1, kind="cyclic", factor=5)
    s.partition(s.C, dim=1, kind="cyclic", factor=5)
    after = s.conflicts()
    assert all(row.ok for row in after) and [each.needed for each in after.chains] == [4]
    assert "<table>" in after._repr_html_() and "<p>j: II asked 1, needed 4: " in after._repr_html_()
    assert str(table).splitlines()[0].split()[:4] == ["loop", "array", "layout", "accesses"]


def test_conflicts_count_unknown_banks_everywhere_and_equal_reads_once() -> None:
    def diagonal(A: float32[8, 8], B: float32[8]):
        for i in grid(8):
            B[i] = A[i, 0] + A[i, 0] * A[7 - i, 0]

    s = schedule_of(diagonal)
    s.pipeline("i")
    s.partition(s.A, dim=0, kind="cyclic", factor=2)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.accesses, row.reads, row.needed) == (2, 2, 1)
    s.bind(s.A, "bram", ports=1)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.needed, row.ok) == (2, False)


def blur(A: float32[8, 10], B: float32[6, 8]):
    for i, j in grid(6, 8):
        for r, q in grid(3, 3):
            B[i, j] += A[i + r, j + q]


def test_arguments_of_other_types_are_refused() -> None:
    s = schedule_of(blur)
    for step, args, code in [
        ("partition", ([],), "TA230"),
        ("partition", (1.0,), "TA207"),
        ("reshape", (None,), "TA207"),
        ("permute", (1,), "TA207"),
        ("permute", ((True, False),), "TA235"),
        ("interface", ("m_axi bundle",), "TA233"),
    ]:
        with pytest.raises(ScheduleError) as caught:
            getattr(s, step)("A", *args)
        assert caught.value.code == code
    with pytest.raises(ScheduleError) as caught:
        s.interface("A", "m_axi", bundle="a b")
    assert caught.value.code == "TA233"


def test_window_of_an_array_in_another_layout() -> None:
    for order in ((1, 0), (0, 1)):
        s = schedule_of(blur)
        local = s.permute("A", order)
        s.reuse_at(s.reuse_at(local, "i"), "j")
        agree(s)
    s = schedule_of(blur)
    s.reuse_at(s.reshape("A", (s.A.shape[0] * s.A.shape[1],)), "i")
    agree(s)


def test_peeled_iterations_have_buffers_with_the_same_banks() -> None:
    @kernel
    def rows(A: int32[8, 6], B: int32[8, 6]):
        for i, j in grid(8, 6):
            B[i, j] = A[i, j] + A[i, 5 - j]

    s = ta.customize(rows)
    row = s.buffer_at(s.A, "i")
    s.partition(row)
    s.peel("i", 2)
    banks = {str(a): s.layouts()[str(a)] for a in s.arrays() if str(a).startswith("A_")}
    assert len(banks) == 2
    assert len(set(map(str, banks.values()))) == 1 and "complete" in str(banks)
