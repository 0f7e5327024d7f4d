"""Recording a network: its layers applied to symbols, and the programs that follow from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.core.op import registry
from handgrad.core.reverse import topological, total
from handgrad.core.rules import endless
from handgrad.core.sizes import Size, show
from handgrad.core.symbols import Expr, Symbols
from handgrad.errors import DTypeError, Phrase, ShapeError, UnknownNameError, nearest
from handgrad.nn.arguments import shown
from handgrad.nn.layer import Layer
from handgrad.nn.layers import ActivationLayer, Dense, Flatten, Residual
from handgrad.nn.slots import Slots, flat
from handgrad.program.build import Recording, build
from handgrad.program.names import Name
from handgrad.program.run import Compiled
from handgrad.program.statements import Leaf, Program

if TYPE_CHECKING:
    from handgrad.nn.network import Network

N = Size(1, ("N",))


def fit_together(net: Network) -> None:
    """Try the layers on rows as long as the first layer with a size wants them. Raises ShapeError where two do not fit.

    A Flatten behind a sized layer, or a layer of the user's own, may mean inputs of more axes: what follows it is
    judged when there is an input.
    """
    known: list[Layer] = []
    size = None
    for layer in net.layers:
        if type(layer) not in (Dense, Flatten, Residual) and not isinstance(layer, ActivationLayer):
            break
        inside = [x for x in flat([layer]) if type(x) is Dense]
        if any(type(x) is Flatten for x in flat([layer])) and (size is not None or type(layer) is Residual):
            break
        if size is None and inside:
            size = inside[0].inputs
        known.append(layer)
    if size is not None:
        p = _Pass(net.slots, False)
        x = p.leaf(Name("X"), (N, size), "input", "input")
        for layer in known:
            x = p.apply(layer, x)


class _Scope:
    """What a layer's forward gets as `p`: its parameters by local name, a way to run nested layers, the mode."""

    def __init__(self, recorder: _Pass, layer: Layer) -> None:
        self._pass, self._layer = recorder, layer
        self.training = recorder.training

    def __getitem__(self, local: str) -> Expr:
        return self._pass.parameter(self._layer, local)

    def apply(self, layer: Layer, x: Any) -> Any:
        return self._pass.apply(layer, x)


class _Pass:
    """One run of the layers over symbols."""

    def __init__(self, slots: Slots, training: bool) -> None:
        self.slots, self.training = slots, training
        self.table = Symbols()
        self.leaves: dict[Expr, Leaf] = {}
        self.parameters: dict[str, Expr] = {}
        self.layers: dict[Expr, str] = {}
        self._seen: set[int] = set()  # nodes that have their layer
        for s in slots.slices:
            name = Name(s.code.rstrip("0123456789"), int(s.code[len(s.code.rstrip("0123456789")) :]))
            self.parameters[s.name] = self.leaf(name, s.shape, "parameter", s.name)

    def leaf(self, name: Name, shape: Any, role: str, label: str = "", dtype: str = "float") -> Expr:
        e = self.table.leaf(name, shape, dtype)
        self.leaves[e] = Leaf(name, tuple(shape), dtype, role, label)
        return e

    def parameter(self, layer: Layer, local: str) -> Expr:
        found = self.parameters.get(f"{self.slots.prefix[id(layer)]}.{local}")
        if found is None:
            own = layer.parameters()
            raise UnknownNameError(
                "{layer}: p has no parameter {name}. {hint}",
                layer=self.slots.prefix[id(layer)], name=shown(local),
                hint=nearest(str(local), own) if own else Phrase("Name it in parameters()."),
            )  # fmt: skip
        return found

    def apply(self, layer: Layer, x: Expr) -> Expr:
        name = self.slots.prefix[id(layer)]
        try:
            out: Expr = layer.forward(x, _Scope(self, layer))
        except RecursionError:
            raise endless(name) from None
        except ShapeError as error:
            if error.__dict__.get("located"):
                raise
            if error.values.get("where") == (layer.name or layer.kind):  # its number is known here only
                located = ShapeError(error.template, **{**error.values, "where": name})
            else:
                located = ShapeError("{layer}: {reason}", layer=name, reason=Phrase(error.template, **error.values))
            located.__dict__["located"] = True
            raise located from None
        _computed(out, name)
        self._seen.add(id(x))
        for node in topological([out], self._seen):
            if node.op is not None and id(node) not in self._seen:
                self._seen.add(id(node))
                self.layers[node] = name
        return out


def _computed(value: Any, name: str) -> None:
    """What a forward gives must be made of its arguments. Raises DTypeError."""
    if not isinstance(value, Expr):
        raise DTypeError(
            "{name}: its forward gives {value}, which is not computed from its input. Return what ops make of that.",
            name=name, value=shown(value),
        )  # fmt: skip


class Recorder:
    """The recordings and programs of one network, each made once."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._recordings: dict[Any, tuple[Recording, _Pass, Expr]] = {}
        self._programs: dict[Any, Any] = {}
        self._outputs: dict[Any, Any] = {}
        self._compiled: dict[Program, Compiled] = {}
        self.plans: dict[Any, Any] = {}  # training programs
        self.session: Any = None  # of the last train_step, for the next one like it

    def run(self, program: Program, values: Mapping[str, Any]) -> dict[str, Any]:
        """Compute a program of this network."""
        if program not in self._compiled:
            self._compiled[program] = Compiled(program)
        return self._compiled[program].run(values, self.net.dtype)

    def output_shape(self, sample: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one row's output."""
        if sample not in self._outputs:
            p = _Pass(self.net.slots, False)
            x = p.leaf(Name("X"), (N, *sample), "input", "input")
            for layer in self.net.layers:
                x = p.apply(layer, x)
            self._outputs[sample] = x.shape[1:]
        return self._outputs[sample]  # type: ignore[no-any-return]

    def recording(self, sample: tuple[int, ...], y: Any, training: bool = False) -> tuple[Recording, _Pass, Expr]:
        """The network on inputs of this shape, with its loss if a target is given."""
        key = (sample, None if y is None else (y.dtype.kind == "f", y.shape[1:]), training)
        if key not in self._recordings:
            self._recordings[key] = self._record(sample, y, training)
        return self._recordings[key]

    def _record(self, sample: tuple[int, ...], y: Any, training: bool) -> tuple[Recording, _Pass, Expr]:
        p = _Pass(self.net.slots, training)
        X = x = p.leaf(Name("X"), (N, *sample), "input", "input")
        for layer in self.net.layers:
            x = p.apply(layer, x)
        if y is None:
            return Recording(p.table, p.leaves, x, None, p.layers), p, X
        loss = self.net._loss()
        whole = y.dtype.kind != "f"
        target = p.leaf(Name("y"), (N, *y.shape[1:]), "label", "target", "int" if whole else "float")
        extra = {k: p.leaf(Name(k), np.shape(v), "constant", k) for k, v in loss.extra_leaves().items()}
        value = loss.forward(x, target, **extra)
        _computed(value, loss.kind)
        if value.shape:
            raise ShapeError(
                "{loss}: its forward gives shape {shape}, and a loss is one number. Return self.reduce(...) of it.",
                loss=loss.kind, shape=show(value.shape),
            )  # fmt: skip
        for node in topological([value], {id(x), id(target)}):
            if node.op is not None and node is not x:
                p.layers.setdefault(node, "loss")
        rec = Recording(p.table, p.leaves, x, value, p.layers)
        self._penalties(rec, p, value)
        return rec, p, X

    def _penalties(self, rec: Recording, p: _Pass, value: Expr) -> None:
        """l1·Σ|w| + l2·Σw² over all weights."""
        whole, named = value, [value]
        for setting, op in (("l1", "sum_of_absolutes"), ("l2", "sum_of_squares")):
            strength = getattr(self.net, setting)
            weights = [e for name, e in p.parameters.items() if name.rpartition(".")[2].startswith("weight")]
            if not strength or not weights:
                continue
            factor = p.leaf(Name(setting), (), "setting", setting)
            sizes = [registry[op](w) for w in weights]
            named += sizes
            whole = whole + factor * total(sizes)
        if whole is not value:  # one line adds up what has a name
            rec.inline = set(topological([whole], {id(e) for e in named})) - {whole, *named}
            rec.called[value] = "L_data"
            rec.loss = whole

    def program(self, sample: tuple[int, ...], y: Any, outputs: Sequence[str], wanted: Sequence[str] | None,
                training: bool = False) -> tuple[Program, dict[str, Name]]:  # fmt: skip
        """The program for these outputs and gradients (None: of every parameter and the input), and their names."""
        key = (sample, None if y is None else (y.dtype.kind == "f", y.shape[1:]), tuple(outputs),
               None if wanted is None else tuple(wanted), training)  # fmt: skip
        if key not in self._programs:
            rec, p, X = self.recording(sample, y, training)
            goals = dict(p.parameters) if wanted is None else {n: p.parameters[n] for n in wanted}
            if wanted is None:
                goals["input"] = X
            program, names = build(rec, outputs, list(goals.values()))
            self._programs[key] = program, {n: names[e] for n, e in goals.items()}
        return self._programs[key]  # type: ignore[no-any-return]
