"""What lowering for HLS decides and proves of loops, arrays and ports: once, for text and advice alike."""

from __future__ import annotations

import warnings
from contextlib import nullcontext

import pytest

import tracealloc as ta
from tracealloc import float32, int32, kernel
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.schedule.hls.lowered import for_hls
from tracealloc.trace.ir.facts import FunctionFacts, LoopFacts, Lowered
from tracealloc.trace.ir.layout import Banks
from tracealloc.trace.ir.program import Loop, While, walk_nodes


def facts_of(lowered: Lowered, name: str) -> FunctionFacts:
    return lowered.facts.functions[name]


def loop(lowered: Lowered, name: str, function: str | None = None) -> LoopFacts:
    found = facts_of(lowered, function or lowered.program.name)
    return next(facts for it, facts in found.loops.items() if it.name == name)


def nest(lowered: Lowered, name: str) -> list[str]:
    return [it.name for it in loop(lowered, name).nest]


def hls(s: ta.Schedule) -> Lowered:
    return for_hls(s.lowered, HARDWARE)


@kernel
def block(A: int32[6, 8, 4], T: int32[6, 6]):
    for i, j, k in ta.grid(6, 8, 4, name="L"):
        A[i, j, k] += 1
    for p in ta.range(6, name="T"):
        for q in ta.range(p, 6):
            T[p, q] += 1


def test_every_loop_has_its_trips_and_pipelined_ones_their_nest() -> None:
    s = ta.customize(block)
    s.pipeline("k")
    s.pipeline("q")
    found = hls(s)
    assert [loop(found, name).trips for name in "ijkpq"] == [(6, 6), (8, 8), (4, 4), (6, 6), (1, 6)]
    assert nest(found, "k") == ["i", "j", "k"]
    assert nest(found, "q") == ["q"], "how often it runs varies"
    assert nest(found, "i") == nest(found, "p") == []


@pytest.mark.parametrize(("mark", "expected"), [("unroll", "k"), ("parallel", "k"), ("none", "ijk")])
def test_what_hls_copies_is_not_flattened(mark: str, expected: str) -> None:
    s = ta.customize(block)
    s.pipeline("k")
    if mark != "none":
        getattr(s, mark)("j")
    assert nest(hls(s), "k") == list(expected)


def test_advice_flattens_as_the_text_does() -> None:
    @kernel
    def sums(A: float32[6, 8], total: float32[6]):
        for j, i in ta.grid(8, 6):
            total[i] += A[i, j]

    for parallel, warns in ((False, True), (True, False)):
        s = ta.customize(sums)
        if parallel:
            s.unroll("j")
        with pytest.warns(ta.TraceallocWarning) if warns else nullcontext():
            s.pipeline("i")
        assert nest(hls(s), "i") == (["i"] if parallel else ["j", "i"])


def test_banks_are_those_of_registers_whatever_else_was_asked() -> None:
    @kernel
    def add(A: int32[4, 8], B: int32[4, 8]):
        for i, j in ta.grid(4, 8):
            B[i, j] = A[i, j] + 1

    s = ta.customize(add)
    s.partition(s.A, dim=1, kind="cyclic", factor=2)
    s.bind(s.A, "register")
    s.partition(s.B, dim=0, kind="cyclic", factor=4)
    s.pipeline("i")
    top = facts_of(hls(s), "add")
    banks = {array.name: found for array, found in top.banks.items()}
    assert banks == {
        "A": (Banks("complete", 4), Banks("complete", 8)),
        "B": (Banks("complete", 4), Banks()),
    }
    lines = [line for line in s.build(target="vitis_hls").source.splitlines() if "partition" in line]
    assert lines == [
        "#pragma HLS array_partition variable=A type=complete dim=0",
        "#pragma HLS array_partition variable=B type=complete dim=1",
    ]
    assert {row.array: row.layout for row in s.conflicts()} == {
        "A": "dim 0 complete, dim 1 complete",
        "B": "dim 0 complete",
    }


def test_what_ports_copy() -> None:
    @kernel
    def scale(A: int32[8], B: int32[8], C: int32[8]):
        for i in ta.range(8):
            B[i] = A[i] * 2
            C[i] += A[i]

    s = ta.customize(scale)
    for name in "ABC":
        s.interface(name, "m_axi")
        s.partition(name, kind="cyclic", factor=2)
    assert [(c.array.name, c.local.name, c.read, c.written) for c in hls(s).facts.copies] == [
        ("A", "A_local", True, False),
        ("B", "B_local", False, True),
        ("C", "C_local", True, True),
    ]


@kernel
def search(A: int32[16], start: int32[5], out: int32[4], at: int32):
    for m in ta.range(start[at], start[at + 1]):
        out[at] += A[m]
    for t in ta.range(4):
        for u in ta.range(t, 4):
            out[at] += A[u]


@kernel
def calls(A: int32[16], start: int32[5], out: int32[4]):
    for i in ta.range(4):
        search(A, start, out, i)


def test_a_loop_on_data_in_a_function_keeps_the_loop_around_the_call_from_being_pipelined() -> None:
    s = ta.customize(calls)
    with pytest.warns(ta.TraceallocWarning) as warned:
        s.pipeline("i")
    assert [str(w.message).partition("\n")[0] for w in warned] == [
        "pipeline(\"i\"): loop 'search:m' inside 'i' has bounds that depend on data: it stays a loop, "
        "and HLS does not pipeline 'i' around it"
    ]
    found = hls(s)
    assert list(facts_of(found, "calls").rolled.values()) == ["the trip count of search: m depends on data"]
    assert not facts_of(found, "search").unrolled
    assert "u: for (int u = t; u < 4; ++u) {" in s.build(target="vitis_hls").source, "it keeps its bounds"


@kernel
def long(A: int32[5000], out: int32[5000]):
    for i in ta.range(5000):
        for j in ta.range(i, 5000):
            out[i] += A[j]


def test_a_loop_that_is_too_long_and_varies_stays_one() -> None:
    s = ta.customize(long)
    with pytest.warns(ta.TraceallocWarning) as warned:
        s.pipeline("i")
    assert [str(w.message).partition("\n")[0] for w in warned] == [
        "pipeline(\"i\"): loop 'j' inside 'i' runs up to 5000 times: it stays a loop, "
        "and HLS does not pipeline 'i' around it"
    ]
    assert "// Not pipelined: the trip count of j varies, up to 5000." in s.build(target="vitis_hls").source


def test_a_pipelined_while_unrolls_what_is_inside() -> None:
    @kernel
    def rounds(A: int32[6], n: int32[1]):
        def round_() -> None:
            for i in ta.range(3):
                for j in ta.range(i, 3):
                    A[i] += j
            n[0] -= 1

        ta.while_loop(lambda: n[0] > 0, round_, name="t")

    s = ta.customize(rounds)
    with pytest.warns(ta.TraceallocWarning, match="known only when it has ended"):
        s.pipeline("t")
    lines = [line.strip() for line in s.build(target="vitis_hls").source.splitlines()]
    assert "#pragma HLS pipeline II=1" in lines and "j: for (int j = 0; j < 3; ++j) {" in lines


def test_a_while_that_cannot_be_pipelined_says_so() -> None:
    @kernel
    def rounds(A: int32[6], n: int32[1]):
        def round_() -> None:
            for i in ta.range(n[0]):
                A[i % 6] += 1
            n[0] -= 1

        ta.while_loop(lambda: n[0] > 0, round_, name="t")

    s = ta.customize(rounds)
    with pytest.warns(ta.TraceallocWarning):
        s.pipeline("t")
    head, why = s.build(target="vitis_hls").source.splitlines()[4:6]
    assert head.startswith("  t: while (n[0] > 0) {")
    assert why == "    // Not pipelined: the trip count of i depends on data."


def test_copies_of_a_statement_have_loops_of_their_own() -> None:
    @kernel
    def rows(start: int32[9], A: int32[16], B: int32[8]):
        for i in ta.range(8):
            for k in ta.range(start[i], start[i + 1]):
                B[i] += A[k]

    s = ta.customize(rows)
    s.peel("i", 3)
    found = hls(s)
    iters = [node.iter for node in walk_nodes(found.program.body) if isinstance(node, Loop | While)]
    assert len(iters) == len(set(iters)) == 4
    assert set(facts_of(found, "rows").loops) == set(iters)


def test_functions_of_one_name_are_two() -> None:
    def scaled(by: int) -> ta.Kernel:
        @kernel
        def scale(A: int32[4]):
            for i in ta.range(4):
                A[i] *= by

        return scale

    two, three = scaled(2), scaled(3)

    @kernel
    def both(A: int32[4]):
        two(A)
        three(A)

    found = for_hls(both.trace(), HARDWARE)
    assert set(found.facts.functions) == {"both", "scale", "scale_1"}
    assert {each.name for each in found.program.callees()} == {"scale", "scale_1"}


def test_conflicts_are_of_loops_that_are_pipelined_in_the_text() -> None:
    @kernel
    def rows(start: int32[5], A: int32[16], B: int32[4]):
        for i in ta.range(4):
            for k in ta.range(start[i], start[i + 1]):
                B[i] += A[k]
            for m in ta.range(4):
                B[m] += A[m] + A[m + 4] + A[m + 8]

    s = ta.customize(rows)
    with pytest.warns(ta.TraceallocWarning):
        s.pipeline("i")
    assert not len(s.conflicts()), "a loop on data is inside"
    s.pipeline("m")
    assert [(row.loop, row.array, row.needed) for row in s.conflicts()] == [("m", "A", 2), ("m", "B", 1)]


def test_copies_of_a_loop_whose_bounds_move_together_are_counted() -> None:
    @kernel
    def windows(A: int32[20], B: int32[16]):
        for i in ta.range(16):
            for j in ta.range(i, i + 4):
                B[i] += A[j]

    s = ta.customize(windows)
    s.unroll("j")
    assert "#pragma GCC unroll 4\n" in str(s.build().source)
    assert loop(hls(s), "j").trips == (4, 4)


def test_facts_are_found_once() -> None:
    s = ta.customize(block)
    s.pipeline("k")
    assert hls(s) is hls(s)


def test_a_loop_that_is_a_function_is_not_flattened_into_the_one_around() -> None:
    @kernel
    def sums(A: float32[6, 8], total: float32[6]):
        for j, i in ta.grid(8, 6):
            total[i] += A[i, j]

    s = ta.customize(sums)
    s.outline("i", "row")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the sums of a row are apart
        s.pipeline("row:i")
    found = hls(s)
    assert [it.name for it in loop(found, "i", "row").nest] == ["i"]
