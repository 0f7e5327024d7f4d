"""Ops where they stand: the rule of each op of a computation against the op itself, on the numbers of this pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.check.report import Entry
from handgrad.core.op import Op
from handgrad.errors import ArgumentError, ShapeError

Array = Any
PLACES = 24  # positions of each call: a wrong rule is wrong at most of them


def wrong_ops(
    calls: Sequence[tuple[Op, Sequence[Array], dict[str, Any], str]], rng: np.random.Generator
) -> list[Entry]:
    """One entry for each op and argument whose rule disagrees; `calls` are (op, arrays, settings, layer) in order."""
    from handgrad.check.function import Call  # which looks for wrong ops itself

    found: dict[tuple[str, str], Entry] = {}
    for op, arrays, params, layer in calls:
        moving = [i for i, a in enumerate(arrays) if op.moves(i) and np.asarray(a).dtype.kind == "f"]
        if not op.vjps or not moving or any(not np.isfinite(arrays[i]).all() or not arrays[i].size for i in moving):
            continue
        name = _beyond(op, arrays)
        if name is not None:
            found.setdefault((op.name, name), Entry(name, True, "limited", other=op.name, op=op.name, layer=layer))
            low, high = op.traits["limits"][name]
            arrays = [np.clip(a, low, high) if n == name else a for n, a in zip(op.arrays, arrays, strict=True)]
        try:
            call = Call(_bound(op, arrays, params, moving), [arrays[i] for i in moving], None, rng)
            entries = call.examine(PLACES * len(moving), rng)
        except ArgumentError:  # not finite here: nothing to compare
            continue
        except ShapeError:  # the rule gives a gradient of another shape
            entries = [
                Entry(op.arrays[0 if op.variadic else i], False, "wrong_shape", size=np.size(arrays[i])) for i in moving
            ]
        for i, e in zip(moving, entries, strict=True):
            name = op.arrays[0] if op.variadic else op.arrays[i]
            if not e.ok:
                if (op.name, name) not in found or found[op.name, name].ok:
                    found[op.name, name] = replace(e, name=name, op=op.name, layer=layer)
    return list(found.values())


def _beyond(op: Op, arrays: Sequence[Array]) -> str | None:
    """The argument that lies beyond the limits of the op's rule (its trait "limits": {argument: (low, high)})."""
    for name, (low, high) in op.traits.get("limits", {}).items():
        a = arrays[op.arrays.index(name)]
        if np.any((a < low) | (a > high)):
            return str(name)
    return None


def _bound(op: Op, arrays: Sequence[Array], params: dict[str, Any], moving: Sequence[int]) -> Callable[..., Any]:
    """The op as a function of the arrays that move."""

    def fn(*given: Any) -> Any:
        every = list(arrays)
        for i, a in zip(moving, given, strict=True):
            every[i] = a
        return op(*every, **params)

    return fn
