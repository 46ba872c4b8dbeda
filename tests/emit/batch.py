"""Many programs' HLS C++ in one translation unit: the headers are read once, which is what takes the time."""

from __future__ import annotations

from collections.abc import Sequence

from tests.emit.hls import hls_text
from tracealloc.emit.vitis.csim.csim import CSimModule, compile_unit
from tracealloc.emit.vitis.csim.csim_wrapper import wrapper_source
from tracealloc.emit.vitis.text.frames import template_text
from tracealloc.emit.vitis.text.module import VitisText, simulated
from tracealloc.trace.ir.program import Program

_OURS = ("hls_stream.h", "hls_half.h", "tracealloc_bfloat16.h", "tracealloc_memory.h", "tracealloc_sim.h")
_SHARED = ("get", "put", "get_bits", "put_bits", "message", "outside", "at", "axis", "state", "states")


def simulations(programs: Sequence[Program], *, own_names: bool = False) -> list[CSimModule]:
    """The C simulations of `programs`, compiled together: each text is in a namespace of its own.

    With `own_names`, which must be distinct then, the top functions are not numbered.
    """
    tops = [None if own_names else f"{program.name}_{number}" for number, program in enumerate(programs)]
    texts = [hls_text(program, top) for program, top in zip(programs, tops, strict=True)]
    checked = [simulated(text) for text in texts]
    library = compile_unit(
        _unit(checked), _files(checked), ap_types=True, wide=max((text.wide for text in checked), default=0)
    )
    return [CSimModule(text, library, each.checks) for text, each in zip(texts, checked, strict=True)]


def _files(texts: Sequence[VitisText]) -> dict[str, str]:
    files = {name: template_text(name) for name in _OURS[2:]}
    for text in texts:
        # The headers of AMD are included before; a limit that one text needs holds for all of them.
        files |= {f"{text.base}.cpp": text.source, f"{text.base}.h": text.header}
    return files


def _unit(texts: Sequence[VitisText]) -> str:
    parts = ["#include <cmath>", "#include <cstdint>", "#include <pthread.h>"]
    parts += [f'#include "{name}"' for name in ("ap_int.h", "ap_fixed.h", *_OURS)]
    for number, text in enumerate(texts):
        parts += [
            f"namespace unit_{number} {{",
            "namespace tracealloc {",
            *(f"using ::tracealloc::{name};" for name in _SHARED),
            "}",
            wrapper_source(text),
            "}",
        ]
    return "\n".join(parts) + "\n"
