"""Random kernels: plain Python, the interpreter and the C build must agree bit for bit (see README.md)."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.generate import generate
from tests.fuzz.run import Mismatch, Report, check_scheduled, check_seed, check_seed_scheduled, check_text
from tests.fuzz.shrink import shrink

BATCHES = 10
NORMAL = 100  # programs in the normal run
LONG = int(os.environ.get("TRACEALLOC_FUZZ", "2000"))  # and with --long
SCHEDULED = 20  # of these under a random schedule in the normal run
LONG_SCHEDULED = int(os.environ.get("TRACEALLOC_FUZZ_SCHEDULED", "600"))
FIRST = int(os.environ.get("TRACEALLOC_FUZZ_SEED", "0"))


def kind_of(text: str, seed: int) -> str | None:
    """How a program fails, or None."""
    try:
        check_text(text, seed)
    except Mismatch as failure:
        return failure.kind
    return None


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_kernels_agree(batch: int, long_mode: bool) -> None:
    count = (LONG if long_mode else NORMAL) // BATCHES
    failures = []
    for seed in range(FIRST + batch * count, FIRST + (batch + 1) * count):
        report = check_seed(seed)
        if report.failure is not None:
            failures.append(report)
    if not failures:
        return
    worst = min(failures, key=lambda report: len(report.text))
    assert worst.failure is not None
    kind, seed = worst.failure.kind, worst.seed
    small = shrink(worst.text, lambda text: kind_of(text, seed) == kind)
    try:
        check_text(small, seed)
    except Mismatch as failure:
        message = str(failure)
    else:
        message = str(worst.failure)
    seeds = ", ".join(str(report.seed) for report in failures)
    pytest.fail(f"{len(failures)} of {count} programs fail (seeds {seeds}); seed {seed}:\n{small}\n{message}")


def scheduled_kind(text: str, seed: int, calls: list[str]) -> str | None:
    """How a program fails under a schedule, or None."""
    try:
        check_scheduled(text, seed, calls)
    except Mismatch as failure:
        return failure.kind
    return None


def small_report(report: Report) -> str:
    """The schedule and the program of a failure, made small."""
    assert report.failure is not None
    text, seed, kind, calls = report.text, report.seed, report.failure.kind, list(report.calls)
    for call in list(calls):
        fewer = [other for other in calls if other != call]
        if scheduled_kind(text, seed, fewer) == kind:
            calls = fewer
    text = shrink(text, lambda small: scheduled_kind(small, seed, calls) == kind, 100)
    shown = "\n".join(f"    {call}" for call in calls)
    return f"seed {seed}:\n{text}\n{shown}\n{report.failure}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_schedules_change_no_bit(batch: int, long_mode: bool) -> None:
    count = (LONG_SCHEDULED if long_mode else SCHEDULED) // BATCHES
    first = FIRST + batch * count
    reports = [check_seed_scheduled(seed) for seed in range(first, first + count)]
    failures = [report for report in reports if report.failure is not None]
    if failures:
        worst = min(failures, key=lambda report: len(report.text))
        seeds = ", ".join(str(report.seed) for report in failures)
        pytest.fail(f"{len(failures)} of {count} programs fail (seeds {seeds}); {small_report(worst)}")


def test_generation_is_deterministic() -> None:
    assert [generate(seed) for seed in range(20)] == [generate(seed) for seed in range(20)]


def test_shrinking_keeps_what_fails() -> None:
    text = generate(7)
    assert "@kernel" in text
    small = shrink(text, lambda candidate: "def main" in candidate and "A1" in candidate)
    assert len(small) < len(text)
    assert "def main" in small
