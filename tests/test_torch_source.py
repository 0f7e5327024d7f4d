"""The printed PyTorch script trains the same network: equal weights after the same epochs, layer by layer its twin."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import fuzz
import handgrad as hg
from handgrad.errors import ArgumentError, HandgradError
from oracles import oracle

torch = oracle("torch")

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])


def module(text):
    """The script as a module."""
    space = {"__name__": "script"}
    exec(compile(text, "<torch script>", "exec"), space)
    return space


def near(got, expected, tolerance=1e-10):
    assert got.keys() == expected.keys()
    for name, a in expected.items():
        assert got[name].shape == a.shape
        assert got[name].dtype == a.dtype
        assert fuzz.error(got[name], a) <= tolerance, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1030))
def test_random_networks_train_alike(seed):
    t = fuzz.trial(seed)
    t.net.reset()  # the weights that the script draws
    text = t.net.source("torch", t.optimizer, data=(t.X, t.y), batch_size=t.batch_size, clip_norm=t.clip_norm,
                        clip_value=t.clip_value, epochs=t.epochs)  # fmt: skip
    losses = []
    weights = module(text)["train"](t.X, t.y, losses=losses)
    history = t.net.fit(t.X, t.y, epochs=t.epochs, batch_size=t.batch_size, optimizer=t.optimizer,
                        clip_norm=t.clip_norm, clip_value=t.clip_value)  # fmt: skip
    near(weights, t.net.parameters)
    assert np.allclose(losses, history.loss, rtol=1e-10, atol=0)


def test_the_2_4_1_network_of_sigmoids_comes_out_naturally():
    """With biases and the mean squared error, by plain SGD: what a PyTorch tutorial would write, and it runs."""
    net = hg.Network.parse("2-4:sigmoid-1:sigmoid", loss="mse", seed=0)
    text = net.source("torch", hg.SGD(0.1), epochs=10_000)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    at = lines.index("return nn.Sequential(")
    assert lines[at + 1 : at + 5] == ["nn.Linear(2, 4),", "nn.Sigmoid(),", "nn.Linear(4, 1),", "nn.Sigmoid(),"]
    assert "criterion = nn.MSELoss()" in lines
    assert "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)" in lines
    at = lines.index("optimizer.zero_grad()")
    assert lines[at : at + 4] == [
        "optimizer.zero_grad()", "loss = criterion(model(X), y)", "loss.backward()", "optimizer.step()",
    ]  # fmt: skip
    losses = []
    weights = module(text)["train"](*XOR, epochs=300, losses=losses)
    history = net.fit(*XOR, epochs=300, optimizer=hg.SGD(0.1))
    near(weights, net.parameters)
    assert np.allclose(losses, history.loss, rtol=1e-12)


@pytest.mark.slow
def test_it_runs_as_a_script(tmp_path):
    net = hg.Network.parse("2-3:tanh-1:sigmoid", loss="bce", seed=4)
    (tmp_path / "script.py").write_text(net.source("torch", hg.Adam(0.05), batch_size=3, epochs=20), encoding="utf-8")
    np.savez(tmp_path / "data.npz", X=XOR[0], y=XOR[1])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    out = subprocess.run([sys.executable, "script.py", "data.npz", "weights.npz"], cwd=tmp_path, check=True, text=True,
                         capture_output=True, env=environment)  # fmt: skip
    history = net.fit(*XOR, epochs=20, optimizer=hg.Adam(0.05), batch_size=3)
    with np.load(tmp_path / "weights.npz") as data:
        near(dict(data), net.parameters)
    assert f"loss {history.loss[-1]:.6f}"[:9] in out.stdout.splitlines()[-1]
    assert "handgrad" not in [
        line.split()[1] for line in net.source("torch").splitlines() if line.startswith("import ")
    ]


def test_formulas_and_plain_lines_are_those_of_the_numpy_script():
    net = hg.Network([hg.Dense(2, 3), hg.GELU("tanh"), hg.Residual([hg.Dense(3, 3), hg.ReLU()]), hg.Dense(3, 2)],
                     "cross_entropy", l2=0.01)  # fmt: skip
    numpy_text = net.source("numpy", hg.Adam(0.01), clip_norm=1.0)
    torch_text = net.source("torch", hg.Adam(0.01), clip_norm=1.0)

    def comments(text):
        lines = [line.strip() for line in text.splitlines()]
        return [line for line in lines if line.startswith("# ") and not line.startswith("# ---")]

    printed = comments(numpy_text)
    first = printed.index("# $z_{1} = X\\,W_{1} + b_{1}$")  # the NumPy script prints the update before the step
    assert comments(torch_text) == printed[first:] + printed[:first]


def test_float32_and_a_schedule_of_no_change():
    net = hg.Network.parse("2-4:relu-1", loss="mse", seed=2, dtype="float32")
    X, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8.0) / 8
    weights = module(net.source("torch", hg.SGD(0.05), epochs=5, schedule="constant"))["train"](X, y)
    net.fit(X, y, epochs=5, optimizer=hg.SGD(0.05))
    near(weights, net.parameters, 1e-5)
    assert weights["dense1.weight"].dtype == np.float32


def test_a_shared_residual_is_one_module():
    block = hg.Residual([hg.Dense(3, 3), hg.Tanh()], name="my-block")
    net = hg.Network([block, hg.Dense(3, 3), block, hg.Dense(3, 1, bias=False)], hg.HalfSSE(), seed=1)
    text = net.source("torch", hg.SGD(0.02), epochs=4)
    assert text.count("my_block,") == 2
    X, y = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5.0)
    weights = module(text)["train"](X, y)
    net.fit(X, y, epochs=4, optimizer=hg.SGD(0.02))
    near(weights, net.parameters)


def test_shared_layers_inside_shared_layers():
    inner = hg.Dense(3, 3)
    block = hg.Residual([inner, hg.Sigmoid()])
    outer = hg.Residual([block, hg.Dense(3, 3)])
    net = hg.Network([outer, inner, block, outer, hg.Dense(3, 1)], hg.MSE(), seed=1)
    X, y = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5.0)
    weights = module(net.source("torch", hg.SGD(0.02), epochs=4))["train"](X, y)
    net.fit(X, y, epochs=4, optimizer=hg.SGD(0.02))
    near(weights, net.parameters)


def test_an_op_of_ones_own_is_printed_by_its_twin():
    @hg.op(traits={"activation": True}, torch="torch.tanh(slope * x)")
    def steep(xp, x, *, slope=2.0):
        """A steep tanh."""
        return xp.tanh(slope * x)

    try:
        net = hg.Network([hg.Dense(2, 3), hg.Activation("steep", slope=3.0), hg.Dense(3, 1)], "mse", seed=3)
        text = net.source("torch", hg.SGD(0.1), epochs=3)
        assert "Steep(slope=3.0)," in text
        weights = module(text)["train"](*XOR)
        net.fit(*XOR, epochs=3, optimizer=hg.SGD(0.1))
        near(weights, net.parameters)
    finally:
        hg.ops.registry.remove("steep")


def test_what_has_no_twin_says_so():
    @hg.op(traits={"activation": True})
    def lonely(xp, x):
        """Nobody knows it."""
        return x * x

    class Twice(hg.Layer):
        def forward(self, x, p):  # noqa: ARG002 (one signature for all layers)
            return x + x

    class Mine(hg.Loss):
        def forward(self, output, target):
            return self.reduce((output - target) ** 4)

    class Doubled(hg.Loss):
        def forward(self, output, target):
            return hg.ops.mse(2 * output, target)

    class Sign(hg.Optimizer):
        def rule(self, xp, w, g, s):
            return {"w": w - s.lr * xp.sign(g)}

    def printed(layer=None, loss="mse", optimizer=0.1):
        layers = [hg.Dense(2, 2), layer, hg.Dense(2, 1)] if layer is not None else [hg.Dense(2, 1)]
        return hg.Network(layers, loss).source("torch", optimizer)

    try:
        for kind, named in [({"layer": hg.Activation("lonely")}, "lonely"), ({"layer": Twice()}, r"Twice\(\)"),
                            ({"loss": Mine()}, r"Mine\(\)"), ({"loss": Doubled()}, r"Doubled\(\)"),
                            ({"optimizer": Sign(0.1)}, r"Sign\(0.1\)")]:  # fmt: skip
            with pytest.raises(ArgumentError, match=named + ".* names no twin in PyTorch"):
                printed(**kind)
    finally:
        hg.ops.registry.remove("lonely")


def test_every_layer_of_ours_has_a_twin():
    for op in hg.ops.registry.values():
        if op.traits.get("activation"):
            layer = hg.Activation(op.name)
            text = hg.Network([hg.Dense(2, 3), layer], "mse").source("torch")
            assert f"nn.{op.traits['module']}(" in text
    with pytest.raises(HandgradError, match="'troch'"):
        hg.Network.parse("2-1", "mse").source("troch")
