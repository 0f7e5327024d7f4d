"""What people type wrong: one line on stderr, in their language, exit code 2 for the command and 1 for the data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cli_support import flowers, handgrad, houses, one_line, write_csv
from handgrad.cli import app, train


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("trian d.csv", ["'trian'", "'train'"]),
        ("xyzzy", ["'xyzzy'", "demo, train, predict, check, code, summary"]),
        ("d.csv", ["handgrad train d.csv"]),
        ("sklearn:iris", ["handgrad train sklearn:iris"]),
        ("--foo train", ["'--foo'"]),
        ("train", ["DATA is missing", "handgrad train --help"]),
        ("predict net.safetensors", ["DATA is missing"]),
        ("predict", ["FILE is missing"]),
        ("code", ["FILE is missing"]),
        ("train d.csv", ["--target", "d.csv", "length, width, soil, kind"]),
        ("train d.csv --target", ["--target needs a value"]),
        ("train d.csv --tagret kind", ["'--tagret'", "'--target'"]),
        ("train d.csv kind", ["'kind'", "one argument too many"]),
        ("train d.csv --target kind --force=yes", ["--force takes no value"]),
        ("train d.csv --target kind --lr fast", ["--lr 'fast'", "above 0"]),
        ("train d.csv --target kind --lr 0", ["--lr '0'"]),
        ("train d.csv --target kind --lr -1", ["--lr '-1'"]),
        ("train d.csv --target kind --lr nan", ["--lr 'nan'"]),
        ("train d.csv --target kind --lr inf", ["--lr 'inf'"]),
        ("train d.csv --target kind --lr 1_0", ["--lr '1_0'"]),
        ("train d.csv --target kind --epochs 0", ["--epochs '0'", "from 1 on"]),
        ("train d.csv --target kind --epochs -1", ["--epochs '-1'"]),
        ("train d.csv --target kind --epochs 1.5", ["--epochs '1.5'"]),
        ("train d.csv --target kind --epochs 9999999999999", ["--epochs"]),
        ("train d.csv --target kind --batch-size 0", ["--batch-size '0'"]),
        ("train d.csv --target kind --seed x", ["--seed 'x'"]),
        ("train d.csv --target kind --l2 -1", ["--l2 '-1'", "at least 0"]),
        ("train d.csv --target kind --test 1", ["--test '1'", "below 1"]),
        ("train d.csv --target kind --layers 16:reluu", ["reluu", "'relu'"]),
        ("train d.csv --target kind --layers 0", ["0"]),
        ("train d.csv --target kind --layers 2.5", ["2.5"]),
        ("train d.csv --target kind --layers 8-", ["number of units"]),
        ("train d.csv --target kind --loss crossentropy", ["crossentropy", "cross_entropy"]),
        ("train d.csv --target kind --loss mse", ["mse", "'kind'", "cross_entropy"]),
        ("train d.csv --target kind --optimizer adma", ["adma", "adam"]),
        ("train d.csv --target kind --missing skip", ["--missing 'skip'", "error, drop, mean"]),
        ("train d.csv --target kind --kind clases", ["--kind 'clases'", "'classes'"]),
        ("train d.csv --target kind --separator ;;", ["--separator ';;'"]),
        ("train d.csv --target kind --save .", ["--save '.'"]),
        ("train d.csv --target kind --save nowhere/n.safetensors", ["there is no folder nowhere"]),
        ("train d.csv --target kind --save d.csv", ["d.csv exists", "--force"]),
        ("train d.csv --lang", ["''", "zh-TW"]),
        ("train d.csv --lang fr", ["'fr'", "en, zh-CN or zh-TW"]),
        ("demo xorr", ["'xorr'", "'xor'"]),
        ("demo xor --seeds many", ["--seeds 'many'"]),
        ("demo xor --out d.csv", ["d.csv", "folder"]),
        ("code n.safetensors --to tensorflow", ["--to 'tensorflow'", "numpy, torch"]),
        ("check n.safetensors d.csv --sample few", ["--sample 'few'"]),
    ],
)
def test_wrong_commands(capsys, tmp_path, monkeypatch, line, parts):
    monkeypatch.chdir(tmp_path)
    flowers(Path("d.csv"))
    ended = handgrad(capsys, *line.split())
    assert (ended.code, ended.out) == (2, "")
    said = one_line(ended.err)
    for part in parts:
        assert part in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv"]


HEAD = "x,y\n"
ROWS = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(30))


@pytest.mark.parametrize(
    ("content", "arguments", "parts"),
    [
        (None, "--target y", ["there is no file", "d.csv"]),
        ("", "--target y", ["d.csv", "empty"]),
        (HEAD, "--target y", ["no rows"]),
        (HEAD + ROWS + "1,2,3\n", "--target y", ["line 32"]),
        (HEAD + ROWS, "--target z", ["no column 'z'", "x, y"]),
        (HEAD + ROWS, "--target Y", ["'Y'", "'y'"]),
        (HEAD + ROWS, "--target y --ignore xx", ["'xx'", "'x'"]),
        (HEAD + ROWS, "--target y --ignore x", ["nothing to predict from"]),
        (HEAD + ROWS, "--target y --kind number", ["text", "numbers"]),
        (HEAD + ROWS + "oops,a\n", "--target y", ["line 32", "'oops'", "--missing drop"]),
        (HEAD + ROWS + ",a\n", "--target y", ["line 32", "empty"]),
        (HEAD + ROWS.replace("b", "a"), "--target y", ["'a'", "nothing to learn"]),
        ((HEAD + ROWS).replace("a", "是").encode("gb18030"), "--target y", ["--encoding gb18030"]),
        ((HEAD + ROWS).encode(), "--target y --encoding utf9", ["'utf9'"]),
        ((HEAD + ROWS).encode(), "--target y --encoding utf-16", ["d.csv"]),
        (b"PK\x03\x04 not a zip", "--target y", ["d.csv"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "--target y", ["d.csv"]),
        (b"x,y\n1,a\n2,b\n", "--target y --test .9", ["training rows"]),
    ],
)
def test_wrong_data(capsys, tmp_path, monkeypatch, content, arguments, parts):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("d.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    ended = handgrad(capsys, "train", "d.csv", *arguments.split(), "--epochs", 1, "--save", "n.safetensors")
    assert (ended.code, ended.out) == (1, "")
    said = one_line(ended.err)
    for part in parts:
        assert part in said
    assert not Path("n.safetensors").exists()


def test_a_folder_is_no_data(capsys, tmp_path):
    ended = handgrad(capsys, "train", tmp_path, "--target", "y")
    assert ended.code == 1
    assert "is a folder" in one_line(ended.err)


@pytest.mark.parametrize("verb", ["predict", "check", "code", "summary"])
@pytest.mark.parametrize("content", [None, b"", b"x,y\n1,2\n", b"\x80\x04pickled", b"\xff" * 100, "truncated"])
def test_wrong_networks(capsys, tmp_path, verb, content):
    data, file = flowers(tmp_path / "d.csv"), tmp_path / "n.safetensors"
    if content == "truncated":
        assert handgrad(capsys, "train", data, "--target", "kind", "--epochs", 1, "--save", file).code == 0
        file.write_bytes(file.read_bytes()[:-10])
    elif content is not None:
        file.write_bytes(content)
    ended = handgrad(capsys, verb, file, *([data] if verb in ("predict", "check") else []))
    assert (ended.code, ended.out) == (1, "")
    assert "n.safetensors" in one_line(ended.err)


def test_a_text_in_a_column_of_numbers_is_named_by_line(capsys, tmp_path):
    saved = tmp_path / "n.safetensors"
    handgrad(capsys, "train", houses(tmp_path / "h.csv"), "--target", "price", "--epochs", 1, "--save", saved)
    other = write_csv(tmp_path / "o.csv", {"area": [50, "large", 70], "where": ["city", "city", "city"]})
    ended = handgrad(capsys, "predict", saved, other)
    assert ended.code == 1
    assert re.search(r"line 3.*'large'", one_line(ended.err))


def test_a_table_of_nothing_but_gaps_under_drop(capsys, tmp_path):
    data = tmp_path / "d.csv"
    data.write_text("x,y\n,a\n,b\n")
    ended = handgrad(capsys, "train", data, "--target", "y", "--missing", "drop")
    assert ended.code == 1
    one_line(ended.err)


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh-CN", ["找不到", "没有"]), ("zh-TW", ["找不到", "沒有"])],
)
@pytest.mark.parametrize("line", ["trian", "--lang {} train d.csv --target z", "train d.csv --target kind --tset 1"])
def test_errors_speak_the_language_before_and_behind_the_verb(capsys, tmp_path, monkeypatch, lang, words, line):
    monkeypatch.chdir(tmp_path)
    flowers(Path("d.csv"))
    arguments = line.format(lang).split()
    ended = handgrad(capsys, *arguments, *([] if "--lang" in arguments else ["--lang", lang]))
    assert ended.code in (1, 2)
    assert any(word in one_line(ended.err) for word in words)


def test_debug_shows_the_traceback_and_the_line(capsys, tmp_path):
    for arguments in (["--debug", "summary", tmp_path / "none"], ["summary", tmp_path / "none", "--debug"]):
        ended = handgrad(capsys, *arguments)
        assert ended.code == 1
        assert "Traceback" in ended.err
        assert ended.err.splitlines()[-1].startswith("handgrad: ")


def test_a_mistake_of_ours_is_one_line_too(capsys, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(train, "_planned", broken)
    ended = handgrad(capsys, "train", flowers(tmp_path / "d.csv"), "--target", "kind")
    assert ended.code == 1
    assert "mistake of handgrad itself (ZeroDivisionError: oh\\nno)" in one_line(ended.err)


@pytest.mark.parametrize(
    ("error", "said"),
    [(PermissionError(13, "Permission denied", "x.csv"), "x.csv: Permission denied"), (MemoryError(), "fewer rows"),
     (OSError(28, "No space left on device"), "No space left")],
)  # fmt: skip
def test_errors_of_the_system(capsys, tmp_path, monkeypatch, error, said):
    def failing(*_):
        raise error

    monkeypatch.setattr(train, "_planned", failing)
    ended = handgrad(capsys, "train", flowers(tmp_path / "d.csv"), "--target", "kind")
    assert ended.code == 1
    assert said in one_line(ended.err)


def test_a_constant_number_as_target(capsys, tmp_path):
    rng = np.random.default_rng(0)
    data = write_csv(tmp_path / "d.csv", {"x": rng.normal(size=30).tolist(), "y": [1.5] * 30})
    ended = handgrad(capsys, "train", data, "--target", "y", "--kind", "number")
    assert ended.code == 1
    assert "nothing to learn" in one_line(ended.err)


# -- help ---------------------------------------------------------------------------------------------------------

VERBS = ["demo", "train", "predict", "check", "code", "summary"]


def test_nothing_at_all_prints_the_help(capsys):
    alone, asked = handgrad(capsys), handgrad(capsys, "--help")
    assert (alone.code, alone.err) == (0, "")
    assert alone == asked
    for verb in VERBS:
        assert f"\n  {verb}" in alone.out


def test_the_version(capsys):
    from handgrad import __version__

    ended = handgrad(capsys, "--version")
    assert (ended.code, ended.out) == (0, f"handgrad {__version__}\n")


@pytest.mark.parametrize("verb", ["", *VERBS])
@pytest.mark.parametrize("lang", ["zh-CN", "zh-TW"])
def test_help_is_wholly_translated(capsys, verb, lang):
    ended = handgrad(capsys, *([verb] if verb else []), "-h", "--lang", lang)
    assert ended.code == 0
    text = ended.out.partition("handgrad ")[2]
    told = re.sub(r"^  handgrad .*$", "", text, flags=re.M)  # commands are the same everywhere
    for line in told.splitlines()[1:]:
        words = re.sub(r"^  (-\S+(, -\S+)?( [A-Z]+)?|[A-Z]+|\[[A-Z]+\]|[a-z]+)(  |$)", "", line)
        latin = re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}", words)
        assert not latin, line
        assert not words.strip() or re.search("[\u4e00-\u9fff]|^ +[a-z0-9_:、。]+$", words), line


def test_the_two_kinds_of_chinese_are_not_one(capsys):
    simplified, traditional = (handgrad(capsys, "train", "--help", "--lang", lang).out for lang in ("zh-CN", "zh-TW"))
    assert "训练" in simplified
    assert "訓練" in traditional
    assert not set("训练数据优") & set(traditional)


def test_help_names_every_option_that_is_there(capsys):
    import typer

    from handgrad.cli.voice import Voice

    group = typer.main.get_command(app.build(Voice("en")))
    assert list(group.commands) == VERBS
    for verb, command in group.commands.items():
        text = handgrad(capsys, verb, "--help").out
        for param in command.params:
            assert (param.opts[0] if param.param_type_name == "option" else param.metavar) in text
            assert param.help, param.name


@pytest.mark.parametrize("columns", ["1", "40", "80", "200", "x"])
def test_help_keeps_to_the_width(capsys, monkeypatch, columns):
    from handgrad.i18n.columns import cells

    monkeypatch.setenv("COLUMNS", columns)
    for lang in ("en", "zh-CN"):
        text = handgrad(capsys, "train", "--help", "--lang", lang).out.split("handgrad train sklearn")[0]
        most = 110 if columns == "200" else 80 if columns in ("80", "x") else 50
        assert max(cells(line) for line in text.splitlines()) <= most
