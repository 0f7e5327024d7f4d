"""Reading: one call for CSV, Parquet and NPZ files, frames, arrays, and scikit-learn's sets."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from handgrad.data import cells
from handgrad.data.arrays import table_from_arrays, table_from_npz
from handgrad.data.csvtext import table_from_csv
from handgrad.data.encoding import decode
from handgrad.data.frames import table_from_frame, table_from_parquet
from handgrad.data.sets import PREFIX, load_set
from handgrad.data.table import Missing, Table
from handgrad.data.wording import shown, suggestion
from handgrad.errors import ArgumentError, DataError, DTypeError, Phrase

PARQUET, ZIP, NUMPY = b"PAR1", b"PK\x03\x04", b"\x93NUMPY"

# What a file of another program begins with, and what to do about it.
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", Phrase("an old Excel file")),
    (b"\x1f\x8b", Phrase("compressed by gzip")),
    (b"BZh", Phrase("compressed by bzip2")),
    (b"\xfd7zXZ", Phrase("compressed by xz")),
    (b"%PDF", Phrase("a PDF file")),
    (b"SQLite format 3", Phrase("an SQLite database")),
    (b"\x89HDF", Phrase("an HDF5 file")),
    (b"ARROW1", Phrase("an Arrow file")),
)


def read_table(
    source: Any,
    *,
    encoding: str | None = None,
    missing: Missing = "error",
    schema: Mapping[str, cells.Kind] | None = None,
    separator: str | None = None,
    ignore: Collection[str] = (),
) -> Table:
    """A Table from a path (CSV, Parquet, NPZ), a name such as `sklearn:iris`, a frame, or a dict of arrays.

    encoding, separator: of a CSV file; found by looking when not given.
    missing: what to do about empty and unreadable cells: "error" names the first, "drop" leaves out its row, "mean"
        keeps it for `Preparation` to fill.
    schema: the only columns to read, each with "number", "text" or "auto"; `Preparation.schema()` is one. A column that
        it names and the source lacks is no error here: `Preparation.transform` names all of them at once.
    ignore: columns to leave out, so that their empty cells do not matter.

    A text column in which at least 90 % of the filled cells are finite numbers is numeric, and its other cells are
    unreadable, wherever the text comes from. The file's content decides its format, not its name.

    Raises DataError for data that cannot be used as it is (see the readers), UnknownNameError for a set or a column to
    ignore that does not exist, DTypeError for a source that is no table, MissingDependencyError when pyarrow, narwhals
    or scikit-learn is needed and absent.

    >>> read_table({"x": [1.0, 2.0], "label": ["a", "b"]})
    Table(2 rows: x, label)
    """
    ignore = (ignore,) if isinstance(ignore, str) else ignore  # one name, not its letters
    table = _read(source, encoding, missing, schema, separator, frozenset(ignore))
    for name in ignore:
        if name not in table.left_out:
            table.position(name)
    return table


def _read(source: Any, encoding: str | None, missing: Missing, schema: Mapping[str, cells.Kind] | None,
          separator: str | None, ignore: Collection[str]) -> Table:  # fmt: skip
    """The table, by the reader for this kind of source."""
    if missing not in ("error", "drop", "mean"):
        raise ArgumentError("missing={missing!r} is unknown. Choose error, drop or mean.", missing=missing)
    for name, kind in (schema or {}).items():
        if kind not in ("number", "text", "auto"):
            raise ArgumentError(
                "schema of {name!r} is {kind!r}. Choose number, text or auto.", name=shown(name), kind=shown(kind)
            )
    if isinstance(source, Table):
        return source
    if isinstance(source, str) and source.startswith(PREFIX):
        return load_set(source)
    if isinstance(source, Mapping):
        return table_from_arrays(source, missing=missing, schema=schema, ignore=ignore)
    if not isinstance(source, (str, os.PathLike)):
        if not hasattr(type(source), "columns"):  # asked of the type: a lazy frame would begin to work
            raise DTypeError(
                "{kind} is no table. Give a path, a name such as 'sklearn:iris', a frame, or a dict of arrays.",
                kind=shown(type(source).__name__),
            )
        return table_from_frame(source, missing=missing, schema=schema, ignore=ignore)
    path = Path(source)
    head = _head(path)
    if head.startswith(PARQUET):
        return table_from_parquet(path, missing=missing, schema=schema, ignore=ignore)
    if head.startswith(NUMPY) or (head.startswith(ZIP) and path.suffix.lower() != ".xlsx"):
        return table_from_npz(path, missing=missing, schema=schema, ignore=ignore)
    foreign = next((what for start, what in _FOREIGN if head.startswith(start)), None)
    if head.startswith(ZIP):
        foreign = Phrase("an Excel file")
    if path.suffix.lower() in (".parquet", ".pq", ".npz") and foreign is None:
        foreign = Phrase("no {kind} file inside", kind=path.suffix[1:].lower())
    if foreign:
        raise DataError(
            "{source}: is {what}, which is not read here. Give the data as CSV, Parquet or NPZ.",
            source=shown(path.name),
            what=foreign,
        )
    text = decode(path.read_bytes(), path.name, encoding)
    return table_from_csv(text, source=path.name, missing=missing, schema=schema, separator=separator, ignore=ignore)


def _head(path: Path) -> bytes:
    """The first bytes of a file, or an error that says why there are none."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except IsADirectoryError:
        raise DataError("{path} is a folder. Give one file in it.", path=shown(path, 80)) from None
    except FileNotFoundError:
        try:
            others = sorted(entry.name for entry in path.parent.iterdir())
        except OSError:
            others = []
        raise DataError(
            "there is no file {path}. {known}",
            path=shown(path, 80),
            known=suggestion(path.name, others) if others else Phrase("Check the folder's name."),
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise DataError(
            "{path} cannot be opened ({reason}). Check the name and your right to read it.",
            path=shown(path, 80),
            reason=shown(getattr(error, "strerror", None) or error, 60),
        ) from None
