"""Toy data sets: pure functions of their arguments, drawn from a seed.

Each returns `(X, y)` as float64 arrays of its own. Two classes come as `y` of shape (n, 1) holding 0 and 1, as a
network with one output reads them; more classes come as integer labels of shape (n,), as softmax cross-entropy
reads them; numbers come as (n, 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import ArgumentError

Array = NDArray[np.float64]


def xor() -> tuple[Array, Array]:
    """The four rows of exclusive or: X (4, 2), y (4, 1), in the order 00, 01, 10, 11.

    >>> X, y = xor()
    >>> X.tolist(), y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    return X, np.array([[0], [1], [1], [0]], dtype=np.float64)


def circles(n: int = 1000, noise: float = 0.1, factor: float = 0.5, seed: int = 0) -> tuple[Array, Array]:
    """Two circles, one inside the other: X (n, 2), y (n, 1); the outer circle is class 0, the inner one class 1.

    `n // 2` points lie evenly on the circle of radius 1, the rest on the one of radius `factor`, every coordinate
    with normal noise of standard deviation `noise`, in random order: the distribution of scikit-learn's
    `make_circles`. With the default settings the best possible classifier reaches about 99.35 %.

    Raises ArgumentError for n < 2, a negative noise, or a factor outside [0, 1).

    >>> X, y = circles(n=6, noise=0.0)
    >>> [round(float(r), 3) for r in np.hypot(X[:, 0], X[:, 1])[np.argsort(y[:, 0], kind="stable")]]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    """
    _whole(n, "n", 2)
    _noise(noise)
    if not real(factor) or not 0 <= factor < 1:
        raise ArgumentError(
            "factor={factor}: the inner radius is a part of the outer one. Give a factor from 0 up to 1, 1 excluded.",
            factor=factor,
        )
    outer, inner = _turn(n // 2), _turn(n - n // 2)
    X = np.concatenate(
        [np.column_stack([np.cos(outer), np.sin(outer)]), factor * np.column_stack([np.cos(inner), np.sin(inner)])]
    )
    return _shuffled(X, np.repeat([0, 1], [len(outer), len(inner)]), noise, seed)


def moons(n: int = 1000, noise: float = 0.1, seed: int = 0) -> tuple[Array, Array]:
    """Two half circles that reach into each other: X (n, 2), y (n, 1); the upper one is class 0.

    The upper arc is a unit half circle around (0, 0), the lower one a unit half circle around (1, 0.5): the
    distribution of scikit-learn's `make_moons`. Raises ArgumentError for n < 2 or a negative noise.

    >>> X, y = moons(n=100, noise=0.0)
    >>> X.shape, y.shape, float(y.sum())
    ((100, 2), (100, 1), 50.0)
    """
    _whole(n, "n", 2)
    _noise(noise)
    upper, lower = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    X = np.concatenate(
        [np.column_stack([np.cos(upper), np.sin(upper)]), np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)])]
    )
    return _shuffled(X, np.repeat([0, 1], [len(upper), len(lower)]), noise, seed)


def spirals(
    n: int = 1000, noise: float = 0.05, classes: int = 2, turns: float = 1.0, seed: int = 0
) -> tuple[Array, NDArray[Any]]:
    """Arms that wind around each other: X (n, 2); y (n, 1) for two classes, labels (n,) for more.

    Arm k starts near the origin and winds `turns` times to radius 1, turned by k/classes of a full turn against
    arm 0. Raises ArgumentError for fewer than two classes, n < classes, or a negative noise.

    >>> X, y = spirals(n=9, classes=3)
    >>> X.shape, sorted(y.tolist())
    ((9, 2), [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    _whole(classes, "classes", 2)
    _whole(n, "n", classes)
    _noise(noise)
    arms = []
    sizes = _shares(n, classes)
    for k, size in enumerate(sizes):
        radius = (np.arange(size) + 1) / size
        angle = 2 * np.pi * (turns * radius + k / classes)
        arms.append(radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
    return _shuffled(np.concatenate(arms), np.repeat(np.arange(classes), sizes), noise, seed, classes)


def blobs(n: int = 300, classes: int = 3, spread: float = 0.15, seed: int = 0) -> tuple[Array, NDArray[Any]]:
    """Round clouds with their centres evenly on the unit circle: X (n, 2); y (n, 1) for two classes, else (n,).

    `spread` is the standard deviation of each cloud in each direction. Raises ArgumentError for fewer than two
    classes, n < classes, or a negative spread.

    >>> X, y = blobs(n=4, classes=2, spread=0.0)
    >>> sorted(zip(y.ravel().tolist(), X[:, 0].round(9).tolist()))
    [(0.0, 1.0), (0.0, 1.0), (1.0, -1.0), (1.0, -1.0)]
    """
    _whole(classes, "classes", 2)
    _whole(n, "n", classes)
    _noise(spread, "spread")
    sizes = _shares(n, classes)
    centre = np.repeat(_turn(classes), sizes)
    X = np.column_stack([np.cos(centre), np.sin(centre)])
    return _shuffled(X, np.repeat(np.arange(classes), sizes), spread, seed, classes)


def sine(
    n: int = 500, noise: float = 0.1, seed: int = 0, low: float = -2 * math.pi, high: float = 2 * math.pi
) -> tuple[Array, Array]:
    """Sine with normal noise at n evenly spaced points of [low, high]: X (n, 1), y (n, 1).

    The points do not depend on the noise, so `sine(..., noise=0)` gives the clean target at the same X.
    Raises ArgumentError for n < 2, a negative noise, or low >= high.

    >>> X, y = sine()
    >>> X_clean, clean = sine(noise=0)
    >>> bool((X == X_clean).all()), bool((clean == np.sin(X)).all()), 0.09 < float((y - clean).std()) < 0.11
    (True, True, True)
    """
    _whole(n, "n", 2)
    _noise(noise)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ArgumentError("low={low}, high={high}: give finite numbers with low below high.", low=low, high=high)
    X = np.linspace(low, high, n).reshape(-1, 1)
    return X, np.sin(X) + noise * generator(seed).standard_normal((n, 1))


def _turn(n: int) -> Array:
    """n angles, evenly spread over one full turn."""
    return np.linspace(0, 2 * np.pi, n, endpoint=False)


def _shares(n: int, parts: int) -> list[int]:
    """n divided into `parts` whole numbers that differ by at most one."""
    return [n // parts + (k < n % parts) for k in range(parts)]


def _shuffled(
    X: Array, labels: NDArray[np.int64], noise: float, seed: int, classes: int = 2
) -> tuple[Array, NDArray[Any]]:
    rng = generator(seed)
    order = rng.permutation(len(X))
    X = X[order] + noise * rng.standard_normal(X.shape)
    labels = labels[order]
    return X, labels[:, None].astype(np.float64) if classes == 2 else labels.astype(np.int64)


def whole(value: object) -> bool:
    """Whether an argument is a whole number, which True is not.

    >>> whole(3), whole(3.0), whole(True)
    (True, False, False)
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def real(value: object) -> bool:
    """Whether an argument is a number, which True is not.

    >>> real(3), real(0.5), real("0.5")
    (True, True, False)
    """
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def generator(seed: Any) -> np.random.Generator:
    """Random numbers from a seed; None draws others each time. Raises ArgumentError for what is no seed."""
    if seed is not None and (not whole(seed) or seed < 0):
        raise ArgumentError("seed={seed!r}: must be a whole number of at least 0. Give seed=0 or more.", seed=seed)
    return np.random.default_rng(seed)


def _whole(value: int, name: str, least: int) -> None:
    if not whole(value) or value < least:
        raise ArgumentError(
            "{name}={value!r}: must be a whole number of at least {least}. Give {name}={least} or more.",
            name=name,
            value=value,
            least=least,
        )


def _noise(value: float, name: str = "noise") -> None:
    if not real(value) or not (math.isfinite(value) and value >= 0):
        raise ArgumentError(
            "{name}={value!r}: a standard deviation is finite and not negative. Give 0 or more.",
            name=name,
            value=value,
        )
