"""Derivatives of functions: grad, value_and_grad, vjp, jacobian, hessian, hvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from handgrad.core.interop import like, real
from handgrad.core.sizes import show
from handgrad.core.tensor import Tensor, gradients
from handgrad.errors import ArgumentError, DTypeError, GraphError, ShapeError, clipped

Wrt = int | Sequence[int]


def _leaves(args: Sequence[Any], wrt: Wrt) -> tuple[list[Any], list[Tensor]]:
    positions = _positions(wrt, len(args))
    call = list(args)
    leaves = []
    for p in positions:
        given = args[p]
        if isinstance(given, Tensor):
            leaf = given  # a recorded value: derivatives of derivatives go through it
        else:
            array = real(given)
            if isinstance(given, int) and not isinstance(given, bool):
                array = array.astype(np.float64)
            leaf = Tensor(array)
        if leaf.dtype.kind != "f":
            raise DTypeError(
                "argument {p} holds {dtype}: a gradient needs floating-point numbers. Try 2.0 instead of 2.",
                p=p, dtype=str(leaf.dtype),
            )  # fmt: skip
        call[p] = leaf
        leaves.append(leaf)
    return call, leaves


def _positions(wrt: Any, n: int) -> list[int]:
    """Which arguments are meant, counted from the front. Raises DTypeError and ArgumentError."""
    given = list(wrt) if isinstance(wrt, (tuple, list)) else [wrt]
    for p in given:
        if not isinstance(p, (int, np.integer)) or isinstance(p, bool):
            raise DTypeError(
                "wrt={wrt} must be a whole number, or several: which argument counts, from 0. Write wrt=0.",
                wrt=clipped(repr(wrt)),
            )
        if not -n <= p < n:
            raise ArgumentError("wrt={p}: the function has {n} arguments, counted from 0.", p=int(p), n=n)
    found = [int(p) % n for p in given]
    if len(set(found)) != len(found):
        raise ArgumentError("wrt={wrt} names an argument twice. Name each once.", wrt=clipped(repr(wrt)))
    return found


def _function(fn: Any) -> None:
    if not callable(fn):
        raise DTypeError(
            "a derivative is of a function, got {value}. Write hg.grad(f)(x), not hg.grad(f(x)).",
            value=clipped(" ".join(repr(fn).split())),
        )


def _output(fn: Callable[..., Any], call: Sequence[Any], leaves: Sequence[Tensor]) -> Tensor:
    """What the function gives. A plain number has the gradient 0 if it is a constant, and is refused if it is none."""
    out = fn(*call)
    if isinstance(out, Tensor):
        return out
    array = real(out)
    moved = {id(leaf): Tensor(leaf.value + (np.abs(leaf.value) + 1) / 128) for leaf in leaves}
    if np.array_equal(array, real(fn(*(moved.get(id(a), a) for a in call))), equal_nan=array.dtype.kind == "f"):
        return Tensor(array if array.dtype.kind == "f" else array.astype(np.float64))
    raise GraphError(
        "the function gives {value}, a plain number: no op recorded how it follows from the arguments. Compute with "
        "hg.sin, not math.sin, and without float(), x.item() or x.value.",
        value=clipped(" ".join(repr(out).split())),
    )


def _scalar(out: Tensor) -> Tensor:
    if out.size != 1:
        raise GraphError(
            "a gradient is of one number: the function returned shape {shape}. Use hg.jacobian.", shape=show(out.shape)
        )
    return out


def value_and_grad(fn: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., tuple[Any, Any]]:
    """`fn`'s value and its gradient with respect to argument number `wrt` (or several), as a new function.

    `fn` returns one number. The gradient has the argument's shape and dtype. Arguments that are Tensors give recorded
    results, so the new function can be differentiated again.

    >>> import handgrad as hg
    >>> value, slope = hg.value_and_grad(lambda x: x * x + x)(3.0)
    >>> float(value), float(slope)
    (12.0, 7.0)
    """

    _function(fn)

    def both(*args: Any, **settings: Any) -> tuple[Any, Any]:
        call, leaves = _leaves(args, wrt)
        out = _scalar(_output(partial(fn, **settings), call, leaves))
        again = any(isinstance(a, Tensor) for a in args)
        found = gradients(out, leaves, record_graph=again)
        answer = tuple(found) if isinstance(wrt, (tuple, list)) else found[0]
        return (out if again else out.value), answer

    return both


def grad(fn: Callable[..., Any], wrt: Wrt = 0) -> Callable[..., Any]:
    """The gradient of `fn` (which returns one number) as a new function; `hg.grad(hg.grad(f))` is the second.

    >>> import handgrad as hg
    >>> float(hg.grad(hg.grad(lambda x: x**3))(2.0))
    12.0
    """
    pair = value_and_grad(fn, wrt)
    return lambda *args, **settings: pair(*args, **settings)[1]


def vjp(fn: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """`fn(*args)` and the function that pulls a gradient back from its output to every argument.

    >>> import handgrad as hg, numpy as np
    >>> out, pull = hg.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pull(np.array([1.0, 10.0]))[0].tolist()
    [2.0, 40.0]
    """
    _function(fn)
    call, leaves = _leaves(args, tuple(range(len(args))))
    out = _output(fn, call, leaves)

    def pull(g: Any) -> tuple[Any, ...]:
        value = like(g, out.dtype, "the gradient")
        if value.shape != out.shape:
            raise ShapeError(
                "the gradient has shape {got}, the output {expected}: they must be equal.",
                got=show(value.shape), expected=show(out.shape),
            )  # fmt: skip
        return tuple(gradients(out, leaves, value))

    return out.value, pull


def jacobian(fn: Callable[..., Any], wrt: int = 0) -> Callable[..., Any]:
    """All derivatives of all outputs: shape (output shape + argument shape), one backward pass per output.

    >>> import handgrad as hg, numpy as np
    >>> hg.jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    _function(fn)

    def rows(*args: Any) -> Any:
        call, leaves = _leaves(args, wrt)
        if len(leaves) != 1:
            raise ArgumentError(
                "wrt={wrt}: a Jacobian is of one argument. Ask for each by itself.", wrt=clipped(repr(wrt))
            )
        leaf = leaves[0]
        out = _output(fn, call, leaves)
        return _all_rows(out, leaf)

    return rows


def _all_rows(out: Tensor, leaf: Tensor) -> Any:
    """The derivatives of every number of `out`: one backward pass for each."""
    result = np.zeros((out.size, leaf.size), leaf.dtype)
    for i in range(out.size):
        unit = np.zeros(out.size, out.dtype)
        unit[i] = 1
        result[i] = gradients(out, [leaf], unit.reshape(out.shape))[0].ravel()
    return result.reshape(out.shape + leaf.shape)


def hvp(fn: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of `fn` at x times v, without forming the Hessian (Pearlmutter 1994); shaped as x.

    >>> import handgrad as hg, numpy as np
    >>> hg.hvp(lambda x: hg.ops.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    _function(fn)
    call, (leaf,) = _leaves((x,), 0)
    v = like(v, leaf.dtype, "v")
    if v.shape != leaf.shape:
        raise ShapeError(
            "v has shape {got}, x has {expected}: they must be equal.", got=show(v.shape), expected=show(leaf.shape)
        )
    slope = gradients(_scalar(_output(fn, call, [leaf])), [leaf], record_graph=True)[0]
    return gradients(slope, [leaf], v)[0]


def hessian(fn: Callable[..., Any]) -> Callable[..., Any]:
    """All second derivatives of `fn` (which returns one number): shape (argument shape + argument shape).

    >>> import handgrad as hg, numpy as np
    >>> hg.hessian(lambda x: x[0] * x[1] * x[1])(np.array([1.0, 2.0])).tolist()
    [[0.0, 4.0], [4.0, 2.0]]
    """

    _function(fn)

    def matrix(x: Any) -> Any:
        call, (leaf,) = _leaves((x,), 0)
        slope = gradients(_scalar(_output(fn, call, [leaf])), [leaf], record_graph=True)[0]
        return _all_rows(slope, leaf)

    return matrix
