"""Sizes: a whole number, or a product of whole numbers and letters (N, 36*N) for an axis not known yet.

Only products occur in shapes, means and their gradients, so a size is a coefficient and a sorted tuple of letters.
A letter never equals 1 in a broadcasting decision; what follows from that also holds when the letter is 1 at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from handgrad.errors import Phrase, ShapeError, clipped, listed


@dataclass(frozen=True, slots=True)
class Size:
    """`coefficient` times the product of `letters`, with at least one letter.

    >>> N = Size(1, ("N",))
    >>> str(N * 36), N * 4 // 4 == N
    ('36*N', True)
    """

    coefficient: int
    letters: tuple[str, ...]

    def __mul__(self, other: int | Size) -> int | Size:
        if isinstance(other, Size):
            return size(self.coefficient * other.coefficient, self.letters + other.letters)
        return size(self.coefficient * other, self.letters)

    __rmul__ = __mul__

    def __floordiv__(self, other: int | Size) -> int | Size:
        coefficient, letters = (other.coefficient, other.letters) if isinstance(other, Size) else (other, ())
        rest = list(self.letters)
        for letter in letters:
            if letter not in rest:
                raise ShapeError("{size} cannot be divided by {other}.", size=str(self), other=str(other))
            rest.remove(letter)
        if coefficient == 0 or self.coefficient % coefficient:
            raise ShapeError("{size} cannot be divided by {other}.", size=str(self), other=str(other))
        return size(self.coefficient // coefficient, tuple(rest))

    def __str__(self) -> str:
        letters = "*".join(self.letters)
        return letters if self.coefficient == 1 else f"{self.coefficient}*{letters}"

    __repr__ = __str__


Shape = tuple[int | Size, ...]


def size(coefficient: int, letters: Iterable[str] = ()) -> int | Size:
    """A size in canonical form: a plain int when there is no letter (or nothing to count)."""
    ordered = tuple(sorted(letters))
    return Size(coefficient, ordered) if ordered and coefficient else coefficient


def product(shape: Iterable[int | Size]) -> int | Size:
    """The number of elements of a shape."""
    total: int | Size = 1
    for n in shape:
        total = total * n
    return total


def divide(a: int | Size, b: int | Size) -> int | Size:
    """a // b where b must divide a."""
    if isinstance(a, Size):
        return a // b
    if isinstance(b, Size) or b == 0 or a % b:
        raise ShapeError("{size} elements cannot be divided by {other}.", size=str(a), other=str(b))
    return a // b


def broadcast(*shapes: Shape, where: str = "broadcast") -> Shape:
    """The common shape of arrays that are combined element by element (NumPy's rule).

    Raises ShapeError when two axes differ and neither is 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[int | Size] = [1] * rank
    for shape in shapes:
        for i, n in enumerate(shape, start=rank - len(shape)):
            if n == 1 or n == result[i]:
                continue
            if result[i] != 1:
                raise ShapeError(
                    "{where}: shapes {shapes} do not fit together: each axis must be equal, or 1 in one of them.",
                    where=where,
                    shapes=together(show(s) for s in shapes),
                )
            result[i] = n
    return tuple(result)


def show(shape: Iterable[int | Size]) -> str:
    """A shape as people write it: (N, 3), (3,), ()."""
    parts = [str(n) for n in shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def together(shapes: Iterable[str]) -> str:
    """Shapes as an error names them: both, or the first of many and how many are left.

    >>> together(["(2,)", "(3, 2)"]), together(["(2, 3)"] * 9)
    ('(2,) and (3, 2)', '(2, 3), (2, 3), (2, 3), (2, 3), (2, 3) and 4 more')
    """
    every = [clipped(shape) for shape in shapes]
    if len(every) == 2:
        return Phrase("{one} and {other}", one=every[0], other=every[1])
    return listed(every, 40)


def bind(shape: Iterable[int | Size], letters: dict[str, int]) -> tuple[int, ...]:
    """The shape with numbers in place of its letters."""
    result = []
    for n in shape:
        if isinstance(n, Size):
            total = n.coefficient
            for letter in n.letters:
                total *= letters[letter]
            result.append(total)
        else:
            result.append(n)
    return tuple(result)
