"""Schedules as users write them, ten or so for every loop primitive: accepted and right, or refused."""

from __future__ import annotations

import warnings

import pytest
import users
from common import check_round_trip

import tracealloc as ta

CASES = """
split | lu | s.split("k", 2); s.split("i", 3); s.split("j", 4) | ok
split | trisolv | s.split("j", 3); s.split("j.inner", 2); s.split("i", 5) | ok
split | steps | s.split("i", 3); s.split("j", 2); s.split("j.outer", 3) | ok
split | downs | s.split("i", 2); s.split("j", 3); s.split("i.outer", 2) | ok
split | oddeven | s.split("i", 2); s.split("t", 3) | ok
split | extents | s.split("L0.i", 1); s.split("L1.i", 2) | ok
split | nuss | s.split("i", 2); s.split("k", 2) | ok
split | spmv | s.split("i", 4) | ok
split | twomm | s.split("mm:k", 3); s.split("mm:k.inner", 2) | ok
split | pool | o, i = s.split("y", 3); s.split(i, 2) | ok
tile | lu | s.tile(["i", "j"], [2, 3]) | ok
tile | seidel | s.skew("i", by="t"); s.skew("j", by="t"); s.skew("j", by="i"); s.tile(["t", "i", "j"], 3) | ok
tile | floyd | s.tile(["i", "j"], 3) | ok
tile | convpad | s.tile(["y", "x"], [4, 5]); s.tile(["u", "v"], 2) | TA210
tile | lcs | s.tile(["L2.i", "L2.j"], [3, 2]) | ok
tile | gemmk0 | s.tile(["i", "j", "k"], [3, 4, 2]) | ok
tile | steps | s.tile(["i", "j"], [2, 3]) | TA210
tile | fft | s.tile(["s1.g", "s1.k"], [3, 2]) | ok
tile | twomm | s.tile(["mm:PE.i", "mm:PE.j", "mm:PE.k"], [2, 3, 3]) | ok
tile | jac | s.shift("i#1", 1); m = s.merge("i#0", "i#1"); s.skew(m, "t", 2); s.tile(["t", m], 3) | ok
reorder | lu | s.reorder("i", "k"); s.reorder("j", "i") | ok
reorder | lu | s.reorder("j", "k") | ok
reorder | gemmk0 | s.reorder("k", "j", "i") | ok
reorder | convpad | s.reorder("v", "u") | TA210
reorder | trisolv | s.reorder("j", "i") | ok
reorder | two_phase | s.reorder("i", "k") | TA210
reorder | lcs | s.reorder("L2.j", "L2.i") | ok
reorder | nuss | s.reorder("j", "i") | ok
reorder | oddeven | s.reorder("i", "t") | TA210
reorder | softmax | s.reorder("j#0", "i") | ok
reorder | downs | s.reorder("j", "i") | TA210
reorder | cholesky | s.reorder("k#0", "j") | ok
reorder | bitmat | s.reorder("k", "i") | ok
fuse | floyd | s.fuse("i", "j") | ok
fuse | floyd | s.fuse("k", "i", "j") | ok
fuse | hist | s.fuse("r", "cnt.i") | ok
fuse | gemmk0 | s.tile(["i", "j"], 2); s.fuse("i.outer", "j.outer") | ok
fuse | fft | s.fuse("s2.g", "s2.k"); s.split("g_k", 3) | ok
fuse | lu | s.fuse("i", "j") | TA225
fuse | steps | s.fuse("i", "j") | TA226
fuse | pool | s.fuse("y", "x"); s.fuse("u", "v") | ok
fuse | seidel | s.fuse("i", "j"); s.split("i_j", 5) | ok
fuse | convpad | s.reverse("y"); s.fuse("y", "x"); s.parallel("y_x") | ok
skew | seidel | s.skew("i", by="t"); s.skew("j", by="i"); s.reorder("j", "i") | ok
skew | seidel | s.skew("j", by="i", factor=-1); s.skew("j", by="i", factor=2); s.reorder("j", "i") | ok
skew | lcs | s.skew("L2.j", by="L2.i"); s.reorder("L2.j", "L2.i"); s.parallel("L2.i") | ok
skew | steps | s.skew("j", by="i", factor=3) | ok
skew | downs | s.skew("j", by="i", factor=-2) | ok
skew | lu | s.skew("i", by="k"); s.skew("j", by="i") | ok
skew | trisolv | s.skew("j", by="i", factor=2) | ok
skew | nuss | s.skew("j", by="i", factor=-1) | ok
skew | oddeven | s.skew("i", by="t", factor=2) | ok
skew | seidel | s.skew("i", by="j") | ok
shift | jac | s.shift("L0.i#0", -3); s.shift("L0.i#1", 1); s.merge("L0.i#0", "L0.i#1") | ok
shift | downs | s.shift("i", 4); s.shift("j", -7); s.reverse("j") | ok
shift | steps | s.shift("i", 1); s.split("i", 2) | ok
shift | trisolv | s.shift("j", 100); s.split("j", 3) | ok
shift | lcs | s.shift("L2.i", -1); s.shift("L2.j", -1); s.tile(["L2.i", "L2.j"], 3) | ok
shift | extents | s.shift("L1.i", 2); s.merge("L0.i", "L1.i") | ok
reverse | floyd | s.reverse("i"); s.reverse("j") | TA210
reverse | floyd | s.reverse("k") | TA210
reverse | nuss | s.reverse("i") | TA210
reverse | convpad | s.reverse("x"); s.reverse("y"); s.tile(["y", "x"], 4) | ok
reverse | convpad | s.reverse("u") | TA210
reverse | mm | s.reverse("k"); s.reverse("i"); s.reverse("i") | ok
reverse | hist | s.reverse("cnt.i"); s.reverse("r") | ok
reverse | fft | s.reverse("s0.g"); s.reverse("s3.k") | ok
reverse | oddeven | s.reverse("i") | ok
reverse | bitmat | s.reverse("k") | ok
distribute | lu | s.distribute("i") | ok
distribute | trisolv | s.distribute("i") | TA210
distribute | softmax | s.distribute("i") | ok
distribute | fft | s.distribute("s2.k") | ok
distribute | gemmk0 | s.distribute("k") | ok
distribute | two_phase | s.distribute("k") | TA253
distribute | pool | s.distribute("x"); s.distribute("y") | ok
distribute | bitmat | s.distribute("i") | ok
distribute | while_k | s.distribute("i") | ok
distribute | spmv | s.distribute("i") | ok
distribute | jac | s.distribute("t") | TA210
merge | lcs | s.merge("L0.i", "L1.j") | ok
merge | extents | s.merge("L0.i", "L1.i") | ok
merge | jac | s.merge("L0.i#0", "L0.i#1") | TA210
merge | softmax | s.merge("j#1", "j#2") | TA210
merge | softmax | s.merge("j#0", "j#1") | TA210
merge | hist | s.merge("init.i", "scan.i") | TA210
merge | fft | s.merge("s0.g", "s1.g") | TA210
merge | lu | p = s.distribute("i"); s.merge(p[0], p[1]) | ok
merge | convpad | p = s.peel("y", 1); q = s.peel("x", 1) | ok
merge | convpad | p = s.peel("y", 2); s.merge(p, "y") | ok
merge | cholesky | s.peel("i", 2); s.merge("i_peel", "i") | ok
compute_at | softmax | s.compute_at(s.E, "j#2") | ok
compute_at | softmax | s.compute_at(s.m, "j#1") | ok
compute_at | twomm | s.compute_at("T", "i") | ok
compute_at | lcs | s.compute_at("L0", "L2.i") | ok
compute_at | hist | s.compute_at("init", "r") | ok
compute_at | extents | s.compute_at("B", "L1.i") | ok
compute_at | jac | s.compute_at("L0.i#0", "L0.i#1") | TA210
compute_at | fft | s.compute_at("s0", "s1.g") | ok
peel | lu | s.peel("k", 1); s.peel("i", -1) | ok
peel | trisolv | s.peel("i", 2); s.peel("j", 1) | ok
peel | gemmk0 | s.peel("k", 1); s.reorder("k", "j") | ok
peel | convpad | s.peel("y", 1); s.peel("y", -1); s.peel("x", 1); s.peel("x", -1) | ok
peel | oddeven | s.peel("i", 1); s.peel("t", -2) | ok
peel | downs | s.peel("j", -2); s.peel("i", 1) | ok
peel | nuss | s.peel("k", 2) | ok
peel | steps | s.split("j", 2); s.peel("j.outer", 1); s.peel("j.inner", 1) | TA255
peel | two_phase | s.peel("k", 1) | ok
peel | softmax | s.peel("j#1", 1); s.peel("j#1", -1) | ok
unroll | lu | s.unroll("i", 3); s.unroll("j", 2) | ok
unroll | fft | s.unroll("s2.k"); s.unroll("s1.g", 3) | ok
unroll | bitonic | s.unroll("L0.i", 3); s.unroll("L1.i") | ok
unroll | steps | s.unroll("j", 2); s.reorder("j", "i") | TA210
unroll | downs | s.unroll("j", 4); s.split("j", 3); s.unroll("j.inner") | ok
unroll | oddeven | s.unroll("i", 2) | ok
unroll | spmv | s.unroll("p", 4); s.unroll("i", 2) | ok
unroll | spmv | s.unroll("p") | TA227
unroll | while_k | s.unroll("i", 5) | ok
unroll | pool | s.unroll("u"); s.unroll("v") | ok
parallel | lu | s.parallel("i") | ok
parallel | lu | s.parallel("k") | TA211
parallel | trisolv | s.parallel("j") | TA211
parallel | cholesky | s.parallel("j") | TA211
parallel | fft | s.parallel("s0.g"); s.vectorize("s3.k") | ok
parallel | oddeven | s.parallel("i") | ok
parallel | oddeven | s.parallel("t") | TA211
parallel | softmax | s.parallel("i"); s.vectorize("j#2") | ok
parallel | softmax | s.vectorize("j#1") | TA211
parallel | hist | s.parallel("cnt.i") | TA211
parallel | spmv | s.parallel("i") | ok
parallel | while_k | s.parallel("i") | ok
parallel | seidel | s.skew("j", by="i"); s.reorder("j", "i"); s.parallel("i") | ok
parallel | twomm | s.parallel("mm:i"); s.vectorize("mm:j") | ok
parallel | bitmat | s.vectorize("i") | ok
parallel | nuss | s.reorder("k", "j") | TA210
pipeline | lu | s.pipeline("j"); s.pipeline("i", ii=30) | ok
pipeline | spmv | s.pipeline("i", ii=9) | ok
pipeline | while_k | s.pipeline("i") | ok
pipeline | softmax | s.pipeline("j#0", ii=4); s.split("j#0", 2) | ok
pipeline | pool | s.pipeline("x", initiation_interval=2); s.tile(["y", "x"], 2) | ok
pipeline | twomm | s.pipeline("mm:j"); s.pipeline("i") | ok
distribute | extents | s.distribute("L1.i") | ok
fuse | lu | s.fuse("k", "i") | TA226
compute_at | gemmk0 | p = s.distribute("k"); s.compute_at(p[0], p[1]) | ok
tile | steps | s.reassociate(); s.tile(["i", "j"], [1, 3]) | ok
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_steps(case: str) -> None:
    _, name, steps, expected = (part.strip() for part in case.split(" | "))
    kernel = getattr(users, name)
    s = ta.customize(kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)
        try:
            exec(steps, {"s": s})
            code = "ok"
        except ta.ScheduleError as error:
            code = str(error.code)
        assert code == expected
        check_round_trip(s, kernel)
