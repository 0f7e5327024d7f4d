"""Files: what is saved comes back bit by bit, goes on training as before, and fits or is refused whole."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from files_support import Bold, bits, data, deep, tensors, toy  # noqa: F401 (toy is a fixture)
from handgrad.data.prepare import Preparation
from handgrad.data.read import read_table
from handgrad.errors import ArgumentError, FileError


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
