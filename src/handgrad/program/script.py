"""The training program as a script: NumPy alone runs it, and handgrad's own training runs this very text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from handgrad.core.sizes import show
from handgrad.program.carried import helpers
from handgrad.program.plan import Planner
from handgrad.program.run import body
from handgrad.program.statements import Program


class Slice(Protocol):
    """One parameter: its name, what code calls it, its shape, where it lies in the flat vector, how it is drawn."""

    @property
    def name(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def draw(self) -> str: ...


@dataclass(frozen=True, eq=False)  # what it compiles to is kept by identity
class Training:
    """Everything that a training script is made of."""

    title: str
    step: Program
    update: Program
    slices: tuple[Slice, ...]  # in the order of the draws
    settings: Mapping[str, float]
    state: tuple[str, ...]
    dtype: str = "float64"
    label_dtype: str = "float"
    column: bool = False  # y (N,) is read as (N, 1)
    batch_size: int | None = None
    seed: int = 0
    order: int | None = None  # the seed of the order of batches, where it is another one
    scheduled: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)  # further given arrays (class weights)
    epochs: int = 100
    schedule: str | None = None  # the learning rate of an epoch as a Python expression over `lr` and `epoch`

    @property
    def size(self) -> int:
        return max((s.stop for s in self.slices), default=0)


def make_source(t: Training, comments: bool = True) -> str:
    """The functions `make_update` (once for a network) and `make` (once for each length of batch), which give steps."""
    static = [name for name in t.settings if not (name == "lr" and t.scheduled)]
    step = Planner(t.step, pins={f"d{s.code}": f"d{s.code}" for s in t.slices}, static=static)
    update = Planner(t.update, static=static)
    args = ", ".join(["t"] + ["lr"] * t.scheduled)
    loss = next((n.text for n in t.step.outputs if n.kind == "value"), None)
    lines = [
        "def make_update(w, g, state):",
        '    """The update of all weights at once: w are the weights, g the gradients, each in one vector."""',
        "    dt = w.dtype",
        *[f"    {name} = state[{name!r}]" for name in t.state],
        *_made(update),
        f"    def update({args}):",
        *body(update, "        ", comments),
        "",
        "    return update",
        "",
        "",
        "def make(w, g, update, X, y):",
        '    """Buffers for batches as long as this one, and the step in them: forward, backward, update."""',
        "    N, dt = len(X), w.dtype",
        *[f"    {s.code} = w[{s.start}:{s.stop}].reshape({show(s.shape)})" for s in t.slices],
        *[f"    d{s.code} = g[{s.start}:{s.stop}].reshape({show(s.shape)})" for s in t.slices],
        *_made(step),
        f"    def step({args}):",
        *body(step, "        ", comments),
        f"        update({args})",
        *([f"        return {step.result(loss)}"] if loss else []),
        "",
        "    return step",
    ]
    names = sorted({**step.uses, **update.uses})
    head = f"import numpy as np\nfrom numpy import {', '.join(names)}\n" + helpers({**step.carried, **update.carried})
    settings = "\n".join(f"{k} = {v!r}" for k, v in t.settings.items() if not (k == "lr" and t.scheduled))
    extra = "\n".join(f"{k} = np.array({list(v)!r})" for k, v in t.extra.items())
    return "\n".join(part for part in (head, settings, extra, "\n" + "\n".join(lines)) if part) + "\n"


def _made(p: Planner) -> list[str]:
    """What is made once, before the steps."""
    made = [f"    {text}" for text in [*p.setup, *p.late]]
    return [*made, ""] if made else []


def script(t: Training) -> str:
    """A module with `initial`, `step` and `train`, which runs as `python script.py data.npz [weights.npz]`."""
    flat = sorted(t.slices, key=lambda s: s.start)
    label = "int" if t.label_dtype == "int" else f"np.{t.dtype}"
    prepare_y = f"    y = np.asarray(y, {label})"
    if t.column:
        prepare_y += "\n    y = y.reshape(-1, 1) if y.ndim == 1 else y"
    batch = "len(X)" if t.batch_size is None else str(t.batch_size)
    lr = f"    lr0 = {t.settings['lr']!r}\n" if t.scheduled else ""
    rate = f"        lr = {t.schedule}\n" if t.scheduled and t.schedule else ""
    call = "run(t, lr)" if t.scheduled else "run(t)"
    draws = "\n".join(f"        {s.name!r}: np.asarray({s.draw}, np.{t.dtype})," for s in t.slices)
    whole = t.batch_size is None
    loop = _FULL if whole else _BATCHES
    state = "{" + ", ".join(f"{n!r}: np.zeros({t.size}, np.{t.dtype})" for n in t.state) + "}"
    order = "" if t.order is None else f"\nORDER = {t.order}  # of the batches"
    table = "\n".join(f"    {s.name!r}: (slice({s.start}, {s.stop}), {show(s.shape)})," for s in flat)
    return f'''"""{t.title}

Printed by handgrad. This is the program that trained the network: NumPy alone runs it.

    python script.py data.npz [weights.npz]     # data.npz holds X and y; the weights are written to weights.npz
"""

{make_source(t)}

SEED = {t.seed}{order}
EPOCHS = {t.epochs}
SLICES = {{  # where each parameter lies in the flat vector of all weights
{table}
}}


def initial(seed=SEED):
    """The weights that the network starts from, by name."""
    rng = np.random.default_rng(seed)
    return {{
{draws}
    }}


def flatten(params):
    """All weights in one vector."""
    w = np.empty({t.size}, np.{t.dtype})
    for name, (part, shape) in SLICES.items():
        w[part] = np.reshape(params[name], -1)
    return w


def unflatten(w):
    """The weights by name."""
    return {{name: w[part].reshape(shape).copy() for name, (part, shape) in SLICES.items()}}


def start():
    """What the optimizer remembers before the first step."""
    return {{**{state}, "t": 0}}


def prepare(X, y):
    """Arrays in the form that the step computes with."""
    X = np.ascontiguousarray(X, np.{t.dtype})
{prepare_y}
    return X, np.ascontiguousarray(y)


def step(params, state, X, y{", lr" if t.scheduled else ""}):
    """One update of `params` and `state` (from start()), in place; gives the loss before it."""
    X, y = prepare(X, y)
    w = flatten(params)
    if not state:
        state.update(start())
    state["t"] += 1
    g = np.empty_like(w)
    run = make(w, g, make_update(w, g, state), X, y)
    t = state["t"]
    with np.errstate(all="ignore"):
        loss = {call}
    for name, value in unflatten(w).items():
        params[name][...] = value
    return loss


def train(X, y, *, epochs, seed=SEED, params=None, losses=None):
    """Train for some epochs; gives the weights by name. A list given as `losses` gets the mean loss of each epoch."""
    X, y = prepare(X, y)
    w = flatten(initial(seed) if params is None else params)
    g, state, n, size = np.empty_like(w), start(), len(X), {batch}
    update, t, losses = make_update(w, g, state), 0, [] if losses is None else losses
{lr}{loop.format(rate=rate, call=call, order="seed" if t.order is None else "ORDER")}
    return unflatten(w)


{main()}'''


def main() -> str:
    """The end of a script: read X and y, train, show some losses, write the weights."""
    return """if __name__ == "__main__":
    import sys

    if len(sys.argv) < 2:
        sys.exit(f"usage: python {sys.argv[0]} data.npz [weights.npz]")
    try:
        with np.load(sys.argv[1]) as data:
            X, y = data["X"], data["y"]
    except (OSError, KeyError, ValueError, TypeError) as error:
        sys.exit(f"{sys.argv[1]}: not an NPZ file that holds X and y ({error})")
    losses = []
    params = train(X, y, epochs=EPOCHS, losses=losses)
    for epoch in sorted({0, len(losses) // 4, len(losses) // 2, 3 * len(losses) // 4, len(losses) - 1}):
        print(f"epoch {epoch + 1:6d}  loss {losses[epoch]}")
    if len(sys.argv) > 2:
        np.savez(sys.argv[2], **params)
"""


_FULL = """    run = make(w, g, update, X, y)
    with np.errstate(all="ignore"):
        for epoch in range(epochs):
{rate}            t += 1
            losses.append({call})"""

_BATCHES = """    batches = {{}}  # one set of buffers for full batches, one for the short last one
    with np.errstate(all="ignore"):
        for epoch in range(epochs):
{rate}            order, total = np.random.default_rng(({order}, epoch)).permutation(n), 0.0
            for first in range(0, n, size):
                rows = order[first:first + size]
                if len(rows) not in batches:
                    Xb, yb = X[rows], y[rows]
                    batches[len(rows)] = Xb, yb, make(w, g, update, Xb, yb)
                Xb, yb, run = batches[len(rows)]
                np.take(X, rows, 0, Xb, "clip")
                np.take(y, rows, 0, yb, "clip")
                t += 1
                loss = {call}
                total += 0.0 if loss is None else float(loss) * len(rows)
            losses.append(total / n)"""
