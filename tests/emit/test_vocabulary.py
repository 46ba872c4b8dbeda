"""What HLS C++ includes is what its text uses, not what words it happens to have."""

from __future__ import annotations

import re

import pytest

import tracealloc as ta
from tests.emit.hls import hls_text
from tracealloc import bfloat16, float16, float32, int8, kernel
from tracealloc.emit.vitis.values.helpers import HELPER_NAMES, headers_of, helper_text

USES = {
    "cstdint": r"\bu?int\d+_t\b",
    "ap_int.h": r"\bap_u?int<",
    "ap_fixed.h": r"\bap_u?fixed<",
    "hls_half.h": r"\bhalf\b",
    "hls_stream.h": r"\bhls::stream<",
}


def included(made: ta.Kernel) -> list[str]:
    return re.findall(r"#include [<\"](.*)[>\"]", hls_text(made.trace()).header)


@pytest.mark.parametrize("name", sorted(HELPER_NAMES))
def test_helpers_say_which_headers_they_need(name: str) -> None:
    text = "\n".join(re.sub(r"//.*", "", line) for part in helper_text({name}) for line in part.split("\n"))
    assert headers_of({name}) == {header for header, use in USES.items() if re.search(use, text)}


@kernel
def half(ap_int: float32[4]):
    for bfloat16_ in ta.range(4):
        ap_int[bfloat16_] = ap_int[bfloat16_] + 1.0


@kernel
def halves(A: float16[4], B: bfloat16[4], C: ta.Fixed(12, 4)[4], D: ta.UInt(5)[4], E: int8[4]):
    for i in ta.range(4):
        A[i] = 1.0
        B[i] = 1.0
        C[i] = 1.0
        D[i] = 1
        E[i] = 1


@kernel
def queue(A: float32[4], q: ta.Stream[float32]):
    for i in ta.range(4):
        q.put(A[i])


@kernel
def wide(A: ta.Int(600)[4]):
    for i in ta.range(4):
        A[i] = A[i] + 1


def test_names_of_the_users_include_nothing() -> None:
    assert included(half) == []


def test_types_include_their_headers() -> None:
    ours = "tracealloc_bfloat16.h"
    assert included(halves) == ["cstdint", "ap_int.h", "ap_fixed.h", "hls_half.h", ours]
    assert list(hls_text(halves.trace()).others) == [ours]


def test_queues_include_theirs() -> None:
    assert included(queue) == ["hls_stream.h"]


def test_the_widest_type_is_known() -> None:
    text = hls_text(wide.trace())
    assert text.wide == 2400 and "#define AP_INT_MAX_W 3072" in text.header
    assert hls_text(halves.trace()).wide == 12 and hls_text(half.trace()).wide == 0
