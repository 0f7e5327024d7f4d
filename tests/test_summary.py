"""Summaries: shapes and counts against arithmetic by hand, in 80 columns, with nested and shared layers."""

from __future__ import annotations

import dataclasses
import unicodedata

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import DTypeError, HandgradError, ShapeError


class Wobble(hg.Layer):
    """A user's layer that does not state its inputs."""

    columns: int

    def parameters(self):
        return {"weight": hg.Parameter((self.columns,), hg.init.Normal(1.0))}

    def forward(self, x, p):
        return x * p["weight"]


def shapes(summary):
    return [row.output for row in summary.rows]


def test_rows_hold_names_shapes_and_counts():
    s = hg.Network.parse("64-32:relu-10:softmax", loss="mse").summary()
    assert [(r.name, r.what, r.output, r.weights) for r in s.rows] == [
        ("dense1", "Dense(64, 32)", (32,), 64 * 32 + 32),
        ("relu1", "ReLU()", (32,), 0),
        ("dense2", "Dense(32, 10)", (10,), 32 * 10 + 10),
        ("softmax1", "Softmax()", (10,), 0),
    ]
    assert s.weights == 64 * 32 + 32 + 32 * 10 + 10
    assert (s.loss, s.dtype, s.form) == ("mse", "float64", "64-32:relu-10:softmax")
    with pytest.raises(dataclasses.FrozenInstanceError):
        s.weights = 0


def test_nested_and_shared_layers():
    shared = hg.Dense(3, 3)
    net = hg.Network([hg.Dense(2, 3), hg.Residual([shared, hg.Residual([hg.Tanh(), shared])]), shared], loss="mse")
    s = net.summary()
    assert [(r.name, r.depth, r.weights, r.shared) for r in s.rows] == [
        ("dense1", 0, 9, False),
        ("residual1", 0, 0, False),
        ("dense2", 1, 12, False),
        ("residual2", 1, 0, False),
        ("tanh1", 2, 0, False),
        ("dense2", 2, 0, True),
        ("dense2", 0, 0, True),
    ]
    assert shapes(s) == [(3,)] * 7
    assert sum(r.weights for r in s.rows) == s.weights == sum(a.size for a in net.parameters.values()) == 21
    assert s.layers == 5
    lines = str(s).splitlines()
    assert lines[4].startswith("  dense2  ")
    assert lines[7].startswith("    dense2  ")
    assert lines[7].endswith("shared")


def test_shapes_are_known_before_data_only_as_far_as_layers_state_them():
    net = hg.Network([hg.ReLU(), hg.Flatten(), hg.Tanh(), hg.Dense(64, 3)], loss="mse")
    assert shapes(net.summary()) == [None, (64,), (64,), (3,)]
    assert "?" in str(net.summary())
    assert shapes(net.summary((8, 8))) == [(8, 8), (64,), (64,), (3,)]
    net.forward(np.zeros((2, 4, 16)))
    assert shapes(hg.Network([Wobble(3)], loss="mse").summary()) == [None]
    assert shapes(hg.Network([Wobble(3)], loss="mse").summary((3,))) == [(3,)]


def test_what_the_network_saw_last_is_believed():
    net = hg.Network([hg.Flatten(), hg.Dense(4, 1)], loss="mse")
    net.loss_value(np.zeros((2, 2, 2)), np.zeros(2))
    assert shapes(net.summary()) == [(4,), (1,)]
    user = hg.Network([Wobble(3)], loss="mse")
    user.loss_value(np.zeros((5, 3)), np.zeros((5, 3)))
    assert shapes(user.summary()) == [(3,)]


def test_shapes_equal_those_of_real_outputs(rng):
    layers = [hg.Dense(3, 5), hg.LeakyReLU(), hg.Residual([hg.Dense(5, 5)]), hg.Dense(5, 2), hg.LogSoftmax()]
    X = rng.normal(size=(7, 3))
    found = hg.Network(layers, loss="mse").summary()
    real = [hg.Network(layers[: i + 1], loss="mse").forward(X).shape[1:] for i in range(len(layers))]
    assert [row.output for row in found.rows if row.depth == 0] == real


def test_a_sample_that_does_not_fit_is_refused():
    net = hg.Network.parse("3-1", loss="mse")
    with pytest.raises(ShapeError, match="dense1"):
        net.summary((4,))
    for sample in (3, "3", (3.0,), (None,)):
        with pytest.raises(DTypeError):
            net.summary(sample)
    with pytest.raises(HandgradError):
        net.summary((-3,))


class Rows(hg.Layer):
    """A user's layer that states inputs, and wants tables of them."""

    inputs: int

    def parameters(self):
        return {"weight": hg.Parameter((self.inputs, 2), hg.init.Normal(1.0))}

    def forward(self, x, p):
        if x.ndim != 3:
            raise ShapeError("rows of rows are needed, got {n} axes. Add one.", n=x.ndim)
        return x @ p["weight"]


def test_layers_that_want_data_of_another_form_are_still_shown():
    net = hg.Network([Rows(3), hg.Tanh()], loss="mse")
    assert shapes(net.summary()) == [None, None]
    assert [r.weights for r in net.summary().rows] == [6, 0]
    assert shapes(net.summary((5, 3))) == [(5, 2), (5, 2)]


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_the_table_is_aligned_and_fits_80_columns():
    net = hg.Network(
        [
            hg.Dense(123456, 2, init=hg.init.Constant(0.123456789), name="隐藏层_with_quite_a_long_name_for_a_layer"),
            hg.Residual([hg.Residual([hg.Dense(2, 2, name="a" * 50)])]),
        ],
        loss="mse",
    )
    lines = str(net.summary()).splitlines()
    assert max(map(columns, lines)) <= 80
    assert "…" in lines[2]
    assert lines[2].endswith("246,914")
    assert len({columns(line) for line in lines[:-1]}) == 1  # the right edge is straight
    assert set(lines[1]) == set(lines[-2]) == {"-"}
    assert lines[-1] == "4 layers, 246,920 weights, loss mse, float64"


def test_one_line_and_html():
    net = hg.Network([hg.Dense(1, 1, name="a")], dtype="float32")
    s = net.summary()
    assert repr(s) == "<Summary of 1 layer, 2 weights>"
    assert str(s).splitlines()[-1] == "1 layer, 2 weights, no loss, float32"
    page = s._repr_html_()
    assert page.count("<tr>") == 2
    assert "Dense(1, 1, name=&#x27;a&#x27;)" in page
    assert net._repr_html_() == page
    assert s.html() == page


def test_the_table_is_said_in_each_language():
    shared = hg.Dense(2, 2)
    s = hg.Network([shared, hg.Tanh(), shared], loss="mse").summary()
    lines = s.text("zh-CN").splitlines()
    assert lines[0].split() == ["层", "类型与设置", "输出", "权重数"]
    assert lines[4].endswith("共享")
    assert lines[-1] == "2 层，6 个权重，损失 mse，float64"
    assert len({columns(line) for line in lines[:-1]}) == 1
    assert s.text("zh-TW").splitlines()[-1] == "2 層，6 個權重，損失 mse，float64"
    assert "未设损失" in hg.Network([hg.Dense(1, 1)]).summary().html("zh-CN")
    assert s.text("en") == str(s)
    assert s.text("en") == s.text()
