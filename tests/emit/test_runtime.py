"""Compiling, caching, loading: what can go wrong on a machine, and that it does no harm."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.emit.programs import add_to, array, at, gemm, iters, loop, put
from tracealloc.emit.run import compiler as compilers
from tracealloc.emit.run import disk_cache as disk
from tracealloc.emit.run import runtime
from tracealloc.emit.run.marshal import Signature
from tracealloc.emit.run.runtime import build_c, library_of
from tracealloc.trace.diagnostics.errors import BuildError, TraceallocWarning
from tracealloc.trace.ir.dtype import Integer, float32
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.typing_rules import lift

int32 = Integer(32, True)


def plus(number: int, name: str = "plus") -> Program:
    """``A[i] += number``."""
    a = array("A", int32, 4)
    (i,) = iters("i")
    return Program(name, (a,), (loop(i, 4, add_to(at(a, i), lift(number))),))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("TRACEALLOC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def works(program: Program, number: int) -> None:
    data = np.zeros(4, np.int32)
    build_c(program)(data)
    assert data.tolist() == [number] * 4


def test_second_build_does_not_run_the_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    works(plus(3), 3)
    assert [path.suffix for path in folder.iterdir()] == [".so"]

    def never(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(runtime, "compile_c", never)
    works(plus(3), 3)
    with pytest.raises(AssertionError, match="compiled again"):
        build_c(plus(3), cache=False)


@pytest.mark.parametrize("harm", ["truncate", "empty", "flip", "text"])
def test_a_corrupt_entry_is_built_again(folder: Path, harm: str) -> None:
    source = build_c(plus(4)).source
    path = library_of(source)
    data = path.read_bytes()
    path.unlink()  # the loaded library keeps its file; a damaged one is another
    flipped = data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]
    path.write_bytes({"truncate": data[:3000], "empty": b"", "flip": flipped, "text": b"hello" * 99}[harm])
    works(plus(4), 4)
    assert disk.lookup(path.stem) is not None


def test_the_key_depends_on_text_flags_compiler_and_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = build_c(plus(5)).source
    paths = {library_of(source)}
    monkeypatch.setattr(runtime, "cpu_identity", lambda: "another machine")
    paths.add(library_of(source))
    monkeypatch.setattr(runtime, "c_flags", lambda text: (*compilers.c_flags(text), "-O2"))
    paths.add(library_of(source))
    paths.add(library_of(source + "// more\n"))
    assert len(paths) == 4


def test_unwritable_folder_works_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("TRACEALLOC_CACHE", str(file / "cache"))
    with pytest.warns(TraceallocWarning) as caught:
        works(plus(6), 6)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert str(caught[0].message) == (
        f"the cache folder {str(file / 'cache')!r} cannot be used (Not a directory): compiled kernels are "
        "kept for this process only; set TRACEALLOC_CACHE to a folder that can be written"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        works(plus(7), 7)
        works(plus(6), 6)


def test_folders_in_the_order_of_the_manual(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRACEALLOC_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/c")
    assert disk.cache_folder() == Path("/a")
    monkeypatch.delenv("TRACEALLOC_CACHE")
    assert disk.cache_folder() == Path("/b/tracealloc")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert disk.cache_folder() == Path("/c/.cache/tracealloc")


def test_no_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(BuildError) as caught:
        build_c(plus(8))
    assert str(caught.value) == (
        "TA801 no C compiler was found\n"
        "  because: searched PATH for gcc, cc, clang\n"
        f"  because: PATH is {str(tmp_path)!r}\n"
        "  because: CC is not set\n"
        "  try: install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; macOS: xcode-select "
        "--install), or set CC to a compiler"
    )


def test_cc_names_no_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc-of-dreams -m64")
    with pytest.raises(BuildError) as caught:
        build_c(plus(8))
    assert str(caught.value) == (
        "TA801 the C compiler that the environment variable CC names, 'gcc-of-dreams -m64', was not found\n"
        "  because: no executable file 'gcc-of-dreams' on PATH\n"
        "  try: correct CC, or unset it to use gcc, cc or clang from PATH"
    )


def test_cc_with_arguments_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc -DX=1")
    works(plus(9), 9)


def test_a_text_that_does_not_compile_is_kept(folder: Path) -> None:
    with pytest.raises(BuildError) as caught:
        library_of("int f( {\n")
    error = caught.value
    kept = next(folder.glob("*.c"))
    assert error.code == "TA802" and kept.read_text() == "int f( {\n"
    assert "error" in error.because[0] and error.because[1] == f"the text is kept in {str(kept)!r}"
    assert [path.suffix for path in folder.iterdir()] == [".c"]


def test_a_compiler_that_crashes(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(BuildError) as caught:
        build_c(plus(10))
    assert caught.value.because[0] == "it was ended by signal 9"


def test_threads_build_and_call_together(folder: Path) -> None:
    failures: list[BaseException] = []

    def one() -> None:
        try:
            for number in (20, 21, 22):
                works(plus(number), number)
        except BaseException as error:  # whatever it is, the main thread reports it
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(path.suffix for path in folder.iterdir()) == [".so"] * 3


def test_processes_build_together(folder: Path) -> None:
    script = (
        "from tests.emit.test_runtime import plus, works\n"
        "for number in (30, 31):\n    works(plus(number), number)\n"
    )
    command = [sys.executable, "-c", script]
    running = [
        subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        for _ in range(4)
    ]
    assert [process.wait() for process in running] == [0] * 4
    assert sorted(path.suffix for path in folder.iterdir()) == [".so"] * 2


def test_arrays_that_fit_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way of a call; what it costs is in benchmarks/calls.py."""
    a, b, c = (array(name, float32, 2) for name in "abc")
    module = build_c(Program("tiny", (a, b, c), (put(at(c, 0), at(a, 0)), put(at(c, 1), at(b, 1)))))
    x, y, z = (np.zeros(2, np.float32) for _ in range(3))
    slowly, calls = Signature._slowly, list[object]()
    monkeypatch.setattr(Signature, "_slowly", lambda self, *args: calls.append(1) or slowly(self, *args))
    module(x, y, z)
    assert not calls
    module(x, y, c=z)
    assert len(calls) == 1


def test_repr_and_attributes() -> None:
    module = build_c(gemm(4, 5, 6))
    assert repr(module) == "<CModule gemm(A: float32[4, 6], B: float32[6, 5]) -> float32[4, 5]>"
    assert module.library.exists() and "void gemm(" in module.source


def test_folder_that_forbids_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system mounted ``noexec``: nothing is loaded from it, also not what was built before."""
    works(plus(8), 8)
    real = os.statvfs

    def statvfs(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_flag=real(path).f_flag | (os.ST_NOEXEC if path == folder else 0))

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(disk, "_warned", set())
    with pytest.warns(TraceallocWarning) as said:
        works(plus(8), 8)
    assert build_c(plus(8)).library.parent != folder
    assert [str(one.message).split(":")[0] for one in said] == [
        f"the cache folder {str(folder)!r} cannot be used (no code may be run from it (noexec))"
    ]
