"""Sets: the small data sets that come with scikit-learn, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.data.table import Table, table_of
from handgrad.data.wording import shown, suggestion
from handgrad.errors import UnknownNameError, missing

SETS = ("digits", "breast_cancer", "iris", "wine", "diabetes")
PREFIX = "sklearn:"


def load_set(name: str) -> Table:
    """One of `sklearn:digits`, `breast_cancer`, `iris`, `wine` (classes) and `diabetes` (a number) as a Table.

    The target column is called `target`. For classes it holds their names as text, and `classes` keeps
    scikit-learn's order of them. Nothing is downloaded. The prefix `sklearn:` may be left out.

    Raises UnknownNameError with the nearest name, MissingDependencyError without scikit-learn.

    >>> load_set("sklearn:irsi")
    Traceback (most recent call last):
    ...
    handgrad.errors.UnknownNameError: there is no data set 'irsi'. Did you mean 'iris'?
    """
    short = str(name).removeprefix(PREFIX)
    if short not in SETS:
        raise UnknownNameError(
            "there is no data set {name!r}. {known}", name=shown(short), known=suggestion(short, SETS)
        )
    try:
        from sklearn import datasets
    except ImportError:
        raise missing("scikit-learn", "sklearn") from None
    bunch: Any = getattr(datasets, f"load_{short}")()
    classes = tuple(str(label) for label in bunch["target_names"]) if "target_names" in bunch else None
    X = np.asarray(bunch["data"], dtype=np.float64)
    target = np.asarray(bunch["target"], dtype=np.float64)
    if classes is not None:
        target = np.array([classes[int(label)] for label in bunch["target"]], dtype=object)
    columns = {str(title): X[:, j].copy() for j, title in enumerate(bunch["feature_names"])}
    return table_of({**columns, "target": target}, source=PREFIX + short, target="target", classes=classes)
