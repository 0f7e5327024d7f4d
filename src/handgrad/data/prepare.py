"""Preparation: what was learned from the training rows to turn tables into X and y, and predictions back."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.data import cells
from handgrad.data.features import MOST_CATEGORIES, Feature, count_unseen, encode_feature, fit_feature
from handgrad.data.table import Table
from handgrad.data.targets import Target, TargetKind, decode_target, encode_target, fit_target
from handgrad.data.wording import Notice, listed, shown, suggestion
from handgrad.errors import ArgumentError, DataError, DTypeError, FileError, IndexRangeError, Phrase

FORMAT = 1
MOST_NOTICES = 5  # of one kind, each by itself


@dataclass(frozen=True)
class Preparation:
    """Plain data that is stored with a network, so that `predict` treats new rows as training treated its own.

    features: how each column becomes inputs, in order. target: how the target becomes y. rows: how many rows it
    was fitted on. notices: what a person should know about the columns; neither stored nor compared.

    >>> from handgrad.data.read import read_table
    >>> table = read_table({"size": [1.0, 2.0, 3.0], "city": ["Rome", "Bonn", "Rome"], "sold": ["no", "yes", "no"]})
    >>> preparation = Preparation.fit(table, "sold")
    >>> preparation.inputs, preparation.kind, preparation.labels
    (('size', 'city=Bonn', 'city=Rome'), 'binary', ('no', 'yes'))
    >>> X, y = preparation.transform(table)
    >>> X.round(3).tolist()
    [[-1.225, 0.0, 1.0], [0.0, 1.0, 0.0], [1.225, 0.0, 1.0]]
    >>> y.tolist(), preparation.inverse_target(y).tolist()
    ([[0.0], [1.0], [0.0]], ['no', 'yes', 'no'])
    """

    features: tuple[Feature, ...]
    target: Target
    rows: int
    notices: tuple[Notice, ...] = field(default=(), compare=False)

    @property
    def kind(self) -> TargetKind:
        """ "binary", "classes" or "number"."""
        return self.target.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of their numbers; () when the target is a number."""
        return self.target.labels

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the columns of X."""
        return tuple(name for feature in self.features for name in feature.inputs)

    def schema(self, target: bool = False) -> dict[str, cells.Kind]:
        """What `read_table` must read for `transform`; with `target=True` the target as well."""
        kinds: dict[str, cells.Kind] = {f.name: "number" if f.kind == "numeric" else "text" for f in self.features}
        if target:
            kinds[self.target.name] = "number" if self.kind == "number" else "auto"
        return kinds

    @classmethod
    def fit(
        cls,
        table: Table,
        target: str | None = None,
        rows: ArrayLike | None = None,
        kind: str = "auto",
        ignore: Iterable[str] = (),
    ) -> Preparation:
        """Learn from the training rows of a table: row numbers or a mask, all rows when not given.

        target: a column's name; the table's own target when not given. It is never among the features.
        kind: of the target, "auto" (see `targets.recognise`), "binary", "classes" or "number".
        ignore: columns that are no features.

        Raises UnknownNameError for a column that does not exist, DataError for data that nothing can be learned from:
        no features, a constant target, text columns that differ in most rows (names, numbers of tickets).
        """
        _is_table(table)
        ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)  # one name, not its letters
        chosen = _rows(rows, len(table))
        target = target if target is not None else table.target
        if target is None:
            raise ArgumentError(
                "{source} does not say what to predict. Choose the target column among {names}.",
                source=shown(table.source),
                names=listed(table.names),
            )
        for name in (target, *(name for name in ignore if name not in table.left_out)):
            table.position(name)
        fitted = fit_target(table, target, chosen, kind)
        names = [name for name in table.names if name != target and name not in set(ignore)]
        if not names:
            raise DataError(
                "{source}: has no column beside the target {name!r}, so there is nothing to predict from. Add columns.",
                source=shown(table.source),
                name=shown(target),
            )
        features = tuple(fit_feature(table, name, chosen) for name in names)
        _not_too_many(features, len(chosen), table.source)
        return cls(features, fitted, len(chosen), tuple(_notices(features, fitted, table, chosen)))

    def transform(self, table: Table) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
        """(X, y) of every row; y is None when the table has no target column.

        X is (N, len(inputs)). y is (N, 1) of 0 and 1 for two classes, (N,) int64 for more, (N, 1) standardised for a
        number. Columns are found by name: their order and other columns do not matter. Inputs are not changed.

        Raises DataError that names every missing column at once, text in a numeric column (line and value), and
        classes that training did not know.
        """
        _is_table(table)
        return self.transform_inputs(table), (
            encode_target(self.target, table) if self.target.name in table.names else None
        )

    def transform_inputs(self, table: Table) -> NDArray[np.float64]:
        """X alone, (N, len(inputs)), whatever the target column holds."""
        self._check_columns(table)
        X = np.empty((len(table), len(self.inputs)))
        begin = 0
        for feature in self.features:
            end = begin + len(feature.inputs)
            X[:, begin:end] = encode_feature(feature, table)
            begin = end
        return X

    def unseen(self, table: Table) -> dict[str, int]:
        """How many cells of each column hold a category that training did not see: their inputs are all 0."""
        self._check_columns(table)
        counts = {feature.name: count_unseen(feature, table) for feature in self.features}
        return {name: count for name, count in counts.items() if count}

    def inverse_target(self, predictions: ArrayLike) -> NDArray[Any]:
        """Class numbers (N,) or (N, 1) to class names (N,); standardised numbers to the unit of the column."""
        return decode_target(self.target, predictions)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, texts and numbers for JSON; `from_dict` gives an equal preparation back."""
        plain = asdict(self)
        del plain["notices"]
        for entry in (*plain["features"], plain["target"]):
            for key in ("categories", "labels"):
                if key in entry:
                    entry[key] = list(entry[key])
        return {"format": FORMAT, **plain, "features": list(plain["features"])}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preparation:
        """The preparation that `to_dict` wrote. Raises FileError with the place of the first thing that is wrong."""
        _fields(data, "preparation", {"format": int, "features": list, "target": dict, "rows": int})
        _need(data["format"] == FORMAT, "preparation.format", data["format"], f"{FORMAT}")
        _need(bool(data["features"]), "preparation.features", [], "at least one feature")
        features = []
        for i, entry in enumerate(data["features"]):
            where = f"preparation.features[{i}]"
            types = {"name": str, "kind": str, "mean": float, "std": float, "constant": bool, "categories": list}
            _fields(entry, where, types)
            _need(entry["kind"] in ("numeric", "categorical"), f"{where}.kind", entry["kind"], "numeric or categorical")
            _need(
                (entry["kind"] == "categorical") == bool(entry["categories"]), f"{where}.categories", "", entry["kind"]
            )
            features.append(Feature(**{**entry, "categories": _texts(entry["categories"], f"{where}.categories")}))
        entry, where = data["target"], "preparation.target"
        _fields(entry, where, {"name": str, "kind": str, "labels": list, "mean": float, "std": float})
        _need(
            entry["kind"] in ("binary", "classes", "number"), f"{where}.kind", entry["kind"], "binary, classes, number"
        )
        labels = _texts(entry["labels"], f"{where}.labels")
        fits = {"binary": len(labels) == 2, "classes": len(labels) > 2, "number": not labels}[entry["kind"]]
        _need(fits, f"{where}.labels", listed(labels), f"labels for {entry['kind']}")
        names = [feature.name for feature in features] + [entry["name"]]
        _need(len(set(names)) == len(names), "preparation", listed(names), "different column names")
        return cls(tuple(features), Target(**{**entry, "labels": labels}), data["rows"])

    def _check_columns(self, table: Table) -> None:
        _is_table(table)
        absent = [feature.name for feature in self.features if feature.name not in table.names]
        if absent:
            used = {feature.name for feature in self.features} | {self.target.name}
            others = [name for name in (*table.names, *table.left_out) if name not in used]
            raise DataError(
                "{source}: {n} of {of} columns that the network was trained on are missing: {absent}. {hint}",
                source=shown(table.source),
                n=len(absent),
                of=len(self.features),
                absent=listed(absent),
                hint=Phrase(
                    "Rename columns to match; not used are: {names}. {guess}",
                    names=listed(others, 60),
                    guess=suggestion(absent[0], others) if len(absent) == 1 else "",
                )
                if others
                else Phrase("Add them."),
            )


def _is_table(table: Any) -> None:
    if not isinstance(table, Table):
        raise DTypeError(
            "{kind} is no Table. Write read_table(...) around it.", kind=shown(type(table).__name__)
        )  # fmt: skip


def _rows(rows: ArrayLike | None, n: int) -> NDArray[np.int64]:
    chosen = np.arange(n) if rows is None else np.asarray(rows)
    if chosen.dtype == np.bool_ and chosen.shape == (n,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not len(chosen):
        raise ArgumentError(
            "rows of shape {shape} and dtype {dtype} choose no training rows. Give row numbers, or a mask of {n}.",
            shape=chosen.shape,
            dtype=chosen.dtype.name,
            n=n,
        )
    if chosen.min() < 0 or chosen.max() >= n:
        raise IndexRangeError(
            "rows reach from {low} to {high}, the table has rows 0 to {last}. Give rows of this table.",
            low=int(chosen.min()),
            high=int(chosen.max()),
            last=n - 1,
        )
    return chosen.astype(np.int64)


def _not_too_many(features: Iterable[Feature], rows: int, source: str) -> None:
    """Names, tickets and dates would make an input for almost every row: memory without meaning."""
    most = min(max(20, rows // 2), MOST_CATEGORIES)
    wide = [feature for feature in features if len(feature.categories) > most]
    if wide:
        raise DataError(
            "{source}: text that differs in most rows cannot become inputs, one for each text: {names} (allowed here: "
            "{most}). Leave these columns out.",
            source=shown(source),
            names=listed(f"{feature.name} has {len(feature.categories)}" for feature in wide),
            most=most,
        )


def _notices(features: Sequence[Feature], target: Target, table: Table, rows: NDArray[np.int64]) -> Iterable[Notice]:
    yield from table.notices
    truth = table.column(target.name)[rows]
    features = tuple(features)
    constant = [feature.name for feature in features if feature.constant]
    if len(constant) > MOST_NOTICES:  # thousands of pixels that are always black
        yield Notice(
            "{count} columns are the same in all training rows and tell nothing: {names}.",
            {"count": len(constant), "names": listed(constant)},
        )
    for feature in features:
        name = shown(feature.name)
        if feature.constant and len(constant) > MOST_NOTICES:
            continue
        if feature.constant:
            yield Notice("Column {name!r} is the same in all training rows: it tells nothing.", {"name": name})
            continue
        if len(table) >= 10 and len(features) > 1 and _only_names(table.column(feature.name), table.lines):
            yield Notice(
                "Column {name!r} only numbers or names the rows: a network learns it by heart, which does not help on "
                "new rows. Leave it out.",
                {"name": name},
            )
            continue
        # a handful of rows agree by chance, as in the tables of logic gates
        if len(rows) >= 20 and _same_story(table.column(feature.name)[rows], truth, target):
            yield Notice(
                "Column {name!r} is the target in other words: a network that sees it has nothing to learn.",
                {"name": name},
            )


def _only_names(told: NDArray[Any], lines: NDArray[np.int64]) -> bool:
    """Whether a column is different text in every row, or counts the lines (some may have been left out)."""
    if told.dtype == object:
        return len(set(told.tolist())) == len(told)
    whole = bool((told == np.floor(told)).all() and (np.diff(told) > 0).all())
    # a year counts up too, but does not begin with the file
    return whole and 0 <= told[0] <= lines[0] and bool(told[-1] - told[0] <= lines[-1] - lines[0])


def _same_story(told: NDArray[Any], truth: NDArray[Any], target: Target) -> bool:
    """Whether a column equals the target, or names its classes one for one by other names."""
    if target.kind == "number":
        return told.dtype == truth.dtype and bool((told == truth).all())
    pairs: dict[Any, Any] = {}
    for one, other in zip(told.tolist(), truth.tolist()):
        if pairs.setdefault(one, other) != other or len(pairs) > len(target.labels):
            return False  # most columns end here, after a few rows
    return len(pairs) == len(set(pairs.values()))


def _fields(data: object, where: str, types: Mapping[str, type]) -> None:
    """A dict with exactly these keys; float also takes int, and must be finite, std above 0."""
    _need(isinstance(data, Mapping), where, type(data).__name__, "an object")
    data = cast("Mapping[str, Any]", data)
    for key in data:
        if key not in types:
            raise FileError(
                "{where} has an unknown key {key!r}. {known}",
                where=where,
                key=shown(key),
                known=suggestion(str(key), types),
            )
    for key, kind in types.items():
        place = f"{where}.{key}"
        _need(key in data, place, "nothing", kind.__name__)
        value = data[key]
        allowed = (int, float) if kind is float else kind
        right = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
        if right and kind is float:
            right = abs(value) <= sys.float_info.max and (key != "std" or value > 0)
        _need(right, place, value, "a finite number, std above 0" if kind is float else kind.__name__)


def _texts(values: list[Any], where: str) -> tuple[str, ...]:
    for value in values:
        _need(isinstance(value, str), where, value, "texts only")
    _need(len(set(values)) == len(values), where, listed(values), "different texts")
    return tuple(values)


def _need(right: bool, where: str, got: object, expected: str) -> None:
    if not right:
        raise FileError(
            "{where}: got {got!r}, expected {expected}. Use a file that handgrad saved.",
            where=where,
            got=shown(got),
            expected=expected,
        )
