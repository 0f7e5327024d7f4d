"""Gradient checks: planted bugs are located and named, correct gradients raise no alarm, kinks are called kinks."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.check import SENTENCES, check_layer
from handgrad.check.compare import shares
from handgrad.check.differences import careful
from handgrad.errors import ArgumentError, DTypeError, HandgradError, UnknownNameError
from handgrad.i18n.columns import cells

registry = hg.ops.registry
X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6], [-0.8, 0.9, 0.2], [0.5, 1.5, -1.0], [-1.4, 0.1, 0.8]])
Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])


def network(spec="3-4:sigmoid-2:sigmoid", loss="mse", **settings):
    return hg.Network.parse(spec, loss=loss, seed=0, **settings)


def kinds(report):
    return {e.name: e.kind for e in report.wrong}


# -- planted bugs in a network ----------------------------------------------------------------------------------------
W, B = registry["affine"].vjps["W"], registry["affine"].vjps["b"]


def first(xp, g):
    """The first row of g, written so that it also stands in a program with N rows."""
    return xp.take(g, xp.argmax(xp.sum(g - g, axis=1), axis=0), axis=0)


PLANTED = {
    "sign": ("W", lambda xp, g, out, x, W_, b: -W(xp, g, out, x, W_, b)),
    "factor_two": ("W", lambda xp, g, out, x, W_, b: 2 * W(xp, g, out, x, W_, b)),
    "factor": ("W", lambda xp, g, out, x, W_, b: 1.01 * W(xp, g, out, x, W_, b)),
    "missing_mean": ("W", lambda xp, g, out, x, W_, b: 5.0 * W(xp, g, out, x, W_, b)),
    "divided_twice": ("W", lambda xp, g, out, x, W_, b: W(xp, g, out, x, W_, b) / 5.0),
    "transposed": ("W", lambda xp, g, out, x, W_, b: xp.reshape(g.T @ x, shape=W_.shape)),
    "not_summed_over_batch": ("b", lambda xp, g, out, x, W_, b: first(xp, g)),
    "some_positions": ("W", lambda xp, g, out, x, W_, b: W(xp, g, out, x, W_, b) * xp.where(W_ > 0.25, 1.0, 2.0)),
    "unlike": ("W", lambda xp, g, out, x, W_, b: W(xp, g, out, x, W_, b) + 0.01 * W_**2 + 0.01),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_wrong_rule_is_located_to_its_parameters_and_named(monkeypatch, kind):
    argument, rule = PLANTED[kind]
    monkeypatch.setitem(registry["affine"].vjps, argument, rule)
    report = network().check(X, Y)
    local = {"W": "weight", "b": "bias"}[argument]
    assert not report.ok
    assert kinds(report) == {f"dense1.{local}": kind, f"dense2.{local}": kind}
    assert [(e.op, e.layer, e.name) for e in report.ops] == [("affine", "dense1", argument)]
    entry = report[f"dense1.{local}"]
    assert (entry.layer, entry.parameter) == ("dense1", local)
    assert entry.sentence
    assert entry.sentence in str(report).replace("\n  ", " ")


def test_a_wrong_activation_spoils_what_lies_before_it_and_the_report_names_the_op(monkeypatch):
    monkeypatch.setitem(registry["sigmoid"].vjps, "x", lambda xp, g, out, x: g)
    report = network("3-4:sigmoid-2", "mse").check(X, Y)
    assert kinds(report) == dict.fromkeys(["dense1.weight", "dense1.bias", "input"], "missing_activation_derivative")
    assert [(e.op, e.layer, e.kind) for e in report.ops] == [("sigmoid", "sigmoid1", "missing_activation_derivative")]


def test_a_loss_without_its_mean_spoils_everything(monkeypatch):
    monkeypatch.setitem(registry["mse"].vjps, "p", lambda xp, g, out, p, y, reduction: g * (2 * (p - y)))
    report = network().check(X, Y)
    assert set(kinds(report).values()) == {"missing_mean"}
    assert report["input"].factor == pytest.approx(10, rel=1e-6)  # 5 rows of 2 numbers
    assert [(e.op, e.layer, e.name) for e in report.ops] == [("mse", "loss", "p")]


def test_a_rule_that_gives_nothing(monkeypatch):
    monkeypatch.setitem(registry["affine"].vjps, "b", lambda xp, g, out, x, W_, b: xp.sum(g * (b - b), axis=0))
    assert kinds(network().check(X, Y)) == {"dense1.bias": "zero", "dense2.bias": "zero"}


def test_a_wrong_rule_in_the_dark_is_found_by_its_op(monkeypatch):
    """The layer behind it is saturated, so that no gradient of the network sees the mistake."""
    monkeypatch.setitem(registry["tanh"].vjps, "x", lambda xp, g, out, x: 0.5 * g * (1 - out * out))
    net = network("3-4:tanh-2:sigmoid", "mse")
    net.set_parameters({**net.parameters, "dense2.bias": [900.0, 900.0]})
    report = net.check(X, Y)
    assert not report.wrong
    assert [(e.op, e.kind) for e in report.ops] == [("tanh", "factor_two")]
    assert not report.ok


def test_a_mistake_at_one_of_many_positions_is_found_though_it_was_not_drawn(monkeypatch):
    """The sample takes some of 600 weights; a direction through all of them notices, and halving finds the place."""

    def rule(xp, g, out, x, W_, b):
        return W(xp, g, out, x, W_, b) * (1 + 0.1 * (W_ > 5.0))

    net = network("30-20:tanh-1", "mse")
    weight = net.parameters["dense1.weight"].copy()
    weight[17, 11] = 6.0
    net.set_parameters({**net.parameters, "dense1.weight": weight})
    monkeypatch.setitem(registry["affine"].vjps, "W", rule)
    data = np.random.default_rng(1).normal(size=(6, 30)) * 0.1
    report = net.check(data, np.ones(6), sample=20)
    assert kinds(report) == {"dense1.weight": "some_positions"}
    assert report["dense1.weight"].index == (17, 11)


def test_a_vanishing_gradient_that_is_wrong_is_found_by_the_complex_step(monkeypatch):
    old = registry["affine"].vjps["W"]
    net = network("3-" + "3:sigmoid-" * 24 + "1", "mse")
    net.set_parameters({k: v * 0.3 for k, v in net.parameters.items()})
    assert net.check(X, np.ones(5))["dense1.weight"].proven
    monkeypatch.setitem(registry["affine"].vjps, "W", lambda *a: 1.5 * old(*a))
    again = network("3-" + "3:sigmoid-" * 24 + "1", "mse").set_parameters(net.parameters)
    entry = again.check(X, np.ones(5))["dense1.weight"]
    assert abs(entry.analytic) < 1e-20
    assert (entry.ok, entry.method, entry.kind) == (False, "complex_step", "factor")
    assert entry.factor == pytest.approx(1.5, rel=1e-3)


def test_a_compiler_that_does_not_compute_the_printed_lines_is_found(monkeypatch):
    from handgrad.check import network as module

    net = network()
    true = module.compiled

    class Wrong:
        def __init__(self, program):
            self.program = program

        def run(self, values, dtype):
            found = true(self.program).run(values, dtype)
            name = self.program.outputs[0].text
            return {**found, name: found[name] * 1.001}

    monkeypatch.setattr(module, "compiled", Wrong)
    assert kinds(net.check(X, Y)) == {"loss": "different_program"}


# -- correct networks -------------------------------------------------------------------------------------------------
ACTIVATIONS = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu", "gelu_tanh", "softplus", "softmax",
               "log_softmax"]  # fmt: skip
LOSSES = ["mse", "mae", "huber", "half_sse", "bce_with_logits", "cross_entropy", "bce"]


@pytest.fixture(scope="module")
def limits():
    """The bounds within which the rule of BCE is the derivative; beyond, it is as torch's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry["bce"], "traits", {**registry["bce"].traits, "limits": {"p": (1e-11, 1 - 1e-11)}})
        yield


@st.composite
def networks(draw):
    """A network with data: any layers and loss, tiny to huge weights and inputs, zeros, both dtypes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wide, rows = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    layers, inputs = [], wide
    for _ in range(draw(st.integers(1, 4))):
        m = draw(st.integers(1, 5))
        layers += [hg.Dense(wide, m), hg.Activation(draw(st.sampled_from(ACTIVATIONS)))]
        wide = m
        if draw(st.booleans()):
            layers.append(hg.Residual([hg.Dense(wide, wide), hg.Activation(draw(st.sampled_from(ACTIVATIONS)))]))
    out, loss = draw(st.integers(1, 3)), draw(st.sampled_from(LOSSES))
    layers.append(hg.Dense(wide, out))
    if loss == "bce":
        layers.append(hg.Sigmoid())
    y = {"cross_entropy": rng.integers(0, out, rows)}.get(loss, rng.integers(0, 2, (rows, out)).astype(float))
    if loss in ("mse", "mae", "huber"):
        y = rng.normal(size=(rows, out)) * 10 ** rng.uniform(-6, 6)
    net = hg.Network(layers, loss, seed=int(rng.integers(1000)), dtype=draw(st.sampled_from(["float64", "float32"])),
                     l1=draw(st.sampled_from([0.0, 0.1])), l2=draw(st.sampled_from([0.0, 0.1])))  # fmt: skip
    size = 10 ** rng.uniform(-3, 2.5)
    net.set_parameters({k: v * size + rng.normal(size=v.shape) * draw(st.sampled_from([0, size]))
                        for k, v in net.parameters.items()})  # fmt: skip
    data = rng.normal(size=(rows, inputs)) * 10 ** rng.uniform(-4, 3)
    return net, np.round(data) if draw(st.booleans()) else data, y


@pytest.mark.slow
@pytest.mark.usefixtures("limits")
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.sampled_from([None, 20]))
def test_no_false_alarm(case, sample):
    net, data, y = case
    report = net.check(data, y, sample=sample)
    assert report.ok, f"{net!r}\n{report}"


@pytest.mark.parametrize("spec", ["3-4:sigmoid-2", "3-5:relu-4:tanh-2", "3-4:gelu-2"])
def test_a_correct_network_is_proven_at_every_position(spec):
    report = network(spec).check(X, Y)
    assert report.ok
    assert all(e.proven and e.checked == e.size and e.error < 1e-5 for e in report.entries)
    assert report.checked == sum(v.size for v in network(spec).parameters.values()) + X.size


def test_regularised_and_weighted_losses_are_right():
    labels = np.array([0, 1, 1, 0, 1])
    net = hg.Network.parse("3-4:tanh-2", loss=hg.CrossEntropy(class_weight=[1.0, 3.0]), seed=1, l1=0.01, l2=0.1)
    assert net.check(X, labels).ok


def test_kinks_are_called_kinks():
    net = network("2-4:relu-1", "half_sse")
    net.set_parameters({**net.parameters, "dense2.bias": [0.3]})
    xor = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # the row of zeros puts every unit at its kink
    report = net.check(xor, [0, 1, 1, 0])
    assert report.ok
    assert report["dense1.bias"].kinks == 4
    assert report.kinks >= 4
    kink = report["dense1.bias"].kink
    assert kink is not None
    assert abs(kink.left - kink.right) > 1e-3
    assert "kink" in str(report)
    assert report["dense1.weight"].kinks == 0


def test_a_wrong_rule_is_found_between_kinks(monkeypatch):
    monkeypatch.setitem(registry["relu"].vjps, "x", lambda xp, g, out, x: 1.1 * g * (x > 0))
    xor = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    report = network("2-4:relu-1", "half_sse").check(xor, [0, 1, 1, 0])
    assert [e.op for e in report.ops] == ["relu"]
    assert "dense1.weight" in kinds(report)


def test_a_mistake_behind_a_tie_is_no_kink():
    """Two equal numbers: rounding may put either first, and every slope there belongs to a kink."""
    x = np.array([[0.3, 0.3, 0.1], [0.2, 0.1, 0.2]])

    def rule(g, out, x, times):
        return times * g[:, None] * (np.exp(x) == out[:, None]) * np.exp(x)

    def largest(x):
        return hg.max(hg.exp(x), axis=1)

    assert hg.check_grad(largest, x).kinks == 4
    report = hg.check_grad(lambda x: np.max(np.exp(x), axis=1), x, vjp=lambda g, out, x: rule(g, out, x, 0.5))
    assert (report.ok, report.kinks) == (True, 4)
    assert not hg.check_grad(lambda x: np.max(np.exp(x), axis=1), x, vjp=lambda g, out, x: rule(g, out, x, 2.0)).ok


def test_zero_against_zero_is_said():
    net = network("3-4:relu-2", "mse")
    net.set_parameters({**net.parameters, "dense1.bias": [-100.0] * 4})  # every unit is dead
    report = net.check(X, Y)
    assert report.ok
    assert report["dense1.weight"].all_zero
    assert not report["dense1.weight"].proven
    assert "dense1.weight: only 0 against 0" in str(report)
    assert report["dense2.bias"].proven


def test_float32_is_checked_in_float64_and_both_are_said():
    report = network("3-4:tanh-2", dtype="float32").check(X, Y)
    assert (report.ok, report.dtype, report.checked_in) == (True, "float32", "float64")
    assert all(0 < e.rounding < 1e-5 for e in report.entries)
    text = str(report)
    assert "float32" in text
    assert "float64" in text


@pytest.mark.usefixtures("limits")
def test_slopes_that_a_rule_keeps_bounded_are_no_mistakes():
    net = hg.Network.parse("1-1:sigmoid", loss="bce", seed=0).set_parameters(
        {"dense1.weight": [[50.0]], "dense1.bias": [0.0]}
    )
    report = net.check([[-1.0], [0.01]], [1.0, 0.0])
    assert report.ok
    assert [(e.op, e.kind) for e in report.ops] == [("bce", "limited")]


def test_a_sample_spreads_over_all_arrays_and_is_the_same_for_the_same_seed():
    net = network("64-64:relu-10", "cross_entropy")
    data = np.random.default_rng(0).random((40, 64))
    labels = np.arange(40) % 10
    report = net.check(data, labels, sample=50, seed=3)
    assert report.ok
    assert report.checked == 50
    assert all(e.checked >= 8 for e in report.entries)
    assert report == net.check(data, labels, sample=50, seed=3)
    assert report != net.check(data, labels, sample=50, seed=4)
    assert shares([4096, 64, 640, 10, 9000], 3) == [1, 1, 1, 1, 1]


def test_nothing_is_changed_by_a_check():
    net, data, y = network(), X.copy(), Y.copy()
    before = net.parameters
    net.check(data, y)
    assert all(np.array_equal(before[k], v) for k, v in net.parameters.items())
    assert np.array_equal(data, X)
    assert np.array_equal(y, Y)


# -- layers -----------------------------------------------------------------------------------------------------------
class Scaled(hg.Layer):
    """Each column times a number that is learnt, squashed by an op of the test's own."""

    kind = "checked_scaled"
    columns: int

    def parameters(self):
        return {"weight": hg.Parameter((self.columns,), hg.init.Constant(0.7))}

    def forward(self, x, p):
        return registry["checked_cube"](x * p["weight"])


@pytest.fixture
def cube():
    @hg.op
    def checked_cube(xp, x):
        """The third power."""
        return x * x * x

    @checked_cube.vjp
    def _(xp, g, out, x):
        return g * (3 * x * x)

    yield checked_cube
    registry.remove("checked_cube")


def test_a_layer_of_ones_own(cube):
    report = check_layer(Scaled(3), X)
    assert report.ok
    assert [e.name for e in report.entries] == ["checked_scaled1.weight", "input"]
    assert all(e.proven for e in report.entries)
    cube.vjps["x"] = lambda xp, g, out, x: g * (3 * x)
    report = check_layer(Scaled(3), X)
    assert [e.ok for e in report.entries] == [False, False]
    assert [(e.op, e.layer, e.name) for e in report.ops] == [("checked_cube", "checked_scaled1", "x")]


def test_the_gradient_that_arrives_at_a_layer_is_no_sum_of_ones():
    """The rows of a softmax add up to 1: a check with ones would accept anything that gives 0."""
    report = check_layer(hg.Softmax(), X)
    assert report["input"].proven
    assert not report["input"].all_zero


# -- functions --------------------------------------------------------------------------------------------------------
def test_ops_and_functions_of_ops(cube):
    assert hg.check_grad(hg.sigmoid, X).ok
    assert hg.check_grad(cube, X).entries[0].proven
    assert hg.check_grad(lambda a, b: hg.softmax(a @ b) * np.e, X, X.T.copy()).ok
    report = hg.check_grad(lambda x, w, b: (w * x + b - 10.0) ** 2, 3.0, 2.0, 1.0)
    assert [(e.name, e.size) for e in report.entries] == [("x", 1), ("w", 1), ("b", 1)]
    assert report.ok
    cube.vjps["x"] = lambda xp, g, out, x: 3 * x * x
    report = hg.check_grad(cube, X)
    assert kinds(report) == {"x": "ignores_incoming_gradient"}
    report = hg.check_grad(lambda x: hg.tanh(cube(x)), X)
    assert [(e.op, e.kind) for e in report.ops] == [("checked_cube", "ignores_incoming_gradient")]


@pytest.mark.parametrize("name", sorted(n for n, op in registry.items() if op.traits.get("activation")))
def test_every_activation_passes_at_kinks_and_far_out(name):
    x = np.array([[0.0, 1.0, -1.0, 40.0], [-40.0, 1e-9, 3.0, 0.0], [700.0, -700.0, 2.0, -2.0]])
    assert hg.check_grad(registry[name], x).ok


def test_inputs_without_a_derivative_are_left_alone():
    p, y = np.array([[0.2], [0.9]]), np.array([[0.0], [1.0]])
    assert [e.name for e in hg.check_grad(registry["mse"], p, y).entries] == ["p"]
    report = hg.check_grad(lambda p, y: 2 * hg.mse(p, y), p, y)
    assert report.ok
    assert report["y"].constant
    assert "declared to have no derivative" in str(report)
    assert hg.check_grad(lambda z, y: -hg.cross_entropy(z, y), X, np.array([0, 1, 2, 0, 1])).ok


def affine(x, w, b):
    return x @ w + b


def two_layers(x, w1, w2):
    h = 1 / (1 + np.exp(-(x @ w1)))
    return h @ w2


W1 = np.linspace(-1, 1.3, 12).reshape(3, 4)
W2 = np.linspace(0.7, -1.1, 8).reshape(4, 2)


def backward(g, out, x, w1, w2, slope=lambda h: h * (1 - h)):
    h = 1 / (1 + np.exp(-(x @ w1)))
    dz = (g @ w2.T) * slope(h)
    return dz @ w1.T, x.T @ dz, h.T @ g


def test_a_backward_pass_of_ones_own():
    assert hg.check_grad(two_layers, X, W1, W2, vjp=backward).ok
    report = hg.check_grad(two_layers, X, W1, W2, vjp=lambda *a: backward(*a, slope=np.ones_like))
    assert kinds(report) == {"x": "missing_activation_derivative", "w1": "missing_activation_derivative"}


b0 = np.array([0.1, -0.2, 0.3, 0.5])
OWN = {
    "not_summed_over_batch": lambda g, out, x, w, b: (g @ w.T, x.T @ g, g[-1]),
    "transposed": lambda g, out, x, w, b: (g @ w.T, g.T @ x, g.sum(0)),
    "zero": lambda g, out, x, w, b: (g @ w.T, 0 * w, g.sum(0)),
    "shifted": lambda g, out, x, w, b: (g @ w.T, np.roll(x.T @ g, 1, axis=1), g.sum(0)),
    "divided_twice": lambda g, out, x, w, b: (g @ w.T, x.T @ g, g.mean(0)),
    "ignores_incoming_gradient": lambda g, out, x, w, b: (g @ w.T, x.T @ np.ones_like(g), g.sum(0)),
    "not_finite": lambda g, out, x, w, b: (g @ w.T, x.T @ g, g.sum(0) / 0.0),
    "wrong_shape": lambda g, out, x, w, b: (g @ w.T, x.T @ g, g.sum()),
}


@pytest.mark.parametrize("kind", OWN)
def test_mistakes_in_a_backward_pass_of_ones_own(kind):
    report = hg.check_grad(affine, X, W1, b0, vjp=OWN[kind])
    assert list(kinds(report).values()) == [kind]
    assert not report.ok


def test_gradients_of_another_shape_are_understood():
    report = hg.check_grad(affine, X, W1, b0, vjp=lambda g, out, x, w, b: (g @ w.T, x.T @ g, g))
    assert kinds(report) == {"b": "not_summed_over_batch"}
    assert (report["b"].got, report["b"].expected) == ((5, 4), (4,))
    report = hg.check_grad(affine, X, W1, b0, vjp=lambda g, out, x, w, b: ((g @ w.T).T, x.T @ g, g.sum(0)))
    assert kinds(report) == {"x": "transposed"}


def test_gradients_that_changed_places():
    a, b = X[:2], X[2:4] + 0.1
    report = hg.check_grad(lambda a, b: a * b, a, b, vjp=lambda g, out, a, b: (g * a, g * b))
    assert kinds(report) == {"a": "swapped", "b": "swapped"}
    assert report["a"].other == "b"


def test_a_function_that_ops_cannot_follow_is_checked_by_differences():
    def opaque(x):
        return np.cumsum(np.asarray(x, float), axis=0) ** 2

    def own(g, out, x):
        return np.cumsum((2 * g * np.cumsum(x, axis=0))[::-1], axis=0)[::-1]

    assert hg.check_grad(opaque, X, vjp=own).entries[0].proven
    assert kinds(hg.check_grad(opaque, X, vjp=lambda *a: -own(*a))) == {"x": "sign"}


def test_a_rule_that_is_wrong_at_one_point_only():
    report = hg.check_grad(lambda x: x * x + x, 0.0, vjp=lambda g, out, x: g * np.where(x == 0, 0.0, 2 * x + 1))
    assert kinds(report) == {"x": "corner"}
    assert hg.check_grad(np.abs, 0.0, vjp=lambda g, out, x: g * np.sign(x)).kinks == 1
    assert hg.check_grad(hg.ops.max, np.array([2.0, 2.0, 1.0])).kinks == 2


def test_huge_and_tiny_numbers():
    for size in (1e-150, 1e-30, 1e-6, 1e6, 1e30, 1e150):
        report = hg.check_grad(lambda x, s=size: hg.tanh(x / s) * s, X * size)
        assert report.ok, (size, str(report))
        assert report.entries[0].proven, size
        wrong = hg.check_grad(lambda x, s=size: np.tanh(x / s) * s, X * size, vjp=lambda g, out, x: g)
        assert not wrong.ok, size


def test_float32_arguments_are_checked_in_float64():
    report = hg.check_grad(hg.tanh, X.astype(np.float32))
    assert (report.ok, report.dtype, report.checked_in) == (True, "float32", "float64")


def test_arguments_called_like_gradients():
    assert hg.check_grad(lambda x, dx, incoming, G: hg.sum(x * dx * incoming + G), X, X + 1, X + 2, X).ok


# -- differences ------------------------------------------------------------------------------------------------------
def test_the_ladder_of_steps_tells_slope_error_and_kink():
    s = careful(math.exp, 1.0, math.e, 1.0, 4e-16)
    assert abs(s.value - math.e) <= s.error < 1e-8
    assert s.smooth
    assert not s.kink
    s = careful(lambda x: abs(x) + x, 0.0, 0.0, 1.0, 1e-16)
    assert s.kink
    assert (s.left, s.right) == (pytest.approx(0, abs=1e-6), pytest.approx(2))
    s = careful(lambda x: abs(x - 1e-6), 0.0, 1e-6, 1.0, 1e-20)  # a kink close by spoils large steps only
    assert s.value == pytest.approx(-1)
    assert not s.kink


# -- the report -------------------------------------------------------------------------------------------------------
def test_the_report_is_data():
    net = network()
    report = net.check(X, Y, sample=30)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["ok"] is True
    assert [e["name"] for e in data["entries"]] == [*net.parameters, "input"]
    assert set(data["entries"][0]) >= {"name", "ok", "kind", "index", "analytic", "numeric", "step", "error", "method"}
    with pytest.raises(FrozenInstanceError):
        report.seed = 1
    assert "\n" not in repr(report)
    assert report.worst is max(report.entries, key=lambda e: e.error)
    with pytest.raises(UnknownNameError, match=r"dense1\.weight"):
        report["dense1.weigth"]


def test_the_report_fits_80_columns_and_shows_itself_in_notebooks(monkeypatch):
    monkeypatch.setitem(registry["affine"].vjps, "W", PLANTED["transposed"][1])
    net = hg.Network([hg.Dense(3, 4, name="a_very_long_name_for_a_layer"), hg.Tanh(), hg.Dense(4, 2)], "mse")
    report = net.check(X, Y)
    assert max(map(len, str(report).splitlines())) <= 80
    assert "WRONG" in str(report)
    worst = report.worst
    assert worst is not None
    assert f"{worst.analytic:.9g}" in str(report).replace("\n  ", " ")
    assert f"{worst.numeric:.9g}" in str(report).replace("\n  ", " ")
    page = hg.check_grad(lambda x: x**2, 2.0)._repr_html_()
    assert "<table>" in page
    assert "&lt;lambda&gt;" in page


def test_every_kind_has_a_sentence_and_the_text_exists_in_each_language():
    report = network().check(X, Y)
    for lang in ("en", "zh-CN", "zh-TW"):
        assert "dense1.weight" in report.text(lang)
        assert max(map(cells, report.text(lang).splitlines())) <= 80
    assert set(PLANTED) | set(OWN) <= set(SENTENCES)
    assert all(s == s.strip() and not s.endswith(".") for s in SENTENCES.values())


def test_verdicts_and_subjects_are_said_in_the_language_of_the_report():
    net = network()
    report = net.check(X, Y)
    assert report.subject == repr(net).strip("<>")
    for text in (report.text("zh-CN"), report.html("zh-CN")):
        assert "正确" in text
        assert f"{net.slots.size} 个权重，损失" in text
        assert not re.search(r"\b(ok|Network|weights|loss)\b", text)
    assert re.search(r" ok$", report.text(), re.M)
    wrong = hg.check_grad(np.tanh, X, vjp=lambda g, out, x: -g * (1 - out**2))
    assert re.search("錯誤$", wrong.text("zh-TW"), re.M)
    assert "WRONG" not in wrong.text("zh-TW")
    own = hg.Network([hg.Residual([hg.Dense(3, 3)])], loss="mse", dtype="float32")
    assert own.check(X, X).subject == repr(own).strip("<>")


# -- bad arguments ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hg.check_grad(3.0, X), DTypeError, r"got 3\.0\. Write"),
        (lambda: hg.check_grad(hg.tanh, X, vjp=1), DTypeError, "vjp must be a function"),
        (lambda: hg.check_grad(hg.tanh, 2), ArgumentError, "2.0 instead of 2"),
        (lambda: hg.check_grad(hg.tanh), HandgradError, "at least one argument"),
        (lambda: hg.check_grad(hg.tanh, np.array([1.0, np.nan])), ArgumentError, "nan"),
        (lambda: hg.check_grad(hg.tanh, np.array([1.0 + 1j])), DTypeError, "complex"),
        (lambda: hg.check_grad(lambda x: np.array(3.0), 1.0), DTypeError, "records nothing"),
        (lambda: hg.check_grad(lambda x: "three", 1.0, vjp=lambda g, out, x: g), DTypeError, "three"),
        (lambda: hg.check_grad(np.tanh, X, vjp=lambda g, out, x: "g"), DTypeError, "shaped as x"),
        (lambda: hg.check_grad(affine, X, W1, b0, vjp=lambda g, out, *a: (g, g)), ArgumentError, "2 gradients"),
        (lambda: hg.check_grad(lambda x: 2 * hg.log(x), -1.0), ArgumentError, "nan"),
        (lambda: hg.check_grad(lambda x: x * np.random.default_rng().random(), 1.0), ArgumentError, "called again"),
        (lambda: network().check(X, Y, sample=0), ArgumentError, "at least 1"),
        (lambda: network().check(X, Y, sample=2.5), DTypeError, "2.5"),
        (lambda: network().check(X, Y, sample=5, seed=-1), ArgumentError, "-1"),
        (lambda: network().check(X, Y, sample=5, seed="a"), DTypeError, "seed"),
        (lambda: network().check(X, Y[:3]), HandgradError, "5 rows"),
        (lambda: hg.Network([hg.Dense(3, 1)]).check(X, Y), ArgumentError, "loss"),
        (lambda: check_layer("relu", X), DTypeError, "takes a layer"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300
