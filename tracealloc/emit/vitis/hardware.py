"""AMD's devices through Vitis HLS, as data: ports, memories, latencies, what the tool does with loops."""

from __future__ import annotations

from importlib.resources import files

from tracealloc.trace.ir.hardware import BankPorts, Hardware, PortKind
from tracealloc.trace.ir.operators import OperatorTable, parse_operators

__all__ = ["HARDWARE"]


def _operators() -> OperatorTable:
    """The rows of ``data/operators.csv``, for UltraScale+ at 300 MHz unless somebody says otherwise."""
    text = files("tracealloc.emit.vitis").joinpath("data", "operators.csv").read_text(encoding="utf-8")
    return OperatorTable(parse_operators(text), clock_ns=3.33, device="UltraScale+")


def _operations() -> dict[str, tuple[str, str, int]]:
    """The operations of ``bind_op`` and ``allocation`` (UG1399): operator, family and width of each."""
    arithmetic = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
    functions = {"exp": "exp", "log": "log", "sqrt": "sqrt", "rsqrt": "rsqrt"}
    found = {name: (op, "int", 0) for name, op in arithmetic.items() if name != "div"}
    for letter, bits in (("h", 16), ("f", 32), ("d", 64)):
        for name, op in {**arithmetic, **functions}.items():
            found[letter + name] = (op, "float", bits)
    return found


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
    operators=_operators(),
    operations=_operations(),
    multiplier=(27, 18),  # UG579: DSP48E2
    # UG1399, ``bind_op``.
    implementations=("auto", "fabric", "dsp", "meddsp", "fulldsp", "maxdsp", "primitivedsp"),
)
