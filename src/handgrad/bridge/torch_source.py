"""The same network and training as a PyTorch script: every layer, loss and optimizer by its twin."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from handgrad.core.op import Op
from handgrad.errors import ArgumentError
from handgrad.nn.layer import Layer
from handgrad.nn.layers import ActivationLayer, Dense, Flatten, Residual
from handgrad.program.latex import formula
from handgrad.program.python import line
from handgrad.program.script import main
from handgrad.program.statements import Statement

if TYPE_CHECKING:
    from handgrad.nn.network import Network
    from handgrad.program.script import Training
    from handgrad.train.optimizers import Optimizer

# torch.nn's words for an op's settings, and settings without which a module would compute something else
WORDS = {"LeakyReLU": {"alpha": "negative_slope"}, "Softmax": {"axis": "dim"}, "LogSoftmax": {"axis": "dim"}}
NEEDED = {"Softplus": "threshold=40", "gelu_tanh": 'approximate="tanh"'}  # above 20 Softplus is off by 1e-9
MODULES = ("Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SiLU", "GELU", "Softplus", "Softmax", "LogSoftmax")
LOSSES = ("MSELoss", "L1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss")
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}

SHARED = "  # used more than once: its weights are shared"
RESIDUAL = '''class Residual(nn.Module):
    """What the layers make of x, plus x itself."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)
'''


def torch_script(net: Network, plan: Training, optimizer: Optimizer, X: Any) -> str:
    """A script that trains `net` in PyTorch from the same weights on the same batches.

    It runs as `python script.py data.npz [weights.npz]` and writes the names that the NumPy script writes. `X` is an
    example of the input. Formula and plain line of each step stand beside it, from the printers of the NumPy script.
    Raises ArgumentError for a layer, loss or optimizer of the user's own that names no twin.

    >>> import handgrad as hg
    >>> net = hg.Network.parse("2-4:sigmoid-1:sigmoid", loss="mse", seed=0)
    >>> text = net.source("torch", optimizer=hg.SGD(0.1), epochs=10_000)
    >>> "nn.Linear(2, 4)," in text, "nn.MSELoss()" in text, "torch.optim.SGD(model.parameters(), lr=0.1)" in text
    (True, True, True)
    """
    made = twin(net, X, plan.label_dtype == "int", plan.step.statements)
    return "\n\n".join([_head(plan), made.text, _training(plan, optimizer, made, net), main()])


class Twin(NamedTuple):
    """A network and its loss in PyTorch, without the training."""

    text: str  # the definitions: network(), named, load, and where there are any criterion and penalty
    make: str  # the criterion as an expression; "" where it is a function among the definitions
    rows: bool  # whether its sum is divided by the number of rows


def twin(net: Network, X: Any, labels: bool, statements: Sequence[Statement] = ()) -> Twin:
    """What a network is in PyTorch, the formulas of `statements` beside its layers; `labels` says that y is whole.

    Raises ArgumentError for a layer, op or loss of the user's own that names no twin.
    """
    model, loss = _Model(net, statements), _loss(net, X, labels)
    parts = [*model.classes.values(), model.text(), _parameters(net, model), loss.text, _penalty(net)]
    return loss._replace(text="\n\n".join(part for part in parts if part))


# -- layers -----------------------------------------------------------------------------------------------------------
class _Model:
    """The layers as nn.Sequential: their text, the modules that have to be defined first, where weights are found."""

    def __init__(self, net: Network, statements: Sequence[Statement]) -> None:
        self.names = {id(layer): name for name, layer in net.slots.layers.items()}
        self.rest = [s for s in statements if s.phase == "forward" and s.origin.layer != "loss"]
        self.classes: dict[str, str] = {}
        self.paths: dict[str, str] = {}  # layer with weights -> expression over `model`
        self.shared = self._twice(net.layers)
        self.lines = self._sequence(net.layers, "model", "        ")

    def _twice(self, layers: Sequence[Layer]) -> dict[int, tuple[str, Layer]]:
        """The layers with weights that are used more than once, and the variables that hold them."""
        uses: dict[int, int] = {}
        found: dict[int, tuple[str, Layer]] = {}

        def walk(layers: Sequence[Layer]) -> None:
            for layer in layers:
                uses[id(layer)] = uses.get(id(layer), 0) + 1
                if uses[id(layer)] == 2 and (type(layer) is Dense or layer.children()):
                    found[id(layer)] = _variable(self.names[id(layer)], [v for v, _ in found.values()]), layer
                if uses[id(layer)] == 1:
                    walk(layer.children())

        walk(layers)
        # what others are made of is defined before them
        return dict(sorted(found.items(), key=lambda item: _size(item[1][1])))

    def _sequence(self, layers: Sequence[Layer], path: str, indent: str) -> list[str]:
        lines = []
        for i, layer in enumerate(layers):
            where, known = f"{path}[{i}]", self.shared.get(id(layer))
            if type(layer) is Residual:
                self.classes["Residual"] = RESIDUAL
                inner = self._sequence(layer.layers, f"{where}.layers", indent + "    ")
                after = self._comments(layer, indent + "    ")
                if known:
                    notes = [text.strip() for text in [*inner, *after] if text.strip().startswith("#")]
                    lines += [f"{indent}{text}" for text in [*notes, f"{known[0]},"]]
                else:
                    lines += [f"{indent}Residual(", *inner, *after, f"{indent}),"]
            else:
                lines += self._comments(layer, indent)
                lines.append(f"{indent}{known[0] if known else self.module(layer)},")
            if layer.parameters():
                self.paths.setdefault(self.names[id(layer)], where)
        return lines

    def _comments(self, layer: Layer, indent: str) -> list[str]:
        """Formula and plain line of what this use of the layer computes, up to its result."""
        found = []
        while self.rest and self.rest[0].origin.layer == self.names[id(layer)]:
            s = self.rest.pop(0)
            found += [f"{indent}# ${formula(s)}$", f"{indent}# {line(s)}"]
            if s.role == "value":
                break
        return found

    def module(self, layer: Layer) -> str:
        """The twin of a layer, as an expression."""
        if type(layer) is Dense:
            return f"nn.Linear({layer.inputs}, {layer.outputs}{'' if layer.bias else ', bias=False'})"
        if type(layer) is Flatten:
            return "nn.Flatten()"
        op = layer.op
        if op is None or type(layer).forward is not ActivationLayer.forward:
            raise ArgumentError(
                "the layer {layer} names no twin in PyTorch, so it cannot be printed there. Use net.source({numpy!r}).",
                layer=repr(layer)[:80], numpy="numpy",
            )  # fmt: skip
        settings = {k: getattr(layer, k) for k in op.params}
        module = op.traits.get("module")
        if module in MODULES and _ours(op):
            words = WORDS.get(module, {})
            given = [f"{words.get(k, k)}={v!r}" for k, v in settings.items()]
            given += [NEEDED[key] for key in (module, op.name) if key in NEEDED]
            return f"nn.{module}({', '.join(given)})"
        return self._from_op(op, settings)

    def _from_op(self, op: Op, settings: Mapping[str, Any]) -> str:
        """A module made from the op's own PyTorch expression."""
        if op.torch is None:
            raise ArgumentError(
                "the op {op} names no twin in PyTorch, so it cannot be printed there. Write @hg.op(torch={example!r}).",
                op=op.name, example="torch.tanh(x)",
            )  # fmt: skip
        name = "".join(part.capitalize() for part in op.name.split("_"))
        initial = "".join(f", {k}" for k in settings)
        keep = "".join(f"        self.{k} = {k}\n" for k in settings)
        text = f'class {name}(nn.Module):\n    """{op.sentence}"""\n\n'
        if settings:
            text += f"    def __init__(self{initial}):\n        super().__init__()\n{keep}\n"
        use = "".join(f"        {k} = self.{k}\n" for k in settings)
        text += f"    def forward(self, {op.arrays[0]}):\n{use}        return {op.torch}\n"
        self.classes[name] = text
        return f"{name}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"

    def text(self) -> str:
        """The function that makes the model."""
        before = []
        for variable, layer in self.shared.values():
            if type(layer) is Residual:
                inner = self._sequence(layer.layers, variable, "        ")
                before += [f"    {variable} = Residual({SHARED}", *inner, "    )"]
            else:
                before.append(f"    {variable} = {self.module(layer)}{SHARED}")
        return "\n".join(["def network():", '    """The layers, in order."""', *before, "    return nn.Sequential(",
                          *self.lines, "    )\n"])  # fmt: skip


def _size(layer: Layer) -> int:
    return 1 + sum(_size(inner) for inner in layer.children())


def _ours(op: Op) -> bool:
    return op.primitive or op.rule.__module__.startswith("handgrad.")


def _variable(name: str, taken: Sequence[str]) -> str:
    made = "".join(c if c.isalnum() else "_" for c in name)
    while not made.isidentifier() or keyword.iskeyword(made) or made in (*taken, "nn", "torch", "np"):
        made = f"{made}_" if made.isidentifier() else f"layer_{made}"
    return made


def _parameters(net: Network, model: _Model) -> str:
    """Functions between our names and the model's parameters."""
    rows = []
    for s in net.slots.slices:
        layer, _, local = s.name.rpartition(".")
        rows.append(f"        {s.name!r}: {model.paths[layer]}.{local},")
    draws = [f"        {s.name!r}: np.asarray({s.draw}, np.{net.dtype})," for s in net.slots.slices]
    return "\n".join([
        "def initial(seed=SEED):",
        '    """The weights that the network starts from, by name."""',
        "    rng = np.random.default_rng(seed)",
        "    return {", *draws, "    }\n\n",
        "def named(model):",
        '    """The parameters of the model by name."""',
        "    return {", *rows, "    }\n\n",
        "def load(model, weights):",
        '    """Put weights by name into the model; nn.Linear keeps them turned, as (outputs, inputs)."""',
        "    with torch.no_grad():",
        "        for name, parameter in named(model).items():",
        "            parameter.copy_(torch.tensor(np.asarray(weights[name]).T))\n\n",
        "def weights_of(model):",
        '    """The weights of the model by name, as NumPy arrays."""',
        "    return {name: parameter.detach().numpy().T.copy() for name, parameter in named(model).items()}\n",
    ])  # fmt: skip


# -- loss and optimizer -----------------------------------------------------------------------------------------------
def _loss(net: Network, X: Any, labels: bool) -> Twin:
    """The criterion, read from the op that the loss applies to output and target."""
    target = np.zeros(1, int) if labels else np.zeros((1, *net._recorder.output_shape(X.shape[1:])), net.dtype)
    rec, _, _ = net._recorder.recording(X.shape[1:], target, True)
    whole = next((e for e, name in rec.called.items() if name == "L_data"), rec.loss)
    assert whole is not None
    rows = whole.op is not None and whole.op.name == "divide"  # a sum over the batch, divided by its rows
    used = whole.args[0] if rows else whole
    op = used.op
    if op is None or not op.traits.get("loss") or used.args[0] is not rec.output:
        raise _no_loss(net)
    module = op.traits.get("module")
    if module in LOSSES and _ours(op):
        reduction = used.params.get("reduction", "mean")
        rows = rows or reduction == "batch_mean"
        given = _settings(net, used.params) + ([] if reduction == "mean" and not rows else ['reduction="sum"'])
        return Twin("", f"nn.{module}({', '.join(given)})", rows)
    if op.torch is None or "reduce(" in op.torch or len(op.arrays) != 2 or used.params:
        raise _no_loss(net)
    names = ", ".join(op.arrays)
    text = f'def criterion({names}):\n    """{op.sentence}"""\n    return {op.torch}\n'
    return Twin(text, "", rows)


def _no_loss(net: Network) -> ArgumentError:
    return ArgumentError(
        "the loss {loss} names no twin in PyTorch, so it cannot be printed there. Use net.source({numpy!r}).",
        loss=repr(net.loss)[:80], numpy="numpy",
    )  # fmt: skip


def _settings(net: Network, params: Mapping[str, Any]) -> list[str]:
    """The settings of a loss as torch.nn has them: numbers as they are, weights as tensors."""
    found = []
    if params.get("delta", 1.0) != 1.0:
        found.append(f"delta={params['delta']!r}")
    if params.get("pos_weight", 1.0) != 1.0:
        found.append(f"pos_weight=torch.tensor({params['pos_weight']!r}, dtype=torch.{net.dtype})")
    for name, value in net._loss().extra_leaves().items():
        if name != "class_weight":
            raise _no_loss(net)
        found.append(f"weight=torch.tensor({value.tolist()!r}, dtype=torch.{net.dtype})")
    return found


def _penalty(net: Network) -> str:
    """The l1 and l2 penalties over all weights."""
    terms = []
    if net.l1:
        terms.append(f"{net.l1!r} * sum(w.abs().sum() for w in weights)")
    if net.l2:
        terms.append(f"{net.l2!r} * sum((w * w).sum() for w in weights)")
    if not terms:
        return ""
    return "\n".join([
        "def penalty(model):",
        f'    """{" and ".join(k for k in ("l1", "l2") if getattr(net, k))} over all weights, not over biases."""',
        '    weights = [w for name, w in named(model).items() if name.rpartition(".")[2].startswith("weight")]',
        f"    return {' + '.join(terms)}\n",
    ])  # fmt: skip


def _optimizer(optimizer: Optimizer) -> str:
    twin = OPTIMIZERS.get(optimizer.kind)
    if twin is None or not type(optimizer).__module__.startswith("handgrad."):
        raise ArgumentError(
            "the optimizer {optimizer} names no twin in PyTorch, so it cannot be printed there. Use SGD or Adam.",
            optimizer=repr(optimizer)[:80],
        )
    given = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    default = {f.name: f.default for f in fields(optimizer)}
    words = [f"{k}={v!r}" for k, v in given.items() if k == "lr" or v != default[k]]
    return f"torch.optim.{twin}(model.parameters(), {', '.join(words)})"


# -- the parts of the script ------------------------------------------------------------------------------------------
def _head(plan: Training) -> str:
    size = f"\nBATCH = {plan.batch_size}" if plan.batch_size is not None else ""
    order = "" if plan.order is None else f"\nORDER = {plan.order}  # of the batches"
    return f'''"""{plan.title}, in PyTorch.

Printed by handgrad: the same network from the same first weights, on the same batches as its NumPy script.

    python script.py data.npz [weights.npz]     # data.npz holds X and y; the weights are written to weights.npz
"""


import numpy as np
import torch
from torch import nn

SEED = {plan.seed}{order}
EPOCHS = {plan.epochs}{size}
'''


def _notes(statements: Sequence[Statement], indent: str) -> list[str]:
    return [f"{indent}# {text}" for s in statements for text in (f"${formula(s)}$", line(s))]


def _training(plan: Training, optimizer: Optimizer, loss: Twin, net: Network) -> str:
    settings = plan.settings
    labels = "torch.int64" if plan.label_dtype == "int" else f"torch.{plan.dtype}"
    y = f"torch.as_tensor(np.asarray(y), dtype={labels})"
    y += ".reshape(len(X), -1)" if plan.column else ""
    batches = plan.batch_size is not None
    pad = "            " if batches else "        "
    forward = [s for s in plan.step.statements if s.phase == "forward" and s.origin.layer in ("loss", "")]
    backward = [s for s in plan.step.statements if s.phase == "backward"]
    rate = ["        for group in optimizer.param_groups:", f'            group["lr"] = {plan.schedule}']
    value = f"criterion(model({'X[rows]' if batches else 'X'}), {'y[rows]' if batches else 'y'})"
    value += f" / {'len(rows)' if batches else 'len(X)'}" if loss.rows else ""
    value += " + penalty(model)" if net.l1 or net.l2 else ""
    step = [
        f"{pad}optimizer.zero_grad()",
        *_notes(forward, pad),
        f"{pad}loss = {value}",
        *_notes(backward, pad),
        f"{pad}loss.backward()",
        *_notes(plan.update.statements, pad),
    ]
    if "max_norm" in settings:
        step.append(f"{pad}nn.utils.clip_grad_norm_(model.parameters(), {settings['max_norm']!r})")
    if "max_value" in settings:
        step.append(f"{pad}nn.utils.clip_grad_value_(model.parameters(), {settings['max_value']!r})")
    step.append(f"{pad}optimizer.step()")
    order = "seed" if plan.order is None else "ORDER"
    if batches:
        loop = [
            f"        order, total = np.random.default_rng(({order}, epoch)).permutation(len(X)), 0.0",
            "        for first in range(0, len(X), BATCH):",
            "            rows = order[first : first + BATCH]",
            *step,
            "            total += loss.item() * len(rows)",
            "        losses.append(total / len(X))",
        ]
    else:
        loop = [*step, "        losses.append(loss.item())"]
    return "\n".join([
        "def train(X, y, *, epochs=EPOCHS, seed=SEED, params=None, losses=None):",
        '    """Train for some epochs; gives the weights. A list given as `losses` gets the mean losses."""',
        f"    X = torch.as_tensor(np.asarray(X), dtype=torch.{plan.dtype})",
        f"    y = {y}",
        f"    model = network().to(torch.{plan.dtype})",
        "    load(model, initial(seed) if params is None else params)",
        *([f"    criterion = {loss.make}"] if loss.make else []),
        f"    optimizer = {_optimizer(optimizer)}",
        *([f"    lr0 = {settings['lr']!r}"] if plan.schedule else []),
        "    losses = [] if losses is None else losses",
        "    for epoch in range(epochs):",
        *(rate if plan.schedule else []),
        *loop,
        "    return weights_of(model)\n",
    ])  # fmt: skip
