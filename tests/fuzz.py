"""Random networks: a seeded generator over all layers, losses and optimizers, and the same computation in PyTorch.

The PyTorch side is written here, layer by layer, and shares nothing with handgrad but names: it is what handgrad is
held against. What "equal" means stands in `differences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.errors import DivergedError

FLOOR = 1e-6  # errors are relative to the largest number of the array, and to this where all are smaller
LIMIT = 1e-9
NOISE = 1e-15  # relative, on inputs and weights
LOOSER = 50  # times the change that the noise causes in the reference itself
MOST_LOOSENED = 0.10  # of all networks


@dataclass(frozen=True)
class Trial:
    """One random network with its data and how it is trained."""

    seed: int
    net: hg.Network
    X: Any
    y: Any
    optimizer: hg.Optimizer
    batch_size: int | None
    clip_norm: float | None
    clip_value: float | None
    epochs: int

    def __str__(self) -> str:
        clip = f", clip {self.clip_norm or self.clip_value}" if self.clip_norm or self.clip_value else ""
        penalties = f"l1 {self.net.l1:.3g}, l2 {self.net.l2:.3g}"
        return (
            f"seed {self.seed}: {list(self.net.layers)}, {self.net.loss}, {penalties}, X {self.X.shape}, "
            f"{self.optimizer}, batch {self.batch_size}{clip}, {self.epochs} epochs"
        )


# -- drawing ----------------------------------------------------------------------------------------------------------
def trial(seed: int) -> Trial:
    """The random network of this seed; the same in every run."""
    rng = np.random.default_rng((2024, seed))
    rows = int(rng.integers(1, 9))
    shape = (int(rng.integers(1, 6)),) if rng.random() < 0.75 else tuple(int(n) for n in rng.integers(1, 5, 2))
    layers, width = body(rng, shape)
    head, loss, y = end(rng, rows, width)
    strengths = [float(rng.uniform(1e-3, 0.1)) if rng.random() < 0.3 else 0.0 for _ in range(2)]
    net = hg.Network([*layers, *head], loss, seed=seed, l1=strengths[0], l2=strengths[1])
    net.set_parameters({name: w + rng.normal(0, 0.3, w.shape) for name, w in net.parameters.items()})  # biases as well
    clip = rng.random()
    return Trial(
        seed, net, rng.normal(size=(rows, *shape)), y, optimizer(rng),
        None if rng.random() < 0.4 else int(rng.integers(1, rows + 2)),
        float(rng.uniform(0.05, 2.0)) if clip < 0.25 else None, float(rng.uniform(0.01, 0.5)) if clip > 0.85 else None,
        int(rng.integers(1, 5)),
    )  # fmt: skip


def activation(rng: np.random.Generator) -> hg.Layer:
    name = str(rng.choice([op.name for op in hg.ops.registry.values() if op.traits.get("activation")]))
    settings = {"alpha": float(rng.uniform(0.01, 1.5))} if name in ("leaky_relu", "elu") and rng.random() < 0.5 else {}
    return hg.Activation(name, **settings)


def dense(rng: np.random.Generator, inputs: int, outputs: int) -> hg.Dense:
    return hg.Dense(inputs, outputs, bias=bool(rng.random() < 0.7))


def body(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[list[hg.Layer], int]:
    """Layers from rows of this shape to rows of some width."""
    layers: list[hg.Layer] = []
    if len(shape) == 2:
        if rng.random() < 0.3:
            layers.append(activation(rng))
        if rng.random() < 0.3:  # on the last axis, as nn.Linear does
            layers.append(dense(rng, shape[-1], 3))
            shape = (shape[0], 3)
        layers.append(hg.Flatten())
    width = int(np.prod(shape))
    shared: dict[int, hg.Layer] = {}
    for _ in range(int(rng.integers(0, 5))):
        kind = rng.random()
        if kind < 0.2:
            layers.append(residual(rng, width, depth=int(rng.integers(1, 3)), shared=shared))
        elif kind < 0.35:
            layers.append(shared.setdefault(width, dense(rng, width, width)))
        else:
            wide = int(rng.integers(1, 8))
            layers.append(dense(rng, width, wide))
            width = wide
        if rng.random() < 0.8:
            layers.append(activation(rng))
    return layers, width


def residual(rng: np.random.Generator, width: int, depth: int, shared: dict[int, hg.Layer]) -> hg.Residual:
    inner: list[hg.Layer] = [activation(rng)] if rng.random() < 0.3 else []
    inner.append(dense(rng, width, width) if rng.random() < 0.8 else shared.setdefault(width, dense(rng, width, width)))
    if rng.random() < 0.7:
        inner.append(activation(rng))
    if depth > 1:
        inner.append(residual(rng, width, depth - 1, shared))
    return hg.Residual(inner)


def end(rng: np.random.Generator, rows: int, width: int) -> tuple[list[hg.Layer], hg.Loss, Any]:
    """The last layers, a loss that suits them, and targets."""
    outputs = int(rng.integers(1, 5))
    head: list[hg.Layer] = [dense(rng, width, outputs)]
    how = str(rng.choice(["mean", "sum", "batch_mean"]))
    kind = int(rng.integers(0, 8))
    if kind < 4:
        if rng.random() < 0.3:
            head.append(activation(rng))
        loss = [hg.MSE(reduction=how), hg.MAE(reduction=how), hg.HalfSSE(),
                hg.Huber(float(rng.uniform(0.2, 2.0)), reduction=how)][kind]  # fmt: skip
        y = rng.normal(size=(rows, outputs))
    elif kind < 6:
        y = rng.integers(0, 2, (rows, outputs)) if rng.random() < 0.6 else rng.random((rows, outputs))
        if kind == 4:
            head.append(hg.Sigmoid() if rng.random() < 0.8 else hg.Softmax())
            loss = hg.BCE(reduction=how)
        else:
            loss = hg.BCEWithLogits(float(rng.uniform(0.3, 3)) if rng.random() < 0.5 else None, reduction=how)
    else:
        weights = list(map(float, rng.uniform(0.2, 2.0, outputs))) if rng.random() < 0.5 else None
        loss = hg.CrossEntropy(weights, reduction=how)
        y = rng.integers(0, outputs, rows) if kind == 6 else rng.dirichlet(np.ones(outputs), rows)
    if kind < 6 and outputs == 1 and rng.random() < 0.5:
        y = y.ravel()
    return head, loss, y


def optimizer(rng: np.random.Generator) -> hg.Optimizer:
    decay = float(rng.uniform(0.001, 0.1)) if rng.random() < 0.3 else 0.0
    rate = float(10 ** rng.uniform(-3, -0.5))
    if rng.random() < 0.5:
        betas = (float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.9, 0.9999)))
        return hg.Adam(rate, betas, eps=float(10 ** rng.uniform(-8, -4)), weight_decay=decay)
    momentum = float(rng.uniform(0.1, 0.95)) if rng.random() < 0.6 else 0.0
    return hg.SGD(rate, momentum, nesterov=bool(momentum and rng.random() < 0.5), weight_decay=decay)


# -- handgrad ---------------------------------------------------------------------------------------------------------
def ours(t: Trial) -> dict[str, Any]:
    """Loss, output, every gradient, and the weights and losses of training; no such where training diverged."""
    net = t.net
    found = {"loss": np.asarray(net.loss_value(t.X, t.y)), "output": net.forward(t.X)}
    found |= {f"gradient of {k}": g for k, g in net.gradients(t.X, t.y).items()}
    before = net.parameters
    try:
        history = net.fit(t.X, t.y, epochs=t.epochs, batch_size=t.batch_size, optimizer=t.optimizer,
                          clip_norm=t.clip_norm, clip_value=t.clip_value, progress=False)  # fmt: skip
        found |= {"losses": np.array(history.loss), **{f"trained {k}": w for k, w in net.parameters.items()}}
    except DivergedError as error:
        found["diverged"] = error.step
    net.reset().set_parameters(before)
    return found


# -- PyTorch ----------------------------------------------------------------------------------------------------------
def apply(torch: Any, layer: hg.Layer, x: Any, w: Mapping[str, Any], names: Mapping[int, str]) -> Any:
    """A layer in PyTorch."""
    F = torch.nn.functional
    if isinstance(layer, hg.Dense):
        name = names[id(layer)]
        return F.linear(x, w[f"{name}.weight"].T, w.get(f"{name}.bias"))
    if isinstance(layer, hg.Flatten):
        return x.flatten(1)
    if isinstance(layer, hg.Residual):
        y = x
        for inner in layer.layers:
            y = apply(torch, inner, y, w, names)
        return x + y
    assert layer.op is not None
    table = {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "silu": F.silu, "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "softplus": lambda x: F.softplus(x, threshold=40),
        "leaky_relu": lambda x: F.leaky_relu(x, layer.alpha), "elu": lambda x: F.elu(x, layer.alpha),
        "softmax": lambda x: torch.softmax(x, -1), "log_softmax": lambda x: torch.log_softmax(x, -1),
    }  # fmt: skip
    return table[layer.op.name](x)


def loss_of(torch: Any, loss: hg.Loss, p: Any, y: Any) -> Any:
    """A loss in PyTorch."""
    F = torch.nn.functional
    if isinstance(loss, hg.CrossEntropy):
        weight = None if loss.class_weight is None else torch.tensor(loss.class_weight, dtype=p.dtype)
        if loss.reduction != "batch_mean":
            return F.cross_entropy(p, y, weight, reduction=loss.reduction)
        return F.cross_entropy(p, y, weight, reduction="sum") / len(p)
    if isinstance(loss, hg.HalfSSE):
        return 0.5 * ((p - y) ** 2).sum()
    if isinstance(loss, hg.MSE):
        each = F.mse_loss(p, y, reduction="none")
    elif isinstance(loss, hg.MAE):
        each = F.l1_loss(p, y, reduction="none")
    elif isinstance(loss, hg.Huber):
        each = F.huber_loss(p, y, reduction="none", delta=loss.delta)
    elif isinstance(loss, hg.BCE):
        each = F.binary_cross_entropy(p, y, reduction="none")
    else:
        assert isinstance(loss, hg.BCEWithLogits)
        weight = None if loss.pos_weight is None else torch.tensor(loss.pos_weight, dtype=p.dtype)
        each = F.binary_cross_entropy_with_logits(p, y, pos_weight=weight, reduction="none")
    return {"mean": each.mean, "sum": each.sum, "batch_mean": lambda: each.sum() / len(p)}[loss.reduction]()


def theirs(t: Trial, torch: Any, noise: np.random.Generator | None = None) -> dict[str, Any]:
    """The same in PyTorch, in float64; with `noise`, inputs and weights are off by a relative 1e-15."""
    net = t.net

    def given(a: Any) -> Any:
        a = np.array(a, np.float64)
        return torch.tensor(a if noise is None else a * (1 + NOISE * noise.standard_normal(a.shape)))

    names = {id(layer): name for name, layer in net.slots.layers.items()}
    w = {name: given(a).requires_grad_() for name, a in net.parameters.items()}
    X = given(t.X).requires_grad_()
    labels = isinstance(net.loss, hg.CrossEntropy) and t.y.ndim == 1
    y = torch.tensor(t.y) if labels else torch.tensor(t.y, dtype=torch.float64)

    def run(X: Any, y: Any) -> tuple[Any, Any]:
        x = X
        for layer in net.layers:
            x = apply(torch, layer, x, w, names)
        whole = loss_of(torch, net.loss, x, y if labels else y.reshape(x.shape))
        for name, a in w.items():
            if name.endswith("weight"):
                whole = whole + net.l1 * a.abs().sum() + net.l2 * (a * a).sum()
        return x, whole

    out, loss = run(X, y)
    loss.backward()
    found = {"loss": loss, "output": out, **{f"gradient of {k}": a.grad.clone() for k, a in w.items()},
             "gradient of input": X.grad}  # fmt: skip
    o = t.optimizer
    if isinstance(o, hg.Adam):
        steps = torch.optim.Adam(w.values(), o.lr, o.betas, o.eps, o.weight_decay)
    else:
        assert isinstance(o, hg.SGD)
        steps = torch.optim.SGD(w.values(), o.lr, o.momentum, nesterov=o.nesterov, weight_decay=o.weight_decay)
    X, n = X.detach(), len(X)
    losses = []
    for epoch in range(t.epochs):
        order = np.arange(n) if t.batch_size is None else np.random.default_rng((net.seed, epoch)).permutation(n)
        for first in range(0, n, t.batch_size or n):
            rows = order[first : first + (t.batch_size or n)]
            steps.zero_grad()
            loss = run(X[rows], y[rows])[1]
            losses.append((epoch, len(rows), loss.item()))
            loss.backward()
            if t.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(w.values(), t.clip_norm)
            if t.clip_value is not None:
                torch.nn.utils.clip_grad_value_(w.values(), t.clip_value)
            steps.step()
    found |= {f"trained {k}": a for k, a in w.items()}
    means = [sum(m * x for e, m, x in losses if e == epoch) / n for epoch in range(t.epochs)]
    arrays = {k: a.numpy(force=True) for k, a in found.items()}
    return {**arrays, "losses": np.array(means), "steps": np.array([x for _, _, x in losses])}


# -- comparing --------------------------------------------------------------------------------------------------------
def error(a: Any, b: Any) -> float:
    """max |a - b| / max(max |b|, 1e-6)"""
    assert a.shape == b.shape, f"shape {a.shape} against {b.shape}"
    return float(np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(b), initial=0.0), FLOOR))


def differences(t: Trial, torch: Any) -> tuple[list[str], bool]:
    """What is further from PyTorch than allowed, and whether the limit had to be loosened for this network.

    The limit for an array is 1e-9, or 50 times what 1e-15 of noise on inputs and weights changes in PyTorch's own
    result, if that is more: near a kink, or where Adam divides noise by noise, nobody knows the digits.
    """
    mine, reference = ours(t), theirs(t, torch)
    noisy = theirs(t, torch, np.random.default_rng(t.seed))
    steps = np.abs(reference.pop("steps"))
    if "diverged" in mine:  # then it must be so in PyTorch, at the same step, and what was trained is not compared
        far = 1e6 * max(steps[0], 1e-3)
        assert not steps[mine["diverged"] - 1] <= far, f"{t}: not diverged in PyTorch: {steps}"
        assert (steps[: mine.pop("diverged") - 1] <= far).all(), f"{t}: diverged in PyTorch before: {steps}"
        reference = {k: b for k, b in reference.items() if not k.startswith(("trained", "losses"))}
    assert mine.keys() == reference.keys(), f"{t}: {sorted(mine.keys() ^ reference.keys())}"
    wrong, loosened = [], False
    for name, b in reference.items():
        limit = max(LIMIT, LOOSER * error(noisy[name], b))
        loosened |= limit > LIMIT
        apart = error(mine[name], b)
        if not apart <= limit:
            wrong.append(f"{name} is {apart:.1e} apart (limit {limit:.1e})")
    return wrong, loosened
