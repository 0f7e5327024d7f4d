"""Reductions: sums, means, extremes over axes, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.op import Samples, op, primitive
from handgrad.core.sizes import product, show
from handgrad.errors import ArgumentError, IndexRangeError

AXES = ({"axis": None}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)})


def axes_of(axis: Any, ndim: int, where: str = "axis") -> tuple[int, ...]:
    """Axes counted from the front; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    result = []
    for a in given:
        if not isinstance(a, (int, np.integer)) or not -ndim <= a < ndim:
            raise IndexRangeError(
                "{where}: axis {axis} does not exist in an array with {ndim} axes: use -{ndim} to {last}.",
                where=where,
                axis=a,
                ndim=ndim,
                last=ndim - 1,
            )
        result.append(int(a) % ndim)
    if len(set(result)) != len(result):
        raise ArgumentError("{where}: an axis stands twice in {axis}.", where=where, axis=axis)
    return tuple(sorted(result))


def _settle(x: Any, axis: Any = None, keepdims: bool = False) -> dict[str, Any]:
    axes = axes_of(axis, x.ndim)
    if axis is None:
        return {"axis": None, "keepdims": bool(keepdims)}
    return {"axis": axes[0] if len(axes) == 1 else axes, "keepdims": bool(keepdims)}


def kept(shape: Any, axis: Any) -> Any:
    """The shape with 1 in place of the reduced axes."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _shape(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(axis, x.ndim)
    shape = kept(x.shape, axis) if keepdims else tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return shape, "int" if x.dtype == "bool" else x.dtype


def _mean_shape(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _shape(x, axis, keepdims)[0], "float"


def _int_shape(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _shape(x, axis, keepdims)[0], "int"


def _python(function: str) -> Any:
    def template(call: Any) -> str:
        axis, keep = call.params["axis"], call.params["keepdims"]
        extra = "" if axis is None else f", axis={axis}"
        return f"np.{function}({{0}}{extra}{', keepdims=True' if keep else ''})"

    return template


def _index(call: Any) -> str:
    """The letters summed over: n for the rows, then j, k, ..."""
    letters = ("n", "j", "k", "l", "p", "q")
    return "".join(letters[a % 6] for a in axes_of(call.params["axis"], call.args[0].ndim))


def count(x: Any, axis: Any) -> Any:
    """How many numbers are reduced to one."""
    axes = axes_of(axis, len(x.shape))
    return product(n for i, n in enumerate(x.shape) if i in axes)


def put_back(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduced array with its axes back, each of length 1, so that it broadcasts against x again."""
    return g if keepdims or not x.ndim else xp.reshape(g, shape=kept(x.shape, axis))


def _sum_vjp(xp: Any, g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.broadcast_to(put_back(xp, g, x, axis, keepdims), shape=x.shape)


def _mean_vjp(xp: Any, g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.broadcast_to(put_back(xp, g, x, axis, keepdims) / count(x, axis), shape=x.shape)


def _extreme_vjp(xp: Any, g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    # equal shares among all that tie, as torch.amax
    winners = xp.cast(x == put_back(xp, out, x, axis, keepdims), x)
    return put_back(xp, g, x, axis, keepdims) * (winners / xp.sum(winners, axis=axis, keepdims=True))


def _row(name: str, vjp: Any, latex: Any, **facts: Any) -> Any:
    facts.setdefault("shape", _shape)
    return primitive(
        facts.pop("rule", getattr(np, name)), "x", name=name, kind="reduce", vjp=vjp, notation=latex,
        params={"axis": None, "keepdims": False}, settle=_settle, python=_python(facts.pop("function", name)), **facts,
    )  # fmt: skip


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if not count(x, axis):
        raise ArgumentError(
            "mean: an array of shape {shape} has no numbers along axis {axis}, and the mean of nothing is no number. "
            "Give at least one.",
            shape=show(x.shape), axis=axis,
        )  # fmt: skip
    return np.mean(x, axis=axis, keepdims=keepdims)


def _extreme_latex(name: str) -> Any:
    return lambda call: (rf"\{name}_{{{{{_index(call)}}}}} {{0:5}}", 5)


total = _row(
    "sum", (_sum_vjp,), lambda call: (rf"\sum_{{{{{_index(call)}}}}} {{0:5}}", 4), sentence="Add up over axes.",
    torch="torch.sum(x, dim=axis, keepdim=keepdims)", samples=Samples("n m k", params=AXES),
    traits={"gradient": "copy"}, simplify=lambda xp, x, axis, keepdims: x if not x.ndim and x.dtype != "bool" else None,
)  # fmt: skip


def _mean_latex(call: Any) -> Any:
    n = count(call.args[0], call.params["axis"])
    return rf"\tfrac{{{{1}}}}{{{{{n}}}}} \sum_{{{{{_index(call)}}}}} {{0:5}}", 4


mean = _row(
    "mean", (_mean_vjp,), _mean_latex, rule=_mean, shape=_mean_shape, sentence="The mean over axes.",
    torch="torch.mean(x, dim=axis, keepdim=keepdims)", samples=Samples("n m k", params=AXES, smallest=1),
    traits={"gradient": "copy"},
    simplify=lambda xp, x, axis, keepdims: x if not x.ndim and x.dtype == "float" else None,
)  # fmt: skip
largest = _row(
    "max", (_extreme_vjp,), _extreme_latex("max"), sentence="The largest number over axes; ties share the gradient.",
    torch="torch.amax(x, dim=axis, keepdim=keepdims)", traits={"gradient": "route"},
    samples=Samples("n m k", params=AXES, smallest=1, corners=((np.array([[[1.0, 1.0], [0.0, 1.0]]]),),)),
)  # fmt: skip
smallest = _row(
    "min", (_extreme_vjp,), _extreme_latex("min"), sentence="The smallest number over axes; ties share the gradient.",
    torch="torch.amin(x, dim=axis, keepdim=keepdims)", traits={"gradient": "route"},
    samples=Samples("n m k", params=AXES, smallest=1, corners=((np.array([[[1.0, 1.0], [0.0, 0.0]]]),),)),
)  # fmt: skip
for _name in ("argmax", "argmin"):
    _row(
        _name, (), lambda call, n=_name: (rf"\operatorname{{{{{n}}}}}_{{{{{_index(call)}}}}} {{0:5}}", 5),
        shape=_int_shape, sentence="Where the largest number stands; the first of several.".replace(
            "largest", "largest" if _name == "argmax" else "smallest"
        ),
        torch=f"torch.{_name}(x, dim=axis, keepdim=keepdims)", constant={"x": "a position cannot move a little"},
        samples=Samples("n m k", params=({"axis": None}, {"axis": 0}, {"axis": -1, "keepdims": True}), smallest=1),
    )  # fmt: skip


@op(notation=r"\operatorname{{Var}}\left({0}\right)", torch="torch.var(x, dim=axis, correction=0, keepdim=keepdims)",
    samples=Samples("n m k", params=({"axis": None}, {"axis": 0}, {"axis": (1, 2), "keepdims": True}), smallest=1,
                    corners=((np.zeros((2, 3, 2)),),)))  # fmt: skip
def var(xp, x, *, axis=None, keepdims=False):
    """The mean squared distance from the mean."""
    d = x - xp.mean(x, axis=axis, keepdims=True)
    return xp.mean(d**2, axis=axis, keepdims=keepdims)


@var.vjp
def _(xp, g, out, x, axis, keepdims):
    d = x - xp.mean(x, axis=axis, keepdims=True)
    return put_back(xp, g, x, axis, keepdims) * (2 * d / count(x, axis))


@op(notation=r"\operatorname{{lse}}\left({0}\right)", quiet=("under",),
    torch="torch.logsumexp(x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)",
    samples=Samples("n m k", params=({"axis": None}, {"axis": -1}, {"axis": 0, "keepdims": True}), smallest=1,
                    corners=((np.array([[[1000.0, -1000.0], [1000.0, 1000.0]]]),),)))  # fmt: skip
def logsumexp(xp, x, *, axis=None, keepdims=False):
    """The logarithm of the sum of the exponentials."""
    return xp.log(xp.sum(xp.exp(x), axis=axis, keepdims=keepdims))


@logsumexp.safe
def _(xp, x, axis, keepdims):
    m = xp.max(x, axis=axis, keepdims=True)
    e = xp.exp(x - m)  # exp(800) overflows; the largest exponent is 0 now, and the result does not change
    s = xp.sum(e, axis=axis, keepdims=True)
    lse = m + xp.log(s)
    return lse if keepdims else xp.reshape(lse, shape=dropped(x.shape, axis))


@logsumexp.vjp
def _(xp, g, out, x, axis, keepdims):
    return put_back(xp, g, x, axis, keepdims) * xp.exp(x - put_back(xp, out, x, axis, keepdims))


def dropped(shape: Any, axis: Any) -> Any:
    """The shape without the reduced axes."""
    axes = axes_of(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)
