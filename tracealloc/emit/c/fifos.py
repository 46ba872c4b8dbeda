"""FIFOs in C: queues that grow, so that processes can run one after the other."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.emit.c.numbers import CNumbers
from tracealloc.emit.common.expr import Text, atom, call
from tracealloc.emit.common.names import member
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.program import Array, Region, Slice, Store

__all__ = ["FIFO_EMPTY", "OUT_OF_MEMORY", "FifoWriter", "fifo_definition"]

# Bits of the status that a function returns.
OUT_OF_MEMORY = 1
FIFO_EMPTY = 2

_FIFO = """
// A queue in a ring of `capacity` elements, a power of two; `missed` counts what was read of it while empty.
typedef struct {
  @T *data;
  int64_t head, count, capacity, missed;
} ta_fifo_@K;
static inline void ta_fifo_@K_put(ta_fifo_@K *f, @T x, int *status) {
  if (f->count == f->capacity) {
    const int64_t capacity = f->capacity ? 2 * f->capacity : 64;
    @T *data = malloc(capacity * sizeof(@T));
    if (!data) {
      *status |= 1;
      return;
    }
    for (int64_t i = 0; i < f->count; ++i) data[i] = f->data[(f->head + i) & (f->capacity - 1)];
    free(f->data);
    f->data = data;
    f->head = 0;
    f->capacity = capacity;
  }
  f->data[(f->head + f->count++) & (f->capacity - 1)] = x;
}
static inline @T ta_fifo_@K_get(ta_fifo_@K *f, int *status) {
  if (f->count == 0) {
    ++f->missed;
    *status |= 2;
    return (@T){0};
  }
  const @T x = f->data[f->head];
  f->head = (f->head + 1) & (f->capacity - 1);
  --f->count;
  return x;
}"""


def fifo_definition(type_name: str) -> tuple[str, list[str]]:
    """The name of the FIFO type of a C type, and the lines that define it."""
    kind = type_name.replace(" ", "_").strip("_")
    return f"ta_fifo_{kind}", _FIFO.replace("@K", kind).replace("@T", type_name).split("\n")


class FifoWriter:
    """Writes what a function does with arrays of kind ``stream``.

    Args:
        writer: the function: its names, expressions and lines.
        type_of: gives the FIFO type of an element type, defined in the file.
    """

    def __init__(self, writer: CNumbers, type_of: Callable[[DType], str]) -> None:
        self.writer = writer
        self.type_of = type_of

    def pointer(self, array: Array, indices: tuple[Expr, ...]) -> str:
        """A pointer to a FIFO."""
        name = self.writer.array_name(array)
        if array.rank == 0:
            return name if array in self.writer.program.args else f"&{name}"
        return f"&{name}" + "".join(f"[{self.writer.subscript(index)}]" for index in indices)

    def parameter(self, array: Array, name: str) -> str:
        """A FIFO, or an array of FIFOs, as a parameter."""
        type_ = self.type_of(array.dtype)
        if array.rank <= 1:
            return f"{type_} *{name}"
        return f"{type_} (*{name})" + "".join(f"[{extent}]" for extent in array.shape[1:])

    def argument(self, region: Region) -> str:
        """What a call passes for a FIFO, or for a whole array of them."""
        if region.shape:
            name = self.writer.array_name(region.array)
            starts = [i.start if isinstance(i, Slice) else i for i in region.indices]
            at = [
                self.writer.subscript(start) for start in starts[: region.array.rank - len(region.shape) + 1]
            ]
            return f"&{name}" + "".join(f"[{start}]" for start in at)
        indices = tuple(i for i in region.indices if not isinstance(i, Slice))
        return self.pointer(region.array, indices)

    def declare(self, array: Array) -> None:
        """The declaration of local FIFOs, empty."""
        dims = "".join(f"[{extent}]" for extent in array.shape)
        self.writer.line(f"{self.type_of(array.dtype)} {self.writer.array_name(array)}{dims} = {{0}};")

    def each(self, array: Array, statement: str) -> None:
        """`statement`, with ``@`` for each FIFO of an array."""
        writer = self.writer
        name = writer.array_name(array)
        if array.rank == 0:
            writer.line(statement.replace("@", name))
            return
        at = "*" * (array.rank - 1) + name
        writer.names.open()
        e = writer.names.declare("", "e")
        writer.line(f"for (int64_t {e} = 0; {e} < {array.size}; ++{e}) {{")
        writer.depth += 1
        writer.line(statement.replace("@", f"({at})[{e}]"))
        writer.depth -= 1
        writer.line("}")
        writer.names.close()

    def empty(self, array: Array) -> None:
        """Its FIFOs become empty again."""
        self.each(array, "@.head = @.count = 0;")

    def get(self, load: Load) -> Text:
        """What is taken from a FIFO."""
        fields = "".join(f".{member(name)}" for name in load.path)
        taken = call(f"{self.type_of(load.array.dtype)}_get", atom(self.pointer(load.array, load.indices)),
                     atom("&status"))  # fmt: skip
        return atom(taken.text + fields)

    def put(self, node: Store) -> None:
        """A store to a FIFO."""
        writer = self.writer
        fifo, value = self.pointer(node.array, node.indices), writer.converted(node.value).text
        name = f"{self.type_of(node.array.dtype)}_put"
        writer.line(f"{name}({fifo}, {value}, &status);{writer.comment(node.place)}")
