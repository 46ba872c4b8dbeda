"""What the functions of one C file share: names, types, constants, and what its head must say."""

from __future__ import annotations

from tracealloc.emit.c.coroutines import NETWORK_FIFO, coroutines
from tracealloc.emit.c.integers.helpers import Helper, Wide
from tracealloc.emit.c.integers.integers import Machine, element_machine
from tracealloc.emit.c.leaps import LEAPS
from tracealloc.emit.c.plan.storage import aliased_calls, stack_bytes
from tracealloc.emit.c.simulated import CLOCK, CLOCKED, SIMULATED_FIFO
from tracealloc.emit.common.names import Names
from tracealloc.emit.common.parameters import element_bytes
from tracealloc.trace.ir.clocks import Clocks
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Float,
    Integer,
    Struct,
    bfloat16,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.network.cut import is_network

__all__ = ["Unit"]

BYTE = Integer(8, True)
_FLOATS = {bfloat16: "uint16_t", float16: "_Float16", float32: "float", float64: "double"}

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


class Unit:
    """One file while its functions are written.

    Attributes:
        network: whether functions have processes, so that queues wait.
        clocks: what its functions take, where they run with a clock.
        helpers: what its functions use of `helpers`, `libm` of the C library.
        needs: headers (without suffix), and what the compiler must be told (``openmp``).
        types: the definitions of structs and queues. `constants`: those of tables.
        checked: how many accesses the functions so far check.
        depths: of each local queue so far, in a text with clocks: how many elements it has room for.
        queues: the arrays that these queues are, in order, each with its function.
    """

    def __init__(self, program: Program, clocks: Clocks | None = None) -> None:
        self.program = program
        self.names = Names()
        self.aliased = aliased_calls(program)
        self.helpers: set[Helper] = set()
        self.libm: set[str] = set()
        self.needs: set[str] = set()
        self.types: list[str] = []
        self.constants: list[str] = []
        self.checked = 0
        self.heads: dict[int, list[str]] = {}  # the parameters of each function so far
        self.clocks = clocks
        self.depths: list[int] = []
        self.queues: list[tuple[Program, Array]] = []
        self.network = is_network(program) or clocks is not None
        if self.network:
            self.needs |= {"stdio", "stdlib", "sys/mman"}
            stiff = str(int(clocks is not None and clocks.style == "stp"))
            before = CLOCK.replace("@STIFF", stiff) + CLOCKED if clocks is not None else ""
            self.types += (before + coroutines(stack_bytes(program), clocks is not None)).split("\n")
        if clocks is not None:
            self.needs |= {"stdarg", "string"}
        self._structs: dict[Struct, str] = {}
        self._fifos: set[str] = set()
        self._functions = {
            id(each): self.names.declare_function(("function", id(each)), each.name)
            for each in (program, *program.callees())
        }

    def function_name(self, program: Program) -> str:
        """The C name of a program's function."""
        return self._functions[id(program)]

    def type_name(self, dtype: DType) -> str:
        """The C type in which an element is stored."""
        match dtype:
            case Boolean():
                return "bool"
            case Float():
                return _FLOATS[dtype]
            case Struct():
                return self._struct_name(dtype)
            case _:
                machine = element_machine(dtype)
                if machine.wide:
                    self.helpers.add(Wide(machine.words))
                return Machine(machine.bits, True).name if machine.wide else machine.name

    def _struct_name(self, dtype: Struct) -> str:
        """The name of a struct type, defined in the file where it is first used: packed, as in NumPy."""
        if dtype not in self._structs:
            texts = self.names.fields(field for field, _ in dtype.fields)
            fields = [(self.type_name(inner), texts[field]) for field, inner in dtype.fields]
            name = self._structs[dtype] = f"ta_struct_{len(self._structs)}"
            self.types += ["", "typedef struct __attribute__((packed)) {"]
            self.types += [f"  {type_} {field};" for type_, field in fields]
            size = element_bytes(dtype)
            self.types.append(f"}} {name};")
            self.types.append(f'_Static_assert(sizeof({name}) == {size}, "as in NumPy");')
        return self._structs[dtype]

    def fifo_type(self, dtype: DType) -> str:
        """The type of queues of an element type, defined in the file where it is first used."""
        element = self.type_name(dtype)
        kind = element.replace(" ", "_").strip("_")
        name = f"ta_fifo_{kind}"
        if name not in self._fifos:
            self._fifos.add(name)
            self.needs.add("stdlib")
            text = _FIFO if not self.network else NETWORK_FIFO if self.clocks is None else SIMULATED_FIFO
            self.types += text.replace("@K", kind).replace("@T", element).split("\n")
        return name

    def depths_of(self, program: Program, array: Array, bounded: bool) -> int:
        """Where the table of depths speaks of the first of an array's queues; see `depths_table`."""
        self.queues.append((program, array))
        self.depths += [(array.depth or 0) if bounded else 0] * array.size
        return len(self.depths) - array.size

    def depths_table(self) -> list[str]:
        """How deep each local queue is: numbers that whoever runs the library may change.

        0 and -1 stand for room without an end, out of which elements can be taken 2 cycles or 1 later.
        """
        if self.clocks is None:
            return []
        numbers = ", ".join(map(str, self.depths)) or "0"
        return ["", "int64_t ta_depths[] = {" + numbers + "};"]

    def leaps(self) -> list[str]:
        """What leaps over what a program without values does over and over."""
        if self.clocks is None or not self.clocks.bare or self.clocks.style == "stp":
            return []
        self.fifo_type(BYTE)
        return LEAPS.split("\n")
