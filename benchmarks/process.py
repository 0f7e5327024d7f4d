"""From the start of the process to a trained XOR, 10,000 steps: handgrad next to PyTorch and to a textbook loop."""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time

import environment
from rich.console import Console
from rich.table import Table

STEPS = 10_000
LIMIT = 0.15  # of PyTorch's time
# The same first weights for all, so that all must end with the same loss; these ones learn XOR.
FIRST = """
W1 = [[1.5, -1.0], [-1.2, 1.4]]; b1 = [0.1, -0.2]; W2 = [[1.3], [1.1]]; b2 = [-0.3]
X = [[0, 0], [0, 1], [1, 0], [1, 1]]; y = [[0], [1], [1], [0]]
"""
PROGRAMS = {
    "handgrad": """
import numpy as np
import handgrad as hg
X, y = np.array(X, float), np.array(y, float)
net = hg.Network.parse("2-2:sigmoid-1:sigmoid", loss="half_sse", seed=0)
first = {"dense1.weight": W1, "dense1.bias": b1, "dense2.weight": W2, "dense2.bias": b2}
net.set_parameters({name: np.array(value) for name, value in first.items()})
net.fit(X, y, epochs=STEPS, optimizer=hg.SGD(0.1))
loss = net.loss_value(X, y)
""",
    "textbook": """
import numpy as np
X, y, W1, b1, W2, b2 = (np.array(value, float) for value in (X, y, W1, b1, W2, b2))
for step in range(STEPS):
    a1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    dz2 = (a2 - y) * a2 * (1 - a2)
    dz1 = dz2 @ W2.T * a1 * (1 - a1)
    W2 -= 0.1 * a1.T @ dz2
    b2 -= 0.1 * np.sum(dz2, axis=0)
    W1 -= 0.1 * X.T @ dz1
    b1 -= 0.1 * np.sum(dz1, axis=0)
a2 = 1 / (1 + np.exp(-(1 / (1 + np.exp(-(X @ W1 + b1))) @ W2 + b2)))
loss = 0.5 * np.sum((a2 - y) ** 2)
""",
    "torch": """
import torch
from torch import nn
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
X, y = torch.tensor(X, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
with torch.no_grad():
    for layer, W, b in ((model[0], W1, b1), (model[2], W2, b2)):
        layer.weight.copy_(torch.tensor(W).T)
        layer.bias.copy_(torch.tensor(b))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(STEPS):
    optimizer.zero_grad()
    loss = 0.5 * ((model(X) - y) ** 2).sum()
    loss.backward()
    optimizer.step()
loss = 0.5 * ((model(X) - y) ** 2).sum().item()
""",
}
REPORT = "\nimport json\nprint(json.dumps(float(loss)))\n"


def run(name: str) -> tuple[float, float]:
    """Return the seconds that a fresh process needs, and the loss it ends with."""
    program = f"STEPS = {STEPS}\n{FIRST}{PROGRAMS[name]}{REPORT}"
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if result.returncode:
        raise SystemExit(f"{name} failed:\n{result.stderr}")
    return seconds, float(json.loads(result.stdout.splitlines()[-1]))


def main() -> None:
    """Run every program in turn, several rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    names = [name for name in PROGRAMS if name == "textbook" or importlib.util.find_spec(name)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    losses: dict[str, float] = {}
    for name in names:
        losses[name] = run(name)[1]  # a first run that is not counted fills the file cache
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            seconds[name].append(run(name)[0])
    for name, loss in losses.items():
        if abs(loss - losses["textbook"]) > 1e-8 * abs(losses["textbook"]):
            raise SystemExit(f"{name} ends with loss {loss!r}, the textbook loop with {losses['textbook']!r}.")
    table = Table(title=f"process start to trained XOR, {STEPS:,} steps, {rounds} rounds")
    for heading in ("program", "seconds (median)", "fastest", "/ torch", "last loss"):
        table.add_column(heading, justify="left" if heading == "program" else "right")
    for name in names:
        ratio = "–"
        if "torch" in seconds and name != "torch":
            value = statistics.median(a / b for a, b in zip(seconds[name], seconds["torch"], strict=True))
            ratio = f"{value:.3f} (≤ {LIMIT})" if name == "handgrad" else f"{value:.3f}"
        row = (f"{statistics.median(seconds[name]):.3f}", f"{min(seconds[name]):.3f}", ratio, f"{losses[name]:.6f}")
        table.add_row(name, *row)
    console = Console()
    console.print(table)
    for name in PROGRAMS.keys() - seconds.keys():
        console.print(f"left out: {name} (not installed)")


if __name__ == "__main__":
    environment.clean()
    main()
