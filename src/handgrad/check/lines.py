"""Plain lines: a program's statements run one primitive at a time, shaken by rounding or moved by an imaginary step.

The compiled plan overwrites buffers and cannot hold complex numbers; these are the same lines, each value kept. So a
small change of one leaf costs only what depends on it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.op import numbers
from handgrad.core.reverse import topological
from handgrad.core.sizes import Size, bind
from handgrad.program.statements import Program

Array = Any
EPS = float(np.finfo(np.float64).eps)


class Lines:
    """The statements of a program on given leaf values; `run` computes again what a change of leaves touches.

    `values` maps the spelling of each leaf (X, W1) to its numbers; `also` names leaves that the program has no use for.
    """

    def __init__(self, program: Program, values: Mapping[str, Array], also: Sequence[str] = ()) -> None:
        self.place: dict[str, int] = {}  # spelling -> slot
        self.base: list[Any] = []
        self._tape: list[tuple[int, Any, tuple[int, ...], dict[str, Any], tuple[bool, ...], bool]] = []
        self._touched: list[int] = []  # per slot: the leaves below it, as bits
        letters: dict[str, int] = {}
        for bit, leaf in enumerate(program.leaves):
            value = np.asarray(values[leaf.name.text])
            for axis, n in enumerate(leaf.shape):
                if isinstance(n, Size) and n.coefficient == 1 and len(n.letters) == 1:
                    letters.setdefault(n.letters[0], value.shape[axis])
            self.place[leaf.name.text] = self._slot(value, 1 << bit)
        seen: dict[int, int] = {}
        for s in program.statements:
            for node in topological([s.expr]):
                if id(node) in seen:
                    continue
                if node.op is None:
                    known = self.place.get(str(node.name)) if node.name is not None else None
                    seen[id(node)] = self._slot(bound(node.value, letters), 0) if known is None else known
                    continue
                args = tuple(seen[id(a)] for a in node.args)
                below = 0
                for a in args:
                    below |= self._touched[a]
                moves = tuple(node.op.moves(i) for i in range(len(args)))
                params = {k: bound(v, letters) for k, v in node.params.items()}
                slot = seen[id(node)] = self._slot(None, below)
                self._tape.append((slot, node.op, args, params, moves, node.op.kind == "move"))
            self.place[s.target.text] = seen[id(s.expr)]
        for name in also:
            if name not in self.place:
                self.place[name] = self._slot(np.asarray(values[name]), 0)
        self._bits = dict.fromkeys(also, 0) | {leaf.name.text: 1 << bit for bit, leaf in enumerate(program.leaves)}
        self.base = self._compute(self.base, self._tape, None)
        self._for: dict[tuple[str, str], list[Any]] = {}

    def _slot(self, value: Any, below: int) -> int:
        self.base.append(value)
        self._touched.append(below)
        return len(self.base) - 1

    def __getitem__(self, name: str) -> Any:
        return self.base[self.place[name]]

    def run(self, leaf: str, array: Array, result: str) -> Any:
        """The value `result` when one leaf holds other numbers (real or complex)."""
        tape = self._for.get((leaf, result))
        if tape is None:
            tape = self._for[leaf, result] = self._between(leaf, result)
        values = list(self.base)
        values[self.place[leaf]] = array
        return self._compute(values, tape, None)[self.place[result]]

    def _between(self, leaf: str, result: str) -> list[Any]:
        """The lines that depend on `leaf` and that `result` needs."""
        needed = {self.place[result]}
        kept = []
        for line in reversed(self._tape):
            if line[0] in needed and self._touched[line[0]] & self._bits[leaf]:
                kept.append(line)
                needed.update(line[2])
        return kept[::-1]

    def shaken(self, rng: np.random.Generator, results: Sequence[str]) -> list[Any]:
        """The results when every computed value is off by up to one rounding."""
        values = self._compute(list(self.base), self._tape, rng)
        return [values[self.place[r]] for r in results]

    def _compute(self, values: list[Any], tape: Sequence[Any], rng: np.random.Generator | None) -> list[Any]:
        with np.errstate(all="ignore"):
            for slot, op, args, params, moves, still in tape:
                given = [values[a] for a in args]
                # an argument without derivative (the condition of a choice) never sees the imaginary step
                given = [a if m or not np.iscomplexobj(a) else np.real(a) for a, m in zip(given, moves, strict=True)]
                value = numbers.run(op, given, params)
                if rng is not None and not still and getattr(value, "dtype", np.dtype(bool)).kind == "f":
                    value = value * (1 + EPS * rng.uniform(-1, 1, np.shape(value)))
                values[slot] = value
        return values

    def imaginary(self, leaf: str, direction: Array, result: str) -> float | None:
        """The derivative of `result` along a direction by the complex step (Squire & Trapp 1998), None without one.

        No difference is formed, so it is as exact as the lines themselves; it exists where every function on the way
        takes complex numbers and the result is finite.
        """
        h = 1e-30
        base = self.base[self.place[leaf]]
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            try:
                found = self.run(leaf, base + 1j * h * direction, result)
            except (TypeError, np.exceptions.ComplexWarning):
                return None
        slope = float(np.imag(found)) / h
        return slope if np.isfinite(slope) and np.isfinite(np.real(found)) else None


def bound(value: Any, letters: Mapping[str, int]) -> Any:
    """A setting or constant with numbers in place of the letters in its sizes."""
    if isinstance(value, tuple):
        return tuple(bound(v, letters) for v in value)
    return bind((value,), dict(letters))[0] if isinstance(value, Size) else value
