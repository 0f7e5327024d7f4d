"""The op record and the registry: everything known about an op stands in one place, written once.

An op is a rule `rule(xp, *arrays, **params)` against an array namespace. What the rule receives decides what it does:
NumPy arrays run, symbols print, Tensors record. A *primitive* is a function of the namespace itself: its rule is the
NumPy function that runs it, and it brings its shape rule and its printed forms. A *composite* is made of ops.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, overload

import numpy as np

from handgrad.core.arrays import NATIVE, as_arrays
from handgrad.core.rules import check_definition, check_vjp, endless, guarded, ours
from handgrad.errors import ArgumentError, DTypeError, UnknownNameError, nearest

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """What the contract test feeds an op: how its shapes hang together and which numbers make sense.

    `shapes` is one pattern per array, `"n d, d m, m"`, with `|` between alternatives; `"..."` stands for any shapes
    that broadcast together.
    `domain` is the range of the random numbers, `integers` maps an array to the letter that its values stay below,
    `booleans` names masks, `params` are the settings to try, `corners` are given inputs (ties, ±1000, zeros).
    """

    shapes: str = "..."
    domain: tuple[float, float] = (-2.0, 2.0)
    domains: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    integers: Mapping[str, str] = field(default_factory=dict)
    booleans: tuple[str, ...] = ()
    params: tuple[Mapping[str, Any], ...] = ({},)
    corners: tuple[tuple[Any, ...], ...] = ()
    smallest: int = 0
    zero_gradient: bool = False  # the derivative is 0 everywhere it exists, so a check compares zero with zero


@dataclass(eq=False)
class Op:
    """One op: rules, notation, one sentence, conventions, samples, PyTorch twin.

    `arrays` names the array arguments, `params` the settings with their defaults. `constant` names the array
    arguments that have no derivative, each with the reason. `traits` say how it behaves (range, flat zones, gradient
    pattern), for readers that must not know an op by name.
    """

    name: str
    rule: Rule
    arrays: tuple[str, ...]
    params: dict[str, Any]
    kind: str = "op"  # map | reduce | move | contract (primitives), op, composite
    variadic: bool = False
    constant: Mapping[str, str] = field(default_factory=dict)
    sentence: str = ""
    notation: Any = None  # LaTeX: a symbol (\sigma), a template ({0} + {1}) or a function of the call
    python: Any = None  # primitives: a template or a function of the call that gives one
    ufunc: str | None = None  # primitives: the NumPy function that can write into a given buffer
    plan: Any = None  # primitives: how a planned program computes it, where that is not a ufunc
    shape: Any = None  # primitives: shape(*arrays, **params) -> (shape, dtype)
    settle: Any = None  # primitives: the parameters in their final form (axes counted from the front)
    simplify: Any = None  # primitives: simplify(xp, *arrays, **params) -> expression or None
    view: bool = False  # its result shares its argument's memory
    quiet: tuple[str, ...] = ()  # floating-point warnings that are wrong here, e.g. ("over",)
    torch: str | None = None  # the PyTorch twin, an expression in the argument names
    samples: Samples | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    symbol: str | None = None  # what its output is called in a program (z, a, L); None: a name is made
    vjps: dict[str, Rule] = field(default_factory=dict)
    safe_rule: Rule | None = None
    runner: Rule | None = field(default=None, init=False, repr=False)  # what `prepare` found
    complete: bool = field(default=False, init=False, repr=False)  # what `check_complete` found

    # -- definition ---------------------------------------------------------------------------------------------
    @overload
    def vjp(self, argument: Rule) -> Rule: ...
    @overload
    def vjp(self, argument: str) -> Callable[[Rule], Rule]: ...
    def vjp(self, argument: str | Rule) -> Any:
        """Give the vector-Jacobian product: `vjp(xp, g, out, *arrays, **params)`, g shaped as out, result as the input.

        As `@name.vjp` for an op with one differentiable input, `@name.vjp("W")` for one of several. A variadic op has
        one rule for all of them, which gets the position of the input after `out`.
        """
        if isinstance(argument, str):
            if argument not in self.arrays or argument in self.constant:
                raise UnknownNameError(
                    "{op}: there is no differentiable input {argument!r}. {hint}",
                    op=self.name,
                    argument=argument,
                    hint=nearest(argument, self.differentiable),
                )
            return lambda rule: self._add_vjp(argument, rule)
        if len(self.differentiable) != 1:
            raise ArgumentError(
                "{op}: it has the inputs {inputs}, so write @{op}.vjp({first!r}) and one rule for each.",
                op=self.name,
                inputs=", ".join(self.differentiable),
                first=self.differentiable[0] if self.differentiable else "x",
            )
        return self._add_vjp(self.differentiable[0], argument)

    def _add_vjp(self, argument: str, rule: Rule) -> Rule:
        if not self.own:
            check_vjp(self.name, rule, self.arrays, self.variadic, self.params)
        self.vjps[argument] = rule
        self.complete = False
        return rule

    def safe(self, rule: Rule) -> Rule:
        """Give the form that is exact at extreme inputs; numbers and programs use it, formulas the textbook rule."""
        self.safe_rule = rule
        self.runner = None
        return rule

    def prepare(self) -> Rule:
        """What computes this op on NumPy arrays, without the floating-point warnings that are wrong for it."""
        rule = self.rule if self.primitive else partial(self.safe_rule or self.rule, numbers)
        rule = rule if self.own else guarded(self.name, rule)
        self.runner = without_warnings(self.quiet)(rule) if self.quiet else rule
        return self.runner

    @cached_property
    def own(self) -> bool:
        """Whether it came with handgrad."""
        return ours(self.rule)

    @property
    def primitive(self) -> bool:
        return self.kind in ("map", "reduce", "move", "contract")

    @property
    def composite(self) -> bool:
        return self.kind == "composite"

    @property
    def differentiable(self) -> tuple[str, ...]:
        return tuple(a for a in self.arrays if a not in self.constant)

    def vjp_at(self, i: int) -> Rule | None:
        """The VJP for the i-th array argument, None for an op without any by hand. Raises as `check_complete` does."""
        if not self.complete:
            self.check_complete()
        return self.vjps.get(self.arrays[0] if self.variadic else self.arrays[i])

    def moves(self, i: int) -> bool:
        """Whether the i-th array argument has a derivative at all."""
        return (self.arrays[0] if self.variadic else self.arrays[i]) not in self.constant

    def check_complete(self) -> None:
        """Every input has a derivative or is declared to have none; an op without any VJP is derived by its rule.

        Asked when an op is first differentiated: its VJPs are written after it. Raises ArgumentError.
        """
        lacking = [a for a in self.differentiable if a not in self.vjps]
        if lacking and (self.vjps or self.primitive):
            raise ArgumentError(
                "{op}: input {argument!r} has no derivative: write @{op}.vjp({argument!r}) or declare it in constant=.",
                op=self.name,
                argument=lacking[0],
            )
        self.complete = True

    # -- use ----------------------------------------------------------------------------------------------------
    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call into array arguments and settings; settings may also be given by position, as in NumPy."""
        if self.variadic:
            first = args[0] if args else ()
            if isinstance(first, (list, tuple)):
                arrays, rest = tuple(first), args[1:]
            else:
                arrays, rest = tuple(args), ()
        else:
            n = len(self.arrays)
            arrays, rest = tuple(args[:n]), args[n:]
            for name in self.arrays[len(arrays) :]:
                if name not in kwargs:
                    raise DTypeError(
                        "{op}() needs {needed}: {name!r} is missing.",
                        op=self.name,
                        needed=", ".join(self.arrays),
                        name=name,
                    )
                arrays += (kwargs[name],)
            twice = [name for name in self.arrays[: min(n, len(args))] if name in kwargs]
            if twice:
                raise DTypeError(
                    "{op}() got {name!r} twice, by its place and by its name. Leave one out.",
                    op=self.name, name=twice[0],
                )  # fmt: skip
            kwargs = {k: v for k, v in kwargs.items() if k not in self.arrays}
        if not kwargs and not rest:
            return arrays, self.params
        params = dict(self.params)
        names = list(params)
        if len(rest) > len(names):
            raise DTypeError(
                "{op}() takes at most {most} arguments, got {got}.",
                op=self.name,
                most=len(self.arrays) + len(names),
                got=len(args),
            )
        params.update(zip(names, rest, strict=False))
        for name, value in kwargs.items():
            if not params:
                raise UnknownNameError("{op}() has no settings, got {name!r}. Leave it out.", op=self.name, name=name)
            if name not in params:
                raise UnknownNameError(
                    "{op}() has no setting {name!r}. {hint}", op=self.name, name=name, hint=nearest(name, names)
                )
            params[name] = value
        return arrays, params

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        arrays, params = (
            self.bind(args, kwargs)
            if kwargs or self.params or self.variadic or len(args) != len(self.arrays)
            else (args, self.params)
        )
        for a in arrays:
            apply = getattr(a, "_apply_op", None)
            if apply is not None:
                return apply(self, arrays, params)
        if any(type(a) not in NATIVE for a in arrays):
            from handgrad.core.foreign import compute, namespace

            xp = namespace(arrays)
            if xp is not None:
                return compute(self, xp, arrays, params)
        arrays = as_arrays(self, arrays)
        try:
            return numbers.run(self, arrays, params)
        except RecursionError:
            raise endless(self.name) from None
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            from handgrad.core.refusal import refusal

            raise refusal(self, arrays, params, error) from None

    def __reduce__(self) -> tuple[Any, ...]:  # tensors travel to other processes, ops are there already
        return _known, (self.name,)

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join([*self.arrays, *self.params])})>"


class Registry(Mapping[str, Op]):
    """All ops by name, in the order in which they were defined."""

    def __init__(self) -> None:
        self._ops: dict[str, Op] = {}

    def add(self, op: Op) -> Op:
        old = self._ops.get(op.name)
        if old is not None and (old.rule.__module__, old.kind) != (op.rule.__module__, op.kind):
            raise ArgumentError(
                "an op named {name!r} exists already (in {module}): choose another name.",
                name=op.name,
                module=old.rule.__module__,
            )
        self._ops[op.name] = op
        self._forget(op.name)
        return op

    def remove(self, name: str) -> None:
        """Take an op out again (tests and notebooks that try one)."""
        del self._ops[name]
        self._forget(name)

    @staticmethod
    def _forget(name: str) -> None:
        for namespace in (numbers, textbook):
            namespace.__dict__.pop(name, None)

    def __getitem__(self, name: str) -> Op:
        try:
            return self._ops[name]
        except KeyError:
            raise UnknownNameError(
                "there is no op named {name!r}. {hint}", name=name, hint=nearest(name, self._ops)
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._ops

    def __iter__(self) -> Iterator[str]:
        return iter(self._ops)

    def __len__(self) -> int:
        return len(self._ops)


class Numbers:
    """The array namespace `xp` whose arrays are NumPy's: what a rule receives when it shall run."""

    def __init__(self, form: str = "safe") -> None:
        self.form = form

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        op = registry[name]
        if op.primitive:
            rule = op.rule
        else:
            chosen = op.safe_rule if self.form == "safe" and op.safe_rule else op.rule

            def rule(*args: Any, **kwargs: Any) -> Any:
                return chosen(self, *args, **kwargs)

            rule = rule if op.own else guarded(name, rule)
        setattr(self, name, rule)  # found once; the registry tells when an op is replaced
        return rule

    def run(self, op: Op, arrays: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """Compute an op on NumPy arrays, without the floating-point warnings that are wrong for it."""
        if self.form == "safe":
            return (op.runner or op.prepare())(*arrays, **params)
        with without_warnings(op.quiet):
            return op.rule(*arrays, **params) if op.primitive else op.rule(self, *arrays, **params)


def without_warnings(kinds: Sequence[str]) -> np.errstate:
    """NumPy without these floating-point warnings ("over", "under"), as a context or around a function."""
    quiet: dict[str, Any] = dict.fromkeys(kinds, "ignore")
    return np.errstate(**quiet)


def _known(name: str) -> Op:
    return registry[name]


registry = Registry()
numbers = Numbers()
textbook = Numbers("textbook")


def _signature(rule: Rule, skip: int) -> tuple[tuple[str, ...], dict[str, Any], bool]:
    arrays: list[str] = []
    params: dict[str, Any] = {}
    variadic = False
    for p in list(inspect.signature(rule).parameters.values())[skip:]:
        if p.kind is p.VAR_POSITIONAL:
            arrays.append(p.name)
            variadic = True
        elif p.kind is p.KEYWORD_ONLY:
            params[p.name] = None if p.default is p.empty else p.default
        else:
            arrays.append(p.name)
    return tuple(arrays), params, variadic


def op(rule: Rule | None = None, /, **facts: Any) -> Any:
    """Make an op of a rule `rule(xp, *arrays, **settings)`; settings are keyword-only.

    Without a hand-written VJP its derivative is worked out from the rule itself.

    >>> import handgrad as hg
    >>> @hg.op
    ... def cube(xp, x):
    ...     "The third power."
    ...     return x * x * x
    >>> @cube.vjp
    ... def _(xp, g, out, x):
    ...     return g * (3 * x * x)
    >>> float(hg.grad(cube)(2.0))
    12.0
    >>> hg.ops.registry.remove("cube")
    """
    if rule is None:
        return lambda r: op(r, **facts)
    name = facts.pop("name", getattr(rule, "__name__", ""))
    check_definition(name, rule)
    arrays, params, variadic = _signature(rule, 1)
    sentence = (inspect.getdoc(rule) or "").split("\n\n")[0].replace("\n", " ")
    return registry.add(Op(name, rule, arrays, params, variadic=variadic, sentence=sentence, **facts))


def primitive(rule: Rule, arrays: str, *, name: str, vjp: Sequence[Rule | None] = (), **facts: Any) -> Op:
    """Add one row to the table of primitives: a NumPy function, its shape rule, its VJPs, its printed forms."""
    names = tuple(arrays.replace("*", "").split())
    made = Op(name, rule, names, dict(facts.pop("params", {})), variadic="*" in arrays, **facts)
    for argument, v in zip(names, vjp, strict=False):
        if v is not None:
            made.vjps[argument] = v
    made.check_complete()
    return registry.add(made)
