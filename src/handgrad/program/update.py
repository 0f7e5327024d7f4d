"""The update as a program: an optimizer's rule over one flat vector of all weights, printed once for the network."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol

from handgrad.core.symbols import Expr, Symbols
from handgrad.errors import UnknownNameError, nearest
from handgrad.program.names import Name
from handgrad.program.statements import Leaf, Origin, Program
from handgrad.program.write import Row, write


class Values(SimpleNamespace):
    """What a rule receives as s: its settings, its state and the step."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownNameError(
            "the rule reads s.{name}, which is neither a setting nor a state of it. {hint}",
            name=name, hint=nearest(name, vars(self)),
        )  # fmt: skip


class Rule(Protocol):
    """What an optimizer brings: settings (single numbers), state (vectors as long as the weights), and its rule."""

    def settings(self) -> Mapping[str, float]: ...
    def state(self) -> tuple[str, ...]: ...
    def rule(self, xp: Any, w: Any, g: Any, s: Any) -> Mapping[str, Any]: ...


def clip_by_norm(xp: Any, g: Any, max_norm: Any) -> Any:
    """Shorten the whole gradient to the length max_norm if it is longer (Pascanu et al. 2013; torch adds 1e-6)."""
    norm = xp.sqrt(xp.sum(g * g))
    scale = xp.minimum(1.0, max_norm / (norm + 1e-6))
    return g * scale


def clip_by_value(xp: Any, g: Any, max_value: Any) -> Any:
    """Keep every single derivative within [-max_value, max_value]."""
    return xp.maximum(xp.minimum(g, max_value), -max_value)


def update(optimizer: Rule, size: int, *, clip_norm: float | None = None, clip_value: float | None = None) -> Program:
    """The program of one update: leaves w, g (all weights and gradients, flat), the state, the settings."""
    table = Symbols()
    leaves: dict[Expr, Leaf] = {}

    def leaf(name: str, shape: tuple[int, ...], role: str) -> Expr:
        word = name.rstrip("0123456789")  # beta1 is the letter beta with the number 1
        full = Name(word, int(name[len(word) :])) if name != word else Name(name)
        e = table.leaf(full, shape)
        leaves[e] = Leaf(full, shape, "float", role)
        return e

    w, g = leaf("w", (size,), "parameter"), leaf("g", (size,), "gradient")
    s = Values(t=leaf("t", (), "setting"))
    for name in optimizer.settings():
        setattr(s, name, leaf(name, (), "setting"))
    for name in optimizer.state():
        setattr(s, name, leaf(name, (size,), "state"))
    used = g
    if clip_norm is not None:
        used = table.run_rule(clip_by_norm, (table, used, leaf("max_norm", (), "setting")), {})
    if clip_value is not None:
        used = table.run_rule(clip_by_value, (table, used, leaf("max_value", (), "setting")), {})
    if used is not g:
        table.hints[used] = "g_clipped"
    new = table.run_rule(optimizer.rule, (table, w, used, s), {})
    origin = Origin(op=type(optimizer).__name__)
    rows = [
        Row(Name(name, kind="new"), new[name], "update", "parameter" if name == "w" else "state", origin, Name(name))
        for name in sorted(new, key=lambda name: name == "w")  # the state first
    ]
    return write(table, leaves, rows)
