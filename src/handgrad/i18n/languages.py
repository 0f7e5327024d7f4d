"""Names of languages: from what people and systems write to the three that handgrad speaks."""

from __future__ import annotations

from collections.abc import Mapping

from handgrad.errors import ArgumentError

LANGUAGES = ("en", "zh_CN", "zh_TW")

# Where Traditional characters are the usual ones; every other Chinese-speaking place reads Simplified.
_TRADITIONAL = ("hant", "tw", "hk", "mo")


def normalize(tag: str) -> str:
    """The one of `LANGUAGES` that a tag asks for: a language tag (`zh-Hant-HK`) or a locale (`zh_CN.UTF-8`).

    A script says more than a region, so `zh-Hans-HK` is Simplified. The locales `C` and `POSIX` are English.
    Raises ArgumentError for a language that handgrad does not speak; `from_locale` falls back to English instead.

    >>> normalize("zh-SG"), normalize("zh_HK.UTF-8"), normalize("C")
    ('zh_CN', 'zh_TW', 'en')
    """
    language = _known(tag)
    if language is None:
        raise ArgumentError(
            "Language {tag!r} is not one that handgrad speaks. Choose {known}.", tag=tag, known="en, zh-CN or zh-TW"
        )
    return language


def from_locale(environ: Mapping[str, str]) -> str:
    """The language that the environment asks for, English when it asks for none that handgrad speaks.

    Read as gettext reads it: LANGUAGE (a list with colons), LC_ALL, LC_MESSAGES, LANG; the first that is set decides,
    except that a plain C locale means untranslated text whatever LANGUAGE says.

    >>> from_locale({"LANG": "zh_TW.UTF-8"}), from_locale({"LANGUAGE": "fr:zh_CN", "LANG": "de_DE"}), from_locale({})
    ('zh_TW', 'zh_CN', 'en')
    """
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if _plain(locale) in ("c", "posix"):
        return "en"
    wishes = (environ.get("LANGUAGE") or locale).split(":")
    return next((known for known in map(_known, wishes) if known), "en")


def _plain(tag: str) -> str:
    """The tag in lower case without encoding and modifier: `zh_TW.UTF-8@radical` is `zh-tw`."""
    return tag.split(".")[0].split("@")[0].strip().replace("_", "-").lower()


def _known(tag: str) -> str | None:
    language, *rest = _plain(tag).split("-")
    if language in ("en", "c", "posix"):
        return "en"
    if language != "zh":
        return None
    if "hans" in rest:
        return "zh_CN"
    return "zh_TW" if any(part in _TRADITIONAL for part in rest) else "zh_CN"
