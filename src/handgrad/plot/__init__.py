"""Plots: pictures of training and of networks, one file per picture.

A picture is a `matplotlib.figure.Figure` of its own: no pyplot, no current figure, no setting that outlives the call.
`history.plot()`, `net.plot.boundary(X, y)` and `net.plot.fit(X, y)` lead here.
"""

from handgrad.plot.boundary import boundaries
from handgrad.plot.compare import compare
from handgrad.plot.curves import curves
from handgrad.plot.files import save
from handgrad.plot.fit import fits
from handgrad.plot.fonts import Words, words
from handgrad.plot.verbs import HistoryPlots, NetworkPlots

__all__ = ["HistoryPlots", "NetworkPlots", "Words", "boundaries", "compare", "curves", "fits", "save", "words"]
