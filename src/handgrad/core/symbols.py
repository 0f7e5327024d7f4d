"""Symbols: an array namespace whose arrays are expressions.

Equal expressions are one object (hash-consing), per table. So a VJP that writes `e = xp.exp(x - m)` again names the
very value that the forward pass computed: what other engines save for the backward pass is but a shared expression.

An op that is applied outside of any rule stays folded: one expression that remembers its call. Inside a rule, ops open
into primitives. Names given inside rules (`e = ...`) are kept as hints for the names in printed programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.interop import on_function, on_ufunc
from handgrad.core.op import Op, registry
from handgrad.core.reverse import reverse
from handgrad.core.rules import endless, one
from handgrad.core.sizes import Shape, Size, broadcast, product, show
from handgrad.errors import ArgumentError, DTypeError, ShapeError, clipped


class Expr:
    """One value as a formula: an op applied to expressions, a named leaf, or a constant.

    `op` is None for leaves (`name` set) and constants (`value` set); `number_only` says that no leaf is below. `shape`
    may hold letters, `dtype` is "float", "int" or "bool": how many bits a float has is settled when a program is run.
    """

    __slots__ = ("args", "dtype", "name", "number_only", "op", "params", "shape", "table", "value")

    def __init__(self, table: Symbols, op: Op | None, args: tuple[Expr, ...], params: Mapping[str, Any], shape: Shape,
                 dtype: str, name: Any = None, value: Any = None) -> None:  # fmt: skip
        self.table, self.op, self.args, self.params = table, op, args, params
        self.shape, self.dtype, self.name, self.value = shape, dtype, name, value
        self.number_only: bool = name is None if op is None else all(a.number_only for a in args)

    def _apply_op(self, op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Expr:
        return self.table.apply(op, arrays, params)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return on_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return on_function(function, args, kwargs)

    # -- what rules may ask of an array -------------------------------------------------------------------------
    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int | Size:
        return product(self.shape)

    @property
    def T(self) -> Expr:
        return self.table.call_with("transpose", self)

    @property
    def mT(self) -> Expr:
        axes = tuple(range(self.ndim))
        return self.table.call_with("transpose", self, axes=(*axes[:-2], axes[-1], axes[-2]))

    @property
    def is_constant(self) -> bool:
        return self.op is None and self.name is None

    def reshape(self, *shape: Any) -> Expr:
        new = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self.table.call_with("reshape", self, shape=new)

    def transpose(self, *axes: int) -> Expr:
        return self.table.call_with("transpose", self, axes=axes or None)

    def __getitem__(self, index: Any) -> Expr:
        return self.table.call_with("getitem", self, index=index)

    def __bool__(self) -> bool:
        raise DTypeError("a rule cannot branch on the numbers of an array ({name}): write xp.where.", name=repr(self))

    def __repr__(self) -> str:
        if self.op is None:
            return f"<{self.name if self.name is not None else self.value} {show(self.shape)}>"
        return f"<{self.op.name} {show(self.shape)} {self.dtype}>"


def _operators() -> None:
    """Give Expr Python's operators; the registry knows the ops behind them."""
    from handgrad.core.operators import BINARY, UNARY

    for method, name in BINARY.items():
        setattr(Expr, f"__{method}__", lambda a, b, n=name: a.table.call(n, a, b))
        if not method.startswith(("eq", "ne", "lt", "le", "gt", "ge")):
            setattr(Expr, f"__r{method}__", lambda a, b, n=name: a.table.call(n, b, a))
    for method, name in UNARY.items():
        setattr(Expr, f"__{method}__", lambda a, n=name: a.table.call(n, a))
    for name in ("sum", "mean", "max", "min"):  # as methods, which arrays and Tensors have too
        setattr(Expr, name, lambda a, axis=None, keepdims=False, n=name: a.table.call_with(
            n, a, axis=axis, keepdims=keepdims))  # fmt: skip


_operators()
Expr.__hash__ = object.__hash__  # type: ignore[method-assign]  # __eq__ is element by element, identity is the hash


class Symbols:
    """A table of expressions, and at the same time the namespace `xp` that makes them."""

    def __init__(self) -> None:
        self._known: dict[Any, Expr] = {}
        self._inside = 0  # > 0 while a rule runs: ops open into primitives
        self._form = "definition"
        self._bodies: dict[tuple[Expr, str], Expr] = {}
        self.hints: dict[Expr, str] = {}  # the names that rules gave

    # -- making -------------------------------------------------------------------------------------------------
    def leaf(self, name: Any, shape: Shape = (), dtype: str = "float") -> Expr:
        """The named array `name`: the same object each time."""
        return self._intern(("leaf", name), lambda: Expr(self, None, (), {}, tuple(shape), dtype, name=name))

    def constant(self, value: Any) -> Expr:
        """A number (or a size with letters). Weak as Python's numbers are: it takes the float width of its partner."""
        if isinstance(value, (np.generic, np.ndarray)):
            if value.ndim:
                raise ArgumentError(
                    "an array of shape {shape} stands inside a symbolic rule: give it as an argument of the op.",
                    shape=show(value.shape),
                )
            value = value.item()
        if not isinstance(value, (int, float, Size)):
            raise DTypeError(
                "{value} stands where a rule computes: that takes arrays and real numbers only.",
                value=clipped(" ".join(repr(value).split())),
            )
        if isinstance(value, bool):
            dtype = "bool"
        else:
            dtype = "int" if isinstance(value, (int, Size)) else "float"
        # 1, 1.0, True and -0.0 are equal as dictionary keys, so the type and the printed form are part of the key
        return self._intern(
            ("constant", type(value), repr(value)), lambda: Expr(self, None, (), {}, (), dtype, value=value)
        )

    def _intern(self, key: Any, make: Callable[[], Expr]) -> Expr:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = make()
        return found

    def wrap(self, value: Any) -> Expr:
        return value if isinstance(value, Expr) else self.constant(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        op = registry[name]
        return lambda *args, **kwargs: self.apply(op, *op.bind(args, kwargs))

    def call(self, name: str, *args: Any) -> Expr:
        op = registry[name]
        return self.apply(op, args, op.params)

    def apply(self, op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Expr:
        """Apply an op: a primitive becomes an expression, an op stays folded or, inside a rule, opens."""
        if any(isinstance(a, Expr) and a.table is not self for a in arrays):
            raise ArgumentError("{op}: its arguments come from two different programs.", op=op.name)
        args = tuple(self.wrap(a) for a in arrays)
        if op.primitive:
            return self._primitive(op, args, params)
        if op.composite or self._inside:
            inside = not op.composite or self._inside > 0
            return self.wrap(one(op.name, self.run_rule(self._rule(op), (self, *args), params, inside=inside)))
        key = (op.name, args, _freeze(params))
        found = self._known.get(key)
        if found is None:
            body = self._open(op, args, params, "definition")
            found = self._known[key] = Expr(self, op, args, dict(params), body.shape, body.dtype)
            self._bodies[found, "definition"] = body
        return found

    def _rule(self, op: Op) -> Any:
        return op.safe_rule if self._form == "safe" and op.safe_rule is not None else op.rule

    def raw(self, op: Op, args: tuple[Expr, ...], params: Mapping[str, Any], shape: Shape, dtype: str) -> Expr:
        """An expression exactly as given, without simplification (for statements that refer to names)."""
        key = (op.name, args, _freeze(params))
        return self._intern(key, lambda: Expr(self, op, args, dict(params), shape, dtype))

    def _primitive(self, op: Op, args: tuple[Expr, ...], params: Mapping[str, Any]) -> Expr:
        if op.kind == "map" and len(args) > 1:
            args, copy, full = _without_copies(args)
            if copy is not None:
                return self.apply(copy, (self._primitive(op, args, params),), {"shape": full})
        settled = op.settle(*args, **params) if op.settle else params
        if op.simplify is not None:
            simple = op.simplify(self, *args, **settled)
            if simple is not None:
                return self.wrap(simple)
        key = (op.name, args, _freeze(settled))
        found = self._known.get(key)
        if found is None:
            try:
                shape, dtype = op.shape(*args, **settled)
            except ShapeError as error:
                if "{where}" not in error.template:
                    raise
                raise ShapeError(error.template, **{**error.values, "where": op.name}) from None
            found = self._known[key] = Expr(self, op, args, dict(settled), shape, dtype)
        return found

    # -- opening and differentiating ----------------------------------------------------------------------------
    def body(self, node: Expr, form: str = "safe") -> Expr:
        """What a folded op is made of: its textbook definition, or the safe form that programs run."""
        assert node.op is not None
        found = self._bodies.get((node, form))
        if found is None:
            if node.op.safe_rule is None and not _nested_safe(node.op):
                found = self._bodies[node, "definition"]
            else:
                found = self._open(node.op, node.args, node.params, form)
            self._bodies[node, form] = found
        return found

    def _open(self, op: Op, args: tuple[Expr, ...], params: Mapping[str, Any], form: str) -> Expr:
        before = self._form
        self._form = form
        try:
            return self.wrap(one(op.name, self.run_rule(self._rule(op), (self, *args), params)))
        except RecursionError:
            raise endless(op.name) from None
        finally:
            self._form = before

    def run_rule(self, rule: Any, args: Sequence[Any], params: Mapping[str, Any], inside: bool = True) -> Any:
        """Run a rule on symbols, keeping the names that it gives to its intermediate values."""
        self._inside += inside
        try:
            result, names = _with_locals(rule, args, params)
        finally:
            self._inside -= inside
        for name, value in names.items():
            if isinstance(value, Expr) and value.op is not None and not name.startswith("_"):
                self.hints[value] = name  # an outer rule returns later: its name wins over an inner one's
        return result

    def vjp(self, node: Expr, i: int, g: Expr) -> Expr | None:
        """The gradient that `node` hands to its i-th argument when `g` arrives; None where there is none."""
        op, target = node.op, node.args[i]
        assert op is not None
        if not op.moves(i) or target.dtype != "float":
            return None
        rule = op.vjp_at(i)
        before, self._form = self._form, "safe"
        try:
            if rule is None:  # no VJP by hand at all: the chain rule applied to what is computed
                return self.gradient(self.body(node), g, node.args, stop=True)[i]
            position = (i,) if op.variadic else ()
            if op.primitive:
                self._inside += 1
                try:
                    result = rule(self, g, node, *position, *node.args, **node.params)
                finally:
                    self._inside -= 1
            else:
                result = self.run_rule(rule, (self, g, node, *position, *node.args), node.params)
        finally:
            self._form = before
        result = self.wrap(one(op.name, result, "VJP"))
        return self.unbroadcast(result, target.shape) if op.kind == "map" else self._full(result, target, op)

    def _full(self, result: Expr, target: Expr, op: Op) -> Expr:
        if result.shape == target.shape:
            return result
        if broadcast(result.shape, target.shape) == target.shape:
            return self.call_with("broadcast_to", result, shape=target.shape)
        raise ShapeError(
            "{op}: its VJP gives shape {got} for an input of shape {expected}: they must be equal.",
            op=op.name,
            got=show(result.shape),
            expected=show(target.shape),
        )

    def call_with(self, name: str, *args: Any, **params: Any) -> Expr:
        op = registry[name]
        return self.apply(op, args, {**op.params, **params})

    def unbroadcast(self, g: Expr, shape: Shape) -> Expr:
        """Add up what broadcasting had copied, so that the gradient gets the input's shape."""
        if g.shape == shape:
            return g
        lead = g.ndim - len(shape)
        if lead < 0 or g.shape != broadcast(g.shape, shape):
            return self.call_with("broadcast_to", g, shape=shape)
        axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1)
        if axes:
            g = self.call_with("sum", g, axis=axes, keepdims=False)
        return g if g.shape == shape else self.call_with("reshape", g, shape=shape)

    def gradient(
        self, output: Expr, seed: Expr, wanted: Sequence[Expr], hear: Any = None, stop: bool = False
    ) -> list[Expr]:
        """The gradients of `output` with respect to `wanted`, by the one reverse loop.

        With `stop`, the wanted values are inputs: what they were made of plays no part.
        """
        adjoint = reverse([(output, seed)], wanted, self.vjp, hear, stop=stop)
        return [adjoint.get(id(w), self._zero(w)) for w in wanted]

    def _zero(self, w: Expr) -> Expr:
        return self.call_with("broadcast_to", self.constant(0.0), shape=w.shape) if w.shape else self.constant(0.0)


def _without_copies(args: tuple[Expr, ...]) -> tuple[tuple[Expr, ...], Op | None, Shape]:
    """Element-wise ops copy along axes by themselves: an argument need not be copied first if another has the shape.

    When nothing but numbers is left, the op is applied to the numbers and its result copied: the op that copies, and
    the shape, come back too.
    """
    copies = [a for a in args if a.op is not None and a.op.traits.get("copies")]
    if not copies:
        return args, None, ()
    full = broadcast(*(a.shape for a in args))
    if all(a.is_constant or (any(a is c for c in copies) and a.args[0].is_constant) for a in args):
        return tuple(a if a.is_constant else a.args[0] for a in args), copies[0].op, full
    kept = list(args)
    for i, a in enumerate(args):
        if a.op is not None and a.op.traits.get("copies"):
            rest = [k.shape for j, k in enumerate(kept) if j != i]
            if broadcast(a.args[0].shape, *rest) == full:
                kept[i] = a.args[0]
    return tuple(kept), None, ()


def _nested_safe(op: Op) -> bool:
    """Whether a rule calls ops that have a safe form of their own; then its two forms differ too."""
    names = op.rule.__code__.co_names if hasattr(op.rule, "__code__") else ()
    return any(n in registry and (registry[n].safe_rule or _nested_safe(registry[n])) for n in names
               if n in registry and not registry[n].primitive)  # fmt: skip


def _freeze(params: Mapping[str, Any]) -> Any:
    return tuple((k, _frozen(v)) for k, v in params.items()) if params else ()


def _frozen(value: Any) -> Any:
    if isinstance(value, tuple):
        return ("t", *map(_frozen, value))
    if isinstance(value, list):
        return ("l", *map(_frozen, value))
    if isinstance(value, slice):
        return ("s", value.start, value.stop, value.step)
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def _with_locals(
    rule: Callable[..., Any], args: Sequence[Any], params: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Call a rule and look once at its frame when it returns: the names it gave to its values.

    A profile hook does this for rules of any origin (a file, `exec`, a notebook), in threads, and beside debuggers.
    """
    code = getattr(rule, "__code__", None)
    if code is None:
        return rule(*args, **params), {}
    seen: dict[str, Any] = {}

    def look(frame: Any, event: str, _arg: Any) -> None:
        if event == "return" and frame.f_code is code:
            seen.clear()
            seen.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        result = rule(*args, **params)
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # a C profiler (cProfile before 3.12) cannot be put back by sys.setprofile
            sys.setprofile(None)
            before.enable()
    return result, {k: v for k, v in seen.items() if not any(v is a for a in args)}
