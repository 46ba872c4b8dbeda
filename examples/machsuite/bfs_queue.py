"""Breadth-first search over a graph with a circular queue; counts the nodes of each level.

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
        queue = ta.empty(N_NODES, ta.uint64)
        head = ta.scalar(ta.int32, 0)
        tail = ta.scalar(ta.int32, 0)
        waiting = ta.scalar(ta.int32, 0)

        def push(node):
            queue[tail] = node
            tail.set((tail + 1) % N_NODES)
            waiting.set(waiting + 1)

        def visit():
            node = queue[head]
            head.set((head + 1) % N_NODES)
            waiting.set(waiting - 1)
            for e in ta.range(nodes[node].edge_begin, nodes[node].edge_end):
                target = edges[e].dst
                if level[target] == UNMARKED:
                    depth = level[node] + 1
                    level[target] = depth
                    level_counts[depth] += 1
                    push(target)

        level[starting_node] = 0
        level_counts[0] = 1
        push(starting_node)
        ta.while_loop(lambda: waiting > 0, visit)

    return bfs
