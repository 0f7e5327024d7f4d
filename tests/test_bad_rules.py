"""What people write wrong in rules of their own: each is refused by its name, and nothing wrong comes out silently."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    GraphError,
    HandgradError,
    ShapeError,
    UnknownNameError,
)

A = np.array([1.0, 2.0])


@pytest.fixture
def op():
    """`hg.op`, whose ops are forgotten afterwards."""
    before = set(hg.ops.registry)
    yield hg.op
    for name in set(hg.ops.registry) - before:
        hg.ops.registry.remove(name)


def refused(kind, *parts):
    """Expect an error of this kind on one line that holds these parts."""

    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(HandgradError)
            self.info = self.raises.__enter__()

        def __exit__(self, *told):
            done = self.raises.__exit__(*told)
            message = str(self.info.value)
            assert type(self.info.value) is kind, f"{type(self.info.value).__name__}: {message}"
            assert all(part in message for part in parts), message
            assert len(message) <= 300
            assert "\n" not in message
            return done

    return Refused()


# -- ops ------------------------------------------------------------------------------------------------------------
def test_an_op_gives_one_array(op):
    @op
    def two(xp, x):
        return x, 2 * x

    @op
    def nothing(xp, x):
        2 * x

    class RuleBoth(hg.Layer):
        def forward(self, x, p):  # noqa: ARG002
            return two(x)

    for given in (A, hg.tensor(A), 1.0):
        with refused(DTypeError, "two", "one array"):
            two(given)
        with refused(DTypeError, "nothing: its rule gives None"):
            nothing(given)
    with refused(DTypeError, "two", "one array"):
        hg.Network([RuleBoth()], "mse").forward([A])
    two.vjp(lambda xp, g, out, x: g)
    with refused(DTypeError, "two", "one array"):
        two(hg.tensor(A))


def test_a_rule_writes_into_nothing_that_it_was_given(op):
    @op
    def raised(xp, x):
        x += 1
        return x

    @op
    def doubled(xp, x):
        return 2 * x

    @doubled.vjp
    def _(xp, g, out, x):
        g *= 2
        return g

    given = A.copy()
    with refused(ArgumentError, "raised: its rule writes"):
        raised(given)
    assert np.array_equal(given, A)
    x = hg.tensor(A)
    y = doubled(x)
    with refused(ArgumentError, "doubled: its VJP writes"):
        hg.ops.sum(y * y).backward()
    with refused(GraphError, "cannot be written to at 0"):
        x[0] = 5.0


def test_the_result_of_a_rule_shares_no_memory_with_what_it_was_given(op):
    @op
    def same(xp, x):
        return x

    given = A.copy()
    result = same(given)
    result[0] = 7.0
    assert given[0] == 1.0


def test_the_safe_form_is_what_tensors_and_derived_gradients_use(op):
    @op
    def rising(xp, x):
        return xp.log(1 + xp.exp(x))

    @rising.safe
    def _(xp, x):
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))

    class RuleRising(hg.Layer):
        def forward(self, x, p):  # noqa: ARG002
            return rising(x)

    x = np.array([[1000.0, -1000.0, 0.0]])
    assert np.array_equal(rising(hg.tensor(x)).value, rising(x))
    expected = [[1.0, 0.0, 0.5]]
    assert np.array_equal(hg.grad(lambda v: hg.ops.sum(rising(v)))(x), expected)
    net = hg.Network([RuleRising()], hg.MSE(reduction="sum"))
    gradient = net.gradients(x, rising(x) - 0.5)["input"]  # 2 (p - y) is 1
    assert np.allclose(gradient, expected, rtol=1e-12, atol=0)


def test_rules_without_end(op):
    @op
    def again(xp, x):
        return xp.again(x)

    class RuleInside(hg.Layer):
        def forward(self, x, p):
            return p.apply(self, x)

    for given in (A, hg.tensor(A)):
        with refused(ArgumentError, "again", "without end"):
            again(given)
    with refused(ArgumentError, "rule_inside1", "without end"):
        hg.Network([RuleInside()]).forward([A])


@pytest.mark.parametrize(
    ("make", "kind", "parts"),
    [
        (lambda: hg.op(3), DTypeError, ["3", "def square(xp, x)"]),
        (lambda: hg.op(lambda xp, x: x), ArgumentError, ["'<lambda>'", "name="]),
        (lambda: hg.op(lambda xp, x: x, name="a b"), ArgumentError, ["'a b'"]),
        (lambda: hg.op(lambda x: x, name="f"), ArgumentError, ["f: its rule takes (x)", "def f(xp, x)"]),
        (lambda: hg.op(lambda: 1, name="f"), ArgumentError, ["()"]),
        (lambda: hg.op(lambda xp, x: x, name="add"), ArgumentError, ["'add' exists"]),
        (lambda: hg.op(lambda xp, x: x, name="f").vjp(lambda g: g), DTypeError, ["(g)", "xp, g, out, x"]),
        (lambda: hg.op(lambda xp, x, *, k=1: x, name="f").vjp(lambda xp, g, out, x: g), DTypeError, ["x, k"]),
    ],
)
def test_definitions(op, make, kind, parts):
    with refused(kind, *parts):
        make()


def test_a_vjp_gives_one_array(op):
    @op
    def twice(xp, x):
        return 2 * x

    @twice.vjp
    def _(xp, g, out, x):
        2 * g

    class RuleTwice(hg.Layer):
        def forward(self, x, p):  # noqa: ARG002
            return twice(x)

    with refused(DTypeError, "twice: its VJP gives None"):
        hg.grad(lambda x: hg.ops.sum(twice(x)))(A)
    with refused(DTypeError, "twice: its VJP gives None"):
        hg.Network([hg.Dense(2, 1), RuleTwice()], "mse").fit([A], [1.0], epochs=1)


def test_numpy_functions_in_rules_are_ops(op):
    @op
    def squashed(xp, x):
        return np.tanh(x) * np.sum(x)

    class RuleSquashed(hg.Layer):
        def forward(self, x, p):  # noqa: ARG002
            return np.tanh(x) * np.sum(x, axis=1, keepdims=True)

    slope = hg.grad(lambda x: hg.ops.sum(squashed(x)))(A)
    by_hand = (1 - np.tanh(A) ** 2) * 3 + np.tanh(A).sum()
    assert np.allclose(slope, by_hand, rtol=1e-12)
    net = hg.Network([RuleSquashed()], hg.MSE(reduction="sum"))
    out = net.forward([A])
    assert np.allclose(out, np.tanh(A) * 3, rtol=1e-15)
    assert np.allclose(net.gradients([A], out - 0.5)["input"], by_hand, rtol=1e-12)
    with refused(DTypeError, "np.sort"):
        op(lambda xp, x: np.sort(x), name="ordered")(hg.tensor(A))


# -- numbers ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u8", "?"])
@pytest.mark.parametrize("wrap", [np.asarray, hg.tensor])
def test_small_whole_numbers_do_not_wrap_around_in_ops(dtype, wrap):
    a, b = np.array([0, 1, 1], dtype), np.array([1, 0, 1], dtype)
    if dtype != "?":
        a[1:] = [100, 120]
    f, t = a.astype(float), b.astype(float)
    for name in ("sigmoid", "softplus", "softmax", "silu", "gelu", "sum_of_squares", "var"):
        one = hg.ops.registry[name]
        found = one(wrap(a))
        assert np.array_equal(getattr(found, "value", found), one(f)), name
    for loss in (hg.mse, hg.mae, hg.half_sse, hg.huber, hg.bce_with_logits):
        found = loss(wrap(a), b)
        assert getattr(found, "value", found) == loss(f, t), loss.name


def test_masked_numbers_are_not_counted_as_if_they_were_shown():
    hidden = np.ma.masked_array([1.0, 2.0], [False, True])
    for act in (lambda: hg.tensor(hidden), lambda: hg.tensor(A) + hidden, lambda: hg.tanh(hidden)):
        with refused(DataError, "hides 1", ".filled(0)"):
            act()
    shown = np.ma.masked_array([1.0, 2.0])
    assert (hg.tensor(A) + shown).value.tolist() == [2.0, 4.0]


def test_a_number_that_left_the_record_has_no_gradient():
    for lost in (math.sin, lambda x: float(x) ** 2, lambda x: x.item() * 2, lambda x: np.sin(x.value)):
        with refused(GraphError, "plain number", "hg.sin"):
            hg.grad(lost)(1.0)
        with refused(GraphError, "plain number"):
            hg.vjp(lost, 1.0)
    assert hg.grad(lambda x: 3.0)(1.0) == 0.0
    assert hg.grad(lambda x: int(x) * 1.0)(1.5) == 0.0  # a step is flat where it is


@pytest.mark.parametrize(
    ("act", "kind", "parts"),
    [
        (lambda: bool(hg.tensor(A)), ShapeError, ["(2,)", "hg.where"]),
        (lambda: float(hg.tensor(A)), ShapeError, ["(2,)"]),
        (lambda: hg.tensor(A).item(), ShapeError, ["(2,)"]),
        (lambda: len(hg.tensor(1.0)), DTypeError, ["no length"]),
        (lambda: hg.tensor(A).mT, ShapeError, ["(2,)", "two axes"]),
        (lambda: hg.tensor(A)[[0, 1], [0, 1, 1]], HandgradError, []),
        (lambda: setattr(hg.tensor([1, 2]), "value", [1.5, 2]), DTypeError, ["int64", "[1.5, 2]"]),
        (lambda: setattr(hg.tensor(A), "value", ["a", "b"]), DTypeError, ["'a'"]),
        (lambda: hg.tensor(1.0).backward("a"), DTypeError, ["'a'"]),
        (lambda: hg.grad(3.0), DTypeError, ["3.0", "hg.grad(f)(x)"]),
        (lambda: hg.grad(hg.sin, wrt="x")(1.0), DTypeError, ["wrt='x'"]),
        (lambda: hg.grad(lambda x, y: x * y, wrt=(0, -2))(1.0, 2.0), ArgumentError, ["(0, -2)", "twice"]),
        (lambda: hg.jacobian(lambda x, y: x * y, wrt=(0, 1))(1.0, 2.0), ArgumentError, ["(0, 1)"]),
        (lambda: hg.hvp(hg.ops.sum, A, "a"), DTypeError, ["'a'"]),
        (lambda: hg.trace(3.0), DTypeError, ["3.0"]),
        (lambda: hg.relu(1.0, x=2.0), DTypeError, ["'x' twice"]),
        (lambda: hg.relu(1.0, alpha=2.0), UnknownNameError, ["no settings", "'alpha'"]),
        (lambda: hg.mean(np.zeros((0, 2))), ArgumentError, ["(0, 2)", "mean of nothing"]),
        (lambda: hg.var(np.zeros(0)), ArgumentError, ["mean of nothing"]),
    ],
)
def test_mistakes_with_tensors_and_derivatives(act, kind, parts):
    if kind is HandgradError:
        with pytest.raises(HandgradError):
            act()
        return
    with refused(kind, *parts):
        act()


def test_settings_reach_the_function_that_is_differentiated():
    assert hg.grad(lambda x, k=1.0: k * x * x)(2.0, k=3.0) == 12.0


def test_tensors_are_copied_and_sent_with_their_record():
    x = hg.tensor(2.0)
    y = hg.sigmoid(x * x)
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert other.op is y.op
        other.backward()
        assert other.args[0].args[0].grad == hg.grad(lambda v: hg.sigmoid(v * v))(2.0)
