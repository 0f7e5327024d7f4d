"""Writing: values under names become the statements of a program, and nothing that its outputs do not need.

What gets a statement: the given values, the names given inside rules, and results that are used twice. Everything else
stands inside a line. Views, constants and sizes never get one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from handgrad.core.reverse import topological
from handgrad.core.symbols import Expr, Symbols
from handgrad.program.names import Name, Names
from handgrad.program.statements import Leaf, Origin, Program, Statement


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A statement to be: a value under a name. `origin.call` is the folded op whose opened form `expr` is, if any."""

    name: Name
    expr: Expr
    phase: str
    role: str
    origin: Origin
    into: Name | None = None

    @property
    def values(self) -> tuple[Expr, ...]:
        """The expressions that mean this value."""
        return (self.expr,) if self.origin.call is None else (self.expr, self.origin.call)


def write(table: Symbols, leaves: Mapping[Expr, Leaf], rows: Sequence[Row], outputs: Sequence[Name] | None = None,
          names: Names | None = None) -> Program:  # fmt: skip
    """The program that computes `outputs` (None: every row) from leaves; `names` are those that are taken already.

    >>> table = Symbols()
    >>> x = table.leaf(Name("x"))
    >>> y = Row(Name("y"), x * x + 1, "forward", "value", Origin())
    >>> print(write(table, {x: Leaf(Name("x"), (), "float", "input")}, [y]))
    # forward
    y = x * x + 1
    """
    wanted = [row.name for row in rows] if outputs is None else list(outputs)
    needed = _needed(table, rows, wanted)
    taken = Names(n.text for n in [*(leaf.name for leaf in leaves.values()), *(row.name for row in rows)])
    writer = _Writer(table, leaves, taken if names is None else names, _shared(table, needed))
    for row in needed:
        writer.add(row)
    used = {n.text for s in writer.statements for n in _names(s.expr)} | {n.text for n in wanted}
    read = tuple(leaf for leaf in leaves.values() if leaf.name.text in used)
    return Program(read, tuple(writer.statements), tuple(wanted))


class _Writer:
    """Statements so far, and how each expression is referred to in the next ones."""

    def __init__(self, table: Symbols, leaves: Mapping[Expr, Leaf], names: Names, shared: Mapping[Expr, str]) -> None:
        self.table, self.names, self.shared = table, names, shared
        self.fresh = Symbols()  # its leaves are the names
        # what the forward pass reaches has a forward name: a forward line never speaks of a gradient
        self.owner: dict[Expr, Name] = {e: leaf.name for e, leaf in leaves.items()}
        self.refs: dict[Expr, Expr] = {e: self._named(leaf.name, e) for e, leaf in leaves.items()}
        self.statements: list[Statement] = []

    def _named(self, name: Name, e: Expr) -> Expr:
        return self.fresh.leaf(name, e.shape, e.dtype)

    def add(self, row: Row) -> None:
        """The statement of a row, after those that it needs."""
        e, call = row.expr, None
        if e.is_constant:  # dL = 1: shown, but no name for the number 1
            self._put(row, self.fresh.constant(e.value))
            return
        if e in self.owner:  # the value has a name already, which is shown to be another one
            self._put(row, self._named(self.owner[e], e), "alias")
            if e.op is None:
                return
        else:
            node = row.origin.call
            if node is not None and node.op is not None and not node.op.primitive:
                args = tuple(self.settle(a, row) for a in node.args)
                call = self.fresh.raw(node.op, args, node.params, node.shape, node.dtype)
            self._put(row, self.settle(e, row, top=True), call=call)
            self.owner.update(dict.fromkeys(row.values, row.name))
        self.refs.update(dict.fromkeys(row.values, self._named(row.name, e)))

    def _put(self, row: Row, expr: Expr, role: str = "", call: Expr | None = None) -> None:
        origin = replace(row.origin, call=call)
        self.statements.append(Statement(row.name, expr, row.phase, role or row.role, origin, row.into))

    def settle(self, value: Expr, row: Row, top: bool = False) -> Expr:
        """`value` over names; its named and shared parts become statements on the way. With `top`, not itself."""
        stack = [(value, False)]
        while stack:
            node, ready = stack.pop()
            here = top and node is value
            if node in self.refs and not here:
                continue
            if node.op is None:
                named = node.name is not None
                self.refs[node] = self._named(node.name, node) if named else self.fresh.constant(node.value)
            elif not node.op.primitive and not here:
                body = self.table.body(node)
                if ready:
                    self.refs[node] = self.refs[body]
                else:
                    stack += [(node, True), (body, False)]
            elif not ready:
                stack.append((node, True))
                stack.extend((a, False) for a in reversed(node.args))
            else:
                args = tuple(self.refs[a] for a in node.args)
                made = self.fresh.raw(node.op, args, node.params, node.shape, node.dtype)
                if here:
                    return made
                self.refs[node] = self._shared(node, made, row) if node in self.shared else made
        return self.refs[value]

    def _shared(self, node: Expr, made: Expr, row: Row) -> Expr:
        name = self.names.new(self.shared[node], kind="local")
        role = "scalar" if node.shape == () and row.phase == "update" else "local"
        self.statements.append(Statement(name, made, row.phase, role, replace(row.origin, call=None)))
        self.owner[node] = name
        return self._named(name, node)


# -- what is needed, what is shared -----------------------------------------------------------------------------------
def _below(table: Symbols, node: Expr) -> tuple[Expr, ...]:
    """What an expression is made of, folded ops opened."""
    return node.args if node.op is None or node.op.primitive else (table.body(node),)


def _inside(table: Symbols, exprs: Sequence[Expr]) -> set[Expr]:
    """Everything in and below these expressions."""
    seen: set[Expr] = set()
    stack = list(exprs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(_below(table, node))
    return seen


def _needed(table: Symbols, rows: Sequence[Row], outputs: Sequence[Name]) -> list[Row]:
    """The rows that the outputs depend on; a gradient that is a sum shows its parts."""
    wanted = {n.text for n in outputs}
    keep = [row for row in rows if row.name.text in wanted]
    reached = _inside(table, [row.expr for row in keep])
    first: dict[Expr, Row] = {}
    for row in rows:
        if row.expr.op is not None:  # a leaf is there anyway
            for e in row.values:
                first.setdefault(e, row)
    kept = {id(row) for row in keep} | {id(row) for e, row in first.items() if e in reached}
    totals = {row.name for row in rows if id(row) in kept and row.role == "gradient"}
    return [
        row for row in rows if id(row) in kept or (row.role == "contribution" and replace(row.name, part=0) in totals)
    ]


def _shared(table: Symbols, rows: Sequence[Row]) -> dict[Expr, str]:
    """Unnamed results that get a statement of their own, with the word they are called by."""
    forward = _inside(table, [row.expr for row in rows if row.phase == "forward" and not row.expr.is_constant])
    own = {e for row in rows if row.phase == "forward" or row.expr not in forward for e in row.values}
    twice = {row.expr for row in rows if row.phase != "forward"} & forward  # a forward value that is a gradient, too
    uses: dict[Expr, int] = {}
    seen: set[Expr] = set()
    stack = [row.expr for row in reversed(rows)]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        for a in _below(table, node):
            uses[a] = uses.get(a, 0) + 1
            if a not in own:
                stack.append(a)
    for node in twice - own:
        uses.setdefault(node, 1)
    result: dict[Expr, str] = {}
    for node, count in uses.items():
        if node in own or node.op is None or not node.op.primitive or node.op.view:
            continue
        hint = table.hints.get(node)
        if hint is not None and not node.number_only:
            result[node] = hint
        elif (count > 1 or node in twice) and not _cheap(node):
            result[node] = _word(node)
    return result


def _cheap(node: Expr) -> bool:
    """Not worth a name: a single step of arithmetic with a number (1 - a), a sign, or numbers only."""
    if node.number_only:
        return True
    assert node.op is not None
    plain = sum(1 for a in node.args if not a.is_constant)
    return node.op.kind == "map" and plain <= 1 and (len(node.args) > 1 or node.op.traits.get("sign", False))


def _word(node: Expr) -> str:
    """A name after the content: tanh(c1) is tanh_c1; anything longer is u."""
    assert node.op is not None
    if len(node.args) == 1 and node.args[0].name is not None and node.op.name.isalpha():
        return f"{node.op.name}_{node.args[0].name}"
    return "u"


def _names(expr: Expr) -> list[Name]:
    return [n.name for n in topological([expr]) if n.op is None and n.name is not None]
