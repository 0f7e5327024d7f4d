"""handgrad: backpropagation worked by hand, for any network, by machine."""

from typing import Any

from handgrad import ops
from handgrad._version import __version__
from handgrad.core.functional import grad, hessian, hvp, jacobian, value_and_grad, vjp
from handgrad.core.op import Samples, op
from handgrad.core.tensor import Tensor, tensor
from handgrad.core.trace import Trace
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
from handgrad.program.trace import trace_tensor as trace
from handgrad.train.history import History
from handgrad.train.optimizers import SGD, Adam, Optimizer
from handgrad.train.schedules import Schedule

# everyday ops on tensors and arrays alike; the rest stand in handgrad.ops
EVERYDAY = (
    "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh", "erf", "where", "maximum", "minimum", "clip", "matmul",
    "mean", "var", "logsumexp", "reshape", "transpose", "broadcast_to", "concat", "stack", "take", "affine", "sigmoid",
    "relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "softmax", "log_softmax", "mse", "mae", "half_sse", "bce",
    "bce_with_logits", "cross_entropy", "huber",
)  # fmt: skip
exp, log, log1p, expm1, sqrt, sin, cos, tanh, erf = (ops.registry[n] for n in EVERYDAY[:9])
where, maximum, minimum, clip, matmul, mean, var, logsumexp = (ops.registry[n] for n in EVERYDAY[9:17])
reshape, transpose, broadcast_to, concat, stack, take, affine = (ops.registry[n] for n in EVERYDAY[17:24])
sigmoid, relu, leaky_relu, elu, silu, gelu, softplus, softmax, log_softmax = (ops.registry[n] for n in EVERYDAY[24:33])
mse, mae, half_sse, bce, bce_with_logits, cross_entropy, huber = (ops.registry[n] for n in EVERYDAY[33:])

_LAZY = {
    "data": ("handgrad.data", None),
    "check_grad": ("handgrad.check", "check_grad"),
    "load": ("handgrad.nn.files", "load"),
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
    "BCE", "ELU", "GELU", "MAE", "MSE", "SGD", "Activation", "Adam", "BCEWithLogits", "CrossEntropy", "Dense", "Flatten",
    "HalfSSE", "History", "Huber", "Layer", "LeakyReLU", "LogSoftmax", "Loss", "Network", "Optimizer", "Parameter",
    "ReLU", "Residual", "Samples", "Schedule", "SiLU", "Sigmoid", "Softmax", "Softplus", "Swish", "Tanh", "Tensor",
    "Trace", "__version__", "check_grad", "create_regression_network", "create_simple_classifier", "data", "grad",
    "hessian", "hvp", "init", "jacobian", "load", "op", "ops", "tensor", "trace", "value_and_grad", "vjp", *EVERYDAY,
]  # fmt: skip
