"""Options: what several verbs share, so that the same word means the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from handgrad.cli.values import Usage, one_of
from handgrad.cli.voice import Voice
from handgrad.errors import ArgumentError, FileError

if TYPE_CHECKING:
    from handgrad.data import Preparation, Table
    from handgrad.nn.network import Network

MISSING = ("error", "drop", "mean")


def data_argument(voice: Voice) -> Any:
    """DATA."""
    return typer.Argument(
        metavar="DATA",
        help=voice.t("A CSV, Parquet or NPZ file, or sklearn:digits, breast_cancer, iris, wine or diabetes."),
    )


def file_argument(voice: Voice) -> Any:
    """FILE."""
    return typer.Argument(metavar="FILE", help=voice.t("A network that `handgrad train --save` or net.save wrote."))


def missing_option(voice: Voice) -> Any:
    """--missing."""
    return typer.Option(
        "--missing",
        metavar="HOW",
        help=voice.t(
            "Empty or unreadable cells: error names the first, drop leaves out the row, "
            "mean puts the column's mean there; error when not given."
        ),
    )


def encoding_option(voice: Voice) -> Any:
    """--encoding."""
    return typer.Option(
        "--encoding",
        metavar="NAME",
        help=voice.t("Encoding of a CSV file, such as gb18030 or big5; UTF-8 when not given."),
    )


def separator_option(voice: Voice) -> Any:
    """--separator."""
    return typer.Option(
        "--separator",
        metavar="C",
        help=voice.t("What parts the cells of a CSV file: one character, or tab; found by looking when not given."),
    )


def force_option(voice: Voice) -> Any:
    """--force."""
    return typer.Option("--force", help=voice.t("Write over a file that exists."))


def out_option(voice: Voice) -> Any:
    """--out FILE."""
    return typer.Option("--out", metavar="FILE", help=voice.t("Write to this file (UTF-8) instead of the terminal."))


def read(data: str, missing: str, encoding: str | None, separator: str | None, schema: Any = None,
         ignore: Sequence[str] = ()) -> Table:  # fmt: skip
    """The table that DATA names. Raises Usage for options that make no sense, and as `read_table` does."""
    from handgrad.data import read_table

    one_of("--missing", missing, MISSING)
    mark = {"tab": "\t", "\\t": "\t"}.get(separator, separator) if separator is not None else None
    if mark is not None and (len(mark) != 1 or mark in '"\r\n '):
        raise Usage(
            ArgumentError(
                "--separator {value!r}: it must be one character, or tab. Write for example --separator ';'.",
                value=mark,
            )
        )
    return read_table(
        data, missing=missing, encoding=encoding, separator=mark, schema=schema, ignore=ignore,  # type: ignore[arg-type]
    )  # fmt: skip


def network(file: str, data: str | None = None) -> Network:
    """The network in FILE. Raises Usage when FILE and DATA were exchanged, and as `load` does."""
    from handgrad.nn.files import load

    ending = ".safetensors"
    if data is not None and data.endswith(ending) and not file.endswith(ending):
        raise Usage(ArgumentError("{data} is the network: it goes before the data. Exchange the two.", data=data))
    return load(file)


def prepared(net: Network, file: str) -> Preparation:
    """How the network's table was prepared. Raises FileError for a network that was not trained on a table."""
    if net.preparation is None:
        raise FileError(
            "{file}: this network was not trained on a table, so no columns can be matched to its inputs. "
            "Use it in Python: handgrad.load(...).",
            file=file,
        )
    found: Preparation = net.preparation
    return found
