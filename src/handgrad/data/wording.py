"""Wording: values and lists of names, cut to a length that fits into one line of an error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handgrad.errors import Phrase, nearest

UNITS = {"line": Phrase("line"), "row": Phrase("row")}  # what a table's places are counted in


@dataclass(frozen=True)
class Notice:
    """Something a person should know though nothing failed: a template and its values, as errors have them.

    >>> str(Notice("column {name} is constant.", {"name": "age"}))
    'column age is constant.'
    """

    template: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.values)


def shown(value: object, limit: int = 40) -> str:
    """A value from a file as one short line: control characters spelled out, the middle of long texts left out.

    >>> shown("a\\nb"), shown("x" * 99, limit=9)
    ('a\\\\nb', 'xxxx…xxxx')
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def listed(names: Iterable[object], limit: int = 80) -> str:
    """Names behind one another, as many as fit into `limit` characters, then how many are left.

    >>> listed(["a", "b"]), listed(["first", "second", "third"], limit=14)
    ('a, b', 'first, second and 1 more')
    """
    every = [shown(name, 30) for name in names]
    for keep in range(len(every), 1, -1):
        if len(", ".join(every[:keep])) <= limit:
            break
    else:
        keep = 1
    rest = len(every) - keep
    names_ = ", ".join(every[:keep])
    return Phrase("{names} and {rest} more", names=names_, rest=rest) if rest > 0 else names_


def suggestion(name: str, options: Iterable[str]) -> str:
    """`errors.nearest`, but short however many and however long the options are.

    >>> suggestion("agee", ["age", "city"])
    "Did you mean 'age'?"
    >>> suggestion("zzz", [f"column{i}" for i in range(99)])[-13:]
    ' and 90 more.'
    """
    options = list(options)
    folded = {option.casefold(): option for option in reversed(options)}
    if name.casefold() in folded:  # difflib sees no likeness between AGE and age
        return Phrase("Did you mean {name!r}?", name=shown(folded[name.casefold()]))
    guess = nearest(name, options)
    close = "name" in guess.values and len(guess) < 80
    return guess if close else Phrase("Known: {names}.", names=listed(options))
