"""The short form: read, written, and refused with the place of the mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.core.op import op, registry
from handgrad.errors import ArgumentError, DTypeError, UnknownNameError
from handgrad.nn import Activation, Dense, Flatten, LeakyReLU, ReLU, Residual, Sigmoid, SiLU, parse, short_form
from handgrad.nn.layers import activations
from handgrad.nn.plain import to_specs


def test_sizes_and_activations():
    first, relu, last, sigmoid = parse("2-10:relu-1:sigmoid")
    assert ((first.inputs, first.outputs), (last.inputs, last.outputs)) == ((2, 10), (10, 1))
    assert isinstance(relu, ReLU)
    assert isinstance(sigmoid, Sigmoid)
    assert repr(parse(" 2 - 3 : swish ")) == "[Dense(2, 3), SiLU()]"


sizes = st.integers(1, 999)
parts = st.lists(st.tuples(sizes, st.sampled_from(["", *activations()])), min_size=1, max_size=5)


@given(sizes, parts)
def test_what_is_written_reads_back(inputs, layers):
    text = "-".join([str(inputs), *(f"{size}:{name}" if name else f"{size}" for size, name in layers)])
    assert short_form(parse(text)) == text
    assert to_specs(parse(text), "") == to_specs(parse(short_form(parse(text))), "")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "2-10:reluu-1",
            UnknownNameError,
            "'2-10:reluu-1', character 6: there is no activation 'reluu'. Did you mean 'relu'?",
        ),
        ("2-10:exp-1", UnknownNameError, "'2-10:exp-1', character 6: there is no activation 'exp'. "),
        ("2-", ArgumentError, "'2-', character 3: a number of units is missing."),
        ("", ArgumentError, "'', character 1: a number of units is missing."),
        ("2--3", ArgumentError, "'2--3', character 3: a number of units is missing."),
        ("-2-3", ArgumentError, "'-2-3', character 1: a number of units"),
        ("a-b", ArgumentError, "'a-b', character 1: 'a' is no size"),
        ("2-b", ArgumentError, "'2-b', character 3: 'b' is no size"),
        ("2-0", ArgumentError, "'2-0', character 3: '0' is no size: it must be a whole number from 1 on."),
        ("2-2.5-1", ArgumentError, "'2-2.5-1', character 3: '2.5' is no size"),
        ("2-³", ArgumentError, "'2-³', character 3: '³' is no size"),
        ("2-9999999999", ArgumentError, "'2-9999999999', character 3: '9999999999' is no size"),
        ("2-3:", ArgumentError, "'2-3:', character 5: an activation is missing behind the colon."),
        ("2:relu-3", ArgumentError, "'2:relu-3', character 2: the first number is the inputs"),
        ("5", ArgumentError, "'5': this has inputs and no layer."),
        ("2-3:relu:tanh", UnknownNameError, "'2-3:relu:tanh', character 5: there is no activation 'relu:tanh'."),
        ([2, 3], DTypeError, "a short form is a text, got [2, 3]."),
    ],
)
def test_mistakes_are_named_with_their_place(text, error, message):
    with pytest.raises(error) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) <= 300


shared = Dense(3, 3)


@pytest.mark.parametrize(
    "layers",
    [
        [], [ReLU()], [Dense(2, 3, name="a")], [Dense(2, 3, bias=False)], [Dense(2, 3, init="zeros")],
        [Dense(2, 3), LeakyReLU(0.2)], [Dense(2, 3), ReLU(), ReLU()], [Dense(2, 3), Dense(4, 1)], [shared, shared],
        [Dense(2, 3), Flatten()], [Dense(2, 2), Residual([Dense(2, 2)])], [Dense(2, 3), ReLU(name="r")],
    ],
    ids=repr,
)  # fmt: skip
def test_what_has_no_short_form(layers):
    assert short_form(layers) is None


def test_users_activations_belong_to_the_language():
    @op(traits={"activation": True, "aliases": ("bend",)})
    def bent(xp, x):
        """A line and a curve."""
        return x + xp.tanh(x)

    try:
        assert short_form(parse("2-3:bend")) == "2-3:bent"
        assert parse("2-3:bent")[1].to_spec() == Activation(bent).to_spec()
    finally:
        registry.remove("bent")
    with pytest.raises(UnknownNameError):
        parse("2-3:bent")


def test_aliases_are_written_by_their_name():
    assert short_form([Dense(1, 2), SiLU()]) == "1-2:silu"
