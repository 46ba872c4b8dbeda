"""A blur in two passes, the first computed where the second needs it: three rows are kept, not an image."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, H, W, dtype=ta.float32):
    @kernel
    def blur(image: dtype[H + 2, W + 2], out: dtype[H, W]):
        rows = ta.empty((H + 2, W), dtype)
        for y, x in grid(H + 2, W, name="across"):
            rows[y, x] = image[y, x] + image[y, x + 1] + image[y, x + 2]
        for y, x in grid(H, W, name="down"):
            out[y, x] = (rows[y, x] + rows[y + 1, x] + rows[y + 2, x]) * (1 / 9)

    return blur


def schedule(kernel):
    """Each row of the first pass is made just before the second needs it."""
    s = ta.customize(kernel)
    s.compute_at("across", "down.y")
    s.pipeline("x_1")
    s.pipeline("x")
    return s


if __name__ == "__main__":
    s = schedule(make(H=30, W=40))
    print(s)
    print(s.verify())
