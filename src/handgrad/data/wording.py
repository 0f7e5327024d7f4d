"""Wording: values and lists of names, cut to a length that fits into one line of an error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handgrad import errors
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
    return errors.clipped(text, limit)


def listed(names: Iterable[object], limit: int = 80) -> str:
    """Names behind one another, as many as fit into `limit` characters, then how many are left.

    >>> listed(["a", "b"]), listed(["first", "second", "third"], limit=14)
    ('a, b', 'first, second and 1 more')
    """
    return errors.listed((shown(name, 30) for name in names), limit)


def suggestion(name: str, options: Iterable[str]) -> str:
    """`errors.nearest` for names from a file, which may hold any character.

    >>> suggestion("agee", ["age", "city"]), suggestion("zzz", ["a\\nb"])
    ("Did you mean 'age'?", 'Known: a\\\\nb.')
    """
    return nearest(name, [shown(option) for option in options])
