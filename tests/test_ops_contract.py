"""Every op in the registry keeps the contract of contract.py."""

from __future__ import annotations

import pytest

import contract
import handgrad as hg

OPS = [op for op in hg.ops.registry.values() if op.rule.__module__.startswith(("handgrad.", "numpy")) or op.primitive]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_values_and_gradients(op):
    contract.check_op(op)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_second_derivatives(op):
    for case in list(contract.cases(op))[::3]:
        contract.check_second(case)
