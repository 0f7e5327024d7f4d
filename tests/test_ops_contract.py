"""Every op in the registry keeps the contract of contract.py; PyTorch's opinion is asked in test_ops_torch.py."""

from __future__ import annotations

import pytest

import contract
import handgrad as hg
import oracles

OPS = [op for op in hg.ops.registry.values() if op.rule.__module__.startswith(("handgrad.", "numpy")) or op.primitive]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_values_and_gradients(op, monkeypatch):
    # a skip inside the first case would end the test and leave out all the others
    monkeypatch.setattr(oracles, "oracle", lambda module: pytest.fail(f"the contract must not wait for {module}"))
    contract.check_op(op)
