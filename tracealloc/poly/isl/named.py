"""The border to isl: maps from expressions, and the few operations that need dimension types.

Only this module spells `isl.dim_type`; how things are called inside isl says `texts`.
"""

from __future__ import annotations

import copyreg
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TypeVar

import islpy as isl

from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.rows import Row
from tracealloc.poly.isl.texts import (
    Parameters,
    aff_text,
    iter_names,
    parameters_declared,
    read_map,
    tuple_text,
)
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef
from tracealloc.trace.queries.affine import constant, simplify

__all__ = [
    "LOCK",
    "aff_expr",
    "at_distance",
    "at_greatest",
    "at_parameters",
    "at_value",
    "bind_parameters",
    "box_of",
    "dim_bounds",
    "dims_of",
    "drop_range_dims",
    "first_iterators",
    "fix_to_zero",
    "is_lex_negative_possible",
    "is_product",
    "is_zero_at",
    "keep_dims",
    "flat_set",
    "freed",
    "has_hidden",
    "hidden_count",
    "is_function_of_outer",
    "least_at",
    "lex_less",
    "lifted_domain",
    "map_of",
    "map_text",
    "only_value",
    "parameters_in",
    "point_values",
    "project_scope",
    "range_dims",
    "renamed",
    "renamed_input",
    "rows_of",
    "single_dims",
    "some_instance",
    "union_of",
    "unshared",
    "with_tuple",
    "within",
]


def _pickled(m: isl.Map) -> tuple[type[isl.Map], tuple[str]]:
    return isl.Map, (str(m),)


# islpy's own way to pickle refuses maps whose input and output dimensions share a name.
copyreg.pickle(isl.Map, _pickled)

# isl contexts are not thread safe; whoever calls isl holds this lock (the root modules take it).
_SetOrMap = TypeVar("_SetOrMap", isl.Set, isl.Map)
LOCK = threading.RLock()


def bind_parameters(m: isl.Map, values: Mapping[str, Expr], dims: Sequence[Iter]) -> isl.Map:
    """A map whose first input coordinates are `dims`, with parameters replaced by values over these.

    The values may have parameters of the same names: those of a caller, where `m` is of a callee.
    """
    names, equal, formals = iter_names(dims), list[str](), list[str]()
    for position in range(m.dim(isl.dim_type.param)):
        name = str(m.get_dim_name(isl.dim_type.param, position))
        if name in values:
            formals.append(f"formal{position}")
            m = m.set_dim_name(isl.dim_type.param, position, formals[-1])
            equal.append(f"{formals[-1]} = {aff_text(values[name], names)}")
    if not equal:
        return m
    rest = [f"r{k}" for k in range(int(m.dim(isl.dim_type.in_)) - len(names))]
    where = tuple_text(m.get_tuple_name(isl.dim_type.in_), [*names.values(), *rest])
    body = f"{{ {where} : {' and '.join(equal)} }}"
    own = parameters_declared(body)
    m = m.intersect_domain(isl.Set(f"[{', '.join([*formals, *own])}] -> {body}"))
    for name in formals:
        m = m.project_out(isl.dim_type.param, m.find_dim_by_name(isl.dim_type.param, name), 1)
    return m


def at_greatest(s: isl.Set) -> isl.Set:
    """A set for the greatest parameters for which it has elements, one after the other."""
    while s.dim(isl.dim_type.param) and not s.is_empty():
        greatest = s.move_dims(isl.dim_type.set, 0, isl.dim_type.param, 0, 1).dim_max_val(0)
        s = s.fix_val(isl.dim_type.param, 0, greatest).project_out(isl.dim_type.param, 0, 1)
    return s


def parameters_in(s: isl.Set, given: isl.Set) -> set[str]:
    """The parameters on which a set depends where they are known to be `given`."""
    s, given = unshared(s), unshared(given)
    free = s.gist(given) if s.is_params() else s.gist_params(given)
    names = (str(free.get_dim_name(isl.dim_type.param, k)) for k in range(free.dim(isl.dim_type.param)))
    return {name for k, name in enumerate(names) if free.involves_dims(isl.dim_type.param, k, 1)}


def map_of(source: str, dims: Sequence[Iter], target: str, exprs: Sequence[Expr]) -> isl.Map:
    """The map from a statement's iterators to affine expressions over them."""
    names = iter_names(dims)
    return map_text(source, names.values(), target, [aff_text(expr, names) for expr in exprs])


def map_text(source: str, left: Iterable[str], target: str, right: Iterable[str], where: str = "") -> isl.Map:
    """``source[left] -> target[right] : where``, parsed once for all names of the tuples."""
    found = _parsed(f"{{ [{', '.join(left)}] -> [{', '.join(right)}]{' : ' if where else ''}{where} }}")
    return renamed_input(with_tuple(found, target), source)


_parsed = remembered(1 << 13)(read_map)


def _val(value: int) -> isl.Val:
    """A number of any size: islpy takes those of a machine, and text."""
    return isl.Val(value) if abs(value) < 1 << 62 else isl.Val(str(value))


def dims_of(s: isl.Set) -> int:
    """The number of dimensions of a set."""
    return int(s.dim(isl.dim_type.set))


def range_dims(m: isl.Map) -> int:
    """The number of output dimensions of a map."""
    return int(m.dim(isl.dim_type.out))


def at_parameters(m: isl.Map, names: Sequence[str]) -> isl.Set:
    """What a map gives at the values of its input that parameters called `names` have."""
    m = m.insert_dims(isl.dim_type.param, 0, len(names))
    for position, name in enumerate(names):
        m = m.set_dim_name(isl.dim_type.param, position, name)
        m = m.equate(isl.dim_type.param, position, isl.dim_type.in_, position)
    return m.range()


def rows_of(s: isl.BasicSet) -> list[Row]:
    """The constraints of a set without hidden variables."""
    found = []
    names = [str(s.get_dim_name(isl.dim_type.param, k)) for k in range(s.dim(isl.dim_type.param))]
    for each in s.get_constraints():
        outer, inner = (
            [int(each.get_coefficient_val(kind, k).to_python()) for k in range(s.dim(kind))]
            for kind in (isl.dim_type.set, isl.dim_type.param)
        )
        whole = int(each.get_constant_val().to_python())
        found.append(Row(tuple(outer), tuple(zip(names, inner, strict=True)), whole, each.is_equality()))
    return found


def box_of(ends: Sequence[tuple[int, int, int]]) -> isl.Set:
    """The box of all (least, greatest, step) given, in the space of times."""
    dims = [f"t{k}" for k in range(len(ends))]
    where = [
        f"{low} <= {dim} <= {high}" + (f" and ({dim} - {low}) mod {step} = 0" if step != 1 else "")
        for dim, (low, high, step) in zip(dims, ends, strict=True)
    ]
    return isl.Set(f"{{ {tuple_text('T', dims)} : {' and '.join(where)} }}")


def dim_bounds(s: isl.Set, position: int) -> tuple[int, int]:
    """The least and greatest value of a coordinate of a bounded set."""
    low, high = (int(end.to_python()) for end in (s.dim_min_val(position), s.dim_max_val(position)))
    return _reached(s, position, low, high), -_reached(s, position, -high, -low, -1)


def _reached(s: isl.Set, position: int, low: int, high: int, sign: int = 1) -> int:
    """The least value between two of `sign` times a coordinate of a set.

    isl's own is sometimes too small for sets with hidden variables (never too large).
    """
    if not s.fix_val(isl.dim_type.set, position, _val(sign * low)).is_empty():
        return low
    while low < high:
        middle = (low + high) // 2
        value = _val(sign * middle)
        bounded = s.upper_bound_val if sign > 0 else s.lower_bound_val
        if bounded(isl.dim_type.set, position, value).is_empty():
            low = middle + 1
        else:
            high = middle
    return low


def single_dims(s: isl.Set) -> tuple[bool, ...]:
    """Which coordinates have one value in a set, or none."""
    if s.is_empty():
        return (True,) * dims_of(s)
    ends = ((s.dim_min_val(k), s.dim_max_val(k)) for k in range(dims_of(s)))
    return tuple(bool(low.is_int() and low.eq(high)) for low, high in ends)


def within(s: isl.Set, position: int, low: int, high: int) -> isl.Set:
    """The elements of a set with a coordinate from `low` to `high`."""
    kind = isl.dim_type.set
    return s.lower_bound_val(kind, position, _val(low)).upper_bound_val(kind, position, _val(high))


def freed(s: isl.Set, position: int) -> isl.Set:
    """A set with any value of one coordinate."""
    return s.eliminate(isl.dim_type.set, position, 1)


def some_instance(s: isl.Set) -> isl.Set:
    """A set, or some one element of its space where it has none."""
    return fix_to_zero(isl.Set.universe(s.get_space()), dims_of(s)) if s.is_empty() else s


def drop_range_dims(m: isl.Map, keep: Sequence[int]) -> isl.Map:
    """`m` with only the output dimensions `keep` (ascending); the output tuple loses its name."""
    result = _only(m, isl.dim_type.out, keep)
    return result.reset_tuple_id(isl.dim_type.out) if result.has_tuple_id(isl.dim_type.out) else result


def keep_dims(m: isl.Map, inputs: Sequence[int], outputs: Sequence[int]) -> isl.Map:
    """`m` with only some input and output dimensions (ascending); its tuples keep their names."""
    source, target = m.get_tuple_name(isl.dim_type.in_), m.get_tuple_name(isl.dim_type.out)
    result = _only(_only(m, isl.dim_type.in_, inputs), isl.dim_type.out, outputs)
    return m if result is m else renamed_input(with_tuple(result, target), source)


def _only(m: isl.Map, kind: isl.dim_type, keep: Sequence[int]) -> isl.Map:
    for position in reversed(range(int(m.dim(kind)))):
        if position not in keep:
            m = m.project_out(kind, position, 1)
    return m


def project_scope(relation: isl.Map, count: int) -> isl.Map:
    """`relation` without the first `count` output dimensions, its output tuple called ``E``."""
    if count:
        relation = relation.project_out(isl.dim_type.out, 0, count)
    return relation.set_tuple_name(isl.dim_type.out, "E")


def first_iterators(relation: isl.Map, count: int, name: str) -> isl.Map:
    """`relation` from the first `count` input dimensions alone, its input tuple called `name`."""
    more = relation.dim(isl.dim_type.in_) - count
    return renamed_input(relation.project_out(isl.dim_type.in_, count, more), name)


def flat_set(m: isl.Map, name: str) -> isl.Set:
    """Pairs of a map as points of one set."""
    return m.wrap().flatten().set_tuple_name(name)


def aff_expr(aff: isl.Aff, its: Sequence[Iter], parameters: Parameters) -> Expr | None:
    """An isl affine function over `its` as an expression (None: not with whole coefficients)."""
    if not aff.get_denominator_val().is_one():
        return None
    result: Expr = constant(int(aff.get_constant_val().to_python()))
    for position, it in enumerate(its):
        coefficient = int(aff.get_coefficient_val(isl.dim_type.in_, position).to_python())
        result = _plus_scaled(result, coefficient, IterRef(it))
    for position in range(aff.dim(isl.dim_type.param)):
        coefficient = int(aff.get_coefficient_val(isl.dim_type.param, position).to_python())
        if coefficient:
            name = str(aff.get_dim_name(isl.dim_type.param, position))
            result = _plus_scaled(result, coefficient, parameters[name])
    for position in range(aff.dim(isl.dim_type.div)):
        coefficient = int(aff.get_coefficient_val(isl.dim_type.div, position).to_python())
        if coefficient:
            inner = _floor_expr(aff.get_div(position), its, parameters)
            if inner is None:
                return None
            result = _plus_scaled(result, coefficient, inner)
    return simplify(result)


def _plus_scaled(total: Expr, coefficient: int, part: Expr) -> Expr:
    scaled = Binary("*", constant(coefficient), part, index)
    return Binary("+", total, scaled, index) if coefficient else total


def _floor_expr(div: isl.Aff, its: Sequence[Iter], parameters: Parameters) -> Expr | None:
    size = div.get_denominator_val()
    whole = aff_expr(div.scale_val(size), its, parameters)
    return None if whole is None else Binary("//", whole, constant(int(size.to_python())), index)


def renamed(s: isl.Set, name: str) -> isl.Set:
    """A set with its tuple renamed."""
    return s.set_tuple_name(name)


def lifted_domain(s: isl.Set) -> tuple[isl.Map, int]:
    """A set's elements -> the same with the hidden integer variables of its constraints as coordinates.

    Also the number of these variables.
    """
    plain = s.identity()
    hidden = max((int(b.dim(isl.dim_type.div)) for b in s.get_basic_sets()), default=0)
    if not hidden:
        return plain, 0
    lifted = s.lift()
    if not lifted.is_wrapping():
        return plain, 0
    values = lifted.unwrap()
    name = s.get_tuple_name()
    return plain.range_product(values).flatten_range().set_tuple_name(isl.dim_type.out, name), range_dims(
        values
    )


def renamed_input(m: isl.Map, name: str) -> isl.Map:
    """`m` with its input tuple renamed."""
    return m.set_tuple_name(isl.dim_type.in_, name)


def union_of(maps: Sequence[isl.Map]) -> isl.UnionMap:
    """The union of some maps."""
    if not maps:
        return isl.UnionMap("{ }")
    parts = [isl.UnionMap.from_map(m) for m in maps]
    while len(parts) > 1:  # in pairs: each union copies all of its parts
        parts = [
            parts[k].union(parts[k + 1]) if k + 1 < len(parts) else parts[k] for k in range(0, len(parts), 2)
        ]
    return parts[0]


def with_tuple(m: isl.Map, name: str) -> isl.Map:
    """`m` with its output tuple renamed."""
    return m.set_tuple_name(isl.dim_type.out, name)


def unshared(some: _SetOrMap) -> _SetOrMap:
    """A copy that shares nothing with others: each piece is duplicated for another name."""
    if isinstance(some, isl.Map):
        name, copy = some.get_tuple_name(isl.dim_type.out), some.set_tuple_name(isl.dim_type.out, "copy")
        return copy.reset_tuple_id(isl.dim_type.out) if name is None else with_tuple(copy, name)
    if some.is_params():
        return unshared(isl.Set.from_params(some)).params()
    name, other = some.get_tuple_name(), some.set_tuple_name("copy")
    return other.reset_tuple_id() if name is None else other.set_tuple_name(name)


def is_lex_negative_possible(deltas: isl.Set, zero_counts: bool) -> bool:
    """Whether a set of distance vectors holds one that is lexicographically negative (or zero)."""
    count = dims_of(deltas)
    for depth in range(count):
        if not fix_to_zero(deltas, depth).upper_bound_val(isl.dim_type.set, depth, _val(-1)).is_empty():
            return True
    return zero_counts and not fix_to_zero(deltas, count).is_empty()


def fix_to_zero(s: isl.Set, count: int) -> isl.Set:
    """The part of a set whose first `count` coordinates are zero."""
    return reduce(lambda part, position: at_value(part, position, 0), range(count), s)


def at_value(s: isl.Set, position: int, value: int) -> isl.Set:
    """The part of a set where a coordinate has a value."""
    return s.fix_val(isl.dim_type.set, position, _val(value))


def least_at(s: isl.Set, position: int, low: int) -> int | None:
    """The least value of a coordinate that is at least `low`, or None where there is none."""
    part = s.lower_bound_val(isl.dim_type.set, position, _val(low))
    if part.is_empty():
        return None
    some = part.sample_point().get_coordinate_val(isl.dim_type.set, position)
    return _reached(part, position, int(part.dim_min_val(position).to_python()), int(some.to_python()))


def at_distance(pairs: isl.Map, count: isl.Map, distance: int) -> isl.Map:
    """The pairs of times whose distance vector has that value in a `distance_map`."""
    wanted = count.fix_val(isl.dim_type.out, 0, _val(distance)).domain()
    return pairs.intersect(pairs.deltas_map().intersect_range(wanted).domain().unwrap())


def is_product(times: Sequence[isl.Set]) -> bool:
    """Whether the last coordinate of some times takes the same values at all values of the others."""
    whole = reduce(isl.Set.union, times)
    last = dims_of(whole) - 1
    outer = whole.eliminate(isl.dim_type.set, last, 1)
    inner = whole.eliminate(isl.dim_type.set, 0, last)
    return bool(unshared(outer.intersect(inner)).is_subset(unshared(whole)))


def is_zero_at(s: isl.Set, position: int) -> bool:
    """Whether a coordinate is zero in every element of a set."""
    return bool(unshared(s).is_subset(unshared(s.fix_val(isl.dim_type.set, position, _val(0)))))


def lex_less(source: str, sink: str, source_dims: int, sink_dims: int, common: int, tie: bool) -> isl.Map:
    """Pairs of instances in the order of `common` shared loops (the first dimensions of both).

    `tie` says whether the source also comes first where all shared loops agree.
    """
    pairs = _lex_less(source_dims, sink_dims, common, tie)
    named = pairs.set_tuple_name(isl.dim_type.in_, source)
    return named.set_tuple_name(isl.dim_type.out, sink)


@remembered(1024)
def _lex_less(source_dims: int, sink_dims: int, common: int, tie: bool) -> isl.Map:
    left = [f"a{k}" for k in range(source_dims)]
    right = [f"b{k}" for k in range(sink_dims)]
    cases = []
    for depth in range(common):
        equal = [f"a{k} = b{k}" for k in range(depth)]
        cases.append(" and ".join([*equal, f"a{depth} < b{depth}"]))
    if tie:
        cases.append(" and ".join(f"a{k} = b{k}" for k in range(common)) or "true")
    condition = " or ".join(f"({case})" for case in cases) or "false"
    return isl.Map(f"{{ {tuple_text('A', left)} -> {tuple_text('B', right)} : {condition} }}")


def has_hidden(m: isl.Map) -> bool:
    """Whether a map has hidden integer variables."""
    return any(hidden_count(piece) for piece in m.get_basic_maps())


def hidden_count(m: isl.BasicMap) -> int:
    """The number of hidden integer variables of one piece of a map."""
    return int(m.dim(isl.dim_type.div))


def only_value(times: Sequence[isl.Set]) -> isl.AstExpr:
    """The last coordinate of some times as a function of the others, which are called ``o0``, ``o1``, ..."""
    whole = reduce(isl.Set.union, times).coalesce()
    count = dims_of(whole) - 1
    whole = whole.insert_dims(isl.dim_type.param, 0, count)
    for k in range(count):
        whole = whole.set_dim_name(isl.dim_type.param, k, f"o{k}")
        whole = whole.equate(isl.dim_type.param, k, isl.dim_type.set, k)
    value = whole.project_out(isl.dim_type.set, 0, count).dim_min(0)
    return isl.AstBuild.from_context(whole.params()).expr_from_pw_aff(value)


def is_function_of_outer(times: Sequence[isl.Set]) -> bool:
    """Whether the last coordinate of some times has one value for each value of the others."""
    whole = reduce(isl.Set.union, times)
    outer = [f"a{k}" for k in range(dims_of(whole) - 1)]
    left, right = tuple_text("T", [*outer, "v"]), tuple_text("T", [*outer, "w"])
    different = isl.Map(f"{{ {left} -> {right} : v != w }}")
    return bool(different.intersect_domain(whole).intersect_range(whole).is_empty())


def point_values(s: isl.Set) -> list[int] | None:
    """The coordinates of the lexicographically least element of a set, or None when it is empty."""
    flat = s.flatten()  # isl's lexmin fails on some sets of pairs
    if flat.is_empty():
        return None
    point = _some_point(flat)
    if flat.is_bounded():
        before = isl.Map.lex_gt(flat.get_space())
        while not (less := flat.intersect(isl.Set.from_point(point).apply(before))).is_empty():
            point = _some_point(less)  # isl's lexmin was not the least
    return [int(point.get_coordinate_val(isl.dim_type.set, k).to_python()) for k in range(dims_of(flat))]


def _some_point(s: isl.Set) -> isl.Point:
    """The least element of a set with elements, as far as isl knows it."""
    try:
        return (unshared(s).lexmin() if s.is_bounded() else s).sample_point()
    except isl.Error:  # any element will do for a message
        return s.sample_point()
