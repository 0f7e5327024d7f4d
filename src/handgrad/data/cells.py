"""Cells: text becomes a column of numbers or a column of text, by one stated rule.

A column is numeric when at least 90 % of its filled cells are finite numbers; its other cells are then unreadable,
and the policy for missing cells decides about them. Any other column is text. Spaces around a cell do not count.
Where commas are no decimal points, they part thousands if every cell of the column that has one writes it so (2,980).
An empty cell is missing everywhere; in a numeric column so are the usual words for "nothing here" (NA, nan, null,
?, …), while in a text column these are text, since NA may be Namibia.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handgrad.data.table import Column

Kind = Literal["auto", "number", "text"]

NUMERIC_SHARE = 0.9
EMPTY_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "?", "-", "--"})

# 1.234,5 and 3,14 and 12 and 1.234: a comma before the decimals, dots only between groups of three digits
_COMMA_NUMBER = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d*)(?:,\d*)?(?:[eE][+-]?\d+)?")

# 2,980 and 1,234,567.8: a comma before each group of three digits
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


def column(cells: Sequence[str], kind: Kind = "auto", comma: bool = False) -> Column:
    """The column that these cells make. `comma` says that the file writes decimals with a comma.

    >>> column(["1", "2.5", ""]).values.tolist()
    [1.0, 2.5, nan]
    >>> column(["1", "b"]).values.tolist()
    ['1', 'b']
    >>> column(["1", "b"], kind="number").unreadable
    {1: 'b'}
    >>> column(["1.234,5", "3,14", "2"], comma=True).values.tolist()
    [1234.5, 3.14, 2.0]
    >>> column(["2,980", "780.5"]).values.tolist(), column(["2,980", "3,14"]).values.tolist()
    ([2980.0, 780.5], ['2,980', '3,14'])
    """
    if kind == "text":
        return text(cells)
    if not comma and grouped(cells):
        cells = [cell.replace(",", "") if "," in cell else cell for cell in cells]
    numbers = _numbers(cells, parse_comma if comma else parse_point)
    if comma and _share(cells, numbers) < NUMERIC_SHARE:  # 0.5 or 12.25: cannot be groups of three, so a point it is
        points = _numbers(cells, parse_point)
        if _share(cells, points) >= NUMERIC_SHARE:
            numbers = points
    if kind == "auto" and _share(cells, numbers) < NUMERIC_SHARE:
        return text(cells)
    missing = ~np.isfinite(numbers)
    bad = np.flatnonzero(np.isinf(numbers)).tolist()
    numbers[bad] = np.nan
    return Column(numbers, missing, {row: cells[row].strip() for row in bad})


def text(cells: Sequence[str]) -> Column:
    """A column of text; only empty cells are missing."""
    values = np.empty(len(cells), dtype=object)
    values[:] = [cell.strip() for cell in cells]
    return Column(values, np.fromiter((not cell for cell in values), np.bool_, len(cells)), {})


def grouped(cells: Sequence[str]) -> str:
    """The first cell in which commas part thousands, where every cell with a comma can be read so; else "".

    >>> grouped(["780", "2,980"]), grouped(["2,980", "3,14"])
    ('2,980', '')
    """
    if "," not in "".join(cells):
        return ""
    found = [cell.strip() for cell in cells if "," in cell]
    return found[0] if all(_GROUPED.fullmatch(cell) for cell in found) else ""


def uses_commas(cells: Sequence[str]) -> bool:
    """Whether a column is numeric when, and only when, commas are read as decimal points.

    >>> uses_commas(["3,14", "2"]), uses_commas(["3.14", "2"]), uses_commas(["a,b"])
    (True, False, False)
    """
    return (
        "," in "".join(cells)
        and _share(cells, _numbers(cells, parse_comma)) >= NUMERIC_SHARE
        and _share(cells, _numbers(cells, parse_point)) < NUMERIC_SHARE
    )


def parse_point(cell: str) -> float:
    """A cell as a finite number; NaN where it says that nothing is there, inf where it cannot be read.

    >>> parse_point(" 1e3 "), parse_point("NA"), parse_point("1_000"), parse_point("-inf"), parse_point("1e999")
    (1000.0, nan, inf, inf, inf)
    """
    try:
        value = float(cell)
    except ValueError:
        return math.nan if cell.strip().casefold() in EMPTY_WORDS else math.inf
    # float() takes 1_000 for a number, which no table program does
    return math.inf if math.isinf(value) or "_" in cell else value


def parse_comma(cell: str) -> float:
    """As `parse_point`, for decimal commas and groups of three digits parted by dots.

    >>> parse_comma("1.234,5"), parse_comma("1.234"), parse_comma("1.5"), parse_comma("")
    (1234.5, 1234.0, inf, nan)
    """
    cell = cell.strip()
    if not _COMMA_NUMBER.fullmatch(cell):
        return math.nan if cell.casefold() in EMPTY_WORDS else math.inf
    return parse_point(cell.replace(".", "").replace(",", "."))


def _numbers(cells: Sequence[str], parse: Callable[[str], float]) -> NDArray[np.float64]:
    joined = "".join(cells)
    if "_" not in joined and (parse is parse_point or "." not in joined):
        plain = cells if parse is parse_point else [cell.replace(",", ".") for cell in cells]
        try:  # one pass in C is ten times faster; it is right when every cell is a finite number
            values = np.fromiter(map(float, plain), np.float64, len(cells))
        except ValueError:
            values = np.full(1, np.nan)
        if np.isfinite(values).all():
            return values
    known = {cell: parse(cell) for cell in dict.fromkeys(cells)}
    return np.fromiter(map(known.__getitem__, cells), np.float64, len(cells))


def _share(cells: Sequence[str], numbers: NDArray[np.float64]) -> float:
    """The share of numbers among the filled cells; a column of nothing but empty words is not numeric.

    A column without any filled cell counts as numeric, so that its empty cells are found and named.
    """
    filled = int((~np.isnan(numbers)).sum())
    if filled:
        return int(np.isfinite(numbers).sum()) / filled
    return float(not any(cell.strip() for cell in cells))
