"""Values: what people write behind an option becomes a number or a place, or a mistake in the use of the command."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from handgrad.errors import ArgumentError, FileError, HandgradError, UnknownNameError, nearest


def short(value: object, limit: int = 40) -> str:
    """A value as one short line (`data.wording.shown`, imported only when something is wrong)."""
    from handgrad.data.wording import shown

    return shown(value, limit)


def word(text: str) -> str:
    """A text as a shell takes it for one word: quoted only where it must be, which Chinese need not.

    >>> word("house prices.csv"), word("房價.csv")
    ("'house prices.csv'", '房價.csv')
    """
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else shlex.quote(text)


class Usage(Exception):
    """The command line itself is wrong (exit code 2); `error` says how."""

    def __init__(self, error: HandgradError) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def usage() -> Iterator[None]:
    """What goes wrong in here is the command line's fault, not that of the data."""
    try:
        yield
    except HandgradError as error:
        raise Usage(error) from error


def whole(option: str, text: str | None, least: int = 0) -> int | None:
    """A whole number of at least `least`; None stays None. Raises Usage.

    >>> whole("--epochs", "50")
    50
    """
    if text is None:
        return None
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12 and int(digits) >= least):
        raise Usage(
            ArgumentError(
                "{option} {value!r}: it must be a whole number from {least} on. Write for example {option} {example}.",
                option=option, value=short(text), least=least, example=max(least, 10),
            )
        )  # fmt: skip
    return int(digits)


def number(option: str, text: str | None, example: str, above: float | None = None, least: float = 0.0,
           below: float = math.inf) -> float | None:  # fmt: skip
    """A finite number within bounds (`above` is left out itself, `least` is not); None stays None. Raises Usage.

    >>> number("--lr", "1e-2", example="0.01", above=0)
    0.01
    """
    if text is None:
        return None
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    inside = value > above if above is not None else value >= least
    if math.isfinite(value) and inside and value < below:
        return value
    facts = {"option": option, "value": short(text), "example": example}
    if above is not None:
        raise Usage(
            ArgumentError(
                "{option} {value!r}: it must be a number above {above:g}. Write for example {option} {example}.",
                **facts, above=above,
            )
        )  # fmt: skip
    if below < math.inf:
        raise Usage(
            ArgumentError(
                "{option} {value!r}: it must be a number from {least:g} to below {below:g}. "
                "Write for example {option} {example}.",
                **facts, least=least, below=below,
            )
        )  # fmt: skip
    raise Usage(
        ArgumentError(
            "{option} {value!r}: it must be a number of at least {least:g}. Write for example {option} {example}.",
            **facts, least=least,
        )
    )  # fmt: skip


def one_of(option: str, text: str, options: Sequence[str]) -> str:
    """One of these words. Raises Usage with the nearest."""
    if text not in options:
        raise Usage(
            UnknownNameError(
                "{option} {value!r} is unknown. {hint}", option=option, value=short(text), hint=nearest(text, options)
            )
        )
    return text


def free_path(option: str, text: str, force: bool) -> Path:
    """A path to write to, known before the work begins. Raises Usage where something stands already, or no folder."""
    path = Path(text)
    facts = {"option": option, "path": short(text, 80)}
    if not text.strip() or "\0" in text or path.is_dir():
        raise Usage(FileError("{option} {path!r}: a file's name is needed here, not a folder's. Add one.", **facts))
    if path.exists() and not force:
        raise Usage(FileError("{path} exists already. Choose another name, or add --force to write over it.", **facts))
    if not path.parent.is_dir():
        raise Usage(
            FileError(
                "{option} {path!r}: there is no folder {folder}. Make it first, or choose another.",
                **facts, folder=short(path.parent, 80),
            )
        )  # fmt: skip
    return path
