"""All MachSuite kernels on the suite's own data, as plain Python and through the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib import recfunctions

from tests.examples.suite import assert_close, dataset, example
from tests.plain import plain

NAMES = [
    "aes",
    "backprop",
    "bfs_bulk",
    "bfs_queue",
    "fft_strided",
    "fft_transpose",
    "gemm_blocked",
    "gemm_ncubed",
    "kmp",
    "md_grid",
    "md_knn",
    "nw",
    "sort_merge",
    "sort_radix",
    "spmv_crs",
    "spmv_ellpack",
    "stencil_stencil2d",
    "stencil_stencil3d",
    "viterbi",
]
# As interpreted Python these take from 3 to 60 seconds.
SLOW_AS_PYTHON = {"backprop", "gemm_blocked", "gemm_ncubed", "viterbi", "sort_radix", "md_grid"}
# Scratch whose contents are not the suite's: other code writes it.
SCRATCH: dict[str, set[str]] = {}


def arguments(data: dict[str, np.ndarray]) -> dict[str, Any]:
    """The arguments in the suite's order; the split members of a struct become one array of records."""
    found: dict[str, Any] = {}
    for name in map(str, data["arg_order"]):
        if f"in_{name}" in data:
            array = data[f"in_{name}"]
            found[name] = array.copy() if array.ndim else array[()]
            continue
        fields = [key[len(f"in_{name}_") :] for key in data if key.startswith(f"in_{name}_")]
        parts = [data[f"in_{name}_{field}"] for field in fields]
        dtype = np.dtype([(field, part.dtype) for field, part in zip(fields, parts, strict=True)])
        found[name] = recfunctions.unstructured_to_structured(np.stack(parts, axis=-1), dtype)
    return found


def check(engine: Any, name: str) -> None:
    data = dataset("machsuite", name)
    args = arguments(data)
    engine(example("machsuite", name).make())(*args.values())
    for key, array in args.items():
        fields = array.dtype.names if isinstance(array, np.ndarray) and array.dtype.names else ("",)
        for field in fields:
            full = f"{key}_{field}" if field else key
            got = array[field] if field else array
            # run_ is bit-exact, out_ went through decimal text, in_ is what must not change.
            expected = data.get(f"run_{full}", data.get(f"out_{full}", data[f"in_{full}"]))
            if full not in SCRATCH.get(name, set()):
                assert_close(full, np.asarray(got), expected)
            if f"out_{full}" in data:
                assert_close(full, np.asarray(got), data[f"out_{full}"])


@pytest.mark.parametrize("name", NAMES)
def test_plain(name: str, long_mode: bool) -> None:
    if name in SLOW_AS_PYTHON and not long_mode:
        pytest.skip("only with --long")
    check(plain, name)


@pytest.mark.parametrize("name", NAMES)
def test_compiled(name: str) -> None:
    check(lambda kernel: kernel, name)
