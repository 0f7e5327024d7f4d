"""Arrays: NPZ files and dicts of arrays become tables."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.data import cells
from handgrad.data.table import Column, Missing, Table, assemble
from handgrad.data.wording import listed, shown
from handgrad.errors import DataError


def table_from_npz(
    path: Path,
    *,
    missing: Missing = "error",
    schema: Mapping[str, cells.Kind] | None = None,
    ignore: Collection[str] = (),
) -> Table:
    """A table from an NPZ file, laid out as `table_from_arrays` says. Nothing in it is ever unpickled.

    Raises DataError for a damaged or foreign file, and for arrays of Python objects.
    """
    try:
        # opened here, since np.load forgets to close a file that it cannot read
        with path.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            arrays = {name: loaded[name] for name in loaded.files} if hasattr(loaded, "files") else {}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError, SyntaxError) as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise DataError(
                "{source}: holds pickled Python objects, and unpickling runs whatever code the file brings. "
                "Save plain arrays of numbers or text.",
                source=shown(path.name),
            ) from None
        raise DataError(
            "{source}: cannot be read as NPZ ({reason}). Save it again with np.savez(file, X=X, y=y).",
            source=shown(path.name),
            reason=shown(error, 80),
        ) from None
    if not all(isinstance(array, np.ndarray) for array in arrays.values()) or not arrays:
        raise DataError(
            "{source}: does not hold named arrays. Save it with np.savez(file, X=X, y=y).", source=shown(path.name)
        )
    return table_from_arrays(arrays, source=path.name, missing=missing, schema=schema, ignore=ignore)


def table_from_arrays(
    arrays: Mapping[str, ArrayLike],
    *,
    source: str = "arrays",
    missing: Missing = "error",
    schema: Mapping[str, cells.Kind] | None = None,
    ignore: Collection[str] = (),
) -> Table:
    """A table from named arrays: X (N, D) with y (N,) or (N, 1), or one array (N,) for each column.

    The columns of X are called x1, x2, …, or as an array `names` of D texts says; y is then the target.
    NaN is a missing cell. Booleans are the texts False and True.

    Raises DataError for other layouts, different lengths, and arrays that are neither numbers nor text.

    >>> table = table_from_arrays({"X": np.eye(2), "y": np.array([3, 4])})
    >>> table.names, table.target, table.column("y").tolist()
    (('x1', 'x2', 'y'), 'y', [3.0, 4.0])
    """
    named: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if str(name) in named:
            raise DataError(
                "{source}: two arrays are called {name!r}: a column is found by its name. Rename one of them.",
                source=shown(source), name=shown(name),
            )  # fmt: skip
        named[str(name)] = _array(array, str(name), source)
    if not named:
        raise DataError("{source}: holds no arrays. Give X and y, or one array for each column.", source=shown(source))
    if "X" in named and named["X"].ndim != 1:
        named = _matrix(named, source)
    for name, array in named.items():
        if array.ndim != 1:
            raise DataError(
                "{source}: array {name!r} has shape {shape}: a column has one axis. Give X (N, D) and y (N,), or one "
                "array (N,) for each column.",
                source=shown(source),
                name=shown(name),
                shape=array.shape,
            )
    lengths = {name: len(array) for name, array in named.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            "{source}: the arrays have different lengths ({lengths}): each row needs all of them. Give arrays of one "
            "length.",
            source=shown(source),
            lengths=listed(f"{name} {n}" for name, n in lengths.items()),
        )
    target = "y" if "y" in named else None
    return finish(named, source, missing, schema, ignore, target)


def finish(
    named: Mapping[str, NDArray[Any] | Sequence[str]],
    source: str,
    missing: Missing,
    schema: Mapping[str, cells.Kind] | None,
    ignore: Collection[str] = (),
    target: str | None = None,
) -> Table:
    """Columns that have names but no lines become a table; a list is one of text cells."""
    n = len(next(iter(named.values()), ()))
    if not n:
        raise DataError("{source}: has no rows. Give at least one.", source=shown(source))
    wanted = {
        name: place
        for place, name in enumerate(named, start=1)
        if name not in ignore and (schema is None or name in schema)
    }
    kinds = schema or {}
    return assemble(
        list(wanted),
        [typed(named[name], name, source, kinds.get(name, "auto")) for name in wanted],
        np.arange(1, n + 1),
        missing,
        unit="row",
        source=source,
        target=target if target in wanted else None,
        places=tuple(wanted.values()),
        left_out=tuple(name for name in named if name not in wanted),
    )


def typed(array: NDArray[Any] | Sequence[str], name: str, source: str, kind: cells.Kind) -> Column:
    """One array as a column: numbers stay numbers, text goes the way of CSV cells."""
    if not isinstance(array, np.ndarray):
        return cells.column(array, kind)
    code = array.dtype.kind
    if code in "iuf":
        if kind == "text":
            return cells.text([label(value) for value in array.tolist()])
        values = array.astype(np.float64)
        missing = ~np.isfinite(values)
        unreadable = {int(row): str(values[row]) for row in np.flatnonzero(np.isinf(values))}
        values[missing] = np.nan
        return Column(values, missing, unreadable)
    if code == "b":
        return cells.text([str(value) for value in array.tolist()])
    if code in "UTMm":
        return cells.column(["" if text == "NaT" else text for text in array.astype(str).tolist()], kind)
    if code == "S":
        return cells.column([text.decode("utf-8", "replace") for text in array.tolist()], kind)
    if code == "O":
        return cells.column([word(value, name, source) for value in array.tolist()], kind)
    raise _no_column(name, source, array.dtype.name)


def word(value: object, name: str, source: str) -> str:
    """One Python object as the text of a cell; None and NaN are empty."""
    if value is None or value != value or str(value) in ("<NA>", "NaT"):  # NaN alone differs from itself
        return ""
    if isinstance(value, (list, tuple, dict, set, bytes, np.ndarray)):
        raise _no_column(name, source, type(value).__name__)
    return label(value) if isinstance(value, float) else str(value)


def label(value: float) -> str:
    """A number as the name of a class or category: whole ones without a point.

    >>> label(3.0), label(2.5)
    ('3', '2.5')
    """
    return str(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else repr(float(value))


def _no_column(name: str, source: str, kind: str) -> DataError:
    return DataError(
        "{source}: column {name!r} holds {kind}: a column holds numbers, text or booleans. Convert it or leave it out.",
        source=shown(source),
        name=shown(name),
        kind=kind,
    )


def _array(array: ArrayLike, name: str, source: str) -> NDArray[Any]:
    if isinstance(array, (list, tuple)) and any(isinstance(value, str) for value in array):
        return np.array(array, dtype=object)  # NumPy's own text drops zero characters at the end
    try:
        return _filled(array) if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    except ValueError:
        raise DataError(
            "{source}: {name!r} is a list of lists that have different lengths. Give one value for each row.",
            source=shown(source),
            name=shown(name),
        ) from None


def _filled(array: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """What a mask hides is missing: NaN among numbers, None among texts."""
    hidden = np.ma.getmaskarray(array)
    plain = np.asarray(array.data, dtype=np.float64 if array.dtype.kind in "iuf" and hidden.any() else None)
    if not hidden.any():
        return plain
    if plain.dtype.kind == "f":
        return np.where(hidden, np.nan, plain)
    texts = plain.astype(object)
    texts[hidden] = None
    return texts


def _matrix(named: dict[str, NDArray[Any]], source: str) -> dict[str, NDArray[Any]]:
    """X, y and names taken apart into columns."""
    X, y = named["X"], named.get("y")
    others = [name for name in named if name not in ("X", "y", "names")]
    if others:
        raise DataError(
            "{source}: holds {others} beside X: with a matrix X only y and names are read. Save one set in each file.",
            source=shown(source),
            others=listed(others),
        )
    if X.ndim != 2:
        raise DataError(
            "{source}: X has shape {shape}, it must have two axes (N, D). Use X.reshape(len(X), -1).",
            source=shown(source),
            shape=X.shape,
        )
    titles = named.get("names")
    if titles is not None and titles.shape != (X.shape[1],):
        raise DataError(
            "{source}: names has shape {shape}, X has {columns} columns. Give one name for each column.",
            source=shown(source),
            shape=titles.shape,
            columns=X.shape[1],
        )
    columns = {
        str(name): X[:, j]
        for j, name in enumerate(titles if titles is not None else [f"x{j + 1}" for j in range(X.shape[1])])
    }
    if len(columns) < X.shape[1] or "y" in columns:
        raise DataError(
            "{source}: two columns have the same name, or one is called y. Give different names.", source=shown(source)
        )
    if y is None:
        return columns
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (len(X),):
        raise DataError(
            "{source}: X has shape {X} and y has shape {y}: y needs one value for each row of X. Give y as (N,) or "
            "(N, 1).",
            source=shown(source),
            X=X.shape,
            y=named["y"].shape,
        )
    return {**columns, "y": y}
