"""The error function: exact to 2 units in the last place, on every kind of input, without a warning."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from handgrad.core.special import erf, source
from oracles import oracle

TINY = np.nextafter(0.0, 1.0)
SMALLEST_NORMAL = np.finfo(np.float64).smallest_normal


def worst_ulp(x: np.ndarray) -> float:
    """Return the largest error of erf over x, in units in the last place of the true value."""
    mpmath, worst = oracle("mpmath"), 0.0
    with mpmath.workdps(40):
        for point, got in zip(x.tolist(), np.asarray(erf(x)).tolist(), strict=True):
            true = mpmath.erf(mpmath.mpf(point))
            ulp = float(np.spacing(abs(np.asarray(float(true), dtype=x.dtype))))
            worst = max(worst, abs(float((mpmath.mpf(got) - true) / ulp)))
    return worst


def around(point: float, steps: int = 40) -> np.ndarray:
    """Return the floats next to a point, steps on each side."""
    up, down = [point], [point]
    for _ in range(steps):
        up.append(float(np.nextafter(up[-1], np.inf)))
        down.append(float(np.nextafter(down[-1], -np.inf)))
    return np.array(down[::-1] + up[1:])


def test_random_points_of_the_whole_line(rng: np.random.Generator) -> None:
    x = np.concatenate(
        [
            rng.uniform(-6.5, 6.5, 6000),
            rng.uniform(-1, 1, 3000),
            rng.uniform(0.4, 1.3, 3000),
            np.exp(rng.uniform(np.log(1e-300), np.log(1e3), 2000)),
        ]
    )
    assert worst_ulp(x) <= 2


@pytest.mark.parametrize("point", [0.5, 1.0, -1.0, 3.0, 5.9, 6.0, -6.0, SMALLEST_NORMAL, 1e-160])
def test_neighbours_of_the_seams(point: float) -> None:
    assert worst_ulp(around(point)) <= 2


def test_subnormal_numbers() -> None:
    x = np.concatenate([TINY * np.arange(1, 200), SMALLEST_NORMAL * np.linspace(0.01, 1, 200)])
    assert worst_ulp(x) <= 2
    assert np.array_equal(erf(-x), -erf(x))


def test_agrees_with_the_standard_library() -> None:
    x = np.linspace(-7, 7, 20_001)
    expected = np.array([math.erf(v) for v in x.tolist()])
    # both are within 2 ulp of the truth, so within 4 of each other
    np.testing.assert_array_max_ulp(erf(x), expected, maxulp=4)


def test_never_leaves_its_range_and_rises() -> None:
    values = erf(np.linspace(-8, 8, 100_001))
    assert np.all(np.abs(values) <= 1)
    assert np.all(np.diff(values) >= -2 * np.spacing(1.0))


def test_float32_is_rounded_once(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.uniform(-4.5, 4.5, 4000), np.exp(rng.uniform(-100, 2, 500))]).astype(np.float32)
    assert erf(x).dtype == np.float32
    assert worst_ulp(x) <= 0.5001  # float64's own error moves the rounding point by 2e-9 ulp


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_dtype_is_kept(dtype: type) -> None:
    assert erf(np.ones(3, dtype)).dtype == dtype
    assert erf(np.ones((), dtype)).dtype == dtype
    assert erf(np.ones(0, dtype)).dtype == dtype


@pytest.mark.parametrize("numbers", [2, True, [0, 1, 2], np.arange(3, dtype=np.int8), 0.25])
def test_other_numbers_give_float64(numbers: object) -> None:
    result = erf(numbers)
    assert result.dtype == np.float64
    assert np.array_equal(result, erf(np.asarray(numbers, np.float64)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_no_warning_anywhere(dtype: type) -> None:
    edges = [0.0, -0.0, TINY, -TINY, 1e-310, 1e-40, 1e-200, 1.0, 5.9, 6.0, 30.0, 1e38, np.inf, -np.inf, np.nan]
    x = np.array(edges, dtype=np.float64)
    if dtype is not np.float32:
        x = np.append(x, [1e308, -1e308])
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
    with np.errstate(all="raise"):
        values = erf(x)
        erf(x, out=np.empty_like(x))
    assert np.array_equal(np.isnan(values), np.isnan(x))


def test_special_values() -> None:
    values = erf(np.array([0.0, -0.0, np.inf, -np.inf, 1e308, -1e308]))
    assert values.tolist() == [0, 0, 1, -1, 1, -1]
    assert np.signbit(values).tolist() == [False, True, False, True, False, True]
    assert math.isnan(float(erf(math.nan)))


@pytest.mark.parametrize("size", [16_383, 16_384, 16_385, 40_000])
def test_blocks_join_without_a_seam(size: int, rng: np.random.Generator) -> None:
    x = rng.uniform(-7, 7, size)
    one_by_one = [float(erf(v)) for v in x[16_350:16_450]]
    assert erf(x)[16_350:16_450].tolist() == one_by_one


def test_shapes_layouts_and_read_only_input(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 6, 5)) * 2
    expected = erf(x.copy())
    x.flags.writeable = False
    before = x.tobytes()
    assert np.array_equal(erf(x), expected)
    assert np.array_equal(erf(x.T), expected.T)
    assert np.array_equal(erf(x[::2, ::-1, 1:4]), expected[::2, ::-1, 1:4])
    assert np.array_equal(erf(np.broadcast_to(x[:1], x.shape)), np.broadcast_to(expected[:1], x.shape))
    assert x.tobytes() == before
    assert erf(np.empty((3, 0, 2))).shape == (3, 0, 2)
    assert np.ndim(erf(np.array(0.3))) == 0
    assert not np.shares_memory(erf(x), x)


def test_out_receives_the_result(rng: np.random.Generator) -> None:
    x = rng.normal(size=(7, 3)) * 2
    expected = erf(x)
    out = np.full((3, 7), np.nan).T
    assert erf(x, out=out) is out
    assert np.array_equal(out, expected)
    small = np.empty((7, 3), np.float32)
    assert np.array_equal(erf(x, out=small), expected.astype(np.float32))
    assert erf(x, out=x) is x  # in place
    assert np.array_equal(x, expected)
    with pytest.raises(ValueError, match="broadcast"):
        erf(x, out=np.empty((2, 3)))
    with pytest.raises(TypeError, match="Cannot cast"):
        erf(x, out=np.empty((7, 3), np.int64))


def test_complex_step_gives_the_derivative() -> None:
    mpmath = oracle("mpmath")
    x = np.array([-30.0, -3.0, -0.7, 0.0, 1e-5, 0.99, 1.0, 2.5, 7.0, 1e200])
    with np.errstate(all="raise"):
        stepped = erf(x + 1e-30j)
    assert np.array_equal(stepped.real, erf(x))
    with mpmath.workdps(40):
        true = [float(2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-(mpmath.mpf(v) ** 2))) for v in x.tolist()]
    # exp(-x*x) magnifies the rounding of x*x by x*x: 49 * 1.1e-16 at x = 7
    np.testing.assert_allclose(stepped.imag / 1e-30, true, rtol=1e-14, atol=0)


def test_source_stands_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    lines = ["import numpy as np", source(), "print(erf(np.linspace(-3, 3, 101)).tobytes().hex())"]
    script.write_text("\n\n".join(lines), encoding="utf-8")
    printed = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, check=True).stdout
    assert bytes.fromhex(printed.strip()) == erf(np.linspace(-3, 3, 101)).tobytes()
