"""Layers as data: what parameters they have, what is computed with them; the class that users extend."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from handgrad.core.op import Op
from handgrad.errors import DTypeError
from handgrad.nn.arguments import shown, whole, word
from handgrad.nn.init import Init, initialiser
from handgrad.nn.plain import Plain


@dataclass(frozen=True, slots=True)
class Parameter:
    """An array that is learnt: its shape, how its first numbers are drawn, and its role.

    role: "weight" (counts for l1 and l2, its local name starts with "weight") or "bias". Raises DTypeError,
    ArgumentError and UnknownNameError.
    """

    shape: tuple[int, ...]
    init: Init
    role: str = "weight"

    def __post_init__(self) -> None:
        shape: Any = self.shape
        if not isinstance(shape, (tuple, list)):
            raise DTypeError(
                "Parameter: shape is {value}: it must be a tuple of whole numbers. Write (3,).", value=shown(shape)
            )
        sizes = tuple(whole(n, f"Parameter: shape[{i}]", least=0) for i, n in enumerate(shape))
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "init", initialiser(self.init, "Parameter: init"))
        word(self.role, "Parameter: role", ("weight", "bias"))


class Parameters(Protocol):
    """What a layer's forward rule receives beside x: its own parameters, and the means to run the layers inside it."""

    @property
    def training(self) -> bool:
        """Whether this pass is a training step."""

    def __getitem__(self, name: str) -> Any:
        """The parameter with this local name: a symbol, a Tensor or an array, as x is."""

    def apply(self, layer: Layer, x: Any) -> Any:
        """The output of a layer out of `children()`, with its own parameters."""


class Layer(Plain, abstract=True):
    """A layer is plain data and one rule. Subclass it with typed fields; no __init__, no decorator, no registration.

    `parameters()` names what is learnt, `forward(x, p)` computes the output with ops (and operators): the gradients,
    the formulas and the printed code follow from it. x has shape (N, ...). Two layers are never equal, and one object
    used twice in a network shares its weights. `kind` is the prefix that numbers them (dense1, dense2); a given `name`
    is their whole prefix.

    >>> import numpy as np, handgrad as hg
    >>> class Scale(hg.Layer):
    ...     "Multiply each column by a number that is learnt."
    ...
    ...     columns: int
    ...
    ...     def parameters(self):
    ...         return {"weight": hg.Parameter((self.columns,), hg.init.Constant(1.0))}
    ...
    ...     def forward(self, x, p):
    ...         return x * p["weight"]
    >>> net = hg.Network([Scale(2), hg.Dense(2, 1)], loss=hg.MSE(), seed=0)
    >>> list(net.parameters), net.forward(np.ones((3, 2))).shape
    (['scale1.weight', 'dense1.weight', 'dense1.bias'], (3, 1))
    >>> Scale(2).to_spec()
    {'kind': 'scale', 'columns': 2}
    """

    family: ClassVar[str] = "layer"
    by_identity: ClassVar[bool] = True

    name: str | None = field(default=None, kw_only=True)

    def parameters(self) -> dict[str, Parameter]:
        """The arrays that this layer itself learns, by local name ("weight", "bias")."""
        return {}

    def children(self) -> tuple[Layer, ...]:
        """The layers inside this one."""
        return ()

    @property
    def op(self) -> Op | None:
        """The op that this layer applies, where it is nothing but one (activations)."""
        return None

    @abstractmethod
    def forward(self, x: Any, p: Parameters) -> Any:
        """The output for x, made of ops."""
