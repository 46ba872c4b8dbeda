"""Random schedules of random kernels: what the primitives accept must not change a bit.

Each draw is a call as text, so that a failing schedule can be shown, made small and run again.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tracealloc as ta
from tracealloc.customize import Schedule
from tracealloc.schedule.session.handle import ArrayHandle

__all__ = ["PATIENCE", "PRIMITIVES", "TooSlow", "apply", "call_text", "draw", "patience"]

PATIENCE = (
    20  # seconds for one primitive, which then counts as refused, or for a proof, which then says nothing
)

# Names weigh what they change in C: memory and concurrency more than what only HLS sees.
PRIMITIVES = (
    *("split", "tile", "reorder", "fuse", "skew", "shift", "reverse", "distribute", "merge", "peel"),
    *("split", "tile", "reorder", "compute_at", "unroll", "parallel", "parallel", "parallel", "vectorize"),
    *("vectorize", "buffer_at", "buffer_at", "buffer_at", "reuse_at", "reshape", "permute", "pack"),
    *("rfactor", "rfactor", "pipeline", "partition", "bind", "inline", "outline", "unroll", "parallel"),
    *("latency", "allocation", "flatten", "dependence", "bind_op", "pack_products"),
)


def draw(s: Schedule, rng: random.Random, tries: int) -> list[str]:
    """Apply random primitives to a schedule; the calls that were accepted.

    Raises:
        Exception: a primitive failed with anything but a refusal.
    """
    accepted: list[str] = []
    for _ in range(tries):
        call = call_text(s, rng)
        if call is not None and _accepts(s, call):
            accepted.append(call)
    return accepted


def apply(s: Schedule, calls: list[str]) -> list[str]:
    """Apply calls to a schedule; those that were accepted."""
    return [call for call in calls if _accepts(s, call)]


def _accepts(s: Schedule, call: str) -> bool:
    try:
        with patience():
            exec(call, {"s": s})
    except (ta.TraceallocError, TooSlow):
        return False
    except Exception as error:
        error.args = (f"{call}: {error}",)
        raise
    return True


class TooSlow(Exception):
    """A primitive or a proof took longer than anybody would wait."""


@contextmanager
def patience() -> Iterator[None]:
    """Interrupt what takes too long: a primitive that is interrupted changes nothing."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def call_text(s: Schedule, rng: random.Random) -> str | None:
    """A random call, or None where the function has no loop or array for it."""
    functions = s.module.names()
    function = s.name if len(functions) == 1 or rng.random() < 0.6 else rng.choice(functions)
    before = "" if function == s.name else f"{function}:"
    loops = [repr(before + handle.name) for handle in s.loops(function)]
    arrays = [handle for handle in s.arrays(function) if handle.shape]
    name = rng.choice(PRIMITIVES)
    if name == "inline":
        callees = [other for other in functions if other != s.name]
        return f"s.inline({rng.choice(callees)!r})" if callees else None
    if not loops:
        return None
    arguments = _LOOPS.get(name)
    if arguments is not None:
        return f"s.{name}({arguments(rng, loops)})"
    if not arrays:
        return None
    array = rng.choice(arrays)
    text = f"s[{before + array.name!r}]"
    return f"s.{name}({text}, {_ARRAYS[name](rng, loops, array)})"


def _pair(rng: random.Random, loops: list[str]) -> list[str]:
    """Two loops, neighbours in the list more often than not: one is then likely around the other."""
    if len(loops) == 1:
        return [loops[0], loops[0]]
    if rng.random() < 0.7:
        at = rng.randrange(len(loops) - 1)
        return loops[at : at + 2]
    return rng.sample(loops, 2)


def _some(rng: random.Random, loops: list[str]) -> list[str]:
    pair = _pair(rng, loops)
    at = loops.index(pair[0])
    return loops[at : at + 3] if rng.random() < 0.3 else pair


def _turned(items: list[str], rng: random.Random) -> str:
    items = list(items)
    rng.shuffle(items)
    return ", ".join(items)


def _tile(rng: random.Random, loops: list[str]) -> str:
    some = _some(rng, loops)
    return f"[{', '.join(some)}], {[rng.randint(1, 4) for _ in some]}"


_Loops = Callable[[random.Random, list[str]], str]
_Arrays = Callable[[random.Random, list[str], ArrayHandle], str]

_LOOPS: dict[str, _Loops] = {
    "split": lambda rng, loops: f"{rng.choice(loops)}, {rng.randint(1, 5)}",
    "tile": _tile,
    "reorder": lambda rng, loops: _turned(_some(rng, loops), rng),
    "fuse": lambda rng, loops: ", ".join(_some(rng, loops)),
    "skew": lambda rng, loops: f"{_turned(_pair(rng, loops), rng)}, {rng.choice([1, 1, 2, -1])}",
    "shift": lambda rng, loops: f"{rng.choice(loops)}, {rng.randint(-4, 4)}",
    "reverse": lambda rng, loops: rng.choice(loops),
    "distribute": lambda rng, loops: rng.choice(loops),
    "merge": lambda rng, loops: ", ".join(_pair(rng, loops)),
    "peel": lambda rng, loops: f"{rng.choice(loops)}, {rng.randint(1, 3)}",
    "unroll": lambda rng, loops: f"{rng.choice(loops)}, {rng.choice([None, 2, 3])}",
    "pipeline": lambda rng, loops: f"{rng.choice(loops)}, ii={rng.randint(1, 3)}",
    "parallel": lambda rng, loops: rng.choice(loops),
    "vectorize": lambda rng, loops: rng.choice(loops),
    "pack_products": lambda rng, loops: rng.choice(loops),
    "latency": lambda rng, loops: f"{rng.choice(loops)}, max={rng.randint(1, 9)}",
    "allocation": lambda rng, loops: f"{rng.choice(loops)}, {rng.choice(['fadd', 'add', 'fmul'])!r}, 1",
    "flatten": lambda rng, loops: f"{rng.choice(loops)}, off={rng.random() < 0.7}",
    "outline": lambda rng, loops: f"{rng.choice(loops)}, {f'part{rng.randint(0, 99)}'!r}",
}

_ARRAYS: dict[str, _Arrays] = {
    "compute_at": lambda rng, loops, array: rng.choice(loops),
    "buffer_at": lambda rng, loops, array: rng.choice(loops),
    "reuse_at": lambda rng, loops, array: rng.choice(loops),
    "rfactor": lambda rng, loops, array: f"{rng.choice(loops)}, factor={rng.choice([None, 2, 3])}",
    "reshape": lambda rng, loops, array: str(_shape(rng, array.shape)),
    "permute": lambda rng, loops, array: str(rng.sample(range(len(array.shape)), len(array.shape))),
    "pack": lambda rng, loops, array: f"{rng.randrange(len(array.shape))}, {rng.choice([2, 3, 4])}",
    "partition": lambda rng, loops, array: (
        f"dim={rng.randrange(len(array.shape))}, kind={rng.choice(['cyclic', 'block', 'complete'])!r}"
        f", factor={rng.choice([2, 3])}"
    ),
    "dependence": lambda rng, loops, array: f"{rng.choice(loops)}, {rng.choice([None, 2, 3])}",
    "bind_op": lambda rng, loops, array: f"{rng.choice(['fadd', 'add'])!r}, latency={rng.randint(0, 5)}",
    "bind": lambda rng, loops, array: repr(rng.choice(["bram", "uram", "lutram", "register"])),
}


def _shape(rng: random.Random, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Another shape of as many elements."""
    size = 1
    for extent in shape:
        size *= extent
    first = rng.choice([n for n in range(1, size + 1) if size % n == 0])
    return rng.choice([(size,), (first, size // first)])
