"""Circles: how a decision boundary forms, and what the choice of activation and optimizer does to it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

import handgrad as hg
from handgrad import data
from handgrad.demos.stage import Stage, percent
from handgrad.plot import Words, boundaries, curves

STOPS = (1, 15, 30, 200)  # epochs at which the boundary is drawn


def held_out(seed: int) -> data.Split:
    """1000 points, 80% to train and 20% to test, both drawn from `seed`."""
    X, y = data.circles(n=1000, noise=0.1, factor=0.5, seed=seed)
    return data.split(X, y, test=0.2, seed=seed, stratify=True)


def accuracies(spec: str, seeds: Iterable[int], optimizer: hg.Optimizer, epochs: int) -> list[float]:
    """The test accuracy from each seed, after training with all rows at once."""
    net = hg.Network.parse(spec, loss="bce")
    found = []
    for seed in seeds:
        part = held_out(seed)
        net.reset(seed).fit(part.X_train, part.y_train, epochs=epochs, optimizer=optimizer, progress=False)
        found.append(net.score(part.X_test, part.y_test))
    return found


def show(stage: Stage) -> None:
    """Run the demo."""
    t = stage.t
    stage.open(
        "circles",
        t("Circles: how a decision boundary forms"),
        t("One class lies inside the other. Each hidden unit draws one soft line across the plane, and the output adds "
          "the lines up to a closed curve. Training moves the lines until the curve runs between the circles. The "
          "circles overlap a little: nobody can get more than about 99.35% right."),
    )  # fmt: skip
    part = held_out(0)
    net = hg.Network.parse("2-10:tanh-1:sigmoid", loss="bce", seed=0)
    snapshots: list[tuple[int, hg.Network]] = []

    def keep(net: hg.Network, history: Any, epoch: int) -> None:  # noqa: ARG001 (callbacks get all three)
        if epoch + 1 in STOPS:
            snapshots.append((epoch + 1, copy.deepcopy(net)))

    history = net.fit(part.X_train, part.y_train, epochs=STOPS[-1], optimizer=hg.Adam(0.05), callbacks=[keep],
                      validation=(part.X_test, part.y_test), progress=False)  # fmt: skip
    stage.course(history)

    count = stage.count(20)
    settings: list[tuple[str, str, hg.Optimizer, int, float | None]] = [
        (t("no hidden layer, Adam 0.05, 200 epochs"), "2-1:sigmoid", hg.Adam(0.05), 200, None),
        (t("10 hidden sigmoid, SGD 0.1, 500 epochs"), "2-10:sigmoid-1:sigmoid", hg.SGD(0.1), 500, None),
        (t("10 hidden ReLU, SGD 0.1, 500 epochs"), "2-10:relu-1:sigmoid", hg.SGD(0.1), 500, 0.97),
        (t("10 hidden tanh, Adam 0.05, 200 epochs"), "2-10:tanh-1:sigmoid", hg.Adam(0.05), 200, 0.985),
    ]
    rows: list[tuple[str, str, str, bool | None]] = []
    for name, spec, optimizer, epochs, promised in settings:
        n = count if promised else min(count, stage.count(5, brief=3))
        found = accuracies(spec, stage.seeded(n, name), optimizer, epochs)
        mean = float(np.mean(found))
        measured = t("{mean} (worst of {n}: {worst})", mean=percent(mean), n=n, worst=percent(min(found)))
        wanted = t("at least {share}", share=percent(promised)) if promised else ""
        rows.append((name, measured, wanted, None if promised is None else mean >= promised))
    stage.say(t("Mean test accuracy over several random seeds, each with data, split and weights of its own:"))
    stage.results(rows)

    def forming(words: Words) -> Any:
        titled = [(words.t("epoch {epoch}", epoch=epoch), snapshot) for epoch, snapshot in snapshots]
        return boundaries(titled, part.X_train, part.y_train, words, title=words.t("A boundary forms"))

    stage.picture("circles-curves", lambda words: curves(history, words, log=True))
    stage.picture("circles-boundary", forming)
