"""The step that several processes share: its gradient, and which errors mean that a process was lost."""

import pytest
import torch
import torch.distributed as dist

from explorer.core.training import distributed
from explorer.core.training.distributed import DataParallel, PeerLost
from explorer.core.training.step import train_step
from explorer.core.vae.encoding import to_float
from tests.unit.core.training.small_runs import TRAIN, small, weights

pytestmark = pytest.mark.usefixtures("one_thread")
GLOO = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:27832"
ALLOCATOR = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"


@pytest.fixture
def alone(tmp_path):
    """A process group of this process alone."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def shared(state) -> DataParallel:
    state.precision = "fp32"
    return DataParallel(state, distributed._wrap(state))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_the_shared_step_of_one_process_is_the_plain_step(alone):
    plain, other = small(), small()
    plain.precision = "fp32"
    images, rows = torch.from_numpy(TRAIN), torch.arange(20)
    expected = train_step(plain, to_float(images[rows], plain.device), generator()).losses()
    found = shared(other).train_step(images, rows, generator()).losses()
    assert found.elbo == pytest.approx(expected.elbo, rel=1e-6)
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(other)[name], value, rtol=1e-5, atol=1e-6)
    assert "module" not in " ".join(weights(other)), "the inner model is saved, not the wrapper"


@pytest.mark.parametrize("rank, part", [(0, slice(0, 0)), (1, slice(0, 1)), (2, slice(1, 3))])
def test_a_share_is_weighted_with_its_part_of_the_batch(alone, monkeypatch, rank, part):
    """Three processes, three images: unequal shares (0, 1, 2) whose weighted gradients average to that of the batch."""
    images, rows, eps = torch.from_numpy(TRAIN), torch.arange(3), torch.zeros(3, 2)
    monkeypatch.setattr(distributed, "share", lambda n, rank, n_ranks: part)
    state = small()
    state.optimizer.step = lambda: None
    wrapper = shared(state).wrapper
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    sums = distributed._shared_step(state, wrapper, images, rows, eps)
    found = [p.grad.clone() for p in state.model.parameters() if p.requires_grad]
    state.optimizer.zero_grad()
    terms = distributed.objective.Terms(*wrapper.module(to_float(images[:3], state.device), eps))
    (3 * (terms.recon_loss + terms.kl)[part].sum() / 3).backward()
    expected = [p.grad for p in state.model.parameters() if p.requires_grad]
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert sums.n == 3 and sums.recon_loss.item() == pytest.approx(terms.recon_loss[part].sum().item(), rel=1e-5)


class _Fails(torch.autograd.Function):
    @staticmethod
    def forward(context, x, error):
        context.error = error
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        raise context.error


@pytest.mark.parametrize(
    "error, raised",
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), torch.OutOfMemoryError),
        (RuntimeError(ALLOCATOR), RuntimeError),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), RuntimeError),
        (RuntimeError(GLOO), PeerLost),
        (dist.DistError("the store is gone"), PeerLost),
    ],
)
def test_out_of_memory_in_backward_is_raised_as_itself_and_a_lost_process_is_told_from_it(alone, monkeypatch, error, raised):
    monkeypatch.setattr(distributed.signal, "signal", lambda *args: None)
    state = small()
    parallel, encode = shared(state), state.model.encode

    def failing(x):
        mu, logvar = encode(x)
        return _Fails.apply(mu, error), logvar

    monkeypatch.setattr(state.model, "encode", failing)
    with pytest.raises(raised) as caught:
        parallel.train_step(torch.from_numpy(TRAIN), torch.arange(4), generator())
    assert type(caught.value) is raised
    if raised is PeerLost:
        assert str(caught.value) == "Another process of this training has ended. Resume the run from its last epoch."
    else:
        assert str(error) in str(caught.value)
