"""Chooses a torch device and its matmul precision; small helpers that depend on the device."""

import os

import torch

from explorer.core.errors import ConfigError


def choose(name: str = "auto") -> torch.device:
    """The device called `name`. "auto": EXPLORER_DEVICE if it is set, else the first available of cuda, mps and cpu.

    Raises ConfigError for a device that torch does not know or this machine does not have.
    """
    source = ""
    if name == "auto" and os.environ.get("EXPLORER_DEVICE"):
        name, source = os.environ["EXPLORER_DEVICE"], " (from EXPLORER_DEVICE)"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"There is no device '{name}'{source}.", "Choose cpu, cuda, cuda:1, mps or auto.") from None
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False) or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise ConfigError(f"This machine has no device '{name}'{source}.", "Choose cpu, or auto for the best available device.")
    return device


def allow_tf32(device: torch.device) -> None:
    """On CUDA, lets float32 products use TF32 and makes cuDNN deterministic, so that a seed gives the same weights."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        torch.backends.cudnn.conv.fp32_precision = "tf32"
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def fits(n_bytes: int, device: torch.device) -> bool:
    """Whether `n_bytes` take at most half of the device's free memory (the rest is for training). True without CUDA."""
    return device.type != "cuda" or n_bytes <= torch.cuda.mem_get_info(device)[0] // 2


def n_threads() -> int:
    """The number of torch's CPU threads. It affects the last bits of results, since sums are split among the threads."""
    return torch.get_num_threads()


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished its work, for correct timings."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
