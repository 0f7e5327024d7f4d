"""Inputs: what a network accepts as X, and what it says when it does not."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from handgrad.core.arrays import unmasked
from handgrad.errors import ArgumentError, DataError, DTypeError, Phrase, ShapeError
from handgrad.nn.arguments import shown


def inputs(X: Any, dtype: str) -> Any:
    """X as an array of the network's dtype, (N, ...); raises for one row without its axis, text, NaN and infinity."""
    unmasked(X, "X")
    try:
        array = np.asarray(X)
    except ValueError:
        raise ShapeError("X is {X}: its rows differ in length. Give each row as many numbers.", X=shown(X)) from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            "X holds {dtype} values such as {X}: it must hold numbers. {remedy}",
            dtype=str(array.dtype), X=shown(culprit(array, X)),
            remedy=remedy(array, Phrase("Turn texts into numbers first.")),
        )  # fmt: skip
    if array.ndim < 2:
        n = array.size
        raise ShapeError(
            "X has shape {shape}: it needs rows and columns. Use X.reshape(1, {n}) for one row, X.reshape({n}, 1) for "
            "one column.",
            shape=str(array.shape), n=n,
        )  # fmt: skip
    with np.errstate(over="ignore"):  # beyond float32 it is inf, which is said below
        cast = array.astype(dtype, copy=False)
    finite(cast, "X", array)
    return cast


def culprit(array: Any, given: Any) -> Any:
    """The value to show of an array that holds no numbers: the first that is none."""
    if array.dtype.kind == "O":
        return next((v for v in array.flat if not _is_number(v)), array.flat[0] if array.size else given)
    return array.flat[0] if array.size else given


def remedy(array: Any, other: Phrase) -> Phrase:
    """What to do about it: objects may all be numbers, in a table whose columns were mixed."""
    if array.dtype.kind == "O" and array.ndim and all(_is_number(v) for v in array.flat):
        return Phrase("All of them are numbers: convert them with .astype(float).")
    return other


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_))


def width(dtype: Any) -> str:
    """The name of the network's dtype. Raises ArgumentError for anything but float64 and float32.

    >>> width("float32"), width(np.float64)
    ('float32', 'float64')
    """
    try:
        name = str(np.dtype(dtype))
    except TypeError:
        name = ""
    if name not in ("float64", "float32"):
        raise ArgumentError(
            'dtype is {dtype}: it must be "float64" or "float32". Write one of them.', dtype=shown(dtype)
        )
    return name


def finite(array: Any, name: str, given: Any = None) -> None:
    """Raise DataError with the count and the first place of numbers that are not finite.

    `given` is what `array` was cast from, if its numbers are the ones to show.
    """
    with np.errstate(all="ignore"):
        # one cheap pass; looked at closely when it fails
        sound = not array.size or np.isfinite(np.add.reduce(array, None))
    if sound:
        return
    bad = ~np.isfinite(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            "{name} holds {count} numbers that are not finite in {dtype}, the first at {name}[{place}] = {value}. "
            "Remove or fill them.",
            name=name, count=int(bad.sum()), dtype=str(array.dtype), place=", ".join(map(str, place)),
            value=str((array if given is None else given)[place]),
        )  # fmt: skip


def callers_level() -> int:
    """The stacklevel under which a warning, given by who calls this, names the line of whoever called handgrad."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "handgrad":
        frame, level = frame.f_back, level + 1
    return level
