"""Writing: a killed save leaves no half, writers side by side do not meet, places are refused in one line."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import handgrad as hg
from files_support import bits
from handgrad.errors import DTypeError, FileError


def test_places_that_cannot_be_written_to_are_refused_in_one_line(tmp_path):
    net = hg.Network.parse("2-1", loss="mse")
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe") if hasattr(os, "mkfifo") else None
    wrong = {
        tmp_path: "is a folder",
        tmp_path / "absent" / "net.safetensors": "no folder",
        tmp_path / "file" / "net.safetensors": "no folder",
        tmp_path / ("x" * 300): "cannot be written",
        "": "no file has that name",
        "a\0b": "no file has that name",
    }
    if hasattr(os, "mkfifo"):
        wrong |= {tmp_path / "pipe": "device or pipe", "/dev/null": "device or pipe"}
    for path, reason in wrong.items():
        with pytest.raises(FileError, match=reason) as caught:
            net.save(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) <= 300
    for path in (None, 5, b"net", ["net"]):
        with pytest.raises(DTypeError, match="path is"):
            net.save(path)
        with pytest.raises(DTypeError, match="path is"):
            hg.load(path)
    assert {p.name for p in tmp_path.iterdir()} <= {"file", "pipe"}


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="rights do not bind root"
)
def test_rights_are_respected(tmp_path):
    net = hg.Network.parse("2-1", loss="mse")
    path = tmp_path / "net.safetensors"
    net.save(path)
    path.chmod(0o444)
    with pytest.raises(FileError, match="write-protected"):
        net.save(path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(FileError, match="cannot be written"):
            net.save(tmp_path / "other.safetensors")
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
def test_modes_are_kept_and_links_followed(tmp_path):
    net = hg.Network.parse("2-1", loss="mse")
    path, link = tmp_path / "net.safetensors", tmp_path / "link.safetensors"
    net.save(path)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)  # as open() makes them, not 0600
    path.chmod(0o640)
    link.symlink_to(path)
    net.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.safetensors", "net.safetensors", "plain"]


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    net, path = hg.Network.parse("2-1", loss="mse"), tmp_path / "net.safetensors"
    net.save(path)
    old = path.read_bytes()
    for failure, expected in (
        (OSError(28, "No space left on device"), FileError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):

        def fail(_, failure=failure):
            raise failure

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(expected):
            net.reset(seed=1).save(path)
        assert path.read_bytes() == old
        assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_writers_side_by_side_do_not_sweep_each_other_away(tmp_path):
    nets = [hg.Network.parse("32-64-1", loss="mse", seed=seed) for seed in range(3)]
    path, failures = tmp_path / "net.safetensors", []

    def work(net):
        try:
            for _ in range(15):
                net.save(path)
        except Exception as error:  # noqa: BLE001 (a thread's failure must reach the test)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bits(hg.load(path)) in [bits(net) for net in nets]
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_what_a_dead_writer_left_is_swept_and_other_files_are_not(tmp_path):
    (tmp_path / ".handgrad-0123.part").write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"mine")
    (tmp_path / ".handgrad-folder.part").mkdir()
    hg.Network.parse("2-1", loss="mse").save(tmp_path / "net.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".handgrad-folder.part", "mine.part", "net.safetensors"]


def killed(folder, kills, writer):
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, script, folder, str(kills), writer], capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.full)])
def test_kill_minus_nine_never_leaves_half_a_file(tmp_path, kills):
    found = killed(tmp_path, kills, "ours")
    assert found["kills"] == kills
    assert found["left behind"] > 0  # kills did fall into the writing
    assert found["corrupt"] == 0
    assert found["strays after the next save"] == 0
    assert found["most left behind"] == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_the_killing_harness_notices_a_writer_that_is_not_atomic(tmp_path):
    assert killed(tmp_path, 50, "naive")["corrupt"] > 5
