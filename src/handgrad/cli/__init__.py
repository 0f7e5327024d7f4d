"""Command line: `handgrad`, one file for each verb. Nothing but this file is imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line (sys.argv when not given) and leave with its exit code.

    0 done, 1 the data or a file cannot be used, 2 the command line itself is wrong, 130 stopped by Ctrl-C.
    """
    try:
        from handgrad.cli.app import run

        code = run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # while the modules were loading
        code = 130
    sys.exit(code)


__all__ = ["main"]
