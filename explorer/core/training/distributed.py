"""Several processes at one run, as torchrun starts them. Knows torch.distributed: gloo on CPUs, NCCL on GPUs, one GPU each.

The first process leads: whatever is drawn, decided, reported or written is its doing, in the code that also trains alone. The
others load the same images and hear before each batch which of them, which eps and which rates. Each takes the gradient over
its share of the batch; one all_reduce of all gradients, laid end to end, adds them up. DistributedDataParallel would average
the means of the shares, which is wrong where they differ in size, and sees only a model that is entered by `forward`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from explorer.core import device as devices
from explorer.core.data import catalog
from explorer.core.errors import ConfigError, ExplorerError
from explorer.core.training.state import State, resume
from explorer.core.vae import objective
from explorer.core.vae.encoding import as_tensor, to_float

WAIT = timedelta(days=7)  # as long as a pause may last; that a process has died is seen from its connection, or by torchrun
HEAD = 4  # numbers that go before the positions of a batch's images


class Gone(ExplorerError):
    """Another process of the same run has ended."""


@dataclass(frozen=True)
class Team:
    """The first process's hand on the others."""

    state: State

    def step(self, images: Tensor, batch: Tensor, eps: torch.Generator) -> objective.Terms:
        """A step on images[batch] that all take together; the terms are those of the whole batch."""
        state, n = self.state, len(batch)
        lr = state.optimizer.param_groups[0]["lr"]
        head = torch.tensor([n, state.dial.beta, lr, state.precision == "bf16"], dtype=torch.float64)
        _from_first(torch.cat([head, batch, torch.zeros(state.config.batch_size - n)]))
        noise = torch.randn(n, state.model_config.latent_dim, generator=eps, device=state.device)
        return _step(state, images, batch, noise, state.dial.beta)


@contextmanager
def team(state: State, size: int | None) -> Iterator[Team | None]:
    """The others, called together for a run on images of `size`; None without torchrun. They leave at its end.

    Raises ConfigError for a device that cannot be shared, Gone from then on where one of them has ended.
    """
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield None
        return
    n_here, n_gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if str(state.device) not in ("cpu", "cuda"):
        raise ConfigError(f"Several processes cannot share '{state.device}'.", "Choose cpu, or cuda for a GPU each.")
    if state.device.type == "cuda" and n_here > n_gpus:
        raise ConfigError(f"{n_here} processes need a GPU each, and there are {n_gpus}.", "Start fewer, or choose cpu.")
    with _group():
        with _together():
            dist.broadcast_object_list([size, *state.checkpoint()], 0, device=torch.device("cpu"))
        _all_ready()
        yield Team(state)
        _from_first(torch.zeros(HEAD + state.config.batch_size, dtype=torch.float64))


def follow() -> None:
    """What the other processes do: their share of each batch, until the first ends or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the first may still be waiting for its turn
    with suppress(Gone), _group():
        for heard in (signal.SIGINT, signal.SIGTERM):
            signal.signal(heard, signal.SIG_IGN)  # the first saves and leaves, and that ends this process too
        order = [None, None, None]
        with _together():
            dist.broadcast_object_list(order, 0, device=torch.device("cpu"))
        size, tensors, meta = order
        state = resume(tensors, meta)
        config, device = state.config, state.device
        devices.allow_tf32(device)
        images = as_tensor(catalog.load(config.dataset, "train", size=size).head(config.limit).images)
        images = images.to(device) if devices.fits(images.nbytes, device) else images
        _all_ready()
        word = torch.zeros(HEAD + config.batch_size, dtype=torch.float64)
        while n := int(_from_first(word)[0]):
            _, beta, lr, is_bf16 = word[:HEAD].tolist()
            state.precision = "bf16" if is_bf16 else "fp32"
            for group in state.optimizer.param_groups:
                group["lr"] = lr
            noise = torch.zeros(n, state.model_config.latent_dim, device=device)
            _step(state, images, word[HEAD : HEAD + n].long(), noise, beta)


def share(n: int, rank: int, n_ranks: int) -> slice:
    """Which of n images are this process's: all are somebody's, and no share exceeds another by more than one."""
    return slice(rank * n // n_ranks, (rank + 1) * n // n_ranks)


def _step(state: State, images: Tensor, batch: Tensor, eps: Tensor, beta: float) -> objective.Terms:
    """eps (N, D): the first process's, for the whole batch."""
    mine, parameters = share(len(batch), dist.get_rank(), dist.get_world_size()), state.optimizer.param_groups[0]["params"]
    _from_first(eps)
    rows = torch.zeros(len(batch), 1 + eps.shape[1], device=eps.device)  # of each image; added to the others' zeros
    for p in parameters:
        p.grad = torch.zeros_like(p)  # what a share without an image adds
    if mine.start < mine.stop:
        x = to_float(images[batch[mine].to(images.device)], state.device)
        with torch.autocast(state.device.type, torch.bfloat16, enabled=state.precision == "bf16"):
            mu, logvar = state.model.encode(x)
            recon_loss = state.model.recon_loss(mu + torch.exp(0.5 * logvar) * eps[mine], x)
            terms = objective.Terms(recon_loss, objective.kl_per_dim(mu, logvar))
        (terms.loss(beta, state.config.recon_weight) * len(recon_loss) / len(batch)).backward()
        rows[mine] = torch.cat([recon_loss[:, None], terms.kl_per_dim], 1).detach()
    flat = torch.cat([part.flatten() for part in (*(p.grad for p in parameters), rows)])
    with _together():
        dist.all_reduce(flat)
    *sums, total = flat.split([part.numel() for part in (*parameters, rows)])
    for p, grad in zip(parameters, sums):
        p.grad.copy_(grad.view(p.shape))
    state.optimizer.step()
    total = total.view_as(rows)
    return objective.Terms(total[:, 0], total[:, 1:])


def _from_first(tensor: Tensor) -> Tensor:
    with _together():
        dist.broadcast(tensor, 0)
    return tensor


def _all_ready() -> None:
    with _together():
        dist.all_reduce(torch.zeros(1))


@contextmanager
def _group() -> Iterator[None]:
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=WAIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # by which torchrun is about to say the same
        raise Gone("Another process of this training has ended.", "The run can go on from its last epoch.") from error
