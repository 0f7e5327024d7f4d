"""Preparation: fitted on the training rows only, stored as plain data, matched by name, blind to the target."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_support import refused
from handgrad.data import Preparation, read_table
from handgrad.data.csvtext import table_from_csv
from handgrad.data.targets import recognise
from handgrad.errors import ArgumentError, DataError, DTypeError, FileError, IndexRangeError, UnknownNameError

HOUSES = """size,city,rooms,same,price
50,Rome,2,1,100
70,Bonn,3,1,150
90,Rome,4,1,230
60,Oslo,2,1,120
"""


def houses():
    return table_from_csv(HOUSES, source="houses.csv")


def test_numbers_are_standardised_by_the_training_rows_only():
    rows = [0, 1, 2]
    preparation = Preparation.fit(houses(), "price", rows, kind="number")
    X, y = preparation.transform(houses())
    assert preparation.inputs == ("size", "city=Bonn", "city=Rome", "rooms", "same")
    size, price = np.array([50.0, 70, 90, 60]), np.array([100.0, 150, 230, 120])
    # population standard deviation; exact up to the rounding of a handful of operations
    assert X[:, 0] == pytest.approx((size - 70) / np.std([50, 70, 90]), rel=1e-14)
    assert y[:, 0] == pytest.approx((price - 160) / np.std([100, 150, 230]), rel=1e-14)
    assert X[:, 1:3].tolist() == [[0, 1], [1, 0], [0, 1], [0, 0]]
    assert preparation.unseen(houses()) == {"city": 1}
    assert X[:, 4].tolist() == [0, 0, 0, 0]  # constant: std 1
    assert [str(notice) for notice in preparation.notices] == [
        "Column 'same' is the same in all training rows: it tells nothing."
    ]
    assert preparation.inverse_target(y)[:, 0] == pytest.approx(price, rel=1e-14)
    mask = np.array([True, True, True, False])
    assert Preparation.fit(houses(), "price", mask, kind="number") == preparation


def test_rows_outside_training_change_nothing():
    other = table_from_csv(HOUSES.replace("60,Oslo,2,1,120", "1e9,Nome,77,5,9000"))
    fitted = [Preparation.fit(table, "price", [0, 1, 2], kind="number") for table in (houses(), other)]
    assert fitted[0] == fitted[1]


@pytest.mark.parametrize(
    ("cells", "kind", "labels"),
    [
        (["yes", "no", "yes", "no"], "binary", ("no", "yes")),
        (["0", "1", "1", "0"], "binary", ("0", "1")),
        (["-1", "1", "1", "-1"], "binary", ("-1", "1")),
        (["b", "c", "a", "b"], "classes", ("a", "b", "c")),
        (["0.5", "1.5", "0.5", "1.5"], "number", ()),
        (["1", "7", "3", "9"], "number", ()),
        (["10", "2", "1", "0"] * 5, "number", ()),
        (["2", "1", "0"] * 5, "classes", ("0", "1", "2")),
        ((["2", "1", "0"] * 5)[1:], "number", ()),
        (["3", "10", "5"] * 20, "classes", ("3", "5", "10")),
        ([str(i) for i in range(21)] * 30, "number", ()),
        (["0.0", "1.0", "2.0"] * 5, "classes", ("0", "1", "2")),
    ],
)
def test_the_kind_of_target_is_recognised(cells, kind, labels):
    table = table_from_csv("x,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    preparation = Preparation.fit(table, "y")
    assert (preparation.kind, preparation.labels) == (kind, labels)
    _, y = preparation.transform(table)
    if kind == "number":
        assert y.shape == (len(cells), 1)
        assert preparation.inverse_target(y)[:, 0] == pytest.approx([float(c) for c in cells], rel=1e-12, abs=1e-12)
    else:
        assert y.shape == ((len(cells), 1) if kind == "binary" else (len(cells),))
        assert y.dtype == (np.float64 if kind == "binary" else np.int64)
        told = preparation.inverse_target(y).tolist()
        assert [float(t) for t in told] == [float(c) for c in cells] if labels[0][-1].isdigit() else told == cells


def test_booleans_and_text_are_classes():
    assert recognise(np.array([True, False])) == "classes"
    assert recognise(np.array(["1", "2"], dtype=object)) == "classes"


def test_kind_can_be_said():
    table = table_from_csv("x,y\n1,0\n2,1\n3,1\n4,2\n")
    assert Preparation.fit(table, "y").kind == "number"
    assert Preparation.fit(table, "y", kind="classes").labels == ("0", "1", "2")
    refused(lambda: Preparation.fit(table, "y", kind="binary"), DataError, "3: 0, 1, 2")
    refused(lambda: Preparation.fit(table, "y", kind="regression"), ArgumentError, "'regression'", "number")
    text = table_from_csv("x,y\n1,a\n2,b\n", source="t.csv")
    refused(lambda: Preparation.fit(text, "y", kind="number"), DataError, "t.csv, line 2", "'a'")


def test_the_target_is_never_a_feature_and_a_copy_of_it_is_reported():
    rows = "".join(f"{i % 7},{name},{k},{7 - k}\n" for i, (name, k) in enumerate([("no", 0), ("yes", 1)] * 10))
    table = table_from_csv("n,sold,code,other\n" + rows)
    preparation = Preparation.fit(table, "sold")
    assert "sold" not in [feature.name for feature in preparation.features]
    said = [str(notice) for notice in preparation.notices]
    assert ["'code'" in said[0], "'other'" in said[1], len(said)] == [True, True, 2]
    assert [f.name for f in Preparation.fit(table, "sold", ignore=["code", "other"]).features] == ["n"]
    changed = table_from_csv("n,sold,code,other\n" + rows.replace("yes", "maybe"))
    assert np.array_equal(preparation.transform_inputs(changed), preparation.transform_inputs(table))


def test_order_of_columns_and_other_columns_do_not_matter():
    preparation = Preparation.fit(houses(), "price", kind="number")
    X, _ = preparation.transform(houses())
    shuffled = table_from_csv("z,rooms,same,city,size\nz,2,1,Rome,50\nz,3,1,Bonn,70\nz,4,1,Rome,90\nz,2,1,Oslo,60\n")
    X_shuffled, y = preparation.transform(shuffled)
    assert np.array_equal(X, X_shuffled)
    assert y is None


def test_all_missing_columns_are_named_at_once():
    preparation = Preparation.fit(houses(), "price", kind="number")
    table = table_from_csv("Size,rooms,price\n1,2,x\n", source="new.csv")
    refused(
        lambda: preparation.transform(table),
        DataError, "new.csv", "3 of 4", "size, city, same", "not used are: Size",
    )  # fmt: skip
    one = table_from_csv("siz,city,rooms,same\n1,Rome,2,1\n")
    refused(lambda: preparation.transform(one), DataError, "1 of 4", "Did you mean 'siz'?")
    read = table_from_csv("siz,city,rooms,same\n1,Rome,2,1\n", schema=preparation.schema())
    refused(lambda: preparation.transform(read), DataError, "1 of 4", "Did you mean 'siz'?")
    refused(lambda: preparation.unseen(table), DataError, "3 of 4")


def test_schema_makes_reading_agree_with_training():
    train = table_from_csv("zip,age,sold\n01067,20,1\nA1,30,0\nB2,40,0\n01067,50,1\n", schema=None)
    preparation = Preparation.fit(train, "sold")
    assert preparation.schema(target=True) == {"zip": "text", "age": "number", "sold": "auto"}
    new = table_from_csv("sold,age,zip\n,25,01067\n,35,01068\n", schema=preparation.schema())
    X, y = preparation.transform(new)
    assert y is None
    assert X[:, :3].tolist() == [[1, 0, 0], [0, 0, 0]]
    refused(
        lambda: table_from_csv("age,zip\nyoung,01067\n", schema=preparation.schema()),
        DataError, "line 2", "'young'",
    )  # fmt: skip


def test_text_where_training_had_numbers_is_named():
    preparation = Preparation.fit(houses(), "price", kind="number")
    table = table_from_csv("size,city,rooms,same\n1,Rome,two,1\n", source="new.csv")
    refused(lambda: preparation.transform(table), DataError, "new.csv, line 2", "'rooms'", "'two'")
    digits = table_from_csv("size,city,rooms,same\n1,7,2,1\n")
    assert preparation.unseen(digits) == {"city": 1}


def test_missing_cells_become_the_mean_of_the_training_rows():
    table = table_from_csv("a,t,y\n1,u,1.5\n3,v,2.5\n,,4.5\n8,u,0.5\n", missing="mean")
    preparation = Preparation.fit(table, "y", [0, 1, 2])
    assert preparation.features[0].mean == 2.0
    X, _ = preparation.transform(table)
    assert X[2].tolist() == [0, 0, 0]
    assert X[3, 0] == 6.0
    assert preparation.unseen(table) == {}
    gap = table_from_csv("a,y\n1,1.5\n2,\n", missing="mean", source="g.csv")
    refused(lambda: Preparation.fit(gap, "y"), DataError, "g.csv, line 3", "'y'", "never guessed", "missing=drop")
    empty = table_from_csv("a,b,y\n1,,1\n2,,0\n", missing="mean")
    refused(lambda: Preparation.fit(empty, "y"), DataError, "'b'", "no value in any training row")


def test_nothing_to_learn_is_said():
    refused(lambda: Preparation.fit(table_from_csv("a,y\n1,5\n2,5\n"), "y"), DataError, "'y'", "'5.0'", "all 2")
    refused(lambda: Preparation.fit(table_from_csv("a,y\n1,u\n2,u\n"), "y"), DataError, "'y'", "'u'")
    refused(
        lambda: Preparation.fit(table_from_csv("a,y\n1,u\n2,u\n3,v\n"), "y", [0, 1]),
        DataError,
        "'u'",
        "2 training rows",
    )
    refused(lambda: Preparation.fit(table_from_csv("y\n1\n2\n"), "y"), DataError, "no column beside")
    refused(lambda: Preparation.fit(houses(), "Price"), UnknownNameError, "Did you mean 'price'?")
    refused(lambda: Preparation.fit(houses(), "zzz"), UnknownNameError, "Known: size, city, rooms, same, price.")
    refused(lambda: Preparation.fit(houses()), ArgumentError, "size, city, rooms")
    refused(lambda: Preparation.fit(houses(), "price", ignore=["sise"]), UnknownNameError, "'size'")
    for rows in ([], [0.5], [[0]], ["a"]):
        refused(lambda rows=rows: Preparation.fit(houses(), "price", rows), ArgumentError, "training rows")
    refused(lambda: Preparation.fit(houses(), "price", [0, 4]), IndexRangeError, "0 to 4", "0 to 3")


def test_names_and_tickets_do_not_become_inputs():
    rows = "".join(f"Person {i},T{i},{i % 3},{i % 2}\n" for i in range(30))
    table = table_from_csv("name,ticket,group,y\n" + rows)
    refused(lambda: Preparation.fit(table, "y"), DataError, "name has 30, ticket has 30", "allowed here: 20", "Leave")
    assert len(Preparation.fit(table, "y", ignore=["name", "ticket"]).features) == 1
    refused(lambda: Preparation.fit(table, "name"), DataError, "'name'", "30 different values", "too many classes")


def test_columns_that_only_count_or_name_the_rows_are_reported():
    def said(n, year=1990, first=1, names="abcdefghijkl"):
        rows = "".join(f"{i + first},{year + i},{names[i]},{i % 3},{i % 2}\n" for i in range(n))
        table = table_from_csv("id,year,name,size,sold\n" + rows)
        return [notice.values["name"] for notice in Preparation.fit(table, "sold", rows=range(0, n, 1)).notices]

    assert said(12) == ["id", "name"]
    assert said(12, first=0, names="aaaabbbbcccc") == ["id"]
    assert said(8) == []  # so few rows differ by chance
    counted = table_from_csv("id,size,sold\n" + "".join(f"{i},{i if i != 4 else ''},{i % 2}\n\n" for i in range(15)),
                             missing="drop")  # fmt: skip
    assert [n.values.get("name") for n in Preparation.fit(counted, "sold").notices] == [None, "id", "size"]
    line = table_from_csv("x,y\n" + "".join(f"{i},{2.5 * i}\n" for i in range(15)))
    assert Preparation.fit(line, "y").notices == ()  # there is nothing else to learn from


def test_class_that_training_did_not_know():
    preparation = Preparation.fit(table_from_csv("a,y\n1,u\n2,v\n"), "y")
    table = table_from_csv("a,y\n1,u\n2,w\n", source="new.csv")
    refused(lambda: preparation.transform(table), DataError, "new.csv, line 3", "'w'", "u, v")
    assert preparation.transform_inputs(table).shape == (2, 1)


def test_class_numbers_outside_the_classes():
    preparation = Preparation.fit(table_from_csv("a,y\n1,u\n2,v\n3,w\n"), "y")
    assert preparation.inverse_target([2, 0]).tolist() == ["w", "u"]
    refused(lambda: preparation.inverse_target([0, 3]), IndexRangeError, "prediction 1", "class 3", "0 to 2")
    refused(lambda: preparation.inverse_target([-1]), IndexRangeError, "class -1")
    refused(lambda: preparation.inverse_target([0.3]), ArgumentError, "probabilities")
    refused(lambda: preparation.inverse_target(np.eye(3)), ArgumentError, "(3, 3)")
    refused(lambda: preparation.inverse_target(["u"]), DTypeError, "str")
    assert preparation.inverse_target([]).tolist() == []


@given(
    values=st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), min_size=2, max_size=20
    )
)
@settings(max_examples=150, deadline=None)
def test_standardised_columns_have_mean_0_and_deviation_1_at_any_size(values):
    table = read_table({"x": np.array(values), "y": np.arange(len(values)) + 0.5})
    X, _ = Preparation.fit(table, "y").transform(table)
    assert np.isfinite(X).all()
    if len(set(values)) == 1:
        assert not X.any()
        return
    # the mean is rounded to one unit in the last place of the largest value, which is all that can be asked
    blur = np.spacing(np.abs(values).max()) / np.ptp(values)
    if blur < 1e-3 and np.ptp(values) > 1e-290:
        assert abs(X.mean()) < 1e-12 + 4 * blur * len(values)
        assert X.std() == pytest.approx(1, rel=1e-12 + 4 * blur * len(values))


def test_numbers_too_large_to_standardise_are_refused():
    table = read_table({"x": [1.7e308, 1.7e308, -1.7e308], "y": [0, 1, 1]})
    refused(lambda: Preparation.fit(table, "y"), DataError, "'x'", "1.7e+308")
    preparation = Preparation.fit(read_table({"x": [1e-5, 2e-5], "y": [0, 1]}), "y")
    refused(lambda: preparation.transform(read_table({"x": [1.0, 1e308]})), DataError, "row 2", "1e+308")


TEXT = st.text(max_size=8).map(str.strip)


@given(
    numbers=st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100), min_size=3, max_size=12
    ),
    words=st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True),
    classes=st.lists(TEXT.filter(bool), min_size=2, max_size=4, unique=True),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_json_round_trip(numbers, words, classes, data):
    n = max(len(numbers), len(classes))
    numbers = (numbers * n)[:n]
    text = data.draw(st.lists(st.sampled_from(words), min_size=n, max_size=n))
    target = (classes * n)[:n]
    schema = {"number": "number", "word": "text", "class": "text"}
    table = read_table({"number": numbers, "word": text, "class": target}, schema=schema)
    preparation = Preparation.fit(table, "class")
    stored = json.dumps(preparation.to_dict(), allow_nan=False)
    again = Preparation.from_dict(json.loads(stored))
    assert again == preparation
    assert hash(again) == hash(preparation)
    assert json.dumps(again.to_dict()) == stored
    for one, other in zip(preparation.transform(table), again.transform(table), strict=True):
        assert one.tobytes() == other.tobytes()
    assert preparation.inverse_target(preparation.transform(table)[1]).tolist() == target
    assert pickle.loads(pickle.dumps(preparation)) == copy.deepcopy(preparation) == preparation


def test_round_trip_of_a_number_as_target():
    preparation = Preparation.fit(houses(), "price", kind="number")
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda d: d.update(format=2), ["preparation.format", "'2'"]),
        (lambda d: d.pop("rows"), ["preparation.rows", "nothing"]),
        (lambda d: d.update(featurs=1), ["'featurs'", "Did you mean 'features'?"]),
        (lambda d: d.update(features=[]), ["preparation.features", "at least one"]),
        (lambda d: d.update(features={}), ["preparation.features", "list"]),
        (lambda d: d["features"].append(3), ["preparation.features[4]", "int", "an object"]),
        (lambda d: d["features"][0].update(std=0), ["preparation.features[0].std", "'0'"]),
        (lambda d: d["features"][0].update(mean=float("nan")), ["preparation.features[0].mean", "nan"]),
        (lambda d: d["features"][0].update(mean=10**400), ["preparation.features[0].mean"]),
        (lambda d: d["features"][0].update(mean="1"), ["preparation.features[0].mean", "'1'"]),
        (lambda d: d["features"][0].update(kind="x"), ["preparation.features[0].kind", "'x'", "categorical"]),
        (lambda d: d["features"][1].update(categories=[]), ["preparation.features[1].categories"]),
        (lambda d: d["features"][1].update(categories=["a", 1]), ["preparation.features[1].categories", "texts"]),
        (lambda d: d["features"][1].update(categories=["a", "a"]), ["preparation.features[1].categories"]),
        (lambda d: d["features"][1].update(name="size"), ["different column names"]),
        (lambda d: d["target"].update(name="size"), ["different column names"]),
        (lambda d: d["target"].update(kind="binary"), ["preparation.target.labels"]),
        (lambda d: d["target"].update(std=True), ["preparation.target.std", "True"]),
    ],
)
def test_foreign_or_damaged_preparations_are_refused(change, parts):
    data = Preparation.fit(houses(), "price", kind="number").to_dict()
    change(data)
    refused(lambda: Preparation.from_dict(data), FileError, *parts)


def test_no_dict_at_all():
    refused(lambda: Preparation.from_dict([]), FileError, "preparation", "list")


def test_inputs_are_left_as_they_were():
    table = houses()
    before = [column.tolist() for column in table.columns]
    preparation = Preparation.fit(table, "price", kind="number")
    X, y = preparation.transform(table)
    X[:] = 7
    y[:] = 7
    assert [column.tolist() for column in table.columns] == before
    predictions = np.array([[1.0]])
    assert not np.shares_memory(preparation.inverse_target(predictions), predictions)
