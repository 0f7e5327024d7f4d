"""Losses as data: which op compares output and target, what targets may be, how outputs are read as answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad import ops
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, DTypeError, Phrase, ShapeError
from handgrad.nn import targets
from handgrad.nn.arguments import number, shown, word
from handgrad.nn.plain import Plain
from handgrad.ops.losses import reduce_loss

Array = NDArray[Any]
REDUCTIONS = ("mean", "sum", "batch_mean")


class Loss(Plain, abstract=True):
    """One number that says how wrong an output is. Subclass it with typed fields and one rule.

    `reduction`: "mean" over all elements, "sum", or "batch_mean" (sum divided by the number of rows). `task` says what
    outputs mean: "values" (numbers), "binary" (probabilities or logits of 1), "classes" (one column for each class).
    `expects` says what the loss wants as output: "anything", "probabilities", "logits".

    >>> import numpy as np, handgrad as hg
    >>> class LogCosh(hg.Loss):
    ...     "Squared for small errors, straight for large ones, and smooth everywhere."
    ...
    ...     def forward(self, output, target):
    ...         r = output - target
    ...         return self.reduce(hg.ops.softplus(2 * r) - r - np.log(2))
    >>> net = hg.Network([hg.Dense(1, 1)], loss=LogCosh(), seed=0)
    >>> bool(net.loss_value(np.ones((4, 1)), np.ones(4)) >= 0)
    True
    """

    family: ClassVar[str] = "loss"
    task: ClassVar[str] = "values"
    expects: ClassVar[str] = "anything"

    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        word(self.reduction, f"{type(self).__name__}: reduction", REDUCTIONS)

    @abstractmethod
    def forward(self, output: Any, target: Any) -> Any:
        """The loss as one number, made of ops; both arrays have the same shape unless `target` says otherwise."""

    def reduce(self, each: Any) -> Any:
        """One number from the loss of each element, as `reduction` says."""
        return reduce_loss(ops, each, self.reduction)  # type: ignore[no-untyped-call]  # rules stand without types

    def extra_leaves(self) -> dict[str, Array]:
        """Arrays that `forward` takes as keywords beside output and target."""
        return {}

    def target(self, y: Any, output_shape: tuple[int, ...]) -> Array:
        """y as `forward` wants it, for an output of this shape; (N,) is read as (N, 1) for one output.

        Raises ShapeError, DTypeError, ArgumentError (nan, inf, no rows under a mean).
        """
        return targets.values(y, tuple(output_shape), self.kind, self.reduction)

    def check_output(self, output: Array) -> None:
        """Raises ArgumentError for an output that this loss cannot mean."""

    def probabilities(self, output: Array) -> Array:  # noqa: ARG002
        """The output as probabilities: (N, 1) of class 1, or (N, C). Raises ArgumentError where it has none."""
        raise ArgumentError(
            "{loss} compares values, so its network gives no probabilities. Use predict, or a loss for classes.",
            loss=self.kind,
        )

    def labels(self, output: Array) -> Array | None:  # noqa: ARG002 (one signature for all losses)
        """The predicted labels, ints (N,); None where outputs are values."""
        return None


class MSE(Loss):
    """The squared error, torch's MSELoss.

    >>> MSE().forward(np.array([[1.0], [2.0]]), np.array([[1.0], [0.0]]))
    np.float64(2.0)
    """

    def forward(self, output: Any, target: Any) -> Any:
        """The mean (or sum) of (p - y)²."""
        return ops.mse(output, target, reduction=self.reduction)


class MAE(Loss):
    """The absolute error, torch's L1Loss."""

    def forward(self, output: Any, target: Any) -> Any:
        """The mean (or sum) of |p - y|."""
        return ops.mae(output, target, reduction=self.reduction)


class HalfSSE(Loss):
    """Half of the sum of squared errors, ½ Σ (p - y)²: the loss of many derivations by hand, derivative p - y."""

    reduction: str = field(default="sum", kw_only=True)

    def __post_init__(self) -> None:
        if self.reduction != "sum":
            raise ArgumentError(
                "half_sse is ½ Σ by definition, got reduction={value}. Use mse for a mean.", value=shown(self.reduction)
            )

    def forward(self, output: Any, target: Any) -> Any:
        """½ Σ (p - y)²."""
        return ops.half_sse(output, target)


class Huber(Loss):
    """Squared up to errors of `delta`, straight beyond: torch's HuberLoss (Huber 1964)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(delta=number(self.delta, "Huber: delta", above=0))

    def forward(self, output: Any, target: Any) -> Any:
        """The mean (or sum) of ½ r² where |r| <= delta, delta (|r| - ½ delta) elsewhere."""
        return ops.huber(output, target, delta=self.delta, reduction=self.reduction)


class _Binary(Loss, abstract=True):
    """Losses of yes and no: targets in [0, 1], outputs that say how likely yes is."""

    task = "binary"

    def target(self, y: Any, output_shape: tuple[int, ...]) -> Array:
        """y as floats of the output's shape. Raises ArgumentError for one outside [0, 1], and as other losses do."""
        return targets.between_0_and_1(super().target(y, output_shape), self.kind)

    def labels(self, output: Array) -> Array:
        """1 where the probability is above one half: (N,), or (N, K) for K questions."""
        found = (self.probabilities(output) > 0.5).astype(np.int64)
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


class BCE(_Binary):
    """Binary cross-entropy on probabilities, torch's BCELoss; p = 0 and p = 1 give finite losses."""

    expects = "probabilities"

    def forward(self, output: Any, target: Any) -> Any:
        """The mean (or sum) of -(y ln p + (1 - y) ln(1 - p))."""
        return ops.bce(output, target, reduction=self.reduction)

    def check_output(self, output: Array) -> None:
        """Raises ArgumentError when the output holds numbers that are no probabilities."""
        wrong = (output < 0) | (output > 1)
        if wrong.any():
            raise ArgumentError(
                "bce: the output holds {value}: probabilities lie in [0, 1]. "
                "Use bce_with_logits, or end the network with Sigmoid().",
                value=shown(output[wrong].flat[0]),
            )  # fmt: skip

    def probabilities(self, output: Array) -> Array:
        """The output itself."""
        return output


class BCEWithLogits(_Binary):
    """Binary cross-entropy on logits, torch's BCEWithLogitsLoss: sigmoid and loss in one exact step.

    `pos_weight` counts the targets 1 so many times.
    """

    kind = "bce_with_logits"
    aliases = ("bce_logits",)
    expects = "logits"

    pos_weight: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pos_weight is not None:
            self._settle(pos_weight=number(self.pos_weight, "BCEWithLogits: pos_weight", above=0))

    def forward(self, output: Any, target: Any) -> Any:
        """The mean (or sum) of the binary cross-entropy of σ(z)."""
        weight = 1.0 if self.pos_weight is None else self.pos_weight
        return ops.bce_with_logits(output, target, pos_weight=weight, reduction=self.reduction)

    def probabilities(self, output: Array) -> Array:
        """σ of the output."""
        found: Array = ops.sigmoid(output)
        return found


class CrossEntropy(Loss):
    """Softmax cross-entropy on logits (N, C), torch's CrossEntropyLoss.

    Targets are labels 0 to C-1, (N,), or rows of probabilities, (N, C). `class_weight` gives each class its weight:
    with labels "mean" then divides by the weights of the rows, with probabilities by N. The two means are otherwise
    one: each row has one loss.
    """

    task = "classes"
    expects = "logits"

    class_weight: Sequence[float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weight is not None:
            self._settle(class_weight=_weights(self.class_weight))

    def extra_leaves(self) -> dict[str, Array]:
        """The class weights, (C,)."""
        return {} if self.class_weight is None else {"class_weight": np.array(self.class_weight)}

    def forward(self, output: Any, target: Any, class_weight: Any = None) -> Any:
        """Minus the log-probability of the right class, weighted where weights are given."""
        means = {"sum": "sum", "mean": "mean", "batch_mean": "mean"}[self.reduction]
        if not _holds_labels(target):
            weighted = target if class_weight is None else target * class_weight
            return ops.cross_entropy_soft(output, weighted, reduction=means)
        if class_weight is None:
            return ops.cross_entropy(output, target, reduction=means)
        if self.reduction == "batch_mean":
            return ops.weighted_cross_entropy(output, target, class_weight, reduction="sum") / output.shape[0]
        return ops.weighted_cross_entropy(output, target, class_weight, reduction=means)

    def target(self, y: Any, output_shape: tuple[int, ...]) -> Array:
        """Labels int64 (N,), or probabilities (N, C).

        Raises IndexRangeError for a label that is no class, DTypeError for a fraction, ShapeError for other shapes or
        class weights of another number, ArgumentError for rows that are no probabilities, nan, inf, no rows.
        """
        shape = tuple(output_shape)
        array = targets.numeric(y, self.kind)
        if len(shape) != 2:
            raise ShapeError(
                "cross_entropy: the output has shape {output}: it must be (N, classes). End with Flatten() and Dense.",
                output=show(shape),
            )
        if self.class_weight is not None and len(self.class_weight) != shape[1]:
            raise ShapeError(
                "cross_entropy: class_weight has {got} numbers, the output {classes} columns: they must be equal. "
                "Give one weight for each class.",
                got=len(self.class_weight), classes=shape[1],
            )  # fmt: skip
        targets.check_rows(array, shape, self.kind, self.reduction)
        if array.ndim == 1:
            return self._counted(targets.labels(array, shape[1], self.kind))
        if array.shape != shape:
            raise ShapeError(
                "cross_entropy: y has shape {y}, the output {output}: labels are (N,), probabilities {output}. {hint}",
                y=show(array.shape), output=show(shape),
                hint=Phrase("Try y.ravel().") if array.size == shape[0] else Phrase("Change y or the last layer."),
            )  # fmt: skip
        return targets.distributions(array, self.kind)

    def _counted(self, labels: Array) -> Array:
        if self.class_weight is not None and self.reduction == "mean":
            if not np.array(self.class_weight)[labels].sum() > 0:
                raise ArgumentError(
                    "cross_entropy: every row belongs to a class of weight 0, so there is no mean. "
                    "Give those classes a weight above 0.",
                )  # fmt: skip
        return labels

    def probabilities(self, output: Array) -> Array:
        """Softmax of the output, (N, C)."""
        found: Array = ops.softmax(output)
        return found

    def labels(self, output: Array) -> Array:
        """The column with the largest logit, (N,); the first of several."""
        found: Array = np.argmax(output, axis=-1)
        return found


def _holds_labels(target: Any) -> bool:
    """Whether the target holds class labels: symbols say "int", arrays and Tensors have NumPy's dtypes."""
    return str(target.dtype).startswith(("int", "uint"))


def _weights(given: Any) -> tuple[float, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, (Sequence, np.ndarray)) or np.ndim(given) != 1:
        raise DTypeError(
            "CrossEntropy: class_weight is {value}: it must be one number for each class. Write [1.0, 2.0].",
            value=shown(given),
        )
    found = tuple(number(w, f"CrossEntropy: class_weight[{i}]", least=0) for i, w in enumerate(given))
    if not sum(found) > 0:
        raise ArgumentError(
            "CrossEntropy: class_weight is {value}: at least one must be above 0. Try [1.0, 1.0].", value=shown(given)
        )
    return found


def loss_from(value: Loss | str, **settings: Any) -> Loss:
    """A loss, or the one of that name or alias ("mse", "bce_logits"), made with `settings`.

    Raises DTypeError for other things, UnknownNameError for unknown names.

    >>> loss_from("bce_logits", pos_weight=2.0)
    BCEWithLogits(pos_weight=2.0)
    """
    return Loss.named(value, "loss", **settings)
