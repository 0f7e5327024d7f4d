"""PyTorch beside the check: the same gradients worked out by a library that shares no line with this one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.bridge.compare import installed, torch_gradients
from handgrad.check.report import AGREES, Entry
from handgrad.errors import MissingDependencyError, Phrase, missing
from handgrad.nn.arguments import boolean

if TYPE_CHECKING:
    from handgrad.nn.network import Network

Array = Any
ABSENT = Phrase("it is not installed")
ROUNDINGS = 100  # two libraries add up in different orders: so many times the effect of single roundings is no mistake


def wants_torch(torch: bool | None) -> bool:
    """Whether to ask PyTorch: None means where it is installed. Raises MissingDependencyError, DTypeError."""
    if torch is None:
        return installed()
    if boolean(torch, "torch") and not installed():
        raise missing("PyTorch", "torch")
    return bool(torch)


def opinion(net: Network, X: Array, y: Array, torch: bool | None) -> tuple[dict[str, Array] | None, str]:
    """PyTorch's gradients, or the reason why there are none ("" when nobody wants them)."""
    if not wants_torch(torch):
        return None, ABSENT if torch is None else ""
    try:
        found, reason = torch_gradients(net, X, y)
    except MissingDependencyError:  # a folder of that name which cannot be imported
        if torch:
            raise
        return None, ABSENT
    return found, reason or ""


def beside_torch(
    entries: Sequence[Entry], claims: Mapping[str, Array], theirs: Mapping[str, Array],
    floors: Callable[[], Mapping[str, float]],
) -> list[Entry]:  # fmt: skip
    """The entries with their largest difference to PyTorch; wrong where that is the only thing to be said.

    Differences are relative to the largest number of the array. `floors` says how far rounding moves each array; it is
    asked only when a difference is large, as at a minimum, where all terms cancel.
    """
    known = {e.name: _apart(claims[e.name], theirs[e.name]) for e in entries if e.name in theirs}
    far = any(off > AGREES * size for off, size, _ in known.values())
    moved = floors() if far else dict.fromkeys(known, 0.0)
    result = []
    for e in entries:
        if e.name not in known:
            result.append(e)
            continue
        off, size, at = known[e.name]
        size = max(size, ROUNDINGS / AGREES * moved[e.name])
        share = off / size if size and off else 0.0
        e = replace(e, torch=share)
        if share > AGREES and e.ok and not e.kind:
            mine, other = float(claims[e.name][at]), float(theirs[e.name][at])
            e = replace(e, ok=False, kind="unlike_torch", index=at, analytic=mine, numeric=other, error=share,
                        step=math.nan, method="torch")  # fmt: skip
        result.append(e)
    return result


def _apart(mine: Array, other: Array) -> tuple[float, float, tuple[int, ...]]:
    """The largest difference, the largest number, and where the difference is; NaN equals NaN."""
    if not mine.size:
        return 0.0, 0.0, ()
    with np.errstate(all="ignore"):
        off = np.where((mine == other) | (np.isnan(mine) & np.isnan(other)), 0.0, np.abs(mine - other))
    off = np.where(np.isnan(off), np.inf, off)
    size = max(float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a))) for a in (mine, other))
    at = np.unravel_index(int(np.argmax(off)), off.shape)
    return float(np.max(off)), size, tuple(int(i) for i in at)
