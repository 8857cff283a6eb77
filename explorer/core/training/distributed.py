"""Data-parallel training in the processes that torchrun starts: gloo on CPUs, NCCL on GPUs (one GPU per process).

Process 0 leads: it alone reads the controls, reports and writes files, with the code that also trains alone. Before each
batch it broadcasts the rows of the images, eps, beta and the learning rate. Each process computes the loss on its share of
the batch, and DistributedDataParallel averages the gradients.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from explorer.core import device as devices
from explorer.core.data import catalog
from explorer.core.errors import ConfigError, ExplorerError
from explorer.core.training.state import LiveSettings, State, resume
from explorer.core.training.step import Sums, loss_weights, set_lr
from explorer.core.vae import objective
from explorer.core.vae.encoding import as_tensor, to_float
from explorer.core.vae.model import VAE

TIMEOUT = timedelta(days=7)  # longer than any pause; the end of a process is noticed by its closed connection
N_HEADER = 4  # numbers before the rows of a batch: images, beta, learning rate, whether bf16
LOST_PEER = re.compile(r"gloo|nccl|connection|peer", re.IGNORECASE)  # in messages of errors that have no type of their own


class PeerLost(ExplorerError):
    """Another process of the same run has ended."""


class ObjectiveModule(nn.Module):
    """The objective as `forward`: DistributedDataParallel sees only gradients of what its own forward computes."""

    def __init__(self, model: VAE):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The fields of Terms for the images x at z = mu + sigma * eps."""
        mu, logvar = self.model.encode(x)
        recon_loss = self.model.recon_loss(mu + torch.exp(0.5 * logvar) * eps, x)
        return recon_loss, objective.kl_per_dim(mu, logvar), 0.5 * mu**2


@dataclass(frozen=True)
class DataParallel:
    """The training step of process 0, shared with the others."""

    state: State
    wrapper: nn.Module

    def train_step(self, images: Tensor, rows: Tensor, eps: torch.Generator) -> Sums:
        """One step of the optimizer on images[rows]; returns the sums over the whole batch. Raises PeerLost."""
        state, n = self.state, len(rows)
        lr = state.optimizer.param_groups[0]["lr"]
        header = torch.tensor([n, state.live.beta, lr, state.precision == "bf16"], dtype=torch.float64)
        _broadcast(torch.cat([header, rows, torch.zeros(state.config.batch_size - n)]))
        noise = torch.randn(n, state.model_config.latent_dim, generator=eps, device=state.device)
        return _shared_step(state, self.wrapper, images, rows, noise)


@contextmanager
def data_parallel(state: State, size: int | None) -> Iterator[DataParallel | None]:
    """Share the training of `state` on images of `size` with torchrun's other processes; None without torchrun.

    Raises ConfigError for a device that cannot be shared, PeerLost when another process has ended.
    """
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield None
        return
    n_here, n_gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if str(state.device) not in ("cpu", "cuda"):
        raise ConfigError(f"Several processes cannot share '{state.device}'.", "Choose cpu, or cuda for a GPU each.")
    if state.device.type == "cuda" and n_here > n_gpus:
        raise ConfigError(f"{n_here} processes need a GPU each, and there are {n_gpus}.", "Start fewer, or choose cpu.")
    with _process_group():
        with _peer_errors():
            dist.broadcast_object_list([size, *state.checkpoint()], 0, device=torch.device("cpu"))
        yield DataParallel(state, _wrap(state))
        _broadcast(torch.zeros(N_HEADER + state.config.batch_size, dtype=torch.float64))  # no images: the end


def follow() -> None:
    """The other processes: take part in each batch until process 0 ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 0 may still be waiting for the device
    with suppress(PeerLost), _process_group():
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)  # process 0 saves and ends, which ends this process too
        received = [None, None, None]
        with _peer_errors():
            dist.broadcast_object_list(received, 0, device=torch.device("cpu"))
        size, tensors, meta = received
        state = resume(tensors, meta)
        config, device = state.config, state.device
        devices.allow_tf32(device)
        images = as_tensor(catalog.load(config.dataset, "train", size=size).head(config.limit).images)
        images = images.to(device) if devices.fits(images.nbytes, device) else images
        wrapper = _wrap(state)
        message = torch.zeros(N_HEADER + config.batch_size, dtype=torch.float64)
        while n := int(_broadcast(message)[0]):
            _, beta, lr, is_bf16 = message[:N_HEADER].tolist()
            state.live, state.precision = LiveSettings(beta), "bf16" if is_bf16 else "fp32"
            set_lr(state, lr)
            noise = torch.zeros(n, state.model_config.latent_dim, device=device)
            _shared_step(state, wrapper, images, message[N_HEADER : N_HEADER + n].long(), noise)


def share(n: int, rank: int, n_ranks: int) -> slice:
    """Which of n images this process takes; two shares differ by at most one image."""
    return slice(rank * n // n_ranks, (rank + 1) * n // n_ranks)


def _wrap(state: State) -> nn.Module:
    """The wrapper of the model that averages gradients. All processes call it together, once their images are loaded."""
    with _peer_errors():
        dist.all_reduce(torch.zeros(1))
        ids = [torch.cuda.current_device()] if state.device.type == "cuda" else None
        return DistributedDataParallel(ObjectiveModule(state.model), device_ids=ids)


def _shared_step(state: State, wrapper: nn.Module, images: Tensor, rows: Tensor, eps: Tensor) -> Sums:
    """A step on this process's share of images[rows]; eps (N, D) is that of process 0, for the whole batch.

    The wrapper averages the gradients over processes, so the mean loss of a share is weighted with its part of the batch
    times the number of processes. A process without a share takes any image, with weight 0.
    """
    n, n_ranks = len(rows), dist.get_world_size()
    own = share(n, dist.get_rank(), n_ranks)
    n_own = own.stop - own.start
    own = own if n_own else slice(0, 1)
    _broadcast(eps)
    x = to_float(images[rows[own].to(images.device)], state.device)
    state.optimizer.zero_grad(set_to_none=True)
    with _peer_errors():
        with torch.autocast(state.device.type, torch.bfloat16, enabled=state.precision == "bf16"):
            terms = objective.Terms(*wrapper(x, eps[own]))
        (terms.loss(state.live.beta, **loss_weights(state.config)) * (n_ranks * n_own / n)).backward()
    state.optimizer.step()
    sums = torch.cat([terms.recon_loss.detach().sum(0, keepdim=True), terms.kl_per_dim.detach().sum(0)])
    sums = sums if n_own else torch.zeros_like(sums)
    with _peer_errors():
        dist.all_reduce(sums)
    return Sums(n, sums[0], sums[1:])


def _broadcast(tensor: Tensor) -> Tensor:
    """The tensor of process 0, written into that of each process."""
    with _peer_errors():
        dist.broadcast(tensor, 0)
    return tensor


@contextmanager
def _process_group() -> Iterator[None]:
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _peer_errors() -> Iterator[None]:
    """Turns the errors of a lost connection into PeerLost; out of memory and any other error are raised as they are."""
    try:
        yield
    except RuntimeError as error:
        is_memory = isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
        if is_memory or not (isinstance(error, dist.DistError) or LOST_PEER.search(str(error))):
            raise
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun sends it for the same reason
        raise PeerLost("Another process of this training has ended.", "Resume the run from its last epoch.") from error
