"""Train a VAE from the command line and save it as a bundle that the page opens.

python -m explorer.train --dataset mnist --latent-dim 16 --arch conv --beta 1 --epochs 20 --seed 0 --name my-mnist
python -m explorer.train --dataset mnist --latent-dim 2 --epochs 5 --name loss --twins beta 0 1 4
python -m explorer.train --resume my-mnist
python -m explorer.train --list
torchrun --nproc-per-node=2 -m explorer.train ...      as above, each batch shared by two processes
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from explorer.core import paths
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, ExplorerError, TrainingError
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs import twins
from explorer.core.runs.folder import RunSpec
from explorer.core.worker import job
from explorer.options import MODEL, RUN, given, parse


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 an error (one sentence on stderr), 130 stopped by Ctrl-C and resumable."""
    try:
        if rank():
            return _follow(argv)
        args = parse(argv)
        if args.list:
            return _list()
        return _train(args)
    except ExplorerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the output has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # otherwise Python reports the error again at exit
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def rank() -> int:
    """The rank of this process under torchrun; 0 without torchrun."""
    return int(os.environ["RANK"]) if _under_torchrun() else 0


def _under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _follow(argv: list[str] | None) -> int:
    """Runs a torchrun process of rank above 0, which takes part in the training and prints nothing."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            args = parse(argv)
    except ConfigError:
        return 2
    if not args.list:
        from explorer.core.training import distributed

        distributed.follow()
    return 0


def _train(args: argparse.Namespace) -> int:
    folder = _resume(args) if args.resume is not None else _begin(args)
    with _terminated_like_ctrl_c():
        return _run(folder, args.json, args.resume is None)


def _begin(args: argparse.Namespace) -> Path:
    """Creates the folder of a new run and returns it."""
    config = TrainConfig(**given(args, RUN))
    settings = given(args, MODEL)
    largest = ModelConfig((1, 128, 128), **settings)  # the largest size: the real one is known once the images are loaded
    default_name = f"{re.sub(r'[^A-Za-z0-9-]+', '-', config.dataset.split(':')[0])}-{largest.latent_dim}"
    name = paths.checked_name(default_name if args.name is None else args.name)
    folder = paths.runs_dir() / name
    spec = RunSpec(name, settings, given(args, RUN), args.size, not args.no_map, not args.no_thumbs, created=time.time())
    group = twins.twins(spec, args.twins[0], args.twins[1:]) if args.twins else {}
    for model in group.values() or [spec]:
        if not args.replace and (paths.checkpoints_dir() / paths.checked_name(model.name)).exists():
            raise ConfigError(f"There is already a bundle '{model.name}'.", "Give another --name, or add --replace.")
    if folder.is_dir():
        run = run_status.look(name) if (folder / run_folder.RUN).is_file() else None
        if run and run.is_live:
            raise ConfigError(f"The run '{name}' is still active.", "Give another --name, or stop it first.")
        if not args.replace and (run is None or run.status != "done"):
            raise ConfigError(f"There is a stopped run '{name}'.", f"Resume it with --resume {name}, or add --replace.")
        shutil.rmtree(folder)
    return run_folder.create(spec, group, replace_bundles=args.replace)


def _resume(args: argparse.Namespace) -> Path:
    more = [name for name, value in vars(args).items() if value not in (None, False) and name not in ("resume", "json")]
    if more:
        option = more[0].replace("_", "-")
        raise ConfigError(
            f"A run is resumed with its original settings, so --resume cannot be combined with --{option}.",
            f"Leave --{option} out.",
        )
    run = run_status.look(args.resume)
    if run.status == "done":
        raise BundleError(f"The run '{run.name}' is finished.", "Start a new one with another --name.")
    if run.spec is None:
        raise BundleError(run.sentence)
    if run.is_live:
        if run_folder.read_run(run.folder)[1].get("pid") not in (None, os.getpid()):
            raise BundleError(f"The run '{run.name}' is still active.", "Watch it on the page, or wait until it ends.")
        return run.folder  # the page started this process for the run, and may already have stopped it
    control = run_folder.read_control(run.folder)
    if control.stop or control.pause or control.step_to is not None:
        run_folder.write_control(run.folder, replace(control, pause=False, step_to=None, stop=""))
    return run.folder


def _run(folder: Path, as_json: bool, is_new: bool) -> int:
    progress = _Progress(as_json, are_twins=bool(run_folder.read_run(folder)[0].twins))
    try:
        path = job.work(folder, _silent if as_json else _print_message, progress.show)
        progress.close()
        return _stopped(folder, is_new) if path is None else 0
    except KeyboardInterrupt:
        progress.close()
        return _stopped(folder, is_new)
    except (ExplorerError, BrokenPipeError) as error:
        progress.close()
        if is_new and not _is_resumable(folder):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, TrainingError):
            lr = TrainConfig(**run_folder.read_run(folder)[0].train).lr
            raise TrainingError(error.message, f"Train again with --lr {lr / 10:.2g} --replace.") from None
        raise


class _Progress:
    """Prints the reports of a run: JSON lines, or a progress bar and a line for each epoch."""

    def __init__(self, as_json: bool, are_twins: bool):
        self.as_json, self.are_twins, self.bar = as_json, are_twins, None

    def show(self, report, state, n_steps: int) -> None:
        label = _twin_label(state) if self.are_twins else ""
        if self.as_json:
            values = {"kind": "epoch" if report.is_epoch else "batch", "n_steps": n_steps} | report.as_dict()
            values |= {"precision": state.precision} | ({"model": label} if label else {})
            print(json.dumps(values), flush=True)
        else:
            self._show_bar(report, state, n_steps, f"{label}: " if label else "")

    def _show_bar(self, report, state, n_steps: int, prefix: str) -> None:
        from tqdm import tqdm

        bar = self.bar = self.bar or tqdm(total=n_steps, initial=report.step, unit="batch", dynamic_ncols=True)
        bar.total = n_steps  # a time budget is planned after the first report
        bar.update(max(0, report.step - bar.n))  # twins report the same steps
        if not report.is_epoch:
            bar.set_postfix_str(f"-ELBO {-report.train.elbo:.1f}")
            return
        if report.epoch == 0 and state.precision_ms:
            times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in state.precision_ms.items())
            tqdm.write(f"precision {state.precision} (a step takes: {times})", file=sys.stderr)
        tqdm.write(prefix + _epoch_line(report, state.config.epochs), file=sys.stderr)
        if report.step >= n_steps:
            bar.close()

    def close(self) -> None:
        if self.bar:
            self.bar.close()


def _is_resumable(folder: Path) -> bool:
    return (folder / "state.json").exists()


def _stopped(folder: Path, is_new: bool) -> int:
    if is_new and not _is_resumable(folder):
        shutil.rmtree(folder, ignore_errors=True)
        raise KeyboardInterrupt
    run = run_status.look(folder.name)
    print(f"stopped {_reached(run)}; resume with: python -m explorer.train --resume {run.name}", file=sys.stderr)
    return 130


def _reached(run) -> str:
    return f"after epoch {run.epoch} of {run.n_epochs}" if run.n_epochs else "before its first epoch"


@contextmanager
def _terminated_like_ctrl_c():
    """Makes SIGTERM save and stop, as Ctrl-C does. Only the main thread may handle signals."""
    listen = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if listen else None
    try:
        yield
    finally:
        if listen:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _epoch_line(report, n_epochs: int) -> str:
    test = report.test
    speed = f", {report.images_per_second:,.0f} images/s" if report.epoch else " (untrained)"
    return (
        f"epoch {report.epoch}/{n_epochs}  test -ELBO {-test.elbo:.2f} = recon {test.recon_loss:.2f} + KL {test.kl:.2f}"
        f" nats, {report.active_units} active, {report.seconds:.0f} s{speed}"
    )


def _twin_label(state) -> str:
    """The label of one of several twins."""
    config, model = state.config, state.model_config
    beta = f"beta {state.live.beta:g}" if config.recon_weight else "KL only"
    return f"{beta}, D = {model.latent_dim}, {model.likelihood}"


def _list() -> int:
    from explorer.core.bundles import store

    bundles, unfinished = store.list_bundles(), [run for run in run_status.list_runs() if run.status != "done"]
    if not bundles and not unfinished:
        _print_message(f"There is nothing in {paths.checkpoints_dir()} yet.")
    for info in bundles:
        if info.error:
            print(f"{info.name:24} {info.error}")
            continue
        elbo = info.metrics.get("test_elbo")
        score = "" if elbo is None else f"-ELBO {-elbo:.2f} nats"
        print(f"{info.name:24} {info.origin.dataset:16} D = {info.config.latent_dim:<4} {info.config.arch:5} {score}")
    for run in unfinished:
        print(f"{run.name:24} {_status_line(run)}")
    sys.stdout.flush()
    return 0


def _status_line(run) -> str:
    from explorer.core.training.state_file import load_state

    if run.is_live or run.spec is None:
        return run.sentence or f"{run.status}, epoch {run.epoch} of {run.n_epochs}"
    try:
        if _is_resumable(run.folder):
            load_state(run.folder)[1]["options"]
    except ExplorerError as error:
        return str(error)
    except (KeyError, TypeError):
        return f"The saved state of this run is invalid. Delete the folder {run.folder}."
    why = f" ({run.sentence})" if run.status == "failed" else ""
    return f"stopped {_reached(run)}{why}; resume with --resume {run.name}"


def _print_message(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(text: str) -> None:
    pass


def _exit(code: int) -> NoReturn:
    """Ends the process; under torchrun without shutting down the interpreter.

    During shutdown a gloo thread that releases a tensor can abort the process, and torchrun then reports the run as failed
    (https://github.com/pytorch/pytorch/pull/179291).
    """
    if _under_torchrun():
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _exit(main())
