"""Files: what is saved comes back bit by bit, a killed save leaves no half, and hostile files are refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.core.op import op, registry
from handgrad.data.prepare import Preparation
from handgrad.data.read import read_table
from handgrad.errors import ArgumentError, DTypeError, FileError
from handgrad.nn import atomic, container
from handgrad.nn.layers import Activation


class Stretch(hg.Layer):
    """A user's layer."""

    columns: int

    def parameters(self):
        return {"weight": hg.Parameter((self.columns,), hg.init.Normal(1.0))}

    def forward(self, x, p):
        return x * p["weight"]


class Bold(hg.Optimizer):
    """A user's optimizer, with a state."""

    def state(self):
        return ("last",)

    def rule(self, xp, w, g, s):  # noqa: ARG002
        return {"w": w - s.lr * (g + 0.5 * s.last), "last": g}


@op(traits={"activation": True})
def twice_in_files(xp, x):
    """Twice as much."""
    return 2 * x


@twice_in_files.vjp
def _(xp, g, out, x):
    return 2 * g


registry.remove("twice_in_files")  # other tests read the registry: it is there while these tests run, and only then


@pytest.fixture(autouse=True, scope="module")
def toy():
    registry.add(twice_in_files)
    yield
    registry.remove("twice_in_files")


def deep(dtype="float64", **settings):
    shared = hg.Dense(4, 4, name="again")
    layers = [
        hg.Dense(3, 4, init="he_normal"), Stretch(4), hg.LeakyReLU(0.2), shared,
        hg.Residual([shared, hg.GELU("tanh"), hg.Residual([hg.Dense(4, 4, bias=False)])]),
        Activation(twice_in_files), hg.Dense(4, 1),
    ]  # fmt: skip
    return hg.Network(layers, loss=hg.BCEWithLogits(), seed=5, dtype=dtype, l1=1e-4, l2=1e-3, **settings)


def data(rng, n=24):
    X = rng.normal(size=(n, 3))
    return X, (X.sum(1) > 0).astype(float)


def bits(net):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in net.parameters.items()}


# -- there and back ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_comes_back_bit_by_bit(tmp_path, rng, dtype):
    net = deep(dtype)
    X, y = data(rng)
    net.fit(X, y, epochs=3, batch_size=5, optimizer=hg.Adam(0.01), progress=False)
    net.save(tmp_path / "net.safetensors")
    again = hg.load(tmp_path / "net.safetensors")
    assert bits(again) == bits(net)
    assert again.dtype == dtype == again.forward(X).dtype.name
    assert again.to_spec() == net.to_spec()
    assert again.forward(X).tobytes() == net.forward(X).tobytes()
    assert again.loss_value(X, y) == net.loss_value(X, y)
    assert again.layers[3] is again.layers[4].layers[0]


def test_the_library_reads_our_files_and_we_read_its(tmp_path, rng):
    library = pytest.importorskip("safetensors.numpy")
    net = deep("float32")
    net.save(tmp_path / "ours.safetensors")
    theirs = library.load_file(tmp_path / "ours.safetensors")
    assert {k: (v.dtype, v.shape, v.tobytes()) for k, v in theirs.items()} == bits(net)
    fresh = {name: rng.normal(size=a.shape) for name, a in net.parameters.items()}
    library.save_file(fresh, tmp_path / "theirs.safetensors")
    net.load_parameters(tmp_path / "theirs.safetensors")
    assert all((net.parameters[name] == a.astype("float32")).all() for name, a in fresh.items())
    with pytest.raises(FileError, match="no description of a network"):
        hg.load(tmp_path / "theirs.safetensors")


@pytest.mark.parametrize(
    "optimizer",
    [hg.SGD(0.1), hg.SGD(0.1, momentum=0.9, nesterov=True), hg.Adam(0.01, weight_decay=0.1), Bold(0.05)],
    ids=lambda o: type(o).__name__,
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_goes_on_after_a_file_as_if_nothing_had_happened(tmp_path, rng, optimizer, dtype):
    X, y = data(rng)
    settings = {"batch_size": 7, "optimizer": optimizer, "progress": False, "clip_norm": 1.0}
    whole, halves = deep(dtype), deep(dtype)
    whole.fit(X, y, epochs=6, **settings)
    halves.fit(X, y, epochs=3, **settings)
    halves.save(tmp_path / "half.safetensors")
    on = hg.load(tmp_path / "half.safetensors")
    on.fit(X, y, epochs=3, **settings)
    assert bits(on) == bits(whole)
    assert bits(on) != bits(halves)
    # the file was not written to by training on
    assert bits(hg.load(tmp_path / "half.safetensors")) == bits(halves)


def test_the_preparation_of_a_table_is_kept(tmp_path):
    table = read_table({"größe": [1.0, 2.0, 3.0], "城市": ["罗马", "Bonn", "罗马"], "sold": ["no", "yes", "no"]})
    net = hg.Network.parse("3-1:sigmoid", loss="bce")
    net.preparation = Preparation.fit(table, "sold")
    net.save(tmp_path / "net.safetensors")
    again = hg.load(tmp_path / "net.safetensors")
    assert again.preparation == net.preparation
    assert again.preparation.inputs == ("größe", "城市=Bonn", "城市=罗马")
    assert (again.preparation.transform(table)[0] == net.preparation.transform(table)[0]).all()


def test_the_same_network_gives_the_same_bytes_in_every_process(tmp_path):
    script = (
        "import sys, numpy as np, handgrad as hg\n"
        "net = hg.Network.parse('2-5:tanh-1', loss='mse', seed=3)\n"
        "net.fit(np.eye(2), [0, 1], epochs=3, optimizer=hg.Adam(), progress=False)\n"
        "net.save(sys.argv[1])"
    )
    written = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.safetensors"
        subprocess.run([sys.executable, "-c", script, path], check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_saving_changes_nothing_in_the_network(tmp_path, rng):
    net = deep()
    X, y = data(rng)
    net.fit(X, y, epochs=2, optimizer=hg.Adam(), progress=False)
    before, memory = bits(net), copy.deepcopy(net.training_state)
    net.save(tmp_path / "net.safetensors")
    assert bits(net) == before
    assert net.training_state["t"] == memory["t"] == 2
    assert all((net.training_state["state"][k] == v).all() for k, v in memory["state"].items())


# -- copies -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["deepcopy", "pickle"]
)
def test_copies_are_equal_and_independent(rng, copied):
    net = deep()
    X, y = data(rng)
    history = net.fit(X, y, epochs=2, optimizer=hg.Adam(), progress=False)
    twin = copied(net)
    assert twin.forward(X).tobytes() == net.forward(X).tobytes()
    assert twin.to_spec() == net.to_spec()
    assert twin.layers[3] is twin.layers[4].layers[0] is not net.layers[3]
    assert twin.history.loss == history.loss
    before = bits(net)
    twin.fit(X, y, epochs=2, optimizer=hg.Adam(), progress=False)
    assert bits(net) == before != bits(twin)
    net.fit(X, y, epochs=2, optimizer=hg.Adam(), progress=False)
    assert bits(net) == bits(twin)


# -- where it is saved ------------------------------------------------------------------------------------------------
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


# -- weights that do not fit ------------------------------------------------------------------------------------------
def test_a_failed_load_tells_all_differences_and_changes_nothing(tmp_path, rng):
    net = hg.Network.parse("3-4:relu-2", loss="mse", seed=1)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    net.fit(X, y, epochs=2, optimizer=hg.Adam(), progress=False)
    other = hg.Network([hg.Dense(3, 5), hg.Dense(5, 2, bias=False), hg.Dense(2, 2, name="extra")], loss="mse")
    other.save(tmp_path / "other.safetensors")
    before, memory, out = bits(net), copy.deepcopy(net.training_state), net.forward(X)
    with pytest.raises(FileError, match="6 differences") as caught:
        net.load_parameters(tmp_path / "other.safetensors")
    assert sorted(caught.value.differences) == [
        "dense1.bias is (5,) instead of (4,)", "dense1.weight is (3, 5) instead of (3, 4)",
        "dense2.weight is (5, 2) instead of (4, 2)", "missing dense2.bias", "unknown 'extra.bias'",
        "unknown 'extra.weight'",
    ]  # fmt: skip
    assert str(caught.value).count(" instead of ") >= 2
    assert len(str(caught.value)) <= 300
    nan = {name: a.copy() for name, a in net.parameters.items()}
    nan["dense2.bias"][1] = np.nan  # the last one read: those before must not have been taken over
    Path(tmp_path / "nan.safetensors").write_bytes(tensors(nan))
    with pytest.raises(FileError, match=r"dense2.bias'?: 1 of its 2 numbers are not finite"):
        net.load_parameters(tmp_path / "nan.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(tensors(nan)[:-5])
    with pytest.raises(FileError, match="cut off"):
        net.load_parameters(tmp_path / "cut.safetensors")
    with pytest.raises(FileError, match="no such file"):
        net.load_parameters(tmp_path / "absent.safetensors")
    assert bits(net) == before
    assert net.forward(X).tobytes() == out.tobytes()
    assert net.training_state["t"] == memory["t"]
    assert all((net.training_state["state"][k] == v).all() for k, v in memory["state"].items())


def test_numbers_too_large_for_float32_are_refused(tmp_path):
    net = hg.Network.parse("1-1", loss="mse", dtype="float32")
    before = bits(net)
    (tmp_path / "big.safetensors").write_bytes(
        tensors({"dense1.weight": np.full((1, 1), 1e300), "dense1.bias": np.zeros(1)})
    )
    with pytest.raises(FileError, match="not finite"):
        net.load_parameters(tmp_path / "big.safetensors")
    assert bits(net) == before


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    net = hg.Network.parse("2-1", loss="mse")
    net._w[0] = np.inf
    with pytest.raises(ArgumentError, match=r"dense1.weight'?: 1 of its 2 numbers are not finite"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_to_be_read_is_not_saved(tmp_path):
    net = hg.Network([hg.Dense(1, 1) for _ in range(700)], loss="mse")
    with pytest.raises(FileError, match="fewer layers"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


# -- hostile files ----------------------------------------------------------------------------------------------------
def framed(header, body=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + body


def tensors(arrays, document=None):
    """A safetensors file, written here by hand."""
    header, body = {}, b""
    if document is not None:
        header["__metadata__"] = {"handgrad": document if isinstance(document, str) else json.dumps(document)}
    for name, a in arrays.items():
        raw = np.ascontiguousarray(a).tobytes()
        kind = {"float64": "F64", "float32": "F32"}[a.dtype.name]
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    return framed(header, body)


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
