"""Languages: which one a person reads, and what a message says in it.

There is no current language: `translator(lang)` is a function that the command line, a derivation or a page makes once
and hands on. The English text of a message is its id, and a message that nobody translated shows in English.
"""

from handgrad.i18n.languages import LANGUAGES, from_locale, normalize
from handgrad.i18n.messages import N_, Sentence, Translator, translate_error, translator

__all__ = ["LANGUAGES", "N_", "Sentence", "Translator", "from_locale", "normalize", "translate_error", "translator"]
