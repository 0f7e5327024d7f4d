"""Targets: which kind a target column is, and the way from its values to y and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.data.features import as_numbers, as_texts, at, spread
from handgrad.data.table import Table
from handgrad.data.wording import listed, shown
from handgrad.errors import ArgumentError, DataError, DTypeError, IndexRangeError

TargetKind = Literal["binary", "classes", "number"]


@dataclass(frozen=True)
class Target:
    """The column to predict: kind "binary" (two classes), "classes" (more) or "number".

    labels: class names in the order of their numbers, () for a number. mean, std: of a number, over the training rows.
    """

    name: str
    kind: TargetKind
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0


def recognise(values: NDArray[Any]) -> Literal["classes", "number"]:
    """Whether a target column names classes or measures a number.

    Text and booleans are classes. Numbers are classes when all are whole and
    there are only two different ones, or
    at most 20 different ones that each stand in 20 rows or more on average (5 %), or
    they run from 0 or 1 without a gap, at most 20, and each stands in 5 rows or more on average.
    Everything else is a number.

    >>> recognise(np.array([0.0, 1.0, 1.0, 0.0])), recognise(np.array([3.5, 1.0, 2.0, 7.0]))
    ('classes', 'number')
    >>> recognise(np.arange(60.0) % 3), recognise(np.arange(60.0) % 30)
    ('classes', 'number')
    """
    if values.dtype.kind not in "iuf":
        return "classes"
    distinct = np.unique(values[~np.isnan(values)])
    if not (distinct == np.floor(distinct)).all():
        return "number"
    each = len(values) / max(len(distinct), 1)
    gapless = len(distinct) > 0 and distinct[0] in (0, 1) and distinct[-1] - distinct[0] == len(distinct) - 1
    few = len(distinct) <= 20 and (each >= 20 or (gapless and each >= 5))
    return "classes" if len(distinct) == 2 or few else "number"


def fit_target(table: Table, name: str, rows: NDArray[np.int64], kind: str = "auto") -> Target:
    """The target that this column makes. Mean and std come from `rows`, class names from all rows of the table,
    since a class must have its place even when only test rows hold it.

    Raises DataError when a value is missing, when the training rows hold one value only, when the column does not fit
    `kind`, or when text is different in most rows.
    """
    if kind not in ("auto", "binary", "classes", "number"):
        raise ArgumentError("kind={kind!r} is unknown. Choose auto, binary, classes or number.", kind=kind)
    values = table.column(name)
    _complete(table, name)
    if kind == "number" or (kind == "auto" and recognise(values) == "number"):
        numbers = as_numbers(values, table, name)[rows]
        _not_constant(table, name, float(numbers[0]), bool((numbers == numbers[0]).all()), len(rows))
        mean, std = spread(numbers, table, name)
        return Target(name, "number", mean=mean, std=std)
    texts = as_texts(values)
    labels = tuple(sorted(set(texts))) if values.dtype == object else tuple(as_texts(np.unique(values)))
    if name == table.target and table.classes is not None and set(labels) <= set(table.classes):
        labels = table.classes
    seen = {texts[row] for row in rows.tolist()}
    _not_constant(table, name, next(iter(seen)), len(seen) == 1, len(rows))
    if len(labels) > max(20, len(table) / 2):
        raise DataError(
            "{source}, column {name!r}: {n} different values in {rows} rows are too many classes to learn. "
            "Choose another target, or kind=number if it holds numbers.",
            source=shown(table.source),
            name=shown(name),
            n=len(labels),
            rows=len(table),
        )
    if kind == "binary" and len(labels) != 2:
        raise DataError(
            "{source}, column {name!r}: kind=binary needs 2 classes, these are {n}: {labels}. Choose kind=classes.",
            source=shown(table.source),
            name=shown(name),
            n=len(labels),
            labels=listed(labels),
        )
    return Target(name, "binary" if len(labels) == 2 else "classes", labels=labels)


def encode_target(target: Target, table: Table) -> NDArray[Any]:
    """y of every row: (N, 1) of 0 and 1 for two classes, (N,) int64 for more, (N, 1) standardised for a number.

    Raises DataError, with the line, for a missing value or a class that training did not know.
    """
    _complete(table, target.name)
    values = table.column(target.name)
    if target.kind == "number":
        return ((as_numbers(values, table, target.name) - target.mean) / target.std)[:, None]
    place = {label: k for k, label in enumerate(target.labels)}
    numbers = np.empty(len(table), dtype=np.int64)
    for row, text in enumerate(as_texts(values)):
        if text not in place:
            raise DataError(
                "{source}, {unit} {line}, column {name!r}: class {value!r} is not one of the {n} that training knew "
                "({labels}). Correct it, or train anew.",
                **at(table, row, target.name),
                value=shown(text),
                n=len(target.labels),
                labels=listed(target.labels, 60),
            )
        numbers[row] = place[text]
    return numbers[:, None].astype(np.float64) if target.kind == "binary" else numbers


def decode_target(target: Target, predictions: ArrayLike) -> NDArray[Any]:
    """Predictions in the words or the unit of the table.

    For classes: whole numbers, (N,) or (N, 1), give class names (N,). For a number: standardised values of any shape
    give values of the same shape in the column's unit.

    Raises DTypeError for predictions that are no numbers, IndexRangeError for a class number out of range,
    ArgumentError for fractions (probabilities), ShapeError never: any other shape of class numbers is an ArgumentError.

    >>> decode_target(Target("y", "binary", ("no", "yes")), [1, 0]).tolist()
    ['yes', 'no']
    >>> decode_target(Target("y", "number", mean=10.0, std=2.0), [[1.5]]).tolist()
    [[13.0]]
    """
    array = np.asarray(predictions)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            "predictions have dtype {dtype}, they must be numbers. Pass what predict returned.", dtype=array.dtype.name
        )
    if target.kind == "number":
        return np.asarray(array * target.std + target.mean)
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or (flat != np.floor(flat)).any():
        raise ArgumentError(
            "predictions of shape {shape} are no class numbers: these are whole and of shape (N,). "
            "Pass what predict returned, not probabilities.",
            shape=array.shape,
        )
    outside = np.flatnonzero((flat < 0) | (flat >= len(target.labels)))
    if len(outside):
        raise IndexRangeError(
            "prediction {row} is class {got}, the classes are 0 to {last}. Use the network this preparation is for.",
            row=int(outside[0]),
            got=flat[outside[0]],
            last=len(target.labels) - 1,
        )
    return np.array(target.labels, dtype=object)[flat.astype(np.int64)]


def _complete(table: Table, name: str) -> None:
    gaps = np.flatnonzero(table.missing[:, table.position(name)])
    if len(gaps):
        raise DataError(
            "{source}, {unit} {line}, column {name!r}: the target is missing, one of {n}: a target is never guessed. "
            "Fill it in, or choose missing=drop.",
            **at(table, int(gaps[0]), name),
            n=len(gaps),
        )


def _not_constant(table: Table, name: str, value: object, constant: bool, rows: int) -> None:
    if constant:
        raise DataError(
            "{source}, column {name!r}: the target is {value!r} in all {rows} training rows, so there is nothing to "
            "learn. Choose another target, or give rows that differ.",
            source=shown(table.source),
            name=shown(name),
            value=shown(value),
            rows=rows,
        )
