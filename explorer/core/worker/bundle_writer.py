"""Saves a trained model as a bundle: first without its map, then with it."""

from dataclasses import replace
from pathlib import Path

from explorer.core import paths
from explorer.core.bundles import build, store
from explorer.core.config import TrainConfig
from explorer.core.data.image_set import ImageSet
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import RunSpec
from explorer.core.training.state import State
from explorer.core.training.step import loss_weights


class BundleWriter:
    """The bundle of one model. `save` and then `add_map` return its folder."""

    def __init__(self, folder: Path, spec: RunSpec, state: State, n_train: int, test: ImageSet):
        self.folder = folder
        self._own = run_folder.read_own_bundle(folder)
        exists = self._own.name and store.stamp(paths.checkpoints_dir() / self._own.name) == self._own.stamp
        self.name = self._own.name if exists else spec.name
        self._writing = build.saving(
            self.name,
            state.model,
            test,
            metrics=_metrics(state, n_train),
            seed=state.config.seed,
            umap=spec.map,
            thumbs=spec.thumbs,
            replace=self._own.replace,
            own=self._own.stamp,
            or_next_free=True,
        )

    def save(self) -> Path:
        """Write the bundle, with a PCA map."""
        return self._record(next(self._writing))

    def add_map(self) -> Path:
        """Compute the map, if the run wants one, and write the bundle again."""
        *_, path = self._writing
        return self._record(path)

    def taken_name(self, path: Path) -> str | None:
        """The name that the bundle should have had, if another model has it."""
        return None if path.name == self.name else self.name

    def _record(self, path: Path) -> Path:
        own = replace(self._own, name=path.name, stamp=store.stamp(path))
        run_folder.write_own_bundle(self.folder, own)
        return path


def _metrics(state: State, n_train: int) -> dict:
    config: TrainConfig = state.config
    return {
        "history": state.history,
        "seed": config.seed,
        "seconds": round(state.stopwatch.seconds, 1),
        "epochs": state.epoch,
        "beta": state.live.beta,
        **loss_weights(config),
        "precision": state.precision,
        "batch_size": config.batch_size,
        "lr": config.lr,
        "train_n": n_train,
    }
