"""Does any step of random schedules take long? ``python -m benchmarks.steps [programs] [first seed]``.

Programs and steps are those of the tests: kernels of all features, and kernels with run-time sizes. Each
step, the shapes of all arrays, lowering and the proof are timed apart, in seconds of the processor; what is
refused counts like what is accepted. A line is printed whenever something takes longer than anything before
it, and a table in the end. What takes more than ten seconds makes the exit status 1; what does not return
in five minutes ends the process with a traceback.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LIMIT = 10.0  # seconds of the processor
HANG = 300.0  # seconds
STEPS = 12
COUNT = 100


@dataclass
class Times:
    """Seconds of everything that was timed, by what it was, and the slowest of each with its seed."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    slowest: dict[str, tuple[float, str]] = field(default_factory=dict)
    spent: int = 0

    def taken(self, what: str, where: str, run: Callable[[], Any]) -> Any:
        """Run something; what comes back, or None where it is refused."""
        import tracealloc as ta

        faulthandler.dump_traceback_later(HANG, exit=True)
        start = time.process_time()
        try:
            return run()
        except ta.TraceallocError as error:
            self.spent += "budget of" in str(error)
            return None
        finally:
            faulthandler.cancel_dump_traceback_later()
            seconds = time.process_time() - start
            self.seconds.setdefault(what, []).append(seconds)
            if seconds > self.slowest.get(what, (0.0, ""))[0]:
                self.slowest[what] = seconds, where
                if seconds > 1:
                    print(f"{seconds:6.2f} s  {what:12s} {where}", flush=True)

    def table(self) -> str:
        """How often each was timed, and how long it took."""
        lines = [f"{'':12s} {'times':>6s} {'all':>8s} {'> 1 s':>6s} {'most':>8s}"]
        for what, seconds in sorted(self.seconds.items(), key=lambda item: -max(item[1])):
            over = sum(each > 1 for each in seconds)
            most, where = self.slowest.get(what, (0.0, ""))
            seed = where.partition(":")[0]
            lines.append(
                f"{what:12s} {len(seconds):6d} {sum(seconds):6.1f} s {over:6d} {most:6.2f} s  {seed}"
            )
        return "\n".join(lines)


def one(times: Times, seed: int) -> None:
    """A random program under random steps, all timed."""
    import tracealloc as ta
    from tests.fuzz.generate import generate
    from tests.fuzz.run import load_kernel
    from tests.fuzz.schedules import call_text
    from tests.schedule.sized import sized_kernel

    sized = seed % 3 == 0
    where = f"seed {seed}"
    make = (lambda: sized_kernel(seed)) if sized else (lambda: load_kernel(generate(seed)))
    s = times.taken("trace", where, lambda: ta.customize(make()))
    if s is None:
        return
    rng = random.Random(seed)
    calls: list[str] = []
    for _ in range(STEPS):
        text = times.taken("shape", where, lambda: call_text(s, rng))
        if text is not None:
            name = text[2:].partition("(")[0]
            calls.append(text)
            times.taken(name, f"{where}: {'; '.join(calls)}", lambda text=text: exec(text, {"s": s}))  # type: ignore[misc]
            del calls[len(s.history) :]
    where = f"{where}: {'; '.join(calls)}"
    times.taken("shape", where, lambda: [array.shape for array in s.arrays()])
    times.taken("lowered", where, lambda: s.lowered)
    times.taken("verify", where, s.verify)


def main() -> int:
    """Time many programs, and print what was found."""
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    times = Times()
    for seed in range(first, first + count):
        one(times, seed)
    print(times.table())
    print(f"{times.spent} answers are that a budget is used up")
    return int(any(most > LIMIT for most, _ in times.slowest.values()))


if __name__ == "__main__":
    sys.exit(main())
