"""Array proxies: whole arrays, views of them, records, and `ta.scalar`."""

from __future__ import annotations

from typing import Any, NoReturn

from tracealloc.trace.diagnostics.errors import BoundsError, nearest
from tracealloc.trace.ir.dtype import DType, Struct, boolean, index
from tracealloc.trace.ir.expr import Const, Expr, Load, View
from tracealloc.trace.ir.program import Array, Region, Slice, Store
from tracealloc.trace.proxies.lifting import typed
from tracealloc.trace.proxies.refusals import article, refuse_use
from tracealloc.trace.proxies.scalars import Location, Scalar, bit_range, is_number, number_expr
from tracealloc.trace.proxies.views import element_of_view
from tracealloc.trace.proxies.whole import NoWhole
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.affine import linear
from tracealloc.trace.record.python_state import Carried
from tracealloc.trace.record.recorder import Recorder, active, fail, is_idle

__all__ = ["ArrayProxy", "MutableScalar", "RecordProxy", "store", "store_bits"]


def load(
    recorder: Recorder,
    array: Array,
    indices: tuple[Expr, ...],
    path: tuple[str, ...] = (),
    views: tuple[View, ...] = (),
) -> Scalar:
    """Record a read of one element, here and now."""
    spot = recorder.spot()
    expr = recorder.define(Load(array, indices, path, spot.place, views), spot)
    return Scalar(expr, recorder, (array, indices, path), spot.place)


def store(
    recorder: Recorder,
    array: Array,
    indices: tuple[Expr, ...],
    item: Any,
    path: tuple[str, ...] = (),
    views: tuple[View, ...] = (),
) -> None:
    """Record a write of one element (or one field of it)."""
    recorder.check()
    if array.kind == "constant":
        fail(
            "TA112",
            f"{array.name or 'a constant'!r} cannot be written: it was made by ta.constant",
            "it is a table: in hardware a ROM",
            hint="copy it to an array made with ta.empty, and write that",
        )
    dtype = array.field_type(path)
    if isinstance(item, RecordProxy):
        value = item._value()
    elif is_number(item) or isinstance(item, Carried):
        value = number_expr(item, dtype)
    else:
        _refuse_item(array, item)
    value = typed(typing_rules.convert, value, dtype)
    recorder.emit(Store(array, indices, value, path, recorder.spot().place, views))


def _refuse_item(array: Array, item: Any) -> NoReturn:
    copied = "copy arrays with a loop over their elements"
    what = repr(item._label()) if isinstance(item, ArrayProxy) else article(item)
    fail(
        "TA112",
        f"{what} cannot be stored as an element of {array.name or 'the array'}",
        f"an element is one {array.dtype}",
        hint=copied if isinstance(item, ArrayProxy) or hasattr(item, "shape") else "store a number: A[i] = 0",
    )


def store_bits(item: Any, where: Location, key: Any, value: Any) -> None:
    """Record a write of some bits of an element."""
    array, indices, path = where
    recorder = active()
    assert recorder is not None
    low, width = bit_range(item, key)
    new = number_expr(value, None)
    old = load(recorder, array, indices, path)._value()
    combined = recorder.define(typed(typing_rules.set_bits, old, low, width, new))
    recorder.emit(Store(array, indices, combined, path, recorder.spot().place))


class _Located:
    """What arrays and records share: the recorder, the scope, the place."""

    __slots__ = ("_array", "_place", "_scope")

    _array: Array
    _scope: Any
    _place: Any

    def _check(self) -> Recorder:
        scope = self._scope
        recorder: Recorder = scope.recorder
        if not scope.alive or recorder is not active():
            refuse_use(self, scope, recorder)
        recorder.check()
        return recorder

    def _label(self) -> str:
        return self._array.name or "the array"


class ArrayProxy(_Located, NoWhole):
    """An array, or a view of one: an index or a slice for each dimension of the array."""

    __slots__ = ("_parts", "_views")
    __array_priority__ = 1000

    def __init__(
        self,
        array: Array,
        recorder: Recorder,
        parts: tuple[Expr | Slice, ...] | None = None,
        place: Any = None,
        views: tuple[View, ...] = (),
    ) -> None:
        self._views = views
        self._array = array
        self._scope = recorder.scope
        self._place = place
        zero = Const(0, index)
        self._parts = tuple(Slice(zero, extent) for extent in array.shape) if parts is None else parts

    # ------------------------------------------------------------------------------------- staged values

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents, known while tracing."""
        return tuple(part.extent for part in self._parts if isinstance(part, Slice))

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._array.dtype

    def __len__(self) -> int:
        if not self.shape:
            fail("TA121", f"{self._label()!r} has no length: it has rank 0", "it is one element",
                 hint="A[...] reads it")  # fmt: skip
        return self.shape[0]

    def __repr__(self) -> str:
        recorder = self._scope.recorder
        if recorder.runs:
            return repr(recorder.contents(self._region()))
        from tracealloc.trace.ir.text import region_text

        shape = f"[{', '.join(map(str, self.shape))}]" if self.shape else ""
        return f"<{region_text(self._region())}: {self.dtype}{shape}>"

    def _region(self) -> Region:
        return Region(self._array, self._parts, self._views)

    def _whole(self) -> bool:
        for part, extent in zip(self._parts, self._array.shape, strict=True):
            if not isinstance(part, Slice) or part.extent != extent:
                return False
        return True

    # ----------------------------------------------------------------------------------------- subscripts

    def _select(self, key: Any) -> tuple[tuple[Expr | Slice, ...], tuple[View, ...]]:
        """The parts that a subscript leaves, and what must hold of it."""
        keys = list(key) if isinstance(key, tuple) else [key]
        rank = sum(isinstance(part, Slice) for part in self._parts)
        ellipses = sum(1 for part in keys if part is Ellipsis)
        if ellipses > 1 or len(keys) - ellipses > rank:
            fail(
                "TA110",
                f"{self._label()!r} has {_count(rank, 'dimension')}, "
                f"but {_count(len(keys), 'subscript')} were given",
                f"its shape is {self.shape}",
                hint=f"{self._label()}[{', '.join(_NAMES[:rank])}]",
            )
        if ellipses:
            at = next(n for n, part in enumerate(keys) if part is Ellipsis)
            keys[at : at + 1] = [slice(None)] * (rank - len(keys) + 1)
        free = iter(keys)
        parts: list[Expr | Slice] = []
        views = list(self._views)
        whole = self._whole()
        dimension = 0
        for dim, part in enumerate(self._parts):
            if not isinstance(part, Slice):
                parts.append(part)
                continue
            place, size = self._narrow(part, next(free, slice(None)), dimension)
            if not whole:  # else the array's own check is that of the view
                place, view = element_of_view(self._scope.recorder, self._region(), dim, place, size)
                views += [view] if view is not None else []
            parts.append(place if size is None else Slice(place, size))
            dimension += 1
        return tuple(parts), tuple(views)

    def _narrow(self, part: Slice, key: Any, dimension: int) -> tuple[Expr, int | None]:
        """Where a subscript begins in the view, and the extent that a slice has."""
        if isinstance(key, slice):
            return self._slice(part, key, dimension)
        mask = isinstance(key, bool) or getattr(key, "dtype", None) in (boolean, bool)
        if mask or key is None or isinstance(key, list | str | ArrayProxy) or not is_number(key):
            if isinstance(key, Carried):
                bool(key)
            fail(
                "TA110",
                f"{self._label()!r} cannot be subscripted by {'a mask' if mask else article(key)}",
                "a subscript selects one element or a part of constant extent",
                hint="for i in ta.range(n): if mask[i]: ..., or x.astype(int32) as a number"
                if mask
                else "subscripts are integers, traced or not, and slices such as 2:6; or loop over others",
            )
        offset = typed(typing_rules.as_index, number_expr(key, index))
        if isinstance(offset, Const):
            self._refuse_negative(offset, dimension)
            self._refuse_beyond(offset, dimension)
        return offset, None

    def _refuse_beyond(self, offset: Const, dimension: int) -> None:
        """A constant behind the end of a view; of a whole array the proof says in which iteration."""
        if is_idle() or self._whole():
            return
        extent = self.shape[dimension]
        if int(offset.value) >= extent:
            whole, inside = repr(self._label()), f"0 to {extent - 1}"
            elements = f"the elements {inside}, wherever they lie in {whole}" if extent else "no elements"
            fail("TA111", f"subscript {offset.value} of a view of {whole} is outside dimension {dimension}",
                 f"the dimension has {elements}", error=BoundsError,
                 hint=f"a subscript in {inside}, or one of {whole} itself" if extent else None)  # fmt: skip

    def _refuse_negative(self, offset: Expr, dimension: int) -> None:
        if isinstance(offset, Const) and int(offset.value) < 0 and not is_idle():
            extent = self.shape[dimension]
            inside, meant = f"0 to {extent - 1}", extent + int(offset.value)
            name = self._label()
            fail("TA111", f"subscript {offset.value} of {name!r} in dimension {dimension} is negative",
                 f"the dimension has the elements {inside}; a negative subscript does not count from the end",
                 error=BoundsError,
                 hint=f"write {meant}" if meant >= 0 else f"a subscript in {inside}")  # fmt: skip

    def _slice(self, part: Slice, key: slice, dimension: int) -> tuple[Expr, int]:
        if key.step not in (None, 1):
            fail("TA110", f"a slice of an array in a kernel has step 1, not {key.step}",
                 "a part of an array is passed on by its first element and its extents",
                 hint="loop over the elements: A[2 * i]")  # fmt: skip
        bounds, recorder = list[Expr](), self._scope.recorder
        for given, default in ((key.start, 0), (key.stop, part.extent)):
            value = default if given is None else given
            if not is_number(value):
                fail("TA110", f"a slice bound is an integer, not {article(value)}",
                     f"the dimension has {part.extent} elements", hint="A[2:6], A[i:i + 4]")  # fmt: skip
            bound = typed(typing_rules.as_index, number_expr(value, index))
            bounds.append(recorder.define(bound) if recorder.runs else bound)
            self._refuse_negative(bounds[-1], dimension)
        start, stop = bounds
        first, last = linear(start), linear(stop)
        extent = None if first is None or last is None else last.plus(first, -1)
        if extent is None or extent.terms:
            fail(
                "TA110",
                f"the extent of a slice of {self._label()!r} must be known while tracing",
                "it is a dimension of the part, and every array's shape is constant",
                hint="the bounds may be traced, their difference not: A[i:i + 4]",
            )
        outside = extent.constant < 0 or (isinstance(stop, Const) and int(stop.value) > part.extent)
        if outside and not is_idle():
            fail(
                "TA111",
                f"slice {_bound(start)}:{_bound(stop)} of {self._label()!r} is outside dimension {dimension}",
                f"the dimension has {part.extent} elements",
                hint=f"bounds from 0 to {part.extent}, the first not above the second",
                error=BoundsError,
            )
        return start, max(0, extent.constant)

    def __getitem__(self, key: Any) -> Any:
        recorder = self._check()
        parts, views = self._select(key)
        if any(isinstance(part, Slice) for part in parts):
            return ArrayProxy(self._array, recorder, parts, self._place, views)
        indices = tuple(part for part in parts if isinstance(part, Expr))
        if isinstance(self._array.dtype, Struct):
            return RecordProxy(self._array, indices, (), views)
        return load(recorder, self._array, indices, (), views)

    def __setitem__(self, key: Any, item: Any) -> None:
        recorder = self._check()
        parts, views = self._select(key)
        if isinstance(item, RecordProxy) and (item._array, item._indices) == (self._array, parts):
            return  # P[i].x += 1 ends with P[i] = P[i]
        if any(isinstance(part, Slice) for part in parts):
            if isinstance(item, ArrayProxy) and item._region() == Region(self._array, parts):
                return
            fail(
                "TA112",
                f"a part of {self._label()!r} cannot be stored to as a whole",
                f"the subscript leaves {_count(sum(isinstance(p, Slice) for p in parts), 'dimension')} open",
                hint="store element by element in a loop",
            )
        store(recorder, self._array, tuple(p for p in parts if isinstance(p, Expr)), item, (), views)


class RecordProxy(_Located):
    """One record of an array of structs, by reference: fields are attributes."""

    __slots__ = ("_indices", "_path", "_views")

    _indices: tuple[Expr, ...]
    _path: tuple[str, ...]
    _views: tuple[View, ...]

    def __init__(
        self, array: Array, indices: tuple[Expr, ...], path: tuple[str, ...], views: tuple[View, ...]
    ) -> None:
        recorder = active()
        assert recorder is not None
        named = (("_array", array), ("_indices", indices), ("_path", path), ("_place", None))
        for name, value in (*named, ("_views", views)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_scope", recorder.scope)

    @property
    def dtype(self) -> DType:
        """The record's type."""
        return self._array.field_type(self._path)

    def _value(self) -> Expr:
        return load(self._check(), self._array, self._indices, self._path, self._views)._value()

    def _field(self, name: str) -> DType:
        dtype = self._array.field_type(self._path)
        assert isinstance(dtype, Struct)
        inner = dtype.field_type(name)
        if inner is None:
            fields = ", ".join(repr(n) for n, _ in dtype.fields)
            fail("TA110", f"{self._label()!r} has no field {name!r}; its fields are {fields}",
                 "a record has the fields of its type",
                 hint=f"p.{nearest(name, [n for n, _ in dtype.fields]) or dtype.fields[0][0]}")  # fmt: skip
        return inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        recorder = self._check()
        path = (*self._path, name)
        if isinstance(self._field(name), Struct):
            return RecordProxy(self._array, self._indices, path, self._views)
        return load(recorder, self._array, self._indices, path, self._views)

    def __setattr__(self, name: str, item: Any) -> None:
        recorder = self._check()
        self._field(name)
        path = (*self._path, name)
        if isinstance(item, RecordProxy) and (item._indices, item._path) == (self._indices, path):
            return
        store(recorder, self._array, self._indices, item, path, self._views)

    def __repr__(self) -> str:
        from tracealloc.trace.ir.text import expr_text

        return f"<{expr_text(Load(self._array, self._indices, self._path))}: {self.dtype}>"


class MutableScalar(Scalar):
    """A `ta.scalar`: each use reads it, the in-place operators write it."""

    __slots__ = ("_array",)

    def __init__(self, array: Array, recorder: Recorder, place: Any = None) -> None:
        super().__init__(Load(array), recorder, (array, (), ()), place)
        self._array = array

    def _value(self) -> Expr:
        recorder = self._check()
        spot = recorder.spot()
        return recorder.define(Load(self._array, (), (), spot.place), spot)

    @property
    def value(self) -> Scalar:
        """The present value."""
        recorder = self._check()
        return Scalar(self._value(), recorder)

    def set(self, item: Any) -> None:
        """Store a value."""
        store(self._check(), self._array, (), item)

    def __getitem__(self, key: Any) -> Scalar:
        if key is Ellipsis or (isinstance(key, tuple) and not key):
            return self.value
        return super().__getitem__(key)

    def __setitem__(self, key: Any, item: Any) -> None:
        self._check()
        if key is Ellipsis or (isinstance(key, tuple) and not key):
            self.set(item)
        else:
            store_bits(self, (self._array, (), ()), key, item)

    def __setattr__(self, name: str, item: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, item)
        elif isinstance(self.dtype, Struct) and self.dtype.field_type(name) is not None:
            store(self._check(), self._array, (), item, (name,))
        else:
            fail("TA112", f"'{self._array.name}.{name}' cannot be assigned", "a ta.scalar holds one value",
                 hint="acc.set(v) stores a value")  # fmt: skip

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._check()
        fail(
            "TA121",
            f"the ta.scalar {self._label()!r} cannot be copied or pickled",
            "it is a variable of the kernel, known by its name",
            hint="acc.value is its present value",
        )

    def _label(self) -> str:
        return self._array.name or "the scalar"

    def _update(self, op: str, other: Any) -> Any:
        result = self._binary(op, other)
        if result is NotImplemented:
            return NotImplemented
        self.set(result)
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._update("+", other)

    def __isub__(self, other: Any) -> Any:
        return self._update("-", other)

    def __imul__(self, other: Any) -> Any:
        return self._update("*", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._update("/", other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._update("//", other)

    def __imod__(self, other: Any) -> Any:
        return self._update("%", other)

    def __ilshift__(self, other: Any) -> Any:
        return self._update("<<", other)

    def __irshift__(self, other: Any) -> Any:
        return self._update(">>", other)

    def __iand__(self, other: Any) -> Any:
        return self._update("&", other)

    def __ior__(self, other: Any) -> Any:
        return self._update("|", other)

    def __ixor__(self, other: Any) -> Any:
        return self._update("^", other)

    def __imatmul__(self, other: Any) -> Any:
        return self @ other

    def __ipow__(self, other: Any, modulus: Any = None) -> Any:
        self.set(pow(self, other, modulus))
        return self

    def __pos__(self) -> Scalar:
        return self.value


_NAMES = "ijklmnop"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _bound(expr: Expr) -> str:
    from tracealloc.trace.ir.text import expr_text

    return expr_text(expr)
