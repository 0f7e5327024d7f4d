"""Voice: what the command line says, in which language, and to streams that may be narrow, old, or closed."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from handgrad.i18n import Translator, from_locale, translator

if TYPE_CHECKING:
    from rich.console import Console

SAMPLES = {"zh_CN": "训练网络", "zh_TW": "訓練網路"}  # what an output must be able to show to be spoken to in Chinese


@dataclass(frozen=True)
class Voice:
    """One language and the ways to say something in it: `say` on stdout, `tell` on stderr.

    `t` translates a template. What `say` prints is the result; a reader who has closed the pipe does not end the work.
    """

    lang: str
    debug: bool = False

    @cached_property
    def t(self) -> Translator:
        """`t("template", name=value)` in the language of this voice."""
        return translator(self.lang)

    @cached_property
    def console(self) -> Console:
        """Rich's console on stdout, wide enough for a table whatever COLUMNS says."""
        from rich.console import Console

        return Console(width=width(), highlight=False)

    def say(self, text: str = "") -> None:
        """Print a line on stdout."""
        try:
            print(text, flush=True)
        except BrokenPipeError:
            nobody_reads()

    def tell(self, text: str) -> None:
        """Print one line on stderr."""
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    def show(self, table: Any) -> None:
        """Print a table (anything of Rich) on stdout."""
        with self.console.capture() as captured:  # Rich would end the program when the pipe is closed
            self.console.print(table, markup=False)
        self.say(captured.get().rstrip("\n"))


def width() -> int:
    """The columns to use: the terminal's, within reason; without one, as many as a table may need."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return 120
    return min(max(shutil.get_terminal_size().columns, 60), 160)


def steady_streams() -> None:
    """Let no character and no closed stream end the program: what an encoding lacks becomes a question mark."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before Python began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 (lives as long as we do)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def nobody_reads() -> None:
    """The reader of stdout is gone: send the rest nowhere, so that neither print nor exit complains."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stand-in for stdout, as tests have, has no number
        number = sys.stdout.fileno()
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, number)
        os.close(sink)


def own_language() -> str:
    """The language that the system asks for; English where stdout has no characters for it."""
    environ = dict(os.environ)
    if sys.platform == "win32" and not any(environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")):
        import ctypes
        import locale

        number = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        environ["LANG"] = locale.windows_locale.get(number, "")
    wanted = from_locale(environ)
    try:
        SAMPLES.get(wanted, "").encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "en"
    return wanted
