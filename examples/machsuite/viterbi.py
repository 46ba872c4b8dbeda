"""The most likely path through a hidden Markov model, on negative logarithms of probabilities."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N_STATES=64, N_OBS=140, N_TOKENS=64, dtype=ta.float64):
    S = N_STATES

    @kernel
    def viterbi(
        obs: ta.uint8[N_OBS],
        init: dtype[S],
        transition: dtype[S * S],
        emission: dtype[S * N_TOKENS],
        path: ta.uint8[N_OBS],
    ):
        cost = ta.empty((N_OBS, S), dtype)
        for s in ta.range(S):
            cost[0, s] = init[s] + emission[s * N_TOKENS + obs[0]]

        for t in ta.range(1, N_OBS):
            for now in ta.range(S):
                seen = emission[now * N_TOKENS + obs[t]]
                least = ta.scalar(dtype, cost[t - 1, 0] + transition[now] + seen)
                for before in ta.range(1, S):
                    p = cost[t - 1, before] + transition[before * S + now] + seen
                    if p < least:
                        least.set(p)
                cost[t, now] = least

        best = ta.scalar(dtype, cost[N_OBS - 1, 0])
        state = ta.scalar(ta.uint8, 0)
        for s in ta.range(1, S):
            if cost[N_OBS - 1, s] < best:
                best.set(cost[N_OBS - 1, s])
                state.set(s)
        path[N_OBS - 1] = state

        for t in ta.range(N_OBS - 2, -1, -1):
            best.set(cost[t, 0] + transition[path[t + 1]])
            state.set(0)
            for s in ta.range(1, S):
                p = cost[t, s] + transition[s * S + path[t + 1]]
                if p < best:
                    best.set(p)
                    state.set(s)
            path[t] = state

    return viterbi
