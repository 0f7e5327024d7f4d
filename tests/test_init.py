"""Initialisers: the printed draw and the draw are the same bytes, with the spread that the papers ask for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from handgrad import ops
from handgrad.core.op import registry
from handgrad.errors import ArgumentError, DTypeError, ShapeError, UnknownNameError
from handgrad.nn import init
from handgrad.nn.init import Init, default_for, fans, initialiser
from handgrad.nn.layers import activations
from handgrad.nn.plain import kinds

SETTINGS = {"constant": {"value": -0.1}, "uniform": {"a": 0.3}, "normal": {"std": 0.02}, "orthogonal": {"gain": 1.7}}
ALL = [cls(**SETTINGS.get(kind, {})) for kind, cls in kinds("init")]
SHAPES = [(64, 10), (10, 64), (1, 1), (3, 3), (8, 3, 5, 5), (0, 4), (4, 0), (7,), (0,)]


@pytest.mark.parametrize("made", ALL, ids=repr)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_printed_draw_gives_the_same_bytes(made, shape):
    if isinstance(made, init.Orthogonal) and len(shape) < 2:
        with pytest.raises(ShapeError, match="has no rows and columns"):
            made.source(shape)
        return
    drawn = made.draw(np.random.default_rng(7), shape)
    printed = eval(made.source(shape), {"np": np, "rng": np.random.default_rng(7)})
    assert drawn.dtype == printed.dtype == np.float64
    assert drawn.shape == printed.shape == shape
    assert drawn.tobytes() == printed.tobytes()


@pytest.mark.parametrize("made", ALL, ids=repr)
def test_given_fans_count(made):
    fan_in, fan_out = 50, 3
    drawn = made.draw(np.random.default_rng(7), (6, 5), fan_in, fan_out)
    printed = eval(made.source((6, 5), fan_in, fan_out), {"np": np, "rng": np.random.default_rng(7)})
    assert drawn.tobytes() == printed.tobytes()
    if hasattr(type(made), "above"):
        assert not np.array_equal(drawn, made.draw(np.random.default_rng(7), (6, 5)))


def test_printed_as_people_write_it():
    assert init.HeNormal().source((64, 10)) == "rng.normal(0.0, np.sqrt(2 / 64), (64, 10))"
    size = "np.sqrt(6 / (2 + 10))"
    assert init.XavierUniform().source((2, 10)) == f"rng.uniform(-{size}, {size}, (2, 10))"
    assert init.Zeros().source((10,)) == "np.zeros((10,))"


@pytest.mark.parametrize(
    ("made", "variance", "limit"),
    [
        (init.XavierUniform(), 2 / 500, math.sqrt(6 / 500)),
        (init.XavierNormal(), 2 / 500, None),
        (init.HeUniform(), 2 / 300, math.sqrt(6 / 300)),
        (init.HeNormal(), 2 / 300, None),
        (init.LeCunUniform(), 1 / 300, math.sqrt(3 / 300)),
        (init.LeCunNormal(), 1 / 300, None),
        (init.Uniform(0.3), 0.03, 0.3),
        (init.Normal(0.02), 0.0004, None),
    ],
    ids=repr,
)
def test_spread(made, variance, limit, rng):
    w = made.draw(rng, (300, 200))
    # the variance of 60,000 normal numbers is known to 0.6 % (one standard deviation), their mean to 0.4 % of a std
    assert np.var(w) == pytest.approx(variance, rel=0.03)
    assert abs(np.mean(w)) < 0.02 * math.sqrt(variance)
    if limit is None:
        assert np.mean(np.abs(w) < math.sqrt(variance)) == pytest.approx(0.6827, abs=0.01)
    else:
        assert limit * 0.999 < np.max(np.abs(w)) <= limit


@pytest.mark.parametrize("shape", [(5, 5), (8, 3), (3, 8)])
def test_orthogonal_keeps_lengths(shape, rng):
    w = init.Orthogonal(2.0).draw(rng, shape)
    small = w @ w.T if shape[0] <= shape[1] else w.T @ w
    assert np.allclose(small, 4.0 * np.eye(min(shape)), atol=1e-13)


def test_orthogonal_turns_either_way():
    # without the signs of R, the corner of Q always has the same sign
    signs = {np.sign(init.Orthogonal().draw(np.random.default_rng(s), (3, 3))[0, 0]) for s in range(30)}
    assert signs == {-1.0, 1.0}


def test_default_follows_the_next_activation():
    he = {"relu", "leaky_relu", "silu", "gelu", "gelu_tanh"}
    xavier = {"sigmoid", "tanh", "softmax", "log_softmax", "softplus", "elu"}
    assert he | xavier <= set(activations())
    for name in he:
        assert default_for(registry[name]) == init.HeNormal()
    for name in xavier:
        assert default_for(registry[name]) == init.XavierUniform()
    assert default_for(None) == default_for(ops.affine) == init.XavierUniform()
    assert init.Default().source((2, 3)) == init.XavierUniform().source((2, 3))


def test_fans():
    assert fans((64, 10)) == (64, 10)
    assert fans((8, 3, 5, 5)) == (75, 200)
    assert fans((7,)) == (7, 7)
    assert fans(()) == (1, 1)


def test_by_name_and_through_json():
    assert initialiser("glorot_uniform") == init.XavierUniform() == init.glorot_uniform()
    assert initialiser("kaiming_normal") == initialiser("he_normal") == init.he_normal()
    assert initialiser(None) == init.Default()
    for made in ALL:
        assert Init.from_spec(json.loads(json.dumps(made.to_spec()))) == made
        assert eval(repr(made), vars(init)) == made


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: initialiser("xavier_unifrom"),
            UnknownNameError,
            "init 'xavier_unifrom' is unknown. Did you mean 'xavier_uniform'?",
        ),
        (
            lambda: initialiser("constant"),
            ArgumentError,
            "init 'constant' needs value. Write Constant(value=...) in its place.",
        ),
        (lambda: initialiser(3), DTypeError, "init is 3: it must be Init or the name of one. Write 'zeros'."),
        (lambda: init.Uniform(0), ArgumentError, "Uniform: a is 0: it must be finite and above 0. Try 0.1."),
        (lambda: init.Normal(-1), ArgumentError, "Normal: std is -1"),
        (lambda: init.Orthogonal(math.inf), ArgumentError, "Orthogonal: gain is inf"),
        (lambda: init.Constant("x"), DTypeError, "Constant: value is 'x': it must be a number."),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
