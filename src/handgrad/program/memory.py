"""Memory: registers that calls write, and the slots they share.

One scan over the calls lays registers into slots: a register's memory is free after its last reader, and an
element-wise call may write over an argument that dies there.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from handgrad.core.sizes import Shape, Size, product, show
from handgrad.program.printing import ATOM

FOREVER = 1 << 60  # the last reader of what is wanted from outside


@dataclass(eq=False, slots=True)
class Register:
    """A value while a step runs. kind: leaf | constant | pool | pinned | view | scalar (a Python number) | fresh."""

    kind: str
    shape: Shape
    dtype: str
    text: str = ""  # how code spells it, once that is known
    strength: int = ATOM
    base: Register | None = None  # view: what it looks into
    template: str = ""  # view: how it is made from its base; scalar: its formula
    steady: bool = True  # the object is the same at every step, so views into it are made once
    contiguous: bool = True
    statement: int = -1  # the statement that it is the result of
    slot: Slot | None = None
    last: int = -1
    args: tuple[Register, ...] = ()  # scalar: what its template is filled with

    @property
    def root(self) -> Register:
        r = self
        while r.base is not None:
            r = r.base
        return r


@dataclass(eq=False, slots=True)
class Slot:
    """A piece of memory that several registers use one after the other."""

    dtype: str
    letters: tuple[str, ...]
    coefficient: int
    number: int = 0  # in the order in which slots are made
    owner: Register | None = None
    names: dict[str, Shape] = field(default_factory=dict)
    spare: dict[Shape, str] = field(default_factory=dict)  # names of intermediate results, by shape


@dataclass(eq=False, slots=True)
class Call:
    """One line of the step: `fn(ins, out)`, or `out = text` where NumPy cannot write into a buffer."""

    fn: str
    ins: tuple[Any, ...]  # registers and literal text
    out: Register
    statement: int
    form: str = "{fn}({ins}, {out})"
    elementwise: bool = False


def allocate(calls: Sequence[Call]) -> list[Slot]:
    """Give every pool register a slot; the slots in the order in which they are made."""
    slots: list[Slot] = []
    free: Free = {}
    reads: list[list[Register]] = []
    for at, c in enumerate(calls):
        roots = [r.root for r in c.ins if isinstance(r, Register)] + [c.out.root] * (c.out.base is not None)
        reads.append(roots)
        for r in roots:
            r.last = max(r.last, at)
    for at, c in enumerate(calls):
        out = c.out.root
        if out.kind == "pool" and out.slot is None:
            out.slot = _slot(slots, free, c, out, at)
            out.slot.owner = out
            out.last = max(out.last, at)
        for r in {id(r): r for r in [*reads[at], out]}.values():
            if r.slot is not None and r.last == at and r.slot.owner is r:
                r.slot.owner = None
                insort(free.setdefault((r.slot.dtype, r.slot.letters), []), r.slot, key=_size)
    return slots


Free = dict[tuple[str, tuple[str, ...]], list[Slot]]  # free slots by dtype and letters, the smallest first


def _size(slot: Slot) -> tuple[int, int]:
    return slot.coefficient, slot.number


def _slot(slots: list[Slot], free: Free, c: Call, out: Register, at: int) -> Slot:
    if c.elementwise:
        for r in c.ins:  # write over an argument that nobody reads again
            if isinstance(r, Register) and r.kind == "pool" and r.slot is not None and r.last == at:
                looks = any(isinstance(q, Register) and q is not r and q.root is r for q in c.ins)
                if r.shape == out.shape and r.dtype == out.dtype and not looks:
                    return r.slot
    n = product(out.shape)
    letters, coefficient = (n.letters, n.coefficient) if isinstance(n, Size) else ((), n)
    fitting = free.get((out.dtype, letters))
    if not fitting:
        slots.append(Slot(out.dtype, letters, coefficient, len(slots)))
        return slots[-1]
    # the smallest that is large enough, else the largest of all, which grows
    chosen = fitting.pop(min(bisect_left(fitting, (coefficient, 0), key=_size), len(fitting) - 1))
    chosen.coefficient = max(chosen.coefficient, coefficient)
    return chosen


def lines(slot: Slot) -> list[str]:
    """The lines that make a slot's memory and the arrays that look into it."""
    kind = {"float": "dt", "bool": "bool", "int": "int"}[slot.dtype]

    def numbers(shape: Shape) -> int:
        n = product(shape)
        return n.coefficient if isinstance(n, Size) else n

    ordered = sorted(slot.names.items(), key=lambda item: -numbers(item[1]))
    first, shape = ordered[0]
    made = [f"{' = '.join(n for n, s in ordered if s == shape)} = empty({show(shape)}, {kind})"]
    for name, other in ordered:
        if other != shape:
            whole = numbers(other) == numbers(shape)
            cut = f"{first}.reshape(-1)" if whole else f"{first}.reshape(-1)[:{product(other)}]"
            made.append(f"{name} = {cut}.reshape({show(other)})")
    return made
