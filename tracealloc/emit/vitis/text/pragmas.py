"""Layouts, ports and loop marks as Vitis HLS pragmas (UG1399, "HLS Pragmas")."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.trace.ir.layout import Banks, BoundOp, Layout, Marks, Port
from tracealloc.trace.ir.program import Array

__all__ = ["array_pragmas", "distance_pragma", "loop_mark_pragmas", "port_pragma", "tripcount_pragma"]

_STORAGE = {"bram": "bram", "uram": "uram", "lutram": "lutram", "srl": "srl"}
_RAM_TYPES = {None: "ram_2p", 1: "ram_1p", 2: "ram_t2p"}


def loop_mark_pragmas(marks: Marks) -> list[str]:
    """The pragmas of a loop's marks; `parallel` and `vectorize` unroll, as there are no threads."""
    lines = []
    if marks.dataflow:
        lines.append("#pragma HLS dataflow")
    if marks.pipeline is not None:
        lines.append(f"#pragma HLS pipeline II={marks.pipeline}" + (" rewind" if marks.rewind else ""))
    least, most = marks.latency or (None, None)
    if marks.latency is not None:
        ends = [*([] if least is None else [f"min={least}"]), *([] if most is None else [f"max={most}"])]
        lines.append(f"#pragma HLS latency {' '.join(ends)}")
    lines += [f"#pragma HLS allocation operation instances={op} limit={n}" for op, n in marks.limits]
    if marks.apart:
        lines.append("#pragma HLS loop_flatten off")
    copies = marks.copies
    if copies is not None:
        lines.append("#pragma HLS unroll" + (f" factor={copies}" if copies else ""))
    return lines


def tripcount_pragma(least: int, most: int) -> str:
    """How often a loop with variable bounds runs, for the reports."""
    return f"#pragma HLS loop_tripcount min={least} max={most}"


def distance_pragma(name: str, distance: int | None) -> str:
    """How far apart iterations are that need one another's elements (None: none do): proved, not assumed."""
    far = "false" if distance is None else f"distance={distance} true"
    return f"#pragma HLS dependence variable={name} type=inter {far}"


def array_pragmas(
    name: str, array: Array, layout: Layout, banks: Sequence[Banks], *, local: bool
) -> list[str]:
    """The pragmas of an array's banks, words and storage."""
    lines = _partitions(name, banks)
    storage = layout.storage
    if layout.pack is not None and storage.resource != "register":
        words = f"factor={layout.pack.factor} dim={layout.pack.dim + 1}"
        lines.append(f"#pragma HLS array_reshape variable={name} type=cyclic {words}")
    impl = _STORAGE.get(storage.resource)
    counted = storage.ports is not None and storage.resource == "auto" and array.rank > 0
    if local and (impl is not None or counted):
        if array.kind == "stream":
            type_ = "fifo"
        elif array.kind == "constant":
            type_ = "rom_1p" if storage.ports == 1 else "rom_2p"
        else:
            type_ = _RAM_TYPES.get(storage.ports, "ram_2p")
        where = "" if impl is None else f" impl={impl}"
        lines.append(f"#pragma HLS bind_storage variable={name} type={type_}{where}")
    return lines + [_bound(name, each) for each in layout.operators]


def _bound(name: str, bound: BoundOp) -> str:
    impl = "" if bound.impl is None else f" impl={bound.impl}"
    latency = "" if bound.latency is None else f" latency={bound.latency}"
    return f"#pragma HLS bind_op variable={name} op={bound.op}{impl}{latency}"


def _partitions(name: str, banks: Sequence[Banks]) -> list[str]:
    head = f"#pragma HLS array_partition variable={name} type="
    if len(banks) > 1 and all(bank.kind == "complete" for bank in banks):
        return [f"{head}complete dim=0"]
    lines = []
    for dim, bank in enumerate(banks, 1):
        if bank.kind == "complete":
            lines.append(f"{head}complete dim={dim}")
        elif bank.kind != "whole":
            lines.append(f"{head}{bank.kind} factor={bank.factor} dim={dim}")
    return lines


def port_pragma(name: str, array: Array, port: Port, layout: Layout) -> str:
    """The ``interface`` pragma of a top-level argument."""
    options: dict[str, str | int] = {}
    storage = layout.storage
    if port.kind == "m_axi":
        options = {"offset": "slave", "bundle": f"gmem_{name}", "depth": array.size}
    elif port.kind == "ap_memory" and storage.resource in ("bram", "uram", "lutram"):
        options["storage_type"] = _RAM_TYPES.get(storage.ports, "ram_2p")
        options["storage_impl"] = storage.resource
    elif port.kind == "ap_memory" and storage.ports is not None and storage.resource == "auto":
        options["storage_type"] = _RAM_TYPES[storage.ports]
    options.update(dict(port.options))
    words = "".join(f" {key}={value}" for key, value in options.items())
    return f"#pragma HLS interface mode={port.kind} port={name}{words}"
