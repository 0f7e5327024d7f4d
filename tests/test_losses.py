"""Losses: what they compute against torch, which targets they take, how outputs are read as answers."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from handgrad.core.op import registry
from handgrad.core.sizes import Size
from handgrad.core.symbols import Symbols
from handgrad.core.tensor import Tensor
from handgrad.errors import ArgumentError, DTypeError, HandgradError, IndexRangeError, ShapeError, UnknownNameError
from handgrad.nn import BCE, MAE, MSE, BCEWithLogits, CrossEntropy, HalfSSE, Huber, Loss, loss_from, losses
from handgrad.nn.plain import kinds
from oracles import oracle
from tolerances import TOLERANCE, distance

REDUCTIONS = ["mean", "sum", "batch_mean"]


def torch_value(each, reduction):
    """Torch's loss of each element, brought to one number as our words say."""
    return {"mean": each.mean(), "sum": each.sum(), "batch_mean": each.sum() / len(each)}[reduction]


PAIRS = [
    (MSE, {}, "mse_loss(p, y, reduction='none')", (-2, 2)),
    (MAE, {}, "l1_loss(p, y, reduction='none')", (-2, 2)),
    (Huber, {"delta": 0.4}, "huber_loss(p, y, reduction='none', delta=0.4)", (-2, 2)),
    (BCE, {}, "binary_cross_entropy(p, y, reduction='none')", (0.05, 0.95)),
    (BCEWithLogits, {}, "binary_cross_entropy_with_logits(p, y, reduction='none')", (-3, 3)),
    (
        BCEWithLogits,
        {"pos_weight": 2.5},
        "binary_cross_entropy_with_logits(p, y, reduction='none', pos_weight=torch.tensor(2.5).double())",
        (-3, 3),
    ),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("cls", "settings", "twin", "domain"), PAIRS, ids=lambda v: str(v)[:24])
def test_values_equal_torch(cls, settings, twin, domain, reduction, rng):
    torch = oracle("torch")
    p, y = rng.uniform(*domain, (5, 3)), rng.uniform(0, 1, (5, 3))
    each = eval(f"torch.nn.functional.{twin}", {"torch": torch, "p": torch.tensor(p), "y": torch.tensor(y)})
    ours = cls(**settings, reduction=reduction).forward(p, y)
    assert distance(ours, torch_value(each, reduction).numpy()) < TOLERANCE["torch"]


WEIGHTS = (0.5, 0.0, 2.0, 1.25)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("soft", [False, True])
def test_cross_entropy_equals_torch(weights, reduction, soft, rng):
    torch = oracle("torch")
    z = rng.normal(size=(6, 4)) * 3
    y = rng.dirichlet(np.ones(4), 6) if soft else np.array([0, 3, 2, 2, 1, 0])
    twin = torch.nn.CrossEntropyLoss(None if weights is None else torch.tensor(weights).double(), reduction=reduction)
    loss = CrossEntropy(weights, reduction=reduction)
    target = loss.target(y, z.shape)
    assert target.dtype == (np.float64 if soft else np.int64)
    ours = loss.forward(z, target, **loss.extra_leaves())
    assert distance(ours, twin(torch.tensor(z), torch.tensor(y)).numpy()) < TOLERANCE["torch"]


def test_batch_mean_of_cross_entropy_divides_by_the_rows(rng):
    z, y = rng.normal(size=(6, 4)), np.array([0, 3, 2, 2, 1, 0])
    assert CrossEntropy(reduction="batch_mean").forward(z, y) == CrossEntropy().forward(z, y)
    weighted = {r: CrossEntropy(WEIGHTS, reduction=r).forward(z, y, class_weight=np.array(WEIGHTS)) for r in REDUCTIONS}
    assert weighted["batch_mean"] == pytest.approx(weighted["sum"] / 6, rel=1e-15)
    assert weighted["mean"] == pytest.approx(weighted["sum"] / sum(WEIGHTS[k] for k in y), rel=1e-15)


def test_half_sse_by_hand():
    assert HalfSSE().forward(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]])) == 0.5 * (1 + 4)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_symbols_and_tensors_take_the_same_path(reduction, rng):
    table, N = Symbols(), Size(1, ("N",))
    z = table.leaf("z", (N, 4))
    for loss, y in [
        (MSE(reduction=reduction), table.leaf("Y", (N, 4))),
        (BCEWithLogits(2.0, reduction=reduction), table.leaf("Y", (N, 4))),
        (CrossEntropy(reduction=reduction), table.leaf("y", (N,), "int")),
        (CrossEntropy(reduction=reduction), table.leaf("Y", (N, 4))),
    ]:
        assert loss.forward(z, y).shape == ()
    weights = table.leaf("class_weight", (4,))
    weighted = CrossEntropy(WEIGHTS, reduction=reduction)
    assert weighted.forward(z, table.leaf("y", (N,), "int"), class_weight=weights).shape == ()
    assert weighted.forward(z, table.leaf("Y", (N, 4)), class_weight=weights).shape == ()

    numbers = rng.normal(size=(3, 4))
    labels = np.array([0, 2, 3])
    recorded = weighted.forward(Tensor(numbers), labels, class_weight=np.array(WEIGHTS))
    assert recorded.value == weighted.forward(numbers, labels, class_weight=np.array(WEIGHTS))


def test_losses_and_ops_expect_the_same():
    for kind, cls in kinds("loss"):
        if cls.__module__ == losses.__name__:
            assert cls.expects == registry[kind].traits["expects"]
            assert set(cls.aliases) == set(registry[kind].traits.get("aliases", ()))
    assert {k: c.task for k, c in kinds("loss") if c.task != "values"} == {
        "bce": "binary", "bce_with_logits": "binary", "cross_entropy": "classes",
    }  # fmt: skip


# -- targets --------------------------------------------------------------------------------------------------------
def test_one_output_reads_a_flat_target():
    for loss in (MSE(), BCE(), BCEWithLogits(), Huber(), HalfSSE(), MAE()):
        y = loss.target([0, 1, 1], (3, 1))
        assert y.tolist() == [[0.0], [1.0], [1.0]]
        assert y.dtype == np.float64
    assert MSE().target(np.ones(3, np.float32), (3, 1)).dtype == np.float32
    assert MSE().target(np.array([True, False]), (2, 1)).tolist() == [[1.0], [0.0]]
    assert MSE().target([1, 2], (2,)).shape == (2,)
    assert MSE(reduction="sum").target(np.zeros((0, 2)), (0, 2)).shape == (0, 2)


def test_labels_and_probabilities():
    loss = CrossEntropy()
    for y in ([0, 2, 1], np.array([0, 2, 1], np.uint8), np.array([0.0, 2.0, 1.0], np.float32)):
        found = loss.target(y, (3, 3))
        assert found.tolist() == [0, 2, 1]
        assert found.dtype == np.int64
    assert loss.target([True, False], (2, 2)).tolist() == [1, 0]
    assert loss.target(np.eye(3, dtype=int), (3, 3)).dtype == np.float64
    soft = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)
    assert np.array_equal(loss.target(soft, (2, 2)), soft)


def test_the_given_target_is_not_written():
    y = np.array([0.0, 1.0])
    y.flags.writeable = False
    for loss, shape in ((MSE(), (2, 1)), (BCE(), (2, 1)), (CrossEntropy(), (2, 2))):
        loss.target(y, shape)
    assert y.tolist() == [0.0, 1.0]


BAD_TARGETS = [
    (MSE(), [1.0, 2.0], (3, 1), ShapeError, "mse: y has 2 rows, the output has 3: they must be equal."),
    (
        MSE(),
        [[1.0], [2.0]],
        (2,),
        ShapeError,
        "mse: y has shape (2, 1), the output (2,): they must be equal. Try y.reshape(2,).",
    ),
    (MSE(), [1.0, 2.0], (2, 2), ShapeError, "mse: y has shape (2,), the output (2, 2): they must be equal. Change y"),
    (MSE(), [[1.0, 2.0]], (1, 1), ShapeError, "mse: y has shape (1, 2), the output (1, 1)"),
    (MSE(), 3.0, (1, 1), ShapeError, "mse: y has shape (), the output (1, 1)"),
    (MSE(), [[1.0, 2.0], [3.0]], (2, 2), ShapeError, "mse: the rows of y have different lengths."),
    (
        MSE(),
        [1.0, np.nan, np.inf],
        (3, 1),
        ArgumentError,
        "mse: y holds nan or inf (count: 2), first nan at [1] (from 0).",
    ),
    (
        MSE(),
        [[1.0, 2.0], [3.0, -np.inf]],
        (2, 2),
        ArgumentError,
        "mse: y holds nan or inf (count: 1), first -inf at [1, 1]",
    ),
    (MSE(), ["cat", "dog"], (2, 1), DTypeError, "mse: y holds <U3 values, such as 'cat': it must hold numbers."),
    (MSE(), [None, 1], (2, 1), DTypeError, "mse: y holds object values, such as None"),
    (MSE(), [1j], (1, 1), DTypeError, "mse: y holds complex128 values"),
    (MSE(), np.zeros((0, 1)), (0, 1), ArgumentError, "mse: there are no rows, and the mean of nothing is no number."),
    (MSE(reduction="batch_mean"), [], (0, 1), ArgumentError, "mse: there are no rows"),
    (CrossEntropy(), [], (0, 3), ArgumentError, "cross_entropy: there are no rows"),
    (BCE(), [0, 1, 2], (3, 1), ArgumentError, "bce: y holds 2.0 at [2, 0] (from 0): targets must lie in [0, 1]."),
    (BCEWithLogits(), [-1, 1], (2, 1), ArgumentError, "bce_with_logits: y holds -1.0 at [0, 0] (from 0)"),
    (
        CrossEntropy(),
        [0, 3, 1],
        (3, 3),
        IndexRangeError,
        "cross_entropy: label 3 in row 1 (from 0) is outside 0 to 2: the output has 3",
    ),
    (
        CrossEntropy(),
        [0, 1, -1],
        (3, 3),
        IndexRangeError,
        "cross_entropy: label -1 in row 2 (from 0) is outside 0 to 2",
    ),
    (CrossEntropy(), [0.0, 1e300], (2, 3), IndexRangeError, "cross_entropy: label 1e+300 in row 1"),
    (
        CrossEntropy(),
        np.array([0, 2**64 - 1], np.uint64),
        (2, 3),
        IndexRangeError,
        "cross_entropy: label 18446744073709551615",
    ),
    (
        CrossEntropy(),
        [0, 0.5, 1],
        (3, 3),
        DTypeError,
        "cross_entropy: y holds 0.5 in row 1 (from 0): labels are whole numbers.",
    ),
    (
        CrossEntropy(),
        [[0], [1]],
        (2, 3),
        ShapeError,
        "cross_entropy: y has shape (2, 1), the output (2, 3): labels are (N,), probabilities (2, 3). Try y.ravel().",
    ),
    (CrossEntropy(), [0, 1], (3, 3), ShapeError, "cross_entropy: y has 2 rows, the output has 3"),
    (CrossEntropy(), [0, 1], (2,), ShapeError, "cross_entropy: the output has shape (2,): it must be (N, classes)."),
    (
        CrossEntropy(),
        [[0.5, 0.5], [0.5, 0.6]],
        (2, 2),
        ArgumentError,
        "cross_entropy: row 1 (from 0) of y is [0.5, 0.6]: probabilities",
    ),
    (CrossEntropy(), [[-0.5, 1.5]], (1, 2), ArgumentError, "cross_entropy: row 0 (from 0) of y is [-0.5, 1.5]"),
    (
        CrossEntropy([1, 2]),
        [0, 1],
        (2, 3),
        ShapeError,
        "cross_entropy: class_weight has 2 numbers, the output 3 columns",
    ),
    (CrossEntropy([0, 2]), [0, 0], (2, 2), ArgumentError, "cross_entropy: every row belongs to a class of weight 0"),
]


@pytest.mark.parametrize(("loss", "y", "shape", "error", "message"), BAD_TARGETS, ids=lambda v: str(v)[:40])
def test_targets_that_cannot_be_meant(loss, y, shape, error, message):
    with pytest.raises(error) as caught:
        loss.target(y, shape)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) <= 300


# -- outputs --------------------------------------------------------------------------------------------------------
def test_bce_refuses_logits():
    BCE().check_output(np.array([[0.0], [1.0], [0.5]]))
    with pytest.raises(ArgumentError, match=r"bce: the output holds 1.5: .* Use bce_with_logits"):
        BCE().check_output(np.array([[0.5], [1.5]]))
    for loss in (MSE(), BCEWithLogits(), CrossEntropy()):
        loss.check_output(np.array([[-5.0], [7.0]]))


def test_answers(rng):
    p = np.array([[0.2], [0.5], [0.51]])
    assert BCE().probabilities(p) is p
    assert BCE().labels(p).tolist() == [0, 0, 1]
    z = np.array([[-1000.0], [0.0], [1000.0]])
    assert BCEWithLogits().probabilities(z).tolist() == [[0.0], [0.5], [1.0]]
    assert BCEWithLogits().labels(z).tolist() == [0, 0, 1]
    assert BCE().labels(np.array([[0.2, 0.8]])).tolist() == [[0, 1]]
    logits = rng.normal(size=(5, 3)) * 1000
    soft = CrossEntropy().probabilities(logits)
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-15)
    assert CrossEntropy().labels(logits).tolist() == np.argmax(logits, axis=1).tolist()
    assert CrossEntropy().labels(np.zeros((1, 3))).tolist() == [0]
    assert MSE().labels(p) is None
    with pytest.raises(ArgumentError, match="mse compares values"):
        MSE().probabilities(p)


# -- as data --------------------------------------------------------------------------------------------------------
def test_by_name_json_and_pickle():
    assert [k for k, c in kinds("loss") if c.__module__ == losses.__name__] == [
        "mse", "mae", "half_sse", "huber", "bce", "bce_with_logits", "cross_entropy",
    ]  # fmt: skip
    assert loss_from("bce_logits") == BCEWithLogits()
    assert loss_from(Huber(2.0)) == Huber(2)
    for loss in (MSE(reduction="sum"), HalfSSE(), BCEWithLogits(3), CrossEntropy([1, 2]), CrossEntropy(), Huber(0.5)):
        assert Loss.from_spec(json.loads(json.dumps(loss.to_spec()))) == loss
        assert pickle.loads(pickle.dumps(loss)) == loss
        assert eval(repr(loss), vars(losses)) == loss
    assert loss_from("mse") == loss_from("mse", reduction="mean") != loss_from("mse", reduction="sum")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: loss_from("bse"), UnknownNameError, "loss 'bse' is unknown. Did you mean"),
        (lambda: loss_from(MSE), DTypeError, "loss is the class MSE: an object of it is needed. Write MSE()."),
        (lambda: loss_from(None), DTypeError, "loss is None: it must be Loss or the name of one. Write 'mse'."),
        (lambda: MSE(reduction="avg"), UnknownNameError, "MSE: reduction cannot be 'avg'."),
        (lambda: MSE(reduction=None), DTypeError, "MSE: reduction is None: it must be one of mean, sum, batch_mean."),
        (lambda: HalfSSE(reduction="mean"), ArgumentError, "half_sse is ½ Σ by definition, got reduction='mean'."),
        (lambda: Huber(0), ArgumentError, "Huber: delta is 0: it must be finite and above 0."),
        (lambda: BCEWithLogits(pos_weight=-1), ArgumentError, "BCEWithLogits: pos_weight is -1"),
        (
            lambda: CrossEntropy(2.0),
            DTypeError,
            "CrossEntropy: class_weight is 2.0: it must be one number for each class.",
        ),
        (lambda: CrossEntropy([1, np.nan]), ArgumentError, "CrossEntropy: class_weight[1] is nan"),
        (lambda: CrossEntropy([0, 0]), ArgumentError, "CrossEntropy: class_weight is [0, 0]: at least one"),
        (
            lambda: Loss.from_spec({"kind": "msr"}, "loss"),
            UnknownNameError,
            "loss.kind: there is no loss of the kind 'msr'.",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)


class Cubed(Loss):
    """The third power of the size of the error."""

    scale: float = 1.0

    def forward(self, output, target):
        return self.reduce(self.scale * abs(output - target) ** 3)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_users_loss(reduction, rng):
    p, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    loss = loss_from("cubed", scale=2.0, reduction=reduction)
    share = {"mean": 8, "sum": 1, "batch_mean": 4}[reduction]
    assert loss.forward(p, y) == pytest.approx(2 * (np.abs(p - y) ** 3).sum() / share, rel=1e-14)
    assert Loss.from_spec(loss.to_spec()) == loss
    assert loss.target([1, 2], (2, 1)).shape == (2, 1)
    with pytest.raises(HandgradError):
        loss.target([np.nan, 2], (2, 1))
