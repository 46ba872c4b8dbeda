"""The schedules of the examples: short, proved at MEDIUM size, free of bank conflicts, the same bits."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from benchmarks.hardware import PUBLISHED, Design, design_of, table_row
from tests.conftest import Golden
from tests.examples.references import REFERENCES, SIZES
from tests.examples.suite import ROOT, example
from tests.examples.test_polybench import WITH_DATA, check_data, check_reference
from tracealloc.check.interpret.interpret import interpret

MEDIUM = {
    "gemm": {"NI": 200, "NJ": 220, "NK": 240},
    "two_mm": {"NI": 180, "NJ": 190, "NK": 210, "NL": 220},
    "three_mm": {"NI": 180, "NJ": 190, "NK": 200, "NL": 210, "NM": 220},
    "atax": {"M": 390, "N": 410},
    "bicg": {"M": 390, "N": 410},
    "correlation": {"M": 240, "N": 260},
    "gesummv": {"N": 250},
    "jacobi_2d": {"TSTEPS": 100, "N": 250},
    "mvt": {"N": 400},
    "symm": {"M": 200, "N": 240},
    "syr2k": {"M": 200, "N": 240},
    "syrk": {"M": 200, "N": 240},
    "trmm": {"M": 200, "N": 240},
}


SLOWER = ("mvt",)  # than the published design
# Few sums, each a long chain of additions: these are added up in parts.
IN_PARTS = ("atax", "bicg", "gesummv", "mvt")
OTHERS: dict[str, dict[str, int]] = {
    "conv2d": {"H": 13, "W": 17},
    "blur": {"H": 21, "W": 14},
    "wavefront": {"N": 15, "TSTEPS": 3},
    "cpu_gemm": {"M": 33, "N": 40, "K": 19},
}


def small(name: str) -> dict[str, int]:
    """Sizes at which factors do not divide."""
    sizes = {key: min(value, 22 + 3 * number) for number, (key, value) in enumerate(MEDIUM[name].items())}
    return sizes | ({"TSTEPS": 3} if "TSTEPS" in sizes else {})


def scheduled(name: str, sizes: dict[str, int], dtype: Any = ta.float32) -> tuple[ta.Kernel, ta.Schedule]:
    """The kernel of an example and its schedule."""
    module = example("polybench", name)
    kernel = module.make(**sizes, dtype=dtype)
    return kernel, module.schedule(kernel)


@cache
def at_medium_size(name: str) -> ta.Schedule:
    """The schedule at the size of the published designs."""
    return scheduled(name, MEDIUM[name])[1]


def inputs(kernel: ta.Kernel) -> list[Any]:
    """Numbers whose sums round, so that another order gives other bits."""
    rng = np.random.default_rng(0)
    return [
        (rng.random(array.shape) * 2 + 0.5).astype(np.float32) if array.shape else 1.75
        for array in kernel.trace().args
    ]


def same_bits(kernel: ta.Kernel, run: Callable[..., Any]) -> None:
    """`run` leaves the very bits that the kernel itself leaves."""
    expected, found = inputs(kernel), inputs(kernel)
    kernel(*expected)
    run(*found)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def right(name: str, kernel: ta.Kernel, schedule: ta.Schedule, run: Callable[..., Any]) -> None:
    """`run` leaves the kernel's bits; where sums are added up in parts, the bits of the schedule's order."""
    if name not in IN_PARTS:
        same_bits(kernel, run)
        return
    traced, lowered, found = inputs(kernel), inputs(kernel), inputs(kernel)
    kernel(*traced)
    interpret(schedule.lowered, *lowered)
    run(*found)
    for a, b, c in zip(traced, lowered, found, strict=True):
        assert np.array_equal(b, c)
        np.testing.assert_allclose(c, a, rtol=1e-5)
    assert any(not np.array_equal(a, b) for a, b in zip(traced, lowered, strict=True)), "another order"


@pytest.mark.parametrize("name", MEDIUM)
def test_short(name: str) -> None:
    source = inspect.getsource(example("polybench", name).schedule)
    assert len(source.splitlines()) < 25


@pytest.mark.parametrize("name", MEDIUM)
def test_proved_at_medium_size(name: str) -> None:
    schedule = at_medium_size(name)
    proof = schedule.verify()
    assert proof, str(proof)
    free = any("float" in note for note in proof.assumptions)
    assert free == (name in IN_PARTS), "no other sum needs another order"


@pytest.mark.parametrize("name", MEDIUM)
def test_no_bank_conflicts(name: str) -> None:
    conflicts = at_medium_size(name).conflicts()
    assert not conflicts, str(conflicts)


@cache
def figures(name: str) -> Design:
    """What the schedule at that size amounts to, counted on its loops."""
    return design_of(at_medium_size(name))


@pytest.mark.parametrize("name", MEDIUM)
def test_an_iteration_in_every_cycle(name: str) -> None:
    for pipeline in figures(name).pipelines:
        assert (pipeline.asked, pipeline.recurrence, pipeline.ports) == (1, 1, 1), pipeline


@pytest.mark.parametrize("name", MEDIUM)
def test_at_least_as_parallel_as_the_published_design(name: str) -> None:
    assert figures(name).dsps >= PUBLISHED[name].dsps
    assert (figures(name).cycles <= PUBLISHED[name].cycles) == (name not in SLOWER)


@pytest.mark.parametrize("name", MEDIUM)
def test_table_in_the_readme(name: str) -> None:
    row = table_row(name, figures(name))
    assert row in (ROOT / "examples" / "README.md").read_text(), row


@pytest.mark.parametrize("name", MEDIUM)
def test_no_sum_waits_for_itself(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduled(name, MEDIUM[name])


@pytest.mark.parametrize("name", MEDIUM)
def test_same_bits_where_factors_do_not_divide(name: str) -> None:
    kernel, schedule = scheduled(name, small(name))
    assert schedule.verify()
    right(name, kernel, schedule, schedule.build())


@pytest.mark.parametrize("name", MEDIUM)
def test_right_on_the_suites_data(name: str) -> None:
    def engine(kernel: ta.Kernel) -> Any:
        return example("polybench", name).schedule(kernel).build()

    if name in WITH_DATA:
        check_data(engine, name, "mini_rnd")
    if name in REFERENCES:
        check_reference(engine, name, SIZES[name]["mini"])


@pytest.mark.parametrize("name", MEDIUM)
def test_hls_simulation(name: str) -> None:
    kernel, schedule = scheduled(name, small(name))
    right(name, kernel, schedule, schedule.build(target="vitis_hls", mode="csim"))


@pytest.mark.parametrize("name", OTHERS)
def test_other_designs(name: str) -> None:
    module = example("", name)
    kernel = module.make(**OTHERS[name])
    schedule = module.schedule(kernel)
    assert schedule.verify()
    assert not schedule.conflicts() or name in ("cpu_gemm", "wavefront")
    same_bits(kernel, schedule.build())


@pytest.mark.parametrize("name", OTHERS)
def test_other_designs_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (64,) if name == "cpu_gemm" else ()
    example("", name).main(*arguments)
    assert "the same bits" in capsys.readouterr().out


def test_conv2d_against_numpy() -> None:
    module = example("", "conv2d")
    kernel = module.make(H=13, W=17, R=3, S=5)
    A, F, B = inputs(kernel)
    module.schedule(kernel).build()(A, F, B)
    expected = np.einsum("ijrs,rs->ij", np.lib.stride_tricks.sliding_window_view(A, F.shape), F)
    np.testing.assert_allclose(B, expected, rtol=1e-5)


def test_conv2d_reads_each_pixel_once() -> None:
    module = example("", "conv2d")
    table = module.schedule(module.make(H=13, W=17)).conflicts()
    row = next(row for row in table if (row.loop, row.array) == ("j", "A"))
    assert (row.reads, row.writes) == (1, 0)


def test_conv2d_text(golden: Golden) -> None:
    module = example("", "conv2d")
    schedule = module.schedule(module.make(H=64, W=96))
    golden("vitis/conv2d.cpp", schedule.build(target="vitis_hls").source)
