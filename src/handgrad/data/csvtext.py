"""CSV: text becomes rows of cells with their line numbers, and the rows become a table."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import cells
from handgrad.data.table import Column, Missing, Table, assemble
from handgrad.data.wording import Notice, listed, shown
from handgrad.errors import ArgumentError, DataError

SEPARATORS = (",", "\t", ";", "|")


def table_from_csv(
    text: str,
    *,
    source: str = "text",
    missing: Missing = "error",
    schema: Mapping[str, cells.Kind] | None = None,
    separator: str | None = None,
    ignore: Collection[str] = (),
) -> Table:
    r"""A table from the text of a CSV file: one line of column names, then one line for each row.

    The separator (comma, tab, semicolon or bar) is found by looking. Cells may be quoted, and then hold separators and
    line ends. Where the separator is not a comma and a column needs it, commas are decimal points. Blank lines
    are skipped. `schema` names the only columns to read and what they hold: "number", "text" or "auto"; `ignore` those
    to leave out.

    Raises DataError with the line: no text, no rows, ragged rows, broken quotes, missing cells (see `assemble`),
    columns without a name or with the same one, a first line that holds numbers instead of names.

    >>> table = table_from_csv("size;kind\n1,5;old\n2;new\n")
    >>> table.column("size").tolist(), table.column("kind").tolist(), table.lines.tolist()
    ([1.5, 2.0], ['old', 'new'], [2, 3])
    """
    if not text.strip():
        raise DataError(
            "{source}: the file is empty. Give a first line with column names, then one line for each row.",
            source=shown(source),
        )
    given: Any = separator
    if given is not None and (not isinstance(given, str) or len(given) != 1 or given in '"\r\n \0'):
        raise ArgumentError("separator={got!r}: must be one character, such as ',' or ';'.", got=shown(separator))
    declared = re.match(r"sep=(.)\r?\n", text)  # a line that Excel writes, and hides, to name the separator
    skipped = 0
    if declared:
        text, skipped = text[declared.end() :], 1
        separator = separator or declared[1]
    separator = separator or sniff(text)
    names, rows, lines = _rows(text, separator, skipped, source)
    columns: list[Sequence[str]] = list(zip(*rows)) if rows else [()] * len(names)
    names, kept, notices = _named(names, columns, lines, source)
    if not rows:
        raise DataError(
            "{source}: holds a line of {n} column names and no rows. Add at least one line of values.",
            source=shown(source),
            n=len(names),
        )
    left_out = tuple(name for name in names if name in ignore or (schema is not None and name not in schema))
    wanted = [(name, j) for name, j in zip(names, kept) if name not in left_out]
    # one file has one way to write decimals, so every column is asked before any is read
    comma = separator != "," and any(cells.uses_commas(columns[j]) for j in kept)
    read = [cells.column(columns[j], (schema or {}).get(name, "auto"), comma) for name, j in wanted]
    notices += tuple(_thousands(name, columns[j], column) for (name, j), column in zip(wanted, read)
                     if not comma and column.values.dtype != object and cells.grouped(columns[j]))  # fmt: skip
    return assemble(
        [name for name, _ in wanted],
        read,
        lines,
        missing,
        unit="line",
        source=source,
        places=tuple(j + 1 for _, j in wanted),
        left_out=left_out,
        notices=notices,
    )


def _thousands(name: str, texts: Sequence[str], column: Column) -> Notice:
    """What a person should see, since 2,980 means 2.98 elsewhere."""
    example = cells.grouped(texts)
    row = next(i for i, cell in enumerate(texts) if cell.strip() == example)
    return Notice(
        "Column {name!r}: a comma parts thousands, so {example!r} is read as {value}.",
        {"name": shown(name), "example": shown(example), "value": f"{column.values[row]:.15g}"},
    )


def sniff(text: str) -> str:
    """The separator: among those that part the first line, the one under which most rows have as many cells.

    >>> sniff("a;b\\n1,5;2,5\\n"), sniff('"x, y"\\tz\\n1\\t2\\n'), sniff("alone\\n1\\n")
    (';', '\\t', ',')
    """
    text = text[:200_000]  # the beginning tells; a row that is cut in two only counts as one ragged row
    best, choice = (0.0, 0), ","
    for separator in SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            widths = [len(row) for row in itertools.islice(reader, 200) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths[1:]) / max(len(widths) - 1, 1), widths[0])
            if score > best:
                best, choice = score, separator
    return choice


def _rows(text: str, separator: str, skipped: int, source: str) -> tuple[list[str], list[list[str]], NDArray[np.int64]]:
    """Names, rows of cells, and the line on which each row begins."""
    # strict: without it, a quote that is never closed swallows the rest of the file in silence
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    names: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = skipped + 1
    try:
        for row in reader:
            line, begin = begin, reader.line_num + skipped + 1
            if not any(row) or not any(map(str.strip, row)):
                continue  # a blank line, or the ;;;; that table programs leave below the data
            if not names:
                names = [name.strip() for name in row]
            elif len(row) == len(names):
                rows.append(row)
                lines.append(line)
            else:
                raise DataError(
                    "{source}, line {line}: has {got} cells, the line of column names has {expected}. "
                    "Give every row one cell for each column, and quote cells that hold {separator!r}.",
                    source=shown(source),
                    line=line,
                    got=len(row),
                    expected=len(names),
                    separator=separator,
                )
    except csv.Error as error:
        raise DataError(
            "{source}, line {line}: the row that begins here cannot be read ({reason}). "
            "Close every quote, and write a quote inside a quoted cell twice.",
            source=shown(source),
            line=begin,
            reason=shown(error, 60),
        ) from None
    return names, rows, np.array(lines, dtype=np.int64)


def _named(
    names: list[str], columns: Sequence[Sequence[str]], lines: NDArray[np.int64], source: str
) -> tuple[list[str], list[int], tuple[Notice, ...]]:
    """The columns to read and their places, without those that have neither a name nor a meaning."""
    for place, name in enumerate(names, start=1):
        if any(mark in name for mark in ".eE") and np.isfinite(cells.parse_point(name)):
            raise DataError(
                "{source}, line 1, column {place}: {name!r} is a number where a column name should be. "
                "Put a line with the names of the columns first.",
                source=shown(source),
                place=place,
                name=shown(name),
            )
    kept, notices = [], []
    for j, name in enumerate(names):
        if name:
            kept.append(j)
        elif not any(cell.strip() for cell in columns[j]):
            continue  # every line ends with a separator
        elif j == 0 and _counts(columns[j]):
            notices.append(Notice("The first column has no name and only counts the rows: left out.", {}))
        else:
            raise DataError(
                "{source}, line 1: column {place} has no name, its first value is {value!r}. Give it a name.",
                source=shown(source),
                place=j + 1,
                value=shown(next(cell for cell in columns[j] if cell.strip())),
            )
    if not kept:
        raise DataError("{source}: no column has a name. Put a line with the names first.", source=shown(source))
    if len(names) == 1 and len(lines) and names[0].count(" ") and all(" " in cell.strip() for cell in columns[0][:9]):
        raise DataError(
            "{source}: the line of column names reads {names!r}: one column, parted by spaces. "
            "Part the cells by commas, semicolons or tabs.",
            source=shown(source),
            names=listed(names),
        )
    return [names[j] for j in kept], kept, tuple(notices)


def _counts(column: Sequence[str]) -> bool:
    """Whether a column holds 0, 1, 2, … or 1, 2, 3, …: the index that pandas writes."""
    start = column[0].strip()
    return start in ("0", "1") and all(cell.strip() == str(i) for i, cell in enumerate(column, start=int(start)))
