"""The types of ``build(...)``: what comes for which target and mode."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.diagnostics.source import caller_place

if TYPE_CHECKING:
    from tracealloc.emit.project.project import HLSProject
    from tracealloc.emit.project.vendor_tools import ToolRun
    from tracealloc.emit.run.csim import CSimModule
    from tracealloc.emit.run.runtime import CModule

__all__ = ["Buildable"]

_Folder = str | PathLike[str] | None


class Buildable:
    """Something that can be built: a schedule, or a kernel as its empty schedule."""

    @overload
    def build(self, target: Literal["c"] = "c", *, mode: None = None, **options: Any) -> CModule: ...
    @overload
    def build(
        self, target: Literal["vitis_hls"], *, mode: None = None, project: _Folder = None, **options: Any
    ) -> HLSProject: ...
    @overload
    def build(
        self, target: Literal["vitis_hls"], *, mode: Literal["csim"], project: _Folder = None, **options: Any
    ) -> CSimModule: ...
    @overload
    def build(
        self,
        target: Literal["vitis_hls"],
        *,
        mode: Literal["csyn", "cosim", "hw_emu", "hw"],
        project: _Folder = None,
        **options: Any,
    ) -> ToolRun: ...
    @overload
    def build(
        self, target: str = "c", *, mode: str | None = None, project: _Folder = None, **options: Any
    ) -> Any: ...
    def build(
        self, target: str = "c", *, mode: str | None = None, project: _Folder = None, **options: Any
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
        place = caller_place()
        try:
            return self._build(target, mode, project, options)
        except TraceallocError as error:
            if error.place is None:
                error.place = place
            raise

    def _build(self, target: str, mode: str | None, project: _Folder, options: Mapping[str, Any]) -> Any:
        raise NotImplementedError
