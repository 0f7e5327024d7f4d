"""The look: colours that all eyes and a grey printer can tell apart, new figures, axes without clutter."""

from __future__ import annotations

from typing import Any

from handgrad.errors import missing

# Okabe & Ito (2008), "Color universal design": told apart with every common kind of colour vision.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000",
)  # fmt: skip
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# For areas side by side, neighbours differ in lightness too.
SHADES = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, BLACK)
# Colour never stands alone: each line also has a dash of its own, each class a marker of its own.
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "*")


def figure(columns: int, width: float = 5.2, height: float = 3.9) -> tuple[Any, list[Any]]:
    """A new figure with axes side by side. Raises MissingDependencyError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing("matplotlib", "plot") from None
    made = Figure(figsize=(width * columns, height), layout="constrained", facecolor="white")
    axes = list(made.subplots(1, columns, squeeze=False)[0])
    for a in axes:
        a.spines[["top", "right"]].set_visible(False)
    return made, axes


def line(i: int) -> dict[str, Any]:
    """Colour and dash of the i-th line."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.8}


def grid(axes: Any) -> None:
    """Thin lines behind the data."""
    axes.grid(True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def describe(figure: Any, text: str) -> Any:
    """Attach the text for people who do not see the picture; `save` writes it into the file. Gives the figure."""
    figure.set_label(text)
    return figure
