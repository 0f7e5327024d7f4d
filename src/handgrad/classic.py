"""Classic calls: create a network, then train, forward and backward by hand, with every step printed on request.

Thin over `Network`, which stands in `.network` with everything else that it can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.core.sizes import show
from handgrad.core.trace import Trace
from handgrad.errors import DTypeError, GraphError
from handgrad.i18n import Translator, translator
from handgrad.nn.arguments import shown, whole
from handgrad.nn.layers import Dense, ReLU, Sigmoid, Tanh
from handgrad.nn.losses import BCE, MSE
from handgrad.nn.network import Network
from handgrad.program.plaintext import plaintext
from handgrad.train.history import History

Array = Any


def create_simple_classifier(input_size: int, hidden_size: int, output_size: int, *, seed: int = 0) -> ClassicNetwork:
    """One hidden ReLU layer (He initialisation), sigmoid outputs, binary cross-entropy.

    Raises DTypeError and ArgumentError for sizes that are no whole numbers of at least 1.

    >>> network = create_simple_classifier(input_size=2, hidden_size=10, output_size=1)
    >>> network
    <ClassicNetwork 2-10:relu-1:sigmoid, 41 weights, loss bce>
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    >>> history = network.train(X, y, epochs=500, learning_rate=0.1)
    >>> len(history)
    500
    """
    inside, hidden, outside = _sizes(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
    # the default initialiser follows the activation: He before ReLU
    return ClassicNetwork(Network([Dense(inside, hidden), ReLU(), Dense(hidden, outside), Sigmoid()], BCE(), seed=seed))


def create_regression_network(input_size: int, hidden_sizes: Sequence[int], output_size: int, *,
                              seed: int = 0) -> ClassicNetwork:  # fmt: skip
    """Hidden tanh layers of these sizes (Xavier initialisation), linear outputs, mean squared error.

    Raises DTypeError and ArgumentError for sizes that are no whole numbers of at least 1.

    >>> create_regression_network(input_size=1, hidden_sizes=[20, 20], output_size=1)
    <ClassicNetwork 1-20:tanh-20:tanh-1, 481 weights, loss mse>
    """
    if isinstance(hidden_sizes, str | int | float):
        raise DTypeError(
            "hidden_sizes is {value}: it must be a list of sizes, one for each hidden layer. Write [20, 20].",
            value=shown(hidden_sizes),
        )
    inside, outside = _sizes(input_size=input_size, output_size=output_size)
    hidden = [whole(size, f"hidden_sizes[{i}]") for i, size in enumerate(hidden_sizes)]
    layers: list[Any] = []
    for before, after in zip([inside, *hidden], hidden, strict=False):
        layers += [Dense(before, after), Tanh()]
    return ClassicNetwork(Network([*layers, Dense([inside, *hidden][-1], outside)], MSE(), seed=seed))


def _sizes(**sizes: Any) -> list[int]:
    return [whole(size, name) for name, size in sizes.items()]


class ClassicNetwork:
    """A network whose passes are called one by one; `.network` is the Network inside.

    >>> import handgrad as hg
    >>> network = ClassicNetwork(hg.Network([hg.Dense(1, 1)], loss="mse", seed=0))
    >>> X, y = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
    >>> predictions = network.forward(X)
    >>> before = network.backward(y, predictions, 0.1)
    >>> before > network.network.loss_value(X, y)
    True
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._X: Array = None
        self._output: Array = None

    def train(self, X: Array, y: Array, epochs: int = 100, learning_rate: Any = 0.1, batch_size: int | None = 32,
              **settings: Any) -> History:  # fmt: skip
        """Plain SGD in shuffled batches; gives the History. Settings are those of `Network.fit`.

        `learning_rate` may be an optimizer; `batch_size=None` takes all rows at once. Raises what `fit` raises.
        """
        history: History = self.network.fit(X, y, epochs, batch_size, learning_rate, **settings)
        return history

    def train_step(self, X: Array, y: Array, lr: Any = 0.1) -> float:
        """One update on all of X, by a learning rate or an optimizer; gives the loss before it."""
        return self.network.train_step(X, y, lr)

    def forward(self, X: Array) -> Array:
        """The output for X (N, inputs); `backward` goes back from here."""
        self._X, self._output = np.array(X), self.network.forward(X)
        return self._output.copy()

    def backward(self, y: Array, predictions: Array, lr: Any = 0.1) -> float:
        """Backward pass and update, by a learning rate or an optimizer; gives the loss before the update.

        `predictions` are what the last `forward(X)` gave. Raises GraphError when they are not, or when the weights have
        changed since: the gradient would be that of another pass.
        """
        return self.network.train_step(self._last(predictions), y, lr)

    def predict(self, X: Array) -> Array:
        """Labels of a classifier (N,), values of a regression network (N, outputs)."""
        return self.network.predict(X)

    def detailed_forward(self, X: Array, verbose: bool = True, lang: str = "en") -> Array:
        """`forward`, with each layer's computation printed next to its formula; `lang` is the table's language."""
        output = self.forward(X)
        if verbose:
            t = translator(lang)
            trace = self.network.trace(X)
            _print(t("Forward pass: {network}", network=repr(self.network)[1:-1]), t, _forward_rows(trace))
        return output

    def detailed_backward(self, y: Array, predictions: Array, learning_rate: Any = 0.1, verbose: bool = True,
                          lang: str = "en") -> float:  # fmt: skip
        """`backward`, with each layer's derivatives printed next to their formulas, and the weights before and after.

        Gives the loss before the update; raises what `backward` raises.
        """
        X = self._last(predictions)
        if not verbose:
            return self.network.train_step(X, y, learning_rate)
        t = translator(lang)
        trace, before = self.network.trace(X, y), self.network.parameters
        loss = self.network.train_step(X, y, learning_rate)
        _print(t("Backward pass: loss {loss:.6g}, from the output to the input", loss=loss), t, _backward_rows(trace))
        rows = [(name, t("before"), show(old.shape), numbers(old)) for name, old in before.items()]
        after = [(name, t("after"), show(new.shape), numbers(new)) for name, new in self.network.parameters.items()]
        pairs = [row for pair in zip(rows, after, strict=True) for row in pair]
        _print(
            t("Update by {optimizer}", optimizer=_rule(learning_rate, sum(w.size for w in before.values()))), t, pairs
        )
        return loss

    def _last(self, predictions: Array) -> Array:
        """The X of the last forward pass, if these are its predictions and the weights are still the same."""
        if self._X is None:
            raise GraphError("backward: there was no forward pass yet. Call forward(X) first, and pass what it gives.")
        if not np.array_equal(np.asarray(predictions), self._output):
            raise GraphError(
                "backward: these predictions, of shape {shape}, are not those of the last forward pass. Call "
                "forward(X), and pass what it gives.",
                shape=show(np.shape(predictions)),
            )  # fmt: skip
        if not np.array_equal(self.network.forward(self._X), self._output):
            raise GraphError("backward: the weights have changed since the last forward pass. Call forward(X) again.")
        return self._X

    def __repr__(self) -> str:
        return repr(self.network).replace("<Network", "<ClassicNetwork", 1)


# -- the printed steps ------------------------------------------------------------------------------------------------
Row = tuple[str, str, str, str]  # layer, computation, shape, numbers


def numbers(value: Array) -> str:
    """An array's first and last numbers, four digits each.

    >>> numbers(np.array([[1.0, 0.123456]]))
    '[[1.     0.1235]]'
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.6g}"
    return np.array2string(array, precision=4, suppress_small=True, threshold=24, edgeitems=2, max_line_width=44)


def _line(formula: str, code: str) -> str:
    return f"{plaintext(formula)}\n{code}"


def _forward_rows(trace: Trace) -> list[Row]:
    rows = [(n.label, n.name, show(n.shape), numbers(n.value)) for n in trace if n.role == "input"]
    return rows + [
        (n.layer, _line(n.formula, n.code), show(n.shape), numbers(n.value))
        for n in trace
        if n.code and n.role != "backward"
    ]


def _backward_rows(trace: Trace) -> list[Row]:
    """From the loss to the input, in the order of the pass: each layer's weights, then its input."""
    layers: dict[str, str] = {}  # the gradient of a value is complete at the first layer that reads it
    for step in reversed([n for n in trace if n.code and n.role != "backward"]):
        layers.update(dict.fromkeys(step.args, step.layer))
    rows: list[Row] = []
    for node in map(trace.__getitem__, trace.backward):
        if node.role == "backward":  # a value that only this pass needs
            rows.append((node.layer, _line(node.formula, node.code), show(node.shape), numbers(node.value)))
        elif node.name in layers:
            lines = [*zip(node.contribution_formula, node.contribution_code, node.contributions, strict=True),
                     (node.gradient_formula, node.gradient_code, node.gradient)]  # fmt: skip
            rows += [(layers[node.name], _line(f, code), show(node.shape), numbers(value)) for f, code, value in lines]
    return rows


def _rule(value: Any, size: int) -> str:
    """An optimizer and its formulas over all weights w and gradients g."""
    from handgrad.program.latex import formula
    from handgrad.program.update import update
    from handgrad.train.optimizers import optimizer_from

    chosen = optimizer_from(value)
    return "\n".join([repr(chosen), *(plaintext(formula(s)) for s in update(chosen, size).statements)])


def _print(title: str, t: Translator, rows: Sequence[Row]) -> None:
    """A table on stdout: layer, computation (formula, then code), shape, numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", show_lines=True)
    for name in (t("layer"), t("computation"), t("shape"), t("numbers")):
        table.add_column(Text(name), overflow="fold")
    for layer, computation, shape, value in rows:
        table.add_row(Text(layer), Text(computation), Text(shape), Text(value))
    Console().print(table)
