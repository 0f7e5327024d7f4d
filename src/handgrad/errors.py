"""Errors: what happened, the rule that was broken, what to do about it.

Every message is one template with named values, so that it can be read as English here and said in another
language by the command line and the page (`error.template`, `error.values`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class HandgradError(Exception):
    """Base of every error that handgrad raises on purpose.

    `template` is the message with `{names}`; `values` fills it. The text is one line that stands alone.

    >>> str(ShapeError("{where}: got {got} columns, expected {expected}.", where="dense1", got=4, expected=3))
    'dense1: got 4 columns, expected 3.'
    """

    def __init__(self, template: str, **values: Any) -> None:
        self.template = template
        self.values = values
        super().__init__(template.format(**values) if values else template)

    def __str__(self) -> str:  # KeyError would print the repr of its message
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:  # keyword values survive pickling, so pools can hand errors back
        return _rebuild, (type(self), self.template, self.values, self.__dict__)


def _rebuild(cls: type[HandgradError], template: str, values: dict[str, Any], state: dict[str, Any]) -> HandgradError:
    error = cls.__new__(cls)
    HandgradError.__init__(error, template, **values)
    error.__dict__.update(state)
    return error


class ShapeError(HandgradError, ValueError):
    """Arrays whose shapes do not fit together."""


class ArgumentError(HandgradError, ValueError):
    """An argument of the right type with a value that makes no sense."""


class DTypeError(HandgradError, TypeError):
    """An argument of the wrong type, or an array of the wrong dtype."""


class UnknownNameError(HandgradError, KeyError):
    """A name that does not exist; the message lists or suggests the ones that do."""


class IndexRangeError(HandgradError, IndexError):
    """An index or a class label outside its valid range."""


class DataError(HandgradError, ValueError):
    """A table or data file that cannot be used as it is; the message says where."""


class FileError(HandgradError, ValueError):
    """A saved network or other file that is damaged, foreign, or does not fit."""


class GraphError(HandgradError, ValueError):
    """A question that this recorded graph cannot answer (not a scalar, edited since, no gradient)."""


class DivergedError(HandgradError, ValueError):
    """Training left the finite numbers; carries `.history`, and the network keeps its last finite weights."""


class MissingDependencyError(HandgradError, TypeError):
    """An optional library is not installed; the message says which extra brings it."""


class Phrase(str):
    """A piece of a message that keeps its template, so that it can be said in another language."""

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> Phrase:
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template, self.values = template, values
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _phrase, (self.template, self.values)


def _phrase(template: str, values: dict[str, Any]) -> Phrase:
    return Phrase(template, **values)


def clipped(text: str, limit: int = 60) -> str:
    """A text of at most `limit` characters, the middle of a longer one left out.

    >>> clipped("x" * 99, limit=9)
    'xxxx…xxxx'
    """
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def listed(names: Iterable[str], limit: int = 80) -> str:
    """Names behind one another, as many as fit into `limit` characters but at least one, then how many are left.

    >>> listed(["a", "b"]), listed(["first", "second", "third"], limit=14)
    ('a, b', 'first, second and 1 more')
    """
    every = [clipped(name, 30) for name in names]
    width = -2
    for k, name in enumerate(every):
        width += len(name) + 2
        if k and width > limit:
            return Phrase("{names} and {rest} more", names=", ".join(every[:k]), rest=len(every) - k)
    return ", ".join(every)


def enumerated(parts: Sequence[str], limit: int = 140) -> str:
    """Pieces of a message, Phrases too, parted by semicolons; as many as fit into `limit`, then how many are left.

    >>> enumerated(["missing b", "unknown c"]), enumerated(["missing b", "unknown c", "unknown d"], limit=20)
    ('missing b; unknown c', 'missing b; unknown c; 1 more')
    """
    said = parts[0] if parts else ""
    for k, part in enumerate(parts[1:], start=1):
        if len(said) + len(part) + 2 > limit:
            return Phrase("{said}; {rest} more", said=said, rest=len(parts) - k)
        said = Phrase("{said}; {part}", said=said, part=part)
    return said


def nearest(name: str, options: Iterable[str]) -> Phrase:
    """The option most like `name`, as a sentence to put behind an error; when none is like it, the first options.

    >>> nearest("reluu", ["relu", "tanh"]), nearest("Relu", ["relu", "tanh"])
    ("Did you mean 'relu'?", "Did you mean 'relu'?")
    >>> nearest("zzz", ["relu", "tanh"])
    'Known: relu, tanh.'
    >>> nearest("zzz", [f"column{i}" for i in range(99)])[-13:]
    ' and 90 more.'
    """
    known = list(options)
    same = [option for option in known if option.casefold() == name.casefold()]  # difflib: AGE and age are unlike
    close = same or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return Phrase("Did you mean {name!r}?", name=clipped(close[0]))
    return Phrase("Known: {names}.", names=listed(known))


def missing(library: str, extra: str) -> MissingDependencyError:
    """The error for an optional library that is not installed."""
    return MissingDependencyError(
        '{library} is needed for this and is not installed: pip install "handgrad[{extra}]"',
        library=library,
        extra=extra,
    )
