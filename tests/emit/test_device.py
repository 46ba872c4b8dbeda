"""Devices, parts and clocks: what is known, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

import tracealloc as ta
from tracealloc import grid, kernel
from tracealloc.emit.vitis.project.device import DEVICES, device_of
from tracealloc.trace.diagnostics.errors import BuildError

LIST = (
    "  because: the devices are 'u280', 'u250', 'u200', 'u55c', 'zcu102', 'zcu104', 'pynq-z2'\n"
    '  because: a part number looks like "xcu280-fsvh2892-2L-e"'
)
CLOCK = "TA816 clock_mhz is a number of megahertz from 1 to 2000, not "

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"device": 280}, f"TA824 there is no device 280\n{LIST}\n  try: device='u280'"),
    ({"device": "u28"}, f"TA824 there is no device 'u28'\n{LIST}\n  try: device='u280'"),
    ({"device": "pynq"}, f"TA824 there is no device 'pynq'\n{LIST}\n  try: device='pynq-z2'"),
    ({"device": "versal"}, f"TA824 there is no device 'versal'\n{LIST}"),
    ({"device": ""}, f"TA824 there is no device ''\n{LIST}"),
    ({"part": "u250"}, f"TA824 there is no part 'u250'\n{LIST}\n  try: part='xcu250-figd2104-2L-e'"),
    ({"part": "x; exit"}, f"TA824 there is no part 'x; exit'\n{LIST}"),
    ({"clock_mhz": 0}, f"{CLOCK}0\n  try: clock_mhz=300"),
    ({"clock_mhz": -300}, f"{CLOCK}-300\n  try: clock_mhz=300"),
    ({"clock_mhz": "300"}, f"{CLOCK}'300'\n  try: clock_mhz=300"),
    ({"clock_mhz": True}, f"{CLOCK}True\n  try: clock_mhz=300"),
    ({"clock_mhz": float("nan")}, f"{CLOCK}nan\n  try: clock_mhz=300"),
    ({"clock_mhz": 3e8, "device": "pynq-z2"}, f"{CLOCK}300000000.0\n  try: clock_mhz=100"),
    (
        {"pipeline_style": "fpr"},
        "TA824 there is no pipeline_style 'fpr'\n  because: the styles are 'stp', 'frp', 'flp'\n"
        "  try: pipeline_style='frp'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        device_of(**given)
    assert str(caught.value) == message


@kernel
def copy(A: ta.float32[8], B: ta.float32[8]) -> None:
    for i in grid(8):
        B[i] = A[i]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"clok_mhz": 3}, "TA825 build(target='vitis_hls') has no option 'clok_mhz'"),
    ({"target": "c", "device": "u280"}, "try: build(target=\"vitis_hls\", device=...)"),
    ({"target": "c", "cach": 1}, "try: cache="),
    ({"top": 5}, "TA825 top= is a name, not 5"),
    ({"seed": "x"}, "TA825 seed= is an integer, not 'x'"),
    ({"project": 5}, "TA825 project= is a path, not 5"),
    ({"reference": 5}, "TA825 reference= is a function, not 5"),
    ({"inputs": [1]}, "TA825 inputs= is a dictionary of arrays by the names of the arguments, not [1]"),
    ({"mode": 5}, "TA815 there is no build mode 5"),
    ({"device": 280}, "TA824 there is no device 280"),
    ({"target": "vitis"}, "TA800 unknown target 'vitis'"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_options_are_checked_where_a_build_begins(given: dict[str, Any], message: str) -> None:
    for made in (copy, ta.customize(copy)):
        with pytest.raises(BuildError) as caught:
            made.build(**{"target": "vitis_hls", **given})
        assert message in str(caught.value) and "test_device.py" in str(caught.value)


def test_known_ones() -> None:
    assert device_of() == device_of("U280") == device_of(part=DEVICES["u280"].part) == DEVICES["u280"]
    assert device_of("u280", part="xcu50-fsvh2104-2-e").platform == "none"
    small = device_of(part="xc7z020clg400-1", clock_mhz=150)
    assert (small.period, small.hertz, small.part) == ("6.667", 150_000_000, "xc7z020clg400-1")
    made = copy.build("vitis_hls", device="zcu102", clock_mhz=250, pipeline_style="flp")
    assert "create_clock -period 4 " in made.files["run_hls.tcl"]
    assert "config_compile -pipeline_style flp\n" in made.files["run_hls.tcl"]
    assert "syn.compile.pipeline_style=flp\n" in made.files["hls_config.cfg"]
    assert "part `xczu9eg-ffvb1156-2-e`, clock period 4 ns (250 MHz)" in made.files["README.md"]
