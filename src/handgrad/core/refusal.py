"""When NumPy refuses an op: the shape rules, which know the op's own words, say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.op import Op
from handgrad.core.sizes import show, together
from handgrad.errors import ArgumentError, HandgradError, Phrase

KINDS = {"f": "float", "b": "bool", "i": "int", "u": "int"}


def refusal(op: Op, arrays: Sequence[Any], params: Mapping[str, Any], error: Exception) -> Exception:
    """The error to raise in place of NumPy's: what the op's own rules object to, given the same shapes.

    Where they object to nothing, it says which op got which shapes, with NumPy's reason.
    """
    if isinstance(error, HandgradError):
        return error
    from handgrad.core.symbols import Symbols  # symbols stand above ops, and only a failure needs them

    table = Symbols()
    try:
        leaves = [
            table.leaf(i, np.shape(a), KINDS.get(np.asarray(a).dtype.kind, "float")) for i, a in enumerate(arrays)
        ]
        table.apply(op, leaves, params)
    except HandgradError as reason:
        return reason
    except (TypeError, ValueError, AttributeError, IndexError):
        pass  # the rule itself fails on these arguments: NumPy's reason is the better one
    if not op.primitive and not op.rule.__module__.startswith("handgrad."):
        return error  # somebody's own rule: its traceback shows them the line
    return ArgumentError(
        "{op} cannot take arrays of shape {shapes} with {params}: {reason}. Check the arguments of {op}.",
        op=op.name,
        shapes=together(show(np.shape(a)) for a in arrays),
        params=", ".join(f"{k}={v!r}" for k, v in params.items())[:80] or Phrase("no settings"),
        reason=str(error).splitlines()[0][:100].rstrip(".") if str(error) else type(error).__name__,
    )
