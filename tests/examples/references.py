"""NumPy references of the PolyBench kernels for which the suite's data is not here.

Written from the mathematical definitions, with other algorithms than the kernels where there is one
(`linalg.solve`, `einsum`, dense tridiagonal systems). Each takes the sizes and a dictionary of inputs
and returns the expected contents of every array that the kernel writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]
Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Reference:
    """Argument shapes in the suite's order (a number: a scalar argument's value), and the results."""

    shapes: Callable[[Sizes], dict[str, tuple[int, ...] | float]]
    expected: Callable[[Sizes, Arrays], Arrays]


def _three_mm(s: Sizes, x: Arrays) -> Arrays:
    e, f = x["A"] @ x["B"], x["C"] @ x["D"]
    return {"E": e, "F": f, "G": e @ f}


def _covariance(s: Sizes, x: Arrays) -> Arrays:
    mean = x["data"].mean(axis=0)
    return {"mean": mean, "data": x["data"] - mean, "cov": np.cov(x["data"], rowvar=False)}


def _doitgen(s: Sizes, x: Arrays) -> Arrays:
    result = np.einsum("rqs,sp->rqp", x["A"], x["C4"])
    return {"A": result, "sum": result[-1, -1]}


def _mvt(s: Sizes, x: Arrays) -> Arrays:
    return {"x1": x["x1"] + x["A"] @ x["y_1"], "x2": x["x2"] + x["A"].T @ x["y_2"]}


def _gemver(s: Sizes, x: Arrays) -> Arrays:
    matrix = x["A"] + np.outer(x["u1"], x["v1"]) + np.outer(x["u2"], x["v2"])
    vector = x["x"] + x["beta"] * (matrix.T @ x["y"]) + x["z"]
    return {"A": matrix, "x": vector, "w": x["w"] + x["alpha"] * (matrix @ vector)}


def _gesummv(s: Sizes, x: Arrays) -> Arrays:
    tmp = x["A"] @ x["x"]
    return {"tmp": tmp, "y": x["alpha"] * tmp + x["beta"] * (x["B"] @ x["x"])}


def _lower(s: Sizes, x: Arrays, product: np.ndarray) -> Arrays:
    full = x["alpha"] * product + x["beta"] * x["C"]
    return {"C": np.where(np.tri(s["N"], dtype=bool), full, x["C"])}


def _syr2k(s: Sizes, x: Arrays) -> Arrays:
    return _lower(s, x, x["A"] @ x["B"].T + x["B"] @ x["A"].T)


def _syrk(s: Sizes, x: Arrays) -> Arrays:
    return _lower(s, x, x["A"] @ x["A"].T)


def _factors(matrix: np.ndarray) -> np.ndarray:
    """L below the diagonal and U above it: by block elimination, one row and column at a time."""
    if len(matrix) == 1:
        return matrix.copy()
    result = matrix.copy()
    result[1:, 0] = matrix[1:, 0] / matrix[0, 0]
    result[1:, 1:] = _factors(matrix[1:, 1:] - np.outer(result[1:, 0], matrix[0, 1:]))
    return result


def _lu(s: Sizes, x: Arrays) -> Arrays:
    return {"A": _factors(x["A"])}


def _ludcmp(s: Sizes, x: Arrays) -> Arrays:
    factors = _factors(x["A"])
    unit = np.tril(factors, -1) + np.eye(s["N"])
    return {"A": factors, "y": np.linalg.solve(unit, x["b"]), "x": np.linalg.solve(x["A"], x["b"])}


def _trisolv(s: Sizes, x: Arrays) -> Arrays:
    return {"x": np.linalg.solve(np.tril(x["L"]), x["b"])}


def _floyd_warshall(s: Sizes, x: Arrays) -> Arrays:
    path = x["path"].copy()
    for k in range(s["N"]):
        path = np.minimum(path, path[:, k : k + 1] + path[k : k + 1, :])
    return {"path": path}


def _tridiagonal(n: int, side: float, middle: float) -> np.ndarray:
    return middle * np.eye(n) + side * (np.eye(n, k=1) + np.eye(n, k=-1))


def _adi_sweep(old: np.ndarray, explicit: float, implicit: float, new: np.ndarray) -> None:
    """Solve for the interior of the columns of `new`: implicit down them, explicit across."""
    n = len(old)
    inner = old[1:-1]
    across = -explicit * inner[:, :-2] + (1 + 2 * explicit) * inner[:, 1:-1] - explicit * inner[:, 2:]
    new[0, 1:-1] = new[-1, 1:-1] = 1.0
    across[0] -= implicit
    across[-1] -= implicit
    new[1:-1, 1:-1] = np.linalg.solve(_tridiagonal(n - 2, implicit, 1 - 2 * implicit), across)


def _adi(s: Sizes, x: Arrays) -> Arrays:
    steps, n = s["TSTEPS"], s["N"]
    a, d = -(2.0 / steps) * n * n / 2, -(1.0 / steps) * n * n / 2
    u, v = x["u"].copy(), x["v"].copy()
    for _ in range(steps):
        _adi_sweep(u, d, a, v)
        _adi_sweep(v.T, a, d, u.T)
    return {"u": u, "v": v}


def _heat_3d(s: Sizes, x: Arrays) -> Arrays:
    arrays = [x["A"].copy(), x["B"].copy()]
    inner = (slice(1, -1),) * 3
    for step in range(2 * s["TSTEPS"]):
        old, new = arrays[step % 2], arrays[1 - step % 2]
        change = np.zeros_like(old[inner])
        for axis in range(3):
            second = np.diff(old, 2, axis=axis)
            change += second[tuple(slice(None) if d == axis else slice(1, -1) for d in range(3))]
        new[inner] = old[inner] + change / 8
    return {"A": arrays[0], "B": arrays[1]}


def _jacobi_1d(s: Sizes, x: Arrays) -> Arrays:
    arrays = [x["A"].copy(), x["B"].copy()]
    for step in range(2 * s["TSTEPS"]):
        old, new = arrays[step % 2], arrays[1 - step % 2]
        new[1:-1] = np.convolve(old, [0.33333] * 3, mode="valid")
    return {"A": arrays[0], "B": arrays[1]}


def _square(*names: str) -> Callable[[Sizes], dict[str, tuple[int, ...] | float]]:
    return lambda s: {name: (s["N"], s["N"]) if name.isupper() else (s["N"],) for name in names}


REFERENCES: dict[str, Reference] = {
    "three_mm": Reference(
        lambda s: {
            "E": (s["NI"], s["NJ"]),
            "A": (s["NI"], s["NK"]),
            "B": (s["NK"], s["NJ"]),
            "F": (s["NJ"], s["NL"]),
            "C": (s["NJ"], s["NM"]),
            "D": (s["NM"], s["NL"]),
            "G": (s["NI"], s["NL"]),
        },
        _three_mm,
    ),
    "covariance": Reference(
        lambda s: {
            "float_n": float(s["N"]),
            "data": (s["N"], s["M"]),
            "cov": (s["M"], s["M"]),
            "mean": (s["M"],),
        },
        _covariance,
    ),
    "doitgen": Reference(
        lambda s: {"A": (s["NR"], s["NQ"], s["NP"]), "C4": (s["NP"], s["NP"]), "sum": (s["NP"],)}, _doitgen
    ),
    "mvt": Reference(_square("x1", "x2", "y_1", "y_2", "A"), _mvt),
    "gemver": Reference(
        lambda s: {"alpha": 1.5, "beta": 1.2} | _square("A", "u1", "v1", "u2", "v2", "w", "x", "y", "z")(s),
        _gemver,
    ),
    "gesummv": Reference(
        lambda s: {"alpha": 1.5, "beta": 1.2} | _square("A", "B", "tmp", "x", "y")(s), _gesummv
    ),
    "syr2k": Reference(
        lambda s: {"alpha": 1.5, "beta": 1.2, "C": (s["N"],) * 2} | dict.fromkeys("AB", (s["N"], s["M"])),
        _syr2k,
    ),
    "syrk": Reference(
        lambda s: {"alpha": 1.5, "beta": 1.2, "C": (s["N"],) * 2, "A": (s["N"], s["M"])}, _syrk
    ),
    "lu": Reference(_square("A"), _lu),
    "ludcmp": Reference(_square("A", "b", "x", "y"), _ludcmp),
    "trisolv": Reference(_square("L", "x", "b"), _trisolv),
    "floyd_warshall": Reference(lambda s: {"path": (s["N"],) * 2}, _floyd_warshall),
    "adi": Reference(lambda s: dict.fromkeys("uvpq", (s["N"],) * 2), _adi),
    "heat_3d": Reference(lambda s: dict.fromkeys("AB", (s["N"],) * 3), _heat_3d),
    "jacobi_1d": Reference(lambda s: dict.fromkeys("AB", (s["N"],)), _jacobi_1d),
}

SIZES: dict[str, dict[str, dict[str, int]]] = {
    "three_mm": {
        "mini": {"NI": 16, "NJ": 18, "NK": 20, "NL": 22, "NM": 24},
        "small": {"NI": 40, "NJ": 50, "NK": 60, "NL": 70, "NM": 80},
    },
    "covariance": {"mini": {"M": 28, "N": 32}, "small": {"M": 80, "N": 100}},
    "doitgen": {"mini": {"NQ": 8, "NR": 10, "NP": 12}, "small": {"NQ": 20, "NR": 25, "NP": 30}},
    "mvt": {"mini": {"N": 40}, "small": {"N": 120}},
    "gemver": {"mini": {"N": 40}, "small": {"N": 120}},
    "gesummv": {"mini": {"N": 30}, "small": {"N": 90}},
    "syr2k": {"mini": {"M": 20, "N": 30}, "small": {"M": 60, "N": 80}},
    "syrk": {"mini": {"M": 20, "N": 30}, "small": {"M": 60, "N": 80}},
    "lu": {"mini": {"N": 40}, "small": {"N": 120}},
    "ludcmp": {"mini": {"N": 40}, "small": {"N": 120}},
    "trisolv": {"mini": {"N": 40}, "small": {"N": 120}},
    "floyd_warshall": {"mini": {"N": 60}, "small": {"N": 180}},
    "adi": {"mini": {"TSTEPS": 20, "N": 20}, "small": {"TSTEPS": 40, "N": 60}},
    "heat_3d": {"mini": {"TSTEPS": 20, "N": 10}, "small": {"TSTEPS": 40, "N": 20}},
    "jacobi_1d": {"mini": {"TSTEPS": 20, "N": 30}, "small": {"TSTEPS": 40, "N": 120}},
}


def random_inputs(name: str, sizes: Sizes, seed: int = 20261121) -> Arrays:
    """Arguments in the suite's order: multiples of 1/64 in [-1, 1], dominant diagonals where solved."""
    rng = np.random.default_rng(seed)
    found: Arrays = {}
    for key, shape in REFERENCES[name].shapes(sizes).items():
        if isinstance(shape, float):
            found[key] = np.float64(shape)
        elif name == "floyd_warshall":
            found[key] = rng.integers(1, 1000, shape).astype(np.int32)
        else:
            found[key] = rng.integers(-64, 65, shape) / 64
    for key in {"lu": "A", "ludcmp": "A", "trisolv": "L"}.get(name, ""):
        found[key] += 2 * sizes["N"] ** 0.5 * np.eye(sizes["N"])
    return found
