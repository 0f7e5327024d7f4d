"""SymPy as one more oracle: the rules themselves run on its symbols, and the simplifier keeps every value."""

from __future__ import annotations

import inspect
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.core.op import Op
from handgrad.core.symbols import Symbols
from oracles import oracle

SCALAR = [
    op for op in hg.ops.registry.values()
    if op.vjps and op.samples is not None and op.samples.shapes == "..." and op.arrays == ("x",)
    and (op.primitive or op.rule.__module__.startswith("handgrad."))
]  # fmt: skip


class Sympy:
    """The array namespace whose arrays are SymPy's numbers: a rule that receives it gives a SymPy formula."""

    def __init__(self, sympy):
        self.sympy = sympy

    def __getattr__(self, name):
        s = self.sympy
        known = {
            "abs": s.Abs, "maximum": s.Max, "minimum": s.Min, "exp": s.exp, "log": s.log, "sqrt": s.sqrt, "sin": s.sin,
            "cos": s.cos, "tanh": s.tanh, "erf": s.erf, "sign": s.sign, "negative": lambda x: -x,
            "log1p": lambda x: s.log(1 + x), "expm1": lambda x: s.exp(x) - 1,
            "where": lambda c, x, y: s.Piecewise((x, c), (y, True)), "logical_and": s.And,
            "clip": lambda x, low, high: s.Max(s.Min(x, s.sympify(high)), s.sympify(low)),
        }  # fmt: skip
        if name in known:
            return known[name]
        op = hg.ops.registry[name]
        return lambda *args, **params: op.rule(self, *args, **{**op.params, **params})


@pytest.mark.parametrize("op", SCALAR, ids=lambda op: op.name)
def test_hand_written_vjps_against_sympy(op: Op):
    sympy = oracle("sympy")
    x = sympy.Symbol("x", real=True)
    xp = Sympy(sympy)
    params = {**op.params, **op.samples.params[0]}
    value = getattr(xp, op.name)(x, **params) if op.primitive else op.rule(xp, x, **params)
    slope = sympy.diff(value, x)
    low, high = op.samples.domains.get("x", op.samples.domain)
    for at in np.linspace(low, high, 9) + 0.0137:
        exact = float(slope.subs(x, sympy.Float(float(at), 40)).evalf(30))
        mine = float(hg.grad(lambda a: op(a, **params))(float(at)))
        assert mine == pytest.approx(exact, rel=1e-12, abs=1e-13), f"{op.name}'({at})"


def test_two_argument_rules_against_sympy():
    sympy = oracle("sympy")
    x, y = sympy.symbols("x y", positive=True)
    for name, formula in {"multiply": x * y, "divide": x / y, "power": x**y, "subtract": x - y}.items():
        op = hg.ops.registry[name]
        for i, v in enumerate((x, y)):
            exact = float(sympy.diff(formula, v).subs({x: 1.7, y: 0.6}))
            assert float(hg.grad(op, wrt=i)(1.7, 0.6)) == pytest.approx(exact, rel=1e-14)


def test_the_sigmoid_vjp_as_a_formula():
    """Not numbers but formulas: SymPy proves that g * out * (1 - out) is the derivative of the definition."""
    sympy = oracle("sympy")
    x, g = sympy.symbols("x g", real=True)
    xp = Sympy(sympy)
    for name in ("sigmoid", "tanh", "softplus", "silu", "exp", "sin", "sqrt"):
        op = hg.ops.registry[name]
        value = getattr(xp, name)(x) if op.primitive else op.rule(xp, x)
        rule = op.vjps["x"]
        claimed = rule(xp, g, value, x)
        gap = sympy.simplify((claimed - g * sympy.diff(value, x)).rewrite(sympy.exp))
        assert gap == 0, f"{name}: {gap}"
        assert "xp" in inspect.signature(rule).parameters


# -- the simplifier ---------------------------------------------------------------------------------------------------
LEAVES = st.one_of(st.sampled_from(["x", "y", "z"]), st.sampled_from([0, 1, -1, 2, 3, 0.5, 0.0, 1.0]))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["add", "subtract", "multiply", "divide"]), inner, inner),
        st.tuples(st.just("negative"), inner),
        st.tuples(st.just("power"), inner, st.integers(1, 3)),
        st.tuples(st.sampled_from(["reshape", "broadcast"]), inner),
    ),
    max_leaves=14,
)


def build(table, tree, shape):
    if isinstance(tree, str):
        return table.leaf(tree, shape)
    if not isinstance(tree, tuple):
        return table.wrap(tree)
    name, *args = tree
    inner = [build(table, a, shape) for a in args]
    if name == "reshape":
        return inner[0].reshape(*inner[0].shape)
    if name == "broadcast":
        return table.broadcast_to(inner[0], shape=shape)
    return table.call(name, *inner)


def exact(tree, values):
    """The tree in fractions, as it was written."""
    if isinstance(tree, str):
        return values[tree]
    if not isinstance(tree, tuple):
        return Fraction(tree)
    name, *args = tree
    a = [exact(t, values) for t in args]
    return {
        "add": lambda: a[0] + a[1], "subtract": lambda: a[0] - a[1], "multiply": lambda: a[0] * a[1],
        "divide": lambda: a[0] / a[1], "negative": lambda: -a[0], "power": lambda: a[0] ** a[1],
        "reshape": lambda: a[0], "broadcast": lambda: a[0],
    }[name]()  # fmt: skip


def simplified(node, values):
    """The simplified expression in fractions."""
    if node.op is None:
        return values[node.name] if node.name is not None else Fraction(node.value)
    a = [simplified(n, values) for n in node.args]
    return {
        "add": lambda: a[0] + a[1], "subtract": lambda: a[0] - a[1], "multiply": lambda: a[0] * a[1],
        "divide": lambda: a[0] / a[1], "negative": lambda: -a[0], "power": lambda: a[0] ** int(a[1]),
        "reshape": lambda: a[0], "broadcast_to": lambda: a[0],
    }[node.op.name]()  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TREES, st.sampled_from([(), (3,)]))
def test_simplifying_changes_no_value(tree, shape):
    values = {"x": Fraction(7, 3), "y": Fraction(-5, 11), "z": Fraction(13, 17)}
    try:
        wanted = exact(tree, values)
    except ZeroDivisionError:
        return
    table = Symbols()
    node = build(table, tree, shape)
    assert simplified(node, values) == wanted
    if any(leaf in str(tree) for leaf in "xyz") and "broadcast" not in str(tree) and shape:
        assert node.shape in (shape, ()), "no axis comes or goes"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TREES)
def test_simplified_formulas_equal_sympys(tree):
    sympy = oracle("sympy")
    letters = dict(zip("xyz", sympy.symbols("x y z"), strict=True))

    def theirs(t):
        if isinstance(t, str):
            return letters[t]
        if not isinstance(t, tuple):
            return sympy.Rational(t)
        name, *args = t
        a = [theirs(u) for u in args]
        return {
            "add": lambda: a[0] + a[1], "subtract": lambda: a[0] - a[1], "multiply": lambda: a[0] * a[1],
            "divide": lambda: a[0] / a[1], "negative": lambda: -a[0], "power": lambda: a[0] ** a[1],
            "reshape": lambda: a[0], "broadcast": lambda: a[0],
        }[name]()  # fmt: skip

    wanted = theirs(tree)
    if wanted.has(sympy.zoo, sympy.nan, sympy.oo):
        return
    table = Symbols()
    node = build(table, tree, ())
    mine = simplified(node, letters | {})
    if isinstance(mine, Fraction):
        mine = sympy.Rational(mine.numerator, mine.denominator)
    assert sympy.simplify(mine - wanted) == 0


def test_what_lectures_expect_to_see():
    table = Symbols()
    x, y = table.leaf("x", (2, 3)), table.leaf("y", (2, 3))
    negative = -x
    for got, wanted in [
        (1 * x, x), (x * 1, x), (x + 0, x), (0 + x, x), (x - 0, x), (x / 1, x), (x**1, x), (-negative, x), (x.T.T, x),
        (x + (-y), x - y), (x - (-y), x + y), ((-x) * y, -(x * y)), (x * (-y), -(x * y)), ((-x) / y, -(x / y)),
        (x.reshape(6).reshape(2, 3), x), (x.reshape(2, 3), x), (2 * (3 * x), 6 * x),
    ]:  # fmt: skip
        assert got is wanted, f"{got} against {wanted}"
    assert (x * y) is (x * y), "equal expressions are one object"
    assert table.constant(1) is not table.constant(1.0)
    assert table.constant(0.0) is not table.constant(-0.0)
    assert table.constant(True) is not table.constant(1)
    assert (0 * x).shape == (2, 3)
    k, m = table.leaf("k", (), "int"), x > y
    for mixed in (1.0 * k, k + 0.0, k - 0.0, table.mean(k), 1.0 * m):
        assert mixed.dtype == "float", f"{mixed}: a float beside whole numbers or truths gives a float"
    assert (1 * m).dtype == "int"
