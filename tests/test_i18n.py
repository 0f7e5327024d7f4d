"""Languages: every message is translated with the same values, and every tag finds its language."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from babel.messages.pofile import read_po as babel_read_po
from hypothesis import given
from hypothesis import strategies as st

import catalogues
import handgrad as hg
from handgrad.data import read_table
from handgrad.errors import ArgumentError, DataError, FileError, HandgradError, Phrase, ShapeError, missing, nearest
from handgrad.i18n import LANGUAGES, from_locale, normalize, translate_error, translator
from handgrad.i18n.po import read_po
from handgrad.nn import container


def test_the_catalogues_are_complete():
    assert catalogues.check() == []


def test_the_catalogues_and_the_languages_are_the_same():
    assert ("en", *catalogues.TRANSLATED) == LANGUAGES


@pytest.mark.parametrize("language", catalogues.TRANSLATED)
def test_our_reader_agrees_with_babel(language):
    path = catalogues.path_of(language)
    with path.open("rb") as file:
        theirs = {entry.id: entry.string for entry in babel_read_po(file) if entry.id and entry.string}
    assert read_po(path.read_text(encoding="utf-8")) == theirs
    assert theirs


def test_updating_twice_changes_nothing_more(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogues, "path_of", lambda language: tmp_path / f"{language}.po")
    for language in catalogues.TRANSLATED:
        original = catalogues.LOCALES / language / "LC_MESSAGES" / "handgrad.po"
        (tmp_path / f"{language}.po").write_bytes(original.read_bytes())
    texts = []
    for _ in range(2):
        catalogues.update()
        texts.append([path.read_text(encoding="utf-8") for path in sorted(tmp_path.iterdir())])
    assert texts[0] == texts[1]


ENTRY = '#: a.py\nmsgid "{n} rows in {file!r}"\nmsgstr "{text}"\n'


@pytest.mark.parametrize(
    ("catalogue", "complaint"),
    [
        ("", "missing"),
        (ENTRY.replace("{text}", ""), "not translated"),
        ("#, fuzzy\n" + ENTRY.replace("{text}", "{file!r} 有 {n} 行"), "fuzzy"),
        (ENTRY.replace("{text}", "{file!r} 有多行"), "other values"),
        (ENTRY.replace("{text}", "{file} 有 {n} 行"), "other values"),
        (ENTRY.replace("{text}", "{file!r} 有 {n 行"), "other values"),
    ],
)
def test_the_completeness_check_notices(catalogue, complaint):
    (problem,) = catalogues.compare(["{n} rows in {file!r}"], catalogue, "zh_CN")
    assert complaint in problem


def test_a_good_entry_passes():
    assert catalogues.compare(["{n} rows in {file!r}"], ENTRY.replace("{text}", "{file!r} 有 {n} 行"), "zh_CN") == []


def test_messages_are_collected_from_every_marker_and_nowhere_else():
    source = """
t("one", n=2); _("two" "and a half"); N_("three"); self.t("four"); t("five" if x else "six"); t(variable); print("no")
raise errors.ShapeError("seven {x}", x=1); raise ShapeError(f"eight {x}"); raise ShapeError(error.template, x=1)
"""
    found, problems = catalogues.called(source, "a.py", ["ShapeError"])
    assert [message.text for message in found] == ["one", "twoand a half", "three", "four", "five", "six", "seven {x}"]
    assert problems == ["a.py:3: ShapeError needs a literal template"]


def test_op_sentences_are_collected(tmp_path, monkeypatch):
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "toy.py").write_text(
        '@op(notation="c")\ndef cube(xp, x):\n    """Raise to\n    the third power.\n\n    More."""\n'
        'primitive(np.exp, "x", name="exp", sentence="Grow.")\ndef helper():\n    """Not shown."""\n'
    )
    monkeypatch.setattr(catalogues, "SOURCE", tmp_path)
    monkeypatch.setattr(catalogues, "ROOT", tmp_path)
    assert sorted(message.text for message in catalogues.op_sentences()) == ["Grow.", "Raise to the third power."]


# -- tags and locales ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "tags"),
    [
        ("en", "en EN en-GB en_US.UTF-8 C POSIX C.UTF-8 c"),
        ("zh_CN", "zh zh-CN zh_CN zh_CN.GB18030 zh_CN.UTF-8@pinyin zh-Hans zh_Hans zh-SG zh_SG zh-MY zh-Hans-HK ZH-cn"),
        ("zh_TW", "zh-TW zh_TW zh_TW.Big5 zh-HK zh_HK.UTF-8 zh-MO zh_Hant zh-Hant zh-Hant-CN zh-hant-hk ZH_tw"),
    ],
)
def test_tags(language, tags):
    assert {tag: normalize(tag) for tag in tags.split()} == dict.fromkeys(tags.split(), language)


@pytest.mark.parametrize("tag", ["fr", "klingon", "", "-", "_CN", "zhcn", "tw"])
def test_an_unknown_tag_names_itself_and_the_known_ones(tag):
    with pytest.raises(ArgumentError) as caught:
        normalize(tag)
    assert repr(tag) in str(caught.value)
    assert "en, zh-CN or zh-TW" in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW", "LC_MESSAGES": "zh_TW", "LC_ALL": "en_US"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_HK:zh_TW:en"}, "zh_TW"),
        ({"LANG": "zh_CN", "LANGUAGE": "fr:de"}, "en"),
        ({"LANG": "zh_CN", "LANGUAGE": ""}, "zh_CN"),
        ({"LANGUAGE": "zh_CN"}, "zh_CN"),
        ({"LANGUAGE": "zh_CN", "LC_ALL": "C"}, "en"),
        ({"LANG": "ja_JP.eucJP"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_SG"}, "zh_CN"),
    ],
)
def test_locales(environ, language):
    assert from_locale(environ) == language


@given(st.dictionaries(st.sampled_from(["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"]), st.text()))
def test_no_locale_is_an_error(environ):
    assert from_locale(environ) in LANGUAGES


# -- saying it ----------------------------------------------------------------------------------------------------


def test_an_untranslated_text_shows_in_english():
    assert translator("zh-CN")("Nobody translated {this!r}.", this=1) == "Nobody translated 1."


def test_without_values_braces_are_text():
    assert translator("en")(r"\frac{a}{b}") == r"\frac{a}{b}"


def test_a_value_may_have_any_name():
    assert translator("en")("{template} {self} {lang}", template=1, self=2, lang=3) == "1 2 3"


@pytest.mark.parametrize("language", LANGUAGES)
def test_errors_say_the_same_in_every_language(language):
    error = missing("PyTorch", "torch")
    text = translate_error(error, language)
    assert 'pip install "handgrad[torch]"' in text
    assert (text == str(error)) is (language == "en")


def test_an_error_inside_a_message_is_said_in_the_same_language():
    inner = missing("pyarrow", "tables")
    outer = DataError("{file}: {problem}", file="a.parquet", problem=inner)
    assert str(outer) == f"a.parquet: {inner}"
    assert translate_error(outer, "zh-TW") == f"a.parquet: {translate_error(inner, 'zh-TW')}"


def test_a_phrase_inside_a_message_is_said_in_the_same_language():
    class Phrase(str):  # a text that keeps its template: what a suggestion behind an error can be
        template = missing("", "").template
        values: ClassVar[dict[str, object]] = {"library": "pyarrow", "extra": "tables"}

    error = DataError("{file}. {hint}", file="a.parquet", hint=Phrase("pyarrow is needed"))
    assert str(error) == "a.parquet. pyarrow is needed"
    assert translate_error(error, "zh-CN") == f"a.parquet. {translate_error(missing('pyarrow', 'tables'), 'zh-CN')}"


def test_two_languages_do_not_disturb_each_other():
    simplified, traditional = translator("zh-CN"), translator("zh-TW")
    error = missing("PyTorch", "torch")
    texts = [say(error.template, **error.values) for say in (simplified, traditional, simplified)]
    assert texts[0] == texts[2] != texts[1]


NET = hg.Network.parse("2-3:tanh-1", loss="mse", seed=0)
WRONG = {"dense1.weight": np.ones((3, 2)), "dense1.bias": [[1], [1, 2]], "dense2.weight": [[np.nan]] * 3, "extra": 1}


@pytest.mark.parametrize(
    ("call", "english", "chinese"),
    [
        (lambda: NET.slots.join(WRONG, "float64"), "missing dense2.bias; unknown extra; dense1.weight is (3, 2)",
         ["缺少 dense2.bias；多出 extra；dense1.weight 是 (3, 2)，应为 (2, 3)；", "各行长度不一", "非有限的数"]),
        (lambda: hg.add(np.ones(2), np.ones(3)), "shapes (2,) and (3,) do", ["(2,) 和 (3,)"]),
        (lambda: container.parse(b"[" * 30_000, Phrase("header")), "header cannot be read: it is nested too deeply.",
         ["文件头：嵌套太深。"]),
        (lambda: container.parse(b'{"a": NaN}', Phrase("description")), "description cannot be read: NaN is no JSON.",
         ["描述：NaN 不是合法的 JSON。"]),
        (lambda: container.parse(b'{"a": 1, "a": 2}', Phrase("header")), "a key stands twice", ["有重复的键。"]),
        (lambda: hg.check_grad(hg.tanh), "got none. ", ["（无）"]),
        (lambda: read_table("no such folder/table.csv"), "Check the folder's name.", ["请检查文件夹的名称。"]),
        (lambda: np.linalg.svd(hg.tensor(np.eye(2))), " more.", ["可选：", "另有 "]),
    ],
)  # fmt: skip
def test_the_pieces_of_a_message_are_said_in_its_language(call, english, chinese):
    with pytest.raises(HandgradError) as caught:
        call()
    assert english in str(caught.value)
    assert len(str(caught.value)) <= 300
    said = translate_error(caught.value, "zh-CN")
    for piece in chinese:
        assert piece in said


@pytest.mark.parametrize(("magic", "what"), container.FOREIGN)
def test_foreign_files_are_named_in_the_language(tmp_path, magic, what):
    (tmp_path / "net.safetensors").write_bytes(magic + b"\xff" * 20)
    with pytest.raises(FileError, match=what.split()[1]) as caught:
        hg.load(tmp_path / "net.safetensors")
    assert f"这是{translator('zh-CN')(what.template)}，不是" in translate_error(caught.value, "zh-CN")
    assert translator("zh-CN")(what.template) != what


def test_unknown_names_list_some_of_many_and_forget_capitals():
    many = [f"name{i}" for i in range(500)]
    assert len(nearest("zzz", many)) < 110
    assert nearest("zzz", many).endswith(" more.")
    assert str(nearest("RELU", ["tanh", "relu"])) == "Did you mean 'relu'?"
    assert len(nearest("x" * 900, ["x" * 901])) < 80
    assert len(nearest("zzz", ["y" * 900] * 3)) < 110
    assert nearest("a", []) == "Known: ."


# -- reading catalogues -------------------------------------------------------------------------------------------


def test_the_reader_joins_lines_and_skips_what_is_unfinished():
    text = r"""
# a comment
msgid ""
msgstr "Language: zh_CN\n"

#, fuzzy, python-brace-format
msgid "unsure"
msgstr "不确定"

#, python-brace-format
msgid ""
"a \"quoted\" "
"line\n"
msgstr "带“引号”\\的"
"行\n"

msgid "empty"
msgstr ""

#~ msgid "gone"
#~ msgstr "没了"
"""
    assert read_po(text) == {'a "quoted" line\n': "带“引号”\\的行\n"}


@pytest.mark.parametrize(
    "line", ['msgctxt "menu"', 'msgid_plural "rows"', "msgid loss", 'msgid "loss', '"alone"', 'msgstr "alone"']
)
def test_the_reader_refuses_what_it_does_not_know(line):
    with pytest.raises(FileError, match="line 2"):
        read_po(f"\n{line}\n")


def test_shape_errors_keep_their_format_when_translated():
    assert translate_error(ShapeError("{a:>3}|{b!r}", a=1, b="x"), "zh-CN") == "  1|'x'"
