"""Every class of node and expression has a case in the printer, the interpreter and the emitters."""

from __future__ import annotations

import ast
import typing
from pathlib import Path

import pytest

import tracealloc.trace.ir.expr as exprs
from tracealloc.trace.ir import program as nodes

ROOT = Path(exprs.__file__).resolve().parents[2]
EXPRESSIONS = sorted(
    name
    for name, c in vars(exprs).items()
    if isinstance(c, type) and issubclass(c, exprs.Expr) and c is not exprs.Expr
)
NODES = sorted(c.__name__ for c in typing.get_args(nodes.Node))
CONSUMERS = {
    "printer": ["trace/ir/text.py"],
    "interpreter": ["check/interpret/expr.py", "check/interpret/node.py"],
    "emitters": ["emit/common/expr.py", "emit/common/backend.py"],
}


def cases(path: Path) -> set[str]:
    """The classes that the `match` statements of a file name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name):
            found.add(node.cls.id)
    return found


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_every_class_has_a_case(consumer: str) -> None:
    known: set[str] = set()
    for file in CONSUMERS[consumer]:
        known |= cases(ROOT / file)
    assert [name for name in [*EXPRESSIONS, *NODES] if name not in known] == []


def test_the_lists_are_not_empty() -> None:
    assert len(EXPRESSIONS) == 15
    assert len(NODES) == 6
