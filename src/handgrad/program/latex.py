"""Formulas: statements and calls as LaTeX."""

from __future__ import annotations

import math
from typing import Any

from handgrad.core.sizes import Size
from handgrad.core.symbols import Expr
from handgrad.program.names import Name
from handgrad.program.printing import ATOM, Piece, write
from handgrad.program.statements import Statement


def number(value: Any) -> Piece:
    """A number as a formula writes it."""
    if isinstance(value, Size):
        body = r"\,".join([str(value.coefficient)] * (value.coefficient != 1) + list(value.letters))
        return Piece(body, 5 if len(body) > 1 else ATOM)
    if isinstance(value, bool):
        return Piece(str(int(value)))
    if isinstance(value, float):
        for shown, known in ((r"\pi", math.pi), (r"2\pi", 2 * math.pi), (r"\tfrac{2}{\pi}", 2 / math.pi),
                             ("e^{-100}", math.exp(-100))):  # fmt: skip
            if value == known:
                return Piece(shown, 5)
        if value in (0.5, -0.5):
            return Piece(r"\tfrac{1}{2}" if value > 0 else r"-\tfrac{1}{2}", 5 if value > 0 else 4)
        if math.isinf(value):
            return Piece(r"\infty" if value > 0 else r"-\infty", 4 if value < 0 else ATOM)
    shown = repr(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else repr(value)
    if "e" in shown:
        mantissa, exponent = shown.split("e")
        shown = rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if mantissa != "1" else f"10^{{{int(exponent)}}}"
        return Piece(shown, 5)
    return Piece(shown, 4 if value < 0 else ATOM)


def _leaf(node: Expr) -> Piece:
    if node.name is None:
        return number(node.value)
    shown = node.name.latex if isinstance(node.name, Name) else str(node.name)
    return Piece(shown, 8 if "^" in shown or r"\frac" in shown else ATOM)


def _template(node: Expr) -> Any:
    assert node.op is not None
    notation = node.op.notation
    if notation is None:
        inside = ", ".join(f"{{{i}}}" for i in range(len(node.args)))
        return rf"\operatorname{{{{{node.op.name.replace('_', ' ')}}}}}\left({inside}\right)"
    return notation


def text(expr: Expr) -> Piece:
    """An expression as LaTeX."""
    return write(expr, _template, _leaf, (r"\left(", r"\right)"))


def formula(statement: Statement, folded: bool = True) -> str:
    r"""A statement as a formula; with `folded` by its op's symbol (a_1 = \sigma(z_1)), else by its definition."""
    expr = statement.origin.call if folded and statement.origin.call is not None else statement.expr
    return f"{statement.target.latex} = {text(expr)}"
