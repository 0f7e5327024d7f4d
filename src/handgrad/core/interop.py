"""NumPy's functions and Python's indexing, applied to a Tensor: recorded as ops, or refused with the op to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.arrays import unmasked
from handgrad.core.op import registry
from handgrad.core.sizes import broadcast, show
from handgrad.errors import DTypeError, IndexRangeError, ShapeError, clipped, nearest

UFUNCS = {"absolute": "abs", "fabs": "abs", "true_divide": "divide", "float_power": "power"}
FUNCTIONS = {"amax": "max", "amin": "min", "concatenate": "concat", "permute_dims": "transpose"}
# NumPy calls that are spelled with operators here
SPELLED: dict[str, Callable[..., Any]] = {
    "square": lambda x: x**2,
    "reciprocal": lambda x: 1 / x,
    "positive": lambda x: x,
    "ravel": lambda x: x.reshape(-1),
    "squeeze": lambda x: x.reshape(tuple(n for n in x.shape if n != 1)),
    "expand_dims": lambda x, axis: x.reshape(np.expand_dims(np.empty(x.shape, bool), axis).shape),
    "dot": lambda x, y: x @ y if np.ndim(_numbers(x)) and np.ndim(_numbers(y)) else x * y,
}
# questions about the numbers, with answers that have no derivative
QUESTIONS = (
    "shape", "ndim", "size", "zeros_like", "ones_like", "full_like", "empty_like", "array_equal", "allclose", "isclose",
    "all", "any", "count_nonzero", "argsort", "isnan", "isfinite", "isinf", "signbit", "array_repr", "array_str",
    "array2string", "result_type",
)  # fmt: skip


def _numbers(value: Any) -> Any:
    """The numbers behind Tensors, in arguments of any nesting."""
    if isinstance(value, list | tuple):
        return type(value)(_numbers(v) for v in value)
    return value.value if hasattr(value, "_apply_op") else value


def _refuse(called: str, name: str) -> DTypeError:
    return DTypeError(
        "np.{called} does not record on a Tensor: use an op of hg.ops, or x.value. {hint}",
        called=called,
        hint=nearest(name, registry),
    )


def on_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """np.add(x, y), np.exp(x), array * x: the op of that name."""
    known = ufunc.__name__
    name = UFUNCS.get(known, known)
    if method != "__call__" or kwargs:
        raise _refuse(known if method == "__call__" else f"{known}.{method}", name)
    if name in QUESTIONS:
        return ufunc(*_numbers(tuple(inputs)))
    if name in SPELLED:
        return SPELLED[name](*inputs)
    if name not in registry:
        raise _refuse(known, name)
    return registry[name](*inputs)


def on_function(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """np.sum(x, axis=0), np.concatenate([x, y]): the op of that name, or the answer to a question about x."""
    known = function.__name__
    name = FUNCTIONS.get(known, known)
    if name in QUESTIONS:
        return function(*_numbers(tuple(args)), **{k: _numbers(v) for k, v in kwargs.items()})
    if name in SPELLED:
        return SPELLED[name](*args, **kwargs)
    if name not in registry:
        raise _refuse(known, name)
    op = registry[name]
    if op.kind == "reduce" and len(args) > 2:  # NumPy's third argument is a dtype, not keepdims
        raise _refuse(known, name)
    if name == "take" and len(args) < 3 and kwargs.get("axis") is None and args[0].ndim > 1:
        return op(args[0].reshape(-1), *args[1:], axis=0)  # NumPy counts through all numbers when no axis is given
    return op(*args, **kwargs)


def real(value: Any, dtype: Any = None) -> Any:
    """`value` as a new array of real numbers (or booleans)."""
    unmasked(value, "the value")
    try:
        with np.errstate(over="ignore"):  # beyond float32 is inf, as it is in NumPy
            array = np.array(value, dtype=dtype)
    except (ValueError, TypeError):
        array = None
    if array is None or array.dtype.kind not in "fiub":
        raise DTypeError(
            "{value} is not an array of real numbers: give a number, nested lists of equal length or an array.",
            value=clipped(" ".join(repr(value).split())),
        )
    return array


def like(value: Any, dtype: Any, name: str) -> Any:
    """`value` as a new array of this dtype. Raises DTypeError for what is not numbers, or not of that kind."""
    array = real(value.value if hasattr(value, "_apply_op") else value)
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise DTypeError(
            "{name} holds {dtype} and cannot take {value}. Give numbers of that kind.",
            name=name, dtype=str(dtype), value=clipped(" ".join(repr(value).split())),
        )  # fmt: skip
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def as_number(x: Any) -> Any:
    """The one number of a Tensor as Python's. Raises ShapeError for several."""
    if x.size != 1:
        raise ShapeError(
            "a Tensor of shape {shape} is no single number, and neither true nor false. Use hg.where for a choice, hg "
            "ops in place of math, or x.value.",
            shape=show(x.shape),
        )
    return x.value.item()


class _Tensors:
    """The namespace `xp` whose arrays are Tensors: what a VJP receives when its own derivative is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return registry[name]


tensors = _Tensors()


def pick_out(x: Any, index: Any) -> Any:
    """x[index]: whole numbers, slices, ... and None by `getitem`; lists and arrays of whole numbers by `take`.

    Arrays of whole numbers may stand for the leading axes, `x[rows, columns]`, and negative ones count from the end.
    Raises IndexRangeError outside the axis and DTypeError for masks, which have no place in a recorded graph.
    """
    items = index if isinstance(index, tuple) else (index,)
    items = tuple(i.value if hasattr(i, "_apply_op") else i for i in items)
    if not any(isinstance(i, list | np.ndarray) for i in items):
        return registry["getitem"](x, index=items if isinstance(index, tuple) else items[0])
    while items and isinstance(items[-1], slice) and items[-1] == slice(None):
        items = items[:-1]
    places = []
    for axis, item in enumerate(items):
        at = np.asarray(item)
        if at.dtype.kind not in "iu" and at.size:
            raise DTypeError(
                "an index array holds whole numbers, got {dtype}: for a mask write hg.where(mask, x, 0).",
                dtype=str(at.dtype),
            )
        if axis >= x.ndim:
            raise IndexRangeError("{used} indices for an array with {ndim} axes.", used=len(items), ndim=x.ndim)
        n = x.shape[axis]
        if at.size and (at.min() < -n or at.max() >= n):
            bad = int(at.min() if at.min() < -n else at.max())
            raise IndexRangeError(
                "index {i} is outside an axis of length {n} of {shape}.", i=bad, n=n, shape=show(x.shape)
            )
        places.append(np.where(at < 0, at + n, at).astype(np.intp))
    if len(places) > 1:
        k = len(places)
        broadcast(*(p.shape for p in places), where="index")
        flat = np.ravel_multi_index(tuple(np.broadcast_arrays(*places)), x.shape[:k])
        x = x.reshape((-1, *x.shape[k:]))
        return registry["take"](x, flat, axis=0)
    return registry["take"](x, places[0], axis=0)
