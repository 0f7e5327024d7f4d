"""Shortcuts: the gradients that come out when the derivative of an activation is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.core.op import Op
from handgrad.core.reverse import topological
from handgrad.core.tensor import Tensor, gradients

Array = Any
MOST = 60  # candidates: each costs a backward pass


def shortcuts(out: Tensor, leaves: Sequence[Tensor], g: Array) -> list[list[Array]]:
    """For each stretch of element-by-element steps u → v: the gradients if what arrives at v went to u unchanged."""
    found: list[list[Array]] = []
    for v in topological([out]):
        below = _below(v)
        if not below:
            continue
        past, arriving = _around(out, v, leaves, g)
        for u in below[: MOST - len(found)]:
            through = [arriving if u is leaf else np.zeros(leaf.shape) for leaf in leaves]
            if u.op is not None:
                through = gradients(u, leaves, arriving)
            found.append([a + b for a, b in zip(past, through, strict=True)])
    return found


def _below(v: Any) -> list[Tensor]:
    """The values of v's own shape that it is made of element by element, nearest last."""
    if not isinstance(v, Tensor) or v.op is None or not v.ndim:
        return []
    seen: dict[int, Tensor] = {}
    stack: list[Any] = [v]
    while stack:
        node = stack.pop()
        if node.op is None or not (node.op.kind == "map" or _alone(node.op)):
            continue
        for a in node.args:
            if isinstance(a, Tensor) and a.shape == v.shape and id(a) not in seen and a.dtype.kind == "f":
                seen[id(a)] = a
                stack.append(a)
    return list(seen.values())[::-1]


def _alone(op: Op) -> bool:
    """Whether an op has one input only, as activations do."""
    return op.kind == "op" and len(op.differentiable) == 1 and not op.variadic


def _around(out: Tensor, v: Tensor, leaves: Sequence[Tensor], g: Array) -> tuple[list[Array], Array]:
    """The gradients that reach the leaves on other ways than through v, and what arrives at v."""
    arriving = gradients(out, [v], g)[0] if v is not out else np.asarray(g)
    if v is out:
        return [np.zeros(leaf.shape) for leaf in leaves], arriving
    whole, through = gradients(out, leaves, g), gradients(v, leaves, arriving)
    return [a - b for a, b in zip(whole, through, strict=True)], arriving
