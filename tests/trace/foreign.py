"""Lines of kernels that are refused, by the code of the refusal: see `test_foreign`.

``@`` stands before what is at the top of the kernel and not in a loop; ``;;`` ends a line.
"""

from __future__ import annotations

__all__ = ["REFUSED"]

REFUSED = {
    "TA101": """
        yield A[i]
    """,
    "TA102": """
        @return "x"
        @return [A, "x"]
        @return {"a": A}
        @return None, A
        @return 1j
        @return np.zeros(4)
        @return q
        @return int32
        @return A[0:2]
        @return A, A
        @return lambda: A
    """,
    "TA105": """
        for k in ta.range(2): return
        for k in ta.range(2): break
        for k in ta.range(2): ;;     if A[k] > 0: break
        for k in ta.range(2): ;;     if A[k] > 0: return
        return A
    """,
    "TA106": """
        A[i] = round(B[i])
        A[i] = round(A[i])
        A[i] = round(B[i], 2)
        A[i] = math.floor(B[i])
        A[i] = math.ceil(B[i])
        A[i] = math.trunc(B[i])
        A[i] = math.sqrt(B[i])
        A[i] = math.exp(B[i])
        A[i] = math.pow(B[i], 2)
        A[i] = math.isnan(B[i])
        A[i] = int(B[i])
        B[i] = float(A[i])
        C = complex(A[i])
        C = "%d" % A[i]
    """,
    "TA107": """
        A[i] = math.gcd(A[i], 2)
        C = hex(A[i])
        C = bin(i)
        C = chr(A[i])
        C = "abc"[i]
        C = np.zeros(4) ;; C[i] = A[i]
        C = np.zeros(4) ;; A[i] = C[i]
        C = [1, 2, 3][i]
        C = (1, 2, 3)[A[i]]
        C = [1, 2, 3][A[i]:]
        for k in range(A[i]): pass
        for k in range(n): pass
        for k in range(i): pass
        import operator; operator.index(A[i])
        import struct; struct.pack("i", A[i])
    """,
    "TA108": """
        C = A[i] / 2
    """,
    "TA109": """
        ta.Struct(x=int32)(y=3)
        A[i] = int32("x")
        A[i] = int32()
        A[i] = int32(1, 2)
        A[i] = int32(A)
        A[i] = A[i] + "x"
        A[i] = "x" + A[i]
        A[i] = A[i] % "x"
        A[i] = A[i] * "x"
        A[i] = "x" * A[i]
        A[i] = A[i] + None
        A[i] = None + A[i]
        A[i] = A[i] + [1]
        A[i] = [1] + A[i]
        A[i] = [1] * A[i]
        A[i] = A[i] + (1,)
        A[i] = A[i] + 1j
        A[i] = 1j * A[i]
        A[i] = A[i] + {}
        A[i] = A[i] + object()
        A[i] = A[i] + int32
        A[i] = int32 + A[i]
        A[i] = A[i] + len
        A[i] = A[i] @ A[i]
        A[i] = A[i] @ 3
        A[i] = 3 @ A[i]
        A[i] += "x"
        A[i] += None
        C = ta.scalar(int32, 0) ;; C += "x"
        C = ta.scalar(int32, 0) ;; C @= 2
        C = A[i] == "x"
        C = A[i] < "x"
        C = A[i] < None
        C = A[i] < [1]
        C = A[i] == [1]
        C = pow(A[i], 2, 5)
        C = B[i] << 1
        C = B[i] & 1
        C = ~B[i]
        C = B[i] + 10**400
        C = A[i] + np.complex64(1)
        C = A[i] + np.str_("x")
        C = A[i] + np.datetime64("2020-01-01")
        C = ta.exp(A)
        C = ta.exp("x")
        C = ta.exp()
        C = ta.exp(A[i], A[i])
        C = ta.sqrt(-1)
        C = ta.sqrt(-1.0)
        C = ta.log(0)
        C = ta.exp(1000)
        C = ta.pow(0, -1)
        C = ta.maximum(A, 0)
        C = ta.maximum(A[i], "x")
        C = ta.where(A[i] > 0, "a", "b")
        C = ta.where("x", 1, 2)
        import decimal; decimal.Decimal(1) + A[i]
        import fractions; C = fractions.Fraction(1, 2) + A[i]
        import fractions; C = fractions.Fraction(1, 2) * B[i]
        try: A[i] + "x" ;; except TypeError: pass
    """,
    "TA110": """
        A[None] = 0
        C = A[None]
        C = M[i, ..., 0, 0]
        C = M[..., ..., 0]
        C = A[[0, 1]]
        C = A[np.array([0, 1])]
        C = A[True]
        C = A["x"]
        C = A[1.5]
        C = A[B[i]]
        C = A[i:n]
        C = A[::2]
        C = A[::-1]
        C = A[i:]
        C = A["a":2]
        C = A[A]
        C = A[i][::2]
        C = A[i]["x"]
        C = A[i, i]
        C = M[i, i, i]
        C = A[np.float32(2)]
        for k in grid(2, 3): A[k] = 0
    """,
    "TA111": """
        C = A[-1]
    """,
    "TA112": """
        A[i] = "x" % A[i]
        A[:] = 0
        A[0:2] = A[2:4]
        M[0] = 0
        M[i] = A
        A[...] = 0
        C = A[i] ;; del C[0]
        C = ta.scalar(int32, 0) ;; C.x = 3
        A[i] = "x"
        A[i] = None
        A[i] = [1]
        A[i] = A
        A[i] = 1j
        A[i] = np.array([1])
        A[i] = B
        A[i] = lambda: 0
        A[i] = int32
    """,
    "TA114": """
        C = [A[k] for k in ta.range(3)]
        C = sum(A[k] for k in ta.range(3))
        C = list(ta.range(3))
    """,
    "TA121": """
        B[i] = np.float32(A[i])
        C = A.copy()
        C = A.T
        C = M.T
        C = F.T[0, i]
        C = M.T.T
        C = A.sum()
        C = A.max()
        C = A.astype(float32)
        C = A.reshape(2, 4)
        C = A.flatten()
        C = A.fill(0)
        C = A.tolist()
        C = A.foo
        A.foo = 3
        A.shape = (2, 4)
        A.dtype = int32
        C = A.item()
        A[i] = A[i] + np.array([1, 2])
        A[i] = np.array([1, 2]) + A[i]
        A[i] = A[i] + np.ones(1)
        A[i] = A[i] + A
        A[i] = A + A[i]
        C = M @ M
        C = A @ A
        C = A + A
        C = A + 1
        C = 1 + A
        C = A + "x"
        C = -A
        C = +A
        C = A == A
        C = A != A
        C = A > 1
        C = A ** 2
        C = divmod(A, 2)
        C = A & A
        C = A << 1
        C = 1 << A
        C = ~A
        C = abs(A)
        A += 1
        A += A
        A *= 2
        A @= A
        C = A[A > 0]
        del A[i]
        del A[0:2]
        del M[0][0]
        C = A[i].x
        C = A[i].real
        C = A[i].T
        C = A[i].copy()
        C = A[i].item()
        C = A[i].sum()
        C = A[i].foo()
        C = ta.scalar(int32, 0) ;; C.get()
        C = f"{A[i]:.2f}"
        C = f"{A[i]:3d}"
        C = f"{A:3}"
        C = np.sum(A)
        C = np.sum(A[i])
        C = np.mean(A)
        C = np.max(A)
        C = np.dot(A, A)
        C = np.matmul(M, M)
        C = np.transpose(M)
        C = np.zeros_like(A)
        C = np.copy(A)
        C = np.where(A > 0, 1, 0)
        C = np.clip(A, 0, 1)
        C = np.array([A[i], 1])
        C = np.array(A)
        C = np.asarray(A)
        C = np.stack([A, A])
        C = np.concatenate([A, A])
        C = np.arange(A[i])
        C = np.zeros(A[i])
        C = np.exp(A)
        C = np.add(A, A)
        C = np.add.reduce(A)
        C = np.cumsum(A)
        C = np.linalg.norm(A)
        C = np.round(B[i])
        C = np.isnan(B[i])
        C = np.sign(B[i])
        C = np.int32(A[i])
        C = np.float32(B[i])
        C = np.prod(A)
        C = np.any(A)
        C = np.argmax(A)
        C = np.sort(A)
        C = sum(A)
        C = max(A)
        C = min(A)
        C = sorted(A)
        C = list(A)
        C = tuple(A)
        C = set(A)
        C = list(A[i])
        C = any(A)
        C = all(A)
        C = len(A[i])
        C = len(i)
        C = len(n)
        C = A[i] in {1, 2}
        C = A[i] in {1: 2}
        C = 1 in A
        C = A[i] in A
        C = {A[i]: 1}
        C = {1: 2}[A[i]]
        C = {1: 2}.get(A[i])
        for x in A: pass
        for k, x in enumerate(A): pass
        for x, y in zip(A, B): pass
        for x in A[i]: pass
        for x in M: pass
        for k, l in grid(2): A[k] = 0
        for k, l in ta.range(2): A[k] = 0
        if A: pass
        C = len(ta.range(3))
        C = ta.range(3)[0]
        C = ta.where(A > 0, 1, 2)
        import copy; copy.copy(A)
        import copy; copy.deepcopy(A)
        import copy; copy.deepcopy(A[i])
        import pickle; pickle.dumps(A[i])
        import pickle; pickle.dumps(A)
        import itertools; list(itertools.product(A, A))
        @return M.T
        @return A.copy()
    """,
    "TA122": """
        B[i] = A[i].astype(float)
        B[i] = A[i].astype(7)
        B[i] = A[i].astype(complex)
        B[i] = A[i].astype("flaot32")
        C = ta.zeros(4, float)
        C = ta.zeros(4, int)
        C = ta.scalar(0)
        ta.scalar(int32[4], 0)
    """,
    "TA123": """
        C = np.random.rand() + A[i]
    """,
    "TA124": """
        with ta.when("x"): A[i] = 0
        with ta.when(A): A[i] = 0
        with ta.otherwise(): A[i] = 0
        ta.while_loop(A[i], 3)
        ta.while_loop(lambda x: A[i] > 0, lambda: None)
        ta.while_loop(lambda: A, lambda: None)
    """,
    "TA125": """
        C = ta.constant([1, "a"])
        ta.zeros((0,), int32)
        ta.zeros((-1,), int32)
        ta.zeros((2.5,), int32)
        ta.zeros("x", int32)
        ta.zeros((n,), int32)
        ta.zeros((i,), int32)
        ta.full((4,), "x", int32)
        ta.full((4,), A, int32)
        ta.scalar(int32, "x")
        ta.scalar(int32, A)
        ta.constant(A)
        ta.constant("x")
        ta.constant(None)
        ta.constant(3)
        ta.constant([])
        ta.constant([[1], [2, 3]])
        ta.constant({1: 2})
    """,
    "TA126": """
        C = 1 << A[i]
    """,
    "TA127": """
        for k in ta.range(2.5): pass
        for k in ta.range("x"): pass
        for k in ta.range(A): pass
        for k in ta.range(): pass
        for k in ta.range(1, 2, 3, 4): pass
        for k in ta.range(0, 4, 0): pass
        for k in ta.range(0, 4, n): pass
        for k in grid(): pass
        for k in grid((2, 3)): pass
        for k in grid("x"): pass
        for k in ta.grid(4, name=3): A[k] = 0
    """,
    "TA128": """
        while A[i] > 0: A[i] -= 1
        while n > 0: A[i] -= 1
    """,
    "TA130": """
        C = ta.zeros(4)
        C = ta.empty(4)
        C = ta.full(4, float32)
        C = ta.zeros((4, 4), dtype=int32, order="C")
        C = ta.zeros(4, 4, int32)
        C: int32[4] = 0 ;; C[i] = A[i]
        A[i] = -"x"
        C = A[i] ;; C.x = 3
        C = np.zeros(4) ;; C[0] = A[i]
        for k, l, m in grid(2, 3): A[k] = 0
        for k in grid(4, nmae="x"): A[k] = 0
        C = ta.exp(x=A[i])
        C = ta.maximum(A[i])
        C = ta.where(A[i] > 0, 1)
        with ta.when(): A[i] = 0
        ta.while_loop(lambda: A[i] > 0)
        ta.relu(A[i])
        ta.sum(A)
        ta.int33
        ta.foo
        ta.Array
        ta.zeros(int32[4])
        import json; json.dumps(A[i])
        import statistics; statistics.mean([A[i], A[0]])
        open(A[i])
        with open("/dev/null") as f: f.write(A[i])
        @return i
    """,
    "TA131": """
        assert A[i] > 0
        assert A[i] > 0, "positive"
        assert n > 0
        @assert n > 0, f"bad {n}"
        if A[i] > 0: raise ValueError("x")
        @if n > 0: raise ValueError("x")
        if A[i] > 0: raise StopIteration
        if A[i] > 0: exit(1)
    """,
}
