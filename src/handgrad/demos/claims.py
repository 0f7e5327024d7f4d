"""Claims: what published tutorials say will happen, and what does happen, computed here and now."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

import handgrad as hg
from handgrad import data
from handgrad.demos import xor
from handgrad.demos.circles import accuracies
from handgrad.demos.stage import Stage, percent
from handgrad.errors import DivergedError

Row = tuple[str, str, str, str]  # what, claim, measured, verdict


def two_layers(hidden: int, loss: str, bias: bool = True, squash: bool = True) -> hg.Network:
    """2-hidden-1 with a sigmoid after the hidden layer, and one after the output unless `squash` is off."""
    layers = [hg.Dense(2, hidden, bias=bias), hg.Sigmoid(), hg.Dense(hidden, 1, bias=bias)]
    return hg.Network([*layers, *([hg.Sigmoid()] if squash else [])], loss=loss)


def normal_weights(net: hg.Network, seed: int, he: bool = False) -> hg.Network:
    """Weights as tutorials draw them, W1 then W2 from NumPy's old generator; biases zero."""
    old = np.random.RandomState(seed)
    arrays = {}
    for name, array in sorted(net.parameters.items()):
        if name.endswith("weight"):
            arrays[name] = old.randn(*array.shape) * (math.sqrt(2 / array.shape[0]) if he else 1)
        else:
            arrays[name] = np.zeros(array.shape)
    return net.set_parameters(arrays)


def torch_weights(net: hg.Network, seed: int) -> hg.Network:
    """Weights and biases as torch.nn.Linear draws them: evenly within 1/√inputs."""
    rng = np.random.default_rng(seed)
    arrays, bound = {}, 1.0
    for name, array in net.parameters.items():
        bound = 1 / math.sqrt(array.shape[0]) if name.endswith("weight") else bound
        arrays[name] = rng.uniform(-bound, bound, array.shape)
    return net.set_parameters(arrays)


def solves(net: hg.Network, epochs: int, lr: float) -> bool:
    """Whether plain gradient descent on XOR ends with every output on the right side of one half."""
    X, y = data.xor()
    try:
        net.fit(X, y, epochs=epochs, optimizer=lr, progress=False)
    except DivergedError:
        return False
    return bool((np.abs(net.forward(X) - y) < 0.5).all())


def show(stage: Stage) -> None:
    """Run the demo."""
    t = stage.t
    count = stage.count(100, brief=2)
    stage.open(
        "seeds",
        t("Published claims, and what really happens"),
        t("Tutorials print one run and say: this is what you get. Here each claim is tried again, with {count} random "
          "seeds where chance plays a part. Nothing in this table is stored; every number was computed just now.",
          count=count),
    )  # fmt: skip
    if stage.brief and stage.seeds is None:
        stage.note(t("Among all demos only {count} seeds are used; `handgrad demo seeds` takes 100.", count=count))
    rows: list[Row] = []
    for part in (_worked_numbers, _one_run, _xor_often, _xor_soon, _circles, _sine):
        rows += part(stage, count)
    columns = [t("what"), t("claim"), t("measured"), t("verdict")]
    stage.table(t("Claims and measurements"), columns, rows)


def _verdict(stage: Stage, k: int, n: int) -> str:
    t = stage.t
    return t("holds") if k == n else t("does not hold") if k == 0 else t("depends on the seed")


def _often(stage: Stage, what: str, claim: str, trial: Callable[[int], bool], count: int) -> Row:
    """A claim tried with many random seeds."""
    k = sum(trial(seed) for seed in stage.seeded(count, what))
    return what, claim, stage.t("{k} of {n} random seeds", k=k, n=count), _verdict(stage, k, count) if claim else ""


def _worked_numbers(stage: Stage, count: int) -> Sequence[Row]:  # noqa: ARG001 (one signature for all parts)
    """Numbers worked by hand in which a step was rounded, or done in the wrong order."""
    t = stage.t
    small = hg.Network([hg.Dense(2, 2, bias=False), hg.Sigmoid(), hg.Dense(2, 1, bias=False)], loss="half_sse")
    small.set_parameters({"dense1.weight": [[0.1, 0.2], [0.3, 0.4]], "dense2.weight": [[0.5], [0.6]]})
    output = small.forward([[0.5, 0.1]]).item()

    # Mazur's example; its biases are given and stay as they are
    net = hg.Network([hg.Dense(2, 2), hg.Sigmoid(), hg.Dense(2, 2), hg.Sigmoid()], loss="half_sse")
    biases = {"dense1.bias": [0.35, 0.35], "dense2.bias": [0.6, 0.6]}
    net.set_parameters(
        {"dense1.weight": [[0.15, 0.25], [0.2, 0.3]], "dense2.weight": [[0.4, 0.5], [0.45, 0.55]], **biases}
    )
    X, y = [[0.05, 0.1]], [[0.01, 0.99]]
    net.train_step(X, y, 0.5)
    net.set_parameters({**net.parameters, **biases})
    error = net.loss_value(X, y)
    return [
        (t("2-2-1 worked by hand: output"), "0.58095", f"{output:.7f}", _same(stage, output, 0.58095, 5)),
        (
            t("2-2-2 worked by hand: error after one update"),
            "0.291027924",
            f"{error:.9f}",
            _same(stage, error, 0.291027924, 9),
        ),
    ]


def _same(stage: Stage, measured: float, claimed: float, digits: int) -> str:
    t = stage.t
    return t("holds") if round(measured, digits) == claimed else t("does not hold")


def _one_run(stage: Stage, count: int) -> Sequence[Row]:  # noqa: ARG001
    """Printed runs that can be repeated exactly: their generator and its seed are known."""
    t = stage.t
    X, y = data.xor()
    net = normal_weights(two_layers(2, "half_sse"), 42)
    history = net.fit(X, y, epochs=10_000, optimizer=0.1, progress=False)
    outputs = net.forward(X)[:, 0]
    square = [history.loss[epoch] * 2 / len(X) for epoch in (0, 9000)]  # half the sum is trained, the mean is printed
    claimed = np.array([0.021, 0.981, 0.981, 0.018])
    steep = normal_weights(two_layers(8, "mse", squash=False), 42, he=True)
    first = steep.loss_value(X, y)
    steep.fit(X, y, epochs=5000, optimizer=1.0, progress=False)
    last = steep.loss_value(X, y)
    return [
        (t("XOR, 2-2-1 sigmoid, NumPy's old generator from 42, rate 0.1: loss at epochs 0 and 9000"), "0.3330, 0.0098",
         f"{square[0]:.4f}, {square[1]:.4f}",
         t("holds") if [round(s, 4) for s in square] == [0.3330, 0.0098] else t("does not hold")),
        (t("the same run: its four outputs after 10,000 epochs"), " ".join(f"{p:.3f}" for p in claimed),
         " ".join(f"{p:.3f}" for p in outputs),
         t("holds") if np.array_equal(outputs.round(3), claimed) else t("does not hold")),
        (t("XOR, 2-8-1 with linear output, the same generator, rate 1.0, 5000 epochs: loss"), t("falls"),
         t("from {first:.3g} to {last:.3g}", first=first, last=last),
         t("holds") if last < first else t("does not hold")),
    ]  # fmt: skip


def _xor_often(stage: Stage, count: int) -> Sequence[Row]:
    """The networks that tutorials train on XOR, from many random seeds."""
    t = stage.t
    learns = t("learns XOR")

    def slowly(hidden: int, bias: bool = True) -> Callable[[int], bool]:
        return lambda seed: solves(normal_weights(two_layers(hidden, "half_sse", bias=bias), seed), 10_000, 0.1)

    def linear_output(rate: float) -> Callable[[int], bool]:
        return lambda seed: solves(normal_weights(two_layers(8, "mse", squash=False), seed, he=True), 5000, rate)

    def from_torch(seed: int) -> bool:
        return solves(torch_weights(two_layers(4, "mse"), seed), 10_000, 0.1)

    rows = [
        _often(stage, t("XOR, 2-2-1 sigmoid, rate 0.1, 10,000 epochs"), learns, slowly(2), count),
        _often(stage, t("XOR, 2-4-1 sigmoid, rate 0.1, 10,000 epochs"), learns, slowly(4), count),
        _often(stage, t("XOR, 2-4-1 sigmoid without biases, rate 0.1, 10,000 epochs"), learns, slowly(4, False), count),
        _often(stage, t("XOR, 2-4-1 sigmoid, weights drawn as in PyTorch, mean squared error, rate 0.1, 10,000 epochs"),
               learns, from_torch, count),
        _often(stage, t("XOR, 2-8-1 with linear output, mean squared error, rate 1.0, 5000 epochs"), learns,
               linear_output(1.0), count),
        _often(stage, t("the same at rate 0.5"), "", linear_output(0.5), count),
    ]  # fmt: skip
    sizes = [sum(w.size for w in two_layers(4, "mse", bias=bias).parameters.values()) for bias in (False, True)]
    same = t("one network in NumPy and in PyTorch")
    return [*rows, (same, t("equally many weights"), t("{a} and {b}", a=sizes[0], b=sizes[1]),
                    t("holds") if sizes[0] == sizes[1] else t("does not hold"))]  # fmt: skip


def _xor_soon(stage: Stage, count: int) -> Sequence[Row]:
    """XOR within 50 epochs: it depends on the width."""
    t = stage.t
    X, y = data.xor()

    def soon(hidden: int) -> Callable[[int], bool]:
        return lambda seed: xor.train(xor.network(seed, hidden), X, y)[1] is not None

    claim = t("100% within 50 epochs")
    return [
        _often(stage, t("XOR, 2-2-1 tanh, Adam 0.1"), claim, soon(2), count),
        _often(stage, t("XOR, 2-8-1 tanh, Adam 0.1"), claim, soon(8), count),
    ]


def _circles(stage: Stage, count: int) -> Sequence[Row]:
    """Circles with ten hidden units: it depends on the activation."""
    t = stage.t
    rows: list[Row] = []
    for kind in ("relu", "tanh", "sigmoid"):
        what = t("circles, 10 hidden {kind}, SGD 0.1, 500 epochs: mean test accuracy", kind=kind)
        found = accuracies(f"2-10:{kind}-1:sigmoid", stage.seeded(count, what), hg.SGD(0.1), 500)
        mean = float(np.mean(found))
        measured = t("{mean} over {n} seeds", mean=percent(mean), n=count)
        rows.append(
            (what, t("about {share}", share="95%"), measured, t("holds") if mean >= 0.94 else t("does not hold"))
        )
    return rows


def _sine(stage: Stage, count: int) -> Sequence[Row]:
    """The sine with 20 + 20 hidden units: it depends on the optimizer and on patience."""
    t = stage.t

    def below(optimizer: hg.Optimizer, epochs: int, batch_size: int | None) -> Callable[[int], bool]:
        def trial(seed: int) -> bool:
            X, y = data.sine(500, noise=0.1, seed=seed)
            net = hg.Network.parse("1-20:tanh-20:tanh-1", loss="mse", seed=seed)
            net.fit(X, y, epochs=epochs, batch_size=batch_size, optimizer=optimizer, progress=False)
            return float(np.mean((net.forward(X) - np.sin(X)) ** 2)) < 0.01

        return trial

    claim = t("error below {bound}", bound="0.01")
    few = min(count, 20)  # each takes a while
    return [
        _often(stage, t("sine, 20 + 20 hidden tanh, SGD 0.1 in batches of 32, 500 epochs"), claim,
               below(hg.SGD(0.1), 500, 32), few),
        _often(stage, t("sine, 20 + 20 hidden tanh, Adam 0.01, all at once, 1000 epochs"), claim,
               below(hg.Adam(0.01), 1000, None), few),
    ]  # fmt: skip
