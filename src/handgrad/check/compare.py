"""Comparison: each claimed derivative against what the function does, at every place or at random ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.check.differences import RELATIVE, STEP, Slope, careful, quick
from handgrad.check.problem import Probe, Problem

Array = Any
EXACT = 1e-8  # the same for the complex step, which forms no difference
PROOF = 1e-2  # agreement within an error of more than this share of the number proves nothing


@dataclass(frozen=True, slots=True)
class Finding:
    """One derivative looked at. verdict: equal | zero | kink | unseen | wrong | corner (wrong at this very point only)."""

    at: int
    verdict: str
    analytic: float
    numeric: float
    step: float
    method: str
    left: float
    right: float
    smooth: bool = False

    @property
    def error(self) -> float:
        """The difference, relative to the larger of the two."""
        size = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) / size if size else 0.0


@dataclass
class Comparison:
    """What was found at one array: `findings` in order of position."""

    name: str
    claim: Array
    findings: list[Finding] = field(default_factory=list)

    def of(self, *verdicts: str) -> list[Finding]:
        return [f for f in self.findings if f.verdict in verdicts]


class Examiner:
    """Looks at the positions of one problem; jittered points and their gradients are made once, when needed."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem, self.rng = problem, rng
        self.probe = Probe(problem, problem.arrays, rng)
        self.claims = problem.gradient(self.probe.arrays)
        self._nearby: list[tuple[Probe, list[Array]] | None] = []
        self._confirmed = [0] * len(problem.names)

    def compare(self, sample: int | None) -> list[Comparison]:
        """All arrays, at every position or `sample` random ones; what was left out is covered by random directions."""
        sizes = [a.size for a in self.problem.arrays]
        result = []
        for k, count in enumerate(shares(sizes, sample)):
            claim = self.claims[k]
            places = np.arange(sizes[k]) if count >= sizes[k] else np.sort(self.rng.choice(sizes[k], count, replace=False))
            found = Comparison(self.problem.names[k], claim)
            found.findings = [self.look(k, int(i)) for i in places]
            if count < sizes[k] and not found.of("wrong"):
                self._rest(k, found)
            result.append(found)
        return result

    # -- one position ---------------------------------------------------------------------------------------------
    def look(self, k: int, i: int) -> Finding:
        """The verdict on one derivative."""
        claim = float(np.asarray(self.claims[k]).flat[i])
        found = self._judge(self.probe, k, i, claim)
        if found.verdict != "wrong" or not math.isfinite(claim) or self._confirmed[k] > 16:
            return found  # an array with that many mistakes is not explained by kinks
        found = self._nearby_verdict(found, k, i)
        self._confirmed[k] += found.verdict == "wrong"
        return found

    def _judge(self, probe: Probe, k: int, i: int, claim: float) -> Finding:
        x, scale = float(probe.arrays[k].flat[i]), probe.scale(k, i)
        moved = probe.moved(k, i)
        s = quick(moved, x, probe.middle, scale, probe.noise)
        size = max(abs(claim), abs(s.value))
        bent = abs(s.right - s.left) > 1e-2 * max(abs(s.left), abs(s.right)) + 4 * s.error
        if abs(claim - s.value) <= RELATIVE * size + s.error and not bent:
            if s.error <= PROOF * size:
                return _finding(i, "equal", claim, s)
            exact = self._exact(probe, k, i, claim, s)
            if exact is not None:
                return exact
        s = careful(moved, x, probe.middle, scale, probe.noise)
        size = max(abs(claim), abs(s.value))
        if s.error == math.inf:
            return _finding(i, "kink" if s.kink else "unseen", claim, s)
        if abs(claim - s.value) <= RELATIVE * size + s.error:
            if s.error <= PROOF * size:
                return _finding(i, "kink" if s.kink else "equal", claim, s)
            return _finding(i, "zero" if claim == 0 else "unseen", claim, s)
        return _finding(i, "wrong", claim, s)

    def _exact(self, probe: Probe, k: int, i: int, claim: float, s: Slope) -> Finding | None:
        """Where a difference sees nothing but noise: what the complex step says."""
        if claim == 0 and s.value == 0 and s.left == s.right == 0:
            return _finding(i, "zero", claim, s)  # no digit of the function moves
        slope = probe.imaginary(k, i)
        if slope is None:
            return None
        seen = Slope(slope, 1e-30, 0.0, slope, slope)
        size, off = max(abs(claim), abs(slope)), abs(claim - slope)
        floor = 10 * probe.floors[k]
        if off <= EXACT * size + floor:
            verdict = "zero" if claim == 0 else "equal" if floor <= PROOF * size else "unseen"
            return _finding(i, verdict, claim, seen, "complex_step")
        if probe.healthy and abs(slope - s.value) <= s.error:
            return _finding(i, "wrong", claim, seen, "complex_step")
        return None

    # -- a hair's breadth away ------------------------------------------------------------------------------------
    def _nearby_verdict(self, found: Finding, k: int, i: int) -> Finding:
        """A mistake is there a hair's breadth away, too; a kink is not."""
        for attempt in range(2):
            near = self._jittered(attempt)
            if near is None:
                continue
            probe, claims = near
            claim = float(np.asarray(claims[k]).flat[i])
            other = self._judge(probe, k, i, claim)
            if other.verdict in ("wrong", "unseen") or not math.isfinite(claim):
                continue
            if other.verdict == "zero" and found.analytic == 0:
                continue  # 0 against 0 explains nothing about a 0 that was wrong
            return replace(found, verdict="corner" if found.smooth else "kink")
        return found

    def _jittered(self, attempt: int) -> tuple[Probe, list[Array]] | None:
        while len(self._nearby) <= attempt:
            size = (1e-3, 1e-5)[len(self._nearby)]
            arrays = [
                a + size * self.probe.scale(k, 0) * self.rng.uniform(-1, 1, a.shape) if a.size else a
                for k, a in enumerate(self.probe.arrays)
            ]
            probe = Probe(self.problem, arrays, self.rng)
            good = math.isfinite(probe.middle)
            self._nearby.append((probe, self.problem.gradient(probe.arrays)) if good else None)
        return self._nearby[attempt]

    # -- what was not drawn ---------------------------------------------------------------------------------------
    def _rest(self, k: int, found: Comparison) -> None:
        """One random direction through all positions; where it disagrees, halving finds a position to look at."""
        size = self.problem.arrays[k].size
        claim = np.asarray(self.claims[k], dtype=np.float64).reshape(-1)
        way = self.rng.uniform(0.5, 1.5, size) * self.rng.choice([-1.0, 1.0], size)

        def agrees(part: Array) -> bool:
            direction = np.zeros(size)
            direction[part] = way[part]
            slope = self.probe.along(k, direction.reshape(self.problem.arrays[k].shape))
            if slope is None:
                return True
            terms = claim[part] * way[part]
            off = abs(slope - float(np.sum(terms)))
            return off <= 1e-7 * float(np.sum(np.abs(terms))) + 10 * self.probe.floors[k] * math.sqrt(size)

        part = np.arange(size)
        if not np.isfinite(claim).all() or agrees(part):
            return
        while len(part) > 1:
            half = part[: len(part) // 2]
            part = part[len(part) // 2 :] if agrees(half) else half
        at = int(part[0])
        if all(f.at != at for f in found.findings):
            found.findings.append(self.look(k, at))
            found.findings.sort(key=lambda f: f.at)


def _finding(i: int, verdict: str, claim: float, s: Slope, method: str = "central_difference") -> Finding:
    return Finding(i, verdict, claim, s.value, s.step, method, s.left, s.right, s.smooth)


def shares(sizes: Sequence[int], sample: int | None) -> list[int]:
    """How many positions of each array are looked at: all, or `sample` in all, at least one of each.

    >>> shares([100, 10, 2], 60)
    [48, 10, 2]
    """
    if sample is None:
        return list(sizes)
    counts = [0] * len(sizes)
    left, order = sample, sorted(range(len(sizes)), key=lambda k: sizes[k])
    for n, k in enumerate(order):  # small arrays first: what they do not need goes to the larger ones
        counts[k] = min(sizes[k], max(1, left // (len(order) - n)))
        left = max(0, left - counts[k])
    return counts


def slopes(value: Any, arrays: Sequence[Array], k: int, places: Sequence[int]) -> Array:
    """Plain central differences of another function at some positions of array k; for patterns, not for proofs."""
    own = [np.array(a, dtype=np.float64, order="C") for a in arrays]
    flat, typical = own[k].reshape(-1), float(np.sqrt(np.mean(np.square(own[k])))) if own[k].size else 0.0
    result = np.zeros(len(places))
    for n, i in enumerate(places):
        before = flat[i]
        h = STEP * (max(abs(before), typical) or 1.0)
        flat[i] = before + h
        high = value(own)
        flat[i] = before - h
        low = value(own)
        flat[i] = before
        result[n] = (high - low) / (2 * h)
    return result
