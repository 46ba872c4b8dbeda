"""Fourier transform in place, radix 2, decimation in frequency; the result is in bit-reversed order.

`real_twid` and `img_twid` hold cos and -sin of 2 pi i / FFT_SIZE.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, FFT_SIZE=1024, dtype=ta.float64):
    if FFT_SIZE & (FFT_SIZE - 1):
        raise ValueError(f"FFT_SIZE must be a power of two, not {FFT_SIZE}")

    @kernel
    def fft(
        real: dtype[FFT_SIZE],
        img: dtype[FFT_SIZE],
        real_twid: dtype[FFT_SIZE // 2],
        img_twid: dtype[FFT_SIZE // 2],
    ):
        for stage in range(FFT_SIZE.bit_length() - 1):
            span = FFT_SIZE >> (stage + 1)
            for block, low in grid(FFT_SIZE // (2 * span), span):
                even = block * 2 * span + low
                odd = even + span
                re, im = real[even] - real[odd], img[even] - img[odd]
                real[even] += real[odd]
                img[even] += img[odd]
                if low > 0:
                    root = low * (1 << stage)
                    real[odd] = real_twid[root] * re - img_twid[root] * im
                    img[odd] = real_twid[root] * im + img_twid[root] * re
                else:
                    real[odd] = re
                    img[odd] = im

    return fft
