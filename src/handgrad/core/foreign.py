"""Arrays of other libraries: a rule computes there as it computes in NumPy, through the Python array API standard.

An array that knows its namespace (`__array_namespace__`: array-api-strict, CuPy, JAX, Dask) is enough; for PyTorch and
others the optional package array-api-compat supplies it. Values stay in their library; nothing is recorded.
"""

from __future__ import annotations

import importlib.util
import numbers as python_numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.op import Op, registry
from handgrad.errors import DTypeError

# what the standard calls differently
NAMES = {"power": "pow"}


def namespace(arrays: Sequence[Any]) -> Any:
    """The array namespace of the first array that is not NumPy's, None when there is none."""
    for a in arrays:
        if isinstance(a, (np.ndarray, np.generic, python_numbers.Number, list, tuple, str)) or a is None:
            continue
        own = getattr(a, "__array_namespace__", None)
        if own is not None:
            return own()
        if importlib.util.find_spec("array_api_compat") is not None:
            from array_api_compat import array_namespace, is_array_api_obj

            if is_array_api_obj(a):
                return array_namespace(a)
    return None


class Foreign:
    """The namespace `xp` that a rule receives: the standard's functions, and ours made of them."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        op = registry[name]
        if not op.primitive:
            chosen = op.safe_rule or op.rule
            return lambda *args, **params: chosen(self, *args, **{**op.params, **params})
        return lambda *args, **params: self._primitive(op, args, {**op.params, **params})

    def _primitive(self, op: Op, args: Sequence[Any], params: Mapping[str, Any]) -> Any:
        xp, name = self._xp, op.name
        own = _OWN.get(name)
        if own is not None:
            return own(xp, *args, **params)
        if isinstance(args[0], python_numbers.Number) and len(args) == 1:
            return op.rule(*args, **params)  # sqrt(2.0): a number stays a number
        like = next((a for a in args if not isinstance(a, python_numbers.Number)), None)
        arrays = [
            xp.asarray(a, dtype=like.dtype) if like is not None and isinstance(a, python_numbers.Number) else a
            for a in args
        ]
        function = getattr(xp, NAMES.get(name, name), None)
        if function is None:
            raise DTypeError(
                "{op} is not to be had for arrays of {library}: convert them to NumPy first.",
                op=name,
                library=getattr(xp, "__name__", str(xp)),
            )
        return function(*arrays, **params)


def _transpose(xp: Any, x: Any, axes: Any = None) -> Any:
    return xp.permute_dims(x, tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


_OWN: dict[str, Callable[..., Any]] = {
    "transpose": _transpose,
    "reshape": lambda xp, x, shape: xp.reshape(x, tuple(shape)),
    "broadcast_to": lambda xp, x, shape: xp.broadcast_to(x, tuple(shape)),
    "getitem": lambda _xp, x, index: x[index],
    "concat": lambda xp, *xs, axis=0: xp.concat(xs, axis=axis),
    "take": lambda xp, x, indices, axis=0: xp.take(x, indices, axis=axis),
    "cast": lambda xp, x, y: xp.astype(x, y.dtype),
    "one_hot": lambda xp, y, n: xp.expand_dims(y, axis=-1) == xp.arange(n),
    "pick": lambda xp, x, y: xp.squeeze(xp.take_along_axis(x, xp.expand_dims(y, axis=-1), axis=-1), axis=-1),
    "clip": lambda xp, x, low, high: xp.clip(x, low, high),
}


def compute(op: Op, xp: Any, arrays: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Compute an op in another library."""
    return getattr(Foreign(xp), op.name)(*arrays, **params)
