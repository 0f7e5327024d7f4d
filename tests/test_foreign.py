"""Arrays of other libraries: the same rules compute there what they compute in NumPy."""

import numpy as np
import pytest

import handgrad as hg
from handgrad.errors import DTypeError
from oracles import oracle

CALLS = [
    ("sigmoid", ("x",), {}), ("relu", ("x",), {}), ("leaky_relu", ("x",), {}), ("elu", ("x",), {}),
    ("silu", ("x",), {}),
    ("gelu_tanh", ("x",), {}), ("softplus", ("x",), {}), ("softmax", ("x",), {}), ("log_softmax", ("x",), {}),
    ("logsumexp", ("x",), {"axis": 0}), ("var", ("x",), {"axis": 1}), ("affine", ("x", "W", "b"), {}),
    ("mse", ("x", "t"), {}), ("huber", ("x", "t"), {}), ("bce_with_logits", ("x", "p"), {}),
    ("cross_entropy", ("x", "y"), {}),
    ("clip", ("x",), {"low": -0.5, "high": 0.5}), ("transpose", ("x",), {}), ("concat", ("x", "t"), {"axis": 0}),
]  # fmt: skip


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4, 3))
    x[0] = [1000.0, -1000.0, 0.0]
    return {"x": x, "t": rng.normal(size=(4, 3)), "p": rng.uniform(size=(4, 3)), "W": rng.normal(size=(3, 2)),
            "b": rng.normal(size=2), "y": np.array([0, 2, 1, 1])}  # fmt: skip


@pytest.mark.parametrize(("name", "args", "params"), CALLS, ids=[c[0] for c in CALLS])
def test_the_standard_namespace_computes_the_same(name, args, params):
    xp = oracle("array_api_strict")
    given = arrays()
    expected = getattr(hg.ops, name)(*(given[a] for a in args), **params)
    with np.errstate(all="ignore"):
        out = getattr(hg.ops, name)(*(xp.asarray(given[a]) for a in args), **params)
    assert type(out).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(np.asarray(out), expected, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize(("name", "args", "params"), CALLS, ids=[c[0] for c in CALLS])
def test_pytorch_through_array_api_compat(name, args, params):
    torch = oracle("torch")
    oracle("array_api_compat")
    given = arrays()
    expected = getattr(hg.ops, name)(*(given[a] for a in args), **params)
    out = getattr(hg.ops, name)(*(torch.tensor(given[a]) for a in args), **params)
    assert isinstance(out, torch.Tensor)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-12, atol=1e-300)


def test_what_the_other_library_lacks_is_said():
    xp = oracle("array_api_strict")
    with pytest.raises(DTypeError, match="erf is not to be had"):
        hg.ops.gelu(xp.asarray([1.0]))
