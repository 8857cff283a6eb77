"""A run as a film over its epochs: the same images and draws in each, the means rotated so that points move smoothly."""

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from explorer.core.errors import BundleError
from explorer.core.runs import epoch_maps, snapshots


@dataclass(frozen=True)
class EpochFrame:
    """One epoch: reconstructions of the same images, and samples from the same draws."""

    epoch: int
    stamp: str  # changes when the epoch is trained again, or the run's UMAP is computed
    xy: np.ndarray  # (M, 2) float32, the encoder means in a plane
    reconstructions: np.ndarray  # uint8 (S, C, H, W)
    samples: np.ndarray  # uint8 (S, C, H, W), decoded from the same draws of the prior at every epoch
    originals: np.ndarray | None = None  # uint8 (S, C, H, W), with epoch 0
    umap: np.ndarray | None = None  # (M, 2) float32, aligned over the epochs; None until the run's UMAP is computed
    mu: np.ndarray | None = None  # (M, D) float32, the encoder means as they are; None unless the log variances are saved
    logvar: np.ndarray | None = None  # (M, D) float32, saved for models with few dimensions

    @cached_property
    def reach(self) -> float:
        """Half the width of the plane, without a few outliers."""
        return _reach(self.xy)

    @cached_property
    def umap_reach(self) -> float:
        """Half the width of the UMAP, without a few outliers; 0 if there is none."""
        return 0.0 if self.umap is None else _reach(self.umap)


@dataclass
class RunFilm:
    """The frames in a folder, read once each. Keep one per run; any thread may call `update`."""

    folder: Path
    frames: list[EpochFrame] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self) -> list[EpochFrame]:
        """All frames, by epoch. A file that cannot be read, or has other shapes than the first, is left out."""
        with self._lock:
            kept = {(frame.epoch, frame.stamp.partition(".")[0]): frame for frame in self.frames}
            maps, frames = epoch_maps.read(self.folder), []
            for epoch in snapshots.saved_epochs(self.folder):
                try:
                    stamp = str(snapshots.epoch_path(self.folder, epoch).stat().st_mtime_ns)
                    frame = kept.get((epoch, stamp)) or _frame(self.folder, epoch, stamp, frames[-1] if frames else None)
                except (OSError, BundleError, KeyError, ValueError, IndexError):
                    continue
                frames.append(_mapped(frame, stamp, maps))
            self.frames = frames
            return frames


def _frame(folder: Path, epoch: int, stamp: str, before: EpochFrame | None) -> EpochFrame:
    """Raises ValueError or KeyError for invalid arrays, or shapes other than those of the epoch `before`."""
    arrays = snapshots.read_epoch(folder, epoch)
    pictures = [arrays[name] for name in ("reconstructions", "samples", "originals") if name in arrays or name != "originals"]
    n = min(map(len, pictures))  # a small test set has fewer reconstructions than there are samples
    pictures = [part[:n] for part in pictures]
    shape = pictures[0].shape if before is None else before.samples.shape
    if any(part.shape != shape or not snapshots.is_pictures(part) for part in pictures):
        raise ValueError("pictures are uint8 (S, C, H, W), alike in all epochs")
    xy = plane(arrays["means"])
    if before is not None:
        if before.xy.shape != xy.shape:
            raise ValueError("means are of the same images in all epochs")
        xy = turned(xy, before.xy)
    mu, logvar = (arrays["means"], arrays["logvars"]) if "logvars" in arrays else (None, None)
    if logvar is not None and (logvar.shape != mu.shape or not np.isfinite(logvar).all()):
        raise ValueError("log variances are numbers (M, D), as the means")
    reconstructions, samples, *originals = pictures
    return EpochFrame(
        epoch, stamp, xy.astype(np.float32), reconstructions, samples, originals[0] if originals else None, None, mu, logvar
    )


def _reach(xy: np.ndarray) -> float:
    return 1.1 * float(np.quantile(np.abs(xy), 0.997)) if xy.size else 0.0


def _mapped(frame: EpochFrame, stamp: str, maps: epoch_maps.EpochMaps | None) -> EpochFrame:
    """The frame with its UMAP; the same object if nothing has changed."""
    maps = maps if maps and maps.xy.shape[1:] == frame.xy.shape else None
    stamp = f"{stamp}.{maps.stamp}" if maps else stamp
    return frame if frame.stamp == stamp else replace(frame, stamp=stamp, umap=maps and maps.at(frame.epoch))


def plane(means: np.ndarray) -> np.ndarray:
    """(M, D) -> (M, 2): the two principal directions, in units of z. For D = 2 z itself, for D = 1 with a column of zeros."""
    means = np.asarray(means, np.float64)
    if means.ndim != 2 or not np.isfinite(means).all():
        raise ValueError("means are numbers (M, D)")
    if means.shape[1] <= 2:
        return np.hstack([means, np.zeros((len(means), 2 - means.shape[1]))])
    centred = means - means.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return centred @ directions[:, :-3:-1]


def turned(xy: np.ndarray, before: np.ndarray) -> np.ndarray:
    """xy (M, 2) rotated or reflected, not scaled, to be closest to `before` (orthogonal Procrustes, Schoenemann 1966)."""
    u, _, vt = np.linalg.svd((xy - xy.mean(0)).T @ (before - before.mean(0)))
    return (xy - xy.mean(0)) @ (u @ vt) + xy.mean(0)
