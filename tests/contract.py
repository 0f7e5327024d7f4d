"""The contract that every op keeps, read from the registry: the oracles, and the checks that each case must pass.

A check raises AssertionError with the op, the case and the two numbers. The planted bugs of test_ops_planted.py show
that each kind of mistake is noticed. The gradient that arrives is random and all-distinct, never ones: the rows of a
softmax add up to 1, so ones would accept a softmax whose backward pass returns zeros.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from contract_cases import CASES, Case, cases, distinct
from handgrad.core.op import Op, numbers, textbook
from handgrad.core.reverse import topological
from handgrad.core.sizes import Size
from handgrad.core.sizes import bind as bind_letters
from handgrad.core.symbols import Expr, Symbols
from handgrad.core.tensor import gradients, tensor
from handgrad.errors import IndexRangeError, ShapeError
from tolerances import TOLERANCE, distance

POSITIONS = 40  # of each input at which a difference is formed; in large ones a random choice


# -- the oracles ----------------------------------------------------------------------------------------------------
def by_hand(case: Case, dtype: Any = np.float64) -> tuple[Any, list[Any]]:
    """The value and the gradients as handgrad works them out: recorded, then one reverse pass."""
    leaves = [tensor(a, dtype=dtype if np.asarray(a).dtype.kind == "f" else None) for a in case.arrays]
    out = case.op(*leaves, **case.params)
    if not case.moving or out.dtype.kind != "f":
        return out.value, []
    return out.value, gradients(out, [leaves[i] for i in case.moving], case.g)


def _each(case: Case, step: Any) -> list[Any]:
    found = []
    for i in case.moving:
        x = np.array(case.arrays[i])
        slope = np.full(x.shape, np.inf)  # infinite where nobody asks
        for k in np.random.default_rng(x.size).permutation(x.size)[:POSITIONS]:
            at = np.unravel_index(k, x.shape)
            slope[at] = step(i, x, at)
        found.append(slope)
    return found


def _moved(case: Case, i: int, x: Any, at: Any, by: Any, form: Any) -> Any:
    arrays = list(case.arrays)
    arrays[i] = x.astype(np.result_type(x, type(by)))
    arrays[i][at] += by
    return np.sum(case.g * case.value(*arrays, form=form))


def complex_step(case: Case) -> list[Any] | None:
    """d f / d x = Im f(x + ih) / h on the textbook form; None where NumPy has no complex form of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _each(case, lambda i, x, at: np.imag(_moved(case, i, x, at, 1e-30j, textbook)) / 1e-30)
    except (TypeError, np.exceptions.ComplexWarning):
        return None


def central_differences(case: Case, h: float = 1e-3) -> list[Any]:
    """(8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h on the form that runs; NaN where a kink lies within 2h."""

    def slope(i: int, x: Any, at: Any) -> Any:
        near, far = (_moved(case, i, x, at, s * h, numbers) - _moved(case, i, x, at, -s * h, numbers) for s in (1, 2))
        half = _moved(case, i, x, at, h / 2, numbers) - _moved(case, i, x, at, -h / 2, numbers)
        coarse, fine = (8 * near - far) / (12 * h), (8 * half - near) / (6 * h)
        return fine if abs(coarse - fine) < 1e-7 * max(1.0, abs(fine)) else np.nan

    return _each(case, slope)


def evaluate(node: Expr, values: dict[Any, Any], form: str = "safe") -> Any:
    """The numbers behind an expression: each primitive's own rule, in order."""
    table, known = node.table, {}
    bodies: dict[int, Expr] = {}

    def opened(e: Expr) -> Expr:
        while e.op is not None and not e.op.primitive:
            e = table.body(e, form)
        return e

    class View:  # folded ops replaced by what they are made of
        __slots__ = ("args", "e", "op")

        def __init__(self, e: Expr) -> None:
            self.e, self.op = e, e.op
            self.args = tuple(view(opened(a)) for a in e.args)

    def view(e: Expr) -> Any:
        if id(e) not in bodies:
            bodies[id(e)] = View(e)
        return bodies[id(e)]

    for v in topological([view(opened(node))]):
        e = v.e
        if e.op is None:
            known[id(v)] = e.value if e.name is None else values[e.name]
            if isinstance(known[id(v)], Size):
                (known[id(v)],) = bind_letters((known[id(v)],), values)
        else:
            known[id(v)] = e.op.rule(
                *(known[id(a)] for a in v.args), **{k: sized(p, values) for k, p in e.params.items()}
            )
    return known[id(view(opened(node)))]


def sized(value: Any, letters: dict[Any, Any]) -> Any:
    """A setting with numbers in place of the letters in its sizes."""
    if isinstance(value, tuple):
        return tuple(sized(v, letters) for v in value)
    return bind_letters((value,), letters)[0] if isinstance(value, Size) else value


def as_symbols(case: Case, letters: bool = False) -> tuple[Expr, list[Expr], Expr, dict[Any, Any]]:
    """The case as formulas: node, inputs, incoming gradient, and the numbers of the leaves."""
    table = Symbols()
    kinds = {"f": "float", "b": "bool"}
    shapes, params = case.lettered[:2] if letters else ([np.shape(a) for a in case.arrays], case.params)
    leaves = [
        table.leaf(f"x{i}", shape, kinds.get(np.asarray(a).dtype.kind, "int"))
        for i, (a, shape) in enumerate(zip(case.arrays, shapes, strict=True))
    ]
    node = table.apply(case.op, leaves, params)
    arriving = table.leaf("g", node.shape)
    values = {leaf.name: a for leaf, a in zip(leaves, case.arrays, strict=True)} | {"g": case.g}
    if letters:
        values["N"] = case.lettered[2]
    return node, leaves, arriving, values


def torch_twin(case: Case, double: bool = False) -> tuple[Any, Any, list[Any]] | None:
    """Value, and gradients by PyTorch in float64; with `double` its tensors, ready to be differentiated again."""
    if case.op.torch is None:
        return None
    from oracles import oracle

    torch = oracle("torch")
    leaves = [torch.tensor(np.array(a)) for a in case.arrays]
    for i in case.moving:
        leaves[i].requires_grad_(True)
    names: dict[str, Any] = dict(case.params)
    names.update({case.op.arrays[0]: leaves} if case.op.variadic else zip(case.op.arrays, leaves, strict=True))

    def reduce(each: Any) -> Any:
        how = case.params["reduction"]
        return each.mean() if how == "mean" else each.sum() / (each.shape[0] if how == "batch_mean" else 1)

    names.update(torch=torch, F=torch.nn.functional, reduce=reduce)
    try:
        out = eval(case.op.torch, names)
    except RuntimeError:
        assert not all(np.size(a) for a in case.arrays), f"{case}: PyTorch refuses {case.op.torch}"
        return None  # a few functions of PyTorch have no empty form
    moving = [leaves[i] for i in case.moving]
    if not moving or not out.requires_grad:
        return out, None, moving
    found = torch.autograd.grad(out, moving, torch.tensor(np.array(case.g)), create_graph=double, allow_unused=True)
    return out, [torch.zeros_like(m) if f is None else f for f, m in zip(found, moving, strict=True)], moving


# -- the checks -----------------------------------------------------------------------------------------------------
def near(case: Case, got: Any, expected: Any, what: str, tolerance: float | None = None) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{case}: {what} has shape {expected.shape}, handgrad {got.shape}"
    apart = distance(got, expected)
    assert apart <= (tolerance or TOLERANCE[what]), f"{case}: {apart:.1e} from {what}:\n{got}\n{expected}"


def check_value(case: Case) -> None:
    """Value and gradient of one case against every oracle; inputs untouched, shapes and dtypes kept, memory its own."""
    before = [np.array(a) for a in case.arrays]
    plain = np.asarray(case.value())
    out, grads = by_hand(case)
    for a, b in zip(case.arrays, before, strict=True):
        assert np.array_equal(a, b), f"{case}: an input was written to"
        assert case.op.view or not np.shares_memory(plain, a), f"{case}: the result shares memory with an input"
    near(case, out, plain, "value of the recorded op", 1e-15)
    for i, grad in zip(case.moving, grads, strict=bool(grads)):
        assert grad.shape == np.shape(case.arrays[i]), f"{case}: gradient {i} has shape {grad.shape}"
        assert grad.dtype == np.float64, f"{case}: gradient {i} is {grad.dtype}"
        assert grad.flags.writeable, f"{case}: gradient {i} cannot be written to"
        assert not np.shares_memory(grad, case.g), f"{case}: gradient {i} is not its own"
    check_symbols(case, plain, grads)
    near(case, plain, case.value(form=textbook), "forms")
    against = {"complex step": complex_step(case), "central difference": central_differences(case)} if grads else {}
    for what, expected in against.items():
        for got, want in zip(grads, expected or (), strict=False):
            asked, known = np.sum(~np.isinf(want)), np.isfinite(want)
            assert 3 * np.sum(known) >= 2 * asked, f"{case}: a kink at every third number"
            near(case, np.where(known, got, 0), np.where(known, want, 0), what)


def check_torch(case: Case) -> None:
    """Value and gradient of one case against PyTorch."""
    twin = torch_twin(case)
    if twin is None:
        return
    out, grads = by_hand(case)
    near(case, out, twin[0].detach().numpy(), "torch")
    for got, want in zip(grads, twin[1] or (), strict=False):
        near(case, got, want.numpy(force=True), "torch")


def check_symbols(case: Case, plain: Any, grads: list[Any]) -> None:
    """Formulas give the same numbers: the value, the hand-written VJP, and the chain rule applied to the definition."""
    node, leaves, arriving, values = as_symbols(case)
    assert node.shape == plain.shape, f"{case}: the shape rule says {node.shape}, the numbers have {plain.shape}"
    kind = {"f": "float", "b": "bool"}.get(plain.dtype.kind, "int")
    assert node.dtype == kind, f"{case}: the shape rule says {node.dtype}, the numbers are {plain.dtype}"
    near(case, np.broadcast_to(evaluate(node, values), plain.shape), plain, "symbols")
    near(case, np.broadcast_to(evaluate(node, values, "definition"), plain.shape), plain, "forms")
    if not grads:
        return
    table = node.table
    wanted = [leaves[i] for i in case.moving]
    if node.op is not None and not node.op.primitive and node.op is case.op:
        chain = table.gradient(table.body(node, "definition"), arriving, wanted, stop=True)
    else:
        chain = table.gradient(node, arriving, wanted, stop=True)
    written = table.gradient(node, arriving, wanted)
    for got, formula, hand in zip(grads, chain, written, strict=True):
        assert formula.shape == hand.shape == got.shape, f"{case}: a derived formula has shape {formula.shape}"
        near(case, got, np.broadcast_to(evaluate(formula, values, "definition"), got.shape), "chain rule")
        near(case, got, np.broadcast_to(evaluate(hand, values), got.shape), "chain rule")


def check_letters(case: Case) -> None:
    """A batch size that is still a letter gives the same numbers once it is bound."""
    if not case.lettered:
        return
    try:
        node, leaves, arriving, values = as_symbols(case, letters=True)
    except (ShapeError, IndexRangeError) as error:  # cutting and joining along an axis of unknown length
        if "N" in str(error):
            return
        raise
    plain, grads = by_hand(case)
    assert sized(node.shape, values) == plain.shape, f"{case}: the shape rule says {node.shape}"
    near(case, np.broadcast_to(evaluate(node, values), plain.shape), plain, "symbols")
    for got, formula in zip(grads, node.table.gradient(node, arriving, [leaves[i] for i in case.moving]), strict=False):
        assert sized(formula.shape, values) == got.shape, f"{case}: the gradient's formula has shape {formula.shape}"
        near(case, got, np.broadcast_to(evaluate(formula, values), got.shape), "symbols", TOLERANCE["chain rule"])


def check_float32(case: Case) -> None:
    """float32 in, float32 out, float32 gradients, near the float64 ones."""
    small = replace(case, arrays=tuple(np.float32(a) if np.asarray(a).dtype.kind == "f" else a for a in case.arrays))
    small = replace(small, arrays=tuple(np.asarray(a) for a in small.arrays))
    plain = np.asarray(small.value())
    wanted = np.asarray(case.value()).dtype
    wanted = np.dtype(np.float32) if wanted.kind == "f" else wanted
    assert plain.dtype == wanted, f"{case}: float32 in, {plain.dtype} out"
    out, grads = by_hand(small, np.float32)
    assert np.asarray(out).dtype == wanted, f"{case}: float32 in, {np.asarray(out).dtype} recorded"
    near(case, plain, case.value(), "float32")
    for got, want in zip(grads, by_hand(case)[1], strict=True):
        assert got.dtype == np.float32, f"{case}: float32 in, gradient {got.dtype}"
        near(case, got, want, "float32")
    rules(small)


def rules(case: Case) -> None:
    """Each VJP, called on its own, gives the input's dtype and broadcasts to (or from) the input's shape."""
    plain = case.value()
    g = np.asarray(case.g, dtype=np.asarray(plain).dtype)
    for i in case.moving:
        rule = case.op.vjp_at(i)
        if rule is None:
            continue
        step = rule(numbers, g, plain, *((i,) if case.op.variadic else ()), *case.arrays, **case.params)
        wanted = np.asarray(case.arrays[i]).dtype
        assert np.asarray(step).dtype == wanted, f"{case}: the VJP of input {i} drifts from {wanted} to {step.dtype}"
        if case.op.kind != "map":
            assert np.broadcast_shapes(np.shape(step), np.shape(case.arrays[i])) == np.shape(case.arrays[i]), (
                f"{case}: the VJP of input {i} has shape {np.shape(step)}"
            )


def corners(op: Op) -> Iterator[Case]:
    """Extremes and ties that the op names, with each of its settings."""
    assert op.samples is not None
    rng = np.random.default_rng(7)
    for arrays in op.samples.corners:
        for params in op.samples.params:
            settings = {**op.params, **params}
            out = np.asarray(numbers.run(op, arrays, settings))
            yield Case(op, tuple(arrays), settings, distinct(out.shape, rng), "corner")


def check_corner(case: Case) -> None:
    """At extremes and ties there is no warning and nothing is NaN, in both widths. PyTorch says which numbers."""
    plain, grads = by_hand(case)
    for what in (plain, *grads):
        assert not np.isnan(what).any(), f"{case}: NaN at a corner: {what}"
    with np.errstate(over="ignore"):  # 1e300 is no float32
        small = tuple(np.asarray(a, np.float32) if a.dtype.kind == "f" else a for a in case.arrays)
        float32 = replace(case, arrays=small)
        representable = all(np.isfinite(a).all() for a in float32.arrays)
    if representable:
        for what in by_hand(float32, np.float32)[1]:
            assert not np.isnan(what).any(), f"{case}: NaN at a corner in float32: {what}"


def check_not_zero(op: Op, drawn: list[Case]) -> None:
    """Zero against zero proves nothing: some case must have a gradient, unless the sample declares it flat."""
    assert op.samples is not None
    for i in {i for case in drawn for i in case.moving}:
        most = max(np.max(np.abs(by_hand(c)[1][c.moving.index(i)]), initial=0.0) for c in drawn if i in c.moving)
        if op.samples.zero_gradient:
            assert most == 0, f"{op.name}: declared flat, and input {i} has a gradient"
        else:
            assert most > 0, f"{op.name}: the gradient of input {i} is 0 in all samples: zero is compared with zero"


def check_op(op: Op, count: int = CASES) -> None:
    """Everything above for one op, except PyTorch's opinion: that needs PyTorch, and this must not wait for it."""
    op.check_complete()
    drawn = list(cases(op, count))
    for case in drawn:
        check_value(case)
        check_letters(case)
        check_float32(case)
    check_not_zero(op, drawn)
    for case in corners(op):
        check_corner(case)


def check_op_torch(op: Op, count: int = CASES) -> None:
    """Value and gradient of each case and corner against PyTorch, the second derivative of every third."""
    drawn = list(cases(op, count))
    for case in (*drawn, *corners(op)):
        check_torch(case)
    for case in drawn[::3]:
        check_second(case)


def check_second(case: Case) -> None:
    """The derivative of the derivative against PyTorch's, with random weights on every first derivative."""
    twin = torch_twin(case, double=True)
    if twin is None or twin[1] is None or not np.asarray(case.g).size:
        return
    from oracles import oracle

    torch = oracle("torch")
    rng = np.random.default_rng(11)
    weights = [distinct(np.shape(case.arrays[i]), rng) for i in case.moving]
    leaves = [tensor(a) for a in case.arrays]
    out = case.op(*leaves, **case.params)
    wanted = [leaves[i] for i in case.moving]
    first = gradients(out, wanted, case.g, record_graph=True)
    _, slopes, moving = twin
    mine = [gradients(f, wanted, w) for f, w in zip(first, weights, strict=True)]
    for slope, w, got in zip(slopes, weights, mine, strict=True):
        if not slope.requires_grad:
            theirs = [torch.zeros_like(m) for m in moving]
        else:
            found = torch.autograd.grad(slope, moving, torch.tensor(np.array(w)), retain_graph=True, allow_unused=True)
            theirs = [torch.zeros_like(m) if f is None else f for f, m in zip(found, moving, strict=True)]
        for a, b in zip(got, theirs, strict=True):
            near(case, a, b.numpy(force=True), "second derivative")
