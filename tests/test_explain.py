"""The catalogue of error codes is complete and true: wrong examples raise their code, right ones run."""

from __future__ import annotations

import os
import re
import textwrap
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from tracealloc.explain import catalogue, explain

PACKAGE = Path(__file__).resolve().parent.parent / "tracealloc"
ENTRIES = catalogue()
EXAMPLES = [code for code, entry in ENTRIES.items() if entry.wrong]
# Guards that no kernel is known to reach: a trace names arrays apart; isl gives up on nothing we have seen;
# local FIFOs (TA805) are in programs made by hand only, until a primitive makes them.
# TA191 needs two processes.
UNREACHED = {"TA129", "TA191", "TA205", "TA260", "TA261", "TA262", "TA275", "TA513", "TA514", "TA805"}


def run(text: str, folder: Path) -> None:
    """Run an example as a file of its own, in a folder of its own, with the environment kept."""
    path = folder / "example.py"
    path.write_text(textwrap.dedent(text).strip("\n") + "\n", encoding="utf-8")
    module = types.ModuleType("example")
    module.__dict__.update({name: getattr(ta, name) for name in ta.__all__ if name != "range"})
    module.__dict__.update(ta=ta, np=np, __file__=str(path))
    environment = dict(os.environ)
    here = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


@pytest.mark.parametrize("code", EXAMPLES)
def test_wrong_example(code: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ta.TraceallocWarning)
        with pytest.raises((ta.TraceallocError, ta.TraceallocWarning)) as found:
            run(ENTRIES[code].wrong, tmp_path)
    assert getattr(found.value, "code", code) == code
    assert code in str(found.value)


@pytest.mark.parametrize("code", EXAMPLES)
def test_right_example(code: str, tmp_path: Path) -> None:
    run(ENTRIES[code].right, tmp_path)


def test_every_code_is_in_the_catalogue() -> None:
    """And every entry is raised somewhere."""
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        if not path.name.startswith("codes") and path.parent.name != "codes"
        for code in re.findall(r'"(TA\d\d\d)(?:"| \{)', path.read_text(encoding="utf-8"))
    }
    # Docstrings and messages mention codes too; what counts here is that each raised one is explained.
    assert sorted(used - set(ENTRIES)) == []
    assert sorted(set(ENTRIES) - used) == []
    assert set(ENTRIES) - set(EXAMPLES) == UNREACHED
    assert all(ENTRIES[code].because and code in explain(code) for code in UNREACHED)


def test_explain() -> None:
    code = next(iter(ENTRIES))
    text = explain(code.lower())
    assert text.startswith(f"{code}: {ENTRIES[code].title}")
    assert "\nwrong:\n    " in text
    assert "\nright:\n    " in text
    with pytest.raises(ValueError, match=r"there is no code 'TA999'; the codes are TA"):
        explain("TA999")
    with pytest.raises(ValueError, match=r"'TA2100'; the nearest is TA210; the codes are TA"):
        explain("TA2100")


def test_explain_lists_all() -> None:
    lines = explain().splitlines()
    assert lines == [f"{code}  {entry.title}" for code, entry in ENTRIES.items()]
    assert any(line.startswith("TA190  ") for line in lines)


def test_explain_takes_errors_and_classes() -> None:
    with pytest.raises(ta.TraceError) as found:
        ta.zeros(3, ta.int8)
    assert explain(found.value) == explain("TA116")
    assert explain(ta.TraceallocWarning("TA190 a.py:3 was recorded")) == explain("TA190")
    head, _, rest = explain(ta.TraceError).partition("\n\n")
    assert head == "TraceError: The Python function cannot be traced into a program."
    assert rest.splitlines() == [line for line in explain().splitlines() if line.startswith("TA1")]
    assert explain(ta.BoundsError).splitlines()[2:] == explain(ta.TraceError).splitlines()[2:]
    assert explain(ta.TraceallocError).splitlines()[2:] == explain().splitlines()
    for wrong in (3, ValueError, ValueError("TA101"), ta.TraceallocWarning("slow")):
        with pytest.raises(TypeError, match=r"ta\.explain takes a code such as 'TA210' or an error of trace"):
            explain(wrong)  # type: ignore[arg-type]


def test_families_of_codes() -> None:
    """A code begins as those of the class that it is raised as."""
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    for name, code in re.findall(r'\b(\w+Error)\(\s*"(TA\d\d\d)"', text):
        kind = getattr(ta, name, None)
        if kind is not None and kind is not ta.TraceallocError:
            assert f"{code}  " in explain(kind), (name, code)
