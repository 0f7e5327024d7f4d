"""Files: a user's layer, optimizer and op, and a network with everything that a file must hold, files by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

import handgrad as hg
from handgrad.core.op import op, registry
from handgrad.nn.layers import Activation


class Stretch(hg.Layer):
    """A user's layer."""

    columns: int

    def parameters(self):
        return {"weight": hg.Parameter((self.columns,), hg.init.Normal(1.0))}

    def forward(self, x, p):
        return x * p["weight"]


class Bold(hg.Optimizer):
    """A user's optimizer, with a state."""

    def state(self):
        return ("last",)

    def rule(self, xp, w, g, s):  # noqa: ARG002
        return {"w": w - s.lr * (g + 0.5 * s.last), "last": g}


@op(traits={"activation": True})
def twice_in_files(xp, x):
    """Twice as much."""
    return 2 * x


@twice_in_files.vjp
def _(xp, g, out, x):
    return 2 * g


registry.remove("twice_in_files")  # other tests read the registry: it is there while these tests run, and only then


@pytest.fixture(autouse=True, scope="module")
def toy():
    registry.add(twice_in_files)
    yield
    registry.remove("twice_in_files")


def deep(dtype="float64", **settings):
    shared = hg.Dense(4, 4, name="again")
    layers = [
        hg.Dense(3, 4, init="he_normal"), Stretch(4), hg.LeakyReLU(0.2), shared,
        hg.Residual([shared, hg.GELU("tanh"), hg.Residual([hg.Dense(4, 4, bias=False)])]),
        Activation(twice_in_files), hg.Dense(4, 1),
    ]  # fmt: skip
    return hg.Network(layers, loss=hg.BCEWithLogits(), seed=5, dtype=dtype, l1=1e-4, l2=1e-3, **settings)


def data(rng, n=24):
    X = rng.normal(size=(n, 3))
    return X, (X.sum(1) > 0).astype(float)


def bits(net):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in net.parameters.items()}


# -- by hand ----------------------------------------------------------------------------------------------------------
def framed(header, body=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + body


def tensors(arrays, document=None):
    """A safetensors file, written here by hand."""
    header, body = {}, b""
    if document is not None:
        header["__metadata__"] = {"handgrad": document if isinstance(document, str) else json.dumps(document)}
    for name, a in arrays.items():
        raw = np.ascontiguousarray(a).tobytes()
        kind = {"float64": "F64", "float32": "F32"}[a.dtype.name]
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    return framed(header, body)
