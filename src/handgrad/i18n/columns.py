"""Columns: how wide a text is in a terminal, where it may be cut, and where a line of it may end."""

from __future__ import annotations

import unicodedata

CLOSING = "，。；：、！？）」』》〉】］｝”’…％,.;:!?)]}%"  # never the first on a line
OPENING = "（「『《〈【［｛“‘([{"  # never the last


def cells(text: str) -> int:
    """The columns that a text fills: Chinese characters take two, marks that sit on another character none.

    >>> cells("net"), cells("网络")
    (3, 4)
    """
    return sum(0 if unicodedata.combining(c) else _cells(c) for c in text)


def fitted(text: str, columns: int, right: bool = False) -> str:
    """A text in exactly so many columns: filled with spaces, or cut with an ellipsis.

    >>> fitted("net", 5), fitted("net", 5, right=True), fitted("神经网络", 6)
    ('net  ', '  net', '神经… ')
    """
    if cells(text) > columns:
        while cells(text) > columns - 1:
            text = text[:-1]
        text += "…"
    space = " " * (columns - cells(text))
    return space + text if right else text + space


def wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    """The lines of a text, broken at spaces and between Chinese characters, as printers do.

    A punctuation mark that closes does not begin a line, one that opens does not end it. All lines but the first begin
    with `indent`. A word longer than a line stands alone.

    >>> wrapped("one two three", 8)
    ['one two', 'three']
    >>> wrapped("训练一个网络。", 8)
    ['训练一个', '网络。']
    >>> wrapped("网络有 12 个权重。", 9, indent="  ")
    ['网络有 12', '  个权', '  重。']
    """
    lines, line = [], ""
    for piece in _pieces(text):
        if line.strip() and cells(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = indent
        line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """What must stay together, each with the space behind it."""
    found: list[str] = []
    last = mark = " "
    for c in " ".join(text.split()):
        if last == " ":
            # " .5" is a word
            breaks = (c.isascii() or c not in CLOSING) and (mark.isascii() or mark not in OPENING)
        else:
            breaks = 2 in (_cells(last), _cells(c)) and c not in CLOSING and last not in OPENING and c != " "
        if breaks or not found:
            found.append(c)
        else:
            found[-1] += c
        last, mark = c, mark if c == " " else c
    return found


def _cells(c: str) -> int:
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
