"""The error function in plain NumPy, which has none: for tensors, and carried whole into printed scripts."""

from __future__ import annotations

import inspect

import numpy as np

# erf(x) / x on |x| <= 1, a polynomial in x*x; relative error 2**-56.9.
_ERF_NEAR = (
    1.1283791670955126,
    -0.3761263890318352,
    0.112837916709442,
    -0.026866170643113415,
    0.005223977606130842,
    -0.0008548325929766244,
    0.0001205529358693695,
    -1.4924712439534814e-05,
    1.6447132699786621e-06,
    -1.6206318752969208e-07,
    1.3710988704190523e-08,
    -7.779462971761597e-10,
)
# exp(x*x) * erfc(x) on 1 <= x <= 6, a polynomial in (x - 3) / (x + 3); times exp(-x*x) its error is 2**-57.1.
_ERF_FAR = (
    0.1790011511813538,
    -0.3262335600459018,
    0.24560380166428772,
    -0.15011593634395598,
    0.07166585012821575,
    -0.024392327889780806,
    0.004270353753478852,
    0.0007131751657782248,
    -0.0005810924129484148,
    7.63937727971559e-05,
    0.00010295166532110193,
    1.5203243695304508e-05,
)


def erf(x: object, out: np.ndarray | None = None) -> np.ndarray:
    """Return the error function 2/sqrt(pi) * integral of exp(-t*t) from 0 to x, for every element.

    x is an array of any shape, or a number; it is only read. The result has x's shape and, for float16, float32 and
    complex input, its dtype; everything else gives float64. float32 is computed in float64 and rounded once. With
    out= the result is also written there, cast as NumPy's functions cast it, and out is returned; out may be x.
    No element gives a warning: nan stays nan, and erf(inf) is 1.

    Complex input is right for the complex step only: erf(x + ih) = erf(x) + ih * 2/sqrt(pi) * exp(-x*x) leaves out
    terms of the size of h*h, which vanish for |h| <= 1e-20.

    How: for |x| < 1, erf(x) = x * P(x*x); the Taylor series (Abramowitz and Stegun, Handbook of Mathematical
    Functions, 7.1.5) has such a form. From 1 on, erf(x) = 1 - exp(-x*x) * Q((x - 3) / (x + 3)): Q stands for
    exp(x*x) * erfc(x), which is smooth and slow, and the subtraction costs nothing, because erfc(1) is only 0.16.
    From 6 on the result is 1. Both polynomials are best approximations, found by Remez exchange in 60 digits.
    The result differs from the true value by less than 2 units in the last place.

    Errors: those of np.asarray for what is not numbers, and NumPy's ValueError or TypeError when the result does not
    fit into out.

    >>> erf(np.array([-np.inf, -1.0, 0.0, 0.5]))
    array([-1.        , -0.84270079,  0.        ,  0.52049988])
    """
    x = np.asarray(x)
    if np.iscomplexobj(x):
        with np.errstate(all="ignore"):  # x*x may overflow: exp(-inf) is the right 0
            slope = _ERF_NEAR[0] * np.exp(-x.real * x.real)
            value = (erf(x.real) + 1j * (slope * x.imag)).astype(x.dtype)
    else:
        flat = x.astype(np.float64, order="C", copy=False).reshape(-1)
        value = np.empty_like(flat)
        with np.errstate(all="ignore"):  # x*x may overflow or underflow: both ends are right all the same
            for start in range(0, flat.size, 16384):  # what one block needs stays in the processor's cache
                near = flat[start : start + 16384]
                square = near * near
                np.minimum(square, 1.0, out=square)
                total = np.multiply(_ERF_NEAR[-1], square, out=value[start : start + 16384])
                for c in _ERF_NEAR[-2:0:-1]:
                    total += c
                    total *= square
                total += _ERF_NEAR[0]
                total *= near
                size = np.abs(near, out=square)
                where = np.flatnonzero(size >= 1.0)
                if where.size:
                    far = np.minimum(size.take(where), 6.0)
                    t = far - 3.0
                    t /= far + 3.0
                    tail = _ERF_FAR[-1] * t
                    for c in _ERF_FAR[-2:0:-1]:
                        tail += c
                        tail *= t
                    tail += _ERF_FAR[0]
                    far *= -far
                    tail *= np.exp(far, out=far)
                    np.subtract(1.0, tail, out=tail)
                    total[where] = np.copysign(tail, near.take(where), out=tail)
            if x.dtype.kind == "f" and x.dtype.itemsize < 8:
                value = value.astype(x.dtype)
        value = value.reshape(x.shape)
    if out is None:
        result: np.ndarray = value[()]  # a number for a number, as NumPy's own functions do
        return result
    with np.errstate(all="ignore"):
        np.copyto(out, value, casting="same_kind")
    return out


def source() -> str:
    """Return the text that defines erf in a script whose only import is `import numpy as np`.

    >>> names = {"np": np}
    >>> exec(source(), names)
    >>> float(names["erf"](0.5)) == float(erf(0.5))
    True
    """
    tables = {"_ERF_NEAR": _ERF_NEAR, "_ERF_FAR": _ERF_FAR}
    lines = [f"{name} = (\n" + "".join(f"    {c!r},\n" for c in table) + ")\n" for name, table in tables.items()]
    return "".join(lines) + "\n\n" + inspect.getsource(erf)
