"""A question: here is a function, here are the gradients that somebody worked out for it; the means to look into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.check.differences import EPS, roughness
from handgrad.check.lines import Lines

Array = Any
Value = Callable[[Sequence[Array]], float]


@dataclass(frozen=True)
class Traced:
    """The plain lines behind a function of some arrays: how lines spell each array, the result, each gradient."""

    lines: Lines
    arrays: tuple[str, ...]
    result: str
    gradients: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """A function of several arrays that gives one number, and its gradients as somebody works them out.

    `names` and `arrays` (float64) say where we are; `value` is the function, `gradient` the claim. `lines` gives
    the plain lines at other numbers, where there are any; `by_lines` says that they are the function itself.
    `variants` are functions whose slopes a known mistake would give ("first_row": only the first row of the batch
    counts), `counts` what N may be, `candidates` whole gradients that a known mistake gives.
    """

    names: tuple[str, ...]
    arrays: tuple[Array, ...]
    value: Value
    gradient: Callable[[Sequence[Array]], list[Array]]
    lines: Callable[[Sequence[Array]], Traced | None] | None = None
    by_lines: bool = False
    variants: Mapping[str, Value] = field(default_factory=dict)
    counts: tuple[int, ...] = ()
    candidates: Callable[[], list[tuple[str, list[Array]]]] | None = None


def scale_of(array: Array, x: float) -> float:
    """How large a step from x is a small one: the size of x, or of the numbers around it; 1 where all are 0."""
    typical = float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0
    return max(abs(x), typical) or 1.0


class Probe:
    """A problem at given numbers: its value there, its noise, and what it gives when one number moves."""

    def __init__(self, problem: Problem, arrays: Sequence[Array], rng: np.random.Generator) -> None:
        self.problem = problem
        self.arrays = [np.array(a, dtype=np.float64, order="C") for a in arrays]  # own memory: moved in place
        self._typical = [scale_of(a, 0.0) for a in self.arrays]
        self.traced = problem.lines(self.arrays) if problem.lines is not None else None
        self.middle = self._value()
        self.noise = EPS * abs(self.middle)
        self.floors = [0.0] * len(self.arrays)  # how far rounding moves each claimed gradient
        if self.traced is not None:
            self._shake(self.traced, rng)
        else:
            self._smooth(rng)
        # where rounding grows a million times, the claim is no better than the complex step
        self.healthy = self.noise <= 1e6 * EPS * abs(self.middle)

    def _value(self) -> float:
        if self.problem.by_lines and self.traced is not None:
            return float(self.traced.lines[self.traced.result])
        return self.problem.value(self.arrays)

    def _shake(self, traced: Traced, rng: np.random.Generator) -> None:
        lines = traced.lines
        for _ in range(4):
            result, *found = lines.shaken(rng, [traced.result, *traced.gradients])
            difference = abs(float(result) - float(lines[traced.result]))
            if np.isfinite(difference):
                self.noise = max(self.noise, difference)
            for k, (name, other) in enumerate(zip(traced.gradients, found, strict=True)):
                off = np.abs(np.asarray(other) - np.asarray(lines[name]))
                off = off[np.isfinite(off)] if off.ndim else off
                self.floors[k] = max(self.floors[k], float(np.max(off, initial=0.0)))

    def _smooth(self, rng: np.random.Generator) -> None:
        ways = [rng.uniform(-1, 1, a.shape) * s for a, s in zip(self.arrays, self._typical, strict=True)]
        measured = roughness(
            lambda t: self.problem.value([a + t * w for a, w in zip(self.arrays, ways, strict=True)]), 1e-10
        )
        self.noise = max(self.noise, measured)

    def scale(self, k: int, i: int) -> float:
        """How large a step at the i-th number of array k is a small one."""
        return max(abs(float(self.arrays[k].flat[i])), self._typical[k])

    def moved(self, k: int, i: int) -> Callable[[float], float]:
        """The function of the i-th number of array k alone."""
        array = self.arrays[k].reshape(-1)

        def at(x: float) -> float:
            before = array[i]
            array[i] = x
            try:
                if self.problem.by_lines and self.traced is not None:
                    t = self.traced
                    return float(t.lines.run(t.arrays[k], self.arrays[k], t.result))
                return self.problem.value(self.arrays)
            finally:
                array[i] = before

        return at

    def along(self, k: int, direction: Array) -> float | None:
        """The slope along a direction of array k by the complex step; None where it does not apply."""
        if self.traced is None:
            return None
        return self.traced.lines.imaginary(self.traced.arrays[k], direction, self.traced.result)

    def imaginary(self, k: int, i: int) -> float | None:
        """The slope in the i-th number of array k by the complex step."""
        direction = np.zeros(self.arrays[k].shape)
        direction.flat[i] = 1.0
        return self.along(k, direction)
