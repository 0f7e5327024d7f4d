"""What people do by mistake: each is refused by an error of our own, on one line, that holds the offending value."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import ArgumentError, DataError, DTypeError, HandgradError, IndexRangeError, ShapeError
from handgrad.errors import UnknownNameError as NameUnknown

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0.0, 1, 1, 0])


def net(text="2-3:tanh-1:sigmoid", loss="bce", **settings) -> hg.Network:
    return hg.Network.parse(text, loss, **settings)


def fit(x=X, y=Y, text="2-3:tanh-1:sigmoid", loss="bce", **settings) -> Any:
    return net(text, loss).fit(x, y, **{"epochs": 2, **settings})


def spoiled(a, at, value):
    a = np.array(a, float)
    a[at] = value
    return a


class Odd(hg.Schedule):
    """A rate that makes no sense."""

    text: str

    def rate(self, lr: float, epoch: int) -> Any:  # noqa: ARG002 (one signature for all)
        return float(self.text) if self.text else None


class Own(hg.Layer):
    """A layer of somebody's own, with a weight."""

    learns: Any = None
    rule: Any = None

    def parameters(self) -> Any:
        return self.learns or {"weight": hg.Parameter((2,), hg.init.Zeros())}

    def forward(self, x, p):
        return self.rule(x, p)


class OwnLoss(hg.Loss):
    """A loss of somebody's own."""

    rule: Any

    def forward(self, output, target):
        return self.rule(output, target)


class OwnRule(hg.Optimizer):
    """An optimizer of somebody's own."""

    how: Any = None

    def rule(self, xp, w, g, s):  # noqa: ARG002
        return self.how(w, g, s)


def own(rule) -> hg.Network:
    return hg.Network([Own(rule=rule)], "mse")


def nested(depth) -> hg.Network:
    layer = hg.Dense(2, 2)
    for _ in range(depth):
        layer = hg.Residual([layer])
    return hg.Network([layer])


class Bad(NamedTuple):
    """What is done, the kind of error, and what its message must hold."""

    do: Callable[[], Any]
    kind: type[HandgradError]
    holds: tuple[str, ...]


BAD = {
    # settings of training
    "lr 0": Bad(lambda: fit(optimizer=0), ArgumentError, ("lr is 0", "above 0")),
    "lr -1": Bad(lambda: fit(optimizer=hg.SGD(-1)), ArgumentError, ("-1", "above 0")),
    "lr nan": Bad(lambda: fit(optimizer=hg.Adam(np.nan)), ArgumentError, ("nan", "finite")),
    "lr inf": Bad(lambda: fit(optimizer=float("inf")), ArgumentError, ("inf", "finite")),
    "lr text": Bad(lambda: hg.SGD("0.1"), DTypeError, ("'0.1'", "Write 0.1")),
    "lr as optimizer text": Bad(lambda: fit(optimizer="0.1"), NameUnknown, ("'0.1'", "sgd")),
    "lr true": Bad(lambda: hg.SGD(True), DTypeError, ("True",)),
    "momentum 1.5": Bad(lambda: hg.SGD(0.1, momentum=1.5), ArgumentError, ("1.5", "below 1")),
    "momentum -0.1": Bad(lambda: hg.SGD(0.1, momentum=-0.1), ArgumentError, ("-0.1", "at least 0")),
    "nesterov alone": Bad(lambda: hg.SGD(0.1, nesterov=True), ArgumentError, ("momentum=0.9",)),
    "weight_decay -1": Bad(lambda: hg.SGD(0.1, weight_decay=-1), ArgumentError, ("-1",)),
    "beta 1": Bad(lambda: hg.Adam(0.1, (0.9, 1.0)), ArgumentError, ("betas[1] is 1",)),
    "one beta": Bad(lambda: hg.Adam(0.1, 0.9), DTypeError, ("0.9", "two numbers")),
    "eps 0": Bad(lambda: hg.Adam(0.1, eps=0), ArgumentError, ("eps is 0",)),
    "optimizer class": Bad(lambda: fit(optimizer=hg.SGD), DTypeError, ("SGD", "Write SGD()")),
    "optimizer typo": Bad(lambda: fit(optimizer="adm"), NameUnknown, ("'adm'", "Did you mean 'adam'?")),
    "epochs -1": Bad(lambda: fit(epochs=-1), ArgumentError, ("epochs is -1", "at least 0")),
    "epochs 1.5": Bad(lambda: fit(epochs=1.5), DTypeError, ("epochs is 1.5", "whole number")),
    "epochs text": Bad(lambda: fit(epochs="10"), DTypeError, ("'10'", "Write 10")),
    "batch_size 0": Bad(lambda: fit(batch_size=0), ArgumentError, ("batch_size is 0", "at least 1")),
    "batch_size -4": Bad(lambda: fit(batch_size=-4), ArgumentError, ("batch_size is -4",)),
    "batch_size 2.5": Bad(lambda: fit(batch_size=2.5), DTypeError, ("batch_size is 2.5",)),
    "clip_norm 0": Bad(lambda: fit(clip_norm=0), ArgumentError, ("clip_norm is 0",)),
    "clip_norm nan": Bad(lambda: fit(clip_norm=np.nan), ArgumentError, ("nan",)),
    "clip_value -1": Bad(lambda: net().train_step(X, Y, 0.1, clip_value=-1), ArgumentError, ("clip_value is -1",)),
    "seed -1": Bad(lambda: fit(seed=-1), ArgumentError, ("seed is -1",)),
    "seed 1.5": Bad(lambda: net(seed=1.5), DTypeError, ("seed is 1.5",)),
    "reset seed text": Bad(lambda: net().reset("x"), DTypeError, ("'x'",)),
    "validation of one": Bad(lambda: fit(validation=[X]), DTypeError, ("validation=(X_val, y_val)",)),
    "validation columns": Bad(lambda: fit(validation=(X[:, :1], Y)), ShapeError, ("1 columns", "(2, 3)")),
    "schedule typo": Bad(lambda: fit(schedule="konstant"), NameUnknown, ("'konstant'", "constant")),
    "setting typo": Bad(lambda: net().source("numpi"), NameUnknown, ("'numpi'", "numpy")),
    "source epochs": Bad(lambda: net().source(epochs=-2), ArgumentError, ("-2",)),
    "setting of fit": Bad(lambda: fit(epoch=3), NameUnknown, ("'epoch'", "'epochs'")),
    "setting of check": Bad(lambda: net().check(X, Y, sampel=3), NameUnknown, ("'sampel'", "'sample'")),
    "setting of source": Bad(lambda: net().source(batchsize=3), NameUnknown, ("'batchsize'", "'batch_size'")),
    "setting of parse": Bad(lambda: net(sed=3), NameUnknown, ("'sed'", "'seed'")),
    "callbacks function": Bad(lambda: fit(callbacks=print), DTypeError, ("callbacks is", "callbacks=[show]")),
    "callbacks text": Bad(lambda: fit(callbacks="abc"), DTypeError, ("'abc'",)),
    "progress text": Bad(lambda: fit(progress="yes"), DTypeError, ("'yes'", "True or False")),
    "lr of 400 digits": Bad(lambda: hg.SGD(10**400), ArgumentError, ("1000000", "finite")),
    "lr of 5000 digits": Bad(lambda: hg.SGD(10**5000), ArgumentError, ("lr is int", "finite")),
    "rate nan": Bad(lambda: fit(schedule=Odd("nan")), ArgumentError, ("Odd: rate is nan",)),
    "rate -1": Bad(lambda: fit(schedule=Odd("-1")), ArgumentError, ("Odd: rate is -1",)),
    "rate None": Bad(lambda: fit(schedule=Odd("")), DTypeError, ("Odd: rate is None",)),
    "validation rows": Bad(lambda: fit(validation=(X, Y[:1])), ShapeError, ("validation: X has 4 rows",)),
    # X
    "NaN in X": Bad(lambda: fit(spoiled(X, (2, 1), np.nan)), DataError, ("1 numbers", "X[2, 1] = nan")),
    "NaNs in X": Bad(lambda: net().forward(spoiled(X, (slice(None), 0), np.nan)), DataError, ("4 numbers", "X[0, 0]")),
    "inf in X": Bad(lambda: fit(spoiled(X, (0, 0), -np.inf)), DataError, ("-inf", "X[0, 0]")),
    "inf and -inf in X": Bad(lambda: fit(np.array([[np.inf, -np.inf]] * 4)), DataError, ("8 numbers",)),
    "beyond float32": Bad(lambda: net(dtype="float32").forward([[1e300, 0]]), DataError, ("float32", "1e+300")),
    "1-D X": Bad(lambda: fit(X[:, 0]), ShapeError, ("(4,)", "X.reshape(1, 4)", "X.reshape(4, 1)")),
    "a number as X": Bad(lambda: net().forward(3.0), ShapeError, ("()", "X.reshape(1, 1)")),
    "text in X": Bad(lambda: net().forward([["a", "b"]]), DTypeError, ("'a'", "numbers")),
    "objects in X": Bad(lambda: net().forward([[None, 1]]), DTypeError, ("None",)),
    "numbers as objects in X": Bad(lambda: net().forward(np.array([[1.5, 2]], object)), DTypeError,
                                   ("object", "1.5", ".astype(float)")),
    "object among numbers": Bad(lambda: net().forward(np.array([[1.5, "a"]], object)), DTypeError, ("'a'", "texts")),
    "masked X": Bad(lambda: net().forward(np.ma.masked_equal(X, 1)), DataError, ("X is a masked", "hides 4")),
    "masked y": Bad(lambda: fit(y=np.ma.masked_equal(Y, 1)), DataError, ("bce: y is a masked", "hides 2")),
    "y beyond float32": Bad(lambda: net("2-1", "mse", dtype="float32").loss_value(X, 1e300 * Y), DataError,
                            ("2 numbers", "float32", "y[1, 0] = 1e+300")),
    "complex X": Bad(lambda: net().forward([[1j, 1]]), DTypeError, ("complex128",)),
    "dates in X": Bad(lambda: net().forward(np.array([["2020-01-01"]], "datetime64[D]")), DTypeError, ("datetime64",)),
    "ragged X": Bad(lambda: net().forward([[1, 2], [3]]), ShapeError, ("[[1, 2], [3]]",)),
    "columns of X": Bad(lambda: net().forward(np.ones((4, 3))), ShapeError, ("3 columns", "Dense(3, 3)")),
    "no rows": Bad(lambda: fit(X[:0], Y[:0]), ArgumentError, ("no rows", "sum")),
    "no rows, sum": Bad(lambda: fit(X[:0], Y[:0], loss=hg.BCE(reduction="sum")), ArgumentError, ("0 rows",)),
    "no rows under a mean": Bad(lambda: net().loss_value(X[:0], Y[:0]), ArgumentError, ("no rows", "mean")),
    # y
    "NaN in y": Bad(lambda: fit(y=[0, np.nan, 1, 0]), ArgumentError, ("count: 1", "nan", "[1]")),
    "len(X) != len(y)": Bad(lambda: fit(y=Y[:3]), ShapeError, ("4 rows", "y has 3")),
    "a number as y": Bad(lambda: fit(y=1.0), ShapeError, ("4 rows", "y has 0")),
    "text as y": Bad(lambda: fit(y=["a"] * 4), DTypeError, ("'a'", "numbers")),
    "ragged y": Bad(lambda: fit(y=[[1], [2, 3], [4], [5]]), ShapeError, ("y", "lengths")),
    "label C": Bad(lambda: fit(y=[0, 1, 3, 2], text="2-3", loss="cross_entropy"), IndexRangeError,
                   ("label 3", "row 2", "0 to 2")),
    "label -1": Bad(lambda: fit(y=[0, 1, 2, -1], text="2-3", loss="cross_entropy"), IndexRangeError,
                    ("label -1", "row 3", "0 to 2")),
    "label 1.5": Bad(lambda: fit(y=[0, 1.5, 2, 1], text="2-3", loss="cross_entropy"), DTypeError, ("1.5", "row 1")),
    "one-hot of 2": Bad(lambda: fit(y=2 * np.eye(3)[[0, 1, 2, 1]], text="2-3", loss="cross_entropy"), ArgumentError,
                        ("[2.0, 0.0, 0.0]", "row 0")),
    "labels as a column": Bad(lambda: fit(y=[[0], [1], [2], [1]], text="2-3", loss="cross_entropy"), ShapeError,
                              ("(4, 1)", "y.ravel()")),
    "target 2 for bce": Bad(lambda: fit(y=[0, 1, 2, 1]), ArgumentError, ("2.0", "[2, 0]")),
    "two columns for one": Bad(lambda: fit(y=np.ones((4, 2))), ShapeError, ("(4, 2)", "(4, 1)")),
    "one column for two": Bad(lambda: fit(y=np.ones(4), text="2-2", loss="mse"), ShapeError, ("(4,)", "(4, 2)")),
    "(4, 1) against (4,)": Bad(lambda: hg.mse(np.ones((4, 1)), np.ones(4)), ShapeError,
                               ("(4, 1)", "(4,)", "y.reshape(4, 1)")),
    # losses and outputs
    "bce on logits": Bad(lambda: fit(5 - 10 * X, text="2-3:tanh-1"), ArgumentError, ("bce_with_logits", "[0, 1]")),
    "bce on logits, loss": Bad(lambda: hg.Network([hg.Tanh()], "bce").loss_value([[-3.0]], [1]), ArgumentError,
                               ("-0.995", "bce_with_logits")),
    "bce on logits, gradients": Bad(lambda: hg.Network([hg.ReLU()], "bce").gradients([[3.0]], [1]), ArgumentError,
                                    ("3.0", "bce_with_logits")),
    "bce on logits, step": Bad(lambda: hg.Network([hg.ReLU()], "bce").train_step([[3.0]], [1], 0.1), ArgumentError,
                               ("3.0",)),
    "loss typo": Bad(lambda: net(loss="msee"), NameUnknown, ("'msee'", "Did you mean 'mse'?")),
    "loss class": Bad(lambda: net(loss=hg.MSE), DTypeError, ("MSE", "Write MSE()")),
    "reduction typo": Bad(lambda: hg.MSE(reduction="avg"), NameUnknown, ("'avg'", "mean")),
    "no loss": Bad(lambda: hg.Network.parse("2-1").fit(X, Y), ArgumentError, ("no loss", "loss='mse'")),
    "class weights of 2": Bad(lambda: fit(y=[0, 1, 2, 1], text="2-3", loss=hg.CrossEntropy([1, 2])), ShapeError,
                              ("2 numbers", "3 columns")),
    "probabilities of mse": Bad(lambda: net("2-1", "mse").predict_proba(X), ArgumentError, ("mse", "predict")),
    # layers
    "Dense(0, 3)": Bad(lambda: hg.Dense(0, 3), ArgumentError, ("inputs is 0", "at least 1")),
    "Dense(2.5, 3)": Bad(lambda: hg.Dense(2.5, 3), DTypeError, ("2.5", "whole number")),
    "Dense(3, -1)": Bad(lambda: hg.Dense(3, -1), ArgumentError, ("outputs is -1",)),
    "Dense(True, 1)": Bad(lambda: hg.Dense(True, 1), DTypeError, ("True",)),
    "activation typo": Bad(lambda: hg.Activation("reluu"), NameUnknown, ("'reluu'", "Did you mean 'relu'?")),
    "activation typo in text": Bad(lambda: net("2-3:reluu-1"), NameUnknown, ("'reluu'", "Did you mean 'relu'?")),
    "setting of activation": Bad(lambda: hg.Activation("leaky_relu", alfa=1), NameUnknown, ("'alfa'", "'alpha'")),
    "size in text": Bad(lambda: net("2-x-1"), ArgumentError, ("'x'", "character 3")),
    "empty text": Bad(lambda: net(""), ArgumentError, ("''", "character 1")),
    "init typo": Bad(lambda: hg.Dense(2, 3, init="he_norml"), NameUnknown, ("'he_norml'", "'he_normal'")),
    "more weights than memory": Bad(lambda: net("1000000-1000000"), ArgumentError, ("1000001000000", "dense1")),
    "sizes of 21 digits": Bad(lambda: hg.Network([hg.Dense(10**20, 1)]), ArgumentError, ("dense1", "no memory")),
    "a size of 5001 digits": Bad(lambda: hg.Dense(-(10**5000), 1), ArgumentError, ("inputs is int",)),
    "layers without end": Bad(lambda: nested(2000).forward(X), ArgumentError, ("residual", "too deeply")),
    "parameter of shape 2": Bad(lambda: hg.Parameter(2, hg.init.Zeros()), DTypeError, ("shape is 2", "(3,)")),
    "parameter of shape -2": Bad(lambda: hg.Parameter((-2,), hg.init.Zeros()), ArgumentError, ("shape[0] is -2",)),
    "parameter of half a row": Bad(lambda: hg.Parameter((2.5,), hg.init.Zeros()), DTypeError, ("shape[0] is 2.5",)),
    "init of a parameter": Bad(lambda: hg.Parameter((2,), 0.0), DTypeError, ("init is 0.0",)),
    "role of a parameter": Bad(lambda: hg.Parameter((2,), hg.init.Zeros(), "wait"), NameUnknown, ("'weight'",)),
    "parameters as a list": Bad(lambda: hg.Network([Own(learns=["weight"])]), DTypeError, ("Own", "['weight']")),
    "parameters as shapes": Bad(lambda: hg.Network([Own(learns={"weight": (2,)})]), DTypeError, ("Own", "(2,)")),
    "a parameter's name": Bad(lambda: own(lambda x, p: x * p["weigth"]).forward(X), NameUnknown,
                              ("own1", "'weigth'", "'weight'")),
    "a layer gives nothing": Bad(lambda: own(lambda x, p: None).forward(X), DTypeError, ("own1", "None")),
    "a layer gives a number": Bad(lambda: own(lambda x, p: 3.0).forward(X), DTypeError, ("own1", "3.0")),
    "a loss gives nothing": Bad(lambda: fit(loss=OwnLoss(lambda p, y: None)), DTypeError, ("own_loss", "None")),
    "a loss gives a number": Bad(lambda: fit(loss=OwnLoss(lambda p, y: 3.0)), DTypeError, ("own_loss", "3.0")),
    "a loss of each row": Bad(lambda: fit(loss=OwnLoss(lambda p, y: p - y)), ShapeError, ("own_loss", "(N, 1)")),
    "rule of one number": Bad(lambda: fit(optimizer=OwnRule(0.1, lambda w, g, s: {"w": (w * g).sum()})), ShapeError,
                              ("OwnRule", "()", "(2,)")),
    "rule reads what is not there": Bad(lambda: fit(optimizer=OwnRule(0.1, lambda w, g, s: {"w": w - s.lrr * g})),
                                        NameUnknown, ("s.lrr", "'lr'")),
    "no layers": Bad(lambda: hg.Network([]), ArgumentError, ("no layers",)),
    "one layer, no list": Bad(lambda: hg.Network(hg.Dense(2, 1)), DTypeError, ("Dense(2, 1)", "Network([...])")),
    "a text as layers": Bad(lambda: hg.Network("2-3-1"), DTypeError, ("'2-3-1'",)),
    "a class as layer": Bad(lambda: hg.Network([hg.Dense(2, 1), hg.ReLU]), DTypeError, ("item 1", "ReLU(...)")),
    "an op as layer": Bad(lambda: hg.Network([hg.relu]), DTypeError, ("item 0",)),
    "layers that do not fit": Bad(lambda: hg.Network([hg.Dense(2, 4), hg.Dense(3, 2)]), ShapeError,
                                  ("dense2: input has 4 columns", "(3, 2)", "Dense(4, 2)")),
    "residual that does not fit": Bad(lambda: hg.Network([hg.Residual([hg.Dense(2, 3)])]), ShapeError,
                                      ("(N, 2)", "(N, 3)")),
    "two names": Bad(lambda: hg.Network([hg.Dense(2, 2, name="a"), hg.Dense(2, 2, name="a")]), ArgumentError, ("'a'",)),
    "name with a space": Bad(lambda: hg.Dense(2, 2, name="my layer"), ArgumentError, ("'my layer'",)),
    "dtype int": Bad(lambda: net(dtype="int32"), ArgumentError, ("'int32'", "float64")),
    "dtype typo": Bad(lambda: net(dtype="flaot32"), ArgumentError, ("'flaot32'",)),
    "l2 -1": Bad(lambda: net(l2=-1), ArgumentError, ("l2 is -1",)),
    "l1 text": Bad(lambda: net(l1="a"), DTypeError, ("l1 is 'a'",)),
    "l2 nan": Bad(lambda: net(l2=np.nan), ArgumentError, ("nan",)),
    # weights
    "weights of another network": Bad(lambda: net().set_parameters(net("2-4-1").parameters), ShapeError,
                                      ("3 differences", "(2, 4) instead of (2, 3)", "(4,)", "(4, 1)")),
    "unknown weights": Bad(lambda: net().set_parameters({"w": [1]}), ShapeError,
                           ("unknown w", "missing dense1.weight")),
    "texts as weights": Bad(lambda: net().set_parameters({**net().parameters, "dense2.bias": ["a"]}), ShapeError,
                            ("dense2.bias",)),
    "ragged weights": Bad(lambda: net().set_parameters({**net().parameters, "dense2.bias": [[1], [2, 3]]}), ShapeError,
                          ("dense2.bias",)),
    "a list of weights": Bad(lambda: net().set_parameters([1, 2]), DTypeError, ("[1, 2]",)),
    "layer name": Bad(lambda: net().layer("dens1"), NameUnknown, ("'dens1'", "'dense1'")),
    "trace name": Bad(lambda: net().trace(X)["dense1.wieght"], NameUnknown, ("'dense1.wieght'",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_named(name):
    bad = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(HandgradError) as caught:
            bad.do()
    error, message = caught.value, str(caught.value)
    assert type(error) is bad.kind, f"{type(error).__name__}: {message}"
    for part in bad.holds:
        assert part in message, message
    assert "\n" not in message
    assert len(message) <= 300, len(message)
    assert message.rstrip()[-1] in ".?)", message
    assert error.__cause__ is None


def test_a_network_is_unchanged_by_a_refused_call():
    one = net()
    before, state = one.parameters, dict(one.training_state)
    calls = [lambda: one.fit(X, Y[:2]), lambda: one.fit(X, Y, optimizer=-1), lambda: one.fit(X, Y, batch_size=0),
             lambda: one.fit(X, Y, validation=(X, Y[:1])), lambda: one.train_step(X, [2, 2, 2, 2], 0.1)]  # fmt: skip
    for call in calls:
        with pytest.raises(HandgradError):
            call()
    assert all((one.parameters[k] == v).all() for k, v in before.items())
    assert one.training_state == state
    assert one.history is None


def test_softmax_into_cross_entropy_warns_once_where_the_network_is_made():
    with pytest.warns(
        UserWarning, match=r"cross_entropy takes logits, and this network ends with Softmax\(\)"
    ) as caught:
        made = net("2-3:softmax", "cross_entropy")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    made.fit(X, [0, 1, 2, 1], epochs=1)  # says it no more
    with pytest.warns(UserWarning, match=r"ends with Sigmoid\(\)"):
        net("2-3:sigmoid", "bce_with_logits")
    net("2-3:softmax", "mse"), net("2-3:tanh", "cross_entropy"), net("2-3:log_softmax", "cross_entropy")


def test_what_is_no_mistake():
    """Things that look wrong and are meant: predictions before training, a row for one output, booleans."""
    one = net()
    assert one.predict(X).shape == (4,)
    assert one.score(X, Y) in (0, 0.25, 0.5, 0.75, 1)
    for y in (Y, Y.reshape(4, 1), Y.astype(int), Y.astype(bool), list(Y), [[v] for v in Y]):
        assert one.loss_value(X.astype(int), y) == one.loss_value(X, Y)
    assert one.fit(X, Y, epochs=1, batch_size=1000).steps == 1
    big = np.full((2, 2), 1e308)  # finite, though their sum is not
    assert np.isfinite(hg.Network([hg.Tanh()]).forward(big)).all()
    assert hg.Network([hg.Dense(2, 1)], hg.MSE(reduction="sum")).loss_value(X[:0], Y[:0]) == 0
    logits = hg.Network.parse("2-1", "bce_with_logits")
    assert np.isfinite(logits.loss_value(1000 * X, Y))
