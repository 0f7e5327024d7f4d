"""Plain data that people extend: classes whose fields are all there is, written to JSON and read back by kind.

Layers, losses, initialisers, optimizers and schedules are such classes. Subclassing makes a dataclass whose objects
never change, and enters it under its kind: a user's class is saved, loaded and found by name like our own.
"""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from handgrad.errors import ArgumentError, DTypeError, HandgradError, Phrase, UnknownNameError, nearest
from handgrad.nn.arguments import shown

_kinds: dict[str, dict[str, type[Plain]]] = {}  # family -> kind -> class
finders: dict[str, Callable[[str], Any]] = {}  # family -> what makes a class for a kind that is not there yet, or None


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Plain(ABC):
    """Base of the families. `family` is set once by the class that users extend, `kind` by each class below it.

    The kind defaults to the class's name in snake case; `abstract=True` in the class line leaves a class out of the
    register. Objects equal each other when their fields do, except in families that say `by_identity`.
    """

    family: ClassVar[str]
    kind: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()  # further names under which it is found
    by_identity: ClassVar[bool] = False

    def __init_subclass__(cls, abstract: bool = False, **facts: Any) -> None:
        super().__init_subclass__(**facts)
        own = cls.__dict__
        if "__init__" in own and "__dataclass_fields__" not in own:
            raise ArgumentError(
                "class {name} has its own __init__: its settings must be fields, so that it can be saved. "
                "Write them as `size: int` in the class and check them in __post_init__.",
                name=cls.__name__,
            )
        if any(not str(kind).startswith("ClassVar") for kind in own.get("__annotations__", {}).values()):
            # only where there are fields, and only the __init__: each part costs time at import
            dataclass(eq=False, repr=False, match_args=False)(cls)
        if "kind" not in own:
            cls.kind = snake_case(cls.__name__)
        if "kind" in _fields(cls):
            raise ArgumentError(
                "class {name}: kind is one for all its objects, not a field. Write kind = {kind!r} without a type.",
                name=cls.__name__, kind=cls.kind,
            )  # fmt: skip
        if abstract:
            return
        known = _kinds.setdefault(cls.family, {})
        old = known.get(cls.kind)
        if old is not None and old.__module__ != cls.__module__:  # a notebook may run its cell again
            raise ArgumentError(
                "class {name}: the kind {kind!r} is taken by {old} of {module}. Give it another: kind = {other!r}.",
                name=cls.__name__, kind=cls.kind, old=old.__name__, module=old.__module__, other=f"my_{cls.kind}",
            )  # fmt: skip
        known[cls.kind] = cls

    def to_spec(self) -> dict[str, Any]:
        """What this object is, as JSON can hold it: its kind and all its fields.

        Raises DTypeError when a field holds something that JSON has no form for.
        """
        return _out(self, self.family, "", {})  # type: ignore[no-any-return]

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], path: str = "") -> Self:
        """The object that `to_spec` wrote. `path` is where `spec` stands in a larger document, for error messages.

        Raises UnknownNameError for an unknown kind or key, ArgumentError or DTypeError for a missing or wrong value;
        each message begins with the path inside the document.
        """
        made = _in(spec, cls.family, path, {})
        if not isinstance(made, cls):
            raise ArgumentError(
                "{path}: it describes {got}, where {expected} is needed. Change its kind.",
                path=path or "kind", got=shown(made), expected=cls.__name__,
            )  # fmt: skip
        return made

    @classmethod
    def from_specs(cls, specs: Any, path: str) -> list[Self]:
        """The objects that `to_specs` wrote. Raises as `from_spec` does."""
        if not isinstance(specs, (list, tuple)):
            raise DTypeError("{path} is {value}: it must be a list. Write [...].", path=path, value=shown(specs))
        built: dict[str, Any] = {}
        made = []
        for i, spec in enumerate(specs):
            where = f"{path}[{i}]"
            one = _in(spec, cls.family, where, built)
            if not isinstance(one, cls):
                raise DTypeError("{path} is {value}: it must be an object with a kind.", path=where, value=shown(one))
            made.append(one)
        return made

    @classmethod
    def named(cls, value: Any, what: str, **settings: Any) -> Self:
        """`value` if it is such an object already; else the one of that kind (or alias), made with `settings`.

        Raises DTypeError for other things, UnknownNameError for unknown names, ArgumentError when a setting is missing.
        """
        if isinstance(value, cls):
            return value
        example = next(iter(_kinds[cls.family]))
        if not isinstance(value, str):
            if isinstance(value, type) and issubclass(value, cls):
                raise DTypeError(
                    "{what} is the class {name}: an object of it is needed. Write {name}().",
                    what=what,
                    name=value.__name__,
                )
            raise DTypeError(
                "{what} is {value}: it must be {base} or the name of one. Write {example!r}.",
                what=what, value=shown(value), base=cls.__name__, example=example,
            )  # fmt: skip
        found = find(cls.family, value)
        if found is None:
            raise UnknownNameError(
                "{what} {value} is unknown. {hint}",
                what=what,
                value=shown(value),
                hint=nearest(value, _kinds[cls.family]),
            )
        lacking = [
            f.name for f in _fields(found).values() if f.init and _default(f) is MISSING and f.name not in settings
        ]
        if lacking:
            raise ArgumentError(
                "{what} {value!r} needs {missing}. Write {cls}({missing}=...) in its place.",
                what=what, value=value, missing=lacking[0], cls=found.__name__,
            )  # fmt: skip
        made = found(**settings)
        assert isinstance(made, cls)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or name not in _fields(type(self)):
            raise ArgumentError(
                "{what}: {name} cannot be set: such objects never change. Write a new {cls}(...).",
                what=repr(self), name=name, cls=type(self).__name__,
            )  # fmt: skip
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if self.by_identity or type(self) is not type(other):
            return self is other
        return all(getattr(self, name) == getattr(other, name) for name in _fields(type(self)))

    def __hash__(self) -> int:
        if self.by_identity:
            return object.__hash__(self)
        return hash((type(self), *(getattr(self, name) for name in _fields(type(self)))))

    def __repr__(self) -> str:
        values = []
        # an inherited name stands first, and is written last
        for f in sorted(_fields(type(self)).values(), key=lambda f: bool(f.kw_only)):
            value = getattr(self, f.name)
            if _default(f) is MISSING and not f.kw_only:
                values.append(repr(value))
            elif value != _default(f):
                values.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(values)})"

    def _settle(self, **values: Any) -> None:
        """Put checked values into the fields; for `__post_init__` only, later the object is frozen."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def snake_case(name: str) -> str:
    """A class's name as names in strings are written.

    >>> snake_case("MyReLUBlock"), snake_case("Scale2D")
    ('my_re_lu_block', 'scale2_d')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _fields(cls: type[Any]) -> dict[str, Field[Any]]:
    """The fields of a class by name; none before a class has any."""
    return {f.name: f for f in fields(cls)} if hasattr(cls, "__dataclass_fields__") else {}


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


# -- by name ----------------------------------------------------------------------------------------------------------
def kinds(family: str) -> Iterator[tuple[str, type[Plain]]]:
    """The kinds of a family and their classes, in the order in which they were defined."""
    yield from _kinds.get(family, {}).items()


def find(family: str, name: str) -> type[Plain] | None:
    """The class of this kind, or alias, or None."""
    known = _kinds.get(family, {})
    if name in known:
        return known[name]
    for cls in known.values():
        if name in cls.aliases:
            return cls
    made: type[Plain] | None = finders[family](name) if family in finders else None
    return made


# -- JSON -------------------------------------------------------------------------------------------------------------
def to_specs(things: Sequence[Plain], path: str) -> list[Any]:
    """A list of objects of one family as JSON; an object that stands in it twice is written once and referred to."""
    seen: dict[int, str] = {}
    return [_out(thing, thing.family, f"{path}[{i}]", seen) for i, thing in enumerate(things)]


def _out(value: Any, family: str, path: str, seen: dict[int, str]) -> Any:
    if isinstance(value, Plain):
        if value.by_identity:
            if id(value) in seen:
                return {"same": seen[id(value)]}
            seen[id(value)] = path
        # another family's kind says so: init.he_normal
        spec: dict[str, Any] = {"kind": value.kind if value.family == family else f"{value.family}.{value.kind}"}
        for name in _fields(type(value)):
            inner = getattr(value, name)
            if name != "name" or inner is not None:
                spec[name] = _out(inner, value.family, _join(path, name), seen)
        return spec
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_out(v, family, f"{path}[{i}]", seen) for i, v in enumerate(value)]
    raise DTypeError(
        "{path} holds {value}, for which a saved file has no form. Keep numbers, texts, tuples or layers in fields.",
        path=path, value=shown(value),
    )  # fmt: skip


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _in(value: Any, family: str, path: str, built: dict[str, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_in(v, family, f"{path}[{i}]", built) for i, v in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    if "same" in value:
        if value["same"] not in built:
            raise UnknownNameError(
                "{path} refers to {other}, which does not stand before it. Write the layer out here.",
                path=_join(path, "same"), other=shown(value["same"]),
            )  # fmt: skip
        return built[value["same"]]
    cls = _class(value, family, path)
    known = {name: f for name, f in _fields(cls).items() if f.init}
    for key in value:
        if key != "kind" and key not in known:
            raise UnknownNameError(
                "{path}: {kind} has no setting of that name. {hint}",
                path=_join(path, str(key)), kind=cls.kind, hint=nearest(str(key), known),
            )  # fmt: skip
    for name, f in known.items():
        if name not in value and _default(f) is MISSING:
            raise ArgumentError(
                "{path} is missing: {kind} cannot do without it. Add it to the document.",
                path=_join(path, name), kind=cls.kind,
            )  # fmt: skip
    settings = {k: _in(v, cls.family, _join(path, k), built) for k, v in value.items() if k != "kind"}
    try:
        made = cls(**settings)
    except HandgradError as error:  # what is known there, where is known here
        problem = Phrase(error.template, **error.values)
        raise type(error)("{path}: {problem}", path=path or cls.kind, problem=problem) from None
    built[path] = made
    return made


def _class(value: Mapping[str, Any], family: str, path: str) -> type[Plain]:
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise ArgumentError(
            "{path} is {value}: it must be the name of a kind. Write one of {names}.",
            path=_join(path, "kind"), value=shown(kind), names=", ".join(list(_kinds[family])[:8]),
        )  # fmt: skip
    other, dot, rest = kind.rpartition(".")
    cls = find(other if dot else family, rest)
    if cls is None:
        raise UnknownNameError(
            "{path}: there is no {family} of the kind {kind}. {hint}",
            path=_join(path, "kind"), family=other if dot else family, kind=shown(rest),
            hint=nearest(rest, _kinds.get(other if dot else family, _kinds)),
        )  # fmt: skip
    return cls
