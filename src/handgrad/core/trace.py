"""The trace: the complete, ordered, named, immutable record of one forward and backward pass. Plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.core.sizes import show
from handgrad.errors import DataError, DTypeError, UnknownNameError, nearest

VERSION = 1


class Fixed(dict[str, Any]):
    """Settings that cannot be changed: a dict that refuses, and is copied, pickled and compared like any other."""

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        raise DTypeError("a trace is a record: its settings cannot be changed. Take dict(node.settings) for a copy.")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Fixed, (dict(self),)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a pass.

    `name` in code (a1), `label` for people (dense1.weight), `role` (input, label, parameter, constant, setting, value,
    local, backward: what only the backward pass needs), `op`, `args` (names), `settings`, `layer` say where it comes
    from; `value` and `gradient` are read-only arrays (gradient None where none flows); `contributions` are the parts
    that were added up to the gradient, none where it is one part; `code`, `formula`, `gradient_code`,
    `gradient_formula`, `contribution_code`, `contribution_formula` are the printed lines.
    """

    name: str
    label: str
    role: str
    value: Any
    gradient: Any = None
    op: str = ""
    args: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=Fixed)
    layer: str = ""
    contributions: tuple[Any, ...] = ()
    code: str = ""
    formula: str = ""
    gradient_code: str = ""
    gradient_formula: str = ""
    contribution_code: tuple[str, ...] = ()
    contribution_formula: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)


@dataclass(frozen=True, slots=True)
class Trace:
    """All values of one pass in the order in which they were computed; `trace["z1"]` is a node by name or label.

    `loss` is the name of the number at the end, "" where there is none. `backward` names the values in the order of
    the backward pass: each where its gradient is worked out, or, if only that pass needs it, where it is itself.

    >>> import handgrad as hg
    >>> x, y, z = (hg.tensor(v, name=n) for v, n in [(2.0, "x"), (3.0, "y"), (4.0, "z")])
    >>> t = hg.trace((x + y) * z)
    >>> [n.name for n in t], float(t["x"].gradient)
    (['x', 'y', 'z', 'h1', 'f'], 4.0)
    """

    nodes: tuple[Node, ...]
    loss: str
    dtype: str
    title: str = ""
    backward: tuple[str, ...] = ()
    _known: dict[str, Node] = field(init=False, repr=False, compare=False)  # by name and label

    def __post_init__(self) -> None:
        known: dict[str, Node] = {}
        for n in self.nodes:
            known.setdefault(n.name, n)
            known.setdefault(n.label, n)
        object.__setattr__(self, "_known", known)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Node:
        if name in self._known:
            return self._known[name]
        raise UnknownNameError(
            "this trace has no value {name!r}. {hint}", name=name, hint=nearest(name, [n.name for n in self.nodes])
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; every number is kept exactly."""
        return {"handgrad_trace": VERSION, "loss": self.loss, "dtype": self.dtype, "title": self.title,
                "backward": list(self.backward), "nodes": [_node_to_dict(n) for n in self.nodes]}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Any) -> Trace:
        """The trace that `to_dict` wrote; raises DataError for anything else."""
        if not isinstance(data, Mapping) or data.get("handgrad_trace") != VERSION:
            got = data.get("handgrad_trace") if isinstance(data, Mapping) else type(data).__name__
            raise DataError("this is not a handgrad trace of version {version}: got {got!r}.", version=VERSION, got=got)
        nodes = tuple(_node_from_dict(n) for n in data["nodes"])
        return cls(nodes, data["loss"], data["dtype"], data["title"], tuple(data["backward"]))

    def __str__(self) -> str:
        rows = [(n.name, show(n.shape), n.code or n.role) for n in self.nodes if n.role != "backward"]
        for n in map(self.__getitem__, self.backward):
            code = n.code if n.role == "backward" else n.gradient_code
            rows += [("", "", part) for part in n.contribution_code]
            rows.append((code.partition(" = ")[0], show(n.shape), code))
        return "\n".join(f"{name:>8} {shape:>10}  {code}" for name, shape, code in rows)

    def __repr__(self) -> str:
        end = f", {self.loss} = {self[self.loss].value.item():.6g}" if self.loss else ""
        return f"<Trace of {len(self.nodes)} values{end}>"


def frozen(array: Any) -> Any:
    """A read-only array of its own memory."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


def _array(a: Any) -> Any:
    if a is None:
        return None
    a = np.asarray(a)
    # repr of a float reads back to the same bits; JSON has no word for what is not finite
    flat = [x if not isinstance(x, float) or np.isfinite(x) else repr(x) for x in a.ravel().tolist()]
    return {"dtype": a.dtype.name, "shape": list(a.shape), "data": flat}


def _back(d: Any) -> Any:
    if d is None:
        return None
    numbers = [float(x) if isinstance(x, str) else x for x in d["data"]]
    return frozen(np.array(numbers, dtype=d["dtype"]).reshape(d["shape"]))


_TEXT = ("name", "label", "role", "op", "layer", "code", "formula", "gradient_code", "gradient_formula")
_TEXTS = ("args", "contribution_code", "contribution_formula")


def _node_to_dict(n: Node) -> dict[str, Any]:
    return {**{f: getattr(n, f) for f in _TEXT}, **{f: list(getattr(n, f)) for f in _TEXTS},
            "settings": dict(n.settings), "value": _array(n.value), "gradient": _array(n.gradient),
            "contributions": [_array(c) for c in n.contributions]}  # fmt: skip


def _node_from_dict(d: Mapping[str, Any]) -> Node:
    texts: dict[str, Any] = {**{f: d[f] for f in _TEXT}, **{f: tuple(d[f]) for f in _TEXTS}}
    return Node(**texts, settings=Fixed(d["settings"]), value=_back(d["value"]), gradient=_back(d["gradient"]),
                contributions=tuple(_back(c) for c in d["contributions"]))  # fmt: skip
