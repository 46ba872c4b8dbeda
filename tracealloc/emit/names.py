"""Names in emitted text: the user's where possible, distinct where they must be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracealloc.trace.program import Program

__all__ = ["C_RESERVED", "Names", "entry_name", "identifier"]

# Keywords of C and C++, and what the emitted text or its headers use themselves.
_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const
    consteval constexpr constinit const_cast continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
    return short signed sizeof static static_assert static_cast struct switch template this thread_local throw
    true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t intptr_t uintptr_t ptrdiff_t
    main NULL NAN INFINITY EOF asm typeof linux unix i386 errno stdin stdout stderr std
    malloc free calloc realloc abort exit memset memcpy memmove strlen abs labs div ldiv
    exp exp2 log log2 log10 sqrt rsqrt cbrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    pow floor ceil round trunc fabs fmod fmin fmax hypot erf erfc expm1 log1p tgamma lgamma rint ldexp frexp
    nearbyint copysign isnan isinf signbit
"""
C_RESERVED = frozenset(_WORDS.split())
# Functions that compilers know; only a function of that name would clash.
_BUILTIN_WORDS = "j0 j1 jn y0 y1 yn gamma index rindex remainder significand ffs printf puts"
_BUILTINS = frozenset(_BUILTIN_WORDS.split())
# Macros of the standard headers and of AMD's: no scope hides a name from them.
_MACRO = re.compile(
    r"""AP_\w+ | APFX_\w+ | AF_REF_\w+ | REF_BIN_\w+ | OP_(?:ASSIGN|BIN|CMP)_\w+ | SC_[A-Z_]+ | BIAS | INLINE
    | (?:FLOAT|DOUBLE|HALF)_(?:BIAS|EXP|MAN) | DOUBLE_CMP_AF | (?:ALL|CONCAT)_\w+_WITH_\w+
    | BIT_WIDTH_UPPER_LIMIT | M_(?:E|PI|LN2|LN10|LOG2E|LOG10E|SQRT2|SQRT1|1_PI|2_PI|2_SQRTPI)\w*
    | HUGE\w* | MAXFLOAT | SNAN\w*
    | FP_\w+ | FE_\w+ | MATH_\w+ | (?:BOOL|CHAR|[SU]CHAR|WCHAR|WINT|U?SHRT|U?INT\d*|U?L?LONG|SS?IZE|PTRDIFF
    | U?INTMAX | U?INTPTR | U?INT\d+ | SIG_ATOMIC)_(?:MAX|MIN|WIDTH|BIT|C) | RE_DUP_MAX | PIPE_BUF
    | (?:RAND|NAME|PATH|LINE|TMP|IOV|FOPEN|FILENAME|NGROUPS|DELAYTIMER|RTSIG)_MAX
    | E(?:IO|DOM|RANGE|INTR|PERM|NOENT|BUSY|TIME|PIPE|INVAL|FAULT|XDEV|AGAIN|EXIST|PROTO)
    | BUFSIZ | [A-Z]+_ENDIAN | BYTE_ORDER | EXIT_\w+ | SEEK_\w+ | LC_\w+ | CPU_\w+ | FD_\w+ | CSIGNAL
    | NFDBITS | NGROUPS_MAX | NZERO | P_tmpdir | L_tmpnam | TIME_UTC | TIMER_ABSTIME | W[A-Z]+ED | WNO[A-Z]+
    | WEOF | E\dBIG | assert | alloca | offsetof | issubnormal | math_errhandling | strn?dupa | ap_bigu?int
    """,
    re.VERBOSE,
)
_FLOAT_NAMES = frozenset(f"{name}f" for name in C_RESERVED)


def identifier(name: str) -> str:
    """`name` with every character that C does not allow (or may not) written out."""
    text = "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"_u{ord(c):x}_" for c in name)
    # "i.outer", "C[i, :]" and the like read better with a plain underscore.
    for mark in ".[]():, -":
        text = text.replace(f"_u{ord(mark):x}_", "_")
    if not text or text[0].isdigit():
        text = f"v{text}"
    taken = text.startswith(("__", "ta_")) or (text[0] == "_" and text[1:2].isupper())
    if taken or _MACRO.fullmatch(text) is not None:
        text = f"v{text}"
    return text


class Names:
    """Names by scope: a name is free again when the block that declared it has ended."""

    def __init__(self, reserved: frozenset[str] = C_RESERVED | _FLOAT_NAMES) -> None:
        self._reserved = set(reserved)
        self._scopes: list[dict[object, str]] = [{}]
        self._seen: set[object] = set()
        self._outside = 0  # the number of scopes of which `_seen` notes the keys

    def open(self) -> None:
        """A block begins."""
        self._scopes.append({})

    def close(self) -> None:
        """The block ends; its names are free."""
        self._scopes.pop()

    def declare(self, key: object, name: str) -> str:
        """A name for `key` in the innermost block, unlike every other that is visible."""
        base = text = identifier(name)
        count = 1
        while text in self._reserved or any(text in scope.values() for scope in self._scopes):
            count += 1
            text = f"{base}_{count}"
        self._scopes[-1][key] = text
        return text

    def declare_function(self, key: object, name: str) -> str:
        """A name for a function of the file."""
        base = identifier(name)
        return self.declare(key, f"{base}_kernel" if base in self._reserved | _BUILTINS else base)

    def declare_global(self, name: str) -> str:
        """A name for something of the whole file, unlike every name that is visible here."""
        self.open()
        text = self.declare("", name)
        self.close()
        self._scopes[0]["global", text] = text
        return text

    def is_global(self, key: object) -> bool:
        """Whether `key` has a name of the whole file."""
        return key in self._scopes[0]

    def find(self, key: object) -> str | None:
        """The visible name of `key`, or None."""
        for number in range(len(self._scopes) - 1, -1, -1):
            found = self._scopes[number].get(key)
            if found is not None:
                if 0 < number < self._outside:
                    self._seen.add(key)
                return found
        return None

    @contextmanager
    def watched(self) -> Iterator[set[object]]:
        """Note which keys are looked for whose names were there before, those of the whole file aside."""
        self._seen, self._outside = set(), len(self._scopes)
        yield self._seen
        self._outside = 0

    def fork(self) -> Names:
        """The names of another function of the same file: those of the outermost scope are shared."""
        other = Names(frozenset(self._reserved))
        other._scopes = [self._scopes[0], {}]
        return other

    def bind(self, key: object, text: str) -> None:
        """Give `key` a name that exists already, such as one of the whole file."""
        self._scopes[-1][key] = text


def entry_name(program: Program) -> str:
    """The name of the exported function of a program."""
    return Names().declare_function("", program.name)
