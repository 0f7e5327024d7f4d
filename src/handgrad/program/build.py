"""From a recorded computation to a program: forward statements, backward statements, in the order of the lecture.

What gets a statement: the outputs of ops, the names given inside rules, gradients, and results that are used twice.
Everything else stands inside a line. Views, constants and sizes never get one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from handgrad.core.reverse import topological, total
from handgrad.core.symbols import Expr, Symbols
from handgrad.program.names import Name, Names
from handgrad.program.statements import Leaf, Origin, Program, Statement


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


@dataclass
class _Row:
    """A statement to be: which value, under which name."""

    value: Expr  # as other expressions refer to it
    expr: Expr  # what computes it
    name: Name
    phase: str
    role: str
    origin: Origin
    into: Name | None = None


class Builder:
    """Collects rows, then writes those that the wanted outputs need."""

    def __init__(self, rec: Recording) -> None:
        self.rec = rec
        self.table = rec.table
        self.names = Names(leaf.name.text for leaf in rec.leaves.values())
        self.named: dict[Expr, Name] = {e: leaf.name for e, leaf in rec.leaves.items()}
        self.rows: list[_Row] = []
        self.aliases: dict[Name, Name] = {}
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
            body = node if node.op.primitive else self.table.body(node, "safe")
            origin = Origin(self.rec.layers.get(node, ""), node.op.name, node)
            if body in self.named or body.op is None:  # the op changes nothing here: another name for the same value
                self.named.setdefault(node, self.named.get(body, name))
                continue
            self.named[node] = self.named[body] = name
            self.rows.append(_Row(node, body, name, "forward", "value", origin))

    # -- backward -----------------------------------------------------------------------------------------------
    def backward(self, wanted: Sequence[Expr]) -> None:
        """Walk back from the loss; every value that the wanted leaves depend on gets its gradient."""
        of = self.named[self.rec.root].symbol

        def hear(node: Expr, parts: Sequence[tuple[Any, int, Expr]]) -> Expr | None:
            if node is self.rec.root:
                return None
            base = self.named.get(node)
            if base is None:  # a view: its gradient stands inside the next line
                return None
            values = []
            for k, (consumer, i, value) in enumerate(parts, start=1):
                origin = self._origin(consumer, i)
                if len(parts) > 1:
                    part = Name(base.base, base.index, "gradient", base.copy, k, of)
                    self._backward_row(value, part, "contribution", origin)
                values.append(value)
            whole = total(values)
            name = Name(base.base, base.index, "gradient", base.copy, 0, of)
            self.names.reserve(name)
            consumer, i, _ = parts[0]
            self.gradients[node] = name
            origin = self._origin(consumer, i) if len(parts) == 1 else Origin(of=base.text)
            self._backward_row(whole, name, "gradient", origin)
            return whole

        start = len(self.rows)
        found = self.table.gradient(self.rec.root, self.table.constant(1), wanted, hear)
        for leaf, value in zip(wanted, found, strict=True):
            if leaf not in self.gradients:  # the loss does not depend on it
                name = Name(self.named[leaf].base, self.named[leaf].index, "gradient", self.named[leaf].copy, 0, of)
                self.names.reserve(name)
                self.gradients[leaf] = name
                self.rows.append(_Row(value, value, name, "backward", "gradient", Origin(of=self.named[leaf].text)))
        self.rows[start:] = self._lecture_order(self.rows[start:])

    def _lecture_order(self, rows: list[_Row]) -> list[_Row]:
        """dW before db: neighbouring gradients of leaves stand in the order of the op's arguments."""
        leaves = {leaf.name.text for leaf in self.rec.leaves.values()}
        result: list[_Row] = []
        group: list[_Row] = []
        for row in rows:
            whole = Name(row.name.base, row.name.index, "value", row.name.copy).text
            if row.role == "gradient" and whole in leaves and (not group or group[0].origin.of == row.origin.of):
                group.insert(0, row)  # the reverse loop meets arguments last to first
                continue
            result += group
            group = []
            if row.role == "gradient" and whole in leaves:
                group = [row]
            else:
                result.append(row)
        return result + group

    def _origin(self, consumer: Expr | None, i: int) -> Origin:
        if consumer is None or consumer.op is None:
            return Origin()
        argument = consumer.op.arrays[0] if consumer.op.variadic else consumer.op.arrays[i]
        of = str(self.named.get(consumer, ""))
        return Origin(self.rec.layers.get(consumer, ""), consumer.op.name, None, argument, of)

    def _backward_row(self, value: Expr, name: Name, role: str, origin: Origin) -> None:
        self.rows.append(_Row(value, value, name, "backward", role, origin))

    # -- writing ------------------------------------------------------------------------------------------------
    def write(self, outputs: Sequence[Name]) -> Program:
        """The program that computes `outputs`, and nothing that they do not need."""
        rows = self._needed(outputs)
        # what the forward pass reaches has a forward name: a forward line never speaks of a gradient
        owner: dict[Expr, Name] = {e: leaf.name for e, leaf in self.rec.leaves.items()}
        shared = self._shared(rows)
        fresh = Symbols()
        refs: dict[Expr, Expr] = {}
        for e, leaf in self.rec.leaves.items():
            refs[e] = fresh.leaf(leaf.name, e.shape, e.dtype)
        statements: list[Statement] = []

        def settle(value: Expr, top: Expr | None, phase: str, origin: Origin) -> Expr:
            """`value` over names; emits statements for named and shared parts on the way (explicit stack)."""
            stack = [(value, False)]
            while stack:
                node, ready = stack.pop()
                if node in refs and node is not top:
                    continue
                if node.op is None:
                    named = node.name is not None
                    refs[node] = fresh.leaf(node.name, node.shape, node.dtype) if named else fresh.constant(node.value)
                    continue
                if not node.op.primitive and node is not top:
                    body = self.table.body(node, "safe")
                    if not ready:
                        stack += [(node, True), (body, False)]
                    else:
                        refs[node] = refs[body]
                    continue
                if not ready:
                    stack.append((node, True))
                    stack.extend((a, False) for a in reversed(node.args))
                    continue
                made = fresh.raw(node.op, tuple(refs[a] for a in node.args), node.params, node.shape, node.dtype)
                if node is top:
                    return made
                if node in shared:
                    name = self.names.new(shared[node], kind="local")
                    role = "scalar" if node.shape == () and phase == "update" else "local"
                    whence = Origin(origin.layer, origin.op, None, origin.argument, origin.of)
                    statements.append(Statement(name, made, phase, role, whence))
                    owner[node] = name
                    made = fresh.leaf(name, node.shape, node.dtype)
                refs[node] = made
            return refs[value]

        for row in rows:
            if row.expr.is_constant:  # dL = 1: shown, but no name for the number 1
                statements.append(Statement(row.name, fresh.constant(row.expr.value), row.phase, row.role, row.origin))
                continue
            if row.role == "alias" or row.expr in owner:
                name = owner.get(row.expr)
                e = row.expr
                source = fresh.leaf(name, e.shape, e.dtype) if name else settle(e, None, row.phase, row.origin)
                statements.append(Statement(row.name, source, row.phase, "alias", row.origin, row.into))
                if row.expr.op is not None:
                    refs[row.expr] = refs[row.value] = fresh.leaf(row.name, row.expr.shape, row.expr.dtype)
                continue
            call = None
            if row.origin.call is not None and not row.origin.call.op.primitive:  # type: ignore[union-attr]
                node = row.origin.call
                args = tuple(settle(a, None, row.phase, row.origin) for a in node.args)
                call = fresh.raw(node.op, args, node.params, node.shape, node.dtype)  # type: ignore[arg-type]
            expr = settle(row.expr, row.expr, row.phase, row.origin)
            origin = Origin(row.origin.layer, row.origin.op, call, row.origin.argument, row.origin.of)
            statements.append(Statement(row.name, expr, row.phase, row.role, origin, row.into))
            owner[row.expr] = owner[row.value] = row.name
            refs[row.expr] = refs[row.value] = fresh.leaf(row.name, row.expr.shape, row.expr.dtype)
        used = {n.text for s in statements for n in _names(s.expr)} | {n.text for n in outputs}
        leaves = tuple(leaf for leaf in self.rec.leaves.values() if leaf.name.text in used)
        return Program(leaves, tuple(statements), tuple(outputs))

    def _inside(self, exprs: Sequence[Expr]) -> set[Expr]:
        """Everything in and below these expressions, with folded ops opened."""
        seen: set[Expr] = set()
        stack = list(exprs)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                folded = node.op is not None and not node.op.primitive
                stack.extend([self.table.body(node, "safe")] if folded else node.args)
        return seen

    def _needed(self, outputs: Sequence[Name]) -> list[_Row]:
        by_value: dict[Expr, _Row] = {}
        for row in self.rows:
            if row.expr.op is not None:  # a leaf is there anyway
                by_value.setdefault(row.expr, row)
                by_value.setdefault(row.value, row)
        keep: set[int] = set()
        wanted = {n.text for n in outputs}
        stack: list[Expr] = []
        for row in self.rows:
            if row.name.text in wanted:
                keep.add(id(row))
                stack.append(row.expr)
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            row_ = by_value.get(node)
            if row_ is not None:
                keep.add(id(row_))
                stack.append(row_.expr)
            if node.op is not None and not node.op.primitive:
                stack.append(self.table.body(node, "safe"))
            else:
                stack.extend(node.args)
        # a gradient that is a sum shows its parts
        totals = {r.name for r in self.rows if id(r) in keep and r.role == "gradient"}
        return [
            r for r in self.rows if id(r) in keep or (r.role == "contribution" and replace(r.name, part=0) in totals)
        ]

    def _shared(self, rows: Sequence[_Row]) -> dict[Expr, str]:
        """Unnamed results that get a statement of their own, with the word they are called by."""
        forward = self._inside([r.expr for r in rows if r.phase == "forward" and not r.expr.is_constant])
        own = {e for r in rows if r.phase == "forward" or r.expr not in forward for e in (r.expr, r.value)}
        twice = {r.expr for r in rows if r.phase != "forward"} & forward  # a forward value that is a gradient, too
        uses: dict[Expr, int] = {}
        seen: set[Expr] = set()
        for row in rows:
            stack = [row.expr]
            while stack:
                node = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                below = [self.table.body(node, "safe")] if node.op is not None and not node.op.primitive else node.args
                for a in below:
                    uses[a] = uses.get(a, 0) + 1
                    if a not in own:
                        stack.append(a)
        for node in twice - own:
            uses.setdefault(node, 1)
        result: dict[Expr, str] = {}
        for node, count in uses.items():
            if node in own or node.op is None or not node.op.primitive or node.op.view:
                continue
            hint = self.table.hints.get(node)
            if hint is not None and not _number_only(node):
                result[node] = hint
            elif (count > 1 or node in twice) and not _cheap(node):
                result[node] = _word(node)
        return result


def _number_only(node: Expr) -> bool:
    return all(a.is_constant for a in topological([node]) if a.op is None)


def _cheap(node: Expr) -> bool:
    """Not worth a name: a single step of arithmetic with a number (1 - a), a sign, or numbers only."""
    if _number_only(node):
        return True
    assert node.op is not None
    plain = sum(1 for a in node.args if not a.is_constant)
    return node.op.kind == "map" and plain <= 1 and (len(node.args) > 1 or node.op.traits.get("sign", False))


def _word(node: Expr) -> str:
    """A name after the content: tanh(c1) is tanh_c1; anything longer is t."""
    assert node.op is not None
    if len(node.args) == 1 and node.args[0].name is not None and node.op.name.isalpha():
        return f"{node.op.name}_{node.args[0].name}"
    return "u"


def _names(expr: Expr) -> list[Name]:
    return [n.name for n in topological([expr]) if n.op is None and n.name is not None]


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
