"""The figures behind docs/decisions: each choice in printed programs next to what it replaced."""

from __future__ import annotations

import argparse
import statistics
import timeit
from collections.abc import Callable, Mapping
from typing import Any

import environment
import numpy as np
from rich.console import Console
from rich.table import Table

Calls = Mapping[str, Callable[[], Any]]
SIZES = ((4, 2), (32, 64), (1000, 10))
NETWORKS = {  # short form, loss, rows
    "xor 2-2-1": ("2-2:sigmoid-1:sigmoid", "half_sse", 4),
    "digits 64-64-10": ("64-64:relu-10", "cross_entropy", 32),
    "20 layers of 16": ("-".join(["16"] + ["16:tanh"] * 20), "mse", 32),
    "784-512-512-10": ("784-512:relu-512:relu-10", "cross_entropy", 128),
}


def race(calls: Calls, rounds: int) -> dict[str, tuple[float, float]]:
    """Median µs of each call, and the median ratio to the first one within a round; another begins each round."""
    names = list(calls)
    number = max(5, int(2e-3 / max(timeit.timeit(calls[names[0]], number=20) / 20, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in names}
    for r in range(rounds):
        for name in names[r % len(names) :] + names[: r % len(names)]:
            times[name].append(timeit.timeit(calls[name], number=number) / number * 1e6)
    first = times[names[0]]
    return {
        name: (statistics.median(t), statistics.median(a / b for a, b in zip(t, first, strict=True)))
        for name, t in times.items()
    }


def calls(n: int, h: int) -> dict[str, Calls]:
    """What NumPy offers for one and the same result, on arrays of n rows and h columns."""
    rng = np.random.default_rng(0)
    g, w, z = rng.normal(size=(n, h)), rng.normal(size=(h, h)), np.empty((n, h))
    ones, row, flat, rate = np.ones(n), np.empty(h), g.reshape(-1), np.array(0.1)
    mask, factor = g > 0, np.empty((n, h))

    def converted() -> None:
        np.copyto(factor, mask)
        np.multiply(g, factor, z)

    return {
        "sum over rows": {
            "dot(ones, g, out)": lambda: np.dot(ones, g, row),
            "add.reduce(g, 0, None, out)": lambda: np.add.reduce(g, 0, None, row),
            "np.sum(g, axis=0)": lambda: np.sum(g, axis=0),
        },
        "sum of squares": {"dot(flat, flat)": lambda: np.dot(flat, flat), "np.sum(g**2)": lambda: np.sum(g**2)},
        "product": {
            "dot(g, W, out)": lambda: np.dot(g, w, z),
            "matmul(g, W, out)": lambda: np.matmul(g, w, z),
            "g @ W": lambda: g @ w,
        },
        "times a number": {
            "multiply(array without axes, g, out)": lambda: np.multiply(rate, g, z),
            "multiply(0.1, g, out)": lambda: np.multiply(0.1, g, z),
            "0.1 * g": lambda: 0.1 * g,
        },
        "times a mask": {
            "copyto(float, mask); multiply": converted,
            "multiply(g, mask, out)": lambda: np.multiply(g, mask, z),
            "g * mask": lambda: g * mask,
        },
    }


def adam(w: Any, g: Any, m: Any, v: Any, s: Any, u: Any) -> None:
    """One update by Adam, every result in memory that is there already."""
    np.multiply(0.9, m, s)
    np.multiply(0.1, g, u)
    np.add(s, u, m)
    np.multiply(0.999, v, s)
    np.multiply(g, g, u)
    np.multiply(0.001, u, u)
    np.add(s, u, v)
    np.sqrt(v, s)
    np.add(s, 1e-8, s)
    np.divide(m, s, s)
    np.multiply(0.001, s, s)
    np.subtract(w, s, w)


def networks(form: str, loss: str, rows: int) -> tuple[dict[str, Calls], str]:
    """Races on one network, and how much memory the plan of its step needs."""
    import handgrad as hg
    from handgrad.program.plan import Planner
    from handgrad.program.run import compiled
    from handgrad.program.script import make_source
    from handgrad.train.plan import training

    rng = np.random.default_rng(0)
    net = hg.Network.parse(form, loss=loss)
    inputs, outputs = net.layers[0].inputs, net.parameters[list(net.parameters)[-1]].size  # type: ignore[attr-defined]
    y = rng.integers(0, outputs, rows) if loss == "cross_entropy" else rng.random((rows, outputs))
    X, y = net._pair(rng.normal(size=(rows, inputs)), y)
    plan = training(net, X, y, hg.SGD(0.1))

    space: dict[str, Any] = {}
    exec(make_source(plan), space)
    w = np.concatenate([value.ravel() for value in net.parameters.values()])
    g = np.empty_like(w)
    step = space["make"](w, g, space["make_update"](w, g, {}), X, y)
    plain: dict[str, Any] = {"np": np}
    params = [s.code for s in plan.slices]
    lines = [f"def step(X, y, lr, {', '.join(params)}):", "N = len(X)", *str(plan.step).splitlines()]
    exec("\n    ".join([*lines, *(f"{p} -= lr * d{p}" for p in params)]), plain)
    arrays = [np.array(net.parameters[s.name]) for s in plan.slices]

    weights, _ = net._recorder.program(X.shape[1:], y, ("loss",), list(net.parameters))
    everything, _ = net._recorder.program(X.shape[1:], y, ("loss",), None)
    values = net._values(X, y)
    parts = [[np.ones(a.size) for _ in range(6)] for a in arrays]
    whole = [np.ones(w.size) for _ in range(6)]
    races: dict[str, Calls] = {
        "one step": {"printed script": lambda: step(1), "its plain lines": lambda: plain["step"](X, y, 0.1, *arrays)},
        "gradients": {
            "of the weights": lambda: compiled(weights).run(values),
            "of the input, too": lambda: compiled(everything).run(values),
        },
        "update by Adam": {
            f"one vector of {w.size:,}": lambda: adam(*whole),
            f"{len(parts)} arrays": lambda: [adam(*p) for p in parts],
        },
    }
    planner = Planner(plan.step, pins={f"d{s.code}": f"d{s.code}" for s in plan.slices}, static=list(plan.settings))
    roots = {id(c.out.root): c.out.root for c in planner.calls if c.out.root.slot is not None}
    slots = {id(r.slot): r.slot for r in roots.values()}
    count = {letter: rows for r in roots.values() for letter in r.slot.letters}  # type: ignore[union-attr]

    def numbers(shape: Any) -> int:
        from handgrad.core.sizes import bind

        return int(np.prod(bind(shape, count), dtype=int))

    needed = sum(s.coefficient * (rows if s.letters else 1) for s in slots.values() if s is not None)
    alone = sum(numbers(r.shape) for r in roots.values())
    return races, f"{len(roots)} results in {len(slots)} buffers: {needed / alone:.2f} of the memory of one for each"


def look(rounds: int) -> dict[str, tuple[float, float]]:
    """What it costs to learn the names of a rule's local values."""
    from handgrad.core.op import registry
    from handgrad.core.symbols import Symbols, _with_locals

    def rule(named: bool) -> None:
        table = Symbols()
        x = table.leaf("x", (4, 3))
        table._inside = 1
        sigmoid = registry["sigmoid"].rule
        _with_locals(sigmoid, (table, x), {}) if named else sigmoid(table, x)

    return race({"a rule on symbols": lambda: rule(False), "and its names": lambda: rule(True)}, rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    console = Console()
    table = Table("what", "how", "µs", "ratio", title=f"NumPy {np.__version__}, one thread; ratio to the first of each")

    def rows(what: str, found: dict[str, tuple[float, float]]) -> None:
        for i, (name, (us, ratio)) in enumerate(found.items()):
            table.add_row("" if i else what, name, f"{us:.2f}", f"{ratio:.2f}", end_section=i == len(found) - 1)

    for n, h in SIZES:
        for what, race_ in calls(n, h).items():
            rows(f"{what}, ({n}, {h})", race(race_, rounds))
    memory = []
    for name, (form, loss, n) in NETWORKS.items():
        races, needed = networks(form, loss, n)
        memory.append(f"{name}: {needed}")
        for what, race_ in races.items():
            rows(f"{what}, {name}", race(race_, rounds))
    rows("names", look(rounds))
    console.print(table)
    console.print("\n".join(memory))


if __name__ == "__main__":
    environment.clean()
    main()
