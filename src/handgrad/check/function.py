"""Functions: the gradient of an op, of a function made of ops, or of plain NumPy with a backward pass of one's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.check.entries import distinct, dtypes, examine, generator, sample_size
from handgrad.check.lines import Lines
from handgrad.check.problem import Problem, Traced, Value
from handgrad.check.report import Entry, Report
from handgrad.check.shortcuts import shortcuts
from handgrad.core.op import Op
from handgrad.core.reverse import topological
from handgrad.core.sizes import show
from handgrad.core.symbols import Expr
from handgrad.core.tensor import Tensor, gradients, tensor
from handgrad.errors import ArgumentError, DTypeError, HandgradError, Phrase, listed
from handgrad.nn.arguments import shown
from handgrad.program.build import Recording, build
from handgrad.program.names import Name
from handgrad.program.statements import Leaf
from handgrad.program.trace import record_tensor

Array = Any


def check_grad(
    fn: Callable[..., Any], *args: Any, vjp: Callable[..., Any] | None = None, sample: int | None = None, seed: int = 0
) -> Report:
    """Prove the gradients of a function of numbers or arrays; gives the report.

    `fn` is an op, a function made of ops, or, with `vjp`, any function of NumPy arrays. `vjp(g, out, *args)` is then
    your own backward pass: it gets the gradient g that arrives (shaped as the output) and gives one gradient for each
    argument of real numbers (None for one that has none). An output that is no single number is weighed with random
    numbers. Arguments of whole numbers or booleans are settings and stay as they are. `sample` looks at so many random
    positions in place of all.

    Raises DTypeError for what is no function, or records nothing; ArgumentError for arguments that cannot be moved, a
    function that is not finite here, or that answers otherwise when asked twice.

    >>> import numpy as np, handgrad as hg
    >>> x = np.array([[1.0, -2.0, 0.5]])
    >>> hg.check_grad(lambda x: hg.sigmoid(x) * x, x).ok
    True
    >>> report = hg.check_grad(np.tanh, x, vjp=lambda g, out, x: -g * (1 - out**2))
    >>> report.ok, report.entries[0].kind
    (False, 'sign')
    """
    if not callable(fn):
        raise DTypeError("check_grad takes a function first, got {got}. Write check_grad(fn, x).", got=shown(fn))
    if vjp is not None and not callable(vjp):
        raise DTypeError("vjp must be a function, got {got}. Write vjp(g, out, x).", got=shown(vjp))
    subject = fn.name if isinstance(fn, Op) else getattr(fn, "__name__", type(fn).__name__)
    call = Call(fn, args, vjp, generator(seed))
    entries = call.examine(sample_size(sample), generator(seed))
    given = {str(i): a.value if isinstance(a, Tensor) else a for i, a in enumerate(args)}
    kind = dtypes({k: v for k, v in given.items() if isinstance(v, np.ndarray | np.generic)})
    # a single array needs no second opinion of itself, an op's own entry is its verdict
    ops: tuple[Entry, ...] = ()
    if vjp is None and not isinstance(fn, Op) and any(not e.ok for e in entries):
        from handgrad.check.local import wrong_ops

        ops = tuple(wrong_ops(_calls(call.record(call.arrays)[0]), generator(seed)))
        entries = inherit(entries, ops)
    return Report(subject, tuple(entries), ops, kind, "float64", sample_size(sample), int(seed))


def inherit(entries: list[Entry], ops: Sequence[Entry]) -> list[Entry]:
    """Entries without a pattern of their own take the one of the only op that is wrong: they pass its mistake on."""
    if ops and all(e.kind == "limited" for e in ops):  # then that is all there is to be seen
        return [e if e.ok else replace(e, ok=True, kind="limited", other=ops[0].op) for e in entries]
    kinds = {e.kind for e in ops if not e.ok}
    if len(kinds) != 1:
        return entries
    (kind,) = kinds
    own, factor = ("unlike", "some_positions"), next(e.factor for e in ops if not e.ok)
    return [replace(e, kind=kind, factor=factor) if e.kind in own and kind not in own else e for e in entries]


def _calls(out: Tensor) -> list[tuple[Op, list[Array], dict[str, Any], str]]:
    return [
        (n.op, [np.asarray(a) for a in n.given], dict(n.params or {}), "")
        for n in topological([out])
        if isinstance(n, Tensor) and n.op is not None
    ]


class Call:
    """One call of a function: its arguments sorted into arrays that move and settings that stay."""

    def __init__(
        self, fn: Callable[..., Any], args: Sequence[Any], vjp: Callable[..., Any] | None, rng: np.random.Generator
    ) -> None:
        self.fn, self.vjp = fn, vjp
        self.fixed = [_plain(a, i) for i, a in enumerate(args)]
        self.moving = [i for i, a in enumerate(self.fixed) if _moves(fn, i, a)]
        if not self.moving:
            raise ArgumentError(
                "check_grad needs at least one argument of real numbers to move, got {args}. Write 2.0 instead of 2.",
                args=listed(shown(a, 30) for a in args) if args else Phrase("none"),
            )
        self.arrays = [self.fixed[i].astype(np.float64) for i in self.moving]
        self.names = self._names(len(args))
        out = self.output(self.arrays)
        if not np.array_equal(out, self.output(self.arrays), equal_nan=True):
            raise ArgumentError(
                "{name} gives other numbers when it is called again, so its slope cannot be measured. Fix its random "
                "numbers.",
                name=getattr(fn, "__name__", type(fn).__name__),
            )  # fmt: skip
        self.shape = out.shape
        self.g = distinct(out.shape, rng)
        self.traceable = vjp is None or self._traces(out)

    def _names(self, count: int) -> list[str]:
        if isinstance(self.fn, Op):
            known = list(self.fn.arrays) if not self.fn.variadic else []
        else:
            try:
                known = [
                    p.name for p in inspect.signature(self.fn).parameters.values()
                    if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
                ]  # fmt: skip
            except (TypeError, ValueError):  # functions written in C say nothing about themselves
                known = []
        return [known[i] if i < len(known) and count else f"argument{i}" for i in self.moving]

    # -- calling --------------------------------------------------------------------------------------------------
    def call(self, arrays: Sequence[Any]) -> Any:
        args = list(self.fixed)
        for i, a in zip(self.moving, arrays, strict=True):
            args[i] = a
        return self.fn(*args)

    def output(self, arrays: Sequence[Array]) -> Array:
        """The function's numbers, float64."""
        with np.errstate(all="ignore"):
            out = (
                self.call([np.array(a) for a in arrays])
                if self.vjp or isinstance(self.fn, Op)
                else self.record(arrays)[0]
            )
        value = out.value if isinstance(out, Tensor) else out
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise DTypeError(
                "the function returned {got}, which is no array of real numbers. Return one array.", got=shown(value)
            )
        return array.astype(np.float64)

    def record(self, arrays: Sequence[Array]) -> tuple[Tensor, list[Tensor]]:
        """The function on Tensors, and the leaves that stand for the arrays that move."""
        # neutral names: an argument called dx must not meet the gradient of one called x
        leaves = [tensor(a, name=f"p{k}") for k, a in enumerate(arrays)]
        with np.errstate(all="ignore"):  # a result that is not finite is an error of its own
            out = self.call(leaves)
        if not isinstance(out, Tensor):
            raise DTypeError(
                "the function returned {got}, which records nothing: make it of ops, or give vjp=, a backward pass.",
                got=type(out).__name__,
            )
        return out, leaves

    def value(self, arrays: Sequence[Array], g: Array | None = None) -> float:
        """The one number whose slopes are asked for: the output, weighed."""
        out = self.output(arrays)
        return float(np.sum((self.g if g is None else g) * out)) if out.shape == self.shape else float("nan")

    def gradient(self, arrays: Sequence[Array]) -> list[Array]:
        """The claimed gradients, whatever their shapes."""
        if self.vjp is None:
            out, leaves = self.record(arrays)
            with np.errstate(all="ignore"):
                return gradients(out, leaves, self.g)
        copies = [np.array(a) for a in arrays]
        args = list(self.fixed)
        for i, a in zip(self.moving, copies, strict=True):
            args[i] = a
        with np.errstate(all="ignore"):
            found = self.vjp(self.g.copy(), self.output(arrays), *args)
        return self._sorted(found)

    def _sorted(self, found: Any) -> list[Any]:
        """The gradients for the arguments that move, from one array, or one for each of them, or for every argument."""
        parts = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(parts) == len(self.fixed) != len(self.moving):
            parts = [parts[i] for i in self.moving]
        if len(parts) != len(self.moving):
            raise ArgumentError(
                "vjp returned {got} gradients for {expected} arguments of real numbers. Return one for each.",
                got=len(parts), expected=len(self.moving),
            )  # fmt: skip
        arrays = [None if p is None else np.asarray(p.value if isinstance(p, Tensor) else p) for p in parts]
        for n, a in zip(self.names, arrays, strict=True):
            if a is not None and a.dtype.kind not in "fiub":
                raise DTypeError(
                    "vjp returned {got} for {name}, which is no array of numbers. Return an array shaped as {name}.",
                    got=shown(a), name=n,
                )  # fmt: skip
        return arrays

    # -- tracing --------------------------------------------------------------------------------------------------
    def _traces(self, out: Array) -> bool:
        """Whether a plain NumPy function also runs on Tensors, and gives the same numbers there."""
        try:
            made, _ = self.record(self.arrays)
        except (HandgradError, TypeError, ValueError, AttributeError, IndexError):
            return False
        return made.op is not None and made.shape == out.shape and np.allclose(made.value, out, rtol=1e-9, atol=0)

    def traced(self, arrays: Sequence[Array]) -> Traced | None:
        """The plain lines of the recorded function."""
        if not self.traceable:
            return None
        out, given = self.record(arrays)
        if out.op is None:
            return None
        rec, values, tensors = record_tensor(out)
        table, place = rec.table, {id(t): e for e, t in tensors.items()}
        if any(id(t) not in place for t in given):
            return None  # an argument plays no part
        wanted: list[Expr] = [place[id(t)] for t in given]
        g = table.leaf(Name("incoming"), out.shape)
        total = table.call_with("sum", table.call("multiply", g, rec.output), axis=None, keepdims=False)
        leaves = {**rec.leaves, g: Leaf(Name("incoming"), out.shape, "float", "constant")}
        program, names = build(Recording(table, leaves, rec.output, total, {}, {rec.output: "f"}), ("loss",), wanted)
        spelled = tuple(leaves[e].name.text for e in wanted)
        if not set(spelled) <= {leaf.name.text for leaf in program.leaves}:
            return None
        result, found = program.outputs[0].text, tuple(names[e].text for e in wanted)
        return Traced(Lines(program, {**values, "incoming": self.g}), spelled, result, found)

    # -- the question ---------------------------------------------------------------------------------------------
    def examine(self, sample: int | None, rng: np.random.Generator) -> list[Entry]:
        """One entry for each argument that moves."""
        claims = self.gradient(self.arrays)
        constant = self._constant()
        done: dict[int, Entry] = {}
        good = []
        for k, (name, a, claim) in enumerate(zip(self.names, self.arrays, claims, strict=True)):
            if claim is None or name in constant:
                done[k] = Entry(name, True, size=a.size, constant=True)
            elif claim.shape != a.shape:
                done[k] = self._misshapen(k, claim)
            else:
                good.append(k)
        if good:
            found = examine(self._problem(good), sample, rng)
            done.update(zip(good, found, strict=True))
        return [done[k] for k in range(len(self.names))]

    def _constant(self) -> set[str]:
        """Arguments that reach the output only where an op declares that they have no derivative."""
        if self.vjp is not None:
            return set()
        out, leaves = self.record(self.arrays)
        order = topological([out])
        live = {id(out)}
        for node in reversed(order):
            if id(node) in live and node.op is not None:
                live.update(id(a) for i, a in enumerate(node.args) if node.op.moves(i))
        reached = {id(node) for node in order}
        pairs = zip(self.names, leaves, strict=True)
        return {name for name, leaf in pairs if id(leaf) in reached and id(leaf) not in live}

    def _problem(self, good: Sequence[int]) -> Problem:
        def whole(arrays: Sequence[Array]) -> list[Array]:
            every = list(self.arrays)
            for k, a in zip(good, arrays, strict=True):
                every[k] = a
            return every

        def lines(arrays: Sequence[Array]) -> Traced | None:
            t = self.traced(whole(arrays))
            if t is None:
                return None
            return replace(t, arrays=tuple(t.arrays[k] for k in good), gradients=tuple(t.gradients[k] for k in good))

        def weighed(g: Array) -> Value:
            return lambda arrays: self.value(whole(arrays), g)

        variants: dict[str, Value] = {}
        if self.shape and self.shape[0] > 1:
            for name, row in (("first_row", 0), ("last_row", -1)):
                g = np.zeros(self.shape)
                g[row] = self.g[row]
                variants[name] = weighed(g)
        variants["ones"] = weighed(np.ones(self.shape))
        sizes = {n for a in [*self.arrays, self.g] for n in (*np.shape(a), np.size(a)) if n > 1}

        def candidates() -> list[tuple[str, list[Array]]]:
            found = shortcuts(*self.record(self.arrays), self.g)
            return [("missing_activation_derivative", [g[k] for k in good]) for g in found]

        return Problem(
            tuple(self.names[k] for k in good), tuple(self.arrays[k] for k in good),
            lambda arrays: self.value(whole(arrays)),
            lambda arrays: [self.gradient(whole(arrays))[k] for k in good],
            lines if self.traceable else None, False, variants, tuple(sorted(sizes)),
            functools.cache(candidates) if self.traceable else None,
        )  # fmt: skip

    def _misshapen(self, k: int, claim: Array) -> Entry:
        """A gradient of another shape: transposed or not summed if its numbers say so."""
        shape = self.arrays[k].shape
        kind = "wrong_shape"
        options: list[tuple[str, Array]] = []
        if claim.T.shape == shape:
            options.append(("transposed", claim.T))
        extra = claim.ndim - len(shape)
        if extra > 0 and claim.shape[extra:] == shape:
            options.append(("not_summed_over_batch", claim.sum(axis=tuple(range(extra)))))
        for name, array in options:
            problem = self._problem([k])
            claim_ = functools.partial(_always, [array])
            (entry,) = examine(replace(problem, gradient=claim_, candidates=None), 32, np.random.default_rng(0))
            if entry.proven:
                kind = name
        return Entry(
            self.names[k], False, kind, size=int(np.prod(shape)), error=float("inf"), got=claim.shape, expected=shape
        )


def _always(answer: list[Array], arrays: Sequence[Array]) -> list[Array]:  # noqa: ARG001
    return answer


def _moves(fn: Any, i: int, value: Any) -> bool:
    """Whether the i-th argument is an array of real numbers that has a derivative."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return False
    if not isinstance(fn, Op):
        return True
    return fn.variadic or (i < len(fn.arrays) and fn.moves(i))  # behind the arrays stand settings


def _plain(value: Any, i: int) -> Any:
    """An argument as it is handed on: real numbers as arrays, everything else as given."""
    if isinstance(value, Tensor):
        value = value.value
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    try:
        array = np.array(value)
    except (ValueError, TypeError):
        return value
    if array.dtype.kind == "c":
        raise DTypeError("argument {i} holds complex numbers: gradients are of real ones. Give its real part.", i=i)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(n) for n in np.argwhere(~np.isfinite(array))[0])
        raise ArgumentError(
            "argument {i} holds {value} at {place}: there is no slope. Give finite numbers.",
            i=i, value=str(array[place]), place=show(place),
        )  # fmt: skip
    return array if array.dtype.kind in "fiub" else value
