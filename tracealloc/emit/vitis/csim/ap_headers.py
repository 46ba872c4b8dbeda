"""Where the ``ap_int`` and ``ap_fixed`` headers are: the vendor's, or the open ones that hls4ml brings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["ap_types_folder", "open_headers", "vendor_headers"]

VARIABLE = "TRACEALLOC_AP_TYPES"


def vendor_headers() -> Path | None:
    """The include folder of an installed Vitis HLS, or None."""
    homes = [os.environ.get("XILINX_HLS"), os.environ.get("XILINX_VITIS")]
    tool = shutil.which("vitis_hls")
    if tool is not None:
        homes.append(str(Path(tool).resolve().parent.parent))
    for home in homes:
        if home and (Path(home) / "include" / "ap_int.h").is_file():
            return Path(home) / "include"
    return None


def open_headers() -> Path | None:
    """AMD's open headers in the installed ``hls4ml`` (which is not imported), or None."""
    import importlib.util

    try:
        spec = importlib.util.find_spec("hls4ml")
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "templates" / "vivado" / "ap_types"
        if (folder / "ap_int.h").is_file():
            return folder
    return None


def ap_types_folder() -> Path:
    """The folder with ``ap_int.h``: ``$TRACEALLOC_AP_TYPES``, else the open headers, else the vendor's.

    Raises:
        BuildError: there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if (Path(named) / "ap_int.h").is_file():
            return Path(named)
        raise BuildError(
            "TA811",
            f"the environment variable {VARIABLE} names {named!r}, where there is no ap_int.h",
            hint="set it to a folder that holds ap_int.h and ap_fixed.h, or unset it",
        )
    found = open_headers() or vendor_headers()
    if found is None:
        raise BuildError(
            "TA811",
            "the headers of ap_int and ap_fixed were not found",
            because=[
                f"{VARIABLE} is not set",
                "the package hls4ml, which brings AMD's open headers, is not installed",
                "no Vitis HLS is installed (XILINX_HLS is not set, vitis_hls is not on PATH)",
            ],
            hint="pip install 'tracealloc[csim]'",
        )
    return found
