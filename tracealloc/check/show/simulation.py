"""A simulation as users hold it: what it found, and the ways to look at it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tracealloc.check.show.page import figure_of, page_of, shown, written
from tracealloc.check.show.result import Simulated
from tracealloc.check.show.trace import dump_of

__all__ = ["Simulation"]


class Simulation(Simulated):
    """A run of a program, cycle by cycle: its fields are those of `Simulated`."""

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write a page that opens offline: the network, a timeline in which waiting is seen, tables.

        Raises:
            BuildError: the file cannot be written.
        """
        return written(page_of(self.function, None, self), path)

    def to_vcd(self, path: str | PathLike[str]) -> Path:
        """Write a value change dump for GTKWave: ``state`` of each process, ``fill`` of each FIFO, in ps.

        Processes of a process are in its scope; up to 20,000 cycles there are a clock and the cycle's number.
        Only the first 200,000 puts and gets of a run are noted, and none with ``values=False``: beyond them
        ``state`` and ``fill`` are x, and a comment at the head of the file says so.

        Raises:
            BuildError: the file cannot be written.
        """
        return written(dump_of(self), path)

    def show(self) -> Path:
        """Show the page of `to_html` in a browser, where there is a screen; the file that it is in."""
        return shown(page_of(self.function, None, self))

    def _repr_html_(self) -> str:
        return figure_of(self)
