"""Table: named columns of numbers or text, which remember where in the file each row stood."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.data.wording import Notice, listed, shown, suggestion
from handgrad.errors import ArgumentError, DataError, ShapeError, UnknownNameError

Missing = Literal["error", "drop", "mean"]


@dataclass(frozen=True, eq=False)
class Column:
    """One column on its way into a table: `values` are float64 with NaN, or text with "", where `missing` is set.

    `unreadable` holds the text of those missing cells that were not empty, by row.
    """

    values: NDArray[Any]
    missing: NDArray[np.bool_]
    unreadable: dict[int, str]


@dataclass(frozen=True, eq=False)
class Table:
    """N rows of named columns; the arrays are read-only.

    names: one per column, all different.
    columns: one array (N,) per column: float64, or objects that are all `str`.
    missing: (N, columns), set where a cell was empty or unreadable; such cells hold NaN or "". Never set unless
        the table was read with `missing="mean"`, since the other two policies leave no such cell.
    lines: (N,) the line of the file on which each row begins, or its row number from 1 where there are no lines.
    unit: what `lines` counts, "line" or "row".
    source: the name of the file, for messages.
    target, classes: the column to predict and its class names in order, where the source knows them.
    places: the number of each column in the source, from 1, where some were left out; () means 1, 2, 3, ….
    left_out: columns of the source that were not read. notices: what a person should know.

    >>> table = table_of({"age": np.array([31.0, 45.0]), "city": np.array(["Bonn", "Rome"], dtype=object)})
    >>> table
    Table(2 rows: age, city)
    >>> table.column("age").tolist()
    [31.0, 45.0]
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    missing: NDArray[np.bool_]
    lines: NDArray[np.int64]
    unit: Literal["line", "row"] = "row"
    source: str = "table"
    target: str | None = None
    classes: tuple[str, ...] | None = None
    places: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        _no_duplicates(self.names, self.source)
        n = len(self.lines)
        lengths = [len(column) for column in self.columns]
        if len(self.names) != len(lengths) or any(k != n for k in lengths) or self.missing.shape != (n, len(lengths)):
            raise ShapeError(
                "{source}: {names} names, columns of {lengths} rows, {n} line numbers: one name and {n} rows for each "
                "column are needed. Give columns of one length.",
                source=shown(self.source),
                names=len(self.names),
                lengths=listed(dict.fromkeys(lengths)),
                n=n,
            )
        for array in (*self.columns, self.missing, self.lines):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.lines)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows: {listed(self.names)})"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.names)
        body = "".join(
            f"<tr><td>{self.lines[i]}</td>"
            + "".join(f"<td>{html.escape(shown(column[i]))}</td>" for column in self.columns)
            + "</tr>"
            for i in range(min(len(self), 8))
        )
        return f"<table><tr><th>{self.unit}</th>{head}</tr>{body}</table><p>{html.escape(repr(self))}</p>"

    def position(self, name: str) -> int:
        """The place of a column, from 0. Raises UnknownNameError, with the nearest name."""
        if name not in self.names:
            raise UnknownNameError(
                "{source} has no column {name!r}. {known}",
                source=shown(self.source),
                name=shown(name),
                known=suggestion(str(name), self.names),
            )
        return self.names.index(name)

    def column(self, name: str) -> NDArray[Any]:
        """The values of a column, (N,), read-only. Raises UnknownNameError, with the nearest name."""
        return self.columns[self.position(name)]

    def take(self, rows: ArrayLike) -> Table:
        """The table of these rows only: row numbers from 0, or a mask (N,).

        >>> table_of({"x": np.array([1.0, 2.0, 3.0])}).take([2, 0]).column("x").tolist()
        [3.0, 1.0]
        """
        rows = np.asarray(rows)
        if rows.size == 0 and rows.dtype != np.bool_:
            rows = rows.astype(np.int64)
        return replace(
            self,
            columns=tuple(column[rows] for column in self.columns),
            missing=self.missing[rows],
            lines=self.lines[rows],
        )


def table_of(columns: dict[str, NDArray[Any]], **known: Any) -> Table:
    """A table of finished columns: float64 without NaN, or objects that are all `str`.

    >>> len(table_of({"x": np.array([1.0, 2.0])}, target="x"))
    2
    """
    n = len(next(iter(columns.values()), ()))
    return Table(
        names=tuple(columns),
        columns=tuple(column.view() for column in columns.values()),
        missing=np.zeros((n, len(columns)), dtype=np.bool_),
        lines=np.arange(1, n + 1),
        **known,
    )


def assemble(
    names: Sequence[str], columns: Sequence[Column], lines: NDArray[np.int64], missing: Missing, **known: Any
) -> Table:
    """A table from columns as read, after the policy for missing cells.

    "error" names the first one; "drop" leaves out its whole row; "mean" keeps it, for `Preparation` to fill with the
    mean of the training rows. Raises DataError, also when no row is left.
    """
    if missing not in ("error", "drop", "mean"):
        raise ArgumentError("missing={missing!r} is unknown. Choose error, drop or mean.", missing=missing)
    _no_duplicates(names, known.get("source", "table"))
    mask = np.zeros((len(lines), len(columns)), dtype=np.bool_)
    for j, column in enumerate(columns):
        mask[:, j] = column.missing
    table = Table(tuple(names), tuple(column.values for column in columns), mask, lines, **known)
    if not mask.any() or missing == "mean":
        return table
    if missing == "error":
        row, j = (int(k) for k in np.argwhere(mask)[0])
        raise cell_error(table, row, table.names[j], columns[j].unreadable.get(row), int(mask.sum()))
    whole = ~mask.any(axis=1)
    if not whole.any():
        raise DataError(
            "{source}: every one of the {n} rows has an empty or unreadable cell, so missing=drop leaves none. "
            "Leave out the columns that are mostly empty, or choose missing=mean.",
            source=shown(table.source),
            n=len(table),
        )
    dropped = Notice(
        "{count} of {n} rows left out for empty or unreadable cells.",
        {"count": int((~whole).sum()), "n": len(table)},
    )
    return replace(table.take(whole), notices=(*table.notices, dropped))


def cell_error(table: Table, row: int, name: str, value: str | None, count: int) -> DataError:
    """The error for one cell, named by line and column: empty where `value` is None, else not a number."""
    j = table.position(name)
    facts: dict[str, Any] = {
        "source": shown(table.source),
        "line": int(table.lines[row]),
        "place": table.places[j] if table.places else j + 1,
        "name": shown(name, 30),
        "count": count,
    }
    if value is None:
        if table.unit == "line":
            return DataError(
                "{source}, line {line}, column {place} ({name}): the cell is empty, one of {count} empty or "
                "unreadable. Fill it in, ignore the column, or choose missing=drop or missing=mean.",
                **facts,
            )
        return DataError(
            "{source}, row {line}, column {place} ({name}): the cell is empty, one of {count} empty or "
            "unreadable. Fill it in, ignore the column, or choose missing=drop or missing=mean.",
            **facts,
        )
    facts["value"] = shown(value)
    if table.unit == "line":
        return DataError(
            "{source}, line {line}, column {place} ({name}): {value!r} is not a finite number as this column needs, "
            "one of {count} cells empty or unreadable. Correct it, or choose missing=drop or missing=mean.",
            **facts,
        )
    return DataError(
        "{source}, row {line}, column {place} ({name}): {value!r} is not a finite number as this column needs, "
        "one of {count} cells empty or unreadable. Correct it, or choose missing=drop or missing=mean.",
        **facts,
    )


def _no_duplicates(names: Sequence[str], source: str) -> None:
    first: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in first:
            raise DataError(
                "{source}: columns {first} and {second} are both called {name!r}: a column is found by its name. "
                "Rename one of them.",
                source=shown(source),
                first=first[name],
                second=place,
                name=shown(name),
            )
        first[name] = place
