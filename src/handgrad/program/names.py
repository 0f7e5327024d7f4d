"""Names: what a value is called in code, in formulas and to people; one allocator keeps them apart."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from dataclasses import dataclass, replace

GREEK = frozenset(["alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi",
                   "rho", "sigma", "tau", "phi", "chi", "psi", "omega"])  # fmt: skip
SYMBOLS = {"lr": r"\eta", "eps": r"\epsilon", "eps_hat": r"\hat{\epsilon}", "momentum": r"\mu",
           "weight_decay": r"\lambda", "yhat": r"\hat{y}", "l1": r"\lambda_{1}", "l2": r"\lambda_{2}"}  # fmt: skip
# words that no value may be called
RESERVED = frozenset([*keyword.kwlist, "np", "N", "dt", "len", "range", "print", "sum", "min", "max", "abs", "float"])
# words with another meaning in training scripts
SCRIPT = frozenset(["lr", "t", "T", "w", "g", "step", "make", "make_update", "update", "train", "initial", "state",
                    "params", "epochs", "seed", "order", "rows", "batch", "self", "E", "I"])  # fmt: skip
# what printed programs import from NumPy: a rule that calls a value `exp` must not hide the function
NUMPY = frozenset(["absolute", "add", "arange", "argmax", "array", "concatenate", "copyto", "cos", "divide", "dot",
                   "empty", "equal", "exp", "expm1", "eye", "greater", "greater_equal", "less",
                   "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or",
                   "matmul", "maximum", "minimum", "multiply", "negative", "not_equal", "ones",
                   "power", "sign", "sin", "sqrt", "stack", "subtract", "take", "tanh", "where",
                   "zeros", "erf"])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """A structured name: base letter, number, what kind of value it is, what it is a gradient of.

    kind: value | gradient | local | new (the updated value of a parameter or state). `text` is the spelling in code.

    >>> Name("W", 1).latex, Name("W", 1, "gradient").text
    ('W_{1}', 'dW1')
    """

    base: str
    index: int | None = None
    kind: str = "value"
    copy: int = 0  # the second, third ... value of the same name
    part: int = 0  # the part-th contribution to a gradient
    of: str = "L"

    @property
    def whole(self) -> Name:
        """The value that this is a gradient of."""
        return Name(self.base, self.index, "value", self.copy)

    def gradient(self, of: str, part: int = 0) -> Name:
        """The gradient of this value; with `part`, one contribution to it."""
        return Name(self.base, self.index, "gradient", self.copy, part, of)

    @property
    def text(self) -> str:
        """How code spells it: W1, dW1, e_2."""
        d = "d" if self.kind == "gradient" else ""
        number = "" if self.index is None else str(self.index)
        copy = f"_{self.copy + 1}" if self.copy else ""
        part = f"_part{self.part}" if self.part else ""
        new = "_new" if self.kind == "new" else ""
        return f"{d}{self.base}{number}{copy}{part}{new}"

    @property
    def symbol(self) -> str:
        """The value's own symbol in LaTeX, without a derivative around it."""
        whole = SYMBOLS.get(self.base)
        base, _, tail = (whole, "", "") if whole else self.base.partition("_")
        if base in GREEK:
            base = "\\" + base
        elif len(base) > 1 and not whole:
            base = rf"\mathrm{{{base}}}"
        below = [rf"\mathrm{{{tail}}}".replace("_", r"\_") if len(tail) > 1 else tail] if tail else []
        below += [str(self.index)] if self.index is not None else []
        return (f"{base}_{{{','.join(below)}}}" if below else base) + "'" * self.copy

    @property
    def latex(self) -> str:
        """How formulas write it: W_1, δ_1 for the gradient of z_1, ∂L/∂W_1."""
        if self.kind == "new":
            return rf"{self.symbol}^{{+}}"
        if self.kind != "gradient":
            return self.symbol
        if self.base == "z":
            whole = rf"\delta_{{{self.index}}}" if self.index is not None else r"\delta"
        else:
            whole = rf"\frac{{\partial {self.of}}}{{\partial {self.symbol}}}"
        return rf"\left.{whole}\right|_{{({self.part})}}" if self.part else whole

    def __str__(self) -> str:
        return self.text


class Names:
    """Hands out names, each spelling once; with `script`, none that a training script uses itself."""

    def __init__(self, taken: Iterable[str] = (), script: bool = True) -> None:
        self._taken = set(taken) | RESERVED | NUMPY | (SCRIPT if script else frozenset())
        self._copies: dict[tuple[str, int | None, str], int] = {}  # where the search for a free spelling goes on

    def reserve(self, name: Name) -> Name:
        """Take exactly this name."""
        self._taken.add(name.text)
        return name

    def new(self, base: str, index: int | None = None, kind: str = "value") -> Name:
        """A name like this one that nobody has yet."""
        key = base, index, kind
        name = Name(base, index, kind, self._copies.get(key, 0))
        while name.text in self._taken:
            name = replace(name, copy=name.copy + 1)
        self._copies[key] = name.copy + 1
        return self.reserve(name)
