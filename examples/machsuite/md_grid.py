"""Lennard-Jones force on the atoms of a grid of cells, from the atoms of each cell and its neighbours.

`force` and `position` are arrays of records (x, y, z); forces are added to what `force` holds.
"""

import tracealloc as ta
from tracealloc import grid, kernel

LJ1, LJ2 = 1.5, 2.0


def make(*, blockSide=4, densityFactor=10, dtype=ta.float64):
    B = blockSide
    Vector = ta.Struct(x=dtype, y=dtype, z=dtype)
    atoms = Vector[B, B, B, densityFactor]

    def around(cell):
        return ta.range(ta.maximum(cell - 1, 0), ta.minimum(cell + 2, B))

    @kernel
    def md(n_points: ta.int32[B, B, B], force: atoms, position: atoms):
        for i, j, k in grid(B, B, B):
            for i2 in around(i):
                for j2 in around(j):
                    for k2 in around(k):
                        for n in ta.range(n_points[i, j, k]):
                            here = position[i, j, k, n]
                            total = force[i, j, k, n]
                            fx = ta.scalar(dtype, total.x)
                            fy = ta.scalar(dtype, total.y)
                            fz = ta.scalar(dtype, total.z)
                            for m in ta.range(n_points[i2, j2, k2]):
                                there = position[i2, j2, k2, m]
                                if (there.x != here.x) | (there.y != here.y) | (there.z != here.z):
                                    dx = here.x - there.x
                                    dy = here.y - there.y
                                    dz = here.z - there.z
                                    r2inv = 1.0 / (dx * dx + dy * dy + dz * dz)
                                    r6inv = r2inv * r2inv * r2inv
                                    size = r2inv * (r6inv * (LJ1 * r6inv - LJ2))
                                    fx += size * dx
                                    fy += size * dy
                                    fz += size * dz
                            force[i, j, k, n].x = fx
                            force[i, j, k, n].y = fy
                            force[i, j, k, n].z = fz

    return md
