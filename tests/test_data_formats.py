"""Parquet, NPZ, frames, arrays and scikit-learn's sets: the same table by every road, and foreign files refused."""

from __future__ import annotations

import pickle
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_support import attempt, refused
from handgrad.data import SETS, Preparation, Table, load_set, read_table
from handgrad.errors import DataError, DTypeError, MissingDependencyError, UnknownNameError
from oracles import oracle

SIZES = {"digits": (1797, 65), "breast_cancer": (569, 31), "iris": (150, 5), "wine": (178, 14), "diabetes": (442, 11)}


def same(a: Table, b: Table) -> None:
    assert a.names == b.names
    for name in a.names:
        assert a.column(name).dtype == b.column(name).dtype, name
        assert a.column(name).tolist() == b.column(name).tolist(), name


@pytest.mark.parametrize("name", SETS)
def test_sets_hold_what_scikit_learn_holds(name):
    datasets = oracle("sklearn.datasets")
    table = load_set(name)
    bunch = getattr(datasets, f"load_{name}")()
    assert (len(table), len(table.names)) == SIZES[name]
    assert table.target == "target"
    assert np.array_equal(np.column_stack(table.columns[:-1]).astype(float), bunch.data)
    if name == "diabetes":
        assert table.classes is None
        assert np.array_equal(table.column("target"), bunch.target)
    else:
        assert [table.classes[k] for k in bunch.target] == table.column("target").tolist()
        _, y = Preparation.fit(table).transform(table)
        assert np.array_equal(y.ravel(), bunch.target)  # scikit-learn's order of the classes is kept


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "diabetes"])
def test_real_data_survive_csv_and_parquet(tmp_path, name):
    oracle("sklearn")
    pandas = oracle("pandas")
    oracle("pyarrow")
    table = load_set(name)
    frame = pandas.DataFrame(dict(zip(table.names, table.columns, strict=True)))
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "index.csv")
    frame.to_csv(tmp_path / "german.csv", index=False, sep=";", decimal=",")
    frame.to_parquet(tmp_path / "a.parquet")
    for path in sorted(tmp_path.iterdir()):
        same(read_table(path), table)
    same(read_table(frame), table)


def test_sets_need_scikit_learn_and_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    message = refused(lambda: read_table("sklearn:iris"), MissingDependencyError, "scikit-learn")
    assert 'pip install "handgrad[sklearn]"' in message
    refused(lambda: load_set("irs"), UnknownNameError, "'iris'")  # the name is looked at first


@pytest.mark.parametrize(("library", "suffix"), [("pyarrow", "parquet"), ("narwhals", "frame")])
def test_tables_extra_is_named(tmp_path, monkeypatch, library, suffix):
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1abc")

    class Frame:
        columns = ("a",)

    source = tmp_path / "a.parquet" if suffix == "parquet" else Frame()
    refused(lambda: read_table(source), MissingDependencyError, library, "handgrad[tables]")


FRAME = {
    "whole": [1, 2, 3],
    "real": [0.5, 1.5, -2.5],
    "text": ["b", "a", "中"],
    "flag": [True, False, True],
}
READ = {"whole": [1.0, 2.0, 3.0], "real": FRAME["real"], "text": FRAME["text"], "flag": ["True", "False", "True"]}


def frames() -> list[str]:
    return ["pandas", "polars", "polars lazy", "pyarrow"]


def frame_of(library: str, columns: dict):
    oracle("narwhals")
    if library == "pandas":
        return oracle("pandas").DataFrame(columns)
    if library == "pyarrow":
        return oracle("pyarrow").table(columns)
    frame = oracle("polars").DataFrame(columns)
    return frame.lazy() if library == "polars lazy" else frame


@pytest.mark.parametrize("library", frames())
def test_frames(library):
    table = read_table(frame_of(library, FRAME))
    assert {name: table.column(name).tolist() for name in table.names} == READ
    assert table.unit == "row"
    assert table.lines.tolist() == [1, 2, 3]
    part = read_table(frame_of(library, FRAME), schema={"real": "number", "whole": "text", "absent": "text"})
    assert part.names == ("whole", "real")
    assert part.left_out == ("text", "flag")
    assert part.column("whole").tolist() == ["1", "2", "3"]


@pytest.mark.parametrize("library", frames())
def test_frames_with_gaps(library):
    columns = {"n": [1, None, 3], "x": [0.5, 1.0, None], "t": ["a", None, "c"], "f": [True, None, False]}
    table = read_table(frame_of(library, columns), missing="mean")
    assert table.missing.T.tolist() == [
        [False, True, False],
        [False, False, True],
        [False, True, False],
        [False, True, False],
    ]
    assert table.column("f").tolist() == ["True", "", "False"]
    refused(lambda: read_table(frame_of(library, columns)), DataError, "row 2, column 1 (n)", "empty", "one of 4")
    assert read_table(frame_of(library, columns), missing="drop").lines.tolist() == [1]


def test_frames_of_odd_types():
    pandas, polars, pyarrow = oracle("pandas"), oracle("polars"), oracle("pyarrow")
    oracle("narwhals")
    kinds, days = pandas.Categorical(["u", "v", "u"]), pandas.to_datetime(["2024-01-02"] * 3)
    mixed = pandas.DataFrame({0: [1, "x", 2.5], "c": kinds, "d": days})
    table = read_table(mixed)
    assert table.column("0").tolist() == ["1", "x", "2.5"]
    assert table.column("c").tolist() == ["u", "v", "u"]
    assert table.column("d")[0].startswith("2024-01-02")
    nullable = pandas.DataFrame({"n": [1, None], "x": [1.5, None]}).astype({"n": "Int64", "x": "Float64"})
    assert read_table(nullable, missing="mean").missing.tolist() == [[False, False], [True, True]]
    refused(lambda: read_table(polars.DataFrame({"a": [[1, 2], [3]]})), DataError, "'a'", "list")
    refused(lambda: read_table(pyarrow.table({"b": [b"x", b"y"]})), DataError, "'b'", "bytes")
    refused(lambda: read_table(polars.DataFrame({"a": [1.0, float("inf")]})), DataError, "row 2", "'inf'")
    refused(lambda: read_table(pandas.DataFrame([[1, 2]], columns=["a", "a"])), DataError, "columns 1 and 2", "'a'")
    refused(lambda: read_table(pandas.DataFrame({"a": []})), DataError, "no rows")
    refused(lambda: read_table(pandas.DataFrame()), DataError, "no columns")
    refused(lambda: read_table(polars.DataFrame({"a": ["1"] * 19 + ["x"]})), DataError, "row 20", "'x'")

    class Lookalike:
        columns = ("a",)

    refused(lambda: read_table(Lookalike()), DTypeError, "Lookalike")


def test_damaged_parquet(tmp_path):
    oracle("pyarrow")
    path = tmp_path / "a.parquet"
    for content in (b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"PAR1" + b"\xff" * 8 + b"PAR1"):
        path.write_bytes(content)
        refused(lambda: read_table(path), DataError, "a.parquet", "Parquet")


@given(columns=st.integers(1, 5), rows=st.integers(1, 20), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_npz_round_trip(tmp_path_factory, columns, rows, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((rows, columns)), rng.integers(0, 3, rows)
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(path, X=X, y=y)
    table = read_table(path)
    assert table.names == (*[f"x{j + 1}" for j in range(columns)], "y")
    assert table.target == "y"
    assert np.array_equal(np.column_stack(table.columns), np.column_stack([X, y]))
    np.savez_compressed(path, **{f"c{j}": X[:, j] for j in range(columns)}, label=y.astype(str))
    table = read_table(path, schema={"c0": "number", "label": "text"})
    assert table.names == ("c0", "label")
    assert table.column("label").tolist() == y.astype(str).tolist()


def test_npz_layouts(tmp_path):
    path = tmp_path / "a.npz"

    def table(**arrays):
        np.savez(path, **arrays)
        return read_table(path)

    X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    assert table(X=X, y=y[:, None]).column("y").tolist() == [0.0, 1.0, 2.0]
    assert table(X=X, y=y, names=np.array(["w", "h"])).names == ("w", "h", "y")
    assert table(X=X).target is None
    assert table(X=y, y=y).names == ("X", "y")  # one axis: a column that happens to be called X
    assert table(a=y.astype("S1"), b=y > 0).column("b").tolist() == ["False", "True", "True"]
    assert table(a=np.float32([0.1, 0.2])).column("a").dtype == np.float64
    refused(lambda: table(X=X, y=np.eye(3)), DataError, "(3, 3)", "one value for each row")
    refused(lambda: table(X=X, y=y[:2]), DataError, "(3, 2)", "(2,)")
    refused(lambda: table(X=X.reshape(3, 1, 2), y=y), DataError, "(3, 1, 2)", "reshape")
    refused(lambda: table(X=X, y=y, X_test=X), DataError, "X_test")
    refused(lambda: table(X=X, y=y, names=np.array(["w"])), DataError, "(1,)", "2 columns")
    refused(lambda: table(X=X, y=y, names=np.array(["w", "w"])), DataError, "same name")
    refused(lambda: table(a=y, b=y[:2]), DataError, "different lengths", "a 3, b 2")
    refused(lambda: table(a=X), DataError, "'a'", "(3, 2)")
    refused(lambda: table(a=np.array([1j])), DataError, "'a'", "complex")
    refused(lambda: table(X=np.zeros((0, 2)), y=np.zeros(0)), DataError, "no rows")
    refused(lambda: table(a=np.array([1.0, np.nan])), DataError, "row 2", "empty")
    refused(table, DataError)


class Hostile:
    def __reduce__(self):
        return sys.exit, (99,)


def test_nothing_is_ever_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([Hostile()], dtype=object))
    refused(lambda: read_table(path), DataError, "pickled", "code")
    path.write_bytes(pickle.dumps(Hostile()))
    refused(lambda: read_table(path), DataError)
    path.write_bytes(b"PK\x03\x04" + pickle.dumps(Hostile()))
    refused(lambda: read_table(path), DataError, "NPZ")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", pickle.dumps(Hostile()))
    refused(lambda: read_table(path), DataError)
    np.save(tmp_path / "b.npy", np.zeros(3))
    refused(lambda: read_table(tmp_path / "b.npy"), DataError, "np.savez")


@given(cut=st.integers(4, 400), flip=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_damaged_npz_is_refused_or_right(tmp_path_factory, cut, flip):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(path, X=np.arange(8.0).reshape(4, 2), y=np.arange(4))
    raw = bytearray(path.read_bytes())
    path.write_bytes(raw[: min(cut, len(raw) - 1)])
    attempt(lambda: read_table(path), DataError)
    raw[flip % len(raw)] ^= 0xFF
    path.write_bytes(raw)
    attempt(lambda: read_table(path), DataError)


def test_arrays_in_a_dict_are_copied():
    x = np.array([1.0, 2.0, 3.0])
    table = read_table({"x": x, "t": ["a", "b", "c"]})
    assert x.flags.writeable
    x[0] = 9.0
    assert table.column("x").tolist() == [1.0, 2.0, 3.0]
    assert read_table(table) is table
    refused(lambda: read_table({"x": [[1], [2, 3]]}), DataError, "'x'", "different lengths")
    assert read_table({"x": ["a\0", "a"]}).column("x").tolist() == ["a\0", "a"]
