"""Scripts, replays, copies and pickles of whole schedules; the typed face of the primitives."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.examples.suite import example
from tracealloc import float32, grid, int8, int16, kernel
from tracealloc.customize import Schedule
from tracealloc.schedule.core.primitive import REGISTRY
from tracealloc.schedule.session import methods
from tracealloc.schedule.session.handle import ArrayHandle, LoopHandle

SIZES: dict[str, dict[str, int]] = {
    "polybench/two_mm": {"NI": 16, "NJ": 18, "NK": 22, "NL": 24},
    "polybench/three_mm": {"NI": 16, "NJ": 18, "NK": 20, "NL": 22, "NM": 24},
    "polybench/atax": {"M": 38, "N": 42},
    "polybench/bicg": {"M": 38, "N": 42},
    "polybench/correlation": {"M": 28, "N": 32},
    "polybench/gemm": {"NI": 20, "NJ": 25, "NK": 30},
    "polybench/gesummv": {"N": 30},
    "polybench/jacobi_2d": {"TSTEPS": 3, "N": 30},
    "polybench/mvt": {"N": 40},
    "polybench/symm": {"M": 20, "N": 30},
    "polybench/syr2k": {"M": 20, "N": 30},
    "polybench/syrk": {"M": 20, "N": 30},
    "polybench/trmm": {"M": 20, "N": 30},
    "/blur": {"H": 18, "W": 20},
    "/conv2d": {"H": 12, "W": 14},
    "/cpu_gemm": {"M": 64, "N": 48, "K": 32},
    "/wavefront": {"N": 14, "TSTEPS": 3},
}


def made(name: str, **changed: int) -> Any:
    """The kernel of an example."""
    folder, _, file = name.partition("/")
    return example(folder, file).make(**{**SIZES[name], **changed})


def scheduled(name: str) -> Schedule:
    """An example's schedule."""
    folder, _, file = name.partition("/")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return example(folder, file).schedule(made(name))  # type: ignore[no-any-return]


def rebuilt(script: str, kernel_: ta.Kernel, name: str) -> Schedule:
    """What a script makes."""
    names: dict[str, Any] = {"ta": ta, name: kernel_}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(script, names)
    return names["s"]  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("name", sorted(SIZES))
def test_designs_are_rebuilt(name: str) -> None:
    s = scheduled(name)
    again = rebuilt(s.script(), s.kernel, s.name)
    assert again.module == s.module
    assert again.history == s.history
    assert str(again) == str(s)
    assert again.script() == s.script()
    assert str(again.compiled) == str(s.compiled)
    there = pickle.loads(pickle.dumps(s))
    assert str(there) == str(s)
    assert there.module == s.module
    larger = {key: size + 3 for key, size in SIZES[name].items() if key != "TSTEPS"}
    try:
        other = s.replay(made(name, **larger))
    except ta.ScheduleError as error:
        assert any(" of the schedule of " in reason for reason in error.because)
    else:
        assert other.script() == s.script()
        assert other.verify()
    undone = s.copy().undo(len(s.history))
    assert undone.module is s._first
    assert undone.history == ()


M, N, K = 8, 12, 10


@kernel
def matmul(A: int8[M, K], B: int8[K, N], C: int16[M, N]):
    for i, j in grid(M, N, name="PE"):
        for k in ta.range(K):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def layer(X: int8[M, K], W: int8[K, N], Y: int16[M, N], out: int16[M, N]):
    matmul(X, W, Y)
    for i, j in grid(M, N, name="PE"):
        out[i, j] = Y[i, j] * 2


def test_scripts_read_as_written() -> None:
    s = ta.customize(matmul, reassociate=True)
    outer, inner = s.split("k", 5)
    s.reorder(outer, "i", "j", inner)
    i, j = s.loops()[1:3]
    tiles = s.tile([i, j], [4, 3])
    lines = s.buffer_at(s.C, tiles[1])
    s.partition(lines, dim=[0, 1])
    s.pipeline(inner, ii=2)
    s.cast("A", ta.Int(12))
    assert s.script() == (
        "s = ta.customize(matmul, reassociate=True)\n"
        'k_outer, k_inner = s.split("k", 5)\n'
        's.reorder(k_outer, "i", "j", k_inner)\n'
        'i_outer, j_outer, i_inner, j_inner = s.tile(["i", "j"], [4, 3])\n'
        "C_j_outer = s.buffer_at(s.C, j_outer)\n"
        "s.partition(C_j_outer, dim=[0, 1])\n"
        "s.pipeline(k_inner, ii=2)\n"
        's.cast("A", ta.Int(12))\n'
    )
    assert rebuilt(s.script(), matmul, "matmul").module == s.module


def test_scripts_of_callees_and_odd_names() -> None:
    @kernel
    def named(copy: int8[M], lambda_: int8[M], s: int8[M]):
        for ta_ in grid(M):
            copy[ta_] = lambda_[ta_] + s[ta_]

    t = ta.customize(named)
    for array in ("copy", "lambda_", "s"):
        t.partition(t[array], kind="cyclic", factor=2)
    _, t_inner = t.split("ta_", 2)
    t.unroll(t_inner)
    assert 's.partition(s["copy"], kind="cyclic", factor=2)' in t.script()
    assert rebuilt(t.script(), named, "named").module == t.module
    u = ta.customize(layer)
    outer, inner = u.split("matmul:k", 5)
    u.reorder(outer, "matmul:i", "matmul:j", inner)
    u.partition(u["matmul:B"], dim=1)
    u.pipeline("PE.j")
    assert u.layouts()["matmul:B"] == (("whole", 1), ("complete", N))
    assert u.layouts()["W"] == (("whole", 1), ("whole", 1))
    assert rebuilt(u.script(), layer, "layer").module == u.module


def sized(n: int, name: str = "scale") -> ta.Kernel:
    def scale(A: float32[n], B: float32[n]):
        for i in grid(n):
            B[i] = A[i] * 2

    scale.__name__ = name
    return kernel(scale)


@pytest.mark.parametrize("size", [2, 3, 4, 15, 16, 17])
def test_replay_on_sizes_that_do_not_divide(size: int) -> None:
    s = ta.customize(sized(16))
    outer, inner = s.split("i", 4)
    s.vectorize(inner)
    buffer = s.buffer_at(s.A, outer)
    s.partition(buffer, kind="cyclic", factor=2)
    other = s.replay(sized(size, "another"))
    assert other.script() == s.script().replace("scale", "another")
    a, b = np.arange(size, dtype=np.float32), np.zeros(size, np.float32)
    other.build()(a, b)
    np.testing.assert_array_equal(b, a * 2)
    assert other.verify()


def test_replay_on_one_iteration() -> None:
    s = ta.customize(sized(16))
    outer, inner = s.split("i", 4)
    s.buffer_at(s.A, outer)
    s.unroll(inner)
    other = s.replay(sized(1))
    a, b = np.ones(1, np.float32), np.zeros(1, np.float32)
    other.build()(a, b)
    assert b[0] == 2


def test_a_replay_that_fails_names_the_step() -> None:
    s = ta.customize(matmul)
    s.split("k", 5)
    s.peel("i", 4)
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    with pytest.raises(ta.ScheduleError) as caught:
        s.replay(sized(4))
    assert caught.value.because[-1] == (
        f's.split("k", 5) is step 1 of 2 of the schedule of matmul (test_scripts.py:{line - 1})'
    )
    assert "s.replay(sized(4))" in str(caught.value)


def test_copies_are_independent_and_handles_hold_in_both() -> None:
    s = ta.customize(matmul)
    outer, inner = s.split("k", 5)
    for other in (s.copy(), copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        other.pipeline(inner)
        other.reorder(outer, "i", "j")
        assert len(s.history) == 1
        other.undo(3)
        assert other.history == ()
        assert len(s.history) == 1
    both = copy.deepcopy({"s": s, "loop": inner})
    assert both["loop"].owner is both["s"]
    branch = s.copy()
    loop = branch.fuse("i", "j")
    with pytest.raises(ta.UnknownLoopError, match="is not in this schedule") as caught:
        s.pipeline(loop)
    assert caught.value.because == ('fuse("i", "j") made it, which was undone or taken in a copy only',)


def test_schedules_of_local_kernels_pickle_into_other_processes(tmp_path: Path) -> None:
    s = ta.customize(sized(16))
    _, inner = s.split("i", 4)
    path = tmp_path / "schedule.pickle"
    path.write_bytes(pickle.dumps((s, inner)))
    code = (
        "import pickle, sys, numpy as np\n"
        "s, inner = pickle.load(open(sys.argv[1], 'rb'))\n"
        "s.vectorize(inner)\n"
        "a, b = np.ones(16, np.float32), np.zeros(16, np.float32)\n"
        "s.build()(a, b); s.kernel(a, b)\n"
        "assert s.verify() and b.sum() == 32 and inner.owner is s\n"
        "print(s.script())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:3] == ['i_outer, i_inner = s.split("i", 4)', "s.vectorize(i_inner)"]


def test_threads_take_whole_steps() -> None:
    s = ta.customize(matmul)
    errors: list[BaseException] = []

    def work(loop: str, factor: int) -> None:
        try:
            mine = s.copy()
            mine.split(loop, factor)
            s.unroll(loop, factor=factor)
            assert str(s)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=("ijk"[n % 3], 1 + n)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(s.history) == 9
    assert rebuilt(s.script(), matmul, "matmul").module == s.module


def test_undo_refuses_what_is_no_number_of_steps() -> None:
    s = ta.customize(matmul)
    s.split("k", 5)
    for count in (2, -1, True, 1.0, None, "1"):
        with pytest.raises(ta.ScheduleError, match="TA206"):
            s.undo(count)  # type: ignore[arg-type]
        assert len(s.history) == 1
    s.undo(0)
    assert len(s.history) == 1
    assert s.undo(np.int64(1)).history == ()  # type: ignore[arg-type]


def test_lists_print_as_tables() -> None:
    s = ta.customize(layer)
    s.split("PE.j", 5)
    s.pipeline("j.inner")
    assert repr(s.loops()) == (
        "i        0:8                         in PE\n"
        "j.outer  0:3                         in PE\n"
        "j.inner  0:min(5, 12 - 5 * j.outer)  in PE  pipeline ii=1"
    )
    assert repr(s.bands()) == "PE"
    assert repr(s.arrays()) == "X    int8[8, 10]\nW    int8[10, 12]\nY    int16[8, 12]\nout  int16[8, 12]"
    s.partition("Y", dim=1, kind="cyclic", factor=4)
    assert repr(s.layouts()).splitlines()[2] == "Y         whole, cyclic 4"
    assert "<pre>" in s.layouts()._repr_html_()
    assert [str(loop) for loop in s.loops("matmul")] == ["i", "j", "k"]
    t = ta.customize(layer)
    t.fuse("PE.i", "PE.j")
    assert "for i_j in 0:96  # <-- here" in repr(t.loops()[0])


def test_the_arrow_is_at_the_loop_that_is_meant() -> None:
    @kernel
    def two(A: float32[4, 6]):
        for i, j in grid(4, 6, name="X"):
            A[i, j] *= 2
        for i, j in grid(4, 6, name="Y"):
            A[i, j] += 1

    lines = repr(ta.customize(two).loops()[2]).splitlines()
    assert [number for number, line in enumerate(lines) if "# <-- here" in line] == [4]


def test_the_stub_has_the_methods_types(request: pytest.FixtureRequest) -> None:
    path = Path(methods.__file__).with_suffix(".pyi")
    if request.config.getoption("--update-golden"):
        path.write_text(methods.stub_text(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == methods.stub_text()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_methods_are_documented_and_typed(name: str) -> None:
    method = getattr(Schedule, name)
    document = inspect.getdoc(method) or ""
    assert "Rewrite:" in document
    assert "Legal when:" in document
    assert ("Returns:" in document) == (name in methods.RETURNS)
    signature = inspect.signature(method)
    assert next(iter(signature.parameters)) == "self"
    assert "LoopNode" not in str(signature)


def test_steps_hand_back_what_the_types_say() -> None:
    kinds = {"LoopHandle": LoopHandle, "ArrayHandle": ArrayHandle}
    calls: dict[str, Any] = {
        "split": lambda s: s.split("k", 5),
        "fuse": lambda s: s.fuse("i", "j"),
        "tile": lambda s: s.tile(["i", "j"], [2, 2]),
        "peel": lambda s: s.peel("k", 2),
        "buffer_at": lambda s: s.buffer_at("C", "i"),
        "reuse_at": lambda s: s.reuse_at("B", "i"),
        "permute": lambda s: s.permute("A", (1, 0)),
        "reshape": lambda s: s.reshape("A", (K, M)),
        "reorder": lambda s: s.reorder("j", "i"),
        "pipeline": lambda s: s.pipeline("k"),
    }
    for name, call in calls.items():
        found = call(ta.customize(matmul))
        text = methods.RETURNS.get(name, "None")
        if text == "None":
            assert found is None
        elif text.startswith("tuple"):
            assert isinstance(found, tuple)
            assert all(isinstance(each, LoopHandle) for each in found)
        else:
            assert isinstance(found, kinds[text.split(" ")[0]]), name


def test_only_kernels_are_scheduled() -> None:
    s = ta.customize(matmul)
    for thing in (3, None, sized, s, Schedule, "matmul"):
        with pytest.raises(ta.ScheduleError, match=r"TA200 .* is no kernel"):
            ta.customize(thing)  # type: ignore[arg-type]
        if thing is not s:
            with pytest.raises(ta.ScheduleError, match="TA200"):
                ta.verify(s, thing)  # type: ignore[arg-type]
        with pytest.raises(ta.ScheduleError, match="TA200"):
            s.replay(thing)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="TA204 nothing can be stored in a schedule as 'C'"):
        s.C = 3  # type: ignore[assignment]
    assert s.C.shape == (M, N)
    with pytest.raises(ta.BuildError, match=r"TA825 .* has no option 'cach'"):
        s.build(cach=False)


def test_handles_of_callees_that_are_inlined() -> None:
    s = ta.customize(layer)
    array, loop = s["matmul:B"], s.loops("matmul")[2]
    s.inline("matmul")
    assert repr(array) == "<array W: int8[10, 12] of layer>"
    assert array.shape == (K, N)
    assert "for k in 0:10  # <-- here" in repr(loop)
    outer, _ = s.split(loop, 5)
    s.partition(array, dim=1)
    assert rebuilt(s.script(), layer, "layer").module == s.module
    s.undo(3)
    with pytest.raises(ta.UnknownLoopError):
        s.pipeline(outer)
    s.pipeline(loop)
    assert repr(array) == "<array B: int8[10, 12] of matmul>"
