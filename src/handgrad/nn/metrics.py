"""Metrics: accuracy, R², and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.nn.losses import Loss


def truth(loss: Loss, y: Any) -> Any:
    """The labels behind a classification target: (N,) whole numbers."""
    y = np.asarray(y)
    if y.dtype.kind == "f" and loss.task == "binary":
        return (y.reshape(len(y), -1) >= 0.5).astype(int).squeeze(-1) if y.size == len(y) else (y >= 0.5).astype(int)
    if y.dtype.kind == "f":
        return y.argmax(axis=1)
    return y


def score(loss: Loss, output: Any, y: Any) -> float:
    """Accuracy for classification losses, R² otherwise (for several outputs their mean)."""
    labels = loss.labels(output)
    if labels is not None:
        right = np.asarray(labels) == truth(loss, y)
        return float(right.mean()) if right.size else float("nan")
    return r2(y, output)


def r2(y: Any, output: Any) -> float:
    """1 - residual / total variance; 0 for a constant target that is not met exactly, 1 if it is."""
    y = np.asarray(y, np.float64)
    rest = ((y - output) ** 2).sum(axis=0)
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    return float(np.mean(np.where(total > 0, 1 - rest / safe, np.where(rest > 0, 0.0, 1.0))))


def confusion(true: Any, predicted: Any, classes: int) -> Any:
    """Counts of (true class, predicted class), shape (classes, classes)."""
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (np.asarray(true), np.asarray(predicted)), 1)
    return matrix
