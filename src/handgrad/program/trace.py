"""From a program to a trace: the statements themselves are run, every value with memory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.core.reverse import topological
from handgrad.core.symbols import Expr, Symbols
from handgrad.core.tensor import Tensor
from handgrad.core.trace import Fixed, Node, Trace, frozen
from handgrad.errors import DTypeError, GraphError, clipped
from handgrad.program.build import Recording, build
from handgrad.program.latex import formula
from handgrad.program.names import Name, Names
from handgrad.program.python import line
from handgrad.program.run import compiled
from handgrad.program.statements import Leaf, Program, Statement, plain


def trace(program: Program, values: Mapping[str, Any], dtype: str, title: str = "") -> Trace:
    """Run a program on leaf values and keep everything."""
    found = compiled(program, True).run(values, dtype)
    written = {s.target.text for s in program.statements if s.shape == ()}
    first = program.outputs[0] if program.outputs else None
    loss = first if first is not None and first.text in written else None
    slopes, order = _gradients(program, found, dtype, loss)
    nodes = [
        Node(leaf.name.text, leaf.human, leaf.role, frozen(_cast(values[leaf.name.text], dtype, leaf.dtype)),
             **slopes.get(leaf.name.text, {}))
        for leaf in program.leaves
    ]  # fmt: skip
    for s in program.statements:
        if _is_gradient(s):
            continue  # it belongs to the value whose gradient it is
        name = s.target.text
        call = s.origin.call if s.origin.call is not None else s.expr
        nodes.append(
            Node(
                name,
                "loss" if s.target == loss and s.target.base == "L" else name,
                s.role if s.phase == "forward" else "backward",
                frozen(_cast(found[name], dtype, s.dtype)),
                op=call.op.name if call.op is not None else "",
                args=tuple(_names(call)),
                settings=Fixed({k: plain(v) for k, v in call.params.items()}),
                layer=s.origin.layer,
                code=line(s),
                formula=formula(s),
                **slopes.get(name, {}),
            )
        )
    return Trace(tuple(nodes), loss.text if loss is not None else "", dtype, title, tuple(order))


def _is_gradient(s: Statement) -> bool:
    return s.phase == "backward" and s.target.kind == "gradient"


def _gradients(
    program: Program, found: Mapping[str, Any], dtype: str, loss: Name | None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What a node says of its gradient, by the value's name; and the order of the backward pass."""
    slopes: dict[str, dict[str, Any]] = {}
    order: list[str] = []
    for s in program.statements:
        if s.phase == "backward" and loss is not None and not slopes:  # where the pass starts
            of = rf"\partial {loss.symbol}"
            slopes[loss.text] = {"gradient": frozen(np.ones((), dtype)), "gradient_code": f"d{loss} = 1",
                                 "gradient_formula": rf"\frac{{{of}}}{{{of}}} = 1"}  # fmt: skip
            order.append(loss.text)
        if not _is_gradient(s):
            order += [s.target.text] * (s.phase == "backward")
            continue
        whole = s.target.whole.text
        value, said = frozen(_cast(found[s.target.text], dtype)), slopes.setdefault(whole, {})
        if s.target.part:
            parts = {"contributions": value, "contribution_code": line(s), "contribution_formula": formula(s)}
            said.update({k: (*said.get(k, ()), v) for k, v in parts.items()})
        else:
            said.update(gradient=value, gradient_code=line(s), gradient_formula=formula(s))
            order.append(whole)
    return slopes, order


def _cast(value: Any, dtype: str, kind: str = "float") -> Any:
    return np.asarray(value, dtype) if kind == "float" else np.asarray(value)


def _names(call: Expr) -> list[str]:
    """The named values that a call reads, in order."""
    result: dict[str, None] = {}
    for a in call.args or (call,):
        for n in topological([a]):
            if n.op is None and n.name is not None:
                result[str(n.name)] = None
    return list(result)


def record_tensor(output: Tensor) -> tuple[Recording, dict[str, Any], dict[Expr, Tensor]]:
    """Put the record behind a Tensor into symbols: the recording, the leaf values, and which Tensor each leaf is."""
    table, names = Symbols(), Names(script=False)
    order = topological([output])
    symbols: dict[int, Expr] = {}
    leaves: dict[Expr, Leaf] = {}
    values: dict[str, Any] = {}
    tensors: dict[Expr, Tensor] = {}
    called: dict[Expr, str] = {}
    for node in order:
        if isinstance(node, Tensor) and node.op is not None:
            e = table.apply(node.op, [symbols[id(a)] for a in node.args], node.params or {})
            symbols[id(node)] = e
            if node.name and node is not output:
                called.setdefault(e, node.name)
            continue
        value = node.value
        if not isinstance(node, Tensor) and np.ndim(value) == 0:
            symbols[id(node)] = table.constant(value)
            continue
        given = node.name if isinstance(node, Tensor) and node.name else "x" if isinstance(node, Tensor) else "c"
        name = names.new(given.replace(".", "_"))
        kind = {"f": "float", "b": "bool"}.get(np.asarray(value).dtype.kind, "int")
        e = table.leaf(name, np.shape(value), kind)
        role = "parameter" if isinstance(node, Tensor) and kind == "float" else "constant"
        leaves[e] = Leaf(name, np.shape(value), kind, role, node.name or "" if isinstance(node, Tensor) else "")
        values[name.text] = value
        symbols[id(node)] = e
        if isinstance(node, Tensor):
            tensors[e] = node
    root = symbols[id(output)]
    if root.op is None:
        raise GraphError("there is nothing to trace: {name} is a leaf.", name=output.name or "this tensor")
    called[root] = output.name or "f"
    return Recording(table, leaves, root, root, {}, called), values, tensors


def trace_tensor(output: Tensor) -> Trace:
    """The trace of the computation behind a Tensor: forward values, and gradients if it is a single number."""
    if not isinstance(output, Tensor):
        raise DTypeError(
            "hg.trace is of a Tensor, got {value}. Compute with hg.tensor, or trace a network by net.trace(X, y).",
            value=clipped(" ".join(repr(output).split())),
        )
    rec, values, tensors = record_tensor(output)
    wanted = [e for e in tensors if e.dtype == "float"] if output.size == 1 and output.shape == () else []
    program, _ = build(rec, ("loss", "values"), wanted)
    return trace(program, values, str(output.dtype))
