"""Help: what `--help` prints, laid out by us, so that each language and each width of terminal is served."""

from __future__ import annotations

import re
import shutil
import unicodedata
from typing import Any

from handgrad.i18n import Translator

CLOSING = "，。；：、！？）」』”’》…,.;:!?)"  # never the first on a line


def cells(text: str) -> int:
    """The columns that a text fills: Chinese characters take two.

    >>> cells("net"), cells("网络")
    (3, 4)
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text, broken at spaces and between Chinese characters.

    >>> wrapped("one two three", 8)
    ['one two', 'three']
    >>> wrapped("训练一个网络。", 8)
    ['训练一个', '网络。']
    """
    lines, line = [], ""
    for piece in _pieces(text):
        if line and cells(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


_WIDE = r"\u2e80-\u9fff\uff00-\uffef"


def _pieces(text: str) -> list[str]:
    found: list[str] = []
    for piece in re.findall(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+", text):
        if found and (piece in CLOSING or piece.isspace()):
            found[-1] += piece if piece in CLOSING else " "
        else:
            found.append(piece)
    return found


def layout(command: Any, ctx: Any, t: Translator) -> str:
    """The help of a command or of all: usage, what it does, arguments, options, commands, examples."""
    columns = min(max(shutil.get_terminal_size().columns, 50), 110)
    params = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    arguments = [p for p in params if p.param_type_name == "argument"]
    verbs = getattr(command, "commands", {})
    parts = [ctx.command_path, *(_argument(p) for p in arguments)]
    parts += [f"{p.opts[0]} {p.metavar}" for p in params if p.param_type_name == "option" and p.required]
    usage = " ".join([*parts, *([t("COMMAND")] if verbs else []), t("[options]")])
    blocks = [t("Usage: {usage}", usage=usage), "\n".join(wrapped(command.help or "", columns))]
    blocks.append(_block(t("Commands:"), [(name, verb.help or "") for name, verb in verbs.items()], columns))
    blocks.append(_block(t("Arguments:"), [(_argument(p), p.help or "") for p in arguments], columns))
    own = [(_option(p), p.help or "") for p in params if p.param_type_name == "option" and "--help" not in p.opts]
    blocks.append(_block(t("Options:"), own, columns))
    everywhere = [
        ("--lang LANG", t("Language: en, zh-CN or zh-TW; the system's own when not given.")),
        ("--debug", t("Show the whole traceback when something goes wrong.")),
        ("-h, --help", t("Show this help.")),
    ]
    if verbs:
        everywhere.append(("--version", t("Show the version.")))
    blocks.append(_block(t("Everywhere:"), everywhere, columns))
    if command.epilog:
        blocks.append("\n".join([t("Examples:"), *(f"  {line}" for line in command.epilog.splitlines())]))
    return "\n\n".join(block for block in blocks if block)


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required else f"[{name}]"


def _option(param: Any) -> str:
    names = ", ".join(param.opts)
    return names if param.is_flag else f"{names} {param.metavar}"


def _block(title: str, rows: list[tuple[str, str]], columns: int) -> str:
    if not rows:
        return ""
    left = min(max(cells(name) for name, _ in rows), 26) + 4
    lines = [title]
    for name, text in rows:
        head = f"  {name}"
        told = wrapped(text, columns - left)
        if cells(head) + 2 > left:
            lines.append(head)
            head = ""
        for line in told or [""]:
            lines.append(head + " " * (left - cells(head)) + line)
            head = ""
    return "\n".join(line.rstrip() for line in lines)
