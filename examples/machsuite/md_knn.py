"""Lennard-Jones force on each atom from the neighbours that a list names for it."""

import tracealloc as ta
from tracealloc import kernel

LJ1, LJ2 = 1.5, 2.0


def make(*, nAtoms=256, maxNeighbors=16, dtype=ta.float64):
    vector = dtype[nAtoms]

    @kernel
    def md_kernel(
        force_x: vector,
        force_y: vector,
        force_z: vector,
        position_x: vector,
        position_y: vector,
        position_z: vector,
        NL: ta.int32[nAtoms * maxNeighbors],
    ):
        for i in ta.range(nAtoms):
            fx = ta.scalar(dtype, 0)
            fy = ta.scalar(dtype, 0)
            fz = ta.scalar(dtype, 0)
            for j in ta.range(maxNeighbors):
                other = NL[i * maxNeighbors + j]
                dx = position_x[i] - position_x[other]
                dy = position_y[i] - position_y[other]
                dz = position_z[i] - position_z[other]
                r2inv = 1.0 / (dx * dx + dy * dy + dz * dz)
                r6inv = r2inv * r2inv * r2inv
                force = r2inv * (r6inv * (LJ1 * r6inv - LJ2))
                fx += dx * force
                fy += dy * force
                fz += dz * force
            force_x[i] = fx
            force_y[i] = fy
            force_z[i] = fz

    return md_kernel
