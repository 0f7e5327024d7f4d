"""An op added in one file finds its place by itself: checked, printed, named, in programs, in scripts, in training."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

import contract
import handgrad as hg
from handgrad.errors import ArgumentError, UnknownNameError
from handgrad.program.latex import formula
from handgrad.program.python import line
from oracles import oracle

# The one file. Its twin is written down, so that PyTorch is among its oracles where it is installed.
FILE = r'''"""Toys: a bump on each side of zero."""

import numpy as np

from handgrad import Samples, op


@op(notation=r"\beta\left({0}\right)", symbol="a", torch="x * torch.exp(-rate * x * x)",
    quiet=("under",), traits={"activation": True, "range": (-1.0, 1.0), "gain": 1.0, "aliases": ("toy_bend",)},
    samples=Samples(params=({"rate": 0.5}, {"rate": 2.0}), corners=((np.array([0.0, -1000.0, 1000.0]),),)))
def toy(xp, x, *, rate=0.5):
    """A bump on each side of zero."""
    e = xp.exp(-rate * x * x)
    return x * e


@toy.vjp
def _(xp, g, out, x, rate):
    e = xp.exp(-rate * x * x)
    return g * (e - 2 * rate * x * out)
'''

X = np.random.default_rng(1).normal(size=(6, 2))
Y = np.array([0.0, 1, 0, 1, 1, 0])


def load(folder, text):
    path = folder / "toy_ops.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("toy_ops", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.toy


@pytest.fixture
def toy(tmp_path):
    made = load(tmp_path, FILE)
    yield made
    hg.ops.registry.remove("toy")


def test_it_keeps_the_contract(toy):
    assert toy is hg.ops.registry["toy"]
    contract.check_op(toy, 12)


def test_it_is_held_against_its_twin(toy):
    oracle("torch")
    contract.check_op_torch(toy, 12)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("g * (e - 2", "-g * (e - 2"), ("2 * rate", "2.02 * rate"), ("g * (e - 2 * rate * x * out)", "0 * g * e"),
     ("g * (e", "(e"), ("e - 2 * rate * x * out", "e")],
)  # fmt: skip
def test_a_mistake_in_it_is_found(tmp_path, right, wrong):
    assert right in FILE
    made = load(tmp_path, FILE.replace(right, wrong))
    try:
        with pytest.raises(AssertionError):
            contract.check_op(made, 12)
    finally:
        hg.ops.registry.remove("toy")


def test_it_is_found_by_name_and_alias(toy):
    assert hg.toy is toy
    assert hg.ops.registry["toy"].sentence == "A bump on each side of zero."
    assert repr(hg.Activation("toy", rate=2.0)) == "Toy(rate=2.0)"
    assert hg.Activation("toy_bend").to_spec() == {"kind": "toy", "rate": 0.5}
    assert repr(hg.Network.parse("2-3:toy-1", "mse")) == "<Network 2-3:toy-1, 13 weights, loss mse>"
    with pytest.raises(UnknownNameError, match="Did you mean 'toy'"):
        hg.Network.parse("2-3:toyy-1")
    with pytest.raises(UnknownNameError, match="Did you mean 'rate'"):
        hg.Activation("toy", rat=2.0)


def test_it_works_on_numbers_tensors_and_derivatives(toy):
    x = hg.tensor([1.0, -2.0], name="x")
    f = hg.ops.sum(toy(x, rate=1.0))
    f.backward()
    v = np.array([1.0, -2.0])
    assert np.allclose(x.grad, (1 - 2 * v * v) * np.exp(-v * v), rtol=1e-14)
    assert np.allclose(toy(v, rate=1.0), v * np.exp(-v * v), rtol=1e-15)
    second = np.diag(hg.hessian(lambda z: hg.ops.sum(toy(z, rate=1.0)))(v))
    assert np.allclose(second, (4 * v**3 - 6 * v) * np.exp(-v * v), rtol=1e-12)


def test_its_lines_and_formulas_stand_in_the_program(toy):
    net = hg.Network.parse("2-3:toy-1", "half_sse", seed=1)
    program = net.program(X, Y)
    lines = [line(s) for s in program.statements if s.origin.layer == "toy1" and s.phase == "forward"]
    assert lines == ["e = np.exp(-0.5 * z1 * z1)", "a1 = z1 * e"]
    assert formula(program.statement("a1")) == r"a_{1} = \beta\left(z_{1}\right)"
    backward = program.statement("dz1")
    assert {"da1", "e", "z1", "a1"} <= set(line(backward).replace("(", " ").replace(")", " ").split())
    trace = net.trace(X, Y)
    z = trace["z1"].value
    assert np.allclose(trace["a1"].value, z * np.exp(-0.5 * z * z), rtol=1e-15)
    assert trace["a1"].op == "toy"
    assert trace["a1"].layer == "toy1"


def test_its_gradients_in_a_network_are_proven(toy):
    net = hg.Network([hg.Dense(2, 3), hg.Residual([hg.Dense(3, 3), hg.Activation("toy", rate=1.5)]), hg.Dense(3, 1)],
                     "mse", seed=1)  # fmt: skip
    g, h = net.gradients(X, Y), 1e-6
    for name, w in net.parameters.items():
        at = (0,) * w.ndim
        values = []
        for sign in (1, -1):
            moved = {k: v.copy() for k, v in net.parameters.items()}
            moved[name][at] += sign * h
            values.append(copy.deepcopy(net).set_parameters(moved).loss_value(X, Y))
        assert (values[0] - values[1]) / (2 * h) == pytest.approx(g[name][at], rel=1e-6, abs=1e-9)


def test_it_trains_and_its_script_trains_alike_without_us(toy, tmp_path):
    net = hg.Network.parse("2-3:toy-1:sigmoid", "bce", seed=1)
    text = net.source("numpy", hg.Adam(0.05), batch_size=4, epochs=15)
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    subprocess.run([sys.executable, "-I", "script.py", "data.npz", "weights.npz"], cwd=tmp_path, check=True,
                   capture_output=True)  # fmt: skip
    history = net.fit(X, Y, epochs=15, batch_size=4, optimizer=hg.Adam(0.05))
    assert history.loss[-1] < history.loss[0]
    with np.load(tmp_path / "weights.npz") as data:
        assert all(data[k].tobytes() == v.tobytes() for k, v in net.parameters.items())


def test_networks_with_it_are_copied_and_described(toy):
    net = hg.Network([hg.Dense(2, 3), hg.Activation("toy", rate=1.5), hg.Dense(3, 1)], "mse", seed=1)
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), hg.Network.from_spec(net.to_spec())):
        twin.set_parameters(net.parameters)
        assert twin.forward(X).tobytes() == net.forward(X).tobytes()


def test_without_an_activation_trait_it_is_no_layer(tmp_path):
    made = load(tmp_path, FILE.replace('"activation": True, ', ""))
    try:
        with pytest.raises(ArgumentError, match="toy is no activation"):
            hg.Activation(made)
    finally:
        hg.ops.registry.remove("toy")
