"""The interpreter's fixed point against AMD's own open headers, compiled (long mode: it takes seconds)."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tracealloc.check.interpret.arith import conversion, integer_range
from tracealloc.check.interpret.operators import binary_operator
from tracealloc.trace.ir.dtype import OVERFLOWS, ROUNDINGS, DType, Fixed, Integer, float64, result_type

pytestmark = pytest.mark.long


def headers() -> Path:
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or not spec.submodule_search_locations or shutil.which("g++") is None:
        pytest.skip("needs hls4ml's headers and g++")
    return Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "ap_types"


def cpp_type(dtype: DType) -> str:
    if isinstance(dtype, Integer):
        return f"ap_{'int' if dtype.signed else 'uint'}<{dtype.width}>"
    assert isinstance(dtype, Fixed)
    modes = f"AP_{dtype.rounding}, AP_{dtype.overflow}"
    return f"ap_{'fixed' if dtype.signed else 'ufixed'}<{dtype.width}, {dtype.integer_bits}, {modes}>"


def run_cpp(lines: list[str], folder: Path) -> list[int]:
    text = "#include <cstdio>\n#include <cstdint>\n#include <ap_fixed.h>\n"
    text += 'template <class T> void show(T x) { printf("%lld\\n", (long long)x.range().to_int64()); }\n'
    text += "template <class T> T raw(long long v) { T x; x.range() = v; return x; }\n"
    chunks = [lines[i : i + 20] for i in range(0, len(lines), 20)]
    for number, chunk in enumerate(chunks):
        text += f"void part{number}() {{\n" + "\n".join(chunk) + "\n}\n"
    text += "int main() {" + "".join(f" part{n}();" for n in range(len(chunks))) + " }\n"
    (folder / "t.cpp").write_text(text)
    command = [
        "g++",
        "-std=c++14",
        "-w",
        "-O0",
        f"-I{headers()}",
        str(folder / "t.cpp"),
        "-o",
        str(folder / "t"),
    ]
    subprocess.run(command, check=True)
    found = subprocess.run([str(folder / "t")], check=True, capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def small_fixed(rng: random.Random, modes: bool, least: int = 0) -> Fixed:
    """A random type with at least `least` bits behind the point (some conversions abort below 0)."""
    width = rng.randint(1, 8)
    frac = rng.randint(least, width - 1)
    signed = rng.random() < 0.6
    if not modes:
        return Fixed(width, frac, signed)
    # The headers refuse WRAP_SM without a sign.
    overflow = rng.choice([mode for mode in OVERFLOWS if signed or mode != "WRAP_SM"])
    return Fixed(width, frac, signed, rng.choice(ROUNDINGS), overflow)


def test_conversions_between_fixed_point_types(tmp_path: Path) -> None:
    rng = random.Random(1)
    lines, expected, cases = [], [], []
    for _ in range(160):
        source, target = small_fixed(rng, modes=False), small_fixed(rng, modes=True)
        low, high = integer_range(source)
        lines.append(
            f"for (long long v = {low}; v <= {high}; ++v) "
            f"{{ {cpp_type(target)} x = raw<{cpp_type(source)}>(v); show(x); }}"
        )
        convert = conversion(source, target)
        for value in range(low, high + 1):
            found = value if convert is None else convert(value)
            expected.append(found & ((1 << target.width) - 1))
            cases.append((source, target, value))
    printed = run_cpp(lines, tmp_path)
    wrong = [(c, e, p) for c, e, p in zip(cases, expected, printed, strict=True)
             if e != p & ((1 << c[1].width) - 1)]  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong[:10]}"


def test_conversions_from_double_and_to_integers(tmp_path: Path) -> None:
    rng = random.Random(2)
    lines, expected, cases = [], [], []
    for _ in range(80):
        target = small_fixed(rng, modes=True)
        convert = conversion(float64, target)
        assert convert is not None
        for _ in range(12):
            value = rng.choice([rng.uniform(-40, 40), rng.uniform(-2, 2), rng.randint(-64, 64) / 8])
            lines.append(f"{{ {cpp_type(target)} x = {value!r}; show(x); }}")
            expected.append(convert(value) & ((1 << target.width) - 1))
            cases.append((float64, target, value))
    for _ in range(40):
        source, whole = small_fixed(rng, modes=False), Integer(rng.randint(1, 9), rng.random() < 0.5)
        convert = conversion(source, whole)
        assert convert is not None
        for value in range(integer_range(source)[0], integer_range(source)[1] + 1, 3):
            lines.append(f"{{ {cpp_type(whole)} x = raw<{cpp_type(source)}>({value}); show(x); }}")
            expected.append(convert(value) & ((1 << whole.width) - 1))
            cases.append((source, whole, value))
    printed = run_cpp(lines, tmp_path)
    wrong = [(c, e, p) for c, e, p in zip(cases, expected, printed, strict=True)
             if e != p & ((1 << c[1].bits) - 1)]  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong[:10]}"


@pytest.mark.parametrize("ops", ["+-*", "/", "&|^"])
def test_operators(ops: str, tmp_path: Path) -> None:
    rng = random.Random(ops)
    lines, expected, cases = [], [], []
    for _ in range(60):
        op = rng.choice(ops)
        a, b = (small_fixed(rng, modes=False, least=-2) for _ in range(2))
        result = result_type(op, a, b)
        assert isinstance(result, Fixed)
        apply = binary_operator(op, a, b, result)
        for _ in range(12):
            x, y = (rng.randint(*integer_range(t)) for t in (a, b))
            if op == "/" and (y == 0 or (y == -1 and x == integer_range(a)[0])):  # the headers overflow
                continue
            lines.append(
                f"{{ auto r = raw<{cpp_type(a)}>({x}) {op} raw<{cpp_type(b)}>({y});"
                f' static_assert(decltype(r)::width == {result.width}, "width");'
                f' static_assert(decltype(r)::iwidth == {result.integer_bits}, "iwidth"); show(r); }}'
            )
            expected.append(apply(x, y) & ((1 << result.width) - 1))
            cases.append((op, a, b, x, y, result))
    printed = run_cpp(lines, tmp_path)
    wrong = [(c, e, p) for c, e, p in zip(cases, expected, printed, strict=True)
             if e != p & ((1 << c[5].width) - 1)]  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong[:10]}"
