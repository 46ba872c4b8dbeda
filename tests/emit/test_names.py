"""Names that the outside world has taken, as every kind of name that a user gives."""

from __future__ import annotations

import keyword
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tests.emit.taken as machine
import tracealloc as ta
from tests.emit.batch import simulations
from tracealloc import kernel
from tracealloc.emit.c.function import c_source
from tracealloc.emit.common.names import FileNames, Names, identifier, member, taken
from tracealloc.emit.run.runtime import CModule, library_of
from tracealloc.trace.ir.program import Program

# Found by users, or likely; then some of the table.
CHOSEN = """
    new new_ int_ this do case default register auto bool char double union typename typeof wchar_t and_eq
    read write open close send recv connect bind listen accept poll signal kill sync pause swab time times
    stat link pipe wait select index y1 j0 gamma remainder environ malloc free aligned_alloc memset memcpy
    abort exit printf puts main errno stdin stdout EOF NDEBUG NULL NAN INFINITY I assert offsetof linux unix
    std hls xrt half math tracealloc tracealloc_data ta_x TA_X ap_int ap_fixed AP_RND AP_MAX min max abs exp
    expf sqrt floor_div maximum string memory vector host data build sim Makefile README tb k_tb run job
    uuid device kernel_ _ _x __x _Bool _init _start λ naïve x_u3bb_ xλ K_H e e0 t0 status fault ended stack
    wrong found INT8_MAX RLIMIT_STACK BUFSIZ va_arg GOMP_parallel omp_get_num_threads pthread_create time_t
    size_t
"""


def _names(every: int) -> list[str]:
    table = sorted(taken().everywhere | taken().outside)
    found = dict.fromkeys([*CHOSEN.split(), *table[::every]])
    return [name for name in found if name.isidentifier() and not keyword.iskeyword(name)]


NAMES = _names(100)
# Locals of the function around a simulated kernel, and of the testbench.
WRAPPERS = ["a0", "a1", "e", "p0", "q0", "r0", "s_p0", "x0", "wrong"]


def _made(text: str, name: str, **more: Any) -> Program:
    names: dict[str, Any] = {"ta": ta, "int32": ta.int32, "kernel": kernel, **more}
    exec(compile(text, f"{name}.py", "exec"), names)
    return kernel(names[name]).trace()


def _as_arguments(names: list[str]) -> Program:
    head = ", ".join(f"{name}: int32[2]" for name in names)
    body = "".join(f"        out_[i_] += {n + 1} * {name}[i_]\n" for n, name in enumerate(names))
    return _made(f"def arguments({head}, out_: int32[2]):\n    for i_ in ta.range(2):\n{body}", "arguments")


def _as_loops(names: list[str]) -> Program:
    body = "".join(
        f"    for {name} in ta.range(2):\n        out_[{name}] += {n + 1}\n" for n, name in enumerate(names)
    )
    return _made(f"def loops(out_: int32[2]):\n{body}", "loops")


def _as_arrays(names: list[str]) -> Program:
    body = "".join(f"    {name} = ta.full((2,), {n + 1}, int32)\n" for n, name in enumerate(names))
    body += "    for i_ in ta.range(2):\n"
    body += "".join(f"        out_[i_] += {name}[i_]\n" for name in names)
    return _made(f"def arrays(out_: int32[2]):\n{body}", "arrays")


def _as_fields(names: list[str]) -> Program:
    legal = [name for name in names if not name.startswith("_")]
    body = "".join(f"        a_[i_].{name} = {n + 1}\n" for n, name in enumerate(legal))
    body += "".join(f"        out_[i_] += a_[i_].{name}\n" for name in legal)
    text = f"def fields(out_: int32[2]):\n    a_ = ta.empty((2,), S)\n    for i_ in ta.range(2):\n{body}"
    return _made(text, "fields", S=ta.Struct(**dict.fromkeys(legal, ta.int32)))


def _as_callees(names: list[str]) -> Program:
    made = "".join(
        f"@kernel\ndef {name}(x_: int32[2]):\n    for i_ in ta.range(2):\n        x_[i_] += {n + 1}\n"
        for n, name in enumerate(names)
    )
    calls = "".join(f"    {name}(out_)\n" for name in names)
    return _made(f"{made}\ndef callees(out_: int32[2]):\n{calls}", "callees", kernel=kernel)


ROLES: list[Callable[[list[str]], Program]] = [_as_arguments, _as_loops, _as_arrays, _as_fields, _as_callees]


def _tops(names: list[str]) -> list[Program]:
    text = "def {0}(out_: int32[2]):\n    for i_ in ta.range(2):\n        out_[i_] += 1\n"
    return [_made(text.format(name), name) for name in names if name != "x_u3bb_"]  # "xλ" is that, too


def _check(run: Callable[..., Any], program: Program, expected: int) -> None:
    arrays = [np.ones(2, np.int32) for _ in program.args]
    arrays[-1][:] = 0
    run(*arrays)
    assert arrays[-1].tolist() == [expected] * 2, program.name


def _total(program: Program) -> int:
    names = [n for n in NAMES if program.name != "fields" or not n.startswith("_")]
    return len(names) * (len(names) + 1) // 2


def test_every_role_in_c() -> None:
    for made in (role(NAMES) for role in ROLES):
        source = c_source(made)
        _check(CModule(made, source, library_of(source)), made, _total(made))


def test_every_role_in_simulation() -> None:
    programs = [role(NAMES) for role in ROLES]
    for program, run in zip(programs, simulations(programs, own_names=True), strict=True):
        _check(run, program, _total(program))


def test_as_top_function() -> None:
    programs = _tops(list(dict.fromkeys([*_names(16), *WRAPPERS])))
    source = "\n".join(c_source(program) for program in programs)
    library = library_of(source)
    for program, run in zip(programs, simulations(programs, own_names=True), strict=True):
        _check(run, program, 1)
        _check(CModule(program, source, library), program, 1)


def test_names_that_are_changed_are_shown(tmp_path: Path) -> None:
    @kernel
    def read(K_H: ta.int32[4], λ: ta.int32[4]):
        for new in ta.range(4):
            λ[new] += K_H[new]

    made = read.build("vitis_hls")
    assert made.source.splitlines()[1:3] == [
        "// Named otherwise here, as C++, its libraries or this text have taken the name:",
        "// read is read_kernel, λ is _u3bb_, new is new_.",
    ]
    assert read.build().source.splitlines()[2:4] == made.source.splitlines()[1:3]
    assert (
        "are others in the text: `read` is `read_kernel`, `λ` is `_u3bb_`, `new` is `new_`.\n"
        in (made.files["README.md"])
    )
    assert "| `λ` | `int32_t[4]` | inout |" in made.files["README.md"]
    a, b = np.arange(4, dtype=np.int32), np.ones(4, np.int32)
    read(K_H=a, λ=b)
    assert b.tolist() == [1, 2, 3, 4]


def test_fields_are_never_one() -> None:
    names = ["new", "new_", "new__", "λ", "u3bb_", "x_u3bb_", "xλ", "ta_x", "vta_x", "vvta_x", "x"]
    assert len({member(name) for name in names}) == len(names)
    assert [member(name) for name in names[:2]] == ["new_", "new__"]


def test_files_differ_where_capitals_do_not_count() -> None:
    files = FileNames()
    assert [files.declare(name) for name in ("y", "y_expected", "Y", "aux", "λ")] == [
        "y", "y_expected", "Y_2", "aux_", "_u3bb_"
    ]  # fmt: skip


def test_unnamed_names_stay_taken() -> None:
    names = Names()
    assert [names.declare("", "at") for _ in range(3)] == ["at", "at_2", "at_3"]


def test_the_table_has_the_macros_and_functions_of_this_machine() -> None:
    known = taken().everywhere | taken().outside
    prefixed = {name for name in machine.macros() | machine.at_file_scope() if identifier(name) == name}
    assert sorted(prefixed - known) == [], "python -m tests.emit.taken"
    assert sorted(machine.stems() - taken().stems) == [], "python -m tests.emit.taken"


# Kernels whose files, arguments or tables met something else of a project.
PROJECTS = {
    "host": "y: int32[4], y_expected: int32[4], Y: int32[4], y_map: int32[4]",
    "string": "x_t: int32[4], x: S[4], data: int32[4], STRING_H: int32[4]",
    "Time": "wrong: int32[4], stack: int32[4], argv: int32[4], rlimit: int32[4]",
    "tracealloc_data": "tracealloc: int32[4], aux: int32[4], Aux: int32[4]",
    "wrong": "q0: int32[4], a0: int32[4], p1: int32[4], e: int32[4]",
    "_start": "run: int32[4], job: int32[4], found: int32[4], Time: int32[4]",
}


@pytest.mark.parametrize("name", PROJECTS)
def test_projects(name: str, tmp_path: Path) -> None:
    head = PROJECTS[name]
    args = [part.split(":")[0] for part in head.split(", ") if "S[" not in part]
    body = "".join(f"        {a}[i] = {b}[i] + {n}\n" for n, (a, b) in enumerate(pairwise(args)))
    names: dict[str, Any] = {"ta": ta, "int32": ta.int32, "S": ta.Struct(a=ta.int8, b=ta.int8)}
    exec(f"def {name}({head}):\n    for i in ta.range(4):\n{body}", names)
    folder = kernel(names[name]).build("vitis_hls").write(tmp_path / "made")
    command = ["make", "-s", "csim", f"PYTHON={sys.executable}", "CXXFLAGS=-O0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    files = [path.relative_to(folder).as_posix().casefold() for path in folder.rglob("*")]
    assert len(files) == len(set(files))
