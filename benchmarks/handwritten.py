"""The hand-written C of `benchmarks/c`, compiled with the flags that tracealloc uses."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import C_FOLDER, Case


def compile_command(case: Case, out: Path) -> list[str]:
    """The compiler's command line for a case."""
    from tracealloc.emit.run.compiler import c_flags, find_compiler

    real = {"float32": "float", "float64": "double", "int32": "int"}[case.dtype]
    sizes = [f"-D{name}={value}" for name, value in case.sizes.items()]
    source = C_FOLDER / f"{case.module}.c"
    compiler = [*find_compiler().command, *c_flags("")]
    return [*compiler, f"-Dreal={real}", *sizes, str(source), "-o", str(out), "-lm"]


def build(case: Case) -> Callable[..., None]:
    """The hand-written kernel as a function on the same arguments."""
    folder = tempfile.mkdtemp(prefix="benchmarks-")
    library = Path(folder) / "kernel.so"
    subprocess.run(compile_command(case, library), check=True)
    function = ctypes.CDLL(str(library)).kernel
    scalar = {"float32": ctypes.c_float, "float64": ctypes.c_double, "int32": ctypes.c_int}[case.dtype]
    function.argtypes = [ctypes.c_void_p if shape else scalar for shape in case.shapes.values()]
    function.restype = None

    def call(*arguments: Any) -> None:
        function(*[a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments])

    return call
