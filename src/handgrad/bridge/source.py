"""Sources: the training program as a script in NumPy, or the same network in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.bridge.torch_source import torch_script
from handgrad.errors import ArgumentError, ShapeError
from handgrad.nn.arguments import word
from handgrad.program.script import script
from handgrad.train.optimizers import SGD, Optimizer, optimizer_from
from handgrad.train.plan import check_clipping, check_counts, training
from handgrad.train.schedules import Constant, Schedule, schedule_from

if TYPE_CHECKING:
    from handgrad.nn.network import Network


def source(net: Network, to: str = "numpy", optimizer: Any = None, *, batch_size: int | None = None,
           schedule: Any = None, clip_norm: float | None = None, clip_value: float | None = None,
           epochs: int | None = None,
           loss: bool = True, input_shape: tuple[int, ...] | None = None,
           data: tuple[Any, Any] | None = None) -> str:  # fmt: skip
    """The script that trains `net` from its first weights: "numpy" or "torch".

    The script takes X and y like those of `data=(X, y)`. Without it, X like one row of `input_shape` (needed only when
    no layer says it), and y whole labels where the loss has classes, else an array like the output. `loss=False`
    leaves the loss out of the NumPy step (a little faster).

    Without `optimizer`, a network that was trained by `fit` prints what trained it: that optimizer, and batch size,
    epochs, order of batches, clipping and schedule, each unless given here. Otherwise SGD(0.1), all rows at once, 100
    epochs. Raises ArgumentError or DTypeError for settings that make
    no sense, UnknownNameError for an unknown target.

    >>> import handgrad as hg
    >>> net = hg.Network.parse("2-2:sigmoid-1", loss="half_sse")
    >>> "dW1 = X.T @ dz1" in net.source("numpy", optimizer=hg.SGD(0.1))
    True
    """
    word(to, "source", ("numpy", "torch"))
    state = net.training_state if optimizer is None else {}
    recipe = state.get("recipe", {})
    if "optimizer" in state:
        optimizer = Optimizer.from_spec(state["optimizer"], "training.optimizer")
    batch_size = recipe.get("batch_size") if batch_size is None else batch_size
    clip_norm = recipe.get("clip_norm") if clip_norm is None else clip_norm
    clip_value = recipe.get("clip_value") if clip_value is None else clip_value
    if schedule is None and recipe.get("schedule") is not None:
        schedule = Schedule.from_spec(recipe["schedule"], "training.recipe.schedule")
    epochs = (state.get("epochs") or 100) if epochs is None else epochs
    chosen = optimizer_from(optimizer if optimizer is not None else SGD(0.1))
    check_counts(epochs, batch_size)
    check_clipping(clip_norm, clip_value)
    X, y = example(net, input_shape) if data is None else net._pair(*data)
    rate = _rate(schedule)
    plan = training(
        net, X, y, chosen, clip_norm=clip_norm, clip_value=clip_value, scheduled=rate is not None, loss=loss,
        batch_size=batch_size, schedule=rate, epochs=epochs, order=recipe.get("seed"),
    )  # fmt: skip
    if to == "numpy":
        return script(plan)
    return torch_script(net, plan, chosen, X)


def _rate(schedule: Any) -> str | None:
    """The learning rate of an epoch as a Python expression; None where it stays the optimizer's."""
    chosen = schedule_from(schedule)
    if type(chosen) is Constant:
        return None
    written = getattr(chosen, "source", None)
    if written is None:
        raise ArgumentError(
            "the schedule {schedule} has no source(), so no script can follow it. Leave schedule= out.",
            schedule=repr(chosen)[:80],
        )
    return str(written())


def example(net: Network, input_shape: tuple[int, ...] | None = None) -> tuple[Any, Any]:
    """One row of zeros in the shape that the network takes, and a target for it."""
    shape = input_shape
    if shape is None:
        first = net.layers[0]
        size = getattr(first, "inputs", None)
        if size is None:
            found = [getattr(layer, "inputs", None) for layer in net.slots.layers.values()]
            size = next((s for s in found if s is not None), None)
        if size is None:
            raise ShapeError(
                "the shape of one row is not known from {first}. Pass input_shape=(...).", first=repr(first)[:80]
            )
        shape = (size,)
    X = np.zeros((1, *shape), net.dtype)
    out = net._recorder.output_shape(shape)
    y = np.zeros(1, int) if net._loss().task == "classes" else np.zeros((1, *out), net.dtype)
    return X, y
