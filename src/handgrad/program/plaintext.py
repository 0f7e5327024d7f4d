r"""Formulas in a terminal: the LaTeX that `program/latex.py` prints, written with Unicode's own letters.

Only what our printer writes is read: groups, sub- and superscripts, fractions, names. `\delta_{2} = a_{2} - y` becomes
`δ₂ = a₂ - y`, what has no raised or lowered letter keeps `_` and `^`.
"""

from __future__ import annotations

import re

LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
RAISED = dict(zip("0123456789+-=()nitT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵗᵀ", strict=True))
SYMBOLS = {
    "odot": "⊙", "cdot": "·", "times": "×", "partial": "∂", "top": "T", "sum": "Σ", "prod": "Π", "infty": "∞",
    "ge": "≥", "le": "≤", "ne": "≠", "neg": "¬", "wedge": "∧", "vee": "∨", "lVert": "‖", "rVert": "‖", "lvert": "|",
    "rvert": "|",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "kappa": "κ", "xi": "ξ", "zeta": "ζ", "Gamma": "Γ", "Delta": "Δ",
    "ell": "ℓ", "quad": " ", "qquad": " ",
}  # fmt: skip
NAMES = ("sin", "cos", "tanh", "sinh", "cosh", "exp", "ln", "log", "max", "min", "arg", "lim", "sup")
SILENT = ("left", "right", "mathrm", "mathbf", "text", "textrm", "displaystyle", "limits")
_TOKEN = re.compile(r"\\([a-zA-Z]+)|\\(.)|([{}_^])|(\s+)|([^\\{}_^\s]+?(?=[\\{}_^\s]|$))", re.DOTALL)


def plaintext(latex: str) -> str:
    r"""A formula as one line of Unicode text.

    >>> plaintext(r"\frac{\partial L}{\partial W_{1}} = X^{\top}\,\delta_{1}")
    '∂L/∂W₁ = Xᵀ δ₁'
    >>> plaintext(r"a_{2} = \sigma\left(z_{2}\right)"), plaintext(r"\frac{a - y}{N}")
    ('a₂ = σ(z₂)', '(a - y)/N')
    """
    tokens = list(_TOKEN.finditer(latex))
    text, _ = _sequence(tokens, 0)
    text = re.sub(r"\s*&\s*otherwise", " otherwise", text).replace("&", " if ")  # the cases of a choice
    return re.sub(r" +([;}])", r"\1", re.sub(r" +", " ", text)).replace("{ ", "{").strip()


def _sequence(tokens: list[re.Match[str]], at: int) -> tuple[str, int]:
    """Everything up to the brace that closes, or to the end."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at][0] != "}":
        token = tokens[at]
        if token[0] in "_^" and token[0]:
            body, at = _group(tokens, at + 1)
            parts.append(_shifted(body, token[0]))
            continue
        piece, at = _piece(tokens, at)
        parts.append(piece)
    return "".join(parts), at


def _group(tokens: list[re.Match[str]], at: int) -> tuple[str, int]:
    """One argument: a group in braces, or a single token."""
    while at < len(tokens) and tokens[at][0].isspace():
        at += 1
    if at < len(tokens) and tokens[at][0] == "{":
        body, at = _sequence(tokens, at + 1)
        return body, at + 1
    return _piece(tokens, at) if at < len(tokens) else ("", at)


def _piece(tokens: list[re.Match[str]], at: int) -> tuple[str, int]:
    token = tokens[at]
    command, escaped = token[1], token[2]
    if token[0] == "{":
        return _group(tokens, at)
    if command in ("frac", "tfrac", "dfrac"):
        above, at = _group(tokens, at + 1)
        below, at = _group(tokens, at)
        if (above, below) == ("1", "2"):
            return "½", at
        return f"{_whole(above)}/{_whole(below)}", at
    if command == "sqrt":
        body, at = _group(tokens, at + 1)
        return f"√{_whole(body)}", at
    if command == "hat":
        body, at = _group(tokens, at + 1)
        return f"{body}\N{COMBINING CIRCUMFLEX ACCENT}", at
    if command in ("begin", "end"):  # only the cases of a choice
        _, at = _group(tokens, at + 1)
        return ("{" if command == "begin" else "}"), at
    if command == "operatorname" or command in NAMES:
        name, at = _group(tokens, at + 1) if command == "operatorname" else (command, at + 1)
        return _applied(name, tokens, at)
    if command is not None:
        at += 1
        if command == "partial" and at < len(tokens) and tokens[at][0].isspace():
            at += 1  # ∂ stands close to what is differentiated
        return ("" if command in SILENT else SYMBOLS.get(command, command)), at
    if escaped is not None:
        return {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "\\": "; ", "|": "‖"}.get(escaped, escaped), at + 1
    return token[0], at + 1


def _applied(name: str, tokens: list[re.Match[str]], at: int) -> tuple[str, int]:
    """The name of a function, kept apart from what it is applied to."""
    following = tokens[at] if at < len(tokens) else None
    if following is None or following[0] in ("_", "^", "}") or following[1] == "left" or following[0][0] in "(":
        return name, at
    if following[1] in ("frac", "tfrac"):
        body, at = _piece(tokens, at)
        return f"{name}({body})", at
    return f"{name} ", at


def _whole(text: str) -> str:
    """Brackets around what would fall apart beside a fraction line or under a root."""
    closed = re.fullmatch(r"\d+(\.\d+)?|[^\W\d][^\s()+\-*/⊙·]*(\([^()]*\))?|∂[^\s()+\-*/⊙·]+|√\w", text)
    return text if closed else f"({text})"


def _shifted(text: str, how: str) -> str:
    """A sub- or superscript in raised or lowered letters where all of them exist."""
    table = LOWERED if how == "_" else RAISED
    if text and all(c in table for c in text):
        return "".join(table[c] for c in text)
    return how + (text if re.fullmatch(r"\w+|'+", text) else f"({text})")
