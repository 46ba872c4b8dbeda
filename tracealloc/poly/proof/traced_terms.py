"""Statements, reads and elements of a scheduled model in the terms of the traced one.

A step gives statements other names, iterators and elements: a buffer's are copies of an array's. What two
models see can be compared once all are named as in the traced program.
"""

from __future__ import annotations

from dataclasses import replace

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL, INPUT
from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.named import map_of, renamed_input
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.accesses import field_paths
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.trace.ir.expr import IterRef
from tracealloc.trace.ir.program import Array

__all__ = [
    "TracedTerms",
    "finals",
    "inputs",
    "instance_map",
    "is_renamed",
    "needed_reads",
    "own_sum",
    "read_name",
    "reader_of",
    "tagged_reads",
    "writer_of",
]


def read_name(statement: str, tag: str) -> str:
    """A read by the name of its statement and its tag: ``S3__1``."""
    return f"{statement}__{tag}"


def tagged_reads(statement: Statement) -> list[tuple[str, Access]]:
    """All reads of a statement, once for each read of the traced one that they are."""
    return [(read_name(statement.name, tag), read) for read in statement.reads for tag in read.tags]


def own_sum(base: Model, statement: Statement) -> frozenset[str]:
    """Which reads of an update, by name, are of the element that it adds to."""
    traced = base.statement(str(statement.origin))
    return frozenset(own_reads(replace(traced, name=statement.name)))


def own_reads(update: Statement) -> list[str]:
    """Which reads of an update, by name, are of the element that it adds to."""
    (write,) = update.writes
    return [
        name
        for name, read in tagged_reads(update)
        if read.space == write.space and same_maps(read.relation, write.relation)
    ]


def needed_reads(base: Model, statement: Statement) -> list[str]:
    """The reads of the traced statement, by name, that a statement must make.

    Where a subscript is no choice any more, what it read is not read.
    """
    traced = base.memo["statements"].get(statement.origin)
    if traced is None:
        return []
    own = statement.tagged()
    return [
        read_name(traced.name, tag)
        for read in traced.reads
        for tag in read.tags
        if tag in own or not read.chooses
    ]


def inputs(model: Model, base: Model) -> list[isl.Map]:
    """What callers see of arrays at the start, and constants."""
    spaces = _spaces(model, base).items()
    return [_whole(INPUT, space, array.shape) for space, array in spaces if array.kind != "result"]


def finals(model: Model, base: Model) -> list[isl.Map]:
    """The reads of all that callers see in the end."""
    spaces = _spaces(model, base).items()
    return [_whole(FINAL, space, array.shape) for space, array in spaces if array.kind != "constant"]


@remembered(1024)
def _whole(name: str, space: str, shape: tuple[int, ...]) -> isl.Map:
    return isl.Map.from_domain_and_range(isl.Set(f"{{ {name}[] }}"), isl.Set(_box_text(space, shape)))


def _spaces(model: Model, base: Model) -> dict[str, Array]:
    """The isl spaces of what callers see, and of constants.

    Also of what no statement touches (any more), and of all fields: copies may, for they move whole records.
    """
    outputs = {
        model.space(array, path): array for array in model.outputs() for path in field_paths(array, ())
    }
    accesses = (access for s in (*model.statements, *base.statements) for access in s.accesses)
    return {**outputs, **{a.space: a.array for a in accesses if a.array.kind == "constant"}}


def _box_text(space: str, shape: tuple[int, ...]) -> str:
    names = [f"e{k}" for k in range(len(shape))]
    where = " and ".join(f"0 <= {name} < {extent}" for name, extent in zip(names, shape, strict=True))
    return f"{{ {tuple_text(space, names)}{' : ' + where if where else ''} }}"


def reader_of(piece: isl.Map) -> str:
    return str(_everything(piece).domain().unwrap().domain().get_tuple_name())


def writer_of(piece: isl.Map) -> str:
    return str(_everything(piece).range().unwrap().domain().get_tuple_name())


def _everything(piece: isl.Map) -> isl.Map:
    """All pairs in the space of a map, which may itself have very many pieces."""
    return isl.Map.universe(piece.get_space())


class TracedTerms:
    """Statements of a model by their originals, elements of buffers by what they are copies of."""

    def __init__(self, model: Model, base: Model) -> None:
        self.model, self.base = model, base
        self.origins = {str(m.domain().get_tuple_name()): m for m in model.origins}
        self._instances: dict[str, isl.Map | None] = {}

    def instance(self, name: str) -> isl.Map | None:
        """Instances of a statement -> those of its original (None: they are the same)."""
        if name not in self._instances:
            statement = None if name in (FINAL, INPUT) else self.model.statement(name)
            moved = statement if statement is not None and is_renamed(statement) else None
            self._instances[name] = None if moved is None else instance_map(moved)
        return self._instances[name]

    def onto(self, element: isl.Set) -> isl.Map:
        """Elements of a buffer -> what they are copies of."""
        moved = element.identity()
        while (space := str(moved.range().get_tuple_name())) in self.origins:
            moved = moved.apply_range(self.origins[space])
        return moved

    def reads(self, reads: isl.Set) -> isl.Map:
        """``[read -> element]`` -> the same of the traced program, for all reads of one name and array.

        A read that has just one element is that element, wherever it is read now.
        """
        # Not only for `reads`: the pieces of these would be multiplied with themselves.
        inner = isl.Set.universe(reads.get_space()).unwrap()
        reader = inner.domain().identity()
        name, _, tag = str(inner.domain().get_tuple_name()).partition("__")
        label = _element_read(self.model, self.base, name, tag)
        instance = self.instance(name)
        if instance is not None:
            target = read_name(str(instance.range().get_tuple_name()), tag)
            reader = renamed_input(instance, read_name(name, tag))
            reader = renamed_input(reader.reverse(), target).reverse()
        elif label is not None:
            reader = renamed_input(reader, str(label.domain().get_tuple_name())).reverse()
        if label is not None:
            return inner.domain_map().apply_range(reader).apply_range(label.domain_map().reverse())
        moved = _view_moved(self.model, self.base, name, tag)
        if moved is None:
            return reader.product(self.onto(inner.range()))
        return moved.domain().unwrap().domain_map().apply_range(reader).range_product(moved)

    def written(self, piece: isl.Map) -> isl.Map:
        """``x -> [write -> element]`` with the write and the element of the traced program."""
        outer = _everything(piece).range().unwrap()
        name, space = writer_of(piece), str(outer.range().get_tuple_name())
        writer = self.instance(name)
        if writer is None and space not in self.origins:
            return piece
        writer = outer.domain().identity() if writer is None else writer
        return piece.apply_range(writer.product(self.onto(outer.range())))


def _element_read(model: Model, base: Model, name: str, tag: str) -> isl.Map | None:
    """``S3__1 -> element``: what a read reads in the traced program, if that is always one element."""
    if name == FINAL:
        return None
    statement = model.statement(name)
    if statement.origin is None:
        return None
    reads = base.statement(statement.origin).tagged().get(tag, [])
    if len(reads) != 1 or not reads[0].relation.is_single_valued():
        return None
    return renamed_input(reads[0].relation, read_name(statement.origin, tag))


def _view_moved(model: Model, base: Model, name: str, tag: str) -> isl.Map | None:
    """``[S3__1 -> element] -> element of the traced program``, for what a called kernel gets as a view.

    The view has the same places in both, but may be of a window that moves on.
    """
    if name == FINAL or model.statement(name).origin is None:
        return None
    statement = model.statement(name)
    ends = [s.tagged().get(tag, []) for s in (statement, base.statement(str(statement.origin)))]
    if any(len(reads) != 1 for reads in ends):
        return None
    mine, traced = (reads[0].view for reads in ends)
    if mine is None or traced is None:
        return None
    if not _places(mine).is_equal(_places(traced)):
        return None  # a loop inside was split
    places = traced.domain().unwrap().range().identity()
    traced = instance_map(statement).product(places).apply_range(traced)
    both = mine.range_product(traced).curry().range_factor_range()
    return renamed_input(both, read_name(name, tag)).uncurry()


def _places(view: isl.Map) -> isl.Space:
    return view.domain().unwrap().range().get_space()


def is_renamed(statement: Statement) -> bool:
    same = statement.origin == statement.name and statement.origin_instance is None
    return statement.origin is not None and not same


def instance_map(statement: Statement) -> isl.Map:
    """Own instance -> the instance of the traced statement that it runs."""
    assert statement.origin is not None
    exprs = statement.origin_instance
    if exprs is None:
        exprs = tuple(IterRef(it) for it in statement.dims)
    return map_of(statement.name, statement.dims, statement.origin, exprs)
