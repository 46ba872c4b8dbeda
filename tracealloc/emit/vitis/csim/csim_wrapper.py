"""The C function around an HLS kernel: the C build's parameters outside, the kernel's types inside."""

from __future__ import annotations

from tracealloc.emit.common.access_checks import FAULT_SHIFT
from tracealloc.emit.common.parameters import Parameter, by_value, element_bytes, parameters
from tracealloc.emit.vitis.text.host_memory import cpp_type, memory_functions, same_memory
from tracealloc.emit.vitis.text.module import VitisText
from tracealloc.emit.vitis.text.processes import NETWORK_HEADER, local_bytes
from tracealloc.emit.vitis.values.simulated import axis_type, is_axis
from tracealloc.trace.ir.dtype import Boolean, Fixed, Float, as_integer
from tracealloc.trace.ir.program import Array
from tracealloc.trace.network.cut import is_network

__all__ = ["FAULT", "LEFT", "STUCK", "csim_entry", "wrapper_source"]

# What the entry returns when the simulation found a fault that `<entry>_message` tells. An access outside its
# array is the number of its check above FAULT_SHIFT bits.
FAULT = 2
STUCK = 3  # the processes of a network wait for one another
LEFT = 4  # a queue of a network ended with elements in it
# What a library shows; all else in it, such as a kernel named like a function of the C library, is hidden.
_EXPORT = 'extern "C" __attribute__((visibility("default")))'
_STACK = 1 << 20  # bytes of local arrays that the caller's stack is trusted to hold


# Names of ours begin with ta_, as none of the kernel's do.
# The caller's queues: rings in memory of malloc(), a table row for each stream.
_FIFO = """\
struct ta_fifo {
  unsigned char *data;
  int64_t head, count, capacity, missed;
};
template <int BYTES, typename T>
static void ta_fill(hls::stream<T> *streams, const void *table, long number, const char *name) {
  for (long s = 0; s < number; ++s) {
    const ta_fifo &fifo = ((const ta_fifo *)table)[s];
    streams[s].set_name(name);
    streams[s].borrow();
    for (int64_t e = 0; e < fifo.count; ++e) {
      T element;
      tracealloc::get<BYTES>(element, fifo.data + BYTES * ((fifo.head + e) & (fifo.capacity - 1)));
      streams[s].write(element);
    }
  }
}
template <int BYTES, typename T>
static void ta_drain(hls::stream<T> *streams, void *table, long number) {
  for (long s = 0; s < number; ++s) {
    ta_fifo &fifo = ((ta_fifo *)table)[s];
    int64_t capacity = 1;
    while (capacity < (int64_t)streams[s].size()) capacity *= 2;
    unsigned char *data = (unsigned char *)malloc(capacity * BYTES);
    if (!data) throw std::bad_alloc();
    free(fifo.data);
    fifo.data = data;
    fifo.head = fifo.count = 0;
    fifo.capacity = capacity;
    while (!streams[s].empty()) tracealloc::put<BYTES>(streams[s].read(), data + BYTES * fifo.count++);
  }
}"""


def wrapper_source(text: VitisText) -> str:
    """A translation unit with the kernel (a simulated text) and its wrapper, for the C simulation.

    The kernel works on what the wrapper owns: what it writes is brought to the caller when all went well.
    """
    return _Wrapper(text).source()


class _Wrapper:
    def __init__(self, text: VitisText) -> None:
        self.text = text
        self.program = text.program
        self.before: list[str] = []
        self.after: list[str] = []  # none of which can fail
        self.finished: list[str] = []  # checks when the kernel has returned
        self.drained: list[str] = []  # into tables of queues, which the caller looks at when all went well
        self.actual: list[str] = []
        self.fifos = False

    def source(self) -> str:
        formal = [self._parameter(number, p) for number, p in enumerate(parameters(self.program))]
        self.fifos = any(array.kind == "stream" for array in self.program.args)
        streams = "hls_stream.h" in self.text.includes
        clear = ["hls::stream_fault().clear();"] if streams else []
        error = "tracealloc::left" if is_network(self.program) else "hls::stream_error"
        check = [
            f"if (!hls::stream_fault().empty()) throw {error}(hls::stream_fault());"
        ] if streams else []  # fmt: skip
        call = f"{self.text.top}({', '.join(self.actual)});"
        run = [*clear, *self.before, call, *check, *self.finished, *self.drained, *self.after]
        parts = [
            '#include "tracealloc_memory.h"',
            '#include "tracealloc_sim.h"',
            *([f'#include "{NETWORK_HEADER}"'] if is_network(self.program) else []),
            f'#include "{self.text.base}.cpp"',
            "",
            *memory_functions(self.text, [p.array.dtype for p in parameters(self.program)]),
            *(["#include <cstdlib>", "", _FIFO] if self.fifos else []),
            "",
            f"static void ta_run({', '.join(formal)}) {{",
            *(f"  {line}" for line in run),
            "}",
            "",
            *self._entry(formal),
        ]
        return "\n".join(parts) + "\n"

    # Parameters.

    def _parameter(self, number: int, parameter: Parameter) -> str:
        array, name = parameter.array, f"ta_p{number}"
        type_ = cpp_type(self.text, array.dtype)
        if parameter.role == "kept":
            return f"void *{name}"  # tables and states are in the kernel's own text
        if array.kind == "stream":
            dimensions = "".join(f"[{extent}]" for extent in array.shape)
            what = f"(hls::stream<{type_}> *)&ta_q{number}, {name}, {array.size}"
            size = element_bytes(array.dtype)
            self.before.append(f"hls::stream<{type_}> ta_q{number}{dimensions};")
            self.before.append(f'ta_fill<{size}, {type_}>({what}, "{array.name}");')
            self.actual.append(f"ta_q{number}")
            self.drained.append(f"ta_drain<{size}, {type_}>({what});")
            return f"void *{name}"
        if array.rank == 0 and parameter.role == "argument":
            return self._scalar(parameter, name, type_)
        if array.rank == 0:
            self.before.append(f"{type_} ta_r{number};")
            self.actual.append(f"&ta_r{number}")
            self.after.append(_put(array, f"ta_r{number}", f"(unsigned char *){name}"))
            return f"void *{name}"
        inner = "".join(f"[{extent}]" for extent in array.shape[1:])
        row = f"{type_} (*){inner}" if inner else f"{type_} *"
        if same_memory(array.dtype) and not parameter.written:
            self._pass(parameter, number, f"({row}){name}", f"(const {type_} *){name}")
            return f"void *{name}"
        size = element_bytes(array.dtype)
        count = array.size
        self.before.append(f"std::unique_ptr<{type_}[]> ta_a{number}(new {type_}[{max(count, 1)}]);")
        head = f"for (long ta_e = 0; ta_e < {count}; ++ta_e) "
        at = f"(unsigned char *){name} + {size} * ta_e"
        if parameter.role == "argument":
            self.before.append(head + _get(array, f"ta_a{number}[ta_e]", at))
        self._pass(parameter, number, f"({row})ta_a{number}.get()", f"ta_a{number}.get()")
        if parameter.written:
            self.after.append(head + _put(array, f"ta_a{number}[ta_e]", at))
        return f"void *{name}"

    def _pass(self, parameter: Parameter, number: int, row: str, data: str) -> None:
        """Pass an array; through a port of one direction where it has one."""
        array = parameter.array
        if not is_axis(self.program, array):
            self.actual.append(row)
            return
        const = "" if parameter.written else "const "
        type_ = axis_type(const + cpp_type(self.text, array.dtype), array)
        self.before.append(f'{type_} ta_x{number}("{array.name}", {data});')
        self.actual.append(f"ta_x{number}")
        self.finished.append(f"ta_x{number}.finish();")

    def _scalar(self, parameter: Parameter, name: str, type_: str) -> str:
        dtype = parameter.array.dtype
        if not by_value(parameter.array):
            self.before.append(f"{type_} {name}_value;")
            self.before.append(_get(parameter.array, f"{name}_value", f"(const unsigned char *){name}"))
            self.actual.append(f"{name}_value")
            return f"void *{name}"
        if isinstance(dtype, Fixed):
            bits = 8 * element_bytes(dtype)
            self.before.append(f"{type_} {name}_value;")
            at = f"reinterpret_cast<const unsigned char *>(&{name})"
            self.before.append(_get(parameter.array, f"{name}_value", at))
            self.actual.append(f"{name}_value")
            return f"{'' if dtype.signed else 'u'}int{bits}_t {name}"
        self.actual.append(f"({type_}){name}")
        if isinstance(dtype, Boolean | Float):
            return f"{type_} {name}"
        integer = as_integer(dtype)
        assert integer is not None
        return f"{'' if integer.signed else 'u'}int{8 * element_bytes(dtype)}_t {name}"

    # The entry.

    def _entry(self, formal: list[str]) -> list[str]:
        names = [part.split()[-1].lstrip("*") for part in formal]
        entry = csim_entry(self.text)
        threaded = local_bytes(self.program) > _STACK
        message = f"{_EXPORT} const char *{entry}_message()"
        lines = [f"{message} {{ return tracealloc::message.c_str(); }}", ""]
        if threaded:
            lines += _thread(formal, names)
        lines += [
            f"{_EXPORT} int {entry}({', '.join(formal)}) {{",
            "  tracealloc::states::note();",
            "  int status = 0;",
            "  try {",
            f"    {'ta_run_on_thread' if threaded else 'ta_run'}({', '.join(names)});",
            "  } catch (const std::bad_alloc &) {",
            "    status = 1;",
            "  } catch (const tracealloc::outside &found) {",
            f"    status = found.number << {FAULT_SHIFT};",
            *(_ends_of_networks() if is_network(self.program) else []),
            "  } catch (const std::exception &error) {",
            "    tracealloc::message = error.what();",
            f"    status = {FAULT};",
            "  }",
            "  if (status) tracealloc::states::set_back();",
            "  return status;",
            "}",
        ]
        if threaded:
            size = local_bytes(self.program) + (16 << 20)
            lines = ["#include <pthread.h>", f"static const unsigned long ta_stack_bytes = {size}ul;", *lines]
        return lines


def _ends_of_networks() -> list[str]:
    lines = []
    for kind, status in (("stuck", STUCK), ("left", LEFT)):
        lines.append(f"  }} catch (const tracealloc::{kind} &error) {{")
        lines += ["    tracealloc::message = error.what();", f"    status = {status};"]
    return lines


def _thread(formal: list[str], names: list[str]) -> list[str]:
    """Run the kernel on a thread whose stack holds its local arrays."""
    return [
        "struct ta_job_t {",
        *(f"  {part};" for part in formal),
        "  std::exception_ptr error;",
        "};",
        "static void *ta_job(void *given) {",
        "  ta_job_t &work = *(ta_job_t *)given;",
        "  try {",
        f"    ta_run({', '.join(f'work.{name}' for name in names)});",
        "  } catch (...) {",
        "    work.error = std::current_exception();",
        "  }",
        "  return nullptr;",
        "}",
        f"static void ta_run_on_thread({', '.join(formal)}) {{",
        f"  ta_job_t work = {{{', '.join([*names, 'nullptr'])}}};",
        "  pthread_attr_t attributes;",
        "  pthread_attr_init(&attributes);",
        "  pthread_attr_setstacksize(&attributes, ta_stack_bytes);",
        "  pthread_t thread;",
        "  if (pthread_create(&thread, &attributes, ta_job, &work)) {",
        "    throw std::bad_alloc();  // no stack for the local arrays",
        "  }",
        "  pthread_join(thread, nullptr);",
        "  pthread_attr_destroy(&attributes);",
        "  if (work.error) std::rethrow_exception(work.error);",
        "}",
        "",
    ]


def _get(array: Array, target: str, at: str) -> str:
    return f"tracealloc::get<{element_bytes(array.dtype)}>({target}, {at});"


def _put(array: Array, source: str, at: str) -> str:
    return f"tracealloc::put<{element_bytes(array.dtype)}>({source}, {at});"


def csim_entry(text: VitisText) -> str:
    """The name of the wrapper."""
    return f"ta_csim_{text.top}"
