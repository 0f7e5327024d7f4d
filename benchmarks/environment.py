"""One thread and the machine's own BLAS kernels: the conditions under which every benchmark runs."""

from __future__ import annotations

import os
import sys

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# They choose OpenBLAS kernels by hand: a figure measured under them says nothing about another machine.
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def clean() -> None:
    """Start this program again under the conditions above, unless they hold already.

    BLAS reads them once, when it is loaded, so changing os.environ inside a running program would come too late.
    """
    if all(os.environ.get(name) == value for name, value in ONE_THREAD.items()) and not any(
        name in os.environ for name in FOREIGN
    ):
        return
    os.environ.update(ONE_THREAD)
    for name in FOREIGN:
        os.environ.pop(name, None)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
