"""784-512-512-10 by hand with as little memory as a careful person needs: what peak memory is measured against."""

from __future__ import annotations

import numpy as np
from jobs import Array, Job, Run, endless

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Lean:
    """Relu, relu, softmax cross-entropy and Adam; every array of a step is made once, in the constructor.

    parameters are changed in place. A short batch uses the first rows of the same arrays.
    """

    def __init__(self, parameters: list[Array], batch: int, lr: float = 1e-3) -> None:
        self.parameters, self.lr, self.t = parameters, lr, 0
        dtype = parameters[0].dtype
        self.gradients = [np.empty_like(p) for p in parameters]
        self.m = [np.zeros_like(p) for p in parameters]
        self.v = [np.zeros_like(p) for p in parameters]
        self.scratch = np.empty(max(p.size for p in parameters), dtype)
        widths = [W.shape[1] for W in parameters[0::2]]
        self.rows = np.empty((batch, parameters[0].shape[0]), dtype)
        self.a = [np.empty((batch, width), dtype) for width in widths]
        # dz of the last hidden layer may take no place that is still read: one array per hidden layer
        self.d = [np.empty((batch, width), dtype) for width in widths[:-1]]

    def step(self, X: Array, y: Array, rows: Array) -> None:
        """Make one step on the given rows of X (N, 784) and y (N,)."""
        n = len(rows)
        x = np.take(X, rows, axis=0, out=self.rows[:n], mode="clip")  # "raise" would buffer the whole result
        W, b = self.parameters[0::2], self.parameters[1::2]
        dW, db = self.gradients[0::2], self.gradients[1::2]
        a = [array[:n] for array in self.a]
        last = len(W) - 1
        for l in range(last + 1):
            np.dot(x if l == 0 else a[l - 1], W[l], out=a[l])
            a[l] += b[l]
            if l < last:
                np.maximum(a[l], 0, out=a[l])
        dz = a[last]  # logits become probabilities become their own gradient
        dz -= dz.max(axis=1, keepdims=True)
        np.exp(dz, out=dz)
        dz /= dz.sum(axis=1, keepdims=True)
        dz[np.arange(n), y[rows]] -= 1
        dz /= n
        for l in range(last, -1, -1):
            np.dot((x if l == 0 else a[l - 1]).T, dz, out=dW[l])
            np.sum(dz, axis=0, out=db[l])
            if l > 0:
                below = np.dot(dz, W[l].T, out=self.d[l - 1][:n])
                below *= a[l - 1] > 0
                dz = below
        self._adam()

    def _adam(self) -> None:
        self.t += 1
        size = self.lr / (1 - BETA1**self.t)
        root = 1 / np.sqrt(1 - BETA2**self.t).item()
        for p, g, m, v in zip(self.parameters, self.gradients, self.m, self.v, strict=True):
            t = self.scratch[: p.size].reshape(p.shape)
            m *= BETA1
            m += np.multiply(g, 1 - BETA1, out=t)
            v *= BETA2
            g *= g
            v += np.multiply(g, 1 - BETA2, out=t)
            np.sqrt(v, out=t)
            t *= root
            t += EPS
            np.divide(m, t, out=t)
            p -= np.multiply(t, size, out=t)


class LeanLoop:
    """The loop above as a peer, so that its weights are compared with the others' too."""

    name = "lean loop"

    def prepare(self, job: Job, with_loss: bool) -> Run | None:
        """Lay the batches end to end again; the loop picks its rows itself. It keeps no losses."""
        if job.name != "mlp" or with_loss:
            return None
        loop = Lean(job.copies(), len(job.batches[0][0]), job.lr)
        X, y = (np.concatenate(parts) for parts in zip(*job.batches))
        rows = np.arange(len(X))
        following = endless([rows[i : i + len(job.batches[0][0])] for i in range(0, len(X), len(job.batches[0][0]))])

        def steps(n: int) -> None:
            for part in following(n):
                loop.step(X, y, part)

        return Run(steps, lambda: loop.parameters, [])


PEERS = [LeanLoop()]
