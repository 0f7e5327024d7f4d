"""Picking by index: rows of a table, one number of each row, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.op import Samples, primitive
from handgrad.core.sizes import show
from handgrad.errors import DTypeError, IndexRangeError, ShapeError
from handgrad.ops.reductions import axes_of

POSITION = "an index is a position, it cannot move a little"


def _whole(x: Any, what: str) -> None:
    if x.dtype != "int":
        raise DTypeError("{what} needs whole numbers as indices, got {dtype}.", what=what, dtype=x.dtype)


def _settle_take(x: Any, indices: Any, axis: int = 0) -> dict[str, Any]:
    _whole(indices, "take")
    return {"axis": axes_of(axis, x.ndim, "take")[0]}


def _take_vjp(xp: Any, g: Any, out: Any, x: Any, indices: Any, axis: int) -> Any:
    return xp.scatter_add(g, indices, shape=x.shape, axis=axis % x.ndim)


def _scatter_add(x: Any, indices: Any, shape: Any, axis: int) -> Any:
    whole = np.zeros(shape, np.asarray(x).dtype)
    place: Any = (slice(None),) * axis + (np.asarray(indices),)
    np.add.at(whole, place, x)
    return whole


def _places(indices: Any, n: int, where: str) -> Any:
    """Indices as they are, once it is sure that they are whole numbers from 0 to n - 1: a -1 must not wrap."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise DTypeError(
            "{where} needs whole numbers as indices, got {dtype}: try y.astype(int).",
            where=where, dtype=str(indices.dtype),
        )  # fmt: skip
    if indices.size and (indices.min() < 0 or indices.max() >= n):
        at = int(np.argmax((indices < 0) | (indices >= n)))
        raise IndexRangeError(
            "{where}: index {i} at position {at} is outside 0 to {last}: count from 0.",
            where=where, i=int(indices.flat[at]), at=at, last=n - 1,
        )  # fmt: skip
    return indices


def _take(x: Any, indices: Any, axis: int = 0) -> Any:
    return np.take(x, _places(indices, np.shape(x)[axis], "take"), axis=axis)


take = primitive(
    _take, "x indices", name="take", kind="move", params={"axis": 0}, settle=_settle_take,
    shape=lambda x, i, axis: ((*x.shape[:axis], *i.shape, *x.shape[axis + 1 :]), x.dtype),
    vjp=(_take_vjp,), constant={"indices": POSITION},
    python=lambda call: f"np.take({{0}}, {{1}}, axis={call.params['axis']})", notation="{0:9}[{1}]",
    torch="torch.index_select(x, axis, indices)", traits={"gradient": "route"},
    sentence="Pick rows (or columns) by index.",
    samples=Samples("n m, k|n n, k", integers={"indices": "n"}, params=({"axis": 0},), smallest=1),
)  # fmt: skip
scatter_add = primitive(
    _scatter_add, "x indices", name="scatter_add", kind="move", params={"shape": (), "axis": 0},
    shape=lambda x, i, shape, axis: (tuple(shape), x.dtype), constant={"indices": POSITION},
    vjp=(lambda xp, g, out, x, indices, shape, axis: xp.take(g, indices, axis=axis),),
    python=lambda call: f"scatter_add({{0}}, {{1}}, {show(call.params['shape'])}, {call.params['axis']})",
    notation=r"\operatorname{{scatter}}_{{{1}}}\left({0}\right)", traits={"gradient": "sum", "carried": _scatter_add},
    torch="torch.zeros(shape, dtype=x.dtype).index_add(axis, indices, x)",
    sentence="Zeros, with each row of x added where its index says.",
    samples=Samples("k m, k", integers={"indices": "n"}, params=({"shape": ("n", "m"), "axis": 0},), smallest=1),
)  # fmt: skip


def _pick(x: Any, y: Any) -> Any:
    x = np.asarray(x)
    return np.take_along_axis(x, _places(y, x.shape[-1], "pick")[..., None], axis=-1)[..., 0]


def _pick_shape(x: Any, y: Any) -> Any:
    _whole(y, "pick")
    if y.shape != x.shape[:-1]:
        raise ShapeError(
            "pick: one index for each row is needed: {x} takes indices of shape {need}, got {y}.",
            x=show(x.shape), need=show(x.shape[:-1]), y=show(y.shape),
        )  # fmt: skip
    return y.shape, x.dtype


def _pick_python(call: Any) -> str:
    if call.args[0].ndim == 2:
        return f"{{0:9}}[np.arange({call.args[0].shape[0]}), {{1}}]"
    return "np.take_along_axis({0}, {1:9}[..., None], axis=-1)[..., 0]"


pick = primitive(
    _pick, "x y", name="pick", kind="move", shape=_pick_shape, constant={"y": POSITION}, python=_pick_python,
    vjp=(lambda xp, g, out, x, y: xp.reshape(g, shape=(*g.shape, 1)) * xp.one_hot(y, n=x.shape[-1]),),
    notation="{0:9}[{1}]", torch="torch.gather(x, -1, y.unsqueeze(-1)).squeeze(-1)", traits={"gradient": "route"},
    sentence="One number of each row: the one that its index names.",
    samples=Samples("n m, n", integers={"y": "m"}, smallest=1),
)  # fmt: skip
one_hot = primitive(
    lambda y, n: _places(y, n, "one_hot")[..., None] == np.arange(n), "y", name="one_hot", kind="move", params={"n": 1},
    shape=lambda y, n: ((*y.shape, n), "bool"), constant={"y": POSITION},
    python=lambda call: f"np.eye({call.params['n']})[{{0}}]", notation=r"\mathbf{{1}}_{{{0}}}",
    torch="torch.nn.functional.one_hot(y, n).bool()", sentence="1 in the column that the index names, 0 elsewhere.",
    samples=Samples("k", integers={"y": "n"}, params=({"n": "n"},), smallest=1),
)  # fmt: skip
