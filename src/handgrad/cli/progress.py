"""Progress: a network seen learning, as a bar in a terminal and as lines everywhere else."""

from __future__ import annotations

import sys
from typing import Any

from handgrad.cli.job import Job
from handgrad.cli.voice import Voice

LINES = 8


def watched(job: Job, voice: Voice) -> Any:
    """Train; gives the History. In a terminal the bar of `fit` runs, and the lines follow it.

    Elsewhere each line is printed when its epoch is done, so that a log file grows while training runs.
    """
    epochs = job.plan.epochs
    marks = sorted({max(1, round(epochs * k / LINES)) for k in range(1, LINES + 1)} | {1})

    def line(net: Any, history: Any, epoch: int) -> None:  # noqa: ARG001 (what fit calls)
        if epoch + 1 in marks:
            _line(job, history, epoch, len(history.metric) - 1, voice)

    if not sys.stderr.isatty():
        return job.fit([line])
    history = job.fit()
    for mark in marks:
        _line(job, history, mark - 1, history.at(mark - 1), voice)
    return history


def _line(job: Job, history: Any, epoch: int, place: int, voice: Voice) -> None:
    t, width = voice.t, len(str(job.plan.epochs))
    facts = {
        "epoch": str(epoch + 1).rjust(width),
        "epochs": job.plan.epochs,
        "loss": history.loss[epoch],
        "metric": history.metric[place],
    }
    if job.preparation.kind == "number":
        voice.say(t("  epoch {epoch}/{epochs}  loss {loss:.5f}  R² {metric:.3f}", **facts))
    else:
        voice.say(t("  epoch {epoch}/{epochs}  loss {loss:.5f}  accuracy {metric:.1%}", **facts))
