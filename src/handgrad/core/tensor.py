"""Tensors: numbers that remember how they were made, so that a gradient can be asked for.

Whatever is applied to a Tensor is recorded (define by run). A recorded node keeps the numbers it was computed from, so
a value that is edited later does not change a gradient; gradients are an answer: asking twice gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.arrays import as_arrays, widen
from handgrad.core.interop import as_number, like, on_function, on_ufunc, pick_out, real, tensors
from handgrad.core.op import Op, numbers, registry
from handgrad.core.operators import BINARY, UNARY
from handgrad.core.refusal import refusal
from handgrad.core.reverse import reverse, topological
from handgrad.core.rules import endless, fitted, guarded, one
from handgrad.core.sizes import show
from handgrad.errors import DTypeError, GraphError, ShapeError, clipped

Array = Any  # what NumPy takes


def call(name: str, *args: Any, **settings: Any) -> Tensor:
    """Apply the op of that name; all its arguments are arrays, at least one of them a Tensor."""
    op = registry[name]
    return record(op, args, {**op.params, **settings} if settings else op.params)


class Tensor:
    """An array (or number) and the record of how it was computed.

    `value` are the numbers (read-only), `grad` the gradient after `backward()` of something computed from it, `op`,
    `args`, `params` the call that made it (None and empty for leaves), `name` what people call it.
    """

    __slots__ = ("__weakref__", "_value", "args", "given", "grad", "name", "op", "params")

    def __init__(self, value: Array, op: Op | None = None, args: tuple[Any, ...] = (), given: tuple[Any, ...] = (),
                 params: Mapping[str, Any] | None = None, name: str | None = None) -> None:  # fmt: skip
        if op is None:
            value = np.array(value)  # a leaf has its own memory: nobody can edit it unseen
        if type(value) is np.ndarray:
            value.setflags(write=False)
        self._value, self.op, self.args, self.given, self.params = value, op, args, given, params
        self.name = name
        self.grad: Any = None

    @property
    def value(self) -> Any:
        """The numbers, read-only; give a leaf new ones by `x.value = ...`."""
        return self._value

    @value.setter
    def value(self, new: Array) -> None:
        if self.op is not None:
            raise GraphError(
                "{name} was computed by {op}: only leaves take new values.", name=self._called(), op=self.op.name
            )
        array = like(new, self._value.dtype, self._called())
        if array.shape != self._value.shape:
            raise ShapeError(
                "{name} has shape {old}, the new value {new}: they must be equal.",
                name=self._called(), old=show(self._value.shape), new=show(array.shape),
            )  # fmt: skip
        array.flags.writeable = False
        self._value = array

    def _called(self) -> str:
        return self.name or (f"the result of {self.op.name}" if self.op else "this tensor")

    # -- recording ----------------------------------------------------------------------------------------------
    def _apply_op(self, op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Tensor:
        return record(op, arrays, params)

    # -- as an array --------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self._value.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return int(self._value.size)

    @property
    def dtype(self) -> Any:
        return self._value.dtype

    @property
    def T(self) -> Tensor:
        return call("transpose", self)

    @property
    def mT(self) -> Tensor:
        if self.ndim < 2:
            raise ShapeError("{name} has shape {shape}: .mT needs two axes. Use .T or reshape.",
                             name=self._called(), shape=show(self.shape))  # fmt: skip
        axes = tuple(range(self.ndim))
        return call("transpose", self, axes=(*axes[:-2], axes[-1], axes[-2]))

    def __len__(self) -> int:
        if not self.ndim:
            raise DTypeError("{name} is a single number: it has no length. Use .size, which is 1.", name=self._called())
        return len(self._value)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(as_number(self))

    def __int__(self) -> int:
        return int(as_number(self))

    def __bool__(self) -> bool:
        return bool(as_number(self))

    def item(self) -> Any:
        """The one number as a Python number."""
        return as_number(self)

    def __getitem__(self, index: Any) -> Tensor:
        result: Tensor = pick_out(self, index)
        return result

    def __setitem__(self, index: Any, value: Any) -> None:
        raise GraphError(
            "{name} cannot be written to at {index}: its gradient would no longer be right. Make a new one with "
            "hg.where, hg.concat or hg.stack.",
            name=self._called(), index=clipped(repr(index)),
        )  # fmt: skip

    def reshape(self, *shape: Any) -> Tensor:
        return call("reshape", self, shape=tuple(shape[0]) if _one_sequence(shape) else shape)

    def transpose(self, *axes: Any) -> Tensor:
        return call("transpose", self, axes=(tuple(axes[0]) if _one_sequence(axes) else axes) or None)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return call("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return call("mean", self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return call("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return call("min", self, axis=axis, keepdims=keepdims)

    # -- NumPy functions applied to a Tensor ----------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return on_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return on_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise DTypeError(
            "a Tensor of shape {shape} does not turn into an array by itself: the record would be lost. Use x.value.",
            shape=show(self.shape),
        )

    # -- backward -------------------------------------------------------------------------------------------------
    def backward(self, gradient: Array | None = None) -> None:
        """Backpropagate from here: every value this was computed from gets its gradient as `.grad` (replaced).

        `gradient` is what arrives here, shaped as the value; it may be left out for a single number (it is 1).
        Raises GraphError for a whole array without one, or for whole numbers.

        >>> import handgrad as hg
        >>> x, y, z = hg.tensor(2.0, name="x"), hg.tensor(3.0, name="y"), hg.tensor(4.0, name="z")
        >>> f = (x + y) * z
        >>> f.backward()
        >>> float(x.grad), float(y.grad), float(z.grad)
        (4.0, 4.0, 5.0)
        """
        start = self._start(gradient)
        order = topological([self])
        leaves = [node for node in order if node.op is None and isinstance(node, Tensor)]
        with np.errstate(over="ignore", under="ignore"):  # exp(1000) in 1/(1 + exp) is the right 0
            adjoint = reverse([(self, start)], leaves, _vjp)
        for node in order:
            if isinstance(node, Tensor):
                g = adjoint.get(id(node))
                # a leaf that cannot be reached by a derivative has the gradient 0; own memory for every answer
                node.grad = np.array(g, dtype=node.dtype) if g is not None else (
                    np.zeros(node.shape, node.dtype) if node.dtype.kind == "f" else None)  # fmt: skip

    def _start(self, gradient: Array | None) -> Any:
        if self.dtype.kind != "f":
            raise DTypeError(
                "{name} holds {dtype}: a gradient needs floating-point numbers. Try hg.tensor(2.0), not hg.tensor(2).",
                name=self._called(), dtype=str(self.dtype),
            )  # fmt: skip
        if gradient is None:
            if self.size != 1:
                raise GraphError(
                    "{name} has shape {shape}: backward() starts from a single number. Add it up, or pass gradient= of "
                    "that shape.",
                    name=self._called(), shape=show(self.shape),
                )  # fmt: skip
            return np.ones(self.shape, self.dtype)
        if isinstance(gradient, Tensor):
            gradient = gradient._value
        g = like(gradient, self.dtype, "gradient")
        if g.shape != self.shape:
            raise ShapeError(
                "gradient has shape {got}, {name} has {expected}: they must be equal.",
                got=show(g.shape), name=self._called(), expected=show(self.shape),
            )  # fmt: skip
        return g

    def __repr__(self) -> str:
        value = np.array2string(np.asarray(self._value), threshold=6, precision=6, separator=", ").replace("\n", "")
        name = f", name={self.name!r}" if self.name else ""
        return f"tensor({value}{f', op={self.op.name}' if self.op else ''}{name})"

    __hash__ = object.__hash__


def _one_sequence(given: tuple[Any, ...]) -> bool:
    return len(given) == 1 and isinstance(given[0], (tuple, list))


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(a: Tensor, b: Any) -> Any:
        return record(registry[name], (a, b), {}) if isinstance(b, NUMERIC) else NotImplemented

    def backward(a: Tensor, b: Any) -> Any:
        return record(registry[name], (b, a), {}) if isinstance(b, NUMERIC) else NotImplemented

    return forward, backward


def _unary(name: str) -> Callable[..., Any]:
    return lambda a: record(registry[name], (a,), {})


WEAK = (float, int)  # Python's numbers: they take the width of the arrays beside them, and nobody can edit them
NUMERIC = (Tensor, int, float, np.ndarray, np.generic, list, tuple)
for _method, _name in BINARY.items():
    _forward, _backward = _binary(_name)
    setattr(Tensor, f"__{_method}__", _forward)
    if _method in ("add", "sub", "mul", "truediv", "pow", "matmul"):
        setattr(Tensor, f"__r{_method}__", _backward)
for _method, _name in UNARY.items():
    setattr(Tensor, f"__{_method}__", _unary(_name))
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]  # == is element by element, identity is the hash


def tensor(value: Array, *, dtype: Any = None, name: str | None = None) -> Tensor:
    """A leaf: numbers with a name, copied from `value` (a number, nested lists, an array).

    Raises DTypeError for anything that is not numbers.

    >>> import handgrad as hg
    >>> hg.tensor([1.0, 2.0], name="x")
    tensor([1., 2.], name='x')
    """
    if isinstance(value, Tensor):
        value = value._value
    return Tensor(real(value, dtype), name=name)


def record(op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Tensor:
    """Compute an op and remember the call. Copying by broadcasting is recorded as an op of its own."""
    if op.kind == "composite" or (op.kind == "op" and not op.vjps):
        return _opened(op, arrays, params)
    if op.kind == "op" and any(a.dtype.kind != "f" for a in arrays if type(a) is Tensor):
        arrays = _wide(op, arrays)
    given: Any = []
    plain = foreign = False
    weak = WEAK if op.kind == "map" else None
    for a in arrays:
        if type(a) is Tensor:
            given.append(a._value)
        else:
            given.append(a)
            plain = True
            foreign = foreign or weak is None or type(a) not in weak
    if foreign:
        given = _owned(op, given, arrays)
    try:
        value = (op.runner or op.prepare())(*given, **params)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise refusal(op, given, params, error) from None
    if op.kind == "map" and len(given) > 1:
        shape = value.shape
        for i, a in enumerate(arrays):
            if type(a) is Tensor and a._value.shape != shape:
                if type(arrays) is tuple:
                    arrays, given = list(arrays), list(given)
                arrays[i] = copied = _copied(a, shape)  # type: ignore[index]
                given[i] = copied._value
    args = [a if type(a) is Tensor else _Given(given[i]) for i, a in enumerate(arrays)] if plain else arrays
    return Tensor(value, op, tuple(args), tuple(given), params)


def _opened(op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Tensor:
    """An op without a derivative of its own, as the ops that it is made of: in the form that numbers take, too."""
    try:
        result = (op.safe_rule or op.rule)(tensors, *_wide(op, arrays), **params)
    except RecursionError:
        raise endless(op.name) from None
    one(op.name, result)
    return result if isinstance(result, Tensor) else Tensor(result)


def _wide(op: Op, arrays: Sequence[Any]) -> list[Any]:
    """Tensors of small whole numbers as floats; no gradient goes to them."""
    values = widen(op, [a._value if type(a) is Tensor else a for a in arrays])
    return [Tensor(v) if type(a) is Tensor and v is not a._value else a for a, v in zip(arrays, values, strict=True)]


def _copied(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    copy = registry["broadcast_to"]
    return Tensor((copy.runner or copy.prepare())(x._value, shape), copy, (x,), (x._value,), {"shape": shape})


def _owned(op: Op, given: Sequence[Any], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The plain arrays among the arguments copied: whoever edits one later does not change a gradient."""
    kept = list(as_arrays(op, given))
    for i, a in enumerate(arrays):
        if type(a) is not Tensor and type(kept[i]) is not float and isinstance(kept[i], np.ndarray):
            array = kept[i]
            if array is a and (array.flags.writeable or array.base is not None):
                kept[i] = np.array(array)
    return tuple(kept)


class _Given:
    """An argument that is a plain number or array: it has no gradient and nothing below it."""

    __slots__ = ("value",)
    op = None
    args = ()

    def __init__(self, value: Any) -> None:
        self.value = value


def _vjp(node: Any, i: int, g: Any) -> Any:
    op: Op = node.op
    if not op.moves(i) or node.given[i].dtype.kind != "f":
        return None
    rule = op.vjp_at(i)
    assert rule is not None
    position = (i,) if op.variadic else ()
    if not op.own:
        rule = guarded(op.name, rule, "VJP")
    step = rule(numbers, g, node._value, *position, *node.given, **node.params)
    value = node.given[i]
    if getattr(step, "dtype", None) != value.dtype:
        step = np.asarray(step).astype(value.dtype)
    return step if step.shape == value.shape else fitted(op.name, step, value.shape)


def _vjp_recorded(node: Any, i: int, g: Any) -> Any:
    """As `_vjp`, but what is computed is recorded, so that it can be differentiated again."""
    op: Op = node.op
    if not op.moves(i) or node.given[i].dtype.kind != "f":
        return None
    rule = op.vjp_at(i)
    assert rule is not None
    position = (i,) if op.variadic else ()
    args = tuple(a if type(a) is Tensor else a.value for a in node.args)
    for a, given in zip(args, node.given, strict=True):
        if type(a) is Tensor and a._value is not given:
            raise GraphError(
                "{name} was given new numbers after {op} had used it: compute the result again before asking for its "
                "derivatives.",
                name=a._called(), op=op.name,
            )  # fmt: skip
    step = rule(tensors, g, node, *position, *args, **node.params)
    if not isinstance(step, Tensor):
        step = Tensor(np.asarray(step, dtype=node.given[i].dtype))
    shape = node.given[i].shape
    return step if step.shape == shape else registry["broadcast_to"](step, shape=shape)


def gradients(output: Tensor, wanted: Sequence[Tensor], seed: Any = None, record_graph: bool = False) -> list[Any]:
    """The gradients of `output` with respect to `wanted`: arrays, or Tensors when `record_graph` is set."""
    start = output._start(seed) if not isinstance(seed, Tensor) else seed
    if record_graph:
        first = start if isinstance(start, Tensor) else Tensor(start)
        with np.errstate(over="ignore", under="ignore"):
            found = reverse([(output, first)], wanted, _vjp_recorded)
        return [found[id(w)] if id(w) in found else Tensor(np.zeros(w.shape, w.dtype)) for w in wanted]
    with np.errstate(over="ignore", under="ignore"):
        found = reverse([(output, start)], wanted, _vjp)
    return [np.array(found[id(w)], dtype=w.dtype) if id(w) in found else np.zeros(w.shape, w.dtype) for w in wanted]
