"""The contract test is tested: mistakes planted into copies of ops must be noticed, each kind in every op."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import contract
import handgrad as hg
from handgrad.core.op import Op, Samples
from handgrad.errors import ShapeError
from oracles import oracle

registry = hg.ops.registry
MOVING = [op for op in registry.values() if op.vjps and op.rule.__module__ != __name__]


def wrong(op: Op, change) -> Op:
    """A copy of an op whose VJPs went through `change(xp, rule, g, out, *rest, **params)`."""
    return replace(op, vjps={a: spoilt(rule, change) for a, rule in op.vjps.items()})


def spoilt(rule, change):
    return lambda xp, g, out, *rest, **params: change(xp, rule, g, out, *rest, **params)


EVERYWHERE = {
    "zero": lambda xp, rule, g, *rest, **params: 0.0 * rule(xp, g, *rest, **params),
    "wrong sign": lambda xp, rule, g, *rest, **params: -1.0 * rule(xp, g, *rest, **params),
    "1 % off": lambda xp, rule, g, *rest, **params: 1.01 * rule(xp, g, *rest, **params),
    "ignores g": lambda xp, rule, g, *rest, **params: rule(xp, 0.0 * g + 1.0, *rest, **params),
    "g counted twice": lambda xp, rule, g, *rest, **params: rule(xp, g * g, *rest, **params),
    "a constant more": lambda xp, rule, g, *rest, **params: rule(xp, g, *rest, **params) + 1e-5,
}


@pytest.mark.parametrize("op", MOVING, ids=lambda op: op.name)
@pytest.mark.parametrize("kind", EVERYWHERE)
def test_noticed_in_every_op(op: Op, kind: str):
    with pytest.raises((AssertionError, ShapeError)):
        contract.check_op(wrong(op, EVERYWHERE[kind]))


@pytest.mark.parametrize("op", MOVING, ids=lambda op: op.name)
def test_a_true_copy_passes(op: Op):
    contract.check_op(wrong(op, lambda xp, rule, g, *rest, **params: rule(xp, g, *rest, **params)), count=8)


def mistake(name: str, argument: str, rule) -> Op:
    return replace(registry[name], vjps={**registry[name].vjps, argument: rule})


def _transposed(xp, g, out, x, y):
    return xp.transpose(xp.matmul(g, xp.transpose(y))) if x.ndim == 2 and y.ndim == 2 else g


CORNERS = {  # conventions: only PyTorch, which handgrad follows there, can say that these are wrong
    "relu' (0) = 1": ("relu", "x", lambda xp, g, out, x: g * (x >= 0)),
    "abs' (0) = 1": ("abs", "x", lambda xp, g, out, x: xp.where(x >= 0, g, -g)),
    "maximum gives a tie to the first": ("maximum", "x", lambda xp, g, out, x, y: g * (x >= y)),
    "clip is flat at its bounds": ("clip", "x", lambda xp, g, out, x, low, high: g * (x > low) * (x < high)),
}

SUBTLE = {
    "softmax with its sum dropped": ("softmax", "x", lambda xp, g, out, x, axis: out * g),
    "log_softmax passes g on": ("log_softmax", "x", lambda xp, g, out, x, axis: g),
    "sigmoid without 1 - out": ("sigmoid", "x", lambda xp, g, out, x: g * out),
    "relu lets all through": ("relu", "x", lambda xp, g, out, x: g * (x > -9)),
    "silu drops a term": ("silu", "x", lambda xp, g, out, x: g * xp.sigmoid(x)),
    "var forgets 2": ("var", "x", lambda xp, g, out, x, axis, keepdims: 0.5 * registry["var"].vjps["x"](
        xp, g, out, x, axis, keepdims)),
    "mse forgets 1/N": ("mse", "p", lambda xp, g, out, p, y, reduction: g * (2 * (p - y))),
    "matmul transposed": ("matmul", "x", _transposed),
    "affine: W transposed": ("affine", "W", lambda xp, g, out, x, W, b: g.T @ x),
    "affine: b not added up": ("affine", "b", lambda xp, g, out, x, W, b: g),
    "affine: b is the mean": ("affine", "b", lambda xp, g, out, x, W, b: xp.mean(g, axis=0)),
    "transpose not undone": ("transpose", "x", lambda xp, g, out, x, axes: xp.transpose(g, axes=axes)),
    "take adds everything to row 0": ("take", "x", lambda xp, g, out, x, indices, axis: xp.scatter_add(
        g, 0 * indices, shape=x.shape, axis=axis)),
    "fold in place of patches": ("fold", "p", lambda xp, g, out, p, **_: 0.0 * p),
    "cross entropy without the label": ("cross_entropy", "z", lambda xp, g, out, z, y, **_: g * xp.softmax(z, axis=1)),
    "where: the branches exchanged": ("where", "x", lambda xp, g, out, c, x, y: xp.where(c, 0, g)),
    "drifts to float64": ("tanh", "x", lambda xp, g, out, x: g * (1 - out * out) * np.ones((), np.float64)),
    "NaN at a corner": ("softplus", "x", lambda xp, g, out, x: g * (xp.exp(x) / (1 + xp.exp(x)))),
}  # fmt: skip


@pytest.mark.parametrize("kind", SUBTLE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_subtle_mistakes_are_noticed(kind: str):
    name, argument, rule = SUBTLE[kind]
    with pytest.raises((AssertionError, ShapeError)):
        contract.check_op(mistake(name, argument, rule))


@pytest.mark.parametrize("kind", CORNERS)
def test_other_conventions_at_corners_are_noticed(kind: str):
    oracle("torch")
    name, argument, rule = CORNERS[kind]
    with pytest.raises(AssertionError, match="from torch"):
        contract.check_op_torch(mistake(name, argument, rule))


@pytest.mark.parametrize("op", [op for op in MOVING if op.torch is not None], ids=lambda op: op.name)
def test_pytorch_alone_notices(op: Op):
    oracle("torch")
    with pytest.raises(AssertionError, match="from torch"):
        contract.check_op_torch(wrong(op, EVERYWHERE["1 % off"]))


def written_over(xp, x):
    """Writes to its input."""
    if isinstance(x, np.ndarray) and x.flags.writeable and x.ndim:
        x[...] = 1.0
    return xp.negative(x)


def test_a_rule_that_writes_to_its_input():
    bad = replace(registry["relu"], rule=written_over)
    with pytest.raises((AssertionError, ValueError)):
        contract.check_op(bad)


def test_a_rule_that_hands_out_its_input():
    bad = replace(registry["reshape"], view=False)
    with pytest.raises(AssertionError, match="shares memory"):
        contract.check_op(bad)


def test_a_wrong_shape_rule():
    bad = replace(registry["sum"], shape=lambda x, axis, keepdims: (x.shape, x.dtype))
    with pytest.raises((AssertionError, ShapeError, ValueError)):
        contract.check_op(bad)


def test_a_wrong_value():
    bad = replace(registry["exp"], rule=np.exp2)
    with pytest.raises(AssertionError):
        contract.check_op(bad)


def test_a_safe_form_of_something_else():
    bad = replace(registry["softplus"], safe_rule=lambda xp, x: xp.maximum(x, 0) + xp.log1p(xp.exp(-2 * xp.abs(x))))
    with pytest.raises(AssertionError):
        contract.check_op(bad)


def test_a_warning_at_a_corner():
    bad = replace(registry["sigmoid"], quiet=())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="overflow"):
            contract.check_op(bad)


def test_zero_against_zero():
    flat = Op("flat", lambda xp, x: x * 0, ("x",), {}, samples=Samples(), vjps={"x": lambda xp, g, out, x: g * 0})
    with pytest.raises(AssertionError, match="zero is compared with zero"):
        contract.check_op(flat)
    contract.check_op(replace(flat, samples=Samples(zero_gradient=True)))
    with pytest.raises(AssertionError, match="declared flat"):
        contract.check_op(replace(registry["sin"], samples=Samples(zero_gradient=True)))
