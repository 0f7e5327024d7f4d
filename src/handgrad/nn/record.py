"""Recording a network: its layers applied to symbols, its weights laid into one flat vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.core.op import registry
from handgrad.core.reverse import topological
from handgrad.core.sizes import Size, show
from handgrad.core.symbols import Expr, Symbols
from handgrad.errors import ArgumentError, Phrase, ShapeError
from handgrad.nn.arguments import shown
from handgrad.nn.init import Default, Init, default_for
from handgrad.nn.layer import Layer
from handgrad.nn.layers import ActivationLayer, Dense, Flatten, Residual
from handgrad.program.build import Recording, build
from handgrad.program.names import Name
from handgrad.program.script import Slice
from handgrad.program.statements import Leaf, Program

if TYPE_CHECKING:
    from handgrad.nn.network import Network

N = Size(1, ("N",))
LETTERS = {"weight": "W", "bias": "b"}  # what lectures call them


class Slots:
    """Where every parameter lies in the flat vector: weights first, then biases and all others."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = _named(layers)
        self.prefix = {id(layer): name for name, layer in self.layers.items()}
        order = list(self.layers.values())
        shapes: list[tuple[str, str, tuple[int, ...], Init, str]] = []
        k = 0
        for i, layer in enumerate(order):
            parameters = layer.parameters()
            k += bool(parameters)
            for local, p in parameters.items():
                init = default_for(_next_op(order[i + 1 :])) if isinstance(p.init, Default) else p.init
                code = _code(layer, local, k)
                shapes.append((f"{self.prefix[id(layer)]}.{local}", code, tuple(p.shape), init, local))
        at = 0
        starts: dict[str, int] = {}
        for name, _, shape, _, _ in sorted(shapes, key=lambda s: not s[4].startswith("weight")):
            starts[name] = at
            at += int(np.prod(shape, dtype=int))
        self.size = at
        self.inits = {name: init for name, _, _, init, _ in shapes}
        self.slices = tuple(
            Slice(name, code, shape, starts[name], starts[name] + int(np.prod(shape, dtype=int)), init.source(shape))
            for name, code, shape, init, _ in shapes
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.slices)

    @property
    def rowwise(self) -> bool:
        """Whether each row's output is known to depend on that row alone."""
        return all(_own_rows(layer) for layer in self.layers.values())

    def draw(self, seed: int, dtype: str) -> Any:
        """New weights from a seed, in the order of the layers; scripts draw the same."""
        rng = np.random.default_rng(seed)
        w = np.zeros(self.size, dtype)
        for s in self.slices:
            w[s.start : s.stop] = np.asarray(self.inits[s.name].draw(rng, s.shape), dtype).reshape(-1)
        return w

    def views(self, w: Any) -> list[tuple[Slice, Any]]:
        return [(s, w[s.start : s.stop].reshape(s.shape)) for s in self.slices]

    def split(self, w: Any) -> dict[str, Any]:
        """Read-only copies by name."""
        parts = {}
        for s, part in self.views(w):
            copy = part.copy()
            copy.flags.writeable = False
            parts[s.name] = copy
        return parts

    def join(self, arrays: Mapping[str, Any], dtype: str) -> Any:
        """The flat vector from arrays by name; every difference is said in one error."""
        known = {s.name: s for s in self.slices}
        wrong = [f"missing {n}" for n in known if n not in arrays] + [f"unknown {n}" for n in arrays if n not in known]
        w = np.zeros(self.size, dtype)
        for name, value in arrays.items():
            s = known.get(name)
            array = np.asarray(value)
            if s is None:
                continue
            if array.shape != s.shape:
                wrong.append(f"{name} is {show(array.shape)} instead of {show(s.shape)}")
            elif array.dtype.kind not in "fiub" or not np.isfinite(array).all():
                wrong.append(f"{name} holds what is not a finite number")
            else:
                w[s.start : s.stop] = array.reshape(-1)
        if wrong:
            shown = "; ".join(wrong)
            raise ShapeError(
                "these weights do not fit the network ({count} differences): {wrong}. Give what net.parameters names.",
                count=len(wrong), wrong=shown if len(shown) < 170 else shown[:167] + "...",
            )  # fmt: skip
        return w


def _code(layer: Layer, local: str, k: int) -> str:
    """What code calls a parameter: W1, b1, gate3; gate2_3 where its own name ends with a digit."""
    if not local.isidentifier() or local.startswith("_"):
        raise ArgumentError(
            "{layer}: a parameter is named {name}: code needs letters, digits and _. Try {example!r}.",
            layer=type(layer).__name__, name=shown(local), example="weight",
        )  # fmt: skip
    return f"{LETTERS.get(local, local)}{'_' if local[-1].isdigit() else ''}{k}"


def _flat(layers: Sequence[Layer]) -> list[Layer]:
    """All layers in the order in which they are met, each object once, nested ones after their parent."""
    found: list[Layer] = []
    for layer in layers:
        if not any(layer is f for f in found):
            found.append(layer)
        found += [c for c in _flat(layer.children()) if not any(c is f for f in found)]
    return found


def _named(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Names for all layers: their own, or their kind and a number."""
    result: dict[str, Layer] = {}
    counts: dict[str, int] = {}
    flat = _flat(layers)
    given = {layer.name for layer in flat if layer.name}
    for layer in flat:
        name = layer.name
        if name is None:
            while name is None or name in given:
                counts[layer.kind] = counts.get(layer.kind, 0) + 1
                name = f"{layer.kind}{counts[layer.kind]}"
        elif name in result:
            raise ArgumentError("two layers are named {name!r}. Give each a name of its own.", name=name)
        result[name] = layer
    return result


def _own_rows(layer: Layer) -> bool:
    op = layer.op
    if type(layer) in (Dense, Flatten, Residual):
        return True
    if op is None or not isinstance(layer, ActivationLayer) or getattr(layer, "axis", -1) != -1:
        return False
    return op.kind == "map" or op.rule.__module__.startswith("handgrad.")


def ends_in_probabilities(layers: Sequence[Layer]) -> bool:
    """Whether the last layer's outputs lie in [0, 1] by what its op says of itself."""
    op = layers[-1].op
    return op is not None and tuple(op.traits.get("range", ())) == (0.0, 1.0)


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
        inside = [x for x in _flat([layer]) if type(x) is Dense]
        if any(type(x) is Flatten for x in _flat([layer])) and (size is not None or type(layer) is Residual):
            break
        if size is None and inside:
            size = inside[0].inputs
        known.append(layer)
    if size is not None:
        p = _Pass(net.slots, False)
        x = p.leaf(Name("X"), (N, size), "input", "input")
        for layer in known:
            x = p.apply(layer, x)


def _next_op(layers: Sequence[Layer]) -> Any:
    """The activation that follows, None when another layer with weights comes first."""
    for layer in layers:
        if layer.parameters():
            return None
        op = getattr(layer, "op", None)
        if op is not None:
            return op
    return None


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
        for s in slots.slices:
            name = Name(s.code.rstrip("0123456789"), int(s.code[len(s.code.rstrip("0123456789")) :]))
            self.parameters[s.name] = self.leaf(name, s.shape, "parameter", s.name)

    def leaf(self, name: Name, shape: Any, role: str, label: str = "", dtype: str = "float") -> Expr:
        e = self.table.leaf(name, shape, dtype)
        self.leaves[e] = Leaf(name, tuple(shape), dtype, role, label)
        return e

    def parameter(self, layer: Layer, local: str) -> Expr:
        return self.parameters[f"{self.slots.prefix[id(layer)]}.{local}"]

    def apply(self, layer: Layer, x: Expr) -> Expr:
        name = self.slots.prefix[id(layer)]
        try:
            out: Expr = layer.forward(x, _Scope(self, layer))
        except ShapeError as error:
            if error.__dict__.get("located"):
                raise
            if error.values.get("where") == (layer.name or layer.kind):  # its number is known here only
                located = ShapeError(error.template, **{**error.values, "where": name})
            else:
                located = ShapeError("{layer}: {reason}", layer=name, reason=Phrase(error.template, **error.values))
            located.__dict__["located"] = True
            raise located from None
        for node in topological([out], {id(n) for n in self.layers} | {id(x)}):
            if node.op is not None and node is not x:
                self.layers.setdefault(node, name)
        return out


class Recorder:
    """The recordings and programs of one network, each made once."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._recordings: dict[Any, tuple[Recording, _Pass, Expr]] = {}
        self._programs: dict[Any, Any] = {}
        self._outputs: dict[Any, Any] = {}
        self.session: Any = None  # of the last train_step, for the next one like it

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
        for node in topological([value], {id(x), id(target)}):
            if node.op is not None and node is not x:
                p.layers.setdefault(node, "loss")
        rec = Recording(p.table, p.leaves, x, value, p.layers)
        self._penalties(rec, p, value)
        return rec, p, X

    def _penalties(self, rec: Recording, p: _Pass, value: Expr) -> None:
        """l1·Σ|w| + l2·Σw² over all weights."""
        whole = value
        for setting, op in (("l1", "sum_of_absolutes"), ("l2", "sum_of_squares")):
            strength = getattr(self.net, setting)
            weights = [e for name, e in p.parameters.items() if name.rpartition(".")[2].startswith("weight")]
            if not strength or not weights:
                continue
            factor = p.leaf(Name(setting), (), "setting", setting)
            total = registry[op](weights[0])
            for w in weights[1:]:
                total = total + registry[op](w)
                rec.inline.add(total)
            term = factor * total
            whole = whole + term
            rec.inline |= {term, whole}
        if whole is not value:
            rec.inline.discard(whole)
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
