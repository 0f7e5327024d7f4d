"""Learning curves: loss, metric and size of the gradient over the epochs of one training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError
from handgrad.i18n import Translator
from handgrad.plot.fonts import Words
from handgrad.plot.look import describe, figure, grid, line

if TYPE_CHECKING:
    from handgrad.train.history import History


def curves(history: History, words: Words, *, log: bool = False, smooth: float = 0.0, gradients: bool = False,
           title: str = "") -> Any:  # fmt: skip
    """Loss and metric, training and validation; `gradients` adds the gradient's length in each layer.

    `log` shows the loss on a logarithmic axis. `smooth` in [0, 1) draws a moving mean over the raw curve: each epoch
    counts `smooth` times as much as the next. Gives a matplotlib Figure.

    Raises ArgumentError for a history without epochs and for a `smooth` outside [0, 1).
    """
    check(history, smooth)
    t = words.t
    panels = [
        "loss",
        *(["metric"] if history.metric else []),
        *(["gradients"] if gradients and history.gradient_norm else []),
    ]
    made, axes = figure(len(panels))
    drawn = dict(zip(panels, axes, strict=True))
    _loss(drawn["loss"], history, t, log, smooth)
    if "metric" in drawn:
        _metric(drawn["metric"], history, t)
    if "gradients" in drawn:
        _gradients(drawn["gradients"], history, t)
    for a in axes:
        count_epochs(a, t)
        grid(a)
        a.legend(frameon=False, fontsize="small")
    if title:
        made.suptitle(title)
    return words.dress(describe(made, alternative(history, t)))


def check(history: History, smooth: float) -> None:
    """Raises ArgumentError where there is nothing to draw, or for a `smooth` outside [0, 1)."""
    if not history.loss:
        raise ArgumentError(
            "this history has no epochs to draw. Train first, for example with net.fit(X, y, epochs=100)."
        )
    if isinstance(smooth, bool) or not 0 <= smooth < 1:
        raise ArgumentError("smooth={value!r}: a share from 0 up to 1, 1 excluded. Try smooth=0.9.", value=smooth)


def epochs(history: History) -> Any:
    """The number of each epoch of `history.loss`, counted from 1; a second training goes on counting."""
    return np.arange(len(history.loss)) + 1 + (history.epochs[0] if history.epochs else 0)


def count_epochs(axes: Any, t: Translator) -> None:
    """The axis of the epochs: they are whole numbers, also where there are few."""
    axes.set_xlabel(t("epoch"))
    axes.xaxis.get_major_locator().set_params(integer=True)


def moving_mean(values: Any, smooth: float) -> Any:
    """Each value mixed with those before it, weights smooth, smooth², …, divided by their sum (no start at zero).

    >>> moving_mean([4.0, 1.0], 0.5).round(9).tolist()
    [4.0, 2.0]
    """
    found, total, weight = [], 0.0, 0.0
    for v in values:
        total, weight = smooth * total + v, smooth * weight + 1
        found.append(total / weight)
    return np.array(found)


def draw_loss(axes: Any, x: Any, loss: Any, smooth: float, label: str, style: dict[str, Any]) -> None:
    """One loss curve; where it is smoothed, the raw one faintly behind it."""
    if smooth:
        axes.plot(x, loss, color=style["color"], linewidth=0.8, alpha=0.3)
        loss = moving_mean(loss, smooth)
    axes.plot(x, loss, label=label, **style)


def scale(axes: Any, lowest: float, log: bool) -> None:
    """The loss axis: logarithmic if asked for and possible (a loss of 0 has no logarithm)."""
    if log and lowest > 0:
        axes.set_yscale("log")
    elif log:
        axes.set_yscale("symlog", linthresh=1e-12)


def _loss(axes: Any, history: History, t: Translator, log: bool, smooth: float) -> None:
    label = t("training (last {last:.3g})", last=history.loss[-1])
    draw_loss(axes, epochs(history), np.array(history.loss), smooth, label, line(0))
    if history.validation_loss:
        label = t("validation (last {last:.3g})", last=history.validation_loss[-1])
        axes.plot(np.array(history.epochs) + 1, history.validation_loss, label=label, **line(1))
    scale(axes, min([*history.loss, *history.validation_loss]), log)
    axes.set_ylabel(t("loss"))
    axes.set_title(t("Loss"))


def metric_name(history: History, t: Translator) -> str:
    """The metric as people call it."""
    return {"accuracy": t("accuracy"), "r2": "R²"}.get(history.metric_name, history.metric_name)


def _metric(axes: Any, history: History, t: Translator) -> None:
    x, name = np.array(history.epochs) + 1, metric_name(history, t)
    axes.plot(x, history.metric, label=t("training (last {last:.3g})", last=history.metric[-1]), **line(0))
    if history.validation_metric:
        label = t("validation (last {last:.3g})", last=history.validation_metric[-1])
        axes.plot(x, history.validation_metric, label=label, **line(1))
    # R² has no lower end: the first epochs of a bad start would press the rest of the curve flat
    lowest = max(min([*history.metric, *history.validation_metric]), -0.5)
    margin = 0.05 * max(1 - lowest, 0.02)
    axes.set_ylim(lowest - margin, 1 + margin)
    axes.set_ylabel(name)
    axes.set_title(name[:1].upper() + name[1:])


def _gradients(axes: Any, history: History, t: Translator) -> None:
    found = list(history.gradient_norm.items())
    for i, (layer, norms) in enumerate(found):
        axes.plot(np.array(history.epochs) + 1, norms, label=layer, **line(i))
    scale(axes, min(min(norms) for _, norms in found), True)
    axes.set_ylabel(t("length of the gradient"))
    axes.set_title(t("Gradient in each layer"))


def alternative(history: History, t: Translator) -> str:
    """The curves in words."""
    said = [
        t("Learning curves over {epochs} epochs. The training loss goes from {first:.3g} to {last:.3g}.",
          epochs=len(history.loss), first=history.loss[0], last=history.loss[-1]),
    ]  # fmt: skip
    if history.validation_loss:
        first, last = history.validation_loss[0], history.validation_loss[-1]
        said.append(t("The validation loss goes from {first:.3g} to {last:.3g}.", first=first, last=last))
    if history.metric:
        name, first, last = metric_name(history, t), history.metric[0], history.metric[-1]
        said.append(
            t("The training {metric} goes from {first:.3g} to {last:.3g}.", metric=name, first=first, last=last)
        )
    return " ".join(said)
