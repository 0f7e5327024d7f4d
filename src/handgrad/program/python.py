"""The plain listing: one readable line of NumPy for each statement."""

from __future__ import annotations

import math
from typing import Any

from handgrad.core.sizes import Size
from handgrad.core.symbols import Expr
from handgrad.program.printing import ATOM, Piece, write
from handgrad.program.statements import Statement


def number(value: Any) -> Piece:
    """A number as Python reads it back, exactly."""
    if isinstance(value, Size):
        return Piece(str(value), ATOM if value.coefficient == 1 and len(value.letters) == 1 else 5)
    if isinstance(value, float):
        for text, known in (("np.pi", math.pi), ("2 * np.pi", 2 * math.pi), ("2 / np.pi", 2 / math.pi),
                            ("np.exp(-100)", math.exp(-100))):  # fmt: skip
            if value == known:
                return Piece(text, 5 if " " in text else ATOM)
        if math.isinf(value) or math.isnan(value):
            return Piece(f"-np.{str(value)[1:]}" if value < 0 else f"np.{value}", ATOM if not value < 0 else 7)
    return Piece(repr(value), 7 if not isinstance(value, bool) and value < 0 else ATOM)


def _leaf(node: Expr) -> Piece:
    return Piece(str(node.name)) if node.name is not None else number(node.value)


def _template(node: Expr) -> Any:
    assert node.op is not None
    if node.op.python is not None:
        return node.op.python
    names = ", ".join(f"{{{i}}}" for i in range(len(node.args)))
    settings = "".join(f", {k}={v!r}" for k, v in node.params.items() if v != node.op.params.get(k))
    return f"{node.op.name}({names}{settings})"


def text(expr: Expr) -> Piece:
    """An expression as Python."""
    return write(expr, _template, _leaf, ("(", ")"))


def line(statement: Statement) -> str:
    """A statement as one line of Python: `dz1 = da1 * a1 * (1 - a1)`."""
    return f"{statement.target} = {text(statement.expr)}"
