"""Cell: text in a table of a demo, whose Chinese lines end where printers end them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.containers import Lines
from rich.text import Text

from handgrad.i18n.columns import cells, wrapped


class Cell(Text):
    """A text that is wrapped by our rules: Rich breaks lines at spaces only, and those stand around numbers."""

    def wrap(self, console: Console, width: int, **options: Any) -> Lines:
        """The lines; where a word is longer than one of them, Rich's own."""
        lines = wrapped(self.plain, width)
        if len(lines) < 2 or any(cells(line) > width for line in lines):
            return super().wrap(console, width, **options)
        made = Lines(Text(line, style=self.style, end="") for line in lines)
        made.justify(console, width, justify=options.get("justify") or self.justify or "left")
        return made
