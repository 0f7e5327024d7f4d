"""Oracles: the libraries that tests compare handgrad with, and what to do where one is not installed.

`oracle("torch")` gives the module. Where it is absent the test is skipped and listed at the end of the run; with
HANDGRAD_FULL=1 (`make test-full`) absence is a failure instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType
from typing import NamedTuple

import pytest

FULL = os.environ.get("HANDGRAD_FULL", "") not in ("", "0")


class Oracle(NamedTuple):
    module: str  # what is imported
    purpose: str


# By the name under which pip knows it. What `make test-full` installs and insists on.
ORACLES = {
    "torch": Oracle("torch", "every op, loss, optimizer and random network"),
    "sympy": Oracle("sympy", "derivatives and simplification"),
    "mpmath": Oracle("mpmath", "special functions to 30 digits"),
    "array-api-strict": Oracle("array_api_strict", "rules that keep to the array standard"),
    "array-api-compat": Oracle("array_api_compat", "rules on PyTorch arrays"),
    "scikit-learn": Oracle("sklearn", "data sets and metrics"),
    "matplotlib": Oracle("matplotlib", "pictures"),
    "pyarrow": Oracle("pyarrow", "Parquet tables"),
    "narwhals": Oracle("narwhals", "data frames"),
    "pandas": Oracle("pandas", "data frames"),
    "polars": Oracle("polars", "data frames"),
}

asked: dict[str, int] = {}  # absent oracles by module, and how often a test asked for each


def oracle(module: str) -> ModuleType:
    """The module `module` (or a submodule of it), or a skip that the end of the run reports.

    Works at the top of a test file, where it leaves out the whole file, and inside a test or fixture.
    """
    root = module.split(".")[0]
    if root not in [known.module for known in ORACLES.values()]:
        raise LookupError(
            f"{root} is not in ORACLES (tests/oracles.py): add it there, and to pyproject.toml's oracles."
        )
    if importlib.util.find_spec(root) is not None:
        return importlib.import_module(module)
    asked[root] = asked.get(root, 0) + 1
    if FULL:
        pytest.fail(f"{root} is not installed, and HANDGRAD_FULL=1 insists on every oracle", pytrace=False)
    pytest.skip(f"{root} is not installed", allow_module_level=True)


def absent() -> dict[str, Oracle]:
    """The oracles that are not installed."""
    return {name: known for name, known in ORACLES.items() if importlib.util.find_spec(known.module) is None}
