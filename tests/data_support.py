"""What the tests of data share: an error must be of our class, one line, short, and hold what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from handgrad.errors import HandgradError


def refused(call: Callable[[], Any], kind: type[HandgradError], *parts: str) -> str:
    """The message with which a call is refused."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) <= 300, message
    for part in parts:
        assert part in message, message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # no second traceback above it
    return message


def attempt(call: Callable[[], Any], kind: type[HandgradError]) -> tuple[Any, str | None]:
    """What a call gives and None, or None and the message with which it is refused; other errors are failures."""
    try:
        return call(), None
    except kind:
        pass
    return None, refused(call, kind)
