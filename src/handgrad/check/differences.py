"""Differences: the slope of a function at one place, how far it can be trusted, and whether there is a kink.

A central difference with step h is off by two things: the curve between x-h and x+h (it falls with h**2), and the
noise of the function, its last digits (it grows with 1/h). Both are measured, not guessed: a disagreement is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

EPS = float(np.finfo(np.float64).eps)
STEP = EPS ** (1 / 3)  # about 6e-6: where curve and noise of a central difference are equal
LADDER = tuple(4.0**k for k in range(-7, 5))  # further steps, from 4e-10 to 2e-3
RELATIVE = 1e-6  # two numbers closer than this are equal: the error of one central difference on smooth functions
NOISE = 8.0  # times the measured noise: more than it ever is, for a few hundred thousand positions

Moved = Callable[[float], float]  # the function when one number is set to this


@dataclass(frozen=True, slots=True)
class Slope:
    """A numeric derivative: its value, the step, the error it may have, and the slopes to the left and to the right."""

    value: float
    step: float
    error: float
    left: float
    right: float
    kink: bool = False  # the two surely differ
    smooth: bool = False  # the two surely agree


def quick(moved: Moved, x: float, middle: float, scale: float, noise: float) -> Slope:
    """One central difference: two calls. `scale` is the size of the numbers around x, `noise` that of the function."""
    return _at(moved, x, middle, STEP * scale, noise)


def _at(moved: Moved, x: float, middle: float, h: float, noise: float) -> Slope:
    up, down = x + h, x - h  # the steps that the numbers really make
    high, low = moved(up), moved(down)
    if up == down:
        return Slope(math.nan, h, math.inf, math.nan, math.nan)
    right, left = (high - middle) / (up - x), (middle - low) / (x - down)
    value = (high - low) / (up - down)
    if not math.isfinite(value):
        return Slope(math.nan, h, math.inf, math.nan, math.nan)
    return Slope(value, h, NOISE * noise / h, left, right)


def careful(moved: Moved, x: float, middle: float, scale: float, noise: float) -> Slope:
    """The best slope that a ladder of steps gives: extrapolated (Richardson 1911), with the error of the best rung.

    A kink near x spoils the large steps only, one at x itself makes left and right differ at every step.
    """
    rungs = [_at(moved, x, middle, STEP * scale * r, noise) for r in LADDER]
    best: Slope | None = None
    for a, b, c in zip(rungs, rungs[1:], rungs[2:], strict=False):
        fine, coarse = (16 * a.value - b.value) / 15, (16 * b.value - c.value) / 15
        error = abs(fine - coarse) + 1.2 * a.error
        if math.isfinite(error) and (best is None or error < best.error):
            best = Slope(fine, a.step, error, a.left, a.right)
    left, right, kink, smooth = _sides(rungs)
    if best is None:
        return Slope(math.nan, STEP * scale, math.inf, left, right, kink, False)
    if not math.isfinite(left):
        left, right = best.left, best.right
    return Slope(best.value, best.step, best.error, left, right, kink, smooth)


def _sides(rungs: Sequence[Slope]) -> tuple[float, float, bool, bool]:
    """The slopes to the left and to the right, and whether they surely differ, or surely agree."""
    best, error, size, left, right = 0.0, math.inf, 0.0, math.nan, math.nan
    for a, b, c in zip(rungs, rungs[1:], rungs[2:], strict=False):
        # right - left is J + C h: J at a kink, and C h from the curve
        fine = (4 * (a.right - a.left) - (b.right - b.left)) / 3
        coarse = (4 * (b.right - b.left) - (c.right - c.left)) / 3
        off = abs(fine - coarse) + 4 * a.error
        if math.isfinite(off) and off < error:
            best, error, left, right = fine, off, a.left, a.right
            size = max(abs(left), abs(right))
    return left, right, abs(best) > 3 * error + RELATIVE * size, abs(best) <= 3 * error and error <= 1e-4 * size


def roughness(line: Callable[[float], float], spacing: float) -> float:
    """The noise of a function along a line, from a table of differences (Hamming; Moré & Wild 2011).

    Nine values so close together that the function itself is straight: what its fourth differences hold is noise.
    """
    values = np.array([line((i + 1) * spacing) for i in range(9)])
    if not np.isfinite(values).all():
        return 0.0
    fourth = np.diff(values, 4)
    return float(np.sqrt(np.mean(fourth**2) / 70))  # 70 = (8 over 4): what the differences make of independent errors
