"""Files: a figure written to disk together with its text for people who do not see it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from handgrad.errors import ArgumentError, FileError

# Under which key each format keeps a description; None: the format has no place for one.
KEYS: dict[str, str | None] = {"png": "Description", "svg": "Description", "pdf": "Subject", "jpg": None, "webp": None}


def save(figure: Any, path: str | Path, *, dpi: int = 120) -> Path:
    """Write a figure to `path` (.png, .svg, .pdf, .jpg or .webp) at `dpi` dots per inch; gives the path.

    The figure's alternative text goes into the file (PNG: the text chunk "Description"). An existing file is replaced.
    Raises ArgumentError for another ending, FileError when the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in KEYS:
        raise ArgumentError(
            "a picture cannot be saved as {name!r}: the ending says the format. Use one of {known}.",
            name=path.name, known=", ".join(f".{k}" for k in KEYS),
        )  # fmt: skip
    key = KEYS[kind]
    metadata = {key: figure.get_label()} if key and figure.get_label() else {}
    try:
        figure.savefig(path, dpi=dpi, format=kind, metadata=metadata or None)
    except OSError as error:
        raise FileError(
            "the picture cannot be written to {path}: {reason}. Choose another place.",
            path=os.fspath(path), reason=error.strerror or type(error).__name__,
        ) from None  # fmt: skip
    return path
