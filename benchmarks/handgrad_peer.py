"""handgrad's printed NumPy script as a peer: its own `make`, fed batch after batch as its `train` does."""

from __future__ import annotations

import numpy as np
from jobs import Array, Job, Peer, Run, endless

import handgrad as hg
from handgrad.program.script import make_source
from handgrad.train.plan import training

OPTIMIZERS = {"sgd": hg.SGD, "adam": hg.Adam}


class Printed:
    """The script that `net.source("numpy")` prints."""

    name = "handgrad"

    def prepare(self, job: Job, with_loss: bool) -> Run | None:
        """Bind the step to one set of buffers for each length of batch; rows are copied into them at every step."""
        dtype = str(job.parameters[0].dtype)
        net = hg.Network.parse(job.network, loss=job.loss, dtype=dtype)
        net.set_parameters(dict(zip(net.parameters, job.parameters, strict=True)))
        optimizer = OPTIMIZERS[job.optimizer](job.lr)
        X, y = job.batches[0]
        plan = training(net, X, y, optimizer, loss=with_loss)
        space: dict[str, object] = {}
        exec(compile(make_source(plan), "<script>", "exec"), space)
        w = net._w
        state = {name: np.zeros_like(w) for name in optimizer.state()}
        g = np.empty_like(w)
        update = space["make_update"](w, g, state)  # type: ignore[operator]
        bound = {}
        for Xb, yb in job.batches:
            if len(Xb) not in bound:
                Xc, yc = Xb.copy(), yb.copy()
                bound[len(Xb)] = Xc, yc, space["make"](w, g, update, Xc, yc)  # type: ignore[operator]
        batches = endless(job.batches)
        losses: list[float] = []
        t = 0

        def whole(n: int) -> None:
            nonlocal t
            step = bound[len(job.batches[0][0])][2]
            for _ in range(n):
                t += 1
                loss = step(t)
                if with_loss:
                    losses.append(loss)

        def cut(n: int) -> None:
            nonlocal t
            for Xb, yb in batches(n):
                Xc, yc, step = bound[len(Xb)]
                np.copyto(Xc, Xb)
                np.copyto(yc, yb)
                t += 1
                loss = step(t)
                if with_loss:
                    losses.append(loss)

        def parameters() -> list[Array]:
            return list(net.parameters.values())

        return Run(whole if len(job.batches) == 1 else cut, parameters, losses)


PEERS: list[Peer] = [Printed()]
