"""How NumPy computes a primitive into a given buffer, where that is more than one ufunc with `out`.

A recipe gets the planner, the expression and the register to write (or None), and gives the register that holds the
result, or None to leave the case to the general way. The figures behind the choices are in docs/decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handgrad.core.sizes import Size, product


def _flat(p: Any, r: Any) -> Any:
    """All numbers of a register in one row, without copying; None where that is not possible."""
    if not r.contiguous or not r.steady or r.dtype != "float":
        return None
    return r if len(r.shape) == 1 else p.view(r, "{0:9}.reshape(-1)", (product(r.shape),))


def _matmul(p: Any, e: Any, out: Any) -> Any:
    x, y = e.args
    if x.dtype != "float" or y.dtype != "float" or e.shape == ():
        return None
    a, b = p.value(x), p.value(y)
    out = out or p.pool(e.shape)
    if x.ndim <= 2 and y.ndim <= 2:
        return p.call("dot", (a, b), out)
    if y.ndim == 2 and a.contiguous and a.steady and x.ndim > 2 and out.kind == "pool":
        # rows of all batches under one another: one product instead of many
        rows = product(x.shape[:-1])
        flat = p.view(a, f"{{0:9}}.reshape({rows}, {x.shape[-1]})", (rows, x.shape[-1]))
        p.call("dot", (flat, b), p.view(out, f"{{0:9}}.reshape({rows}, {y.shape[-1]})", (rows, y.shape[-1])))
        return out
    return p.call("matmul", (a, b), out)


def _sum(p: Any, e: Any, out: Any) -> Any:
    x, axis, keep = e.args[0], e.params["axis"], e.params["keepdims"]
    if x.dtype != "float":
        return None
    if e.shape == () and axis is None:
        return _sum_all(p, x)
    r = p.value(x)
    out = out or p.pool(e.shape)
    if x.ndim == 2 and axis == 0 and not keep:
        return p.call("dot", (_ones(p, x.shape[0]), r), out)  # a product with ones: faster than add.reduce
    if x.ndim == 2 and axis == 1:
        row = out if not keep else p.view(out, "{0:9}.reshape(-1)", (x.shape[0],))
        p.call("dot", (r, _ones(p, x.shape[1])), row)
        return out
    return p.call("add.reduce", (r, str(axis), "None"), out, form=f"{{fn}}({{ins}}, {{out}}, {keep})")


def _sum_all(p: Any, x: Any) -> Any:
    """A total: of squares or products it is one dot product."""
    if x.op is not None and x.op.kind == "map" and x.op.name in ("power", "multiply"):
        a, b = x.args
        if x.op.name == "power":
            b = a if b.is_constant and b.value == 2 else None
        if b is not None and a.shape == b.shape and a.ndim:
            first, second = _flat(p, p.value(a)), _flat(p, p.value(b))
            if first is not None and second is not None:
                return p.number("dot", (first, second))
    if not x.ndim:
        return None
    r = p.value(x)
    flat = _flat(p, r)
    if flat is not None:
        return p.number("add.reduce", (flat,))
    return p.number("add.reduce", (r, "None"))


def _ones(p: Any, n: int | Size) -> Any:
    return p.once(f"ones({n}, dt)", (n,), "float", "ones_N" if isinstance(n, Size) else f"ones_{n}", "ones")


def _mean(p: Any, e: Any, out: Any) -> Any:
    x, axis, keep = e.args[0], e.params["axis"], e.params["keepdims"]
    if x.dtype != "float" or not x.ndim:
        return None
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    n = product(x.shape[i] for i in axes)
    total = e.table.sum(x, axis=axis, keepdims=keep)
    if e.shape == ():
        return p.value(total / n)
    r = _sum(p, total, out)
    return p.call("divide", (r, p.constant(n)), r, elementwise=True)


def _extreme(ufunc: str) -> Callable[..., Any]:
    def recipe(p: Any, e: Any, out: Any) -> Any:
        x, axis, keep = e.args[0], e.params["axis"], e.params["keepdims"]
        if x.dtype != "float" or e.shape == ():
            return None
        out = out or p.pool(e.shape)
        return p.call(f"{ufunc}.reduce", (p.value(x), str(axis), "None"), out, form=f"{{fn}}({{ins}}, {{out}}, {keep})")

    return recipe


def _power(p: Any, e: Any, out: Any) -> Any:
    x, k = e.args
    if e.shape == () or not (k.is_constant and k.value in (2, 3)) or x.dtype != "float":
        return None
    r = p.value(x)
    square = p.call("multiply", (r, r), out or p.pool(e.shape), elementwise=k.value == 2)
    return square if k.value == 2 else p.call("multiply", (square, r), square)


def _where(p: Any, e: Any, out: Any) -> Any:
    c, x, y = e.args
    if e.shape == () or e.dtype != "float":
        return None
    mask, a, b = p.value(c), p.value(x), p.value(y)
    out = p.call("copyto", (b,), out or p.pool(e.shape), form="{fn}({out}, {ins})")
    return p.call("copyto", (a, mask), out, form="{fn}({out}, {0}, where={1})")


def _clip(p: Any, e: Any, out: Any) -> Any:
    if e.shape == ():
        return None
    r = p.value(e.args[0])
    low = p.call("maximum", (r, p.constant(e.params["low"])), out or p.pool(e.shape), elementwise=True)
    return p.call("minimum", (low, p.constant(e.params["high"])), low, elementwise=True)


def _one_hot(p: Any, e: Any, out: Any) -> Any:
    n = e.params["n"]
    eye = p.once(f"eye({n}, dtype=dt)", (n, n), "float", f"eye_{n}", "eye")
    if e.args[0].ndim != 1:
        return None
    made = out or p.pool(e.shape)
    return p.call("take", (eye, p.value(e.args[0]), "0"), made, form="{fn}({ins}, {out}, 'clip')")


def _pick(p: Any, e: Any, out: Any) -> Any:
    x, y = e.args
    if x.ndim != 2:
        return None
    r = p.value(x)
    flat = _flat(p, r)
    if flat is None:
        return None
    n, c = x.shape
    starts = p.once(f"arange({n}) * {c}", (n,), "int", f"starts_{c}", "arange")
    at = p.call("add", (starts, p.value(y)), p.pool((n,), "int"))
    return p.call("take", (flat, at, "None"), out or p.pool(e.shape), form="{fn}({ins}, {out}, 'clip')")


def _concat(p: Any, e: Any, out: Any) -> Any:
    if e.dtype != "float":
        return None
    parts = tuple(p.value(a) for a in e.args)
    return p.call("concatenate", parts, out or p.pool(e.shape), form=f"{{fn}}(({{ins}},), {e.params['axis']}, {{out}})")


RECIPES: dict[str, Callable[..., Any]] = {
    "matmul": _matmul,
    "sum": _sum,
    "mean": _mean,
    "max": _extreme("maximum"),
    "min": _extreme("minimum"),
    "power": _power,
    "where": _where,
    "clip": _clip,
    "one_hot": _one_hot,
    "pick": _pick,
    "concat": _concat,
}
