"""Tables as C++ initialisers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracealloc.emit.vitis.values.convert import Conversions
from tracealloc.emit.vitis.values.types import carrier_of
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Struct
from tracealloc.trace.ir.expr import Const

__all__ = ["initialiser"]

_WIDTH = 96


def initialiser(convert: Conversions, data: np.ndarray[Any, Any], dtype: DType, depth: int = 1) -> str:
    """``{{1, 2}, {3, 4}}``, broken into lines where it is long."""
    array = np.asarray(data)
    if array.ndim == 0:
        return _element(convert, array[()], dtype)
    parts = [initialiser(convert, row, dtype, depth + 1) for row in array]
    if array.ndim > 1:
        blanks = "  " * depth
        return "{\n" + ",\n".join(f"{blanks}  {part}" for part in parts) + "\n" + blanks + "}"
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) > _WIDTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + part + ","
    lines.append(line.rstrip(","))
    if len(lines) == 1:
        return "{" + lines[0] + "}"
    blanks = "  " * depth
    return "{\n" + "\n".join(f"{blanks}  {line}" for line in lines) + "\n" + blanks + "}"


def _element(convert: Conversions, value: Any, dtype: DType) -> str:
    match dtype:
        case Struct(fields=fields):
            return "{" + ", ".join(_element(convert, value[name], inner) for name, inner in fields) + "}"
        case Boolean():
            return "true" if value else "false"
        case Float():
            return convert.literal(Const(float(value), dtype)).text.text
        case Fixed():
            return convert.literal(Const(int(value), dtype)).text.text
        case _:
            found = convert.literal(Const(int(value), dtype))
            wide = found.carrier.kind == "ap" and found.carrier != carrier_of(dtype)
            return convert.converted(found, carrier_of(dtype)).text.text if wide else found.text.text
