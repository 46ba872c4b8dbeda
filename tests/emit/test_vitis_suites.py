"""PolyBench and MachSuite through HLS C++ and its C simulation; all of them in the long mode."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.emit.hls import csim
from tests.examples import test_machsuite as machsuite
from tests.examples import test_polybench as polybench
from tracealloc.emit.vitis.csim.csim import CSimModule

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

POLYBENCH = sorted(polybench.WITH_DATA.keys() | polybench.REFERENCES.keys())
USUAL = {
    "cholesky",
    "correlation",
    "deriche",
    "nussinov",
    "trmm",
    "aes",
    "bfs_queue",
    "md_grid",
    "sort_radix",
    "nw",
}


def simulated(kernel: Any) -> CSimModule:
    return csim(kernel.trace())


def names(found: list[str]) -> list[Any]:
    return [name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in found]


@pytest.mark.parametrize("name", names(POLYBENCH))
def test_polybench(name: str) -> None:
    if name in polybench.WITH_DATA:
        polybench.check_data(simulated, name, "mini")
    else:
        sizes = polybench.REDUCED.get(name, polybench.SIZES[name]["mini"])
        polybench.check_reference(simulated, name, sizes)


@pytest.mark.parametrize("name", names(sorted(machsuite.NAMES)))
def test_machsuite(name: str) -> None:
    machsuite.check(simulated, name)
