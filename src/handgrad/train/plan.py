"""What is trained: a network, a loss and an optimizer put together into one printed program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError
from handgrad.program.script import Training
from handgrad.program.update import update
from handgrad.train.optimizers import Optimizer

if TYPE_CHECKING:
    from handgrad.nn.network import Network


def training(net: Network, X: Any, y: Any, optimizer: Optimizer, *, clip_norm: float | None = None,
             clip_value: float | None = None, scheduled: bool = False, loss: bool = True,
             batch_size: int | None = None, schedule: str | None = None, epochs: int = 100) -> Training:  # fmt: skip
    """The training program for data of this shape; `loss=False` leaves the loss out of the step."""
    settings = {**optimizer.settings()}
    if clip_norm is not None:
        settings["max_norm"] = float(clip_norm)
    if clip_value is not None:
        settings["max_value"] = float(clip_value)
    reserved = (*settings, *optimizer.state())
    step, _ = net._recorder.program(
        X.shape[1:], y, ("loss",) if loss else (), net.slots.names, training=True, reserved=reserved
    )
    known = [leaf.name.text for leaf in step.leaves]
    for name in reserved:
        if name in known:
            raise ArgumentError(
                "{optimizer}: {name!r} is the name of something else in this network's program. Call it {other!r}.",
                optimizer=type(optimizer).__name__, name=name, other=f"{name}_",
            )  # fmt: skip
    for name in ("l1", "l2"):
        if getattr(net, name):
            settings[name] = getattr(net, name)
    extra = {k: np.asarray(v).tolist() for k, v in net._loss().extra_leaves().items()}
    return Training(
        title=f"{net!r} trained by {optimizer!r}"[1:].replace(">", "", 1),
        step=step,
        update=update(optimizer, net.slots.size, clip_norm=clip_norm, clip_value=clip_value,
                      taken=[*known, *(s.target.text for s in step.statements)]),  # fmt: skip
        slices=net.slots.slices,
        settings=settings,
        state=optimizer.state(),
        dtype=net.dtype,
        label_dtype="int" if y.dtype.kind in "iu" else "float",
        column=y.ndim == 2 and y.shape[1] == 1,
        batch_size=batch_size,
        seed=net.seed,
        scheduled=scheduled,
        extra=extra,
        schedule=schedule,
        epochs=epochs,
    )
