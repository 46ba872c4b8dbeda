"""A 3 x 3 convolution that reads one pixel per cycle: three lines and a window of nine registers."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, H, W, dtype=ta.float32):
    @kernel
    def conv2d(image: dtype[H + 2, W + 2], weight: dtype[3, 3], out: dtype[H, W]):
        for y, x in grid(H, W):
            acc = ta.scalar(dtype, 0)
            for r, c in grid(3, 3):
                acc += image[y + r, x + c] * weight[r, c]
            out[y, x] = acc

    return conv2d


def schedule(kernel):
    """After both steps the pipelined loop reads each pixel once; the window and the weights are registers."""
    s = ta.customize(kernel)
    lines = s.reuse_at(s.image, "y")
    window = s.reuse_at(lines, "x")
    s.partition(lines, dim=0)
    s.partition(window)
    s.partition(s.weight)
    s.pipeline("x")
    return s


if __name__ == "__main__":
    s = schedule(make(H=62, W=62))
    print(s)
    print(s.conflicts())
    print(s.verify())
