"""Training beside training: callbacks that train and reset, copies, threads."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import handgrad as hg

X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0.0, 1, 1, 0])


def xor():
    return hg.Network.parse("2-4:tanh-1:sigmoid", "bce", seed=0)


def weights(net):
    return np.concatenate([w.ravel() for w in net.parameters.values()])


@pytest.mark.parametrize("optimizer", [hg.SGD(0.1, momentum=0.9), hg.Adam(0.1)])
def test_a_callback_may_train_and_reset(optimizer):
    def one_more(net, history, epoch):
        if epoch == 0:
            net.fit(X, Y, epochs=2, optimizer=optimizer, batch_size=3)

    net, straight = xor(), xor()
    history = net.fit(X, Y, epochs=3, optimizer=optimizer, batch_size=3, callbacks=[one_more])
    whole = straight.fit(X, Y, epochs=5, optimizer=optimizer, batch_size=3)
    assert (weights(net) == weights(straight)).all()
    assert history.loss == [whole.loss[0], *whole.loss[3:]]
    assert net.history is history
    assert net.training_state["epochs"] == 5
    assert net.training_state["t"] == straight.training_state["t"]

    def again(net, history, epoch):
        if epoch == 1:
            net.reset()

    again_and_again = xor().fit(X, Y, epochs=4, optimizer=optimizer, batch_size=3, callbacks=[again]).loss
    assert again_and_again == whole.loss[:2] * 2


def test_a_copy_has_weights_and_memory_of_its_own():
    net = xor()
    net.fit(X, Y, epochs=2, optimizer=hg.Adam(0.1))
    before, state = weights(net), net.training_state["state"]["m"].copy()
    one = copy.copy(net)
    one.fit(X, Y, epochs=2, optimizer=hg.Adam(0.1))
    assert (weights(net) == before).all()
    assert (net.training_state["state"]["m"] == state).all()
    net.fit(X, Y, epochs=2, optimizer=hg.Adam(0.1))
    assert (weights(net) == weights(one)).all()


def test_two_networks_in_two_threads_train_as_one_after_the_other():
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(60, 5)), rng.normal(size=(60, 1))

    def trained(seed):
        net = hg.Network.parse("5-16:relu-8:sigmoid-1", "mse", seed=seed)
        net.fit(rows, targets, epochs=20, batch_size=16, optimizer=hg.Adam(0.01))
        return net.forward(rows)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(trained, range(4)))
    assert all(np.array_equal(trained(seed), out) for seed, out in enumerate(together))
