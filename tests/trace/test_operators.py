"""The table of operators: which row answers a question, and that an answer says how it is known."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.trace.ir.operators import OperatorTable, parse_operators

TABLE = HARDWARE.operators
MEASURED = Path(__file__).parent.parent / "data" / "vitis" / "operators.csv"

# name, family, bits, clock, implementation: stages, DSPs, how it is known.
ROWS = [
    (("+", "float", 32, 3.33, None), (7, 2, "measured")),
    (("+", "float", 32, 3.33, "fabric"), (5, 0, "measured")),
    (("+", "float", 32, 4.55, None), (5, 2, "measured")),
    (("+", "float", 32, 4.55, "fabric"), (4, 0, "measured")),
    (("*", "float", 32, 4.0, None), (4, 3, "measured")),
    (("*", "float", 64, 3.33, None), (8, 8, "measured")),
    (("*", "float", 64, 4.0, None), (6, 8, "measured")),
    (("/", "float", 32, 3.33, None), (12, 0, "measured")),
    (("exp", "float", 32, 3.33, None), (14, 7, "measured")),
    (("+", "float", 16, 3.33, None), (7, 2, "estimated")),
    (("tanh", "float", 32, 3.33, None), (12, None, "estimated")),
    (("+", "float", 32, 1.665, None), (14, 2, "estimated")),
    (("+", "float", 32, 10.0, None), (3, 2, "estimated")),
    (("*", "int", 8, 3.33, None), (1, 0, "measured")),
    (("*", "int", 11, 3.33, None), (1, 1, "measured")),
    (("*", "int", 18, 3.33, None), (1, 1, "estimated")),
    (("*", "int", 64, 3.33, None), (5, 16, "measured")),
    (("*", "int", 100, 3.33, None), (5, 16, "estimated")),
    (("multiply-add", "int", 8, 3.33, None), (4, 1, "fitted")),
    (("%", "int", 8, 3.33, None), (12, 0, "measured")),
    (("%", "int", 64, 3.33, None), (68, 0, "measured")),
    (("%", "int", 8, 1.0, None), (12, 0, "estimated")),
    (("load", "bram", 32, 3.33, None), (2, None, "fitted")),
    (("store", "bram", 32, 3.33, None), (1, None, "fitted")),
    (("load", "register", 32, 3.33, None), (0, None, "fitted")),
    (("load", "m_axi", 32, 3.33, None), (14, None, "fitted")),
]


@pytest.mark.parametrize(("asked", "expected"), ROWS)
def test_the_row_that_answers(
    asked: tuple[str, str, int, float, str | None], expected: tuple[int, int | None, str]
) -> None:
    name, family, bits, clock, impl = asked
    found = TABLE.at(clock).find(name, family, bits, impl)
    assert found is not None and found.source
    assert (found.stages, found.dsp, found.status) == expected
    assert found.clock_ns == clock


def test_other_devices_are_estimates() -> None:
    found = TABLE.at(3.33, "Virtex").find("+", "float", 32)
    assert found is not None and found.status == "estimated" and "no row for 'Virtex'" in found.source
    wider = TABLE.find("*", "int", 100)
    assert wider is not None and wider.source.startswith("for more than 66 bits: ")
    scaled = TABLE.at(1.665).find("+", "float", 32)
    assert scaled is not None and scaled.source.endswith("stages scaled from 3.33 ns to 1.665 ns")


def test_what_is_not_known_is_not_guessed() -> None:
    assert TABLE.find("+", "quaternion", 32) is None
    assert TABLE.find("+", "float", 32, "unobtainium") is None
    assert OperatorTable().find("+", "float", 32) is None
    with pytest.raises(ValueError, match="a clock period is more than 0 ns, not 0"):
        TABLE.at(0)


def test_measured_rows_are_those_of_the_reports() -> None:
    """Stages and DSPs of every module of floats in the published synthesis reports, at their clocks."""
    names = {
        "fadd": "+",
        "fsub": "-",
        "fmul": "*",
        "fdiv": "/",
        "fexp": "exp",
        "dmul": "*",
        "fcmp": "compare",
    }
    impls = {"full_dsp": "fulldsp", "max_dsp": "maxdsp", "no_dsp": "fabric"}
    with MEASURED.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["op"] in names]
    assert len(rows) == 20
    for row in rows:
        bits = 64 if row["op"].startswith("d") else 32
        found = TABLE.at(float(row["clk_ns"])).find(names[row["op"]], "float", bits, impls[row["impl"]])
        assert found is not None
        assert (found.stages, found.dsp) == (int(row["stages"]), int(row["dsp"])), row["module"]


def test_remainders_take_a_stage_a_bit() -> None:
    with MEASURED.open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["op"] == "urem" and r["impl"] == "auto"]
    wrong = []
    for row in rows:
        bits = max(int(part.rstrip("sn")) for part in row["module"].split("_")[1:3])
        found = TABLE.at(float(row["clk_ns"])).find("%", "int", bits)
        assert found is not None
        if found.stages != int(row["stages"]):
            wrong.append(row["module"])
    assert len(rows) == 30 and wrong == []


def test_the_file_is_packaged() -> None:
    text = files("tracealloc.emit.vitis").joinpath("data", "operators.csv").read_text(encoding="utf-8")
    assert parse_operators(text) == TABLE.rows
    assert {row.status for row in TABLE.rows} == {"measured", "fitted", "estimated"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2", "the columns of a table of operators are name, family, bits"),
        ("+,float,x,3,,,,i,,,,4,d,estimated,s", "no row of operators: .*invalid literal"),
        ("+,float,32,3,,,,i,,,,4,d,guessed,s", "a row says how it is known, and from where"),
        ("+,float,32,3,,,,i,,,,4,d,estimated,", "a row says how it is known, and from where"),
    ],
)
def test_what_is_no_table(text: str, message: str) -> None:
    head = ",".join(row for row in TABLE.rows[0].__dataclass_fields__)
    with pytest.raises(ValueError, match=message):
        parse_operators(text if text.startswith("a,b") else f"{head}\n{text}")
