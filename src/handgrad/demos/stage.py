"""The stage: how a demo speaks, shows progress, promises, and leaves pictures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from handgrad.errors import FileError, MissingDependencyError
from handgrad.i18n import Translator, translate_error, translator
from handgrad.i18n.columns import wrapped
from handgrad.plot import Words, save, words

if TYPE_CHECKING:
    from rich.console import Console

    from handgrad.train.history import History

T = TypeVar("T")


@dataclass(eq=False)
class Stage:
    """What a demo acts on.

    `seeds` is what the person asked for (None: the demo's own number), `brief` whether it runs among all others.
    `promises` collects what was promised: (demo, what, measured, promised, kept).
    """

    console: Console
    lang: str
    out: Path
    seeds: int | None = None
    brief: bool = False
    promises: list[tuple[str, str, str, str, bool]] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    demo: str = ""

    @cached_property
    def t(self) -> Translator:
        """`t("template", name=value)` in the person's language."""
        return translator(self.lang)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return all(row[-1] for row in self.promises)

    # -- speaking -------------------------------------------------------------------------------------------------
    def open(self, demo: str, title: str, *paragraphs: str) -> None:
        """Begin a demo: its title and what it teaches."""
        from rich.rule import Rule

        self.demo = demo
        self.console.print(Rule(f"[bold]{title}[/bold]", align="left"))
        for text in paragraphs:
            self.say(text)

    def say(self, text: str) -> None:
        """A paragraph."""
        lines = "\n".join(wrapped(text, self.console.width))
        self.console.print(lines, markup=False, highlight=False, soft_wrap=True)
        self.console.print()

    def note(self, text: str) -> None:
        """A remark, made once."""
        if text not in self.said:
            self.said.append(text)
            self.say(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> None:
        """A table; all columns but the first ones, which hold texts, hold numbers and are set to the right."""
        from rich.table import Table

        from handgrad.demos.cell import Cell

        table = Table(title=Cell(title, style="bold"), title_justify="left")
        for i, name in enumerate(columns):
            table.add_column(Cell(name), justify="right" if i >= texts else "left", overflow="fold")
        for row in rows:
            table.add_row(*[Cell(cell) for cell in row])
        self.console.print(table)
        self.console.print()

    def course(self, history: History) -> None:
        """The course of one training in a few lines, early epochs closer together than late ones."""
        t, n = self.t, len(history)
        wanted = sorted({round(e) for e in np.geomspace(1, n, 6).tolist()})
        metric = {"accuracy": t("accuracy"), "r2": "R²"}.get(history.metric_name, history.metric_name)
        columns = [t("epoch"), t("loss"), metric]
        rows = []
        for epoch in wanted:
            at = history.at(history.epochs[0] + epoch - 1)
            row = [str(epoch), f"{history.loss[epoch - 1]:.4g}", f"{history.metric[at]:.3f}"]
            if history.validation_metric:
                row.append(f"{history.validation_metric[at]:.3f}")
            rows.append(row)
        if history.validation_metric:
            columns.append(t("{metric} on held-out data", metric=metric))
        self.table(t("One training, epoch by epoch"), columns, rows)

    def results(self, rows: Sequence[tuple[str, str, str, bool | None]]) -> None:
        """The table that a demo ends with: what, measured, promised (empty: nothing), whether it was kept."""
        t = self.t
        verdict = {True: t("reached"), False: t("missed"), None: ""}
        self.table(t("What was reached"), [t("what"), t("measured"), t("promised"), ""],
                   [(what, measured, promised, verdict[kept]) for what, measured, promised, kept in rows])  # fmt: skip
        self.promises += [
            (self.demo, what, measured, promised, kept) for what, measured, promised, kept in rows if kept is not None
        ]

    def close(self, seconds: float) -> None:
        """The end: all promises once more when there were several demos, and the place of the files."""
        t = self.t
        if self.brief and self.promises:
            verdict = {True: t("reached"), False: t("missed")}
            rows = [
                (demo, what, measured, promised, verdict[kept])
                for demo, what, measured, promised, kept in self.promises
            ]
            self.table(t("All that was promised"), [t("demo"), t("what"), t("measured"), t("promised"), ""], rows, 2)
        for path in self.pictures:
            self.console.print(str(path), markup=False, highlight=False, soft_wrap=True)
        if self.pictures:
            text = t("{count} pictures in {folder}", count=len(self.pictures), folder=str(self.out.resolve()))
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self.console.print(t("{seconds:.1f} seconds.", seconds=seconds), markup=False, highlight=False)

    # -- working --------------------------------------------------------------------------------------------------
    def count(self, own: int, brief: int | None = None) -> int:
        """How many random seeds to use: the person's wish, else the demo's own number (or fewer among all others)."""
        if self.seeds is not None:
            return self.seeds
        return brief if self.brief and brief is not None else own

    def progress(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:
        """The items one after another, with a bar in a terminal."""
        if not self.console.is_terminal:
            yield from items
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            for item in items:
                yield item
                bar.advance(task)

    def seeded(self, count: int, label: str) -> Iterator[int]:
        """The random seeds 0, 1, …, count - 1, with a bar."""
        return self.progress(range(count), label, count)

    @cached_property
    def words(self) -> Words:
        """How pictures speak; a language without a font is remarked upon once."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = words(self.lang)
        for warning in caught:
            self.note(str(warning.message))
        return found

    def picture(self, name: str, draw: Callable[[Words], Any]) -> None:
        """Draw and save `name`.png; without matplotlib say once what is missing."""
        try:
            figure = draw(self.words)
        except MissingDependencyError as error:
            self.note(translate_error(error, self.lang))
            return
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                "the folder {folder} cannot be made: {reason}. Name another one with --out.",
                folder=str(self.out), reason=error.strerror or type(error).__name__,
            ) from None  # fmt: skip
        self.pictures.append(save(figure, self.out / f"{name}.png"))


def percent(value: float) -> str:
    """A share as a person reads it.

    >>> percent(0.98124)
    '98.1%'
    """
    return f"{100 * value:.1f}%"
