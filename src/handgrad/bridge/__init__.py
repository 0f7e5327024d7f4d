"""Bridges: to and from PyTorch, ONNX and scikit-learn; each library is imported inside functions only."""
