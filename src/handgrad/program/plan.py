"""Plans: the calls that compute a program's statements into buffers, and which buffers share memory.

Every call writes one register. Registers are laid into slots by one scan over the calls: a register's memory is free
after its last reader, and an element-wise call may write over an argument that dies there. Statements stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handgrad.core.reverse import topological
from handgrad.core.sizes import Shape, Size
from handgrad.core.symbols import Expr
from handgrad.program.calls import RECIPES
from handgrad.program.memory import FOREVER, Call, Register, Slot, allocate, lines
from handgrad.program.names import Name
from handgrad.program.printing import ATOM, Piece
from handgrad.program.python import number
from handgrad.program.python import text as python_text
from handgrad.program.statements import Program, Statement

DEEP = 50  # levels of an expression that are worked out in one go


class Planner:
    """Turns statements into calls. `pins` names results that live in given memory, `static` the settings that keep
    their value from step to step, `keep` gives every result memory of its own."""

    def __init__(self, program: Program, *, pins: Mapping[str, str] | None = None, static: Sequence[str] = (),
                 keep: bool = False) -> None:  # fmt: skip
        self.program = program
        self.static = set(static)
        self.keep = keep
        self.setup: list[str] = []
        self.late: list[str] = []  # views into buffers, made after them
        self.calls: list[Call] = []
        self.uses: dict[str, None] = {}
        self.carried: dict[str, Any] = {}
        self.named: dict[str, Register] = {}
        self._memo: dict[Expr, Register] = {}
        self._constants: dict[str, Register] = {}
        self._views: dict[tuple[int, str], Register] = {}
        self._current = -1
        self._after: list[tuple[Register, Register]] = []  # values that go to their place at the end
        self._copies: dict[str, int] = {}  # where the search for a free spelling goes on
        self._taken = {s.target.text for s in program.statements} | {leaf.name.text for leaf in program.leaves}
        pins = pins or {}
        for leaf in program.leaves:
            text = leaf.name.text
            kind = "scalar" if leaf.shape == () and leaf.role == "setting" else "leaf"
            steady = kind == "leaf" or text in self.static
            self.named[text] = Register(kind, leaf.shape, leaf.dtype, text, steady=steady)
        outputs = {n.text for n in program.outputs}
        for i, s in enumerate(program.statements):
            self._statement(i, s, pins, s.target.text in outputs)
        for old, new in self._after:
            self.call("copyto", (new,), old, form="{fn}({out}, {ins})")
        self._spell(allocate(self.calls))

    # -- statements to calls ----------------------------------------------------------------------------------------
    def _statement(self, i: int, s: Statement, pins: Mapping[str, str], wanted: bool) -> None:
        self._current = i
        name = s.target.text
        for part in _stages(s.expr):
            self._memo[part] = self._written(self.value(part))
        out = None
        if name in pins:
            out = Register("pinned", s.shape, s.dtype, pins[name], statement=i)
        result = None
        if s.into is not None:
            old = self.named[s.into.text]
            if self._read_later(i, s.into):  # its new value waits until the old one is read no more
                result = self.value(s.expr)
                self._after.append((Register("pinned", s.shape, s.dtype, old.text, statement=i), result))
            else:
                out = Register("pinned", s.shape, s.dtype, old.text, statement=i)
                plain = s.expr.op is not None and s.expr.op.kind == "map" and s.expr.op.name not in RECIPES
                result = self.value(s.expr, out if plain else None)
        result = result or self.value(s.expr, out)
        if out is not None and result is not out:
            self.call("copyto", (result,), out, form="{fn}({out}, {ins})")
            result = out
        if result.kind == "scalar" and (result.text or result.template) and result.text != name:
            result = self._written(result, name)
        elif result.kind in ("pool", "fresh", "scalar") and not result.text and result.statement < 0:
            result.statement = i
        if (wanted or self.keep) and result.root.kind == "pool":
            result.root.last = FOREVER
        self.named[name] = result

    def _written(self, r: Register, name: str = "") -> Register:
        """A single number that is but a formula gets a line of its own."""
        if r.kind != "scalar" or not (r.template or name):
            return r
        made = Register("scalar", (), r.dtype, name, steady=False, statement=self._current if name else -1)
        # NumPy's single numbers are float64 and would widen a float32 program; Python's are weak
        template = "float({0})" if "np." in self.text(r) else "{0}"
        self.calls.append(Call(template, (r,), made, self._current, form="{out} = {fn}"))
        return made

    def _read_later(self, i: int, name: Name) -> bool:
        later = self.program.statements[i + 1 :]
        return any(n.name == name for t in later for n in topological([t.expr]) if n.op is None)

    def value(self, e: Expr, out: Register | None = None) -> Register:
        """The register that holds an expression's value; emits the calls that compute it."""
        if e.op is None:
            return self.named[str(e.name)] if e.name is not None else self.constant(e.value)
        found = self._memo.get(e)
        if found is None:
            found = self._memo[e] = self._compute(e, out)
        return found

    def _compute(self, e: Expr, out: Register | None) -> Register:
        op = e.op
        assert op is not None
        recipe = RECIPES.get(op.name)
        if recipe is not None:
            made = recipe(self, e, out)
            if made is not None:
                return made  # type: ignore[no-any-return]
        if e.shape == () and op.kind == "map":
            return self._scalar(e)
        if op.view:
            return self.view(self.value(e.args[0]), _template(e), e.shape)
        if op.ufunc and op.kind == "map":
            ins = self.operands(e)
            if e.dtype == "float":
                ins = tuple(self._numbers(r, e.shape) for r in ins)
            return self.call(op.ufunc, ins, out or self.pool(e.shape, e.dtype), elementwise=True)
        return self.inline(e)

    def _numbers(self, r: Register, shape: Shape) -> Register:
        """A mask as floats: converting it once is cheaper than a call on two kinds of numbers."""
        if r.dtype != "bool" or r.shape != shape:
            return r
        return self.call("copyto", (r,), self.pool(shape), form="{fn}({out}, {ins})")

    def operands(self, e: Expr) -> tuple[Register, ...]:
        """The arguments of an element-wise call; copies along axes are left to the call itself."""
        return tuple(self.value(a.args[0] if a.op is not None and a.op.traits.get("copies") else a) for a in e.args)

    def inline(self, e: Expr) -> Register:
        """A call without a buffer: NumPy makes a new array at every step."""
        assert e.op is not None
        self._carry(e)
        ins = [self.value(a) for a in e.args]
        made = Register("scalar" if e.shape == () else "fresh", e.shape, e.dtype, steady=False, contiguous=False)
        self.calls.append(Call(_template(e), tuple(ins), made, self._current, form="{out} = {fn}"))
        return made

    def _scalar(self, e: Expr) -> Register:
        """Arithmetic with single numbers: Python does it."""
        assert e.op is not None
        parts = tuple(self.value(a) for a in e.args)
        template = e.op.python(e) if callable(e.op.python) else e.op.python
        text, strength = template if isinstance(template, tuple) else (template, ATOM)
        self._carry(e)
        steady = all(r.steady and r.kind in ("constant", "scalar") for r in parts)
        return Register("scalar", (), e.dtype, "", strength, template=text, steady=steady, args=parts)

    def _carry(self, e: Expr) -> None:
        assert e.op is not None
        if "carried" in e.op.traits:
            self.carried[e.op.name] = e.op.traits["carried"]

    # -- what recipes use ---------------------------------------------------------------------------------------------
    def pool(self, shape: Shape, dtype: str = "float") -> Register:
        """A new register, its memory yet to be found."""
        return Register("pool", shape, dtype)

    def call(self, fn: str, ins: Sequence[Any], out: Register, *, elementwise: bool = False,
             form: str = "{fn}({ins}, {out})") -> Register:  # fmt: skip
        """Emit `fn(ins, out)`."""
        self.uses[fn.split(".")[0]] = None
        ins = tuple(self._operand(r) if isinstance(r, Register) else r for r in ins)
        if fn in ("maximum", "minimum"):  # NumPy wants their third argument by name
            form = form.replace("{out}", "out={out}")
        self.calls.append(Call(fn, ins, out, self._current, form, elementwise))
        return out

    def number(self, fn: str, ins: Sequence[Any]) -> Register:
        """Emit a call whose result is a single number."""
        made = Register("scalar", (), "float", steady=False)
        self.uses[fn.split(".")[0]] = None
        self.calls.append(Call(fn, tuple(ins), made, self._current, "{out} = {fn}({ins})"))
        return made

    def _operand(self, r: Register) -> Register:
        """Single numbers that stay the same become arrays without axes, made once: cheaper than Python's numbers."""
        if r.kind in ("constant", "scalar") and r.steady and r.dtype != "bool":
            return self.array(self.text(r))
        return r

    def array(self, text: str) -> Register:
        """A constant made once: `array(0.5, dt)`."""
        return self.once(f"array({text}, dt)", (), "float", _word(text), "array")

    def once(self, text: str, shape: Shape, dtype: str, name: str, *uses: str) -> Register:
        """Something made once, outside the step."""
        found = self._constants.get(text)
        if found is None:
            name = self._unique(name)
            found = self._constants[text] = Register("leaf", shape, dtype, name)
            self.setup.append(f"{name} = {text}")
            for u in uses:
                self.uses[u] = None
        return found

    def _unique(self, name: str) -> str:
        """A spelling that nobody has yet: name, name_2, name_3, ..."""
        fresh, k = name, self._copies.get(name, 1)
        while fresh in self._taken:
            k += 1
            fresh = f"{name}_{k}"
        self._copies[name] = k
        self._taken.add(fresh)
        return fresh

    def constant(self, value: Any) -> Register:
        piece = number(value)
        dtype = "bool" if isinstance(value, bool) else "int" if isinstance(value, (int, Size)) else "float"
        return Register("constant", (), dtype, piece.text, piece.strength)

    def view(self, base: Register, template: str, shape: Shape) -> Register:
        """A look into `base`: made once where `base` stays in its place, else at every step."""
        if base.kind in ("scalar", "constant"):
            base = self.array(self.text(base)) if base.steady else self._boxed(base)
        if ".reshape" in template and not base.contiguous:  # it copies: at every step
            made = Register("fresh", shape, base.dtype, steady=False)
            self.calls.append(Call(template, (base,), made, self._current, form="{out} = {fn}"))
            return made
        contiguous = base.contiguous and (".reshape" in template or template == "{0:9}")
        if not base.steady:
            made = Register("fresh", shape, base.dtype, steady=False, contiguous=contiguous)
            self.calls.append(Call(template, (base,), made, self._current, form="{out} = {fn}"))
            return made
        key = (id(base), template)
        if key not in self._views:
            self._views[key] = Register(
                "view", shape, base.dtype, base=base, template=template, contiguous=contiguous
            )  # fmt: skip
        return self._views[key]

    def _boxed(self, r: Register) -> Register:
        """A single number as an array without axes."""
        made = Register("fresh", (), r.dtype, steady=False)
        self.uses["array"] = None
        self.calls.append(Call("array({0}, dt)", (r,), made, self._current, form="{out} = {fn}"))
        return made

    def text(self, r: Register) -> str:
        """How code spells a register."""
        if r.text or not r.template or r.base is not None:
            return r.text
        return r.template.format(*(Piece(self.text(a), a.strength) for a in r.args))

    # -- names -------------------------------------------------------------------------------------------------------
    def _spell(self, slots: Sequence[Slot]) -> None:
        """Give every register its text; buffers and views go to the set-up."""
        roots = [(c.statement, c.out.root) for c in self.calls]
        finals: dict[tuple[int, int, Shape], str] = {}
        for _, r in roots:
            if r.statement >= 0:
                r.text = r.text or self.program.statements[r.statement].target.text
                finals[r.statement, id(r.slot), r.shape] = r.text
        made = 0
        for statement, r in roots:
            if not r.text and not r.template:
                # a step on the way is written where the statement's result will be, if that is the same memory
                r.text = finals.get((statement, id(r.slot), r.shape), "") if r.slot else ""
                if not r.text and r.slot is not None:
                    r.text = r.slot.spare.get(r.shape, "")
                if not r.text:
                    made += 1
                    r.text = self._unique(f"t{made}")
                    if r.slot is not None:
                        r.slot.spare[r.shape] = r.text
            if r.slot is not None:
                r.slot.names[r.text] = r.shape
        for slot in slots:
            self.uses["empty"] = None
            self.setup += lines(slot)
        for v in self._views.values():
            self._spell_view(v)

    def _spell_view(self, v: Register) -> None:
        base = v.base
        if v.text or base is None:
            return
        if base.base is not None:
            self._spell_view(base)
        made = v.template.format(Piece(base.text, base.strength))
        if made in self._constants:
            v.text = self._constants[made].text
            return
        suffix = "T" if v.template == "{0:9}.T" else "flat" if v.template.endswith(".reshape(-1)") else "view"
        v.text = self._unique(f"{base.text}_{suffix}")
        self._constants[made] = v
        self.late.append(f"{v.text} = {made}")

    # -- text --------------------------------------------------------------------------------------------------------
    def line(self, c: Call) -> str:
        """A call as a line of code."""
        pieces = [Piece(self.text(r), r.strength) if isinstance(r, Register) else Piece(str(r)) for r in c.ins]
        fn = c.fn.format(*pieces) if "{" in c.fn else c.fn
        return c.form.format(*pieces, fn=fn, ins=", ".join(p.text for p in pieces), out=self.text(c.out))

    def result(self, name: str) -> str:
        """How code spells a program's value after a step."""
        return self.text(self.named[name])

    def statements(self) -> list[tuple[Statement, list[str]]]:
        """For each statement its calls."""
        by: dict[int, list[str]] = {i: [] for i in range(len(self.program.statements))}
        for c in self.calls:
            by[c.statement].append(self.line(c))
        return [(s, by[i]) for i, s in enumerate(self.program.statements)]


def _stages(e: Expr) -> list[Expr]:
    """Parts of a deep expression that are computed first, each on top of the last: Python's own stack is short."""
    heights: dict[int, int] = {}
    found = []
    for node in topological([e]):
        height = heights[id(node)] = 1 + max((heights[id(a)] for a in node.args), default=0)
        if height % DEEP == 0 and node is not e:
            found.append(node)
    return found


def _template(e: Expr) -> str:
    assert e.op is not None
    t = e.op.python
    t = t(e) if callable(t) else t
    if t is None:
        return python_text(e).text
    return str(t[0] if isinstance(t, tuple) else t)


def _word(text: str) -> str:
    """A name for a constant: 1 is `one`, 0.5 is `half`, 1 - beta1 is `c`."""
    words = {"0": "zero", "1": "one", "2": "two", "0.5": "half", "-1": "minus_one", "N": "n"}
    return words.get(text, "c" if not text.isidentifier() else f"{text}_")
