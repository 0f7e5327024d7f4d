"""Random cases of an op, drawn from its samples: shapes, settings, numbers that keep apart, memory layouts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.core.op import Op, numbers
from handgrad.core.sizes import Size

CASES = 30  # per op
SHAPES = [  # for the pattern "...": of one array, of several that broadcast
    [(), (1,), (3,), (2, 3), (0,), (2, 0), (1, 4), (2, 1, 3), (4, 2), (5,)],
    [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((2, 3), ()), ((4, 1, 2), (3, 1)), ((1,), (1,)), ((0,), (1,)),
     ((2, 0), (0,)), ((2, 3), (2, 3)), ((), ()), ((1, 3), (2, 3)), ((3,), (2, 1, 3))],
]  # fmt: skip


N = Size(1, ("N",))


@dataclass(frozen=True)
class Case:
    op: Op
    arrays: tuple[Any, ...]
    params: dict[str, Any]
    g: Any  # the gradient that arrives
    layout: str
    lettered: tuple[Any, ...] = ()  # the shapes with the letter N for every axis called n, and the settings likewise

    def __str__(self) -> str:
        shapes = ", ".join(str(np.shape(a)) for a in self.arrays)
        return f"{self.op.name}({shapes}; {self.params}) {self.layout}"

    @property
    def moving(self) -> list[int]:
        """The positions of the inputs that have a derivative."""
        return [i for i, a in enumerate(self.arrays) if self.op.moves(i) and np.asarray(a).dtype.kind == "f"]

    def value(self, *arrays: Any, form: Any = numbers) -> Any:
        return form.run(self.op, arrays or self.arrays, self.params)


# -- drawing --------------------------------------------------------------------------------------------------
def cases(op: Op, count: int = CASES) -> Iterator[Case]:
    """`count` random cases: shapes, settings and memory layouts in turn; the same in every run."""
    assert op.samples is not None, f"{op.name} has no samples"
    rng = np.random.default_rng(list(op.name.encode()))
    patterns = op.samples.shapes.split("|")
    for k in range(max(count, 2 * len(patterns) * len(op.samples.params))):
        pattern = patterns[k % len(patterns)]
        params = op.samples.params[(k // len(patterns)) % len(op.samples.params)]
        yield draw(op, pattern, params, k, rng)


def draw(op: Op, pattern: str, params: Any, k: int, rng: np.random.Generator) -> Case:
    samples = op.samples
    letters: dict[str, int] = {}
    wide = max(len(part.split()) for part in pattern.split(",")) > 3
    alone = len(set(filter(str.isalpha, pattern))) == 1  # one letter to vary: give it more room

    def size(token: str) -> int:
        if token.isdigit():
            return int(token)
        if token not in letters:
            first = not letters
            low = max(1, samples.smallest)
            letters[token] = int(rng.integers(low, low + (3 if wide else 6 + alone)))
            if k % 6 == 4 and (first or rng.random() < 0.3):
                letters[token] = samples.smallest
        return letters[token]

    if pattern.strip() == "...":
        table = SHAPES[min(len(op.arrays), 2) - 1]
        if k < len(table):
            shapes = [table[k]] if len(op.arrays) == 1 else [*table[k], *table[k][:1] * (len(op.arrays) - 2)]
        else:
            full = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
            shapes = [_thinned(full, rng) if len(op.arrays) > 1 else full for _ in op.arrays]
        if samples.smallest:
            shapes = [tuple(max(n, samples.smallest) for n in s) for s in shapes]
    else:
        shapes = [tuple(size(t) for t in part.split()) for part in pattern.split(",")]
    for letter in [*samples.integers.values(), *_letters(params)]:
        if letter not in letters:
            letters[letter] = 2 + k % 3
    settings = {**op.params, **{name: _bound(v, letters) for name, v in params.items()}}
    names = op.arrays if not op.variadic else op.arrays * len(shapes)
    arrays = spread(op, names, shapes, letters, rng)
    layout = ("plain", "read-only", "strided", "transposed", "reversed")[k % 5]
    arrays = tuple(laid_out(a, layout) for a in arrays)
    out = np.asarray(numbers.run(op, arrays, settings))
    lettered: tuple[Any, ...] = ()
    if letters.get("n", 0) > 0:  # a letter stands for at least one row
        tokens = [tuple(N if t == "n" else size(t) for t in part.split()) for part in pattern.split(",")]
        lettered = (
            tokens,
            {**op.params, **{name: _bound(v, {**letters, "n": N}) for name, v in params.items()}},
            letters["n"],
        )
    return Case(op, arrays, settings, distinct(out.shape, rng), layout, lettered)


def _thinned(full: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """A shape that broadcasts to `full`: leading axes dropped, others of length 1."""
    kept = full[rng.integers(0, len(full) + 1) :] if rng.random() < 0.5 else full
    return tuple(1 if rng.random() < 0.3 else n for n in kept)


def _letters(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) == 1 else []
    if isinstance(value, dict):
        return list(itertools.chain(*map(_letters, value.values())))
    return list(itertools.chain(*map(_letters, value))) if isinstance(value, tuple) else []


def _bound(value: Any, letters: dict[str, int]) -> Any:
    if isinstance(value, tuple):
        return tuple(_bound(v, letters) for v in value)
    return letters[value] if isinstance(value, str) and value in letters else value


def spread(op: Op, names: Any, shapes: Any, letters: Any, rng: np.random.Generator) -> list[Any]:
    """Random numbers that keep apart: no two equal, none near 0, so that a difference does not step over a kink."""
    samples = op.samples
    total = sum(int(np.prod(s)) for s in shapes) + 1
    slots = (rng.permutation(total) + 0.5 + rng.uniform(-0.2, 0.2, total)) / total
    arrays = []
    for name, shape in zip(names, shapes, strict=True):
        if name in samples.integers:
            arrays.append(rng.integers(0, letters[samples.integers[name]], shape))
        elif name in samples.booleans:
            arrays.append(np.asarray(rng.integers(0, 2, shape), dtype=bool))
        else:
            low, high = samples.domains.get(name, samples.domain)
            n = int(np.prod(shape))
            arrays.append((low + (high - low) * slots[:n]).reshape(shape))
            slots = slots[n:]
    return arrays


def laid_out(a: Any, layout: str) -> Any:
    """The same numbers, lying differently in memory."""
    a = np.asarray(a)
    if layout == "read-only":
        a = a.copy()
        a.flags.writeable = False
    elif layout == "strided" and a.ndim:
        wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), 77, a.dtype)
        wide[..., ::2] = a
        a = wide[..., ::2]
    elif layout == "transposed" and a.ndim > 1:
        a = np.ascontiguousarray(a.T).T
    elif layout == "reversed" and a.ndim:
        a = np.ascontiguousarray(a[::-1])[::-1]
    return a


def distinct(shape: Any, rng: np.random.Generator) -> Any:
    """Random numbers of both signs, all different in size."""
    n = int(np.prod(shape))
    return (rng.permutation(n) + rng.uniform(0.5, 1, n)).reshape(shape) / max(n, 1) * rng.choice([-1.0, 1.0], shape)
