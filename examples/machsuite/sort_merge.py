"""Bottom-up merge sort; the second half of each pair is reversed, so that one pass merges without tests."""

import tracealloc as ta
from tracealloc import kernel


def make(*, SIZE=2048):
    if SIZE & (SIZE - 1):
        raise ValueError(f"SIZE must be a power of two, not {SIZE}")

    def merge(a, temp, start, half):
        """Merge the sorted ``a[start : start + half]`` with the sorted `half` elements behind it."""
        for n in ta.range(half):
            temp[start + n] = a[start + n]
        for n in ta.range(half):
            temp[start + half + n] = a[start + 2 * half - 1 - n]
        i = ta.scalar(ta.int32, start)
        j = ta.scalar(ta.int32, start + 2 * half - 1)
        for k in ta.range(2 * half):
            low, high = temp[i], temp[j]
            if high < low:
                a[start + k] = high
                j -= 1
            else:
                a[start + k] = low
                i += 1

    @kernel
    def ms_mergesort(a: ta.int32[SIZE]):
        temp = ta.empty(SIZE, ta.int32)
        for level in range(SIZE.bit_length() - 1):
            half = 1 << level
            for start in ta.range(0, SIZE, 2 * half):
                merge(a, temp, start, half)

    return ms_mergesort
