"""handgrad: backpropagation worked by hand, for any network, by machine."""

from typing import Any

from handgrad import ops
from handgrad._version import __version__
from handgrad.core.functional import grad, hessian, hvp, jacobian, value_and_grad, vjp
from handgrad.core.op import Samples, op
from handgrad.core.tensor import Tensor, tensor
from handgrad.nn import init
from handgrad.nn.layer import Layer, Parameter
from handgrad.nn.layers import (
    ELU,
    GELU,
    Activation,
    Dense,
    Flatten,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from handgrad.nn.losses import BCE, MAE, MSE, BCEWithLogits, CrossEntropy, HalfSSE, Huber, Loss
from handgrad.nn.network import Network
from handgrad.ops.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from handgrad.ops.elementwise import (
    clip,
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sin,
    sqrt,
    tanh,
    where,
)
from handgrad.ops.linear import affine, matmul
from handgrad.ops.losses import bce, bce_with_logits, cross_entropy, half_sse, huber, mae, mse
from handgrad.ops.movement import broadcast_to, concat, reshape, stack, transpose
from handgrad.ops.picking import take
from handgrad.ops.reductions import logsumexp, mean, var
from handgrad.train.optimizers import SGD, Adam, Optimizer
from handgrad.train.schedules import Schedule

_LAZY = {
    "data": ("handgrad.data", None),
    "check_grad": ("handgrad.check", "check_grad"),
    "load": ("handgrad.nn.files", "load"),
    "trace": ("handgrad.program.trace", "trace_tensor"),
    "Trace": ("handgrad.core.trace", "Trace"),
    "History": ("handgrad.train.history", "History"),
    "create_simple_classifier": ("handgrad.classic", "create_simple_classifier"),
    "create_regression_network": ("handgrad.classic", "create_regression_network"),
}


def __getattr__(name: str) -> Any:
    """Rooms that need more than NumPy, or are seldom used, are imported when they are named first."""
    import importlib

    if name in _LAZY:
        module, attribute = _LAZY[name]
        found = importlib.import_module(module)
        return found if attribute is None else getattr(found, attribute)
    op = ops.registry.get(name) if not name.startswith("_") else None
    if op is not None:  # sum, abs, max, min, pow: by name only, never by *
        return op
    raise AttributeError(f"module 'handgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "BCE",
    "ELU",
    "GELU",
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adam",
    "BCEWithLogits",
    "CrossEntropy",
    "Dense",
    "Flatten",
    "HalfSSE",
    "History",
    "Huber",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "Loss",
    "Network",
    "Optimizer",
    "Parameter",
    "ReLU",
    "Residual",
    "Samples",
    "Schedule",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Swish",
    "Tanh",
    "Tensor",
    "Trace",
    "__version__",
    "affine",
    "bce",
    "bce_with_logits",
    "broadcast_to",
    "check_grad",
    "clip",
    "concat",
    "cos",
    "create_regression_network",
    "create_simple_classifier",
    "cross_entropy",
    "data",
    "elu",
    "erf",
    "exp",
    "expm1",
    "gelu",
    "grad",
    "half_sse",
    "hessian",
    "huber",
    "hvp",
    "init",
    "jacobian",
    "leaky_relu",
    "load",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "mae",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "mse",
    "op",
    "ops",
    "relu",
    "reshape",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "stack",
    "take",
    "tanh",
    "tensor",
    "trace",
    "transpose",
    "value_and_grad",
    "var",
    "vjp",
    "where",
]
