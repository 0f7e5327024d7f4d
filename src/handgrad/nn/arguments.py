"""Arguments: whole numbers, numbers in a range, one of several words; anything else is an error that says why."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.errors import ArgumentError, DTypeError, Phrase, UnknownNameError, nearest


def shown(value: Any, most: int = 60) -> str:
    """A value for an error message: on one line, cut where it gets long."""
    try:
        text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = type(value).__name__
    return text if len(text) <= most else text[: most - 1] + "…"


def whole(value: Any, what: str, least: int = 1) -> int:
    """`value` as an int of at least `least`; `what` is how the message calls it ("Dense: inputs").

    Raises DTypeError for what is no whole number, ArgumentError for one that is too small.

    >>> whole(np.int64(3), "Dense: inputs")
    3
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise DTypeError(
            "{what} is {value}: it must be a whole number. Write {example}.",
            what=what, value=shown(value), example=_whole_like(value, least),
        )  # fmt: skip
    if value < least:
        raise ArgumentError(
            "{what} is {value}: it must be at least {least}. Write {least} or more.",
            what=what, value=shown(value), least=least,
        )  # fmt: skip
    return int(value)


def _whole_like(value: Any, least: int) -> int:
    """The whole number that was perhaps meant by 2.5 or "3"."""
    near = _read(value)
    return max(least, round(near)) if near is not None and math.isfinite(near) else max(least, 1)


def _read(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, (str, float, np.floating)) else None
    except ValueError:
        return None


def number(
    value: Any,
    what: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    example: float = 1.0,
) -> float:
    """`value` as a finite float, above / at least / below the given bounds.

    Raises DTypeError for what is no number (texts, booleans, arrays), ArgumentError for nan, inf and a number outside.

    >>> number(np.float32(0.5), "lr", above=0)
    0.5
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        read = _read(value)
        raise DTypeError(
            "{what} is {value}: it must be a number. Write {example}.",
            what=what, value=shown(value), example=f"{example if read is None else read:g}",
        )  # fmt: skip
    try:
        read = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        read = math.inf
    if math.isfinite(read) and (above is None or read > above) and (least is None or read >= least):
        if below is None or read < below:
            return read
    raise ArgumentError(
        "{what} is {value}: it must be {rule}. Try {example:g}.",
        what=what, value=shown(value), rule=_rule(above, least, below), example=example,
    )  # fmt: skip


def _rule(above: float | None, least: float | None, below: float | None) -> Phrase:
    if below is not None:
        return Phrase("at least {least:g} and below {below:g}", least=least or 0.0, below=below)
    if above is not None:
        return Phrase("finite and above {above:g}", above=above)
    if least is not None:
        return Phrase("finite and at least {least:g}", least=least)
    return Phrase("finite")


def known(given: Mapping[str, Any], function: Callable[..., Any], what: str) -> None:
    """Raise UnknownNameError for a keyword that the function does not take."""
    names = [p.name for p in inspect.signature(function).parameters.values()
             if p.kind is p.KEYWORD_ONLY or p.default is not p.empty]  # fmt: skip
    for name in given:
        if name not in names:
            raise UnknownNameError("{what}() has no setting {name!r}. {hint}", what=what, name=name,
                                   hint=nearest(name, names))  # fmt: skip


def boolean(value: Any, what: str) -> bool:
    """`value` as a bool. Raises DTypeError for everything else."""
    if not isinstance(value, (bool, np.bool_)):
        raise DTypeError(
            "{what} is {value}: it must be true or false. Write True or False.", what=what, value=shown(value)
        )
    return bool(value)


def word(value: Any, what: str, options: Sequence[str]) -> str:
    """`value`, which must be one of `options`. Raises DTypeError for what is no text, UnknownNameError for others."""
    if not isinstance(value, str):
        raise DTypeError(
            "{what} is {value}: it must be one of {options}. Write {first!r}.",
            what=what, value=shown(value), options=", ".join(options), first=options[0],
        )  # fmt: skip
    if value not in options:
        raise UnknownNameError(
            "{what} cannot be {value}. {hint}", what=what, value=shown(value), hint=nearest(value, options)
        )
    return value


def optional_name(value: Any, what: str) -> str | None:
    """A name given to a layer, which becomes the prefix of its parameters: a text of letters, digits, _ and -, or None.

    Raises DTypeError for what is no text, ArgumentError for a text that is no such name.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise DTypeError('{what} is {value}: it must be a text. Write "hidden".', what=what, value=shown(value))
    if not value or not all(part.replace("-", "_").isidentifier() for part in value.split(".")):
        raise ArgumentError(
            "{what} is {value}: a name is letters, digits and _, parts joined by a dot. Try {example!r}.",
            what=what, value=shown(value), example="hidden",
        )  # fmt: skip
    return value
