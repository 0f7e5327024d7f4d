"""Frames: pandas, polars and pyarrow tables through narwhals, Parquet through pyarrow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import errors
from handgrad.data import cells
from handgrad.data.arrays import finish, word
from handgrad.data.table import Missing, Table
from handgrad.data.wording import shown
from handgrad.errors import DataError, DTypeError

Schema = Mapping[str, cells.Kind] | None


def table_from_parquet(
    path: Path, *, missing: Missing = "error", schema: Schema = None, ignore: Collection[str] = ()
) -> Table:
    """A table from a Parquet file. Raises DataError when it is damaged, MissingDependencyError without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise errors.missing("pyarrow", "tables") from None
    try:
        # the file itself, not the folder scan of read_table(), which reads key=value in a path as a column
        frame = parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "{source}: cannot be read as Parquet ({reason}). Write the file again, or give it as CSV.",
            source=shown(path.name),
            reason=shown(error, 80),
        ) from None
    return table_from_frame(frame, source=path.name, missing=missing, schema=schema, ignore=ignore)


def table_from_frame(
    frame: Any,
    *,
    source: str = "frame",
    missing: Missing = "error",
    schema: Schema = None,
    ignore: Collection[str] = (),
) -> Table:
    """A table from a frame of any library that narwhals knows; a lazy frame is collected.

    Numbers become float64, null and NaN missing cells, booleans the texts False and True, dates their ISO text.
    Raises DTypeError for what is no frame, DataError for nested or binary columns.
    """
    try:
        import narwhals
    except ImportError:
        raise errors.missing("narwhals", "tables") from None
    if not hasattr(frame, "collect"):  # a lazy frame would have to work out its columns first
        titles = frame.column_names if hasattr(frame, "column_names") else frame.columns
        _different([str(title) for title in titles], source)
    try:
        known = narwhals.from_native(frame)
    except TypeError:
        raise DTypeError(
            "{kind} is no table. Give a path, a name such as 'sklearn:iris', a frame, or a dict of arrays.",
            kind=shown(type(frame).__name__),
        ) from None
    if isinstance(known, narwhals.LazyFrame):
        known = known.collect()
    named: dict[str, NDArray[Any] | Sequence[str]] = {}
    for series in known.iter_columns():
        name = str(series.name)
        if name in ignore:
            named[name] = np.zeros(len(known))  # not read, only counted among the columns
        elif name != "__index_level_0__" and (schema is None or name in schema):  # the index that pandas adds
            named[name] = _cells(series, name, source)
        elif schema is not None:
            named[name] = np.zeros(len(known))  # not read, only counted among the columns
    if not known.columns:
        raise DataError("{source}: has no columns. Give a frame with named columns.", source=shown(source))
    return finish(named, source, missing, schema, ignore)


def _cells(series: Any, name: str, source: str) -> NDArray[Any] | list[str]:
    """A narwhals series as an array of numbers or a list of text cells."""
    import narwhals

    if series.dtype.is_numeric():
        return np.asarray(series.cast(narwhals.Float64).to_numpy(), dtype=np.float64).copy()
    return [word(value, name, source) for value in series.to_list()]


def _different(titles: list[str], source: str) -> None:
    for place, title in enumerate(titles):
        if title in titles[:place]:
            raise DataError(
                "{source}: columns {first} and {second} are both called {name!r}: a column is found by its name. "
                "Rename one of them.",
                source=shown(source),
                first=titles.index(title) + 1,
                second=place + 1,
                name=shown(title),
            )
