"""``kernel.python`` and ``ta.interpret`` give what calling the kernel gives."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int8, int16, int32, kernel, uint8
from tracealloc.check.interpret.interpret import Interpreter

M, N, K = 3, 4, 5
_PAIR = ta.Struct(x=int32, y=float32)
_FIXED = ta.Fixed(10, 4, rounding="RND", overflow="SAT")
_RECORD = np.dtype([("x", np.int32), ("y", np.float32)])


@kernel
def matmul(A: int8[M, K], B: int8[K, N], C: int16[M, N]):
    for i, j in grid(M, N, name="PE"):
        for k in ta.reduction(K):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def triangle(A: float32[N, N]) -> float32[N]:
    S = ta.zeros(N, float32)
    for i in grid(N):
        for j in ta.range(i + 1):
            S[i] += A[i, j] if j < i else -ta.exp(A[i, j])
    return S


@kernel
def scale(X: int8[N], factor: int8, by=1):
    for i in ta.range(N):
        X[i] = X[i] * factor + by


@kernel
def calls(X: int8[M, N], f: int32) -> int8:
    total = ta.scalar(int8, 0)
    for i in grid(M):
        with ta.when(X[i, 0] > 0):
            X[i, 1] = 50
            for k in ta.range(X[i, 0]):
                X[i, 2] += k
        with ta.otherwise():
            X[i, 2] = X[i, 0] - f
        scale(X[i], 3)
        scale(X[i], f, by=2)
        for j in grid(N):
            total += X[i, j]
    return total


@kernel
def streams(Q: ta.Stream[int8], R: ta.Stream[int16], n: int32):
    left = ta.scalar(int32, n)
    ta.while_loop(lambda: left > 0, lambda: (R.put(Q.get() * 100), left.set(left - 1)))


@kernel
def records(P: _PAIR[N], F: _FIXED[N]) -> (float32[N], _FIXED):
    out = ta.empty(N, float32)
    best = ta.scalar(_FIXED, 0)
    for i in grid(N):
        P[i].x //= 2
        F[i] = F[i] * 1.3
        if F[i] > best:
            best.set(F[i])
        out[i] = P[i].y + P[i].x
    return out, best


@kernel
def widths(A: uint8[N], B: int32[N], x: ta.UInt(3)):
    table = ta.constant([3, 1, 2, 0], uint8)
    for i in grid(N):
        A[i] = (A[i] << 3) ^ (A[table[i]] >> 1)
        B[i] = B[i] ** 2 % 7 - (-B[i]) // 3 + A[i][0:3] + float32(A[i]).bitcast(int32)[20:28]
        A[i][1] = x[0] & (B[i] > 3)
        B[i] += ta.maximum(A[i], 9) + i**2 + B[i] ** i


def _arrays(kernel: Any) -> tuple[Any, ...]:
    random = np.random.default_rng(7)
    small = lambda *shape: random.integers(-9, 9, shape).astype(np.int8)
    return {
        "matmul": lambda: (small(M, K), small(K, N), np.zeros((M, N), np.int16)),
        "triangle": lambda: (random.random((N, N)).astype(np.float32),),
        "scale": lambda: (small(N), 5),
        "calls": lambda: (small(M, N), 3),
        "streams": lambda: (deque([1, -2, 127, 5]), deque([9]), 3),
        "records": lambda: (np.array([(5, 1.5), (-7, 2), (1, 0), (9, 3)], _RECORD), small(N) / 4.0),
        "widths": lambda: (np.arange(250, 254, dtype=np.uint8), np.arange(-2, 2, dtype=np.int32), 5),
    }[kernel.name]()


_KERNELS = [matmul, triangle, scale, calls, streams, records, widths]
_WAYS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "python": lambda k: k.python,
    "interpret": lambda k: lambda *args: ta.interpret(k, *args),
    "schedule": lambda k: lambda *args: ta.interpret(ta.customize(k), *args),
    "program": lambda k: lambda *args: ta.interpret(k.trace(), *args),
}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("each", _KERNELS, ids=lambda k: k.name)
def test_as_a_call(each: Any, way: str) -> None:
    mine, called = _arrays(each), _arrays(each)
    found, wanted = _WAYS[way](each)(*mine), each(*called)
    for a, b in zip((found, *mine), (wanted, *called), strict=True):
        np.testing.assert_equal(a, b)
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]:
            assert getattr(x, "dtype", None) == getattr(y, "dtype", None)


@pytest.mark.parametrize("way", _WAYS)
def test_arguments_are_checked_as_a_call_checks_them(way: str) -> None:
    run = _WAYS[way](matmul)
    a, b, c = _arrays(matmul)
    for args, code in (
        ((a, b), "TA701"), ((a, b, c, c), "TA701"), ((a, b, [1]), "TA702"), ((a.astype(int), b, c), "TA703"),
        ((a[0], b, c), "TA704"), ((a.T, b, c), "TA704"),
    ):  # fmt: skip
        with pytest.raises(ta.ArgumentError) as found:
            run(*args)
        assert found.value.code == code
        assert found.value.place is not None
        assert found.value.place.file == __file__
    fixed = np.zeros((M, N), np.int16)
    fixed.flags.writeable = False
    with pytest.raises(ta.ArgumentError, match=r"TA705 .*read-only"):
        run(a, b, fixed)
    assert not fixed.any()


def test_shared_memory_is_refused_where_it_is_written() -> None:
    @kernel
    def copies(A: int32[N], B: int32[N]):
        for i in grid(N):
            B[i] = A[i]

    both = np.arange(N + 1, dtype=np.int32)
    for run in (copies.python, lambda *args: ta.interpret(copies, *args), copies):
        with pytest.raises(ta.ArgumentError, match="TA706"):
            run(both[:N], both[1:])


def test_what_python_does_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Real numbers, prints, exceptions, counters and breaks; what was stored before stays."""
    seen: list[Any] = []

    @kernel
    def checked(A: int32[N], x: float32) -> int32:
        count = 0
        for i in ta.range(N):
            assert A[i] > 0, f"A[{i}] is {A[i]}"
            print(i, A[i], f"{A[i]:03d}", f"{x:.2f}", np.asarray(A).tolist())
            A[i] = A[i] * 2
            count += 1
            seen.append({int(A[i]): {A[i]: 1}[A[i]], "x": float(x), "r": float(round(x, 1))})
            if A[i] > 7:
                break
        while count < 10:
            count += 1
        return count

    a = np.array([1, 5, -1, 3], np.int32)
    assert checked.python(a, 1.25) == 10
    assert a.tolist() == [2, 10, -1, 3]
    assert capsys.readouterr().out == "0 1 001 1.25 [1, 5, -1, 3]\n1 5 005 1.25 [2, 5, -1, 3]\n"
    assert seen == [{2: 1, "x": 1.25, "r": 1.2}, {10: 1, "x": 1.25, "r": 1.2}]
    a = np.array([1, 2, -1, 3], np.int32)
    with pytest.raises(AssertionError, match=r"^A\[2\] is -1"):
        checked.python(a, 0)
    assert a.tolist() == [2, 4, -1, 3]


def test_what_only_a_callee_stores() -> None:
    @kernel
    def fill(X: int8[N], Q: ta.Stream[int8]):
        for i in grid(N):
            X[i] = Q.get()

    @kernel
    def through(X: int8[N], Q: ta.Stream[int8]):
        fill(X, Q)

    @kernel
    def outer(A: int8[M, N], Q: ta.Stream[int8]):
        through(A[1], Q)

    a, queue = np.zeros((M, N), np.int8), deque([1, 2, 3, 4, 5])
    outer.python(a, queue)
    assert a.tolist() == [[0] * N, [1, 2, 3, 4], [0] * N]
    assert list(queue) == [5]
    a.flags.writeable = False
    with pytest.raises(ta.ArgumentError, match=r"TA705 outer: argument 'A' is read-only"):
        outer.python(a, deque([1, 2, 3, 4]))


def test_faults_have_a_place() -> None:
    @kernel
    def outside(A: int32[N], at: int32[N]):
        T = ta.empty(N, int32)
        T[at[2]] = 5
        for i in grid(N):
            A[at[i]] = 1
        A[0] = T[at[3]]

    for run in (outside.python, lambda *args: ta.interpret(outside, *args)):
        a = np.zeros(N, np.int32)
        with pytest.raises(ta.InterpretError, match=r"TA601 A\[9\] is outside the array A of shape \[4\]"):
            run(a, np.array([1, 9, 0, 0], np.int32))
        assert a.tolist() == [0, 1, 0, 0]
        with pytest.raises(
            ta.InterpretError, match=r"TA602 T\[2\] is read before anything is stored"
        ) as found:
            run(a, np.array([0, 0, 1, 2], np.int32))
        assert found.value.place is not None
        assert found.value.place.source_line().strip() == "A[0] = T[at[3]]"


def test_state_is_kept_between_runs_in_python_and_apart_from_calls() -> None:
    class Counter:
        def __init__(self, step: int) -> None:
            self.step = step

        @kernel
        def count(self, x: int32) -> int32:
            total = ta.state((1,), int32)
            total[0] += x * self.step
            return total[0]

    @kernel
    def count(x: int32) -> int32:
        total = ta.state((1,), int32)
        total[0] += x
        return total[0]

    assert [count.python(3), count.python(4), count(10), count.python(1)] == [3, 7, 10, 8]
    assert [ta.interpret(count, 3), ta.interpret(count, 4)] == [3, 4]
    assert Counter(2).count.python(5) == 10
    assert ta.interpret(Counter(2).count, 5) == 10
    assert Counter.count.python(Counter(3), 5) == 15


def test_schedules_of_other_layouts() -> None:
    s = ta.customize(matmul)
    s.reorder("k", "PE.j")
    s.reshape("A", (K, M))
    s.buffer_at(s.C, "i")
    mine, called = _arrays(matmul), _arrays(matmul)
    ta.interpret(s, *mine)
    matmul(*called)
    np.testing.assert_equal(mine, called)


def test_interpret_says_what_it_runs() -> None:
    with pytest.raises(
        ta.ArgumentError, match=r"TA701 ta\.interpret runs a kernel, a schedule or a traced pro"
    ):
        ta.interpret(lambda: 0)


def test_arguments_may_be_named() -> None:
    a = np.ones(N, np.int8)
    for run in (scale.python, lambda *args, **named: ta.interpret(scale, *args, **named)):
        b = copy.copy(a)
        run(b, factor=4, by=2)
        assert b.tolist() == [6] * N


_SMALL = ta.Fixed(8, 4)
_MIXED = ta.Struct(x=_SMALL, n=int32)


@kernel
def maybe(A: _SMALL[4], n: int32):
    if n > 0:
        A[0] = 1


@kernel
def maybe_a_field(A: _MIXED[4], n: int32):
    if n > 0:
        A[1].n = n


@kernel
def _maybe_part(B: _SMALL[2], n: int32):
    if n > 0:
        B[0] = B[1]


@kernel
def maybe_in_a_callee(A: _SMALL[4], n: int32):
    _maybe_part(A[1:3], n)


@kernel
def only_read(A: _SMALL[4], n: int32) -> int32:
    return 1 if A[0] > n else 0


@kernel
def onto_itself(A: _SMALL[4], n: int32):
    """A store that changes nothing is none."""
    for i in ta.range(4):
        with ta.when(n > 0):
            A[i] = A[i]


_MAYBE = [maybe, maybe_a_field, maybe_in_a_callee, only_read, onto_itself]


@pytest.mark.parametrize("filler", [100.7, np.nan])
@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("each", _MAYBE, ids=lambda k: k.name)
def test_numbers_that_a_fixed_type_lacks(each: Any, n: int, filler: float) -> None:
    """An array that may be stored to comes back in its type, wherever this run stored."""
    if np.isnan(filler) and each in (maybe_in_a_callee, only_read, onto_itself):
        filler = -0.3  # the array is read: it must hold numbers
    found = []
    for run in (each, each.python, lambda *args: ta.interpret(each, *args)):
        given = np.array([0.3, filler, -0.01, 2.5])
        if each is maybe_a_field:
            records = np.zeros(4, [("x", np.float64), ("n", np.int32)])
            records["x"] = given
            given = records
        run(given, n)
        found.append(given)
    np.testing.assert_equal(found[1], found[0])
    np.testing.assert_equal(found[2], found[0])
    numbers = found[0]["x"] if each is maybe_a_field else found[0]
    assert (numbers[2] == -0.0625) == (each not in (only_read, onto_itself))


def test_numbers_of_an_untraceable_kernel_stay_where_nothing_is_stored() -> None:
    @kernel
    def branches(A: _SMALL[2]):
        if float(np.float64(1)) > 2 or [*range(2)][1] > 1:
            A[0] = 1
        while A[0] > 5:
            A[0] -= 1

    given = np.array([0.3, 0.5])
    branches.python(given)
    assert given.tolist() == [0.3, 0.5]


def _counting(step: int) -> Any:
    @kernel
    def count(A: int32[2], n: int32):
        first = ta.state((2,), int32)
        second = ta.state(np.array([5, 6]), int32)
        first[0] += step
        second[1] += n
        A[0] += first[0]
        A[1] += second[1]

    return count


class _Counting:
    @kernel
    def count(self, A: int32[2], n: int32):
        kept = ta.state((1,), int32)
        kept[0] += n
        A[0] += kept[0]


_by_one, _by_ten, _mine, _other = _counting(1), _counting(10), _Counting().count, _Counting().count


@kernel
def counts_often(A: int32[4, 2]):
    for i in ta.range(3):
        _by_one(A[i], 1)
    _by_one(A[0], 2)
    _by_ten(A[1], 1)
    _mine(A[2], 1)
    _mine(A[2], 3)
    _other(A[3], 1)


def test_a_callee_keeps_one_state_for_all_its_calls() -> None:
    states = counts_often.python, ta.customize(counts_often).build(), Interpreter(counts_often.trace())
    found = [np.zeros((4, 2), np.int32) for _ in states]
    for _ in range(3):
        for run, given in zip(states, found, strict=True):
            run(given)
            np.testing.assert_equal(given, found[0])
    assert found[0][3].tolist() == [1 + 2 + 3, 0]


@kernel
def _add_to_first(x: int32[2], n: ta.UInt(2)):
    x[0] += n


@kernel
def slices_up_to_a_size(A: int32[4, 4], B: int32[4], n: ta.UInt(1)):
    for i in ta.range(2):
        V = A[n : n + 1, i : i + 2]
        B[i] += V[0, 1]
    m = n + 1
    _add_to_first(A[n, m : m + 2], n)


@kernel
def before_the_first(A: int32[4, 4], B: int32[4], n: ta.UInt(2)):
    for i in ta.range(2):
        with ta.when(i > 0):
            B[i] += A[i - 1, 0]
            _add_to_first(A[0, i - 1 : i + 1], n)
        with ta.otherwise():
            B[i] -= A[i + 1, 1]


@kernel
def outside_for_this_size(A: int32[4, 4], B: int32[4], n: ta.UInt(2)):
    with ta.when(n > 1):
        _add_to_first(A[0, n - 2 : n], n)
        B[0] += A[n - 2, 0]
    with ta.when(n < 1):
        B[1] += A[n + 3, n + 3]
        _add_to_first(A[n + 3, n + 2 : n + 4], n)


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "each", [slices_up_to_a_size, before_the_first, outside_for_this_size], ids=lambda k: k.name
)
def test_parts_at_sizes_and_where_a_condition_does_not_hold(each: Any, size: int) -> None:
    """What a size gives is known; what lies outside under a condition that is false is not touched."""
    if each is slices_up_to_a_size and size > 1:
        return
    found = []
    for run in (each.python, lambda *args: ta.interpret(each, *args), each):
        a, b = np.arange(16, dtype=np.int32).reshape(4, 4), np.arange(4, dtype=np.int32)
        run(a, b, size)
        found.append([*a.ravel(), *b])
    assert found[0] == found[1] == found[2]
