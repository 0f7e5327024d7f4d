"""Training: what is recorded, how it goes on, stops, is interrupted or diverges, and that it leaks nothing."""

from __future__ import annotations

import copy
import gc
import signal
import tracemalloc
from _thread import interrupt_main
from threading import Timer

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import DivergedError, DTypeError, HandgradError
from handgrad.train.history import History

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0.0, 1, 1, 0])
rng = np.random.default_rng(5)
ROWS, LABELS = rng.normal(size=(30, 3)), rng.integers(0, 3, 30)


def xor(seed=0, **settings):
    return hg.Network.parse("2-4:tanh-1:sigmoid", "bce", seed=seed, **settings)


def weights(net):
    return np.concatenate([w.ravel() for w in net.parameters.values()])


# -- one update and many ----------------------------------------------------------------------------------------------
def test_one_step_is_the_gradient_times_the_rate():
    net = xor()
    before, g, loss = net.parameters, net.gradients(X, Y), net.loss_value(X, Y)
    assert net.train_step(X, Y, 0.5) == loss
    for name, w in net.parameters.items():
        assert np.allclose(w, before[name] - 0.5 * g[name], rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("optimizer", [hg.SGD(0.1), hg.SGD(0.1, momentum=0.9, nesterov=True), hg.Adam(0.01)], ids=repr)
def test_steps_one_by_one_are_a_fit(optimizer):
    one, other = xor(), xor()
    losses = [one.train_step(X, Y, optimizer, clip_norm=0.5) for _ in range(12)]
    history = other.fit(X, Y, epochs=12, optimizer=optimizer, clip_norm=0.5)
    assert losses == history.loss
    assert weights(one).tobytes() == weights(other).tobytes()


def test_steps_between_other_things():
    """A step after reset, after new weights, with another optimizer, dtype or length of data is not the old one's."""
    net, plain = xor(), xor()
    net.train_step(X, Y, hg.Adam(0.01))
    net.reset()
    assert net.train_step(X, Y, hg.Adam(0.01)) == plain.train_step(X, Y, hg.Adam(0.01))
    for data, optimizer in [((X, Y), hg.Adam(0.02)), ((X[:3], Y[:3]), hg.Adam(0.02)), ((X, Y), hg.SGD(0.1))]:
        expected = net.loss_value(*data)
        assert net.train_step(*data, optimizer) == expected
    again = copy.deepcopy(net)
    assert again.train_step(X, Y, hg.SGD(0.1)) == net.train_step(X, Y, hg.SGD(0.1))
    assert weights(again).tobytes() == weights(net).tobytes()
    mine = X.copy()
    net.train_step(mine, Y, 0.1)
    net.train_step(X[::-1], Y[::-1], 0.1)
    assert np.array_equal(mine, X)


def test_layers_are_told_when_they_train():
    class Doubled(hg.Layer):
        """Twice as much while training."""

        def forward(self, x, p):
            return 2.0 * x if p.training else x

    net = hg.Network([hg.Dense(2, 1), Doubled()], "mse", seed=1)
    plain = hg.Network([hg.Dense(2, 1)], "mse", seed=1)
    out, y = plain.forward(X), Y.reshape(4, 1)
    assert np.array_equal(net.forward(X), out)
    assert net.loss_value(X, Y) == plain.loss_value(X, Y)
    assert np.array_equal(net.gradients(X, Y)["input"], plain.gradients(X, Y)["input"])
    training = np.mean((2 * out - y) ** 2)
    assert net.train_step(X, Y, 1e-300) == pytest.approx(training, rel=1e-14)
    assert net.fit(X, Y, epochs=1, optimizer=hg.SGD(1e-300)).loss == pytest.approx([training], rel=1e-14)


def test_clipping_shortens_the_gradient_as_torch_does():
    net = xor()
    g = net.gradients(X, Y)
    flat = np.concatenate([g[name].ravel() for name in net.parameters])
    before = weights(net)
    net.train_step(X, Y, 1.0, clip_norm=0.01)
    step = before - weights(net)
    assert np.allclose(step, flat * 0.01 / (np.linalg.norm(flat) + 1e-6), rtol=1e-12)
    net.reset()
    net.train_step(X, Y, 1.0, clip_value=0.003)
    assert np.allclose(before - weights(net), np.clip(flat, -0.003, 0.003), rtol=1e-12)


def test_xor_is_learnt():
    net = hg.Network.parse("2-8:tanh-1:sigmoid", "bce", seed=0)
    history = net.fit(X, Y, epochs=50, optimizer=hg.Adam(0.1))
    assert net.score(X, Y) == 1.0
    assert history.loss[-1] < history.loss[0]


# -- what is recorded -------------------------------------------------------------------------------------------------
def test_a_history_of_few_epochs():
    net = hg.Network.parse("3-5:relu-3", "cross_entropy", seed=1)
    first = net.loss_value(ROWS, LABELS)
    history = net.fit(ROWS, LABELS, epochs=9, optimizer=hg.SGD(0.05), validation=(ROWS[:10], LABELS[:10]))
    assert history is net.history
    assert len(history) == len(history.loss) == 9
    assert history.epochs == list(range(9))
    assert history.loss[0] == first
    assert (history.metric_name, history.steps, history.engine, history.stopped) == ("accuracy", 9, "numpy", "")
    assert history.seconds > 0
    assert history.lr == [0.05] * 9
    assert history.metric[-1] == net.score(ROWS, LABELS)
    assert history.validation_loss[-1] == net.loss_value(ROWS[:10], LABELS[:10])
    assert history.validation_metric[-1] == net.score(ROWS[:10], LABELS[:10])
    for store in (history.gradient_norm, history.update_size, history.weight_norm):
        assert list(store) == ["dense1", "dense2"]
        assert all(len(v) == 9 for v in store.values())
    for layer in ("dense1", "dense2"):  # plain descent: the update is the gradient times the rate
        assert np.allclose(history.update_size[layer], 0.05 * np.array(history.gradient_norm[layer]), rtol=1e-6)


def test_a_history_of_many_epochs_stays_small_and_has_both_ends():
    history = xor().fit(X, Y, epochs=5001)
    assert len(history.loss) == 5001
    assert len(history.epochs) <= 210
    assert (history.epochs[0], history.epochs[-1]) == (0, 5000)
    assert len(history.metric) == len(history.epochs) == len(history.gradient_norm["dense1"])
    assert History.from_dict(history.to_dict()).to_dict() == history.to_dict()


def test_losses_of_batches_are_their_mean():
    net = hg.Network.parse("3-3", "cross_entropy", seed=1)
    # a learning rate so small that no weight moves by a digit that counts
    history = net.fit(ROWS, LABELS, epochs=1, batch_size=7, optimizer=hg.SGD(1e-300))
    assert history.loss[0] == pytest.approx(net.loss_value(ROWS, LABELS), rel=1e-14)
    assert history.steps == 5


# -- going on and starting again --------------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", [hg.SGD(0.1), hg.SGD(0.1, momentum=0.9), hg.Adam(0.01)], ids=repr)
@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_second_fit_goes_on(optimizer, batch_size):
    whole, parts = (hg.Network.parse("3-5:tanh-3", "cross_entropy", seed=1) for _ in range(2))
    settings = {"batch_size": batch_size, "optimizer": optimizer}
    long = whole.fit(ROWS, LABELS, epochs=10, **settings)
    losses = [loss for k in (4, 6) for loss in parts.fit(ROWS, LABELS, epochs=k, **settings).loss]
    assert losses == long.loss
    assert weights(parts).tobytes() == weights(whole).tobytes()
    assert parts.history.epochs == [4, 5, 6, 7, 8, 9]


def test_reset_starts_again():
    net = xor(seed=3)
    first = net.fit(X, Y, epochs=5, optimizer=hg.Adam(0.1)).loss
    assert net.reset().history is None
    assert net.fit(X, Y, epochs=5, optimizer=hg.Adam(0.1)).loss == first
    assert net.reset(seed=4).fit(X, Y, epochs=5, optimizer=hg.Adam(0.1)).loss != first
    assert net.seed == 4


def test_another_optimizer_begins_without_memory():
    net, other = xor(), xor()
    net.fit(X, Y, epochs=3, optimizer=hg.Adam(0.1))
    other.set_parameters(net.parameters)
    assert (
        net.fit(X, Y, epochs=3, optimizer=hg.Adam(0.05)).loss == other.fit(X, Y, epochs=3, optimizer=hg.Adam(0.05)).loss
    )


def test_batches_follow_their_seed():
    def losses(**settings):
        return (
            hg.Network.parse("3-3", "cross_entropy", seed=1).fit(ROWS, LABELS, epochs=3, batch_size=4, **settings).loss
        )

    assert losses() == losses(seed=1)
    assert losses() != losses(seed=2)


def test_no_epochs_change_nothing():
    net = xor()
    before = weights(net)
    assert repr(net.fit(X, Y, epochs=0)) == "<History: nothing trained yet>"
    assert (weights(net) == before).all()


# -- callbacks, schedules ---------------------------------------------------------------------------------------------
def test_callbacks_see_each_epoch_and_may_end_it():
    seen = []

    def watch(net, history, epoch):
        seen.append((epoch, history.loss[-1], net.predict(X).shape))

    def enough(net, history, epoch):
        return epoch == 3

    net = xor()
    history = net.fit(X, Y, epochs=100, callbacks=[enough, watch])
    assert [s[0] for s in seen] == [0, 1, 2, 3]
    assert [s[1] for s in seen] == history.loss
    assert history.stopped == "a callback ended it"
    assert net.training_state["epochs"] == 4


def test_schedules_set_the_rate_of_each_epoch():
    class Half(hg.Schedule):
        """Half as much every epoch."""

        def rate(self, lr, epoch):
            return lr * 0.5**epoch

    net, other = xor(), xor()
    history = net.fit(X, Y, epochs=3, optimizer=hg.SGD(0.4), schedule=Half())
    for rate in (0.4, 0.2, 0.1):
        other.train_step(X, Y, rate)
    assert history.lr == [0.4, 0.2, 0.1]
    assert weights(net).tobytes() == weights(other).tobytes()
    assert xor().fit(X, Y, epochs=3, schedule="constant").loss == xor().fit(X, Y, epochs=3).loss


# -- stops ------------------------------------------------------------------------------------------------------------
def even(history):
    lists = [history.epochs, history.metric, history.lr]
    lists += [v for s in (history.gradient_norm, history.update_size, history.weight_norm) for v in s.values()]
    return len({len(v) for v in lists}) == 1


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("optimizer", [hg.SGD(50.0), hg.SGD(20.0, momentum=0.9)], ids=repr)
def test_divergence_names_layer_and_step_and_keeps_finite_weights(optimizer, batch_size):
    net = hg.Network.parse("2-4:relu-1", "mse", seed=1)
    with pytest.raises(DivergedError) as caught:
        net.fit(1 + X, Y, epochs=1000, optimizer=optimizer, batch_size=batch_size)
    error = caught.value
    assert error.layer in ("dense1", "dense2")
    assert f"at step {error.step} in {error.layer}" in str(error)
    assert f"{optimizer.lr:g}" in str(error)
    assert len(str(error)) <= 300
    assert np.isfinite(weights(net)).all()
    assert error.history is net.history
    assert net.history.stopped == "diverged"
    assert np.isfinite(net.history.loss).all()
    assert even(net.history)
    again = net.fit(1 + X, Y, epochs=3, optimizer=hg.SGD(1e-9))  # and it can go on, more carefully
    assert np.isfinite(again.loss).all()


def test_the_layer_is_the_first_whose_numbers_left():
    net = hg.Network([hg.Dense(1, 1), hg.Dense(1, 1), hg.Dense(1, 1)], "mse")
    net.set_parameters({f"dense{k}.{p}": [[1e150]] if p == "weight" else [0.0] for k in (1, 2, 3)
                        for p in ("weight", "bias")})  # fmt: skip
    with pytest.raises(DivergedError, match="at step 1 in dense1: the loss is inf"):
        net.fit([[1.0]], [1.0], epochs=3)
    assert (weights(net) == [1e150, 0] * 3).all()


def test_infinite_weights_behind_a_finite_loss_are_divergence_too():
    """A saturated sigmoid hides them: the loss is finite, and so is each gradient."""
    net = hg.Network.parse("1-1:sigmoid", "mse", seed=0)
    net.set_parameters({"dense1.weight": [[1.0]], "dense1.bias": [0.0]})
    with pytest.raises(DivergedError):
        net.fit([[1.7e308]], [1.0], epochs=5, optimizer=hg.SGD(0.5, momentum=0.9, weight_decay=1e305))
    assert np.isfinite(weights(net)).all()


@pytest.mark.parametrize("after", [0.001, 0.004, 0.013, 0.05, 0.11, 0.2])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_ctrl_c_at_random_moments(after, batch_size):
    before = signal.getsignal(signal.SIGINT)
    net = hg.Network.parse("3-16:tanh-16:tanh-3", "cross_entropy", seed=1)
    timer = Timer(after, interrupt_main)

    def begin(net, history, epoch):
        if epoch == 0:
            timer.start()

    try:
        with pytest.raises(KeyboardInterrupt):
            net.fit(ROWS, LABELS, epochs=10_000_000, batch_size=batch_size, optimizer=hg.Adam(0.001),
                    validation=(ROWS, LABELS), callbacks=[begin])  # fmt: skip
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    history = net.history
    assert np.isfinite(weights(net)).all()
    assert np.isfinite(history.loss).all()
    assert even(history)
    assert len(history.validation_loss) == len(history.epochs)
    assert history.seconds > 0
    done = net.training_state["epochs"]
    assert done == len(history.loss)
    assert np.isfinite(net.fit(ROWS, LABELS, epochs=2, batch_size=batch_size, optimizer=hg.Adam(0.001)).loss).all()
    assert net.training_state["epochs"] == done + 2


def test_a_failing_callback_leaves_the_network_usable():
    def broken(net, history, epoch):
        raise RuntimeError("mine")

    net = xor()
    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, Y, epochs=5, callbacks=[broken])
    assert len(net.history.loss) == 1
    assert net.training_state["epochs"] == 1
    net.fit(X, Y, epochs=2)


def test_a_rule_that_forgets_its_state_says_so():
    class Forgets(hg.Optimizer):
        def state(self):
            return ("m",)

        def rule(self, xp, w, g, s):  # noqa: ARG002 (one signature for all rules)
            return {"w": w - s.lr * g}

    class Clashes(hg.Optimizer):
        dot: float = 1.0

        def rule(self, xp, w, g, s):  # noqa: ARG002
            return {"w": w - s.lr * s.dot * g}

    with pytest.raises(HandgradError, match="Forgets: its rule returns w, where w, m are needed"):
        xor().fit(X, Y, optimizer=Forgets(0.1))
    with pytest.raises(HandgradError, match="Clashes: its setting or state 'dot'"):
        xor().fit(X, Y, optimizer=Clashes(0.1))


def test_validation_must_be_a_pair():
    with pytest.raises(DTypeError, match="validation is"):
        xor().fit(X, Y, validation=X)


# -- memory -----------------------------------------------------------------------------------------------------------
def grown(run, count, before=0):
    """Bytes more after `run(count)` than after a first `run(before)`, a twentieth of the count where not given."""
    tracemalloc.start()
    try:
        run(before or count // 20)  # what is made once (programs, compiled code) is not growth
        gc.collect()  # networks refer to themselves: they go when the collector comes
        first = tracemalloc.get_traced_memory()[0]
        run(count)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - first
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_over_10_000_steps():
    net = hg.Network.parse("3-8:tanh-3", "cross_entropy", seed=1)

    def fits(epochs):  # 5 batches each
        net.fit(ROWS, LABELS, epochs=epochs, batch_size=6, validation=(ROWS, LABELS))

    def steps(count):
        for _ in range(count):
            net.train_step(ROWS, LABELS, 0.1)

    def answers(count):
        for _ in range(count):
            net.gradients(ROWS, LABELS), net.forward(ROWS), net.loss_value(ROWS, LABELS)
        for _ in range(count // 20):
            net.trace(ROWS, LABELS), net.source()

    assert grown(fits, 2000) < 2e6
    assert grown(steps, 2000) < 1e5
    assert grown(answers, 400) < 1e6


@pytest.mark.slow
def test_many_networks_are_forgotten():
    def many(count):
        for seed in range(count):
            net = hg.Network([hg.Dense(2, 40), hg.ReLU(), hg.Dense(40, 1)], "mse", seed=seed)
            net.fit(X, Y, epochs=1)
            net.gradients(X, Y)

    # the first 70 fill what keeps the last 32 and 64; what they kept is counted, so that what replaces it is not growth
    assert grown(many, 40, before=70) < 5e5
