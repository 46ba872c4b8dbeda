"""The types of the primitives, as methods; a test keeps this file like `REGISTRY`."""

from collections.abc import Sequence

from tracealloc.schedule.core.primitive import Primitive
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.layout import BankKind

RETURNS: dict[str, str]

def user_signature(primitive: Primitive) -> object: ...
def stub_text() -> str: ...

class Methods:
    def allocation(
        self,
        loop: str | LoopHandle,
        op: str,
        limit: int,
    ) -> None: ...
    def bind(
        self,
        array: str | ArrayHandle,
        resource: str,
        ports: int | None = None,
    ) -> None: ...
    def bind_op(
        self,
        array: str | ArrayHandle,
        op: str,
        impl: str | None = None,
        latency: int | None = None,
    ) -> None: ...
    def buffer_at(
        self,
        array: str | ArrayHandle,
        loop: str | LoopHandle,
    ) -> ArrayHandle: ...
    def cast(
        self,
        array: str | ArrayHandle,
        dtype: DType,
    ) -> None: ...
    def compute_at(
        self,
        producer: str | LoopHandle | ArrayHandle | BandHandle,
        loop: str | LoopHandle,
    ) -> LoopHandle | None: ...
    def dataflow(
        self,
        target: str | None = None,
    ) -> None: ...
    def dependence(
        self,
        array: str | ArrayHandle,
        loop: str | LoopHandle,
        distance: int | None = None,
    ) -> None: ...
    def distribute(
        self,
        loop: str | LoopHandle,
        at: int | Sequence[int] | None = None,
    ) -> tuple[LoopHandle, ...]: ...
    def flatten(
        self,
        loop: str | LoopHandle,
        off: bool = False,
    ) -> None: ...
    def fuse(
        self,
        *loops: str | LoopHandle,
    ) -> LoopHandle: ...
    def inline(
        self,
        callee: str,
    ) -> None: ...
    def interface(
        self,
        argument: str | ArrayHandle,
        kind: str,
        **options: str | int,
    ) -> None: ...
    def latency(
        self,
        loop: str | LoopHandle,
        min: int | None = None,
        max: int | None = None,
    ) -> None: ...
    def merge(
        self,
        loop: str | LoopHandle,
        with_loop: str | LoopHandle,
    ) -> LoopHandle: ...
    def outline(
        self,
        loop: str | LoopHandle,
        name: str,
    ) -> None: ...
    def pack(
        self,
        array: str | ArrayHandle,
        dim: int,
        factor: int,
    ) -> None: ...
    def pack_products(
        self,
        loop: str | LoopHandle,
    ) -> None: ...
    def parallel(
        self,
        loop: str | LoopHandle,
    ) -> None: ...
    def partition(
        self,
        array: str | ArrayHandle,
        dim: int | Sequence[int] | None = None,
        kind: BankKind = "complete",
        factor: int | None = None,
    ) -> None: ...
    def peel(
        self,
        loop: str | LoopHandle,
        n: int,
    ) -> LoopHandle | None: ...
    def permute(
        self,
        array: str | ArrayHandle,
        order: Sequence[int],
    ) -> ArrayHandle: ...
    def pipeline(
        self,
        loop: str | LoopHandle,
        ii: int | None = None,
        rewind: bool = False,
        initiation_interval: int | None = None,
    ) -> None: ...
    def reassociate(
        self,
    ) -> None: ...
    def relay(
        self,
        buffer: str | ArrayHandle,
        pe: Sequence[str | LoopHandle] | str | LoopHandle,
        axis: int | None = None,
        depth: int | str | None = None,
        along: int | None = None,
    ) -> ArrayHandle: ...
    def reorder(
        self,
        *loops: str | LoopHandle,
    ) -> None: ...
    def reshape(
        self,
        array: str | ArrayHandle,
        shape: int | Sequence[int],
    ) -> ArrayHandle: ...
    def reuse_at(
        self,
        array: str | ArrayHandle,
        loop: str | LoopHandle,
    ) -> ArrayHandle: ...
    def reverse(
        self,
        loop: str | LoopHandle,
    ) -> None: ...
    def rfactor(
        self,
        array: str | ArrayHandle,
        loop: str | LoopHandle,
        factor: int | None = None,
        over: str | LoopHandle | None = None,
    ) -> ArrayHandle: ...
    def shift(
        self,
        loop: str | LoopHandle,
        by: int,
    ) -> None: ...
    def skew(
        self,
        loop: str | LoopHandle,
        by: str | LoopHandle,
        factor: int = 1,
    ) -> None: ...
    def split(
        self,
        loop: str | LoopHandle,
        factor: int,
    ) -> tuple[LoopHandle, LoopHandle]: ...
    def stream(
        self,
        array: str | ArrayHandle,
        depth: int | str | None = None,
    ) -> ArrayHandle: ...
    def tile(
        self,
        loops: Sequence[str | LoopHandle] | str | LoopHandle,
        factors: Sequence[int] | int,
    ) -> tuple[LoopHandle, ...]: ...
    def unfold(
        self,
        band: str | LoopHandle | ArrayHandle | BandHandle,
        axis: int | Sequence[int],
        factor: int | Sequence[int],
    ) -> LoopHandle | tuple[LoopHandle, ...]: ...
    def unroll(
        self,
        loop: str | LoopHandle,
        factor: int | None = None,
    ) -> None: ...
    def vectorize(
        self,
        loop: str | LoopHandle,
    ) -> None: ...
