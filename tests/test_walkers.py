"""Whoever looks at nodes, expressions or trees says what becomes of every kind.

A `match` over kinds ends in `assert_never`, or names all of them (mypy's exhaustive-match then says so). One
with another default stands in a table here, with a reason that holds for any kind, those to come as well.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tracealloc.trace.ir.expr as exprs
from tracealloc.poly.model import tree as trees
from tracealloc.trace.ir import program as nodes

PACKAGE = Path(__file__).resolve().parent.parent / "tracealloc"
EXPRESSIONS = frozenset(
    name
    for name, c in vars(exprs).items()
    if isinstance(c, type) and issubclass(c, exprs.Expr) and c is not exprs.Expr and name[0] != "_"
)
NODES = frozenset(c.__name__ for c in typing.get_args(nodes.Node))
TREES = frozenset(c.__name__ for c in typing.get_args(trees.Tree))
FAMILIES = {"trace.ir.program": NODES, "trace.ir.expr": EXPRESSIONS, "poly.model.tree": TREES}

COMPLETE = {
    "printer": ["trace/ir/text.py"],
    "rewriting": ["trace/ir/rewrite.py", "trace/ir/expr.py"],
    "retyping": ["schedule/storage/retype.py"],
    "interpreter": ["check/interpret/expr.py", "check/interpret/node.py"],
    "C": ["emit/c/expressions.py", "emit/c/numbers.py", "emit/c/floats.py", "emit/common/walk.py"],
    "HLS C++": ["emit/vitis/values/expressions.py", "emit/common/walk.py"],
}
ONLY_NODES = {"rewriting"}  # `map_children` and `children` ask the classes themselves
LEAVES_OUT = {
    # Any other kind is refused, loudly: types or an earlier step leave none.
    "check/plain.py:Runner.emit": "events of a plain run; blocks are opened and closed, loops are Python's",
    "emit/c/floats.py:Floats.of": "expressions of a float type",
    "emit/c/numbers.py:Numbers.of": "expressions of a number's type",
    "emit/c/expressions.py:Expressions.record": "expressions of a struct's type",
    "poly/isl/texts.py:cond_text": "conditions that `is_affine` holds of",
    "schedule/timing/unrolled_accesses.py:_computed": "atoms of a linear form",
    "trace/network/families.py:_name": "a part of another kind is called by its number",
    "trace/network/numbers.py:values_of": "the place in the grid does not say its value",
    "trace/queries/requirements.py:_value": "conditions that `poly.proof.requirements` makes",
    "trace/record/structure.py:_Finish.collect": "events; loops and branches have classes of their own there",
    "trace/record/structure.py:_Finish.node": "events; loops and branches have classes of their own there",
    # Any other kind is what nothing is known of.
    "emit/c/plan/hoisted_checks.py:_Finder.form": "stays as it is, so no check is hoisted over it",
    "schedule/timing/unrolled_accesses.py:_operands": "not a sum of terms: an atom",
    "trace/queries/affine.py:_atom_range": "no range is known",
    "trace/queries/affine.py:_linear": "not affine",
    "trace/queries/affine.py:is_affine": "a condition of another form is asked whether it is linear",
    "trace/queries/intervals.py:Ranges.of": "the range is its type's",
    # Any other kind goes on to who handles all.
    "emit/c/expressions.py:Expressions.condition": "a number is true where it is not 0",
    "poly/dataflow/timestamps.py:_Quotients.atom": "`aff_text` says it",
    "poly/isl/texts.py:aff_text": "the value inside it is said, and an expression without one refused",
    # Any other kind has no part in it.
    "poly/model/build.py:negation": "its opposite is written with `not`",
    "trace/queries/typing_rules.py:negate": "its opposite is written with `not`",
    "trace/record/join_paths.py:_made": "an event that makes nothing",
    "trace/record/join_paths.py:_Matcher.equal": "fields are compared one by one",
}
BOTH = {
    "emit/c/plan/full_tiles.py:whole_tile": "counts statements; a nest with anything else has no whole tile",
    "emit/common/walk.py:visit": "where an array is used and where it is stored, and no more",
    "emit/c/plan/hoisted_checks.py:_Finder.node": "checks are of accesses: loads, stores, passed parts",
    "poly/dependence/queues.py:_moves": "only stores and calls put into a queue, loads take from it",
    "poly/model/statements.py:subscripts": "parts and elements are told apart",
    "schedule/hls/false_dependences.py:_unclear": "nothing is said of a loop with a call",
    "schedule/loops/inline_call.py:_Inline.statement": "what the traced program had is found again",
    "trace/network/cut.py:_roles": "queues are put into by stores, passed by calls, taken from by loads",
    "trace/network/cut.py:visit": "a queue stands in a store or is passed; loads are rewritten before",
    "trace/network/relay.py:_inward": "an element of a buffer: stored, loaded or passed",
    "trace/network/ends.py:_Change.block": "stores put, called kernels get the queue; the rest reads",
    "trace/queries/sizes.py:bounding": "only subscripts and bounds, and what a callee takes for one",
    "trace/record/join_paths.py:_heavy": "an estimate of length",
}


@dataclass(frozen=True)
class Match:
    """A `match` over kinds: the function it is in, the kinds it leaves out, and what it does with them."""

    where: str
    left_out: frozenset[str]
    default: str


def kinds_of(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """The kinds by the names that a module gives them: family and kind."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            family = node.module.removeprefix("tracealloc.")
            for alias in node.names:
                if alias.name in FAMILIES.get(family, ()):
                    found[alias.asname or alias.name] = (family, alias.name)
    return found


def default_of(match: ast.Match) -> str:
    """What a match does with the kinds that it does not name."""
    last = match.cases[-1]
    if not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None):
        return "none"
    text = ast.unparse(last.body[0])
    return "assert_never" if text.startswith("assert_never(") else "other"


def functions_of(tree: ast.AST, around: str = "<module>") -> Iterator[tuple[str, ast.AST]]:
    """Every node of a syntax tree with the name of the innermost function around it."""
    for child in ast.iter_child_nodes(tree):
        name = around
        if isinstance(child, ast.FunctionDef):
            name = f"{tree.name}.{child.name}" if isinstance(tree, ast.ClassDef) else child.name
        yield name, child
        yield from functions_of(child, name)


def matches_in(file: str, text: str, own: str = "") -> Iterator[Match]:
    """The matches over kinds in a module; `own` is the family whose classes it defines."""
    tree = ast.parse(text)
    kinds = kinds_of(tree) | {name: (own, name) for name in FAMILIES.get(own, ())}
    for name, node in functions_of(tree):
        if not isinstance(node, ast.Match):
            continue
        patterns = [p for case in node.cases for p in ast.walk(case.pattern) if isinstance(p, ast.MatchClass)]
        named = {kinds[p.cls.id] for p in patterns if isinstance(p.cls, ast.Name) and p.cls.id in kinds}
        for family in {family for family, _ in named}:
            left_out = FAMILIES[family] - {kind for of, kind in named if of == family}
            yield Match(f"{file}:{name}", left_out, default_of(node))


def sources() -> Iterator[tuple[str, str, str]]:
    """The modules of the package: file, text, and the family whose classes it defines."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        yield file, path.read_text(encoding="utf-8"), file.removesuffix(".py").replace("/", ".")


MATCHES = [match for source in sources() for match in matches_in(*source)]


def test_what_is_left_out_is_said() -> None:
    found = {each.where for each in MATCHES if each.left_out and each.default not in ("assert_never", "none")}
    assert sorted(found - set(LEAVES_OUT)) == [], "end it in assert_never, or say why any kind may come"
    assert sorted(set(LEAVES_OUT) - found) == [], "leaves out nothing any more"


def test_without_a_default_all_are_named() -> None:
    assert [each for each in MATCHES if each.left_out and each.default == "none"] == []


@pytest.mark.parametrize("walker", COMPLETE)
def test_every_kind_has_a_case(walker: str) -> None:
    known: set[str] = set()
    for file in COMPLETE[walker]:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name):
                known.add(node.cls.id)
    wanted = NODES if walker in ONLY_NODES else NODES | EXPRESSIONS
    assert sorted(wanted - known) == []


def test_what_a_node_writes_is_asked_in_one_place() -> None:
    """Who tells stores and calls apart by `isinstance` does not ask `touched_by` or a summary."""
    found: dict[str, set[str]] = {}
    for file, text, _ in sources():
        tree = ast.parse(text)
        kinds = {name for name, (family, _) in kinds_of(tree).items() if family == "trace.ir.program"}
        for name, node in functions_of(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                named = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)} & kinds
                found.setdefault(f"{file}:{name}", set()).update(named)
    assert {where for where, named in found.items() if named >= {"Store", "Call"}} == set(BOTH)


SILENT = """
from tracealloc.trace.ir.program import Loop as L, Store
from collections.abc import Sequence

def f(node):
    def g(node):
        match node:
            case L():
                return 1
            case _:
                return 0
    match node:
        case Sequence():
            return g(node)
        case _:
            return 2
"""


def test_a_silent_default_is_found() -> None:
    (found,) = matches_in("a.py", SILENT)
    assert found == Match("a.py:g", NODES - {"Loop"}, "other")
    (loud,) = matches_in("a.py", SILENT.replace("return 0", "assert_never(node)"))
    assert loud.default == "assert_never"


def test_the_families_are_not_empty() -> None:
    assert (len(EXPRESSIONS), len(NODES), len(TREES)) == (15, 6, 3)
