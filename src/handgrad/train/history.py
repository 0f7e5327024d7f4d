"""History: what training did, epoch by epoch, stored compactly."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(eq=False)
class History:
    """The course of one training.

    `loss` has one number for each epoch (the mean over its batches, each before its update). What costs more is
    recorded at some epochs only, listed in `epochs` (at most about 200 of them; the first and, if training ran to its
    end, the last): `metric` (`metric_name` on the training data), `validation_loss`, `validation_metric`, `lr`, and per
    layer `gradient_norm` and `update_size` (the lengths of gradient and update of the epoch's first step) and
    `weight_norm` (before it). `steps` counts updates, `seconds` the time, `engine` what ran, `stopped` why it ended
    early ("" if it did not).
    """

    loss: list[float] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    metric_name: str = ""
    metric: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_metric: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    gradient_norm: dict[str, list[float]] = field(default_factory=dict)
    update_size: dict[str, list[float]] = field(default_factory=dict)
    weight_norm: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    engine: str = "numpy"
    stopped: str = ""

    def __len__(self) -> int:
        return len(self.loss)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with lists of its own."""
        return copy.deepcopy(self.__dict__)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """The history that `to_dict` wrote."""
        return cls(**copy.deepcopy(dict(data)))

    def __repr__(self) -> str:
        if not self.loss:
            return "<History: nothing trained yet>"
        metric = f", {self.metric_name} {self.metric[-1]:.4g}" if self.metric else ""
        return f"<History of {len(self.loss)} epochs, loss {self.loss[0]:.4g} to {self.loss[-1]:.4g}{metric}>"

    @property
    def plot(self) -> Any:
        """Pictures of the course: `history.plot()` draws the learning curves."""
        from handgrad.plot import HistoryPlots

        return HistoryPlots(self)

    def at(self, epoch: int) -> int:
        """The position in the sparse lists that is nearest to an epoch."""
        return int(np.abs(np.asarray(self.epochs) - epoch).argmin())
