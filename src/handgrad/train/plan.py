"""What is trained: a network, a loss and an optimizer put together into one printed program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, ShapeError
from handgrad.nn.arguments import number, whole
from handgrad.program.names import NUMPY, RESERVED
from handgrad.program.script import Training
from handgrad.program.update import update
from handgrad.train.optimizers import Optimizer, run_numpy

if TYPE_CHECKING:
    from handgrad.nn.network import Network


def training(net: Network, X: Any, y: Any, optimizer: Optimizer, *, clip_norm: float | None = None,
             clip_value: float | None = None, scheduled: bool = False, loss: bool = True,
             batch_size: int | None = None, schedule: str | None = None, epochs: int = 100,
             order: int | None = None) -> Training:  # fmt: skip
    """The training program for data of this shape; `loss=False` leaves the loss out of the step."""
    settings = {**optimizer.settings()}
    if clip_norm is not None:
        settings["max_norm"] = float(clip_norm)
    if clip_value is not None:
        settings["max_value"] = float(clip_value)
    _try(optimizer)
    _names(optimizer, [*settings, *optimizer.state()])
    step, _ = net._recorder.program(X.shape[1:], y, ("loss",) if loss else (), net.slots.names, training=True)
    for name in ("l1", "l2"):
        if getattr(net, name):
            settings[name] = getattr(net, name)
    extra = {k: np.asarray(v).tolist() for k, v in net._loss().extra_leaves().items()}
    return Training(
        title=f"{net!r} trained by {optimizer!r}"[1:].replace(">", "", 1),
        step=step,
        update=update(optimizer, net.slots.size, clip_norm=clip_norm, clip_value=clip_value),
        slices=net.slots.slices,
        settings=settings,
        state=optimizer.state(),
        dtype=net.dtype,
        label_dtype="int" if y.dtype.kind in "iu" else "float",
        column=y.ndim == 2 and y.shape[1] == 1,
        batch_size=batch_size,
        seed=net.seed,
        order=None if order is None or order == net.seed else order,
        scheduled=scheduled,
        extra=extra,
        schedule=schedule,
        epochs=epochs,
    )


def _try(optimizer: Optimizer) -> None:
    """Run the rule once on two weights: what it returns under other names or in other shapes is said here."""
    with np.errstate(all="ignore"):
        w, state = run_numpy(optimizer, np.ones(2), np.ones(2), {}, 1)
    for name, value in {"w": w, **state}.items():
        if np.shape(value) != (2,):
            raise ShapeError(
                "{optimizer}: its rule gives {name} of shape {got} for weights of shape {expected}. Return an array as "
                "long as w.",
                optimizer=type(optimizer).__name__, name=name, got=show(np.shape(value)), expected="(2,)",
            )  # fmt: skip


def _names(optimizer: Optimizer, names: Sequence[str]) -> None:
    """Settings and state stand in the printed program under their own names, which must be free there."""
    for i, name in enumerate(names):
        if name in names[:i] or name in NUMPY or (name in RESERVED and name != "lr"):
            raise ArgumentError(
                "{optimizer}: its setting or state {name!r} has a name that the printed program needs. Try {other!r}.",
                optimizer=type(optimizer).__name__, name=name, other=f"{name}_",
            )  # fmt: skip


def check_counts(epochs: Any, batch_size: Any) -> None:
    """Whole numbers: epochs of at least 0, a batch size of at least 1 or None. Raises DTypeError and ArgumentError."""
    whole(epochs, "epochs", least=0)
    if batch_size is not None:
        whole(batch_size, "batch_size")


def check_clipping(clip_norm: Any, clip_value: Any) -> None:
    """Finite numbers above 0, or None. Raises DTypeError and ArgumentError."""
    for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if value is not None:
            number(value, name, above=0)
