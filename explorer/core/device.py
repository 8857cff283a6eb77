"""Where tensors live and in which precision they are multiplied. Knows torch's devices; knows no model."""

import os

import torch

from explorer.core.errors import ConfigError


def choose(name: str = "auto") -> torch.device:
    """The device for `name`: "auto" asks EXPLORER_DEVICE, then takes cuda, mps or cpu, the first that is there.

    Raises ConfigError for a device that torch does not know or this machine does not have.
    """
    origin = ""
    if name == "auto" and os.environ.get("EXPLORER_DEVICE"):
        name, origin = os.environ["EXPLORER_DEVICE"], " (from EXPLORER_DEVICE)"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"There is no device '{name}'{origin}.", "Choose cpu, cuda, cuda:1, mps or auto.") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False) or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise ConfigError(f"This machine has no device '{name}'{origin}.", "Choose cpu, or auto for the best one there is.")
    return device


def allow_tf32(device: torch.device) -> None:
    """Let CUDA multiply float32 in TF32, and keep its convolutions deterministic (same seed, same weights)."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        torch.backends.cudnn.conv.fp32_precision = "tf32"
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def fits(n_bytes: int, device: torch.device) -> bool:
    """Whether a data set of `n_bytes` may live on the device, leaving half of its free memory for the training."""
    return device.type != "cuda" or n_bytes <= torch.cuda.mem_get_info(device)[0] // 2


def n_threads() -> int:
    """Threads that torch computes with on the CPU. Sums are split among them, so the last bits depend on their number."""
    return torch.get_num_threads()


def synchronize(device: torch.device) -> None:
    """Wait until the device has done its work, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
