"""Choices: how to train when a person does not say, and why so. Measured on tables of 40 to 1,800 rows."""

from __future__ import annotations

from dataclasses import dataclass

from handgrad.cli.values import Usage, usage
from handgrad.data import Preparation
from handgrad.errors import ArgumentError, Phrase
from handgrad.nn.losses import Loss, loss_from
from handgrad.train.optimizers import Optimizer, optimizer_from

LOSSES = {"binary": "bce_with_logits", "classes": "cross_entropy", "number": "mse"}
TASKS = {"binary": ("binary", "classes"), "classes": ("classes",), "number": ("values",)}
LEARNING_RATES = {"adam": 0.003, "sgd": 0.1}
UPDATES, LEAST_EPOCHS, MOST_EPOCHS = 2000, 20, 1000
FEW = 20  # rows; fewer are not parted, since a test on three rows says nothing


@dataclass(frozen=True)
class Wishes:
    """What a person asked for; None is left to us. The fields are the options of `handgrad train`."""

    layers: str | None = None
    loss: str | None = None
    optimizer: str | None = None
    lr: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    l2: float | None = None
    test: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Choice:
    """One setting that we chose: the options that would ask for it, and the reason."""

    option: str
    reason: Phrase


@dataclass(frozen=True)
class Plan:
    """All that a training needs beside the data. `form` is the network's short form; `chosen` what was left to us."""

    form: str
    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int
    l2: float
    seed: int
    chosen: tuple[Choice, ...]


def held_out(wishes: Wishes, rows: int) -> tuple[float, Choice | None]:
    """The share of rows kept for the test, and the choice if it was ours."""
    if wishes.test is not None:
        return wishes.test, None
    if rows < FEW:
        reason = Phrase("{rows} rows are too few to part: the results below are those of the training rows", rows=rows)
        return 0.0, Choice("--test 0", reason)
    return 0.2, Choice("--test 0.2", Phrase("a fifth of the rows is kept out of training, to measure on"))


def plan(wishes: Wishes, preparation: Preparation, rows: int) -> Plan:
    """The plan for `rows` training rows prepared so. Raises Usage for wishes that nothing can be made of.

    >>> from handgrad.data import read_table
    >>> table = read_table({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]})
    >>> made = plan(Wishes(epochs=5), Preparation.fit(table, "y"), rows=3)
    >>> made.form, made.loss, made.epochs, [choice.option for choice in made.chosen]
    ('1-32:relu-1', BCEWithLogits(), 5, ['--layers 32:relu', '--loss bce_with_logits', '--optimizer adam',
     '--lr 0.003', '--batch-size 32', '--l2 0.003'])
    """
    chosen: list[Choice] = []

    def ours(option: str, reason: Phrase) -> None:
        chosen.append(Choice(option, reason))

    layers = wishes.layers
    if layers is None:
        layers = "32:relu" if rows < 1000 else "64:relu" if rows < 20_000 else "128:relu-64:relu"
        ours(f"--layers {layers}", Phrase("hidden units enough for {rows} training rows", rows=rows))
    if wishes.loss is None:
        kinds = {
            "binary": Phrase("the target has two classes"),
            "classes": Phrase("the target has {n} classes", n=len(preparation.labels)),
            "number": Phrase("the target is a number"),
        }
        ours(f"--loss {LOSSES[preparation.kind]}", kinds[preparation.kind])
    loss = _loss(wishes.loss or LOSSES[preparation.kind], preparation)
    name = wishes.optimizer or "adam"
    if wishes.optimizer is None:
        ours("--optimizer adam", Phrase("it finds its way without tuning"))
    lr = wishes.lr if wishes.lr is not None else LEARNING_RATES.get(name, 0.003)
    with usage():
        optimizer = optimizer_from(name, lr=lr)
    if wishes.lr is None:
        ours(f"--lr {lr:g}", Phrase("a learning rate that {name} takes well on standardised columns", name=name))
    batch = wishes.batch_size
    if batch is None:
        batch = 32 if rows < 20_000 else 128 if rows < 200_000 else 512
        ours(f"--batch-size {batch}", Phrase("rows for each update"))
    epochs = wishes.epochs
    if epochs is None:
        steps = -(-rows // batch)
        epochs = min(max(round(UPDATES / steps), LEAST_EPOCHS), MOST_EPOCHS)
        ours(f"--epochs {epochs}", Phrase("about {updates} updates of the weights", updates=epochs * steps))
    l2 = wishes.l2
    if l2 is None:
        share, most = (5.0, 0.01) if preparation.kind == "number" else (1.5, 0.003)
        l2 = float(f"{min(most, share / rows):.1g}")
        ours(f"--l2 {l2:g}", Phrase("keeps weights small, more so where rows are few, against overfitting"))
    outputs = len(preparation.labels) if loss.task == "classes" else 1
    hidden = "" if layers in ("none", "") else f"{layers}-"
    end = ":sigmoid" if loss.expects == "probabilities" else ""
    form = f"{len(preparation.inputs)}-{hidden}{outputs}{end}"
    return Plan(form, loss, optimizer, epochs, batch, l2, wishes.seed, tuple(chosen))


def _loss(name: str, preparation: Preparation) -> Loss:
    with usage():
        loss = loss_from(name)
    if loss.task not in TASKS[preparation.kind]:
        fitting = {
            "binary": "bce_with_logits, bce, cross_entropy",
            "classes": "cross_entropy",
            "number": "mse, mae, huber, half_sse",
        }
        raise Usage(
            ArgumentError(
                "--loss {loss}: the target {target!r} is of the kind {kind}, for which this loss is not meant. "
                "Choose one of: {fitting}.",
                loss=name, target=preparation.target.name, kind=preparation.kind, fitting=fitting[preparation.kind],
            )
        )  # fmt: skip
    return loss
