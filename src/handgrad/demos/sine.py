"""Sine: a curve fitted too simply, well, and too freely, and what depth does for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import handgrad as hg
from handgrad import data
from handgrad.demos.stage import Stage
from handgrad.i18n import Translator
from handgrad.plot import Words, curves, fits

CASES = [("1-2:tanh-1", 2000, 0.02), ("1-20:tanh-20:tanh-1", 300, 0.01), ("1-40:tanh-40:tanh-1", 3000, 0.01)]


def named(t: Translator, i: int) -> str:
    """What the i-th of CASES is to show."""
    return [
        t("too simple: {net}, {epochs} epochs", net="1-2-1", epochs=2000),
        t("right: {net}, {epochs} epochs", net="1-20-20-1", epochs=300),
        t("too free: {net}, {epochs} epochs", net="1-40-40-1", epochs=3000),
    ][i]


def fitted(spec: str, seed: int, X: Any, y: Any, epochs: int, lr: float) -> tuple[hg.Network, hg.History]:
    """A network trained on X and y with all rows at once, and the course of its training."""
    net = hg.Network.parse(spec, loss="mse", seed=seed)
    return net, net.fit(X, y, epochs=epochs, optimizer=hg.Adam(lr), progress=False)


def error(net: hg.Network, X: Any, y: Any) -> float:
    """The mean squared error."""
    return float(np.mean((net.forward(X) - y) ** 2))


def show(stage: Stage) -> None:
    """Run the demo."""
    t = stage.t
    stage.open(
        "sine",
        t("Sine: a curve fitted too simply, well, and too freely"),
        t("A network with one input is a curve. With too few units it cannot bend often enough: underfitting, a large "
          "error everywhere. With many weights, few points and long training it runs through the noise: overfitting, "
          "no error on the data, and a larger one against the clean sine."),
    )  # fmt: skip
    few = data.sine(30, noise=0.3, seed=0)
    dense = data.sine(600, noise=0)
    tried = []
    rows: list[tuple[str, ...]] = []
    for spec, epochs, lr in stage.progress(CASES, t("30 noisy points"), len(CASES)):
        net = fitted(spec, 0, *few, epochs, lr)[0]
        tried.append(net)
        data_error, clean_error = error(net, *few), error(net, *dense)
        rows.append((named(t, len(rows)), f"{data_error:.4f}", f"{clean_error:.4f}"))
    stage.table(t("Under- and overfitting on 30 noisy points"),
                [t("network"), t("squared error on the data"), t("against the clean sine")], rows)  # fmt: skip

    depths = [
        ("1-160-1", "1-160:tanh-1"),
        ("1-20-20-1", "1-20:tanh-20:tanh-1"),
        ("1-14-14-14-1", "1-14:tanh-14:tanh-14:tanh-1"),
    ]
    each = min(stage.count(3, brief=2), 10)
    rows = []
    for name, spec in depths:
        found, size = [], 0
        for seed in stage.seeded(each, name):
            X, y = data.sine(500, noise=0.1, seed=seed)
            net, _ = fitted(spec, seed, X, y, 1000, 0.01)
            found.append(error(net, X, np.sin(X)))
            size = sum(w.size for w in net.parameters.values())
        rows.append((name, str(size), f"{np.mean(found):.5f}"))
    stage.table(t("Depth: about equally many weights in one, two and three hidden layers, 500 points, 1000 epochs"),
                [t("network"), t("weights"), t("against the clean sine")], rows)  # fmt: skip

    count = stage.count(10)
    found = []
    first: tuple[hg.Network, hg.History, Any, Any] | None = None
    for seed in stage.seeded(count, "1-20-20-1"):
        X, y = data.sine(500, noise=0.1, seed=seed)
        net, history = fitted("1-20:tanh-20:tanh-1", seed, X, y, 1000, 0.01)
        first = first or (net, history, X, y)
        found.append(error(net, X, np.sin(X)))
    assert first is not None
    good = sum(e < 0.01 for e in found)
    stage.results([
        (t("20 + 20 hidden tanh, 500 points, Adam 0.01, 1000 epochs: error against the clean sine below 0.01"),
         t("{k} of {n} random seeds", k=good, n=count), t("{k} of {n}", k=count, n=count), good == count),
        (t("mean and worst of these errors"), f"{np.mean(found):.5f}, {max(found):.5f}", "", None),
    ])  # fmt: skip

    net, history, X, y = first
    stage.picture("sine-curves", lambda words: curves(history, words, log=True))
    stage.picture("sine-fit", lambda words: fits([("", net)], X, y, words, clean=np.sin))

    def three(words: Words) -> Any:
        titled = [(named(words.t, i), net) for i, net in enumerate(tried)]
        return fits(titled, *few, words, clean=np.sin)

    stage.picture("sine-under-overfitting", three)
