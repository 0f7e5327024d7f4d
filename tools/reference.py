"""Reference: one page about every op, written from the registry; `make docs` makes docs/reference/ops.md of it.

Nothing on that page stands anywhere else: sentences, formulas, code and corners come from the op's own file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.core.op import Op, numbers
from handgrad.core.sizes import Shape, Size, show
from handgrad.core.symbols import Expr, Symbols
from handgrad.core.tensor import gradients, tensor
from handgrad.errors import HandgradError
from handgrad.program import latex, python
from handgrad.program.build import Builder, Recording
from handgrad.program.names import Name
from handgrad.program.statements import Leaf, Origin, Program
from handgrad.program.write import Row

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "ops.md"
GROUPS: dict[str, Callable[[Op], Any]] = {
    "Element by element": lambda op: op.kind == "map" and not op.traits.get("activation"),
    "Over axes": lambda op: op.kind == "reduce" or op.name in ("var", "logsumexp"),
    "Products": lambda op: op.kind == "contract" or op.traits.get("module") == "Linear",
    "Activations": lambda op: op.traits.get("activation"),
    "Losses": lambda op: op.traits.get("loss"),
    "Moving, picking, joining": lambda op: op.kind in ("move", "composite"),
    "Penalties": lambda op: op.kind == "op",  # what is left
}
INTRO = """# Ops

Written by `make docs` from the registry; do not edit. `g` is the gradient that arrives, `out` the op's output, `N` a
number of rows not known yet. The formula is the textbook definition, the lines are what programs run. Each op is
compared with its PyTorch twin, differences and the chain rule by the contract test.
"""


def sizes(op: Op) -> dict[str, int | Size]:
    """A size for each letter of the samples: N for the rows, small numbers for the rest."""
    assert op.samples is not None
    letters: dict[str, int | Size] = {"n": Size(1, ("N",))}
    spare = iter((3, 4, 5, 2, 6, 7, 8, 9))
    for token in op.samples.shapes.replace("|", " ").replace(",", " ").split():
        if token.isalpha() and token not in letters:
            letters[token] = next(spare)
    for letter in op.samples.integers.values():
        letters.setdefault(letter, next(spare))
    return letters


def example(op: Op, pattern: str, letters: dict[str, int | Size]) -> tuple[str, Program]:
    """The op on named leaves: its formula, its lines forward, and a line for the gradient of each input with one."""
    assert op.samples is not None
    table = Symbols()
    names = list(op.arrays)
    if pattern.strip() == "...":
        shapes: list[Shape] = [(letters["n"], 3)] * len(names)
    else:
        shapes = [tuple(int(t) if t.isdigit() else letters[t] for t in p.split()) for p in pattern.split(",")]
        if op.variadic:
            names = [f"{op.arrays[0]}{i}" for i in range(1, len(shapes) + 1)]
    leaves: dict[Expr, Leaf] = {}

    def leaf(name: str, shape: Shape, dtype: str, role: str) -> Expr:
        word = name.rstrip("0123456789") if op.variadic else name
        full = Name(word, int(name[len(word) :])) if name != word else Name(name)
        e = table.leaf(full, shape, dtype)
        leaves[e] = Leaf(full, shape, dtype, role)
        return e

    kinds = {**dict.fromkeys(op.samples.integers, "int"), **dict.fromkeys(op.samples.booleans, "bool")}
    args = [leaf(n, s, kinds.get(n, "float"), "input") for n, s in zip(names, shapes, strict=True)]
    settings = {k: bound(v, letters) for k, v in {**op.params, **op.samples.params[0]}.items()}
    node = table.apply(op, args, settings)
    formula = definition(op, node)
    builder = Builder(Recording(table, leaves, node, node, {}, {node: "out"}))
    builder.forward(output=True)
    if node.dtype == "float" and node.op is op:
        g = leaf("g", node.shape, "float", "input")
        builder.named[g] = Name("g")
        for i, a in enumerate(args):
            step = table.vjp(node, i, g)
            if step is not None:
                assert isinstance(a.name, Name)
                builder.rows.append(Row(a.name.gradient("L"), step, "backward", "gradient", Origin(op=op.name)))
    return formula, builder.write()


def bound(value: Any, letters: Mapping[str, int | Size]) -> Any:
    """A setting with sizes in place of the samples' letters."""
    if isinstance(value, tuple):
        return tuple(bound(v, letters) for v in value)
    return letters[value] if isinstance(value, str) and value in letters else value


def explained(op: Op) -> tuple[str, Program]:
    """The example of an op: with N rows where it can, with 2 where that axis must be known."""
    assert op.samples is not None
    pattern = op.samples.shapes.split("|")[0]
    try:
        return example(op, pattern, sizes(op))
    except HandgradError:  # cutting and joining need an axis of known length
        return example(op, pattern, {**sizes(op), "n": 2})


def definition(op: Op, node: Expr) -> str:
    """The textbook form as LaTeX."""
    whole = latex.text(node).text
    if node.op is not op or op.primitive:
        return whole
    inside = latex.text(node.table.body(node, "definition")).text
    return whole if whole == inside else f"{whole} = {inside}"


def corners(op: Op) -> list[str]:
    """Value and derivative at the samples' corners, as a table."""
    if op.samples is None or not op.samples.corners:
        return []
    titles = [", ".join(op.arrays), "out", *(f"d{a} for g = 1, 2, …" for a in op.differentiable)]
    rows = ["", f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for arrays in op.samples.corners:
        settings = {**op.params, **op.samples.params[0]}
        leaves = [tensor(a) for a in arrays]
        with np.errstate(all="ignore"):
            out = numbers.run(op, arrays, settings)
            cells = [", ".join(shown(a) for a in arrays), shown(out)]
            if op.differentiable:
                g = np.arange(1.0, np.size(out) + 1).reshape(np.shape(out))  # all different, as in the tests
                made = op(*leaves, **settings)
                wanted = [t for t, a in zip(leaves, op.arrays, strict=True) if a not in op.constant]
                cells += [shown(x) for x in gradients(made, wanted, g)]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def shown(a: Any) -> str:
    """An array in one line, each number with four digits."""
    a = np.asarray(a)
    return (
        f"[{', '.join(shown(x) for x in a)}]" if a.ndim else f"{a.item():.4g}" if a.dtype.kind == "f" else str(a.item())
    )


def entry(op: Op) -> str:
    """The section of one op."""
    formula, p = explained(op)
    settings = "".join(f", {k}={v!r}" for k, v in op.params.items())
    call = ", ".join(("*" if op.variadic else "") + a for a in op.arrays)
    shapes = ", ".join(f"{x.name.text} {show(x.shape)}" for x in p.leaves)
    parts = [f"## {op.name}", op.sentence, f"`hg.ops.{op.name}({call}{settings})`"]
    parts.append(f"$${formula}$$")
    parts.append(f"With {shapes}:\n\n```text\n" + "\n".join(python.line(s) for s in p.statements) + "\n```")
    parts += [f"`{name}` has no derivative: {reason}." for name, reason in op.constant.items()]
    if not op.vjps and not op.constant:
        parts.append("Its derivative is worked out from the definition.")
    if op.traits.get("range"):
        low, high = op.traits["range"]
        parts.append(f"Values lie between {low:g} and {high:g}.")
    if op.torch:
        parts.append(f"PyTorch: `{op.torch}`")
    table = corners(op)
    if table:
        parts.append("At corners:\n" + "\n".join(table))
    return "\n\n".join(parts)


def page() -> str:
    """The whole page."""
    left = list(hg.ops.registry.values())
    parts = [INTRO]
    for title, belongs in GROUPS.items():
        here = [op for op in left if belongs(op)]
        left = [op for op in left if op not in here]
        if here:
            parts.append(f"# {title}")
            parts += [entry(op) for op in here]
    if left:
        raise SystemExit(f"no group of tools/reference.py takes {', '.join(op.name for op in left)}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(
        f"{PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}: {len(hg.ops.registry)} ops\n"
    )
