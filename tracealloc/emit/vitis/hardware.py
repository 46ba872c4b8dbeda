"""AMD's devices through Vitis HLS, as data: ports, memories, latencies, what the tool does with loops."""

from __future__ import annotations

from tracealloc.trace.ir.hardware import BankPorts, Hardware, Operators, PortKind

__all__ = ["HARDWARE"]

_MEASURED = "designs measured with Vitis HLS 2023.2 at 3.33 ns on UltraScale+"
_NARROW = {"+": 7, "-": 7, "*": 4, "/": 12, "exp": 14, "compare": 2, "cast": 2}
_DOUBLE = {"+": 8, "-": 8, "*": 8, "/": 31, "exp": 26, "compare": 2, "cast": 2}

HARDWARE = Hardware(
    "vitis_hls",
    ports=(
        PortKind("m_axi", frozenset({"array"}), banked=False),
        PortKind("axis", frozenset({"array", "scalar", "queue"}), frozenset({"queue"}), in_order=True),
        PortKind("ap_memory", frozenset({"array"}), frozenset({"array"})),
        PortKind("s_axilite", frozenset({"array", "scalar"}), frozenset({"scalar"})),
    ),
    # Of the pragma in Vitis HLS (UG1399), all kinds together; `mode` and `port` are said otherwise.
    port_options=(
        *("address_mode", "autorestart", "bundle", "channel", "clock", "depth", "direct_io", "interrupt"),
        *("latency", "max_read_burst_length", "max_widen_bitwidth", "max_write_burst_length", "name"),
        *("num_read_outstanding", "num_write_outstanding", "offset", "register", "register_mode"),
        *("storage_impl", "storage_type"),
    ),
    memories=("auto", "bram", "uram", "lutram", "register", "srl"),
    # UG1399, ``bind_storage``: ram_2p by default, ram_1p, ram_t2p.
    bank_ports={None: BankPorts(2, 1), 1: BankPorts(1, 1), 2: BankPorts(2, 2)},
    operators=(
        Operators(32, _NARROW, operator=1, function=_NARROW["/"], source=_MEASURED),
        Operators(64, _DOUBLE, operator=1, function=_DOUBLE["/"], source=_MEASURED),
    ),
)
