"""What to write in a kernel for what NumPy's arrays and numbers have and traced ones have not."""

from __future__ import annotations

from typing import Any

__all__ = ["ARRAY_CURES", "SCALAR_CURES", "element_loop", "numpy_cure"]

_SUM = "acc = ta.scalar({dtype}, 0); for i in ta.range({n}): acc += {a}[i]"
_EXTREME = "best = ta.scalar({dtype}, {a}[0]); for i in ta.range({n}): best.set({word}(best, {a}[i]))"
_TEST = "found = ta.scalar(boolean, {first}); for i in ta.range({n}): found {op} {a}[i] != 0"
_COPY = "C = ta.empty({shape}, {type}); {loop}: C[{its}] = {a}[{its}]{end}"
_VIEW = "write the subscripts that you mean: {a}[{its}] can stand anywhere"
_STORE = "{loop}: {a}[{its}] = value"
_READ = "{a}[{its}] reads an element"
_DOT = "for i, j, k in grid(M, N, K): C[i, j] += A[i, k] * B[k, j]"
_EACH = "{loop}: C[{its}] = f({a}[{its}])"

ARRAY_CURES = {
    "copy": _COPY, "astype": _COPY, "T": "write the subscripts in the other order: {a}[{back}]",
    "transpose": "write the subscripts in the other order: {a}[{back}]",
    "swapaxes": "write the subscripts in the other order: {a}[{back}]",
    "sum": _SUM, "prod": _SUM.replace("0)", "1)").replace("+=", "*="), "mean": _SUM, "cumsum": _SUM,
    "max": _EXTREME.replace("{word}", "max"), "min": _EXTREME.replace("{word}", "min"),
    "amax": _EXTREME.replace("{word}", "max"), "amin": _EXTREME.replace("{word}", "min"),
    "argmax": _EXTREME.replace("{word}", "max"), "argmin": _EXTREME.replace("{word}", "min"),
    "any": _TEST.replace("{first}", "False").replace("{op}", "|="),
    "all": _TEST.replace("{first}", "True").replace("{op}", "&="),
    "dot": _DOT, "matmul": _DOT, "reshape": _VIEW, "flatten": _VIEW, "ravel": _VIEW, "flat": _VIEW,
    "squeeze": _VIEW, "fill": _STORE, "put": _STORE, "tolist": _READ, "item": _READ, "get": _READ,
    "set": _STORE,
    "zeros_like": "ta.zeros({shape}, {type})", "empty_like": "ta.empty({shape}, {type})",
    "ones_like": "ta.full({shape}, 1, {type})", "full_like": "ta.full({shape}, value, {type})",
    "where": "{loop}: C[{its}] = ta.where(condition, a, b)",
    "append": "an array keeps its extent; ta.zeros makes one",
    "sort": "write the network of comparisons: a, b = min(x, y), max(x, y)",
}  # fmt: skip
SCALAR_CURES = {
    "copy": "a value never changes, so x itself will do", "item": "x is one number already",
    "get": "acc.value, or acc in any expression, reads it", "T": "x is one number already",
    "sum": "x is one number already", "set": "acc = ta.scalar(dtype, init) can be stored to",
    "round": "ta.floor(x + 0.5)", "rint": "ta.floor(x + 0.5)",
    "around": "ta.floor(x + 0.5)", "trunc": "x.astype(int32)",
    "sign": "ta.where(x > 0, 1, ta.where(x < 0, -1, 0))",
    "isnan": "x != x", "isinf": "ta.abs(x) == float('inf')", "where": "ta.where(c, a, b)",
    "is_integer": "ta.floor(x) == x",
    "bit_length": "loop over the bits: x[k]", "real": "x is one number already", "imag": "0",
}  # fmt: skip


def element_loop(rank: int, shape: tuple[int, ...]) -> tuple[str, str]:
    """A loop over the elements of an array, and its subscripts: ``for i, j in grid(4, 8)``, ``i, j``."""
    names = "ijkl"[:rank] if rank <= 4 else tuple(f"i{k}" for k in range(rank))
    its = ", ".join(names)
    return f"for {its} in grid({', '.join(map(str, shape))})", its


def numpy_cure(name: str, array: Any) -> str:
    """What to write for the attribute or function `name` of NumPy on a traced array."""
    shape = array.shape
    loop, its = element_loop(len(shape), shape)
    text = ARRAY_CURES.get(name, _EACH)
    return text.format(
        a=array._label() if array._array.name else "A", n=shape[0] if shape else 1, shape=shape,
        type=array.dtype, dtype=array.dtype, loop=loop, its=its, back=", ".join(reversed(its.split(", "))),
        end=".astype(T)" if name == "astype" else "",
    )  # fmt: skip
