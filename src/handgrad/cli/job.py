"""Job: from the rows of a table to a trained network and what it reaches on rows it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.cli.choices import Plan, Wishes, plan
from handgrad.cli.values import usage
from handgrad.data import Preparation, Table, split_rows
from handgrad.nn.metrics import r2
from handgrad.nn.network import Network

Array = NDArray[Any]


@dataclass(frozen=True)
class Job:
    """A network about to be trained on some rows of a table, the preparation fitted on those rows only.

    X (N, inputs) and y are all rows of the table, prepared; `train` and `test` are row numbers.
    """

    table: Table
    preparation: Preparation
    plan: Plan
    net: Network
    X: Array
    y: Array
    train: Array
    test: Array

    def fit(self, callbacks: Sequence[Any] = ()) -> Any:
        """Train; gives the History."""
        return self.net.fit(
            self.X[self.train], self.y[self.train], epochs=self.plan.epochs, batch_size=self.plan.batch_size,
            optimizer=self.plan.optimizer, seed=self.plan.seed, callbacks=callbacks,
        )  # fmt: skip

    def truth(self, rows: Array) -> Array:
        """What the table says: class numbers (N,), or numbers in the column's unit (N,)."""
        if self.preparation.kind == "number":
            return np.asarray(self.preparation.inverse_target(self.y[rows])).ravel()
        return self.y[rows].reshape(len(rows)).astype(np.int64)

    def answers(self, rows: Array) -> Array:
        """What the network says, as `truth` does."""
        found = self.net.predict(self.X[rows])
        if self.preparation.kind == "number":
            return np.asarray(self.preparation.inverse_target(found)).ravel()
        return np.asarray(found).reshape(len(rows))

    def score(self, rows: Array) -> float:
        """Accuracy for classes, R² for numbers."""
        truth, answers = self.truth(rows), self.answers(rows)
        if self.preparation.kind == "number":
            return r2(truth[:, None], answers[:, None])
        return float((truth == answers).mean())


def recognised(table: Table, target: str | None, kind: str = "auto", ignore: Sequence[str] = ()) -> Preparation:
    """The preparation of the whole table: tells the kind of the target before rows are parted."""
    return Preparation.fit(table, target, kind=kind, ignore=ignore)


def parted(table: Table, whole: Preparation, share: float, seed: int) -> tuple[Array, Array]:
    """Row numbers for training and for the test; classes keep their shares. A share of 0 leaves no test rows."""
    if not share:
        return np.arange(len(table)), np.arange(0)
    labels = None
    if whole.kind != "number":
        encoded = whole.transform(table)[1]
        labels = None if encoded is None else encoded.reshape(len(table))
    return split_rows(len(table), share, seed, labels)


def job(table: Table, whole: Preparation, train: Array, test: Array, wishes: Wishes,
        ignore: Sequence[str] = ()) -> Job:  # fmt: skip
    """The job on these rows. Raises Usage for layers that make no network, DataError as `Preparation` does."""
    preparation = Preparation.fit(table, whole.target.name, rows=train, kind=whole.kind, ignore=ignore)
    made = plan(wishes, preparation, len(train))
    with usage():
        net = Network.parse(made.form, loss=made.loss, seed=made.seed, l2=made.l2)
    X, y = preparation.transform(table)
    assert y is not None  # the target was found when the preparation was fitted
    if made.loss.task == "classes":
        y = y.reshape(len(y)).astype(np.int64)
    net.preparation = preparation
    return Job(table, preparation, made, net, X, y, np.asarray(train), np.asarray(test))
