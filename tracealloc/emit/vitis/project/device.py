"""What a project is for: the device, its part and platform, the clock."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from numbers import Real

from tracealloc.trace.diagnostics.errors import BuildError, nearest

__all__ = ["DEVICES", "Device", "device_of"]

PIPELINE_STYLES = ("stp", "frp", "flp")
# AMD's part numbers: xc7z020clg400-1, xcu280-fsvh2892-2L-e, xczu9eg-ffvb1156-2-e.
_PART = re.compile(r"x[acq][0-9a-z]+(-[0-9a-z]+)*-[0-9]+[0-9a-z]*(-[0-9a-z]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Device:
    """The part, the platform of a card or board, the clock in megahertz, how pipelines stall."""

    part: str
    platform: str = "none"
    clock_mhz: float = 300
    pipeline_style: str | None = None

    @property
    def period(self) -> str:
        """The clock period in nanoseconds, to a picosecond."""
        return f"{1000 / self.clock_mhz:.3f}".rstrip("0").rstrip(".")

    @property
    def hertz(self) -> int:
        """The clock's frequency in hertz."""
        return round(self.clock_mhz * 1_000_000)


DEVICES = {
    "u280": Device("xcu280-fsvh2892-2L-e", "xilinx_u280_gen3x16_xdma_1_202211_1"),
    "u250": Device("xcu250-figd2104-2L-e", "xilinx_u250_gen3x16_xdma_4_1_202210_1"),
    "u200": Device("xcu200-fsgd2104-2-e", "xilinx_u200_gen3x16_xdma_2_202110_1"),
    "u55c": Device("xcu55c-fsvh2892-2L-e", "xilinx_u55c_gen3x16_xdma_3_202210_1"),
    "zcu102": Device("xczu9eg-ffvb1156-2-e", "xilinx_zcu102_base_202320_1"),
    "zcu104": Device("xczu7ev-ffvc1156-2-e", "xilinx_zcu104_base_202320_1"),
    "pynq-z2": Device("xc7z020clg400-1", clock_mhz=100),
}


def device_of(
    device: str | None = None,
    part: str | None = None,
    clock_mhz: float | None = None,
    pipeline_style: str | None = None,
) -> Device:
    """The device that a user means.

    Args:
        device: a card or board (``"u280"``) or a part number; None: the one of `part`, else ``"u280"``.
        part: a part number; None: the device's.
        clock_mhz: the clock in megahertz; None: the device's.
        pipeline_style: ``"stp"``, ``"frp"`` or ``"flp"``; None: the tool's.

    Raises:
        BuildError: none of that is known, or the clock is no positive number.
    """
    found = _named(device, part)
    if part is not None:
        if not isinstance(part, str) or not _PART.fullmatch(part):
            raise _unknown("part", part)
        found = found if part == found.part else replace(found, part=part, platform="none")
    if clock_mhz is not None:
        number = isinstance(clock_mhz, Real) and not isinstance(clock_mhz, bool)
        if not number or not math.isfinite(clock_mhz) or not 1 <= clock_mhz <= 2000:
            raise BuildError(
                "TA816",
                f"clock_mhz is a number of megahertz from 1 to 2000, not {clock_mhz!r}",
                hint=f"clock_mhz={found.clock_mhz}",
            )
        found = replace(found, clock_mhz=float(clock_mhz))
    if pipeline_style is not None and pipeline_style not in PIPELINE_STYLES:
        near = nearest(str(pipeline_style), PIPELINE_STYLES)
        raise BuildError(
            "TA824",
            f"there is no pipeline_style {pipeline_style!r}",
            because=[f"the styles are {', '.join(map(repr, PIPELINE_STYLES))}"],
            hint=f"pipeline_style={near!r}" if near else None,
        )
    return replace(found, pipeline_style=pipeline_style)


def _named(device: object, part: str | None) -> Device:
    wanted = part if device is None else device
    by_part = next((known for known in DEVICES.values() if known.part == wanted), None)
    if wanted is None:
        return DEVICES["u280"]
    if isinstance(device, str) and by_part is None:
        by_part = DEVICES.get(device.lower())
    if by_part is not None:
        return by_part
    if device is None or (isinstance(device, str) and _PART.fullmatch(device)):
        return Device(str(wanted))
    raise _unknown("device", device)


def _unknown(what: str, given: object) -> BuildError:
    parts = [known.part for known in DEVICES.values()]
    choices = [*DEVICES, *parts] if what == "device" else parts
    text = str(given).lower()
    near = nearest(text, choices) or next((name for name in DEVICES if text and text in name), None)
    if what == "part" and near in DEVICES:
        near = DEVICES[near].part
    return BuildError(
        "TA824",
        f"there is no {what} {given!r}",
        because=[
            f"the devices are {', '.join(map(repr, DEVICES))}",
            f'a part number looks like "{parts[0]}"',
        ],
        hint=f"{what}={near!r}" if near else None,
    )
