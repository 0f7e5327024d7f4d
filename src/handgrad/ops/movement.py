"""Moving numbers about: reshape, transpose, copy, cut out, put together, pick by index, patches of images."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from handgrad.core.op import Samples, op, primitive
from handgrad.core.sizes import Size, broadcast, divide, product, show
from handgrad.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from handgrad.ops.reductions import axes_of

POSITION = "an index is a position, it cannot move a little"


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
    lambda x, shape: np.reshape(x, shape), "x", name="reshape", kind="move", view=True, params={"shape": ()},
    settle=_settle_reshape, shape=lambda x, shape: (shape, x.dtype), simplify=_reshape_simplify,
    vjp=(lambda xp, g, out, x, shape: xp.reshape(g, shape=x.shape),),
    python=_reshape_python, notation="{0:9}", torch="torch.reshape(x, shape if isinstance(shape, tuple) else (shape,))", traits={"gradient": "pass"},
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
    traits={"gradient": "sum", "copies": True}, samples=Samples("1 m", params=({"shape": (4, "n", "m")}, {"shape": (1, "m")})),
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
        if x.ndim != len(first) or any(a != b for i, (a, b) in enumerate(zip(first, x.shape, strict=True)) if i != axis):
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


# -- picking by index -------------------------------------------------------------------------------------------------
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
    torch="torch.index_select(x, axis, indices)", traits={"gradient": "route"}, sentence="Pick rows (or columns) by index.",
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


# -- patches of images ------------------------------------------------------------------------------------------------
def pair(value: Any, name: str) -> tuple[int, int]:
    """(rows, columns) from a whole number or two of them."""
    two = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(two) != 2 or not all(isinstance(v, (int, np.integer)) for v in two):
        raise ArgumentError("{name} must be a whole number or two of them, got {value!r}.", name=name, value=value)
    return int(two[0]), int(two[1])


def _settle_patches(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> dict[str, Any]:
    return {"kernel": pair(kernel, "kernel"), "stride": pair(stride, "stride"), "padding": pair(padding, "padding")}


def _patches_shape(x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    if x.ndim != 4:
        raise ShapeError("patches: images have the axes (N, channels, height, width), got {shape}.", shape=show(x.shape))
    n, c, h, w = x.shape
    oh, ow = ((s + 2 * p - k) // d + 1 for s, k, d, p in zip((h, w), kernel, stride, padding, strict=True))
    if oh < 1 or ow < 1:
        raise ShapeError(
            "patches: a {kernel} window does not fit into {size} with padding {padding}.",
            kernel=show(kernel), size=show((h, w)), padding=show(padding),
        )  # fmt: skip
    return (n, oh, ow, c, *kernel), x.dtype


def _patches(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    (kh, kw), (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, padding))
    wide = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5))


def _fold(p: Any, shape: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    (kh, kw), (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, padding))
    n, c, h, w = shape
    wide = np.zeros((n, c, h + 2 * ph, w + 2 * pw), p.dtype)
    oh, ow = p.shape[1:3]
    for i in range(kh):
        for j in range(kw):
            wide[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw] += p[:, :, :, :, i, j].transpose(0, 3, 1, 2)
    return wide[:, :, ph : ph + h, pw : pw + w]


WINDOW = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0)}
patches = primitive(
    _patches, "x", name="patches", kind="move", params=dict(WINDOW), settle=_settle_patches, shape=_patches_shape,
    vjp=(lambda xp, g, out, x, kernel, stride, padding: xp.fold(
        g, shape=x.shape, kernel=kernel, stride=stride, padding=padding),),
    python=lambda c: f"patches({{0}}, {c.params['kernel']}, {c.params['stride']}, {c.params['padding']})",
    notation=r"\operatorname{{patches}}\left({0}\right)", traits={"gradient": "sum", "carried": _patches},
    torch="F.pad(x, (padding[1], padding[1], padding[0], padding[0])).unfold(2, kernel[0], stride[0])"
    ".unfold(3, kernel[1], stride[1]).permute(0, 2, 3, 1, 4, 5)",
    sentence="Every window of an image: (N, C, H, W) to (N, rows, columns, C, kernel height, kernel width).",
    samples=Samples("n c 5 6", params=({"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0)},)),
)  # fmt: skip
fold = primitive(
    _fold, "p", name="fold", kind="move", params={"shape": (), **WINDOW},
    shape=lambda p, shape, kernel, stride, padding: (tuple(shape), p.dtype),
    vjp=(lambda xp, g, out, p, shape, kernel, stride, padding: xp.patches(
        g, kernel=kernel, stride=stride, padding=padding),),
    python=lambda c: f"fold({{0}}, {show(c.params['shape'])}, {c.params['kernel']}, {c.params['stride']}, "
    f"{c.params['padding']})",
    notation=r"\operatorname{{fold}}\left({0}\right)", traits={"gradient": "copy", "carried": _fold},
    torch="F.fold(p.permute(0, 3, 4, 5, 1, 2).flatten(4).flatten(1, 3), shape[2:], kernel, padding=padding, "
    "stride=stride)",
    sentence="Put windows back into the image, adding where they overlap; the adjoint of patches.",
    samples=Samples("n 3 6 c 3 2", params=(
        {"shape": ("n", "c", 5, 7), "kernel": (3, 2), "stride": (2, 1), "padding": (1, 0)},)),
)  # fmt: skip
