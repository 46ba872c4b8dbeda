"""Random nests under random steps as HLS C++: its C simulation and the interpreter agree bit for bit."""

from __future__ import annotations

import shutil
import warnings
from random import Random
from typing import Any

import numpy as np
import pytest
from common import schedule_of
from nests import Maker
from steps import arguments as usual_arguments

import tracealloc as ta
from tests.emit.batch import simulations
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.emit.vitis.project.testbench import make_inputs
from tracealloc.schedule.hls.port_copies import copied_ports
from tracealloc.trace.ir.dtype import DType, Fixed, Float, Integer, bfloat16, float16, float32, float64
from tracealloc.trace.ir.program import Program

pytestmark = [
    pytest.mark.skipif(open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml, g++"),
    pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning"),
]

TYPES: tuple[DType, ...] = (
    *(Integer(bits, True) for bits in (5, 8, 16, 32, 33, 64, 70)),
    *(Integer(bits, False) for bits in (1, 8, 13, 32, 129)),
    *(Fixed(12, 8, True, "RND", "SAT"), Fixed(40, 20), Fixed(20, 4, False)),
    *(float16, bfloat16, float32, float32, float64),
)
LOOPS = ("split", "tile", "reorder", "fuse", "skew", "shift", "reverse", "distribute", "merge", "peel")
LOOPS += ("compute_at", "buffer_at", "buffer_at", "reuse_at", "reuse_at", "permute", "reshape", "cast")
LOOPS += ("rfactor", "rfactor", "reassociate")
MARKS = ("pipeline", "pipeline", "unroll", "unroll", "parallel", "vectorize", "partition", "partition")
MARKS += ("pack", "bind", "interface")
BATCH = 25


def random_step(rng: Random, s: Schedule, name: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A primitive (`name`, if the schedule has what it needs) and random arguments."""
    function = rng.choice(s.module.names())
    loops, arrays = s.loops(function) or s.loops(), s.arrays(function) or s.arrays()
    if not s.loops():  # all is in a function of its own
        name = name if name in MARKS and name != "unroll" else "pipeline"
    inside = [loop for each in s.module.names() for loop in s.loops(each)]
    if not inside:
        return "partition", (rng.choice(arrays),), {}
    loop, array = rng.choice(loops or inside), rng.choice(arrays)
    rank = len(array.shape)
    match name:
        case "reuse_at":
            return name, (array, loop), {}
        case "rfactor":
            return name, (array, loop), {"factor": rng.choice([None, 2, 3])}
        case "reassociate":
            return name, (), {}
        case "permute":
            return name, (array, rng.sample(range(rank), rank)), {}
        case "reshape":
            return (
                name,
                (array, rng.choice([int(np.prod(array.shape)), (7, int(np.prod(array.shape)) // 7)])),
                {},
            )
        case "cast":
            return name, (array, rng.choice(TYPES)), {}
        case "parallel" | "vectorize":
            return name, (loop,), {}
        case "pipeline":
            return name, (loop,), {"ii": rng.choice([1, 1, 3]), "rewind": rng.random() < 0.2}
        case "partition":
            dim = rng.choice([None, *range(rank)])
            kind = rng.choice(["complete", "cyclic", "block"])
            return name, (array, dim, kind), {} if kind == "complete" else {"factor": rng.choice([2, 3, 7])}
        case "pack":
            return name, (array, rng.randrange(max(rank, 1)), rng.choice([2, 7])), {}
        case "bind":
            return (
                name,
                (array, rng.choice(["bram", "uram", "lutram", "register", "srl"]), rng.choice([None, 1, 2])),
                {},
            )
        case "interface":
            return name, (array, rng.choice(["m_axi", "axis", "ap_memory", "s_axilite"])), {}
        case _:
            return name, usual_arguments(rng, s, name), {}


def random_schedule(seed: int) -> Schedule:
    """A random program of random types, after random steps."""
    rng = Random(seed)
    types = tuple(rng.choice(TYPES) for _ in range(3))
    s = schedule_of(Maker(rng, types=types).program())
    if rng.random() < 0.2:
        bands = [loop for loop in s.loops() if "." not in str(loop)]
        _try(s, "outline", (rng.choice(bands or s.loops()), "part"), {})
    for names in (LOOPS, MARKS):
        left = rng.randint(0, 4)
        for _ in range(4 * left):
            if left and _try(s, *random_step(rng, s, rng.choice(names))):
                left -= 1
    return s


def _try(s: Schedule, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    before = s.module
    try:
        getattr(s, name)(*args, **kwargs)
    except ta.ScheduleError:
        assert s.module is before
    return s.module is not before


def values_for(program: Program, seed: int) -> list[Any]:
    """Random arguments; floats of both signs, so that orders of a sum differ."""
    rng = np.random.default_rng(seed)
    made = make_inputs(program, seed)
    for array in program.args:
        if isinstance(array.dtype, Float):
            values = rng.standard_normal(array.shape) * 10.0 ** rng.integers(-2, 3, array.shape)
            made[array.name] = np.asarray(values).astype(made[array.name].dtype)
    return [made[array.name] for array in program.args]


def outcome(run: Any, program: Program, seed: int) -> list[np.ndarray]:
    """All that a run leaves behind."""
    arrays = values_for(program, seed)
    result = run(*(array if array.shape else array[()] for array in arrays))
    results = result if isinstance(result, tuple) else () if result is None else (result,)
    return [*arrays, *(np.asarray(r) for r in results)]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same bits (any NaN equals any other)."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "O":
        return bool((a == b).all())
    nan = a != a
    return bool((nan == (b != b)).all()) and a[~nan].tobytes() == b[~nan].tobytes()


def can_be_built(program: Program) -> bool:
    """Whether no port is asked to do what it cannot."""
    try:
        copied_ports(program, HARDWARE)
    except ta.BuildError as error:
        assert error.code == "TA819"
        return False
    return True


def check(seeds: range) -> None:
    """Simulate the schedules of some seeds, compiled together."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedules = {seed: random_schedule(seed) for seed in seeds}
    kept = {seed: (s, s.lowered) for seed, s in schedules.items() if can_be_built(s.lowered)}
    runs = simulations([program for _, program in kept.values()])
    for (seed, (s, program)), run in zip(kept.items(), runs, strict=True):
        want = outcome(lambda *args, p=program: interpret(p, *args), program, seed)
        got = outcome(run, program, seed)
        message = f"seed {seed}\n{s.script()}\n{program}\n{run.source}"
        assert all(same(a, b) for a, b in zip(want, got, strict=True)), message


@pytest.mark.parametrize("first", range(0, BATCH, BATCH))
def test_random_schedules(first: int) -> None:
    check(range(first, first + BATCH))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 1000 + 40 * BATCH, BATCH))
def test_many_random_schedules(first: int) -> None:
    check(range(first, first + BATCH))
