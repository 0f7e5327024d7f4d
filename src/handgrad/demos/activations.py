"""Activations: the same network and training with one choice changed, and what each lets through of the gradient."""

from __future__ import annotations

import numpy as np

import handgrad as hg
from handgrad.demos.circles import held_out
from handgrad.demos.stage import Stage, percent
from handgrad.plot import compare

KINDS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu")
DEPTH = 10


def passed(kind: str, seed: int) -> float:
    """The second layer's gradient in a deep network before training, as a multiple of the last hidden layer's."""
    part = held_out(seed)
    hidden = "-".join(f"16:{kind}" for _ in range(DEPTH))
    net = hg.Network.parse(f"2-{hidden}-1:sigmoid", loss="bce", seed=seed)
    gradients = net.gradients(part.X_train, part.y_train)
    return float(np.linalg.norm(gradients["dense2.weight"]) / np.linalg.norm(gradients[f"dense{DEPTH}.weight"]))


def show(stage: Stage) -> None:
    """Run the demo."""
    t = stage.t
    stage.open(
        "activations",
        t("Activations compared"),
        t("The circles again: same data, same 2-10-1 network, same training (Adam 0.02, 200 epochs); only the "
          "activation differs. The slope of the sigmoid is at most 1/4, so that a gradient dies out on its way back "
          "through many layers. The last column shows it: the gradient in the second of {depth} hidden layers, as a "
          "multiple of the one in the last.", depth=DEPTH),
    )  # fmt: skip
    count = stage.count(5, brief=2)
    rows: list[tuple[str, str, str, str]] = []
    histories: dict[str, hg.History] = {}
    means: dict[str, float] = {}
    shares: dict[str, float] = {}
    for kind in KINDS:
        net = hg.Network.parse(f"2-10:{kind}-1:sigmoid", loss="bce")
        scores: list[float] = []
        soon: list[int | None] = []
        for seed in stage.seeded(count, kind):
            part = held_out(seed)
            history = net.reset(seed).fit(
                part.X_train, part.y_train, epochs=200, optimizer=hg.Adam(0.02), progress=False
            )
            histories.setdefault(kind, history)
            scores.append(net.score(part.X_test, part.y_test))
            soon.append(next((e + 1 for e, m in zip(history.epochs, history.metric, strict=True) if m >= 0.95), None))
        in_time = [epoch for epoch in soon if epoch is not None]
        median = f"{np.median(in_time):g}" if len(in_time) == count else t("{k} of {n} do", k=len(in_time), n=count)
        means[kind], shares[kind] = float(np.mean(scores)), float(np.median([passed(kind, s) for s in range(count)]))
        rows.append((kind, percent(means[kind]), median, f"{shares[kind]:.2g}"))
    stage.table(t("{count} random seeds each", count=count),
                [t("activation"), t("test accuracy"), t("epochs to 95%, median"), t("gradient that arrives")],
                rows)  # fmt: skip
    least = min(means, key=lambda kind: means[kind])
    stage.results([
        (t("least accurate activation here: {kind}", kind=least), percent(means[least]),
         t("at least {share}", share=percent(0.98)), means[least] >= 0.98),
        (t("gradient after {depth} sigmoid layers", depth=DEPTH), f"{shares['sigmoid']:.2g}",
         t("below {bound}", bound="0.001"), shares["sigmoid"] < 1e-3),
    ])  # fmt: skip
    stage.picture("activations-curves", lambda words: compare(histories, words))
