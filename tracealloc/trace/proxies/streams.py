"""FIFOs: arguments (`ta.Stream[T, depth]`), and queues of a kernel's own (`ta.stream`)."""

from __future__ import annotations

from typing import Any, NoReturn

from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Alloc, Array, Region, Slice
from tracealloc.trace.proxies.arrays import ArrayProxy, _Located, load, store
from tracealloc.trace.proxies.elements import element_type
from tracealloc.trace.proxies.functional import extents_of
from tracealloc.trace.proxies.scalars import Scalar
from tracealloc.trace.record.recorder import Recorder, fail, recorder_for

__all__ = ["StreamProxy", "stream"]

DEPTH = 2  # of a queue that says nothing, as in Vitis HLS


def stream(dtype: DType, depth: int | None = None, shape: int | tuple[int, ...] = ()) -> StreamProxy:
    """A queue of the kernel's own, empty; with a `shape`, an array of them: ``q[i, j].put(x)``.

    `depth` is how many elements one holds between two processes (None: 2, as in Vitis HLS); a kernel that
    runs in order is not held up by it.

    Raises:
        TraceError: outside a kernel, or no such type, depth or shape.
    """
    recorder = recorder_for("ta.stream")
    element = element_type(dtype, "ta.stream")
    extents = () if isinstance(shape, tuple | list) and not shape else extents_of(shape, "ta.stream")
    plain = hasattr(depth, "__index__") and not isinstance(depth, bool | Scalar)
    if depth is not None and (not plain or int(depth) < 1):
        fail("TA125", f"the depth of ta.stream is a positive int known while tracing, not {depth!r}",
             "it is how many elements the FIFO has room for", hint="ta.stream(float32, depth=4)")  # fmt: skip
    spot = recorder.spot()
    array = recorder.array(
        "stream",
        element,
        extents,
        name=spot.target,
        place=spot.place,
        depth=DEPTH if depth is None else int(depth),
    )
    recorder.emit(Alloc(array, None, spot.place))
    proxy = StreamProxy(array, recorder)
    if not array.name:
        recorder.unnamed.append((array, proxy, 4))
    return proxy


class StreamProxy(_Located):
    """A FIFO: `put` appends an element, `get` takes the oldest one. Or an array of them."""

    __slots__ = ("_queues",)

    def __init__(self, array: Array, recorder: Recorder, queues: ArrayProxy | None = None) -> None:
        self._queues = ArrayProxy(array, recorder) if queues is None else queues
        self._array = array
        self._scope = recorder.scope
        self._place = None

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._array.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of an array of queues; of one queue ``()``."""
        return self._queues.shape

    @property
    def depth(self) -> int:
        """How many elements a queue has room for between two processes."""
        return self._array.depth

    def __getitem__(self, key: Any) -> StreamProxy:
        recorder = self._check()
        if not self._array.rank:
            fail("TA121", f"the stream {self._label()!r} is one queue, and has no elements by number",
                 "what was put first comes out first", hint="x = q.get()")  # fmt: skip
        parts, views = self._queues._select(key)
        return StreamProxy(self._array, recorder, ArrayProxy(self._array, recorder, parts, None, views))

    def put(self, item: Any) -> None:
        """Append an element."""
        store(self._check(), self._array, self._one("put"), item, (), self._queues._views)

    def get(self) -> Any:
        """Take the oldest element."""
        return load(self._check(), self._array, self._one("get"), (), self._queues._views)

    def _one(self, what: str) -> tuple[Expr, ...]:
        """Which of the queues it is."""
        parts = self._queues._parts
        if any(isinstance(part, Slice) for part in parts):
            shape = ", ".join(map(str, self.shape))
            fail("TA121", f"{what} is for one queue, and {self._label()!r} is an array of them",
                 f"its shape is ({shape},)", hint=f"q[i].{what}(...)")  # fmt: skip
        return tuple(part for part in parts if isinstance(part, Expr))

    def region(self) -> Region:
        """The one queue, as what is passed to a kernel."""
        self._check()
        if self.shape:
            fail("TA121", f"a kernel takes one queue, and {self._label()!r} is an array of them",
                 f"its shape is ({', '.join(map(str, self.shape))},)",
                 hint=f"pass one of them: {self._label()}[i]")  # fmt: skip
        return Region(self._array, self._one("a call"), self._queues._views)

    def __bool__(self) -> NoReturn:
        fail("TA121", f"the stream {self._label()!r} has no truth",
             "whether it holds something is known when it runs",
             hint="count what is put, or put a mark behind the last element")  # fmt: skip

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            fail("TA121", f"the stream {self._label()!r} has no length",
                 "how many elements it holds is known when it runs",
                 hint="count in the kernel, or for i in ta.range(count)")  # fmt: skip
        return shape[0]

    def __repr__(self) -> str:
        shape = f"[{', '.join(map(str, self.shape))}]" if self.shape else ""
        return f"<stream {self._label()}: {self.dtype}{shape}>"

    def __iter__(self) -> NoReturn:
        fail("TA121", f"the stream {self._label()!r} cannot be iterated over",
             "Python would run the loop while tracing",
             hint="for i in ta.range(count): x = s.get()")  # fmt: skip
