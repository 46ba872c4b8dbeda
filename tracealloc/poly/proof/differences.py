"""Differences that a proof found, in the user's terms: reasons for refusals, and counterexamples.

A read sees another write than in the kernel: ``stencil.py:8 at (i=1) reads A[2]: expected the caller's value,
found what stencil.py:7 at (i=2) writes``. Of a queue it is told at which place an element comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.solve import INPUT
from tracealloc.poly.dependence.legality import Instance, Violation
from tracealloc.poly.dependence.queues import access_of, element_put, move_text, place_of
from tracealloc.poly.isl.instances import preimage
from tracealloc.poly.isl.named import point_values
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.equivalence import NOTHING, Difference
from tracealloc.trace.ir.program import Array

__all__ = ["Told", "displaced", "explain", "new_places", "told"]

_Order = tuple[Model, Tree]


def new_places(model: Model, trees: tuple[Tree, Tree], violation: Violation) -> str | None:
    """At which places the two executions of a violation use a queue in the second order, not the first."""
    array = violation.dependence.before.array
    ends = violation.source, violation.sink
    elements = [element_put(each.statement, each.values, array) for each in ends]
    puts = [element is not None for element in elements]
    if array.kind != "stream" or puts[0] != puts[1]:
        return None
    found = []
    for each, element in zip(ends, elements, strict=True):
        at = each.statement.name, each.values, array, puts[0]
        old, new = (place_of(model, tree, *at) for tree in trees)
        if old is None or new is None:
            return None
        who = element or f"what iteration {each.iteration} takes"
        if old != new:
            found.append(f"{who} would be at place {new} instead of {old}")
    return f"{' and '.join(found)}, counted from 0"


@dataclass(frozen=True)
class Told:
    """What a difference is about: the element that is read, of which array, and the read.

    `array` is None where a whole sum is meant, `reader` where the caller sees the element.
    """

    array: Array | None
    element: str
    reader: Instance | None


def told(base: Model, model: Model, wrong: Difference) -> Told:
    """The read of a difference between `base` and `model`."""
    space, indices = wrong.element
    array = None if space in {s.name for s in model.statements} else model.array_at(space)
    name = space if array is None else array.name
    element = f"{name}[{', '.join(map(str, indices))}]" if indices else name
    statement = _statement(base, wrong.reader)
    return Told(array, element, None if statement is None else Instance(statement, wrong.reader[1]))


def explain(base: Model, found: _Order, wrong: Difference) -> str:
    """A difference between the kernel `base` and what `found` computes."""
    read = told(base, found[0], wrong)
    if read.array is not None and read.array.kind == "stream":
        return f"the order of {read.array.name}: {displaced(base, found, wrong, read.array)}"
    who = f"the final {read.element}" if read.reader is None else f"{_at(read.reader)} reads {read.element}"
    return f"{who}: expected {_value(base, wrong.expected)}, found {_value(base, wrong.found)}"


def _at(instance: Instance) -> str:
    return f"{instance.where} at {instance.iteration}"


def _value(base: Model, end: tuple[str, tuple[int, ...]] | None) -> str:
    if end is None:
        return "no value"
    if end[0] == NOTHING:
        return "not the same each time that it runs"
    statement = _statement(base, end)
    return "the caller's value" if statement is None else f"what {_at(Instance(statement, end[1]))} writes"


def displaced(base: Model, found: _Order, wrong: Difference, array: Array) -> str:
    """Which use of a queue is at another place than in the kernel, or comes after another use.

    `wrong` is a use that comes after another than it should; its statements are those of `base`.
    """
    for end in (wrong.reader, wrong.found, wrong.expected):
        statement = _statement(base, end)
        if end is None or statement is None or access_of(statement, array) is None:
            continue
        puts = element_put(statement, end[1], array) is not None
        old = place_of(base, base.reference, *end, array, puts)
        new = next((place_of(*found, *own, array, puts) for own in _runs(found[0], base, end)), None)
        if old is not None and new is not None and old != new:
            return f"{_use(statement, end[1], array)} at place {new} instead of {old}, counted from 0"
    uses = [_named(base, end, array) for end in (wrong.reader, wrong.expected, wrong.found)]
    return f"{uses[0]}: expected after {uses[1]}, found after {uses[2]}"


def _statement(base: Model, end: tuple[str, tuple[int, ...]] | None) -> Statement | None:
    return None if end is None else next((s for s in base.statements if s.name == end[0]), None)


def _use(statement: Statement, values: tuple[int, ...], array: Array) -> str:
    access = access_of(statement, array)
    assert access is not None
    instance = Instance(statement, values)
    does = move_text(statement, values, access, array.name)
    return f"iteration {instance.iteration} ({instance.where}) {does}"


def _named(base: Model, end: tuple[str, tuple[int, ...]] | None, array: Array) -> str:
    statement = _statement(base, end)
    if end is None or end[0] == INPUT:
        return "nothing"
    if end[0] == NOTHING:
        return "another use each time that it runs"
    if statement is None:
        return f"the end of {array.name}"
    return _use(statement, end[1], array)


def _runs(
    model: Model, base: Model, end: tuple[str, tuple[int, ...]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The executions of `model` that are one of the kernel's."""
    name, values = end
    point = isl.Set(f"{{ {tuple_text(name, map(str, values))} }}")
    for statement in model.statements:
        if statement.origin == name:
            own = preimage(point, statement.name, statement.dims, statement.instance)
            at = point_values(own.intersect(statement.domain))
            if at is not None:
                yield statement.name, tuple(at)
