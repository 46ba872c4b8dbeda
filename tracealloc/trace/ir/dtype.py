"""Element types, array types and the width rules of mixed arithmetic.

Integer rules are those of ``ap_int`` and fixed-point rules those of ``ap_fixed`` (UG1399, "Arbitrary
Precision Data Types Library"): an operation never loses bits, a store converts to the array's type.
Exceptions, because Python's meaning is kept: ``//`` and ``%`` floor.

Corners, the same in the interpreter, in C and in HLS C++ (nothing traps, everything has a value):

- integers and fixed point divided by zero: ``x // 0`` and ``x / 0`` are 0, ``x % 0`` is `x`, converted to
  the result's type (it may be narrower than `x`); ``/`` of fixed point truncates toward zero;
- shifts are those of ``ap_int``: the result has the left operand's type; a negative count shifts the other
  way; a count of the width or more leaves 0, or the sign;
- floats: ``//`` and ``%`` are Python's (computed in the operands' precision: the remainder is ``fmod``
  with the divisor's sign, the quotient ``(x - remainder) / y`` rounded to an integer), with a zero divisor
  ``x // 0`` is ``x / 0`` and ``x % 0`` is NaN; the lesser and the greater of two are NumPy's: NaN where
  either is NaN, of equal ones (zeros of either sign) the second, of float16 the first;
- float to integer: toward zero, then modulo 2**width; NaN and infinities give 0 (for fixed point too);
- float16 and bfloat16: each operation is rounded once, from the float32 result; every conversion (also
  float64 to bfloat16) rounds once, to nearest, ties to even;
- fixed point to integer: toward zero, then modulo 2**width;
- bits outside a number read as 0 and are not written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

__all__ = [
    "ArrayType",
    "Boolean",
    "DType",
    "Fixed",
    "Float",
    "Index",
    "Integer",
    "OVERFLOWS",
    "Overflow",
    "ROUNDINGS",
    "Rounding",
    "Stream",
    "Struct",
    "answer_calls_with",
    "as_integer",
    "bfloat16",
    "boolean",
    "float16",
    "float32",
    "float64",
    "has_fixed",
    "index",
    "leaf_paths",
    "literal_type",
    "result_type",
    "union_type",
]

Rounding: TypeAlias = Literal["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
Overflow: TypeAlias = Literal["WRAP", "SAT", "SAT_ZERO", "SAT_SYM", "WRAP_SM"]
ROUNDINGS: tuple[Rounding, ...] = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS: tuple[Overflow, ...] = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM", "WRAP_SM")

INDEX_BITS = 64

_calls: list[Callable[[DType, tuple[Any, ...], dict[str, Any]], Any]] = []


def answer_calls_with(answer: Callable[[DType, tuple[Any, ...], dict[str, Any]], Any]) -> None:
    """Let `answer` say what a type makes of values: types are known to those who record it."""
    _calls[:] = [answer]


@dataclass(frozen=True, slots=True)
class DType:
    """An element type. ``T[M, N]`` is an array type; ``T`` alone annotates a scalar argument."""

    def __getitem__(self, shape: int | tuple[int, ...]) -> ArrayType:
        return ArrayType(self, shape if isinstance(shape, tuple) else (shape,))

    def __call__(self, *items: Any, **fields: Any) -> Any:
        """``float32(x)`` in a kernel: the traced value or number `x`, converted as a store does.

        ``Point(x=1, y=a)`` or ``Point(1, a)`` of a struct makes a record; its fields are converted so.

        Raises:
            TraceError: outside a kernel, what is converted is no number, or a field has no value or two.
        """
        return _calls[0](self, items, fields)

    def __iter__(self) -> NoReturn:
        # Python would ask for T[0], T[1], ... without end.
        raise TypeError(f"the type {self} is not a list")

    @property
    def bits(self) -> int:
        """The width in bits."""
        raise NotImplementedError

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True, repr=False)
class Boolean(DType):
    """True or false; counts as a one-bit unsigned integer in arithmetic."""

    @property
    def bits(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "boolean"


@dataclass(frozen=True, slots=True, repr=False)
class Index(DType):
    """The type of loop iterators and subscripts: address arithmetic, 64 bits, never grows."""

    @property
    def bits(self) -> int:
        return INDEX_BITS

    def __repr__(self) -> str:
        return "index"


@dataclass(frozen=True, slots=True, repr=False)
class Integer(DType):
    """A two's-complement integer of `width` bits."""

    width: int
    signed: bool

    @property
    def bits(self) -> int:
        return self.width

    @property
    def low(self) -> int:
        """The least value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value."""
        return (1 << (self.width - self.signed)) - 1

    def wrap(self, value: int) -> int:
        """`value` modulo 2**width, in this type's range."""
        value &= (1 << self.width) - 1
        return value - (1 << self.width) if self.signed and value >> (self.width - 1) else value

    def __repr__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.width}"


@dataclass(frozen=True, slots=True, repr=False)
class Fixed(DType):
    """A fixed-point number: an integer of `width` bits, `frac` of them behind the point."""

    width: int
    frac: int
    signed: bool = True
    rounding: Rounding = "TRN"
    overflow: Overflow = "WRAP"

    @property
    def bits(self) -> int:
        return self.width

    @property
    def integer_bits(self) -> int:
        """Bits before the point, the sign included (``ap_fixed``'s I)."""
        return self.width - self.frac

    def __repr__(self) -> str:
        modes = "".join(
            f", {name}={value!r}"
            for name, value, default in (
                ("rounding", self.rounding, "TRN"),
                ("overflow", self.overflow, "WRAP"),
            )
            if value != default
        )
        return f"{'Fixed' if self.signed else 'UFixed'}({self.width}, {self.frac}{modes})"


@dataclass(frozen=True, slots=True, repr=False)
class Float(DType):
    """A binary floating-point number; `mantissa` counts the stored bits."""

    name: str
    exponent: int
    mantissa: int

    @property
    def bits(self) -> int:
        return 1 + self.exponent + self.mantissa

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class Struct(DType):
    """A record of named fields, in order."""

    fields: tuple[tuple[str, DType], ...]

    @property
    def bits(self) -> int:
        return sum(dtype.bits for _, dtype in self.fields)

    def field_type(self, name: str) -> DType | None:
        """The type of field `name`, or None."""
        return dict(self.fields).get(name)

    def __repr__(self) -> str:
        return "Struct(" + ", ".join(f"{name}={dtype!r}" for name, dtype in self.fields) + ")"


@dataclass(frozen=True, slots=True, repr=False)
class ArrayType:
    """An array type: an element type and a constant shape (elements per dimension)."""

    dtype: DType
    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{self.dtype!r}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True, repr=False)
class Stream:
    """A FIFO of elements; ``ta.Stream[T, depth]``."""

    dtype: DType
    depth: int = field(default=2)

    def __class_getitem__(cls, item: DType | tuple[DType, int]) -> Stream:
        return cls(*item) if isinstance(item, tuple) else cls(item)

    def __repr__(self) -> str:
        return f"Stream[{self.dtype!r}, {self.depth}]"


boolean = Boolean()
index = Index()
float16 = Float("float16", 5, 10)
bfloat16 = Float("bfloat16", 8, 7)
float32 = Float("float32", 8, 23)
float64 = Float("float64", 11, 52)


def as_integer(dtype: DType) -> Integer | None:
    """`dtype` as an integer type where it counts as one in arithmetic, else None."""
    match dtype:
        case Integer():
            return dtype
        case Boolean():
            return _BIT
        case Index():
            return _OF_INDEX
        case _:
            return None


_BIT, _OF_INDEX = Integer(1, False), Integer(INDEX_BITS, True)


def literal_type(value: int) -> Integer:
    """The least integer type that holds `value`."""
    if value < 0:
        return Integer((-value - 1).bit_length() + 1, True)
    return Integer(max(1, value.bit_length()), False)


def as_fixed(dtype: DType) -> Fixed | None:
    """`dtype` as a fixed-point type where it counts as one in arithmetic, else None."""
    if isinstance(dtype, Fixed):
        return dtype
    integer = as_integer(dtype)
    return Fixed(integer.width, 0, integer.signed) if integer is not None else None


def union_type(a: DType, b: DType) -> DType | None:
    """The least type that holds every value of both, or None (struct against scalar)."""
    if a == b:
        return a
    if isinstance(a, Struct) or isinstance(b, Struct):
        return None
    if isinstance(a, Float) or isinstance(b, Float):
        return _float_union(a, b)
    int_a, int_b = as_integer(a), as_integer(b)
    if int_a is not None and int_b is not None:
        signed = int_a.signed or int_b.signed
        return Integer(max(t.width + (signed and not t.signed) for t in (int_a, int_b)), signed)
    fix_a, fix_b = as_fixed(a), as_fixed(b)
    assert fix_a is not None and fix_b is not None
    signed, frac = fix_a.signed or fix_b.signed, max(fix_a.frac, fix_b.frac)
    whole = max(t.integer_bits + (signed and not t.signed) for t in (fix_a, fix_b))
    return Fixed(whole + frac, frac, signed)


def _float_union(a: DType, b: DType) -> DType:
    if not isinstance(a, Float):
        return b
    if not isinstance(b, Float) or a == b:
        return a
    if {a, b} == {float16, bfloat16}:
        return float32
    return a if a.bits > b.bits else b


def result_type(op: str, a: DType, b: DType) -> DType | None:
    """The type of ``a op b`` for a binary arithmetic operator, or None where there is none.

    Operators: ``+ - * / // % << >> & | ^``. ``/`` between integers has no type (Python's meaning is a
    real number); ``index op index`` stays ``index``.
    """
    if isinstance(a, Struct) or isinstance(b, Struct):
        return None
    if isinstance(a, Float) or isinstance(b, Float):
        return _float_union(a, b) if op in {"+", "-", "*", "/", "//", "%"} else None
    int_a, int_b = as_integer(a), as_integer(b)
    if int_a is not None and int_b is not None:
        if isinstance(a, Index) and isinstance(b, Index) and op != "/":
            return index
        return _integer_result(op, int_a, int_b)
    fix_a, fix_b = as_fixed(a), as_fixed(b)
    assert fix_a is not None and fix_b is not None
    return _fixed_result(op, fix_a, fix_b, int_b)


def _integer_result(op: str, a: Integer, b: Integer) -> Integer | None:
    signed = a.signed or b.signed
    common = max(t.width + (signed and not t.signed) for t in (a, b))
    match op:
        case "+":
            return Integer(common + 1, signed)
        case "-":
            return Integer(common + 1, True)
        case "*":
            return Integer(a.width + b.width, signed)
        case "//":
            return Integer(a.width + b.signed, signed)
        case "%":
            # The result of a floored remainder has the divisor's sign and is smaller than it.
            return Integer(b.width if a.signed or b.signed else min(a.width, b.width), b.signed)
        case "<<" | ">>":
            return a
        case "&" | "|" | "^":
            return Integer(common, signed)
        case _:
            return None


def _fixed_result(op: str, a: Fixed, b: Fixed, b_integer: Integer | None) -> Fixed | None:
    signed, frac = a.signed or b.signed, max(a.frac, b.frac)
    whole = max(t.integer_bits + (signed and not t.signed) for t in (a, b))
    match op:
        case "+":
            return Fixed(whole + 1 + frac, frac, signed)
        case "-":
            return Fixed(whole + 1 + frac, frac, True)
        case "*":
            return Fixed(a.width + b.width, a.frac + b.frac, signed)
        case "/":
            # ap_fixed_base.h, div_w and div_i, without __SC_COMPATIBLE__ (the tools' default).
            return Fixed(a.width + max(b.frac, 0) + b.signed, a.frac + max(-b.frac, 0), signed)
        case "<<" | ">>":
            return a if b_integer is not None else None
        case "&" | "|" | "^":
            return Fixed(whole + frac, frac, signed)
        case _:
            return None


def leaf_paths(dtype: DType, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths to all scalar fields of a type (one empty path for a scalar)."""
    if not isinstance(dtype, Struct):
        return [path]
    return [leaf for name, inner in dtype.fields for leaf in leaf_paths(inner, (*path, name))]


def has_fixed(dtype: DType) -> bool:
    """Whether a type is fixed point, or a record with such a field."""
    if isinstance(dtype, Struct):
        return any(has_fixed(inner) for _, inner in dtype.fields)
    return isinstance(dtype, Fixed)
