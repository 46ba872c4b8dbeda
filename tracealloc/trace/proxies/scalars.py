"""Scalar proxies: what the user's Python computes with while a kernel is traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from tracealloc.trace.diagnostics.errors import BoundsError, nearest
from tracealloc.trace.diagnostics.source import Place, caller_frame
from tracealloc.trace.ir.dtype import DType, Float, Integer, Struct, boolean, index
from tracealloc.trace.ir.expr import Const, Expr, GetField
from tracealloc.trace.ir.program import Array
from tracealloc.trace.proxies.elements import element_type
from tracealloc.trace.proxies.lifting import numpy_dtype, typed
from tracealloc.trace.proxies.placed import Placed
from tracealloc.trace.proxies.refusals import SCALAR_NAMES, Valueless, absent, article, refuse_use
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.affine import linear
from tracealloc.trace.record.bytecode_names import spot_of
from tracealloc.trace.record.events import Define, Ref
from tracealloc.trace.record.python_state import Carried
from tracealloc.trace.record.recorder import Recorder, active, fail

__all__ = [
    "Location",
    "Scalar",
    "bit_range",
    "element_of",
    "is_number",
    "number_expr",
]

REFLECTED = {
    "+": "__radd__", "-": "__rsub__", "*": "__rmul__", "/": "__rtruediv__", "//": "__rfloordiv__",
    "%": "__rmod__",
    "<<": "__rlshift__", ">>": "__rrshift__", "&": "__rand__", "|": "__ror__", "^": "__rxor__",
}  # fmt: skip
MIRRORED = {"==": "__eq__", "!=": "__ne__", "<": "__gt__", "<=": "__ge__", ">": "__lt__", ">=": "__le__"}
# Their types know nothing of traced values.
_NO_HELP = ("builtins", "decimal", "fractions", "datetime", "tracealloc.trace.ir.dtype")

# An element, or a field of it: array, subscripts, names of fields.
Location: TypeAlias = tuple[Array, tuple[Expr, ...], tuple[str, ...]]


def is_number(item: object) -> bool:
    """Whether `item` can be an operand: a traced scalar, a Python number or a NumPy scalar."""
    if isinstance(item, _NUMBERS):
        return True
    if not hasattr(type(item), "shape") or isinstance(item, Carried):  # a record would look for a field
        return False
    own = isinstance(getattr(item, "dtype", None), DType)  # an array of ours, or a queue
    return hasattr(item, "dtype") and not own and getattr(item, "shape", None) == ()


def number_expr(item: Any, partner: DType | None = None) -> Expr:
    """The expression of an operand; `partner` is the type of the other one (weak literals)."""
    if isinstance(item, Scalar):
        return item._value()
    if isinstance(item, Placed):
        return item.known
    if type(item) in _LITERALS:
        return typed(typing_rules.lift, item, partner)
    if isinstance(item, Carried):
        bool(item)  # raises
    dtype = numpy_dtype(item.dtype) if hasattr(item, "dtype") and getattr(item, "shape", None) == () else None
    if dtype is None or isinstance(dtype, Struct):
        fail(
            "TA109",
            f"{_name(item)} is not a number that a kernel can hold",
            "values are integers, fixed point, floats, conditions and records of them",
            hint="pass arrays as arguments, tables with ta.constant(array)",
        )
    if isinstance(dtype, Float):
        return typing_rules.convert(typing_rules.lift(float(item)), dtype)
    return typing_rules.convert(typing_rules.lift(bool(item) if dtype == boolean else int(item)), dtype)


def _left_to(other: object, op: str, how: str, reflected: str) -> Any:
    """`NotImplemented` where the other operand may know what to do, else a refusal."""
    if isinstance(other, Carried):
        bool(other)
    helps = reflected and type(other).__module__ not in _NO_HELP and hasattr(type(other), reflected)
    return NotImplemented if helps else _meaningless(other, op, how)


def _meaningless(other: object, op: str, how: str) -> NoReturn:
    fail(
        "TA109",
        f"'{op}' has no meaning between a traced value and {_shown(other)}",
        "operands are traced values, Python's int, float and bool, and NumPy's numbers",
        hint="float(y) makes a number of a Fraction or a Decimal"
        if hasattr(other, "as_integer_ratio")
        else f"{how} with y a number or an element of an array",
    )


def _shown(item: object) -> str:
    return "None" if item is None else f"{_name(item)}, which is {article(item)}"


def _name(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 40 else f"an object of type {type(item).__name__}"


class Scalar(Valueless):
    """A traced number, a condition or a record: immutable, alive in the scope where it was computed."""

    __slots__ = ("_expr", "_place", "_scope", "_where")
    __array_priority__ = 1000

    def _known(self) -> Any:
        recorder = self._check()
        return recorder.known(self._value()) if recorder.runs else None

    __hash__ = Valueless.__hash__  # Python takes it away from a class that has __eq__

    def __init__(
        self,
        expr: Expr,
        recorder: Recorder,
        where: Location | None = None,
        place: Place | None = None,
    ) -> None:
        self._expr = expr
        self._scope = recorder.scope
        self._where = where  # the element that it was read from
        self._place = place

    # ------------------------------------------------------------------------------------------- reading

    def _check(self) -> Recorder:
        scope = self._scope
        recorder: Recorder = scope.recorder
        if not scope.alive or recorder is not active():
            refuse_use(self, scope, recorder)
        recorder.check()
        return recorder

    def _value(self) -> Expr:
        """The expression, for use here and now."""
        self._check()
        return self._expr

    @property
    def dtype(self) -> DType:
        """The type of the value."""
        return self._expr.dtype

    shape = ()
    ndim = 0

    def _new(self, expr: Expr) -> Scalar:
        recorder = active()
        assert recorder is not None
        return Scalar(recorder.name_value(expr), recorder)

    def __repr__(self) -> str:
        if self._scope.recorder.runs:
            return repr(self._known())
        from tracealloc.trace.ir.text import expr_text

        return f"<{expr_text(self._expr)}: {self.dtype}>"

    def __format__(self, spec: str) -> str:
        if self._scope.recorder.runs:
            return format(self._known(), spec)
        if spec:
            self._check()
            fail(
                "TA121",
                f"a traced value cannot be formatted as {spec!r}",
                "it has no digits while tracing",
                hint="print(x) shows its expression; kernel.python(...) runs the body with numbers",
            )
        return repr(self)

    # ---------------------------------------------------------------------------------------- arithmetic

    def _binary(self, op: str, other: Any, swapped: bool = False) -> Any:
        if not is_number(other):
            return _left_to(other, op, f"x {op} y", REFLECTED.get(op, "") if not swapped else "")
        mine = self._value()
        theirs = number_expr(other, mine.dtype)
        if swapped:
            if op == "<<" and not isinstance(other, Scalar) and isinstance(other, int):
                _literal_shift(other, theirs)
            return self._new(typed(typing_rules.binary, op, theirs, mine))
        return self._new(typed(typing_rules.binary, op, mine, theirs))

    def __add__(self, other: Any) -> Any:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Any:
        return self._binary("+", other, True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("-", other, True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("*", other, True)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("/", other, True)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary("//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary("//", other, True)

    def __mod__(self, other: Any) -> Any:
        return self._binary("%", other)

    def __rmod__(self, other: Any) -> Any:
        return self._binary("%", other, True)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __lshift__(self, other: Any) -> Any:
        return self._binary("<<", other)

    def __rlshift__(self, other: Any) -> Any:
        return self._binary("<<", other, True)

    def __rshift__(self, other: Any) -> Any:
        return self._binary(">>", other)

    def __rrshift__(self, other: Any) -> Any:
        return self._binary(">>", other, True)

    def __and__(self, other: Any) -> Any:
        return self._binary("&", other)

    def __rand__(self, other: Any) -> Any:
        return self._binary("&", other, True)

    def __or__(self, other: Any) -> Any:
        return self._binary("|", other)

    def __ror__(self, other: Any) -> Any:
        return self._binary("|", other, True)

    def __xor__(self, other: Any) -> Any:
        return self._binary("^", other)

    def __rxor__(self, other: Any) -> Any:
        return self._binary("^", other, True)

    def __matmul__(self, other: Any) -> Any:
        self._check()
        fail(
            "TA109",
            "'@' multiplies matrices, and one side is a single value",
            "a traced value is one number",
            hint="x * y; a product of matrices is a loop: for i, j, k in grid(M, N, K): "
            "C[i, j] += A[i, k] * B[k, j]",
        )

    __rmatmul__ = __matmul__

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        self._check()
        if modulus is not None:
            fail(
                "TA109",
                "pow() with a modulus has no meaning for traced values",
                "it is for whole numbers of any size, and hardware has a width",
                hint="x ** y % m",
            )
        if not is_number(other):
            return _left_to(other, "**", "x ** y", "__rpow__")
        mine = self._value()
        exponent = number_expr(other, None if isinstance(other, int) else mine.dtype)
        if isinstance(other, Scalar):
            exponent = self._scope.recorder.opaque(exponent)  # an iterator that has a value is no literal
        found = typed(lambda: typing_rules.power(mine, exponent) or mine)
        if found is not mine:
            return self._new(found)
        return self._product(int(exponent.value)) if isinstance(exponent, Const) else NotImplemented

    def _product(self, times: int) -> Any:
        """``x * x * ...`` by repeated squaring."""
        if times == 0:
            return self._new(typing_rules.lift(1, self.dtype))
        half = self._product(times // 2) if times > 1 else None
        if half is None:
            return self
        square = half * half
        return square * self if times % 2 else square

    def __rpow__(self, other: Any) -> Any:
        if not is_number(other):
            return _left_to(other, "**", "x ** y", "")
        mine = self._value()
        return self._new(typed(typing_rules.intrinsic, "pow", number_expr(other, mine.dtype), mine))

    def __neg__(self) -> Scalar:
        return self._new(typed(typing_rules.unary, "-", self._value()))

    def __pos__(self) -> Scalar:
        return self._new(self._value())

    def __invert__(self) -> Scalar:
        return self._new(typed(typing_rules.unary, "~", self._value()))

    def __abs__(self) -> Scalar:
        return self._new(typed(typing_rules.unary, "abs", self._value()))

    # --------------------------------------------------------------------------------------- comparisons

    def _compare(self, op: str, other: Any) -> Any:
        if not is_number(other):
            if other is None and op in ("==", "!="):
                return NotImplemented  # x == None is false in Python
            return _left_to(other, op, f"x {op} y", MIRRORED[op])
        mine = self._value()
        return self._new(typed(typing_rules.compare, op, mine, number_expr(other, mine.dtype)))

    def __eq__(self, other: Any) -> Any:
        return self._compare("==", other)

    def __ne__(self, other: Any) -> Any:
        return self._compare("!=", other)

    def __lt__(self, other: Any) -> Any:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Any:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(">=", other)

    def __bool__(self) -> bool:
        value = self._value()
        recorder = active()
        assert recorder is not None
        cond = typed(typing_rules.as_condition, value)
        return recorder.decide(recorder.name_value(cond))

    # ------------------------------------------------------------------------- bits, fields, conversions

    def astype(self, dtype: DType) -> Scalar:
        """The value converted to another type, as a store converts it."""
        return self._new(typed(typing_rules.convert, self._value(), element_type(dtype, "astype")))

    def bitcast(self, dtype: DType) -> Scalar:
        """The same bits read as another type of equal width."""
        return self._new(typed(typing_rules.bitcast, self._value(), element_type(dtype, "bitcast")))

    def __getitem__(self, key: Any) -> Scalar:
        low, width = bit_range(self, key)
        return self._new(typed(typing_rules.get_bits, self._value(), low, width))

    def __setitem__(self, key: Any, item: Any) -> None:
        self._check()
        element_of(self, "the bits of")(key, item)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            inner = self.dtype.field_type(name) if isinstance(self.dtype, Struct) else None
            if inner is not None:
                return self._new(GetField(self._value(), name, inner))
            if isinstance(self.dtype, Struct):
                fields = ", ".join(repr(n) for n, _ in self.dtype.fields)
                fail(
                    "TA110",
                    f"there is no field {name!r}; the fields are {fields}",
                    "a record has the fields of its type",
                    hint=f"p.{nearest(name, [n for n, _ in self.dtype.fields]) or 'x'}",
                )
            absent(f"a traced value of type {self._expr.dtype}", name, SCALAR_NAMES)
        raise AttributeError(f"a traced {self._expr.dtype} has no attribute {name!r}")

    def __delitem__(self, key: Any) -> None:
        self._check()
        fail(
            "TA112",
            "the bits of a value cannot be deleted",
            "a value is immutable, and its type says its width",
            hint="x[0:8] reads bits, A[i][0:8] = v writes them",
        )

    def __array_function__(self, function: Any, *more: Any) -> Any:
        from tracealloc.trace.proxies.functional import NUMPY_FUNCTIONS

        ours, (_, args, kwargs) = NUMPY_FUNCTIONS.get(function.__name__), more
        if ours is None or kwargs or not all(arg is None or is_number(arg) for arg in args):
            return super().__array_function__(function, *more)
        self._check()
        return ours(*args)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from tracealloc.trace.proxies.functional import numpy_ufunc

        return numpy_ufunc(self, ufunc, method, inputs, kwargs)


def _literal_shift(value: int, literal: Expr) -> None:
    if isinstance(literal, Const) and isinstance(literal.type, Integer):
        fail(
            "TA126",
            f"{value} << x would be shifted out of {literal.type}, the type of the literal {value}",
            "a shift keeps the type of its left operand, and a literal has the least width",
            hint=f"say the width: np.int32({value}) << x",
        )


def bit_range(item: Any, key: Any) -> tuple[Expr, int]:
    """The lowest bit and the number of bits that a subscript of a scalar selects."""
    dtype = item.dtype
    if isinstance(key, slice):
        if key.step not in (None, 1):
            fail("TA110", f"bits are selected as x[low:high], without a step, not {key.step}",
                 "a range of bits is one number", hint="select each bit: x[3], x[5]")  # fmt: skip
        low = typing_rules.lift(0, index) if key.start is None else _bit(key.start)
        high = typing_rules.lift(dtype.bits, index) if key.stop is None else _bit(key.stop)
        ends = linear(high), linear(low)
        width = None if ends[0] is None or ends[1] is None else ends[0].plus(ends[1], -1)
        if width is None or width.terms or width.constant < 1:
            fail(
                "TA110",
                "the number of bits in x[low:high] must be a constant of at least 1",
                "it is the width of the result",
                hint="for example x[k:k + 8]",
            )
        return low, width.constant
    if isinstance(key, tuple) or not is_number(key):
        fail("TA110", f"bits are selected as x[3] or x[0:8], not by {_name(key)}",
             f"x is one value of type {dtype}, not an array",
             hint="x[3] is a bit, x[0:8] are eight")  # fmt: skip
    return _bit(key), 1


def _bit(key: Any) -> Expr:
    low = typed(typing_rules.as_index, number_expr(key, index))
    if isinstance(low, Const) and int(low.value) < 0:
        fail("TA111", f"bit {low.value} is negative", "bits count from 0, the lowest",
             hint=f"x[x.dtype.bits - {-int(low.value)}]", error=BoundsError)  # fmt: skip
    return low


def element_of(item: Scalar, what: str) -> Callable[[Any, Any], None]:
    """The function that stores bits of the array element that `item` was just read from."""
    from tracealloc.trace.proxies.arrays import store_bits

    if item._where is None or spot_of(caller_frame()).target is not None or not _just_read(item):
        fail(
            "TA112",
            f"{what} a value cannot be changed",
            "a value is immutable; only array elements and ta.scalar can be written",
            hint="write A[i][3] = v on the element itself, or make x a ta.scalar(dtype, init)",
        )
    where = item._where
    return lambda key, value: store_bits(item, where, key, value)


def _just_read(item: Scalar) -> bool:
    """Whether nothing named the value in between: ``A[i][3] = v``, not ``x = A[i]; x[3] = v``."""
    recorder = item._scope.recorder
    for event in reversed(recorder.events):
        if isinstance(event, Define) and isinstance(item._expr, Ref) and event.number == item._expr.number:
            return event.name is None
    return False


# As tuples: a union of classes would be made at every operation.
_NUMBERS = (Scalar, int, float)
_LITERALS = (int, float, bool)
