"""Moving numbers about: reshape, transpose, copy, cut out, put together."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from handgrad.core.op import Samples, op, primitive
from handgrad.core.sizes import Size, broadcast, divide, product, show
from handgrad.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from handgrad.ops.reductions import axes_of


def _settle_reshape(x: Any, shape: Any) -> dict[str, Any]:
    given = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if sum(1 for n in given if isinstance(n, int) and n == -1) > 1:
        raise ArgumentError("reshape: at most one -1 can be worked out, got {shape}.", shape=show(given))
    total = product(x.shape)
    rest = product(n for n in given if not (isinstance(n, int) and n == -1))
    if any(isinstance(n, int) and n == -1 for n in given):
        given = tuple(divide(total, rest) if isinstance(n, int) and n == -1 else n for n in given)
    elif rest != total:
        raise ShapeError(
            "reshape: {old} holds {have} numbers, {new} needs {need}.",
            old=show(x.shape), have=str(total), new=show(given), need=str(rest),
        )  # fmt: skip
    return {"shape": tuple(n if isinstance(n, Size) else operator.index(n) for n in given)}


def _reshape_simplify(xp: Any, x: Any, shape: Any) -> Any:
    if x.shape == shape:
        return x
    if x.op is reshape:
        return xp.reshape(x.args[0], shape=shape)
    return None


def _reshape_python(call: Any) -> str:
    old, new = call.args[0].shape, call.params["shape"]
    if len(new) > len(old) and tuple(n for n in new if n != 1) == tuple(n for n in old if n != 1):
        marks, i = [], 0
        for n in new:  # only inserts axes of length 1
            if i < len(old) and old[i] == n:
                marks.append(":")
                i += 1
            else:
                marks.append("None")
        if i == len(old):
            return f"{{0:9}}[{', '.join(marks)}]"
    inside = ", ".join(str(n) for n in new)
    return f"{{0:9}}.reshape({inside})" if len(new) != 0 else "{0:9}.reshape(())"


reshape = primitive(
    np.reshape, "x", name="reshape", kind="move", view=True, params={"shape": ()},
    settle=_settle_reshape, shape=lambda x, shape: (shape, x.dtype), simplify=_reshape_simplify,
    vjp=(lambda xp, g, out, x, shape: xp.reshape(g, shape=x.shape),),
    python=_reshape_python, notation="{0:9}", traits={"gradient": "pass"},
    torch="torch.reshape(x, shape if isinstance(shape, tuple) else (shape,))",
    sentence="The same numbers in another shape.",
    samples=Samples("n 6", params=({"shape": (-1, 2)}, {"shape": ("n", 1, 3, 2)}, {"shape": -1}), smallest=1),
)  # fmt: skip


def _settle_transpose(x: Any, axes: Any = None) -> dict[str, Any]:
    if axes is None:
        return {"axes": tuple(reversed(range(x.ndim)))}
    given = tuple(int(a) % x.ndim if -x.ndim <= a < x.ndim else a for a in axes)
    if sorted(given) != list(range(x.ndim)):
        raise ArgumentError(
            "transpose: axes {axes} must name each of the {ndim} axes once.", axes=show(axes), ndim=x.ndim
        )
    return {"axes": given}


def _transpose_simplify(xp: Any, x: Any, axes: Any) -> Any:
    if axes == tuple(range(x.ndim)):
        return x
    if x.op is transpose:
        inner = x.args[0]
        return xp.transpose(inner, axes=tuple(x.params["axes"][a] for a in axes))
    return None


def _transpose_vjp(xp: Any, g: Any, out: Any, x: Any, axes: Any) -> Any:
    axes = _settle_transpose(x, axes)["axes"]
    back = [0] * len(axes)
    for i, a in enumerate(axes):
        back[a] = i
    return xp.transpose(g, axes=tuple(back))


def _transpose_python(call: Any) -> str:
    axes = call.params["axes"]
    if axes == tuple(reversed(range(len(axes)))):
        return "{0:9}.T"
    return f"{{0:9}}.transpose({', '.join(map(str, axes))})"


transpose = primitive(
    lambda x, axes=None: np.transpose(x, axes), "x", name="transpose", kind="move", view=True, params={"axes": None},
    settle=_settle_transpose, simplify=_transpose_simplify, vjp=(_transpose_vjp,), python=_transpose_python,
    shape=lambda x, axes: (tuple(x.shape[a] for a in axes), x.dtype), notation=r"{0:9}^{{\top}}",
    torch="x.permute(tuple(reversed(range(x.ndim))) if axes is None else axes)", traits={"gradient": "pass"},
    sentence="Exchange the axes.",
    samples=Samples("n m k", params=({"axes": None}, {"axes": (1, 0, 2)}, {"axes": (2, 0, 1)}, {"axes": (-1, 0, 1)})),
)  # fmt: skip


def _broadcast_shape(x: Any, shape: Any) -> Any:
    if broadcast(x.shape, tuple(shape), where="broadcast_to") != tuple(shape):
        raise ShapeError("broadcast_to: {old} cannot be copied to {new}.", old=show(x.shape), new=show(shape))
    return tuple(shape), x.dtype


def _broadcast_vjp(xp: Any, g: Any, out: Any, x: Any, shape: Any) -> Any:
    lead = len(shape) - x.ndim
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(x.shape) if n == 1 and shape[i + lead] != 1
    )  # fmt: skip
    if not axes:
        return g
    return xp.reshape(xp.sum(g, axis=axes), shape=x.shape)


def _copied(x: Any, shape: Any) -> Any:
    """A read-only view that repeats x; much cheaper than np.broadcast_to."""
    x = np.asarray(x)
    lead = len(shape) - x.ndim
    if lead < 0 or any(n not in (1, shape[i + lead]) for i, n in enumerate(x.shape)):
        raise ShapeError("broadcast_to: {old} cannot be copied to {new}.", old=show(x.shape), new=show(shape))
    strides = (0,) * lead + tuple(
        0 if n == 1 and shape[i + lead] != 1 else s for i, (n, s) in enumerate(zip(x.shape, x.strides, strict=True))
    )
    copy = np.ndarray(shape, x.dtype, x, 0, strides) if x.flags.c_contiguous else np.broadcast_to(x, shape)
    copy.setflags(write=False)
    return copy


broadcast_to = primitive(
    _copied, "x", name="broadcast_to", kind="move", view=True, params={"shape": ()},
    settle=lambda x, shape: {"shape": tuple(shape)}, shape=_broadcast_shape, vjp=(_broadcast_vjp,),
    simplify=lambda xp, x, shape: x if x.shape == tuple(shape) else None,
    python=lambda call: f"np.broadcast_to({{0}}, {show(call.params['shape'])})", notation="{0:9}",
    torch="torch.broadcast_to(x, shape)", sentence="Copy along axes of length 1 and new leading axes.",
    traits={"gradient": "sum", "copies": True},
    samples=Samples("1 m", params=({"shape": (4, "n", "m")}, {"shape": (1, "m")})),
)  # fmt: skip


# -- cutting out and putting back -----------------------------------------------------------------------------------
def _items(index: Any, ndim: int) -> list[Any]:
    items = list(index) if isinstance(index, tuple) else [index]
    for item in items:
        if not (item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice))):
            raise DTypeError(
                "an index may hold whole numbers, slices, ... and None, got {item!r}: use take(x, indices).", item=item
            )
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if used > ndim:
        raise IndexRangeError("{used} indices for an array with {ndim} axes.", used=used, ndim=ndim)
    if Ellipsis not in items:
        items.append(Ellipsis)
    at = items.index(Ellipsis)
    items[at : at + 1] = [slice(None)] * (ndim - used)
    return items


def _settle_index(x: Any, index: Any) -> dict[str, Any]:
    result: list[Any] = []
    axis = 0
    for item in _items(index, x.ndim):
        if item is None:
            result.append(None)
            continue
        n = x.shape[axis]
        axis += 1
        if isinstance(item, slice):
            if item == slice(None):
                result.append(item)
            elif isinstance(n, Size):
                raise ShapeError("an axis of unknown length {n} cannot be cut: {item}.", n=str(n), item=str(item))
            else:
                start, stop, step = item.indices(n)
                result.append(slice(start, stop if stop >= 0 else None, step))
        else:
            if isinstance(n, Size) or not -n <= item < n:
                raise IndexRangeError("index {i} is outside an axis of length {n}.", i=int(item), n=str(n))
            result.append(int(item) % n)
    return {"index": tuple(result)}


def _index_shape(x: Any, index: Any) -> Any:
    shape: list[Any] = []
    axis = 0
    for item in index:
        if item is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        axis += 1
        if isinstance(item, slice):
            shape.append(n if item == slice(None) else len(range(*item.indices(n))))
    return tuple(shape), x.dtype


def _item_text(item: Any) -> str:
    if isinstance(item, slice):
        ends = f"{'' if item.start is None else item.start}:{'' if item.stop is None else item.stop}"
        return ends if item.step in (None, 1) else f"{ends}:{item.step}"
    return str(item)


def _index_text(index: Any) -> str:
    items = list(index)
    while items and items[-1] == slice(None):
        items.pop()
    return ", ".join(_item_text(i) for i in items) or "..."


getitem = primitive(
    lambda x, index: np.asarray(x)[index], "x", name="getitem", kind="move", view=True, params={"index": ()},
    settle=_settle_index, shape=_index_shape, traits={"gradient": "route"},
    vjp=(lambda xp, g, out, x, index: xp.put_slice(g, index=index, shape=x.shape),),
    python=lambda call: f"{{0:9}}[{_index_text(call.params['index'])}]",
    notation=lambda call: f"{{0:9}}[{_index_text(call.params['index'])}]",
    torch="x.flatten()[torch.tensor(torch.arange(x.numel()).reshape(x.shape).numpy()[index].copy())]",
    sentence="Cut out by whole numbers and slices.",
    samples=Samples("4 5 m", params=(
        {"index": (1, slice(None, None, 2))}, {"index": (Ellipsis, None)}, {"index": -1},
        {"index": (slice(3, None, -1), None, -2)}, {"index": (slice(2, 2),)})),
)  # fmt: skip


def _put_slice(x: Any, index: Any, shape: Any) -> Any:
    whole = np.zeros(shape, np.asarray(x).dtype)
    whole[index] = x
    return whole


put_slice = primitive(
    _put_slice, "x", name="put_slice", kind="move", params={"index": (), "shape": ()},
    shape=lambda x, index, shape: (tuple(shape), x.dtype),
    vjp=(lambda xp, g, out, x, index, shape: xp.getitem(g, index=index),),
    python=lambda call: f"put_slice({{0}}, {call.params['index']!r}, {show(call.params['shape'])})",
    notation=lambda call: rf"\operatorname{{{{put}}}}_{{{{{_index_text(call.params['index'])}}}}}\left({{0}}\right)",
    torch="torch.zeros(shape, dtype=x.dtype).index_put(tuple(torch.arange(n)[i] for n, i in zip(shape, index)), x)",
    sentence="Zeros, with x put where a slice was cut out.", traits={"gradient": "route", "carried": _put_slice},
    samples=Samples("3 m", params=({"index": (slice(0, 6, 2),), "shape": (6, "m")},)),
)  # fmt: skip


# -- putting together -----------------------------------------------------------------------------------------------
def _settle_concat(*xs: Any, axis: int = 0) -> dict[str, Any]:
    if not xs:
        raise ArgumentError("concat needs at least one array, got {n}.", n=0)
    return {"axis": axes_of(axis, xs[0].ndim, "concat")[0]}


def _concat_shape(*xs: Any, axis: int) -> Any:
    first = xs[0].shape
    for x in xs[1:]:
        if x.ndim != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(first, x.shape, strict=True)) if i != axis
        ):
            raise ShapeError(
                "concat along axis {axis}: shapes {a} and {b} must be equal on every other axis.",
                axis=axis, a=show(first), b=show(x.shape),
            )  # fmt: skip
    total = 0
    for x in xs:
        if isinstance(x.shape[axis], Size):
            raise ShapeError("concat: axis {axis} has the unknown length {n}.", axis=axis, n=str(x.shape[axis]))
        total += x.shape[axis]
    return (*first[:axis], total, *first[axis + 1 :]), "float" if any(x.dtype == "float" for x in xs) else xs[0].dtype


def _concat_vjp(xp: Any, g: Any, out: Any, i: int, *xs: Any, axis: int) -> Any:
    axis = axis % xs[0].ndim
    start = sum(x.shape[axis] for x in xs[:i])
    stop = start + xs[i].shape[axis]
    return xp.getitem(g, index=(slice(None),) * axis + (slice(start, stop),))


concat = primitive(
    lambda *xs, axis=0: np.concatenate(xs, axis=axis), "*xs", name="concat", kind="move", params={"axis": 0},
    settle=_settle_concat, shape=_concat_shape, vjp=(_concat_vjp,),
    python=lambda call: "np.concatenate(["
    + ", ".join(f"{{{i}}}" for i in range(len(call.args)))
    + f"], axis={call.params['axis']})",
    notation=lambda call: r"\left[" + r"\;\; ".join(f"{{{i}}}" for i in range(len(call.args))) + r"\right]",
    torch="torch.cat(xs, dim=axis)", traits={"gradient": "route"}, sentence="Put arrays side by side along an axis.",
    samples=Samples("2 m, 3 m|n m, n m, n m|4 m", params=({"axis": 0}, {"axis": -2})),
)  # fmt: skip


@op(kind="composite", torch="torch.stack(xs, dim=axis)",
    samples=Samples("n m, n m|n m, n m, n m", params=({"axis": 0}, {"axis": -1}, {"axis": 1})))  # fmt: skip
def stack(xp, *xs, axis=0):
    """Put arrays behind one another along a new axis."""
    at = axis % (len(xs[0].shape) + 1)
    new = [xp.reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:])) for x in xs]
    return xp.concat(*new, axis=at)
