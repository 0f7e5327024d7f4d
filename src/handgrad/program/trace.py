"""From a program to a trace: the statements themselves are run, every value with memory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.core.reverse import topological
from handgrad.core.symbols import Expr, Symbols
from handgrad.core.tensor import Tensor
from handgrad.core.trace import Fixed, Node, Trace, frozen
from handgrad.errors import GraphError
from handgrad.program.build import Recording, build
from handgrad.program.latex import formula
from handgrad.program.names import Name, Names
from handgrad.program.python import line
from handgrad.program.run import compiled
from handgrad.program.statements import Leaf, Program, Statement, plain


def trace(program: Program, values: Mapping[str, Any], dtype: str, title: str = "") -> Trace:
    """Run a program on leaf values and keep everything."""
    found = compiled(program, True).run(values, dtype)
    grads: dict[str, Statement] = {}
    parts: dict[str, list[Any]] = {}
    for s in program.statements:
        if s.phase == "backward" and s.target.kind == "gradient":
            whole = Name(s.target.base, s.target.index, "value", s.target.copy).text
            if s.target.part:
                parts.setdefault(whole, []).append(frozen(_cast(found[s.target.text], dtype)))
            else:
                grads[whole] = s
    first = program.outputs[0].text if program.outputs else ""
    loss = first if any(s.target.text == first and s.shape == () for s in program.statements) else ""
    nodes = [_leaf_node(leaf, values[leaf.name.text], grads, parts, found, dtype) for leaf in program.leaves]
    for s in program.statements:
        name, g = s.target.text, grads.get(s.target.text)
        if s.phase == "backward" and s.target.kind == "gradient":
            continue  # it belongs to the value whose gradient it is
        call = s.origin.call if s.origin.call is not None else s.expr
        slope = frozen(_cast(found[g.target.text], dtype)) if g else None
        codes = (line(g), formula(g)) if g else ("", "")
        if name == loss and grads:  # where the backward pass starts
            of = replace(s.target, kind="gradient")
            slope, codes = (
                frozen(np.ones((), dtype)),
                (f"{of} = 1", rf"\frac{{\partial {of.of}}}{{\partial {of.of}}} = 1"),
            )
        nodes.append(
            Node(
                name,
                "loss" if name == loss and s.target.base == "L" else name,
                s.role if s.phase == "forward" else "backward",
                frozen(_cast(found[name], dtype, s.dtype)),
                slope,
                call.op.name if call.op is not None else "",
                tuple(_names(call)),
                Fixed({k: plain(v) for k, v in call.params.items()}),
                s.origin.layer,
                tuple(parts.get(name, ())),
                line(s),
                formula(s),
                *codes,
            )
        )
    return Trace(tuple(nodes), loss, dtype, title)


def _leaf_node(leaf: Leaf, value: Any, grads: Mapping[str, Statement], parts: Mapping[str, list[Any]],
               found: Mapping[str, Any], dtype: str) -> Node:  # fmt: skip
    name = leaf.name.text
    g = grads.get(name)
    return Node(
        name, leaf.human, leaf.role, frozen(_cast(value, dtype, leaf.dtype)),
        frozen(_cast(found[g.target.text], dtype)) if g else None, contributions=tuple(parts.get(name, ())),
        gradient_code=line(g) if g else "", gradient_formula=formula(g) if g else "",
    )  # fmt: skip


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
    rec, values, tensors = record_tensor(output)
    wanted = [e for e in tensors if e.dtype == "float"] if output.size == 1 and output.shape == () else []
    program, _ = build(rec, ("loss", "values"), wanted)
    return trace(program, values, str(output.dtype))
