"""The mathematics, one file per family; importing this fills the registry."""

from handgrad.core.op import Op
from handgrad.core.op import registry as registry  # made public

# imported to fill the registry (hence F401), which keeps the order of definition: from the simple to the composed
# isort: off
from handgrad.ops import elementwise, reductions, movement, picking, windows, linear, activations  # noqa: F401
from handgrad.ops import convolution, normalisation, losses  # noqa: F401
# isort: on

for _op in registry.values():
    _op.check_complete()


def __getattr__(name: str) -> Op:
    """`hg.ops.NAME` is the op; swish and other second names are declared by the op itself."""
    if name in registry:
        return registry[name]
    for op in registry.values():
        if name in op.traits.get("aliases", ()):
            return op
    raise AttributeError(f"module 'handgrad.ops' has no op named {name!r}")


def __dir__() -> list[str]:
    return sorted(registry)
