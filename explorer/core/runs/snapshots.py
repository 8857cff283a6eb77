"""Snapshots of a run's epochs, one file each: means and reconstructions of fixed images, prior samples, KL per dimension.

Models with few latent dimensions also have the log variances of the same images (`worker.recorder.MAX_DRAWN_DIMS`).
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save as pack_arrays

from explorer.core.errors import BundleError
from explorer.core.runs.event_schema import MAX_SIDE_PX
from explorer.core.runs.folder import EPOCHS
from explorer.core.storage import atomic, safe_read

MAX_EPOCHS = 64
EPOCH_BYTES = 64_000_000
MAX_PICTURES = 256


def epoch_path(folder: Path, epoch: int) -> Path:
    """Path of an epoch's file, whether it exists or not."""
    return folder / EPOCHS / f"{epoch:03}.safetensors"


def kept_epochs(n_epochs: int) -> set[int]:
    """All epochs if fewer than MAX_EPOCHS are planned, else at most MAX_EPOCHS, log-spaced, with the first and the last."""
    if n_epochs < MAX_EPOCHS:
        return set(range(n_epochs + 1))
    spread = np.geomspace(1, n_epochs, MAX_EPOCHS - 1)
    return {0, n_epochs} | {round(e) for e in spread}


def most_crowded(epochs: list[int]) -> int:
    """The epoch (rising, at least three) that is closest to its neighbours on a log scale; neither the first nor the last."""
    inner = range(1, len(epochs) - 1)
    return epochs[min(inner, key=lambda i: (epochs[i + 1] + 1) / (epochs[i - 1] + 1))]


def write_epoch(folder: Path, epoch: int, arrays: dict[str, np.ndarray]) -> None:
    """Write the epoch's file, atomically. Raises BundleError if it cannot be written."""
    with atomic.saving("an epoch's pictures", folder):
        atomic.replace_file(epoch_path(folder, epoch), pack_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def remove_epoch(folder: Path, epoch: int) -> None:
    """Remove the epoch's file if it exists. Raises BundleError if it cannot be removed."""
    with atomic.saving("an epoch's pictures", folder):
        epoch_path(folder, epoch).unlink(missing_ok=True)


def saved_epochs(folder: Path) -> list[int]:
    """The epochs that have a file, in order."""
    return sorted(int(path.stem) for path in (folder / EPOCHS).glob("[0-9]*.safetensors") if path.stem.isdecimal())


def read_epoch(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """The arrays of an epoch. Raises BundleError for an invalid file."""
    path = epoch_path(folder, epoch)
    context = f"Run '{folder.name}': epoch {epoch}"
    try:
        safe_read.check_size(path.stat().st_size, EPOCH_BYTES, context)
        return safe_read.parse_safetensors(path.read_bytes(), context)
    except OSError as error:
        raise BundleError(f"{context} cannot be read ({atomic.reason(error)}).", "The others are not affected.") from error


def read_samples(folder: Path, epoch: int) -> np.ndarray:
    """Decoded draws of the prior, uint8 (S, C, H, W). Raises BundleError if the file is invalid."""
    samples = read_epoch(folder, epoch).get("samples")
    if not is_pictures(samples):
        raise BundleError(f"Run '{folder.name}': epoch {epoch} has no pictures.", "The others are not affected.")
    return samples


def is_pictures(array: np.ndarray | None) -> bool:
    """Whether the array is images: uint8 (S, C, H, W), grey or RGB, at most MAX_SIDE_PX a side."""
    return (
        array is not None
        and array.dtype == np.uint8
        and array.ndim == 4
        and array.shape[1] in (1, 3)
        and 1 <= len(array) <= MAX_PICTURES
        and all(1 <= side <= MAX_SIDE_PX for side in array.shape[2:])
    )
