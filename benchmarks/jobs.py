"""The jobs: networks with their data, first weights and order of batches, the same for every peer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Batch = tuple[Array, Array]


@dataclass(frozen=True)
class Job:
    """One network to train on one set of data.

    parameters holds W1, b1, W2, b2, … with Y = XW + b; batches is one epoch, cut beforehand, so that only the steps
    themselves are timed. The last batch of an epoch may be short. Classes are integers, other targets (N, outputs).
    limits names what the printed script may need at most, as a part of a peer's time: (without, with) the loss.
    """

    name: str
    network: str
    loss: str
    optimizer: str
    lr: float
    parameters: tuple[Array, ...]
    batches: tuple[Batch, ...]
    timed_steps: int
    proof_steps: int
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)

    @property
    def activations(self) -> list[str]:
        """The activation after each layer; "" where there is none."""
        return [part.partition(":")[2] for part in self.network.split("-")[1:]]

    def copies(self) -> list[Array]:
        """Return the first weights, free to be changed."""
        return [array.copy() for array in self.parameters]


@dataclass(frozen=True)
class Run:
    """A peer ready to train: steps(n) makes n more steps; losses fills only where the loss was asked for."""

    steps: Callable[[int], None]
    parameters: Callable[[], Sequence[Array]]
    losses: list[float]


class Peer(Protocol):
    """What can be compared: a name, and a way to get ready for a job (None: this peer does not do that job)."""

    name: str

    def prepare(self, job: Job, with_loss: bool) -> Run | None:
        """Copy the job's first weights and return a run that goes through its batches again and again."""


def endless(batches: Sequence[Any]) -> Callable[[int], Iterator[Any]]:
    """Return a function that hands out the next n batches, epoch after epoch."""
    cycle = itertools.cycle(batches)
    return lambda n: itertools.islice(cycle, n)


def draw(rng: np.random.Generator, sizes: Sequence[int], gain: float, dtype: str) -> tuple[Array, ...]:
    """Draw normal weights with variance gain / inputs, and biases of zero."""
    arrays: list[Array] = []
    for inputs, outputs in itertools.pairwise(sizes):
        arrays.append((rng.standard_normal((inputs, outputs)) * np.sqrt(gain / inputs)).astype(dtype))
        arrays.append(np.zeros(outputs, dtype))
    return tuple(arrays)


def _cut(rng: np.random.Generator, X: Array, y: Array, size: int) -> tuple[Batch, ...]:
    order = rng.permutation(len(X))
    return tuple((X[rows], y[rows]) for rows in (order[i : i + size] for i in range(0, len(X), size)))


def xor(dtype: str = "float64") -> Job:
    """2-2-1, sigmoid, ½ Σ (ŷ − y)², SGD, all four rows in each step."""
    rng = np.random.default_rng(1)
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    y = np.array([[0], [1], [1], [0]], dtype)
    limits = {"textbook": (0.65, 0.8), "torch": (0.25, None)}
    first = draw(rng, (2, 2, 1), 2.0, dtype)
    return Job("xor", "2-2:sigmoid-1:sigmoid", "half_sse", "sgd", 0.1, first, ((X, y),), 2000, 5000, limits)


def circles(dtype: str = "float64") -> Job:
    """2-10-1, ReLU, sigmoid, binary cross-entropy, SGD, 1,000 points on two noisy circles."""
    rng = np.random.default_rng(2)
    angle = rng.uniform(0, 2 * np.pi, (1000, 1))
    y = (np.arange(1000)[:, None] % 2).astype(dtype)
    X = np.hstack([np.cos(angle), np.sin(angle)]) * (1 - 0.5 * y) + rng.normal(0, 0.1, (1000, 2))
    limits = {"textbook": (0.65, 0.8), "torch": (0.4, None)}
    first = draw(rng, (2, 10, 1), 2.0, dtype)
    batches = _cut(rng, X.astype(dtype), y, 32)
    return Job("circles", "2-10:relu-1:sigmoid", "bce", "sgd", 0.1, first, batches, 800, 500, limits)


def sine(dtype: str = "float64") -> Job:
    """1-20-20-1, tanh, mean squared error, Adam, 500 points of a noisy sine."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-2 * np.pi, 2 * np.pi, (500, 1))
    y = np.sin(X) + rng.normal(0, 0.1, X.shape)
    first = draw(rng, (1, 20, 20, 1), 1.0, dtype)
    batches = _cut(rng, X.astype(dtype), y.astype(dtype), 32)
    limits = {"torch": (0.5, None)}
    return Job("sine", "1-20:tanh-20:tanh-1", "mse", "adam", 0.01, first, batches, 300, 300, limits)


def digits(dtype: str = "float64") -> Job:
    """64-64-10, ReLU, softmax with cross-entropy, SGD, scikit-learn's 1,797 handwritten digits."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(4)
    X, y = load_digits(return_X_y=True)
    first = draw(rng, (64, 64, 10), 2.0, dtype)
    batches = _cut(rng, (X / 16).astype(dtype), y.astype(np.int64), 32)
    limits = {"textbook": (0.75, 0.8), "torch": (0.3, None)}
    return Job("digits", "64-64:relu-10", "cross_entropy", "sgd", 0.1, first, batches, 800, 300, limits)


def deep(dtype: str = "float64") -> Job:
    """Twenty layers of 16, tanh, mean squared error, SGD, 320 random rows."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((320, 16)).astype(dtype)
    y = np.tanh(rng.standard_normal((320, 16))).astype(dtype)
    first = draw(rng, (16,) * 21, 1.0, dtype)
    network = "16" + "-16:tanh" * 20
    limits = {"torch": (0.25, None)}
    return Job("deep-tiny", network, "mse", "sgd", 0.1, first, _cut(rng, X, y, 32), 250, 200, limits)


def mlp(dtype: str = "float32") -> Job:
    """784-512-512-10, ReLU, softmax with cross-entropy, Adam, float32, 5,000 random rows."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((5000, 784), dtype=np.float32).astype(dtype)
    y = rng.integers(0, 10, 5000)
    first = draw(rng, (784, 512, 512, 10), 2.0, dtype)
    batches = _cut(rng, X, y, 128)
    return Job("mlp", "784-512:relu-512:relu-10", "cross_entropy", "adam", 0.001, first, batches, 10, 10)


def whole(job: Job, timed_steps: int) -> Job:
    """Return the job with all its rows in every step."""
    X, y = (np.concatenate(parts) for parts in zip(*job.batches))
    return replace(job, name=f"{job.name}-full", batches=((X, y),), timed_steps=timed_steps)


def circles_full(dtype: str = "float64") -> Job:
    """Circles with full batches, as the published tutorials train it."""
    return whole(circles(dtype), 300)


def sine_full(dtype: str = "float64") -> Job:
    """Sine with full batches."""
    return whole(sine(dtype), 150)


JOBS: dict[str, Callable[..., Job]] = {
    "xor": xor,
    "circles": circles,
    "sine": sine,
    "circles-full": circles_full,
    "sine-full": sine_full,
    "digits": digits,
    "deep-tiny": deep,
    "mlp": mlp,
}
