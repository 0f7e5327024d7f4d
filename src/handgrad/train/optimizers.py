"""Optimizers: the update rule, written once as mathematics over all weights in one vector."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.core.op import numbers
from handgrad.errors import ArgumentError, DTypeError, UnknownNameError
from handgrad.nn.arguments import boolean, number, shown
from handgrad.nn.plain import Plain
from handgrad.program.update import Values

Array = NDArray[Any]


class Optimizer(Plain, abstract=True):
    """How weights follow their gradients. Subclass it with fields for the settings and one rule.

    `rule(xp, w, g, s)` receives all weights w and all gradients g as two vectors, and s with the settings (s.lr), the
    state vectors (s.m, zeros at first) and the step s.t = 1, 2, 3, ...; it returns the new w and the new state. It is
    read as numbers, as formulas, and as the update lines of printed programs. Raises ArgumentError or DTypeError for a
    learning rate that is not a finite number above 0.

    >>> import numpy as np, handgrad as hg
    >>> class SignSGD(hg.Optimizer):
    ...     "Steps of one size: only the direction of each gradient counts (Bernstein et al. 2018)."
    ...
    ...     def rule(self, xp, w, g, s):
    ...         return {"w": w - s.lr * xp.sign(g)}
    >>> net = hg.Network([hg.Dense(1, 1)], loss=hg.MSE(), seed=0)
    >>> history = net.fit(np.ones((4, 1)), np.zeros(4), epochs=2, optimizer=SignSGD(0.01))
    >>> SignSGD(0.01).to_spec()
    {'kind': 'sign_sgd', 'lr': 0.01}
    """

    family: ClassVar[str] = "optimizer"

    lr: float

    def __post_init__(self) -> None:
        self._settle(lr=learning_rate(self.lr, f"{type(self).__name__}: lr"))

    def settings(self) -> dict[str, float]:
        """The numbers that the rule reads from s, by name: all fields that are numbers and no switches."""
        found = vars(self)  # the fields, in their order
        return {k: float(v) for k, v in found.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}

    def state(self) -> tuple[str, ...]:
        """The names of the vectors that the rule keeps from step to step, each as long as all weights."""
        return ()

    @property
    def uses_step(self) -> bool:
        """Whether the rule reads s.t."""
        return False

    @abstractmethod
    def rule(self, xp: Any, w: Any, g: Any, s: Any) -> dict[str, Any]:
        """The new weights under "w" and each state vector under its name."""


def learning_rate(value: Any, what: str = "lr") -> float:
    """A learning rate as a float: finite and above 0. Raises DTypeError and ArgumentError."""
    return number(value, what, above=0, example=0.01)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov's look ahead and weight decay as torch.optim.SGD has them.

    Raises ArgumentError for a momentum outside [0, 1), and for nesterov without momentum.

    >>> SGD(0.1, momentum=0.9).state()
    ('m',)
    """

    kind = "sgd"

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(
            momentum=number(self.momentum, "SGD: momentum", least=0, below=1, example=0.9),
            nesterov=boolean(self.nesterov, "SGD: nesterov"),
            weight_decay=number(self.weight_decay, "SGD: weight_decay", least=0, example=1e-4),
        )
        if self.nesterov and not self.momentum:
            raise ArgumentError("SGD: nesterov looks ahead along the momentum, which is 0 here. Try momentum=0.9.")

    def settings(self) -> dict[str, float]:
        """lr, and momentum and weight_decay where they are not 0."""
        return {k: v for k, v in super().settings().items() if k == "lr" or v}

    def state(self) -> tuple[str, ...]:
        """m, the moving direction, where there is momentum."""
        return ("m",) if self.momentum else ()

    def rule(self, xp: Any, w: Any, g: Any, s: Any) -> dict[str, Any]:  # noqa: ARG002 (operators are all it needs)
        """Against the gradient; with momentum, against a decaying sum of gradients (Polyak 1964; Nesterov 1983)."""
        d = g + s.weight_decay * w if self.weight_decay else g
        if not self.momentum:
            return {"w": w - s.lr * d}
        m = s.momentum * s.m + d
        u = d + s.momentum * m if self.nesterov else m
        return {"w": w - s.lr * u, "m": m}


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015), as torch.optim.Adam.

    The rule is their faster form (end of section 2): both corrections for the zeros that m and v began with are put
    into two scalars, alpha and eps_hat, so that no vector is divided twice. Equal to torch's up to rounding. Raises
    ArgumentError for betas outside [0, 1) and for eps not above 0.

    >>> sorted(Adam().settings())
    ['beta1', 'beta2', 'eps', 'lr']
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.betas
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise DTypeError("Adam: betas is {value}: it must be two numbers. Write (0.9, 0.999).", value=shown(given))
        beta1, beta2 = (number(b, f"Adam: betas[{i}]", least=0, below=1, example=0.9) for i, b in enumerate(given))
        self._settle(
            betas=(beta1, beta2),
            eps=number(self.eps, "Adam: eps", above=0, example=1e-8),
            weight_decay=number(self.weight_decay, "Adam: weight_decay", least=0, example=1e-4),
        )

    def settings(self) -> dict[str, float]:
        """lr, beta1, beta2, eps, and weight_decay where it is not 0."""
        found = {"lr": self.lr, "beta1": self.betas[0], "beta2": self.betas[1], "eps": self.eps}
        return {**found, "weight_decay": self.weight_decay} if self.weight_decay else found

    def state(self) -> tuple[str, ...]:
        """m and v: moving means of the gradient and of its square."""
        return ("m", "v")

    @property
    def uses_step(self) -> bool:
        """The corrections depend on the step."""
        return True

    def rule(self, xp: Any, w: Any, g: Any, s: Any) -> dict[str, Any]:
        """Along the mean gradient, divided by the root of the mean square: steps of about lr in every direction."""
        d = g + s.weight_decay * w if self.weight_decay else g
        m = s.beta1 * s.m + (1 - s.beta1) * d
        v = s.beta2 * s.v + (1 - s.beta2) * (d * d)
        c = xp.sqrt(1 - s.beta2**s.t)
        alpha = s.lr * c / (1 - s.beta1**s.t)
        eps_hat = s.eps * c
        return {"w": w - alpha * (m / (xp.sqrt(v) + eps_hat)), "m": m, "v": v}


def apply_rule(optimizer: Optimizer, xp: Any, w: Any, g: Any, s: Any) -> dict[str, Any]:
    """What the rule returns, checked: "w" and each state vector, nothing else.

    Raises UnknownNameError for a rule that returns other names.
    """
    result: Any = optimizer.rule(xp, w, g, s)
    expected = ["w", *optimizer.state()]
    if not isinstance(result, Mapping) or sorted(result) != sorted(expected):
        raise UnknownNameError(
            "{optimizer}: its rule returns {got}, where {expected} are needed. Return one value under each name.",
            optimizer=type(optimizer).__name__,
            got=", ".join(map(str, result)) if isinstance(result, Mapping) else shown(result),
            expected=", ".join(expected),
        )
    return dict(result)


def run_numpy(
    optimizer: Optimizer, w: Array, g: Array, state: Mapping[str, Array], t: int
) -> tuple[Array, dict[str, Array]]:
    """One update with numbers: the new weights and the new state. `state` may be empty at the first step, t = 1.

    >>> run_numpy(SGD(0.1), np.array([1.0]), np.array([2.0]), {}, 1)
    (array([0.8]), {})
    """
    vectors = {name: state[name] if name in state else np.zeros_like(w) for name in optimizer.state()}
    s = Values(**optimizer.settings(), **vectors, t=t)
    result = apply_rule(optimizer, numbers, w, g, s)
    return result.pop("w"), result


def optimizer_from(value: Optimizer | str | float, **settings: Any) -> Optimizer:
    """An optimizer; or the one of that name ("sgd", "adam") made with `settings`; or, for a number, SGD with that lr.

    Raises DTypeError for other things, UnknownNameError for unknown names, ArgumentError when lr is missing.

    >>> optimizer_from("sgd", lr=0.1), optimizer_from(0.5)
    (SGD(0.1), SGD(0.5))
    """
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return SGD(learning_rate(value))
    return Optimizer.named(value, "optimizer", **settings)
