"""Entries: a problem examined, and what was found at each array put into the words of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.check.compare import Comparison, Examiner, Finding
from handgrad.check.kinds import recognise
from handgrad.check.problem import Problem
from handgrad.check.report import Entry, Kink
from handgrad.errors import ArgumentError, DTypeError

Array = Any


def examine(problem: Problem, sample: int | None, rng: np.random.Generator) -> list[Entry]:
    """One entry for each array of the problem. Raises ArgumentError where the function is not finite."""
    examiner = Examiner(problem, rng)
    if not math.isfinite(examiner.probe.middle):
        raise ArgumentError(
            "the function gives {value} at this point, so it has no slope there. Check it at other numbers.",
            value=str(examiner.probe.middle),
        )
    with np.errstate(all="ignore"):
        found = examiner.compare(sample)
        return [_entry(examiner, k, c, found) for k, c in enumerate(found)]


def _entry(examiner: Examiner, k: int, c: Comparison, others: list[Comparison]) -> Entry:
    wrong = c.of("wrong", "corner")
    entry = Entry(
        name=c.name, ok=not wrong, size=int(np.asarray(c.claim).size), checked=len(c.findings), wrong=len(wrong),
        kinks=len(c.of("kink")), zeros=len(c.of("zero")), unseen=len(c.of("unseen")),
    )  # fmt: skip
    shape = np.shape(c.claim)

    def index(f: Finding) -> tuple[int, ...]:
        return tuple(int(i) for i in np.unravel_index(f.at, shape))

    bent = [f for f in c.of("kink") if math.isfinite(f.left) and math.isfinite(f.right)]
    if bent:
        f = bent[0]
        entry = replace(entry, kink=Kink(index(f), f.left, f.right, f.analytic))
    shown = wrong or c.of("equal") or c.of("zero")
    if shown:
        worst = max(shown, key=_apart if wrong else (lambda f: f.error))
        entry = replace(
            entry, index=index(worst), analytic=worst.analytic, numeric=worst.numeric, step=worst.step,
            error=worst.error, method=worst.method,
        )  # fmt: skip
    if wrong:
        mistake = recognise(examiner, k, c, others)
        entry = replace(entry, kind=mistake.kind, factor=mistake.factor, other=mistake.other)
    return entry


def _apart(f: Finding) -> float:
    off = abs(f.analytic - f.numeric)
    return off if math.isfinite(off) else math.inf


def distinct(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """An incoming gradient: random, of both signs, all different in size. Not ones: rows of a softmax add up to 1."""
    n = int(np.prod(shape))
    sizes = (rng.permutation(n) + rng.uniform(0.5, 1, n)) / max(n, 1) + 0.25
    return (sizes * rng.choice([-1.0, 1.0], n)).reshape(shape)


def generator(seed: Any) -> np.random.Generator:
    """Random numbers from a seed. Raises DTypeError or ArgumentError for what is none."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise DTypeError("seed must be a whole number, got {seed!r}. Try seed=0.", seed=str(seed)[:60])
    if seed < 0:
        raise ArgumentError("seed must be at least 0, got {seed}. Try seed=0.", seed=seed)
    return np.random.default_rng(int(seed))


def sample_size(sample: Any) -> int | None:
    """The number of random positions, None for all. Raises DTypeError or ArgumentError for anything else."""
    if sample is None:
        return None
    if isinstance(sample, bool) or not isinstance(sample, (int, np.integer)):
        raise DTypeError(
            "sample must be a whole number or None, got {sample!r}. Try sample=100.", sample=str(sample)[:60]
        )
    if sample < 1:
        raise ArgumentError("sample must be at least 1, got {sample}. Leave it out to check everything.", sample=sample)
    return int(sample)


def dtypes(arrays: Mapping[str, Array]) -> str:
    """What the given numbers are stored as: float64 unless some are narrower."""
    kinds = [np.asarray(a).dtype for a in arrays.values() if np.asarray(a).dtype.kind == "f"]
    narrow = [d.name for d in kinds if d.itemsize < 8]
    return narrow[0] if narrow else "float64"
