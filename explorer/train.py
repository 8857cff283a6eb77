"""The second door: train a VAE from the command line and save it as a bundle that the page opens.

    python -m explorer.train --dataset mnist --latent-dim 16 --arch conv --beta 1 --epochs 20 --seed 0 --name my-mnist
    python -m explorer.train --resume my-mnist
    python -m explorer.train --list
"""

import argparse
import json
import math
import os
import re
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, ExplorerError, TrainingError, unknown
from explorer.options import MODEL, RUN, given, parse


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 a mistake said in one sentence on stderr, 130 stopped by Ctrl-C and resumable."""
    try:
        args = parse(argv)
        if args.list:
            return _list()
        return _train(args)
    except ExplorerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would complain once more at its exit
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _train(args: argparse.Namespace) -> int:
    say = _silent if args.json else _say
    begun = _resume(args, say) if args.resume is not None else _begin(args, say)
    with _terminated_like_ctrl_c():
        return _run(*begun, args.json, say)


def _begin(args: argparse.Namespace, say):
    config = TrainConfig(**given(args, RUN))
    settings = given(args, MODEL)
    wanted = ModelConfig((1, 128, 128), **settings)  # the largest: the true size is known once the images are there
    from explorer.core import checkpoint, device, training  # torch takes a second to import: not before the settings are sound

    device.choose(config.device)
    default_name = f"{re.sub(r'[^A-Za-z0-9-]+', '-', config.dataset.split(':')[0])}-{wanted.latent_dim}"
    name = checkpoint.checked_name(default_name if args.name is None else args.name)
    if not args.replace:
        if (checkpoint.checkpoints_dir() / name).exists():
            raise ConfigError(f"There is already a bundle '{name}'.", "Give another --name, or add --replace.")
        if _how_it_stands(_runs_dir() / name):
            raise ConfigError(f"There is a stopped run '{name}'.", f"Go on with --resume {name}, or add --replace.")
    train, test = _load(config, args.size, say)
    state = training.begin(ModelConfig(train.images.shape[1:], **settings), config)
    return state, {"name": name, "size": args.size, "map": not args.no_map, "thumbs": not args.no_thumbs}, train, test


def _resume(args: argparse.Namespace, say):
    more = [name for name, value in vars(args).items() if value not in (None, False) and name not in ("resume", "json")]
    if more:
        option = more[0].replace("_", "-")
        raise ConfigError(f"A run goes on as it was begun, so --resume takes no --{option}.", f"Leave --{option} out.")
    from explorer.core import checkpoint, device, training

    name = checkpoint.checked_name(args.resume)
    folder = _runs_dir() / name
    if not folder.is_dir():
        raise unknown("run", name, _stopped_runs(), BundleError)
    tensors, meta = checkpoint.load_state(folder)
    state = training.resume(tensors, meta)
    options = {"size": None, "map": True, "thumbs": True} | meta.get("options", {}) | {"name": name}
    if options.get("finished"):
        raise BundleError(f"The run '{name}' is finished.", "Start a new one with another --name.")
    say(f"going on with '{name}' after epoch {max(0, state.epoch)} of {state.config.epochs}")
    if meta.get("threads") != device.n_threads():
        say(f"begun on {meta.get('threads')} threads, now on {device.n_threads()}: the last digits may differ")
    return state, options, *_load(state.config, options["size"], say)


def _load(config: TrainConfig, size: int | None, say):
    from explorer.core import data

    train, test = (data.load(config.dataset, split, size=size, progress=_progress(say)) for split in data.SPLITS)
    for note in train.notes:
        say(note)
    return train.head(config.limit), test.head(config.limit)


def _progress(say):
    """Says a tenth at a time."""
    shown = 0.0

    def progress(share: float, what: str) -> None:
        nonlocal shown
        if share - shown >= 0.1:
            shown = share
            say(f"{what}: {share:.0%}")

    return progress


def _run(state, options: dict, train, test, as_json: bool, say) -> int:
    from tqdm import tqdm

    from explorer.core import bundling, checkpoint, training

    folder, n_epochs = _runs_dir() / options["name"], state.config.epochs
    n_steps = n_epochs * math.ceil(len(train) / state.config.batch_size)
    say(f"{train.name}: {len(train)} images to train on, {len(test)} to test, on {state.device}")
    bar = tqdm(total=n_steps, initial=state.step, unit="batch", disable=as_json, dynamic_ncols=True)
    saved = 0.0

    def save(**more) -> None:
        tensors, meta = state.checkpoint()
        checkpoint.save_state(folder, tensors, meta | {"options": options | more})

    try:
        for report in training.fit(state, train.images, test.images):
            bar.update(report.step - bar.n)
            if as_json:
                print(json.dumps(_plain(report) | {"precision": state.precision}), flush=True)
            elif report.is_epoch:
                if report.epoch == 0 and state.precision_ms:
                    times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in state.precision_ms.items())
                    tqdm.write(f"precision {state.precision} (a step takes: {times})", file=sys.stderr)
                tqdm.write(_line(report, n_epochs), file=sys.stderr)
            else:
                bar.set_postfix_str(f"-ELBO {-report.train.elbo:.1f}")
            if report.is_epoch and time.monotonic() - saved > 1:
                save()
                saved = time.monotonic()
        save()
        bar.close()
        say("encoding the test images and making the map")
        metrics = {"history": state.history, "seed": state.config.seed, "seconds": round(state.seconds, 1),
                   "epochs": state.epoch, "beta": state.config.beta, "precision": state.precision,
                   "batch_size": state.config.batch_size, "lr": state.config.lr, "train_n": len(train)}  # fmt: skip
        path = bundling.save_bundle(options["name"], state.model, test, metrics=metrics, seed=state.config.seed,
                                    umap=options["map"], thumbs=options["thumbs"])  # fmt: skip
        save(finished=True)
        say(f"saved {path}")
        return 0
    except KeyboardInterrupt:
        bar.close()
        save()
        print(f"stopped after epoch {max(0, state.checkpoint()[1]['epoch'])} of {n_epochs}; go on with: "
              f"python -m explorer.train --resume {options['name']}", file=sys.stderr)  # fmt: skip
        return 130
    except (ExplorerError, BrokenPipeError) as error:
        bar.close()
        save()
        if isinstance(error, TrainingError):
            raise TrainingError(error.message, f"Train again with --lr {state.config.lr / 10:.2g} --replace.") from None
        raise


@contextmanager
def _terminated_like_ctrl_c():
    """SIGTERM, which ends a service, saves as Ctrl-C does. Only the main thread may listen to signals."""
    listen = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if listen else None
    try:
        yield
    finally:
        if listen:
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _line(report, n_epochs: int) -> str:
    test = report.test
    speed = f", {report.images_per_second:,.0f} images/s" if report.epoch else " (untrained)"
    return (f"epoch {report.epoch}/{n_epochs}  test -ELBO {-test.elbo:.2f} = recon {test.recon_loss:.2f} + KL {test.kl:.2f}"
            f" nats, {report.active_units} active, {report.seconds:.0f} s{speed}")  # fmt: skip


def _plain(report) -> dict:
    def losses(of):
        return of and {"elbo": of.elbo, "recon_loss": of.recon_loss, "kl": of.kl, "kl_per_dim": of.kl_per_dim}

    return {"kind": "epoch" if report.is_epoch else "batch", "epoch": report.epoch, "step": report.step,
            "n_steps": report.n_steps, "seconds": round(report.seconds, 3), "images_per_second": report.images_per_second,
            "lr": report.lr, "beta": report.beta, "train": losses(report.train), "test": losses(report.test),
            "active_units": report.active_units}  # fmt: skip


def _list() -> int:
    from explorer.core import checkpoint

    bundles, runs = checkpoint.list_bundles(), _stopped_runs()
    if not bundles and not runs:
        _say(f"There is nothing in {checkpoint.checkpoints_dir()} yet.")
    for info in bundles:
        if info.error:
            print(f"{info.name:24} {info.error}")
            continue
        elbo = info.metrics.get("test_elbo")
        score = "" if elbo is None else f"-ELBO {-elbo:.2f} nats"
        print(f"{info.name:24} {info.origin.dataset:16} D = {info.config.latent_dim:<4} {info.config.arch:5} {score}")
    for name, stands in runs.items():
        print(f"{name:24} {stands}")
    sys.stdout.flush()
    return 0


def _stopped_runs() -> dict[str, str]:
    """{name: how it stands} of the runs whose bundle is not made yet."""
    folders = sorted(_runs_dir().glob("[!.]*/"))
    return {folder.name: stands for folder in folders if (stands := _how_it_stands(folder))}


def _how_it_stands(folder: Path) -> str:
    """A run in a few words; "" where there is none or its bundle is made."""
    from explorer.core import checkpoint

    if not folder.is_dir():
        return ""
    try:
        _, meta = checkpoint.load_state(folder)
        if meta["options"].get("finished"):
            return ""
        return f"stopped after epoch {max(0, meta['epoch'])} of {meta['config']['epochs']}; go on with --resume {folder.name}"
    except ExplorerError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError):
        return f"The state of this run is not ours. Delete the folder {folder}."


def _runs_dir() -> Path:
    from explorer.core import checkpoint

    return checkpoint.checkpoints_dir() / "runs"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(text: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
