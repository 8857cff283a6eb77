"""Trains the shipped runs of exhibits into checkpoints/.exhibits: python -m explorer.core.worker.record_exhibits."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from explorer.core.paths import RECORDED_DIR
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs.exhibit_plans import RECORDED
from explorer.core.runs.exhibit_runs import ExhibitRun
from explorer.core.training.state_file import load_state, save_state
from explorer.core.worker import job

KINDS = ("training", "epoch", "done")  # of the events that are kept
FILM_EPOCHS = {0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21}  # and the last
DECODED = {"autoencoders"}  # exhibits that decode with the models; they show no earlier epochs


def main() -> int:
    """Replaces all recorded runs of RECORDED; what else is shipped for exhibits stays."""
    for plan in RECORDED:
        for old in RECORDED_DIR.glob(f"{plan.exhibit}-*"):
            shutil.rmtree(old)
    for plan in RECORDED:
        with tempfile.TemporaryDirectory() as parent:
            folder = plan.create(Path(parent))
            job.work(folder, save_bundles=False)
            record(plan, folder, RECORDED_DIR)
    return 0


def record(plan: ExhibitRun, run: Path, parent: Path) -> Path:
    """Copies to `parent` what the exhibit needs of a run that is done: its events, and a film of epochs or the weights."""
    folder = plan.create(parent)
    for source, copy in [(run, folder), *((run / name, folder / name) for name in plan.twins)]:
        events = [event for event in event_log.read_events(source)[0] if event["kind"] in KINDS]
        lines = [json.dumps({key: value for key, value in event.items() if key != "memory"}) for event in events]
        (copy / run_folder.EVENTS).write_text("".join(f"{line}\n" for line in lines))
        if source == run:
            continue
        epochs = snapshots.saved_epochs(source)
        for epoch in epochs:
            if epoch == epochs[-1] or epoch in (FILM_EPOCHS if plan.exhibit not in DECODED else {0}):
                shutil.copyfile(snapshots.epoch_path(source, epoch), snapshots.epoch_path(copy, epoch))
        if plan.exhibit in DECODED:
            tensors, meta = load_state(source)
            weights = {name: tensor for name, tensor in tensors.items() if name.startswith("model.")}
            save_state(copy, weights, meta | {"history": []})
    return folder


if __name__ == "__main__":
    sys.exit(main())
