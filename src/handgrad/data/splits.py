"""Splits: rows for training and rows for testing, stratified where asked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.data.toys import generator, real, whole
from handgrad.errors import ArgumentError, ShapeError

Rows = NDArray[np.int64]


class Split(NamedTuple):
    """Two parts of one data set, in the order that scikit-learn's `train_test_split` made familiar."""

    X_train: NDArray[Any]
    X_test: NDArray[Any]
    y_train: NDArray[Any]
    y_test: NDArray[Any]


def split(
    X: ArrayLike, y: ArrayLike, test: float = 0.2, seed: int = 0, stratify: ArrayLike | bool | None = None
) -> Split:
    """Part X (N, ...) and y (N, ...) at random into training and test rows.

    `test` is the share of rows for testing, above 0 and below 1. `stratify=True` keeps the shares of the classes
    in `y` (to within one row); an array of N labels keeps the shares of those. Dtypes are kept, inputs are copied.

    Raises ShapeError when lengths differ, ArgumentError for a share that leaves a part empty.

    >>> X = np.arange(20.0).reshape(10, 2)
    >>> y = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    >>> part = split(X, y, test=0.5, stratify=True)
    >>> part.X_train.shape, part.X_test.shape, int(part.y_train.sum()), int(part.y_test.sum())
    ((5, 2), (5, 2), 1, 1)
    """
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y):
        raise ShapeError(
            "X has shape {X} and y has shape {y}: they need one row for each other. Pass as many targets as inputs.",
            X=X.shape,
            y=y.shape,
        )
    by = None if stratify is None or stratify is False else y if stratify is True else np.asarray(stratify)
    train, held_out = split_rows(len(X), test, seed, by)
    return Split(X[train], X[held_out], y[train], y[held_out])


def split_rows(n: int, test: float = 0.2, seed: int = 0, stratify: ArrayLike | None = None) -> tuple[Rows, Rows]:
    """Row numbers for training and for testing, each in random order; `stratify` holds n labels.

    >>> train, test = split_rows(5, test=0.4)
    >>> len(train), len(test), sorted([*train.tolist(), *test.tolist()])
    (3, 2, [0, 1, 2, 3, 4])
    """
    if not real(test) or not 0 < test < 1:
        raise ArgumentError("test={test!r}: a share lies between 0 and 1. Give for example test=0.2.", test=test)
    if n < 2:
        raise ArgumentError("{n} rows cannot be parted into training and test rows. Give at least 2 rows.", n=n)
    size = min(max(round(test * n), 1), n - 1)
    rng = generator(seed)
    if stratify is None:
        order = rng.permutation(n)
        return order[size:], order[:size]
    groups = _groups(stratify, n)
    # largest remainder: every class gets its share rounded down, the rows left go to the largest fractions
    exact = np.array([len(rows) * size / n for rows in groups])
    take = np.floor(exact).astype(np.int64)
    take[np.argsort(take - exact, kind="stable")[: size - int(take.sum())]] += 1
    mixed = [rng.permutation(rows) for rows in groups]
    held_out = np.concatenate([rows[:k] for rows, k in zip(mixed, take, strict=True)])
    train = np.concatenate([rows[k:] for rows, k in zip(mixed, take, strict=True)])
    return rng.permutation(train), rng.permutation(held_out)


def folds(y: ArrayLike, k: int = 5, seed: int = 0, stratify: bool = True) -> list[tuple[Rows, Rows]]:
    """k pairs (training rows, test rows); every row is tested exactly once, and test sizes differ by at most one.

    With `stratify=True` the number of rows of each class differs by at most one between any two test parts.
    Raises ArgumentError for k < 2, k above the number of rows, or classes that are mostly one row each.

    >>> for train, test in folds([0, 0, 0, 1, 1, 1], k=3):
    ...     print(len(train), len(test))
    4 2
    4 2
    4 2
    """
    y = np.asarray(y)
    n = len(y) if y.ndim else 0
    if not whole(k) or not 2 <= k <= n:
        raise ArgumentError(
            "k={k!r} folds of {n} rows: k is a whole number from 2 up to the number of rows. Choose such a k.", k=k, n=n
        )
    rng = generator(seed)
    groups = _groups(y, n) if stratify else [np.arange(n)]
    # dealt like cards, class after class without starting anew: sizes stay even, overall and within each class
    dealt = np.concatenate([rng.permutation(rows) for rows in groups])
    place = np.empty(n, dtype=np.int64)
    place[dealt] = np.arange(n) % k
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(k)]


def _groups(labels: ArrayLike, n: int) -> list[Rows]:
    """Row numbers of each label, labels in sorted order."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n,):
        raise ShapeError(
            "stratify has shape {shape}, there are {n} rows: it needs one label for each row. Pass {n} labels.",
            shape=labels.shape,
            n=n,
        )
    values, which = np.unique(labels, return_inverse=True)
    if len(values) > max(n / 2, 2):
        raise ArgumentError(
            "{distinct} different values in {n} rows are numbers rather than classes: they cannot be kept in shares. "
            "Pass stratify=False.",
            distinct=len(values),
            n=n,
        )
    return [np.flatnonzero(which == label) for label in range(len(values))]
