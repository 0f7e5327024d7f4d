"""What every test run shares: which tests run, the oracles that are left out, random numbers with a fixed seed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import oracles

SOURCE = Path(__file__).resolve().parent.parent / "src"


def pytest_configure(config: pytest.Config) -> None:
    # Tests that start processes must meet this checkout in them, installed or not.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))


def pytest_sessionstart(session: pytest.Session) -> None:
    if oracles.FULL and oracles.absent():
        names = ", ".join(oracles.absent())
        raise pytest.UsageError(f"HANDGRAD_FULL=1 insists on every oracle; not installed: {names}. Run make test-full.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if oracles.FULL:
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    absent = oracles.absent()
    if not absent:
        return
    terminalreporter.section("left out: oracles that are not installed")
    for name, known in absent.items():
        times = oracles.asked.get(known.module, 0)
        skipped = f"; {times} test{'s' * (times != 1)} or files skipped" if times else ""
        terminalreporter.line(f"{name}: {known.purpose}{skipped}")
    terminalreporter.line("make test-full installs and uses them all.")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20240229)
