"""RNA secondary structure by Nussinov's dynamic programme: the most base pairs of each subsequence.

Bases are numbers from 0 to 3; two of them pair when they add up to 3.
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.int32):
    @kernel
    def nussinov(seq: ta.int8[N], table: dtype[N, N]):
        for i in ta.range(N - 1, -1, -1):
            for j in ta.range(i + 1, N):
                table[i, j] = ta.maximum(table[i, j], table[i, j - 1])
                table[i, j] = ta.maximum(table[i, j], table[i + 1, j])
                if i < j - 1:
                    pair = ta.where(seq[i] + seq[j] == 3, 1, 0)
                    table[i, j] = ta.maximum(table[i, j], table[i + 1, j - 1] + pair)
                else:
                    table[i, j] = ta.maximum(table[i, j], table[i + 1, j - 1])
                for k in ta.range(i + 1, j):
                    both = (table[i, k] + table[k + 1, j]).astype(dtype)  # the sum alone would be a bit wider
                    table[i, j] = ta.maximum(table[i, j], both)

    return nussinov
