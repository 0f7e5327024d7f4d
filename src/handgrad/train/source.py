"""Sources: the training program as a script in NumPy, or the same network in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError, ShapeError
from handgrad.program.script import script
from handgrad.train.optimizers import SGD, optimizer_from
from handgrad.train.plan import training

if TYPE_CHECKING:
    from handgrad.nn.network import Network


def source(net: Network, to: str = "numpy", optimizer: Any = None, *, batch_size: int | None = None,
           schedule: Any = None, clip_norm: float | None = None, clip_value: float | None = None, epochs: int = 100,
           loss: bool = True, input_shape: tuple[int, ...] | None = None) -> str:  # fmt: skip
    """The script that trains `net` from its first weights: "numpy" or "torch".

    `loss=False` leaves the loss out of the NumPy step (a little faster). `input_shape` is the shape of one row, needed
    only when the first layer does not say it. Raises ArgumentError for an unknown target.
    """
    chosen = optimizer_from(optimizer if optimizer is not None else SGD(0.1))
    if to not in ("numpy", "torch"):
        raise ArgumentError("source can be printed as 'numpy' or 'torch', got {to!r}.", to=to)
    X, y = example(net, input_shape)
    plan = training(
        net, X, y, chosen, clip_norm=clip_norm, clip_value=clip_value, scheduled=schedule is not None, loss=loss,
        batch_size=batch_size, schedule=schedule.source() if schedule is not None else None, epochs=epochs,
    )  # fmt: skip
    if to == "numpy":
        return script(plan)
    from handgrad.bridge.torch_source import torch_script

    return torch_script(net, plan, chosen, X)


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
            raise ShapeError("the shape of one row is not known from {first}: pass input_shape=(...).", first=repr(first))
        shape = (size,)
    X = np.zeros((1, *shape), net.dtype)
    out = net._recorder.output_shape(shape)
    y = np.zeros(1, int) if net._loss().task == "classes" else np.zeros((1, *out), net.dtype)
    return X, y
