"""The program as plain data: leaves and statements, each value written once.

Buffers do not belong in a statement: a derivation, a plain listing and the planned script want other buffers of the
same statements. A plan derives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handgrad.core.sizes import Shape
from handgrad.core.symbols import Expr
from handgrad.program.names import Name


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that comes from outside. role: input | label | parameter | gradient | state | setting | constant.

    `label` is its human name (dense1.weight), "" where that is its name in code.
    """

    name: Name
    shape: Shape
    dtype: str
    role: str
    label: str = ""

    @property
    def human(self) -> str:
        return self.label or self.name.text


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a statement comes from: the layer, the op, the call as it was written, the argument whose gradient it is.

    `call` is the folded call over names (`sigmoid(z1)`), so that both "a1 = σ(z1)" and its definition can be printed.
    """

    layer: str = ""
    op: str = ""
    call: Expr | None = None
    argument: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """`target = expr`. phase: forward | backward | update. role: value | local | gradient | contribution | alias |
    state | scalar | parameter. `into` names the storage that this value continues (a parameter, a momentum)."""

    target: Name
    expr: Expr
    phase: str
    role: str
    origin: Origin = field(default_factory=Origin)
    into: Name | None = None

    @property
    def shape(self) -> Shape:
        return self.expr.shape

    @property
    def dtype(self) -> str:
        return self.expr.dtype


@dataclass(frozen=True, slots=True, eq=False)  # a program is itself: what it compiles to is kept by identity
class Program:
    """Leaves, statements in order, and which names are wanted from outside."""

    leaves: tuple[Leaf, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[Name, ...]

    def statement(self, text: str) -> Statement:
        """The statement that writes the value spelt `text`."""
        for s in self.statements:
            if s.target.text == text:
                return s
        raise KeyError(text)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: leaves and statements with their printed lines and their expressions as nested lists."""
        from handgrad.program.latex import formula
        from handgrad.program.python import line

        return {
            "leaves": [
                {"name": x.name.text, "label": x.human, "shape": [str(n) for n in x.shape], "dtype": x.dtype,
                 "role": x.role}
                for x in self.leaves
            ],
            "statements": [
                {"name": s.target.text, "shape": [str(n) for n in s.shape], "dtype": s.dtype, "phase": s.phase,
                 "role": s.role, "layer": s.origin.layer, "op": s.origin.op, "code": line(s), "formula": formula(s),
                 "expression": tree(s.expr)}
                for s in self.statements
            ],
            "outputs": [n.text for n in self.outputs],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Program of {len(self.statements)} statements, {len(self.leaves)} leaves>"

    def __str__(self) -> str:
        from handgrad.program.python import line

        rows, phase = [], ""
        for s in self.statements:
            if s.phase != phase:
                phase = s.phase
                rows.append(f"# {phase}")
            rows.append(line(s))
        return "\n".join(rows)


def tree(expr: Expr) -> Any:
    """An expression as nested lists: [op, arguments, settings], a name, or a number."""
    if expr.op is None:
        return str(expr.name) if expr.name is not None else (
            expr.value if isinstance(expr.value, (int, float, bool)) else str(expr.value))  # fmt: skip
    params: Mapping[str, Any] = {k: plain(v) for k, v in expr.params.items()}
    return [expr.op.name, [tree(a) for a in expr.args], params]


def plain(value: Any) -> Any:
    """A setting as JSON can hold it."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if value is Ellipsis:
        return "..."
    return value if value is None or isinstance(value, (int, float, str, bool)) else str(value)
