"""Activations: squash, gate, pass."""

import math

import numpy as np

from handgrad.core.op import Samples, op

WIDE = Samples(corners=((np.array([0.0, -1000.0, 1000.0, -30.0, 30.0]),),))


@op(notation=r"\sigma\left({0}\right)", symbol="a", quiet=("over", "under"), torch="torch.sigmoid(x)", samples=WIDE,
    traits={"activation": True, "range": (0.0, 1.0), "flat": "both", "gain": 1.0, "module": "Sigmoid"})  # fmt: skip
def sigmoid(xp, x):
    """Squash every number into (0, 1)."""
    return 1 / (1 + xp.exp(-x))  # exp may overflow to inf: 1/inf is the right 0, only the warning is wrong


@sigmoid.vjp
def _(xp, g, out, x):
    return g * out * (1 - out)


@op(notation=r"\operatorname{{ReLU}}\left({0}\right)", symbol="a", torch="torch.relu(x)", samples=WIDE,
    traits={"activation": True, "range": (0.0, math.inf), "flat": "left", "gain": math.sqrt(2),
            "module": "ReLU"})  # fmt: skip
def relu(xp, x):
    """Pass what is positive, stop the rest; the derivative at 0 is 0."""
    return xp.maximum(x, 0)


@relu.vjp
def _(xp, g, out, x):
    return g * (x > 0)


@op(notation=r"\operatorname{{LeakyReLU}}\left({0}\right)", symbol="a", samples=WIDE,
    torch="torch.nn.functional.leaky_relu(x, alpha)",
    traits={"activation": True, "range": (-math.inf, math.inf), "gain": math.sqrt(2),
            "module": "LeakyReLU"})  # fmt: skip
def leaky_relu(xp, x, *, alpha=0.01):
    """Pass what is positive, let a little of the rest through."""
    return xp.where(x > 0, x, alpha * x)


@leaky_relu.vjp
def _(xp, g, out, x, alpha):
    return xp.where(x > 0, g, alpha * g)


@op(notation=r"\operatorname{{ELU}}\left({0}\right)", symbol="a", samples=WIDE, quiet=("under",),
    torch="torch.nn.functional.elu(x, alpha)",
    traits={"activation": True, "range": (-1.0, math.inf), "flat": "left", "gain": 1.0, "module": "ELU"})  # fmt: skip
def elu(xp, x, *, alpha=1.0):
    """Pass what is positive, bend the rest towards -alpha; the derivative at 0 is 1 (alpha = 1)."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))  # the branch not taken must not overflow


@elu.vjp
def _(xp, g, out, x, alpha):
    return xp.where(x > 0, g, g * (alpha * xp.exp(xp.minimum(x, 0))))


@op(notation=r"\operatorname{{SiLU}}\left({0}\right)", symbol="a", quiet=("over", "under"), samples=WIDE,
    torch="torch.nn.functional.silu(x)",
    traits={"activation": True, "range": (-0.2785, math.inf), "flat": "left", "gain": math.sqrt(2), "module": "SiLU",
            "aliases": ("swish",)})  # fmt: skip
def silu(xp, x):
    """x times its sigmoid (also called swish)."""
    s = 1 / (1 + xp.exp(-x))
    return x * s


@silu.vjp
def _(xp, g, out, x):
    s = 1 / (1 + xp.exp(-x))
    return g * (s + out * (1 - s))


@op(notation=r"\operatorname{{GELU}}\left({0}\right)", symbol="a", quiet=("under",), samples=WIDE,
    torch="torch.nn.functional.gelu(x)",
    traits={"activation": True, "range": (-0.17, math.inf), "flat": "left", "gain": math.sqrt(2),
            "module": "GELU"})  # fmt: skip
def gelu(xp, x):
    """x times the probability that a normal random number lies below x."""
    phi = 0.5 * (1 + xp.erf(x / xp.sqrt(2.0)))
    return x * phi


@gelu.vjp
def _(xp, g, out, x):
    phi = 0.5 * (1 + xp.erf(x / xp.sqrt(2.0)))
    density = xp.exp(-(xp.clip(x, low=-40.0, high=40.0) ** 2) / 2) / xp.sqrt(2 * math.pi)  # beyond 40 it is 0 anyway
    return g * (phi + x * density)


@op(notation=r"\operatorname{{GELU}}_{{\tanh}}\left({0}\right)", symbol="a", quiet=("under",),
    samples=Samples(corners=((np.array([0.0, -1000.0, 1000.0, -30.0, 30.0]),),)),
    torch="torch.nn.functional.gelu(x, approximate='tanh')",
    traits={"activation": True, "range": (-0.17, math.inf), "flat": "left", "gain": math.sqrt(2),
            "module": "GELU"})  # fmt: skip
def gelu_tanh(xp, x):
    """GELU by its approximation with tanh."""
    u = xp.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    t = xp.tanh(u)
    return 0.5 * x * (1 + t)


@gelu_tanh.vjp
def _(xp, g, out, x):
    c = xp.sqrt(2 / math.pi)
    t = xp.tanh(c * (x + 0.044715 * x**3))
    du = c * (1 + 0.134145 * x**2)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du)


@op(notation=r"\operatorname{{softplus}}\left({0}\right)", symbol="a", quiet=("under",), samples=WIDE,
    torch="torch.nn.functional.softplus(x, threshold=40)",  # above torch's own 20 its result is off by 1e-10
    traits={"activation": True, "range": (0.0, math.inf), "flat": "left", "gain": 1.0,
            "module": "Softplus"})  # fmt: skip
def softplus(xp, x):
    """A smooth ReLU: the logarithm of 1 + exp(x)."""
    return xp.log(1 + xp.exp(x))


@softplus.safe
def _(xp, x):
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@softplus.vjp
def _(xp, g, out, x):
    return g * xp.sigmoid(x)


ROWS = Samples("n m|m|b n m", params=({"axis": -1}, {"axis": 0}), smallest=1,
               corners=((np.array([[1000.0, -1000.0, 0.0], [1.0, 1.0, 1.0]]),),))  # fmt: skip


@op(notation=r"\operatorname{{softmax}}\left({0}\right)", symbol="a", quiet=("under",), samples=ROWS,
    torch="torch.softmax(x, dim=axis)",
    traits={"activation": True, "range": (0.0, 1.0), "flat": "both", "gain": 1.0,
            "module": "Softmax", "rows": True})  # fmt: skip
def softmax(xp, x, *, axis=-1):
    """Turn each row into probabilities: positive, adding up to 1."""
    e = xp.exp(x)
    return e / xp.sum(e, axis=axis, keepdims=True)


@softmax.safe
def _(xp, x, axis):
    m = xp.max(x, axis=axis, keepdims=True)
    e = xp.exp(x - m)  # exp(800) overflows; subtracting the largest changes nothing in the quotient
    s = xp.sum(e, axis=axis, keepdims=True)
    return e / s


@softmax.vjp
def _(xp, g, out, x, axis):
    return out * (g - xp.sum(g * out, axis=axis, keepdims=True))


@op(notation=r"\operatorname{{logsoftmax}}\left({0}\right)", symbol="a", quiet=("under",), samples=ROWS,
    torch="torch.log_softmax(x, dim=axis)",
    traits={"activation": True, "range": (-math.inf, 0.0), "gain": 1.0,
            "module": "LogSoftmax", "rows": True})  # fmt: skip
def log_softmax(xp, x, *, axis=-1):
    """The logarithm of softmax, without forming the probabilities."""
    lse = xp.logsumexp(x, axis=axis, keepdims=True)
    return x - lse


@log_softmax.vjp
def _(xp, g, out, x, axis):
    p = xp.softmax(x, axis=axis)
    return g - p * xp.sum(g, axis=axis, keepdims=True)
