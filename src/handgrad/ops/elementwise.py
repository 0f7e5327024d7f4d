"""Element by element: arithmetic, powers, exponentials, comparisons, choices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from handgrad.core.op import Op, Samples, primitive
from handgrad.core.sizes import Size, broadcast
from handgrad.core.special import erf as erf_values

FLAT = "it is a step: its derivative is 0 wherever it exists"
CHOICE = "true or false cannot be moved a little"


def _shape(*xs: Any, dtype: str | None = None, **_: Any) -> Any:
    if dtype is None:
        dtype = "float" if any(x.dtype == "float" for x in xs) else "int"
    return broadcast(*(x.shape for x in xs), where="{where}"), dtype


def _float(*xs: Any, **_: Any) -> Any:
    return _shape(*xs, dtype="float")


def _bool(*xs: Any, **_: Any) -> Any:
    return _shape(*xs, dtype="bool")


def _number(x: Any) -> Any:
    """The number behind a constant expression, None for everything else."""
    return x.value if x.is_constant and not isinstance(x.value, (bool, Size)) else None


def _is(x: Any, number: float) -> bool:
    return _number(x) == number


def _neutral(x: Any, number: float, y: Any) -> bool:
    """Whether x is this number and leaves y as it is, its dtype included: 1.0 times a whole number is none."""
    return _is(x, number) and y.dtype in ("float", x.dtype)


def _times_latex(call: Any) -> Any:
    x, y = call.args
    if x.ndim and y.ndim:
        return r"{0:5} \odot {1:6}", 5
    if _number(y) is not None:  # two numbers side by side would read as one
        return r"{0:5} \cdot {1:6}", 5
    return r"{0:5}\,{1:6}", 5


# -- arithmetic: how they simplify --------------------------------------------------------------------------------
def _add(xp: Any, x: Any, y: Any) -> Any:
    if _neutral(x, 0, y):
        return y
    if _neutral(y, 0, x):
        return x
    if _number(x) is not None and _number(y) is not None:
        return _number(x) + _number(y)
    if y.op is negative:
        return x - y.args[0]
    return None


def _subtract(xp: Any, x: Any, y: Any) -> Any:
    if _neutral(y, 0, x):
        return x
    if _neutral(x, 0, y):
        return -y
    if _number(x) is not None and _number(y) is not None:
        return _number(x) - _number(y)
    if y.op is negative:
        return x + y.args[0]
    return None


def _multiply(xp: Any, x: Any, y: Any) -> Any:
    if _neutral(x, 1, y):
        return y
    if _neutral(y, 1, x):
        return x
    if _number(x) is not None and _number(y) is not None:
        return _number(x) * _number(y)
    for a, b in ((x, y), (y, x)):
        if _is(a, 0) and b.dtype == "float":
            return xp.broadcast_to(xp.constant(0.0), shape=b.shape) if b.shape else 0.0
        if _neutral(a, -1, b):
            return -b
    if x.op is negative:  # signs to the front
        return -(x.args[0] * y)
    if y.op is negative:
        return -(x * y.args[0])
    if _number(x) is not None and y.op is multiply and _number(y.args[0]) is not None:
        return (_number(x) * _number(y.args[0])) * y.args[1]
    return None


def _divide(xp: Any, x: Any, y: Any) -> Any:
    if _is(y, 1) and x.dtype == "float":
        return x
    if x.op is negative:
        return -(x.args[0] / y)
    return None


def _negative(xp: Any, x: Any) -> Any:
    if x.op is negative:
        return x.args[0]
    if _number(x) is not None:
        return -_number(x)
    return None


def _power(xp: Any, x: Any, y: Any) -> Any:
    if _neutral(y, 1, x):
        return x
    if _number(x) is not None and isinstance(_number(y), int) and _number(y) >= 0:
        return _number(x) ** _number(y)
    return None


def _lower(xp: Any, p: Any) -> Any:
    """p - 1, and 1 where p is 0: there the factor p makes the product 0, and x**(-1) must not divide by 0."""
    number = p if isinstance(p, (int, float)) else getattr(p, "value", None) if hasattr(p, "is_constant") else None
    if number is not None:
        return number - 1 if number != 0 else 1
    return xp.where(p == 0, 1.0, p - 1)


def _row(name: str, arrays: str, vjp: Any, python: Any, latex: Any, **facts: Any) -> Op:
    facts.setdefault("shape", _shape)
    facts.setdefault("samples", Samples())
    facts.setdefault("rule", getattr(np, facts.get("ufunc") or name, None))
    return primitive(facts.pop("rule"), arrays, name=name, kind="map", vjp=vjp, python=python, notation=latex, **facts)


add = _row(
    "add", "x y", (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: g),
    ("{0:4} + {1:5}", 4), ("{0:4} + {1:5}", 4), ufunc="add", simplify=_add, torch="x + y",
    sentence="Add.", traits={"gradient": "pass"},
)  # fmt: skip
subtract = _row(
    "subtract", "x y", (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g),
    ("{0:4} - {1:5}", 4), ("{0:4} - {1:5}", 4), ufunc="subtract", simplify=_subtract, torch="x - y",
    sentence="Subtract.", traits={"gradient": "pass"},
)  # fmt: skip
multiply = _row(
    "multiply", "x y", (lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
    ("{0:5} * {1:6}", 5), _times_latex, ufunc="multiply", simplify=_multiply, torch="x * y",
    sentence="Multiply element by element.", traits={"gradient": "exchange"},
)  # fmt: skip
divide = _row(
    "divide", "x y", (lambda xp, g, out, x, y: g / y, lambda xp, g, out, x, y: -(g * x / (y * y))),
    ("{0:5} / {1:6}", 5), r"\frac{{{0}}}{{{1}}}", ufunc="divide", shape=_float, simplify=_divide, torch="x / y",
    sentence="Divide element by element.", samples=Samples(domains={"y": (0.5, 2.0)}),
)  # fmt: skip
negative = _row(
    "negative", "x", (lambda xp, g, out, x: -g,), ("-{0:7}", 7), ("-{0:5}", 4), ufunc="negative", simplify=_negative,
    torch="-x", sentence="Change the sign.", traits={"sign": True},
)  # fmt: skip
power = _row(
    "power", "x p",
    (
        lambda xp, g, out, x, p: g * (p * x ** _lower(xp, p)),
        # 0**p is flat in p for p > 0; log 0 must not be formed
        lambda xp, g, out, x, p: xp.where(x == 0, 0.0, g * out * xp.log(xp.where(x == 0, 1.0, x))),
    ),
    ("{0:9}**{1:7}", 8), "{0:9}^{{{1}}}", ufunc="power", simplify=_power, torch="torch.pow(x, p)",
    sentence="Raise to a power.", samples=Samples(domains={"x": (0.3, 2.0)}),
)  # fmt: skip
exp = _row(
    "exp", "x", (lambda xp, g, out, x: g * out,), "np.exp({0})", "e^{{{0}}}", ufunc="exp", shape=_float,
    torch="torch.exp(x)", sentence="The exponential function.", quiet=("under",), traits={"range": (0.0, math.inf)},
)  # fmt: skip
log = _row(
    "log", "x", (lambda xp, g, out, x: g / x,), "np.log({0})", r"\ln {0:9}", ufunc="log", shape=_float,
    torch="torch.log(x)", sentence="The natural logarithm.", samples=Samples(domain=(0.2, 3.0)),
)  # fmt: skip
log1p = _row(
    "log1p", "x", (lambda xp, g, out, x: g / (1 + x),), "np.log1p({0})", r"\ln\left(1 + {0:4}\right)", ufunc="log1p",
    shape=_float, torch="torch.log1p(x)", sentence="ln(1 + x), exact for small x.",
    samples=Samples(domain=(-0.7, 3.0), corners=((np.array([1e-18, 0.0, 1e300]),),)),
)  # fmt: skip
expm1 = _row(
    "expm1", "x", (lambda xp, g, out, x: g * xp.exp(x),), "np.expm1({0})", r"\left(e^{{{0}}} - 1\right)", ufunc="expm1",
    shape=_float, torch="torch.expm1(x)", sentence="exp(x) - 1, exact for small x.", quiet=("under",),
    samples=Samples(corners=((np.array([1e-18, 0.0, -1000.0]),),)),
)  # fmt: skip


def _sqrt(x: Any, out: Any = None) -> Any:
    # sqrt(2) in a rule stays a Python number: NumPy's would turn float32 into float64
    return math.sqrt(x) if type(x) in (int, float) and x >= 0 else np.sqrt(x, out=out)


sqrt = _row(
    "sqrt", "x", (lambda xp, g, out, x: g / (2 * out),), "np.sqrt({0})", r"\sqrt{{{0}}}", ufunc="sqrt", rule=_sqrt,
    shape=_float,
    torch="torch.sqrt(x)", sentence="The square root.", samples=Samples(domain=(0.2, 3.0)),
)  # fmt: skip


def _absolute(x: Any, out: Any = None) -> Any:
    if np.iscomplexobj(x):  # the complex step needs the branch, not the modulus
        return np.where(np.real(x) < 0, -x, x)
    return np.abs(x)


absolute = _row(
    "abs", "x", (lambda xp, g, out, x: g * xp.sign(x),), "np.abs({0})", r"\left|{0}\right|", ufunc="absolute",
    rule=_absolute, torch="torch.abs(x)", sentence="The absolute value; its derivative at 0 is 0.",
    samples=Samples(corners=((np.array([0.0, -1000.0, 1000.0]),),)),
)  # fmt: skip
sign = _row(
    "sign", "x", (), "np.sign({0})", r"\operatorname{{sign}}{0:9}", ufunc="sign", torch="torch.sign(x)",
    sentence="-1, 0 or 1: the sign.", constant={"x": FLAT},
)  # fmt: skip
sin = _row(
    "sin", "x", (lambda xp, g, out, x: g * xp.cos(x),), "np.sin({0})", r"\sin {0:9}", ufunc="sin", shape=_float,
    torch="torch.sin(x)", sentence="The sine.", traits={"range": (-1.0, 1.0)},
)  # fmt: skip
cos = _row(
    "cos", "x", (lambda xp, g, out, x: -(g * xp.sin(x)),), "np.cos({0})", r"\cos {0:9}", ufunc="cos", shape=_float,
    torch="torch.cos(x)", sentence="The cosine.", traits={"range": (-1.0, 1.0)},
)  # fmt: skip
tanh = _row(
    "tanh", "x", (lambda xp, g, out, x: g * (1 - out * out),), "np.tanh({0})", r"\tanh {0:9}", ufunc="tanh",
    shape=_float, torch="torch.tanh(x)", sentence="Squash every number into (-1, 1).", symbol="a",
    samples=Samples(corners=((np.array([0.0, -1000.0, 1000.0]),),)),
    traits={"activation": True, "range": (-1.0, 1.0), "flat": "both", "gain": 5 / 3, "module": "Tanh"},
)  # fmt: skip
erf = _row(
    "erf", "x", (lambda xp, g, out, x: g * (2 / xp.sqrt(math.pi) * xp.exp(-(x**2))),), "erf({0})",
    r"\operatorname{{erf}}{0:9}", rule=erf_values, shape=_float, torch="torch.erf(x)", quiet=("under",),
    sentence="The error function, to 2 units in the last place (NumPy has none).",
    traits={"range": (-1.0, 1.0), "carried": erf_values},
    samples=Samples(corners=((np.array([0.0, -1000.0, 1000.0]),),)),
)  # fmt: skip

# -- comparisons and choices --------------------------------------------------------------------------------------
for _name, _sign, _latex in [
    ("greater", ">", ">"),
    ("greater_equal", ">=", r"\ge"),
    ("less", "<", "<"),
    ("less_equal", "<=", r"\le"),
    ("equal", "==", "="),
    ("not_equal", "!=", r"\ne"),
]:
    _row(
        _name, "x y", (), (f"{{0:4}} {_sign} {{1:4}}", 1), rf"[{{0:2}} {_latex} {{1:2}}]", ufunc=_name, shape=_bool,
        torch=f"x {_sign} y", sentence=f"Where x {_sign} y.", constant={"x": FLAT, "y": FLAT},
        samples=Samples(corners=((np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])),)),
    )  # fmt: skip
logical_and = _row(
    "logical_and", "x y", (), ("{0:3} & {1:3}", 2), r"{0:9} \wedge {1:9}", ufunc="logical_and", shape=_bool,
    torch="torch.logical_and(x, y)", sentence="Where both hold.", constant={"x": CHOICE, "y": CHOICE},
    samples=Samples(booleans=("x", "y")),
)  # fmt: skip
logical_not = _row(
    "logical_not", "x", (), ("~{0:7}", 7), r"\neg {0:9}", ufunc="logical_not", shape=_bool,
    torch="torch.logical_not(x)", sentence="Where it does not hold.", constant={"x": CHOICE},
    samples=Samples(booleans=("x",)),
)  # fmt: skip


def _where_shape(c: Any, x: Any, y: Any) -> Any:
    return broadcast(c.shape, x.shape, y.shape, where="{where}"), _shape(x, y)[1]


where = _row(
    "where", "c x y",
    (None, lambda xp, g, out, c, x, y: xp.where(c, g, 0), lambda xp, g, out, c, x, y: xp.where(c, 0, g)),
    "np.where({0}, {1}, {2})",
    r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}", rule=np.where, shape=_where_shape,
    torch="torch.where(c, x, y)", sentence="x where the condition holds, y elsewhere.", constant={"c": CHOICE},
    samples=Samples(booleans=("c",)), traits={"gradient": "route"},
)  # fmt: skip


def _larger(xp: Any, g: Any, x: Any, y: Any) -> Any:
    return g * (x > y) + 0.5 * g * (x == y)  # half each at a tie, as torch.maximum


maximum = _row(
    "maximum", "x y",
    (lambda xp, g, out, x, y: _larger(xp, g, x, y), lambda xp, g, out, x, y: _larger(xp, g, y, x)),
    "np.maximum({0}, {1})", r"\max\left({0}, {1}\right)", ufunc="maximum", torch="torch.maximum(x, y)",
    sentence="The larger of two; half of the gradient each at a tie.", traits={"gradient": "route"},
    samples=Samples(corners=((np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 2.0])),)),
)  # fmt: skip
minimum = _row(
    "minimum", "x y",
    (lambda xp, g, out, x, y: _larger(xp, g, y, x), lambda xp, g, out, x, y: _larger(xp, g, x, y)),
    "np.minimum({0}, {1})", r"\min\left({0}, {1}\right)", ufunc="minimum", torch="torch.minimum(x, y)",
    sentence="The smaller of two; half of the gradient each at a tie.", traits={"gradient": "route"},
    samples=Samples(corners=((np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.0, 2.0])),)),
)  # fmt: skip


def _clip(x: Any, low: Any = None, high: Any = None, out: Any = None) -> Any:
    if np.iscomplexobj(x):
        return np.minimum(np.maximum(x, low), high)
    return np.clip(x, low, high)


clip = _row(
    "clip", "x", (lambda xp, g, out, x, low, high: g * xp.logical_and(x >= low, x <= high),),
    lambda call: f"np.clip({{0}}, {call.params['low']!r}, {call.params['high']!r})",
    lambda call: rf"\operatorname{{{{clip}}}}\left({{0}}, {call.params['low']!r}, {call.params['high']!r}\right)",
    rule=_clip, params={"low": -math.inf, "high": math.inf}, torch="torch.clamp(x, low, high)",
    sentence="Keep every number within bounds; the derivative at a bound is 1.", traits={"gradient": "route"},
    samples=Samples(params=({"low": -0.5, "high": 1.0},), corners=((np.array([-0.5, 1.0, 0.0, 3.0]),),)),
)  # fmt: skip


def _cast_shape(x: Any, y: Any) -> Any:
    return x.shape, y.dtype


cast = primitive(
    lambda x, y: np.asarray(x).astype(np.asarray(y).dtype), "x y", name="cast", kind="move", shape=_cast_shape,
    vjp=(lambda xp, g, out, x, y: xp.cast(g, x),), constant={"y": "only its dtype counts"},
    python="{0:9}.astype({1:9}.dtype)", notation="{0:9}", torch="x.to(y.dtype)",
    sentence="The same numbers with the dtype of y.", samples=Samples("n m, k"),
    simplify=lambda xp, x, y: x if x.dtype == y.dtype else None, params={},
)  # fmt: skip
