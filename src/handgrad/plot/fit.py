"""Fitted curve: what a network with one input answers along a line, with the data and the clean target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ShapeError
from handgrad.nn.inputs import inputs
from handgrad.plot.fonts import Words
from handgrad.plot.look import BLUE, VERMILLION, describe, figure, grid

if TYPE_CHECKING:
    from handgrad.nn.network import Network

POINTS = 600


def fits(titled: Sequence[tuple[str, Network]], X: Any, y: Any, words: Words, *,
         clean: Callable[[Any], Any] | None = None, title: str = "") -> Any:  # fmt: skip
    """One panel for each (title, network): its curve over X (N, 1) against y (N,) or (N, 1).

    `clean` is the function behind noisy data, called with an array (points, 1). Gives a matplotlib Figure.
    Raises ShapeError unless there is one input and one target for each row.
    """
    t = words.t
    X = inputs(X, "float64")
    if X.shape[1:] != (1,) or not len(X):
        raise ShapeError(
            "a fitted curve is drawn over one input, got X of shape {shape}. Choose one column.", shape=str(X.shape)
        )
    y = np.asarray(y, float)
    if y.size != len(X):
        raise ShapeError("X has {n} rows, y has {m} values. Give one number for each row.", n=len(X), m=y.size)
    y = y.reshape(-1)
    low, high = float(X.min()), float(X.max())
    x = np.linspace(low, high if high > low else low + 1, POINTS).reshape(-1, 1)
    made, axes = figure(len(titled), width=4.6 if len(titled) > 1 else 6.4, height=4.0)
    said = []
    for a, (name, net) in zip(axes, titled, strict=True):
        error = float(np.mean((net.forward(X)[:, 0] - y) ** 2))
        text = t("squared error on the data {error:.3g}", error=error)
        size = float(np.clip(3000 / len(X), 6, 40))
        a.scatter(X[:, 0], y, s=size, color="0.6", linewidths=0, label=t("data"))
        if clean is not None:
            target = np.asarray(clean(x), float).reshape(-1)
            a.plot(x[:, 0], target, color="black", linestyle="--", linewidth=1.4, label=t("clean target"))
            away = float(np.mean((net.forward(x)[:, 0] - target) ** 2))
            text += "\n" + t("against the clean target {error:.3g}", error=away)
        a.plot(
            x[:, 0],
            net.forward(x)[:, 0],
            color=VERMILLION if clean is not None else BLUE,
            linewidth=2.2,
            label=t("network"),
        )
        # a curve that runs far out between the data would press everything else flat
        span = float(np.ptp(y)) or 1.0
        a.set_ylim(float(y.min()) - 0.25 * span, float(y.max()) + 0.25 * span)
        a.set_title(f"{name}\n{text}" if name else text, fontsize="medium")
        a.set_xlabel("$x$")
        grid(a)
        said.append((f"{name}: {text}" if name else text).replace("\n", ", "))
    axes[0].set_ylabel("$y$")
    axes[0].legend(frameon=True, fontsize="small", loc="upper right")
    if title:
        made.suptitle(title)
    return words.dress(describe(made, t("Fitted curve over {n} points. {panels}.", n=len(X), panels="; ".join(said))))
