"""The import: `import handgrad` loads NumPy and nothing else that was installed, and is quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LIMIT_MS = 60
RUNS = 7

SCRIPT = """
import json, sys, time
import numpy
before = set(sys.modules)
start = time.perf_counter()
import handgrad
ms = (time.perf_counter() - start) * 1000
print(json.dumps({"ms": ms, "new": sorted(set(sys.modules) - before), "file": handgrad.__file__}))
"""


def run(cache=None):
    env = dict(os.environ)
    if cache is not None:  # as on a user's machine: what was compiled once is kept, whatever this run was told
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env["PYTHONPYCACHEPREFIX"] = str(cache)
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=env)
    return json.loads(done.stdout)


def test_importing_handgrad_loads_numpy_only():
    foreign = {name.split(".")[0] for name in run()["new"]} - set(sys.stdlib_module_names) - {"handgrad", "numpy"}
    # Cython's helpers come with numpy.random.
    assert sorted(name for name in foreign if not name.startswith(("_cython", "cython_runtime"))) == []


@pytest.mark.slow  # a time needs the machine for itself
def test_importing_handgrad_is_quick(tmp_path):
    run(tmp_path)  # the first one compiles the sources
    # The smallest of several: other work on the machine can only add to a run, never take away.
    assert min(run(tmp_path)["ms"] for _ in range(RUNS)) <= LIMIT_MS
