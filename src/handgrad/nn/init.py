"""Initialisers: the numbers that weights begin with, drawn so that signals keep their size from layer to layer.

Each initialiser draws, and prints the Python expression of its draw; both give the same bytes, so a printed script
begins where the network began. By name in strings: "he_normal", "glorot_uniform".

Sources. LeCun, Bottou, Orr & Müller, "Efficient BackProp" (1998), section 4.6. Glorot & Bengio, "Understanding the
difficulty of training deep feedforward neural networks" (2010), equations 12 and 16. He, Zhang, Ren & Sun, "Delving
deep into rectifiers" (2015), equation 10. Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of
learning in deep linear neural networks" (2014), section 3.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.core.op import Op
from handgrad.core.sizes import show
from handgrad.errors import ShapeError
from handgrad.nn.arguments import number
from handgrad.nn.plain import Plain

Shape = tuple[int, ...]
Floats = NDArray[np.float64]


def fans(shape: Shape) -> tuple[int, int]:
    """How many numbers flow into one output, and out of one input, of a weight array.

    A matrix is (in, out), as in Y = XW + b; more axes are (out, in, kernel...), as kernels of convolutions are.

    >>> fans((64, 10)), fans((8, 3, 5, 5)), fans((10,))
    ((64, 10), (75, 200), (10, 10))
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


class Init(Plain, abstract=True):
    """How the first numbers of a parameter come about.

    >>> rng = np.random.default_rng(0)
    >>> HeNormal().source((64, 10))
    'rng.normal(0.0, np.sqrt(2 / 64), (64, 10))'
    >>> HeNormal().draw(rng, (64, 10)).shape
    (64, 10)
    """

    family: ClassVar[str] = "init"

    def draw(
        self, rng: np.random.Generator, shape: Shape, fan_in: int | None = None, fan_out: int | None = None
    ) -> Floats:
        """The numbers, float64; `fan_in` and `fan_out` follow from the shape where they are not given."""
        return self._draw(rng, tuple(shape), *_fans(shape, fan_in, fan_out))

    def source(self, shape: Shape, fan_in: int | None = None, fan_out: int | None = None) -> str:
        """The Python expression of `draw`, over `np` and `rng`; evaluated, it gives the same bytes."""
        return self._source(tuple(shape), *_fans(shape, fan_in, fan_out))

    @abstractmethod
    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats: ...

    @abstractmethod
    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str: ...


def _fans(shape: Shape, fan_in: int | None, fan_out: int | None) -> tuple[int, int]:
    known = fans(tuple(shape))
    return (known[0] if fan_in is None else fan_in), (known[1] if fan_out is None else fan_out)


class Zeros(Init):
    """All zeros: right for biases; weights that are all equal would stay equal."""

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:  # noqa: ARG002 (one signature for all draws)
        return np.zeros(shape)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:  # noqa: ARG002
        return f"np.zeros({shape})"


class Constant(Init):
    """One number everywhere."""

    value: float

    def __post_init__(self) -> None:
        self._settle(value=number(self.value, "Constant: value"))

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:  # noqa: ARG002
        return np.full(shape, self.value)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:  # noqa: ARG002
        return f"np.full({shape}, {self.value!r})"


class Uniform(Init):
    """Evenly between -a and a."""

    a: float

    def __post_init__(self) -> None:
        self._settle(a=number(self.a, "Uniform: a", above=0, example=0.1))

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:  # noqa: ARG002
        return rng.uniform(-self.a, self.a, shape)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:  # noqa: ARG002
        return f"rng.uniform({-self.a!r}, {self.a!r}, {shape})"


class Normal(Init):
    """Normal with mean 0 and the standard deviation `std`."""

    std: float

    def __post_init__(self) -> None:
        self._settle(std=number(self.std, "Normal: std", above=0, example=0.1))

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:  # noqa: ARG002
        return rng.normal(0.0, self.std, shape)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:  # noqa: ARG002
        return f"rng.normal(0.0, {self.std!r}, {shape})"


class _Spread(Init, abstract=True):
    """Variance 1 or 2 divided by the number of connections; uniform numbers end at sqrt(3 * variance)."""

    above: ClassVar[int]  # the numerator of what stands under the root
    both: ClassVar[bool] = False  # whether connections in and out are counted, or only those in
    uniform: ClassVar[bool] = False

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:
        # an array without numbers has no connections; nothing is drawn then, and nothing divided by 0
        size = np.sqrt(self.above / ((fan_in + fan_out if self.both else fan_in) or 1))
        return rng.uniform(-size, size, shape) if self.uniform else rng.normal(0.0, size, shape)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:
        count = f"({fan_in} + {fan_out})" if self.both and fan_in + fan_out else f"{fan_in or 1}"
        size = f"np.sqrt({self.above} / {count})"
        return f"rng.uniform(-{size}, {size}, {shape})" if self.uniform else f"rng.normal(0.0, {size}, {shape})"


class XavierUniform(_Spread):
    """Uniform within sqrt(6 / (in + out)): for units that are linear near 0 (Glorot & Bengio 2010, equation 16)."""

    aliases = ("glorot_uniform",)
    above = 6
    both = True
    uniform = True


class XavierNormal(_Spread):
    """Normal with variance 2 / (in + out) (Glorot & Bengio 2010, equation 12)."""

    aliases = ("glorot_normal",)
    above = 2
    both = True


class HeUniform(_Spread):
    """Uniform with variance 2 / in: for ReLU, which stops half of the signal (He et al. 2015)."""

    aliases = ("kaiming_uniform",)
    above = 6
    uniform = True


class HeNormal(_Spread):
    """Normal with variance 2 / in: for ReLU, which stops half of the signal (He et al. 2015, equation 10)."""

    aliases = ("kaiming_normal",)
    above = 2


class LeCunUniform(_Spread):
    """Uniform with variance 1 / in (LeCun et al. 1998)."""

    kind = "lecun_uniform"
    above = 3
    uniform = True


class LeCunNormal(_Spread):
    """Normal with variance 1 / in (LeCun et al. 1998, section 4.6)."""

    kind = "lecun_normal"
    above = 1


class Orthogonal(Init):
    """A random rotation times `gain`: rows (or columns) of equal length at right angles (Saxe et al. 2014).

    The Q of a normal matrix, with signs that make every rotation equally likely. More than two axes are taken as a
    matrix of (first axis, all others). Raises ShapeError for an array with fewer than two axes.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        self._settle(gain=number(self.gain, "Orthogonal: gain", above=0))

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:  # noqa: ARG002
        rows, columns = _matrix(shape)
        q, r = np.linalg.qr(rng.normal(0.0, 1.0, (max(rows, columns), min(rows, columns))))
        turned = q * np.sign(np.diag(r))
        return (self.gain * (turned.T if rows < columns else turned)).reshape(shape)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:  # noqa: ARG002
        rows, columns = _matrix(shape)
        normal = f"rng.normal(0.0, 1.0, ({max(rows, columns)}, {min(rows, columns)}))"
        turned = f"(lambda q, r: q * np.sign(np.diag(r)))(*np.linalg.qr({normal})){'.T' if rows < columns else ''}"
        return f"({self.gain!r} * {turned}).reshape({shape})"


def _matrix(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(
            "orthogonal: shape {shape} has no rows and columns. Use zeros or normal for it.", shape=show(shape)
        )
    return shape[0], math.prod(shape[1:])


class Default(Init):
    """What suits the activation that follows, see `default_for`; on its own, as if nothing followed."""

    def _draw(self, rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Floats:
        return default_for(None).draw(rng, shape, fan_in, fan_out)

    def _source(self, shape: Shape, fan_in: int, fan_out: int) -> str:
        return default_for(None).source(shape, fan_in, fan_out)


def default_for(next_op: Op | None) -> Init:
    """The initialiser for weights whose outputs go into `next_op` (None: nothing follows, or no activation).

    He normal before units that stop about half of the signal and never saturate above: that is what a gain above 1 and
    a range without an upper end say (He et al. 2015). Xavier uniform before all others: sigmoid, tanh, softmax, and
    linear outputs (Glorot & Bengio 2010).

    >>> from handgrad import ops
    >>> default_for(ops.relu), default_for(ops.tanh), default_for(None)
    (HeNormal(), XavierUniform(), XavierUniform())
    """
    if next_op is not None and next_op.traits.get("gain", 1.0) > 1:
        if math.isinf(next_op.traits.get("range", (-math.inf, math.inf))[1]):
            return HeNormal()
    return XavierUniform()


def initialiser(value: Any, what: str = "init") -> Init:
    """An initialiser, or the one of that name ("he_normal"); None is `Default()`.

    Raises DTypeError for other things, UnknownNameError for unknown names, ArgumentError for one that needs a setting.
    """
    return Default() if value is None else Init.named(value, what)


GlorotUniform, GlorotNormal = XavierUniform, XavierNormal
xavier_uniform, xavier_normal = XavierUniform, XavierNormal
glorot_uniform, glorot_normal = XavierUniform, XavierNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LeCunUniform, LeCunNormal
uniform, normal, orthogonal = Uniform, Normal, Orthogonal
zeros, constant = Zeros, Constant
