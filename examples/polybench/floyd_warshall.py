"""All-pairs shortest paths, in place."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, N, dtype=ta.int32):
    @kernel
    def floyd_warshall(path: dtype[N, N]):
        for k, i, j in grid(N, N, N):
            through = (path[i, k] + path[k, j]).astype(dtype)  # the sum alone would be a bit wider
            path[i, j] = ta.minimum(path[i, j], through)

    return floyd_warshall
