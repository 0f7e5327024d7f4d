"""CSV: what people really have in their files is read rightly, or refused with the place of the trouble."""

from __future__ import annotations

import csv
import io
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_support import attempt, refused
from handgrad.data import Table, read_table
from handgrad.data.csvtext import table_from_csv
from handgrad.data.encoding import decode, guess
from handgrad.errors import ArgumentError, DataError, DTypeError, UnknownNameError


def written(tmp_path, content: str | bytes, name: str = "people.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def values(table: Table) -> dict[str, list]:
    return {name: column.tolist() for name, column in zip(table.names, table.columns, strict=True)}


PLAIN = {"age": [31.0, 45.5], "city": ["Bonn", "Rome, Italy"]}


@pytest.mark.parametrize(
    "content",
    [
        'age,city\n31,Bonn\n45.5,"Rome, Italy"\n',
        'age,city\r\n31,Bonn\r\n45.5,"Rome, Italy"',
        'age,city\r31,Bonn\r45.5,"Rome, Italy"\r',
        '\ufeffage,city\n31,Bonn\n45.5,"Rome, Italy"\n',
        ' age , city \n 31 , Bonn \n45.5, "Rome, Italy"\n',
        '\nage,city\n\n31,Bonn\n\n   \n,\n45.5,"Rome, Italy"\n,\n\n',
        "age;city\n31;Bonn\n45,5;Rome, Italy\n",
        "age;city\n31;Bonn\n45.5;Rome, Italy\n",
        "sep=;\nage;city\n31;Bonn\n45,5;Rome, Italy\n",
        "age\tcity\n31\tBonn\n45,5\tRome, Italy\n",
        "age|city\n31|Bonn\n45.5|Rome, Italy\n",
        'age,city,\n31,Bonn,\n45.5,"Rome, Italy",\n',
        ',age,city\n0,31,Bonn\n1,45.5,"Rome, Italy"\n',
    ],
    ids=[
        "plain",
        "crlf",
        "cr",
        "bom",
        "spaces",
        "blank",
        "semicolon",
        "points",
        "declared",
        "tab",
        "bar",
        "trailing",
        "index",
    ],
)
def test_the_same_table_in_many_spellings(tmp_path, content):
    table = read_table(written(tmp_path, content))
    assert values(table) == PLAIN
    assert table.column("age").dtype == np.float64
    assert table.unit == "line"
    assert not table.missing.any()
    assert not any(column.flags.writeable for column in table.columns)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    text = 'a,b\n1,"two\nlines"\n\n2,x\n3,"y"\n'
    table = read_table(written(tmp_path, text))
    assert table.lines.tolist() == [2, 5, 6]
    editor = text.split("\n")
    assert [editor[line - 1].split(",")[0] for line in table.lines] == ["1", "2", "3"]
    assert read_table(written(tmp_path, "sep=,\n" + text)).lines.tolist() == [3, 6, 7]


@given(
    rows=st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text()), min_size=1),
    separator=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
@example(rows=[(0.1, 1, '"')], separator=";", line_end="\n")
@settings(max_examples=80, deadline=None)
def test_what_the_csv_module_writes_is_read_back(rows, separator, line_end):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second", "note"])
    writer.writerows([repr(x), n, text] for x, n, text in rows)
    schema = {"first": "number", "second": "number", "note": "text"}
    table = table_from_csv(buffer.getvalue(), schema=schema, missing="mean")
    assert table.column("first").tolist() == [x for x, _, _ in rows]
    assert table.column("second").tolist() == [float(n) for _, n, _ in rows]
    assert table.column("note").tolist() == [text.strip() for _, _, text in rows]


@given(st.text(alphabet='ab1,;"\n\r\t .-ï\0', max_size=60) | st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_table_or_our_own_error(text):
    table, message = attempt(lambda: table_from_csv(text), DataError)
    if message is None:
        assert len(table) > 0
        assert not table.missing.any()


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_text_or_our_own_error(raw):
    text, message = attempt(lambda: decode(raw, "a.csv"), DataError)
    assert message or isinstance(text, str)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["empty"]),
        (" \n\n", ["empty"]),
        ("a,b\n", ["2 column names", "no rows"]),
        ("a,b\n\n,\n", ["no rows"]),
        ("a,b\n1,2\n1,2,3\n", ["line 3", "3 cells", "has 2"]),
        ("a,b\n1,2\n\n1\n", ["line 4", "1 cells", "has 2"]),
        ("a,b,a\n1,2,3\n", ["columns 1 and 3", "'a'"]),
        ("a,,b\n1,2,3\n", ["column 2 has no name", "'2'"]),
        ('a,b\n1,2\n3,"4\n5,6\n', ["line 3", "quote"]),
        ('a,b\n1,"2"x\n', ["line 2"]),
        ("a,b\n1,2\n3,\n,4\n", ["line 3", "column 2 (b)", "empty", "one of 2", "missing=drop"]),
        ("a,b\n1,2\n3,NA\n5,6\n", ["line 3", "column 2 (b)", "empty"]),
        ("a,b\n1,inf\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,8\n8,9\n9,1\n", ["line 2", "column 2 (b)", "'inf'", "finite"]),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ["line 1", "'5.1'", "column name"]),
        ("a b c\n1 2 3\n4 5 6\n", ["parted by spaces"]),
        ('a,b\n1,"' + "x" * 140_000 + '"\n', ["line 2", "field limit"]),
    ],
)
def test_trouble_is_named_with_its_place(tmp_path, content, parts):
    refused(lambda: read_table(written(tmp_path, content)), DataError, *(["people.csv", *parts]))


def test_text_in_a_mostly_numeric_column_is_an_unreadable_cell():
    rows = [str(i) for i in range(19)]
    text = "a,b\n" + "".join(f"{cell},x\n" for cell in [*rows[:7], "twelve", *rows[7:]])
    message = refused(lambda: table_from_csv(text), DataError, "line 9", "column 1 (a)", "'twelve'", "one of 1")
    assert "missing=mean" in message
    dropped = table_from_csv(text, missing="drop")
    assert dropped.column("a").tolist() == [float(x) for x in range(19)]
    assert 9 not in dropped.lines
    assert str(dropped.notices[0]) == "1 of 20 rows left out for empty or unreadable cells."
    kept = table_from_csv(text, missing="mean")
    assert np.argwhere(kept.missing).tolist() == [[7, 0]]
    assert np.isnan(kept.column("a")[7])


@pytest.mark.parametrize(("words", "numeric"), [(1, True), (2, False)])
def test_nine_in_ten_decide(words, numeric):
    cells = [str(i) for i in range(10 - words)] + ["word"] * words
    table = table_from_csv("a,b\n" + "".join(f"{cell},1\n" for cell in cells), missing="mean")
    assert (table.column("a").dtype == np.float64) == numeric


def test_words_for_nothing_are_missing_among_numbers_and_text_among_text():
    table = table_from_csv("a,b,c\n1,NA,\nnan,DE,x\n?,none,y\n", missing="mean")
    assert table.missing.tolist() == [[False, False, True], [True, False, False], [True, False, False]]
    assert table.column("b").tolist() == ["NA", "DE", "none"]


def test_drop_that_leaves_nothing_is_refused():
    refused(lambda: table_from_csv("a,b\n1,\n2,\n", missing="drop"), DataError, "every one of the 2 rows", "mean")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["3,14", "-2,5e3", ",5", "7"], [3.14, -2500.0, 0.5, 7.0]),
        (["1.234,5", "12.345.678,0", "1.234", "0"], [1234.5, 12345678.0, 1234.0, 0.0]),
    ],
)
def test_decimal_commas(cells, expected):
    table = table_from_csv("a;b\n" + "".join(f"{cell};x\n" for cell in cells))
    assert table.column("a").tolist() == expected


def test_decimal_comma_is_a_habit_of_the_whole_file():
    table = table_from_csv("people;size;ratio;day\n1.234;1,5;0.125;12.03.2024\n12.345;2;0.750;13.03.2024\n")
    assert table.column("people").tolist() == [1234.0, 12345.0]  # a file that writes 1,5 groups thousands by dots
    assert table.column("ratio").tolist() == [0.125, 0.75]  # no group of three: a point after all
    assert table.column("day").tolist() == ["12.03.2024", "13.03.2024"]
    assert table_from_csv("people;n\n1.234;1\n").column("people").tolist() == [1.234]  # nothing says commas here


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2,980", "780", "1,234,567.5", "-1,000"], [2980.0, 780.0, 1234567.5, -1000.0]),
        (["2,980", "3,14"], None),  # a decimal comma: what 2,980 means is not known
        (["0,980", "2,980"], None),
        (["2,98", "1,00"], None),
        (["12,3456"], None),
    ],
)
def test_commas_between_thousands(cells, expected):
    table = table_from_csv("price,n\n" + "".join(f'"{cell}",{i}\n' for i, cell in enumerate(cells)))
    assert table.column("price").tolist() == (expected if expected is not None else cells)
    said = [notice.values for notice in table.notices]
    assert said == ([{"name": "price", "example": "2,980", "value": "2980"}] if expected is not None else [])
    assert table_from_csv("price;n\n2,980;1\n").column("price").tolist() == [2.98]  # as where semicolons part cells


def test_ignored_columns_are_left_out_before_their_empty_cells_matter(tmp_path):
    text = "size,note,price\n1,,10\n2,sunny,20\n,,30\n"
    path = tmp_path / "houses.csv"
    path.write_text(text)
    table = read_table(path, missing="drop", ignore=["note"])
    assert (table.names, len(table), table.left_out) == (("size", "price"), 2, ("note",))
    assert len(read_table(path, missing="drop")) == 1
    arrays = {"size": np.array([1.0, 2.0]), "note": np.array([np.nan, 3.0]), "price": np.array([1.0, 2.0])}
    assert read_table(arrays, ignore=["note"]).names == ("size", "price")
    np.savez(tmp_path / "houses.npz", **arrays)
    assert len(read_table(tmp_path / "houses.npz", ignore=["note"])) == 2
    with pytest.raises(UnknownNameError, match="'note'"):
        read_table(path, missing="drop", ignore=["nott"])
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    assert read_table(pandas.DataFrame(arrays), ignore=["note"]).names == ("size", "price")


def test_numbers_that_only_python_writes_are_text():
    assert table_from_csv("a,b\n1_000,1\n2_000,2\n").column("a").tolist() == ["1_000", "2_000"]


def test_index_column_of_pandas_is_left_out_and_said():
    table = table_from_csv(",a\n0,5\n1,6\n")
    assert table.names == ("a",)
    assert "counts the rows" in str(table.notices[0])
    refused(lambda: table_from_csv(",a\n7,5\n3,6\n"), DataError, "column 1 has no name", "'7'")


def test_schema_reads_only_its_columns_and_as_it_says():
    table = table_from_csv("junk,zip,age\n,01067,1\n,01069,\n", schema={"zip": "text", "age": "number"}, missing="mean")
    assert table.names == ("zip", "age")
    assert table.left_out == ("junk",)
    assert table.column("zip").tolist() == ["01067", "01069"]
    refused(
        lambda: table_from_csv("junk,age\nx,1\nx,young\n", schema={"age": "number"}),
        DataError, "line 3", "column 2 (age)", "'young'",
    )  # fmt: skip
    assert table_from_csv("a\n1\n", schema={"b": "number"}).names == ()


CHINESE = "姓名,年龄,城市\n张三,25,北京\n李四,31,上海\n王小明,44,广州\n"
TAIWAN = "姓名,年齡,城市\n張三,25,臺北\n李四,31,高雄\n王小明,44,臺中\n"
JAPAN = "名前,年齢,都市\nたなか,25,東京\nすずき,31,大阪\n"
GERMAN = "Name,Alter\nMüller,25\nGröße,31\n"


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "gb18030"),
        (TAIWAN, "gbk", "gb18030"),
        (TAIWAN, "big5", "big5"),
        (TAIWAN, "cp950", "big5"),
        (JAPAN, "shift_jis", "shift_jis"),
        (GERMAN, "cp1252", "cp1252"),
        (CHINESE, "utf-16-le", "utf-16-le"),
        (GERMAN, "utf-16-be", "utf-16-be"),
    ],
)
def test_encodings_are_named_and_then_read(tmp_path, text, encoding, named):
    path = written(tmp_path, text.encode(encoding))
    line = 2 if encoding == "cp1252" else 1  # the first one that is not ASCII
    message = refused(lambda: read_table(path), DataError, f"--encoding {named}", f"line {line}")
    assert text.split("\n")[line - 1] in message
    table = read_table(path, encoding=named)
    assert table.names == tuple(text.split("\n")[0].split(","))
    assert values(table) == values(table_from_csv(text))


def test_the_line_of_the_first_foreign_byte_is_named(tmp_path):
    path = written(tmp_path, b"name,age\nAnna,3\nM\xfcller,4\n")
    refused(lambda: read_table(path), DataError, "line 3", "'Müller,4'", "--encoding cp1252")


@pytest.mark.parametrize("text", ["安北边", "中政主", "一個人的"])
def test_short_texts_are_guessed_from_both_ends_of_the_common_range(text):
    assert guess(text.encode("big5" if "個" in text else "gb18030")) == ("big5" if "個" in text else "gb18030")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_byte_order_mark_is_believed(tmp_path, encoding):
    assert values(read_table(written(tmp_path, CHINESE.encode(encoding)))) == values(table_from_csv(CHINESE))
    path = written(tmp_path, CHINESE.encode("utf-8-sig"))
    assert read_table(path, encoding="utf-8").names[0] == "姓名"


def test_wrong_or_unknown_encodings_are_refused(tmp_path):
    path = written(tmp_path, CHINESE.encode("gb18030"))
    refused(lambda: read_table(path, encoding="utf-99"), UnknownNameError, "'utf-99'")
    refused(lambda: read_table(path, encoding="ascii"), DataError, "not ascii", "gb18030")
    refused(lambda: read_table(path, encoding="utf-8"), DataError, "gb18030")


def test_files_that_are_no_tables(tmp_path):
    refused(lambda: read_table(written(tmp_path, b"abc\0\1\2")), DataError, "no text file", "byte 3")
    refused(lambda: read_table(written(tmp_path, b"PK\x03\x04abc", "a.xlsx")), DataError, "Excel", "CSV")
    refused(lambda: read_table(written(tmp_path, b"\x1f\x8babc")), DataError, "gzip")
    refused(lambda: read_table(written(tmp_path, "a,b\n1,2\n", "a.parquet")), DataError, "no parquet file inside")
    refused(lambda: read_table(tmp_path / "peple.csv"), DataError, "no file", "Did you mean 'people.csv'?")
    refused(lambda: read_table(tmp_path / "nowhere" / "a.csv"), DataError, "no file")
    refused(lambda: read_table(tmp_path), DataError, "folder")
    refused(lambda: read_table("a\0b"), DataError, "cannot be opened")
    refused(lambda: read_table("x" * 5000), DataError, "cannot be opened")
    refused(lambda: read_table(None), DTypeError, "NoneType")
    refused(lambda: read_table(3), DTypeError, "int")
    refused(lambda: read_table([1, 2]), DTypeError, "list")
    refused(lambda: read_table("sklearn:iriss"), UnknownNameError, "'iris'")
    refused(lambda: read_table(tmp_path / "people.csv", missing="zero"), ArgumentError, "'zero'", "drop")
    refused(lambda: table_from_csv("a,b\n1,2\n", separator=", "), ArgumentError, "one character")


def test_long_names_and_values_do_not_make_long_messages():
    text = "n" * 500 + ",b\n" + "1,1\n" * 30 + "v" * 500 + ",1\n"
    message = refused(lambda: table_from_csv(text, source="s" * 300), DataError, "line 32", "vvv…vvv")
    assert "nnn…nnn" in message
    wide = ",".join(f"a rather long name {i}" for i in range(300)) + "\n" + ",".join("1" * 300) + "\n"
    refused(lambda: table_from_csv(wide).column("target"), UnknownNameError, "and 297 more")


def test_unknown_column_suggests_the_nearest():
    table = table_from_csv("Species,width\nx,1\n")
    refused(lambda: table.column("species"), UnknownNameError, "'species'", "Did you mean 'Species'?")
    refused(lambda: table.column("widht"), UnknownNameError, "Did you mean 'width'?")
    refused(lambda: table.column("zzz"), UnknownNameError, "Known: Species, width.")


def test_a_table_shows_itself_and_escapes_what_it_holds():
    table = table_from_csv("a,b\n1,<script>\n")
    assert repr(table) == "Table(1 rows: a, b)"
    page = table._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_no_detour(tmp_path, rng):
    # not a benchmark: ten times the usual time would mean that the one pass in C is no longer taken
    lines = [",".join(row) for row in np.char.mod("%.6f", rng.standard_normal((100_000, 20)))]
    path = written(tmp_path, ",".join(f"c{j}" for j in range(20)) + "\n" + "\n".join(lines))
    begin = time.process_time()
    table = read_table(path)
    assert time.process_time() - begin < 15
    assert len(table) == 100_000
    assert table.column("c3")[99_999] == float(lines[-1].split(",")[3])
