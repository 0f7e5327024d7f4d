"""What the printers share: templates with precedences, so that parentheses stand only where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handgrad.core.symbols import Expr

ATOM = 9


class Piece:
    """Printed text that knows how tightly it binds; `{x:5}` in a template puts parentheses around what is looser."""

    __slots__ = ("left", "right", "strength", "text")

    def __init__(self, text: str, strength: int = ATOM, left: str = "(", right: str = ")") -> None:
        self.text, self.strength, self.left, self.right = text, strength, left, right

    def __format__(self, spec: str) -> str:
        if spec and self.strength < int(spec):
            return f"{self.left}{self.text}{self.right}"
        return self.text


def write(
    expr: Expr, template_of: Callable[[Expr], Any], leaf: Callable[[Expr], Piece], brackets: tuple[str, str]
) -> Piece:
    """Print an expression bottom up; works on deep expressions without recursion."""
    done: dict[int, Piece] = {}
    stack = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if node.op is None:
            done[id(node)] = leaf(node)
        elif not ready:
            stack.append((node, True))
            stack.extend((a, False) for a in node.args)
        else:
            template = template_of(node)
            if callable(template):
                template = template(node)
            text, strength = template if isinstance(template, tuple) else (template, ATOM)
            done[id(node)] = Piece(text.format(*(done[id(a)] for a in node.args)), strength, *brackets)
    return done[id(expr)]
