"""Safetensors files, read with distrust: the whole header is proven before one number is read, and nothing is run."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.core.sizes import show
from handgrad.errors import FileError, Phrase, nearest
from handgrad.nn.arguments import shown

# A header of these sizes is read in well under 50 ms and 50 MB, whatever it holds.
MOST_BYTES = 1_000_000
MOST_PIECES = 40_000  # commas and opening brackets: as many values can be inside

TYPES = {"F32": "float32", "F64": "float64"}
FOREIGN = (
    (b"PK\x03\x04", Phrase("a zip archive, as torch.save and np.savez write")),
    (b"\x93NUMPY", Phrase("a NumPy array")),
    (b"\x89HDF\r\n", Phrase("an HDF5 file")),
    (b"PAR1", Phrase("a Parquet table")),
    (b"\x1f\x8b", Phrase("a gzip archive")),
    *(
        (bytes([0x80, version]), Phrase("a pickle, which could run any program and is never opened"))
        for version in range(2, 6)
    ),
)


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: its dtype as NumPy calls it, its shape, and where its bytes begin behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Contents:
    """An open file whose header is proven: tensors that fill it without gap or overlap, and texts."""

    file: io.FileIO
    start: int
    entries: dict[str, Entry]
    metadata: dict[str, str]

    def read(self, name: str) -> NDArray[Any]:
        """One tensor as a new flat array. Raises FileError for numbers that are missing meanwhile."""
        entry = self.entries[name]
        array = np.empty(math.prod(entry.shape), np.dtype(entry.dtype).newbyteorder("<"))
        left = memoryview(array.view(np.uint8).data)
        self.file.seek(self.start + entry.begin)
        while len(left):  # one read gives at most 2 GB
            got = self.file.readinto(left)
            if not got:
                raise FileError("it became shorter while it was read. Load it again.")
            left = left[got:]
        return array


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """The contents of a safetensors file. Raises FileError, its message without the name of the file."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise FileError("it is a folder. Name a file in it.")
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, forever
            raise FileError("it is a device or pipe, no ordinary file. Name a file.")
        with path.open("rb", buffering=0) as file:
            start, entries, metadata = _header(file, os.fstat(file.fileno()).st_size)
            yield Contents(file, start, entries, metadata)
    except FileNotFoundError:
        raise FileError("there is no such file. {hint}", hint=_neighbours(path)) from None
    except OSError as error:
        raise FileError(
            "it cannot be read: {reason}. Check the name and the rights.", reason=error.strerror or type(error).__name__
        ) from None


def _neighbours(path: Path) -> str:
    try:
        names = sorted(p.name for p in path.parent.glob("*.safetensors"))[:20]
    except OSError:
        names = []
    return nearest(path.name, names) if names else Phrase("Check the name.")


def _header(file: io.FileIO, size: int) -> tuple[int, dict[str, Entry], dict[str, str]]:
    first = file.read(16)
    if len(first) < 8:
        raise FileError("it has {size} bytes, too few for a safetensors file. Save the network again.", size=size)
    n = int.from_bytes(first[:8], "little")
    if first[8:9] != b"{" or n > max(size - 8, MOST_BYTES):
        for magic, what in FOREIGN:
            if first.startswith(magic):
                raise FileError("it is {what}, not a safetensors file. Load one that handgrad saved.", what=what)
    if n > MOST_BYTES:
        raise FileError(
            "its header is said to have {n} bytes, and at most {most} are allowed: it is damaged or no safetensors "
            "file. Load one that handgrad saved.",
            n=n, most=MOST_BYTES,
        )  # fmt: skip
    if n > size - 8:
        raise FileError(
            "it is cut off: its header has {n} bytes, the file only {size}. Copy or save it again.", n=n, size=size
        )
    file.seek(8)
    header = parse(file.read(n), Phrase("header"))
    if not isinstance(header, dict):
        raise FileError("its header is no JSON object. Load a file that handgrad saved.")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise FileError("its metadata are {value}: they must be texts by name.", value=shown(metadata))
    entries = {name: _entry(name, value) for name, value in header.items()}
    _fill(entries, size - 8 - n)
    return 8 + n, entries, metadata


def check_size(raw: bytes) -> None:
    """Raise FileError for JSON that would take too long or too much memory to read."""
    pieces = raw.count(b",") + raw.count(b"[") + raw.count(b"{")
    if len(raw) > MOST_BYTES or pieces > MOST_PIECES:
        raise FileError(
            "its description has {n} bytes and about {pieces} values, and a file holds at most {most} and {values}. "
            "Use fewer layers, or leave out columns with many different texts.",
            n=len(raw), pieces=pieces, most=MOST_BYTES, values=MOST_PIECES,
        )  # fmt: skip


def parse(raw: bytes, what: str) -> Any:
    """JSON from a file that nobody vouches for. Raises FileError for anything but JSON, and for a key given twice."""
    check_size(raw)
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        problem: str = Phrase("it is nested too deeply")
    except ValueError as error:  # JSON's and UTF-8's errors, and numbers of thousands of digits
        problem = error.args[0] if isinstance(error.args[0], Phrase) else shown(str(error), 90)
    raise FileError(
        "its {what} cannot be read: {problem}. Copy or save it again.", what=what, problem=problem
    ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # readers disagree on which one counts
        raise ValueError(Phrase("a key stands twice in one object"))
    return found


def _no_number(text: str) -> Any:
    raise ValueError(Phrase("{text} is no JSON", text=text))


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise FileError(
            "its tensor {name} is not described by dtype, shape and data_offsets. Save it again.", name=shown(name)
        )
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in TYPES:
        raise FileError(
            "its tensor {name} is of dtype {dtype}, and weights are F32 or F64. Convert it.",
            name=shown(name), dtype=shown(dtype),
        )  # fmt: skip
    if not _naturals(shape) or len(shape) > 32 or not _naturals(offsets) or len(offsets) != 2:
        raise FileError(
            "its tensor {name} has shape {shape} and data_offsets {offsets}: whole numbers from 0 on are needed. Save "
            "it again.",
            name=shown(name), shape=shown(shape, 40), offsets=shown(offsets, 40),
        )  # fmt: skip
    begin, end = offsets
    needed = math.prod(shape) * np.dtype(TYPES[dtype]).itemsize
    if end - begin != needed:
        raise FileError(
            "its tensor {name} {shape} needs {needed} bytes and is given {given}. Copy or save it again.",
            name=shown(name), shape=show(tuple(shape))[:40], needed=shown(needed), given=shown(end - begin),
        )  # fmt: skip
    return Entry(TYPES[dtype], tuple(shape), begin, end)


def _naturals(values: Any) -> bool:
    # shapes and places beyond 2**63 are none, and would make slow arithmetic
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _fill(entries: dict[str, Entry], size: int) -> None:
    """Tensors must fill the file exactly: overlapping ones would share numbers, gaps could hide anything."""
    at, before = 0, ""
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin < at:
            raise FileError(
                "its tensors {name} and {other} overlap at byte {at}. Save it again.",
                name=shown(before), other=shown(name), at=entry.begin,
            )  # fmt: skip
        if entry.begin > at:
            raise FileError(
                "there is a gap of {n} bytes before its tensor {name}. Save it again.",
                n=entry.begin - at, name=shown(name),
            )  # fmt: skip
        at, before = entry.end, name
    if at > size:
        raise FileError(
            "it is cut off: its tensors need {needed} bytes and {size} are there. Copy or save it again.",
            needed=at, size=size,
        )  # fmt: skip
    if at < size:
        raise FileError("{n} bytes behind its last tensor belong to nothing. Copy or save it again.", n=size - at)
