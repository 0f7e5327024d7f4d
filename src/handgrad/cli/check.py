"""`handgrad check`: a stored network's gradients, proven on rows of a table."""

from typing import Annotated, Any

import typer

from handgrad.cli import options
from handgrad.cli.values import whole
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice

ROWS = 64  # enough for every class and most kinks to occur; the work grows with them
EVERY = 3000  # weights; of larger networks some entries are drawn, so that the answer comes within seconds
SAMPLE = 500


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    t = voice.t
    about = t("Prove the gradients of a stored network on rows of a table, by differences and by the complex step.")
    torch_help = t("Compare with PyTorch too; when not given, where it is installed.")
    sample_help = t("Check K random entries; 0 for all of them.")

    @app.command(cls=Verb, help=about, epilog="handgrad check cancer.safetensors patients.csv --sample 50")
    def check(
        file: Annotated[str, options.file_argument(voice)],
        data: Annotated[str, options.data_argument(voice)],
        sample: Annotated[str | None, typer.Option("--sample", metavar="K", help=sample_help)] = None,
        torch: Annotated[bool | None, typer.Option("--torch/--no-torch", help=torch_help)] = None,
        missing: Annotated[str, options.missing_option(voice)] = "error",
        encoding: Annotated[str | None, options.encoding_option(voice)] = None,
        separator: Annotated[str | None, options.separator_option(voice)] = None,
    ) -> int:
        wanted = whole("--sample", sample)
        net = options.network(file, data)
        preparation = options.prepared(net, file)
        table = options.read(data, missing, encoding, separator, schema=preparation.schema(target=True))
        rows = table.take(range(min(ROWS, len(table))))
        X, y = _arrays(net, preparation, rows)
        if wanted is None:
            wanted = 0 if net.slots.size <= EVERY else SAMPLE
        report = net.check(X, y, sample=wanted or None, torch=torch)
        if wanted:
            voice.say(t("On the first {n} rows, {k} random entries:", n=len(rows), k=wanted))
        else:
            voice.say(t("On the first {n} rows, all entries:", n=len(rows)))
        voice.say()
        voice.say(report.text(voice.lang))
        return 0 if report.ok else 1


def _arrays(net: Any, preparation: Any, table: Any) -> tuple[Any, Any]:
    from handgrad.errors import DataError

    X, y = preparation.transform(table)
    if y is None:
        raise DataError(
            "{source} has no column {target!r}, and a gradient needs the right answers. Add it.",
            source=table.source, target=preparation.target.name,
        )  # fmt: skip
    return X, y.reshape(len(y)).astype(int) if net.loss is not None and net.loss.task == "classes" else y
