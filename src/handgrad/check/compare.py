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
ALIKE = 1e-4  # two opinions that are this close are one
TINY = 1e-200  # below, an imaginary step of 1e-30 leaves the range of numbers, and gradients lose their digits
PROOF = 1e-2  # agreement within an error of more than this share of the number proves nothing


@dataclass(frozen=True, slots=True)
class Finding:
    """One derivative looked at. verdict: equal | zero | kink | unseen | wrong | corner (wrong at this point only)."""

    at: int
    verdict: str
    analytic: float
    numeric: float
    step: float
    method: str
    left: float
    right: float
    smooth: bool = False  # left and right surely agree
    bent: bool = False  # they surely differ

    @property
    def between(self) -> bool:
        """Whether the claim lies between the slopes to the left and to the right."""
        margin = ALIKE * max(abs(self.left), abs(self.right))
        return min(self.left, self.right) - margin <= self.analytic <= max(self.left, self.right) + margin

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
        self._largest = [float(np.max(np.abs(c), initial=0.0)) for c in self.claims]
        self._confirmed = [0] * len(problem.names)

    def compare(self, sample: int | None) -> list[Comparison]:
        """All arrays, at every position or `sample` random ones; what was left out is covered by random directions."""
        sizes = [a.size for a in self.problem.arrays]
        result = []
        for k, count in enumerate(shares(sizes, sample)):
            claim = self.claims[k]
            drawn = self.rng.choice(sizes[k], count, replace=False) if count < sizes[k] else range(sizes[k])
            places = np.sort(np.asarray(drawn, dtype=int))
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
        many = self._confirmed[k] > 3  # an array with that many mistakes is not explained by kinks
        found = self._judge(self.probe, k, i, claim, brief=many)
        if found.verdict == "unseen" and self.probe.floors[k] > 1e-3 * self._largest[k]:
            return self._tied(found, k, i)
        if found.verdict != "wrong" or not math.isfinite(claim) or many:
            return found
        found = self._nearby_verdict(found, k, i)
        self._confirmed[k] += found.verdict == "wrong"
        return found

    def _judge(self, probe: Probe, k: int, i: int, claim: float, brief: bool = False) -> Finding:
        x, scale = float(probe.arrays[k].flat[i]), probe.scale(k, i)
        moved = probe.moved(k, i)
        s = quick(moved, x, probe.middle, scale, probe.noise)
        size = max(abs(claim), abs(s.value))
        bent = abs(s.right - s.left) > 1e-2 * max(abs(s.left), abs(s.right)) + 4 * s.error
        floor = 10 * probe.floors[k]
        if math.isfinite(claim) and abs(claim - s.value) <= RELATIVE * size + s.error + floor and not bent:
            if s.error + floor <= PROOF * size:
                return _finding(i, "equal", claim, s)
            exact = self._exact(probe, k, i, claim, s)
            if exact is not None:
                return exact
        elif brief and not bent and s.error + floor <= PROOF * size:
            return _finding(i, "wrong", claim, s)
        s = careful(moved, x, probe.middle, scale, probe.noise)
        size = max(abs(claim), abs(s.value))
        if s.error == math.inf:
            return _finding(i, "kink" if s.kink else "unseen", claim, s)
        if not math.isfinite(claim):
            return _finding(i, "wrong", claim, s)
        if abs(claim - s.value) <= RELATIVE * size + s.error + floor or size < TINY:
            if s.kink:  # a tie that rounding breaks either way makes the floor as large as the claim: ask nearby
                alike = abs(claim - s.value) <= RELATIVE * size + s.error
                return _finding(i, "kink" if alike else "wrong", claim, s)
            if s.error + floor <= PROOF * size and size >= TINY:
                return _finding(i, "equal", claim, s)
            return _finding(i, "zero" if claim == 0 else "unseen", claim, s)
        return self._second_opinion(probe, k, i, claim, s)

    def _second_opinion(self, probe: Probe, k: int, i: int, claim: float, s: Slope) -> Finding:
        """Before a difference accuses, the complex step is asked: it stays where the function is smooth."""
        slope = None if s.kink else probe.imaginary(k, i)
        if slope is None or abs(slope - s.value) <= s.error + ALIKE * abs(slope):
            return _finding(i, "wrong", claim, s)
        seen, off = Slope(slope, 1e-30, 0.0, slope, slope), abs(claim - slope)
        floor = 10 * probe.floors[k] + ALIKE * max(abs(claim), abs(slope)) * (not probe.healthy)
        if off <= EXACT * max(abs(claim), abs(slope)) + floor:
            return _finding(i, "equal", claim, seen, "complex_step")
        return _finding(i, "wrong" if probe.healthy else "unseen", claim, seen, "complex_step")

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
        if off <= EXACT * size + floor or size < TINY:
            verdict = "zero" if claim == 0 else "equal" if floor <= PROOF * size and size >= TINY else "unseen"
            return _finding(i, verdict, claim, seen, "complex_step")
        if probe.healthy and abs(slope - s.value) <= s.error:
            return _finding(i, "wrong", claim, seen, "complex_step")
        return None

    # -- a hair's breadth away ------------------------------------------------------------------------------------
    def _tied(self, found: Finding, k: int, i: int) -> Finding:
        """Two equal numbers that a rounding can put in either order hide a mistake here, but not nearby."""
        near = self._jittered(0)
        if near is None:
            return found
        probe, claims = near
        other = self._judge(probe, k, i, float(np.asarray(claims[k]).flat[i]))
        return replace(other, at=i) if other.verdict == "wrong" else found

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
            if other.verdict == "zero" and not (found.bent and found.between):
                continue  # 0 against 0 nearby explains only what lies between the two slopes of a kink
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
    return Finding(i, verdict, claim, s.value, s.step, method, s.left, s.right, s.smooth, s.kink)


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
