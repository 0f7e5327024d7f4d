"""Layers: dense, every activation that the table of ops knows, flatten, residual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from handgrad import ops
from handgrad.core.op import Op, registry
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, DTypeError, ShapeError, UnknownNameError, nearest
from handgrad.nn.arguments import boolean, number, optional_name, shown, whole, word
from handgrad.nn.init import Init, Zeros, initialiser
from handgrad.nn.layer import Layer, Parameter, Parameters
from handgrad.nn.plain import finders


class Dense(Layer):
    """A fully connected layer, Y = XW + b: X (N, inputs), W (inputs, outputs), b (outputs,), Y (N, outputs).

    `init` draws the weight: an initialiser or its name; None follows the activation that comes next. The bias begins
    with zeros. Raises DTypeError for Dense(2.5, 3), ArgumentError for Dense(0, 3).

    >>> Dense(2, 10, init="he_normal")
    Dense(2, 10, init=HeNormal())
    >>> Dense(2, 10).parameters()["weight"].shape
    (2, 10)
    """

    inputs: int
    outputs: int
    bias: bool = True
    init: Init | str | None = None

    def __post_init__(self) -> None:
        self._settle(
            inputs=whole(self.inputs, "Dense: inputs"),
            outputs=whole(self.outputs, "Dense: outputs"),
            bias=boolean(self.bias, "Dense: bias"),
            init=None if self.init is None else initialiser(self.init, "Dense: init"),
            name=optional_name(self.name, "Dense: name"),
        )

    def parameters(self) -> dict[str, Parameter]:
        """weight (inputs, outputs) and, with a bias, bias (outputs,)."""
        found = {"weight": Parameter((self.inputs, self.outputs), initialiser(self.init), "weight")}
        if self.bias:
            found["bias"] = Parameter((self.outputs,), Zeros(), "bias")
        return found

    def forward(self, x: Any, p: Parameters) -> Any:
        """XW + b. Raises ShapeError when x has another number of columns."""
        if not x.ndim or x.shape[-1] != self.inputs:
            raise ShapeError(
                "{where}: input has {got} columns, weight is {weight}: they must be equal. "
                "Did you mean Dense({got}, {outputs})?",
                where=self.name or self.kind, got=str(x.shape[-1] if x.ndim else 0),
                weight=show((self.inputs, self.outputs)), outputs=self.outputs,
            )  # fmt: skip
        return ops.affine(x, p["weight"], p["bias"]) if self.bias else ops.matmul(x, p["weight"])


class Flatten(Layer):
    """All axes but the first become one: (N, 8, 8) to (N, 64)."""

    def __post_init__(self) -> None:
        self._settle(name=optional_name(self.name, "Flatten: name"))

    def forward(self, x: Any, p: Parameters) -> Any:  # noqa: ARG002 (one signature for all layers)
        """x as rows."""
        return ops.reshape(x, shape=(x.shape[0], -1))


class Residual(Layer):
    """What its layers make of x, plus x itself: x + f(x) (He, Zhang, Ren & Sun 2016). f must keep the shape.

    Raises DTypeError for what is no list of layers, ArgumentError for an empty one.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        self._settle(layers=layer_list(self.layers, "Residual"), name=optional_name(self.name, "Residual: name"))

    def children(self) -> tuple[Layer, ...]:
        """The layers of f."""
        return tuple(self.layers)

    def forward(self, x: Any, p: Parameters) -> Any:
        """x + f(x). Raises ShapeError when f changes the shape."""
        y = x
        for layer in self.layers:
            y = p.apply(layer, y)
        if tuple(y.shape) != tuple(x.shape):
            raise ShapeError(
                "{where}: its layers turn {x} into {y}, and x is added to that: they must be equal. "
                "End with Dense(..., {columns}).",
                where=self.name or self.kind, x=show(x.shape), y=show(y.shape), columns=str(x.shape[-1]),
            )  # fmt: skip
        return x + y


def layer_list(layers: Any, where: str) -> tuple[Layer, ...]:
    """The layers as a tuple. Raises DTypeError for what is no sequence of layers, ArgumentError for an empty one."""
    if isinstance(layers, Layer) or not isinstance(layers, (list, tuple)):
        raise DTypeError(
            "{where} takes a list of layers, got {value}. Write {where}([...]).", where=where, value=shown(layers)
        )
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            hint = f"{layer.__name__}(...)" if isinstance(layer, type) else "Activation(...)"
            raise DTypeError(
                "{where}: item {i} is {value}, which is no layer. Write {hint}.",
                where=where, i=i, value=shown(layer), hint=hint,
            )  # fmt: skip
    if not layers:
        raise ArgumentError("{where}: there are no layers in it. Give at least one, such as Dense(2, 1).", where=where)
    return tuple(layers)


# -- activations ------------------------------------------------------------------------------------------------------
class ActivationLayer(Layer, abstract=True):
    """One op, element by element (or row by row); the op's settings are the fields."""

    def __post_init__(self) -> None:
        op, label = self.op, type(self).__name__
        checked = {k: _setting(getattr(self, k), default, f"{label}: {k}") for k, default in op.params.items()}
        self._settle(**checked, name=optional_name(self.name, f"{label}: name"))

    @property
    def op(self) -> Op:
        """The op, by its name, so that one that is defined again takes effect."""
        return registry[self.kind]

    def forward(self, x: Any, p: Parameters) -> Any:  # noqa: ARG002
        """The op on x."""
        op = self.op
        return op(x, **{k: getattr(self, k) for k in op.params})

    def __reduce__(self) -> Any:  # a class made from a user's op stands in no module
        op = self.op
        return _activation, (op.name, {k: getattr(self, k) for k in op.params}, self.name)


def _setting(value: Any, default: Any, what: str) -> Any:
    """A setting checked against the kind of its default."""
    if isinstance(default, bool):
        return boolean(value, what)
    if isinstance(default, int):
        return whole(value, what, least=-1000)
    if isinstance(default, float):
        return number(value, what, example=default)
    return value


class GELU(ActivationLayer):
    """x times the probability that a normal random number lies below x; approximate: "none" or "tanh", as in torch."""

    kind = "gelu"
    forms: ClassVar[dict[str, str]] = {"none": "gelu", "tanh": "gelu_tanh"}

    approximate: str = "none"

    def __post_init__(self) -> None:
        word(self.approximate, "GELU: approximate", tuple(self.forms))
        super().__post_init__()

    @property
    def op(self) -> Op:
        """The op of this form."""
        return registry[self.forms[self.approximate]]


_forms = {op: (GELU, {"approximate": form}) for form, op in GELU.forms.items()}
_made: dict[str, tuple[dict[str, Any], type[Any]]] = {}


def activation_layer(op: Op) -> type[Any]:
    """The layer class of an op with the trait "activation": its settings become fields, its name the kind.

    Raises ArgumentError for an op that is no activation.
    """
    if op.name in _forms:
        return _forms[op.name][0]
    if not op.traits.get("activation") or len(op.arrays) != 1 or op.variadic:
        raise ArgumentError(
            "{op} is no activation: that takes one array and the trait. Define it with @hg.op(traits={traits}).",
            op=op.name, traits="{'activation': True}",
        )  # fmt: skip
    params, cls = _made.get(op.name, (None, None))
    if cls is None or params != op.params:  # a notebook may define its op again, with other settings
        label = str(op.traits.get("module") or "".join(part.capitalize() for part in op.name.split("_")))
        body = {
            "__doc__": f"{op.sentence} The op `{op.name}` as a layer.",
            "__module__": __name__,
            "__annotations__": dict.fromkeys(op.params, Any),
            "kind": op.name,
            "aliases": tuple(op.traits.get("aliases", ())),
            **op.params,
        }
        cls = type(label, (ActivationLayer,), body)
        _made[op.name] = (dict(op.params), cls)
    return cls


def Activation(op: Op | str, *, name: str | None = None, **settings: Any) -> Layer:  # noqa: N802 (stands among layers)
    """The layer of any activation op, a user's own too, by the op or its name: `Activation("leaky_relu", alpha=0.2)`.

    Raises UnknownNameError for an unknown name or setting, ArgumentError for an op that is no activation.

    >>> Activation("swish"), Activation("leaky_relu", alpha=0.2)
    (SiLU(), LeakyReLU(alpha=0.2))
    """
    if not isinstance(op, (Op, str)):
        raise DTypeError('an activation is an op or the name of one, got {value}. Write "relu".', value=shown(op))
    found = find_activation(op) if isinstance(op, str) else op
    cls = activation_layer(found)
    for key in settings:
        if key not in found.params:
            raise UnknownNameError(
                "{op}() has no setting {name!r}. {hint}", op=found.name, name=key, hint=nearest(key, found.params)
            )
    form = _forms[found.name][1] if found.name in _forms else {}
    made: Layer = cls(**form, **settings, name=name)
    return made


def _activation(op: str, settings: dict[str, Any], name: str | None) -> Layer:
    return Activation(op, name=name, **settings)


def find_activation(name: str) -> Op:
    """The activation op of this name or alias. Raises UnknownNameError with the names that there are."""
    for op in registry.values():
        if op.traits.get("activation") and (op.name == name or name in op.traits.get("aliases", ())):
            return op
    raise UnknownNameError("there is no activation {name}. {hint}", name=shown(name), hint=nearest(name, activations()))


def activations() -> list[str]:
    """The names of all activation ops, a user's own among them."""
    return [op.name for op in registry.values() if op.traits.get("activation")]


def _find(kind: str) -> type[Any] | None:
    """The class for a kind that a document names: that of a user's op, which nobody has used as a layer yet."""
    return activation_layer(registry[kind]) if kind in activations() and kind not in _forms else None


finders["layer"] = _find

Sigmoid = activation_layer(registry["sigmoid"])
Tanh = activation_layer(registry["tanh"])
ReLU = activation_layer(registry["relu"])
LeakyReLU = activation_layer(registry["leaky_relu"])
ELU = activation_layer(registry["elu"])
SiLU = Swish = activation_layer(registry["silu"])
Softplus = activation_layer(registry["softplus"])
Softmax = activation_layer(registry["softmax"])
LogSoftmax = activation_layer(registry["log_softmax"])
