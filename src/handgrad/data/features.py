"""Features: one column of a table becomes one standardised input, or one input for each category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handgrad.data import cells
from handgrad.data.arrays import label
from handgrad.data.table import Table
from handgrad.data.wording import UNITS, shown
from handgrad.errors import DataError

MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class Feature:
    """How one column becomes inputs, fitted on the training rows.

    numeric: (x - mean) / std; a constant column has std 1, so that it gives 0 and not a division by 0.
    categorical: one input for each of `categories` (sorted), 1 where the row has it and else 0.
    A missing number gives 0, as the mean does; missing text and a category not seen in training give all zeros.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    mean: float = 0.0
    std: float = 1.0
    constant: bool = False
    categories: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs that it makes.

        >>> Feature("city", "categorical", categories=("Bonn", "Rome")).inputs
        ('city=Bonn', 'city=Rome')
        """
        return (self.name,) if self.kind == "numeric" else tuple(f"{self.name}={each}" for each in self.categories)


def fit_feature(table: Table, name: str, rows: NDArray[np.int64]) -> Feature:
    """The feature that this column makes, from these rows. Raises DataError for a column without any value."""
    values = table.column(name)[rows]
    if values.dtype == object:
        seen = sorted({str(value) for value in values} - {""})
        if not seen:
            raise _nothing(table, name)
        return Feature(name, "categorical", constant=len(seen) == 1, categories=tuple(seen))
    values = values[~np.isnan(values)]
    if not len(values):
        raise _nothing(table, name)
    mean, std = spread(values, table, name)
    return Feature(name, "numeric", mean=mean, std=std, constant=bool(values.min() == values.max()))


def spread(values: NDArray[np.float64], table: Table, name: str) -> tuple[float, float]:
    """Mean and standard deviation (of the whole, not of a sample) of finite numbers; std 1 when all are equal.

    Raises DataError when the numbers are so large that their differences overflow.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 1.0
    # scaled before squaring: squares of 1e200 overflow, and those of 1e-200 are 0
    with np.errstate(over="ignore", invalid="ignore"):
        largest = max(abs(low), abs(high))
        mean = float(np.mean(values / largest)) * largest
        away = values - mean
        scale = float(np.abs(away).max())
        std = scale * float(np.sqrt(np.mean((away / scale) ** 2)))
    if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
        raise DataError(
            "{source}, column {name!r}: numbers from {low:g} to {high:g} cannot be standardised in float64. "
            "Give it in another unit.",
            source=shown(table.source),
            name=shown(name),
            low=low,
            high=high,
        )
    return mean, std


def encode_feature(feature: Feature, table: Table) -> NDArray[np.float64]:
    """The inputs (N, len(feature.inputs)) of every row. Raises DataError for text where numbers are needed."""
    values = table.column(feature.name)
    if feature.kind == "numeric":
        numbers = as_numbers(values, table, feature.name)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (numbers - feature.mean) / feature.std
        scaled[np.isnan(numbers)] = 0.0
        if not np.isfinite(scaled).all():
            row = int(np.flatnonzero(~np.isfinite(scaled))[0])
            raise DataError(
                "{source}, {unit} {line}, column {name!r}: {value!r} is too far from the training rows (mean {mean:g}, "
                "standard deviation {std:g}) for float64. Check it.",
                **at(table, row, feature.name),
                value=float(numbers[row]),
                mean=feature.mean,
                std=feature.std,
            )
        return scaled[:, None]
    place = {category: j for j, category in enumerate(feature.categories)}
    codes = [place.get(text, -1) for text in as_texts(values)]
    hot = np.zeros((len(table), len(place)))
    known = np.flatnonzero(np.array(codes) >= 0)
    hot[known, np.array(codes)[known]] = 1.0
    return hot


def count_unseen(feature: Feature, table: Table) -> int:
    """How many cells hold a category that the training rows did not have."""
    known = {*feature.categories, ""}
    texts = as_texts(table.column(feature.name)) if feature.kind == "categorical" else []
    return sum(text not in known for text in texts)


def as_numbers(values: NDArray[Any], table: Table, name: str) -> NDArray[np.float64]:
    """A column as numbers, NaN where nothing is there. Raises DataError for the first cell that is none."""
    if values.dtype != object:
        return values.astype(np.float64)
    numbers = np.array([cells.parse_point(text) for text in values], dtype=np.float64)
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise DataError(
            "{source}, {unit} {line}, column {name!r}: {value!r} is text, and this column must hold numbers. "
            "Correct it.",
            **at(table, row, name),
            value=shown(values[row]),
        )
    return numbers


def as_texts(values: NDArray[Any]) -> list[str]:
    """A column as texts, "" where nothing is there; whole numbers without a point."""
    if values.dtype == object:
        return [str(value) for value in values]
    known = {value: "" if value != value else label(value) for value in np.unique(values).tolist()}
    return [known.get(value, "") for value in values.tolist()]


def at(table: Table, row: int, name: str) -> dict[str, Any]:
    """The values that say where a cell stands."""
    return {
        "source": shown(table.source),
        "unit": UNITS[table.unit],
        "line": int(table.lines[row]),
        "name": shown(name, 30),
    }


def _nothing(table: Table, name: str) -> DataError:
    return DataError(
        "{source}, column {name!r}: has no value in any training row, so there is no mean. Leave this column out.",
        source=shown(table.source),
        name=shown(name),
    )
