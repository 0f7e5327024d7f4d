"""Fonts: which installed one can write a language, found by the characters it has and never set globally."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from handgrad.errors import missing
from handgrad.i18n import Translator, normalize, translator

# Characters that the pictures' own texts use: a font that lacks one of them would show boxes.
PROBE = {
    "zh_CN": "训练损失准确率轮决策边界类拟合误差梯度范数对数，。",
    "zh_TW": "訓練損失準確率輪決策邊界類擬合誤差梯度範數對數，。",
}
# Fonts drawn for the region first: the same character has another shape in Taiwan than on the mainland.
PREFERRED = {
    "zh_CN": (
        "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
        "Microsoft YaHei", "Heiti SC", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP",
        "Droid Sans Fallback",
    ),
    "zh_TW": (
        "Noto Sans CJK TC", "Noto Sans TC", "Source Han Sans TC", "Source Han Sans TW", "PingFang TC",
        "Microsoft JhengHei", "Heiti TC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP",
        "Droid Sans Fallback",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """How a picture speaks: a translator, and the font families (first to last) that have its characters."""

    t: Translator
    families: tuple[str, ...] = ()

    def dress(self, figure: Any) -> Any:
        """Give every text of a figure the font families; gives the figure."""
        if self.families:
            from matplotlib.text import Text

            for text in figure.findobj(Text):
                text.set_fontfamily(list(self.families))
        return figure


def words(lang: str) -> Words:
    """The words for a language; English ones, with a warning, where no installed font can write it.

    Raises ArgumentError for an unknown language, MissingDependencyError without matplotlib.
    """
    language = normalize(lang)
    if language == "en":
        return Words(translator("en"))
    family = _family(language)
    if family is None:
        t = translator(language)
        text = t(
            "No installed font has the characters of {lang} (such as {sample}), so this picture is labelled in "
            "English. Install one, for example Noto Sans CJK (Debian and Ubuntu: apt install fonts-noto-cjk).",
            lang=language.replace("_", "-"), sample=PROBE[language][:2],
        )  # fmt: skip
        warnings.warn(text, UserWarning, stacklevel=2)
        return Words(translator("en"))
    return Words(translator(language), ("DejaVu Sans", family))


@cache
def _family(language: str) -> str | None:
    """The family of an installed font that has all characters of the language's probe."""
    try:
        from matplotlib import font_manager
    except ImportError:
        raise missing("matplotlib", "plot") from None

    known = sorted(font_manager.fontManager.ttflist, key=lambda font: _rank(font.name, language))
    for font in known:
        if _has(font.fname, PROBE[language]):
            return str(font.name)
    # matplotlib keeps a list of fonts on disk, which does not know those that were installed since
    seen = {font.fname for font in known}
    for path in sorted(set(font_manager.findSystemFonts()) - seen):
        if _has(path, PROBE[language]):
            font_manager.fontManager.addfont(path)
            return str(font_manager.fontManager.ttflist[-1].name)
    return None


def _rank(name: str, language: str) -> tuple[int, str]:
    preferred = PREFERRED[language]
    return (preferred.index(name) if name in preferred else len(preferred), name)


@cache
def _has(path: str, characters: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (RuntimeError, OSError):  # a damaged file, or a format that FreeType does not read
        return False
    return all(font.get_char_index(ord(c)) for c in characters)
