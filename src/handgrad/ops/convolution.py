"""Images: convolution and pooling, seen as products and reductions over windows.

Images have the axes (N, channels, height, width). A window product is a matrix product: every window is a row.
"""

from typing import Any

import numpy as np

from handgrad.core.op import Samples, op
from handgrad.core.sizes import show
from handgrad.errors import ShapeError
from handgrad.ops.windows import pair

IMAGES: tuple[dict[str, Any], ...] = ({}, {"stride": 2, "padding": 1}, {"stride": (1, 2), "padding": (0, 1)})


def _channels(x, W):
    if x.ndim != 4 or W.ndim != 4 or x.shape[1] != W.shape[1]:
        raise ShapeError(
            "{where}: images are {x}, weights {W}: the second axes (channels) must be equal.",
            where="conv2d", x=show(x.shape), W=show(W.shape),
        )  # fmt: skip


def _windows(xp, x, W, stride, padding):
    """Every window of the images as a row: (N * rows * columns, channels * kernel height * kernel width)."""
    P = xp.patches(x, kernel=tuple(W.shape[2:]), stride=stride, padding=padding)
    return xp.reshape(P, shape=(P.shape[0] * P.shape[1] * P.shape[2], P.shape[3] * P.shape[4] * P.shape[5]))


def _pixels(xp, g):
    """Every pixel of a gradient as a row: (N, out, rows, columns) to (N * rows * columns, out)."""
    n, c, h, w = g.shape
    return xp.reshape(xp.transpose(g, axes=(0, 2, 3, 1)), shape=(n * h * w, c))


@op(symbol="z", notation=r"{0:5} \star {1:6} + {2:4}", torch="F.conv2d(x, W, b, stride=stride, padding=padding)",
    samples=Samples("n 2 5 6, 3 2 3 2, 3", params=IMAGES),
    traits={"gradient": "exchange", "module": "Conv2d"})  # fmt: skip
def conv2d(xp, x, W, b, *, stride=1, padding=0):
    """Slide every kernel over the image: at each place the product with the window, added up, plus the bias."""
    _channels(x, W)
    P = xp.patches(x, kernel=tuple(W.shape[2:]), stride=stride, padding=padding)
    n, h, w = P.shape[:3]
    rows = _windows(xp, x, W, stride, padding)
    K = xp.reshape(W, shape=(W.shape[0], W.shape[1] * W.shape[2] * W.shape[3]))
    Y = rows @ K.T + b
    return xp.transpose(xp.reshape(Y, shape=(n, h, w, W.shape[0])), axes=(0, 3, 1, 2))


@conv2d.vjp("x")
def _(xp, g, out, x, W, b, stride, padding):
    K = xp.reshape(W, shape=(W.shape[0], W.shape[1] * W.shape[2] * W.shape[3]))
    dP = xp.reshape(_pixels(xp, g) @ K, shape=(g.shape[0], g.shape[2], g.shape[3], *W.shape[1:]))
    return xp.fold(dP, shape=x.shape, kernel=tuple(W.shape[2:]), stride=stride, padding=padding)


@conv2d.vjp("W")
def _(xp, g, out, x, W, b, stride, padding):
    return xp.reshape(_pixels(xp, g).T @ _windows(xp, x, W, stride, padding), shape=W.shape)


@conv2d.vjp("b")
def _(xp, g, out, x, W, b, stride, padding):
    return xp.sum(_pixels(xp, g), axis=0)


def _pool(xp, x, kernel, stride, padding=0):
    """The numbers of every window in one axis: (N, rows, columns, channels, kernel size)."""
    P = xp.patches(x, kernel=kernel, stride=kernel if stride is None else stride, padding=padding)
    return xp.reshape(P, shape=(*P.shape[:4], P.shape[4] * P.shape[5]))


def _unpool(xp, dP, x, kernel, stride, padding=0):
    """Gradients of the windows, put back into the image."""
    kh, kw = pair(kernel, "kernel")
    dP = xp.reshape(dP, shape=(*dP.shape[:4], kh, kw))
    return xp.fold(dP, shape=x.shape, kernel=kernel, stride=kernel if stride is None else stride, padding=padding)


TIES = np.array([[[[1.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]]])
POOLS: tuple[dict[str, Any], ...] = ({"kernel": 2}, {"kernel": 3, "stride": 2}, {"kernel": (2, 1), "stride": 1})


@op(symbol="p", notation=r"\operatorname{{maxpool}}\left({0}\right)", torch="F.max_pool2d(x, kernel, stride)",
    samples=Samples("n c 5 6", params=POOLS, corners=((TIES,),)),
    traits={"gradient": "route", "module": "MaxPool2d"})  # fmt: skip
def max_pool2d(xp, x, *, kernel=2, stride=None):
    """The largest number of every window; the gradient goes to the first of several."""
    P = _pool(xp, x, kernel, stride)
    return xp.transpose(xp.max(P, axis=-1), axes=(0, 3, 1, 2))


@max_pool2d.vjp
def _(xp, g, out, x, kernel, stride):
    P = _pool(xp, x, kernel, stride)
    first = xp.one_hot(xp.argmax(P, axis=-1), n=P.shape[-1])
    rows = xp.transpose(g, axes=(0, 2, 3, 1))
    return _unpool(xp, xp.reshape(rows, shape=(*rows.shape, 1)) * first, x, kernel, stride)


@op(symbol="p", notation=r"\operatorname{{avgpool}}\left({0}\right)", torch="F.avg_pool2d(x, kernel, stride, padding)",
    samples=Samples("n c 5 6", params=(*POOLS, {"kernel": 3, "padding": 1})),
    traits={"gradient": "copy", "module": "AvgPool2d"})  # fmt: skip
def avg_pool2d(xp, x, *, kernel=2, stride=None, padding=0):
    """The mean of every window; padding counts as zeros."""
    P = _pool(xp, x, kernel, stride, padding)
    return xp.transpose(xp.mean(P, axis=-1), axes=(0, 3, 1, 2))


@avg_pool2d.vjp
def _(xp, g, out, x, kernel, stride, padding):
    kh, kw = pair(kernel, "kernel")
    rows = xp.transpose(g, axes=(0, 2, 3, 1))
    share = xp.reshape(rows, shape=(*rows.shape, 1)) / (kh * kw)
    return _unpool(xp, xp.broadcast_to(share, shape=(*rows.shape, kh * kw)), x, kernel, stride, padding)
