"""The printed NumPy script is the program that trains: run as a process of its own it gives the very bytes of fit."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fuzz
import handgrad as hg

rng = np.random.default_rng(3)
ROWS, COLUMNS = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
YES = rng.integers(0, 2, 10).astype(float)
LABELS = rng.integers(0, 3, 10)
SHARES = rng.dirichlet(np.ones(3), 10)


@dataclass(frozen=True)
class Run:
    """A network, its data, and how it is trained."""

    layers: str | list[Any]
    loss: Any
    y: Any
    optimizer: Any = field(default_factory=lambda: hg.SGD(0.1))
    net: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    X: Any = field(default_factory=lambda: ROWS)

    def made(self) -> hg.Network:
        if isinstance(self.layers, str):
            return hg.Network.parse(self.layers, self.loss, **{"seed": 5, **self.net})
        return hg.Network(self.layers, self.loss, **{"seed": 5, **self.net})


def residual():
    d = hg.Dense(3, 3)
    return [d, hg.Residual([d, hg.GELU()]), hg.Residual([hg.Dense(3, 3, bias=False), hg.Softmax()]), hg.Dense(3, 3)]


RUNS = {
    "full batch": Run("3-4:sigmoid-1:sigmoid", "mse", YES),
    "short last batch": Run("3-4:tanh-2", "mse", COLUMNS, fit={"batch_size": 4}),
    "one row at a time": Run("3-4:relu-2", "huber", COLUMNS, fit={"batch_size": 1}),
    "momentum": Run("3-4:elu-1", "half_sse", YES, hg.SGD(0.01, momentum=0.9), fit={"batch_size": 3}),
    "nesterov": Run("3-4:silu-1", "mae", YES, hg.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "adam": Run("3-4:leaky_relu-1:sigmoid", "bce", YES, hg.Adam(0.02), fit={"batch_size": 4}),
    "adam, full": Run("3-4:softplus-1", "bce_with_logits", YES, hg.Adam(0.02, weight_decay=0.1)),
    "norm clipped": Run("3-5:tanh-3", "cross_entropy", LABELS, fit={"clip_norm": 0.1, "batch_size": 4}),
    "values clipped": Run("3-5:tanh-3", "cross_entropy", LABELS, hg.Adam(0.1), fit={"clip_value": 0.01}),
    "penalties": Run("3-5:tanh-3", "cross_entropy", LABELS, net={"l1": 0.01, "l2": 0.1}, fit={"batch_size": 4}),
    "class weights": Run("3-5:relu-3", hg.CrossEntropy([1, 2, 0.5]), LABELS, fit={"batch_size": 4}),
    "class weights, float32": Run(
        "3-5:relu-3", hg.CrossEntropy([1, 2, 0.1]), LABELS, hg.Adam(0.1), {"dtype": "float32"}, {"batch_size": 4}
    ),
    "float32": Run("3-5:gelu-1", "mse", YES, hg.SGD(0.1, momentum=0.5), {"dtype": "float32"}, {"batch_size": 3}),
    "float32, clipped": Run(
        "3-5:relu-1", "mse", YES, hg.Adam(0.1), {"dtype": "float32", "l2": 0.1}, {"clip_norm": 0.2}
    ),
    "soft labels": Run("3-5:tanh-3", "cross_entropy", SHARES, hg.Adam(0.1), fit={"batch_size": 7}),
    "residual and shared": Run(residual(), "cross_entropy", LABELS, hg.Adam(0.01), {"l2": 0.01}, {"batch_size": 4}),
    "three axes": Run(
        [hg.Dense(3, 2), hg.Tanh(), hg.Flatten(), hg.Dense(4, 1)],
        "mse",
        YES[:5],
        X=ROWS.reshape(5, 2, 3),
        fit={"batch_size": 2},
    ),
    "float32 data": Run("3-4:sigmoid-1:sigmoid", "mse", YES.astype("float32"), X=ROWS.astype("float32")),
    "whole numbers": Run("3-4:sigmoid-1:sigmoid", "mse", YES.astype(int), X=(10 * ROWS).astype(int)),
}


def source(run: Run, **more: Any) -> str:
    return run.made().source("numpy", run.optimizer, data=(run.X, run.y), **{**run.fit, **more})


def module(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "<script>", "exec"), space)
    return space


def same_bytes(got, expected):
    assert got.keys() == expected.keys()
    for name, a in expected.items():
        assert got[name].dtype == a.dtype
        assert got[name].shape == a.shape
        assert got[name].tobytes() == a.tobytes(), f"{name}: {np.max(np.abs(got[name] - a))}"


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_process_of_its_own_gives_the_bytes_of_fit(name, tmp_path):
    run = RUNS[name]
    (tmp_path / "script.py").write_text(source(run, epochs=7), encoding="utf-8")
    np.savez(tmp_path / "data.npz", X=run.X, y=run.y)
    # -I: no environment, no folders of ours
    out = subprocess.run(
        [sys.executable, "-I", "script.py", "data.npz", "weights.npz"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert out.returncode == 0, out.stderr
    assert out.stderr == ""
    net = run.made()
    history = net.fit(run.X, run.y, epochs=7, optimizer=run.optimizer, **run.fit)
    with np.load(tmp_path / "weights.npz") as data:
        same_bytes(dict(data), net.parameters)
    assert float(out.stdout.split()[-1]) == history.loss[-1]
    assert len(history) == 7


@pytest.mark.parametrize("name", RUNS)
def test_nothing_but_numpy_is_imported(name):
    imported = set()
    for node in ast.walk(ast.parse(source(RUNS[name]))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported <= {"numpy", "sys"}


@pytest.mark.parametrize("name", RUNS)
def test_its_functions(name):
    """initial draws what the network draws, train goes on from given weights, step makes the updates one by one."""
    run = RUNS[name]
    net = run.made()
    script = module(source(run, batch_size=None))
    same_bytes(script["initial"](), net.parameters)
    same_bytes(script["initial"](11), net.reset(11).parameters)
    losses = []
    weights = script["train"](run.X, run.y, epochs=3, seed=11, losses=losses)
    params, state = script["initial"](11), {}
    stepped = [script["step"](params, state, run.X, run.y) for _ in range(3)]
    clips = {k: v for k, v in run.fit.items() if k != "batch_size"}
    mine = [net.train_step(run.X, run.y, run.optimizer, **clips) for _ in range(3)]
    assert losses == stepped == mine
    same_bytes(params, net.parameters)
    same_bytes(weights, params)
    again = script["train"](run.X, run.y, epochs=0, params=params)
    same_bytes(again, params)


def test_without_the_loss_the_weights_are_the_same():
    run = RUNS["adam"]
    with_loss = module(source(run, batch_size=None))["train"](run.X, run.y, epochs=5)
    without = source(run, loss=False, batch_size=None)
    assert "L = " not in without
    same_bytes(module(without)["train"](run.X, run.y, epochs=5), with_loss)


def test_wrong_use_says_how(tmp_path):
    (tmp_path / "script.py").write_text(source(RUNS["full batch"]), encoding="utf-8")
    out = subprocess.run([sys.executable, "-I", "script.py"], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert out.returncode == 1
    assert out.stderr.strip().endswith("data.npz [weights.npz]")


def test_a_gradient_of_the_script_is_the_networks():
    """One step of plain SGD from random weights: the change divided by the learning rate."""
    run = RUNS["residual and shared"]
    net = run.made()
    script = module(net.source("numpy", hg.SGD(0.5), data=(run.X, run.y)))
    params = {k: v.copy() for k, v in net.parameters.items()}
    before = {k: v.copy() for k, v in params.items()}
    script["step"](params, {}, run.X, run.y)
    slopes = net.gradients(run.X, run.y)
    for name, w in params.items():
        assert np.allclose((before[name] - w) / 0.5, slopes[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(2000, 2015))
def test_random_networks(seed):
    t = fuzz.trial(seed)
    t.net.reset()
    settings = {"batch_size": t.batch_size, "clip_norm": t.clip_norm, "clip_value": t.clip_value}
    script = module(t.net.source("numpy", t.optimizer, data=(t.X, t.y), **settings))
    losses = []
    weights = script["train"](t.X, t.y, epochs=t.epochs, losses=losses)
    history = t.net.fit(t.X, t.y, epochs=t.epochs, optimizer=t.optimizer, **settings)
    same_bytes(weights, t.net.parameters)
    assert losses == history.loss


def test_a_trained_network_prints_what_trained_it(tmp_path):
    X, y = hg.data.circles(90)
    net = hg.Network.parse("2-8:tanh-1:sigmoid", loss="bce", seed=3)
    net.fit(X, y, epochs=4, batch_size=32, optimizer=hg.Adam(0.05), clip_norm=0.5, seed=9)
    net.fit(X, y, epochs=3, batch_size=32, optimizer=hg.Adam(0.05), clip_norm=0.5, seed=9)
    net.save(tmp_path / "net.safetensors")
    for told in (net, hg.load(tmp_path / "net.safetensors")):
        script = module(told.source("numpy"))
        assert script["EPOCHS"] == 7
        same_bytes(script["train"](X, y, epochs=script["EPOCHS"]), net.parameters)
    assert "default_rng((seed, epoch))" in net.source("numpy", batch_size=5, optimizer=hg.SGD(0.1))
