"""Schedules: the learning rate as a function of the epoch."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from handgrad.nn.plain import Plain


class Schedule(Plain, abstract=True):
    """How the learning rate changes from epoch to epoch. Subclass it with fields for the settings and one method.

    >>> import handgrad as hg
    >>> class Halving(hg.Schedule):
    ...     "Half the learning rate every so many epochs."
    ...
    ...     every: int = 10
    ...
    ...     def rate(self, lr, epoch):
    ...         return lr * 0.5 ** (epoch // self.every)
    >>> [Halving(every=2).rate(0.8, epoch) for epoch in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    >>> Halving(every=2).to_spec()
    {'kind': 'halving', 'every': 2}
    """

    family: ClassVar[str] = "schedule"

    @abstractmethod
    def rate(self, lr: float, epoch: int) -> float:
        """The learning rate of this epoch, counted from 0; `lr` is the optimizer's."""


class Constant(Schedule):
    """The optimizer's learning rate, all the time."""

    def rate(self, lr: float, epoch: int) -> float:  # noqa: ARG002 (one signature for all schedules)
        """lr."""
        return lr


def schedule_from(value: Any) -> Schedule:
    """A schedule, or the one of that name; None is `Constant()`. Raises DTypeError and UnknownNameError."""
    return Constant() if value is None else Schedule.named(value, "schedule")
