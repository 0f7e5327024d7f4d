"""Reports: what a gradient check found, as data, as a table of 80 columns and as HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from handgrad.check.kinds import SENTENCES
from handgrad.core.sizes import show
from handgrad.errors import UnknownNameError, nearest
from handgrad.i18n import N_, Translator, translator
from handgrad.i18n.columns import fitted, wrapped

# Relative. Both sides round to 1e-16, and the sums over a batch cancel a little.
AGREES = 1e-9


@dataclass(frozen=True, slots=True)
class Kink:
    """A place where the function bends: the slopes to the left and to the right, and the claimed one."""

    index: tuple[int, ...]
    left: float
    right: float
    analytic: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found about one gradient.

    `name` is the array (dense1.weight, input, an argument), `kind` the mistake in snake_case, "" where there is none.
    `index`, `analytic`, `numeric`, `step`, `method` and `error` (relative) are those of the worst place. Of `size`
    numbers `checked` were looked at; among these are `kinks` (no derivative there), `zeros` (0 against 0) and `unseen`
    ones (too small to be told from rounding). `op` and `layer` say where an op of a network stands; `rounding` is how
    far a float32 gradient is from the proven one, `constant` says that no derivative is declared. `torch` is the
    largest difference to PyTorch's gradient, relative to the array's largest number; None where nobody compared.
    """

    name: str
    ok: bool
    kind: str = ""
    index: tuple[int, ...] | None = None
    analytic: float = math.nan
    numeric: float = math.nan
    step: float = math.nan
    error: float = 0.0
    method: str = "central_difference"
    size: int = 0
    checked: int = 0
    wrong: int = 0
    kinks: int = 0
    zeros: int = 0
    unseen: int = 0
    kink: Kink | None = None
    factor: float | None = None
    other: str = ""
    got: tuple[int, ...] | None = None
    expected: tuple[int, ...] | None = None
    layer: str = ""
    op: str = ""
    rounding: float | None = None
    constant: bool = False
    torch: float | None = None

    @property
    def proven(self) -> bool:
        """Whether at least one number that is not 0 was confirmed."""
        return self.ok and not self.kind and self.checked > self.kinks + self.zeros + self.unseen

    @property
    def all_zero(self) -> bool:
        """Whether the check compared nothing but 0 with 0."""
        return self.checked > 0 and self.zeros == self.checked

    @property
    def parameter(self) -> str:
        """The name of the array inside its layer."""
        return self.name.rpartition(".")[2]

    @property
    def sentence(self) -> str:
        """What is wrong, in English; "" where nothing is."""
        return self.explain(translator("en"))

    def explain(self, t: Translator) -> str:
        """What is wrong, in the translator's language."""
        if not self.kind:
            return ""
        values: dict[str, Any] = {
            "factor": self.factor, "other": self.other, "wrong": self.wrong, "checked": self.checked,
            "got": show(self.got or ()), "expected": show(self.expected or ()), "torch": self.torch,
        }  # fmt: skip
        return t(SENTENCES[self.kind], **values)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a gradient check: one entry for each array, and one for each op whose own rule disagrees.

    `dtype` is the network's or the arguments', `checked_in` the one in which the check was made. `not_compared` is
    the reason why PyTorch was not asked; "" where it was, or where nobody wanted it.
    """

    subject: str
    entries: tuple[Entry, ...]
    ops: tuple[Entry, ...] = ()
    dtype: str = "float64"
    checked_in: str = "float64"
    sample: int | None = None
    seed: int = 0
    not_compared: str = ""

    @property
    def ok(self) -> bool:
        """Whether no mistake was found."""
        return all(e.ok for e in (*self.entries, *self.ops))

    @property
    def checked(self) -> int:
        """How many derivatives were looked at."""
        return sum(e.checked for e in self.entries)

    @property
    def kinks(self) -> int:
        """How many of them stand at kinks of the function, where there is no derivative."""
        return sum(e.kinks for e in self.entries)

    @property
    def torch(self) -> float | None:
        """The largest difference to PyTorch's gradients, relative; None where nothing was compared."""
        return max((e.torch for e in self.entries if e.torch is not None), default=None)

    @property
    def wrong(self) -> tuple[Entry, ...]:
        """The entries that are not ok."""
        return tuple(e for e in self.entries if not e.ok)

    @property
    def worst(self) -> Entry | None:
        """The entry with the largest relative error, a wrong one if there is any; None when nothing was compared."""
        known = [e for e in self.wrong or self.entries if e.index is not None]
        return max(known, key=lambda e: e.error if math.isfinite(e.error) else math.inf, default=None)

    def __getitem__(self, name: str) -> Entry:
        for e in self.entries:
            if e.name == name:
                return e
        raise UnknownNameError(
            "the report has no entry {name!r}. {hint}", name=name, hint=nearest(name, [e.name for e in self.entries])
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; numbers that are not finite become texts."""
        return {
            "subject": self.subject, "ok": self.ok, "dtype": self.dtype, "checked_in": self.checked_in,
            "sample": self.sample, "seed": self.seed, "checked": self.checked, "kinks": self.kinks,
            "torch": _plain(self.torch), "not_compared": str(self.not_compared),
            "entries": [_plain(asdict(e)) for e in self.entries], "ops": [_plain(asdict(e)) for e in self.ops],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<Report {'ok' if self.ok else 'WRONG'}: {self.subject}, {self.headline(translator('en'))}>"

    def headline(self, t: Translator) -> str:
        """How many derivatives of how many arrays, and the verdict, in a few words."""
        wrong = len(self.wrong)
        if wrong:
            return t(N_("{wrong} of {arrays} gradients wrong"), wrong=wrong, arrays=len(self.entries))
        if not self.ok:
            return t(N_("a rule of an op is wrong"))
        right = self.checked - sum(e.unseen + e.kinks for e in self.entries)
        return t(N_("{n} derivatives right"), n=right)

    def _head(self, t: Translator) -> str:
        return t(N_("Gradient check of {subject}: {headline}"), subject=self.subject, headline=self.headline(t))

    def text(self, lang: str = "en") -> str:
        """The report as a table in 80 columns, in English, zh-CN or zh-TW."""
        t = translator(lang)
        lines = [*wrapped(self._head(t), COLUMNS), "", _row(_heads(t))]
        lines += [_row(_cells(e, t)) for e in self.entries]
        notes = self.notes(t)
        return "\n".join(
            [*lines, *([""] if notes else []), *(part for n in notes for part in wrapped(n, COLUMNS, "  "))]
        )

    __str__ = text

    def notes(self, t: Translator) -> list[str]:
        """What must be said beside the table, each as one sentence."""
        said = []
        worst = self.worst
        if worst is not None:
            said.append(_worst(worst, t))
        for e in [e for e in self.entries if e.kind]:
            said.append(t(N_("{what}: {problem}."), what=e.name, problem=e.explain(t)))
        for e in self.ops:
            place = N_("op {op} in {layer}, {name}") if e.layer else N_("op {op}, {name}")
            what = t(place, op=e.op, layer=e.layer, name=e.name)
            said.append(t(N_("{what}: {problem}."), what=what, problem=e.explain(t)))
        said += self._beside_torch(t)
        if self.kinks:
            example = next(e for e in self.entries if e.kinks)
            said.append(t(N_("{n} positions at kinks: no derivative there, not counted as mistakes."), n=self.kinks))
            if example.kink is not None:
                k = example.kink
                sides = N_("{at}: slope {left:.6g} to the left, {right:.6g} to the right, {analytic:.6g} given.")
                at = f"{example.name}{list(k.index)}"
                said.append(t(sides, at=at, left=k.left, right=k.right, analytic=k.analytic))
        for e in self.entries:
            if e.all_zero:
                said.append(t(N_("{name}: only 0 against 0 was compared, which proves nothing."), name=e.name))
            if e.constant:
                said.append(t(N_("{name}: declared to have no derivative, not checked."), name=e.name))
        unseen = sum(e.unseen for e in self.entries)
        if unseen:
            said.append(t(N_("{n} positions could not be seen: the slope is lost in rounding."), n=unseen))
        if self.dtype != self.checked_in:
            said.append(t(N_("The numbers are {dtype}; checked in {wide}."), dtype=self.dtype, wide=self.checked_in))
            known = [e.rounding for e in self.entries if e.rounding is not None]
            if known:
                said.append(t(N_("Rounding to {dtype} changes a gradient by {x:.1e}."), dtype=self.dtype, x=max(known)))
        return said

    def _beside_torch(self, t: Translator) -> list[str]:
        """What PyTorch says of these gradients."""
        if self.torch is None:
            return (
                [t(N_("Not compared with PyTorch: {reason}."), reason=self.not_compared)] if self.not_compared else []
            )
        if self.torch > AGREES:
            other = [e.name for e in self.entries if (e.torch or 0) > AGREES and e.kind != "unlike_torch"]
            if not other:  # each has its own sentence
                return []
            return [t(N_("PyTorch differs by up to {x:.0e}: {names}."), x=self.torch, names=", ".join(other))]
        if not self.torch:
            return [t(N_("PyTorch gives the very same numbers."))]
        return [t(N_("PyTorch agrees to {x:.0e}."), x=self.torch)]

    def html(self, lang: str = "en") -> str:
        """The report as a piece of HTML, in English, zh-CN or zh-TW."""
        t = translator(lang)
        cells = [_heads(t), *(_cells(e, t) for e in self.entries)]
        rows = "".join(
            "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
            for tag, row in zip(["th", *["td"] * len(self.entries)], cells, strict=True)
        )
        notes = "".join(f"<li>{html.escape(n)}</li>" for n in self.notes(t))
        return f"<p><b>{html.escape(self._head(t))}</b></p><table>{rows}</table><ul>{notes}</ul>"

    _repr_html_ = html


COLUMNS = 80
WIDTHS = (20, 10, 10, 11, 11, 7, 5)


def _heads(t: Translator) -> tuple[str, ...]:
    columns = (N_("gradient"), N_("checked"), N_("at"), N_("analytic"), N_("numeric"), N_("error"))
    return (*(t(c) for c in columns), "")


def _cells(e: Entry, t: Translator) -> tuple[str, ...]:
    verdict = (t(N_("ok")) if e.proven else t(N_("zero")) if e.all_zero else "-") if e.ok else t(N_("WRONG"))
    where = "[" + ", ".join(map(str, e.index)) + "]" if e.index is not None else ""
    numbers = (f"{e.analytic:.4e}", f"{e.numeric:.4e}", f"{e.error:.0e}") if e.index is not None else ("", "", "")
    return (e.name, f"{e.checked}/{e.size}", where, *numbers, verdict)


def _row(cells: tuple[str, ...]) -> str:
    parts = []
    for n, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True)):
        parts.append(fitted(cell, width, right=n not in (0, 6)))
    return " ".join(parts).rstrip()


def _worst(e: Entry, t: Translator) -> str:
    templates = {
        "central_difference": N_(
            "Worst: {at}, analytic {analytic:.9g}, by central difference {numeric:.9g} (step {step:.1e})."
        ),
        "complex_step": N_(
            "Worst: {at}, analytic {analytic:.9g}, by the complex step {numeric:.9g} (step {step:.1e})."
        ),
        "torch": N_("Worst: {at}, analytic {analytic:.9g}, by PyTorch {numeric:.9g}."),
    }
    return t(
        templates[e.method], at=f"{e.name}{list(e.index or ())}", analytic=e.analytic, numeric=e.numeric, step=e.step
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
