"""Spec: a network without its weights as plain JSON data, and a network from such data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from handgrad.errors import ArgumentError, DTypeError, HandgradError, Phrase, UnknownNameError, nearest
from handgrad.nn.arguments import number, shown, whole, word
from handgrad.nn.layer import Layer
from handgrad.nn.losses import Loss, loss_from
from handgrad.nn.network import Network
from handgrad.nn.plain import to_specs

KEYS = ("layers", "loss", "dtype", "seed", "l1", "l2")
MOST_DEPTH = 100  # lists and objects inside each other: readers of such data recurse, and must not run out of stack
MOST_INT = 2**128  # seeds of numpy's own making have 128 bits; larger ones than 2**1023 are no floats


def to_spec(net: Network) -> dict[str, Any]:
    """`net` without its weights: layers, loss, dtype, seed, l1, l2, as JSON can hold them.

    A layer that is used twice is written once, and referred to by {"same": "layers[0]"} where it is used again.
    Raises DTypeError with the path inside the document for a field of a user's layer that JSON has no form for.

    >>> import handgrad as hg
    >>> spec = to_spec(hg.Network([hg.Dense(2, 1), hg.Tanh()], loss="mse", seed=3))
    >>> spec["layers"]
    [{'kind': 'dense', 'inputs': 2, 'outputs': 1, 'bias': True, 'init': None}, {'kind': 'tanh'}]
    >>> spec["loss"], spec["dtype"], spec["seed"]
    ({'kind': 'mse', 'reduction': 'mean'}, 'float64', 3)
    """
    spec = {
        "layers": to_specs(net.layers, "layers"),
        "loss": None if net.loss is None else net.loss.to_spec(),
        "dtype": net.dtype,
        "seed": net.seed,
        "l1": net.l1,
        "l2": net.l2,
    }
    check_plain(spec)
    return spec


def from_spec(spec: Mapping[str, Any]) -> Network:
    """The network that `to_spec` described, with weights drawn from its seed. All keys but "layers" may be left out.

    Raises UnknownNameError for an unknown key or kind, ArgumentError or DTypeError for a missing or wrong value; each
    message begins with the path inside the document.

    >>> from_spec({"layers": [{"kind": "dense", "inputs": 2, "outputs": 1}], "loss": {"kind": "mse"}})
    <Network 2-1, 3 weights, loss mse>
    """
    layers, settings = parts(spec)
    return Network(layers, **settings)


def parts(spec: Mapping[str, Any]) -> tuple[list[Layer], dict[str, Any]]:
    """The layers and the settings that a document describes, checked; nothing is drawn yet. Raises as `from_spec`."""
    if not isinstance(spec, Mapping):
        raise DTypeError(
            'a spec is {value}: it must be an object such as {{"layers": [...], "loss": ...}}.', value=shown(spec)
        )
    check_plain(spec)
    for key in spec:
        if key not in KEYS:
            raise UnknownNameError(
                "{path}: a network has no setting of that name. {hint}", path=shown(key), hint=nearest(key, KEYS)
            )
    if "layers" not in spec:
        raise ArgumentError("layers is missing: a network cannot do without it. Add it to the document.")
    layers = Layer.from_specs(spec["layers"], "layers")
    if not layers:
        raise ArgumentError("layers is []: a network has at least one layer. Add one.")
    return layers, {
        "loss": _loss(spec.get("loss")),
        "dtype": word(spec.get("dtype", "float64"), "dtype", ("float64", "float32")),
        "seed": whole(spec.get("seed", 0), "seed", least=0),
        "l1": number(spec.get("l1", 0.0), "l1", least=0, example=0.0),
        "l2": number(spec.get("l2", 0.0), "l2", least=0, example=0.0),
    }


def _loss(spec: Any) -> Loss | None:
    if spec is None:
        return None
    if not isinstance(spec, Mapping):
        try:
            return loss_from(spec)
        except HandgradError as error:
            raise type(error)("loss: {problem}", problem=Phrase(error.template, **error.values)) from None
    return Loss.from_spec(spec, "loss")


def check_plain(document: Any) -> int:
    """Raise DTypeError or ArgumentError with the path of a thing that JSON has no form for, or that stands too deep.

    Plain are objects with texts as keys, lists, texts, true, false, null and finite numbers below 2**128. Gives the
    number of objects.
    """
    objects = 0
    pending: list[tuple[Any, str, int]] = [(document, "", 0)]
    while pending:  # an explicit stack: documents are deeper than ours may be
        value, path, depth = pending.pop()
        if depth > MOST_DEPTH:
            raise ArgumentError(
                "{path}: lists and objects stand inside each other more than {most} deep. Make it flatter.",
                path=shown(path), most=MOST_DEPTH,
            )  # fmt: skip
        if isinstance(value, Mapping):
            objects += 1
            for key, inner in value.items():
                where = f"{path}.{key}" if path else str(key)
                if not isinstance(key, str):
                    raise DTypeError(
                        "{path}: the key {key} is no text. Write it in quotes.", path=shown(where), key=shown(key)
                    )
                if key == "same" and not isinstance(inner, str):
                    raise DTypeError(
                        '{path} is {value}: it must be the place of a layer. Write such as "layers[0]".',
                        path=where[:80], value=shown(inner),
                    )  # fmt: skip
                pending.append((inner, where, depth + 1))
        elif isinstance(value, (list, tuple)):
            pending += [(inner, f"{path}[{i}]", depth + 1) for i, inner in enumerate(value)]
        elif not (value is None or isinstance(value, (bool, str)) or _is_number(value)):
            raise DTypeError(
                "{path} is {value}: a document holds finite numbers, texts, true, false, null, lists and objects. "
                "Replace it by one of these.",
                path=path or "document", value=shown(value),
            )  # fmt: skip
    return objects


def _is_number(value: Any) -> bool:
    return abs(value) < MOST_INT if isinstance(value, int) else isinstance(value, float) and math.isfinite(value)
