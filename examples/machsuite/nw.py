"""Needleman-Wunsch alignment of two sequences; the aligned strings come out backwards, padded with ``_``."""

import tracealloc as ta
from tracealloc import kernel

MATCH, MISMATCH, GAP = 1, -1, -1
ALIGN, SKIP_A, SKIP_B = ord("\\"), ord("^"), ord("<")


def make(*, ALEN=128, BLEN=128):
    W, LENGTH = ALEN + 1, ALEN + BLEN

    def fill(seqA, seqB, M, ptr):
        for a in ta.range(ALEN + 1):
            M[a] = a * GAP
        for b in ta.range(BLEN + 1):
            M[b * W] = b * GAP
        for b in ta.range(1, BLEN + 1):
            for a in ta.range(1, ALEN + 1):
                score = ta.where(seqA[a - 1] == seqB[b - 1], MATCH, MISMATCH)
                diagonal = M[(b - 1) * W + a - 1] + score
                up = M[(b - 1) * W + a] + GAP
                left = M[b * W + a - 1] + GAP
                best = ta.maximum(diagonal, ta.maximum(up, left))
                M[b * W + a] = best
                if best == left:
                    ptr[b * W + a] = SKIP_B
                elif best == up:
                    ptr[b * W + a] = SKIP_A
                else:
                    ptr[b * W + a] = ALIGN

    @kernel
    def needwun(
        seqA: ta.int8[ALEN],
        seqB: ta.int8[BLEN],
        alignedA: ta.int8[LENGTH],
        alignedB: ta.int8[LENGTH],
        M: ta.int32[W * (BLEN + 1)],
        ptr: ta.int8[W * (BLEN + 1)],
    ):
        fill(seqA, seqB, M, ptr)
        a = ta.scalar(ta.int32, ALEN)
        b = ta.scalar(ta.int32, BLEN)
        length = ta.scalar(ta.int32, 0)

        def step():
            move = ptr[b * W + a]
            alignedA[length] = ord("-")
            alignedB[length] = ord("-")
            if (move == ALIGN) | (move == SKIP_B):
                alignedA[length] = seqA[a - 1]
                a.set(a - 1)
            if move != SKIP_B:
                alignedB[length] = seqB[b - 1]
                b.set(b - 1)
            length.set(length + 1)

        ta.while_loop(lambda: (a > 0) | (b > 0), step)
        for n in ta.range(length, LENGTH):
            alignedA[n] = ord("_")
            alignedB[n] = ord("_")

    return needwun
