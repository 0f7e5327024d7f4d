"""Functions that printed scripts carry with them, because NumPy has none."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from handgrad.core import special


def helpers(carried: Mapping[str, Any]) -> str:
    """The source of the functions that the calls use: the very text that handgrad runs itself."""
    parts = []
    for name, function in carried.items():
        if function is special.erf:
            parts.append(special.source())
            continue
        text = textwrap.dedent(inspect.getsource(function))
        text = text.replace(f"def {function.__name__}(", f"def {name}(").replace(": Any", "").replace(" -> Any", "")
        parts.append(text)
    return "\n\n" + "\n\n".join(parts) + "\n" if parts else ""
