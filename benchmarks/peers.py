"""Textbook loops in NumPy, written as a good lecture writes them: every intermediate is a new array with a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jobs import Array, Batch, Job, Run, endless

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
Losses = list[Any] | None


def xor(parameters: list[Array], batches: Iterable[Batch], lr: float, losses: Losses) -> None:
    """Sigmoid, sigmoid, half the sum of squared errors, SGD."""
    W1, b1, W2, b2 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = 1 / (1 + np.exp(-z1))
        z2 = a1 @ W2 + b2
        a2 = 1 / (1 + np.exp(-z2))
        if losses is not None:
            losses.append(0.5 * np.sum((a2 - y) ** 2))

        dz2 = (a2 - y) * a2 * (1 - a2)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * a1 * (1 - a1)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2


def circles(parameters: list[Array], batches: Iterable[Batch], lr: float, losses: Losses) -> None:
    """ReLU, sigmoid, mean binary cross-entropy, SGD; loss and sigmoid differentiated one after the other."""
    W1, b1, W2, b2 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = np.maximum(0, z1)
        z2 = a1 @ W2 + b2
        a2 = 1 / (1 + np.exp(-z2))
        if losses is not None:
            losses.append(-np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2)))

        da2 = -(y / a2 - (1 - y) / (1 - a2)) / len(X)
        dz2 = da2 * a2 * (1 - a2)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * (z1 > 0)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2


def circles_shortened(parameters: list[Array], batches: Iterable[Batch], lr: float, losses: Losses) -> None:
    """The same job as a lecture writes it that has shortened sigmoid and cross-entropy to (ŷ − y) / N on paper."""
    W1, b1, W2, b2 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = np.maximum(0, z1)
        z2 = a1 @ W2 + b2
        a2 = 1 / (1 + np.exp(-z2))
        if losses is not None:
            losses.append(-np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2)))

        dz2 = (a2 - y) / len(X)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * (z1 > 0)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2


class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1), array by array."""

    def __init__(self, parameters: list[Array], lr: float) -> None:
        self.lr, self.t = lr, 0
        self.m = [np.zeros_like(p) for p in parameters]
        self.v = [np.zeros_like(p) for p in parameters]

    def update(self, parameters: list[Array], gradients: list[Array]) -> None:
        """Make one step, in place."""
        self.t += 1
        for k, (p, g) in enumerate(zip(parameters, gradients)):
            self.m[k] = BETA1 * self.m[k] + (1 - BETA1) * g
            self.v[k] = BETA2 * self.v[k] + (1 - BETA2) * g**2
            m_hat = self.m[k] / (1 - BETA1**self.t)
            v_hat = self.v[k] / (1 - BETA2**self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + EPS)


def sine(parameters: list[Array], batches: Iterable[Batch], adam: Adam, losses: Losses) -> None:
    """Tanh, tanh, linear, mean squared error, Adam."""
    W1, b1, W2, b2, W3, b3 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = np.tanh(z1)
        z2 = a1 @ W2 + b2
        a2 = np.tanh(z2)
        z3 = a2 @ W3 + b3
        if losses is not None:
            losses.append(np.mean((z3 - y) ** 2))

        dz3 = 2 * (z3 - y) / y.size
        dW3 = a2.T @ dz3
        db3 = np.sum(dz3, axis=0)
        da2 = dz3 @ W3.T
        dz2 = da2 * (1 - a2**2)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * (1 - a1**2)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        adam.update(parameters, [dW1, db1, dW2, db2, dW3, db3])


def digits(parameters: list[Array], batches: Iterable[Batch], lr: float, losses: Losses) -> None:
    """ReLU, softmax with mean cross-entropy, SGD."""
    W1, b1, W2, b2 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = np.maximum(0, z1)
        z2 = a1 @ W2 + b2
        e = np.exp(z2 - np.max(z2, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        rows = np.arange(len(X))
        if losses is not None:
            losses.append(-np.mean(np.log(p[rows, y])))

        dz2 = p.copy()
        dz2[rows, y] -= 1
        dz2 /= len(X)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * (z1 > 0)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2


def deep(parameters: list[Array], batches: Iterable[Batch], lr: float, losses: Losses) -> None:
    """Many tanh layers, mean squared error, SGD: the loop over layers that every lecture ends with."""
    W, b = parameters[0::2], parameters[1::2]
    for X, y in batches:
        a = [X]
        for Wl, bl in zip(W, b):
            z = a[-1] @ Wl + bl
            a.append(np.tanh(z))
        if losses is not None:
            losses.append(np.mean((a[-1] - y) ** 2))

        da = 2 * (a[-1] - y) / y.size
        dW, db = [], []
        for l in range(len(W) - 1, -1, -1):
            dz = da * (1 - a[l + 1] ** 2)
            dW.append(a[l].T @ dz)
            db.append(np.sum(dz, axis=0))
            if l > 0:
                da = dz @ W[l].T

        for Wl, bl, dWl, dbl in zip(W, b, reversed(dW), reversed(db)):
            Wl -= lr * dWl
            bl -= lr * dbl


def mlp(parameters: list[Array], batches: Iterable[Batch], adam: Adam, losses: Losses) -> None:
    """ReLU, ReLU, softmax with mean cross-entropy, Adam."""
    W1, b1, W2, b2, W3, b3 = parameters
    for X, y in batches:
        z1 = X @ W1 + b1
        a1 = np.maximum(0, z1)
        z2 = a1 @ W2 + b2
        a2 = np.maximum(0, z2)
        z3 = a2 @ W3 + b3
        e = np.exp(z3 - np.max(z3, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        rows = np.arange(len(X))
        if losses is not None:
            losses.append(-np.mean(np.log(p[rows, y])))

        dz3 = p.copy()
        dz3[rows, y] -= 1
        dz3 /= len(X)
        dW3 = a2.T @ dz3
        db3 = np.sum(dz3, axis=0)
        da2 = dz3 @ W3.T
        dz2 = da2 * (z2 > 0)
        dW2 = a1.T @ dz2
        db2 = np.sum(dz2, axis=0)
        da1 = dz2 @ W2.T
        dz1 = da1 * (z1 > 0)
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        adam.update(parameters, [dW1, db1, dW2, db2, dW3, db3])


Loop = Callable[[list[Array], Iterable[Batch], Any, Losses], None]
TEXTBOOK: dict[str, Loop] = {
    "xor": xor,
    "circles": circles,
    "sine": sine,
    "circles-full": circles,
    "sine-full": sine,
    "digits": digits,
    "deep-tiny": deep,
    "mlp": mlp,
}


class Textbook:
    """The loops above as a peer."""

    def __init__(self, name: str = "textbook", loops: dict[str, Loop] = TEXTBOOK) -> None:
        self.name, self.loops = name, loops

    def prepare(self, job: Job, with_loss: bool) -> Run | None:
        """Copy the first weights and bind the job's loop to them."""
        loop = self.loops.get(job.name)
        if loop is None:
            return None
        parameters, following, losses = job.copies(), endless(job.batches), list[float]()
        rule: Any = Adam(parameters, job.lr) if job.optimizer == "adam" else job.lr
        kept = losses if with_loss else None
        return Run(lambda n: loop(parameters, following(n), rule, kept), lambda: parameters, losses)


SHORTENED: dict[str, Loop] = {"circles": circles_shortened, "circles-full": circles_shortened}
PEERS = [Textbook(), Textbook("shortened", SHORTENED)]
