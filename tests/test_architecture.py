"""The architecture: imports point one way, and optional libraries stay in their rooms, inside functions."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "handgrad"

# From the bottom up. A room imports itself and the rooms of lower rows; rooms of one row do not know each other.
ROWS = [
    ["errors", "_version"],
    ["i18n", "data"],
    ["core"],
    ["ops"],
    ["program"],
    ["nn"],
    ["train"],
    ["bridge"],
    ["check"],
    ["draw"],
    ["derive", "diagnose", "plot", "sweeps"],
    ["explore"],
    ["classic"],
    ["demos"],
    ["cli"],
    ["__init__", "__main__"],
]
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}
ONLY = {"data": ["errors"], "__main__": ["cli"]}  # narrower than their row

# The verbs (`net.fit`, `history.plot`): one-line methods whose body imports the room above.
UPWARD_VERBS = ["nn/network.py", "train/history.py"]
# What people write in a script may stand in these: `import handgrad as hg`.
SPEAK_AS_USERS = ["classic", "demos", "cli"]

OPTIONAL = {
    "torch": ["bridge"],
    "onnx": ["bridge"],
    "onnxruntime": ["bridge"],
    "sklearn": ["bridge", "data"],
    "matplotlib": ["plot"],
    "mpl_toolkits": ["plot"],
}


class Import(NamedTuple):
    line: int
    module: str  # dotted, absolute
    deferred: bool  # inside a function, or for the type checker only


def imports(source: str, file: str) -> list[Import]:
    """All imports of one file, those in functions and for type checkers too, with relative ones resolved."""
    package = ["handgrad", *Path(file).parent.parts]
    found = []
    pending: list[tuple[ast.AST, bool]] = [(ast.parse(source), False)]
    while pending:
        node, deferred = pending.pop()
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            inside = True
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, alias.name, inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "handgrad":  # `from handgrad import core` names the room behind the import
                found += [
                    Import(node.lineno, f"handgrad.{alias.name}" if alias.name in LEVEL else module, inside)
                    for alias in node.names
                ]
            else:
                found.append(Import(node.lineno, module, inside))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "importlib.import_module",
            "import_module",
            "__import__",
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                found.append(Import(node.lineno, str(node.args[0].value), inside))
        pending += [(child, inside) for child in ast.iter_child_nodes(node)]
    return sorted(found)


def room_of(file: str) -> str:
    return Path(file).parts[0].removesuffix(".py")


def violations(source: str, file: str) -> list[str]:
    """Each import of `file` (its path inside the package) that the order does not allow."""
    room, wrong = room_of(file), []
    if room not in LEVEL:
        return [f"{file}: {room!r} is no room of the order in this test: give it a place"]
    for line, module, deferred in imports(source, file):
        top, *rest = module.split(".")
        where = f"{file}:{line}: {room} imports {module}"
        if top in OPTIONAL:
            if room not in OPTIONAL[top]:
                wrong.append(f"{where}: only {' and '.join(OPTIONAL[top])} may")
            elif not deferred:
                wrong.append(f"{where}: only inside functions")
        if top != "handgrad":
            continue
        target = rest[0] if rest else "__init__"
        if target not in LEVEL:
            wrong.append(f"{where}: no such room in the order of this test")
        elif room in ONLY:
            if target not in [room, *ONLY[room]]:
                wrong.append(f"{where}: it may import {' and '.join(ONLY[room])} only")
        elif target == room or LEVEL[target] < LEVEL[room]:
            continue
        elif target == "__init__" and room in SPEAK_AS_USERS:
            continue
        elif file in UPWARD_VERBS and target != "__init__":
            if not deferred:
                wrong.append(f"{where}: a verb imports its room in its body")
        else:
            wrong.append(f"{where}: the arrow runs back")
    return wrong


def test_imports_point_one_way():
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        wrong += violations(path.read_text(encoding="utf-8"), path.relative_to(SOURCE).as_posix())
    assert wrong == []


def test_every_file_says_its_subject_in_its_first_line():
    files = [path for path in sorted(SOURCE.rglob("*.py")) if path.stat().st_size]
    assert [path.name for path in files if not path.read_text(encoding="utf-8").startswith(('"""', 'r"""'))] == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/op.py", "from handgrad.errors import ShapeError"),
        ("core/op.py", "from .symbols import Expr\nfrom . import shapes\nfrom ..errors import ShapeError"),
        ("ops/basic.py", "from handgrad import core, errors"),
        (
            "nn/network.py",
            "class Network:\n    def fit(self):\n        from handgrad.train import fit\n        return fit(self)",
        ),
        ("nn/network.py", "if TYPE_CHECKING:\n    from handgrad.train.history import History"),
        ("train/history.py", "def plot(self):\n    from ..plot import curves"),
        ("plot/curves.py", "def curves():\n    import matplotlib.pyplot as plt"),
        ("data/sets.py", "def digits():\n    from sklearn.datasets import load_digits"),
        ("cli/demo.py", "import handgrad as hg\nfrom handgrad.demos import xor"),
        ("__main__.py", "from handgrad.cli import main"),
    ],
)
def test_allowed_imports_pass(file, source):
    assert violations(source, file) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("errors.py", "from handgrad.i18n import translator", "runs back"),
        ("core/op.py", "import handgrad.ops", "runs back"),
        ("core/op.py", "from handgrad import ops", "runs back"),
        ("core/op.py", "from .. import ops", "runs back"),
        ("core/op.py", "import handgrad as hg", "runs back"),
        ("core/op.py", "from handgrad import tensor", "runs back"),
        (
            "core/op.py",
            "class A:\n    def f(self):\n        if x:\n            from ..nn.network import Network",
            "runs back",
        ),
        ("core/op.py", "def f():\n    return importlib.import_module('handgrad.train')", "runs back"),
        ("nn/dense.py", "def f():\n    from handgrad.train import fit", "runs back"),
        ("nn/network.py", "from handgrad.train import fit", "in its body"),
        ("derive/steps.py", "from handgrad.plot import curves", "runs back"),
        ("program/build.py", "if TYPE_CHECKING:\n    from handgrad.train import SGD", "runs back"),
        ("data/toys.py", "from handgrad.core import op", "errors only"),
        ("check/compare.py", "def f():\n    import torch", "only bridge may"),
        ("bridge/twins.py", "import torch.nn as nn", "only inside functions"),
        ("plot/curves.py", "try:\n    import matplotlib\nexcept ImportError:\n    pass", "only inside functions"),
        ("attic/old.py", "", "no room"),
        ("cli/demo.py", "from handgrad.attic import old", "no such room"),
    ],
)
def test_planted_arrows_are_found(file, source, complaint):
    (problem,) = violations(source, file)
    assert complaint in problem
