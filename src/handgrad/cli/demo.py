"""`handgrad demo`: small lessons that train before your eyes."""

from pathlib import Path
from typing import Annotated

import typer

from handgrad.cli.values import Usage, one_of, whole
from handgrad.cli.verb import Verb
from handgrad.cli.voice import Voice

NAMES = ("xor", "circles", "sine", "activations", "digits", "seeds", "all")
EXAMPLES = """\
handgrad demo xor
handgrad demo xor --seeds 100
handgrad demo all --out pictures"""


def add(app: typer.Typer, voice: Voice) -> None:
    """Put the verb into the app."""
    t = voice.t
    about = t("Watch small networks learn: each demo says what it teaches, and leaves pictures.")
    name_help = t("xor, circles, sine, activations, digits, seeds, or all; all when not given.")
    seeds_help = t("Repeat with this many random seeds, and report how often the result is reached.")
    out_help = t("Folder for the pictures.")

    @app.command(cls=Verb, help=about, epilog=EXAMPLES)
    def demo(
        name: Annotated[str, typer.Argument(metavar="NAME", help=name_help)] = "all",
        seeds: Annotated[str | None, typer.Option("--seeds", metavar="N", help=seeds_help)] = None,
        out: Annotated[str | None, typer.Option("--out", metavar="FOLDER", help=out_help)] = None,
    ) -> int:
        one_of("NAME", name, NAMES)
        count = whole("--seeds", seeds, least=1)
        folder = Path(out) if out is not None else None
        if folder is not None and folder.exists() and not folder.is_dir():
            from handgrad.errors import FileError

            raise Usage(FileError("--out {path} is a file: pictures need a folder. Name one.", path=out))
        from handgrad import demos

        return demos.run(name, seeds=count, out=folder, console=voice.console, lang=voice.lang)
