"""`handgrad train`: a table becomes a trained network."""

from pathlib import Path
from typing import Annotated, Any

import typer

from handgrad.cli import options
from handgrad.cli.values import Usage, free_path, number, one_of, whole, word
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice

KINDS = ("auto", "binary", "classes", "number")
EXAMPLES = """\
handgrad train sklearn:breast_cancer --save cancer.safetensors
handgrad train houses.csv --target price --ignore id --save houses.safetensors
handgrad train houses.csv --target price --layers 64:relu-32:tanh --lr 0.01 --epochs 200"""


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    t = voice.t
    about = t("Train a network on a table, and see how well it does on rows it has not seen.")

    @app.command(cls=Verb, help=about, epilog=EXAMPLES)
    def train(
        data: Annotated[str, options.data_argument(voice)],
        target: Annotated[str | None, typer.Option("--target", metavar="COLUMN", help=t(
            "The column to learn to predict; not needed for sklearn: sets and files with X and y."))] = None,
        layers: Annotated[str | None, typer.Option("--layers", metavar="SIZES", help=t(
            "Hidden layers, such as 16:relu-8:relu; none for a linear model. "
            "Inputs and outputs follow from the data."))] = None,
        loss: Annotated[str | None, typer.Option("--loss", metavar="NAME", help=t(
            "bce_with_logits, bce or cross_entropy for classes; mse, mae or huber for numbers."))] = None,
        optimizer: Annotated[str | None, typer.Option("--optimizer", metavar="NAME", help=t("adam or sgd."))] = None,
        lr: Annotated[str | None, typer.Option("--lr", metavar="X", help=t("Learning rate."))] = None,
        epochs: Annotated[str | None, typer.Option("--epochs", metavar="N", help=t(
            "How many times to go through the training rows."))] = None,
        batch_size: Annotated[str | None, typer.Option("--batch-size", metavar="N", help=t(
            "Rows for each update."))] = None,
        l2: Annotated[str | None, typer.Option("--l2", metavar="X", help=t(
            "Adds X times the sum of squared weights to the loss, against overfitting."))] = None,
        seed: Annotated[str, typer.Option("--seed", metavar="N", help=t(
            "Decides first weights, shuffling and test rows; 0 when not given. "
            "The same seed gives the same network."))] = "0",
        test: Annotated[str | None, typer.Option("--test", metavar="SHARE", help=t(
            "Share of the rows that is kept out of training to measure on; 0 for none."))] = None,
        save: Annotated[str | None, typer.Option("--save", metavar="FILE", help=t(
            "Store the network, and how the table was prepared, as safetensors."))] = None,
        arrays: Annotated[str | None, typer.Option("--arrays", metavar="FILE", help=t(
            "Store the prepared training rows too, as X and y (NPZ): "
            "the program that `handgrad code` prints reads them."))] = None,
        force: Annotated[bool, options.force_option(voice)] = False,
        kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=t(
            "What the target is: binary, classes or number; found by looking when not given."))] = "auto",
        missing: Annotated[str, options.missing_option(voice)] = "error",
        encoding: Annotated[str | None, options.encoding_option(voice)] = None,
        separator: Annotated[str | None, options.separator_option(voice)] = None,
        ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="COLUMN", help=t(
            "A column to leave out; may be given several times."))] = None,
    ) -> int:  # fmt: skip
        from handgrad.cli.choices import Wishes

        wishes = Wishes(
            layers=layers,
            loss=loss,
            optimizer=optimizer,
            lr=number("--lr", lr, "0.01", above=0),
            epochs=whole("--epochs", epochs, least=1),
            batch_size=whole("--batch-size", batch_size, least=1),
            l2=number("--l2", l2, "0.001"),
            test=number("--test", test, "0.2", below=1),
            seed=whole("--seed", seed) or 0,
        )
        one_of("--kind", kind, KINDS)
        path = free_path("--save", save, force) if save is not None else None
        rows = free_path("--arrays", arrays, force) if arrays is not None else None
        table = options.read(data, missing, encoding, separator, ignore=ignore or ())
        work = _planned(table, target, wishes, kind, ignore or [], voice)
        _taught(work, path, voice)
        if rows is not None:
            _stored(work, rows)
        reading = {
            "--missing": missing if missing != "error" else None,
            "--encoding": encoding,
            "--separator": separator,
        }
        _goodbye(data, reading, path, voice)
        return 0


def _planned(table: Any, target: str | None, wishes: Any, kind: str, ignore: list[str], voice: Voice) -> Any:
    """Part and prepare the table, choose what was not asked for, and say all of it."""
    from handgrad.cli.choices import held_out
    from handgrad.cli.job import job, parted, recognised
    from handgrad.cli.report import beginning
    from handgrad.data.wording import listed
    from handgrad.errors import ArgumentError

    if target is None and table.target is None:
        raise Usage(
            ArgumentError(
                "--target is missing: say which column of {source} to predict. It has: {names}.",
                source=table.source, names=listed(table.names, 150),
            )
        )  # fmt: skip
    seen = recognised(table, target, kind, ignore)
    share, choice = held_out(wishes, len(table))
    rows, kept = parted(table, seen, share, wishes.seed)
    work = job(table, seen, rows, kept, wishes, ignore)
    beginning(work, choice, voice)
    return work


def _taught(work: Any, path: Path | None, voice: Voice) -> None:
    """Train, save, report. Ctrl-C saves what there is, unless that would replace a finished network."""
    from handgrad.cli.progress import watched
    from handgrad.cli.report import results

    try:
        watched(work, voice)
    except KeyboardInterrupt:
        done = len(work.net.history.loss) if work.net.history is not None else 0
        if path is not None and done and not path.exists():
            work.net.save(path)
            voice.tell(voice.t("The network as it is after {epochs} epochs is in {path}.", epochs=done, path=path))
        raise
    if path is not None:
        work.net.save(path)
    results(work, voice)


def _stored(work: Any, path: Path) -> None:
    """The rows that the network was trained on, as it saw them."""
    import io

    import numpy as np

    from handgrad.nn import atomic

    file = io.BytesIO()
    np.savez(file, X=work.X[work.train], y=work.y[work.train])
    atomic.write(path, file.getvalue())


def _goodbye(data: str, reading: dict[str, str | None], path: Path | None, voice: Voice) -> None:
    """Where the network is, and what to do next, with the options that this table needs."""
    t = voice.t
    voice.say()
    if path is None:
        voice.say(
            t("The network is not stored. The same command with --save FILE gives the same network and keeps it.")
        )
        return
    voice.say(t("The network is in {path}. Next:", path=path))
    file, source = word(str(path)), word(data)
    source += "".join(f" {option} {word(value)}" for option, value in reading.items() if value is not None)
    voice.say(f"  handgrad predict {file} {source}")
    voice.say(f"  handgrad check {file} {source}")
    voice.say(f"  handgrad code {file} --to numpy")
