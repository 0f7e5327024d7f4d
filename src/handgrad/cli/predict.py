"""`handgrad predict`: a stored network answers for the rows of a table."""

import csv
import io
import sys
from typing import Annotated, Any

import typer

from handgrad.cli import options
from handgrad.cli.values import Usage, free_path
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice

EXAMPLES = """\
handgrad predict cancer.safetensors patients.csv
handgrad predict cancer.safetensors patients.csv --proba --out answers.csv"""


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    t = voice.t
    about = t("Let a stored network answer for the rows of a table; columns are found by name. The result is CSV.")
    proba_help = t("Add the probability of each class.")

    @app.command(cls=Verb, help=about, epilog=EXAMPLES)
    def predict(
        file: Annotated[str, options.file_argument(voice)],
        data: Annotated[str, options.data_argument(voice)],
        out: Annotated[str | None, options.out_option(voice)] = None,
        proba: Annotated[bool, typer.Option("--proba", help=proba_help)] = False,
        force: Annotated[bool, options.force_option(voice)] = False,
        missing: Annotated[str, options.missing_option(voice)] = "error",
        encoding: Annotated[str | None, options.encoding_option(voice)] = None,
        separator: Annotated[str | None, options.separator_option(voice)] = None,
    ) -> int:
        path = free_path("--out", out, force) if out is not None else None
        net = options.network(file, data)
        preparation = options.prepared(net, file)
        if proba and preparation.kind == "number":
            from handgrad.errors import ArgumentError

            raise Usage(
                ArgumentError("--proba: {target!r} is a number, which has no classes. Leave --proba out.",
                              target=preparation.target.name)
            )  # fmt: skip
        table = options.read(data, missing, encoding, separator, schema=preparation.schema())
        _remarks(table, preparation, voice)
        text = _csv(net, preparation, table, proba, numbered=missing == "drop")
        if path is None:
            _print(text, voice)
            return 0
        from handgrad.nn import atomic

        atomic.write(path, text.encode())
        voice.tell(t("{n} predictions are in {path}.", n=len(table), path=path))
        return 0


def _remarks(table: Any, preparation: Any, voice: Voice) -> None:
    """What a person should know about these rows, on stderr, so that the CSV stays clean."""
    from handgrad.data.wording import shown
    from handgrad.errors import Phrase

    t = voice.t
    for notice in table.notices:
        voice.tell(t("Note: {notice}", notice=Phrase(notice.template, **notice.values)))
    for name, count in preparation.unseen(table).items():
        voice.tell(
            t("Note: column {name!r} holds {count} cells with a category that training did not see; it counts as none.",
              name=shown(name), count=count)
        )  # fmt: skip


def _csv(net: Any, preparation: Any, table: Any, proba: bool, numbered: bool) -> str:
    """One line for each row; with `numbered` its line in the file, since rows may have been left out."""
    import numpy as np

    X = preparation.transform_inputs(table)
    answers = np.asarray(preparation.inverse_target(net.predict(X))).ravel()
    columns: list[tuple[str, list[Any]]] = [(preparation.target.name, answers.tolist())]
    if numbered:
        columns.insert(0, (table.unit, table.lines.tolist()))
    if proba:
        p = net.predict_proba(X)
        p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
        columns += [(f"p({label})", [f"{v:.6g}" for v in p[:, k]]) for k, label in enumerate(preparation.labels)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows(zip(*(values for _, values in columns)))
    return text.getvalue()


def _print(text: str, voice: Voice) -> None:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        voice.tell(
            voice.t("Note: this output's encoding ({encoding}) lacks some characters, which become question marks. "
                    "Use --out FILE.", encoding=sys.stdout.encoding)
        )  # fmt: skip
    sys.stdout.write(text)
    sys.stdout.flush()
