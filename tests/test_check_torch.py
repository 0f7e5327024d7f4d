"""The check beside PyTorch: what agrees, what does not, what has no twin, and what is said where PyTorch is absent."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest

import fuzz
import handgrad as hg
from cli_support import flowers, handgrad, one_line
from handgrad.bridge.compare import installed, torch_gradients
from handgrad.check import check_layer
from handgrad.errors import DTypeError, MissingDependencyError
from oracles import oracle

registry = hg.ops.registry
X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6], [-0.8, 0.9, 0.2], [0.5, 1.5, -1.0], [-1.4, 0.1, 0.8]])
Y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
LABELS = np.array([0, 1, 1, 0, 1])


@pytest.fixture
def torch():
    return oracle("torch")


@pytest.fixture
def hidden(monkeypatch):
    """PyTorch as if it were not installed."""
    monkeypatch.setitem(sys.modules, "torch", None)
    assert importlib.util.find_spec("torch") is None
    assert not installed()


@pytest.fixture
def warped():
    """An activation whose twin in PyTorch is something else."""

    @hg.op(traits={"activation": True}, torch="1.001 * torch.sin(x)")
    def warped(xp, x):
        """sin x."""
        return xp.sin(x)

    yield warped
    registry.remove("warped")


def network(spec="3-4:sigmoid-2:sigmoid", loss="mse", **settings):
    return hg.Network.parse(spec, loss=loss, seed=0, **settings)


# -- the gradients of the twin ----------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2030))
def test_random_networks_have_the_gradients_of_their_twins(torch, seed):
    t = fuzz.trial(seed)
    theirs, reason = torch_gradients(t.net, t.X, t.y)
    assert reason is None
    mine = t.net.gradients(t.X, t.y)
    assert theirs.keys() == mine.keys()
    bound = 1e-9 if t.net.dtype == "float64" else 1e-3  # the network's own gradients; the twin's are float64 always
    for name, g in mine.items():
        assert theirs[name].dtype == np.float64
        assert fuzz.error(np.float64(g), theirs[name]) <= bound, name


@pytest.mark.parametrize("reduction", ["mean", "sum", "batch_mean"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weighted_losses_and_penalties(torch, reduction, dtype):
    for loss, y in [
        (hg.CrossEntropy([0.3, 2.0], reduction=reduction), LABELS),
        (hg.BCEWithLogits(3.0, reduction=reduction), Y),
        (hg.Huber(0.3, reduction=reduction), Y),
    ]:
        net = network("3-4:relu-2", loss, dtype=dtype, l1=0.01, l2=0.02)
        report = net.check(X, y)
        assert report.ok, str(report)
        assert report.torch < 1e-14
        assert all(e.torch is not None for e in report.entries)


def test_shared_weights_and_those_that_play_no_part(torch):
    shared = hg.Dense(3, 3)
    net = hg.Network([shared, hg.Tanh(), hg.Residual([shared, hg.ReLU()]), hg.Dense(3, 2)], loss="mse", seed=1)
    report = net.check(X, Y)
    assert report.ok
    assert report.torch < 1e-14
    pictures = hg.Network([hg.Flatten(), hg.Dense(4, 2, bias=False)], loss="mse", seed=1)
    assert pictures.check(np.random.default_rng(0).normal(size=(5, 2, 2)), Y).torch < 1e-14


def test_pytorch_stays_as_it_was(torch):
    """Its random numbers are the user's, and so are its settings; ours hold inside them."""
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    with torch.no_grad():
        report = network().check(X, Y)
        assert not torch.is_grad_enabled()
    assert report.torch < 1e-14
    assert torch.equal(torch.random.get_rng_state(), before)


# -- the report -------------------------------------------------------------------------------------------------------
def test_the_report_says_how_well_pytorch_agrees(torch):
    report = network().check(X, Y)
    assert report.ok
    assert 0 <= report.torch < 1e-14
    text = report.text()
    assert "PyTorch agrees to " in text or "PyTorch gives the very same numbers." in text
    assert max(map(len, text.splitlines())) <= 80
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["torch"] == report.torch
    assert data["not_compared"] == ""
    assert [e["torch"] for e in data["entries"]] == [e.torch for e in report.entries]
    assert network().check(X, Y, sample=3).torch == report.torch  # all numbers, whatever the sample


def test_nobody_asks_when_told_not_to(torch, monkeypatch):
    monkeypatch.setattr("handgrad.check.twin.torch_gradients", lambda *_: pytest.fail("asked"))
    report = network().check(X, Y, torch=False)
    assert report.ok
    assert report.torch is None
    assert "PyTorch" not in report.text()


def test_another_opinion_is_a_mistake(torch, warped):
    report = network("3-4:warped-2").check(X, Y)
    assert not report.ok
    assert {e.kind for e in report.wrong} == {"unlike_torch"}
    worst = report.worst
    theirs = torch_gradients(network("3-4:warped-2"), X, Y)[0]
    assert worst.method == "torch"
    assert worst.numeric == theirs[worst.name][worst.index]
    assert 1e-5 < worst.torch < 1e-2
    text = report.text()
    assert "by PyTorch" in text
    assert "PyTorch gives another number" in text
    assert json.dumps(report.to_dict(), allow_nan=False)
    assert network("3-4:warped-2").check(X, Y, torch=False).ok


def test_a_mistake_that_has_a_name_keeps_it(torch, monkeypatch):
    monkeypatch.setitem(registry["sigmoid"].vjps, "x", lambda xp, g, out, x: -g * out * (1 - out))
    report = network("3-4:sigmoid-2").check(X, Y)
    assert report["dense1.weight"].kind == "sign"
    assert report["dense1.weight"].torch > 1
    assert report["dense2.weight"].ok
    assert report["dense2.weight"].torch < 1e-14
    assert "PyTorch differs by up to 2e+00: dense1.weight, dense1.bias, input." in " ".join(report.text().split())


def test_cancelled_gradients_are_no_disagreement(torch):
    """At a minimum all terms cancel: what is left is rounding, which two libraries do differently."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3)) + 50.0
    y = features @ rng.normal(size=(3, 1)) + rng.normal(size=(200, 1))
    net = hg.Network([hg.Dense(3, 1)], loss="mse", seed=0)
    design = np.hstack([features, np.ones((200, 1))])
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    net.set_parameters({"dense1.weight": best[:3], "dense1.bias": best[3]})
    theirs = torch_gradients(net, features, y)[0]
    mine = net.gradients(features, y)
    assert any(fuzz.error(mine[k], theirs[k]) > 1e-9 for k in mine), "nothing cancels, so nothing is tested"
    report = net.check(features, y)
    assert report.ok, str(report)
    assert report.torch <= 1e-9


# -- what has no twin -------------------------------------------------------------------------------------------------
class Halved(hg.Layer):
    """A user's layer."""

    kind = "check_torch_halved"

    def forward(self, x, p):  # noqa: ARG002
        return 0.5 * x


def test_layers_ops_and_losses_without_a_twin(torch):
    @hg.op(traits={"activation": True})
    def twinless(xp, x):
        """x cubed."""
        return x * x * x

    class Quartic(hg.Loss):
        """The mean fourth power of the error."""

        kind = "check_torch_quartic"

        def forward(self, p, y):
            return hg.ops.mean((p - y) ** 4)

    try:
        for net, reason in [
            (hg.Network([hg.Dense(3, 2), Halved()], loss="mse", seed=0), "the layer Halved() names no twin there"),
            (network("3-2:twinless"), "the op twinless names no twin there"),
            (network("3-2", Quartic()), "the loss Quartic() names no twin there"),
        ]:
            for ask in (None, True):
                report = net.check(X, Y, torch=ask)
                assert report.ok, str(report)
                assert (report.torch, str(report.not_compared)) == (None, reason)
                assert f"Not compared with PyTorch: {reason}." in report.text()
                assert report.to_dict()["not_compared"] == reason
    finally:
        registry.remove("twinless")
    assert check_layer(Halved(), X).not_compared == "the layer Halved() names no twin there"
    assert check_layer(hg.Dense(3, 2), X).torch < 1e-14


def test_a_twin_that_does_not_run_is_a_reason(torch):
    @hg.op(traits={"activation": True}, torch="torch.no_such_function(x)")
    def misspelt(xp, x):
        """sin x."""
        return xp.sin(x)

    try:
        report = network("3-2:misspelt").check(X, Y)
        assert report.ok
        assert "its twin there fails: module 'torch' has no attribute 'no_such_function'" in report.not_compared
    finally:
        registry.remove("misspelt")


# -- without PyTorch --------------------------------------------------------------------------------------------------
def test_without_pytorch_the_other_proofs_remain(hidden):
    report = network().check(X, Y)
    assert report.ok
    assert report.checked == 41
    assert report.torch is None
    assert "Not compared with PyTorch: it is not installed." in report.text()
    with pytest.raises(MissingDependencyError, match=r"PyTorch is needed.*handgrad\[torch\]"):
        network().check(X, Y, torch=True)
    with pytest.raises(MissingDependencyError, match="PyTorch is needed"):
        torch_gradients(network(), X, Y)


def test_the_wish_is_true_false_or_none():
    with pytest.raises(DTypeError, match="torch is 'yes'"):
        network().check(X, Y, torch="yes")


# -- the command ------------------------------------------------------------------------------------------------------
@pytest.fixture
def trained(capsys, tmp_path):
    data, saved = flowers(tmp_path / "flowers.csv"), tmp_path / "flowers.safetensors"
    assert handgrad(capsys, "train", data, "--target", "kind", "--epochs", 2, "--save", saved).code == 0
    return saved, data


def test_the_command_asks_pytorch_where_it_is(capsys, trained, torch):
    for wish in ([], ["--torch"]):
        ended = handgrad(capsys, "check", *trained, *wish)
        assert (ended.code, ended.err) == (0, "")
        assert "PyTorch agrees to " in ended.out
    ended = handgrad(capsys, "check", *trained, "--no-torch")
    assert (ended.code, ended.err) == (0, "")
    assert "PyTorch" not in ended.out


def test_the_command_insists_in_vain(capsys, trained, hidden):
    ended = handgrad(capsys, "check", *trained)
    assert (ended.code, ended.err) == (0, "")
    assert "Not compared with PyTorch" in ended.out
    ended = handgrad(capsys, "check", *trained, "--torch")
    assert ended.code in (1, 2)
    assert "PyTorch is needed" in one_line(ended.err)
    assert ended.out == ""
