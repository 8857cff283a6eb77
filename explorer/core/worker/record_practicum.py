"""Trains the shipped run of /practicum into checkpoints/.exhibits: python -m explorer.core.worker.record_practicum.

The model of the lecture: an MLP 784-400-20 on MNIST. To keep the run small, its snapshots hold few images, and log variances
although it has many latent dimensions. They hold none of the images of MNIST, which this project does not distribute.
`record_exhibits` records the runs that a visitor can start.
"""

import shutil
import sys
from dataclasses import asdict, replace

import numpy as np

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.data.image_set import ImageSet
from explorer.core.paths import RECORDED_DIR
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.training import loop
from explorer.core.training.report import Report
from explorer.core.training.state import begin
from explorer.core.worker.recorder import event_values

NAME = "practicum"
MODEL = ModelConfig((1, 28, 28), latent_dim=20, arch="mlp", widths=(400,))
TRAIN = TrainConfig("mnist", epochs=10, lr=1e-3, precision="fp32", device="cpu")
N_MEANS, N_SHOWN = 600, 16  # images whose posteriors, and whose pictures, are kept


def main() -> int:
    """Replaces the recorded run."""
    folder = RECORDED_DIR / NAME
    shutil.rmtree(folder, ignore_errors=True)
    train, test = (catalog.load(TRAIN.dataset, split) for split in ("train", "test"))
    spec = run_folder.RunSpec(NAME, asdict(MODEL), asdict(TRAIN), map=False, thumbs=False, created=0.0)
    run_folder.create(spec, {}, parent=RECORDED_DIR)
    events = event_log.EventWriter(folder)
    events.write("training", **_start(train, test))
    for report in loop.fit(begin(MODEL, TRAIN), train.images, test.images):
        if report.is_epoch:
            events.write("epoch", **event_values(report))
            _write_snapshot(folder, report)
    events.close()
    return 0


def _start(train: ImageSet, test: ImageSet) -> dict:
    return {
        "n_train": len(train),
        "n_test": len(test),
        "beta": TRAIN.beta,
        "lr": TRAIN.lr,
        "latent_dim": MODEL.latent_dim,
        "shape": MODEL.image_shape,
        "classes": train.class_names,
        "labels": test.labels[:N_MEANS].tolist(),
    }


def _write_snapshot(folder, report: Report) -> None:
    full = report.snapshot
    few = replace(full, means=full.means[:N_MEANS], logvars=full.logvars[:N_MEANS])
    arrays = {
        "means": few.means,
        "logvars": few.logvars,
        "reconstructions": few.reconstructions[:N_SHOWN],
        "samples": few.samples[:N_SHOWN],
        "kl_per_dim": np.array(report.test.kl_per_dim, np.float32),
    }
    snapshots.write_epoch(folder, report.epoch, arrays)


if __name__ == "__main__":
    sys.exit(main())
