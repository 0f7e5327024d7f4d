"""Rules as people write them: what is asked of one when it is defined, and of what it does when it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.sizes import Size, show
from handgrad.errors import ArgumentError, DTypeError, ShapeError, clipped

Rule = Callable[..., Any]


def ours(rule: Rule) -> bool:
    """Whether a rule came with handgrad, where tests hold it to what is checked here."""
    return str(getattr(rule, "__module__", "")).startswith(("handgrad.", "numpy"))


def check_definition(name: str, rule: Any) -> None:
    """A rule is a function of xp and at least one array, and has a name that code can spell.

    Raises DTypeError and ArgumentError.
    """
    if not callable(rule):
        raise DTypeError(
            "an op is made of a function, got {value}. Write @hg.op above def square(xp, x).", value=clipped(repr(rule))
        )
    if not name.isidentifier():
        raise ArgumentError(
            "an op cannot be named {name!r}: formulas and code call it by that. Write def with a name, or "
            "hg.op(rule, name={example!r}).",
            name=clipped(name), example="square",
        )  # fmt: skip
    kinds = [p.kind for p in inspect.signature(rule).parameters.values()]
    positional = [k for k in kinds if k not in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)]
    if len(positional) < 2 or positional[0] is inspect.Parameter.VAR_POSITIONAL:
        raise ArgumentError(
            "{op}: its rule takes {got}: the first argument is xp, the others are arrays. Write def {op}(xp, x).",
            op=name, got=str(inspect.signature(rule)),
        )  # fmt: skip


def check_vjp(op: str, rule: Rule, arrays: Sequence[str], variadic: bool, params: Mapping[str, Any]) -> None:
    """A VJP takes what it will be called with. Raises DTypeError."""
    names = ["xp", "g", "out", *(["i", f"*{arrays[0]}"] if variadic else arrays)]
    signature = inspect.signature(rule)
    try:
        signature.bind(*names, **params)
    except TypeError:
        raise DTypeError(
            "{op}: its VJP takes {got}, and is called with {expected}. Write def _({expected}).",
            op=op, got=clipped(str(signature)), expected=", ".join([*names, *params]),
        ) from None  # fmt: skip


def guarded(op: str, rule: Rule, what: str = "rule") -> Rule:
    """A rule of the user's on NumPy arrays: it cannot write into what it is given, and gives one array back.

    Raises ArgumentError and DTypeError.
    """

    def run(*arrays: Any, **params: Any) -> Any:
        given = [_read_only(a) for a in arrays]
        try:
            result = rule(*given, **params)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise ArgumentError(
                "{op}: its {what} writes into an array that it was given. Make a new one: x = x + 1, not x += 1.",
                op=op, what=what,
            ) from None  # fmt: skip
        one(op, result, what)
        if isinstance(result, np.ndarray) and not result.flags.writeable:
            return np.array(result)  # x itself, or a part of it: whoever edits the result must not edit x
        return result

    return run


def _read_only(a: Any) -> Any:
    if isinstance(a, np.ndarray) and a.flags.writeable:
        a = a.view()
        a.flags.writeable = False
    return a


def one(op: str, result: Any, what: str = "rule") -> Any:
    """`result`, if it is one array or number (or Tensor, or expression). Raises DTypeError."""
    if hasattr(result, "shape") or isinstance(result, (int, float, Size)):
        return result
    raise DTypeError(
        "{op}: its {what} gives {value}: it must give one array. Return that, and write an op for each further one.",
        op=op, what=what, value=clipped(" ".join(repr(result).split())),
    )  # fmt: skip


def endless(name: str) -> ArgumentError:
    """The error in place of Python's RecursionError."""
    return ArgumentError(
        "{name}: it calls itself without end, or rules stand inside one another too deeply. Put them one behind "
        "another.",
        name=name,
    )


def fitted(op: str, step: Any, shape: tuple[int, ...]) -> Any:
    """What a VJP gave, in its input's shape: copies along axes may be left unsaid. Raises ShapeError for others."""
    try:
        return np.broadcast_to(step, shape)
    except ValueError:
        raise ShapeError(
            "{op}: its VJP gives shape {got} for an input of shape {expected}: they must be equal.",
            op=op, got=show(np.shape(step)), expected=show(shape),
        ) from None  # fmt: skip
