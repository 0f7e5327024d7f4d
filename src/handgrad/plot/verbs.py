"""Verbs: `history.plot(...)` and `net.plot.NAME(...)`, one line for each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handgrad.plot.boundary import boundaries
from handgrad.plot.curves import curves
from handgrad.plot.fit import fits
from handgrad.plot.fonts import words

if TYPE_CHECKING:
    from handgrad.nn.network import Network
    from handgrad.train.history import History


class HistoryPlots:
    """Pictures of one training: `history.plot()` draws the learning curves. Each gives a matplotlib Figure.

    >>> import numpy as np, handgrad as hg
    >>> net = hg.Network([hg.Dense(1, 1)], loss="mse", seed=0)
    >>> history = net.fit(np.ones((4, 1)), np.zeros(4), epochs=5)
    >>> [axes.get_title() for axes in history.plot(log=True).axes]
    ['Loss', 'R²']
    """

    def __init__(self, history: History) -> None:
        self.history = history

    def __call__(self, *, lang: str = "en", **settings: Any) -> Any:
        """The learning curves."""
        return self.curves(lang=lang, **settings)

    def curves(self, *, log: bool = False, smooth: float = 0.0, gradients: bool = False, title: str = "",
               lang: str = "en") -> Any:  # fmt: skip
        """Loss and metric over the epochs; see handgrad.plot.curves for the settings."""
        return curves(self.history, words(lang), log=log, smooth=smooth, gradients=gradients, title=title)

    def __repr__(self) -> str:
        return "<pictures of a training: curves>"


class NetworkPlots:
    """Pictures of one network. Each gives a matplotlib Figure; handgrad.plot.save writes it with its alternative text.

    >>> import numpy as np, handgrad as hg
    >>> net = hg.Network([hg.Dense(2, 1), hg.Sigmoid()], loss="bce", seed=0)
    >>> figure = NetworkPlots(net).boundary([[0, 0], [1, 1]], [0, 1])
    >>> figure.axes[0].get_xlabel()
    '$x_1$'
    """

    def __init__(self, net: Network) -> None:
        self.net = net

    def boundary(self, X: Any, y: Any, *, title: str = "", lang: str = "en") -> Any:
        """What the network answers over two inputs, X (N, 2), with the data. See handgrad.plot.boundaries."""
        return boundaries([(title, self.net)], X, y, words(lang))

    def fit(
        self, X: Any, y: Any, *, clean: Callable[[Any], Any] | None = None, title: str = "", lang: str = "en"
    ) -> Any:
        """The network's curve over one input, X (N, 1), against the data. See handgrad.plot.fits."""
        return fits([(title, self.net)], X, y, words(lang), clean=clean)

    def __repr__(self) -> str:
        return "<pictures of a network: boundary, fit>"
