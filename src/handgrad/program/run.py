"""Running programs: the plan printed as a function, compiled once, called with arrays."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.core.sizes import Size
from handgrad.program.carried import helpers
from handgrad.program.plan import Planner
from handgrad.program.statements import Program


def body(planner: Planner, indent: str, comments: bool = False) -> list[str]:
    """The lines of a step."""
    from handgrad.program.latex import formula
    from handgrad.program.python import line

    result: list[str] = []
    phase = ""
    for s, calls in planner.statements():
        if comments and s.phase != phase:
            phase = s.phase
            result.append(f"{indent}# --- {phase} ---")
        if comments:
            result.append(f"{indent}# ${formula(s)}$")
            result.append(f"{indent}# {line(s)}")
        result += [indent + c for c in calls]
    return result


def imports(planner: Planner) -> str:
    """The NumPy names that the calls use, as one import line."""
    names = sorted(planner.uses)
    return f"from numpy import {', '.join(names)}\n" if names else ""


class Compiled:
    """A program as a function of its leaves: `run(values) -> {name: array}`; new arrays at every call.

    With `keep` every value of the program is returned, not only its outputs.
    """

    def __init__(self, program: Program, keep: bool = False) -> None:
        self.program = program
        planner = Planner(program, keep=keep)
        names = [s.target.text for s in program.statements] if keep else [n.text for n in program.outputs]
        letter = _letters(program)
        lines = [
            "import numpy as np\n" + imports(planner) + helpers(planner.carried),
            f"def run({', '.join(['dt', *(leaf.name.text for leaf in program.leaves)])}):",
            *[f"    {text}" for text in letter],
            *[f"    {text}" for text in [*planner.setup, *planner.late]],
            *body(planner, "    "),
            f"    return {{{', '.join(f'{n!r}: {planner.result(n)}' for n in names)}}}",
        ]
        self.source = "\n".join(lines) + "\n"
        space: dict[str, Any] = {}
        exec(compile(self.source, "<handgrad program>", "exec"), space)  # noqa: S102 (our own printed text, never a user's)
        self._run = space["run"]

    def run(self, values: Mapping[str, Any], dtype: Any = np.float64) -> dict[str, Any]:
        """Compute from leaf values; floating-point warnings are the caller's to judge, so none is raised here."""
        with np.errstate(all="ignore"):
            return self._run(np.dtype(dtype), *(values[leaf.name.text] for leaf in self.program.leaves))  # type: ignore[no-any-return]


def _letters(program: Program) -> list[str]:
    """Lines that read the lengths not known before from the arrays: N = X.shape[0]."""
    found: dict[str, str] = {}
    for leaf in program.leaves:
        for axis, n in enumerate(leaf.shape):
            if isinstance(n, Size) and n.coefficient == 1 and len(n.letters) == 1:
                found.setdefault(n.letters[0], f"{leaf.name.text}.shape[{axis}]")
    return [f"{letter} = {text}" for letter, text in found.items()]


@functools.lru_cache(maxsize=8)
def compiled(program: Program, keep: bool = False) -> Compiled:
    """The compiled form of a program, made once."""
    return Compiled(program, keep)
