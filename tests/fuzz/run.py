"""Running a random kernel three ways: as plain Python, in the interpreter, and compiled to C.

And under a random schedule: the scheduled loops, interpreted and compiled to C, against the traced ones.
"""

from __future__ import annotations

import linecache
import math
import random
import warnings
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import tracealloc as ta
from tests.fuzz import schedules
from tests.fuzz.generate import LONGEST, generate
from tests.plain import plain
from tests.plain_numpy import round_in_place
from tracealloc.check.interpret.arith import integer_range
from tracealloc.check.interpret.interpret import Interpreter, interpret
from tracealloc.check.interpret.values import container
from tracealloc.emit.run.runtime import build_c
from tracealloc.schedule.core.stores import may_store
from tracealloc.schedule.session.loop_order import for_c
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Struct, has_fixed
from tracealloc.trace.ir.program import Program

__all__ = ["Mismatch", "Report", "arguments", "check_scheduled", "check_seed", "check_seed_scheduled"]
__all__ += ["check_text", "compare_scheduled", "load_kernel", "trace_kernel"]

WAYS = ("plain", "interpreter", "python", "C")


class Mismatch(Exception):
    """Two ways of running a program do not agree, or one of them fails."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.calls: list[str] = []  # the schedule under which it happened


@dataclass
class Report:
    """What one program did."""

    seed: int
    text: str
    failure: Mismatch | None = None
    calls: tuple[str, ...] = ()  # the schedule that was applied
    decided: bool = True  # whether `verify` said anything of it


def load_kernel(text: str, name: str = "main") -> Any:
    """The kernel of that name in a module's text."""
    file = f"<fuzz {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"__name__": "fuzz"}
    exec(compile(text, file, "exec"), scope)
    return scope[name]


def trace_kernel(kernel: Any) -> Program:
    """The kernel's program."""
    if hasattr(kernel, "trace"):
        found: Program = kernel.trace()
        return found
    from tracealloc.trace.functions import trace

    return trace(kernel)


def sample(dtype: DType, shape: tuple[int, ...], rng: random.Random) -> Any:
    """An array of corner and random values (a number for rank 0)."""
    count = int(np.prod(shape, dtype=int))
    if isinstance(dtype, Struct):
        records = np.empty(shape, container(dtype))
        for name, inner in dtype.fields:
            records[name] = sample(inner, shape, rng)
        return records
    if isinstance(dtype, Fixed):
        array = _fixed_numbers(dtype, count, rng)
    else:
        array = np.empty(count, container(dtype))
        array[:] = [_sample_one(dtype, rng) for _ in range(count)]
    return array.reshape(shape) if shape else array.reshape(())[()]


def _fixed_numbers(dtype: Fixed, count: int, rng: random.Random) -> np.ndarray:
    """Numbers for fixed point as NumPy has them: those of the type, whole ones, and any others."""
    kind = rng.choice(("type", "whole", "any"))
    if kind == "type":
        found: np.ndarray = ta.from_raw([_sample_one(dtype, rng) for _ in range(count)], dtype)
        return found
    spread = 2.0 ** (dtype.integer_bits + 1)
    items = [rng.uniform(-spread, spread) for _ in range(count)]
    return np.array(items if kind == "any" else [float(round(item)) for item in items])


def _sample_one(dtype: DType, rng: random.Random) -> Any:
    match dtype:
        case Float():
            corners = [0.0, -0.0, 1.0, -1.0, 0.5, 1e4, 1e-3, 3.0, math.nan, math.inf, -math.inf]
            return rng.choice(corners) if rng.random() < 0.3 else rng.uniform(-20, 20)
        case Boolean():
            return rng.random() < 0.5
        case _:
            low, high = integer_range(dtype)
            value = rng.choice([low, high, 0, 1, -1, rng.randint(low, high), rng.randint(low, high)])
            if rng.random() < 0.4 or isinstance(dtype, Fixed):
                value = rng.randint(-20, 20)
            return max(low, min(high, value))


def arguments(program: Program, seed: int) -> list[Any]:
    """Deterministic arguments."""
    rng = random.Random(seed)
    return [
        _queue(array.dtype, rng) if array.kind == "stream" else sample(array.dtype, array.shape, rng)
        for array in program.args
    ]


def _queue(dtype: DType, rng: random.Random) -> deque[Any]:
    """Elements of the type: what is not taken is rounded in one way of running and not in another."""
    elements = sample(dtype, (LONGEST,), rng)
    round_in_place(elements, dtype)
    return deque(elements.tolist())


def copies(args: list[Any]) -> list[Any]:
    return [arg.copy() if isinstance(arg, np.ndarray | deque) else arg for arg in args]


def outcome(args: list[Any], result: Any) -> list[Any]:
    results = [] if result is None else list(result) if isinstance(result, tuple) else [result]
    return [_of_queue(arg) if isinstance(arg, deque) else arg for arg in [*args, *results]]


def _of_queue(queue: deque[Any]) -> np.ndarray:
    """The elements as Python numbers, records as tuples of these."""
    found = np.empty(len(queue), object)
    for place, item in enumerate(queue):
        record = isinstance(item, tuple | np.void)
        found[place] = tuple(map(_number, item)) if record else _number(item)
    return found


def _number(item: Any) -> int | float:
    return int(item) if isinstance(item, int | np.integer | np.bool_) else float(item)


def compare(left: tuple[str, list[Any]], right: tuple[str, list[Any]], names: list[str]) -> None:
    """Raise for the first element that differs, bit for bit (any NaN equals any NaN)."""
    for position, (a, b) in enumerate(zip(left[1], right[1], strict=True)):
        name = names[position] if position < len(names) else f"result {position - len(names)}"
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape or x.dtype != y.dtype:
            message = f"{name}: {left[0]} {x.dtype}{x.shape}, {right[0]} {y.dtype}{y.shape}"
            raise Mismatch(f"{left[0]} differs from {right[0]}", message)
        for place in np.ndindex(x.shape):
            if not same(x[place], y[place]):
                message = f"{name}{list(place)}: {left[0]} {x[place]!r}, {right[0]} {y[place]!r}"
                raise Mismatch(f"{left[0]} differs from {right[0]}", message)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.void) and a.dtype.names:
        return all(same(a[name], b[name]) for name in a.dtype.names)
    if a != a and b != b:
        return True
    if isinstance(a, int | Fraction):
        return bool(a == b)
    return bool(np.asarray(a).tobytes() == np.asarray(b).tobytes())


def check_text(text: str, seed: int, ways: tuple[str, ...] = WAYS) -> None:
    """Run a program in each of the ways and compare them.

    Raises:
        Mismatch: they differ, or one fails.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        kernel = _attempt("load", lambda: load_kernel(text))
        program = _attempt("trace", lambda: trace_kernel(kernel))
        args = arguments(program, seed)
        names = [array.name for array in program.args]
        found: list[tuple[str, list[Any]]] = []
        # What a kernel keeps across calls shows when it is called again.
        calls = 2 if "ta.state(" in text else 1
        for way in ways:
            run = _attempt(way, lambda way=way: _runner(way, kernel, program))
            outcomes = []
            for _ in range(calls):
                mine = copies(args)
                outcomes += outcome(mine, _attempt(way, lambda run=run, mine=mine: run(*mine)))
            found.append((way, outcomes))
    for other in found[1:]:
        compare(found[0], other, names)


def _runner(way: str, kernel: Any, program: Program) -> Any:
    """What runs the kernel in one of the ways, with what it keeps."""
    match way:
        case "plain":
            return _plain_runner(kernel, program)
        case "interpreter":
            return Interpreter(program)
        case "python":
            return kernel.python
        case _:
            return build_c(for_c(program))


def _plain_runner(kernel: Any, program: Program) -> Any:
    once = plain(kernel)

    def run(*args: Any) -> Any:
        before = copies(list(args))
        result = once(*args)
        for array, mine, old in zip(program.args, args, before, strict=True):
            # Plain Python rounds fixed point in place; an array that is never stored to stays as it was.
            if array.rank and has_fixed(array.dtype) and not may_store(program, array.name):
                mine[...] = old
        return result

    return run


def _attempt(what: str, run: Any) -> Any:
    try:
        return run()
    except Exception as error:
        raise Mismatch(f"{what} fails with {type(error).__name__}", str(error)) from error


def check_seed(seed: int, ways: tuple[str, ...] = WAYS) -> Report:
    """Generate and check program number `seed`."""
    text = generate(seed)
    try:
        check_text(text, seed, ways)
    except Mismatch as failure:
        return Report(seed, text, failure)
    return Report(seed, text)


STEPS = 12  # primitives that are tried on one program


def check_scheduled(text: str, seed: int, calls: list[str] | None = None) -> tuple[list[str], bool]:
    """Run a program under a schedule (None: a random one) and compare it with the traced kernel.

    Returns:
        The calls that were accepted, and whether `verify` decided that they change nothing.

    Raises:
        Mismatch: a result differs, or something fails.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        kernel = _attempt("load", lambda: load_kernel(text))
        program = _attempt("trace", lambda: trace_kernel(kernel))
        s = _attempt("customize", lambda: ta.customize(kernel))
        if calls is None:
            found = _attempt("schedule", lambda: schedules.draw(s, random.Random(seed), STEPS))
        else:
            found = _attempt("schedule", lambda: schedules.apply(s, calls))
        try:
            return found, compare_scheduled(s, program, seed)
        except Mismatch as failure:
            failure.calls = found
            raise


def compare_scheduled(s: Any, program: Program, seed: int) -> bool:
    """Run a schedule, and ask `verify` what it says of it; whether it decided that.

    Raises:
        Mismatch: a result differs, or `verify` says that one may.
    """
    args = arguments(program, seed)
    for array, arg in zip(program.args, args, strict=True):
        if isinstance(arg, np.ndarray):  # a store that never runs is gone: then nothing is rounded
            round_in_place(arg, array.dtype)
    names = [array.name for array in program.args]
    expected = copies(args)
    result = _attempt("interpreter", lambda: interpret(program, *expected))
    left = ("the traced kernel", outcome(expected, result))
    runs = {
        "the scheduled loops": lambda mine: interpret(_attempt("lower", lambda: s.lowered), *mine),
        "the scheduled C": lambda mine: s.build(cache=False)(*mine),
    }
    for way, run in runs.items():
        mine = copies(args)
        found = _attempt(way, lambda run=run, mine=mine: run(mine))
        compare(left, (way, outcome(mine, found)), names)
    return _is_verified(s)


def _is_verified(s: Any) -> bool:
    try:
        with schedules.patience():
            answer = s.verify()
    except (ta.VerifyError, schedules.TooSlow):
        return False
    except Exception as error:
        raise Mismatch(f"verify fails with {type(error).__name__}", str(error)) from error
    if not answer:
        raise Mismatch("verify says NOT equal", str(answer.counterexample))
    return True


def check_seed_scheduled(seed: int) -> Report:
    """Generate program number `seed`, schedule it at random and check it."""
    text = generate(seed)
    try:
        calls, decided = check_scheduled(text, seed)
    except Mismatch as failure:
        return Report(seed, text, failure, tuple(failure.calls))
    return Report(seed, text, None, tuple(calls), decided)
