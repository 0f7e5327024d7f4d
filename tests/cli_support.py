"""What the tests of the command line share: running it, here and as a process, and files as people have them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from handgrad.cli.app import run
from handgrad.data import read_table


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def handgrad(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """Run in this process."""
    capsys.readouterr()
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return Ended(code, out, err)


def process(arguments: Sequence[object], cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run as a process of its own, with nothing but PATH, PYTHONPATH and these variables in its environment."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "handgrad", *map(str, arguments)],
        cwd=cwd, env={**kept, **environment}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def one_line(text: str) -> str:
    """The only line of stderr, without a traceback."""
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    assert text.startswith("handgrad: ")
    assert len(text) <= 400, text
    return text


def write_csv(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    """A CSV file as a spreadsheet writes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def flowers(path: Path, n: int = 90) -> Path:
    """Three kinds of flowers that two numbers and a word tell apart: `n` rows, repeatable."""
    rng = np.random.default_rng(7)
    kind = np.arange(n) % 3
    names = ["rose", "lily", "tulip"]
    return write_csv(
        path,
        {
            "length": np.round(kind * 2 + rng.normal(0, 0.3, n), 3).tolist(),
            "width": np.round(rng.normal(0, 1, n), 3).tolist(),
            "soil": [("clay", "sand")[k % 2] for k in kind],
            "kind": [names[k] for k in kind],
        },
    )


def houses(path: Path, n: int = 120) -> Path:
    """Houses whose price is 1000 a square metre, and 50,000 more in the city, give or take 3,000."""
    rng = np.random.default_rng(8)
    area, city = rng.uniform(40, 200, n), rng.integers(0, 2, n)
    price = 1000 * area + 50_000 * city + rng.normal(0, 3000, n)
    where = [("village", "city")[k] for k in city]
    return write_csv(path, {"area": area.round(1).tolist(), "where": where, "price": price.round().tolist()})


def dumped(name: str, path: Path) -> Path:
    """One of scikit-learn's sets as a CSV file."""
    table = read_table(f"sklearn:{name}")
    return write_csv(path, {n: c.tolist() for n, c in zip(table.names, table.columns, strict=True)})


def read_csv(text: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows."""
    header, *rows = csv.reader(text.splitlines())
    return header, rows
