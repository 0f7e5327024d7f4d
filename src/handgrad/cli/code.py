"""`handgrad code`: the program that trains a stored network, to read and to run."""

from typing import Annotated, Any

import typer

from handgrad.cli import options
from handgrad.cli.values import free_path, number, one_of, usage, whole
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice

EXAMPLES = """\
handgrad code cancer.safetensors --to numpy
handgrad code cancer.safetensors --to torch --out cancer.py"""


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    t = voice.t
    to_help = t("numpy or torch; numpy when not given.")
    about = t("Print the program that trains a stored network: the NumPy script that ran, or its twin in PyTorch.")

    @app.command(cls=Verb, help=about, epilog=EXAMPLES)
    def code(
        file: Annotated[str, options.file_argument(voice)],
        to: Annotated[str, typer.Option("--to", metavar="LIBRARY", help=to_help)] = "numpy",
        out: Annotated[str | None, options.out_option(voice)] = None,
        force: Annotated[bool, options.force_option(voice)] = False,
        optimizer: Annotated[str | None, typer.Option("--optimizer", metavar="NAME", help=t(
            "adam or sgd; the one that trained the network when not given."))] = None,
        lr: Annotated[str | None, typer.Option("--lr", metavar="X", help=t("Learning rate."))] = None,
        batch_size: Annotated[str | None, typer.Option("--batch-size", metavar="N", help=t(
            "Rows for each update."))] = None,
    ) -> int:  # fmt: skip
        one_of("--to", to, ("numpy", "torch"))
        rate = number("--lr", lr, "0.01", above=0)
        size = whole("--batch-size", batch_size, least=1)
        path = free_path("--out", out, force) if out is not None else None
        net = options.network(file)
        text = net.source(to, _optimizer(net, optimizer, rate), batch_size=size)
        if path is None:
            voice.say(text.rstrip("\n"))
            return 0
        from handgrad.nn import atomic

        atomic.write(path, text.encode())
        voice.tell(
            t(
                "The program is in {path}. Run it: python {path} data.npz, with the arrays X and y in data.npz, as "
                "`handgrad train --arrays data.npz` stores them.",
                path=path,
            )
        )
        return 0


def _optimizer(net: Any, name: str | None, lr: float | None) -> Any:
    """The optimizer that was asked for; else the one that the file remembers, with another rate where one is given."""
    from handgrad.cli.choices import LEARNING_RATES
    from handgrad.train.optimizers import SGD, Optimizer, optimizer_from

    if name is not None:
        with usage():
            return optimizer_from(name, lr=lr if lr is not None else LEARNING_RATES.get(name, 0.01))
    kept = net.training_state.get("optimizer")
    if lr is None and kept is not None:
        return None  # what trained it, with its batches, epochs and order
    if kept is None:
        return SGD(lr if lr is not None else LEARNING_RATES["sgd"])
    return Optimizer.from_spec({**kept, **({"lr": lr} if lr is not None else {})}, "training.optimizer")
