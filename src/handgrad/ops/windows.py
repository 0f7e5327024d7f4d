"""Windows of images: cut out every patch, and put patches back."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.op import Samples, primitive
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, ShapeError


def pair(value: Any, name: str) -> tuple[int, int]:
    """(rows, columns) from a whole number or two of them."""
    two = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(two) != 2 or not all(isinstance(v, (int, np.integer)) for v in two):
        raise ArgumentError("{name} must be a whole number or two of them, got {value!r}.", name=name, value=value)
    return int(two[0]), int(two[1])


def _settle_patches(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> dict[str, Any]:
    return {"kernel": pair(kernel, "kernel"), "stride": pair(stride, "stride"), "padding": pair(padding, "padding")}


def _patches_shape(x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    if x.ndim != 4:
        raise ShapeError(
            "patches: images have the axes (N, channels, height, width), got {shape}.", shape=show(x.shape)
        )
    n, c, h, w = x.shape
    oh, ow = ((s + 2 * p - k) // d + 1 for s, k, d, p in zip((h, w), kernel, stride, padding, strict=True))
    if oh < 1 or ow < 1:
        raise ShapeError(
            "patches: a {kernel} window does not fit into {size} with padding {padding}.",
            kernel=show(kernel), size=show((h, w)), padding=show(padding),
        )  # fmt: skip
    return (n, oh, ow, c, *kernel), x.dtype


def _patches(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    (kh, kw), (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, padding))
    wide = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5))


def _fold(p: Any, shape: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    (kh, kw), (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, padding))
    n, c, h, w = shape
    wide = np.zeros((n, c, h + 2 * ph, w + 2 * pw), p.dtype)
    oh, ow = p.shape[1:3]
    for i in range(kh):
        for j in range(kw):
            wide[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw] += p[:, :, :, :, i, j].transpose(0, 3, 1, 2)
    return wide[:, :, ph : ph + h, pw : pw + w]


WINDOW = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0)}
patches = primitive(
    _patches, "x", name="patches", kind="move", params=dict(WINDOW), settle=_settle_patches, shape=_patches_shape,
    vjp=(lambda xp, g, out, x, kernel, stride, padding: xp.fold(
        g, shape=x.shape, kernel=kernel, stride=stride, padding=padding),),
    python=lambda c: f"patches({{0}}, {c.params['kernel']}, {c.params['stride']}, {c.params['padding']})",
    notation=r"\operatorname{{patches}}\left({0}\right)", traits={"gradient": "sum", "carried": _patches},
    torch="F.pad(x, (padding[1], padding[1], padding[0], padding[0])).unfold(2, kernel[0], stride[0])"
    ".unfold(3, kernel[1], stride[1]).permute(0, 2, 3, 1, 4, 5)",
    sentence="Every window of an image: (N, C, H, W) to (N, rows, columns, C, kernel height, kernel width).",
    samples=Samples("n c 5 6", params=({"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0)},)),
)  # fmt: skip
fold = primitive(
    _fold, "p", name="fold", kind="move", params={"shape": (), **WINDOW},
    shape=lambda p, shape, kernel, stride, padding: (tuple(shape), p.dtype),
    vjp=(lambda xp, g, out, p, shape, kernel, stride, padding: xp.patches(
        g, kernel=kernel, stride=stride, padding=padding),),
    python=lambda c: f"fold({{0}}, {show(c.params['shape'])}, {c.params['kernel']}, {c.params['stride']}, "
    f"{c.params['padding']})",
    notation=r"\operatorname{{fold}}\left({0}\right)", traits={"gradient": "copy", "carried": _fold},
    torch="F.fold(p.permute(0, 3, 4, 5, 1, 2).flatten(4).flatten(1, 3), shape[2:], kernel, padding=padding, "
    "stride=stride)",
    sentence="Put windows back into the image, adding where they overlap; the adjoint of patches.",
    samples=Samples("n 3 6 c 3 2", params=(
        {"shape": ("n", "c", 5, 7), "kernel": (3, 2), "stride": (2, 1), "padding": (1, 0)},)),
)  # fmt: skip
