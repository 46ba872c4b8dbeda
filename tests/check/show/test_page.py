"""Pages that open offline, and what is drawn on them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from examples.systolic import make, output_stationary
from tracealloc import int32, kernel
from tracealloc.check.show.places import family_of, places_of


@kernel
def crossed(A: int32[8], B: int32[8]):
    q = ta.stream(int32, depth=2)
    p = ta.stream(int32, depth=2)
    with ta.dataflow():
        for _ in ta.range(1, name="P"):
            for a in ta.range(8):
                q.put(A[a])
            for b in ta.range(8):
                p.put(A[b])
        for j in ta.range(8, name="Q"):
            B[j] = p.get() + q.get()


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    s = output_stationary(make(M=3, N=2, K=8))
    path = s.to_html(tmp_path / "array.html")
    text = path.read_text(encoding="utf-8")
    assert text.count("<svg") == 2 and "PE[2, 1]" in text and "load_A[0]" in text
    assert not re.search(r"https?://|<link|src=", text)
    assert "Simulated on zeros." in text and "for k in 0:8" in text
    A, B = np.ones((3, 8), np.int8), np.ones((8, 2), np.int8)
    assert "Simulated on zeros." not in s.to_html(tmp_path / "b.html", A, B).read_text(encoding="utf-8")


def test_a_deadlock_is_on_the_page(tmp_path: Path) -> None:
    text = crossed.to_html(tmp_path / "dead.html").read_text(encoding="utf-8")
    assert "waits for ever" in text and "P waits for room in q (2 of 2)" in text
    assert text.count('class="process stuck"') == 2 and "kernel crossed(" in text


def test_a_kernel_without_processes_has_its_loops(tmp_path: Path) -> None:
    text = make(M=2, N=2, K=2).to_html(tmp_path / "plain.html").read_text(encoding="utf-8")
    assert "<svg" not in text and "cycles" in text and "C[i, j] +=" in text


def test_where_data_choose_the_page_says_what_to_do(tmp_path: Path) -> None:
    @kernel
    def some(A: int32[4], B: int32[4]):
        for i in ta.range(A[0] % 4):
            B[i] = A[i]

    assert "show(*arrays) has cycles, too" in some.to_html(tmp_path / "p.html").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ta.BuildError, match="TA829") as caught:
        crossed.to_html(tmp_path / "none" / "p.html")
    assert "test_page.py" in str(caught.value)


def test_show_gives_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    path = crossed.show()
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    path.unlink()


def test_a_notebook_shows_both_pictures() -> None:
    found = output_stationary(make(M=2, N=2, K=4)).simulate(
        np.ones((2, 4), np.int8), np.ones((4, 2), np.int8)
    )
    assert found._repr_html_().count("<svg") == 2


def test_grids_are_grids_with_loaders_beside() -> None:
    names = [f"PE[{i}, {j}]" for i in range(2) for j in range(3)]
    names += [f"row[{i}]" for i in range(2)] + [f"column[{j}]" for j in range(3)]
    edges = [(f"row[{i}]", f"PE[{i}, 0]") for i in range(2)] + [
        (f"column[{j}]", f"PE[0, {j}]") for j in range(3)
    ]
    edges += [(f"PE[{i}, {j}]", f"PE[{i}, {j + 1}]") for i in range(2) for j in range(2)]
    places = places_of(names, edges)
    assert places["PE[1, 2]"] == (places["PE[0, 0]"][0] + 2, places["PE[0, 0]"][1] + 1)
    assert places["row[1]"] == (places["PE[1, 0]"][0] - 1, places["PE[1, 0]"][1])
    assert places["column[2]"] == (places["PE[0, 2]"][0], places["PE[0, 2]"][1] - 1)
    assert len(set(places.values())) == len(names)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_chains_and_circles_stand_apart(count: int) -> None:
    names = [f"p{k}" for k in range(count)]
    places = places_of(names, [(a, b) for a in names for b in names])
    assert len(set(places.values())) == count
    assert family_of("tile[0]/PE[1, -2]") == ("tile[0]/PE", (1, -2)) and family_of("P") == ("P", ())


def test_large_networks_are_blocks() -> None:
    from tracealloc.check.show.pictures import network_svg

    s = output_stationary(make(M=24, N=24, K=2))
    found = s.simulate(np.ones((24, 2), np.int8), np.ones((2, 24), np.int8))
    text = network_svg(found)
    assert "PE x 576" in text and len(text) < 20_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
def test_a_browser_draws_it(tmp_path: Path) -> None:
    path = output_stationary(make(M=3, N=3, K=8)).to_html(tmp_path / "array.html")
    picture = tmp_path / "array.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
    options += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'user'}"]
    command = ["chromium", *options, "--dump-dom", path.as_uri()]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.stdout.count("<svg") == 2 and "PE[2, 2]" in found.stdout
    subprocess.run(["chromium", *options, f"--screenshot={picture}", path.as_uri()], timeout=120, check=False)
    assert picture.stat().st_size > 10_000
