"""Long programs: a thousand steps, uses or layers fit on Python's stack and take no more than their share of time."""

from __future__ import annotations

import time

import numpy as np
import pytest

import handgrad as hg


def test_a_rule_of_a_thousand_steps_is_one_line_and_runs():
    @hg.op
    def patient(xp, x):
        """A thousand small steps."""
        for _ in range(1000):
            x = 0.999 * x + 0.001
        return x

    try:
        for shape in ((), (2, 3)):
            x = hg.tensor(np.full(shape, 3.0), name="x")
            trace = hg.trace(hg.ops.sum(patient(x)) if shape else patient(x))
            assert np.abs(trace["x"].gradient / 0.999**1000 - 1).max() < 1e-12
    finally:
        hg.ops.registry.remove("patient")


def test_a_value_used_a_thousand_times_adds_up_its_contributions():
    x = hg.tensor([1.0, 2.0], name="x")
    y = x * 0.0
    for i in range(1000):
        y = y + x * float(i)
    node = hg.trace(hg.ops.sum(y))["x"]
    assert len(node.contributions) == 999  # x * 0.0 has no gradient
    assert node.gradient.tolist() == [999 * 500.0] * 2


@pytest.mark.slow
@pytest.mark.parametrize("op", ["sigmoid", "silu", "log_softmax"])
def test_the_time_for_a_trace_grows_with_its_length(op):
    """Who searches names or memory from the start for every op takes 16 times as long for 4 times the ops."""

    def took(n):
        y = hg.tensor(np.ones((2, 2)), name="x")
        for _ in range(n):
            y = hg.ops.registry[op](y)
        output = hg.ops.sum(y)
        started = time.process_time()
        trace = hg.trace(output)
        assert len(trace) > n
        return time.process_time() - started

    took(100)
    assert took(1600) < 10 * min(took(400), took(400))


@pytest.mark.slow
def test_a_deep_network_with_penalties_has_its_programs():
    net = hg.Network([hg.Dense(2, 2) for _ in range(400)], "mse", l1=0.1, l2=0.1)
    X, y = np.ones((3, 2)), np.ones((3, 2))
    assert net.fit(X, y, epochs=1, optimizer=1e-9).steps == 1
    assert net.trace(X, y)["dense1.weight"].gradient.shape == (2, 2)
