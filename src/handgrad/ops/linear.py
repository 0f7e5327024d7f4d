"""Products: matrix times matrix, and the affine step Y = XW + b."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.op import Samples, op, primitive
from handgrad.core.sizes import broadcast, show
from handgrad.errors import ShapeError


def _shape(x: Any, y: Any) -> Any:
    if not x.ndim or not y.ndim:
        raise ShapeError(
            "matmul: a single number has no rows and columns, got {x} and {y}: use *.", x=show(x.shape), y=show(y.shape)
        )
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise ShapeError(
            "matmul: {x} times {y}: the last axis of the first ({a}) must equal the second-last of the other ({b}).",
            x=show(x.shape), y=show(y.shape), a=str(x.shape[-1]), b=str(inner),
        )  # fmt: skip
    batch = broadcast(x.shape[:-2], y.shape[:-2], where="matmul")
    return batch + (x.shape[-2:-1] if x.ndim > 1 else ()) + (y.shape[-1:] if y.ndim > 1 else ()), "float"


def _turned(xp: Any, x: Any) -> Any:
    axes = tuple(range(x.ndim))
    return xp.transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


def _fit(xp: Any, g: Any, shape: Any) -> Any:
    """Add up over batch axes that were copied."""
    lead = len(g.shape) - len(shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1)
    return xp.reshape(xp.sum(g, axis=axes), shape=shape) if axes else g


def _x_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return _fit(xp, xp.reshape(g, shape=(*g.shape, 1)) * y, x.shape)
    if x.ndim == 1:
        g = xp.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
        return _fit(xp, xp.reshape(xp.matmul(g, _turned(xp, y)), shape=(*y.shape[:-2], x.shape[0])), x.shape)
    return _fit(xp, xp.matmul(g, _turned(xp, y)), x.shape)


def _y_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        column = xp.reshape(x, shape=(x.shape[0], 1)) if y.ndim > 1 else x
        row = xp.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1])) if y.ndim > 1 else g
        return _fit(xp, column * row, y.shape)
    if y.ndim == 1:
        g = xp.reshape(g, shape=(*g.shape, 1))
        return _fit(xp, xp.reshape(xp.matmul(_turned(xp, x), g), shape=(*x.shape[:-2], y.shape[0])), y.shape)
    return _fit(xp, xp.matmul(_turned(xp, x), g), y.shape)


matmul = primitive(
    np.matmul, "x y", name="matmul", kind="contract", shape=_shape, vjp=(_x_vjp, _y_vjp), symbol="z",
    python=("{0:5} @ {1:6}", 5), notation=(r"{0:5}\,{1:6}", 5), torch="torch.matmul(x, y)",
    sentence="Matrix product; leading axes are batches.", traits={"gradient": "exchange"},
    samples=Samples("n d, d m|b n d, d m|b n d, b d m|d, d|n d, d|d, d m|b n d, d|d, b d m|b 1 n d, 3 d m|1 n d, b d m|"
                    "n d, b d m"),
)  # fmt: skip


def _affine_latex(call: Any) -> Any:
    return r"{0:5}\,{1:6} + {2:4}", 4


@op(symbol="z", notation=_affine_latex, torch="torch.nn.functional.linear(x, W.mT, b)",
    samples=Samples("n d, d m, m|d, d m, m|b n d, d m, m"),
    traits={"gradient": "exchange", "module": "Linear"})  # fmt: skip
def affine(xp, x, W, b):
    """Weigh the inputs, add them up, add the bias: every row of x times W, plus b."""
    return x @ W + b


@affine.vjp("x")
def _(xp, g, out, x, W, b):
    return g @ W.T


@affine.vjp("W")
def _(xp, g, out, x, W, b):
    return rows(xp, x).T @ rows(xp, g)


@affine.vjp("b")
def _(xp, g, out, x, W, b):
    return xp.sum(rows(xp, g), axis=0)


def rows(xp: Any, x: Any) -> Any:
    """All rows of a batch (of sequences) under one another: (..., D) to (rows, D)."""
    if x.ndim == 1:
        return xp.reshape(x, shape=(1, x.shape[0]))
    if x.ndim == 2:
        return x
    n: Any = 1
    for k in x.shape[:-1]:
        n = n * k
    return xp.reshape(x, shape=(n, x.shape[-1]))
