"""Tensors: operators, gradients as an answer, edits between the passes, depth, NumPy's functions, errors that help."""

from __future__ import annotations

import operator
import sys
import time

import numpy as np
import pytest

import contract
import handgrad as hg
from handgrad.core.tensor import Tensor, gradients
from handgrad.errors import DTypeError, GraphError, IndexRangeError, ShapeError
from tolerances import distance

A = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
B = np.array([2.0, 0.5, -1.5])


OPS = [op for op in hg.ops.registry.values() if op.primitive or op.rule.__module__.startswith("handgrad.")]


# -- values ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "gt", "ge", "lt", "le", "eq", "ne"])
@pytest.mark.parametrize("other", [B, 2.0, 2, np.float64(0.5), [2.0, 0.5, -1.5]], ids=repr)
def test_operators_agree_with_numpy_from_both_sides(name, other):
    apply = getattr(operator, name)
    for result, expected in [
        (apply(hg.tensor(A), hg.tensor(other)), apply(A, np.asarray(other))),
        (apply(hg.tensor(A), other), apply(A, np.asarray(other))),
        (apply(other, hg.tensor(A)), apply(np.asarray(other), A)),
    ]:
        assert isinstance(result, Tensor)
        assert np.array_equal(result.value, expected)


def test_powers_products_signs():
    x, y = hg.tensor(np.abs(A)), hg.tensor(A.T)
    assert np.array_equal((x**2).value, A**2)
    assert np.array_equal((2.0**x).value, 2.0 ** np.abs(A))
    assert np.array_equal((x @ y).value, np.abs(A) @ A.T)
    assert np.array_equal((np.abs(A) @ y).value, np.abs(A) @ A.T)
    assert np.array_equal((-x).value, -np.abs(A))
    assert np.array_equal(abs(y).value, np.abs(A.T))
    assert np.array_equal((~(x > 1)).value, ~(np.abs(A) > 1))


def test_as_an_array():
    x = hg.tensor(A, name="x")
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float64, 2)
    assert np.array_equal(x.T.value, A.T)
    assert np.array_equal(x.mT.value, A.T)
    assert np.array_equal(x.reshape(3, 2).value, A.reshape(3, 2))
    assert np.array_equal(x.reshape((6,)).value, A.reshape(6))
    assert np.array_equal(x.transpose(1, 0).value, A.T)
    assert [float(row.sum()) for row in x] == A.sum(axis=1).tolist()
    assert float(x.max()) == 3.0
    assert float(x.min()) == -2.0
    assert np.array_equal(x.mean(axis=0, keepdims=True).value, A.mean(axis=0, keepdims=True))
    assert repr(hg.tensor(2.0, name="w")) == "tensor(2., name='w')"
    assert repr(hg.tensor(2.0) * 3) == "tensor(6., op=multiply)"
    assert hg.tensor(2.5).item() == 2.5
    assert int(hg.tensor(2)) == 2
    assert bool(hg.tensor(1.0) > 0)


def test_equality_is_element_by_element_and_identity_is_the_hash():
    x = hg.tensor(A)
    assert {x: 1}[x] == 1
    assert (x == x).value.all()
    assert (x == None) is False  # noqa: E711  (what a person may write)


@pytest.mark.parametrize(
    "index",
    [0, -1, slice(1), (slice(None), 1), (Ellipsis, None), (slice(None, None, -1), slice(0, 2)), [1, 0, 1],
     np.array([[0, 1], [-1, 0]]), (np.array([0, 1, 1]), np.array([2, 0, 2])), (0, [1, 1]), ([1, 0], slice(None))],
    ids=repr,
)  # fmt: skip
def test_indexing_agrees_with_numpy_and_routes_the_gradient(index):
    x = hg.tensor(A)
    picked = x[index]
    assert np.array_equal(picked.value, A[index])
    g = np.arange(1.0, picked.size + 1).reshape(picked.shape)
    expected = np.zeros_like(A)
    np.add.at(expected, index, g)
    assert np.array_equal(gradients(picked, [x], g)[0], expected)


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (2, IndexRangeError, "index 2"),
        ([0, 2], IndexRangeError, "index 2"),
        (np.array([-3]), IndexRangeError, "index -3"),
        ((0, 0, 0), IndexRangeError, "3 indices"),
        (([0], [0], [0]), IndexRangeError, "3 indices"),
        (A > 0, DTypeError, "mask"),
        ("a", DTypeError, "take"),
    ],
    ids=repr,
)
def test_bad_indices_are_named(index, error, words):
    with pytest.raises(error, match=words):
        hg.tensor(A)[index]


# -- gradients ------------------------------------------------------------------------------------------------------
def test_gradients_of_the_first_graph():
    x, y, z = hg.tensor(2.0, name="x"), hg.tensor(3.0, name="y"), hg.tensor(4.0, name="z")
    q = x + y
    f = q * z
    f.backward()
    assert (float(f), float(x.grad), float(y.grad), float(z.grad), float(q.grad)) == (20.0, 4.0, 4.0, 5.0, 4.0)


def test_copies_add_up():
    x = hg.tensor(3.0)
    (x + x**2).backward()
    assert float(x.grad) == 1 + 2 * 3.0


def test_linear_regression_by_hand():
    w, b, x, y = (hg.tensor(v) for v in (2.0, 1.0, 3.0, 10.0))
    prediction = w * x + b
    loss = (prediction - y) ** 2
    loss.backward()
    assert (float(prediction), float(loss), float(w.grad), float(b.grad)) == (7.0, 9.0, -18.0, -6.0)


def test_asking_again_gives_the_same_and_replaces():
    x = hg.tensor(A)
    loss = hg.ops.sum(x * x)
    loss.backward()
    first = x.grad
    loss.backward()
    assert np.array_equal(x.grad, first)
    assert x.grad is not first
    (x.sum() * 3.0).backward()
    assert np.array_equal(x.grad, np.full_like(A, 3.0))
    assert np.array_equal(first, 2 * A), "an answer that was given does not change"


def test_gradients_own_their_memory():
    x, y = hg.tensor(A), hg.tensor(A)
    (x + y).backward(A)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, A)
    x.grad[...] = 7.0
    assert np.array_equal(y.grad, A)


def test_what_does_not_take_part_has_the_gradient_zero():
    x, y = hg.tensor(A), hg.tensor(B)
    loss = hg.ops.sum(x * hg.ops.sign(y))
    loss.backward()
    assert np.array_equal(y.grad, np.zeros(3))
    assert hg.grad(lambda a: 3.0)(1.0) == 0.0


def test_a_gradient_may_be_given():
    x = hg.tensor(A)
    (2.0 * x).backward(A)
    assert np.array_equal(x.grad, 2 * A)
    (2.0 * x).backward(hg.tensor(A))
    assert np.array_equal(x.grad, 2 * A)


def test_float32_stays():
    x = hg.tensor(A.astype(np.float32))
    loss = (hg.ops.sigmoid(x * 2.0 + B.astype(np.float32)) ** 2).mean()
    loss.backward()
    assert (loss.dtype, x.grad.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: hg.tensor(A).backward(), GraphError, r"shape \(2, 3\).*gradient="),
        (lambda: hg.tensor(2).backward(), DTypeError, r"hg.tensor\(2.0\)"),
        ((hg.tensor(2) * 3).backward, DTypeError, "floating-point"),
        (lambda: hg.tensor(A).backward(B), ShapeError, r"\(3,\).*\(2, 3\)"),
        (lambda: hg.tensor("abc"), DTypeError, "abc"),
        (lambda: hg.tensor([[1.0], [1.0, 2.0]]), DTypeError, "not an array of real numbers"),
        (lambda: hg.tensor(1j), DTypeError, "real numbers"),
        (lambda: hg.tensor(A) + hg.tensor([1.0, 2.0]), ShapeError, r"\(2, 3\) and \(2,\)"),
        (lambda: hg.tensor(A) @ hg.tensor(A), ShapeError, "matmul"),
        (lambda: hg.ops.mse(hg.tensor(A), hg.tensor(B)), ShapeError, "never|equal"),
        (lambda: hg.ops.mse(hg.tensor(A), hg.tensor(A), reduction="avg"), ValueError, "avg"),
        (lambda: hg.tensor(A).reshape(4, 2), ShapeError, r"\(4, 2\)"),
        (lambda: hg.tensor(A).sum(axis=2), IndexRangeError, "axis 2"),
        (lambda: hg.ops.concat(hg.tensor(A), hg.tensor(B)), ShapeError, "concat"),
        (lambda: hg.ops.take(hg.tensor(A), np.array([0, -1])), IndexRangeError, "-1"),
        (lambda: hg.ops.take(hg.tensor(A), np.array([0.0])), DTypeError, "whole numbers"),
        (lambda: hg.ops.cross_entropy(hg.tensor(A), np.array([0, 3])), IndexRangeError, "3"),
        (lambda: hg.ops.cross_entropy(hg.tensor(A), np.array([0, -1])), IndexRangeError, "-1"),
        (hg.ops.sigmoid, TypeError, "sigmoid"),
        (lambda: hg.ops.sigmoid(hg.tensor(A), slope=2), KeyError, "slope"),
        (lambda: hg.ops.clip(hg.tensor(A), 0, 1, 2), TypeError, "clip"),
        (lambda: hg.ops.sigmoid("x"), DTypeError, "sigmoid"),
        (lambda: hg.tensor(A) + np.array(["a"]), DTypeError, "add"),
        (lambda: np.asarray(hg.tensor(A)), DTypeError, "x.value"),
    ],
)
def test_mistakes_are_answered(act, error, words):
    with pytest.raises(error, match=words) as caught:
        act()
    assert isinstance(caught.value, hg.errors.HandgradError)
    assert len(str(caught.value)) <= 300
    assert "\n" not in str(caught.value)


def test_a_mistake_in_somebodys_own_rule_keeps_its_traceback():
    @hg.op
    def faulty(xp, x):
        """Adds a word."""
        return x + len(x.shape + 1)

    try:
        with pytest.raises(TypeError, match="tuple") as caught:
            faulty(A)
        assert any(entry.name == "faulty" for entry in caught.traceback)
    finally:
        hg.ops.registry.remove("faulty")


# -- edits between the passes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_edits_between_forward_and_backward_change_no_gradient(op):
    """Plain arrays are edited in place, leaves get new values: the gradient is of the numbers that were used."""
    for case in list(contract.cases(op))[::5]:
        if not case.moving:
            continue
        _, expected = contract.by_hand(case)
        for moving in case.moving:
            given = [np.array(a) for a in case.arrays]
            call = [hg.tensor(a) if i == moving else a for i, a in enumerate(given)]
            out = op(*call, **case.params)
            for i, a in enumerate(given):
                a[...] = 0
                if i == moving:
                    call[i].value = np.full(a.shape, 0.5)
            found = gradients(out, [call[moving]], case.g)[0]
            assert distance(found, expected[case.moving.index(moving)]) < 1e-14, str(case)


def test_values_cannot_be_written_to():
    source = A.copy()
    x = hg.tensor(source)
    source[...] = 0
    assert np.array_equal(x.value, A)
    with pytest.raises(ValueError, match="read-only"):
        x.value[0, 0] = 1.0
    y = x * 2
    with pytest.raises(GraphError, match="only leaves"):
        y.value = A
    with pytest.raises(ShapeError, match="must be equal"):
        x.value = B
    assert source.flags.writeable
    assert hg.Tensor(source).shape == (2, 3)
    assert source.flags.writeable, "whoever gives an array keeps it as it was"


def test_second_derivatives_through_edited_values_are_refused():
    x = hg.tensor(2.0, name="x")
    y = x * x
    x.value = 5.0
    y.backward()
    assert float(x.grad) == 4.0
    with pytest.raises(GraphError, match="x was given new numbers"):
        gradients(y, [x], record_graph=True)


def test_read_only_and_memory_mapped_inputs(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, A)
    mapped = np.load(path, mmap_mode="r")
    x = hg.tensor(mapped)
    loss = (x * mapped).sum()
    loss.backward()
    assert type(x.grad) is np.ndarray
    assert np.array_equal(x.grad, A)
    assert np.array_equal(hg.ops.relu(mapped), np.maximum(A, 0))


# -- depth ----------------------------------------------------------------------------------------------------------
def test_a_chain_of_100000_ops():
    limit = sys.getrecursionlimit()
    start = time.process_time()
    x = hg.tensor(1.0)
    y = x
    for _ in range(50_000):
        y = y * 0.9999 + 0.0001
    y.backward()
    took = time.process_time() - start
    assert distance(x.grad, 0.9999**50_000) < 1e-9
    assert took < 5
    assert sys.getrecursionlimit() == limit
    del y  # freeing the chain must not recurse either


# -- NumPy's functions ----------------------------------------------------------------------------------------------
NUMPY_CALLS = [
    np.exp, lambda x: np.add(x, 1.0), np.sum, lambda x: np.sum(x, axis=0),
    lambda x: np.mean(x, axis=1, keepdims=True), lambda x: np.maximum(x, 0.0), lambda x: B * x, lambda x: x - B,
    lambda x: np.where(A > 0, x, 0.0), lambda x: np.concatenate([x, A]), lambda x: np.stack([x, x], axis=1),
    np.transpose, lambda x: np.reshape(x, (3, 2)), lambda x: np.clip(x, -1.1, 1.1), np.max,
    lambda x: np.amin(x, axis=1), np.abs, np.square, lambda x: np.matmul(x, B),
    lambda x: x @ A.T,
    lambda x: np.var(x, axis=0), lambda x: np.take(x, [0, 5]), lambda x: np.take(x, [1, 0], axis=1),
    lambda x: np.broadcast_to(x, (4, 2, 3)), np.ravel, lambda x: np.expand_dims(x, 1),
    lambda x: np.squeeze(np.expand_dims(x, 1)), lambda x: np.dot(x, B), np.reciprocal,
    np.tanh, lambda x: np.power(np.abs(x), 1.5), lambda x: np.float_power(np.abs(x), 2.0),
]  # fmt: skip


@pytest.mark.parametrize("call", NUMPY_CALLS, ids=range(len(NUMPY_CALLS)))
def test_numpy_functions_record(call):
    x = hg.tensor(A)
    result = call(x)
    assert isinstance(result, Tensor)
    assert distance(result.value, call(A)) < 1e-15
    g = np.arange(1.0, result.size + 1).reshape(result.shape)
    h = 1e-6
    ahead, behind = (np.sum(g * (call(A + s * h * np.cos(A)) - call(A))) for s in (1, -1))
    assert abs(np.sum(gradients(result, [x], g)[0] * np.cos(A)) - (ahead - behind) / (2 * h)) < 1e-6


def test_questions_to_numpy_are_answered():
    x = hg.tensor(A)
    assert np.shape(x) == (2, 3)
    assert np.ndim(x) == 2
    assert np.array_equal(np.zeros_like(x), np.zeros((2, 3)))
    assert np.isfinite(x).all()
    assert np.allclose(x, A)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (np.arctan, "np.arctan"),
        (np.add.reduce, "np.add.reduce"),
        (np.cumsum, "np.cumsum"),
        (np.linalg.inv, "np.inv"),
        (lambda x: np.add(x, 1.0, out=np.zeros((2, 3))), "np.add"),
        (lambda x: np.sum(x, 0, np.float32), "np.sum"),
    ],
)
def test_other_numpy_functions_name_what_to_do(call, name):
    with pytest.raises(DTypeError, match=f"{name} does not record.*hg.ops"):
        call(hg.tensor(A))


def test_ops_take_plain_arrays_lists_and_numbers():
    assert np.array_equal(hg.ops.relu([-1.0, 2.0]), [0.0, 2.0])
    assert type(hg.ops.relu(A)) is np.ndarray
    assert hg.ops.sigmoid(0.0) == 0.5
    assert hg.ops.mse(3.0, 1.0) == 4.0
    assert hg.ops.sum([[1, 2], [3, 4]], axis=0).tolist() == [4, 6]
    assert hg.ops.softmax([1.0, 1.0]).tolist() == [0.5, 0.5]
    assert hg.ops.logsumexp(A.astype(np.float32)).dtype == np.float32
