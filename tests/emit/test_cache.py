"""The cache on disk: entries of one key, a folder of the user's alone, nothing of killed processes."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.emit.run import disk_cache as disk
from tracealloc.emit.run.runtime import library_of
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.trace.diagnostics.source import TraceallocWarning

ONE = "int add(int *x) { x[0] += 1; return 0; }\n"
TWO = "int add(int *x) { x[0] += 2; x[999999] = 5; return 0; }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, of which nothing was said yet."""
    monkeypatch.setenv("TRACEALLOC_CACHE", str(tmp_path / "deep" / "cache"))
    monkeypatch.setattr(disk, "_warned", set())
    monkeypatch.setattr(disk, "_private", None)
    return tmp_path / "deep" / "cache"


def test_the_folder_is_the_users_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        library_of(ONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_entry_under_anothers_name_is_built_again(folder: Path) -> None:
    one, two = library_of(ONE), library_of(TWO)
    shutil.copyfile(two, one)
    assert disk.lookup(one.stem) is None and disk.lookup(two.stem) == two
    assert library_of(ONE) == one and disk.lookup(one.stem) == one


def test_a_folder_in_the_place_of_an_entry(folder: Path) -> None:
    entry = library_of(ONE)
    entry.unlink()
    entry.mkdir()
    assert library_of(ONE) == entry and entry.is_file()


def make(number: int) -> Callable[..., None]:
    def body(A: int32[4]) -> None:
        for i in ta.range(4):
            A[i] += number

    return body


def total(number: int) -> int:
    data = np.zeros(4, np.int32)
    kernel(make(number))(data)
    return int(data.sum())


def test_what_is_remembered_of_another_program_is_not_used(folder: Path) -> None:
    assert total(3) == 12
    links = {path.name for path in folder.glob("*.link")}
    assert total(5) == 20
    (other,) = [path for path in folder.glob("*.link") if path.name not in links]
    shutil.copyfile(folder / next(iter(links)), other)
    assert total(5) == 20
    other.write_text(other.read_text()[:-1])
    assert total(5) == 20


@pytest.mark.skipif(open_headers() is None, reason="needs hls4ml's headers")
def test_headers_compiled_for_another_key_are_not_used(folder: Path) -> None:
    @kernel
    def odd(A: ta.Int(5)[4]) -> None:
        for i in ta.range(4):
            A[i] += 1

    odd.build("vitis_hls", mode="csim")
    (home,) = folder.glob("prefix-*")
    (home / "key").write_text((home / "key").read_text()[1:])
    made = (home / "ta_prefix.h.gch").stat().st_ino
    (folder / next(path.name for path in folder.glob("*.so"))).unlink()
    odd.build("vitis_hls", mode="csim")
    assert (home / "ta_prefix.h.gch").stat().st_ino != made


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777 | stat.S_ISVTX])
def test_a_folder_that_others_can_write_is_not_used(folder: Path, mode: int) -> None:
    entry = library_of(ONE)
    folder.chmod(mode)
    with pytest.warns(TraceallocWarning) as caught:
        built = library_of(ONE)
        assert built.parent != folder and library_of(TWO).parent != folder
    assert [str(one.message) for one in caught] == [
        f"the cache folder {str(folder)!r} cannot be used (other users can write to it: chmod go-w makes it "
        "yours alone): compiled kernels are kept for this process only; set TRACEALLOC_CACHE to a folder "
        "that can be written"
    ]
    assert disk.lookup(entry.stem) != entry
    assert stat.S_IMODE(built.parent.stat().st_mode) == 0o700
    folder.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert library_of(ONE) == entry


def test_a_folder_that_others_own_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = library_of(ONE)
    assert total(7) == 28
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.warns(TraceallocWarning, match=r"cannot be used \(another user owns it\)"):
        assert library_of(ONE).parent != entry.parent
        assert total(7) == 28


KILLED = """
import os, sys, time
from tracealloc.emit.run import disk_cache as cache
with cache.scratch() as work:
    (work / "unit.cpp").write_text("text")
    cache.temporary(cache.writable_folder(), ".so").write_text("part")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_leaves_goes_away(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        assert disk.writable_folder() == folder
        assert len(list(folder.glob("tmp-*"))) == 2  # it still runs
        process.send_signal(signal.SIGKILL)
    disk.writable_folder()
    assert list(folder.glob("tmp-*")) == []


def test_temporary_files_of_other_machines_stay_for_a_day(folder: Path) -> None:
    disk.writable_folder()
    young, old = folder / "tmp-elsewhere-1-2-3.so", folder / "tmp-elsewhere-4-5-6.so"
    for path in (young, old):
        path.write_text("part")
    os.utime(old, (time.time() - 90_000,) * 2)
    disk.writable_folder()
    assert young.exists() and not old.exists()
