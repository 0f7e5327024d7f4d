"""Encodings: bytes become text, or an error that names the encoding they are probably in."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from handgrad.data.wording import shown
from handgrad.errors import DataError, UnknownNameError

# longest first: the mark of UTF-32 begins with the one of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(raw: bytes, source: str, encoding: str | None = None) -> str:
    """The text of a file: in `encoding`, else by its byte order mark, else UTF-8.

    Raises DataError with the line and the likely encoding when the bytes do not fit, UnknownNameError for an
    encoding that Python does not know.

    >>> decode("é".encode("utf-16"), "a.csv")
    'é'
    >>> decode("姓名,年龄\\n张三,25\\n".encode("gb18030"), "a.csv")
    Traceback (most recent call last):
    ...
    handgrad.errors.DataError: a.csv, line 1: the bytes are not utf-8; read as gb18030 they say '姓名,年龄'. ...
    """
    mark = next((name for start, name in _MARKS if raw.startswith(start)), None)
    if encoding is None and mark is None:
        wide = _utf16_without_mark(raw)
        if wide:
            raise _not_readable(raw, 0, source, "utf-8", wide)
        if b"\0" in raw[:4096]:
            raise DataError(
                "{source}: is no text file, byte {place} is zero. Give a CSV, Parquet or NPZ file.",
                source=shown(source),
                place=raw.index(b"\0"),
            )
    chosen = encoding or mark or "utf-8"
    try:
        known = codecs.lookup(chosen).name
        text = raw.decode(chosen)
    except (LookupError, UnicodeEncodeError, TypeError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise _not_readable(raw, error.start, source, chosen, mark or guess(raw)) from None
        raise UnknownNameError(
            "encoding {name!r} is unknown. Common ones: utf-8, gb18030, big5, utf-16, shift_jis, cp1252.",
            name=shown(chosen),
        ) from None
    if known in ("utf-16-le", "utf-16-be", "utf-8", "utf-32-le", "utf-32-be"):
        text = text.removeprefix("\ufeff")
    return text


def guess(raw: bytes) -> str:
    """The encoding that bytes which are not UTF-8 are most probably in.

    Double-byte encodings keep their common characters together: the share of pairs that fall there decides. Bytes
    above 127 that stand alone among ASCII letters are Western European.

    >>> guess("姓名年龄".encode("gb18030")), guess("姓名年齡".encode("big5")), guess("Müller".encode("cp1252"))
    ('gb18030', 'big5', 'cp1252')
    """
    raw = raw[:200_000]
    pairs = _pairs(raw)
    best, likely = 0.6, "cp1252"  # below this share of common characters no double-byte encoding is believable
    for name, common in _COMMON.items():
        share = sum(common(lead, trail) for lead, trail in pairs) / max(len(pairs), 1)
        if share > best and _decodes(raw, name):
            best, likely = share, name
    # rarer characters, such as traditional ones in GBK: still two by two, while é stands alone among letters
    two_by_two = sum(trail > 0x80 for _, trail in pairs) > max(0.4 * len(pairs), 2)
    if likely == "cp1252" and two_by_two and _decodes(raw, "gb18030"):
        return "gb18030"
    return likely if likely != "cp1252" or _decodes(raw, likely) else "latin-1"


# Where the common characters lie: level 1 of each standard and its punctuation; digits and letters of double width.
_COMMON: dict[str, Callable[[int, int], bool]] = {
    "gb18030": lambda lead, trail: (0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3) and trail >= 0xA1,
    "big5": lambda lead, trail: (
        (0xA4 <= lead <= 0xC6 or lead in (0xA1, 0xA2)) and (0x40 <= trail <= 0x7E or trail >= 0xA1)
    ),
    "shift_jis": lambda lead, trail: (0x81 <= lead <= 0x83 or 0x88 <= lead <= 0x98) and trail >= 0x40,
}


def _pairs(raw: bytes) -> list[tuple[int, int]]:
    """Bytes taken two by two, beginning at each one above 127 that no pair before has used."""
    found, i = [], 0
    while i < len(raw) - 1:
        if raw[i] > 0x80:
            found.append((raw[i], raw[i + 1]))
            i += 1
        i += 1
    return found


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        # a sample may end inside a character: final=False forgives that one, and only that one
        codecs.getincrementaldecoder(encoding)().decode(raw, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _utf16_without_mark(raw: bytes) -> str | None:
    """UTF-16 of mostly ASCII has a zero in every second place."""
    head = raw[:4096]
    even, odd = head[0::2], head[1::2]
    if len(head) >= 4 and odd.count(0) > 0.4 * len(odd) and not even.count(0):
        return "utf-16-le"
    if len(head) >= 4 and even.count(0) > 0.4 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _not_readable(raw: bytes, place: int, source: str, chosen: str, likely: str) -> DataError:
    begin = raw.rfind(b"\n", 0, place) + 1
    end = raw.find(b"\n", place)
    line = raw[begin : len(raw) if end < 0 else min(end, begin + 200)]
    if likely.startswith("utf-16"):
        line = raw[:80]
    facts = {"source": shown(source), "line": raw.count(b"\n", 0, place) + 1, "chosen": shown(chosen)}
    if codecs.lookup(likely).name == codecs.lookup(chosen).name:
        return DataError(
            "{source}, line {line}: the bytes are not {chosen}. Save the file as UTF-8, or name its encoding "
            "(encoding=..., on the command line --encoding).",
            **facts,
        )
    sample = line.decode(likely, errors="ignore").split("\n")[0].strip()
    return DataError(
        "{source}, line {line}: the bytes are not {chosen}; read as {likely} they say {sample!r}. "
        "If that looks right, say so: encoding={likely!r}, on the command line --encoding {likely}.",
        **facts,
        likely=likely,
        sample=shown(sample, 30),
    )
