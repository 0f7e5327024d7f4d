"""Layers: their parameters, what they compute, what they refuse, and how they are written to JSON."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from handgrad import ops
from handgrad.core.op import op, registry
from handgrad.core.sizes import Size
from handgrad.core.symbols import Symbols
from handgrad.core.tensor import Tensor
from handgrad.errors import ArgumentError, DTypeError, HandgradError, ShapeError, UnknownNameError
from handgrad.nn import init, layers
from handgrad.nn.layer import Layer, Parameter
from handgrad.nn.layers import Activation, Dense, Flatten, Residual, activation_layer, activations
from handgrad.nn.plain import snake_case, to_specs
from oracles import oracle
from tolerances import TOLERANCE, distance

EVERY = {
    "Sigmoid": "Sigmoid()", "Tanh": "Tanh()", "ReLU": "ReLU()", "LeakyReLU": "LeakyReLU(0.01)", "ELU": "ELU(1.0)",
    "SiLU": "SiLU()", "GELU": "GELU()", "Softplus": "Softplus(threshold=1e9)", "Softmax": "Softmax(dim=-1)",
    "LogSoftmax": "LogSoftmax(dim=-1)",
}  # fmt: skip


class Scope:
    """The parameters of one layer and of those inside it: what a network hands to `forward`."""

    training = False

    def __init__(self, arrays, inner=()):
        self.arrays, self.inner = arrays, dict(inner)

    def __getitem__(self, name):
        return self.arrays[name]

    def apply(self, layer, x):
        return layer.forward(x, self.inner.get(id(layer), Scope({})))


def drawn(layer, rng):
    """Numbers for all parameters of a layer and of its children."""
    arrays = {k: rng.normal(size=p.shape) for k, p in layer.parameters().items()}
    return Scope(arrays, {id(c): drawn(c, rng) for c in layer.children()})


# -- what they compute ----------------------------------------------------------------------------------------------
def test_dense_is_x_times_w_plus_b(rng):
    layer, x = Dense(3, 2), rng.normal(size=(5, 3))
    p = drawn(layer, rng)
    assert list(p.arrays) == ["weight", "bias"]
    expected = [[sum(x[n, k] * p["weight"][k, j] for k in range(3)) + p["bias"][j] for j in range(2)] for n in range(5)]
    assert distance(layer.forward(x, p), expected) < 1e-15


def test_dense_without_bias_has_a_weight_only(rng):
    layer, x = Dense(3, 2, bias=False), rng.normal(size=(5, 3))
    p = drawn(layer, rng)
    assert list(p.arrays) == ["weight"]
    assert np.array_equal(layer.forward(x, p), x @ p["weight"])


def test_roles_and_first_numbers():
    found = Dense(3, 2).parameters()
    assert found["weight"] == Parameter((3, 2), init.Default(), "weight")
    assert found["bias"] == Parameter((2,), init.Zeros(), "bias")
    assert Dense(3, 2, init="glorot_normal").parameters()["weight"].init == init.XavierNormal()


@pytest.mark.parametrize("name", EVERY)
def test_activation_layers_equal_torch(name, rng):
    torch = oracle("torch")
    x = rng.normal(size=(4, 5)) * 3
    expected = eval(f"torch.nn.{EVERY[name]}", {"torch": torch})(torch.tensor(x)).numpy()
    assert distance(getattr(layers, name)().forward(x, Scope({})), expected) < TOLERANCE["torch"]


@pytest.mark.parametrize(
    ("layer", "twin"),
    [
        (layers.LeakyReLU(0.3), "LeakyReLU(0.3)"),
        (layers.ELU(alpha=2.5), "ELU(2.5)"),
        (layers.GELU("tanh"), "GELU(approximate='tanh')"),
        (layers.Softmax(axis=0), "Softmax(dim=0)"),
        (Activation("gelu_tanh"), "GELU(approximate='tanh')"),
        (Activation(ops.leaky_relu, alpha=0.2), "LeakyReLU(0.2)"),
    ],
)
def test_settings_reach_the_op(layer, twin, rng):
    torch = oracle("torch")
    x = rng.normal(size=(4, 5)) * 3
    expected = eval(f"torch.nn.{twin}", {"torch": torch})(torch.tensor(x)).numpy()
    assert distance(layer.forward(x, Scope({})), expected) < TOLERANCE["torch"]


def test_every_activation_op_is_a_layer():
    assert len(activations()) >= 11
    for name in activations():
        layer = Activation(name)
        assert layer.op is registry[name]
        assert repr(eval(repr(layer), vars(layers))) == repr(layer)


def test_classes_carry_the_ops_defaults_and_sentences():
    assert layers.Swish is layers.SiLU
    assert layers.LeakyReLU().alpha == ops.leaky_relu.params["alpha"]
    for name in EVERY:
        cls = getattr(layers, name)
        assert cls.__name__ == name == cls().op.traits["module"]
        assert cls.__doc__


def test_flatten_and_residual(rng):
    x = rng.normal(size=(5, 2, 3))
    assert Flatten().forward(x, Scope({})).shape == (5, 6)
    dense = Dense(3, 3)
    block, row = Residual([dense, layers.Tanh()]), x[:, 0]
    p = drawn(block, rng)
    inner = p.inner[id(dense)]
    assert block.children()[0] is dense
    assert distance(block.forward(row, p), row + np.tanh(row @ inner["weight"] + inner["bias"])) < 1e-15


def test_symbols_tensors_and_arrays_take_one_path(rng):
    layer, x = Residual([Dense(3, 3), layers.Sigmoid()]), rng.normal(size=(4, 3))
    p = drawn(layer, rng)
    numbers = layer.forward(x, p)
    recorded = layer.forward(Tensor(x), p)
    assert isinstance(recorded, Tensor)
    assert np.array_equal(recorded.value, numbers)

    table, N = Symbols(), Size(1, ("N",))
    names = {"weight": table.leaf("W", (3, 3)), "bias": table.leaf("b", (3,))}
    out = layer.forward(table.leaf("X", (N, 3)), Scope({}, {id(layer.children()[0]): Scope(names)}))
    assert out.shape == (N, 3)
    flat = Flatten().forward(table.leaf("I", (N, 4, 5)), Scope({}))
    assert flat.shape == (N, 20)


# -- what they refuse -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0, 3), ArgumentError, "Dense: inputs is 0: it must be at least 1. Write 1 or more."),
        (lambda: Dense(2.5, 3), DTypeError, "Dense: inputs is 2.5: it must be a whole number. Write 2."),
        (lambda: Dense(2, "3"), DTypeError, "Dense: outputs is '3': it must be a whole number. Write 3."),
        (lambda: Dense(2, True), DTypeError, "Dense: outputs is True"),
        (lambda: Dense(2, -3), ArgumentError, "Dense: outputs is -3"),
        (lambda: Dense(2, 3, bias=1), DTypeError, "Dense: bias is 1: it must be true or false"),
        (lambda: Dense(2, 3, init="he_norma"), UnknownNameError, "Did you mean 'he_normal'?"),
        (lambda: Dense(2, 3, init=0.1), DTypeError, "Dense: init is 0.1: it must be Init or the name of one"),
        (lambda: Dense(2, 3, init="normal"), ArgumentError, "needs std. Write Normal(std=...)"),
        (lambda: Dense(2, 3, init=init.HeNormal), DTypeError, "Write HeNormal()."),
        (lambda: Dense(2, 3, name=""), ArgumentError, "Dense: name is ''"),
        (lambda: Dense(2, 3, name=4), DTypeError, "Dense: name is 4"),
        (
            lambda: layers.LeakyReLU(float("nan")),
            ArgumentError,
            "LeakyReLU: alpha is nan: it must be finite. Try 0.01.",
        ),
        (lambda: layers.ELU("1"), DTypeError, "ELU: alpha is '1': it must be a number. Write 1."),
        (lambda: layers.GELU("erf"), UnknownNameError, "GELU: approximate cannot be 'erf'. Known: none, tanh."),
        (lambda: layers.Softmax(axis=0.5), DTypeError, "Softmax: axis is 0.5"),
        (lambda: Activation("reluu"), UnknownNameError, "there is no activation 'reluu'. Did you mean 'relu'?"),
        (lambda: Activation("exp"), UnknownNameError, "there is no activation 'exp'"),
        (lambda: Activation(ops.exp), ArgumentError, "exp is no activation"),
        (lambda: Activation("elu", beta=1), UnknownNameError, "elu() has no setting 'beta'. Known: alpha."),
        (lambda: Activation(3), DTypeError, 'got 3. Write "relu".'),
        (lambda: Residual([]), ArgumentError, "there are no layers in it"),
        (lambda: Residual(Dense(2, 2)), DTypeError, "Residual takes a list of layers, got Dense(2, 2)"),
        (lambda: Residual([layers.ReLU]), DTypeError, "Write ReLU(...)"),
        (
            lambda: Dense(3, 2).forward(np.ones((5, 4)), Scope({})),
            ShapeError,
            "dense: input has 4 columns, weight is (3, 2): they must be equal. Did you mean Dense(4, 2)?",
        ),
        (lambda: Dense(3, 2, name="first").forward(np.float64(1), Scope({})), ShapeError, "first: input has 0 columns"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
    assert len(str(caught.value)) <= 300


def test_residual_keeps_the_shape(rng):
    block = Residual([Dense(2, 3)], name="skip")
    with pytest.raises(ShapeError, match=r"skip: its layers turn \(5, 2\) into \(5, 3\).* End with Dense\(\.\.\., 2\)"):
        block.forward(np.ones((5, 2)), drawn(block, rng))


# -- as data --------------------------------------------------------------------------------------------------------
def test_layers_are_frozen_and_equal_only_themselves():
    layer = Dense(2, 3)
    assert layer == layer
    assert layer != Dense(2, 3)
    assert len({layer, Dense(2, 3)}) == 2
    for name in ("inputs", "input"):
        with pytest.raises(ArgumentError, match=rf"Dense\(2, 3\): {name} cannot be set"):
            setattr(layer, name, 5)
    assert layer.inputs == 2


SOME = [
    Dense(2, 3),
    Dense(2, 3, bias=False, init=init.Orthogonal(1.5), name="first"),
    layers.LeakyReLU(0.2),
    layers.GELU("tanh"),
    layers.Softmax(),
    Flatten(name="flat"),
    Residual([Dense(3, 3), layers.ReLU()]),
]


@pytest.mark.parametrize("layer", SOME, ids=repr)
def test_json_pickle_and_copies_give_the_same_layer(layer):
    spec = layer.to_spec()
    again = Layer.from_spec(json.loads(json.dumps(spec)))
    written = eval(repr(layer), {**vars(layers), **vars(init)})
    for twin in (again, pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer), written):
        assert type(twin) is type(layer)
        assert twin.to_spec() == spec
        assert repr(twin) == repr(layer)


def test_shared_layers_stay_shared_through_json():
    shared = Dense(3, 3)
    given = [shared, layers.ReLU(), Residual([layers.Tanh(), shared]), shared]
    specs = json.loads(json.dumps(to_specs(given, "layers")))
    assert specs[3] == {"same": "layers[0]"}
    one, _, block, last = Layer.from_specs(specs, "layers")
    assert one is last is block.layers[1]
    assert to_specs([one, _, block, last], "layers") == specs


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            {"kind": "dens", "inputs": 2, "outputs": 3},
            UnknownNameError,
            "layers[0].kind: there is no layer of the kind 'dens'. Did you mean 'dense'?",
        ),
        (
            {"kind": "dense", "inputs": 2, "output": 3},
            UnknownNameError,
            "layers[0].output: dense has no setting of that name. Did you mean 'outputs'?",
        ),
        ({"kind": "dense", "inputs": 2}, ArgumentError, "layers[0].outputs is missing: dense cannot do without it."),
        ({"kind": "dense", "inputs": 2, "outputs": 0}, ArgumentError, "layers[0]: Dense: outputs is 0"),
        (
            {"kind": "dense", "inputs": 2, "outputs": 1, "init": {"kind": "init.he"}},
            UnknownNameError,
            "layers[0].init.kind: there is no init of the kind 'he'.",
        ),
        (
            {"kind": "residual", "layers": [{"kind": "relu"}, {"kind": "tan"}]},
            UnknownNameError,
            "layers[0].layers[1].kind: there is no layer of the kind 'tan'. Did you mean 'tanh'?",
        ),
        ({"kind": "residual", "layers": [7]}, DTypeError, "layers[0]: Residual: item 0 is 7"),
        ({"inputs": 2}, ArgumentError, "layers[0].kind is None: it must be the name of a kind."),
        (
            {"same": "layers[4]"},
            UnknownNameError,
            "layers[0].same refers to 'layers[4]', which does not stand before it.",
        ),
        ({"kind": "init.zeros"}, DTypeError, "layers[0] is Zeros(): it must be an object with a kind."),
        (5, DTypeError, "layers[0] is 5: it must be an object with a kind."),
    ],
)
def test_a_wrong_document_is_refused_with_its_path(spec, error, message):
    with pytest.raises(error) as caught:
        Layer.from_specs([spec], "layers")
    assert str(caught.value).startswith(message)


def test_from_spec_of_a_class_refuses_others():
    assert isinstance(Dense.from_spec({"kind": "dense", "inputs": 1, "outputs": 1}), Dense)
    with pytest.raises(ArgumentError, match=r"describes ReLU\(\), where Dense is needed"):
        Dense.from_spec({"kind": "relu"})
    with pytest.raises(DTypeError, match="it must be a list"):
        Layer.from_specs({"kind": "relu"}, "layers")


# -- users' own -----------------------------------------------------------------------------------------------------
class Centre(Layer):
    """Subtract a number that is learnt."""

    columns: int
    start: float = 0.0

    def parameters(self):
        return {"bias": Parameter((self.columns,), init.Constant(self.start), "bias")}

    def forward(self, x, p):
        return x - p["bias"]


def test_a_users_layer_is_data_like_ours(rng):
    layer = Centre(3, start=2.0, name="mid")
    assert (layer.kind, repr(layer)) == ("centre", "Centre(3, start=2.0, name='mid')")
    spec = {"kind": "centre", "name": "mid", "columns": 3, "start": 2.0}
    assert layer.to_spec() == spec
    assert repr(Layer.from_spec(spec)) == repr(layer)
    x = rng.normal(size=(4, 3))
    assert np.array_equal(layer.forward(x, Scope({"bias": np.ones(3)})), x - 1)


def test_classes_that_cannot_be_saved_are_refused_where_they_are_written():
    with pytest.raises(ArgumentError, match="its settings must be fields"):

        class Old(Layer):
            def __init__(self, size):
                self.size = size

    with pytest.raises(ArgumentError, match="without a type"):

        class Typed(Layer):
            kind: str = "typed"

    with pytest.raises(ArgumentError, match=r"the kind 'dense' is taken by Dense of handgrad.nn.layers"):

        class Mine(Layer):
            kind = "dense"

    class Opaque(Layer):
        what: object

        def forward(self, x, p):  # noqa: ARG002
            return x

    with pytest.raises(DTypeError, match=r"what holds <object"):
        Opaque(object()).to_spec()


def test_a_users_op_is_a_layer_at_once(rng):
    @op(traits={"activation": True})
    def bent(xp, x, *, slope=0.5):
        """A line and a curve."""
        return slope * x + xp.tanh(x)

    try:
        layer, x = Activation("bent", slope=0.25), rng.normal(size=(2, 3))
        assert np.array_equal(layer.forward(x, Scope({})), 0.25 * x + np.tanh(x))
        assert repr(layer) == "Bent(slope=0.25)"
        for twin in (Layer.from_spec(layer.to_spec()), pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
            assert twin.slope == 0.25
            assert twin.kind == "bent"

        @op(traits={"activation": True})
        def bent(xp, x, *, slope=0.5, lift=1.0):
            """Defined again, as in a notebook, with one setting more."""
            return slope * x + xp.tanh(x) + lift

        assert Activation(bent, lift=3.0).to_spec() == {"kind": "bent", "slope": 0.5, "lift": 3.0}
    finally:
        registry.remove("bent")
    with pytest.raises(UnknownNameError):
        Activation("bent")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Dense", "dense"), ("MyBlock", "my_block"), ("HTTPServer", "http_server"), ("Conv2D", "conv2_d")],
)
def test_kinds_from_class_names(name, kind):
    assert snake_case(name) == kind


def test_activation_layer_refuses_ops_of_two_arrays():
    with pytest.raises(HandgradError, match="is no activation"):
        activation_layer(ops.add)
