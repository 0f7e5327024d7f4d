"""How ops are written: a sentence, a notation, samples, and bodies that read like a lecture.

A body gives each name once and names whatever it uses twice, so that a printed program and a formula can follow it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter

import numpy as np
import pytest

import handgrad as hg
from handgrad.core.op import Op, Samples
from handgrad.errors import ArgumentError, UnknownNameError

OPS = [op for op in hg.ops.registry.values() if op.primitive or op.rule.__module__.startswith("handgrad.")]
WRITTEN = [
    (op.name, form, rule)
    for op in OPS
    if not op.primitive
    for form, rule in [("rule", op.rule), ("safe", op.safe_rule), *((f"vjp {a}", v) for a, v in op.vjps.items())]
    if rule is not None
]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_an_op_is_described(op: Op):
    assert op.sentence.endswith("."), "one sentence says what it does"
    assert op.composite or op.notation is not None, "LaTeX needs a notation"
    assert isinstance(op.samples, Samples), "the contract test needs samples"
    assert op.torch is not None, "every op so far has a twin in PyTorch"
    for name, reason in op.constant.items():
        assert name in op.arrays, f"{name} is declared constant and is no input"
        assert len(reason) > 10, f"{name} has no derivative, and the reason is missing"
    op.check_complete()


def body(rule) -> ast.AST:
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    return tree


def sizes(tree: ast.AST) -> set[int]:
    """The parts of a body that speak of shapes, not of numbers: they need no name."""
    return {
        id(part)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("shape", "ndim", "size"))
        or (isinstance(node, ast.keyword) and node.arg in ("shape", "axis", "axes"))
        for part in ast.walk(node)
    }


def repeated(tree: ast.AST) -> list[str]:
    """Computations with an array in them that stand in a body more than once."""
    skip = sizes(tree)

    def computes(node: ast.AST) -> bool:
        named = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id != "xp" and id(n) not in skip]
        return isinstance(node, ast.BinOp | ast.Call | ast.Compare) and id(node) not in skip and bool(named)

    times = Counter(ast.unparse(node) for node in ast.walk(tree) if computes(node))
    return [text for text, n in times.items() if n > 1]


def given_twice(tree: ast.AST) -> list[str]:
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names += [a.arg for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for a in node.args.args]
    return [name for name, times in Counter(names).items() if times > 1]


@pytest.mark.parametrize(("name", "form", "rule"), WRITTEN, ids=[f"{n}-{f}".replace(" ", "-") for n, f, _ in WRITTEN])
def test_a_body_names_what_it_uses_twice_and_each_name_once(name, form, rule):
    tree = body(rule)
    assert given_twice(tree) == [], "a name stands for one value"
    assert repeated(tree) == [], "what is used twice gets a name"


def test_the_two_rules_of_bodies_notice():
    def rule(xp, x):
        t = xp.exp(x)
        t = t + 1
        return (x - 1) * t * (x - 1)

    assert given_twice(body(rule)) == ["t"]
    assert repeated(body(rule)) == ["x - 1"]


def test_an_input_without_a_derivative_is_declared():
    @hg.op
    def half_told(xp, x, y):
        """x times y, with a derivative for x only."""
        return x * y

    @half_told.vjp("x")
    def _(xp, g, out, x, y):
        return g * y

    try:
        with pytest.raises(ArgumentError, match="'y' has no derivative"):
            half_told.check_complete()
        with pytest.raises(UnknownNameError, match="no differentiable input 'z'"):
            half_told.vjp("z")
        with pytest.raises(ArgumentError, match="one rule for each"):
            half_told.vjp(lambda xp, g, out, x, y: g)
    finally:
        hg.ops.registry.remove("half_told")


def test_the_first_derivative_of_a_half_told_op_says_what_is_lacking():
    """Eager, recorded and symbolic alike, whichever input is asked for; told in full, all of them work."""

    @hg.op
    def half_told(xp, x, y):
        """x times y."""
        return x * y

    @half_told.vjp("x")
    def _(xp, g, out, x, y):
        return g * y

    class Gate(hg.Layer):
        """half_told with weights, copied to every row."""

        def parameters(self):
            return {"weight": hg.Parameter((2,), hg.init.Constant(3.0))}

        def forward(self, x, p):
            return half_told(x, p["weight"] + 0 * x)

    x, X = hg.tensor(2.0), np.ones((4, 2))
    net = hg.Network([Gate()], loss="mse", seed=0)
    lacking = r"half_told: input 'y' has no derivative: write @half_told.vjp\('y'\) or declare it in constant=."
    asked = [
        lambda: half_told(x, hg.tensor(3.0)).backward(),
        lambda: half_told(x, 3.0).backward(),
        lambda: half_told(2.0, x).backward(),
        lambda: hg.hessian(lambda x: half_told(x, x))(2.0),
        lambda: net.gradients(X, X),
        lambda: net.fit(X, X, epochs=1),
    ]
    try:
        assert float(half_told(x, 3.0).value) == 6.0  # without a derivative nothing is lacking
        assert net.forward(X)[0].tolist() == [3.0, 3.0]
        for ask in asked:
            with pytest.raises(ArgumentError, match=lacking):
                ask()

        @half_told.vjp("y")
        def _(xp, g, out, x, y):
            return g * x

        assert hg.grad(half_told)(2.0, 3.0) == 3.0
        assert hg.hessian(lambda x: half_told(x, x))(2.0) == 2.0
        assert net.gradients(X, X)["gate1.weight"].tolist() == [2.0, 2.0]  # mean of 2 (3 - 1) over 8, 4 rows each
    finally:
        hg.ops.registry.remove("half_told")


def test_an_op_without_any_vjp_is_derived_from_its_rule():
    @hg.op(samples=Samples())
    def cubic(xp, x):
        """x * x * x - x."""
        return x * x * x - x

    try:
        cubic.check_complete()
        assert float(hg.grad(cubic)(2.0)) == 11.0
        assert float(hg.grad(hg.grad(cubic))(2.0)) == 12.0
    finally:
        hg.ops.registry.remove("cubic")


ASKED_FOR = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "power",
    "exp",
    "log",
    "log1p",
    "expm1",
    "sqrt",
    "abs",
    "sin",
    "cos",
    "tanh",
    "erf",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "equal",
    "not_equal",
    "where",
    "maximum",
    "minimum",
    "clip",
    "matmul",
    "sum",
    "mean",
    "var",
    "max",
    "min",
    "logsumexp",
    "reshape",
    "transpose",
    "concat",
    "stack",
    "getitem",
    "take",
    "scatter_add",
    "patches",
    "fold",
    "affine",
    "sigmoid",
    "relu",
    "leaky_relu",
    "elu",
    "silu",
    "swish",
    "gelu",
    "gelu_tanh",
    "softplus",
    "softmax",
    "log_softmax",
    "mse",
    "half_sse",
    "bce",
    "bce_with_logits",
    "cross_entropy",
    "huber",
    "mae",
    "broadcast_to",
]


@pytest.mark.parametrize("name", ASKED_FOR)
def test_reachable_by_name(name):
    assert isinstance(getattr(hg.ops, name), Op)
    assert name == "swish" or name in dir(hg.ops)
