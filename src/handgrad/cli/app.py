"""App: the verbs put together, and every way in which a command can end."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from handgrad.cli.help import layout
from handgrad.cli.values import Usage, short, usage
from handgrad.cli.verb import ClickException
from handgrad.cli.voice import Voice, nobody_reads, own_language, steady_streams
from handgrad.errors import ArgumentError, HandgradError, UnknownNameError, nearest
from handgrad.i18n import normalize

# what Python calls missing=drop is --missing drop here
ARGUMENT = re.compile(r"(?<![\w'\"-])(missing|kind)=(error|drop|mean|binary|classes|number)\b")
DATA_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".npz")


class Verbs(TyperGroup):
    """All commands; names the nearest one for a wrong name."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write our layout."""
        formatter.write(layout(self, ctx, ctx.obj.t))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (typer's signature)
        """In the order in which they are defined."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word. Raises Usage."""
        name = args[0]
        if name in self.commands:
            return super().resolve_command(ctx, args)
        if Path(name).suffix.lower() in DATA_SUFFIXES or name.startswith("sklearn:"):
            raise Usage(
                ArgumentError(
                    "{name!r} is data; a command goes before it. Try: handgrad train {name}", name=short(name)
                )
            )
        raise Usage(
            UnknownNameError(
                "there is no command {name!r}. {hint}", name=short(name), hint=nearest(name, self.commands)
            )
        )


def build(voice: Voice) -> typer.Typer:
    """The typer app in one language: help texts are fixed when it is built."""
    from handgrad.cli import check, code, demo, predict, summary, train

    app = typer.Typer(
        cls=Verbs,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=voice.t(
            "Backpropagation worked by hand, for any network: "
            "train on a table, predict, prove the gradients, read the program."
        ),
        epilog="handgrad demo xor\nhandgrad train sklearn:iris --save iris.safetensors\nhandgrad train --help",
    )
    for verb in (demo, train, predict, check, code, summary):
        verb.add(app, voice)
    return app


def run(arguments: list[str]) -> int:
    """Run one command line; gives the exit code. Errors are one line on stderr, in the person's language."""
    steady_streams()
    voice = Voice(own_language(), debug="--debug" in arguments)
    try:
        voice, rest, version = _everywhere(arguments, voice)
        if version:
            from handgrad import __version__

            voice.say(f"handgrad {__version__}")
            return _flushed(0)
        command = typer.main.get_command(build(voice))
        code = command.main(args=rest or ["--help"], prog_name="handgrad", standalone_mode=False, obj=voice)
        return _flushed(code if isinstance(code, int) else 0)
    except Exception as error:  # noqa: BLE001 (the outermost place: a person gets a sentence, --debug the traceback)
        if isinstance(error, OSError) and error.filename is None:  # stdout itself: nothing more can be said there
            nobody_reads()
        if isinstance(error, BrokenPipeError):
            return 0
        if voice.debug:
            import traceback

            traceback.print_exception(error)
        said, code = ending(error, voice)
        voice.tell(" ".join(f"handgrad: {said}".split()))
        return code


def _flushed(code: int) -> int:
    """The code, once all that was said has left: at exit it would be too late for a sentence."""
    sys.stdout.flush()
    return code


def ending(error: Exception, voice: Voice) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    t = voice.t
    if isinstance(error, Usage):
        return t(error.error.template, **error.error.values), 2
    if isinstance(error, HandgradError):
        return ARGUMENT.sub(r"--\1 \2", t(error.template, **error.values)), 1
    if isinstance(error, ClickException):
        return _misuse(error, voice), 2
    if isinstance(error, OSError):
        where = short(error.filename, 80) if error.filename else t("output")
        reason = error.strerror or error
        return t("{where}: {reason}. Check the place and your rights there.", where=where, reason=reason), 1
    if isinstance(error, MemoryError):
        return t("the memory does not suffice. Give fewer rows, or a smaller network."), 1
    return (
        t("this is a mistake of handgrad itself ({kind}: {text}). Please report it with what --debug shows.",
          kind=type(error).__name__, text=short(error, 120)), 1,
    )  # fmt: skip


def _misuse(error: Any, voice: Voice) -> str:
    """Typer's own complaints in our words; its releases agree on the names of their classes."""
    t, kind = voice.t, type(error).__name__
    ctx = getattr(error, "ctx", None)
    command = ctx.command_path if ctx else "handgrad"
    if kind == "MissingParameter" and error.param is not None:
        param = error.param
        what = param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper()
        return t("{what} is missing. Look at: {command} --help", what=what, command=command)
    if kind == "NoSuchOption":
        known = [name for p in ctx.command.get_params(ctx) for name in p.opts] if ctx else []
        hint = nearest(error.option_name, [*known, "--lang", "--debug"])
        found = error.option_name
        return t("there is no option {option!r} for {command}. {hint}", option=short(found), command=command, hint=hint)
    if kind == "BadOptionUsage":
        flag = ctx is not None and any(error.option_name in p.opts and p.is_flag for p in ctx.command.params)
        if flag:
            return t("{option} takes no value. Write {option} alone.", option=error.option_name)
        name = error.option_name
        return t("{option} needs a value behind it. Look at: {command} --help", option=name, command=command)
    return str(error.format_message())


def _everywhere(arguments: list[str], voice: Voice) -> tuple[Voice, list[str], bool]:
    """Take out the options that may stand before or behind the verb: --lang, --debug, --version.

    Raises Usage for a language that handgrad does not speak.
    """
    rest: list[str] = []
    lang, version = voice.lang, False
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--lang" or word.startswith("--lang="):
            tag = word[7:] if "=" in word else next(words, "")
            with usage():
                lang = normalize(tag)
        elif word == "--debug":
            continue
        elif word == "--version" and not rest:
            version = True
        else:
            rest.append(word)
    return Voice(lang, voice.debug), rest, version
