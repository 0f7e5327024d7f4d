"""Demos: what `handgrad demo` runs. Each trains before your eyes, says what it teaches, and leaves pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.data.toys import whole
from handgrad.demos import activations, circles, claims, digits, sine, xor
from handgrad.demos.stage import Stage
from handgrad.errors import ArgumentError, MissingDependencyError, UnknownNameError, nearest
from handgrad.i18n import translate_error

if TYPE_CHECKING:
    from rich.console import Console

DEMOS: dict[str, Callable[[Stage], None]] = {
    "xor": xor.show,
    "circles": circles.show,
    "sine": sine.show,
    "activations": activations.show,
    "digits": digits.show,
    "seeds": claims.show,
}
NAMES = (*DEMOS, "all")

__all__ = ["NAMES", "run"]


def run(name: str, *, seeds: int | None = None, out: str | Path | None = None, console: Console | None = None,
        lang: str = "en") -> int:  # fmt: skip
    """Run one demo or all of them; gives 0 if everything that it promises was reached, 1 if not.

    `seeds` is how many random seeds each result is measured with (left out: as many as the demo's promise speaks of).
    Pictures go to the folder `out` (left out: ./handgrad-out), text to `console`, a rich Console.

    Raises UnknownNameError for an unknown demo, ArgumentError for `seeds` that is no whole number of at least 1,
    MissingDependencyError when the demo's data need a library that is not installed; `all` leaves that demo out.
    """
    if name not in NAMES:
        raise UnknownNameError("there is no demo {name!r}. {hint}", name=str(name), hint=nearest(str(name), NAMES))
    if seeds is not None and (not whole(seeds) or seeds < 1):
        raise ArgumentError("seeds must be a whole number of at least 1, got {seeds!r}. Try seeds=10.", seeds=seeds)
    if console is None:
        from rich.console import Console

        console = Console(highlight=False)
    stage = Stage(console, lang, Path(out) if out is not None else Path("handgrad-out"), seeds, brief=name == "all")
    started = time.perf_counter()
    for key in DEMOS if name == "all" else (name,):
        try:
            DEMOS[key](stage)
        except MissingDependencyError as error:
            if name != "all":
                raise
            stage.note(translate_error(error, lang))
    stage.close(time.perf_counter() - started)
    return 0 if stage.kept else 1
