"""Catalogues: gettext's .po text read directly, so that nothing has to be compiled before handgrad runs.

Only what handgrad's catalogues hold is read: comments, flags, msgid and msgstr over any number of lines. Contexts and
plural forms are refused; Chinese has none, and English messages are worded to do without.
"""

from __future__ import annotations

import re

from handgrad.errors import FileError

_LINE = re.compile(r'(?:(msgid|msgstr)\s+)?"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def read_po(text: str) -> dict[str, str]:
    r"""Each message's translation by its id; fuzzy, obsolete and empty entries and the header are left out.

    Raises FileError with the line number for a line that is none of the above.

    >>> read_po('msgid "loss"\nmsgstr "损失"\n\n#, fuzzy\nmsgid "bias"\nmsgstr "偏"\n')
    {'loss': '损失'}
    """
    entries: list[tuple[bool, dict[str, list[str]]]] = []
    fuzzy, parts = False, []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#"):
            if line.startswith("#,"):
                fuzzy = "fuzzy" in line
            continue
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None or (match[1] is None and not entries) or (match[1] == "msgstr" and not entries):
            raise FileError(
                "Catalogue line {line} is neither a comment, a msgid nor a msgstr: {text!r}. Correct that line.",
                line=number,
                text=line[:80],
            )
        if match[1] == "msgid":
            entries.append((fuzzy, {}))
            fuzzy = False
        if match[1]:
            parts = entries[-1][1].setdefault(match[1], [])
        parts.append(_ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), match[2]))
    found = {}
    for skip, entry in entries:
        identity, translation = "".join(entry["msgid"]), "".join(entry.get("msgstr", []))
        if identity and translation and not skip:
            found[identity] = translation
    return found
