"""Report: what a training reached, next to what would be reached without any network."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.cli.choices import Choice
from handgrad.cli.job import Job
from handgrad.cli.voice import Voice
from handgrad.data.wording import listed, shown
from handgrad.errors import Phrase
from handgrad.nn.metrics import confusion

MOST_CLASSES = 12  # a wider matrix does not fit into a terminal


def beginning(job: Job, share: Choice | None, voice: Voice) -> None:
    """Print what the data are, what they become, and what was chosen for the person and why."""
    t, table, preparation = voice.t, job.table, job.preparation
    target = shown(preparation.target.name)
    columns, inputs = len(preparation.features), len(preparation.inputs)
    voice.say(
        t(
            "Data: {source}, {rows} rows, {columns} columns as {inputs} inputs.",
            source=shown(table.source),
            rows=len(table),
            columns=columns,
            inputs=inputs,
        )
    )
    if preparation.kind == "number":
        values = job.truth(np.arange(len(table)))
        voice.say(
            t(
                "Target: {target}, a number from {low:.4g} to {high:.4g}.",
                target=target,
                low=values.min(),
                high=values.max(),
            )
        )
    else:
        counts = np.bincount(job.truth(np.arange(len(table))), minlength=len(preparation.labels))
        each = listed((f"{shown(label, 20)} {count}" for label, count in zip(preparation.labels, counts)), 120)
        voice.say(t("Target: {target}, {n} classes: {each}.", target=target, n=len(preparation.labels), each=each))
    if len(job.test):
        voice.say(t("Rows: {train} for training, {test} for the test.", train=len(job.train), test=len(job.test)))
    for notice in preparation.notices:
        voice.say(t("Note: {notice}", notice=Phrase(notice.template, **notice.values)))
    choices = [*([share] if share else []), *job.plan.chosen]
    if choices:
        voice.say()
        voice.say(t("Chosen for you (give an option to choose otherwise):"))
        left = max(len(choice.option) for choice in choices)
        for choice in choices:
            voice.say(f"  {choice.option.ljust(left)}  {t(choice.reason.template, **choice.reason.values)}")
    voice.say()
    facts = {"form": job.plan.form, "weights": job.net.slots.size}
    if preparation.kind == "number":
        voice.say(t("Training {form} ({weights} weights); R² is that of the training rows:", **facts))
    else:
        voice.say(t("Training {form} ({weights} weights); accuracy is that of the training rows:", **facts))


def results(job: Job, voice: Voice) -> None:
    """Print the metrics on the test rows (the training rows if there are none), a baseline, the confusion matrix."""
    t = voice.t
    rows = job.test if len(job.test) else job.train
    voice.say()
    voice.say(
        t("Results on {n} test rows", n=len(rows))
        if len(job.test)
        else t("Results on the {n} training rows", n=len(rows))
    )
    if job.preparation.kind == "number":
        _number(job, rows, voice)
    else:
        _classes(job, rows, voice)


def _classes(job: Job, rows: Any, voice: Voice) -> None:
    t, labels = voice.t, job.preparation.labels
    truth, answers = job.truth(rows), job.answers(rows)
    most = int(np.bincount(job.truth(job.train), minlength=len(labels)).argmax())
    right = int((truth == answers).sum())
    line = t("  accuracy  {share:.1%}  ({right} of {n} right)", share=right / len(rows), right=right, n=len(rows))
    voice.say(line)
    share = float((truth == most).mean())
    voice.say(
        t(
            "  baseline  {share:.1%}  (always answering {label}, the most frequent class)",
            share=share,
            label=shown(labels[most]),
        )
    )
    matrix = confusion(truth, answers, len(labels))
    voice.say()
    if len(labels) <= MOST_CLASSES:
        _matrix(matrix, [shown(label, 16) for label in labels], voice)
    else:
        _confused(matrix, labels, voice)


def _matrix(matrix: Any, labels: list[str], voice: Voice) -> None:
    table = plain_table()
    t = voice.t
    table.add_column(t("true \\ predicted"), no_wrap=True)
    for label in labels:
        table.add_column(label, justify="right", no_wrap=True, overflow="fold")
    for label, counts in zip(labels, matrix.tolist()):
        table.add_row(label, *(str(count) if count else "·" for count in counts))
    voice.show(table)


def _confused(matrix: Any, labels: Any, voice: Voice) -> None:
    t = voice.t
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    voice.say(t("Most often confused:"))
    for place in np.argsort(-wrong, axis=None, kind="stable")[:5]:
        true, told = divmod(int(place), len(labels))
        if wrong[true, told]:
            voice.say(
                t(
                    "  {true} taken for {told}: {n} times",
                    true=shown(labels[true]),
                    told=shown(labels[told]),
                    n=int(wrong[true, told]),
                )
            )


def _number(job: Job, rows: Any, voice: Voice) -> None:
    t = voice.t
    truth, answers = job.truth(rows), job.answers(rows)
    error = float(np.abs(truth - answers).mean())
    mean = job.preparation.target.mean
    plain = float(np.abs(truth - mean).mean())
    if len(rows) > 1:
        voice.say(
            t("  R²             {score:.3f}  (1 is perfect, 0 is no better than the mean)", score=job.score(rows))
        )
    unit = shown(job.preparation.target.name)
    voice.say(t("  average error  {error:.4g}  in the unit of {unit}", error=error, unit=unit))
    voice.say(
        t("  baseline       {error:.4g}  (always answering the training mean {mean:.4g})", error=plain, mean=mean)
    )


def plain_table() -> Any:
    """A table with little around it: readable in a file and on an old console too."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
