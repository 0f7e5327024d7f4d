"""Killing savers: processes that save without end are killed at random moments; what is left behind is counted.

Run as a script: `killing.py FOLDER KILLS WRITER`, WRITER "ours" or "naive" (a plain open and write, which must show
corrupt files: a harness that never hits the moment proves nothing). Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import handgrad as hg
from handgrad.errors import FileError
from handgrad.nn import atomic


def naive(path, data):
    with Path(path).open("wb") as file:
        for at in range(0, len(data), 4096):
            file.write(data[at : at + 4096])
            file.flush()


def save_forever(nets, path):
    while True:
        for net in nets:
            net.save(path)


def main(folder: Path, kills: int, writer: str) -> dict[str, int]:
    if writer == "naive":
        atomic.write = naive
    nets = [hg.Network.parse("64-256-64", loss="mse", seed=seed) for seed in (1, 2)]
    whole = [net._w.tobytes() for net in nets]
    path = folder / "net.safetensors"
    nets[0].save(path)
    rng = random.Random(5)
    found = {"kills": 0, "corrupt": 0, "left behind": 0, "most left behind": 0}
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # it does not outlive a parent that fails
            save_forever(nets, path)
        time.sleep(rng.uniform(0.002, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["kills"] += 1
        try:
            found["corrupt"] += hg.load(path)._w.tobytes() not in whole
        except FileError:
            found["corrupt"] += 1
        strays = len(list(folder.iterdir())) - 1
        found["left behind"] += strays > 0
        found["most left behind"] = max(found["most left behind"], strays)
    nets[1].save(path)
    found["strays after the next save"] = len(list(folder.iterdir())) - 1
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
