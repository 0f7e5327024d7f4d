"""Peak memory of training 784-512-512-10 (5,000 rows, batch 128, float32, Adam), each program in its own process."""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import environment
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from jobs import Array

# NumPy and the peers are imported in the children only: on Linux a child's peak starts at what its parent has used,
# so the parent must stay small.
EPOCHS, BATCH, SIZES = 3, 128, (784, 512, 512, 10)
LIMIT = 1.3  # times the hand-written loop


def peak() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def data() -> tuple[Array, Array]:
    """Return 5,000 random rows and their classes."""
    import numpy as np

    rng = np.random.default_rng(6)
    return rng.standard_normal((5000, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], 5000)


def orders() -> Iterator[Array]:
    """Give the rows of each batch of each epoch."""
    import numpy as np

    rng = np.random.default_rng(7)
    for _ in range(EPOCHS):
        order = rng.permutation(5000)
        yield from (order[i : i + BATCH] for i in range(0, 5000, BATCH))


def first() -> list[Array]:
    """Return the first weights."""
    import jobs
    import numpy as np

    return list(jobs.draw(np.random.default_rng(8), SIZES, 2.0, "float32"))


def lean() -> Callable[[Array, Array], Any]:
    """The hand-written loop of lean_loop.py."""
    import lean_loop

    def train(X: Array, y: Array) -> None:
        loop = lean_loop.Lean(first(), BATCH)
        for rows in orders():
            loop.step(X, y, rows)

    return train


def textbook() -> Callable[[Array, Array], Any]:
    """The loop that allocates every intermediate."""
    import peers

    def train(X: Array, y: Array) -> None:
        parameters = first()
        peers.mlp(parameters, ((X[rows], y[rows]) for rows in orders()), peers.Adam(parameters, 1e-3), None)

    return train


def torch() -> Callable[[Array, Array], Any]:
    """PyTorch eager."""
    import torch as library
    from torch import nn

    library.set_num_threads(1)

    def train(X: Array, y: Array) -> None:
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        optimizer, loss_function = library.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
        inputs, targets = library.from_numpy(X), library.from_numpy(y)
        for rows in orders():
            index = library.from_numpy(rows)
            optimizer.zero_grad()
            loss_function(model(inputs[index]), targets[index]).backward()
            optimizer.step()

    return train


def handgrad() -> Callable[[Array, Array], Any]:
    """handgrad's fit, with its history on."""
    import handgrad as hg

    def train(X: Array, y: Array) -> None:
        net = hg.Network.parse("784-512:relu-512:relu-10", loss="cross_entropy", seed=0, dtype="float32")
        net.fit(X, y, epochs=EPOCHS, batch_size=BATCH, optimizer=hg.Adam(1e-3), seed=0)

    return train


PROGRAMS: dict[str, Callable[[], Callable[[Array, Array], Any]]] = {
    "handgrad": handgrad,
    "lean loop": lean,
    "textbook": textbook,
    "torch": torch,
}


def child(name: str) -> None:
    """Import, make the data, train, and print the peak before and after training."""
    train = PROGRAMS[name]()
    X, y = data()
    before = peak()
    train(X, y)
    print(json.dumps({"before": before, "after": peak()}))


def measure(name: str) -> tuple[float, float]:
    """Return the peak of a fresh process in MiB: with imports and data, and after training."""
    command = [sys.executable, __file__, "--child", name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{name} failed:\n{result.stderr}")
    numbers = json.loads(result.stdout.splitlines()[-1])
    return float(numbers["before"]), float(numbers["after"])


def main() -> None:
    """Measure every program in turn, several rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=PROGRAMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    names = [name for name in PROGRAMS if name in {"lean loop", "textbook"} or importlib.util.find_spec(name)]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            found[name].append(measure(name))
    table = Table(title=f"peak memory in MiB, median of {options.rounds} rounds")
    for heading in ("program", "imports and data", "peak", "training alone", "peak / lean loop"):
        table.add_column(heading, justify="left" if heading == "program" else "right")
    peaks = {name: statistics.median(after for _, after in pairs) for name, pairs in found.items()}
    for name in names:
        before = statistics.median(start for start, _ in found[name])
        ratio = f"{peaks[name] / peaks['lean loop']:.2f}" + (f" (≤ {LIMIT})" if name == "handgrad" else "")
        table.add_row(name, f"{before:.1f}", f"{peaks[name]:.1f}", f"{peaks[name] - before:.1f}", ratio)
    console = Console()
    console.print(table)
    for name in PROGRAMS.keys() - found.keys():
        console.print(f"left out: {name} (not installed)")


if __name__ == "__main__":
    environment.clean()
    main()
