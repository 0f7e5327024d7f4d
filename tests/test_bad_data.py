"""What people pass to the data functions by mistake: each is refused by its value, and no cell is lost in silence."""

from __future__ import annotations

import numpy as np
import pytest

import handgrad as hg
from data_support import refused
from handgrad.data import Preparation, load_set, read_table, split, split_rows
from handgrad.errors import ArgumentError, DataError, DTypeError, UnknownNameError

TABLE = {"a": [1.0, 2.0, 3.0, 4.0] * 10, "kind": list("xyxy") * 10, "target": list("pqpq") * 10}


@pytest.fixture
def csv(tmp_path):
    file = tmp_path / "d.csv"
    file.write_text("x,y\n1,a\n2,b\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("act", "kind", "parts"),
    [
        (lambda: hg.data.moons(noise="0.1"), ArgumentError, ["noise='0.1'"]),
        (lambda: hg.data.moons(seed=-1), ArgumentError, ["seed=-1"]),
        (lambda: hg.data.sine(seed="a"), ArgumentError, ["seed='a'"]),
        (lambda: hg.data.circles(factor="half"), ArgumentError, ["half"]),
        (lambda: split_rows(10, test="0.2"), ArgumentError, ["'0.2'"]),
        (lambda: split(np.ones((4, 2)), np.ones(4), seed=0.5), ArgumentError, ["seed=0.5"]),
        (lambda: load_set(3), UnknownNameError, ["'3'"]),
        (lambda: read_table({1: [1.0], "1": [2.0]}), DataError, ["two arrays are called '1'"]),
        (lambda: read_table({"a": [1.0]}, schema={"a": "nmber"}), ArgumentError, ["'a'", "'nmber'", "number"]),
        (lambda: Preparation.fit(read_table(TABLE), 3), UnknownNameError, ["'3'"]),
        (lambda: Preparation.fit(TABLE, "target"), DTypeError, ["dict", "read_table"]),
        (lambda: Preparation.fit(read_table(TABLE), "target").transform(TABLE), DTypeError, ["dict", "read_table"]),
        (lambda: Preparation.fit(read_table(TABLE), "target").transform_inputs(None), DTypeError, ["NoneType"]),
    ],
)
def test_mistakes_are_named(act, kind, parts):
    refused(act, kind, *parts)


@pytest.mark.parametrize("encoding", ["punycode", "\udcff", "a\0", "undefined", 3])
def test_encodings_that_read_no_text(csv, encoding):
    refused(lambda: read_table(csv, encoding=encoding), UnknownNameError, "is unknown", "utf-8")


@pytest.mark.parametrize("separator", [3, "\0", "ab"])
def test_separators(csv, separator):
    refused(lambda: read_table(csv, separator=separator), ArgumentError, "separator=")


def test_what_a_mask_hides_is_missing():
    hidden = np.ma.masked_array([1, 2, 3], [False, True, False])
    refused(lambda: read_table({"a": hidden}), DataError, "row 2", "empty")
    assert len(read_table({"a": hidden}, missing="drop")) == 2
    texts = np.ma.masked_array(["u", "v", "w"], [False, True, False])
    refused(lambda: read_table({"a": texts}), DataError, "row 2", "empty")
    assert read_table({"a": np.ma.masked_array([1, 2])}).column("a").tolist() == [1, 2]


def test_one_column_to_ignore_is_a_name_and_not_letters():
    table = read_table(TABLE)
    assert Preparation.fit(table, "target", ignore="kind").inputs == ("a",)
    assert read_table(TABLE, ignore="kind").names == ("a", "target")


def test_many_constant_columns_are_one_notice():
    columns = {f"pixel{i}": [0.0] * 40 for i in range(300)}
    few = Preparation.fit(read_table({**TABLE, "p": [0.0] * 40}), "target").notices
    many = Preparation.fit(read_table({**TABLE, **columns}), "target").notices
    assert [n.template for n in few if "same in all" in n.template] == [
        "Column {name!r} is the same in all training rows: it tells nothing."
    ]
    (one,) = (n for n in many if "same in all" in n.template)
    assert one.values["count"] == 300
    assert str(one.values["names"]).startswith("pixel0, pixel1")
    assert len(str(one)) < 300
