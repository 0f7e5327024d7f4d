"""XOR: why a network needs a nonlinearity, and how soon one with eight hidden units has it right."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

import handgrad as hg
from handgrad import data
from handgrad.demos.stage import Stage
from handgrad.plot import Words, boundaries, curves

EPOCHS = 50


def network(seed: int, hidden: int = 8, curved: bool = True) -> hg.Network:
    """2-hidden-1 with tanh, or without any nonlinearity between its layers."""
    middle = [hg.Tanh()] if curved else []
    return hg.Network([hg.Dense(2, hidden), *middle, hg.Dense(hidden, 1), hg.Sigmoid()], loss=hg.BCE(), seed=seed)


def train(net: hg.Network, X: Any, y: Any, epochs: int = EPOCHS) -> tuple[hg.History, int | None]:
    """Train with all four rows at once; gives the history and the epoch from which on all answers stayed right."""
    history = net.fit(X, y, epochs=epochs, optimizer=hg.Adam(0.1), progress=False)
    wrong = [epoch for epoch, accuracy in zip(history.epochs, history.metric, strict=True) if accuracy < 1]
    last = wrong[-1] + 1 if wrong else 0
    return history, (last + 1 if last < epochs else None)


def show(stage: Stage) -> None:
    """Run the demo."""
    t = stage.t
    stage.open(
        "xor",
        t("XOR: why a network needs a nonlinearity"),
        t("XOR answers 1 when exactly one of its two inputs is 1. No straight line separates its four points, and "
          "layers without a nonlinearity between them draw only one straight line, however many there are. A hidden "
          "layer with tanh bends it."),
    )  # fmt: skip
    X, y = data.xor()
    net = network(0, curved=False)
    straight, best = net, -1
    for seed in stage.seeded(min(stage.count(10), 10), t("without a nonlinearity")):
        train(net.reset(seed), X, y, 200)
        right = int((net.predict(X) == y[:, 0]).sum())
        if right > best:
            straight, best = copy.deepcopy(net), right

    count = stage.count(100)
    reached: list[int | None] = []
    first: tuple[hg.Network, hg.History] | None = None
    net = network(0)
    for seed in stage.seeded(count, t("with tanh")):
        history, epoch = train(net.reset(seed), X, y)
        reached.append(epoch)
        first = first or (copy.deepcopy(net), history)
    assert first is not None
    stage.course(first[1])
    solved = [epoch for epoch in reached if epoch is not None]
    rows: list[tuple[str, str, str, bool | None]] = [
        (t("2-8-1 without a nonlinearity, 200 epochs: most right answers"), t("{k} of {n}", k=best, n=4),
         t("at most {k} of {n}", k=3, n=4), best <= 3),
        (t("2-8-1 with tanh: all answers right within {epochs} epochs", epochs=EPOCHS),
         t("{k} of {n} random seeds", k=len(solved), n=count), t("{k} of {n}", k=count, n=count), len(solved) == count),
    ]  # fmt: skip
    if solved:
        measured = t("{median:g} (latest {latest})", median=float(np.median(solved)), latest=max(solved))
        rows.append((t("epoch from which on all answers are right, median"), measured, "", None))
    stage.results(rows)

    stage.picture("xor-curves", lambda words: curves(first[1], words, log=True, gradients=True))

    def both(words: Words) -> Any:
        t = words.t  # English where no font can write the person's language
        return boundaries([(t("without a nonlinearity"), straight), (t("with tanh"), first[0])], X, y, words)

    stage.picture("xor-boundary", both)
