"""Progress: a bar in the terminal or notebook while training runs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(total: int, wanted: bool | None = None) -> Iterator[Callable[[int, float], None]]:
    """A function to call as `show(done, loss)`; it draws at most ten times a second, and nothing without a terminal.

    `wanted` None decides by itself: a bar appears on a terminal or in a notebook when training takes over half a
    second.
    """
    if wanted is False or (wanted is None and not (sys.stderr.isatty() or "ipykernel" in sys.modules)):
        yield _nothing
        return
    started = last = time.monotonic()
    shown = None

    def show(done: int, loss: float) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - last < 0.1 and done < total:
            return
        last = now
        if shown is None:
            if now - started < 0.5 and not wanted:
                return
            shown = _make(total)
        progress, task = shown
        progress.update(task, completed=done, loss=loss)

    try:
        yield show
    finally:
        if shown is not None:
            shown[0].stop()


def _nothing(_done: int, _loss: float) -> None:
    """Where nobody looks, nothing is drawn."""


def _make(total: int):  # type: ignore[no-untyped-def]
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.5g}"), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    progress.start()
    return progress, progress.add_task("", total=total, loss=float("nan"))
