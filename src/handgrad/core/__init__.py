"""The engine: expressions, ops, tensors, traces, and the one reverse loop."""
