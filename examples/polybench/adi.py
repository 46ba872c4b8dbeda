"""Heat equation by the alternating-direction implicit method, boundary value 1.

Each step solves tridiagonal systems along the columns (u to v), then along the rows (v to u); p and q
hold the coefficients of the elimination.
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    # The heat equation's coefficients: time step 1 / TSTEPS, space steps 1 / N, factors 2 and 1.
    step = 1.0 / max(TSTEPS, 1)  # without any step its size does not matter
    mul1 = 2.0 * step / ((1.0 / N) * (1.0 / N))
    mul2 = 1.0 * step / ((1.0 / N) * (1.0 / N))
    a, b = -mul1 / 2.0, 1.0 + mul1
    d, e = -mul2 / 2.0, 1.0 + mul2
    c, f = a, d

    @kernel
    def adi(u: dtype[N, N], v: dtype[N, N], p: dtype[N, N], q: dtype[N, N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):  # columns
                v[0, i] = 1
                p[i, 0] = 0
                q[i, 0] = v[0, i]
                for j in ta.range(1, N - 1):
                    p[i, j] = -c / (a * p[i, j - 1] + b)
                    q[i, j] = (
                        -d * u[j, i - 1] + (1.0 + 2.0 * d) * u[j, i] - f * u[j, i + 1] - a * q[i, j - 1]
                    ) / (a * p[i, j - 1] + b)
                v[N - 1, i] = 1
                for j in ta.range(N - 2, 0, -1):
                    v[j, i] = p[i, j] * v[j + 1, i] + q[i, j]

            for i in ta.range(1, N - 1):  # rows
                u[i, 0] = 1
                p[i, 0] = 0
                q[i, 0] = u[i, 0]
                for j in ta.range(1, N - 1):
                    p[i, j] = -f / (d * p[i, j - 1] + e)
                    q[i, j] = (
                        -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - c * v[i + 1, j] - d * q[i, j - 1]
                    ) / (d * p[i, j - 1] + e)
                u[i, N - 1] = 1
                for j in ta.range(N - 2, 0, -1):
                    u[i, j] = p[i, j] * u[i, j + 1] + q[i, j]

    return adi
