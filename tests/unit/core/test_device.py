"""Choosing a device by name, by EXPLORER_DEVICE or as the best available one; errors for unavailable devices."""

import pytest
import torch

from explorer.core import device
from explorer.core.errors import ConfigError


@pytest.fixture
def machine(monkeypatch):
    """Pretends that the machine has the given accelerators."""
    monkeypatch.delenv("EXPLORER_DEVICE", raising=False)

    def has(n_cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    has()
    return has


def test_auto_takes_the_best_there_is(machine):
    assert device.choose().type == "cpu"
    machine(mps=True)
    assert device.choose("auto").type == "mps"
    machine(n_cuda=1, mps=True)
    assert device.choose("auto").type == "cuda"


def test_the_environment_decides_for_auto_only(machine, monkeypatch):
    machine(n_cuda=2)
    monkeypatch.setenv("EXPLORER_DEVICE", "cuda:1")
    assert device.choose("auto") == torch.device("cuda:1")
    assert device.choose("cpu").type == "cpu"
    for value in ("", "auto"):
        monkeypatch.setenv("EXPLORER_DEVICE", value)
        assert device.choose("auto").type == "cuda"


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1", "3x"])
def test_a_name_that_is_no_device_is_refused(machine, name):
    with pytest.raises(ConfigError, match="no device"):
        device.choose(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:2", "mps", "meta"])
def test_a_device_that_this_machine_lacks_is_refused(machine, name):
    machine(n_cuda=2 if name == "cuda:2" else 0)
    with pytest.raises(ConfigError, match=f"This machine has no device '{name}'. Choose cpu, or auto"):
        device.choose(name)


def test_a_bad_environment_is_named_in_the_message(machine, monkeypatch):
    monkeypatch.setenv("EXPLORER_DEVICE", "gpu")
    with pytest.raises(ConfigError, match="There is no device 'gpu' \\(from EXPLORER_DEVICE\\)"):
        device.choose("auto")


def test_a_data_set_may_take_half_of_the_free_memory_of_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (1000, 4000))
    assert device.fits(500, torch.device("cuda"))
    assert not device.fits(501, torch.device("cuda"))
    assert device.fits(10**15, torch.device("cpu"))  # always True without CUDA


def test_cuda_multiplies_in_tf32_and_stays_deterministic():
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    settings = [(cuda.matmul, "fp32_precision"), (cudnn.conv, "fp32_precision"), (cudnn, "deterministic"), (cudnn, "benchmark")]
    before = [getattr(*setting) for setting in settings]
    try:
        device.allow_tf32(torch.device("cpu"))
        assert [getattr(*setting) for setting in settings] == before
        device.allow_tf32(torch.device("cuda"))
        assert [getattr(*setting) for setting in settings] == ["tf32", "tf32", True, False]
    finally:
        for setting, value in zip(settings, before):
            setattr(*setting, value)


def test_synchronize_waits_for_the_device_it_is_given(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda where: waited.append("cuda"))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for name in ("cpu", "cuda", "mps"):
        device.synchronize(torch.device(name))
    assert waited == ["cuda", "mps"]
