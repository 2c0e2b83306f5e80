"""Training in several processes, started by torchrun: on one machine's GPUs, or on several.

Each process (rank) computes its own batches; gradients are averaged before every step, so that all
hold the same weights, and rank 0 alone writes. With N ranks and batch b a step sees the same
pictures as one process with batch N·b.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from photochrom.errors import RecipeError

_WAIT_TIMEOUT = timedelta(days=1)
"""How long the others wait while the first one decodes photos, colours some, or validates."""
_JOIN_TIMEOUT = timedelta(minutes=10)
"""How long processes wait until all have come; after that one that was never started
is an error."""

_Net = TypeVar("_Net", bound=nn.Module)


def check_one_process(what: str) -> None:
    """Raise RecipeError where torchrun has started several processes for what one alone does."""
    if (count := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        raise RecipeError(
            f"{what} learns in one process, and torchrun has started {count}, which would all "
            "write into one folder; start it without torchrun"
        )


class Ranks:
    """Those that train together, seen from one of them; one alone unless torchrun started more."""

    def __init__(self) -> None:
        """Joins the others. Raises RecipeError when they cannot be reached."""
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0")) if self.world_size > 1 else 0
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        if self.world_size == 1:
            return
        if cuda:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        try:
            store, _, _ = next(rendezvous("env://", timeout=_JOIN_TIMEOUT))
            store.set_timeout(_WAIT_TIMEOUT)  # NCCL meets in it at the first exchange
            dist.init_process_group(
                "nccl" if cuda else "gloo",
                store=store,
                rank=self.rank,
                world_size=self.world_size,
                timeout=_WAIT_TIMEOUT,
            )
        except (RuntimeError, ValueError) as error:
            raise RecipeError(
                f"cannot join the {self.world_size} processes of this run: {error}; start all of "
                "them by torchrun, or unset WORLD_SIZE to train alone"
            ) from error

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and reports."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all have come here."""
        if self.world_size > 1:
            dist.barrier()

    def broadcast(self, module: nn.Module) -> None:
        """Give every rank the first one's weights."""
        if self.world_size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def synchronize(self, net: _Net) -> _Net:
        """The network with batch norms that see the batches of all ranks; CUDA only.

        In training mode all ranks have to call it together, equally often.
        """
        if self.world_size > 1 and self.device.type == "cuda":
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)  # type: ignore[no-untyped-call]
        return net

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every gradient the mean over the ranks."""
        if self.world_size > 1:
            self._average([p.grad for p in parameters if p.grad is not None])

    @torch.no_grad()
    def average_statistics(self, net: nn.Module) -> None:
        """Make the running statistics of batch norms the mean over the ranks.

        Buffers that a state does not keep are weights of frozen networks.
        """
        if self.world_size > 1:
            state = net.state_dict()
            buffers = (b for name, b in net.named_buffers() if name in state)
            self._average([b for b in buffers if b.is_floating_point()])

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the ranks."""
        if self.world_size > 1:
            values = values.clone()
            self._average([values])
        return values

    def largest(self, value: float) -> float:
        """The largest that any rank has."""
        if self.world_size == 1:
            return value
        maximum = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(maximum, dist.ReduceOp.MAX)
        return float(maximum)

    def close(self) -> None:
        """Part from the others; afterwards this process trains no more."""
        if self.world_size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def _average(self, tensors: list[Tensor]) -> None:
        """In one message: many small ones would cost more than the step."""
        if not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.world_size
        parts = torch.split(flat, [t.numel() for t in tensors])
        for tensor, mean in zip(tensors, parts, strict=True):
            tensor.copy_(mean.view_as(tensor))
