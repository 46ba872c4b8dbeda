"""A complete Vitis HLS project: kernel, testbench with data, Tcl, configuration, host code, Makefile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracealloc.emit.vitis.project.device import device_of
from tracealloc.emit.vitis.project.testbench import (
    Item,
    Reference,
    TestData,
    compared,
    data_text,
    items_of,
    make_data,
    small_errors,
)
from tracealloc.emit.vitis.text.frames import filled, template_text
from tracealloc.emit.vitis.text.host_memory import memory_functions
from tracealloc.emit.vitis.text.module import VitisText, vitis_source
from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.ir.layout import PLAIN

if TYPE_CHECKING:
    from tracealloc.emit.vitis.csim.csim import CSimModule
    from tracealloc.emit.vitis.project.vendor_tools import ToolRun
    from tracealloc.trace.ir.facts import Lowered

__all__ = ["HLSProject", "build_hls"]

CFLAGS = "-std=c++14 -fwrapv -ffp-contract=off"


class HLSProject:
    """A kernel as a Vitis HLS project: `source`, `header`, `files`, and `write`.

    Args:
        lowered: what is to be synthesised, lowered for HLS.
        device: a card or board (``"u280"``) or a part number (``"xcu280-fsvh2892-2L-e"``); None: the
            one of `part`, else ``"u280"``.
        part: a part number; None: the device's.
        clock_mhz: the clock in megahertz; None: the device's (300, on a Pynq 100).
        pipeline_style: how pipelines stall, ``"stp"``, ``"frp"`` or ``"flp"``; None: the tool's default.
        top: the name of the top function; None: the kernel's.
        reference: computes the expected results; called with the arguments like the kernel. None: the C
            build of the same program.
        inputs: the testbench's arguments by name; those not named are made with a fixed seed.
        seed: of the inputs that are made.

    Raises:
        BuildError: an unknown device, part or style, a clock that is no positive number.
    """

    def __init__(
        self,
        lowered: Lowered,
        *,
        device: str | None = None,
        part: str | None = None,
        clock_mhz: float | None = None,
        pipeline_style: str | None = None,
        top: str | None = None,
        reference: Reference | None = None,
        inputs: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        _check_types(top=(top, str), reference=(reference, Callable), inputs=(inputs, Mapping))
        _check_types(seed=(seed, int))
        self.program = lowered.before
        self.device = device_of(device, part, clock_mhz, pipeline_style)
        self.text: VitisText = vitis_source(lowered, top)
        self._reference, self._inputs, self._seed = reference, dict(inputs or {}), seed

    @property
    def source(self) -> str:
        """The kernel's HLS C++."""
        return self.text.source

    @property
    def header(self) -> str:
        """The kernel's header."""
        return self.text.header

    @property
    def top(self) -> str:
        """The name of the top function."""
        return self.text.top

    def __repr__(self) -> str:
        return f"<HLSProject {self.top} for {self.device.part} at {self.device.clock_mhz:g} MHz>"

    @cached_property
    def files(self) -> dict[str, str]:
        """Every file of the project: its name below the project's folder, and its text."""
        items = items_of(self.text)
        tested = self._tested(items)
        data = _data_files(items, tested)
        values = self._values(items, data)
        values["counts"] = {item.name: tested.counts(item.name) for item in items if item.stream}
        base = self.text.base
        return {
            f"{base}.cpp": self.source,
            f"{base}.h": self.header,
            **self.text.others,
            f"{base}_tb.cpp": filled("testbench.cpp.j2", **values),
            "host.cpp": filled("host.cpp.j2", **values),
            "run_hls.tcl": filled("run_hls.tcl.j2", **values),
            "hls_config.cfg": filled("hls_config.cfg.j2", **values),
            "Makefile": filled("Makefile.j2", **values),
            "README.md": filled("README.md.j2", **values),
            "tracealloc_memory.h": template_text("tracealloc_memory.h"),
            "tracealloc_data.h": template_text("tracealloc_data.h"),
            "sim/hls_stream.h": template_text("hls_stream.h"),
            "sim/hls_half.h": template_text("hls_half.h"),
            **{f"data/{name}": text for name, text in data.items()},
        }

    def _tested(self, items: list[Item]) -> TestData:
        reference = self._reference
        if reference is None:
            from tracealloc.emit.run.runtime import build_c

            reference = build_c(self.program)
        return make_data(self.text, items, reference, self._inputs, self._seed)

    def _values(self, items: list[Item], data: Mapping[str, str]) -> dict[str, object]:
        place = self.program.place
        ports = [layout.port for _, layout in self.program.layouts]
        vitis_flow = any(port is not None and port.kind == "m_axi" for port in ports)
        return {
            "top": self.top,
            "base": self.text.base,
            "items": items,
            "functions": memory_functions(self.text, [item.of.dtype for item in items]),
            "data": list(data),
            "expected": "the C build of the scheduled kernel"
            if self._reference is None
            else "the untransformed kernel (or the reference that was given)",
            "part": self.device.part,
            "platform": self.device.platform,
            "period": self.device.period,
            "style": self.device.pipeline_style,
            "frequency": self.device.hertz,
            "frequency_mhz": f"{self.device.clock_mhz:g}",
            "flow": "vitis" if vitis_flow else "vivado",
            "format": "xo" if vitis_flow else "ip_catalog",
            "cflags": CFLAGS,
            "ulp": small_errors(self.program),
            "origin": place.short if place is not None else "",
            "changed": self.text.changed,
            "not_on_card": self._not_on_card(items, vitis_flow),
            "needs_headers": '#include "ap_' in self.header,
        }

    def _not_on_card(self, items: list[Item], vitis_flow: bool) -> list[str]:
        """The arguments that a host program cannot reach.

        An array without any layout is one that it can: v++ makes an m_axi port of it, unless the kernel
        names other ports, when we name this one too.
        """
        layouts = dict(self.program.layouts)
        found = []
        for item in items:
            layout = layouts.get(item.of, PLAIN)
            kind = layout.port.kind if layout.port is not None else None
            usual = kind is None and layout.plain and not vitis_flow
            if item.stream or (item.array and item.of.rank > 0 and kind != "m_axi" and not usual):
                found.append(item.of.name)
        return found

    # On disk.

    @public()
    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the project to a folder, whole or not at all; the folder's path.

        A folder that tracealloc wrote before is written anew, and files that were added there are kept.

        Args:
            path: the folder.
            overwrite: whether files of ours may be replaced that were edited since they were written.

        Raises:
            BuildError: files were edited, the folder holds something else, or cannot be written.
        """
        from tracealloc.emit.vitis.project.write_folder import write_files

        return write_files(Path(path), self.files, self.top, overwrite=overwrite)

    # Runs.

    @public()
    def csim(self, *, cache: bool = True) -> CSimModule:
        """The kernel in C simulation, callable on NumPy arrays; needs no AMD tools."""
        from tracealloc.emit.vitis.csim.csim import build_csim

        return build_csim(self.text, cache=cache)

    @public()
    def rehearse(self) -> list[str]:
        """Run the C simulation on the testbench's data: a line for each result that is not as expected."""
        items = items_of(self.text)
        return compared(self.program, items, self._tested(items), self.csim())

    @public()
    def run(self, mode: str, path: str | PathLike[str], *, overwrite: bool = False) -> ToolRun:
        """Write the project to `path` and run the vendor's tools on it.

        Raises:
            BuildError: the mode is none of theirs, the tools are not installed (the project is written all
                the same, and the error names the command), or they failed.
        """
        from tracealloc.emit.vitis.project.vendor_tools import check_mode, run_tools

        check_mode(mode)
        return run_tools(mode, self.write(path, overwrite=overwrite), self.top)


def _data_files(items: list[Item], data: TestData) -> dict[str, str]:
    """The testbench's data by file name."""
    found = {}
    for item in items:
        what = f"{item.of.name}: {item.of.dtype}{item.dimensions}"
        if item.loaded:
            found[f"{item.file}.txt"] = data_text(data.inputs[item.name], item.of, what)
        if item.checked:
            title = f"{what}, expected"
            found[f"{item.expected}.txt"] = data_text(data.expected[item.name], item.of, title)
    return found


def _check_types(**given: tuple[object, Any]) -> None:
    """Refuse options whose value is of another type."""
    words = {"top": "a name", "seed": "an integer", "project": "a path", "reference": "a function"}
    for name, (value, type_) in given.items():
        if value is not None and not isinstance(value, type_):
            expected = words.get(name, "a dictionary of arrays by the names of the arguments")
            raise BuildError("TA825", f"{name}= is {expected}, not {value!r}")


def build_hls(
    lowered: Lowered,
    *,
    mode: str | None = None,
    project: str | PathLike[str] | None = None,
    cache: bool = True,
    overwrite: bool = False,
    **options: Any,
) -> HLSProject | CSimModule | ToolRun:
    """What ``build(target="vitis_hls")`` gives: a project, a simulation, or a run of the vendor's tools.

    Args:
        lowered: what is to be built, lowered for HLS.
        mode: None (the project), ``"csim"`` (a callable), or one of the vendor's steps.
        project: the folder to write; None: not written, or for the vendor's steps ``<top>_project`` here.
        overwrite: whether files of `project` that were edited since they were written may be replaced.
        cache: whether a simulation that was compiled before is used again.
        options: those of `HLSProject`.

    Raises:
        BuildError: a tool is missing or failed, or the folder holds something else.
    """
    _check_types(project=(project, (str, PathLike)))
    made = HLSProject(lowered, **options)
    if mode is None or mode == "csim":
        if project is not None:
            made.write(project, overwrite=overwrite)
        return made if mode is None else made.csim(cache=cache)
    return made.run(mode, project if project is not None else f"{made.top}_project", overwrite=overwrite)
