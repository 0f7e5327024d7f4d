"""How far two numbers may lie apart: one table, relative to the size of what is compared.

Each line says what limits the comparison. Raising one needs a reason of the same kind.
"""

TOLERANCE = {
    "torch": 1e-11,  # both sides round each operation to 1e-16; a dozen operations and a little cancellation
    "chain rule": 1e-10,  # the textbook form cancels where the hand-written one does not
    "complex step": 1e-10,  # no difference is formed: as exact as the textbook form
    "central difference": 1e-7,  # with one Richardson step: h**4 = 1e-12 of curvature, 1e-16 / h = 1e-13 of rounding
    "forms": 1e-11,  # textbook and safe form at moderate inputs
    "symbols": 1e-13,  # the same operations in nearly the same order
    "float32": 2e-5,  # 1e-7 per operation, a dozen operations, cancellation in losses
    "second derivative": 1e-9,  # two passes, and quotients of small numbers
}


def distance(got, expected, floor=1e-3):
    """max |got - expected| / max(max |expected|, floor); 0 for arrays without numbers.

    The floor is for results that are 0: samples have the size 1, so terms of that size cancel and leave 1e-16.
    """
    import numpy as np

    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        raise AssertionError(f"shape {got.shape} against {expected.shape}")
    if not expected.size:
        return 0.0
    if got.dtype.kind == "b" or expected.dtype.kind == "b":
        got, expected = got.astype(float), expected.astype(float)
    return float(np.max(np.abs(got - expected)) / max(float(np.max(np.abs(expected))), floor))
