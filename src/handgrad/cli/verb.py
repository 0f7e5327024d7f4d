"""Verb: what every command of the app has in common."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from handgrad.cli.help import layout
from handgrad.cli.values import Usage, short
from handgrad.cli.voice import nobody_reads
from handgrad.errors import ArgumentError

# typer brings its own copy of click from some release on, so the class is found where both have it
ClickException: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


class Verb(TyperCommand):
    """A command whose help is ours, and which ends quietly when it is stopped or nobody reads it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write our layout."""
        formatter.write(layout(self, ctx, ctx.obj.t))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer does, with our words for what is too much."""
        ctx.allow_extra_args = True
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except ClickException as error:
            if getattr(error, "ctx", None) is None:  # the parser inside typer does not know the command
                error.ctx = ctx  # type: ignore[attr-defined]
            raise
        if ctx.args and not ctx.resilient_parsing:
            raise Usage(
                ArgumentError(
                    "{extra!r} is one argument too many for {command}. Look at: {command} --help",
                    extra=short(ctx.args[0]), command=ctx.command_path,
                )
            )  # fmt: skip
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; gives its exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # here, since typer's releases differ in what they make of it
            ctx.obj.tell(ctx.obj.t("Stopped."))
            return 130
        except BrokenPipeError:
            nobody_reads()
            return 0
