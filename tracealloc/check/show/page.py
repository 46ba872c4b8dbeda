"""One page that opens without a network: the loops, the picture of a network, a timeline, tables."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from html import escape
from pathlib import Path

from tracealloc.check.show.pictures import network_svg, timeline_svg
from tracealloc.check.show.result import Simulated
from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["figure_of", "page_of", "shown", "written"]

_STYLE = """
:root{--ink:#1c2330;--soft:#667085;--paper:#fff;--line:#98a2b3;--box:#eef4ff;--edge:#3867d6;--busy:#7aa2f7;
--empty:#f6c85f;--full:#e15554;--code:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--paper:#14181f;--line:#475467;
--box:#1d2a44;--edge:#7aa2f7;--busy:#3f62ad;--empty:#b58a1f;--full:#c0453f;--code:#1b212b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;
max-width:1180px;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}p.note{color:var(--soft)}
pre{background:var(--code);padding:1rem;overflow:auto;font-size:13px}
.scroll{overflow:auto;max-height:80vh;border:1px solid var(--line);border-radius:6px}
svg{display:block}.process{fill:var(--box);stroke:var(--edge)}.stuck{stroke:var(--full);stroke-width:3}
.name{font:12px monospace;fill:var(--ink);text-anchor:middle}.fill{font:10px monospace;fill:var(--soft);
text-anchor:middle}.fifo{fill:none;stroke:var(--line);stroke-width:1.4}.fifo.full{stroke:var(--full)}
marker path{fill:var(--line)}.row{font:12px monospace;fill:var(--ink);text-anchor:end}
.busy{fill:var(--busy)}.open{opacity:.6}.empty{fill:var(--empty)}.timeline .full{fill:var(--full)}
.axis{stroke:var(--line);stroke-dasharray:2 3;fill:none}.tick{font:10px monospace;fill:var(--soft);
text-anchor:middle}
.key span{display:inline-block;width:14px;height:12px;border-radius:2px;margin:0 .35rem 0 1rem;
vertical-align:-1px}
table{border-collapse:collapse;font-size:13px}td,th{padding:.15rem .8rem .15rem 0;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}tr.bad td{color:var(--full)}
"""

_KEY = (
    '<p class="key"><span style="background:var(--busy)"></span>busy'
    '<span style="background:var(--empty)"></span>waits at an empty queue'
    '<span style="background:var(--full)"></span>waits at a full queue</p>'
)


def page_of(title: str, loops: str | None, run: Simulated | None, note: str = "") -> str:
    """The page: what is known of a schedule, and of a simulation of it."""
    parts = [f"<h1>{escape(title)}</h1>"]
    if note:
        parts.append(f'<p class="note">{escape(note)}</p>')
    if run is not None:
        parts += _of_run(run)
    if loops is not None:
        parts.append(f"<h2>Loops</h2><pre>{escape(loops)}</pre>")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def figure_of(run: Simulated) -> str:
    """What a notebook shows: the summary, the network, the timeline."""
    head = escape(str(run).splitlines()[0])
    return f"<style>{_STYLE}</style><p>{head}</p>{network_svg(run)}{_KEY}{timeline_svg(run)}"


def _of_run(run: Simulated) -> list[str]:
    parts = [f'<p class="note">{escape(str(run).splitlines()[0])}</p>']
    if run.deadlock is not None:
        parts.append(f"<pre>deadlock\n{escape(chr(10).join(run.why))}</pre>")
    if run.processes:
        parts.append(f'<h2>Network</h2><div class="scroll">{network_svg(run)}</div>')
        parts.append(f'<h2>Timeline</h2>{_KEY}<div class="scroll">{timeline_svg(run)}</div>')
        if len(run.events) and run.events["time"].max() < max(p.ended for p in run.processes.values()) - 64:
            last = int(run.events["time"].max())
            words = f"Waiting is drawn up to about cycle {last:,}: later puts and gets were not noted."
            parts.append(f'<p class="note">{words}</p>')
    rows = [
        f"<tr><td>{escape(p.name)}</td>{_numbers(p.started, p.ended, p.busy)}"
        f"<td>{escape(', '.join(map(str, p.stalls)))}</td></tr>"
        for p in list(run.processes.values())[:500]
    ]
    if rows:
        head = (
            "<tr><th>process</th><th>begins</th><th>ends</th><th>busy</th><th>stood still (cycles)</th></tr>"
        )
        parts.append(f"<h2>Processes</h2><table>{head}{''.join(rows)}</table>")
    rows = [
        f'<tr class="{"bad" if f.full else ""}"><td>{escape(f.name)}</td><td class="n">{f.depth or "-"}</td>'
        f"{_numbers(f.fill, f.puts, f.full, f.empty)}<td>{escape(f.producer or 'caller')}</td>"
        f"<td>{escape(f.consumer or 'caller')}</td></tr>"
        for f in list(run.fifos.values())[:500]
    ]
    if rows:
        head = "".join(
            f"<th>{word}</th>" for word in ("fifo", "depth", "fill", "puts", "full", "empty", "from", "to")
        )
        parts.append(f"<h2>FIFOs</h2><table><tr>{head}</tr>{''.join(rows)}</table>")
    return parts


def _numbers(*values: int) -> str:
    return "".join(f'<td class="n">{value:,}</td>' for value in values)


def written(text: str, path: str | os.PathLike[str]) -> Path:
    """Write a page or a trace.

    Raises:
        BuildError: the file cannot be written.
    """
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BuildError(
            "TA829",
            f"{str(target)!r} cannot be written: {error.strerror or error}",
            hint="the path of a file in a folder that is there",
        ) from None
    return target


def shown(text: str) -> Path:
    """Show a page in a browser, where there is a screen; the file that it is in."""
    handle, name = tempfile.mkstemp(prefix="tracealloc-", suffix=".html")
    os.close(handle)
    path = written(text, name)
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name == "nt":
        webbrowser.open(path.as_uri())
    return path
