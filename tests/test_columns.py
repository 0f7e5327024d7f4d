"""Lines of text in a terminal: Chinese takes two columns, and punctuation stays where a printer would put it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.i18n.columns import CLOSING, OPENING, cells, fitted, wrapped

TEXTS = st.text(st.sampled_from("网络的权重层ab1 。，、；：！？」』）》「『（《“”,.)"), max_size=60)


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("梯度检验完成。", 12, ["梯度检验完", "成。"]),  # 。 would be the 13th column
        ("他说（是的）", 6, ["他说", "（是", "的）"]),  # （ does not end a line
        ("损失loss很小", 8, ["损失loss", "很小"]),  # no space is needed on either side of a Latin word
        ("得到 1e-06）。", 10, ["得到", "1e-06）。"]),
        ("得到 。", 4, ["得", "到 。"]),
        ("in .csv", 3, ["in", ".csv"]),  # a word that begins with a full stop is a word
        ("averylongword x", 5, ["averylongword", "x"]),
        ("", 5, []),
    ],
)
def test_lines_break_as_printers_break_them(text, columns, lines):
    assert wrapped(text, columns) == lines


@given(TEXTS, st.integers(8, 30))
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(text, columns):
    lines = wrapped(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())  # nothing is lost
    wide_closing, wide_opening = ("".join(c for c in marks if not c.isascii()) for marks in (CLOSING, OPENING))
    for before, after in itertools.pairwise(lines):
        assert after[0] not in wide_closing
        assert before[-1] not in wide_opening
    for line in lines:  # only what cannot be parted is longer than a line
        assert cells(line) <= columns or wrapped(line, 1) == [line]


@given(TEXTS, st.integers(2, 30), st.booleans())
def test_a_cell_has_exactly_its_width(text, columns, right):
    made = fitted(text, columns, right)
    assert cells(made) == columns
    assert text in made or "…" in made


def test_an_indent_counts():
    lines = wrapped("网络有 12 个权重。" * 5, 20, "  ")
    assert all(line.startswith("  ") for line in lines[1:])
    assert max(map(cells, lines)) <= 20
