"""Digits: ten classes of handwritten digits, measured on data that the network has not seen."""

from __future__ import annotations

import numpy as np

import handgrad as hg
from handgrad import data
from handgrad.demos.stage import Stage, percent
from handgrad.nn.metrics import confusion
from handgrad.plot import curves

SPLITS = 5


def show(stage: Stage) -> None:
    """Run the demo; raises MissingDependencyError without scikit-learn, which brings the images."""
    t = stage.t
    table = data.load_set("sklearn:digits")
    X = (
        np.column_stack([table.column(name) for name in table.names if name != table.target]) / 16
    )  # grey levels 0 to 16
    names = list(table.classes or ())
    y = np.array([names.index(label) for label in table.column("target")])
    stage.open(
        "digits",
        t("Digits: ten classes, judged on what the network has not seen"),
        t("{n} images of handwritten digits, 8 by 8 grey levels. A hidden layer of 100 ReLU, and ten outputs that "
          "softmax turns into probabilities. Each image is tested once, by a network that was trained without it: five "
          "splits of 80% to 20% with equal shares of each digit.", n=len(X)),
    )  # fmt: skip
    repeats = stage.count(1)
    parts = [(seed, *rows) for seed in range(repeats) for rows in data.folds(y, SPLITS, seed=seed)]
    scores: list[float] = []
    course: hg.History | None = None
    mistakes = np.zeros((10, 10), int)
    net = hg.Network.parse("64-100:relu-10", loss="cross_entropy")
    for seed, train, test in stage.progress(parts, t("splits"), len(parts)):
        net.reset(seed)
        watched = (X[test], y[test]) if course is None else None
        history = net.fit(X[train], y[train], epochs=20, batch_size=32, optimizer=hg.Adam(0.003), validation=watched,
                          seed=seed, progress=False)  # fmt: skip
        course = course or history
        scores.append(net.score(X[test], y[test]))
        mistakes += confusion(y[test], net.predict(X[test]), 10)
    assert course is not None
    stage.course(course)
    np.fill_diagonal(mistakes, 0)
    worst = np.unravel_index(np.argsort(mistakes, axis=None)[::-1][:3], mistakes.shape)
    pairs = [(names[a], names[b], str(mistakes[a, b])) for a, b in zip(*worst, strict=True) if mistakes[a, b]]
    stage.table(t("Most frequent mistakes"), [t("digit"), t("read as"), t("times")], pairs)
    mean = float(np.mean(scores))
    stage.results([
        (t("test accuracy, mean of {count} splits", count=len(scores)), percent(mean),
         t("at least {share}", share=percent(0.97)), mean >= 0.97),
        (t("worst split"), percent(min(scores)), "", None),
    ])  # fmt: skip
    stage.picture("digits-curves", lambda words: curves(course, words, log=True))
