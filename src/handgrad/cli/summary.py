"""`handgrad summary`: what is in a file."""

from typing import Annotated, Any

import typer

from handgrad.cli import options
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    about = voice.t("Show a stored network: layers, weights, and the columns that it reads.")

    @app.command(cls=Verb, help=about, epilog="handgrad summary cancer.safetensors")
    def summary(file: Annotated[str, options.file_argument(voice)]) -> int:
        net = options.network(file)
        voice.say(net.summary().text(voice.lang))
        if net.preparation is not None:
            _columns(net.preparation, voice)
        return 0


def _columns(preparation: Any, voice: Voice) -> None:
    from handgrad.data.wording import listed, shown

    t = voice.t
    voice.say()
    numbers = [shown(f.name) for f in preparation.features if f.kind == "numeric"]
    texts = [f"{shown(f.name)} ({len(f.categories)})" for f in preparation.features if f.kind != "numeric"]
    voice.say(t("Trained on {rows} rows.", rows=preparation.rows))
    if numbers:
        voice.say(t("Columns of numbers ({n}): {names}", n=len(numbers), names=listed(numbers, 300)))
    if texts:
        voice.say(
            t("Columns of text, with their number of categories ({n}): {names}", n=len(texts), names=listed(texts, 300))
        )
    target = preparation.target
    if preparation.kind == "number":
        voice.say(
            t(
                "Predicts {target}: a number, {mean:.4g} on average, standard deviation {std:.4g}.",
                target=shown(target.name),
                mean=target.mean,
                std=target.std,
            )
        )
    else:
        voice.say(
            t("Predicts {target}: one of {labels}.", target=shown(target.name), labels=listed(target.labels, 200))
        )
