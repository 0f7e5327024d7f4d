"""Hostile files: damaged, foreign, lying and enormous ones are refused with a reason, and nothing in them is run."""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from files_support import data, deep, framed, tensors, toy  # noqa: F401 (toy is a fixture)
from handgrad.data.prepare import Preparation
from handgrad.data.read import read_table
from handgrad.errors import FileError
from handgrad.nn import atomic, container


def entry(shape, begin, end, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


WEIGHTS = {"dense1.weight": np.array([[1.0], [2.0]]), "dense1.bias": np.array([3.0])}
DENSE = {"kind": "dense", "inputs": 2, "outputs": 1}
NETWORK = {"layers": [DENSE], "loss": {"kind": "mse"}}
DOCUMENT = {"format": 1, "version": "0", "network": NETWORK}
RECIPE = {"batch_size": 2, "seed": 0, "clip_norm": None, "clip_value": None, "schedule": None}
TRAINING = {"optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9}, "state": ["m"], "t": 1, "epochs": 1}
MOMENTUM = {f"training/m/{name}": a for name, a in WEIGHTS.items()}


def layers(*specs):
    return {**DOCUMENT, "network": {**NETWORK, "layers": list(specs)}}


def trained(**changes):
    return tensors(WEIGHTS | MOMENTUM, {**DOCUMENT, "training": {**TRAINING, **changes}})


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def nested(depth):
    spec = {"kind": "relu"}
    for _ in range(depth):
        spec = {"kind": "residual", "layers": [spec]}
    return spec


good = tensors(WEIGHTS, DOCUMENT)
HOSTILE = {
    "empty": (b"", "too few"),
    "seven bytes": (b"1234567", "too few"),
    "cut in its header": (good[:50], "cut off"),
    "cut in its numbers": (good[:-1], "cut off"),
    "one byte more": (good + b"\0", "belong to nothing"),
    "zip": (b"PK\x03\x04" + bytes(50), "zip archive"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(50), "NumPy array"),
    "text": (b"hello, this is a text of some length", "no safetensors file"),
    "zeros": (bytes(100), "header cannot be read"),
    "header of 2**63 bytes": ((2**63).to_bytes(8, "little") + b"{" + bytes(99), "said to have 9223372036854775808"),
    "header of 50 MB": (framed(b'{"a":"' + b"x" * 50_000_000 + b'"}'), "at most 1000000"),
    "header of many lists": (framed(b'{"a":[' + b",".join([b"[]"] * 200_000) + b"]}"), "about 400001 values"),
    "header at the limit": (framed(b'{"a":[' + b",".join([b"[]"] * 19_990) + b"]}"), "not described"),
    "header of keys at the limit": (framed({f"t{i}": {"shape": []} for i in range(12_000)}), "not described"),
    "header of depth": (framed(b"[" * 30_000), "cannot be read"),
    "header of a long number": (framed(b'{"a":' + b"9" * 100_000 + b"}"), "cannot be read"),
    "header of wide letters": (framed(('{"a":"' + "x" * 900_000 + '\U0001f600"}').encode()), "not described"),
    "header is no object": (framed([]), "no JSON object"),
    "header is no UTF-8": (framed(b'{"\xff":1}'), "cannot be read"),
    "header holds NaN": (framed(b'{"a":NaN}'), "NaN is no JSON"),
    "a name twice": (framed(b'{"a":{},"a":{}}'), "a key stands twice"),
    "metadata are no texts": (framed({"__metadata__": {"handgrad": {}}}), "must be texts"),
    "metadata are a list": (framed({"__metadata__": []}), "must be texts"),
    "tensor is a number": (framed({"a": 1}), "not described"),
    "tensor with more": (framed({"a": {**entry([0], 0, 0), "x": 1}}), "not described"),
    "dtype F16": (framed({"a": entry([1], 0, 2, "F16")}, bytes(2)), "of dtype 'F16'"),
    "dtype is a list": (framed({"a": entry([1], 0, 2, ["F64"])}, bytes(2)), "of dtype"),
    "shape is negative": (framed({"a": entry([-1, -1], 0, 8)}, bytes(8)), "whole numbers from 0 on"),
    "shape holds true": (framed({"a": entry([True], 0, 8)}, bytes(8)), "whole numbers from 0 on"),
    "shape holds 1.0": (framed({"a": entry([1.0], 0, 8)}, bytes(8)), "whole numbers from 0 on"),
    "shape overflows": (framed({"a": entry([2**32, 2**32], 0, 8)}, bytes(8)), "needs 147573952589676412928 bytes"),
    "shape of many axes": (framed({"a": entry([2**62] * 30_000, 0, 8)}, bytes(8)), "whole numbers"),
    "offsets backwards": (framed({"a": entry([1], 8, 0)}, bytes(8)), "is given -8"),
    "offsets of three": (framed({"a": {**entry([1], 0, 8), "data_offsets": [0, 8, 8]}}, bytes(8)), "data_offsets"),
    "offsets beyond the end": (framed({"a": entry([2**40], 0, 2**43)}, bytes(8)), "cut off"),
    "overlap": (framed({"a": entry([2], 0, 16), "b": entry([2], 8, 24)}, bytes(24)), "overlap at byte 8"),
    "the same bytes twice": (framed({"a": entry([1], 0, 8), "b": entry([1], 0, 8)}, bytes(8)), "overlap at byte 0"),
    "gap": (framed({"a": entry([1], 0, 8), "b": entry([1], 16, 24)}, bytes(24)), "gap of 8 bytes"),
    "no description": (tensors(WEIGHTS), "no description of a network"),
    "description is no JSON": (tensors(WEIGHTS, "{"), "description cannot be read"),
    "description is a list": (tensors(WEIGHTS, "[]"), "must be an object"),
    "description of half a letter": (tensors(WEIGHTS, '"\ud800"'), "description"),
    "description of depth": (tensors(WEIGHTS, '{"format":1,"network":' + "[" * 300 + "]" * 300 + "}"), "deep"),
    "another format": (tensors(WEIGHTS, {**DOCUMENT, "format": 2, "version": "9.9"}), "written by handgrad '9.9'"),
    "unknown key": (tensors(WEIGHTS, {**DOCUMENT, "run": "me"}), "unknown key 'run'"),
    "no network": (tensors(WEIGHTS, {"format": 1}), "has no network"),
    "network is a list": (tensors(WEIGHTS, {**DOCUMENT, "network": []}), "a spec is"),
    "unknown kind": (tensors(WEIGHTS, layers({"kind": "denze"})), r"layers\[0\].kind: there is no layer"),
    "a foreign kind": (tensors(WEIGHTS, layers({"kind": "init.zeros"})), r"layers\[0\] is Zeros"),
    "terabytes": (tensors(WEIGHTS, layers({**DENSE, "inputs": 10**6, "outputs": 10**6})), r"would be \(1000000, 10"),
    "beyond 64 bits": (tensors(WEIGHTS, layers({**DENSE, "inputs": 10**30})), "would be"),
    "beyond all bits": (tensors(WEIGHTS, layers({**DENSE, "inputs": 10**300})), "document holds finite numbers"),
    "same as a list": (tensors(WEIGHTS, layers({"same": []})), r"layers\[0\].same"),
    "same as itself": (tensors(WEIGHTS, layers({"same": "layers[0]"})), r"layers\[0\].same refers to"),
    "as many layers as a header holds": (tensors(WEIGHTS, layers(*[{"kind": "relu"}] * 13_000)), "13002 layers"),
    "as many layers as are made": (
        tensors(WEIGHTS, layers(*[{"kind": "residual", "layers": [DENSE]}] * 299)),
        "596 differences",
    ),
    "as many initialisers": (
        tensors(WEIGHTS, layers(*[{**DENSE, "init": {"kind": "init.zeros"}}] * 299)),
        "596 differences",
    ),
    "nested": (tensors(WEIGHTS, layers(nested(60))), "deep"),
    "another name": (tensors({"w": np.ones((2, 1)), "dense1.bias": np.ones(1)}, DOCUMENT), "weight; unknown 'w'"),
    "another shape": (tensors({**WEIGHTS, "dense1.weight": np.ones((1, 2))}, DOCUMENT), r"is \(1, 2\) instead of"),
    "another dtype": (tensors({**WEIGHTS, "dense1.bias": np.ones(1, "f4")}, DOCUMENT), "is float32 instead of float64"),
    "NaN weight": (tensors({**WEIGHTS, "dense1.bias": np.array([np.nan])}, DOCUMENT), "not finite"),
    "training is a list": (tensors(WEIGHTS, {**DOCUMENT, "training": []}), "training is"),
    "another state": (trained(state=["v"]), r"training.state is \['v'\]"),
    "a state twice": (trained(state=["m", "m"]), "training.state"),
    "state is a number": (trained(state=[1]), "list of names"),
    "optimizer of no kind": (trained(optimizer={}), "training.optimizer"),
    "optimizer with a wrong lr": (trained(optimizer={"kind": "sgd", "lr": -1}), "training.optimizer"),
    "steps below 0": (trained(t=-1), "training.t"),
    "epochs of a half": (trained(epochs=0.5), "training.epochs"),
    "state is missing": (tensors(WEIGHTS, {**DOCUMENT, "training": TRAINING}), "missing training/m/dense1.weight"),
    "recipe of nothing known": (
        tensors(WEIGHTS, {**DOCUMENT, "training": {**TRAINING, "recipe": {"size": 3}}}), "training.recipe"),
    "recipe with half a row": (
        tensors(WEIGHTS, {**DOCUMENT, "training": {**TRAINING, "recipe": {**RECIPE, "batch_size": 0.5}}}),
        "batch_size"),
    "recipe with a wrong schedule": (
        tensors(WEIGHTS, {**DOCUMENT, "training": {**TRAINING, "recipe": {**RECIPE, "schedule": 3}}}), "schedule"),
    "preparation is wrong": (tensors(WEIGHTS, {**DOCUMENT, "preparation": {"format": 1}}), "preparation"),
}  # fmt: skip


def test_the_files_that_hostile_ones_are_made_of_are_good(tmp_path):
    for i, raw in enumerate((good, trained())):
        path = tmp_path / f"{i}.safetensors"
        path.write_bytes(raw)
        assert hg.load(path).forward([[1.0, 1.0]]).item() == 6.0
    assert hg.load(path).training_state["state"]["m"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_a_reason_at_once_and_in_little_room(tmp_path, name):
    raw, reason = HOSTILE[name]
    path = tmp_path / "net.safetensors"
    path.write_bytes(raw)
    seconds = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(FileError, match=reason) as caught:
            hg.load(path)
        seconds.append(time.process_time() - began)
    told = str(caught.value)
    assert "net.safetensors" in told
    assert "\n" not in told
    assert len(told) <= 300
    assert told.isprintable()
    assert caught.value.__cause__ is None
    assert min(seconds) < 0.05
    tracemalloc.start()
    try:
        with pytest.raises(FileError):
            hg.load(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_nothing_is_ever_unpickled(tmp_path):
    trap = tmp_path / "sprung"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.safetensors"
        path.write_bytes(pickle.dumps(Trap(trap), protocol))
        with pytest.raises(FileError, match="never opened" if protocol >= 2 else "no safetensors file"):
            hg.load(path)
    with zipfile.ZipFile(tmp_path / "zip.safetensors", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap(trap)))
    with pytest.raises(FileError, match="zip archive"):
        hg.load(tmp_path / "zip.safetensors")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Trap(trap)))
    assert trap.exists()  # the trap works


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    with pytest.raises(FileError, match="it is a folder"):
        hg.load(tmp_path)
    hg.Network.parse("2-1", loss="mse").save(tmp_path / "circles.safetensors")
    with pytest.raises(FileError, match=r"no such file. Did you mean 'circles.safetensors'"):
        hg.load(tmp_path / "circle.safetensors")
    with pytest.raises(FileError):
        hg.load(tmp_path / "circles.safetensors" / "x")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match="pipe"):
            hg.load(tmp_path / "pipe")


def test_an_unknown_class_is_named_with_a_remedy(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(tensors({}, layers({"kind": "of_my_own", "name": "x"})))
    with pytest.raises(FileError, match=r"layers\[0\].kind.*must be defined before its file is loaded\.$"):
        hg.load(path)


def test_an_unknown_optimizer_does_not_keep_from_predicting(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(trained(optimizer={"kind": "of_my_own", "lr": 0.1}))
    net = hg.load(path)
    assert net.forward([[1.0, 1.0]]).item() == 6.0
    net.save(path)
    assert hg.load(path).training_state["optimizer"] == {"kind": "of_my_own", "lr": 0.1}


def test_flipped_bytes_and_swapped_values_end_in_a_network_or_a_file_error(tmp_path, rng):
    net = deep()
    X, y = data(rng)
    net.fit(X, y, epochs=1, optimizer=hg.Adam(), progress=False)
    table = read_table({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"], "c": ["x", "y", "z"], "t": ["no", "yes", "no"]})
    net.preparation = Preparation.fit(table, "t")
    path = tmp_path / "net.safetensors"
    net.save(path)
    raw = path.read_bytes()
    n = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + n])
    draw = random.Random(7)
    junk = [
        None,
        True,
        -1,
        0,
        1.5,
        10**40,
        "",
        "x",
        "relu",
        [],
        [[]],
        {},
        {"kind": "relu"},
        {"same": "layers[0]"},
        [0, 8],
        "dense",
    ]
    refused = []
    for turn in range(600):
        if turn % 3 == 0:
            changed = bytearray(raw)
            for _ in range(draw.randint(1, 3)):
                changed[draw.randrange(8 + n)] = draw.randrange(256)
            damaged = bytes(changed)
        else:
            new = copy.deepcopy(header)
            document = json.loads(new["__metadata__"]["handgrad"])
            swap(draw, new if turn % 3 == 1 else document, junk)
            if turn % 3 == 2:
                new["__metadata__"]["handgrad"] = json.dumps(document)
            damaged = framed(new, raw[8 + n :])
        path.write_bytes(damaged)
        try:
            hg.load(path)
        except FileError as error:
            refused.append(str(error))
    assert len(refused) > 300
    assert [told for told in refused if len(told) > 300 or not told.isprintable()] == []


def swap(draw, document, junk):
    """Put junk in some place of a document, or take the place away."""
    places = []
    pending = [document]
    while pending:
        inner = pending.pop()
        for key, value in inner.items() if isinstance(inner, dict) else enumerate(inner):
            places.append((inner, key))
            if isinstance(value, (dict, list)):
                pending.append(value)
    where, key = draw.choice(places)
    if draw.random() < 0.2:
        del where[key]
    else:
        where[key] = copy.deepcopy(draw.choice(junk))


def test_safetensors_is_imported_only_when_a_network_is_saved():
    script = "import sys, handgrad, handgrad.nn.files; print('safetensors' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_limits_hold_for_headers_from_both_sides():
    assert container.MOST_BYTES <= 1_000_000
    with pytest.raises(FileError):
        container.check_size(b"," * (container.MOST_PIECES + 1))
    container.check_size(b"," * container.MOST_PIECES)
    assert atomic.as_path("x") == Path("x")
