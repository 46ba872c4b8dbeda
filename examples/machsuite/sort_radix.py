"""Radix sort of non-negative integers, two bits in each of 16 passes, with one histogram for each block.

The result is in `a`; `b`, `bucket` and `sum` are scratch.
"""

import tracealloc as ta
from tracealloc import grid, kernel

RADIX_BITS, RADIX = 2, 4


def make(*, SIZE=2048, ELEMENTSPERBLOCK=4, SCAN_BLOCK=16):
    BLOCKS = SIZE // ELEMENTSPERBLOCK
    BUCKETS = BLOCKS * RADIX
    SCAN_RADIX = BUCKETS // SCAN_BLOCK

    def digit(value, shift):
        return (value >> shift) & (RADIX - 1)

    def histogram(bucket, source, shift):
        for i in ta.range(BUCKETS):
            bucket[i] = 0
        for block, i in grid(BLOCKS, ELEMENTSPERBLOCK):
            slot = digit(source[block * ELEMENTSPERBLOCK + i], shift) * BLOCKS + block + 1
            if slot < BUCKETS:  # the last counter of all is never needed
                bucket[slot] += 1

    def prefix_sums(bucket, sum):
        for radix in ta.range(SCAN_RADIX):
            for i in ta.range(1, SCAN_BLOCK):
                bucket[radix * SCAN_BLOCK + i] += bucket[radix * SCAN_BLOCK + i - 1]
        sum[0] = 0
        for radix in ta.range(1, SCAN_RADIX):
            sum[radix] = sum[radix - 1] + bucket[radix * SCAN_BLOCK - 1]
        for radix, i in grid(SCAN_RADIX, SCAN_BLOCK):
            bucket[radix * SCAN_BLOCK + i] += sum[radix]

    def distribute(target, bucket, source, shift):
        for block, i in grid(BLOCKS, ELEMENTSPERBLOCK):
            value = source[block * ELEMENTSPERBLOCK + i]
            slot = digit(value, shift) * BLOCKS + block
            target[bucket[slot]] = value
            bucket[slot] += 1

    @kernel
    def ss_sort(a: ta.int32[SIZE], b: ta.int32[SIZE], bucket: ta.int32[BUCKETS], sum: ta.int32[SCAN_RADIX]):
        for exp in ta.range(0, 32, 2 * RADIX_BITS):
            for source, target, shift in ((a, b, exp), (b, a, exp + RADIX_BITS)):
                histogram(bucket, source, shift)
                prefix_sums(bucket, sum)
                distribute(target, bucket, source, shift)

    return ss_sort
