"""PyTorch eager, the idiomatic way: nn.Sequential, a loss module, torch.optim, one thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jobs import Array, Job, Run, endless
from torch import nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}
LOSSES: dict[str, Callable[[], Any]] = {
    "bce": nn.BCELoss,
    "mse": nn.MSELoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "half_sse": lambda: lambda prediction, y: 0.5 * ((prediction - y) ** 2).sum(),  # nn has none
}


def network(job: Job) -> nn.Sequential:
    """Build the job's network and load the first weights (PyTorch keeps them transposed)."""
    layers: list[nn.Module] = []
    for W, b, activation in zip(job.parameters[0::2], job.parameters[1::2], job.activations, strict=True):
        linear = nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers.append(linear)
        if activation:
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def weights(model: nn.Sequential) -> list[Array]:
    """Return W1, b1, W2, b2, … as handgrad and the textbook hold them."""
    pairs = ((layer.weight, layer.bias) for layer in model if isinstance(layer, nn.Linear))
    arrays = ((weight.detach().numpy().T, bias.detach().numpy()) for weight, bias in pairs)
    return [np.array(array) for array in itertools.chain.from_iterable(arrays)]


class Eager:
    """PyTorch without compilation, as a peer."""

    name = "torch"

    def prepare(self, job: Job, with_loss: bool) -> Run:
        """Build the network and turn the batches into tensors, outside what is timed."""
        torch.set_num_threads(1)
        model = network(job)
        loss_function = LOSSES[job.loss]()
        parameters = model.parameters()
        optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(parameters, lr=job.lr)
            if job.optimizer == "adam"
            else torch.optim.SGD(parameters, lr=job.lr)
        )
        following = endless([(torch.from_numpy(X), torch.from_numpy(y)) for X, y in job.batches])
        losses: list[float] = []

        def steps(n: int) -> None:
            for X, y in following(n):
                optimizer.zero_grad()
                loss = loss_function(model(X), y)
                loss.backward()
                optimizer.step()
                if with_loss:
                    losses.append(loss.item())

        return Run(steps, lambda: weights(model), losses)


PEERS = [Eager()]
