"""The schedule tree: building, restricting, replacing, and what a change can have affected."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Sequence,
    affected,
    counted_by,
    leaves,
    loops_above,
    loops_in,
    loops_to,
    nest,
    replace_loop,
    restrict,
    sequence,
    upwards,
    with_statements_at,
)
from tracealloc.trace.ir.expr import Iter, IterRef
from tracealloc.trace.ir.layout import Marks


def loop(key: str, body: object, *statements: str) -> LoopNode:
    exprs = tuple((name, IterRef(Iter(f"{key}:{name}", key))) for name in statements)
    return LoopNode(key, key, exprs, body)


INNER = loop("j", Leaf("S1"), "S1")
NEST = loop("i", Sequence((Leaf("S0"), INNER, Leaf("S2"))), "S0", "S1", "S2")
LAST = loop("k", Leaf("S3"), "S3")
TREE = Sequence((NEST, LAST))


def test_order_of_leaves_and_loops() -> None:
    assert list(leaves(TREE)) == ["S0", "S1", "S2", "S3"]
    assert [node.key for node in loops_in(TREE)] == ["i", "j", "k"]
    assert [node.key for node in loops_above(TREE, "S1")] == ["i", "j"]


def test_sequences_are_flat() -> None:
    assert sequence([Leaf("a")]) == Leaf("a")
    assert sequence([Sequence((Leaf("a"), Leaf("b"))), Leaf("c")]) == Sequence(
        (Leaf("a"), Leaf("b"), Leaf("c"))
    )


def test_restrict_drops_loops_around_nothing() -> None:
    kept = restrict(TREE, frozenset({"S2", "S3"}))
    assert kept is not None
    assert list(leaves(kept)) == ["S2", "S3"]
    assert [node.key for node in loops_in(kept)] == ["i", "k"]
    assert next(iter(loops_in(kept))).exprs == (NEST.exprs[2],)
    assert restrict(TREE, frozenset()) is None
    assert restrict(TREE, frozenset({"S0", "S1", "S2", "S3"})) is not None


def test_replacing_keeps_what_did_not_change() -> None:
    changed = replace_loop(TREE, "j", lambda node: replace(node, descending=True))
    assert isinstance(changed, Sequence)
    assert changed.children[1] is LAST
    assert replace_loop(TREE, "unknown", lambda node: node) is TREE


def test_only_pairs_below_a_change_are_affected() -> None:
    assert affected(TREE, TREE) == frozenset()
    turned = replace_loop(TREE, "j", lambda node: replace(node, descending=True))
    assert affected(TREE, turned) == {"S1"}
    outer = replace_loop(TREE, "i", lambda node: replace(node, descending=True))
    assert affected(TREE, outer) == {"S0", "S1", "S2"}
    assert affected(TREE, Sequence((LAST, NEST))) == {"S0", "S1", "S2", "S3"}
    assert affected(TREE, Sequence((LAST,))) == {"S0", "S1", "S2", "S3"} - {"S3"}


def test_new_statements_get_values_in_all_loops_around_them() -> None:
    its = [Iter(f"new:{name}", name) for name in ("i", "j")]
    loops = loops_to(TREE, "j")
    values = counted_by(loops, its, ["B", "A"])
    tree = with_statements_at(TREE, "j", values, [Leaf("B")], [Leaf("A")])
    assert list(leaves(tree)) == ["S0", "B", "S1", "A", "S2", "S3"]
    outer, inner = loops_to(tree, "j")
    for node, old, it in zip((outer, inner), loops, its, strict=True):
        assert node.exprs == (*old.exprs, ("B", IterRef(it)), ("A", IterRef(it)))
    assert isinstance(tree, Sequence)
    assert tree.children[1] is LAST


def test_statements_beside_a_loop_have_no_value_in_it() -> None:
    values = counted_by(loops_to(TREE, "j")[:-1], [Iter("new:i", "i")], ["B"])
    tree = with_statements_at(TREE, "j", values, [Leaf("B")], beside=True)
    assert list(leaves(tree)) == ["S0", "B", "S1", "S2", "S3"]
    outer, inner = loops_to(tree, "j")
    assert outer.exprs == (*NEST.exprs, ("B", IterRef(Iter("new:i", "i"))))
    assert inner == INNER


def test_a_nest_marks_its_innermost_loop_and_names_its_outermost() -> None:
    its = [Iter(f"B:e{dim}", name) for dim, name in enumerate("xyz")]
    made = nest(Leaf("B"), [(it, {"B": IterRef(it)}) for it in its], Marks(pipeline=1), band="L")
    found = list(loops_in(made))
    assert [(each.name, each.band, each.marks.pipeline) for each in found] == [
        ("x", "L", None),
        ("y", None, None),
        ("z", None, 1),
    ]
    assert [each.exprs for each in found] == [(("B", IterRef(it)),) for it in its]
    assert nest(Leaf("B"), []) == Leaf("B")


def test_loops_by_value_ascend() -> None:
    down = replace(INNER, descending=True)
    assert upwards((NEST, down)) == (NEST, INNER)
