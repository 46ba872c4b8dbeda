"""Calls with arguments that a public function does not have: the signature, the place, what to write."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import tracealloc as ta
from tracealloc import float32, int32, kernel
from tracealloc.trace.diagnostics.public import public


@kernel
def twice(A: float32[4]):
    for i in ta.grid(4):
        A[i] = A[i] * 2


SCHEDULE = ta.customize(twice)


def parentheses() -> None:
    @kernel()
    def once(A: int32[4]):
        A[0] = 1


CALLS: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "parentheses": (
        parentheses,
        "kernel(): missing a required argument: 'function'",
        "kernel(function)",
        "@kernel, without parentheses, above the def",
    ),
    "fixed point": (
        lambda: ta.Fixed(8),
        "Fixed(8): missing a required argument: 'frac'",
        "Fixed(bits, frac, rounding='TRN', overflow='WRAP')",
        "ta.Fixed(16, 8): bits, and how many of them are behind the point",
    ),
    "width": (
        lambda: ta.UInt(8, 3),
        "UInt(8, 3): too many positional arguments",
        "UInt(bits)",
        "ta.UInt(12)",
    ),
    "record": (
        lambda: ta.Struct(int32),
        "Struct(int32): too many positional arguments",
        "Struct(**fields)",
        "ta.Struct(x=int32, y=float32)",
    ),
    "method": (
        lambda: SCHEDULE.verify(methd="symbolic"),
        "verify(methd='symbolic'): got an unexpected keyword argument 'methd'",
        "verify(method=None)",
        "method=",
    ),
    "function": (
        lambda: ta.customize(twice, reassoc=True),
        "customize(<kernel twice>, reassoc=True): got an unexpected keyword argument 'reassoc'",
        "customize(kernel, *, reassociate=False, target=None)",
        "reassociate=",
    ),
    "too few": (
        lambda: ta.verify(twice),
        "verify(<kernel twice>): missing a required argument: 'b'",
        "verify(a, b, method=None)",
        "",
    ),
    "project": (
        lambda: SCHEDULE.build(target="vitis_hls").write(),
        "write(): missing a required argument: 'path'",
        "write(path, *, overwrite=False)",
        "",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_message_shows_what_is_taken(name: str) -> None:
    act, said, signature, cure = CALLS[name]
    with pytest.raises(ta.ArgumentError) as found:
        act()
    text = str(found.value)
    assert text.splitlines()[0] == f"TA708 {said}"
    assert f"because: it is called as {signature}" in text
    assert (f"try: {cure}" in text) if cure else ("try:" not in text)
    assert found.value.place is not None and found.value.place.file == __file__


def test_errors_of_the_function_itself_stay() -> None:
    @public()
    def fails(x: int) -> None:
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        fails(1)


def test_every_function_says_so() -> None:
    functions = [
        getattr(ta, name) for name in ("customize", "verify", "explain", "interpret", "raw", "from_raw")
    ]
    methods = [
        SCHEDULE.loops,
        SCHEDULE.bands,
        SCHEDULE.arrays,
        SCHEDULE.copy,
        SCHEDULE.script,
        SCHEDULE.replay,
    ]
    methods += [SCHEDULE.layouts, SCHEDULE.conflicts, twice.trace, twice.reset]
    for function in (*functions, *methods, ta.Int, ta.UInt, ta.Fixed, ta.UFixed, kernel):
        assert inspect.signature(function)
        with pytest.raises(ta.ArgumentError, match="TA708"):
            function(1, 2, 3, 4, 5, 6, no_such_argument=1) if function is not ta.interpret else function()
