"""Losses: one number that says how wrong a prediction is.

p is the prediction, y the target, z a logit. "mean" divides by the number of elements, "batch_mean" by the number of
rows, "sum" by nothing.
"""

import math

import numpy as np

from handgrad.core.op import Samples, op
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, ShapeError

REDUCTIONS = ({"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "batch_mean"})
TARGET = "the target is given, not learnt"
PAIR = Samples("n m, n m", params=REDUCTIONS, smallest=1)


def reduce_loss(xp, each, reduction):
    """One number from the loss of each element (or row)."""
    if reduction == "mean":
        return xp.mean(each)
    if reduction == "sum":
        return xp.sum(each)
    if reduction == "batch_mean":
        return xp.sum(each) / each.shape[0]
    raise ArgumentError("reduction must be 'mean', 'sum' or 'batch_mean', got {reduction!r}.", reduction=reduction)


def share(x, reduction):
    """What one element's loss is divided by."""
    return {"mean": x.size, "sum": 1, "batch_mean": x.shape[0] if x.ndim else 1}[reduction]


def same_shape(p, y, name):
    """A loss never broadcasts: (4, 1) against (4,) would silently compare everything with everything."""
    if tuple(p.shape) != tuple(y.shape):
        raise ShapeError(
            "{loss}: prediction is {p}, target is {y}: they must be equal. Try y.reshape{p}.",
            loss=name, p=show(p.shape), y=show(y.shape),
        )  # fmt: skip


@op(symbol="L", notation=r"\operatorname{{MSE}}\left({0}, {1}\right)", constant={"y": TARGET}, samples=PAIR,
    torch="reduce((p - y) ** 2)", traits={"loss": True, "expects": "anything", "module": "MSELoss"})  # fmt: skip
def mse(xp, p, y, *, reduction="mean"):
    """The squared error."""
    same_shape(p, y, "mse")
    r = p - y
    return reduce_loss(xp, r**2, reduction)


@mse.vjp
def _(xp, g, out, p, y, reduction):
    return g * (2 * (p - y) / share(p, reduction))


@op(symbol="L", notation=r"\tfrac{{1}}{{2}}\lVert {0:4} - {1:5} \rVert^2", constant={"y": TARGET},
    samples=Samples("n m, n m", smallest=0), torch="0.5 * torch.sum((p - y) ** 2)",
    traits={"loss": True, "expects": "anything"})  # fmt: skip
def half_sse(xp, p, y):
    """Half of the sum of squared errors: its derivative is just p - y."""
    same_shape(p, y, "half_sse")
    r = p - y
    return 0.5 * xp.sum(r**2)


@half_sse.vjp
def _(xp, g, out, p, y):
    return g * (p - y)


@op(symbol="L", notation=r"\operatorname{{MAE}}\left({0}, {1}\right)", constant={"y": TARGET},
    samples=Samples("n m, n m", params=REDUCTIONS, smallest=1, corners=((np.zeros((2, 2)), np.eye(2)),)),
    torch="reduce((p - y).abs())", traits={"loss": True, "expects": "anything", "module": "L1Loss"})  # fmt: skip
def mae(xp, p, y, *, reduction="mean"):
    """The absolute error; its derivative at 0 is 0."""
    same_shape(p, y, "mae")
    r = p - y
    return reduce_loss(xp, xp.abs(r), reduction)


@mae.vjp
def _(xp, g, out, p, y, reduction):
    return g * (xp.sign(p - y) / share(p, reduction))


@op(symbol="L", notation=r"\operatorname{{Huber}}\left({0}, {1}\right)", constant={"y": TARGET},
    samples=Samples("n m, n m", params=tuple({**r, "delta": d} for r in REDUCTIONS for d in (1.0, 0.3)), smallest=1),
    torch="reduce(F.huber_loss(p, y, reduction='none', delta=delta))",
    traits={"loss": True, "expects": "anything", "module": "HuberLoss"})  # fmt: skip
def huber(xp, p, y, *, delta=1.0, reduction="mean"):
    """Squared for small errors, straight for large ones."""
    same_shape(p, y, "huber")
    r = p - y
    size = xp.abs(r)
    return reduce_loss(xp, xp.where(size <= delta, 0.5 * r**2, delta * (size - 0.5 * delta)), reduction)


@huber.vjp
def _(xp, g, out, p, y, delta, reduction):
    r = p - y
    return g * (xp.clip(r, low=-delta, high=delta) / share(p, reduction))


TINY = math.exp(-100)  # the smallest probability that counts: torch clamps the logarithm at -100


@op(symbol="L", notation=r"\operatorname{{BCE}}\left({0}, {1}\right)", constant={"y": TARGET},
    samples=Samples("n m, n m", params=REDUCTIONS, smallest=1, domain=(0.05, 0.95),
                    corners=((np.array([[0.0, 1.0, 0.5]]), np.array([[0.0, 1.0, 1.0]])),)),
    torch="reduce(F.binary_cross_entropy(p, y, reduction='none'))",
    traits={"loss": True, "expects": "probabilities", "module": "BCELoss", "logits": "bce_with_logits",
            "limits": {"p": (1e-11, 1 - 1e-11)}})  # fmt: skip
def bce(xp, p, y, *, reduction="mean"):
    """Binary cross-entropy on probabilities."""
    same_shape(p, y, "bce")
    return reduce_loss(xp, -(y * xp.log(p) + (1 - y) * xp.log(1 - p)), reduction)


@bce.safe
def _(xp, p, y, reduction):
    same_shape(p, y, "bce")
    logp = xp.log(xp.maximum(p, TINY))
    logq = xp.log(xp.maximum(1 - p, TINY))
    return reduce_loss(xp, -(y * logp + (1 - y) * logq), reduction)


@bce.vjp
def _(xp, g, out, p, y, reduction):
    return g * ((p - y) / (xp.maximum(p * (1 - p), 1e-12) * share(p, reduction)))  # 1e-12: as torch


@op(symbol="L", notation=r"\operatorname{{BCE}}\left(\sigma({0}), {1}\right)", constant={"y": TARGET},
    quiet=("over", "under"),
    samples=Samples("n m, n m", params=tuple({**r, "pos_weight": w} for r in REDUCTIONS for w in (1.0, 2.5)),
                    smallest=1, domains={"y": (0.0, 1.0)},
                    corners=((np.array([[1000.0, -1000.0, 0.0]]), np.array([[0.0, 1.0, 1.0]])),)),
    torch="reduce(F.binary_cross_entropy_with_logits(z, y, reduction='none', "
          "pos_weight=torch.tensor(pos_weight, dtype=z.dtype)))",
    traits={"loss": True, "expects": "logits", "module": "BCEWithLogitsLoss", "link": "sigmoid",
            "aliases": ("bce_logits",)})  # fmt: skip
def bce_with_logits(xp, z, y, *, pos_weight=1.0, reduction="mean"):
    """Binary cross-entropy on logits: sigmoid and loss in one step, exact at any size of z."""
    same_shape(z, y, "bce_with_logits")
    p = 1 / (1 + xp.exp(-z))
    return reduce_loss(xp, -(pos_weight * y * xp.log(p) + (1 - y) * xp.log(1 - p)), reduction)


@bce_with_logits.safe
def _(xp, z, y, pos_weight, reduction):
    same_shape(z, y, "bce_with_logits")
    softplus = xp.maximum(-z, 0) + xp.log1p(xp.exp(-xp.abs(z)))  # -log(sigmoid(z)) without overflow
    return reduce_loss(xp, (1 - y) * z + (1 + (pos_weight - 1) * y) * softplus, reduction)


@bce_with_logits.vjp
def _(xp, g, out, z, y, pos_weight, reduction):
    p = 1 / (1 + xp.exp(-z))
    return g * (((1 - y) * p - pos_weight * y * (1 - p)) / share(z, reduction))


CLASS_MEANS = ({"reduction": "mean"}, {"reduction": "sum"})
LOGITS = (np.array([[1000.0, -1000.0, 0.0], [1.0, 1.0, 1.0]]), np.array([1, 2]))


def _class_shapes(z, y, name):
    if z.ndim != 2 or tuple(y.shape) != tuple(z.shape[:1]):
        raise ShapeError(
            "{loss}: logits are {z}, labels are {y}: one label for each row is needed.",
            loss=name, z=show(z.shape), y=show(y.shape),
        )  # fmt: skip


@op(symbol="L", notation=r"\operatorname{{CE}}\left({0}, {1}\right)", constant={"y": TARGET}, quiet=("under",),
    samples=Samples("n m, n", integers={"y": "m"}, params=CLASS_MEANS, smallest=1, corners=(LOGITS,)),
    torch="F.cross_entropy(z, y, reduction=reduction)",
    traits={"loss": True, "expects": "logits", "module": "CrossEntropyLoss", "link": "softmax"})  # fmt: skip
def cross_entropy(xp, z, y, *, reduction="mean"):
    """Softmax cross-entropy: minus the log-probability of the right class; y holds labels."""
    _class_shapes(z, y, "cross_entropy")
    logp = xp.log_softmax(z, axis=-1)
    return reduce_loss(xp, -xp.pick(logp, y), reduction)


@cross_entropy.vjp
def _(xp, g, out, z, y, reduction):
    p = xp.softmax(z, axis=-1)
    return g * ((p - xp.one_hot(y, n=z.shape[-1])) / (z.shape[0] if reduction != "sum" else 1))


@op(symbol="L", notation=r"\operatorname{{CE}}\left({0}, {1}\right)", constant={"y": TARGET}, quiet=("under",),
    samples=Samples("n m, n m", params=CLASS_MEANS, domains={"y": (0.0, 1.0)}, smallest=1),
    torch="F.cross_entropy(z, y, reduction=reduction)",
    traits={"loss": True, "expects": "logits", "module": "CrossEntropyLoss", "link": "softmax"})  # fmt: skip
def cross_entropy_soft(xp, z, y, *, reduction="mean"):
    """Softmax cross-entropy against rows of probabilities."""
    same_shape(z, y, "cross_entropy")
    logp = xp.log_softmax(z, axis=-1)
    return reduce_loss(xp, -xp.sum(y * logp, axis=-1), reduction)


@cross_entropy_soft.vjp
def _(xp, g, out, z, y, reduction):
    p = xp.softmax(z, axis=-1)
    whole = xp.sum(y, axis=-1, keepdims=True)  # 1 for probabilities; the rule holds for any weights
    return g * ((p * whole - y) / (z.shape[0] if reduction != "sum" else 1))


@op(symbol="L", notation=r"\operatorname{{CE}}_{{{2}}}\left({0}, {1}\right)", quiet=("under",),
    constant={"y": TARGET, "class_weight": "the weight of a class is given, not learnt"},
    samples=Samples("n m, n, m", integers={"y": "m"}, params=CLASS_MEANS, domains={"class_weight": (0.5, 2.0)},
                    smallest=1),
    torch="F.cross_entropy(z, y, weight=class_weight, reduction=reduction)",
    traits={"loss": True, "expects": "logits", "module": "CrossEntropyLoss", "link": "softmax"})  # fmt: skip
def weighted_cross_entropy(xp, z, y, class_weight, *, reduction="mean"):
    """Softmax cross-entropy in which each row counts as its class does; the mean is over the weights."""
    _class_shapes(z, y, "cross_entropy")
    logp = xp.log_softmax(z, axis=-1)
    w = xp.take(class_weight, y, axis=0)
    lost = xp.sum(-(w * xp.pick(logp, y)))
    return lost / xp.sum(w) if reduction != "sum" else lost


@weighted_cross_entropy.vjp
def _(xp, g, out, z, y, class_weight, reduction):
    p = xp.softmax(z, axis=-1)
    w = xp.take(class_weight, y, axis=0)
    part = w / xp.sum(w) if reduction != "sum" else w
    return g * (xp.reshape(part, shape=(*w.shape, 1)) * (p - xp.one_hot(y, n=z.shape[-1])))


@op(symbol="R", notation=r"\lVert {0} \rVert^2", torch="torch.sum(w * w)", samples=Samples("n m"))
def sum_of_squares(xp, w):
    """The sum of all squares: what l2 weighs."""
    return xp.sum(w**2)


@sum_of_squares.vjp
def _(xp, g, out, w):
    return g * (2 * w)


@op(symbol="R", notation=r"\lVert {0} \rVert_1", torch="torch.sum(torch.abs(w))", samples=Samples("n m"))
def sum_of_absolutes(xp, w):
    """The sum of all absolute values: what l1 weighs; its derivative at 0 is 0."""
    return xp.sum(xp.abs(w))


@sum_of_absolutes.vjp
def _(xp, g, out, w):
    return g * xp.sign(w)
