"""Mistakes by their looks: what a wrong gradient turns out to be, each with the sentence that says it.

A candidate is what the claimed gradient would equal if a certain mistake had been made; it is recognised where it
agrees with the numbers of the function at all positions looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.check.compare import Comparison, Examiner, slopes
from handgrad.i18n import N_

Array = Any
ALIKE = 1e-4  # relative to the largest slope: far above the error of the differences, far below any mistake
LOOKS = 64  # positions that a pattern is read from

SENTENCES = {
    "not_finite": N_("it holds NaN or infinity where the function has a slope"),
    "wrong_shape": N_("its shape is {got}, the argument's is {expected}"),
    "zero": N_("it is zero, and the function does change"),
    "sign": N_("its sign is wrong"),
    "factor_two": N_("it is {factor:g} times the right one: a factor 2 is lost or too many"),
    "missing_mean": N_("it is {factor:g} times the right one: the 1/N of a mean is missing"),
    "divided_twice": N_("it is {factor:.3g} times the right one: it was divided by N once too often"),
    "factor": N_("it is {factor:.6g} times the right one"),
    "transposed": N_("it is transposed: rows and columns have changed places"),
    "swapped": N_("it is the gradient of {other}"),
    "not_summed_over_batch": N_("it is not summed over the batch: only one row counts"),
    "ignores_incoming_gradient": N_("it ignores the gradient that arrives, as if that were 1 everywhere"),
    "missing_activation_derivative": N_("the derivative of an activation is missing: the gradient passes unchanged"),
    "shifted": N_("it is shifted by one place along an axis"),
    "some_positions": N_("it is wrong at {wrong} of {checked} positions, right at the others"),
    "corner": N_("it is right nearby and wrong at this very point, where the function has no kink"),
    "limited": N_("the rule of {other} keeps slopes bounded at these numbers, the function itself does not"),
    "unlike": N_("it is wrong in a way that fits no known mistake"),
    "unlike_torch": N_("PyTorch gives another number, {torch:.1e} away: here the twin is wrong, or the function is"),
    "different_program": N_("the compiled program and its plain lines give different numbers"),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A kind of mistake, and how many times the right gradient the wrong one is, where that is the mistake."""

    kind: str
    factor: float | None = None
    other: str = ""


def recognise(examiner: Examiner, k: int, found: Comparison, others: list[Comparison]) -> Mistake:
    """What the mistake in the gradient of array k looks like."""
    claim = np.asarray(found.claim, dtype=np.float64)
    wrong, right = found.of("wrong"), found.of("equal", "zero")
    if not np.isfinite(claim).all() and any(not np.isfinite(f.analytic) for f in wrong):
        return Mistake("not_finite")
    if not wrong:
        return Mistake("corner")
    places, truth = _looked_at(examiner, k, found)
    size = float(np.max(np.abs(truth), initial=0.0))
    mine = claim.reshape(-1)[places]

    def alike(candidate: Array, reference: Array = mine) -> bool:
        top = max(float(np.max(np.abs(candidate))), float(np.max(np.abs(reference))))
        return bool(np.all(np.abs(candidate - reference) <= ALIKE * top))

    if not claim.any():
        return Mistake("zero")
    if alike(-truth):
        return Mistake("sign")
    for factor in (2.0, 0.5):
        if alike(factor * truth):
            return Mistake("factor_two", factor)
    if size:
        for kind, turned in _rearranged(claim):
            if alike(turned.reshape(-1)[places], truth):
                return Mistake(kind)
    for other in others:
        known = [f for f in other.findings if f.verdict in ("equal", "wrong") and np.isfinite(f.numeric)]
        if other is found or np.shape(other.claim) != claim.shape or not known:
            continue
        theirs = np.array([f.numeric for f in known])
        if alike(claim.reshape(-1)[[f.at for f in known]], theirs) and not alike(truth):
            return Mistake("swapped", other=other.name)
    for kind, slope in _variants(examiner, k, places):
        if alike(slope):
            return Mistake(kind)
    if examiner.problem.candidates is not None:
        for kind, arrays in examiner.problem.candidates():
            if arrays[k].shape == claim.shape and alike(arrays[k].reshape(-1)[places]):
                return Mistake(kind)
    times = _ratio(mine, truth)
    if times is not None and alike(times * truth):
        for n in examiner.problem.counts:
            if n > 1 and abs(times / n - 1) < ALIKE:
                return Mistake("missing_mean", times)
            if n > 1 and abs(times * n - 1) < ALIKE:
                return Mistake("divided_twice", times)
        if len(places) > 1 or claim.size == 1:
            return Mistake("factor", times)
    return Mistake("some_positions" if right and any(f.verdict == "equal" for f in right) else "unlike")


def _looked_at(examiner: Examiner, k: int, found: Comparison) -> tuple[Array, Array]:
    """Positions without kinks, and what the function does there; more of them than a small sample holds."""
    usable = [f for f in found.findings if f.verdict in ("equal", "zero", "wrong") and np.isfinite(f.numeric)]
    if len(usable) > LOOKS:
        usable = [usable[int(n)] for n in np.linspace(0, len(usable) - 1, LOOKS)]
    places, truth = [f.at for f in usable], [f.numeric for f in usable]
    known = {f.at for f in found.findings}
    size = np.asarray(found.claim).size
    if len(places) < LOOKS and size > len(known):
        step = max(1, size // LOOKS)
        for at in [i for i in range(0, size, step) if i not in known][: LOOKS - len(places)]:
            finding = examiner.look(k, at)
            if finding.verdict in ("equal", "zero", "wrong") and np.isfinite(finding.numeric):
                places.append(at)
                truth.append(finding.numeric)
    return np.array(places, dtype=int), np.array(truth)


def _rearranged(claim: Array) -> Iterator[tuple[str, Array]]:
    """The claim with an exchange of places undone."""
    if claim.ndim == 2 and min(claim.shape) > 1:
        if claim.shape[0] == claim.shape[1]:
            yield "transposed", claim.T
        else:
            yield "transposed", claim.reshape(claim.shape[::-1]).T
    for axis, by in itertools.product(range(claim.ndim), (1, -1)):
        if claim.shape[axis] > 1:
            yield "shifted", np.roll(claim, by, axis)


def _variants(examiner: Examiner, k: int, places: Array) -> Iterator[tuple[str, Array]]:
    kinds = {
        "first_row": "not_summed_over_batch",
        "last_row": "not_summed_over_batch",
        "ones": "ignores_incoming_gradient",
    }
    counts = [1, *examiner.problem.counts]
    for name, value in examiner.problem.variants.items():
        slope = slopes(value, examiner.probe.arrays, k, list(places))
        if slope.any():
            for n in counts if kinds[name] == "not_summed_over_batch" else [1]:
                yield kinds[name], slope / n


def _ratio(mine: Array, truth: Array) -> float | None:
    """How many times the right numbers the claimed ones are, read where the right ones are large."""
    weight = float(np.sum(truth * truth))
    return float(np.sum(mine * truth)) / weight if weight else None
