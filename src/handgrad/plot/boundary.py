"""Decision boundary: what a network with two inputs answers at every point of the plane, and the data on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError, ShapeError
from handgrad.nn.inputs import inputs
from handgrad.nn.metrics import truth
from handgrad.plot.fonts import Words
from handgrad.plot.look import MARKERS, SHADES, describe, figure

if TYPE_CHECKING:
    from handgrad.nn.network import Network

Titled = tuple[str, "Network"]
ENDS = ("#00224e", "#fee838")  # of the colour map cividis
RESOLUTION = 160  # points in each direction: finer than the eye sees at this size


def boundaries(titled: Sequence[Titled], X: Any, y: Any, words: Words, *, title: str = "") -> Any:
    """One panel for each (title, network): shading for its answer, a line where it changes its mind, the data (N, 2).

    Losses for two classes show the probability of class 1 and the line at one half; losses for more classes a colour
    for each class, deeper where the network is surer; losses for values the output itself with a line at one half.
    Gives a matplotlib Figure. Raises ShapeError unless there are two inputs and one target for each row.
    """
    X = inputs(X, "float64")
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        raise ShapeError(
            "a decision boundary is drawn over two inputs, got X of shape {shape}. Choose two columns.",
            shape=str(X.shape),
        )
    y = np.asarray(y)
    if y.ndim == 0 or len(y) != len(X):
        raise ShapeError(
            "X has {n} rows, y has {m}. Give one target for each row.", n=len(X), m=0 if y.ndim == 0 else len(y)
        )
    made, axes = figure(len(titled), width=4.4 if len(titled) > 1 else 5.4, height=4.4)
    plane = _plane(X)
    said = []
    shading = None
    for a, (name, net) in zip(axes, titled, strict=True):
        labels = _labels(net, y)
        right, shading = _draw(a, net, X, labels, plane, words)
        rate = words.t("{right} of {n} right", right=right, n=len(X))
        a.set_title(f"{name}\n{rate}" if name else rate, fontsize="medium")
        a.set_xlabel("$x_1$")
        said.append(f"{name}: {rate}" if name else rate)
    axes[0].set_ylabel("$x_2$")
    _legend(made, axes)
    if shading is not None:
        binary = titled[-1][1]._loss().task == "binary"
        label = words.t("probability of class 1") if binary else words.t("output")
        made.colorbar(shading, ax=axes, label=label, shrink=0.85, pad=0.01)
    if title:
        made.suptitle(title)
    alternative = words.t("Decision boundary over two inputs, {n} points. {panels}.", n=len(X), panels="; ".join(said))
    return words.dress(describe(made, alternative))


def _labels(net: Network, y: Any) -> Any:
    """The class of each row, 0, 1, …"""
    loss = net._loss()
    if loss.task == "values":
        return (np.asarray(y, float).reshape(len(y), -1)[:, 0] >= 0.5).astype(int)
    return truth(loss, np.asarray(y, float) if loss.task == "binary" else y)


def _plane(X: Any) -> tuple[Any, Any, Any]:
    """Grid lines along both inputs with a margin around the data, and all grid points (RESOLUTION², 2)."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = np.where(high > low, 0.15 * (high - low), 0.5)
    x1, x2 = (np.linspace(a, b, RESOLUTION) for a, b in zip(low - margin, high + margin, strict=True))
    return x1, x2, np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)


def _draw(axes: Any, net: Network, X: Any, labels: Any, plane: tuple[Any, Any, Any], words: Words) -> tuple[int, Any]:
    x1, x2, points = plane
    loss = net._loss()
    answer = net.predict_proba(points) if loss.task != "values" else net.forward(points)
    if loss.task != "classes" and answer.shape[1] != 1:
        raise ArgumentError(
            "a decision boundary needs one output or a loss for classes, this network has {count} outputs with the "
            "loss {loss}. Use cross_entropy.",
            count=answer.shape[1], loss=loss.kind,
        )  # fmt: skip
    side = len(x1)
    extent = (x1[0], x1[-1], x2[0], x2[-1])
    shading = None
    if loss.task == "classes":
        _classes(axes, answer.reshape(side, side, -1), x1, x2, extent)
        guessed = net.predict(X)
    else:
        p = answer.reshape(side, side)
        # cividis: even for all kinds of colour vision, and ever lighter, so that grey keeps the order
        shading = axes.imshow(
            p, origin="lower", extent=extent, aspect="auto", cmap="cividis", vmin=0, vmax=1, alpha=0.75
        )
        if p.min() < 0.5 < p.max():
            axes.contour(x1, x2, p, levels=[0.5], colors="white", linewidths=3.2)
            axes.contour(x1, x2, p, levels=[0.5], colors="black", linewidths=1.6)
        guessed = ((net.predict_proba(X) if loss.task != "values" else net.forward(X))[:, 0] > 0.5).astype(int)
    size = float(np.clip(5000 / len(X), 10, 120))
    fills = SHADES if loss.task == "classes" else ENDS
    for k in sorted(set(labels.tolist())):
        rows = labels == k
        edge = "white" if k == 0 else "black"
        _points(axes, X[rows], size, words.t("class {k}", k=k), marker=MARKERS[k % len(MARKERS)], zorder=3,
                color=fills[k % len(fills)], linewidths=0.6, edgecolors=edge)  # fmt: skip
    wrong = guessed != labels
    if wrong.any():
        # a black ring on a white one: seen on every shading
        wide = 1.0 if len(X) > 100 else 1.6
        axes.scatter(*X[wrong].T, s=4 * size, facecolors="none", edgecolors="white", linewidths=2 * wide, zorder=4)
        _points(
            axes, X[wrong], 4 * size, words.t("wrong"), facecolors="none", edgecolors="black", linewidths=wide, zorder=5
        )
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    return int((~wrong).sum()), shading


def _points(axes: Any, X: Any, size: float, label: str, **style: Any) -> None:
    """Points, and an empty copy of them for the legend, where all markers have one size."""
    axes.scatter(*X.T, s=size, **style)
    axes.scatter([], [], s=45, label=label, **style)


def _legend(made: Any, axes: Sequence[Any]) -> None:
    """One legend for all panels, below them, where it hides no point."""
    found: dict[str, Any] = {}
    for a in axes:
        for handle, label in zip(*a.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    ordered = sorted(found.items(), key=lambda item: item[1].get_zorder())
    made.legend([handle for _, handle in ordered], [label for label, _ in ordered], frameon=False, ncols=len(ordered),
                loc="outside lower center")  # fmt: skip


def _classes(axes: Any, p: Any, x1: Any, x2: Any, extent: tuple[float, ...]) -> None:
    """The colour of the likeliest class, whiter where it is less sure, and a line around each class."""
    from matplotlib.colors import to_rgb

    count = p.shape[-1]
    colours = np.array([to_rgb(SHADES[k % len(SHADES)]) for k in range(count)])
    best = p.argmax(axis=-1)
    sure = (p.max(axis=-1) - 1 / count) / (1 - 1 / count) if count > 1 else p.max(axis=-1)
    share = (0.1 + 0.4 * sure)[..., None]
    axes.imshow(1 - share + share * colours[best], origin="lower", extent=extent, aspect="auto")
    for k in range(count):
        lead = p[..., k] - np.delete(p, k, axis=-1).max(axis=-1, initial=0)
        if lead.min() < 0 < lead.max():
            axes.contour(x1, x2, lead, levels=[0], colors="black", linewidths=1.2)
