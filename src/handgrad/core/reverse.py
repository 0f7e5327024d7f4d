"""The one reverse loop: backpropagation over any graph of nodes with `.op` and `.args`.

It serves Tensors and expressions alike. It has an explicit stack (a chain of 100,000 ops is no deeper than one op), and
it visits live nodes only: those between the wanted leaves and the output, so the gradient of an input that nobody asked
for is never formed.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

GROUP = 8  # so many summands stand side by side in a printed line


def topological(roots: Sequence[Any], stop: frozenset[int] | set[int] = frozenset()) -> list[Any]:
    """All nodes below the roots, each after its arguments; deterministic, without recursion.

    Nodes whose id is in `stop` are taken as they are: what is below them is not visited.
    """
    order: list[Any] = []
    done: set[int] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        key = id(node)
        if key in done:
            continue
        if ready:
            done.add(key)
            order.append(node)
            continue
        stack.append((node, True))
        if key in stop:
            continue
        for a in reversed(node.args):
            if id(a) not in done:
                stack.append((a, False))
    return order


def total(parts: Sequence[Any]) -> Any:
    """The sum of all parts, in their order; many are added up in groups: the sum of a thousand is not so deep."""
    while len(parts) > 1:
        parts = [functools.reduce(operator.add, parts[i : i + GROUP]) for i in range(0, len(parts), GROUP)]
    return parts[0]


def reverse(
    seeds: Sequence[tuple[Any, Any]],
    wanted: Sequence[Any],
    vjp: Callable[[Any, int, Any], Any],
    hear: Callable[..., Any] | None = None,
    stop: bool = False,
) -> dict[int, Any]:
    """The adjoint of every live node, by id.

    `seeds` pairs each output with the gradient that arrives there; `wanted` are the nodes whose gradients are
    asked for. `vjp(node, i, g)` is one step of the chain rule, None where nothing flows. With `stop` the wanted nodes
    are inputs, and nothing below them is visited.
    `hear(node, contributions) -> adjoint` is told of each node in turn, with the contributions `(consumer, i, value)`
    in the order in which they arrived, and may give back another name for their sum.
    """
    goal = {id(w) for w in wanted}
    edge = goal if stop else set()
    order = topological([node for node, _ in seeds], edge)
    live: set[int] = set()
    for node in order:
        key = id(node)
        if key in goal:
            live.add(key)
        elif node.op is not None and any(id(a) in live and node.op.moves(i) for i, a in enumerate(node.args)):
            live.add(key)
    arrived: dict[int, list[tuple[Any, int, Any]]] = {}
    for node, g in seeds:
        arrived.setdefault(id(node), []).append((None, 0, g))
    adjoint: dict[int, Any] = {}
    for node in reversed(order):
        parts = arrived.pop(id(node), None)
        if parts is None or id(node) not in live:
            continue
        g = hear(node, parts) if hear is not None else None
        if g is None:
            g = total([value for _, _, value in parts])
        adjoint[id(node)] = g
        if id(node) in edge:
            continue
        for i, a in enumerate(node.args):
            if id(a) in live:
                step = vjp(node, i, g)
                if step is not None:
                    arrived.setdefault(id(a), []).append((node, i, step))
    return adjoint
