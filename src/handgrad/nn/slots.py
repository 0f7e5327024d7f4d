"""Slots: the names of all layers and parameters, and where each parameter lies in the one flat vector of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, DTypeError, Phrase, ShapeError, clipped, enumerated
from handgrad.nn.arguments import shown
from handgrad.nn.init import Default, Init, default_for
from handgrad.nn.layer import Layer, Parameter
from handgrad.nn.layers import ActivationLayer, Dense, Flatten, Residual

MOST = 2**38  # weights: two terabytes of them
LETTERS = {"weight": "W", "bias": "b"}  # what lectures call them


class Slice(NamedTuple):
    """One parameter: where it lies in the flat vector, what code calls it, how its first values are drawn."""

    name: str  # dense1.weight
    code: str  # W1
    shape: tuple[int, ...]
    start: int
    stop: int
    draw: str  # rng.normal(0.0, 0.5, (2, 2))


class Slots:
    """Where every parameter lies in the flat vector: weights first, then biases and all others."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = _named(layers)
        self.prefix = {id(layer): name for name, layer in self.layers.items()}
        order = list(self.layers.values())
        shapes: list[tuple[str, str, tuple[int, ...], Init, str]] = []
        k = 0
        for i, layer in enumerate(order):
            parameters = _parameters(layer)
            k += bool(parameters)
            for local, p in parameters.items():
                init = default_for(_next_op(order[i + 1 :])) if isinstance(p.init, Default) else p.init
                code = _code(layer, local, k)
                shapes.append((f"{self.prefix[id(layer)]}.{local}", code, tuple(p.shape), init, local))
        at = 0
        starts: dict[str, int] = {}
        for name, _, shape, _, _ in sorted(shapes, key=lambda s: not s[4].startswith("weight")):
            starts[name] = at
            at += math.prod(shape)
        if at > MOST:
            raise ArgumentError(
                "this network has {n} weights, which no memory holds. Make its largest layer smaller: {layer}.",
                n=shown(at), layer=max(shapes, key=lambda s: math.prod(s[2]))[0].rpartition(".")[0],
            )  # fmt: skip
        self.size = at
        self.inits = {name: init for name, _, _, init, _ in shapes}
        self.slices = tuple(
            Slice(name, code, shape, starts[name], starts[name] + math.prod(shape), init.source(shape))
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
        if not isinstance(arrays, Mapping):
            raise DTypeError(
                "weights are {value}: they must be arrays by name. Give what net.parameters gives.", value=shown(arrays)
            )
        known = {s.name: s for s in self.slices}
        wrong = [Phrase("missing {name}", name=clipped(n)) for n in known if n not in arrays]
        wrong += [Phrase("unknown {name}", name=clipped(str(n))) for n in arrays if n not in known]
        w = np.zeros(self.size, dtype)
        for name, value in arrays.items():
            s = known.get(name)
            if s is None:
                continue
            try:
                array = np.asarray(value)
            except ValueError:  # nested lists whose rows differ in length
                wrong.append(Phrase("{name} is ragged", name=clipped(name)))
                continue
            if array.shape != s.shape:
                got, expected = clipped(show(array.shape), 40), clipped(show(s.shape), 40)
                wrong.append(
                    Phrase("{name} is {got} instead of {expected}", name=clipped(name), got=got, expected=expected)
                )
            elif array.dtype.kind not in "fiub" or not _finite(array, dtype):
                wrong.append(Phrase("{name} holds what is not a finite number", name=clipped(name)))
            else:
                w[s.start : s.stop] = array.reshape(-1)
        if wrong:
            raise ShapeError(
                "these weights do not fit the network ({count} differences): {wrong}. Give what net.parameters names.",
                count=len(wrong), wrong=enumerated(wrong, 160),
            )  # fmt: skip
        return w


def _finite(array: Any, dtype: str) -> bool:
    with np.errstate(over="ignore"):  # 1e300 is infinite in float32
        return bool(np.isfinite(array.astype(dtype)).all())


def _parameters(layer: Layer) -> dict[str, Parameter]:
    """What the layer learns. Raises DTypeError for anything but Parameters by name."""
    found: Any = layer.parameters()
    if not isinstance(found, Mapping) or not all(isinstance(p, Parameter) for p in found.values()):
        raise DTypeError(
            "{layer}: parameters() gives {value}: it must give Parameters by name. Write {example}.",
            layer=type(layer).__name__, value=shown(found),
            example="{'weight': hg.Parameter((2,), hg.init.Zeros())}",
        )  # fmt: skip
    return dict(found)


def _code(layer: Layer, local: str, k: int) -> str:
    """What code calls a parameter: W1, b1, gate3; gate2_3 where its own name ends with a digit."""
    if not local.isidentifier() or local.startswith("_"):
        raise ArgumentError(
            "{layer}: a parameter is named {name}: code needs letters, digits and _. Try {example!r}.",
            layer=type(layer).__name__, name=shown(local), example="weight",
        )  # fmt: skip
    return f"{LETTERS.get(local, local)}{'_' if local[-1].isdigit() else ''}{k}"


def flat(layers: Sequence[Layer]) -> list[Layer]:
    """All layers in the order in which they are met, each object once, nested ones after their parent."""
    found: dict[int, Layer] = {}
    stack = list(reversed(layers))
    while stack:
        layer = stack.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            stack.extend(reversed(layer.children()))
    return list(found.values())


def _named(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Names for all layers: their own, or their kind and a number."""
    result: dict[str, Layer] = {}
    counts: dict[str, int] = {}
    every = flat(layers)
    given = {layer.name for layer in every if layer.name}
    for layer in every:
        name = layer.name
        if name is None:
            while name is None or name in given:
                counts[layer.kind] = counts.get(layer.kind, 0) + 1
                name = f"{layer.kind}{counts[layer.kind]}"
        elif name in result:
            raise ArgumentError("two layers are named {name!r}. Give each a name of its own.", name=name)
        result[name] = layer
    return result


def _next_op(layers: Sequence[Layer]) -> Any:
    """The activation that follows, None when another layer with weights comes first."""
    for layer in layers:
        if layer.parameters():
            return None
        op = getattr(layer, "op", None)
        if op is not None:
            return op
    return None


def ends_in_probabilities(layers: Sequence[Layer]) -> bool:
    """Whether the last layer's outputs lie in [0, 1] by what its op says of itself."""
    op = layers[-1].op
    return op is not None and tuple(op.traits.get("range", ())) == (0.0, 1.0)


def _own_rows(layer: Layer) -> bool:
    op = layer.op
    if type(layer) in (Dense, Flatten, Residual):
        return True
    if op is None or not isinstance(layer, ActivationLayer) or getattr(layer, "axis", -1) != -1:
        return False
    return op.kind == "map" or op.rule.__module__.startswith("handgrad.")
