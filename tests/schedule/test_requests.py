"""Requests are kept with their step and line; layouts follow from them, and say which of them forced what."""

from __future__ import annotations

import pickle
from inspect import currentframe

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import Schedule, float32, grid, kernel


@kernel
def gemm(A: float32[6, 8], B: float32[8, 12]) -> float32[6, 12]:
    C = ta.zeros((6, 12), float32)
    for i, j, k in grid(6, 12, 8):
        C[i, j] += A[i, k] * B[k, j]
    return C


@kernel
def lines(A: float32[6, 8], B: float32[6, 8]):
    for i in ta.range(6):
        line = ta.zeros(8, float32)
        for j in ta.range(8):
            line[j] = A[i, j] * 2
        for j in ta.range(8):
            B[i, j] = line[j] + 1


@kernel
def batch(A: float32[4, 6, 8], B: float32[4, 6, 8]):
    for t in ta.range(4):
        lines(A[t], B[t])


def here() -> int:
    """The line that calls."""
    frame = currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


def why(s: Schedule, array: object) -> list[str]:
    """What forced a layout, and with which call."""
    return [f"{each.asks}: {each.call}" for each in s.layouts().reasons(array)]


def test_reasons_name_the_requests_with_their_lines() -> None:
    s = ta.customize(gemm)
    first = here() + 1
    s.partition(s.B, dim=1, kind="cyclic", factor=2)
    s.partition(s.B, dim=1, kind="cyclic", factor=4)
    s.partition(s.B, dim=1, kind="cyclic", factor=6)
    s.partition("C")
    s.bind("C", "uram", ports=2)
    assert repr(s.layouts().reasons("B")) == (
        "B: dim 1 complete\n"
        f'  dim 1 cyclic 4  step 2: s.partition("B", dim=1, kind="cyclic", factor=4)'
        f"  test_requests.py:{first + 1}\n"
        f'  dim 1 cyclic 6  step 3: s.partition("B", dim=1, kind="cyclic", factor=6)'
        f"  test_requests.py:{first + 2}"
    )
    both, memory = s.layouts().reasons(s.C)
    assert str(both) == (
        f'dim 0 complete, dim 1 complete: step 4, s.partition("C") at test_requests.py:{first + 3}'
    )
    assert (memory.asks, memory.step, memory.place.line) == ("uram, 2 ports", 5, first + 4)
    assert repr(s.layouts().reasons("A")) == "A: nothing was asked"
    assert "<pre>B: dim 1 complete\n" in s.layouts().reasons("B")._repr_html_()


def test_reasons_follow_undo_replay_copies_and_pickles() -> None:
    s = ta.customize(gemm)
    s.partition("B", dim=1, kind="cyclic", factor=4)
    before = why(s, "B")
    s.partition("B", dim=1)
    s.bind("B", "lutram")
    whole = ['dim 1 complete: partition("B", dim=1)', 'lutram: bind("B", "lutram")']
    assert why(s, "B") == whole
    for other in (s.copy(), s.replay(gemm), pickle.loads(pickle.dumps(s))):
        assert why(other, "B") == whole
        assert other.layouts().reasons("B") == s.layouts().reasons("B")
    known = pickle.loads(pickle.dumps(s.layouts()))
    assert known == s.layouts()
    assert repr(known.reasons("B")) == repr(s.layouts().reasons("B"))
    s.undo(2)
    assert why(s, "B") == before == ['dim 1 cyclic 4: partition("B", dim=1, kind="cyclic", factor=4)']
    check_round_trip(s, gemm)


def test_arrays_that_there_are_not() -> None:
    s = ta.customize(gemm)
    with pytest.raises(ta.UnknownArrayError) as caught:
        s.layouts().reasons("D")
    assert (caught.value.code, caught.value.place.short) == ("TA204", f"test_requests.py:{here() - 1}")
    with pytest.raises(ta.UnknownArrayError, match=r"TA209 reasons takes the name of an array, not 3"):
        s.layouts().reasons(3)
    buffer = s.buffer_at("A", "i")
    s.undo()
    with pytest.raises(ta.UnknownArrayError, match=r"TA204 array 'A_i' is no longer in the schedule"):
        s.layouts().reasons(buffer)


def test_the_order_of_steps_does_not_matter() -> None:
    asked = [("cyclic", 2), ("block", 3), ("cyclic", 6), ("block", 4)]
    found = set()
    for shift in range(len(asked)):
        s = ta.customize(gemm)
        for kind, factor in [*asked[shift:], *asked[:shift]]:
            s.partition("B", dim=0, kind=kind, factor=factor)
        found.add((s.layouts()["B"], frozenset(why(s, "B"))))
    assert len(found) == 1


def test_requests_stay_with_dimensions_that_move() -> None:
    s = ta.customize(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.partition(buffer, dim=1, kind="cyclic", factor=4)
    s.pack(buffer, 0, 2)
    s.bind(buffer, "uram")
    s.permute(buffer, [1, 0])
    assert why(s, buffer) == [
        'dim 0 cyclic 4: partition("B_i", dim=1, kind="cyclic", factor=4)',
        'dim 1 pack 2: pack("B_i", 0, 2)',
        'uram: bind("B_i", "uram")',
    ]
    assert "B_i: dim 0 cyclic 4, dim 1 pack 2, uram" in str(s)
    check_round_trip(s, gemm)


def test_a_memory_stays_when_the_shape_changes() -> None:
    s = ta.customize(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.bind(buffer, "uram")
    s.reshape(buffer, 96)
    assert why(s, buffer) == ['uram: bind("B_i", "uram")']
    s.partition(buffer, kind="cyclic", factor=1)
    s.reshape(buffer, (4, 24))
    s.pack(buffer, 1, 1)
    s.partition(buffer, dim=1, kind="block", factor=1)
    s.reshape(buffer, 96)
    s.partition(buffer)
    s.reshape(buffer, (4, 24))
    assert why(s, buffer)[1:] == ['dim 0 complete, dim 1 complete: partition("B_i")']
    check_round_trip(s, gemm)


def test_banks_of_loops_stay_with_their_loop() -> None:
    s = ta.customize(batch)
    s.distribute("lines:i")
    s.partition("lines:line", dim=0, kind="cyclic", factor=3)
    s.partition("lines:line", dim=1, kind="cyclic", factor=4)
    asked = [
        f'cyclic {f}: partition("lines:line", dim={d}, kind="cyclic", factor={f})'
        for d, f in ((0, 3), (1, 4))
    ]
    assert repr(s.layouts().reasons("lines:line")).startswith("lines:line: dim 0 cyclic 3, dim 1 cyclic 4\n")
    assert repr(s.layouts().reasons("lines:A")) == "lines:A: nothing was asked"
    assert why(s, "lines:line") == [f"dim 0 {asked[0]}", f"dim 1 {asked[1]}"]
    s.inline("lines")
    assert why(s, "line") == [f"dim 0 {asked[0]}", f"dim 1 {asked[1]}"]
    s.distribute("t")
    assert s.line.shape == (4, 6, 8)
    assert why(s, "line") == [f"dim 1 {asked[0]}", f"dim 2 {asked[1]}"]
    check_round_trip(s, batch)


def test_requests_of_an_outlined_function_are_those_of_its_arrays() -> None:
    s = ta.customize(lines)
    s.partition("line", kind="cyclic", factor=2)
    s.partition("A", dim=1, kind="cyclic", factor=2)
    s.outline("i", "part")
    s.partition("part:A", dim=1, kind="cyclic", factor=3)
    s.bind("part:line", "lutram")
    shown = str(s).partition("layouts   ")[2].partition("\nhistory")[0].split("\n")
    assert [each.strip() for each in shown] == [
        "part:line: dim 0 cyclic 2, lutram",
        "part:A: dim 1 cyclic 6",
        "A: dim 1 cyclic 6",
    ]
    for name in ("A", "part:A"):
        assert [each.step for each in s.layouts().reasons(name)] == [2, 4]
    inside = s["part:line"]
    s.inline("part")
    for array in ("line", inside):
        assert [each.step for each in s.layouts().reasons(array)] == [1, 5]
    check_round_trip(s, lines)


def test_what_a_window_needs_is_asked_by_the_step_that_makes_it() -> None:
    @kernel
    def blur(A: float32[16], B: float32[14]):
        for i in ta.range(14):
            B[i] = A[i] + A[i + 1] + A[i + 2]

    s = ta.customize(blur)
    window = s.reuse_at("A", "i")
    assert why(s, window) == ['dim 0 complete: reuse_at("A", "i")']


@pytest.mark.parametrize(
    ("steps", "because", "hint"),
    [
        (
            [("pack", "B", 1, 4), ("partition", "B", 1)],
            [
                "dimension 1 of 'B' is packed by 4, as pack(\"B\", 1, 4) asks",
                "dimension 1 of 'B' is complete, as partition(\"B\", 1) asks",
                "a dimension that is packed is not partitioned",
            ],
            "pack one dimension and partition another",
        ),
        (
            [("partition", "B", 1, "cyclic", 2), ("pack", "B", 1, 4)],
            [
                'dimension 1 of \'B\' is cyclic 2, as partition("B", 1, "cyclic", 2) asks',
                "dimension 1 of 'B' is packed by 4, as pack(\"B\", 1, 4) asks",
                "a dimension that is packed is not partitioned",
            ],
            "pack one dimension and partition another",
        ),
        (
            [("pack", "B", 1, 4), ("pack", "B", 0, 2)],
            [
                "dimension 1 of 'B' is packed by 4, as pack(\"B\", 1, 4) asks",
                "dimension 0 of 'B' is packed by 2, as pack(\"B\", 0, 2) asks",
                "the words of an array are along one dimension",
            ],
            "both along the same dimension",
        ),
        (
            [("pack", "B", 1, 4), ("pack", "B", 1, 6)],
            [
                "dimension 1 of 'B' is packed by 4, as pack(\"B\", 1, 4) asks",
                "dimension 1 of 'B' is packed by 6, as pack(\"B\", 1, 6) asks",
                "neither word holds a whole number of the other",
            ],
            "words of 12",
        ),
    ],
)
def test_requests_that_no_layout_serves(
    steps: list[tuple[object, ...]], because: list[str], hint: str
) -> None:
    s = ta.customize(gemm)
    (first, *before), (second, *after) = steps
    getattr(s, str(first))(*before)
    places = [f" (test_requests.py:{here() - 1})", f" (test_requests.py:{here() + 1})", ""]
    message = refused(lambda: getattr(s, str(second))(*after), s, ta.LayoutError)
    call = because[1].partition(", as ")[2].removesuffix(" asks")
    assert message == "\n".join(
        [
            f"TA234 {call} leaves no layout of 'B' that serves all that is asked",
            *(f"  because: {text}{place}" for text, place in zip(because, places, strict=True)),
            f"  try: {hint}",
        ]
    )


def test_inlining_shows_both_requests_where_none_serves() -> None:
    s = ta.customize(batch)
    s.bind("A", "uram", ports=2)
    s.bind("lines:A", "bram")
    first, second = (f"(test_requests.py:{here() - back})" for back in (2, 1))
    assert refused(lambda: s.inline("lines"), s, ta.LayoutError) == (
        "TA234 inline(\"lines\") leaves no layout of 'A' that serves all that is asked\n"
        f'  because: \'A\' is uram, 2 ports, as bind("A", "uram", ports=2) asks {first}\n'
        f'  because: \'A\' is bram, as bind("lines:A", "bram") asks {second}\n'
        "  because: an array is in one memory\n"
        "  try: s.bind(...) both alike"
    )
    s.bind("A", "auto", ports=2)
    s.partition("lines:A", dim=1, kind="cyclic", factor=4)
    s.partition("A", dim=2, kind="cyclic", factor=2)
    s.inline("lines")
    assert "A: dim 2 cyclic 4, bram, 2 ports" in str(s)
    assert [each.step for each in s.layouts().reasons("A")] == [2, 3, 4]
    check_round_trip(s, batch)


def test_the_requests_that_are_shown_are_those_that_do_not_go_together() -> None:
    @kernel
    def double(X: float32[6]):
        for n in ta.range(6):
            X[n] = X[n] * 2

    @kernel
    def halve(Y: float32[6]):
        for m in ta.range(6):
            Y[m] = Y[m] / 2

    @kernel
    def both(A: float32[6]):
        double(A)
        halve(A)

    s = ta.customize(both)
    s.bind("A", "auto", ports=2)
    s.bind("double:X", "uram")
    s.bind("halve:Y", "bram")
    s.inline("double")
    message = refused(lambda: s.inline("halve"), s, ta.LayoutError).splitlines()
    assert [line.partition(", as ")[0] for line in message[1:3]] == [
        "  because: 'A' is uram",
        "  because: 'A' is bram",
    ]
    s.undo()
    s.bind("halve:Y", "uram")
    s.inline("double")
    s.inline("halve")
    assert "A: uram, 2 ports" in str(s)
    check_round_trip(s, both)
