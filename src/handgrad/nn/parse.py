r"""The short form of a network, `2-10:relu-1:sigmoid`: sizes joined by -, an activation behind a colon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handgrad.errors import ArgumentError, DTypeError, UnknownNameError, nearest
from handgrad.nn.arguments import shown
from handgrad.nn.layer import Layer
from handgrad.nn.layers import Activation, Dense, activations, find_activation


def parse(text: str) -> list[Layer]:
    """The layers of a short form: the first number is the inputs, each further one a Dense layer with its activation.

    An activation is the name or alias of an op with that trait. Raises DTypeError for what is no text, ArgumentError
    for a size that is no whole number above 0 and for missing parts, UnknownNameError for an unknown activation; the
    message says at which character, counted from 1.

    >>> parse("2-10:relu-1:sigmoid")
    [Dense(2, 10), ReLU(), Dense(10, 1), Sigmoid()]
    """
    if not isinstance(text, str):
        raise DTypeError('a short form is a text, got {value}. Write "2-10:relu-1:sigmoid".', value=shown(text))
    layers: list[Layer] = []
    inputs = at = 0
    parts = text.split("-")
    for i, part in enumerate(parts):
        digits, colon, name = part.partition(":")
        size = _size(text, at, digits)
        if i == 0:
            if colon:
                raise ArgumentError(
                    "{text}, character {at}: the first number is the inputs, which have no activation. Drop {part}.",
                    text=shown(text), at=at + len(digits) + 1, part=shown(f":{name}"),
                )  # fmt: skip
        else:
            layers.append(Dense(inputs, size))
            if colon:
                layers.append(_activation(text, at + len(digits) + 1, name.strip()))
        inputs = size
        at += len(part) + 1
    if not layers:
        raise ArgumentError(
            '{text}: this has inputs and no layer. Write at least one layer behind it, such as "{size}-1".',
            text=shown(text), size=inputs,
        )  # fmt: skip
    return layers


def _size(text: str, at: int, digits: str) -> int:
    digits = digits.strip()
    if not digits:
        raise ArgumentError(
            '{text}, character {at}: a number of units is missing. Write sizes joined by -, such as "2-10:relu-1".',
            text=shown(text), at=at + 1,
        )  # fmt: skip
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9 or int(digits) == 0:
        raise ArgumentError(
            '{text}, character {at}: {got} is no size: it must be a whole number from 1 on. Try "2-10:relu-1".',
            text=shown(text), at=at + 1, got=shown(digits),
        )  # fmt: skip
    return int(digits)


def _activation(text: str, at: int, name: str) -> Layer:
    if not name:
        raise ArgumentError(
            "{text}, character {at}: an activation is missing behind the colon. Write one of {names}, or no colon.",
            text=shown(text), at=at + 1, names=", ".join(activations()[:4]),
        )  # fmt: skip
    try:
        return Activation(find_activation(name))
    except UnknownNameError:
        raise UnknownNameError(
            "{text}, character {at}: there is no activation {name}. {hint}",
            text=shown(text), at=at + 1, name=shown(name), hint=nearest(name, activations()),
        ) from None  # fmt: skip


def short_form(layers: Sequence[Layer]) -> str | None:
    """The short form that `parse` reads back to the same layers; None where there is none.

    There is none for layers with names, initialisers or settings of their own, without bias, shared, or of other kinds.

    >>> short_form(parse("2-10:relu-1:sigmoid"))
    '2-10:relu-1:sigmoid'
    >>> short_form([Dense(2, 3, bias=False)]) is None
    True
    """
    if not layers or not isinstance(layers[0], Dense) or len({id(layer) for layer in layers}) < len(layers):
        return None
    parts = [str(layers[0].inputs)]
    width, open_ = layers[0].inputs, False  # open_: whether an activation may follow
    for layer in layers:
        if isinstance(layer, Dense):
            if layer.inputs != width:
                return None
            again: Any = Dense(layer.inputs, layer.outputs)
            parts.append(str(layer.outputs))
            width, open_ = layer.outputs, True
        elif layer.op is not None and open_ and layer.op.traits.get("activation"):
            again = Activation(layer.op.name)
            parts[-1] += f":{layer.op.name}"
            open_ = False
        else:
            return None
        if again.to_spec() != layer.to_spec():
            return None
    return "-".join(parts)
