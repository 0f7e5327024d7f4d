"""What an op takes as arrays: NumPy's, lists and numbers; no text, no masks, no whole numbers that overflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.core.sizes import show
from handgrad.errors import DataError, DTypeError, clipped

if TYPE_CHECKING:
    from handgrad.core.op import Op

NATIVE = frozenset([np.ndarray, np.float64, np.float32, float, int, bool])  # what is NumPy's without a closer look
FLOATS = (np.float64, np.float32)


def as_arrays(op: Op, given: Sequence[Any]) -> tuple[Any, ...]:
    """Arrays as they are, lists as arrays, and numbers as arrays where an op looks at shapes.

    Beside an array, a Python number takes the array's dtype. Raises DTypeError for what is not numbers.
    """
    arrays: list[Any] = []
    for i, a in enumerate(given):
        if type(a) not in NATIVE:
            unmasked(a, f"{op.name}: {op.arrays[0 if op.variadic else i]}")
        if (isinstance(a, np.ndarray | np.generic) and a.dtype.kind in "fiubc") or (
            op.kind == "map" and isinstance(a, int | float)
        ):
            arrays.append(a)
            continue
        try:
            weak = [b for b in given if isinstance(b, np.ndarray | np.generic)] if isinstance(a, int | float) else []
            array = np.asarray(a, dtype=np.result_type(a, *weak) if weak else None)
        except (ValueError, TypeError):
            array = np.empty((), dtype=object)
        if array.dtype.kind not in "fiubc":
            raise DTypeError(
                "{op}: {value} is not an array of numbers: give a number, nested lists of equal length or an array.",
                op=op.name,
                value=clipped(" ".join(repr(a).split())),
            )
        arrays.append(array)
    return tuple(arrays) if op.primitive else widen(op, arrays)


def widen(op: Op, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The arrays with small whole numbers as floats, apart from inputs that have no derivative (labels, masks)."""
    if all(getattr(a, "dtype", np.float64) in FLOATS for a in arrays):
        return tuple(arrays)
    return tuple(widened(a) if isinstance(a, np.ndarray | np.generic) and op.moves(i) else a
                 for i, a in enumerate(arrays))  # fmt: skip


def unmasked(array: Any, name: str) -> None:
    """Raise DataError for a masked array that hides numbers: they would count as if they were shown."""
    mask = getattr(array, "mask", None) if isinstance(array, np.ndarray) and type(array) is not np.ndarray else None
    if mask is not None and np.any(mask):
        raise DataError(
            "{name} is a masked array of shape {shape} that hides {count} of its numbers. Fill them with "
            ".filled(0), or drop those rows.",
            name=name, shape=show(array.shape), count=int(np.sum(mask)),
        )  # fmt: skip


def widened(array: Any) -> Any:
    """Booleans and small or unsigned whole numbers as floats: in their own arithmetic -1 is 255, and 100 + 100 is -56.

    >>> widened(np.array([1, 2], np.uint8)).dtype, widened(np.array([1, 2])).dtype
    (dtype('float64'), dtype('int64'))
    """
    kind = array.dtype.kind
    return array.astype(np.float64) if kind in "ub" or (kind == "i" and array.dtype.itemsize < 8) else array
