"""The training process of a run made for an exhibit: python -m explorer.core.worker.exhibit_job KEY."""

import os
import sys
from contextlib import suppress

from explorer.core.errors import ExplorerError
from explorer.core.paths import checked_name, exhibit_runs_dir
from explorer.core.runs import folder as run_folder
from explorer.core.storage import atomic
from explorer.core.worker import job


def main(key: str) -> int:
    """Trains the run and returns the exit code. A run that was stopped is removed."""
    os.environ["OMP_NUM_THREADS"] = "1"  # the models are small, and the page keeps the other cores
    folder = exhibit_runs_dir() / checked_name(key)
    try:
        job.work(folder, save_bundles=False)
    except ExplorerError:  # the run's last event says why
        return 2
    if run_folder.read_control(folder).stop:
        with suppress(OSError):
            atomic.remove_folder(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
