"""Time per training step, every peer in turn, many rounds: `python benchmarks/bench.py --help`."""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import statistics
import time
from collections.abc import Sequence

import environment
import numpy as np
from jobs import JOBS, Job, Peer
from rich.console import Console
from rich.table import Table

# Each module holds a list PEERS. One that is not there, or whose library is missing, is named as left out.
MODULES = {"handgrad_peer": "handgrad", "peers": "numpy", "lean_loop": "numpy", "torch_peer": "torch"}
TOLERANCE = 1e-8  # of the largest weight: rounding, multiplied by the steps of the proof
Timings = dict[str, list[float]]


def peers(wanted: Sequence[str] | None) -> tuple[list[Peer], list[str]]:
    """Return the peers that can run here, and the names of modules that are left out."""
    found: list[Peer] = []
    left_out = []
    for module, library in MODULES.items():
        if all(importlib.util.find_spec(name) for name in (module, library)):
            found += importlib.import_module(module).PEERS
        else:
            left_out.append(module)
    return [peer for peer in found if not wanted or peer.name in wanted], left_out


def prove(job: Job, contestants: Sequence[Peer]) -> float:
    """Train every peer from the same weights on the same batches and compare where they end.

    Returns the largest difference, as a part of the largest weight, or of the largest loss. Raises AssertionError,
    with the peer's name, when it is above TOLERANCE: a peer that computes something else must not be timed.
    """
    reference, worst = None, 0.0
    for peer in contestants:
        kept = job.proof_steps
        run = peer.prepare(job, with_loss=True)
        if run is None:  # some peers keep no losses; their weights are compared all the same
            kept = 0
            run = peer.prepare(job, with_loss=False)
        if run is None:
            continue
        run.steps(job.proof_steps)
        arrays = [np.asarray(array) for array in run.parameters()]
        if kept:
            arrays.append(np.array(run.losses))
        if len(run.losses) != kept:
            raise AssertionError(f"{job.name}: {peer.name} kept {len(run.losses)} losses of {kept} steps.")
        if all(np.array_equal(a, b) for a, b in zip(arrays, job.parameters)):
            raise AssertionError(f"{job.name}: {peer.name} changed no weight.")
        if reference is None:
            reference = arrays
            continue
        if len(arrays) < len(job.parameters):
            raise AssertionError(f"{job.name}: {peer.name} has {len(arrays)} arrays of {len(job.parameters)}.")
        for k, (a, b) in enumerate(zip(arrays, reference)):  # the losses, where both kept them, come last
            error = float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
            if not error <= TOLERANCE:
                raise AssertionError(f"{job.name}: {peer.name} ends {error:.1e} away from the others in array {k}.")
            worst = max(worst, error)
    return worst


def time_rounds(job: Job, contestants: Sequence[Peer], with_loss: bool, rounds: int) -> Timings:
    """Return seconds per step, one for each round, by peer; each round starts with another peer."""
    timings: Timings = {}
    for number in range(rounds):
        turn = number % len(contestants)
        for peer in [*contestants[turn:], *contestants[:turn]]:
            run = peer.prepare(job, with_loss)
            if run is None:
                continue
            run.steps(len(job.batches) if job.timed_steps > len(job.batches) else 2)  # every shape of batch once
            gc.collect()
            start = time.perf_counter()
            run.steps(job.timed_steps)
            timings.setdefault(peer.name, []).append((time.perf_counter() - start) / job.timed_steps)
    return timings


def ratio(timings: Timings, name: str, base: str) -> float | None:
    """Return the median over the rounds of one peer's time as a part of another's in the same round."""
    if name not in timings or base not in timings or name == base:
        return None
    return statistics.median(a / b for a, b in zip(timings[name], timings[base], strict=True))


def cell(value: float | None, limit: float | None) -> str:
    """Write a ratio, and beside it the limit that it must keep."""
    if value is None:
        return "–"
    if limit is None:
        return f"{value:.2f}"
    return f"[{'green' if value <= limit else 'red'}]{value:.2f}[/] (≤ {limit:.2f})"


def main() -> None:
    """Prove that the peers agree, time them, print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"some of: {', '.join(JOBS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peer", action="append", help="time only peers of this name (may be repeated)")
    parser.add_argument("--no-proof", action="store_true", help="do not compare where the peers end")
    options = parser.parse_args()
    unknown = [name for name in options.jobs if name not in JOBS]
    if unknown or options.rounds < 1:
        parser.error(f"unknown job {unknown[0]!r}" if unknown else "--rounds must be at least 1")
    contestants, left_out = peers(options.peer)
    if not contestants:
        parser.error("no peer of that name can run here")

    console = Console()
    table = Table(title=f"µs per step, median of {options.rounds} rounds", caption="ratios: median over the rounds")
    for heading in ("job", "loss", "peer"):
        table.add_column(heading, no_wrap=True)
    for heading in ("µs", "fastest", "/ textbook", "/ torch"):
        table.add_column(heading, justify="right")
    for name in options.jobs or JOBS:
        if not options.no_proof:
            worst = prove(JOBS[name]("float64"), contestants)
            console.print(f"{name}: peers end with equal weights and losses, to {worst:.1e}")
        job = JOBS[name]()
        for with_loss in (False, True):
            timings = time_rounds(job, contestants, with_loss, options.rounds)
            for peer, seconds in timings.items():
                cells = [
                    cell(
                        ratio(timings, peer, base),
                        job.limits.get(base, (None, None))[with_loss] if peer == "handgrad" else None,
                    )
                    for base in ("textbook", "torch")
                ]
                median, least = statistics.median(seconds) * 1e6, min(seconds) * 1e6
                loss = "every step" if with_loss else "no"
                table.add_row(name, loss, peer, f"{median:.1f}", f"{least:.1f}", *cells)
            table.add_section()
    console.print(table)
    for module in left_out:
        console.print(f"left out: {module}.py (the file or {MODULES[module]} is not installed)")


if __name__ == "__main__":
    environment.clean()
    main()
