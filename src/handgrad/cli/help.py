"""Help: what `--help` prints, laid out by us, so that each language and each width of terminal is served."""

from __future__ import annotations

import shutil
from typing import Any

from handgrad.i18n import Translator
from handgrad.i18n.columns import cells, wrapped


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
