"""``python -m benchmarks [names] [--quick] [--save]``: one table of medians."""

from __future__ import annotations

import argparse
import os

from benchmarks import calls, stages, steady
from benchmarks.cases import SIX, SPEED
from benchmarks.table import cell, markdown, print_table, save


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure tracealloc.")
    parser.add_argument("names", nargs="*", help="kernels (default: all): " + ", ".join(c.name for c in SIX))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/<date>.md too")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - {case.name for case in SIX}
    if unknown:
        parser.error(f"unknown kernels: {', '.join(sorted(unknown))}")
    return chosen


def main() -> None:
    """Measure, print, and save when asked."""
    chosen = _arguments()
    wanted = chosen.names or [case.name for case in SIX]
    rounds, processes, budget = (5, 1, 0.5) if chosen.quick else (15, 5, 4.0)
    # One thread each: the hand-written C has one, and a busy pool disturbs what is timed after it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    six = {}
    for case in (case for case in SIX if case.name in wanted):
        six[case.label] = {
            **stages.measure(case, rounds),
            **calls.measure(case, processes),
            **steady.measure(case, budget),
        }
    measures = (*stages.MEASURES, *calls.MEASURES, *steady.MEASURES)
    speed = {case.label: steady.measure(case, budget) for case in SPEED if case.name in wanted}
    overhead = calls.overhead(3 if chosen.quick else 7)

    tables = [("Six kernels", measures, six), ("Speed, one thread", steady.MEASURES, speed)]
    for title, names, rows in tables:
        print_table(title, names, rows)
    print(f"call overhead, three arrays: {cell('', overhead)}")
    if chosen.save:
        parts = [markdown(*table) for table in tables]
        path = save(parts, **{"call overhead, three arrays": cell("", overhead)})
        print(f"saved {path.parent.name}/{path.name}")


if __name__ == "__main__":
    main()
