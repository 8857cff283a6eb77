"""The second door: train a VAE from the command line and save it as a bundle that the page opens.

    python -m explorer.train --dataset mnist --latent-dim 16 --arch conv --beta 1 --epochs 20 --seed 0 --name my-mnist
    python -m explorer.train --resume my-mnist
    python -m explorer.train --list
"""

import argparse
import json
import math
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from explorer.core.config import ARCHS, LIKELIHOODS, PRECISIONS, ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, ExplorerError


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 a mistake said in one sentence on stderr, 130 stopped by Ctrl-C and resumable."""
    try:
        args = _parser().parse_args(argv)
        if args.list:
            return _list()
        return _train(args)
    except ExplorerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our lines has gone
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m explorer.train", description="Train a VAE and save it as a bundle.")
    model, run = ModelConfig(), TrainConfig()
    parser.add_argument("--dataset", default=None, help="mnist, fashion-mnist, kmnist, digits, sprites or folder:PATH")
    parser.add_argument("--name", help="name of the bundle (default: the data set's name and the latent dimension)")
    parser.add_argument("--latent-dim", type=int, default=model.latent_dim, metavar="D")
    parser.add_argument("--arch", default=model.arch, help=" or ".join(ARCHS))
    parser.add_argument("--widths", type=_widths, default=(), help="channels or hidden units, for example 32,64")
    parser.add_argument("--hidden", type=int, default=model.hidden, help="units between the feature map and the latent")
    parser.add_argument("--likelihood", default=model.likelihood, help=", ".join(LIKELIHOODS))
    parser.add_argument("--size", type=int, help="side in px that images of a folder are resized to")
    parser.add_argument("--beta", type=float, default=run.beta, help="weight of the KL; 1 is the ELBO")
    parser.add_argument("--epochs", type=int, default=run.epochs)
    parser.add_argument("--lr", type=float, default=run.lr, help="peak of the one-cycle learning rate")
    parser.add_argument("--batch-size", type=int, default=run.batch_size)
    parser.add_argument("--seed", type=int, default=run.seed)
    parser.add_argument("--device", default=run.device, help="auto, cpu, cuda, mps")
    parser.add_argument("--precision", default=run.precision, help=", ".join(PRECISIONS))
    parser.add_argument("--limit", type=int, default=run.limit, metavar="N", help="use the first N images only")
    parser.add_argument("--no-map", action="store_true", help="keep the PCA map, make no UMAP")
    parser.add_argument("--no-thumbs", action="store_true", help="keep no small copies of the test images in the bundle")
    parser.add_argument("--replace", action="store_true", help="replace a bundle of the same name")
    parser.add_argument("--json", action="store_true", help="print one JSON line per report and nothing else")
    parser.add_argument("--resume", metavar="NAME", help="go on with a run that was stopped")
    parser.add_argument("--list", action="store_true", help="list the bundles and the runs that can go on")
    return parser


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of whole numbers such as 32,64") from None


def _train(args: argparse.Namespace) -> int:
    say = _silent if args.json else _say
    if args.resume:
        from explorer.core import checkpoint, training  # torch takes a second to import: not before the settings are sound

        folder = _runs_dir() / checkpoint.checked_name(args.resume)
        tensors, meta = checkpoint.load_state(folder)
        state, options = training.resume(tensors, meta), meta["options"]
        if state.epoch >= state.config.epochs:
            raise BundleError(f"The run '{args.resume}' is finished.", "Start a new one with another --name.")
        say(f"going on with '{args.resume}' after epoch {state.epoch} of {state.config.epochs}")
        train, test = _load(state.config, options["size"], say)
    else:
        config = TrainConfig(args.dataset or "mnist", args.epochs, args.beta, args.lr, batch_size=args.batch_size,
                             seed=args.seed, precision=args.precision, device=args.device, limit=args.limit)  # fmt: skip
        wanted = ModelConfig(latent_dim=args.latent_dim, arch=args.arch, likelihood=args.likelihood,
                             widths=args.widths, hidden=args.hidden)  # fmt: skip
        from explorer.core import checkpoint, device, training

        device.choose(config.device)
        name = checkpoint.checked_name(args.name or f"{config.dataset.split(':')[0]}-{args.latent_dim}")
        if (checkpoint.checkpoints_dir() / name).exists() and not args.replace:
            raise ConfigError(f"There is already a bundle '{name}'.", "Give another --name, or add --replace.")
        options = {"name": name, "size": args.size, "map": not args.no_map, "thumbs": not args.no_thumbs}
        train, test = _load(config, args.size, say)
        shape = train.images.shape[1:]
        state = training.begin(replace(wanted, image_shape=shape, widths=args.widths), config)
        folder = _runs_dir() / name
    return _run(state, options, folder, train, test, args.json, say)


def _load(config: TrainConfig, size: int | None, say):
    from explorer.core import data

    sets = []
    for split in ("train", "test"):
        shown = [0.0]

        def progress(share: float, what: str) -> None:
            if share - shown[0] >= 0.1:
                shown[0] = share
                say(f"{what}: {share:.0%}")

        sets.append(data.load(config.dataset, split, size=size, progress=progress).head(config.limit))
    for note in sets[0].notes:
        say(note)
    return sets


def _run(state, options: dict, folder: Path, train, test, as_json: bool, say) -> int:
    from tqdm import tqdm

    from explorer.core import bundling, checkpoint, training

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    n_steps = state.config.epochs * math.ceil(len(train) / state.config.batch_size)
    bar = tqdm(total=n_steps, initial=state.step, unit="batch", disable=as_json, dynamic_ncols=True)
    saved = 0.0

    def save() -> None:
        tensors, meta = state.checkpoint()
        checkpoint.save_state(folder, tensors, meta | {"options": options})

    try:
        say(f"{train.name}: {len(train)} images to train on, {len(test)} to test, on {state.device}")
        for report in training.fit(state, train.images, test.images):
            bar.update(report.step - bar.n)
            if as_json:
                print(json.dumps(_plain(report)), flush=True)
            elif report.is_epoch:
                if report.epoch == 0 and state.precision_ms:
                    times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in state.precision_ms.items())
                    tqdm.write(f"precision {state.precision} (a step takes: {times})", file=sys.stderr)
                tqdm.write(_line(report, state.config.epochs), file=sys.stderr)
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
                   "batch_size": state.config.batch_size, "lr": state.config.lr}  # fmt: skip
        path = bundling.save_bundle(options["name"], state.model, test, metrics=metrics, seed=state.config.seed,
                                    umap=options["map"], thumbs=options["thumbs"])  # fmt: skip
        say(f"saved {path}")
        return 0
    except KeyboardInterrupt:
        bar.close()
        save()
        print(f"stopped after epoch {max(0, state.checkpoint()[1]['epoch'])} of {state.config.epochs}; go on with: "
              f"python -m explorer.train --resume {options['name']}", file=sys.stderr)  # fmt: skip
        return 130
    except ExplorerError:
        bar.close()
        save()
        raise


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

    for info in checkpoint.list_bundles():
        if info.error:
            print(f"{info.name:24} {info.error}")
            continue
        elbo = info.metrics.get("test_elbo")
        score = "" if elbo is None else f"-ELBO {-elbo:.2f} nats"
        print(f"{info.name:24} {info.origin.dataset:16} D = {info.config.latent_dim:<4} {info.config.arch:5} {score}")
    for folder in sorted(_runs_dir().glob("*/state.json")):
        try:
            meta = json.loads(folder.read_text())
            if meta["epoch"] < meta["config"]["epochs"]:
                print(f"{folder.parent.name:24} stopped after epoch {max(0, meta['epoch'])} of {meta['config']['epochs']}; "
                      f"go on with --resume {folder.parent.name}")  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            print(f"{folder.parent.name:24} this run's state.json cannot be read; delete the folder {folder.parent}")
    return 0


def _runs_dir() -> Path:
    from explorer.core import checkpoint

    return checkpoint.checkpoints_dir() / "runs"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(text: str) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
