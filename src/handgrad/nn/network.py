"""Network: a list of layers, a loss, and one flat vector of weights; its verbs are one line each.

What a network computes is recorded once in symbols (per shape of input), turned into programs, and run from there.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError, ShapeError, UnknownNameError, nearest
from handgrad.nn import targets
from handgrad.nn.arguments import known, number, whole
from handgrad.nn.inputs import callers_level, finite, inputs, width
from handgrad.nn.layer import Layer
from handgrad.nn.layers import layer_list
from handgrad.nn.losses import Loss, loss_from
from handgrad.nn.parse import parse, short_form
from handgrad.nn.slots import Slots, ends_in_probabilities

if TYPE_CHECKING:
    from handgrad.program.statements import Program

Array = Any
ROWS = 256  # forward takes long inputs in pieces of so many rows


class Network:
    """A feed-forward network: layers in order, a loss, weights drawn from a seed.

    `layers` are applied from first to last; `loss` is a Loss or its name ("bce"); `dtype` is "float64" or "float32" and
    is the network's: inputs are cast. `l1`, `l2` add l1·Σ|w| + l2·Σw² over all weights (biases stay out of it).

    Raises ShapeError when layers do not fit together, ArgumentError for values that make no sense.

    >>> import handgrad as hg
    >>> net = hg.Network([hg.Dense(2, 3), hg.Tanh(), hg.Dense(3, 1), hg.Sigmoid()], loss=hg.BCE(), seed=0)
    >>> net
    <Network 2-3:tanh-1:sigmoid, 13 weights, loss bce>
    >>> net.forward([[0.0, 1.0]]).shape
    (1, 1)
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss | str | None = None, *, seed: int = 0,
                 dtype: str = "float64", l1: float = 0.0, l2: float = 0.0) -> None:  # fmt: skip
        self.layers = layer_list(layers, "Network")
        self.loss = loss_from(loss) if loss is not None else None
        self.seed, self.dtype = whole(seed, "seed", least=0), width(dtype)
        self.l1, self.l2 = (number(v, k, least=0, example=1e-4) for k, v in (("l1", l1), ("l2", l2)))
        self.slots = Slots(self.layers)
        from handgrad.nn.record import Recorder, fit_together  # symbols and programs are loaded with the first network

        self._recorder = Recorder(self)
        self.history: Any = None
        self.preparation: Any = None  # how a table becomes X and y, when the network was trained on one
        self._w = np.empty(self.slots.size, self.dtype)
        self.reset()
        fit_together(self)
        if self.loss is not None and self.loss.expects == "logits" and ends_in_probabilities(self.layers):
            warnings.warn(
                f"{self.loss.kind} takes logits, and this network ends with {self.layers[-1]!r}: that squashes them "
                "twice. Leave that layer out; predict_proba gives the probabilities.",
                stacklevel=callers_level(),
            )

    @classmethod
    def parse(cls, text: str, loss: Loss | str | None = None, **settings: Any) -> Network:
        """A network from its short form.

        >>> import handgrad as hg
        >>> hg.Network.parse("2-10:relu-1:sigmoid", loss="bce", seed=0)
        <Network 2-10:relu-1:sigmoid, 41 weights, loss bce>
        """
        known(settings, cls, "Network")
        return cls(parse(text), loss, **settings)

    # -- weights --------------------------------------------------------------------------------------------------
    def reset(self, seed: int | None = None) -> Network:
        """Draw the weights again (from `seed`, or the network's own) and forget all training."""
        if seed is not None:
            self.seed = whole(seed, "seed", least=0)
        self._w[...] = self.slots.draw(self.seed, self.dtype)  # in place: training under way goes on with these
        self.training_state: dict[str, Any] = {}
        self.history = None
        return self

    @property
    def parameters(self) -> dict[str, Array]:
        """All weights and biases by name, as read-only copies; `set_parameters` loads new ones."""
        return self.slots.split(self._w)

    def set_parameters(self, arrays: Mapping[str, Array]) -> Network:
        """Load weights by name. All mismatches are said at once, and a failed call changes nothing.

        Raises ShapeError or UnknownNameError.

        >>> import handgrad as hg
        >>> net = hg.Network([hg.Dense(2, 1)], loss="mse")
        >>> net.set_parameters({"dense1.weight": [[1.0], [2.0]], "dense1.bias": [0.5]}).forward([[1.0, 1.0]]).item()
        3.5
        """
        self._w[...] = self.slots.join(arrays, self.dtype)
        return self

    # -- numbers --------------------------------------------------------------------------------------------------
    def forward(self, X: Array) -> Array:
        """The output for X (N, inputs): the raw numbers of the last layer."""
        X = inputs(X, self.dtype)
        program, _ = self._recorder.program(X.shape[1:], None, ("output",), ())
        if not program.outputs:  # no layer changes anything
            return X.copy()
        run, name = self._recorder.run, program.outputs[0].text
        if len(X) <= 2 * ROWS or not self.slots.rowwise:
            out = run(program, self._values(X))[name]
            return out.copy() if np.may_share_memory(out, X) else out
        # many rows go through a few at a time: the values of all layers for all rows would fill the memory
        parts = [run(program, self._values(X[i : i + ROWS]))[name] for i in range(0, len(X), ROWS)]
        return np.concatenate(parts)

    def loss_value(self, X: Array, y: Array) -> float:
        """The loss on X (N, inputs) and y, with the l1 and l2 penalties.

        Raises what `fit` raises for data that does not fit, and ArgumentError for outputs that the loss cannot mean.
        """
        X, y = self._pair(X, y)
        self._judge(X)
        program, _ = self._recorder.program(X.shape[1:], y, ("loss",), ())
        return float(self._recorder.run(program, self._values(X, y))[program.outputs[0].text])

    def gradients(self, X: Array, y: Array) -> dict[str, Array]:
        """The derivative of the loss with respect to every weight, and to the input (as "input")."""
        X, y = self._pair(X, y)
        self._judge(X)
        program, names = self._recorder.program(X.shape[1:], y, ("loss",), None)
        result = self._recorder.run(program, self._values(X, y))
        return {name: np.array(result[d.text], self.dtype) for name, d in names.items()}

    def trace(self, X: Array, y: Array | None = None) -> Any:
        """The record of one pass: every value, every gradient and its contributions, named and in order."""
        from handgrad.program.trace import trace

        if y is None:
            X = inputs(X, self.dtype)
            program, _ = self._recorder.program(X.shape[1:], None, ("values",), ())
        else:
            X, y = self._pair(X, y)
            self._judge(X)
            program, _ = self._recorder.program(X.shape[1:], y, ("loss", "values"), None)
        return trace(program, self._values(X, y), self.dtype, short_form(self.layers) or "")

    def program(self, X: Array, y: Array | None = None) -> Program:
        """The statements that compute output, loss and all gradients for data of this shape."""
        X = inputs(X, self.dtype)
        if y is None:
            return self._recorder.program(X.shape[1:], None, ("output",), ())[0]
        X, y = self._pair(X, y)
        return self._recorder.program(X.shape[1:], y, ("loss",), self.slots.names)[0]

    def predict(self, X: Array) -> Array:
        """Labels for classification losses (N,), values otherwise (N, outputs)."""
        out = self.forward(X)
        labels = self.loss.labels(out) if self.loss is not None else None
        return out if labels is None else labels

    def predict_proba(self, X: Array) -> Array:
        """Probabilities (N, outputs); raises ArgumentError for a loss that has none."""
        loss = self._loss()
        if loss.task == "values":
            raise ArgumentError("the loss {loss} predicts values, not probabilities: use predict.", loss=loss.kind)
        return loss.probabilities(self.forward(X))

    def score(self, X: Array, y: Array) -> float:
        """Accuracy for classification losses, R² otherwise."""
        from handgrad.nn.metrics import score

        X, y = self._pair(X, y)
        return score(self._loss(), self.forward(X), y)

    # -- verbs ----------------------------------------------------------------------------------------------------
    def train_step(self, X: Array, y: Array, optimizer: Any = 0.1, *, clip_norm: float | None = None,
                   clip_value: float | None = None) -> float:  # fmt: skip
        """One update of the weights; gives the loss before it. `optimizer` may be a learning rate (plain SGD)."""
        from handgrad.train.loop import train_step

        return train_step(self, X, y, optimizer, clip_norm=clip_norm, clip_value=clip_value)

    def fit(self, X: Array, y: Array, epochs: int = 100, batch_size: int | None = None, optimizer: Any = None,
            **settings: Any) -> Any:  # fmt: skip
        """Train; gives the History. See handgrad.train.fit for all settings."""
        from handgrad.train.loop import fit

        known(settings, fit, "fit")
        return fit(self, X, y, epochs=epochs, batch_size=batch_size, optimizer=optimizer, **settings)

    def check(self, X: Array, y: Array, sample: int | None = None, **settings: Any) -> Any:
        """Prove the gradients by differences, the complex step and, where installed, PyTorch; gives the report."""
        from handgrad.check import check_network

        known(settings, check_network, "check")
        return check_network(self, X, y, sample=sample, **settings)

    def source(self, to: str = "numpy", optimizer: Any = None, **settings: Any) -> str:
        """The training program as a script: "numpy" (the very program that trains) or "torch"."""
        from handgrad.bridge.source import source

        known(settings, source, "source")
        return source(self, to, optimizer, **settings)

    @property
    def plot(self) -> Any:
        """Pictures of the network: `net.plot.boundary(X, y)`, `net.plot.fit(X, y)`."""
        from handgrad.plot import NetworkPlots

        return NetworkPlots(self)

    def summary(self, sample: tuple[int, ...] | None = None) -> Any:
        """Layers, shapes and numbers of weights as a table; `sample` is the shape of one row of X, such as (8, 8)."""
        from handgrad.nn.summary import summary

        return summary(self, sample)

    def save(self, path: str | Path) -> None:
        """Write weights and description to one safetensors file, atomically."""
        from handgrad.nn.files import save

        save(self, path)

    def load_parameters(self, path: str | Path) -> Network:
        """Load the weights in a safetensors file by name; a file that does not fit changes nothing."""
        from handgrad.nn.files import load_parameters

        return load_parameters(self, path)

    def to_spec(self) -> dict[str, Any]:
        """The network without its weights as plain data (JSON)."""
        from handgrad.nn.spec import to_spec

        return to_spec(self)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Network:
        """A network from `to_spec`'s data; raises with the path inside the document when it does not fit."""
        from handgrad.nn.spec import from_spec

        return from_spec(spec)

    # -- inside ---------------------------------------------------------------------------------------------------
    def _loss(self) -> Loss:
        if self.loss is None:
            raise ArgumentError("this network has no loss. Give one, as in Network(layers, loss={loss!r}).", loss="mse")
        return self.loss

    def _judge(self, X: Array) -> None:
        """Ask the loss whether it can mean these outputs; a last layer that says its range spares the question."""
        if type(self._loss()).check_output is not Loss.check_output and not ends_in_probabilities(self.layers):
            self._loss().check_output(self.forward(X))

    def _pair(self, X: Array, y: Array) -> tuple[Array, Array]:
        X = inputs(X, self.dtype)
        loss = self._loss()
        y = targets.numeric(y, loss.kind)
        if y.ndim == 0 or len(y) != len(X):
            rows = len(y) if y.ndim else 0
            raise ShapeError("X has {n} rows, y has {m}. Give one target for each row.", n=len(X), m=rows)
        y = loss.target(y, (len(X), *self._recorder.output_shape(X.shape[1:])))
        if y.dtype.kind in "iu" or y.dtype == self.dtype:
            return X, y
        with np.errstate(all="ignore"):  # beyond float32 it is inf, which is said below
            cast = y.astype(self.dtype)
        finite(cast, "y", y)
        return X, cast

    def _values(self, X: Array, y: Array | None = None) -> dict[str, Array]:
        values = {s.code: part for s, part in self.slots.views(self._w)}
        values["X"] = X
        if y is not None:
            values["y"] = y
        values.update(l1=self.l1, l2=self.l2)
        if self.loss is not None:
            values.update({k: np.asarray(v, self.dtype) for k, v in self.loss.extra_leaves().items()})
        return values

    def layer(self, name: str) -> Layer:
        """The layer of this name."""
        found = self.slots.layers.get(name)
        if found is None:
            hint = nearest(name, self.slots.layers)
            raise UnknownNameError("there is no layer named {name!r}. {hint}", name=name, hint=hint)
        return found

    def __repr__(self) -> str:
        form = short_form(self.layers) or f"of {len(self.layers)} layers"
        loss = f", loss {self.loss.kind}" if self.loss is not None else ""
        kind = "" if self.dtype == "float64" else f", {self.dtype}"
        return f"<Network {form}, {self._w.size} weights{loss}{kind}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()  # type: ignore[no-any-return]

    def __copy__(self) -> Network:
        return copy.deepcopy(self)  # with weights in common, training one would change the other

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_recorder"], state["slots"]  # they know layers by their place in memory, and hold compiled code
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.slots = Slots(self.layers)
        from handgrad.nn.record import Recorder

        self._recorder = Recorder(self)
