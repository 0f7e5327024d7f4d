"""Documents tell the truth: every example is executed in order, every link leads somewhere, translations show one code.

In a document, ```python blocks share their names; those with >>> must print what they show. Of ```sh blocks the lines
that begin with `handgrad` or `python` are run, in the folder in which the Python blocks write their files. A block
```python from FILE shows lines of a file that an earlier block has made; `...` stands for any lines.
"""

from __future__ import annotations

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.nn import plain

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")])
READMES = {"README.md": "C", "README.zh-CN.md": "zh_CN.UTF-8", "README.zh-TW.md": "zh_TW.UTF-8"}
BESIDES = ("pip", "make", "git", "cd")  # what a shell block may hold that is not run here
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind the fence, the text, the line where it begins."""

    info: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    found = []
    lines = path.read_text(encoding="utf-8").splitlines()
    start = None
    for i, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            if start is None:
                start = i
            else:
                body = textwrap.dedent("\n".join(lines[start + 1 : i])) + "\n"
                found.append(Block(lines[start].strip().removeprefix("```"), body, start + 2))
                start = None
    assert start is None, f"{path.name}: the fence of line {start} is not closed"
    return found


class Session:
    """One document under way: its names and its folder."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self.names: dict[str, object] = {"__name__": "__main__"}

    def run(self, block: Block) -> None:
        where = f"{self.path.name}:{block.line}"
        match block.info.split():
            case ["python"] if ">>> " in block.text:
                self.examples(block, where)
            case ["python"]:
                exec(compile("\n" * (block.line - 1) + block.text, str(self.path), "exec"), self.names)
            case ["python", "from", name]:
                self.excerpt(block, name, where)
            case ["sh"]:
                for line in block.text.replace("\\\n", " ").splitlines():
                    self.command(shlex.split(line, comments=True), where)
            case _:
                assert block.info in ("text", "mermaid"), f"{where}: a block of {block.info!r} is not executed"

    def examples(self, block: Block, where: str) -> None:
        found = doctest.DocTestParser().get_doctest(block.text, self.names, where, str(self.path), block.line - 1)
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        said: list[str] = []
        runner.run(found, out=said.append, clear_globs=False)
        self.names.update(found.globs)
        assert not said, "".join(said)

    def excerpt(self, block: Block, name: str, where: str) -> None:
        """The lines stand in the file in this order, next to each other where no line says `...`."""
        whole = [line.strip() for line in (self.folder / name).read_text(encoding="utf-8").splitlines()]
        at = 0
        for part in block.text.split("...\n"):
            shown = [line.strip() for line in part.splitlines()]
            places = [i for i in range(at, len(whole) - len(shown) + 1) if whole[i : i + len(shown)] == shown]
            assert places, f"{where}: {name} has no such lines here:\n{part}"
            at = places[0] + len(shown)

    def command(self, words: list[str], where: str) -> None:
        if not words:
            return
        if words[0] not in ("handgrad", "python"):
            assert words[0] in BESIDES, f"{where}: {words[0]} is not run, and not known as a command that is not"
            return
        start = [sys.executable, *(["-m", "handgrad"] if words[0] == "handgrad" else [])]
        lang = READMES.get(self.path.name, "C")
        done = subprocess.run(
            [*start, *words[1:]], cwd=self.folder, env={**os.environ, "LC_ALL": lang, "LANG": lang, "COLUMNS": "100"},
            capture_output=True, timeout=300, check=False,
        )  # fmt: skip
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{where}: {shlex.join(words)} ends with {done.returncode}:\n{said}"


def run(path: Path, folder: Path) -> None:
    session = Session(path, folder)
    for block in blocks(path):
        session.run(block)


@pytest.fixture
def undone():
    """Ops, layers, losses and optimizers that a document defines are forgotten after it."""
    ops = set(hg.ops.registry)
    kinds = {family: dict(known) for family, known in plain._kinds.items()}
    yield
    for name in set(hg.ops.registry) - ops:
        hg.ops.registry.remove(name)
    for family, known in plain._kinds.items():
        known.clear()
        known.update(kinds.get(family, {}))


def cases() -> list[object]:
    """The documents with examples; those that run commands are slow."""
    found = []
    for path in FILES:
        kinds = {block.info.split(" ")[0] for block in blocks(path)}
        commands = any(
            block.info == "sh" and re.search(r"^(handgrad|python) ", block.text, re.MULTILINE) for block in blocks(path)
        )
        if kinds & {"python", "sh"}:
            found.append(pytest.param(path, id=path.name, marks=[pytest.mark.slow] if commands else []))
    return found


@pytest.mark.parametrize("path", cases())
def test_examples_work(path, tmp_path, monkeypatch, undone):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    run(path, tmp_path)


# -- the executor itself ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "```python\nassert 1 == 2\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```python\nimport pathlib\npathlib.Path('a.py').write_text('x = 1')\n```\n```python from a.py\nx = 2\n```\n",
        "```sh\nhandgrad no-such-command\n```\n",
        "```sh\nhandgrat train\n```\n",
        "```pyhton\nprint(1)\n```\n",
        "```python\nprint(1)\n",
    ],
)
def test_a_wrong_example_is_noticed(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError):
        run(path, tmp_path)


# -- what can be seen without running ---------------------------------------------------------------------------------
def anchors(path: Path) -> set[str]:
    """The places in a document that a link can name, as GitHub spells them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path):
    """`core/reverse.py`, `tests/fuzz.py`, docs/architecture.md: as seen from the root or from src/handgrad."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"(?<![\w/.*-])((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml))\b", text)
    places = (ROOT, ROOT / "src", ROOT / "src" / "handgrad")
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert [name for name in missing if not name.startswith("docs/reference/")] == []  # that is made by `make docs`


def shape(block: Block) -> object:
    """What an example computes, without its comments and sentences."""
    if ">>> " in block.text:
        return [(e.source.split("  #")[0].strip(), e.want) for e in doctest.DocTestParser().get_examples(block.text)]
    if block.info == "python":
        tree = ast.parse(block.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = "what it is, in any language"
        return ast.dump(tree)
    return [shlex.split(line, comments=True) for line in block.text.splitlines()]


@pytest.mark.parametrize("name", [name for name in READMES if name != "README.md"])
def test_translations_show_the_same_examples(name):
    """Comments are translated, code is not."""
    ours, theirs = blocks(ROOT / "README.md"), blocks(ROOT / name)
    assert [block.info for block in ours] == [block.info for block in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert shape(a) == shape(b), f"README.md:{a.line} and {name}:{b.line}"


def foreign_words() -> dict[str, list[str]]:
    """By language, the words that the glossary leaves to the other region."""
    rows = re.findall(
        r"^\|(.+)\|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("\n## ")[-1], re.MULTILINE
    )
    cells = [[cell.strip() for cell in row.split("|")] for row in rows[2:]]
    return {"zh_CN": [c[3] for c in cells if c[3]], "zh_TW": [c[4] for c in cells if c[4]]}


@pytest.mark.parametrize(("language", "readme"), [("zh_CN", "README.zh-CN.md"), ("zh_TW", "README.zh-TW.md")])
def test_each_region_reads_its_own_words(language, readme):
    catalogue = ROOT / "src" / "handgrad" / "i18n" / "locales" / language / "LC_MESSAGES" / "handgrad.po"
    words = foreign_words()[language]
    assert len(words) > 10
    for path in (catalogue, ROOT / readme):
        text = path.read_text(encoding="utf-8")
        assert [word for word in words if word in text] == [], path.name


def test_the_reference_has_every_op():
    import reference

    page = reference.page()
    for name, op in hg.ops.registry.items():
        assert f"\n## {name}\n" in page
        assert op.sentence in page
    assert "out = x * y\ndx = g * y\ndy = g * x\n" in page
