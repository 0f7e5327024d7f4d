"""PyTorch's opinion: the gradients of a network as its twin in PyTorch works them out."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.bridge.torch_source import Twin, twin
from handgrad.errors import ArgumentError, Phrase, missing
from handgrad.i18n import N_

if TYPE_CHECKING:
    from handgrad.nn.network import Network

Array = Any
LACKING = {  # by what the error of a missing twin is about
    "layer": N_("the layer {layer} names no twin there"),
    "op": N_("the op {op} names no twin there"),
    "loss": N_("the loss {loss} names no twin there"),
}
# what a user's PyTorch expression can raise: it is text that is run
BROKEN = (RuntimeError, TypeError, ValueError, NameError, AttributeError, LookupError, SyntaxError)


def installed() -> bool:
    """Whether PyTorch can be imported; it is not imported for the answer, which would take seconds."""
    return importlib.util.find_spec("torch") is not None


def torch_gradients(net: Network, X: Array, y: Array) -> tuple[dict[str, Array] | None, Phrase | None]:
    """The gradients of the loss on X and y by PyTorch in float64, by the names of `net.gradients`, "input" too.

    They come from the module and the loss that `net.source("torch")` prints. Where a layer, op or loss names no twin,
    or a user's twin fails, there are none, and the second result is the reason. PyTorch's settings and its random
    numbers stay as they were. Raises MissingDependencyError without PyTorch, and what `net.gradients` raises for data
    that does not fit.

    >>> import handgrad as hg, numpy as np
    >>> from handgrad.bridge.compare import installed, torch_gradients
    >>> net = hg.Network.parse("2-3:tanh-1:sigmoid", loss="bce", seed=0)
    >>> X, y = np.ones((4, 2)), [0, 1, 1, 0]
    >>> theirs = torch_gradients(net, X, y)[0] if installed() else net.gradients(X, y)
    >>> all(np.allclose(g, theirs[name], rtol=1e-12) for name, g in net.gradients(X, y).items())
    True
    """
    X, y = net._pair(X, y)
    try:
        import torch
    except ImportError:
        raise missing("PyTorch", "torch") from None
    try:
        made = twin(net, X, y.dtype.kind in "iu")
    except ArgumentError as error:
        about = next((key for key in LACKING if key in error.values), None)
        if about is None:
            raise
        template = LACKING[about]
        return None, Phrase(template, **{about: error.values[about]})
    try:
        # the first weights of nn.Linear are drawn, and people may have asked for another device or for no gradients
        with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.enable_grad():
            return _gradients(torch, net, made, X, y), None
    except BROKEN as error:
        return None, Phrase("its twin there fails: {error}", error=" ".join(str(error).split())[:120])


def _gradients(torch: Any, net: Network, made: Twin, X: Array, y: Array) -> dict[str, Array]:
    space: dict[str, Any] = {"np": np, "torch": torch, "nn": torch.nn, "SEED": net.seed}
    exec(compile(made.text, "<twin in PyTorch>", "exec"), space)  # noqa: S102 - our own printed script
    model = space["network"]().to(torch.float64).eval()
    space["load"](model, net.parameters)
    # weights of a loss come as numbers of the network's width; .to makes float64 of them without another rounding
    criterion = eval(made.make, space).to(torch.float64) if made.make else space["criterion"]  # noqa: S307 - as above
    inputs = torch.tensor(np.asarray(X, np.float64), requires_grad=True)
    target = torch.tensor(y if y.dtype.kind in "iu" else np.asarray(y, np.float64))
    loss = criterion(model(inputs), target.long() if y.dtype.kind in "iu" else target)
    loss = loss / len(X) if made.rows else loss
    loss = loss + space["penalty"](model) if "penalty" in space else loss
    wanted = {**space["named"](model), "input": inputs}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return {
        name: np.zeros(w.shape[::-1] if name != "input" else w.shape) if g is None else _turned(name, g.numpy())
        for (name, w), g in zip(wanted.items(), found, strict=True)
    }


def _turned(name: str, gradient: Array) -> Array:
    """nn.Linear keeps its weight as (outputs, inputs)."""
    return np.array(gradient if name == "input" else gradient.T)
