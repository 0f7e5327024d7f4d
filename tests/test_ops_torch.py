"""Every op in the registry against its twin in PyTorch: values, gradients, corners and second derivatives."""

from __future__ import annotations

import pytest

import contract
from oracles import oracle
from test_ops_contract import OPS

oracle("torch")  # a file of its own: without PyTorch it is left out once, and the other oracles see every case


@pytest.mark.parametrize("op", [op for op in OPS if op.torch is not None], ids=lambda op: op.name)
def test_against_the_twin(op):
    contract.check_op_torch(op)
