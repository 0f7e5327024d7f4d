"""Normalisation: columns or rows brought to mean 0 and variance 1, then scaled by gamma and shifted by beta."""

from handgrad.core.op import Samples, op

GIVEN = "it was measured in training and is given now"


def _columns(x):
    """The axes that batch normalisation averages over: all but the channels."""
    return (0,) if x.ndim == 2 else (0, 2, 3)


def _wide(xp, v, x):
    """One number for each channel, shaped to stand beside x."""
    return v if x.ndim == 2 else xp.reshape(v, shape=(1, v.shape[0], 1, 1))


@op(symbol="y", notation=r"\operatorname{{BN}}\left({0}\right)",
    torch="F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)",
    samples=Samples("n 3, 3, 3 | n 2 4 3, 2, 2", smallest=3, params=({"eps": 1e-5}, {"eps": 1e-2})),
    traits={"module": "BatchNorm"})  # fmt: skip
def batch_norm(xp, x, gamma, beta, *, eps=1e-5):
    """Every column (or channel) to mean 0 and variance 1 over the batch, then times gamma plus beta."""
    mu = xp.mean(x, axis=_columns(x), keepdims=True)
    d = x - mu
    v = xp.mean(d**2, axis=_columns(x), keepdims=True)
    xhat = d / xp.sqrt(v + eps)
    return _wide(xp, gamma, x) * xhat + _wide(xp, beta, x)


def _standard(xp, x, axes, eps):
    """x in standard form, and what it was divided by."""
    mu = xp.mean(x, axis=axes, keepdims=True)
    d = x - mu
    s = xp.sqrt(xp.mean(d**2, axis=axes, keepdims=True) + eps)
    return d / s, s


@batch_norm.vjp("x")
def _(xp, g, out, x, gamma, beta, eps):
    xhat, s = _standard(xp, x, _columns(x), eps)
    dxhat = g * _wide(xp, gamma, x)
    common = xp.mean(dxhat, axis=_columns(x), keepdims=True)
    along = xp.mean(dxhat * xhat, axis=_columns(x), keepdims=True)
    return (dxhat - common - xhat * along) / s


@batch_norm.vjp("gamma")
def _(xp, g, out, x, gamma, beta, eps):
    xhat, _s = _standard(xp, x, _columns(x), eps)
    return xp.sum(g * xhat, axis=_columns(x))


@batch_norm.vjp("beta")
def _(xp, g, out, x, gamma, beta, eps):
    return xp.sum(g, axis=_columns(x))


@op(symbol="y", notation=r"\operatorname{{BN}}\left({0}\right)", constant={"mean": GIVEN, "variance": GIVEN},
    torch="F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=eps)",
    samples=Samples("n 3, 3, 3, 3, 3 | n 2 4 3, 2, 2, 2, 2", domains={"variance": (0.5, 2.0)}),
    traits={"module": "BatchNorm"})  # fmt: skip
def batch_norm_given(xp, x, gamma, beta, mean, variance, *, eps=1e-5):
    """Batch normalisation with the mean and variance of the training data."""
    xhat = (x - _wide(xp, mean, x)) / xp.sqrt(_wide(xp, variance, x) + eps)
    return _wide(xp, gamma, x) * xhat + _wide(xp, beta, x)


@batch_norm_given.vjp("x")
def _(xp, g, out, x, gamma, beta, mean, variance, eps):
    return g * _wide(xp, gamma, x) / xp.sqrt(_wide(xp, variance, x) + eps)


@batch_norm_given.vjp("gamma")
def _(xp, g, out, x, gamma, beta, mean, variance, eps):
    xhat = (x - _wide(xp, mean, x)) / xp.sqrt(_wide(xp, variance, x) + eps)
    return xp.sum(g * xhat, axis=_columns(x))


@batch_norm_given.vjp("beta")
def _(xp, g, out, x, gamma, beta, mean, variance, eps):
    return xp.sum(g, axis=_columns(x))


@op(symbol="y", notation=r"\operatorname{{LN}}\left({0}\right)",
    torch="F.layer_norm(x, tuple(x.shape[-1:]), gamma, beta, eps)",
    samples=Samples("n 3, 3, 3 | n t 4, 4, 4", params=({"eps": 1e-5}, {"eps": 1e-2})),
    traits={"module": "LayerNorm"})  # fmt: skip
def layer_norm(xp, x, gamma, beta, *, eps=1e-5):
    """Every row to mean 0 and variance 1, then times gamma plus beta."""
    xhat, _s = _standard(xp, x, -1, eps)
    return gamma * xhat + beta


@layer_norm.vjp("x")
def _(xp, g, out, x, gamma, beta, eps):
    xhat, s = _standard(xp, x, -1, eps)
    dxhat = g * gamma
    common = xp.mean(dxhat, axis=-1, keepdims=True)
    along = xp.mean(dxhat * xhat, axis=-1, keepdims=True)
    return (dxhat - common - xhat * along) / s


@layer_norm.vjp("gamma")
def _(xp, g, out, x, gamma, beta, eps):
    xhat, _s = _standard(xp, x, -1, eps)
    return xp.sum(g * xhat, axis=tuple(range(x.ndim - 1)))


@layer_norm.vjp("beta")
def _(xp, g, out, x, gamma, beta, eps):
    return xp.sum(g, axis=tuple(range(x.ndim - 1)))
