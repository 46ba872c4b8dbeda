"""Breadth-first search over a graph, one horizon at a time; counts the nodes of each level.

`nodes` holds records with the fields edge_begin and edge_end, `edges` records with the field dst. Nodes
that were not reached keep the level 127.
"""

import tracealloc as ta
from tracealloc import kernel

UNMARKED = 127


def make(*, N_NODES=256, N_EDGES=4096, N_LEVELS=10):
    Node = ta.Struct(edge_begin=ta.uint64, edge_end=ta.uint64)
    Edge = ta.Struct(dst=ta.uint64)

    @kernel
    def bfs(
        nodes: Node[N_NODES],
        edges: Edge[N_EDGES],
        starting_node: ta.uint64,
        level: ta.int8[N_NODES],
        level_counts: ta.uint64[N_LEVELS],
    ):
        level[starting_node] = 0
        level_counts[0] = 1
        horizon = ta.scalar(ta.int8, 0)
        found = ta.scalar(ta.uint64, 1)

        def expand():
            found.set(0)
            for n in ta.range(N_NODES):
                if level[n] == horizon:
                    for e in ta.range(nodes[n].edge_begin, nodes[n].edge_end):
                        target = edges[e].dst
                        if level[target] == UNMARKED:
                            level[target] = horizon + 1
                            found.set(found + 1)
            level_counts[horizon + 1] = found
            horizon.set(horizon + 1)

        ta.while_loop(lambda: (found > 0) & (horizon < N_LEVELS - 1), expand)

    return bfs
