"""Messages: an English template with named values, said in another language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Protocol, runtime_checkable

from handgrad.errors import HandgradError
from handgrad.i18n.languages import normalize
from handgrad.i18n.po import read_po


class Translator(Protocol):
    """What `translator` gives: `t("Loss after {epochs} epochs", epochs=5)`."""

    def __call__(self, template: str, /, **values: object) -> str:
        """The template in the translator's language, with the values put in."""


@runtime_checkable
class Sentence(Protocol):
    """A text that still knows its template, so that it can be said in another language: every handgrad error is one."""

    template: str
    values: dict[str, object]


def N_(text: str) -> str:
    """Mark a text for the catalogues without translating it; `t(text)` says it later.

    >>> N_("learning rate")
    'learning rate'
    """
    return text


def translator(lang: str) -> Translator:
    """A function that says templates in `lang`, any tag that `normalize` reads.

    A value that is a `Sentence` itself (an error inside a longer message) is said in the same language.
    Without values the text is taken as it stands, braces included. Raises ArgumentError for an unknown language.

    >>> t = translator("en")
    >>> t("Loss after {epochs} epochs: {loss:.3g}", epochs=5, loss=0.01234)
    'Loss after 5 epochs: 0.0123'
    """
    catalogue = _catalogue(normalize(lang))

    def say(template: str, /, **values: object) -> str:
        text = catalogue.get(template, template)
        if not values:
            return text
        return text.format(**{name: _spoken(value) for name, value in values.items()})

    def _spoken(value: object) -> object:
        return say(value.template, **value.values) if isinstance(value, Sentence) else value

    return say


def translate_error(error: HandgradError, lang: str) -> str:
    """An error's message in `lang`, one line; in English it is `str(error)`.

    >>> from handgrad.errors import missing
    >>> print(translate_error(missing("PyTorch", "torch"), "zh-CN"))
    此功能需要 PyTorch，但尚未安装：请运行 pip install "handgrad[torch]"
    """
    return translator(lang)(error.template, **error.values)


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    if language == "en":  # the ids are English
        return {}
    from importlib.resources import files  # not at the top: importing handgrad stays quick

    source = files("handgrad.i18n").joinpath("locales", language, "LC_MESSAGES", "handgrad.po")
    return read_po(source.read_text(encoding="utf-8"))
