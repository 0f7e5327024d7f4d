"""Inputs: what a network accepts as X, and what it says when it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.errors import DataError, DTypeError, ShapeError


def inputs(X: Any, dtype: str) -> Any:
    """X as an array of the network's dtype, (N, ...); raises for one row without its axis, text, NaN and infinity."""
    try:
        array = np.asarray(X)
    except ValueError:
        raise ShapeError("X is ragged: all rows must have the same length, got {X!r}.", X=str(X)[:60]) from None
    if array.dtype.kind not in "fiub":
        raise DTypeError("X must hold numbers, got {dtype}: {X!r}.", dtype=str(array.dtype), X=str(X)[:60])
    if array.ndim < 2:
        n = array.size
        raise ShapeError(
            "X has shape {shape}: it needs rows and columns. Use X.reshape(1, {n}) for one row, X.reshape({n}, 1) for one "
            "column.",
            shape=str(array.shape), n=n,
        )  # fmt: skip
    array = array.astype(dtype, copy=False)
    finite(array, "X")
    return array


def finite(array: Any, name: str) -> None:
    """Raise with the count and the first place of numbers that are not finite."""
    if array.size and not np.isfinite(np.add.reduce(array, None)):  # one cheap pass; looked at closely only when it fails
        bad = ~np.isfinite(array)
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                "{name} holds {count} numbers that are not finite, the first at {name}[{place}] = {value}: remove or fill "
                "them.",
                name=name, count=int(bad.sum()), place=", ".join(map(str, place)), value=str(array[place]),
            )  # fmt: skip
