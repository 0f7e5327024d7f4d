"""Summary: a network's layers, the shapes they put out and their numbers of weights, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from handgrad.core.sizes import Size, show
from handgrad.core.symbols import Expr
from handgrad.errors import DTypeError, HandgradError, Phrase
from handgrad.i18n import N_, Translator, translator
from handgrad.i18n.columns import cells, fitted
from handgrad.nn.arguments import shown, whole
from handgrad.nn.layer import Layer
from handgrad.nn.network import Network
from handgrad.nn.parse import short_form
from handgrad.nn.record import N, _Pass
from handgrad.program.names import Name

COLUMNS = 80
HEAD = (N_("layer"), N_("what it is"), N_("output"), N_("weights"))
Shape = tuple[int | Size, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer at one place: its name, what it is, the shape of one row's output (None: not known before data come).

    `weights` are its own, without those of the layers inside it; 0 where it is used again (`shared`). `depth` says how
    many layers it stands in.
    """

    name: str
    what: str
    output: Shape | None
    weights: int
    depth: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a network is made of: `rows` for its layers in order, nested ones behind their parent, and totals.

    `str` is a plain table of at most 80 columns; a notebook shows a table.
    """

    rows: tuple[Row, ...]
    weights: int
    loss: str
    dtype: str
    form: str

    @property
    def layers(self) -> int:
        """How many layers there are, each counted once."""
        return sum(not row.shared for row in self.rows)

    def text(self, lang: str = "en") -> str:
        """The table, in English, zh-CN or zh-TW."""
        return "\n".join(_table(self, translator(lang)))

    __str__ = text

    def __repr__(self) -> str:
        return f"<Summary of {_layers(self)}, {_weights(self)}>"

    def html(self, lang: str = "en") -> str:
        """The table as a piece of HTML, in English, zh-CN or zh-TW."""
        t = translator(lang)

        def line(tag: str, texts: tuple[str, ...]) -> str:
            sides = ("left", "left", "left", "right")
            made = (f'<{tag} style="text-align:{side}">{escape(c)}</{tag}>' for side, c in zip(sides, texts))
            return f"<tr>{''.join(made)}</tr>"

        head, body = line("th", _head(t)), "".join(line("td", _cells(row, "\u2003", t)) for row in self.rows)
        foot = escape(_foot(self, t))
        return f"<table><caption>{foot}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"

    _repr_html_ = html


def summary(net: Network, sample: Shape | None = None) -> Summary:
    """The layers of `net` with their output shapes and numbers of weights.

    `sample` is the shape of one row of X. Left out, it is what the network saw last, or the inputs that a layer states;
    where neither says it, shapes are "?". Raises ShapeError when the layers do not fit a given sample.

    >>> import handgrad as hg
    >>> s = summary(hg.Network([hg.Dense(2, 3), hg.Tanh(), hg.Dense(3, 1), hg.Sigmoid()], loss="bce", seed=0))
    >>> print(s)
    layer     what it is   output  weights
    --------------------------------------
    dense1    Dense(2, 3)  (N, 3)        9
    tanh1     Tanh()       (N, 3)        0
    dense2    Dense(3, 1)  (N, 1)        4
    sigmoid1  Sigmoid()    (N, 1)        0
    --------------------------------------
    4 layers, 13 weights, loss bce, float64
    >>> s, s.rows[2].output
    (<Summary of 4 layers, 13 weights>, (1,))
    """
    if sample is None:
        seen = list(net._recorder._outputs)
        sample = seen[-1] if seen else None
    outputs: list[Shape | None]
    inner: dict[str, Shape] = {}
    if sample is not None:
        outputs = [*_run(net, 0, _sample(sample), inner)]
    else:
        outputs = _inferred(net, inner)
    rows = tuple(_rows(net, outputs, inner))
    loss = "" if net.loss is None else net.loss.kind
    return Summary(rows, net.slots.size, loss, net.dtype, short_form(net.layers) or "")


def _sample(sample: object) -> Shape:
    if not isinstance(sample, (tuple, list)):
        raise DTypeError("sample is {value}: it must be the shape of one row. Write (8, 8).", value=shown(sample))
    return tuple(whole(n, f"sample[{i}]", least=0) for i, n in enumerate(sample))


def _run(net: Network, first: int, sample: Shape, inner: dict[str, Shape]) -> list[Shape]:
    """The output shapes of the layers from `first` on; those of nested layers come into `inner` by name."""
    p = _Pass(net.slots, False)
    x: Expr = p.leaf(Name("X"), (N, *sample), "input", "input")
    outputs = []
    for layer in net.layers[first:]:
        x = p.apply(layer, x)
        outputs.append(tuple(x.shape[1:]))
    inner.update({name: tuple(node.shape[1:]) for node, name in p.layers.items()})
    return outputs


def _inferred(net: Network, inner: dict[str, Shape]) -> list[Shape | None]:
    """The output shapes as far as the first layer that states its inputs lets them be known."""
    unknown: list[Shape | None] = [None] * len(net.layers)
    inputs = [getattr(layer, "inputs", None) for layer in net.layers]
    stated = [(i, n) for i, n in enumerate(inputs) if isinstance(n, int)]
    if not stated:
        return unknown
    i, columns = stated[0]
    try:
        known = _run(net, i, (columns,), inner)
    except HandgradError:  # these layers want data of another form
        return unknown
    for j in range(i - 1, -1, -1):  # what comes out before it is what goes into it
        unknown[j] = (columns,)
        if net.layers[j].op is None:  # it may change the shape
            break
    return [*unknown[:i], *known]


def _rows(net: Network, outputs: list[Shape | None], inner: dict[str, Shape]) -> Iterator[Row]:
    sizes: dict[str, int] = {}
    for s in net.slots.slices:
        owner = s.name.rpartition(".")[0]
        sizes[owner] = sizes.get(owner, 0) + s.stop - s.start
    seen: set[str] = set()

    def rows(layer: Layer, output: Shape | None, depth: int) -> Iterator[Row]:
        name = net.slots.prefix[id(layer)]
        what = type(layer).__name__ if layer.children() else repr(layer)
        yield Row(name, what, output, 0 if name in seen else sizes.get(name, 0), depth, name in seen)
        seen.add(name)
        for child in layer.children():
            yield from rows(child, inner.get(net.slots.prefix[id(child)]), depth + 1)

    for layer, output in zip(net.layers, outputs, strict=True):
        yield from rows(layer, output, 0)


# -- text -------------------------------------------------------------------------------------------------------------
def _head(t: Translator) -> tuple[str, ...]:
    return tuple(t(column) for column in HEAD)


def _cells(row: Row, indent: str, t: Translator) -> tuple[str, ...]:
    shape = "?" if row.output is None else show((N, *row.output))
    return indent * row.depth + row.name, row.what, shape, t("shared") if row.shared else f"{row.weights:,}"


def _foot(s: Summary, t: Translator) -> str:
    loss = Phrase("loss {loss}", loss=s.loss) if s.loss else Phrase("no loss")
    return t("{layers}, {weights}, {loss}, {dtype}", layers=_layers(s), weights=_weights(s), loss=loss, dtype=s.dtype)


def _layers(s: Summary) -> Phrase:
    return Phrase("{n:,} layer" if s.layers == 1 else "{n:,} layers", n=s.layers)


def _weights(s: Summary) -> Phrase:
    return Phrase("{n:,} weight" if s.weights == 1 else "{n:,} weights", n=s.weights)


def _table(s: Summary, t: Translator) -> Iterator[str]:
    lines = [_head(t), *(_cells(row, "  ", t) for row in s.rows)]
    widths = [max(cells(line[i]) for line in lines) for i in range(4)]
    # too wide: descriptions give way first, then names, then shapes
    for i, least in ((1, 10), (0, 16), (2, 8)):
        excess = sum(widths) + 6 - COLUMNS
        if excess > 0:
            widths[i] = max(min(least, widths[i]), widths[i] - excess)
    rule = "-" * (sum(widths) + 6)
    for k, line in enumerate(lines):
        made = [fitted(text, width, right=i == 3) for i, (text, width) in enumerate(zip(line, widths))]
        yield "  ".join(made).rstrip()
        if k == 0:
            yield rule
    yield rule
    yield _foot(s, t)
