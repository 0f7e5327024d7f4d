"""The cost of recording: µs per op on tensors, and a chain of 100,000 ops forward and backward."""

from __future__ import annotations

import argparse
import importlib.util
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import environment
import numpy as np
from rich.console import Console
from rich.table import Table

CHAIN = 100_000
OPS = 20_000
LIMIT_OP, LIMIT_CHAIN = 5.0, 5.0  # µs an op; seconds for the whole chain
Make = Callable[[Any], Any]


def per_op(make: Make, sigmoid: Make, rounds: int) -> dict[str, float]:
    """Return µs per op for a few ops, each recorded OPS times on the same inputs."""
    rng = np.random.default_rng(9)
    scalar, row, table, weight = (make(rng.standard_normal(shape)) for shape in ((), (8,), (32, 8), (8, 8)))
    ops: dict[str, Callable[[], Any]] = {
        "scalar · scalar": lambda: scalar * scalar,
        "(32, 8) + (32, 8)": lambda: table + table,
        "(32, 8) + (8,), broadcast": lambda: table + row,
        "(32, 8) @ (8, 8)": lambda: table @ weight,
        "sigmoid of (32, 8)": lambda: sigmoid(table),
    }
    found = {}
    for name, op in ops.items():
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in range(OPS):
                op()
            times.append((time.perf_counter() - start) / OPS * 1e6)
        found[name] = statistics.median(times)
    return found


def chain(make: Make) -> tuple[float, float]:
    """Return the seconds of CHAIN products in a row, forward and backward. AssertionError: the gradient is wrong."""
    x, factor = make(np.array(1.5)), make(np.array(1.00001))
    start = time.perf_counter()
    y = x
    for _ in range(CHAIN):
        y = y * factor
    middle = time.perf_counter()
    y.backward()
    end = time.perf_counter()
    # each of the CHAIN products may round by half a unit in the last place
    if not math.isclose(float(x.grad), 1.00001**CHAIN, rel_tol=CHAIN * 2.3e-16):
        raise AssertionError(f"dy/dx is {float(x.grad)!r}, and {1.00001**CHAIN!r} was expected.")
    return middle - start, end - middle


def libraries() -> dict[str, tuple[Make, Make]]:
    """Return, for each library that is installed, how it makes a tensor and what its sigmoid is."""
    found: dict[str, tuple[Make, Make]] = {}
    if importlib.util.find_spec("handgrad"):
        import handgrad as hg

        found["handgrad"] = hg.tensor, hg.sigmoid
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        found["torch"] = lambda value: torch.tensor(value, requires_grad=True), torch.sigmoid
    return found


def main() -> None:
    """Time handgrad, PyTorch and, where nothing is recorded, plain NumPy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    console = Console()
    columns = {name: per_op(make, sigmoid, rounds) for name, (make, sigmoid) in libraries().items()}
    columns["NumPy, unrecorded"] = per_op(np.asarray, lambda x: 1 / (1 + np.exp(-x)), rounds)
    table = Table(title=f"µs per op, median of {rounds} rounds (handgrad: ≤ {LIMIT_OP} for a plain op)")
    table.add_column("op")
    for name in columns:
        table.add_column(name, justify="right")
    for op in columns["NumPy, unrecorded"]:
        table.add_row(op, *(f"{column[op]:.2f}" for column in columns.values()))
    console.print(table)
    for name, (make, _) in libraries().items():
        forward, backward = (statistics.median(part) for part in zip(*(chain(make) for _ in range(rounds))))
        limit = f" (≤ {LIMIT_CHAIN} s together)" if name == "handgrad" else ""
        console.print(f"{name}: chain of {CHAIN:,} ops, forward {forward:.2f} s, backward {backward:.2f} s{limit}")


if __name__ == "__main__":
    environment.clean()
    main()
