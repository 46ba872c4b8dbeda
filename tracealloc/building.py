"""``build(...)``: what comes for which target and mode, and what back ends are given of a schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.diagnostics.source import caller_place

if TYPE_CHECKING:
    from tracealloc.check.show.simulation import Simulation
    from tracealloc.check.simulate.depths import Depths
    from tracealloc.customize import Schedule
    from tracealloc.emit.common.target import Folder
    from tracealloc.emit.run.runtime import CModule
    from tracealloc.emit.vitis.csim.csim import CSimModule
    from tracealloc.emit.vitis.project.project import HLSProject
    from tracealloc.emit.vitis.project.vendor_tools import ToolRun
    from tracealloc.schedule.core.state import Module
    from tracealloc.trace.ir.clocks import Style
    from tracealloc.trace.ir.facts import Lowered
    from tracealloc.trace.ir.hardware import Hardware
    from tracealloc.trace.ir.program import Program

__all__ = ["Buildable", "ScheduledDesign"]


@contextmanager
def _placed() -> Iterator[None]:
    """An error without a place gets the caller's."""
    place = caller_place()
    try:
        yield
    except TraceallocError as error:
        if error.place is None:
            error.place = place
        raise


def _clock(device: str | None, clock_mhz: float | None, style: str | None) -> tuple[float, Style]:
    """The clock period in nanoseconds, and how pipelines stand still."""
    from tracealloc.emit.vitis.project.device import device_of

    found = device_of(device, None, clock_mhz, style)
    return 1000 / found.clock_mhz, cast("Style", found.pipeline_style or "frp")


class Buildable:
    """Something that can be built and simulated: a schedule, or a kernel as its empty schedule."""

    @overload
    def build(self, target: Literal["c"] = "c", *, mode: None = None, **options: Any) -> CModule: ...
    @overload
    def build(
        self, target: Literal["vitis_hls"], *, mode: None = None, project: Folder = None, **options: Any
    ) -> HLSProject: ...
    @overload
    def build(
        self, target: Literal["vitis_hls"], *, mode: Literal["csim"], project: Folder = None, **options: Any
    ) -> CSimModule: ...
    @overload
    def build(
        self,
        target: Literal["vitis_hls"],
        *,
        mode: Literal["csyn", "cosim", "hw_emu", "hw"],
        project: Folder = None,
        **options: Any,
    ) -> ToolRun: ...
    @overload
    def build(
        self, target: str = "c", *, mode: str | None = None, project: Folder = None, **options: Any
    ) -> Any: ...
    def build(
        self, target: str = "c", *, mode: str | None = None, project: Folder = None, **options: Any
    ) -> Any:
        """Make something that runs, or a project.

        ``target="c"``: a callable on NumPy arrays, with `.source`. ``target="vitis_hls"``: an `HLSProject`
        with `.source` and ``.write(path)``; with `mode` ``"csim"`` a callable on NumPy arrays, with
        ``"csyn"``, ``"cosim"``, ``"hw_emu"`` or ``"hw"`` a run of the vendor's tools in the folder `project`.

        Args:
            target: ``"c"`` or ``"vitis_hls"``.
            mode: of ``"vitis_hls"``; None: the project.
            project: the folder that the project is written to.
            options: ``cache=False`` compiles anew. Of ``"vitis_hls"``: ``device="u280"`` (a card, board or
                part number), ``part=``, ``clock_mhz=300``, ``pipeline_style="frp"``, ``top=`` (the name of
                the top function), ``inputs={name: array}`` and ``reference=`` of the testbench, ``seed=0``,
                ``overwrite=True`` (replace files of `project` that were edited).

        Raises:
            BuildError: an unknown target, mode, option, device, part or clock, files of the project were
                edited, or a tool is missing or fails.
        """
        with _placed():
            return self._build(target, mode, project, options)

    def simulate(
        self,
        *args: Any,
        device: str | None = None,
        clock_mhz: float | None = None,
        pipeline_style: str | None = None,
        values: bool = True,
        **kwargs: Any,
    ) -> Simulation:
        """Run on arrays cycle by cycle, as the hardware would; the arguments stay as they are.

        Values and cycles come from one run, of the loops that are emitted. When operators are done is from
        the table of operators (``s.conflicts()`` uses the same); processes run beside one another, and stand
        still where a FIFO is empty or full. Loops that no step pipelines are taken not to be.

        Args:
            args, kwargs: as for a call.
            device: ``"u280"``, ... or a part number; None: ``"u280"``.
            clock_mhz: the clock; None: the device's (300).
            pipeline_style: how a pipeline stands still: ``"frp"`` (None: this), ``"flp"`` or ``"stp"``.
            values: False computes no arrays where data choose nothing that takes time: a network that does
                the same over and over is then followed only until it does, and at the end.

        Returns:
            A `Simulation`: ``.arrays .cycles .processes .fifos .deadlock``.

        Raises:
            ArgumentError: an argument does not fit.
            BuildError: an unknown device, style or clock, or there is no compiler.
        """
        from tracealloc.check.simulate.simulate import simulate_module

        with _placed():
            module, rest, others = self._timed(args, kwargs)
            clock = _clock(device, clock_mhz, pipeline_style)
            return simulate_module(module, rest, others, *clock, values)

    def least_depths(
        self,
        *args: Any,
        policy: str = "no-wait",
        device: str | None = None,
        clock_mhz: float | None = None,
        pipeline_style: str | None = None,
        **kwargs: Any,
    ) -> Depths:
        """The least depths of FIFOs, from simulated runs, each with what happens with one less.

        Args:
            args, kwargs: as for a call; nothing: zeros, where data choose nothing that is put or taken.
            policy: ``"deadlock-free"``: all processes end; ``"no-wait"``: nobody waits to put;
                ``"latency"``: all takes as long as with FIFOs without an end.
            device, clock_mhz, pipeline_style: as for `simulate`.

        Raises:
            ArgumentError: an argument does not fit, or is needed.
            BuildError: an unknown policy, device, style or clock, or there is no compiler.
            TraceallocError: processes wait for one another however deep the FIFOs are.
        """
        from tracealloc.check.simulate.depths import depths_of_module, policy_named

        with _placed():
            chosen = policy_named(policy)
            module, rest, others = self._timed(args, kwargs)
            clock = _clock(device, clock_mhz, pipeline_style)
            return depths_of_module(module, chosen, rest, others, *clock)

    def to_html(self, path: Folder, *args: Any, **kwargs: Any) -> Path:
        """Write one page that opens offline: the loops, and for a network its picture and a timeline.

        Args:
            path: of the file.
            args, kwargs: arrays to simulate on; nothing: zeros, where data choose nothing that takes time.

        Raises:
            BuildError: the file cannot be written.
        """
        from tracealloc.check.show.page import written

        assert path is not None
        with _placed():
            return written(self._page(args, kwargs), path)

    def show(self, *args: Any, **kwargs: Any) -> Path:
        """Show the page of `to_html` in a browser, where there is a screen; the file that it is in."""
        from tracealloc.check.show.page import shown

        with _placed():
            return shown(self._page(args, kwargs))

    def _page(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        from tracealloc.check.deadlock import depends_on_data, zeros_for
        from tracealloc.check.show.page import page_of
        from tracealloc.check.simulate.simulate import simulate_module
        from tracealloc.schedule.core.state import lowered

        module, rest, others = self._timed(args, kwargs)
        program, note = lowered(module), ""
        if not rest and not others and program.args:
            if depends_on_data(program):
                note = "Data choose what takes time: show(*arrays) has cycles, too."
                return page_of(program.name, self._loops(program), None, note)
            rest, note = tuple(zeros_for(array) for array in program.args), "Simulated on zeros."
        return page_of(program.name, self._loops(program), simulate_module(module, rest, others), note)

    def _loops(self, program: Program) -> str:
        """The loops as a page shows them."""
        return str(program)

    def _timed(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Module, tuple[Any, ...], Mapping[str, Any]]:
        """What is simulated, and the arguments that remain for it."""
        raise NotImplementedError

    def _build(self, target: str, mode: str | None, project: Folder, options: Mapping[str, Any]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ScheduledDesign:
    """What a back end is given: see `tracealloc.emit.common.target.Design`."""

    schedule: Schedule

    def hardware(self) -> Hardware:
        """What the schedule is for."""
        return self.schedule.module.hardware

    def lowered(self) -> Program:
        """The loop nest as it was scheduled."""
        return self.schedule.lowered

    def for_processor(self) -> Program:
        """The same in the order that runs fastest."""
        return self.schedule.compiled

    def for_hls(self) -> Lowered:
        """The same as high-level synthesis is to see it."""
        from tracealloc.schedule.core.state import lowered
        from tracealloc.schedule.hls.lowered import for_hls

        module = self.schedule.resolved[0]
        same = module is self.schedule.module
        return for_hls(self.schedule.lowered if same else lowered(module), self.hardware())

    def reference(self) -> Callable[..., Any] | None:
        """The kernel without its schedule, compiled when it is first called; None where bits may differ."""
        from tracealloc.emit.run.runtime import LateModule

        return (
            LateModule(partial(_traced_build, self.schedule.program)) if self.schedule._is_exact() else None
        )


def _traced_build(program: Program) -> Any:
    """The C build of a traced program without a schedule."""
    from tracealloc.emit.run.runtime import build_c
    from tracealloc.schedule.session.loop_order import for_c

    return build_c(for_c(program))
