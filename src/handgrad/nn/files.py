"""Files: a network with its weights, its preparation and its training state in one safetensors file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad._version import __version__
from handgrad.core.sizes import show
from handgrad.errors import ArgumentError, FileError, HandgradError, Phrase, UnknownNameError, clipped, enumerated
from handgrad.nn import atomic
from handgrad.nn.arguments import number, shown, whole
from handgrad.nn.container import Contents, check_size, opened, parse
from handgrad.nn.layer import Layer
from handgrad.nn.network import Network
from handgrad.nn.plain import find
from handgrad.nn.slots import Slots
from handgrad.nn.spec import check_plain, parts, to_spec

KEY = "handgrad"  # one text of the metadata holds all that is no number: several would come in any order
FORMAT = 1
MOST_OBJECTS = 600  # layers, initialisers and loss: so many are made and named well within 50 ms
STATE = "training/"  # "training/m/dense1.weight": no layer's name holds a slash
Path = str | os.PathLike[str]


def save(net: Network, path: Path) -> None:
    """Write `net` to one safetensors file: a tensor for each parameter, by its name and in the network's dtype.

    The optimizer's memory is kept too, so that training goes on after `load` bit by bit as if nothing had happened; and
    the preparation of the network's table, when it has one. The same network gives the same bytes. The file is replaced
    in one step: readers, a crash and `kill -9` find the old one or the new one.

    Raises FileError for a folder or a place that cannot be written to, ArgumentError for weights that are not finite,
    DTypeError for fields of a user's layer that a file has no form for. Nothing is changed then.

    >>> import tempfile, pathlib, handgrad as hg
    >>> net = hg.Network.parse("2-3:tanh-1", loss="mse", seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, pathlib.Path(folder) / "net.safetensors")
    ...     load(pathlib.Path(folder) / "net.safetensors")
    <Network 2-3:tanh-1, 13 weights, loss mse>
    """
    from safetensors.numpy import save as to_bytes

    atomic.as_path(path)  # a wrong argument is said before anything is worked out
    document: dict[str, Any] = {"format": FORMAT, "version": __version__, "network": to_spec(net)}
    _few(document["network"])
    tensors = {s.name: np.ascontiguousarray(part) for s, part in net.slots.views(net._w)}
    for name, array in tensors.items():
        if name.startswith(STATE):
            raise ArgumentError("{name}: names of layers in a file hold no slash. Rename the layer.", name=shown(name))
        _finite(name, array)
    if net.preparation is not None:
        document["preparation"] = net.preparation.to_dict()
    if net.training_state:
        kept = net.training_state
        document["training"] = {
            "optimizer": kept["optimizer"],
            "state": list(kept["state"]),
            "t": int(kept["t"]),
            "epochs": int(kept["epochs"]),
            "recipe": dict(kept.get("recipe", {})),
        }
        for state, vector in kept["state"].items():
            tensors.update({_state(state, s.name): np.ascontiguousarray(v) for s, v in net.slots.views(vector)})
    check_plain(document)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = to_bytes(tensors, {KEY: text})
    check_size(data[8 : 8 + int.from_bytes(data[:8], "little")])  # what is saved can be loaded
    atomic.write(path, data)


def load(path: Path) -> Network:
    """The network in a file that `save` wrote, with its weights, preparation and training state.

    The file is not trusted: everything in it is checked before it is used, only numbers and texts are read, and the
    work is bounded by its true size. A user's own layers, losses and optimizers must be defined before.

    Raises FileError with the reason for anything that is not such a file.
    """
    found = atomic.as_path(path)
    try:
        with opened(found) as contents:
            return _network(contents)
    except HandgradError as error:
        raise _about(path, error) from None


def load_parameters(net: Network, path: Path) -> Network:
    """Give `net` the weights in a safetensors file, by name; their dtype becomes the network's.

    The file may come from another program. Raises FileError, which tells all differences at once (`error.differences`
    lists them in full), and leaves `net` as it was.
    """
    found = atomic.as_path(path)
    try:
        with opened(found) as contents:
            names = [name for name in contents.entries if not name.startswith(STATE)]
            _same(net.slots, (), None, contents, names)
            w = _vector(net.slots, net.slots.names, contents, net.dtype)
    except HandgradError as error:
        raise _about(path, error) from None
    net._w[...] = w  # the last thing, and the only one that changes the network
    return net


def _about(path: Path, error: HandgradError) -> FileError:
    """The error that a person meets: with the name of the file, and what else the error carries."""
    problem: str = Phrase(error.template, **error.values)
    unknown = isinstance(error, UnknownNameError) and "there is no" in error.template
    most = 160 if unknown else 230
    if len(problem) > most:  # it lists all kinds there are, and a message is one line of 300
        problem = problem[: most - 1] + "…"
    if unknown:
        about = FileError(
            "{path}: {problem} A class of your own must be defined before its file is loaded.",
            path=atomic.place(path), problem=problem,
        )  # fmt: skip
    else:
        about = FileError("{path}: {problem}", path=atomic.place(path), problem=problem)
    about.__dict__.update(differences=error.__dict__.get("differences", ()))
    return about


def _network(contents: Contents) -> Network:
    document = _document(contents)
    layers, settings = parts(document["network"])
    training = _training(document.get("training"))
    states = training["state"] if training else []
    _affordable(layers, contents)
    slots = Slots(layers)
    _same(slots, states, settings["dtype"], contents, contents.entries)
    preparation = None
    if "preparation" in document:
        from handgrad.data.prepare import Preparation

        preparation = Preparation.from_dict(document["preparation"])
    w = _vector(slots, slots.names, contents, settings["dtype"])
    vectors = {
        state: _vector(slots, [_state(state, n) for n in slots.names], contents, settings["dtype"], finite=False)
        for state in states
    }
    net = Network(layers, **settings)
    net._w[...] = w
    net.preparation = preparation
    if training:
        net.training_state = {**training, "state": vectors}
    return net


def _document(contents: Contents) -> dict[str, Any]:
    """The text that describes the network, as far as it is the same for all networks."""
    if KEY not in contents.metadata:
        raise FileError(
            "it holds {n} tensors and no description of a network. Build the network and use net.load_parameters.",
            n=len(contents.entries),
        )
    # JSON may hold half of a surrogate pair, which has no bytes
    document = parse(contents.metadata[KEY].encode("utf-8", "surrogatepass"), Phrase("description"))
    if not isinstance(document, dict):
        raise FileError("its description is {value}: it must be an object. Save it again.", value=shown(document))
    if document.get("format") != FORMAT:
        raise FileError(
            "it is of format {got}, written by handgrad {version}; this is handgrad {own}, which reads format "
            "{format}. Use a matching handgrad.",
            got=shown(document.get("format"), 20), version=shown(document.get("version"), 20),
            own=__version__, format=FORMAT,
        )  # fmt: skip
    known = {"format", "version", "network", "preparation", "training"}
    for key in document:
        if key not in known:
            raise FileError("its description has an unknown key {key}. Save it again.", key=shown(key))
    if "network" not in document:
        raise FileError("its description has no network. Save it again.")
    _few(document["network"])
    check_plain({key: value for key, value in document.items() if key != "network"})
    return document


def _few(network: Any) -> None:
    objects = check_plain(network)
    if objects > MOST_OBJECTS:
        raise FileError(
            "the network has {n} layers and initialisers, and a file holds at most {most}. Use fewer layers.",
            n=objects, most=MOST_OBJECTS,
        )  # fmt: skip


def _training(data: Any) -> dict[str, Any]:
    """The training state without its vectors, checked; {} for a network that was not trained."""
    if data is None:
        return {}
    if not isinstance(data, Mapping) or set(data) - {"recipe"} != {"optimizer", "state", "t", "epochs"}:
        raise FileError(
            "training is {value}: it needs optimizer, state, t and epochs. Save it again.", value=shown(data)
        )
    optimizer, states = data["optimizer"], data["state"]
    _kind(optimizer, "training.optimizer")
    if not isinstance(states, list) or not all(isinstance(s, str) and s.isidentifier() for s in states):
        raise FileError("training.state is {value}: it must be a list of names. Save it again.", value=shown(states))
    cls = find("optimizer", optimizer["kind"])
    # an unknown optimizer of a user's does not keep anybody from predicting
    rule: Any = cls.from_spec(optimizer, "training.optimizer") if cls is not None else None
    if len(set(states)) < len(states) or (rule is not None and sorted(rule.state()) != sorted(states)):
        raise FileError(
            "training.state is {value}: {kind} keeps {expected}. Save it again.",
            value=shown(states), kind=shown(optimizer["kind"]), expected=shown(list(rule.state()) if rule else []),
        )  # fmt: skip
    return {
        "optimizer": dict(optimizer),
        "state": states,
        "t": whole(data["t"], "training.t", least=0),
        "epochs": whole(data["epochs"], "training.epochs", least=0),
        "recipe": _recipe(data.get("recipe", {})),
    }


def _kind(data: Any, where: str) -> None:
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise FileError(
            "{where} is {value}: it must be an object with a kind. Save it again.", where=where, value=shown(data)
        )


RECIPE: dict[str, Callable[[Any, str], Any]] = {
    "batch_size": lambda v, what: whole(v, what, least=1),
    "seed": lambda v, what: whole(v, what, least=0),
    "clip_norm": lambda v, what: number(v, what, above=0),
    "clip_value": lambda v, what: number(v, what, above=0),
    "schedule": _kind,
}


def _recipe(data: Any) -> dict[str, Any]:
    """The settings of fit that belong to a training; {} where it was made of single steps."""
    if not isinstance(data, Mapping) or (data and set(data) != set(RECIPE)):
        raise FileError(
            "training.recipe is {value}: it needs {names}. Save it again.", value=shown(data), names=", ".join(RECIPE)
        )
    for name, check in RECIPE.items():
        if data and data[name] is not None:
            check(data[name], f"training.recipe.{name}")
    return dict(data)


def _affordable(layers: Iterable[Layer], contents: Contents) -> None:
    """No parameter may be larger than the whole file: a few letters can ask for terabytes."""
    room = sum(math.prod(e.shape) for e in contents.entries.values())
    pending, seen = list(layers), set[int]()
    while pending:
        layer = pending.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        pending += layer.children()
        for local, parameter in layer.parameters().items():
            shape = [whole(n, f"{layer.kind}.{local}: shape[{i}]", least=0) for i, n in enumerate(parameter.shape)]
            if math.prod(shape) > room:
                raise FileError(
                    "{kind}.{local} would be {shape}, and the file holds {room} numbers in all. Copy or save it again.",
                    kind=layer.kind, local=local, shape=show(tuple(shape))[:60], room=room,
                )  # fmt: skip


def _state(state: str, name: str) -> str:
    return f"{STATE}{state}/{name}"


def _same(slots: Slots, states: Iterable[str], dtype: str | None, contents: Contents, names: Iterable[str]) -> None:
    """Raise with all differences between the tensors that are needed and those that are there."""
    needed = {s.name: s.shape for s in slots.slices}
    needed.update({_state(state, s.name): s.shape for state in states for s in slots.slices})
    wrong = [Phrase("missing {name}", name=clipped(name)) for name in needed if name not in contents.entries]
    for name in names:
        entry = contents.entries[name]
        if name not in needed:
            wrong.append(Phrase("unknown {name}", name=shown(name)))
        elif entry.shape != needed[name]:
            got, expected = clipped(show(entry.shape), 40), clipped(show(needed[name]), 40)
            wrong.append(
                Phrase("{name} is {got} instead of {expected}", name=clipped(name), got=got, expected=expected)
            )
        elif dtype is not None and entry.dtype != dtype:
            wrong.append(
                Phrase("{name} is {got} instead of {expected}", name=clipped(name), got=entry.dtype, expected=dtype)
            )
    if wrong:
        error = FileError(
            "its tensors do not fit the network ({count} differences): {wrong}. Use the file of this network.",
            count=len(wrong), wrong=enumerated(wrong, 125),
        )  # fmt: skip
        error.differences = tuple(wrong)  # type: ignore[attr-defined]
        raise error


def _vector(slots: Slots, names: Iterable[str], contents: Contents, dtype: str, finite: bool = True) -> NDArray[Any]:
    """The flat vector of all parameters, from the tensors of these names."""
    w = np.zeros(slots.size, dtype)
    for s, name in zip(slots.slices, names):
        array = contents.read(name)
        with np.errstate(over="ignore"):  # 1e300 is no float32: said below
            w[s.start : s.stop] = array
        if finite:
            _finite(name, w[s.start : s.stop])
    return w


def _finite(name: str, array: NDArray[Any]) -> None:
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise ArgumentError(
            "{name}: {bad} of its {size} numbers are not finite, as after too large a learning rate. Train it again.",
            name=shown(name), bad=bad, size=array.size,
        )  # fmt: skip
