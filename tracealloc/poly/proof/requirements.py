"""What a program requires of its parameters, so that every certain access is inside its array.

From their types alone ``for i in range(n): A[i] = 0`` leaves an array of 60 elements. Refusing it would
refuse every kernel with a run-time size, so the size is taken to be right and checked at the call. For an
access let D be the domain and O the instances outside: the parameters ``(D * O).params()`` are bad. They
are taken relative to ``D.params()`` (``n >= 1`` here), which gives ``n <= 60``; the exact complement would
be ``n <= 60 or n <= 0``, and with two loops as many pieces more (an empty matrix of 100 columns is
refused, as BLAS refuses its leading dimension).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import islpy as isl

from tracealloc.poly.dataflow.effects import model_of
from tracealloc.poly.isl.ast_expr import as_expr
from tracealloc.poly.isl.compared import minus, own
from tracealloc.poly.isl.named import LOCK, dim_bounds, parameters_in, point_values
from tracealloc.poly.isl.texts import cond_text, iter_names, parameter_name, read_set, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.views import outside_views
from tracealloc.poly.proof.bounds import (
    Subscript,
    iter_ranges,
    outside,
    raise_outside,
    subscripts,
    uninitialised,
)
from tracealloc.trace.diagnostics.errors import BoundsError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Integer, as_integer, index
from tracealloc.trace.ir.expr import Cast, Compare, Expr, Load, Logical, rewrite
from tracealloc.trace.ir.program import (
    Array,
    Call,
    Node,
    Program,
    Region,
    Requirement,
    map_blocks,
)
from tracealloc.trace.ir.rewrite import replace_arrays
from tracealloc.trace.ir.text import expr_text, region_text
from tracealloc.trace.queries.affine import constant, is_affine, simplify
from tracealloc.trace.queries.sizes import bounding, used_parameters

__all__ = ["required"]


def required(program: Program) -> Program:
    """The program, and all that it calls, with what it requires of its parameters.

    The same object where it has none. Arguments know between which values they then lie.

    Raises:
        BoundsError: an access leaves its array whatever the parameters are.
    """
    found: Program | None = program.memo.get("required")
    if found is None:
        with LOCK:
            linked = _linked(program)
            found = _required(linked) if used_parameters(linked) or _calls_some(linked) else linked
        program.memo["required"] = found.memo["required"] = found
    return found


def _linked(program: Program) -> Program:
    """The program calling callees that know what they require.

    A size that is passed is converted to its parameter's type: that this changes nothing is required too.
    """

    def linked(node: Node) -> Node:
        if isinstance(node, Call):
            callee = required(node.program)
            sizes = bounding(callee)
            args = tuple(
                _unconverted(actual) if formal in sizes else actual
                for formal, actual in zip(callee.args, node.args, strict=True)
            )
            same = callee is node.program and args == node.args
            return node if same else replace(node, program=callee, args=args)
        return map_blocks(node, lambda block: tuple(linked(inner) for inner in block))

    if all(required(callee) is callee and not used_parameters(callee) for callee in program.callees()):
        return program
    return replace(program, body=tuple(linked(node) for node in program.body))


def _unconverted(actual: Region | Expr) -> Region | Expr:
    if isinstance(actual, Cast) and isinstance(actual.type, Integer) and is_affine(actual.operand):
        return Cast(actual.operand, index)
    return actual


def _calls_some(program: Program) -> bool:
    return any(used_parameters(callee) for callee in program.callees())


def _required(program: Program) -> Program:
    model, _ = model_of(program)
    work = _Requirements(model, model.context, _wide(program))
    for statement in model.statements:
        work.statement(statement)
    for each in uninitialised(model):
        text, place = each.access.text, each.access.place or each.statement.place
        reason = f"{text} would be read before anything is stored there"
        work.exclude(each.statement, each.bad, (text, reason, place), each.refuse)
    return _narrowed(replace(program, requires=tuple(work.found)), work.context)


@dataclass
class _Requirements:
    """Goes through the accesses; `context` is what the parameters may still be."""

    model: Model
    context: isl.Set
    found: list[Requirement]

    def statement(self, statement: Statement) -> None:
        for view in outside_views(statement):
            reason = f"{view.text} would go outside the view {region_text(view.view.region)}"
            self.exclude(statement, view.bad, (view.text, reason, view.place), view.refuse)
        if statement.guards:
            return  # whether it runs depends on data: checked when it does
        ranges = iter_ranges(statement)
        for each in subscripts(statement):
            for dim in range(each.array.rank):
                bad = outside(statement, each, dim, ranges)
                if bad is not None:
                    refuse = partial(raise_outside, statement, access=each, dim=dim)
                    self.exclude(statement, bad, (each.text, _left_outside(each), each.place), refuse)
        if isinstance(statement.node, Call):
            self.call(statement, statement.node)

    def call(self, statement: Statement, node: Call) -> None:
        """What the callee requires, of what is passed."""
        callee = node.program
        passed = {
            formal: actual
            for formal, actual in zip(callee.args, node.args, strict=True)
            if not isinstance(actual, Region)
        }
        needs = [
            Requirement(
                _within(formal), formal.name, f"{formal.name} of {callee.name} has type {formal.dtype}"
            )
            for formal in used_parameters(callee)
        ]
        names = iter_names(statement.dims)
        instance = tuple_text(statement.name, names.values())
        for each in (*needs, *callee.requires):
            cond = _substituted(each.cond, passed)
            if not is_affine(cond):
                continue  # depends on data: the callee finds out
            bad = read_set(f"{{ {instance} : {cond_text(cond, names, negate=True)} }}")
            reason = f"in {callee.name}, {each.reason}"
            refuse = partial(_refuse_call, statement, each)
            place = node.place or each.place
            self.exclude(statement, bad.intersect(statement.domain), (each.text, reason, place), refuse)

    def exclude(
        self,
        statement: Statement,
        bad: isl.Set,
        told: tuple[str, str, Place | None],
        refuse: Callable[[isl.Set], NoReturn],
    ) -> None:
        """Take the parameters for which some instance is in `bad` out of the context."""
        bad = bad.intersect_params(self.context)
        if bad.is_empty():
            return
        runs = statement.domain.params().intersect(self.context)
        exact = self._left(bad.params())
        left = self._left(own(bad.params()).gist(own(runs)))
        sizes = parameters_in(exact, self.context)
        if len(sizes) == 1 and sizes <= parameters_in(left, self.context):
            left = exact  # one size alone: what it may be while nothing runs is left in
        if left.is_empty():
            refuse(bad)
        cond = _condition(own(left).gist(own(self.context)), self.model)
        self.found.append(Requirement(cond, *told))
        self.context = left

    def _left(self, wrong: isl.Set) -> isl.Set:
        return minus(self.context, wrong).coalesce()


def _left_outside(access: Subscript) -> str:
    shape = ", ".join(map(str, access.array.shape))
    return f"{access.text} would go outside {access.array.name}, whose shape is ({shape})"


def _refuse_call(statement: Statement, need: Requirement, bad: isl.Set) -> NoReturn:
    """Refuse a program that calls another with a size that never fits."""
    node = statement.node
    assert isinstance(node, Call)
    pairs = [f"{it.name}={v}" for it, v in zip(statement.dims, point_values(bad) or [], strict=False)]
    raise BoundsError(
        "TA150",
        f"{node.program.name} requires {expr_text(need.cond)}, which what is passed does not fulfil",
        place=node.place,
        because=[f"in iteration ({', '.join(pairs)}), {need.reason}" if pairs else need.reason],
        hint="narrow the loop, or pass a size that fits",
    )


def _substituted(expr: Expr, passed: dict[Array, Expr]) -> Expr:
    return rewrite(expr, lambda e: passed.get(e.array) if isinstance(e, Load) else None)


def _wide(program: Program) -> list[Requirement]:
    """That arguments of 64 bits are no larger than analyses take them to be: asked first, and alone."""
    found = []
    for array in used_parameters(program):
        assert array.parameter is not None
        value, ends = Cast(Load(array), index), (array.parameter.low, array.parameter.high)
        parts = [
            Compare(op, value, constant(end))
            for op, end, limit in zip((">=", "<="), ends, _ends(array), strict=True)
            if end != limit
        ]
        found += [Requirement(part, array.name, "no array is that large", program.place) for part in parts]
    return found


def _ends(array: Array) -> tuple[int, int]:
    integer = as_integer(array.dtype)
    assert integer is not None
    return integer.low, integer.high


def _within(formal: Array) -> Expr:
    """The condition that a size fits into the type of a parameter."""
    value = Cast(Load(formal), index)
    low, high = map(constant, _ends(formal))
    return Logical("and", (Compare(">=", value, low), Compare("<=", value, high)))


def _condition(held: isl.Set, model: Model) -> Expr:
    """A set of parameters as a condition on the arguments."""
    build = isl.AstBuild.from_context(isl.Set("{ : }"))
    return simplify(as_expr(build.expr_from_set(held), model.parameters))


def _narrowed(program: Program, context: isl.Set) -> Program:
    """The program whose parameters lie in the hull of a context.

    What it requires is asked of arguments that may still be anything.
    """
    changed: dict[Array, Array] = {}
    for array in used_parameters(program):
        assert array.parameter is not None
        value = read_set(f"{{ V[v] : v = {parameter_name(array)} }}").intersect_params(context)
        low, high = dim_bounds(value, 0)
        if (low, high) != (array.parameter.low, array.parameter.high):
            changed[array] = replace(array, parameter=replace(array.parameter, low=low, high=high))
    if not changed:
        return program
    return replace(
        program,
        args=tuple(changed.get(array, array) for array in program.args),
        body=tuple(replace_arrays(node, changed) for node in program.body),
    )
