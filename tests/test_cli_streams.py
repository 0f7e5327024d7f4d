"""The command line as a process: consoles of all kinds, pipes that close, Ctrl-C, and the time until it answers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import handgrad as hg
from cli_support import flowers, handgrad, houses, process, write_csv

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals as POSIX has them")
pytestmark = pytest.mark.slow  # each test starts processes


@pytest.fixture
def saved(capsys, tmp_path):
    """A network with Chinese labels, and its table."""
    rows = {"数量": list(range(40)), "结果": ["否" if i < 20 else "是" for i in range(40)]}
    data, file = write_csv(tmp_path / "d.csv", rows), tmp_path / "n.safetensors"
    assert handgrad(capsys, "train", data, "--target", "结果", "--epochs", 40, "--save", file).code == 0
    return file, data


@pytest.mark.parametrize("encoding", ["ascii", "cp936", "cp950", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("lang", ["zh-CN", "zh-TW"])
def test_consoles_that_lack_characters(tmp_path, encoding, lang):
    data = flowers(tmp_path / "d.csv")
    ended = process(
        ["train", data, "--target", "kind", "--epochs", 2, "--lang", lang], tmp_path, PYTHONIOENCODING=encoding
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    text = ended.stdout.decode(encoding)
    assert "--layers 32:relu" in text
    known = {"zh-CN": "训练", "zh-TW": "訓練"}[lang]
    try:
        known.encode(encoding)
    except UnicodeEncodeError:
        assert "?" in text
    else:
        assert known in text


@pytest.mark.parametrize("encoding", ["ascii", "cp936", "cp950"])
def test_errors_and_help_on_such_consoles(tmp_path, encoding):
    for arguments, code in ((["--help"], 0), (["train", "表.csv", "--target", "y"], 1), (["∂"], 2)):
        for lang in ("en", "zh-TW"):
            ended = process([*arguments, "--lang", lang], tmp_path, PYTHONIOENCODING=encoding)
            assert ended.returncode == code
            assert b"Traceback" not in ended.stderr
            assert ended.stderr.decode(encoding).count("\n") == (code != 0)


def test_the_systems_language_is_spoken_where_the_console_can_show_it(tmp_path):
    def helped(**environment: str) -> str:
        encoding = environment.get("PYTHONIOENCODING", "utf-8")
        return process(["--help"], tmp_path, **{"PYTHONIOENCODING": encoding, **environment}).stdout.decode(encoding)

    assert "训练" in helped(LANG="zh_CN.UTF-8")
    assert "訓練" in helped(LANG="zh_HK.UTF-8")
    assert "训练" in helped(LANG="zh_CN.GBK", PYTHONIOENCODING="cp936")
    assert "Train" in helped(LANG="de_DE.UTF-8")
    assert "Train" in helped(LANG="C")
    assert "Train" in helped(LANG="zh_CN.UTF-8", PYTHONIOENCODING="ascii")  # English rather than question marks


@pytest.mark.parametrize("columns", ["1", "0", "-5", "many", "100000"])
def test_no_terminal_and_strange_widths(tmp_path, columns):
    ended = process(
        ["train", flowers(tmp_path / "d.csv"), "--target", "kind", "--epochs", 1], tmp_path, COLUMNS=columns, LANG="C"
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert re.search(rb"lily +\S+ +\S+ +\S+\n", ended.stdout)  # the matrix is whole


@posix
def test_a_pipe_that_closes_is_quiet_and_the_work_is_done(tmp_path, saved):
    flowers(tmp_path / "f.csv", 300)
    big = write_csv(tmp_path / "big.csv", {"数量": list(range(200_000))})
    commands = {
        "train f.csv --target kind --save kept.safetensors": b"Data: f.csv",
        f"predict {saved[0]} {big}": "结果".encode(),
        f"code {saved[0]}": b'"""Network',
        "--help": b"Usage:",
    }
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    for command, first in commands.items():
        line = f"{sys.executable} -m handgrad {command} | head -1; exit ${{PIPESTATUS[0]}}"
        run = subprocess.run(["bash", "-c", line], cwd=tmp_path, env={**kept, "PYTHONIOENCODING": "utf-8"},
                             capture_output=True, timeout=120, check=False)  # fmt: skip
        assert (run.returncode, run.stderr) == (0, b""), command
        assert run.stdout.startswith(first)
    assert hg.load(tmp_path / "kept.safetensors").preparation.target.name == "kind"


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_streams_that_are_closed_from_the_start(tmp_path, closed):
    flowers(tmp_path / "d.csv")
    line = f"{sys.executable} -m handgrad train d.csv --target kind --epochs 2 --save n.safetensors {closed}"
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    run = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=kept, capture_output=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    assert hg.load(tmp_path / "n.safetensors").preparation is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line(tmp_path, saved):
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    for command in (f"predict {saved[0]} {saved[1]}", "--help"):
        line = f"{sys.executable} -m handgrad {command} > /dev/full"
        run = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=kept, capture_output=True, timeout=60, check=False)
        assert run.returncode == 1
        assert run.stderr.startswith(b"handgrad: ")
        assert run.stderr.count(b"\n") == 1


def test_labels_that_the_console_lacks_are_noted(saved, tmp_path):
    ended = process(["predict", *saved], tmp_path, PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"??\n?\n")
    assert b"--out FILE" in ended.stderr
    out = tmp_path / "a.csv"
    ended = process(["predict", *saved, "--out", out], tmp_path, PYTHONIOENCODING="ascii")
    assert out.read_text(encoding="utf-8").startswith("结果\n否\n")


@posix
@pytest.mark.parametrize("exists", [False, True])
def test_ctrl_c_ends_quickly_and_keeps_the_network(tmp_path, exists):
    data, file = houses(tmp_path / "h.csv", 400), tmp_path / "n.safetensors"
    if exists:
        process(["train", data, "--target", "price", "--epochs", 1, "--save", file], tmp_path)
    before = file.read_bytes() if exists else b""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    arguments = ["train", data, "--target", "price", "--epochs", "1000000", "--save", file, "--force"]
    command = [sys.executable, "-m", "handgrad", *map(str, arguments)]
    with subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        for line in running.stdout:  # until the first epoch, or the end of a process that failed
            if b"epoch" in line:
                break
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert time.monotonic() - sent < 2
    assert b"Traceback" not in err
    if exists:
        assert file.read_bytes() == before  # a finished network is not replaced by half of one
        assert err == b"Stopped.\n"
    else:
        assert re.fullmatch(rb"The network as it is after \d+ epochs is in .*\nStopped.\n", err)
        net = hg.load(file)
        assert net.preparation.target.name == "price"
        assert net.training_state["epochs"] > 0


@posix
def test_a_terminal_shows_a_bar(tmp_path):
    import pty

    data = houses(tmp_path / "h.csv", 400)
    master, slave = pty.openpty()
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    command = [sys.executable, "-m", "handgrad", "train", str(data), "--target", "price", "--epochs", "3000"]
    with subprocess.Popen(
        command, env={**kept, "TERM": "xterm", "COLUMNS": "100"}, stdout=subprocess.PIPE, stderr=slave
    ) as run:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            shown += piece
        assert run.stdout
        out = run.stdout.read()
    os.close(master)
    assert run.returncode == 0
    assert b"/3000" in shown
    assert b"loss" in shown
    assert out.count(b"  epoch ") == 9  # the lines follow the bar


def test_the_answer_comes_at_once(tmp_path):
    best = []
    for arguments in (["--help"], ["train", "--help"], ["--version"]):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            assert process(arguments, tmp_path).returncode == 0
            times.append(time.perf_counter() - started)
        best.append(min(times))
    assert max(best) < 1.5  # half a second on an idle machine; this one may be busy


def test_what_is_not_needed_is_not_imported(tmp_path):
    code = (
        "import sys; from handgrad.cli.app import run; run(['train', '--help']); "
        "print([m for m in ('rich.progress', 'sklearn', 'matplotlib', 'torch', 'pandas', 'pyarrow', "
        "'safetensors', 'handgrad.data') if m in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True)
    assert ended.stderr == "[]\n"
