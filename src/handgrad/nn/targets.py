"""Targets: what people pass as y, checked and brought into the form that a loss wants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.core.arrays import unmasked
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, DTypeError, IndexRangeError, Phrase, ShapeError
from handgrad.nn.arguments import shown
from handgrad.nn.inputs import culprit, remedy

Array = NDArray[Any]


def numeric(y: Any, loss: str) -> Array:
    """y as an array of numbers without nan and inf.

    Raises DTypeError for texts and objects, ArgumentError naming how many values are not finite and the first of them.
    """
    unmasked(y, f"{loss}: y")
    try:
        array = np.asarray(y)
    except ValueError:  # NumPy refuses nested lists whose rows differ in length
        raise ShapeError(
            "{loss}: the rows of y have different lengths. Give each row as many values.", loss=loss
        ) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            "{loss}: y holds {dtype} values, such as {value}: it must hold numbers. {remedy}",
            loss=loss, dtype=str(array.dtype), value=shown(culprit(array, None)),
            remedy=remedy(array, Phrase("Number classes 0, 1, 2, ...")),
        )  # fmt: skip
    if array.dtype.kind == "f":
        wrong = ~np.isfinite(array)
        if wrong.any():
            first = np.unravel_index(int(np.argmax(wrong)), array.shape)
            raise ArgumentError(
                "{loss}: y holds nan or inf (count: {count}), first {value} at {position} (from 0). "
                "Fill in or drop those rows.",
                loss=loss, count=int(wrong.sum()), value=shown(array[first]), position=_position(first),
            )  # fmt: skip
    return array


def _position(index: Any) -> str:
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


def check_rows(array: Array, output_shape: tuple[int, ...], loss: str, reduction: str) -> None:
    """As many rows in y as in the output, and at least one where the loss is a mean.

    Raises ShapeError and ArgumentError.
    """
    rows = output_shape[0] if output_shape else 1
    if array.ndim and output_shape and len(array) != rows:
        raise ShapeError(
            "{loss}: y has {got} rows, the output has {rows}: they must be equal. Give one target for each row of X.",
            loss=loss, got=len(array), rows=rows,
        )  # fmt: skip
    if rows == 0 and reduction != "sum":
        raise ArgumentError(
            "{loss}: there are no rows, and the mean of nothing is no number. Give at least one row, or "
            "reduction={sum!r}.",
            loss=loss, sum="sum",
        )  # fmt: skip


def values(y: Any, output_shape: tuple[int, ...], loss: str, reduction: str) -> Array:
    """y as floats of the output's shape; (N,) counts as (N, 1), since a network with one output is meant so often.

    float32 and float64 stay what they are, all else becomes float64. Raises ShapeError for every other difference.
    """
    array = numeric(y, loss)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    check_rows(array, output_shape, loss, reduction)
    if array.ndim == 1 and output_shape == (len(array), 1):
        return array.reshape(-1, 1)
    if array.shape != output_shape:
        raise ShapeError(
            "{loss}: y has shape {y}, the output {output}: they must be equal. {hint}",
            loss=loss, y=show(array.shape), output=show(output_shape),
            hint=_remedy(array, output_shape),
        )  # fmt: skip
    return array


def _remedy(array: Array, output_shape: tuple[int, ...]) -> Phrase:
    if array.size == np.prod(output_shape):
        return Phrase("Try y.reshape{shape}.", shape=show(output_shape))
    return Phrase("Change y or the last layer.")


def between_0_and_1(array: Array, loss: str) -> Array:
    """The targets of a binary loss. Raises ArgumentError for the first one outside [0, 1]."""
    wrong = (array < 0) | (array > 1)
    if wrong.any():
        first = np.unravel_index(int(np.argmax(wrong)), array.shape)
        raise ArgumentError(
            "{loss}: y holds {value} at {position} (from 0): targets must lie in [0, 1]. Use 0 and 1, or another loss.",
            loss=loss, value=shown(array[first]), position=_position(first),
        )  # fmt: skip
    return array


def labels(array: Array, classes: int, loss: str) -> Array:
    """One class label for each row, int64, from numbers (N,); whole floats are accepted.

    Raises DTypeError for fractions, IndexRangeError for a label that is no class, with its row and the valid range.
    """
    whole = array.astype(np.int64) if array.dtype.kind in "biu" else np.round(array)
    if array.dtype.kind == "f" and (whole != array).any():
        row = int(np.argmax(whole != array))
        raise DTypeError(
            "{loss}: y holds {value} in row {row} (from 0): labels are whole numbers. "
            "For probabilities give one column for each class.",
            loss=loss, value=shown(array[row]), row=row,
        )  # fmt: skip
    wrong = (array < 0) | (array >= classes)  # compared before the cast, which would wrap a huge number round
    if wrong.any():
        row = int(np.argmax(wrong))
        raise IndexRangeError(
            "{loss}: label {label} in row {row} (from 0) is outside 0 to {last}: the output has {classes} columns. "
            "Number the classes from 0, or widen the last layer.",
            loss=loss, label=f"{array[row]:g}" if array.dtype.kind == "f" else int(array[row]), row=row,
            last=classes - 1, classes=classes,
        )  # fmt: skip
    return whole.astype(np.int64)


def distributions(array: Array, loss: str) -> Array:
    """One row of probabilities for each row of the output, as floats.

    Raises ArgumentError for a negative one and for a row that does not add up to 1 (within 0.001, for float32 data).
    """
    floats = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    wrong = (floats < 0).any(axis=-1) | (np.abs(floats.sum(axis=-1) - 1) > 1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ArgumentError(
            "{loss}: row {row} (from 0) of y is {value}: probabilities are 0 or more and add up to 1. "
            "Divide each row by its sum, or give labels.",
            loss=loss, row=row, value=shown(floats[row].tolist()),
        )  # fmt: skip
    return floats
