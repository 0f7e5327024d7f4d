"""Specs: a network as JSON and back, and what wrong documents are told."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import ArgumentError, DTypeError, HandgradError, UnknownNameError
from handgrad.nn.spec import MOST_DEPTH, check_plain


class Shift(hg.Layer):
    """A user's layer, with fields of all kinds."""

    by: tuple[float, ...] = (1.0, 2.0)
    note: str | None = None
    inner: hg.Layer | None = None

    def forward(self, x, p):  # noqa: ARG002
        return x + self.by[0]


class Holder(hg.Layer):
    """A user's layer with a field that no file can hold."""

    thing: object = None

    def forward(self, x, p):  # noqa: ARG002
        return x


def everything():
    shared = hg.Dense(4, 4, name="twice")
    return hg.Network(
        [
            hg.Dense(3, 4, init=hg.init.Constant(0.5)), Shift((0.25,), "note"), hg.ELU(0.7), shared,
            hg.Residual([hg.Residual([shared, hg.Tanh()], name="inside"), hg.Dense(4, 4, bias=False)]), shared,
            hg.Dense(4, 2), hg.GELU("tanh"),
        ],
        loss=hg.CrossEntropy(class_weight=[1.0, 2.0]), seed=11, dtype="float32", l1=0.1, l2=0.25,
    )  # fmt: skip


def test_a_network_goes_through_json_and_comes_back(rng):
    net = everything()
    spec = net.to_spec()
    again = hg.Network.from_spec(json.loads(json.dumps(spec, allow_nan=False)))
    assert again.to_spec() == spec
    assert (again.seed, again.dtype, again.l1, again.l2) == (11, "float32", 0.1, 0.25)
    assert again.loss == net.loss
    assert [repr(layer) for layer in again.layers] == [repr(layer) for layer in net.layers]
    # the same seed and initialisers draw the same weights
    assert list(again.parameters) == list(net.parameters)
    assert all((again.parameters[k] == v).all() for k, v in net.parameters.items())
    X = rng.normal(size=(5, 3))
    assert again.forward(X).tobytes() == net.forward(X).tobytes()


def test_one_object_used_twice_stays_one(rng):
    net = hg.Network.from_spec(json.loads(json.dumps(everything().to_spec())))
    one = net.layers[3]
    assert one is net.layers[4].layers[0].layers[0] is net.layers[5]
    assert sum(name.startswith("twice.") for name in net.parameters) == 2
    assert net.to_spec()["layers"][5] == {"same": "layers[3]"}
    assert net.to_spec()["layers"][4]["layers"][0]["layers"][0] == {"same": "layers[3]"}
    equal = hg.Network([hg.Dense(2, 2), hg.Dense(2, 2)], loss="mse")  # equal, and still two
    again = hg.Network.from_spec(equal.to_spec())
    assert again.layers[0] is not again.layers[1]
    assert len(again.parameters) == 4


def test_a_network_inside_a_nested_layer_can_be_referred_to_later():
    shared = hg.Dense(2, 2)
    net = hg.Network([hg.Residual([hg.Tanh(), shared]), shared], loss="mse")
    assert net.to_spec()["layers"][1] == {"same": "layers[0].layers[1]"}
    again = hg.Network.from_spec(net.to_spec())
    assert again.layers[1] is again.layers[0].layers[1]


def test_names_numbers_and_defaults():
    net = hg.Network.from_spec({"layers": [{"kind": "dense", "inputs": 2, "outputs": 1, "name": "only"}]})
    assert list(net.parameters) == ["only.weight", "only.bias"]
    assert (net.loss, net.dtype, net.seed, net.l1, net.l2) == (None, "float64", 0, 0.0, 0.0)
    assert net.to_spec()["loss"] is None
    short = hg.Network.from_spec(
        {"layers": [{"kind": "swish"}], "loss": "mse"}
    )  # aliases and names, as written by hand
    assert short.to_spec()["layers"] == [{"kind": "silu"}]
    assert short.loss == hg.MSE()


def test_large_seeds_survive():
    seed = np.random.SeedSequence().entropy
    net = hg.Network([hg.Dense(2, 1)], loss="mse", seed=seed)
    assert hg.Network.from_spec(json.loads(json.dumps(net.to_spec()))).seed == seed


def dense(**changes):
    return {"kind": "dense", "inputs": 2, "outputs": 2, **changes}


def without(spec, key):
    return {k: v for k, v in spec.items() if k != key}


def nested(depth):
    spec = dense()
    for _ in range(depth):
        spec = {"kind": "residual", "layers": [spec]}
    return spec


@pytest.mark.parametrize(
    ("layers", "error", "beginning"),
    [
        ([dense(), {"kind": "relu"}, without(dense(), "outputs")], ArgumentError, "layers[2].outputs is missing"),
        (
            [dense(outptus=3)],
            UnknownNameError,
            "layers[0].outptus: dense has no setting of that name. Did you mean 'outputs'?",
        ),
        ([dense(outputs=0)], ArgumentError, "layers[0]: Dense: outputs is 0"),
        ([dense(outputs="2")], DTypeError, "layers[0]: Dense: outputs is '2'"),
        (
            [{"kind": "reluu"}],
            UnknownNameError,
            "layers[0].kind: there is no layer of the kind 'reluu'. Did you mean 'relu'?",
        ),
        ([{"kind": "residual", "layers": [dense(), {"kind": "densee"}]}], UnknownNameError, "layers[0].layers[1].kind"),
        ([dense(init={"kind": "init.constant"})], ArgumentError, "layers[0].init.value is missing"),
        ([dense(), {"same": "layers[7]"}], UnknownNameError, "layers[1].same refers to 'layers[7]'"),
        ([dense(), {"same": ["layers[0]"]}], DTypeError, "layers[1].same is ['layers[0]']"),
        ([{}], ArgumentError, "layers[0].kind is None"),
        ([5], DTypeError, "layers[0] is 5"),
        ([dense(inputs=float("nan"))], DTypeError, "layers[0].inputs is nan"),
        ([dense(inputs=2**200)], DTypeError, "layers[0].inputs is "),
        ([nested(60)], ArgumentError, "'layers[0].layers[0]"),
        ([dense(name="a"), dense(name="a")], ArgumentError, "two layers are named 'a'"),
        ([], ArgumentError, "layers is []"),
        ("2-3:relu", DTypeError, "layers is '2-3:relu'"),
        ({}, DTypeError, "layers is {}"),
    ],
)
def test_wrong_layers_are_told_with_their_path(layers, error, beginning):
    with pytest.raises(error) as caught:
        hg.Network.from_spec({"layers": layers})
    assert str(caught.value).startswith(beginning), str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    ("changes", "error", "beginning"),
    [
        ({"los": None}, UnknownNameError, "'los': a network has no setting of that name. Did you mean 'loss'?"),
        ({"loss": "msee"}, UnknownNameError, "loss: "),
        ({"loss": {"kind": "msee"}}, UnknownNameError, "loss.kind: there is no loss"),
        ({"loss": {"kind": "huber", "delta": -1}}, ArgumentError, "loss: Huber: delta is -1"),
        ({"loss": {"kind": "layer.relu"}}, ArgumentError, "loss: it describes ReLU()"),
        ({"loss": 5}, DTypeError, "loss: "),
        ({"loss": []}, DTypeError, "loss: "),
        ({"dtype": "float16"}, UnknownNameError, "dtype cannot be 'float16'"),
        ({"dtype": 64}, DTypeError, "dtype is 64"),
        ({"seed": -1}, ArgumentError, "seed is -1"),
        ({"seed": 1.5}, DTypeError, "seed is 1.5"),
        ({"seed": True}, DTypeError, "seed is True"),
        ({"l1": -0.5}, ArgumentError, "l1 is -0.5"),
        ({"l2": "0.1"}, DTypeError, "l2 is '0.1'"),
        ({"l2": float("inf")}, DTypeError, "l2 is inf"),
        ({"l2": None}, DTypeError, "l2 is None"),
        ({5: 1}, DTypeError, "'5': the key 5 is no text"),
    ],
)
def test_wrong_settings_are_told_with_their_path(changes, error, beginning):
    with pytest.raises(error) as caught:
        hg.Network.from_spec({"layers": [dense()], **changes})
    assert str(caught.value).startswith(beginning), str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("spec", [None, [], "2-3", 5, [dense()]])
def test_what_is_no_spec_is_told_so(spec):
    with pytest.raises(DTypeError, match="a spec is"):
        hg.Network.from_spec(spec)


def test_layers_are_needed():
    with pytest.raises(ArgumentError, match="layers is missing"):
        hg.Network.from_spec({"loss": "mse"})


@pytest.mark.parametrize(
    ("thing", "place"),
    [({1: 2}, "layers[1].thing"), (object(), "layers[1].thing"), ((1.0, float("nan")), "layers[1].thing[1]")],
)
def test_fields_that_json_has_no_form_for_are_told_with_their_path(thing, place):
    net = hg.Network([hg.Dense(2, 1), Holder(thing)], loss="mse")
    with pytest.raises(HandgradError) as caught:
        net.to_spec()
    assert str(caught.value).startswith(place), str(caught.value)


def test_what_is_too_deep_to_be_read_is_not_written():
    def build(depth):
        layer = hg.Tanh()
        for _ in range(depth):
            layer = hg.Residual([layer])
        return hg.Network([layer], loss="mse")

    fits = MOST_DEPTH // 2 - 2
    again = hg.Network.from_spec(json.loads(json.dumps(build(fits).to_spec())))
    assert again.to_spec() == build(fits).to_spec()
    with pytest.raises(ArgumentError, match="deep"):
        build(MOST_DEPTH // 2 + 2).to_spec()


def test_the_document_is_not_changed():
    spec = everything().to_spec()
    kept = copy.deepcopy(spec)
    hg.Network.from_spec(spec)
    assert spec == kept
    check_plain(spec)
