"""The loop: the printed script's own `make`, called batch after batch, with a history, a stop and a way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.errors import ArgumentError, DivergedError, DTypeError, HandgradError, Phrase
from handgrad.nn.arguments import boolean, number, shown, whole
from handgrad.nn.metrics import score
from handgrad.program.script import Training, make_source
from handgrad.train.history import History
from handgrad.train.optimizers import SGD, Optimizer, optimizer_from
from handgrad.train.plan import check_clipping, check_counts, training
from handgrad.train.progress import bar
from handgrad.train.schedules import Schedule, schedule_from

if TYPE_CHECKING:
    from handgrad.nn.network import Network

Callback = Callable[["Network", History, int], Any]
TOO_FAR = 1e6  # a loss this many times the first one is not coming back


def _made(plan: Training) -> tuple[Any, Any]:
    """The printed functions `make` and `make_update`, compiled."""
    space: dict[str, Any] = {}
    exec(compile(make_source(plan), "<handgrad step>", "exec"), space)  # noqa: S102 (our own printed text, never a user's)
    return space["make"], space["make_update"]


def _plan(net: Network, X: Any, y: Any, optimizer: Optimizer, clip_norm: Any, clip_value: Any, scheduled: bool) -> Any:
    """The training program of this network, optimizer and kind of data, and its functions: made once."""
    key = (X.shape[1:], y.dtype.kind, y.shape[1:], type(optimizer), repr(optimizer), clip_norm, clip_value, scheduled)
    plans = net._recorder.plans
    if key not in plans:
        plan = training(
            net, X, y, optimizer, clip_norm=clip_norm, clip_value=clip_value, scheduled=scheduled
        )  # fmt: skip
        plans[key] = plan, _made(plan)
    return plans[key]


class Session:
    """One training under way: weights, optimizer state, the compiled steps for each size of batch."""

    def __init__(
        self, net: Network, planned: tuple[Training, tuple[Any, Any]], optimizer: Optimizer, resume: bool
    ) -> None:
        self.net, self.optimizer = net, optimizer
        self.plan, (self.make, make_update) = planned
        self.w: Any = net._w
        self.g = np.empty_like(self.w)
        self.recipe: dict[str, Any] = {}  # the settings of fit, for the script that does the same again
        kept = net.training_state
        spec = optimizer.to_spec()
        if resume and kept.get("optimizer") == spec:
            self.state, self.t = kept["state"], kept["t"]
        else:
            self.state, self.t = {name: np.zeros_like(self.w) for name in optimizer.state()}, 0
        self.update = make_update(self.w, self.g, self.state)
        self.steps: dict[int, tuple[Any, Any, Any]] = {}

    def bound(self, X: Any, y: Any) -> tuple[Any, Any, Any]:
        """Buffers and step for batches as long as this one."""
        n = len(X)
        if n not in self.steps:
            Xb, yb = np.ascontiguousarray(X), np.ascontiguousarray(y)
            self.steps[n] = Xb, yb, self.make(self.w, self.g, self.update, Xb, yb)
        return self.steps[n]

    def rejoin(self) -> None:
        """What callbacks did to the optimizer's memory holds: their own `fit` went on with it, `reset` emptied it."""
        kept = self.net.training_state
        if not kept:
            self.t = 0
            for value in self.state.values():
                value[...] = 0
        elif kept["state"] is self.state:
            self.t = kept["t"]

    def keep(self, epochs: int | None = None) -> None:
        """Leave the optimizer's memory with the network, so that a second fit goes on."""
        done = self.net.training_state.get("epochs", 0) if epochs is None else epochs
        self.net.training_state = {"optimizer": self.optimizer.to_spec(), "state": self.state, "t": self.t,
                                   "epochs": done, "recipe": self.recipe}  # fmt: skip


def train_step(net: Network, X: Any, y: Any, optimizer: Any = 0.1, *, clip_norm: float | None = None,
               clip_value: float | None = None) -> float:  # fmt: skip
    """One update; gives the loss before it. `optimizer` may be a learning rate.

    Raises what `fit` raises for arguments and data that make no sense; a loss that is not finite is given back as is.
    """
    check_clipping(clip_norm, clip_value)
    chosen = optimizer_from(optimizer)
    X, y = net._pair(X, y)
    _some(X)
    session = _session(net, X, y, chosen, clip_norm, clip_value)
    Xb, yb, run = session.steps.get(len(X)) or session.bound(X.copy(), y.copy())
    np.copyto(Xb, X)
    np.copyto(yb, y)
    with np.errstate(all="ignore"):
        session.t += 1
        loss = float(run(session.t))
    session.keep()
    return loss


def _session(net: Network, X: Any, y: Any, optimizer: Optimizer, clip_norm: Any, clip_value: Any) -> Session:
    """The session of the step before, if it was for data and an optimizer like these and nothing came between."""
    key = (X.shape[1:], y.dtype, y.shape[1:], repr(optimizer), clip_norm, clip_value)
    known = net._recorder.session
    if known is not None and known[0] == key:
        session: Session = known[1]
        state = net.training_state
        if session.w is net._w and state.get("state") is session.state and state.get("t") == session.t:
            return session
    net._judge(X)
    plan = _plan(net, X, y, optimizer, clip_norm, clip_value, False)
    session = Session(net, plan, optimizer, resume=True)
    net._recorder.session = key, session
    return session


def _some(X: Any) -> None:
    if not len(X):
        raise ArgumentError("X has {n} rows: training needs at least one. Give X some rows.", n=0)


def fit(net: Network, X: Any, y: Any, *, epochs: int = 100, batch_size: int | None = None, optimizer: Any = None,
        validation: tuple[Any, Any] | None = None, clip_norm: float | None = None, clip_value: float | None = None,
        schedule: Schedule | None = None, callbacks: Sequence[Callback] = (), seed: int | None = None,
        progress: bool | None = None) -> History:  # fmt: skip
    """Train `net` on X (N, ...) and y for some epochs; gives the History.

    `batch_size=None` takes all rows at once; otherwise rows are shuffled by (seed, epoch). `optimizer` is an Optimizer,
    a name, or a learning rate (SGD(0.1) if left out). `validation=(X, y)` is measured along the way. `clip_norm` and
    `clip_value` bound the gradient. `callbacks` are called as `callback(net, history, epoch)` after each epoch; one
    that returns True ends training. A second call goes on where the first ended (with the same optimizer its momentum
    too); `net.reset()` starts again. Ctrl-C leaves weights and `net.history` as they are and is raised again.

    Raises DivergedError when the loss is not finite or above 1e6 times the first; the network keeps its last finite
    weights and the error carries `history`.
    """
    check_counts(epochs, batch_size)
    check_clipping(clip_norm, clip_value)
    seed = net.seed if seed is None else whole(seed, "seed", least=0)
    callbacks = _callbacks(callbacks)
    progress = progress if progress is None else boolean(progress, "progress")
    schedule = schedule_from(schedule) if schedule is not None else None
    chosen = optimizer_from(optimizer if optimizer is not None else SGD(0.1))
    X, y = net._pair(X, y)
    _some(X)
    net._judge(X)
    pair = _validation(net, validation)
    plan = _plan(net, X, y, chosen, clip_norm, clip_value, schedule is not None)
    session = Session(net, plan, chosen, resume=True)
    session.recipe = {"batch_size": None if batch_size is None else int(batch_size), "seed": seed,
                      "clip_norm": clip_norm, "clip_value": clip_value,
                      "schedule": schedule.to_spec() if schedule is not None else None}  # fmt: skip
    history = History(metric_name="accuracy" if net._loss().task != "values" else "r2")
    run = _Run(session, X, y, batch_size, seed, schedule, history, pair)
    started = time.perf_counter()
    net.history = history
    try:
        with bar(epochs, progress) as show, np.errstate(all="ignore"):
            for epoch in range(epochs):
                loss = run.epoch(epoch, last=epoch == epochs - 1, every=max(1, epochs // 200))
                show(epoch + 1, loss)
                if not callbacks:
                    continue
                session.keep(run.first + epoch + 1)  # what they save can go on from here
                ended = _called(callbacks, net, history, epoch)
                session.rejoin()
                run.first = net.training_state.get("epochs", 0) - epoch - 1
                if ended:
                    history.stopped = "a callback ended it"
                    break
            run.end()
    finally:
        _even(history, pair is not None)
        history.seconds = time.perf_counter() - started
        history.steps = run.updates
        net.history = history
        session.keep(run.first + run.done)
    return history


def _validation(net: Network, pair: Any) -> tuple[Any, Any] | None:
    if pair is None:
        return None
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise DTypeError(
            "validation is {value}: it must be two arrays. Write validation=(X_val, y_val).", value=shown(pair)
        )
    try:
        return net._pair(*pair)
    except HandgradError as error:
        raise type(error)("validation: {problem}", problem=Phrase(error.template, **error.values)) from None


def _callbacks(given: Any) -> Sequence[Callback]:
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)) or not all(callable(one) for one in given):
        raise DTypeError(
            "callbacks is {value}: it must be a list of functions of (net, history, epoch). Write callbacks=[show].",
            value=shown(given),
        )
    return given


def _called(callbacks: Sequence[Callback], net: Network, history: History, epoch: int) -> bool:
    """All callbacks, each of them, and whether one wants to end training."""
    ended = False
    for callback in callbacks:
        ended |= callback(net, history, epoch) is True
    return ended


def _even(h: History, validated: bool) -> None:
    """Cut what an interruption left half written: all sparse lists have the length of the shortest."""
    validation = [h.validation_loss, h.validation_metric] if validated else []
    norms = [v for store in (h.gradient_norm, h.update_size, h.weight_norm) for v in store.values()]
    lists: list[list[Any]] = [h.epochs, h.metric, h.lr, *validation, *norms]
    shortest = min(map(len, lists))
    for values in lists:
        del values[shortest:]


class _Run:
    """The epochs of one fit."""

    def __init__(self, session: Session, X: Any, y: Any, batch_size: int | None, seed: int, schedule: Schedule | None,
                 history: History, validation: Any) -> None:  # fmt: skip
        self.s, self.X, self.y, self.seed, self.schedule = session, X, y, seed, schedule
        self.n = len(X)
        self.size = self.n if batch_size is None else min(int(batch_size), self.n)
        self.whole = batch_size is None
        self.history, self.validation = history, validation
        self.first = int(session.net.training_state.get("epochs", 0))
        self.limit = np.inf
        self.updates = self.done = 0
        self.safe = session.w.copy()
        self.layers = _layers(session.net)
        self.lr = float(session.plan.settings["lr"])

    def epoch(self, epoch: int, last: bool, every: int) -> float:
        """One pass over the data; gives its mean loss."""
        s = self.s
        self._keep_safe()
        count = self.first + epoch
        args: tuple[float, ...] = ()
        if self.schedule is not None:
            rate: Any = self.schedule.rate(s.optimizer.lr, count)
            self.lr = number(rate, f"{type(self.schedule).__name__}: rate", least=0)
            args = (self.lr,)
        record = epoch % every == 0 or last
        if self.whole:
            run = s.bound(self.X, self.y)[2]
            loss = self._step(run, args, record)
        else:
            order = np.random.default_rng((self.seed, count)).permutation(self.n)
            total = 0.0
            for first in range(0, self.n, self.size):
                rows = order[first : first + self.size]
                Xb, yb, run = s.steps.get(len(rows)) or s.bound(self.X[rows], self.y[rows])
                np.take(self.X, rows, 0, Xb, "clip")
                np.take(self.y, rows, 0, yb, "clip")
                total += self._step(run, args, record and not first) * len(rows)
            loss = total / self.n
        self.history.loss.append(loss)
        self.done += 1
        if record:
            self._record(count)
        return loss

    def _keep_safe(self) -> None:
        """Remember finite weights; a saturated network can have a finite loss and infinite ones."""
        w = self.s.w
        if np.isfinite(np.dot(w, w)) or np.isfinite(w).all():
            np.copyto(self.safe, w)
        elif self.updates:
            self._diverged(self.history.loss[-1])

    def end(self) -> None:
        """What the last update left must be finite, too."""
        self._keep_safe()

    def _step(self, run: Any, args: tuple[float, ...], measure: bool) -> float:
        self.s.t += 1
        loss = float(run(self.s.t, *args))
        self.updates += 1
        if not loss <= self.limit:  # not finite, or much larger than at the start
            self._diverged(loss)
        elif self.limit == np.inf:
            if not np.isfinite(loss):
                self._diverged(loss)
            self.limit = TOO_FAR * max(abs(loss), 1e-3)
        if measure:  # the epoch's first step: `safe` still holds the weights before it
            self._measure()
        return loss

    def _measure(self) -> None:
        h, s = self.history, self.s
        for layer, slices in self.layers.items():
            change = np.sqrt(sum(float(((s.w[a:b] - self.safe[a:b]) ** 2).sum()) for a, b in slices))
            for store, value in ((h.gradient_norm, _norm(s.g, slices)), (h.update_size, float(change)),
                                 (h.weight_norm, _norm(self.safe, slices))):  # fmt: skip
                store.setdefault(layer, []).append(value)

    def _diverged(self, loss: float) -> None:
        s = self.s
        where = ""
        for layer, slices in self.layers.items():
            if not all(np.isfinite(s.g[a:b]).all() and np.isfinite(s.w[a:b]).all() for a, b in slices):
                where = layer
                break
        if not where:
            where = max(self.layers, key=lambda x: _norm(s.g, self.layers[x]), default="the loss")
        np.copyto(s.w, self.safe)
        for value in s.state.values():
            value[...] = 0
        s.t = 0
        error = DivergedError(
            "training diverged at step {step} in {layer}: the loss is {loss}. The last finite weights are kept. Try a "
            "learning rate below {lr}, or clip_norm=1.",
            step=self.updates, layer=where, loss=f"{loss:.4g}", lr=f"{self.lr:g}",
        )  # fmt: skip
        self.history.stopped = "diverged"
        error.history = self.history  # type: ignore[attr-defined]
        error.step, error.layer = self.updates, where  # type: ignore[attr-defined]
        raise error

    def _record(self, epoch: int) -> None:
        h, net = self.history, self.s.net
        h.epochs.append(epoch)
        h.lr.append(self.lr)
        loss = net._loss()
        h.metric.append(score(loss, net.forward(self.X), self.y))
        if self.validation is not None:
            Xv, yv = self.validation
            h.validation_loss.append(net.loss_value(Xv, yv))
            h.validation_metric.append(score(loss, net.forward(Xv), yv))


def _norm(vector: Any, slices: Sequence[tuple[int, int]]) -> float:
    return float(np.sqrt(sum(float(np.dot(vector[a:b], vector[a:b])) for a, b in slices)))


def _layers(net: Network) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for x in net.slots.slices:
        found.setdefault(x.name.rpartition(".")[0], []).append((x.start, x.stop))
    return found
