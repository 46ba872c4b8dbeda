"""All-pairs shortest paths, in place."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, N, dtype=ta.int32):
    @kernel
    def floyd_warshall(path: dtype[N, N]):
        for k, i, j in grid(N, N, N):
            path[i, j] = ta.minimum(path[i, j], path[i, k] + path[k, j])

    return floyd_warshall
