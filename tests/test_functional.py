"""hg.grad and its family against pen and paper and PyTorch; random graphs against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.core.tensor import gradients
from handgrad.errors import ArgumentError, DTypeError, GraphError, ShapeError
from oracles import oracle
from tolerances import distance


def test_pen_and_paper():
    assert float(hg.grad(lambda x: x**3)(2.0)) == 12.0
    assert float(hg.grad(hg.grad(lambda x: x**3))(2.0)) == 12.0
    assert float(hg.grad(hg.grad(hg.grad(lambda x: x**3)))(2.0)) == 6.0
    value, (dx, dy) = hg.value_and_grad(lambda x, y: x * y + y, wrt=(0, 1))(2.0, 5.0)
    assert (float(value), float(dx), float(dy)) == (15.0, 5.0, 3.0)
    assert float(hg.grad(lambda x, y: x * y, wrt=-1)(2.0, 5.0)) == 2.0
    assert float(hg.grad(lambda x: x * x)(3)) == 6.0, "a whole Python number is read as 3.0"
    assert hg.jacobian(lambda x: x[0] * x)(np.array([2.0, 3.0])).tolist() == [[4.0, 0.0], [3.0, 2.0]]
    assert hg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([2.0, 3.0])).tolist() == [[6.0, 4.0], [4.0, 0.0]]
    assert hg.hvp(lambda x: x[0] ** 2 * x[1], [2.0, 3.0], [1.0, 2.0]).tolist() == [14.0, 4.0]
    out, pull = hg.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    assert out.tolist() == [3.0, 6.0]
    assert [g.tolist() for g in pull([10.0, 1.0])] == [[30.0, 3.0], 12.0]


def test_inputs_are_left_alone():
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    hg.hessian(lambda a: (a**3).sum())(x)
    y = np.array([1.0, 2.0])
    g = np.array([1.0, 1.0])
    hg.vjp(lambda a: a * 2, y)[1](g)
    hg.hvp(lambda a: (a**2).sum(), y, g)
    assert y.flags.writeable
    assert g.flags.writeable


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: hg.grad(lambda x: x)(np.ones(3)), GraphError, "hg.jacobian"),
        (lambda: hg.grad(lambda x: x)(np.array([1, 2])), DTypeError, "floating-point"),
        (lambda: hg.grad(lambda x: x)(True), DTypeError, "floating-point"),
        (lambda: hg.grad(lambda x: x)("a"), DTypeError, "number"),
        (lambda: hg.grad(lambda x: x, wrt=1)(1.0), ArgumentError, "wrt=1"),
        (lambda: hg.hvp(lambda x: x.sum(), np.ones(3), np.ones(2)), ShapeError, r"\(2,\)"),
        (lambda: hg.vjp(lambda x: x, np.ones(3))[1](1.0), ShapeError, r"\(3,\)"),
        (lambda: hg.grad(np.asarray)(1.0), DTypeError, "x.value"),
        (lambda: hg.grad(lambda x: "loss")(1.0), DTypeError, "loss"),
        (lambda: hg.grad(lambda x: None)(1.0), DTypeError, "None"),
    ],
)
def test_mistakes_are_answered(act, error, words):
    with pytest.raises(error, match=words) as caught:
        act()
    assert isinstance(caught.value, hg.errors.HandgradError)


def network(ops, X, W, V):
    """A small network that uses most of what networks use; the same lines for handgrad and PyTorch."""
    a = ops.tanh(X @ W)
    p = ops.exp(a @ V)
    return ops.log(p / p.sum())[1] * ops.sin(W).sum()


def test_jacobian_and_hessian_against_torch(rng):
    torch = oracle("torch")
    X, W, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    tX, tW, tV = (torch.tensor(a) for a in (X, W, V))

    def mine(w):
        return network(hg.ops, X, w, V)

    def theirs(w):
        return network(torch, tX, w, tV)

    H = hg.hessian(mine)(W)
    assert distance(H, torch.autograd.functional.hessian(theirs, tW).numpy()) < 1e-11
    flat = H.reshape(6, 6)
    assert distance(flat, flat.T) < 1e-13
    v = rng.normal(size=(3, 2))
    assert distance(hg.hvp(mine, W, v), (flat @ v.ravel()).reshape(3, 2)) < 1e-12
    J = hg.jacobian(lambda w: hg.ops.softmax(X @ w, axis=0) @ V)(W)
    expected = torch.autograd.functional.jacobian(lambda w: torch.softmax(tX @ w, 0) @ tV, tW)
    assert distance(J, expected.numpy()) < 1e-12
    assert distance(hg.hessian(mine)(W), hg.jacobian(hg.grad(mine))(W)) < 1e-14


@pytest.mark.parametrize(
    "name", ["sigmoid", "tanh", "gelu", "gelu_tanh", "softplus", "silu", "exp", "log", "sqrt", "erf"]
)
def test_third_derivatives(name):
    mpmath = oracle("mpmath")
    mpmath.mp.dps = 40
    definition = {
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
        "gelu": lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2,
        "gelu_tanh": lambda x: (
            x * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x**3))) / 2
        ),
        "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
        "silu": lambda x: x / (1 + mpmath.exp(-x)),
    }.get(name, getattr(mpmath, name, None))
    third = hg.grad(hg.grad(hg.grad(getattr(hg.ops, name))))
    assert float(third(0.7)) == pytest.approx(float(mpmath.diff(definition, mpmath.mpf(0.7), 3)), rel=1e-11)


# -- random graphs ----------------------------------------------------------------------------------------------------
ONE = ["tanh", "sin", "exp_small", "sigmoid", "relu", "square", "transpose", "sum0", "mean1", "softmax", "half", "row"]
TWO = ["add", "subtract", "multiply", "divide", "maximum", "matmul", "where", "concat"]


def step(xp, library, name, x, y):
    """One step of a random graph on matrices, written in both libraries' words."""
    torch = library == "torch"
    match name:
        case "exp_small":
            return xp.exp(0.1 * x)
        case "square":
            return x * x
        case "transpose":
            return x.T
        case "sum0":
            return x.sum(0, keepdims=True) if torch else x.sum(axis=0, keepdims=True)
        case "mean1":
            return x.mean(1, keepdims=True) if torch else x.mean(axis=1, keepdims=True)
        case "softmax":
            return xp.softmax(x, -1) if torch else xp.softmax(x, axis=-1)
        case "half":
            return 0.5 * x - 1
        case "row":
            return x[:1]
        case "divide":
            return x / (2 + y * y)
        case "matmul":
            return x @ y
        case "where":
            return xp.where(x > y, x, 0.5 * y)
        case "concat":
            return xp.cat([x, y], 0) if torch else xp.concat(x, y, axis=0)
        case "add" | "subtract" | "multiply" | "maximum":
            return getattr(xp, name)(x, y)
        case _:
            return getattr(xp, name)(x)


def fits(name, a, b):
    if name == "matmul":
        return a[1] == b[0]
    if name == "concat":
        return a[1] == b[1]
    return name not in TWO or all(m == n or 1 in (m, n) for m, n in zip(a, b, strict=True))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_random_graphs_against_torch(data):
    """Shared nodes, broadcasting, both widths: every leaf's gradient."""
    torch = oracle("torch")
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    sizes = st.integers(1, 3)
    shapes = data.draw(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=3))
    values = [rng.uniform(-2, 2, shape).astype(dtype) for shape in shapes]
    mine = [hg.tensor(v) for v in values]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    leaves, twins = list(mine), list(theirs)
    for _ in range(data.draw(st.integers(1, 12))):
        name = data.draw(st.sampled_from(ONE + TWO))
        i, j = (data.draw(st.integers(0, len(mine) - 1)) for _ in range(2))
        if not fits(name, mine[i].shape, mine[j].shape):
            continue
        mine.append(step(hg.ops, "handgrad", name, mine[i], mine[j]))
        theirs.append(step(torch, "torch", name, theirs[i], theirs[j]))
    out, twin = mine[-1], theirs[-1]
    assert out.dtype == dtype
    limit = 1e-10 if dtype is np.float64 else 1e-3
    assert distance(out.value, twin.detach().numpy()) < limit
    g = rng.normal(size=out.shape).astype(dtype)
    found = gradients(out, leaves, g)
    expected = torch.autograd.grad(twin, twins, torch.tensor(g), allow_unused=True)
    for got, want, value in zip(found, expected, values, strict=True):
        assert got.dtype == dtype
        assert distance(got, np.zeros_like(value) if want is None else want.numpy()) < limit
