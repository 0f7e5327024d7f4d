"""Programs and traces: statements written once and typed right, lines that compute what is shown, records that last."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest

import fuzz
import handgrad as hg
from handgrad.core.reverse import topological
from handgrad.core.sizes import bind
from handgrad.core.special import erf
from handgrad.core.trace import Trace
from handgrad.errors import DataError, GraphError, UnknownNameError
from handgrad.program.latex import formula
from handgrad.program.python import line
from handgrad.program.run import Compiled
from handgrad.program.script import make_source
from handgrad.train.plan import training

SEEDS = range(3000, 3025)
KINDS = {"float": "f", "int": "iu", "bool": "b"}


def example(seed):
    """A random network with its data, the whole program, and the numbers of its leaves."""
    t = fuzz.trial(seed)
    X, y = t.net._pair(t.X, t.y)
    program, names = t.net._recorder.program(X.shape[1:], y, ("loss", "values"), None)
    return t, program, names, t.net._values(X, y)


def names_in(statement):
    return [str(n.name) for n in topological([statement.expr]) if n.op is None and n.name is not None]


# -- statements -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
def test_each_plain_line_executed_gives_the_traced_value(seed):
    t, program, _, values = example(seed)
    trace = t.net.trace(t.X, t.y)
    space = {"np": np, "erf": erf, "N": len(t.X), **{leaf.name.text: values[leaf.name.text] for leaf in program.leaves}}
    traced = {n.name: n.value for n in trace} | {f"d{n.name}": n.gradient for n in trace if n.gradient is not None}
    parts = {n.name: n.contributions for n in trace}
    with np.errstate(all="ignore"):
        for s in program.statements:
            exec(line(s), space)
            name = s.target.text
            got = np.asarray(space[name])
            if "_part" in name:
                of, _, k = name[1:].rpartition("_part")
                expected = parts[of][int(k) - 1]
            else:
                expected = traced.pop(name)
            assert got.shape == expected.shape == bind(s.shape, {"N": len(t.X)}), f"{t}\n{line(s)}"
            assert got.dtype.kind in KINDS[s.dtype], f"{t}\n{line(s)} is {got.dtype}"
            assert fuzz.error(got.astype(float), expected.astype(float)) <= 1e-12, f"{t}\n{line(s)}"
    leaves = {leaf.name.text for leaf in program.leaves} | {"dL"}  # dL = 1 is where it begins, and stands in no line
    assert set(traced) <= leaves, f"traced and not computed: {set(traced) - leaves}"


@pytest.mark.parametrize("seed", SEEDS)
def test_statements_are_written_once_and_read_what_stands_before(seed):
    _, program, _, _ = example(seed)
    known = {leaf.name.text for leaf in program.leaves}
    phases = [s.phase for s in program.statements]
    assert phases == sorted(phases, key=["forward", "backward"].index)
    for s in program.statements:
        assert s.target.text not in known, f"{s.target} is written twice"
        assert set(names_in(s)) <= known, line(s)
        if s.phase == "forward":  # it never speaks of a gradient
            assert s.target.kind != "gradient"
            assert not any(n.name.kind == "gradient" for n in topological([s.expr]) if n.op is None and n.name), line(s)
        known.add(s.target.text)
    assert {n.text for n in program.outputs} <= known


def test_what_nobody_wants_is_not_in_the_program():
    net = hg.Network.parse("2-3:sigmoid-1", "mse")
    X, y = np.zeros((4, 2)), np.zeros((4, 1))

    def targets(y, outputs, wanted):
        return [s.target.text for s in net._recorder.program((2,), y, outputs, wanted)[0].statements]

    assert "L" not in targets(y, (), net.slots.names)
    assert targets(None, ("output",), ()) == ["z1", "a1", "z2"]
    only, _ = net._recorder.program((2,), y, (), ["dense2.bias"])
    assert [s.target.text for s in only.statements if s.phase == "backward"] == ["r", "dz2", "db2"]
    assert "dX" not in str(net.program(X, y))


def test_the_page_a_good_teacher_writes():
    net = hg.Network.parse("2-2:sigmoid-1:sigmoid", "half_sse")
    assert str(net.program(np.zeros((4, 2)), np.zeros(4))).splitlines() == [
        "# forward",
        "z1 = X @ W1 + b1",
        "a1 = 1 / (1 + np.exp(-z1))",
        "z2 = a1 @ W2 + b2",
        "a2 = 1 / (1 + np.exp(-z2))",
        "r = a2 - y",
        "L = 0.5 * np.sum(r**2)",
        "# backward",
        "da2 = r",
        "dz2 = da2 * a2 * (1 - a2)",
        "dW2 = a1.T @ dz2",
        "db2 = np.sum(dz2, axis=0)",
        "da1 = dz2 @ W2.T",
        "dz1 = da1 * a1 * (1 - a1)",
        "dW1 = X.T @ dz1",
        "db1 = np.sum(dz1, axis=0)",
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_formulas_are_balanced_and_as_many_as_lines(seed):
    _, program, _, _ = example(seed)
    for s in program.statements:
        text = formula(s)
        assert text.count("{") == text.count("}"), text
        assert text.count(r"\left") == text.count(r"\right"), text
        assert " = " in text
        assert "None" not in text
        assert "<" not in text.replace(r"\left<", "")


def test_a_program_is_data():
    net = hg.Network.parse("2-3:softmax-1", "mse")
    program = net.program(np.zeros((4, 2)), np.zeros(4))
    data = json.loads(json.dumps(program.to_dict()))
    assert [s["name"] for s in data["statements"]] == [s.target.text for s in program.statements]
    by = {s["name"]: s for s in data["statements"]}
    assert by["dW1"]["code"] == "dW1 = X.T @ dz1"
    assert by["dW1"]["expression"] == ["matmul", [["transpose", ["X"], {"axes": [1, 0]}], "dz1"], {}]
    assert by["z1"]["shape"] == ["N", "3"]
    assert {leaf["label"] for leaf in data["leaves"]} == {
        "input", "target", "dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias",
    }  # fmt: skip


# -- plans ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
def test_reused_buffers_change_no_bit(seed):
    """A plan that gives every value memory of its own, one that shares, and the training step: the same bytes."""
    t, program, names, values = example(seed)
    kept = Compiled(program, keep=True).run(values)
    X, y = t.net._pair(t.X, t.y)
    shared, _ = t.net._recorder.program(X.shape[1:], y, ("loss",), None)
    found = Compiled(shared).run(values)
    for name, value in found.items():
        assert np.asarray(value).tobytes() == np.asarray(kept[name]).tobytes(), f"{t}: {name}"
    plan = training(t.net, X, y, hg.SGD(0.1))
    space: dict = {}
    exec(make_source(plan), space)
    w, g = t.net._w.copy(), np.full_like(t.net._w, np.nan)
    with np.errstate(all="ignore"):
        loss = space["make"](w, g, space["make_update"](w, g, {}), X, y)(1)
    assert float(loss) == float(kept[program.outputs[0].text])
    for s in plan.slices:
        d = kept[names[s.name].text]
        assert g[s.start : s.stop].tobytes() == np.ascontiguousarray(d).tobytes(), f"{t}: {s.name}"


@pytest.mark.parametrize("rows", [1, 2, 7, 600, 1500])
def test_one_program_serves_all_batches(rows):
    net = hg.Network.parse("3-4:tanh-3", "cross_entropy", seed=1)
    rng = np.random.default_rng(rows)
    X, y = rng.normal(size=(rows, 3)), rng.integers(0, 3, rows)
    assert net.program(X, y) is net.program(X[:1], y[:1])
    W1, b1, W2, b2 = (net.parameters[k] for k in ("dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias"))
    z = np.tanh(X @ W1 + b1) @ W2 + b2
    assert np.allclose(net.forward(X), z, rtol=1e-13, atol=1e-15)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert net.loss_value(X, y) == pytest.approx(-np.log(p[np.arange(rows), y]).mean(), rel=1e-12)


def test_names_of_rules_do_not_hide_numpy_nor_each_other():
    """A rule may call its values as it likes: exp, np, ones, W1, dz1, step and X are taken, and stay whole."""

    @hg.op(traits={"activation": True})
    def careless(xp, x):
        """Names that printed programs need themselves."""
        exp = xp.tanh(x)
        ones = exp * 2
        np_ = ones + exp * exp
        W1 = np_ * exp
        dz1 = W1 * W1 + np_
        step = dz1 + xp.exp(exp) + ones
        X = step * exp
        one = X + xp.log1p(exp * exp) + one_of(exp)
        return one * one + xp.sqrt(1 + X * X)

    def one_of(x):
        return 1 - x

    try:
        net = hg.Network([hg.Dense(2, 3), hg.Activation("careless"), hg.Dense(3, 1)], "mse", seed=2)
        X, y = np.random.default_rng(0).normal(size=(5, 2)), np.arange(5.0)
        found, h = net.gradients(X, y), 1e-6
        for name, slope in found.items():
            if name == "input":
                continue
            moved = {k: v.copy() for k, v in net.parameters.items()}
            at = (0,) * slope.ndim
            values = []
            for sign in (1, -1):
                moved[name][at] = net.parameters[name][at] + sign * h
                values.append(copy.deepcopy(net).set_parameters(moved).loss_value(X, y))
            assert (values[0] - values[1]) / (2 * h) == pytest.approx(slope[at], rel=1e-6)
        space: dict = {"__name__": "script"}
        exec(net.source("numpy", hg.Adam(0.01)), space)
        weights = space["train"](X, y, epochs=3)
        net.fit(X, y, epochs=3, optimizer=hg.Adam(0.01))
        assert all((weights[k] == v).all() for k, v in net.parameters.items())
    finally:
        hg.ops.registry.remove("careless")


# -- traces -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
def test_a_trace_survives_json_to_the_bit(seed):
    t = fuzz.trial(seed)
    trace = t.net.trace(t.X, t.y)
    back = Trace.from_dict(json.loads(json.dumps(trace.to_dict(), allow_nan=False)))
    assert (back.loss, back.dtype, back.title) == (trace.loss, trace.dtype, trace.title)
    assert back.backward == trace.backward
    assert str(back) == str(trace)
    assert len(back) == len(trace)
    for a, b in zip(trace, back, strict=True):
        for f in dataclasses.fields(a):
            mine, other = getattr(a, f.name), getattr(b, f.name)
            for x, y in zip(mine, other, strict=True) if f.name == "contributions" else [(mine, other)]:
                if isinstance(x, np.ndarray):
                    assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
                else:
                    assert x == y, f"{a.name}.{f.name}"


def test_a_trace_keeps_what_is_not_finite():
    x = hg.tensor([np.inf, -np.inf, np.nan, -0.0, 5e-324], name="x")
    back = Trace.from_dict(json.loads(json.dumps(hg.trace(x * 2.0).to_dict(), allow_nan=False)))
    assert back["x"].value.tobytes() == x.value.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trace_is_complete(seed):
    """Every parameter, the input, every statement's value; gradients wherever one flows, equal to net.gradients."""
    t = fuzz.trial(seed)
    trace, gradients = t.net.trace(t.X, t.y), t.net.gradients(t.X, t.y)
    for name, g in gradients.items():
        assert trace[name].gradient.tobytes() == g.tobytes(), name
    for name, w in t.net.parameters.items():
        assert (trace[name].value == w).all()
    assert float(trace["loss"].value) == t.net.loss_value(t.X, t.y)
    X, y = t.net._pair(t.X, t.y)
    program, _ = t.net._recorder.program(X.shape[1:], y, ("loss",), t.net.slots.names)
    for s in program.statements:
        if s.phase == "forward":
            assert s.target.text in trace
    values = [n for n in trace if n.role == "value" and not set(n.args) <= {"y", "class_weight"}]
    assert [n.name for n in values if n.gradient is None] == []
    for n in trace:
        if n.gradient is not None:
            assert n.gradient.shape == n.value.shape
        if n.contributions:
            assert fuzz.error(sum(n.contributions), n.gradient) < 1e-14


@pytest.mark.parametrize("seed", SEEDS)
def test_a_printed_trace_has_the_lines_of_the_program_in_its_order(seed):
    t = fuzz.trial(seed)
    X, y = t.net._pair(t.X, t.y)
    program, _ = t.net._recorder.program(X.shape[1:], y, ("loss", "values"), None)
    lines = [text.split("  ")[-1].strip() for text in str(t.net.trace(t.X, t.y)).splitlines()]
    for phase in ("forward", "backward"):
        printed = [line(s) for s in program.statements if s.phase == phase]
        assert [text for text in lines if text in printed] == printed


def test_gradients_stand_as_in_a_lecture():
    """Weight, bias, then what goes on back; what the data say before what a penalty adds."""
    net = hg.Network.parse("2-3:tanh-1", "mse", l1=0.1, l2=0.2)
    assert net.trace(np.ones((2, 2)), np.ones(2)).backward == (
        "L", "R4", "R3", "R2", "R1", "L_data", "z2", "W2", "b2", "a1", "z1", "W1", "b1", "X",
    )  # fmt: skip
    lines = str(net.program(np.ones((2, 2)), np.ones(2))).splitlines()
    at = lines.index("dW1_part1 = X.T @ dz1")
    assert lines[at : at + 4] == [
        "dW1_part1 = X.T @ dz1", "dW1_part2 = l2 * (2 * W1)", "dW1_part3 = l1 * np.sign(W1)",
        "dW1 = dW1_part1 + dW1_part2 + dW1_part3",
    ]  # fmt: skip


def test_a_trace_cannot_be_changed():
    net = hg.Network.parse("2-3:leaky_relu-1", "mse")
    trace = net.trace(np.ones((2, 2)), np.ones(2))
    node = trace["a1"]
    for array in (node.value, node.gradient, trace["input"].value, trace["dense1.weight"].value):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        node.value = 0
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        trace.nodes = ()
    with pytest.raises(TypeError):
        node.settings["alpha"] = 3
    before = node.value.copy()
    net.fit(np.ones((2, 2)), np.zeros(2), epochs=5)
    assert (node.value == before).all()
    for twin in (pickle.loads(pickle.dumps(trace)), copy.deepcopy(trace)):
        assert twin.to_dict() == trace.to_dict()


def test_a_trace_without_a_target_has_values_only():
    net = hg.Network.parse("2-3:tanh-1")
    trace = net.trace(np.ones((2, 2)))
    assert [n.name for n in trace if n.role == "value"] == ["z1", "a1", "z2"]
    assert all(n.gradient is None for n in trace)


def test_traces_of_expressions():
    x, y, z = (hg.tensor(v, name=n) for v, n in [(2.0, "x"), (3.0, "y"), (4.0, "z")])
    trace = hg.trace((x + y) * z)
    assert [(n.name, float(n.value), float(n.gradient)) for n in trace] == [
        ("x", 2, 4), ("y", 3, 4), ("z", 4, 5), ("h1", 5, 4), ("f", 20, 1),
    ]  # fmt: skip
    assert trace["h1"].args == ("x", "y")
    assert trace["f"].code == "f = h1 * z"
    copied = hg.trace(x + x**2)
    assert [float(c) for c in copied["x"].contributions] == [1.0, 4.0] or [
        float(c) for c in copied["x"].contributions
    ] == [4.0, 1.0]
    assert float(copied["x"].gradient) == 5.0
    spread = hg.trace(hg.tensor([[1.0, 2.0]], name="row") + hg.tensor([[1.0], [2.0]], name="column"))
    assert all(n.gradient is None for n in spread)  # no single number at the end
    assert spread["f"].shape == (2, 2)
    w, b, t = hg.tensor(2.0, name="w"), hg.tensor(1.0, name="b"), hg.tensor(10.0, name="t")
    line_ = hg.trace((w * 3.0 + b - t) ** 2)
    assert (float(line_["w"].gradient), float(line_["b"].gradient)) == (-18.0, -6.0)
    with pytest.raises(GraphError, match="nothing to trace"):
        hg.trace(x)


def test_a_trace_names_what_it_does_not_know():
    trace = hg.Network.parse("2-3:tanh-1").trace(np.ones((2, 2)))
    with pytest.raises(UnknownNameError, match=r"no value 'z9'\. Known: W1, b1"):
        trace["z9"]
    with pytest.raises(UnknownNameError, match="Did you mean 'a1'"):
        trace["a11"]
    for data in ({}, [], {"handgrad_trace": 99}):
        with pytest.raises(DataError, match="not a handgrad trace"):
            Trace.from_dict(data)
