"""From a recorded computation to a program: its values and their gradients named, in the order of the lecture."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from handgrad.core.reverse import topological, total
from handgrad.core.symbols import Expr, Symbols
from handgrad.program.names import Name, Names
from handgrad.program.statements import Leaf, Origin, Program
from handgrad.program.write import Row, write


@dataclass
class Recording:
    """A computation put into symbols: its leaves, its result, and what people call its values.

    `layers` says which layer made a value; `called` gives values names of their own (an expression's q and f).
    """

    table: Symbols
    leaves: dict[Expr, Leaf]
    output: Expr
    loss: Expr | None = None
    layers: dict[Expr, str] = field(default_factory=dict)
    called: dict[Expr, str] = field(default_factory=dict)
    inline: set[Expr] = field(default_factory=set)  # values that stand inside the next line

    @property
    def root(self) -> Expr:
        return self.loss if self.loss is not None else self.output


class Builder:
    """Names the values of a recording and their gradients; each becomes a row, in order."""

    def __init__(self, rec: Recording) -> None:
        self.rec = rec
        self.table = rec.table
        self.names = Names(leaf.name.text for leaf in rec.leaves.values())
        self.named: dict[Expr, Name] = {e: leaf.name for e, leaf in rec.leaves.items()}
        self.rows: list[Row] = []
        self.gradients: dict[Expr, Name] = {}

    # -- forward ------------------------------------------------------------------------------------------------
    def forward(self, output: bool = False) -> None:
        """Name every value of the network in order: z1, a1, z2, ..., L. With `output` that one too, were it a view."""
        rank: dict[str, int] = {}
        for node in topological([self.rec.output, self.rec.root]):
            if node.op is None or node in self.rec.inline:
                continue
            if node.op.view and node not in self.rec.called and not (output and node is self.rec.output):
                continue
            symbol = node.op.symbol or "h"
            if node in self.rec.called:
                name = self.names.new(self.rec.called[node])
            elif node is self.rec.loss:
                name = self.names.new("L")
            else:
                letter = "z" if symbol == "a" else symbol  # an activation has the number of what it squashes
                rank[letter] = rank.get(letter, 0) + (symbol != "a")
                name = self.names.new(symbol, rank[letter] or None)
            body = node if node.op.primitive else self.table.body(node)
            origin = Origin(self.rec.layers.get(node, ""), node.op.name, node)
            if body in self.named or body.op is None:  # the op changes nothing here: another name for the same value
                self.named.setdefault(node, self.named.get(body, name))
                continue
            self.named[node] = self.named[body] = name
            self.rows.append(Row(name, body, "forward", "value", origin))

    # -- backward -----------------------------------------------------------------------------------------------
    def backward(self, wanted: Sequence[Expr]) -> None:
        """Walk back from the loss; every value that the wanted leaves depend on gets its gradient."""
        of = self.named[self.rec.root].symbol
        rows: list[Row] = []

        def hear(node: Expr, parts: Sequence[tuple[Any, int, Expr]]) -> Expr | None:
            base = self.named.get(node)
            if base is None or node is self.rec.root:  # the gradient of a view stands inside the next line
                return None
            # what flows back through the layers stands before what a penalty adds
            parts = sorted(parts, key=lambda part: part[0] not in self.rec.layers)
            values = [value for _, _, value in parts]
            origins = [self._origin(consumer, i) for consumer, i, _ in parts]
            if len(parts) > 1:
                for k, (value, origin) in enumerate(zip(values, origins, strict=True), start=1):
                    rows.append(Row(base.gradient(of, k), value, "backward", "contribution", origin))
                origins = [Origin(of=base.text)]
            whole: Expr = total(values)
            rows.append(Row(self._gradient(node, of), whole, "backward", "gradient", origins[0]))
            return whole

        found = self.table.gradient(self.rec.root, self.table.constant(1), wanted, hear)
        for leaf, value in zip(wanted, found, strict=True):
            if leaf not in self.gradients:  # the loss does not depend on it
                origin = Origin(of=self.named[leaf].text)
                rows.append(Row(self._gradient(leaf, of), value, "backward", "gradient", origin))
        self.rows += self._lecture_order(rows)

    def _gradient(self, node: Expr, of: str) -> Name:
        name = self.gradients[node] = self.names.reserve(self.named[node].gradient(of))
        return name

    def _lecture_order(self, rows: Sequence[Row]) -> list[Row]:
        """dW, db, dX: neighbouring gradients of leaves stand in the order of the op's arguments, parameters first.

        The reverse loop meets arguments last to first. A gradient's contributions stay before it.
        """
        leaves = {leaf.name: leaf.role for leaf in self.rec.leaves.values()}
        gradients: list[list[Row]] = [[]]
        for row in rows:
            gradients[-1].append(row)
            if row.role == "gradient":
                gradients.append([])

        def op(gradient: Sequence[Row]) -> str | None:
            """The value that a leaf's gradient comes from first; None for what is no leaf."""
            return gradient[0].origin.of if gradient and gradient[-1].name.whole in leaves else None

        result: list[Row] = []
        for of, group in itertools.groupby(gradients, op):
            together = list(group)
            if of is not None:
                together.reverse()
                together.sort(key=lambda gradient: leaves[gradient[-1].name.whole] != "parameter")
            result += itertools.chain(*together)
        return result

    def _origin(self, consumer: Expr | None, i: int) -> Origin:
        if consumer is None or consumer.op is None:
            return Origin()
        argument = consumer.op.arrays[0] if consumer.op.variadic else consumer.op.arrays[i]
        of = str(self.named.get(consumer, ""))
        return Origin(self.rec.layers.get(consumer, ""), consumer.op.name, None, argument, of)

    # -- writing ------------------------------------------------------------------------------------------------
    def write(self, outputs: Sequence[Name] | None = None) -> Program:
        """The program that computes `outputs` (None: all that has a name), and nothing that they do not need."""
        return write(self.table, self.rec.leaves, self.rows, outputs, self.names)


def build(
    rec: Recording, outputs: Sequence[str] = ("loss",), gradients: Sequence[Expr] = ()
) -> tuple[Program, dict[Expr, Name]]:
    """The program for a recording, and the names of the gradients that it computes.

    `outputs`: "loss", "output", "values" (everything). `gradients`: the leaves whose gradients are wanted.
    """
    builder = Builder(rec)
    builder.forward("output" in outputs or "values" in outputs)
    if gradients:
        builder.backward(gradients)
    wanted: list[Name] = []
    if "loss" in outputs:
        wanted.append(builder.named[rec.root])
    if "output" in outputs and builder.named.get(rec.output) is not None:
        wanted.append(builder.named[rec.output])
    if "values" in outputs:
        wanted += [r.name for r in builder.rows]
    wanted += [builder.gradients[g] for g in gradients]
    unique = list(dict.fromkeys(wanted))
    return builder.write(unique), dict(builder.gradients)
