"""A feed-forward layer of BERT-base on an array of PEs: ``python -m benchmarks.layer [--values]``.

(512 x 768) by (768 x 3072), int8, on 16 x 16 PEs, which need at least 4,718,592 cycles. Cycles are simulated,
by the steady state that the network is found in, or with ``--values`` followed to the end, with the product
beside NumPy's; seconds are of the processor, measured.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from examples.systolic import make, tiled

M, K, N, PES = 512, 768, 3072, 16
LIMIT = M * K * N // PES**2


def main(values: bool) -> None:
    """Print the figures."""
    start = time.process_time()
    schedule = tiled(make(M=M, N=N, K=K), PES, PES)
    scheduled = time.process_time()
    depths = schedule.resolved[1]
    searched = time.process_time()
    print(f"schedule {scheduled - start:.2f} s, depths {searched - scheduled:.2f} s")
    print(depths)
    random = np.random.default_rng(0)
    A, B = (random.integers(-128, 128, shape).astype(np.int8) for shape in ((M, K), (K, N)))
    for full in (False, True)[: 1 + values]:
        start = time.process_time()
        found = schedule.simulate(A, B, values=full)
        seconds = time.process_time() - start
        assert found.cycles is not None
        over = 100 * (found.cycles / LIMIT - 1)
        how = "with values" if full else f"{found.leapt:,} of them by the steady state"
        print(f"{found.cycles:,} cycles simulated ({how}), {over:.4f} % over the limit, in {seconds:.2f} s")
        if full:
            rate = found.cycles * len(found.processes) / seconds / 1e6
            product = A.astype(np.float64) @ B.astype(np.float64)
            same = np.array_equal(found.arrays["C"], product)
            print(f"{rate:.1f} million process-cycles a second; as NumPy: {same}")


if __name__ == "__main__":
    main("--values" in sys.argv[1:])
