"""Subscripts, types, operators, bits: what is refused."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import tracealloc as ta
from tests.trace.forms import prints, refused
from tracealloc import float32, grid, int32, uint8

N = 8
P = ta.Struct(x=int32, y=float32)


def test_div():
    def div(A: int32[N]):
        A[0] = A[1] / A[2]

    refused(
        div,
        """
        TraceError TA108 '/' between integers (int32 / int32) has no integer result
          at +1:16
            +1 |         A[0] = A[1] / A[2]
               |                ^^^^^^^^^^^
          because: Python's '/' makes a real number of two integers, and no width holds it
          try: write a // b for the floored quotient, or a.astype(float32) / b
        """,
    )


def test_neg():
    def neg(A: int32[N]):
        A[-1] = 0

    refused(
        neg,
        """
        BoundsError TA111 subscript -1 of 'A' in dimension 0 is negative
          at +1:9
            +1 |         A[-1] = 0
               |         ^^^^^
          because: the dimension has the elements 0 to 7; a negative subscript does not count from the
              end
          try: write 7
        """,
    )


def test_rank():
    def rank(A: int32[N]):
        A[0, 1] = 0

    refused(
        rank,
        """
        TraceError TA110 'A' has 1 dimension, but 2 subscripts were given
          at +1:9
            +1 |         A[0, 1] = 0
               |         ^^^^^^^
          because: its shape is (8,)
          try: A[i]
        """,
    )


def test_whole():
    def whole(A: int32[N, N]):
        A[0] = 1

    refused(
        whole,
        """
        TraceError TA112 a part of 'A' cannot be stored to as a whole
          at +1:9
            +1 |         A[0] = 1
               |         ^^^^
          because: the subscript leaves 1 dimension open
          try: store element by element in a loop
        """,
    )


def test_const_store():
    def const_store(A: int32[N]):
        C = ta.constant([1, 2, 3], int32)
        C[0] = A[0]

    refused(
        const_store,
        """
        TraceError TA112 'C' cannot be written: it was made by ta.constant
          at +2:9
            +2 |         C[0] = A[0]
               |         ^^^^
          because: it is a table: in hardware a ROM
          try: copy it to an array made with ta.empty, and write that
        """,
    )


def test_litshift():
    def litshift(A: int32[N]):
        A[0] = 1 << A[1]

    refused(
        litshift,
        """
        TraceError TA126 1 << x would be shifted out of uint1, the type of the literal 1
          at +1:16
            +1 |         A[0] = 1 << A[1]
               |                ^^^^^^^^^
          because: a shift keeps the type of its left operand, and a literal has the least width
          try: say the width: np.int32(1) << x
        """,
    )


def test_bits_bad():
    def bits_bad(A: int32[N], x: uint8):
        x[3] = 1

    refused(
        bits_bad,
        """
        TraceError TA112 the bits of a value cannot be changed
          at +1:9
            +1 |         x[3] = 1
               |         ^^^^
          because: a value is immutable; only array elements and ta.scalar can be written
          try: write A[i][3] = v on the element itself, or make x a ta.scalar(dtype, init)
        """,
    )


def test_bits_bad2():
    def bits_bad2(A: int32[N], x: uint8):
        t = A[0]
        t[3] = 1

    refused(
        bits_bad2,
        """
        TraceError TA112 the bits of a value cannot be changed
          at +2:9
            +2 |         t[3] = 1
               |         ^^^^
          because: a value is immutable; only array elements and ta.scalar can be written
          try: write A[i][3] = v on the element itself, or make x a ta.scalar(dtype, init)
        """,
    )


def test_bits_range():
    def bits_range(A: int32[N], x: uint8):
        A[0] = x[4:9]

    refused(
        bits_range,
        """
        BoundsError TA111 bits 4:9 are outside uint8, which has bits 0:8
          at +1:16
            +1 |         A[0] = x[4:9]
               |                ^^^^^^
          because: bits count from 0, the lowest
          try: x.astype(T) with a wider T, or bits in 0:8
        """,
    )


def test_fltsub():
    def fltsub(A: float32[N]):
        A[A[0]] = 1

    refused(
        fltsub,
        """
        TraceError TA110 a subscript or a loop bound is an integer, not float32
          at +1:9
            +1 |         A[A[0]] = 1
               |         ^^^^^^^
          because: rounding it would be a guess
          try: convert it first: x.astype(int32)
        """,
    )


def test_strstore():
    def strstore(A: float32[N]):
        A[0] = "x"

    refused(
        strstore,
        """
        TraceError TA112 a str cannot be stored as an element of A
          at +1:9
            +1 |         A[0] = "x"
               |         ^^^^
          because: an element is one float32
          try: store a number: A[i] = 0
        """,
    )


def test_fields():
    def fields(A: P[N]):
        A[0].z = 1

    refused(
        fields,
        """
        TraceError TA110 'A' has no field 'z'; its fields are 'x', 'y'
          at +1:9
            +1 |         A[0].z = 1
               |         ^^^^^^
          because: a record has the fields of its type
          try: p.x
        """,
    )


def test_badstep():
    def badstep(A: int32[N]):
        for i in ta.range(0, N, A[0]):
            A[i] = 1

    refused(
        badstep,
        """
        TraceError TA127 the step of ta.range is a constant that is not zero
          at +1:18
            +1 |         for i in ta.range(0, N, A[0]):
               |                  ^^^^^^^^^^^^^^^^^^^^
          because: its sign decides where the loop ends
          try: for a traced step: for n in ta.range(count): i = start + n * step
        """,
    )


def test_floatext():
    def floatext(A: int32[N]):
        for i in ta.range(2.0):
            A[i] = 1

    refused(
        floatext,
        """
        TraceError TA127 the stop of ta.range is an integer, not 2.0
          at +1:18
            +1 |         for i in ta.range(2.0):
               |                  ^^^^^^^^^^^^^
          because: extents and bounds count iterations
          try: grid(M, N) and ta.range(start, stop, step) with integers, traced or not
        """,
    )


def test_zero_ext():
    def zero_ext(A: int32[N]):
        C = ta.zeros((0,), int32)

    refused(
        zero_ext,
        """
        TraceError TA125 an extent of ta.zeros is a positive int known while tracing, not 0
          at +1:13
            +1 |         C = ta.zeros((0,), int32)
               |             ^^^^^^^^^^^^^^^^^^^^^
          because: hardware has the array, whatever the data are
          try: ta.zeros((M, N), float32) with M, N from Python
        """,
    )


def test_tracedshape():
    def tracedshape(A: int32[N]):
        C = ta.zeros((A[0],), int32)

    refused(
        tracedshape,
        """
        TraceError TA125 an extent of ta.zeros is a positive int known while tracing, not (int32 of +1)
          at +1:13
            +1 |         C = ta.zeros((A[0],), int32)
               |             ^^^^^^^^^^^^^^^^^^^^^^^^
          because: hardware has the array, whatever the data are
          try: ta.zeros((M, N), float32) with M, N from Python
        """,
    )


def test_bad_types():
    def bad_types(A: 'ta.Fixed(8, 4, rounding="RNDX")[N]'):
        pass

    refused(
        bad_types,
        """
        TraceError TA122 rounding of ta.Fixed is one of TRN, TRN_ZERO, RND, RND_ZERO, RND_INF,
            RND_MIN_INF, RND_CONV, not 'RNDX'
          at +0
            +0 |     def bad_types(A: 'ta.Fixed(8, 4, rounding="RNDX")[N]'):
          try: rounding='RND'
        """,
    )


def test_outcomes_that_change_nothing():
    """A store of what is there already is left out, except where data choose the element."""

    def kept(A: int32[N], x: int32[N], at: int32[N]):
        top = ta.scalar(int32, -1)
        for i in grid(N):
            top.set(max(top, A[i]))
            A[i] = A[i] if i % 2 else -A[i]
            x[i] = min(max(x[i], 0), 9)
            A[at[i]] = max(A[at[i]], 3)
            x[i] = x[i]
        x[0] = top

    prints(
        kept,
        """
        kernel kept(A: int32[8], x: int32[8], at: int32[8])
          top: int32 = -1
          L0: for i in 0:8
                if top < A[i]:
                  top = A[i]
                if i % 2 == 0:
                  A[i] = -A[i]
                if x[i] < 0:
                  x[i] = 0
                elif x[i] > 9:
                  x[i] = 9
                if A[at[i]] < 3:
                  A[at[i]] = 3
                else:
                  A[at[i]] = A[at[i]]
                x[i] = x[i]
          x[0] = top
        """,
    )
