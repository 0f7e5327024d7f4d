"""Toy sets and splits: right distributions, right shapes, the same bits for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_support import refused
from handgrad import data
from handgrad.errors import ArgumentError, ShapeError
from oracles import oracle

SETS = [data.circles, data.moons, data.spirals, data.blobs, data.sine]


@pytest.mark.parametrize("make", SETS)
def test_seed_decides_every_bit_and_global_state_is_left_alone(make):
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # the global state is what must not change
    first, again, other = make(n=60, seed=3), make(n=60, seed=3), make(n=60, seed=4)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    for a, b in zip(first, again, strict=True):
        assert a.tobytes() == b.tobytes()
        assert not np.shares_memory(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    X, y = first
    assert X.dtype == np.float64
    assert len(X) == len(y) == 60


@pytest.mark.parametrize("make", [data.circles, data.moons])
@pytest.mark.parametrize("n", [2, 7, 100])
def test_same_points_as_scikit_learn_before_noise_and_order(make, n):
    sklearn = oracle("sklearn.datasets")
    theirs = sklearn.make_circles if make is data.circles else sklearn.make_moons
    settings = {"factor": 0.5} if make is data.circles else {}
    X, y = make(n=n, noise=0.0)
    X_theirs, y_theirs = theirs(n_samples=n, noise=None, shuffle=False, **settings)
    mine = sorted(map(tuple, np.column_stack([y, X]).round(12).tolist()))
    assert mine == sorted(map(tuple, np.column_stack([y_theirs, X_theirs]).round(12).tolist()))


def test_circles_noise_has_its_size_and_classes_are_mixed():
    X, y = data.circles(n=20_000, noise=0.1, seed=1)
    clean, labels = data.circles(n=20_000, noise=0.0, seed=1)
    assert (y == labels).all()  # noise does not change the order
    # the standard deviation of 40,000 draws is known to about 0.35 %; four times that
    assert (X - clean).std() == pytest.approx(0.1, rel=0.015)
    assert 30 < y[:100].sum() < 70  # four standard deviations around 50


def test_best_possible_classifier_of_circles_reaches_what_the_docstring_says():
    X, y = data.circles(n=200_000, seed=0)
    radius = np.hypot(X[:, 0], X[:, 1])
    # by symmetry the likelihood ratio depends on the radius alone; the best threshold is found by trying
    best = max(float(((radius < r) == (y[:, 0] == 1)).mean()) for r in np.linspace(0.6, 0.9, 61))
    assert best == pytest.approx(0.9935, abs=0.001)


def test_xor_and_sine_hold_what_they_say():
    X, y = data.xor()
    assert (np.logical_xor(X[:, 0], X[:, 1]) == y[:, 0]).all()
    X, y = data.sine(n=500)
    assert X.shape == y.shape == (500, 1)
    assert X[0, 0] == -2 * np.pi
    assert X[-1, 0] == 2 * np.pi
    assert (data.sine(n=500, noise=0)[0] == X).all()
    # the standard deviation of 20,000 draws is known to about 0.5 %; four times that
    X, y = data.sine(n=20_000, noise=0.1)
    assert (y - np.sin(X)).std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("make", [data.spirals, data.blobs])
def test_more_than_two_classes_are_integer_labels(make):
    assert make(n=30, classes=2)[1].shape == (30, 1)
    y = make(n=31, classes=3)[1]
    assert y.dtype == np.int64
    assert sorted(np.bincount(y).tolist()) == [10, 10, 11]


def test_a_spiral_arm_winds_as_far_as_it_says():
    X, y = data.spirals(n=2000, noise=0.0, turns=0.75)
    arm = X[y[:, 0] == 0]
    arm = arm[np.argsort(np.hypot(arm[:, 0], arm[:, 1]))]
    turned = np.unwrap(np.arctan2(arm[:, 1], arm[:, 0]))
    assert turned[-1] - turned[0] == pytest.approx(0.75 * 2 * np.pi, rel=0.002)


def test_senseless_arguments_are_refused():
    refused(lambda: data.circles(n=1), ArgumentError, "n=1", "at least 2")
    refused(lambda: data.circles(n=10.0), ArgumentError, "n=10.0")
    refused(lambda: data.circles(n=True), ArgumentError, "n=True")
    refused(lambda: data.circles(factor=1.0), ArgumentError, "factor=1.0")
    refused(lambda: data.moons(noise=-0.1), ArgumentError, "noise=-0.1")
    refused(lambda: data.moons(noise=float("nan")), ArgumentError, "noise=nan")
    refused(lambda: data.blobs(spread=-1), ArgumentError, "spread=-1")
    refused(lambda: data.spirals(n=2, classes=3), ArgumentError, "n=2")
    refused(lambda: data.sine(low=1, high=1), ArgumentError, "low=1")


@given(n=st.integers(2, 60), test=st.floats(0.01, 0.99), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_split_uses_every_row_once(n, test, seed):
    train, held_out = data.split_rows(n, test, seed)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(n))
    assert len(held_out) == min(max(round(test * n), 1), n - 1)


@given(sizes=st.lists(st.integers(3, 30), min_size=2, max_size=5), test=st.floats(0.1, 0.9), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_stratified_split_keeps_shares_to_within_one_row(sizes, test, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    part = data.split(np.arange(len(y))[:, None], y, test, seed, stratify=True)
    assert len(part.y_train) + len(part.y_test) == len(y)
    assert (y[part.X_test[:, 0]] == part.y_test).all()  # rows and targets stay together
    for label, size in enumerate(sizes):
        assert abs((part.y_test == label).sum() - size * len(part.y_test) / len(y)) < 1


@given(sizes=st.lists(st.integers(3, 20), min_size=2, max_size=4), k=st.integers(2, 6), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_folds_test_every_row_once_and_evenly(sizes, k, seed):
    y = np.repeat(np.arange(len(sizes)), sizes).astype(float)[:, None]
    parts = data.folds(y, k, seed)
    assert sorted(row for _, test in parts for row in test.tolist()) == list(range(len(y)))
    for train, test in parts:
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(y)))
    sizes_tested = [len(test) for _, test in parts]
    assert max(sizes_tested) - min(sizes_tested) <= 1
    for label in range(len(sizes)):
        per_fold = [int((y[test] == label).sum()) for _, test in parts]
        assert max(per_fold) - min(per_fold) <= 1


def test_folds_depend_on_the_seed_and_take_text_labels():
    y = ["a"] * 10 + ["b"] * 10
    assert [t.tolist() for _, t in data.folds(y, 4, 0)] != [t.tolist() for _, t in data.folds(y, 4, 1)]
    assert [t.tolist() for _, t in data.folds(y, 4, 0)] == [t.tolist() for _, t in data.folds(y, 4, 0)]


def test_splits_that_make_no_sense_are_refused():
    X, y = np.zeros((10, 2)), np.arange(10.0)
    refused(lambda: data.split(X, y[:9]), ShapeError, "(10, 2)", "(9,)")
    refused(lambda: data.split(X, y, test=0), ArgumentError, "test=0")
    refused(lambda: data.split(X, y, test=1.5), ArgumentError, "test=1.5")
    refused(lambda: data.split(X[:1], y[:1]), ArgumentError, "1 rows")
    refused(lambda: data.split(X, y, stratify=y), ArgumentError, "10 different values", "stratify=False")
    refused(lambda: data.split(X, y, stratify=[1, 2]), ShapeError, "(2,)")
    refused(lambda: data.folds(y, 11), ArgumentError, "k=11", "10 rows")
    refused(lambda: data.folds(y, 1), ArgumentError, "k=1")
    refused(lambda: data.folds(y, 3), ArgumentError, "stratify=False")
    assert len(data.folds(y, 3, stratify=False)) == 3
