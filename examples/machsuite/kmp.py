"""Counts the occurrences of a pattern in a text (Knuth, Morris and Pratt).

As in the suite, the loops fall back to ``kmpNext[q]``, where textbooks have ``kmpNext[q - 1]``.
"""

import tracealloc as ta
from tracealloc import kernel


def advance(matched, pattern, symbol, links, fall_back):
    """Take one more symbol: follow the links while it does not fit, count it when it does."""
    ta.while_loop(lambda: (matched > 0) & (pattern[matched] != symbol), lambda: matched.set(links[fall_back]))
    if pattern[matched] == symbol:
        matched.set(matched + 1)


def make(*, PATTERN_SIZE=4, STRING_SIZE=32411):
    @kernel
    def kmp(
        pattern: ta.int8[PATTERN_SIZE],
        input: ta.int8[STRING_SIZE],
        kmpNext: ta.int32[PATTERN_SIZE],
        n_matches: ta.int32[1],
    ):
        n_matches[0] = 0

        k = ta.scalar(ta.int32, 0)
        kmpNext[0] = 0
        for q in ta.range(1, PATTERN_SIZE):
            advance(k, pattern, pattern[q], kmpNext, q)
            kmpNext[q] = k

        q = ta.scalar(ta.int32, 0)
        for i in ta.range(STRING_SIZE):
            advance(q, pattern, input[i], kmpNext, q)
            if q >= PATTERN_SIZE:
                n_matches[0] += 1
                q.set(kmpNext[q - 1])

    return kmp
