"""Comparison: the losses of several trainings in one picture, each line named at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError
from handgrad.plot.curves import check, count_epochs, draw_loss, epochs, scale
from handgrad.plot.fonts import Words
from handgrad.plot.look import describe, figure, grid, line

if TYPE_CHECKING:
    from handgrad.train.history import History


def compare(
    histories: Mapping[str, History], words: Words, *, log: bool = True, smooth: float = 0.0, title: str = ""
) -> Any:
    """The training losses of several histories by name. Gives a matplotlib Figure.

    Raises ArgumentError when there is none, or one without epochs.
    """
    if not histories:
        raise ArgumentError(
            "there are no histories to compare. Give at least one, such as {example}.", example="{'sgd': history}"
        )
    t = words.t
    made, (axes,) = figure(1, width=7.2, height=4.4)
    for i, (name, history) in enumerate(histories.items()):
        check(history, smooth)
        draw_loss(axes, epochs(history), np.array(history.loss), smooth, name, line(i))
    scale(axes, min(min(h.loss) for h in histories.values()), log)
    count_epochs(axes, t)
    axes.set_ylabel(t("training loss"))
    axes.set_title(title or t("Loss"))
    grid(axes)
    # beside the axes in the order of the last values: the legend is read from top to bottom as the lines end
    lines, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: -histories[labels[i]].loss[-1])
    axes.legend([lines[i] for i in order], [labels[i] for i in order], frameon=False, loc="center left",
                bbox_to_anchor=(1.0, 0.5), handlelength=3.5)  # fmt: skip
    ends = ", ".join(f"{labels[i]} {histories[labels[i]].loss[-1]:.3g}" for i in reversed(order))
    return words.dress(
        describe(made, t("Training losses compared. Last values from small to large: {ends}.", ends=ends))
    )
