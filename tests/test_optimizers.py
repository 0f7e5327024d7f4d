"""Optimizers: step by step against torch.optim; the rule as numbers equals the rule as formulas."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from handgrad.core.symbols import Symbols
from handgrad.errors import ArgumentError, DTypeError, UnknownNameError
from handgrad.program.python import text
from handgrad.train import (
    SGD,
    Adam,
    Optimizer,
    Schedule,
    apply_rule,
    optimizer_from,
    optimizers,
    run_numpy,
    schedule_from,
    schedules,
)
from oracles import oracle

STEPS = 50
SIZE = 7

SGDS = [
    SGD(0.05, momentum=m, nesterov=n, weight_decay=d)
    for m, n, d in itertools.product((0.0, 0.9), (False, True), (0.0, 0.03))
    if m or not n
]
ADAMS = [
    Adam(lr, betas=b, eps=e, weight_decay=d)
    for lr, b, e, d in itertools.product((1e-3, 0.3), ((0.9, 0.999), (0.0, 0.5)), (1e-8, 1e-2), (0.0, 0.03))
]


def twin(torch, optimizer, w):
    """The torch optimizer with the same settings, on the same weights."""
    if isinstance(optimizer, SGD):
        o = optimizer
        return torch.optim.SGD([w], o.lr, momentum=o.momentum, nesterov=o.nesterov, weight_decay=o.weight_decay)
    return torch.optim.Adam(
        [w], optimizer.lr, betas=optimizer.betas, eps=optimizer.eps, weight_decay=optimizer.weight_decay, foreach=False
    )


@pytest.mark.parametrize("optimizer", [*SGDS, *ADAMS], ids=repr)
def test_every_step_equals_torch(optimizer, rng):
    torch = oracle("torch")
    w = rng.normal(size=SIZE)
    theirs = torch.tensor(w.copy(), requires_grad=True)
    their_optimizer = twin(torch, optimizer, theirs)
    state = {}
    for t in range(1, STEPS + 1):
        # gradients of all sizes, some of them exactly 0, that also depend on the weights
        g = rng.normal(size=SIZE) * 10.0 ** rng.integers(-6, 3, SIZE) * (rng.random(SIZE) > 0.2) + 0.1 * w
        theirs.grad = torch.tensor(g)
        their_optimizer.step()
        w, state = run_numpy(optimizer, w, g, state, t)
        expected = theirs.detach().numpy()
        # both sides round each operation to 1e-16, in different order
        assert np.max(np.abs(w - expected)) <= 1e-12 * np.max(np.abs(expected)), f"step {t}"
        w = expected.copy()


def test_weights_drift_no_further_than_rounding(rng):
    """The same without meeting again after each step: 50 steps on a bowl, where g follows the weights."""
    torch = oracle("torch")
    curvature = 10.0 ** rng.uniform(-2, 0.5, SIZE)
    for optimizer in (*SGDS, *ADAMS):
        w = rng.normal(size=SIZE)
        theirs = torch.tensor(w.copy(), requires_grad=True)
        their_optimizer = twin(torch, optimizer, theirs)
        state = {}
        for t in range(1, STEPS + 1):
            theirs.grad = torch.tensor(curvature) * theirs.detach()
            their_optimizer.step()
            w, state = run_numpy(optimizer, w, curvature * w, state, t)
        expected = theirs.detach().numpy()
        assert np.max(np.abs(w - expected)) <= 1e-12 * max(1.0, np.max(np.abs(expected))), repr(optimizer)


def test_two_steps_by_hand():
    w, state = run_numpy(SGD(0.5, momentum=0.5), np.array([1.0]), np.array([2.0]), {}, 1)
    assert (w.tolist(), state["m"].tolist()) == ([0.0], [2.0])
    w, state = run_numpy(SGD(0.5, momentum=0.5), w, np.array([4.0]), state, 2)
    assert (w.tolist(), state["m"].tolist()) == ([-2.5], [5.0])
    w, _ = run_numpy(SGD(0.5, momentum=0.5, nesterov=True), np.array([1.0]), np.array([2.0]), {}, 1)
    assert w.tolist() == [1 - 0.5 * (2 + 0.5 * 2)]
    # the first step of Adam is lr in the direction of the gradient, whatever its size
    w, _ = run_numpy(Adam(0.1), np.array([1.0, 1.0]), np.array([1e-3, -50.0]), {}, 1)
    assert w == pytest.approx([0.9, 1.1], abs=2e-6)


@pytest.mark.parametrize("optimizer", [*SGDS, *ADAMS[:4]], ids=repr)
def test_the_printed_rule_gives_the_same_numbers(optimizer, rng):
    table = Symbols()
    names = {"w": (SIZE,), "g": (SIZE,), "t": (), **dict.fromkeys(optimizer.settings(), ()),
             **dict.fromkeys(optimizer.state(), (SIZE,))}  # fmt: skip
    leaves = {name: table.leaf(name, shape) for name, shape in names.items()}
    formulas = apply_rule(optimizer, table, leaves["w"], leaves["g"], SimpleNamespace(**leaves))
    numbers = {"w": rng.normal(size=SIZE), "g": rng.normal(size=SIZE), "t": 3, **optimizer.settings()}
    state = {name: rng.random(SIZE) for name in optimizer.state()}
    w, after = run_numpy(optimizer, numbers["w"], numbers["g"], state, 3)
    for name, value in {"w": w, **after}.items():
        assert formulas[name].shape == (SIZE,)
        printed = eval(str(text(formulas[name]).text), {"np": np, **numbers, **state})
        assert np.max(np.abs(printed - value)) <= 1e-15 * np.max(np.abs(value))


def test_only_what_is_switched_on_is_there():
    assert SGD(0.1).settings() == {"lr": 0.1}
    assert SGD(0.1).state() == ()
    assert SGD(0.1, momentum=0.9, weight_decay=0.01).settings() == {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    assert Adam().settings() == {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    assert Adam(weight_decay=0.1).settings()["weight_decay"] == 0.1
    assert (Adam().state(), Adam().uses_step, SGD(1).uses_step) == (("m", "v"), True, False)
    rule_reads_t = []

    class Watch(SimpleNamespace):
        def __getattribute__(self, name):
            if name == "t":
                rule_reads_t.append(name)
            return super().__getattribute__(name)

    for optimizer in (SGD(0.1, momentum=0.5, weight_decay=0.1), Adam()):
        rule_reads_t.clear()
        s = Watch(**optimizer.settings(), **{k: np.zeros(2) for k in optimizer.state()}, t=1)
        apply_rule(optimizer, np, np.ones(2), np.ones(2), s)
        assert bool(rule_reads_t) == optimizer.uses_step


def test_inputs_are_not_written_and_dtype_is_kept(rng):
    for optimizer in (*SGDS, ADAMS[0]):
        w, g = rng.normal(size=3).astype(np.float32), rng.normal(size=3).astype(np.float32)
        state = {name: np.ones(3, np.float32) for name in optimizer.state()}
        before = [a.copy() for a in (w, g, *state.values())]
        new, after = run_numpy(optimizer, w, g, state, 2)
        assert {a.dtype for a in (new, *after.values())} == {np.dtype(np.float32)}
        assert all(np.array_equal(a, b) for a, b in zip((w, g, *state.values()), before, strict=True))


# -- as data --------------------------------------------------------------------------------------------------------
def test_json_pickle_repr_and_names():
    for optimizer in (*SGDS, *ADAMS):
        assert Optimizer.from_spec(json.loads(json.dumps(optimizer.to_spec()))) == optimizer
        assert pickle.loads(pickle.dumps(optimizer)) == optimizer
        assert eval(repr(optimizer), vars(optimizers)) == optimizer
    assert optimizer_from("adam") == Adam()
    assert optimizer_from("adam", lr=0.1) == Adam(0.1)
    assert optimizer_from("sgd", lr=0.1) == optimizer_from(0.1) == SGD(0.1)
    assert optimizer_from(np.float64(0.1)) == SGD(0.1)
    assert schedule_from(None) == schedule_from("constant") == schedules.Constant()
    assert schedules.Constant().rate(0.1, 7) == 0.1
    with pytest.raises(ArgumentError, match=r"SGD\(0.1\): lr cannot be set"):
        SGD(0.1).lr = 0.2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD(0), ArgumentError, "SGD: lr is 0: it must be finite and above 0. Try 0.01."),
        (lambda: SGD(-1), ArgumentError, "SGD: lr is -1: "),
        (lambda: SGD(math.nan), ArgumentError, "SGD: lr is nan: "),
        (lambda: Adam(math.inf), ArgumentError, "Adam: lr is inf: "),
        (lambda: SGD("0.1"), DTypeError, "SGD: lr is '0.1': it must be a number. Write 0.1."),
        (lambda: SGD(None), DTypeError, "SGD: lr is None: it must be a number. Write 0.01."),
        (lambda: SGD(True), DTypeError, "SGD: lr is True: "),
        (lambda: SGD(np.array([0.1])), DTypeError, "SGD: lr is array([0.1]): "),
        (
            lambda: SGD(0.1, momentum=1.5),
            ArgumentError,
            "SGD: momentum is 1.5: it must be at least 0 and below 1. Try 0.9.",
        ),
        (lambda: SGD(0.1, momentum=1), ArgumentError, "SGD: momentum is 1: "),
        (lambda: SGD(0.1, momentum=math.nan), ArgumentError, "SGD: momentum is nan: "),
        (lambda: SGD(0.1, nesterov=True), ArgumentError, "SGD: nesterov looks ahead along the momentum, which is 0"),
        (lambda: SGD(0.1, nesterov=1), DTypeError, "SGD: nesterov is 1: it must be true or false."),
        (
            lambda: SGD(0.1, weight_decay=-1),
            ArgumentError,
            "SGD: weight_decay is -1: it must be finite and at least 0.",
        ),
        (lambda: Adam(betas=(0.9, 1.0)), ArgumentError, "Adam: betas[1] is 1.0: it must be at least 0 and below 1."),
        (lambda: Adam(betas=0.9), DTypeError, "Adam: betas is 0.9: it must be two numbers. Write (0.9, 0.999)."),
        (lambda: Adam(eps=0), ArgumentError, "Adam: eps is 0: it must be finite and above 0. Try 1e-08."),
        (lambda: optimizer_from("sgd"), ArgumentError, "optimizer 'sgd' needs lr. Write SGD(lr=...) in its place."),
        (lambda: optimizer_from("adma"), UnknownNameError, "optimizer 'adma' is unknown. Did you mean 'adam'?"),
        (lambda: optimizer_from(0), ArgumentError, "lr is 0: "),
        (lambda: optimizer_from(Adam), DTypeError, "optimizer is the class Adam: an object of it is needed."),
        (lambda: optimizer_from(True), DTypeError, "optimizer is True: it must be Optimizer or the name of one."),
        (lambda: schedule_from("cosin"), UnknownNameError, "schedule 'cosin' is unknown. "),
        (
            lambda: Optimizer.from_spec({"kind": "sgd", "lr": 0.1, "momentm": 0}, "optimizer"),
            UnknownNameError,
            "optimizer.momentm: sgd has no setting of that name. Did you mean 'momentum'?",
        ),
        (
            lambda: Optimizer.from_spec({"kind": "sgd", "lr": -2}, "optimizer"),
            ArgumentError,
            "optimizer: SGD: lr is -2",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) <= 300


class Heavy(Optimizer):
    """A user's own: momentum as a moving mean."""

    beta: float = 0.9

    def state(self):
        return ("m",)

    def rule(self, xp, w, g, s):  # noqa: ARG002
        m = s.beta * s.m + (1 - s.beta) * g
        return {"w": w - s.lr * m, "m": m}


def test_a_users_optimizer():
    optimizer = optimizer_from("heavy", lr=0.1, beta=0.5)
    assert optimizer.settings() == {"lr": 0.1, "beta": 0.5}
    w, state = run_numpy(optimizer, np.array([1.0]), np.array([2.0]), {}, 1)
    assert (w.tolist(), state["m"].tolist()) == ([0.9], [1.0])
    assert Optimizer.from_spec(optimizer.to_spec()) == optimizer
    with pytest.raises(ArgumentError, match="Heavy: lr is -1"):
        Heavy(-1)


def test_a_rule_that_forgets_its_state_is_told():
    class Forgetful(Heavy):
        def rule(self, xp, w, g, s):  # noqa: ARG002
            return {"w": w - s.lr * g}

    with pytest.raises(UnknownNameError, match=r"Forgetful: its rule returns w, where w, m are needed\."):
        run_numpy(Forgetful(0.1), np.ones(1), np.ones(1), {}, 1)

    class Bare(Heavy):
        def rule(self, xp, w, g, s):  # noqa: ARG002
            return w - s.lr * g

    with pytest.raises(UnknownNameError, match=r"Bare: its rule returns array\("):
        run_numpy(Bare(0.1), np.ones(1), np.ones(1), {}, 1)


class Fading(Schedule):
    """Half the learning rate every so many epochs."""

    every: int = 10

    def rate(self, lr, epoch):
        return lr * 0.5 ** (epoch // self.every)


def test_a_users_schedule():
    assert [Fading(2).rate(0.8, e) for e in range(5)] == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert Schedule.from_spec(Fading(2).to_spec()) == Fading(2)
    assert schedule_from("fading") == Fading(10)
