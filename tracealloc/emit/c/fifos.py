"""FIFOs in C: queues that grow, so that processes can run one after the other."""

from __future__ import annotations

from tracealloc.emit.c.numbers import CNumbers
from tracealloc.emit.common.expr import Text, atom, call
from tracealloc.emit.common.names import member
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.program import Alloc, Array, Region, Slice, Store

__all__ = ["FIFO_EMPTY", "OUT_OF_MEMORY", "CStreams", "fifo_definition"]

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


class CStreams(CNumbers):
    """The part of the C back end that handles arrays of kind ``stream``."""

    def fifo_type(self, dtype: DType) -> str:
        """The FIFO type of an element type, defined in the file."""
        raise NotImplementedError

    def fifo(self, array: Array, indices: tuple[Expr, ...]) -> str:
        """A pointer to a FIFO."""
        name = self.array_name(array)
        if array.rank == 0:
            return name if array in self.program.args else f"&{name}"
        return f"&{name}" + "".join(f"[{self.subscript(index)}]" for index in indices)

    def fifo_parameter(self, array: Array, name: str) -> str:
        """A FIFO, or an array of FIFOs, as a parameter."""
        type_ = self.fifo_type(array.dtype)
        if array.rank <= 1:
            return f"{type_} *{name}"
        return f"{type_} (*{name})" + "".join(f"[{extent}]" for extent in array.shape[1:])

    def fifo_argument(self, region: Region) -> str:
        """What a call passes for a FIFO, or for a whole array of them."""
        if region.shape:
            name = self.array_name(region.array)
            starts = [i.start if isinstance(i, Slice) else i for i in region.indices]
            at = [self.subscript(start) for start in starts[: region.array.rank - len(region.shape) + 1]]
            return f"&{name}" + "".join(f"[{start}]" for start in at)
        indices = tuple(i for i in region.indices if not isinstance(i, Slice))
        return self.fifo(region.array, indices)

    def declare_fifos(self, array: Array) -> None:
        """The declaration of local FIFOs, empty."""
        dims = "".join(f"[{extent}]" for extent in array.shape)
        self.line(f"{self.fifo_type(array.dtype)} {self.array_name(array)}{dims} = {{0}};")

    def each_fifo(self, array: Array, statement: str) -> None:
        """`statement`, with ``@`` for each FIFO of an array."""
        name = self.array_name(array)
        if array.rank == 0:
            self.line(statement.replace("@", name))
            return
        at = "*" * (array.rank - 1) + name
        self.names.open()
        e = self.names.declare("", "e")
        self.line(f"for (int64_t {e} = 0; {e} < {array.size}; ++{e}) {{")
        self.depth += 1
        self.line(statement.replace("@", f"({at})[{e}]"))
        self.depth -= 1
        self.line("}")
        self.names.close()

    def alloc(self, node: Alloc) -> None:
        if node.array.kind != "stream":
            super().alloc(node)
        elif len(self.where) > 1:  # again, in a loop: it starts empty
            self.each_fifo(node.array, "@.head = @.count = 0;")

    def load(self, load: Load) -> Text:
        if load.array.kind != "stream":
            return super().load(load)
        fields = "".join(f".{member(name)}" for name in load.path)
        taken = call(f"{self.fifo_type(load.array.dtype)}_get", atom(self.fifo(load.array, load.indices)),
                     atom("&status"))  # fmt: skip
        return atom(taken.text + fields)

    def store(self, node: Store) -> None:
        if node.array.kind != "stream":
            super().store(node)
            return
        fifo, value = self.fifo(node.array, node.indices), self.converted(node.value).text
        name = f"{self.fifo_type(node.array.dtype)}_put"
        self.line(f"{name}({fifo}, {value}, &status);{self.comment(node.place)}")
