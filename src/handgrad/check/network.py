"""Networks and layers: every weight and the input against the loss, and the rule of each op on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.check.differences import EPS
from handgrad.check.entries import distinct, examine, generator, sample_size
from handgrad.check.function import inherit
from handgrad.check.lines import Lines, bound
from handgrad.check.local import wrong_ops
from handgrad.check.problem import Problem, Traced, Value
from handgrad.check.report import Entry, Report
from handgrad.check.twin import beside_torch, opinion, wants_torch
from handgrad.core.op import Op, numbers
from handgrad.core.reverse import topological
from handgrad.core.sizes import Size
from handgrad.errors import DTypeError, Phrase
from handgrad.i18n import N_
from handgrad.nn.arguments import shown
from handgrad.nn.layer import Layer
from handgrad.nn.losses import HalfSSE
from handgrad.nn.parse import short_form
from handgrad.program.run import compiled

if TYPE_CHECKING:
    from handgrad.nn.network import Network

Array = Any
ROWS = 32  # the rows of a batch on which the rules of ops are looked at


def check_network(net: Network, X: Array, y: Array, sample: int | None = None, seed: int = 0,
                  torch: bool | None = None) -> Report:  # fmt: skip
    """Prove the gradients of a network's loss on X and y: every weight and every number of the input.

    The gradients are those of the program that trains; its loss is moved by central differences, and by the complex
    step where a difference sees nothing but rounding. `sample` looks at so many random positions in all; one random
    direction through each array covers the others. A float32 network is checked in float64, and both are said. When a
    gradient is wrong, or lies in the dark, the rule of each op is held against the op itself on the numbers of this
    pass.

    Where PyTorch is installed, the gradients are also held against those of the network's twin there, all of them;
    `torch=True` insists on that, `torch=False` leaves it out. What names no twin is not compared, which the report
    says.

    Raises what `net.gradients` raises, ArgumentError where the loss is not finite, MissingDependencyError where
    PyTorch is insisted on and absent.

    >>> import handgrad as hg
    >>> net = hg.Network.parse("2-3:tanh-1:sigmoid", loss="bce", seed=0)
    >>> report = net.check([[0.0, 1.0], [1.0, 1.0]], [1, 0])
    >>> report.ok, [e.name for e in report.entries][:2], report.checked
    (True, ['dense1.weight', 'dense1.bias'], 17)
    """
    size, rng = sample_size(sample), generator(seed)
    wants_torch(torch)  # what is insisted on is missed before the work, not after it
    X, y = net._pair(X, y)
    pass_ = _Pass(net, X, y)
    entries = examine(pass_.problem(), size, rng)
    entries = [replace(e, layer=e.name.rpartition(".")[0]) for e in entries]
    ops: tuple[Entry, ...] = ()
    if not all(e.proven for e in entries):
        ops = tuple(wrong_ops(pass_.calls(), rng))
        entries = inherit(entries, ops)
    theirs, reason = opinion(net, X, y, torch)
    if theirs is not None:
        claims = dict(zip(pass_.names, pass_.gradient(pass_.arrays), strict=True))
        entries = beside_torch(entries, claims, theirs, lambda: pass_.floors(rng))
    entries += pass_.agreement()
    if net.dtype != "float64":
        entries = _rounded(entries, net.gradients(X, y), pass_.problem().gradient(pass_.arrays))
    return Report(_subject(net), tuple(entries), ops, net.dtype, "float64", size, int(seed), reason)


def _subject(net: Network) -> str:
    """What was checked, as the network shows itself."""
    form, weights, loss = short_form(net.layers), net.slots.size, net.loss.kind if net.loss is not None else ""
    if form is not None:
        subject = Phrase("Network {form}, {weights} weights, loss {loss}", form=form, weights=weights, loss=loss)
    else:
        template = N_("Network of {n} layers, {weights} weights, loss {loss}")
        subject = Phrase(template, n=len(net.layers), weights=weights, loss=loss)
    return subject if net.dtype == "float64" else Phrase("{network}, {dtype}", network=subject, dtype=net.dtype)


def check_layer(layer: Layer, x: Array, sample: int | None = None, seed: int = 0,
                torch: bool | None = None) -> Report:  # fmt: skip
    """Prove the gradients of one layer, a user's own too: its parameters and its input x (N, ...).

    The parameters are drawn as in a network with this seed; random numbers, all different, arrive as its gradient.
    `torch` as in `check_network`. Raises DTypeError for what is no layer, ShapeError for an x that does not fit.

    >>> import numpy as np, handgrad as hg
    >>> from handgrad.check import check_layer
    >>> [e.name for e in check_layer(hg.Dense(2, 3), np.ones((4, 2))).entries]
    ['dense1.weight', 'dense1.bias', 'input']
    """
    if not isinstance(layer, Layer):
        raise DTypeError("check_layer takes a layer, got {got}. Write check_layer(Dense(2, 3), x).", got=shown(layer))
    from handgrad.nn.network import Network

    rng = generator(seed)
    net = Network([layer], loss=HalfSSE(), seed=int(seed))
    out = net.forward(x)
    target = out - distinct(out.shape, rng)  # the gradient that arrives is out - target
    return replace(check_network(net, x, target, sample, seed, torch), subject=repr(layer))


class _Pass:
    """One pass of a network in float64: its programs, its numbers, its ops."""

    def __init__(self, net: Network, X: Array, y: Array) -> None:
        self.net, self.y = net, y
        given = {k: np.asarray(v) for k, v in net._values(X, y).items()}
        self.values = {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in given.items()}
        self.sample = X.shape[1:]
        self.names = (*net.slots.names, "input")
        self.spelled = (*(s.code for s in net.slots.slices), "X")
        self.arrays = [self.values[s] for s in self.spelled]
        self.program, self.gradients = net._recorder.program(self.sample, y, ("loss",), None)
        self.loss = self.program.outputs[0].text
        self.compiled = compiled(self.program)  # asked for once: finding it again reads the whole program

    def at(self, arrays: Sequence[Array]) -> dict[str, Array]:
        return {**self.values, **dict(zip(self.spelled, arrays, strict=True))}

    def gradient(self, arrays: Sequence[Array]) -> list[Array]:
        """The claims: what the training program computes, in float64."""
        found = self.compiled.run(self.at(arrays), np.float64)
        shapes = [np.shape(a) for a in arrays]
        return [
            np.broadcast_to(np.asarray(found[self.gradients[n].text], np.float64), s)
            for n, s in zip(self.names, shapes, strict=True)
        ]

    def problem(self) -> Problem:
        """Each parameter and the input against the loss."""
        n = len(self.values["X"])
        out = int(np.prod(self.net._recorder.output_shape(self.sample)))
        rows = {"first_row": slice(0, 1), "last_row": slice(n - 1, n)} if n > 1 else {}
        return Problem(
            self.names, tuple(self.arrays), lambda arrays: self._loss(self.at(arrays)), self.gradient, self.lines, True,
            {name: self._of(part) for name, part in rows.items()},
            tuple(sorted({n, out, n * out} - {0, 1})),
        )  # fmt: skip

    def lines(self, arrays: Sequence[Array]) -> Traced:
        """The plain lines; they also hold leaves that the program itself has no use for."""
        lines = Lines(self.program, self.at(arrays), self.spelled)
        return Traced(lines, self.spelled, self.loss, tuple(self.gradients[n].text for n in self.names))

    def _loss(self, values: Mapping[str, Array]) -> float:
        return float(self.compiled.run(values, np.float64)[self.loss])

    def _of(self, rows: slice) -> Value:
        """The loss of some rows only."""

        def value(arrays: Sequence[Array]) -> float:
            values = self.at(arrays)
            return self._loss({**values, "X": values["X"][rows], "y": values["y"][rows]})

        return value

    def floors(self, rng: np.random.Generator) -> dict[str, float]:
        """How far rounding moves each gradient: of every value on the way, and of the numbers that it starts from.

        The least of four tries, since a try may also push a number over a kink.
        """
        base = self.gradient(self.arrays)
        lines = self.lines(self.arrays).lines
        results = [self.gradients[n].text for n in self.names]
        tries = []
        for _ in range(4):
            nearby = [a * (1 + EPS * rng.uniform(-1, 1, np.shape(a))) for a in self.arrays]
            both = zip(lines.shaken(rng, results), self.gradient(nearby), base, strict=True)
            tries.append([max(_off(a, claim), _off(b, claim)) for a, b, claim in both])
        return {name: min(t[k] for t in tries) for k, name in enumerate(self.names)}

    def agreement(self) -> list[Entry]:
        """An entry when the compiled program and its plain lines differ in the loss: then the compiler is wrong."""
        lines = self.lines(self.arrays).lines
        plain, run = float(lines[self.loss]), self._loss(self.values)
        off = abs(plain - run) / max(abs(plain), abs(run), 1e-300)
        if off <= 1e-9:
            return []
        return [Entry("loss", False, "different_program", (), run, plain, 0.0, off, "plain_lines", 1, 1, 1)]

    def calls(self) -> list[tuple[Op, list[Array], dict[str, Any], str]]:
        """Each op of the pass on the numbers that reach it, for a part of the rows."""
        rec, _, _ = self.net._recorder.recording(self.sample, self.y)
        some = slice(0, ROWS)
        values = {**self.values, "X": self.values["X"][some], "y": self.values["y"][some]}
        known: dict[int, Any] = {}
        letters = {"N": len(values["X"])}
        found = []
        with np.errstate(all="ignore"):
            for node in topological([rec.root]):
                if node.op is None:
                    constant = bound(node.value, letters) if isinstance(node.value, Size) else node.value
                    known[id(node)] = values[str(node.name)] if node.name is not None else constant
                    continue
                arrays = [known[id(a)] for a in node.args]
                params = {k: bound(v, letters) for k, v in node.params.items()}
                known[id(node)] = numbers.run(node.op, arrays, params)
                found.append((node.op, arrays, params, rec.layers.get(node, "")))
        return found


def _off(a: Array, b: Array) -> float:
    off = np.abs(np.asarray(a) - b)
    return float(np.max(off, initial=0.0, where=np.isfinite(off)))


def _rounded(entries: list[Entry], narrow: Mapping[str, Array], wide: Sequence[Array]) -> list[Entry]:
    """How far the gradients that the network itself computes are from the ones that were proven."""
    result = []
    for n, e in enumerate(entries):
        if e.name not in narrow:
            result.append(e)
            continue
        size = float(np.max(np.abs(wide[n]), initial=0.0))
        off = float(np.max(np.abs(np.asarray(narrow[e.name], np.float64) - wide[n]), initial=0.0))
        result.append(replace(e, rounding=off / size if size else off))
    return result
