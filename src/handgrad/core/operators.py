"""Python's operators and the names of the ops behind them; Expr and Tensor read the same table."""

from __future__ import annotations

BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "matmul": "matmul",
    "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "abs": "abs", "invert": "logical_not"}
