"""Networks: what they compute, how weights are named and shared, and what they do to the arrays they are given."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import fuzz
import handgrad as hg
from handgrad.errors import ArgumentError, ShapeError


def by_differences(net, X, y, name, at, h=1e-5):
    """The central difference of the loss for one number."""
    values = []
    for sign in (1, -1):
        if name == "input":
            moved = X.copy()
            moved[at] += sign * h
            values.append(net.loss_value(moved, y))
        else:
            weights = {k: v.copy() for k, v in net.parameters.items()}
            weights[name][at] += sign * h
            values.append(copy.deepcopy(net).set_parameters(weights).loss_value(X, y))
    return (values[0] - values[1]) / (2 * h)


# -- numbers ----------------------------------------------------------------------------------------------------------
def test_a_network_worked_by_hand():
    """2-2-1, sigmoid hidden, no biases, ½(ŷ − y)²: exact values, computed with 30 digits."""
    net = hg.Network([hg.Dense(2, 2, bias=False), hg.Sigmoid(), hg.Dense(2, 1, bias=False)], hg.HalfSSE())
    net.set_parameters({"dense1.weight": [[0.1, 0.2], [0.3, 0.4]], "dense2.weight": [[0.5], [0.6]]})
    X, y = [[0.5, 0.1]], [[0.8]]
    assert net.forward(X).item() == pytest.approx(0.5809604372, abs=5e-11)
    assert net.loss_value(X, y) == pytest.approx(0.0239891650, abs=5e-11)
    g = net.gradients(X, y)
    assert g["dense2.weight"].ravel() == pytest.approx([-0.1138982377, -0.1171736688], abs=5e-11)
    expected = [-0.0136680921, -0.0163477324, -0.0027336184, -0.0032695465]
    assert g["dense1.weight"].ravel() == pytest.approx(expected, abs=5e-11)


def test_whole_numbers_by_hand():
    """Integers, so that pen and paper are exact: X = [1 2], W = [[1 0] [2 1]], b = [1 −1], y = [0 0], ½Σ."""
    net = hg.Network([hg.Dense(2, 2)], "half_sse")
    net.set_parameters({"dense1.weight": [[1, 0], [2, 1]], "dense1.bias": [1, -1]})
    assert net.forward([[1, 2]]).tolist() == [[6, 1]]
    assert net.loss_value([[1, 2]], [[0, 0]]) == 18.5
    g = net.gradients([[1, 2]], [[0, 0]])
    assert g["dense1.weight"].tolist() == [[6, 1], [12, 2]]
    assert g["dense1.bias"].tolist() == [6, 1]
    assert g["input"].tolist() == [[6, 13]]


@pytest.mark.parametrize("seed", range(4000, 4012))
def test_gradients_at_random_positions(seed):
    t = fuzz.trial(seed)
    g = t.net.gradients(t.X, t.y)
    assert list(g) == [*t.net.parameters, "input"]
    rng = np.random.default_rng(seed)
    size = max(np.abs(v).max(initial=0.0) for v in g.values())
    for name, slopes in g.items():
        at = tuple(int(rng.integers(n)) for n in slopes.shape)
        difference = by_differences(t.net, t.X, t.y, name, at)
        assert slopes[at] == pytest.approx(difference, rel=1e-5, abs=1e-6 * max(1, size))


def test_asking_twice_gives_the_same_numbers():
    t = fuzz.trial(4100)
    first, second = t.net.gradients(t.X, t.y), t.net.gradients(t.X, t.y)
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)
    assert t.net.loss_value(t.X, t.y) == t.net.loss_value(t.X, t.y)


def test_penalties_are_over_weights_only():
    plain = hg.Network.parse("2-3:tanh-1", "mse", seed=1)
    both = hg.Network.parse("2-3:tanh-1", "mse", seed=1, l1=0.5, l2=0.25)
    X, y = np.ones((4, 2)), np.zeros(4)
    weights = [v for k, v in plain.parameters.items() if k.endswith("weight")]
    extra = sum(0.5 * np.abs(w).sum() + 0.25 * (w**2).sum() for w in weights)
    assert both.loss_value(X, y) == pytest.approx(plain.loss_value(X, y) + extra, rel=1e-14)
    for name, g in both.gradients(X, y).items():
        w = plain.parameters.get(name, np.zeros(g.shape))
        more = 0.5 * np.sign(w) + 0.5 * w if name.endswith("weight") else 0
        assert np.allclose(g, plain.gradients(X, y)[name] + more, rtol=1e-13, atol=1e-15)


# -- names and sharing ------------------------------------------------------------------------------------------------
def test_layers_are_numbered_by_kind_through_nested_ones():
    inner = hg.Residual([hg.Dense(3, 3), hg.Residual([hg.Dense(3, 3, bias=False)])])
    net = hg.Network([hg.Dense(2, 3), hg.ReLU(), inner, hg.Dense(3, 3, name="last"), hg.Dense(3, 1)])
    assert list(net.parameters) == [
        "dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias", "dense3.weight", "last.weight", "last.bias",
        "dense4.weight", "dense4.bias",
    ]  # fmt: skip
    assert net.layer("residual1") is inner
    assert net.layer("last") is net.layers[3]


def test_a_layer_used_twice_shares_its_weights_and_its_gradients_add_up():
    d = hg.Dense(3, 3, bias=False)
    shared = hg.Network([d, hg.Tanh(), d, hg.Dense(3, 1)], "mse", seed=2)
    apart = hg.Network([hg.Dense(3, 3, bias=False), hg.Tanh(), hg.Dense(3, 3, bias=False), hg.Dense(3, 1)], "mse")
    w = shared.parameters
    assert list(w) == ["dense1.weight", "dense2.weight", "dense2.bias"]
    apart.set_parameters({"dense1.weight": w["dense1.weight"], "dense2.weight": w["dense1.weight"],
                          "dense3.weight": w["dense2.weight"], "dense3.bias": w["dense2.bias"]})  # fmt: skip
    X, y = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5.0)
    one, two = shared.gradients(X, y), apart.gradients(X, y)
    assert np.allclose(one["dense1.weight"], two["dense1.weight"] + two["dense2.weight"], rtol=1e-13)
    assert np.allclose(one["input"], two["input"], rtol=1e-13)


def test_weights_go_out_as_copies_and_come_in_as_copies():
    net = hg.Network.parse("2-3:tanh-1", "mse")
    given = {k: np.array(v) for k, v in net.parameters.items()}
    net.set_parameters(given)
    before = net.forward([[1, 1]]).item()
    given["dense1.weight"][:] = 9
    assert net.forward([[1, 1]]).item() == before
    with pytest.raises(ValueError, match="read-only"):
        net.parameters["dense1.weight"][0] = 1


def test_all_differences_are_said_and_nothing_is_changed():
    net = hg.Network.parse("2-3:tanh-1", "mse")
    before = net.parameters
    wrong = {"dense1.weight": np.ones((3, 2)), "dense1.bias": [1, np.nan, 1], "dense7.weight": [[1]]}
    with pytest.raises(ShapeError) as caught:
        net.set_parameters(wrong)
    message = str(caught.value)
    for part in ("5 differences", "missing dense2.weight", "missing dense2.bias", "unknown dense7.weight",
                 "dense1.weight is (3, 2) instead of (2, 3)", "dense1.bias"):  # fmt: skip
        assert part in message
    assert len(message) <= 300
    assert all((net.parameters[k] == v).all() for k, v in before.items())


def test_first_weights_follow_the_next_activation():
    """He before ReLU, Xavier before tanh: the standard deviations of wide layers."""
    he = hg.Network([hg.Dense(400, 400), hg.ReLU()]).parameters["dense1.weight"]
    xavier = hg.Network([hg.Dense(400, 400), hg.Tanh()]).parameters["dense1.weight"]
    own = hg.Network([hg.Dense(400, 400, init="lecun_normal"), hg.ReLU()]).parameters["dense1.weight"]
    assert he.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert xavier.std() == pytest.approx(np.sqrt(2 / 800), rel=0.02)
    assert own.std() == pytest.approx(np.sqrt(1 / 400), rel=0.02)
    nested = hg.Network([hg.Residual([hg.Dense(400, 400)]), hg.ReLU()]).parameters["dense1.weight"]
    assert nested.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)


# -- shapes -----------------------------------------------------------------------------------------------------------
def test_flatten_anywhere():
    X = np.arange(24.0).reshape(2, 3, 4)
    assert hg.Network([hg.Flatten()]).forward(X).tolist() == X.reshape(2, 12).tolist()
    net = hg.Network([hg.Dense(4, 2), hg.Flatten()], "mse", seed=1)
    assert net.forward(X).shape == (2, 6)
    assert np.allclose(net.forward(X), (X @ net.parameters["dense1.weight"]).reshape(2, 6))
    assert net.gradients(X, np.ones((2, 6)))["input"].shape == X.shape
    assert [n.shape for n in net.trace(X) if n.role == "value"] == [(2, 3, 2), (2, 6)]


def test_layers_that_do_not_fit_are_said_when_the_network_is_made():
    with pytest.raises(ShapeError) as caught:
        hg.Network([hg.Dense(2, 4), hg.ReLU(), hg.Dense(3, 2)])
    wanted = "dense2: input has 4 columns, weight is (3, 2): they must be equal. Did you mean Dense(4, 2)?"
    assert str(caught.value) == wanted
    with pytest.raises(ShapeError, match=r"^residual1: its layers turn \(N, 3\) into \(N, 2\)"):
        hg.Network([hg.Dense(3, 3), hg.Residual([hg.Dense(3, 2)])])
    with pytest.raises(ShapeError, match=r"^mid: input has 4 columns"):
        hg.Network([hg.Flatten(), hg.Dense(2, 4), hg.Residual([hg.Dense(3, 3, name="mid")])])
    # of more axes these may fit, so they are judged when there is an input
    net = hg.Network([hg.Dense(4, 3), hg.Flatten(), hg.Dense(6, 1)])
    assert net.forward(np.ones((5, 2, 4))).shape == (5, 1)
    with pytest.raises(ShapeError, match=r"^dense2: input has 9 columns"):
        net.forward(np.ones((5, 3, 4)))


def test_many_rows_and_none():
    net = hg.Network.parse("3-4:softmax-2", "mse")
    X = np.random.default_rng(0).normal(size=(3000, 3))
    whole = net.forward(X)
    assert whole.shape == (3000, 2)
    assert np.allclose(whole[2990:], net.forward(X[2990:]), rtol=1e-13)
    assert net.forward(X[:0]).shape == (0, 2)
    assert net.predict(X[:0]).shape == (0, 2)


def test_layers_that_look_at_all_rows_see_all_rows():
    class Centred(hg.Layer):
        """Subtract the mean row."""

        def forward(self, x, p):  # noqa: ARG002 (one signature for all layers)
            return x - hg.mean(x, axis=0, keepdims=True)

    X = np.random.default_rng(0).normal(size=(3000, 2))
    assert np.allclose(hg.Network([Centred()]).forward(X).mean(axis=0), 0, atol=1e-14)
    rows = hg.Network([hg.Softmax(axis=0)]).forward(X)
    assert np.allclose(rows.sum(axis=0), 1, rtol=1e-13)


# -- answers ----------------------------------------------------------------------------------------------------------
def test_predictions_by_loss():
    X = np.array([[-2.0], [3.0]])
    one = {"dense1.weight": [[1.0]], "dense1.bias": [0.0]}
    values = hg.Network([hg.Dense(1, 1)], "mse").set_parameters(one)
    assert values.predict(X).tolist() == [[-2.0], [3.0]]
    with pytest.raises(ArgumentError, match="mse"):
        values.predict_proba(X)
    logits = hg.Network([hg.Dense(1, 1)], "bce_with_logits").set_parameters(one)
    assert logits.predict(X).tolist() == [0, 1]
    assert np.allclose(logits.predict_proba(X), 1 / (1 + np.exp(-X)))
    assert logits.score(X, [0, 1]) == 1.0
    assert logits.score(X, [1, 1]) == 0.5
    classes = hg.Network([hg.Dense(1, 3)], "cross_entropy")
    classes.set_parameters({"dense1.weight": [[1, 0, -1]], "dense1.bias": [0, 0, 0]})
    assert classes.predict(X).tolist() == [2, 0]
    assert np.allclose(classes.predict_proba(X).sum(axis=1), 1)
    assert classes.score(X, [2, 1]) == 0.5
    assert classes.score(X, np.eye(3)[[2, 0]]) == 1.0
    assert values.score(X, X) == 1.0
    assert values.score(X, [0.0, 1.0]) == pytest.approx(1 - (4 + 4) / 0.5)
    assert hg.Network([hg.Dense(1, 1)]).predict(X).shape == (2, 1)  # without a loss: the outputs


# -- what happens to arrays -------------------------------------------------------------------------------------------
def arrays_of(tmp_path):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    locked = X.copy(), y.copy()
    for a in locked:
        a.flags.writeable = False
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    turned = np.asfortranarray(X), np.asfortranarray(y)
    strided = np.repeat(X, 2, axis=1)[:, ::2], np.repeat(y, 3, axis=0)[::3]
    backwards = X[::-1].copy()[::-1], y[::-1].copy()[::-1]
    return {"plain": (X, y), "read-only": locked, "mapped": mapped, "Fortran": turned, "strided": strided,
            "reversed": backwards, "lists": (X.tolist(), y.tolist())}  # fmt: skip


@pytest.mark.parametrize("batch_size", [None, 4])
def test_inputs_are_never_written_and_lie_as_they_like(tmp_path, batch_size):
    outcomes = []
    for name, (X, y) in arrays_of(tmp_path).items():
        before = np.array(X), np.array(y)
        net = hg.Network([hg.Dense(3, 4), hg.ReLU(), hg.Residual([hg.Dense(4, 4), hg.ELU()]), hg.Dense(4, 2)], "mse",
                         seed=1)  # fmt: skip
        net.forward(X), net.loss_value(X, y), net.gradients(X, y), net.trace(X, y), net.score(X, y)
        net.fit(X, y, epochs=3, batch_size=batch_size, validation=(X, y), optimizer=hg.Adam(0.01))
        net.train_step(X, y, 0.01)
        net.train_step(X, y, 0.01)
        assert np.array_equal(X, before[0]), name
        assert np.array_equal(y, before[1]), name
        outcomes.append(np.concatenate([w.ravel() for w in net.parameters.values()]))
    assert all(np.allclose(o, outcomes[0], rtol=1e-12) for o in outcomes)


def test_answers_share_no_memory():
    layers = [hg.Dense(3, 3), hg.ReLU(), hg.Residual([hg.Dense(3, 3)]), hg.Flatten()]
    net = hg.Network(layers, "mse", seed=1)
    X, y = np.random.default_rng(0).normal(size=(4, 3)), np.zeros((4, 3))
    answers = [*net.gradients(X, y).values(), *net.gradients(X, y).values(), net.forward(X), net.forward(X),
               *net.parameters.values(), X, y, net._w]  # fmt: skip
    for i, a in enumerate(answers):
        for b in answers[:i]:
            assert not np.shares_memory(a, b)
    for passing in (hg.Network([hg.Flatten()]), hg.Network([hg.Flatten(), hg.Flatten()])):
        for given in (X, X.reshape(2, 2, 3)):
            assert not np.shares_memory(passing.forward(given), given)


@pytest.mark.parametrize("seed", range(4200, 4220))
def test_float32_stays_float32(seed):
    t = fuzz.trial(seed)
    net = hg.Network(t.net.layers, t.net.loss, seed=3, dtype="float32", l1=t.net.l1, l2=t.net.l2)
    for X in (t.X, t.X.astype("float32"), t.X.astype("float16")):
        assert net.forward(X).dtype == np.float32
        assert all(g.dtype == np.float32 for g in net.gradients(X, t.y).values())
    net.fit(t.X, t.y, epochs=2, batch_size=2, optimizer=hg.Adam(0.001), clip_norm=1.0)
    assert all(w.dtype == np.float32 for w in net.parameters.values())
    assert all(v.dtype == np.float32 for v in net.training_state["state"].values())
    assert all(np.asarray(n.value).dtype in (np.float32, np.int64, np.bool_) for n in net.trace(t.X, t.y))
    double = hg.Network(t.net.layers, t.net.loss, seed=3, l1=t.net.l1, l2=t.net.l2)
    double.set_parameters(net.parameters)
    assert np.allclose(net.forward(t.X), double.forward(t.X), rtol=1e-4, atol=1e-4)


# -- extremes ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "gelu", "gelu_tanh", "softplus", "silu", "elu", "softmax",
                                  "log_softmax", "leaky_relu"])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_extremes_give_no_nan_and_no_warning(name, dtype):
    net = hg.Network([hg.Activation(name)], hg.MSE(), dtype=dtype)
    X = np.array([[1000.0, -1000.0], [0.0, 0.0], [-1000.0, -1000.0], [88.0, -104.0]])
    assert not np.isnan(net.forward(X)).any()
    assert not np.isnan(net.gradients(X, np.zeros_like(X))["input"]).any()


@pytest.mark.parametrize(
    ("loss", "y"),
    [("bce_with_logits", [[0.0, 1], [1, 0], [1, 1]]), ("cross_entropy", [0, 1, 1]),
     ("cross_entropy", [[0.5, 0.5], [1, 0], [0, 1]]), (hg.CrossEntropy([1, 3]), [0, 1, 1])],
)  # fmt: skip
def test_logits_of_1000_give_finite_losses(loss, y):
    net = hg.Network([hg.ReLU()], loss)  # passes what is positive
    X = np.array([[1000.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0]])
    assert np.isfinite(net.loss_value(X, y))
    assert np.isfinite(net.gradients(X, y)["input"]).all()


def test_probabilities_of_0_and_1_give_finite_losses():
    net = hg.Network([hg.ReLU()], "bce")
    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert net.loss_value(X, [[0, 1], [1, 0]]) == 0
    assert net.loss_value(X, [[1, 0], [0, 1]]) == 100  # as torch clamps the logarithm
    assert np.isfinite(net.gradients(X, [[1, 0], [0, 1]])["input"]).all()


# -- copies, files of code, processes ---------------------------------------------------------------------------------
def test_networks_pickle_and_copy():
    t = fuzz.trial(4300)
    t.net.fit(t.X, t.y, epochs=2, optimizer=hg.Adam(0.001))
    for twin in (pickle.loads(pickle.dumps(t.net)), copy.deepcopy(t.net)):
        assert twin.forward(t.X).tobytes() == t.net.forward(t.X).tobytes()
        twin.fit(t.X, t.y, epochs=2, optimizer=hg.Adam(0.001))  # its momentum came along, and is its own
        assert twin.forward(t.X).tobytes() != t.net.forward(t.X).tobytes()
    copied = copy.deepcopy(t.net)
    t.net.fit(t.X, t.y, epochs=2, optimizer=hg.Adam(0.001))
    copied.fit(t.X, t.y, epochs=2, optimizer=hg.Adam(0.001))
    assert copied.forward(t.X).tobytes() == t.net.forward(t.X).tobytes()


def test_one_line_says_what_it_is():
    assert repr(hg.Network.parse("2-3:relu-1:sigmoid", "bce")) == "<Network 2-3:relu-1:sigmoid, 13 weights, loss bce>"
    assert "\n" not in repr(hg.Network([hg.Dense(2, 2, bias=False)], dtype="float32"))


BITS = """
import hashlib, numpy as np, handgrad as hg
rng = np.random.default_rng(0)
X, y = rng.normal(size=(33, 4)), rng.integers(0, 3, 33)
d = hg.Dense(6, 6)
net = hg.Network([hg.Dense(4, 6), hg.GELU(), hg.Residual([d, hg.Tanh()]), d, hg.Softplus(), hg.Dense(6, 3)],
                 hg.CrossEntropy([1, 2, 3]), seed=3, l1=1e-3, l2=1e-2)
net.fit(X, y, epochs=20, batch_size=8, optimizer=hg.Adam(0.01), clip_norm=1.0)
text = repr([(k, v.tobytes()) for k, v in net.parameters.items()]) + repr(net.history.loss) + str(net.trace(X, y))
text += net.source("numpy", hg.Adam(0.01)) + net.source("torch") + repr(list(net.gradients(X, y)))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def bits_of_processes(count):
    found = set()
    for i in range(count):
        environment = {**os.environ, "PYTHONHASHSEED": str(1000 * i + 17)}
        out = subprocess.run([sys.executable, "-c", BITS], check=True, capture_output=True, text=True, env=environment)
        found.add(out.stdout)
    return found


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_in_five_processes():
    assert len(bits_of_processes(5)) == 1


@pytest.mark.full
def test_the_same_seed_gives_the_same_bits_in_twenty_processes():
    assert len(bits_of_processes(20)) == 1
