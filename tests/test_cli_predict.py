"""`handgrad predict`, `check`, `code`, `summary`: what can be done with a stored network."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from cli_support import flowers, handgrad, houses, one_line, read_csv, write_csv
from handgrad.data import read_table


@pytest.fixture
def trained(capsys, tmp_path):
    """A network that knows flowers, and the table it was trained on."""
    data, saved = flowers(tmp_path / "flowers.csv"), tmp_path / "flowers.safetensors"
    assert handgrad(capsys, "train", data, "--target", "kind", "--epochs", 40, "--save", saved).code == 0
    return saved, data


@pytest.fixture
def priced(capsys, tmp_path):
    """A network that knows houses."""
    data, saved = houses(tmp_path / "houses.csv"), tmp_path / "houses.safetensors"
    assert handgrad(capsys, "train", data, "--target", "price", "--epochs", 60, "--save", saved).code == 0
    return saved, data


def test_labels_in_their_own_names(capsys, trained):
    saved, data = trained
    ended = handgrad(capsys, "predict", saved, data)
    assert (ended.code, ended.err) == (0, "")
    header, rows = read_csv(ended.out)
    truth = read_table(data).column("kind").tolist()
    assert header == ["kind"]
    assert np.mean([row[0] == label for row, label in zip(rows, truth, strict=True)]) > 0.9
    net, table = hg.load(saved), read_table(data)
    expected = net.preparation.inverse_target(net.predict(net.preparation.transform_inputs(table)))
    assert [row[0] for row in rows] == expected.tolist()


def test_probabilities_of_each_class(capsys, trained):
    ended = handgrad(capsys, "predict", *trained, "--proba")
    header, rows = read_csv(ended.out)
    assert header == ["kind", "p(lily)", "p(rose)", "p(tulip)"]
    for label, *numbers in rows:
        p = [float(n) for n in numbers]
        assert sum(p) == pytest.approx(1, abs=1e-5)
        assert header[1 + int(np.argmax(p))] == f"p({label})"


def test_numbers_in_their_own_unit(capsys, priced):
    saved, data = priced
    header, rows = read_csv(handgrad(capsys, "predict", saved, data).out)
    truth = read_table(data).column("price")
    told = np.array([float(row[0]) for row in rows])
    assert header == ["price"]
    assert np.abs(told - truth).mean() < 0.2 * np.abs(truth - truth.mean()).mean()
    net = hg.load(saved)
    X = net.preparation.transform_inputs(read_table(data))
    assert told.tolist() == net.preparation.inverse_target(net.predict(X)).ravel().tolist()  # to the last digit


def test_columns_are_found_by_name_and_the_target_is_not_needed(capsys, trained, tmp_path):
    saved, data = trained
    table = read_table(data)
    turned = {"extra": ["?"] * len(table), **{n: table.column(n).tolist() for n in ("soil", "width", "length")}}
    other = write_csv(tmp_path / "other.csv", turned)
    assert handgrad(capsys, "predict", saved, other).out == handgrad(capsys, "predict", saved, data).out


def test_columns_that_are_missing_are_all_named(capsys, trained, tmp_path):
    other = write_csv(tmp_path / "other.csv", {"length": [1, 2], "breadth": [1, 2]})
    ended = handgrad(capsys, "predict", trained[0], other)
    assert (ended.code, ended.out) == (1, "")
    assert "width, soil" in one_line(ended.err)


def test_categories_that_training_did_not_see_are_reported(capsys, trained, tmp_path):
    other = write_csv(tmp_path / "o.csv", {"length": [1, 2, 3], "width": [0, 0, 0], "soil": ["clay", "mud", "peat"]})
    ended = handgrad(capsys, "predict", trained[0], other)
    assert ended.code == 0
    assert len(read_csv(ended.out)[1]) == 3
    assert "'soil' holds 2 cells" in ended.err


def test_out_writes_the_same_and_refuses_what_is_there(capsys, trained, tmp_path):
    out = tmp_path / "answers.csv"
    shown = handgrad(capsys, "predict", *trained).out
    ended = handgrad(capsys, "predict", *trained, "--out", out)
    assert (ended.code, ended.out, out.read_text(encoding="utf-8")) == (0, "", shown)
    out.write_text("mine")
    ended = handgrad(capsys, "predict", *trained, "--out", out)
    assert (ended.code, out.read_text()) == (2, "mine")
    assert "--force" in one_line(ended.err)
    assert handgrad(capsys, "predict", *trained, "--out", out, "--force").code == 0
    assert out.read_text(encoding="utf-8") == shown


def test_gaps(capsys, trained, tmp_path):
    other = tmp_path / "gaps.csv"
    other.write_text("length,width,soil\n0,1,clay\n,1,clay\n4,?,clay\n2,0,sand\n")
    ended = handgrad(capsys, "predict", trained[0], other)
    assert ended.code == 1
    assert "line 3, column 1 (length)" in one_line(ended.err)
    header, rows = read_csv(handgrad(capsys, "predict", trained[0], other, "--missing", "drop").out)
    assert header == ["line", "kind"]  # rows are gone: which ones are left must be said
    assert [row[0] for row in rows] == ["2", "5"]
    header, rows = read_csv(handgrad(capsys, "predict", trained[0], other, "--missing", "mean").out)
    assert (header, len(rows)) == (["kind"], 4)


def test_labels_that_csv_must_quote(capsys, tmp_path):
    labels = ['say "no"', "yes, please", "maybe\nlater"]
    data = write_csv(tmp_path / "d.csv", {"x": [i % 3 for i in range(30)], "y": [labels[i % 3] for i in range(30)]})
    saved = tmp_path / "n.safetensors"
    assert handgrad(capsys, "train", data, "--target", "y", "--save", saved).code == 0
    out = tmp_path / "answers.csv"
    assert handgrad(capsys, "predict", saved, data, "--out", out).code == 0
    assert read_table(out, schema={"y": "text"}).column("y").tolist() == [labels[i % 3] for i in range(30)]


def test_another_encoding(capsys, trained, tmp_path):
    saved, data = tmp_path / "cn.safetensors", tmp_path / "cn.csv"
    rows = [f"{i},{'是' if i > 20 else '否'}" for i in range(40)]
    data.write_bytes("\n".join(["数量,结果", *rows]).encode("gb18030"))
    ended = handgrad(capsys, "train", data, "--target", "结果", "--save", saved)
    assert ended.code == 1
    assert "--encoding gb18030" in one_line(ended.err)
    ended = handgrad(capsys, "train", data, "--target", "结果", "--save", saved, "--encoding", "gb18030")
    assert ended.code == 0, ended.err
    ended = handgrad(capsys, "predict", saved, data, "--encoding", "gb18030")
    assert ended.out.splitlines()[:2] == ["结果", "否"]


def test_no_probabilities_of_a_number(capsys, priced):
    ended = handgrad(capsys, "predict", *priced, "--proba")
    assert ended.code == 2
    assert "'price'" in one_line(ended.err)


def test_file_and_data_exchanged(capsys, trained):
    saved, data = trained
    for verb in ("predict", "check"):
        ended = handgrad(capsys, verb, data, saved)
        assert ended.code == 2
        assert "is the network" in one_line(ended.err)


def test_a_network_that_was_not_trained_on_a_table(capsys, tmp_path):
    net = hg.Network.parse("2-1", loss="mse", seed=0)
    net.save(tmp_path / "n.safetensors")
    for verb in ("predict", "check"):
        ended = handgrad(capsys, verb, tmp_path / "n.safetensors", flowers(tmp_path / "f.csv"))
        assert ended.code == 1
        assert "not trained on a table" in one_line(ended.err)
    assert "2, 1" in handgrad(capsys, "summary", tmp_path / "n.safetensors").out
    assert "def make_update" in handgrad(capsys, "code", tmp_path / "n.safetensors").out


def test_summary_says_what_the_network_reads_and_answers(capsys, trained, priced):
    ended = handgrad(capsys, "summary", trained[0])
    assert (ended.code, ended.err) == (0, "")
    for part in (
        "Dense(4, 32)",
        "cross_entropy",
        "(2): length, width",
        "soil (2)",
        "one of lily, rose, tulip",
        "72 rows",
    ):
        assert part in ended.out
    assert "Predicts price: a number" in handgrad(capsys, "summary", priced[0]).out


# -- check --------------------------------------------------------------------------------------------------------


def test_gradients_are_proven(capsys, trained, priced):
    for saved, data in (trained, priced):
        ended = handgrad(capsys, "check", saved, data)
        assert (ended.code, ended.err) == (0, "")
        assert "On the first 64 rows" in ended.out
        assert "dense1.weight" in ended.out


def test_a_wrong_gradient_is_exit_code_1(capsys, trained, monkeypatch):
    right = hg.Network.check

    def wrong(net, *arguments, **settings):
        report = right(net, *arguments, **settings)
        entries = [replace(e, ok=False, kind="sign") if e.name == "dense2.bias" else e for e in report.entries]
        return replace(report, entries=tuple(entries))

    monkeypatch.setattr(hg.Network, "check", wrong)
    ended = handgrad(capsys, "check", *trained)
    assert ended.code == 1
    assert "dense2.bias: its sign is wrong" in ended.out


def test_a_sample_of_entries(capsys, trained):
    ended = handgrad(capsys, "check", *trained, "--sample", 3)
    assert ended.code == 0
    assert "3 random entries:" in ended.out


def test_check_needs_the_right_answers(capsys, trained, tmp_path):
    other = write_csv(tmp_path / "o.csv", {"length": [1, 2], "width": [0, 0], "soil": ["clay", "sand"]})
    ended = handgrad(capsys, "check", trained[0], other)
    assert ended.code == 1
    assert "no column 'kind'" in one_line(ended.err)


# -- code ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_printed_program_runs_and_trains_the_same_network(capsys, tmp_path):
    data, saved, script = flowers(tmp_path / "flowers.csv"), tmp_path / "net.safetensors", tmp_path / "net.py"
    arrays, weights = tmp_path / "data.npz", tmp_path / "weights.npz"
    handgrad(capsys, "train", data, "--target", "kind", "--epochs", 40, "--save", saved, "--arrays", arrays)
    ended = handgrad(capsys, "code", saved, "--to", "numpy", "--out", script)
    assert (ended.code, ended.out) == (0, "")
    assert "lr = 0.003" in script.read_text(encoding="utf-8")  # the optimizer that trained it
    run = [sys.executable, str(script), str(arrays), str(weights)]
    subprocess.run(run, check=True, capture_output=True, timeout=60)
    again = np.load(weights)
    for name, value in hg.load(saved).parameters.items():
        assert again[name].tobytes() == value.tobytes()
    ended = handgrad(capsys, "train", data, "--target", "kind", "--arrays", arrays)
    assert ended.code == 2
    assert "--force" in one_line(ended.err)


def test_code_with_another_optimizer(capsys, trained):
    ended = handgrad(capsys, "code", trained[0], "--optimizer", "sgd", "--lr", "0.5")
    assert "lr = 0.5" in ended.out
    assert "beta1" not in ended.out
    assert "lr = 0.25" in handgrad(capsys, "code", trained[0], "--lr", "0.25").out


def test_code_for_torch(capsys, trained):
    ended = handgrad(capsys, "code", trained[0], "--to", "torch")
    assert ended.code == 0, ended.err
    assert "nn.Sequential" in ended.out
    compile(ended.out, "script", "exec")


def test_code_of_a_file_that_is_there(capsys, trained, tmp_path):
    out = Path(tmp_path / "mine.py")
    out.write_text("mine")
    assert handgrad(capsys, "code", trained[0], "--out", out).code == 2
    assert out.read_text() == "mine"


# -- demo ---------------------------------------------------------------------------------------------------------


def test_demos_are_the_ones_that_the_help_names():
    from handgrad import demos
    from handgrad.cli import demo

    assert set(demo.NAMES) == set(demos.NAMES)


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_a_demo_is_called_with_what_was_asked_for(capsys, tmp_path, monkeypatch, lang):
    from handgrad import demos

    asked = []
    monkeypatch.setattr(demos, "run", lambda name, **settings: asked.append((name, settings)) or 0)
    ended = handgrad(capsys, "demo", "xor", "--seeds", 3, "--out", tmp_path, "--lang", lang)
    assert (ended.code, ended.err) == (0, "")
    ((name, settings),) = asked
    assert name == "xor"
    assert (settings["seeds"], settings["out"]) == (3, tmp_path)
    assert settings["lang"] == lang.replace("-", "_")
