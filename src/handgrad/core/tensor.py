"""Tensors: numbers that remember how they were made, so that a gradient can be asked for.

Whatever is applied to a Tensor is recorded (define by run). A recorded node keeps the numbers it was computed from, so a
value that is edited later does not change a gradient; gradients are an answer, and asking twice gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.core.op import Op, numbers, registry
from handgrad.core.operators import BINARY, UNARY
from handgrad.core.reverse import reverse, topological
from handgrad.core.sizes import show
from handgrad.errors import DTypeError, GraphError, ShapeError, UnknownNameError, nearest

Array = Any  # what NumPy takes


class Tensor:
    """An array (or number) and the record of how it was computed.

    `value` are the numbers (read-only), `grad` the gradient after `backward()` of something computed from it, `op`,
    `args`, `params` the call that made it (None and empty for leaves), `name` what people call it.
    """

    __slots__ = ("__weakref__", "_value", "args", "given", "grad", "name", "op", "params")

    def __init__(self, value: Array, op: Op | None = None, args: tuple[Any, ...] = (), given: tuple[Any, ...] = (),
                 params: Mapping[str, Any] | None = None, name: str | None = None) -> None:  # fmt: skip
        if type(value) is np.ndarray:
            value.flags.writeable = False
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
            raise GraphError("{name} was computed by {op}: only leaves take new values.", name=self._called(), op=self.op.name)  # fmt: skip
        array = np.array(new, dtype=self._value.dtype)
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
        return np.shape(self._value)

    @property
    def ndim(self) -> int:
        return np.ndim(self._value)

    @property
    def size(self) -> int:
        return int(np.size(self._value))

    @property
    def dtype(self) -> Any:
        return self._value.dtype

    @property
    def T(self) -> Tensor:
        return registry["transpose"](self)

    @property
    def mT(self) -> Tensor:
        axes = tuple(range(self.ndim))
        return registry["transpose"](self, axes=(*axes[:-2], axes[-1], axes[-2]))

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def item(self) -> Any:
        """The one number as a Python number."""
        return self._value.item()

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, Tensor):
            index = index._value
        if isinstance(index, (list, np.ndarray)):
            return registry["take"](self, np.asarray(index), axis=0)
        return registry["getitem"](self, index=index)

    def reshape(self, *shape: Any) -> Tensor:
        return registry["reshape"](self, shape=shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)

    def transpose(self, *axes: int) -> Tensor:
        return registry["transpose"](self, axes=axes or None)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return registry["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return registry["mean"](self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return registry["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return registry["min"](self, axis=axis, keepdims=keepdims)

    # -- NumPy functions applied to a Tensor ----------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or kwargs or name not in registry:
            raise DTypeError(
                "np.{name} does not record on a Tensor: use an op of hg.ops, or x.value. {hint}",
                name=ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}",
                hint=nearest(ufunc.__name__, registry),
            )
        return registry[name](*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = _FUNCTIONS.get(function.__name__, function.__name__)
        if name not in registry:
            raise DTypeError(
                "np.{name} does not record on a Tensor: use an op of hg.ops, or x.value. {hint}",
                name=function.__name__,
                hint=nearest(name, registry),
            )
        return registry[name](*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise DTypeError(
            "a Tensor of shape {shape} does not turn into an array by itself: the record would be lost. Use x.value.",
            shape=show(self.shape),
        )

    # -- backward -------------------------------------------------------------------------------------------------
    def backward(self, gradient: Array | None = None) -> None:
        """Backpropagate from here: every value this was computed from gets its gradient as `.grad` (replaced, not added).

        `gradient` is what arrives here, shaped as the value; it may be left out for a single number (it is 1).
        Raises GraphError for a whole array without one, or for whole numbers.

        >>> import handgrad as hg
        >>> x, y, z = hg.tensor(2.0, name="x"), hg.tensor(3.0, name="y"), hg.tensor(4.0, name="z")
        >>> f = (x + y) * z
        >>> f.backward()
        >>> float(x.grad), float(y.grad), float(z.grad)
        (4.0, 4.0, 5.0)
        """
        seed = self._seed(gradient)
        order = topological([self])
        leaves = [node for node in order if node.op is None and isinstance(node, Tensor)]
        adjoint = reverse([(self, seed)], leaves, _vjp, _total)
        for node in order:
            if isinstance(node, Tensor):
                g = adjoint.get(id(node))
                # a leaf that cannot be reached by a derivative has the gradient 0; own memory for every answer
                node.grad = np.array(g, dtype=node.dtype) if g is not None else (
                    np.zeros(node.shape, node.dtype) if node.dtype.kind == "f" else None)  # fmt: skip

    def _seed(self, gradient: Array | None) -> Any:
        if self.dtype.kind != "f":
            raise DTypeError(
                "{name} holds {dtype}: a gradient needs floating-point numbers. Try hg.tensor(2.0) instead of hg.tensor(2).",
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
        g = np.asarray(gradient, dtype=self.dtype)
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


def _operator(name: str, swap: bool = False) -> Callable[..., Any]:
    if swap:
        return lambda a, b: registry[name](b, a)
    return lambda a, b: registry[name](a, b)


for _method, _name in BINARY.items():
    setattr(Tensor, f"__{_method}__", _operator(_name))
    if _method in ("add", "sub", "mul", "truediv", "pow", "matmul"):
        setattr(Tensor, f"__r{_method}__", _operator(_name, swap=True))
for _method, _name in UNARY.items():
    setattr(Tensor, f"__{_method}__", (lambda n: lambda a: registry[n](a))(_name))
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]  # == is element by element, identity is the hash

_UFUNCS = {"absolute": "abs", "true_divide": "divide", "float_power": "power", "square": "square"}
_FUNCTIONS = {"amax": "max", "amin": "min", "concatenate": "concat", "permute_dims": "transpose"}


def tensor(value: Array, *, dtype: Any = None, name: str | None = None) -> Tensor:
    """A leaf: numbers with a name, copied from `value` (a number, nested lists, an array).

    Raises DTypeError for anything that is not numbers.

    >>> import handgrad as hg
    >>> hg.tensor([1.0, 2.0], name="x")
    tensor([1., 2.], name='x')
    """
    if isinstance(value, Tensor):
        value = value._value
    try:
        array = np.array(value, dtype=dtype)
    except (ValueError, TypeError):
        raise DTypeError("{value!r} cannot be made an array of numbers.", value=str(value)[:60]) from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            "a tensor holds real numbers, got {dtype}: {value!r}.", dtype=str(array.dtype), value=str(value)[:60]
        )
    return Tensor(array, name=name)


def record(op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Tensor:
    """Compute an op and remember the call. Copying by broadcasting is recorded as an op of its own."""
    if not op.primitive and (op.composite or not op.vjps):
        # no derivative of its own: it opens into the ops that it is made of
        result: Tensor = op.rule(tensors, *arrays, **params)
        return result
    args = tuple(arrays)
    given = tuple([a._value if type(a) is Tensor else a for a in args])
    value = numbers.run(op, given, params)
    if op.kind == "map" and len(args) > 1:
        shape = getattr(value, "shape", ())
        if any(type(a) is Tensor and np.shape(a._value) != shape for a in args):
            copy = registry["broadcast_to"]
            args = tuple(
                record(copy, (a,), {"shape": shape}) if type(a) is Tensor and np.shape(a._value) != shape else a
                for a in args
            )
            given = tuple([a._value if type(a) is Tensor else a for a in args])
    return Tensor(value, op, tuple([a if type(a) is Tensor else _Given(a) for a in args]), given, params)


class _Given:
    """An argument that is a plain number or array: it has no gradient and nothing below it."""

    __slots__ = ("value",)
    op = None
    args = ()

    def __init__(self, value: Any) -> None:
        self.value = value


class _Tensors:
    """The namespace `xp` whose arrays are Tensors: what a VJP receives when its own derivative is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return registry[name]


tensors = _Tensors()


def _vjp(node: Any, i: int, g: Any) -> Any:
    op: Op = node.op
    if not op.moves(i) or node.given[i].dtype.kind != "f":
        return None
    rule = op.vjp_at(i)
    assert rule is not None
    position = (i,) if op.variadic else ()
    step = rule(numbers, g, node._value, *position, *node.given, **node.params)
    value = node.given[i]
    if getattr(step, "dtype", None) != value.dtype:
        step = np.asarray(step).astype(value.dtype)
    return step if step.shape == value.shape else _fit(step, value.shape)


def _fit(step: Any, shape: tuple[int, ...]) -> Any:
    lead = step.ndim - len(shape)
    if lead >= 0:
        axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and step.shape[i + lead] != 1)
        step = np.sum(step, axis=axes).reshape(shape) if axes else step
    return np.broadcast_to(step, shape)


def _total(parts: Sequence[Any]) -> Any:
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


def _vjp_recorded(node: Any, i: int, g: Any) -> Any:
    """As `_vjp`, but what is computed is recorded, so that it can be differentiated again."""
    op: Op = node.op
    if not op.moves(i) or node.given[i].dtype.kind != "f":
        return None
    rule = op.vjp_at(i)
    assert rule is not None
    position = (i,) if op.variadic else ()
    args = tuple(a if type(a) is Tensor else a.value for a in node.args)
    step = rule(tensors, g, node, *position, *args, **node.params)
    if not isinstance(step, Tensor):
        step = Tensor(np.asarray(step, dtype=node.given[i].dtype))
    shape = np.shape(node.given[i])
    return step if step.shape == shape else registry["broadcast_to"](step, shape=shape)


def gradients(output: Tensor, wanted: Sequence[Tensor], seed: Any = None, record_graph: bool = False) -> list[Any]:
    """The gradients of `output` with respect to `wanted`: arrays, or Tensors when `record_graph` is set."""
    start = output._seed(seed) if not isinstance(seed, Tensor) else seed
    if record_graph:
        first = start if isinstance(start, Tensor) else Tensor(start)
        found = reverse([(output, first)], wanted, _vjp_recorded, _total)
        return [found.get(id(w), Tensor(np.zeros(w.shape, w.dtype))) for w in wanted]
    found = reverse([(output, start)], wanted, _vjp, _total)
    return [np.array(found[id(w)], dtype=w.dtype) if id(w) in found else np.zeros(w.shape, w.dtype) for w in wanted]


def known(name: str, names: Sequence[str], what: str) -> str:
    """`name` if it is one of `names`, else an error that suggests the nearest."""
    if name not in names:
        raise UnknownNameError("there is no {what} named {name!r}. {hint}", what=what, name=name, hint=nearest(name, names))
    return name
