"""Catalogues: collect every message from the source, keep the translations up to date, say what is missing.

`python tools/catalogues.py update` writes the .po files (`make messages`); `check` lists what is missing and exits 1.
Collected are the texts in `_("…")`, `t("…")`, `N_("…")`, `Notice("…")`, the templates of all classes in errors.py, and
whatever the functions in EXTRA yield. Babel does the gettext work; handgrad itself never needs it.
"""

from __future__ import annotations

import ast
import string
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "handgrad"
LOCALES = SOURCE / "i18n" / "locales"
TRANSLATED = ("zh_CN", "zh_TW")
MARKERS = ("_", "t", "N_", "Notice")


@dataclass(frozen=True)
class Message:
    """One text to translate and the file that shows it."""

    text: str
    place: str


def error_classes() -> list[str]:
    """The classes of errors.py: the first argument of each is a message template."""
    tree = ast.parse((SOURCE / "errors.py").read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def op_sentences() -> Iterator[Message]:
    """The first paragraph of each op's docstring, or its sentence=: derivations and the reference page show it."""
    for path, text in _files(SOURCE / "ops"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and any(_name(mark) == "op" for mark in node.decorator_list):
                sentence = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
                if sentence:
                    yield Message(sentence, path)
            elif isinstance(node, ast.Call):
                given = [word.value for word in node.keywords if word.arg == "sentence"]
                yield from (Message(text, path) for value in given for text in _literals(value) or [])


# Where messages come from besides calls in the source: add a function here that yields them.
EXTRA: tuple[Callable[[], Iterator[Message]], ...] = (op_sentences,)


def called(source: str, place: str, errors: list[str]) -> tuple[list[Message], list[str]]:
    """The messages that one file marks by calls, and the error calls whose template cannot be collected.

    >>> called('t("loss"); ShapeError(text)', "a.py", ["ShapeError"])
    ([Message(text='loss', place='a.py')], ['a.py:1: ShapeError needs a literal template'])
    """
    found: list[Message] = []
    problems: list[str] = []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = _name(node.func)
        if name not in MARKERS and name not in errors:
            continue
        choices = _literals(node.args[0])
        if choices is not None:
            found += [Message(text, place) for text in choices if text]
        elif name in errors and _name(node.args[0]) != "template":  # error.template was collected where it was written
            problems.append(f"{place}:{node.lineno}: {name} needs a literal template")
    return found, problems


def collect() -> tuple[list[Message], list[str]]:
    """Every message of the source in the order of files and lines, and what could not be collected."""
    messages, problems, errors = [], [], error_classes()
    for path, text in _files(SOURCE):
        found, wrong = called(text, path, errors)
        messages += found
        problems += wrong
    for source in EXTRA:
        messages += source()
    return messages, problems


def fields(template: str) -> list[str]:
    """The `{named}` places of a template, sorted, with their formats: both languages must show the same ones.

    >>> fields("{b:.3g} of {a!r}")
    ['a!r:', 'b:.3g']
    """
    parsed = string.Formatter().parse(template)
    return sorted(f"{name}{'!' + form if form else ''}:{spec}" for _, name, spec, form in parsed if name is not None)


def compare(messages: list[str], catalogue: str, label: str) -> list[str]:
    """What is wrong with one catalogue's text: missing, fuzzy, empty, or with other values than the English message."""
    from babel.messages.pofile import read_po

    entries = {entry.id: entry for entry in read_po(BytesIO(catalogue.encode())) if entry.id}
    problems = []
    for text in messages:
        entry = entries.get(text)
        if entry is None:
            problems.append(f"{label}: missing: {text!r}")
        elif not entry.string:
            problems.append(f"{label}: not translated: {text!r}")
        elif entry.fuzzy:
            problems.append(f"{label}: fuzzy: {text!r}")
        elif _fields_or_none(text) != _fields_or_none(str(entry.string)):
            problems.append(f"{label}: other values than in English: {text!r} -> {entry.string!r}")
    return problems


def check() -> list[str]:
    """Everything that keeps the catalogues from being complete; empty when they are."""
    messages, problems = collect()
    texts = list(dict.fromkeys(message.text for message in messages))
    for language in TRANSLATED:
        problems += compare(texts, path_of(language).read_text(encoding="utf-8"), language)
    return problems


def update() -> None:
    """Write each catalogue anew: new messages empty, changed ones fuzzy, unused ones gone, translations kept."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po, write_po

    template = Catalog(project="handgrad")
    messages, problems = collect()
    for message in messages:
        template.add(message.text, locations=[(message.place, 0)])
    for language in TRANSLATED:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = Catalog(locale=language)
        if path.exists():
            with path.open("rb") as file:
                catalogue = read_po(file, locale=language)
        catalogue.update(template, update_header_comment=False)
        for entry in catalogue:
            entry.flags.discard("python-format")  # a % in our templates is a per cent sign
        body = BytesIO()
        write_po(body, catalogue, width=120, omit_header=True, ignore_obsolete=True, include_lineno=False)
        text = f"{HEADER.format(language=language)}\n{body.getvalue().decode().strip()}\n"
        path.write_text(text, encoding="utf-8")
    for problem in problems:
        print(problem)


# Babel's own header holds dates and its version: they would differ with every run and in every branch.
HEADER = """# handgrad in {language}. Brought up to date by `make messages`; translate here.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"""


def path_of(language: str) -> Path:
    """The catalogue's file."""
    return LOCALES / language / "LC_MESSAGES" / "handgrad.po"


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _literals(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        one, other = _literals(node.body), _literals(node.orelse)
        return None if one is None or other is None else one + other
    return None


def _fields_or_none(text: str) -> list[str] | None:
    try:
        return fields(text)
    except ValueError:  # braces that are no template, in a text shown as it stands
        return None


def main(arguments: list[str]) -> int:
    """Run one of the two verbs."""
    if arguments == ["update"]:
        update()
        return 0
    if arguments == ["check"]:
        problems = check()
        print("\n".join(problems) or "catalogues: complete")
        return 1 if problems else 0
    print("usage: python tools/catalogues.py check|update", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
